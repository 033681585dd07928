"""Grounding: no id that does not exist, no quotation that was not said, no time of its own."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reasoner.factory import bundle, cues, lecture_cues, lecture_screens, slide
from reasoner.writers import summary

from vidsum.data import Bundle, Name, TimelineEntry
from vidsum.reasoner.forms import Malformed, NotesForm, ResponseForm, SummaryForm, read
from vidsum.reasoner.grounding import Ground, Grounded, GroundedResponse
from vidsum.reasoner.protocol import Wanted
from vidsum.reasoner.verbatim import Wording, only_true_quotes, words
from vidsum.wording import safe

LECTURE = bundle(lecture_screens(), lecture_cues(), tags={"title": "Heat pumps, lecture 4"})
MOVES = "A heat pump is a machine that moves heat from a cold place to a warm place."  # s2, 5–9.8 s


def grounded(packed: Bundle = LECTURE, **parts: Any) -> tuple[Grounded, Ground]:
    ground = Ground(packed)
    return ground.summary(read(summary(**parts), SummaryForm)), ground


def point(text: str, *evidence: str) -> dict[str, Any]:
    return {"text": text, "evidence": list(evidence)}


def chapter(start: object, title: str = "Part", gist: str = "", *evidence: str) -> dict[str, Any]:
    return {"start": start, "title": title, "gist": gist, "evidence": list(evidence)}


# ---- ids and times


def test_ids_that_do_not_exist_go_and_times_come_from_those_that_do() -> None:
    found, ground = grounded(key_points=[point("It moves heat about.", "s2", "s99", "S3", "t1")])
    (kept,) = found.key_points
    assert kept.evidence == ("s2", "s3", "t1")
    assert (kept.start_s, kept.end_s) == (0.0, 15.0)
    assert ground.removed["ids"] == 1


def test_a_statement_without_an_id_that_exists_is_kept_at_its_place_and_marked() -> None:
    told = [
        point("Later.", "s9"), point("It began in 1850.", "s77"), point("So it is."),
        point("Sooner.", "s1"), point("It ends.", "c1"),
    ]  # fmt: skip
    found, ground = grounded(key_points=[point("First of all."), *told])
    assert [one.text for one in found.key_points] == [
        "First of all.", "Sooner.", "It ends.", "Later.", "It began in 1850.", "So it is.",
    ]  # fmt: skip
    marked = [one for one in found.key_points if not one.supported]
    assert [one.text for one in marked] == [
        "First of all.", "It ends.", "It began in 1850.", "So it is.",
    ]  # fmt: skip
    assert {(one.start_s, one.end_s, one.evidence, one.quoted) for one in marked} == {
        (None, None, (), False)
    }
    assert ground.removed == {"ids": 2}


def test_of_a_statement_told_twice_the_one_with_evidence_stays() -> None:
    found, _ = grounded(key_points=[point("Heat moves."), point("heat moves.", "s2")])
    assert [(one.text, one.supported) for one in found.key_points] == [("heat moves.", True)]


def test_words_of_the_video_need_no_id() -> None:
    found, _ = grounded(key_points=[point(f"“{MOVES}”", "c404"), point(MOVES.upper(), "s5")])
    assert [(one.text, one.quoted, one.evidence, one.start_s) for one in found.key_points] == [
        (MOVES, True, ("s2",), 5.0),
    ]  # fmt: skip


def test_a_quotation_rests_on_the_place_that_was_named() -> None:
    twice = bundle((), cues("The tide comes in twice.", "Yes.", "The tide comes in twice."))
    found, _ = grounded(twice, key_points=[point("The tide comes in twice", "s3")])
    assert found.key_points[0].evidence == ("s3",)


def test_ids_in_the_text_are_citations() -> None:
    found, ground = grounded(
        key_points=[point("Heat moves [s2, t1].")],
        overview="On heat pumps (s1) and vitamin (B1) [s77].",
    )
    assert found.key_points[0].text == "Heat moves."
    assert found.key_points[0].evidence == ("s2", "t1")
    assert found.overview == "On heat pumps and vitamin (B1)."
    assert [one.evidence for one in found.overview_claims] == [("s1",)]
    assert ground.removed == {"ids": 1}


@pytest.mark.parametrize(
    ("told", "left"),
    [
        ("It moves (see s2).", "It moves."),
        ("It moves 【s2】{s3}.", "It moves."),
        ("It moves [evidence: s2 to s4; 0:05–0:10].", "It moves."),
        ("It moves (s2, 0:05).", "It moves."),
        ("It moves (l3).", "It moves."),
        ("It moves [s2-s4].", "It moves."),
        ("It moves (s2–4).", "It moves."),
        ("It moves [s2: heat].", "It moves [s2: heat]."),
        ("On (a4) paper, [sic] (see below).", "On (a4) paper, [sic] (see below)."),
    ],
)
def test_what_is_a_citation(told: str, left: str) -> None:
    assert grounded(overview=told)[0].overview == left


@pytest.mark.parametrize(
    ("evidence", "ids"),
    [
        (["[s2]", "ids: S3"], ("s2", "s3")),
        (["s2, s3 and s5"], ("s2", "s3", "s5")),
        (["s2-s5"], ("s2", "s3", "s4", "s5")),
        (["s2–4"], ("s2", "s3", "s4")),
        (["s2 - s3, t1"], ("s2", "s3", "t1")),
        (["s1-s12"], ("s1", "s12")),
        (["s5-s2"], ("s5", "s2")),
        (["s2-t2"], ("s2", "t2")),
    ],
)
def test_in_which_forms_ids_are_read(evidence: list[str], ids: tuple[str, ...]) -> None:
    found, ground = grounded(key_points=[point("It moves.", *evidence)])
    assert found.key_points[0].evidence == ids
    assert ground.removed == {}


def test_what_was_not_shown_is_no_evidence_unless_it_is_quoted() -> None:
    ground = Ground(LECTURE).among({"s1", "s2"})
    told = [point("It moves.", "s2", "s3"), point("It costs.", "s10"), point(MOVES, "s1")]
    made = ground.summary(read(summary(
        key_points=told, chapters=[chapter("s1", "One"), chapter("s4", "Two")],
    ), SummaryForm))  # fmt: skip
    assert [(one.text, one.evidence) for one in made.key_points] == [
        ("It moves.", ("s2",)), ("It costs.", ()), (MOVES, ("s2", "s1")),
    ]  # fmt: skip
    assert [one.title for one in made.chapters] == ["One"]
    assert ground.removed == {"ids": 2, "chapters": 1}
    seen = TimelineEntry("l1", "caption", 3.0, 3.0, "A pump.", "vlm")
    again = ground.with_entries([seen]).among({"s1", "l1"})
    form = read(summary(key_points=[point("A pump is seen.", "l1", "s2")]), SummaryForm)
    assert again.summary(form).key_points[0].evidence == ("l1",)
    assert ground.removed == {"ids": 2, "chapters": 1}


@pytest.mark.parametrize("dots", ["...", "…", "--", "“ ”"])
def test_dots_say_nothing(dots: str) -> None:
    found, ground = grounded(
        title=dots, key_points=[point(dots, "s2")], caveats=[dots, "None.", "N/A", "Who speaks."],
        chapters=[chapter("s1", dots), chapter("s4", "Two", dots, "s4")],
    )  # fmt: skip
    assert (found.title, found.key_points, found.caveats) == ("", (), ("Who speaks.",))
    assert [(one.title, one.gist) for one in found.chapters] == [("Two", None)]
    assert ground.removed["points"] == 2
    with pytest.raises(Malformed, match="overview"):
        grounded(overview=dots)


def test_of_far_too_many_statements_and_chapters_the_last_ones_stay_too() -> None:
    packed = bundle((), cues(*(f"Sentence {n}." for n in range(200))))
    found, ground = grounded(
        packed,
        key_points=[point(f"Statement {n}.", f"s{n}") for n in range(1, 201)],
        chapters=[chapter(f"s{n}", f"Part {n}") for n in range(1, 201)],
    )
    for items in (found.key_points, found.chapters):
        assert len(items) == 30
        assert items[0].start_s == 0.0
        assert items[-1].start_s == packed.timeline[-1].start_s
    assert ground.removed["many"] == 2 * 170


def test_a_fact_does_not_stretch_a_time() -> None:
    found, _ = grounded(key_points=[point("It is lecture 4.", "f1", "s2"), point("Title.", "f1")])
    assert [(one.start_s, one.end_s) for one in found.key_points] == [(0.0, 60.0), (5.0, 9.8)]


def test_the_overview_is_one_paragraph_of_sentences_in_their_order() -> None:
    told = [point("It ends with costs.", "s10"), point("It begins (s1)."), point("All good.", "x9")]
    found, ground = grounded(overview=told)
    assert found.overview == "It ends with costs. It begins. All good."
    assert [(one.text, one.evidence, one.supported) for one in found.overview_claims] == [
        ("It ends with costs.", ("s10",), True), ("It begins.", ("s1",), True),
        ("All good.", (), False),
    ]  # fmt: skip
    assert ground.removed == {"ids": 1}
    paragraph = "A sentence as others. " * 60
    assert grounded(overview=paragraph)[0].overview == paragraph.strip()


def test_the_same_statement_is_told_once_and_in_order_of_time() -> None:
    told = [point("Later.", "s9"), point("Sooner.", "s1"), point("later.", "s2")]
    assert [one.text for one in grounded(key_points=told)[0].key_points] == ["Sooner.", "Later."]


# ---- chapters


def test_chapters_are_sorted_and_touch_each_other_from_beginning_to_end() -> None:
    told = [chapter("s10", "Last", "Costs."), chapter("s4", "Second"), chapter("s2", "First")]
    found, _ = grounded(chapters=told)
    assert [(one.title, one.start_s, one.end_s) for one in found.chapters] == [
        ("First", 0.0, 15.0), ("Second", 15.0, 45.0), ("Last", 45.0, 60.0),
    ]  # fmt: skip
    assert {one.title_from for one in found.chapters} == {"model"}
    assert found.chapters[0].gist is None
    gist = found.chapters[2].gist
    assert gist is not None
    assert (gist.text, gist.evidence) == ("Costs.", ("s10",))


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("s4", 15.0),
        ("[s4]", 15.0),
        (30, 30.0),
        ("0:30", 30.0),
        ("30.5 s", 30.5),
        ("00:00:30", 30.0),
        ("0:30–0:45", 30.0),
    ],
)
def test_where_a_chapter_begins(start: object, expected: float) -> None:
    found, ground = grounded(chapters=[chapter("s1", "One"), chapter(start, "Two")])
    assert [one.start_s for one in found.chapters] == [0.0, expected]
    assert ground.removed["chapters"] == 0


@pytest.mark.parametrize(
    "start", ["s99", 1e9, "-5", "60", "soon", "", "inf", "1:99:99:1", "9" * 40]
)
def test_a_chapter_that_begins_nowhere_goes_unless_its_evidence_is_somewhere(start: object) -> None:
    told = [chapter("s1", "One"), chapter(start, "Two"), chapter(start, "Three", "", "s7")]
    found, ground = grounded(chapters=told)
    assert [(one.title, one.start_s) for one in found.chapters] == [("One", 0.0), ("Three", 30.0)]
    assert ground.removed["chapters"] == 1


def test_a_fact_does_not_say_when_a_chapter_begins() -> None:
    told = [chapter("f1", "One"), chapter("f1", "Two", "", "f1", "s7"), chapter("s10", "Three")]
    found, ground = grounded(chapters=told)
    assert [(one.title, one.start_s) for one in found.chapters] == [
        ("One", 0.0), ("Two", 30.0), ("Three", 45.0),
    ]  # fmt: skip
    assert ground.removed == {}


def test_of_chapters_that_begin_with_the_same_entry_the_first_stays() -> None:
    told = [chapter("s4", "One"), chapter("s4", "Two"), chapter("s7", "Three")]
    found, ground = grounded(chapters=told)
    assert [one.title for one in found.chapters] == ["One", "Three"]
    assert ground.removed == {"chapters": 1}
    (only,) = grounded(chapters=[chapter("s1", "All of it")])[0].chapters
    assert (only.title, only.start_s, only.end_s) == ("All of it", 0.0, 60.0)


def test_chapters_without_a_title_or_with_the_one_before_are_part_of_that() -> None:
    told = [chapter("s1", "One"), chapter("s4", " "), chapter("s7", "one"), chapter("s7", "Two")]
    found, ground = grounded(chapters=told)
    assert [(one.title, one.start_s) for one in found.chapters] == [("One", 0.0), ("Two", 30.0)]
    assert ground.removed["chapters"] == 2


def test_a_late_first_chapter_is_not_stretched_over_what_it_does_not_tell_of() -> None:
    found, _ = grounded(chapters=[chapter("s11", "Last"), chapter("s8", "Costs")])
    assert [(one.title, one.start_s, one.title_from) for one in found.chapters] == [
        ("Beginning", 0.0, "position"), ("Costs", 35.0, "model"), ("Last", 50.0, "model"),
    ]  # fmt: skip


def test_a_part_of_a_video_has_chapters_within_it() -> None:
    part = bundle((), cues("One thing.", "Another thing."), start_s=2.0, end_s=6.0)
    found, _ = grounded(part, chapters=[chapter("s1", "A"), chapter("s2", "B")])
    assert [(one.start_s, one.end_s) for one in found.chapters] == [(2.0, 4.2), (4.2, 6.0)]


# ---- quotations


def test_only_true_quotations_keep_their_marks() -> None:
    found, ground = grounded(
        overview="He says \"moves heat from a cold place\" and «it is magic», then 'so they say'."
    )
    assert (
        found.overview
        == "He says “moves heat from a cold place” and it is magic, then so they say."
    )
    assert ground.removed["quotes"] == 2


def test_text_on_screen_may_be_quoted_and_titles_of_files_are_no_quotations() -> None:
    screen = bundle([slide("Two Bulges"), slide("Tides")], tags={"title": "My secret name"})
    found, _ = grounded(screen, overview='"Two bulges" comes first in "My secret name".')
    assert found.overview == "“Two bulges” comes first in My secret name."


def test_marks_inside_what_was_said_are_part_of_it() -> None:
    said = bundle((), cues('The 5" disk of Ada "Countess" L.'))
    told = 'On “the 5" disk” of “Ada "Countess" L.”, not “the 6" disk”.'
    assert grounded(said, overview=told)[0].overview == (
        'On “the 5" disk” of “Ada "Countess" L.”, not the 6 disk.'
    )


@pytest.mark.parametrize(
    ("told", "said", "true"),
    [
        ("don’t STOP — now", "Well, don't stop, now!", True),
        ("he said", "she said", False),
        ("潮の話", "これは潮の話です", True),
        ("潮の夢", "これは潮の話です", False),
        ("ﬁne", "A fine day", True),
        ("day night", "A day|night falls", True),
        ("naïve", "naive", False),
        ("5 metres", "It is 3.5 metres deep", False),
        ("3.5 metres", "It is 3.5 metres deep.", True),
        ("20", "In 1999, 20 came", True),
        ("five at 3", "It was five at -3", False),
        ("at −3", "It was five at -3", True),
        ("pages 5 to 10", "See pages 5-10", False),
        ("it costs €5", "It costs $5", False),
        ("it costs $ 5", "It costs $5", True),
        ("C++ is fast", "C is fast", False),
        ("100% sure", "100 sure", False),
        ("• First → second", "First, second", True),
        ("น้ำขึ้น", "วันนี้น้ำขึ้นสูง", True),
        ("น้ำลง", "วันนี้น้ำขึ้นสูง", False),
        ("…", "anything", False),
        ("", "anything", False),
    ],
)
def test_when_words_are_the_same(told: str, said: str, true: bool) -> None:
    (entry, *more) = bundle((), cues(*said.split("|"))).timeline[1:]
    assert (told in Wording([entry, *more])) is true


def test_the_mark_in_a_hebrew_abbreviation_is_part_of_the_word() -> None:
    packed = bundle((), cues("שלום לכולם"))
    told = 'סרט על צה"ל וארה"ב: "שלום לכולם" ו"שקר גמור"'
    found, ground = grounded(packed, overview=told)
    assert found.overview.startswith('סרט על צה"ל וארה"ב: “שלום לכולם” ו')
    assert ground.removed["quotes"] == 1


def test_a_quotation_over_two_cues_names_both() -> None:
    said = bundle((), cues("The tide comes", "[Music]", "in twice a day.")).timeline[1:]
    found = Wording([said[0], said[2]]).holding("tide comes in twice")
    assert [entry.id for entry in found] == ["s1", "s3"]


MARKED = st.text(st.sampled_from("ab 'd\"“”„«»’‘,.x5「」"), max_size=40)


@given(MARKED)
def test_no_mark_stays_round_what_was_not_said(text: str) -> None:
    said = {"a b", "b", "d"}
    found, removed = only_true_quotes(text, lambda told: words(told) in said)
    assert words(found).replace(" ", "") == words(text).replace(" ", "")
    for inner in re.findall("“([^“”]*)”", found):
        assert words(inner) in said
    assert not re.search('["„«»「」]', re.sub("“[^“”]*”", "", found))
    assert found.count("“") == found.count("”")
    assert removed >= 0
    assert only_true_quotes(found, lambda told: words(told) in said) == (found, 0)


# ---- names, caveats, and whatever else may come


def named(name: str, *evidence: str, kind: str = "thing") -> dict[str, Any]:
    return {"name": name, "kind": kind, "evidence": list(evidence)}


def test_names_stand_somewhere_in_the_timeline() -> None:
    found, ground = grounded(names=["COP", "carnot limit", "Albert Einstein", "cop", "Heat Pumps"])
    assert [one.text for one in found.names] == ["COP", "carnot limit", "Heat Pumps"]
    assert ground.removed == {"names": 1}
    thai = bundle((), cues("เราอยู่ที่เชียงใหม่วันนี้"))
    assert [one.text for one in grounded(thai, names=["เชียงใหม่", "กรุงเทพ"])[0].names] == ["เชียงใหม่"]


def test_a_name_rests_on_the_ids_given_that_hold_it_or_on_the_first_that_do() -> None:
    found, ground = grounded(
        names=[named("COP", "s8", "s1", "s77"), named("Carnot", "s1", kind="person")]
    )
    assert found.names == (Name("COP", "thing", ("s8",)), Name("Carnot", "person", ("s9",)))
    assert ground.removed == {"ids": 1}
    often = bundle((), cues(*(f"Ada says {n}." for n in range(9))))
    assert grounded(often, names=["Ada"])[0].names[0].evidence == ("s1", "s2", "s3")


def test_a_name_that_runs_over_two_cues_names_both() -> None:
    broken = bundle((), cues("We owe it to Ada", "Lovelace, who knew.", "Ada knew."))
    found, _ = grounded(broken, names=[named("Ada Lovelace", "s3"), named("Lovelace who knew Ada")])
    assert [one.evidence for one in found.names] == [("s1", "s2"), ("s2", "s3")]


def test_quotations_stand_where_they_were_said() -> None:
    found, ground = grounded(
        quotes=[
            point("“the Carnot limit, which no COP can pass”", "s1"),
            point("moves heat from a cold place", "s77"),
            point("It is pure magic, really.", "s2"),
            point("MOVES heat, from a cold place."),
        ]
    )
    assert [(one.text, one.start_s, one.end_s, one.evidence) for one in found.quotes] == [
        ("moves heat from a cold place", 5.0, 9.8, ("s2",)),
        ("the Carnot limit, which no COP can pass", 40.0, 44.8, ("s9",)),
    ]  # fmt: skip
    assert all(one.quoted and one.supported for one in found.quotes)
    assert ground.removed == {"quotes": 1, "ids": 1}


def test_words_on_two_screens_are_no_quotation() -> None:
    screens = bundle([slide("Two Bulges", "high water"), slide("Low Water", "the ebb")])
    found, ground = grounded(
        screens, quotes=[point("high water"), point("Bulges high water"), point("high water low")]
    )
    assert [one.text for one in found.quotes] == ["high water", "Bulges high water"]
    assert ground.removed == {"quotes": 1}


def test_text_is_made_safe_to_show() -> None:
    found, _ = grounded(
        title="A\x1b[31m title\n",
        caveats=["Was\u202eit", "", "was\u202eit"],
        overview="O\x07ne\r\ntwo",
    )
    assert (found.title, found.overview, found.caveats) == ("A title", "One two", ("Wasit",))


@pytest.mark.parametrize("overview", ["[s1]", [], [point(" ", "s1"), point("…")]])
def test_what_says_nothing_is_malformed(overview: object) -> None:
    with pytest.raises(Malformed, match="overview: It says nothing"):
        grounded(overview=overview)


def test_notes_are_held_against_the_timeline_too() -> None:
    told = {"gist": 'On "magic".', "points": [point("Heat.", "s2"), point("More.", "x1")]}
    ground = Ground(LECTURE)
    found = ground.notes(read(json.dumps(told), NotesForm), 0.0, 30.0)
    assert (found.start_s, found.end_s, found.gist) == (0.0, 30.0, "On magic.")
    assert [(one.text, one.supported) for one in found.points] == [
        ("Heat.", True),
        ("More.", False),
    ]
    assert ground.removed == {"quotes": 1, "ids": 1}
    with pytest.raises(Malformed, match="gist"):
        ground.notes(NotesForm(gist="[s1]", points=[]), 0.0, 30.0)


# ---- questions and second looks


def answered(found: object, *answer: object, caveats: object = None) -> GroundedResponse:
    told = json.dumps({"found": found, "answer": answer, "caveats": caveats})
    return Ground(LECTURE).response(read(told, ResponseForm))


def test_an_answer_is_found_only_where_it_has_evidence() -> None:
    found = answered(True, point("A machine [s2].", "s99"), point('It is "magic".'))
    assert found.found
    assert [(one.text, one.evidence, one.supported) for one in found.claims] == [
        ("A machine.", ("s2",), True), ("It is magic.", (), False),
    ]  # fmt: skip
    invented = answered(True, point("It was Einstein.", "s99"), caveats=["None.", "Who?"])
    assert (invented.found, len(invented.claims), invented.caveats) == (False, 1, ("Who?",))
    assert answered(False) == GroundedResponse(False, (), ())
    assert answered(False, " ", "…").claims == ()
    with pytest.raises(Malformed, match="answer: It says nothing"):
        answered(True, " ")


def wanted(*looks: tuple[object, str], most: int = 9, packed: Bundle = LECTURE) -> list[Wanted]:
    told = [{"at": at, "question": question} for at, question in looks]
    return [*Ground(packed).wanted(read(summary(look_again=told), SummaryForm), most)]


def test_a_look_is_at_an_entry_or_a_time_inside_the_video() -> None:
    assert wanted(("0:30", "Who?"), ("s2", "What?"), (12.5, "Where?"), ("[t4]", "Which?")) == [
        Wanted(5.0, "What?"), Wanted(12.5, "Where?"), Wanted(30.0, "Who?"), Wanted(45.0, "Which?"),
    ]  # fmt: skip
    outside = ["60", "1:00", "-1", "s99", "f1", "", "soon", "1e3", "nan", "9" * 300]
    assert wanted(*((at, "What?") for at in outside)) == []
    part = bundle((), cues("One thing.", "Another."), start_s=2.0, end_s=6.0)
    assert wanted(("s1", "What?"), ("1", "What?"), packed=part) == [Wanted(2.0, "What?")]


def test_looks_are_a_second_apart_and_the_first_ones_asked_for_count() -> None:
    near = [("s9", "A?"), ("40.5", "B?"), ("39.5", "C?"), ("41", "D?"), ("s1", "E?"), ("s2", "F?")]
    assert [one.question for one in wanted(*near, most=3)] == ["E?", "A?", "D?"]
    assert wanted(*near, most=0) == []


def test_a_question_is_one_safe_line() -> None:
    (found,) = wanted(("s1", "What\n\x1b[31m is\u202e this? " + "long " * 90), ("s4", " … "))
    assert found.question.startswith("What is this? long")
    assert len(found.question) <= 200


def test_what_was_seen_again_may_be_evidence() -> None:
    ground = Ground(LECTURE)
    told = read(summary(key_points=[point("It is red.", "l1")]), SummaryForm)
    assert not ground.summary(told).key_points[0].supported
    look = TimelineEntry("l1", "caption", 7.0, 7.0, "A red pump.", "look")
    more = ground.with_entries([look])
    (claim,) = more.summary(told).key_points
    assert (claim.evidence, claim.start_s, claim.end_s) == (("l1",), 7.0, 7.0)
    assert (more.removed, ground.removed) == ({}, {"ids": 1})


# ---- whatever else may come


def test_what_never_ends_is_read_in_a_moment() -> None:
    loops = ["(s1 " * 9_000, "'a " * 12_000, " " * 30_000 + "[s1]", '"a' * 9_000, "s1 " * 12_000]
    for loop in loops:
        found, _ = grounded(
            title=loop, overview=[point(f"So {loop}", loop)], names=[named(loop)],
            quotes=[point(loop)], caveats=[loop], chapters=[chapter(loop, loop, loop, loop)],
            key_points=[point(f"{n} {loop[:20]}", "s1") for n in range(5_000)],
        )  # fmt: skip
        assert len(found.key_points) == 30


TEXT = st.text(max_size=30) | st.sampled_from(
    ["s2", "s99", "t1", "l1", "f1", f"“{MOVES}”", '"lie"', "'COP'", MOVES, "12", "COP", "\u202ex",
     "\x1b]0;\"a\x07", "\udcff"]
)  # fmt: skip
IDS = st.lists(TEXT, max_size=3)
POINTS = st.lists(st.fixed_dictionaries({"text": TEXT, "evidence": IDS}) | TEXT, max_size=5)
CHAPTER = st.fixed_dictionaries({
    "start": TEXT | st.floats(allow_nan=True) | st.integers(), "title": TEXT, "gist": TEXT,
    "evidence": IDS,
})  # fmt: skip
NAME = st.fixed_dictionaries({"name": TEXT, "kind": TEXT, "evidence": IDS})
LOOK = st.fixed_dictionaries({"at": TEXT | st.floats(), "question": TEXT})
FORM = st.fixed_dictionaries({
    "title": TEXT.map("T{}".format), "overview": POINTS.map(lambda told: [*told, "A pump."]),
    "key_points": POINTS,
    "chapters": st.lists(CHAPTER, max_size=8), "names": st.lists(NAME | TEXT, max_size=3),
    "quotes": POINTS, "caveats": st.lists(TEXT, max_size=3), "look_again": st.lists(LOOK),
})  # fmt: skip


@settings(max_examples=300)
@given(FORM)
def test_whatever_a_model_writes_only_what_can_be_checked_comes_through(told: Any) -> None:
    ground = Ground(LECTURE)
    form = read(json.dumps(told), SummaryForm)
    found = ground.summary(form)
    ids = {entry.id for entry in LECTURE.timeline}
    said = [Wording(e for e in LECTURE.timeline if e.kind == kind) for kind in ("speech", "text")]
    gists = [one.gist for one in found.chapters if one.gist]
    claims = [*found.key_points, *found.overview_claims, *found.quotes, *gists]
    for one in claims:
        assert set(one.evidence) <= ids
        assert one.supported is bool(one.evidence)
        if one.start_s is None or one.end_s is None:
            assert not one.supported
        else:
            assert 0.0 <= one.start_s <= one.end_s <= 60.0
        assert not one.quoted or any(one.text in worded for worded in said)
    assert all(one.quoted for one in found.quotes)
    for name in found.names:
        assert set(name.evidence) <= ids
        assert name.evidence
    texts = [found.title, found.overview, *found.caveats, *(one.title for one in found.chapters)]
    for text in [*texts, *(one.text for one in claims if not one.quoted)]:
        assert safe(text) == text
        assert all(any(inner in worded for worded in said) for inner in re.findall("“(.*?)”", text))
    times = [(one.start_s, one.end_s) for one in found.chapters]
    assert all(one.title for one in found.chapters)
    assert all(a[1] == b[0] for a, b in pairwise(times))
    assert all(start < end for start, end in times)
    assert not times or (times[0][0], times[-1][1]) == (0.0, 60.0)
    for look in (looks := ground.wanted(form, 3)):
        assert 0.0 <= look.time_s < 60.0
    assert all(b.time_s - a.time_s >= 1.0 for a, b in pairwise(looks))
    assert len(looks) <= 3
