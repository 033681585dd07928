"""Grounding: no id that does not exist, no quotation that was not said, no time of its own."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reasoner.factory import bundle, cues, lecture_cues, lecture_screens, slide
from reasoner.writers import summary

from vidsum.data import Bundle
from vidsum.reasoner.answer import Answer, Malformed, Notes, read
from vidsum.reasoner.grounding import Ground, Grounded
from vidsum.reasoner.verbatim import Wording, only_true_quotes, words

LECTURE = bundle(lecture_screens(), lecture_cues(), tags={"title": "Heat pumps, lecture 4"})
MOVES = "A heat pump is a machine that moves heat from a cold place to a warm place."  # s2, 5–9.8 s


def grounded(packed: Bundle = LECTURE, **parts: Any) -> tuple[Grounded, Ground]:
    ground = Ground(packed)
    return ground.answer(read(summary(**parts), Answer)), ground


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


def test_a_statement_without_an_id_that_exists_goes() -> None:
    found, ground = grounded(key_points=[point("It began in 1850.", "s77"), point("Nothing.")])
    assert found.key_points == ()
    assert ground.removed["points"] == 2


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
    assert ground.removed["points"] == 0


@pytest.mark.parametrize(
    ("told", "left"),
    [
        ("It moves (see s2).", "It moves."),
        ("It moves 【s2】{s3}.", "It moves."),
        ("It moves [evidence: s2 to s4; 0:05–0:10].", "It moves."),
        ("It moves (s2, 0:05).", "It moves."),
        ("It moves [s2: heat].", "It moves [s2: heat]."),
        ("On (a4) paper, [sic] (see below).", "On (a4) paper, [sic] (see below)."),
    ],
)
def test_what_is_a_citation(told: str, left: str) -> None:
    assert grounded(overview=told)[0].overview == left


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
    assert not re.search('["„«»「」]', found)
    assert found.count("“") == found.count("”")
    assert removed >= 0
    assert only_true_quotes(found, lambda told: words(told) in said) == (found, 0)


# ---- names, caveats, and whatever else may come


def test_names_stand_somewhere_in_the_timeline() -> None:
    found, ground = grounded(names=["COP", "carnot limit", "Albert Einstein", "cop", "Heat Pumps"])
    assert found.names == ("COP", "carnot limit", "Heat Pumps")
    assert ground.removed["names"] == 1


def test_text_is_made_safe_to_show() -> None:
    found, _ = grounded(
        title="A\x1b[31m title\n",
        caveats=["Was\u202eit", "", "was\u202eit"],
        overview="O\x07ne\r\ntwo",
    )
    assert (found.title, found.overview, found.caveats) == ("A title", "One two", ("Wasit",))


def test_what_says_nothing_is_malformed() -> None:
    with pytest.raises(Malformed, match="overview"):
        grounded(overview="[s1]")


def test_notes_are_held_against_the_timeline_too() -> None:
    told = {"gist": 'On "magic".', "points": [point("Heat.", "s2"), point("More.", "x1")]}
    ground = Ground(LECTURE)
    found = ground.notes(read(json.dumps(told), Notes), 0.0, 30.0)
    assert (found.gist, [one.evidence for one in found.points]) == ("On magic.", [("s2",)])
    assert ground.removed == {"quotes": 1, "points": 1, "ids": 1}


TEXT = st.text(max_size=30) | st.sampled_from(
    ["s2", "s99", "t1", f"“{MOVES}”", '"lie"', MOVES, "12"]
)
POINT = st.fixed_dictionaries({"text": TEXT, "evidence": st.lists(TEXT, max_size=3)})
CHAPTER = st.fixed_dictionaries({
    "start": TEXT | st.floats(allow_nan=True) | st.integers(), "title": TEXT, "gist": TEXT,
    "evidence": st.lists(TEXT, max_size=3),
})  # fmt: skip


@given(st.fixed_dictionaries({
    "title": TEXT, "overview": TEXT, "key_points": st.lists(POINT, max_size=5),
    "chapters": st.lists(CHAPTER, max_size=8), "names": st.lists(TEXT, max_size=3),
    "caveats": st.lists(TEXT, max_size=3),
}))  # fmt: skip
def test_whatever_a_model_writes_only_what_can_be_checked_comes_through(told: Any) -> None:
    ground = Ground(LECTURE)
    try:
        found = ground.answer(read(json.dumps(told), Answer))
    except Malformed:
        return
    ids = {entry.id for entry in LECTURE.timeline}
    said = [Wording(e for e in LECTURE.timeline if e.kind == kind) for kind in ("speech", "text")]
    gists = [one.gist for one in found.chapters if one.gist]
    for one in [*found.key_points, *gists]:
        assert one.evidence
        assert set(one.evidence) <= ids
        assert 0.0 <= one.start_s <= one.end_s <= 60.0
        assert not one.quoted or any(one.text in worded for worded in said)
    texts = [found.title, found.overview, *found.caveats, *(one.title for one in found.chapters)]
    for text in [*texts, *(one.text for one in [*found.key_points, *gists])]:
        assert all(any(inner in worded for worded in said) for inner in re.findall("“(.*?)”", text))
    times = [(one.start_s, one.end_s) for one in found.chapters]
    assert all(one.title for one in found.chapters)
    assert all(a[1] == b[0] for a, b in pairwise(times))
    assert all(start < end for start, end in times)
    assert not times or (times[0][0], times[-1][1]) == (0.0, 60.0)
