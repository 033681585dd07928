"""The last gate: whatever comes, what goes out can be checked in the timeline."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reasoner.factory import bundle, cues, footage, lecture_cues, lecture_screens, slide

from vidsum.data import (
    Answer,
    Bundle,
    Chapter,
    ChapterMark,
    Claim,
    EntryKind,
    Grounding,
    Name,
    NameKind,
    SecondLook,
    Summary,
    TimelineEntry,
)
from vidsum.reasoner.auditing import audited_answer, audited_summary
from vidsum.reasoner.extractive import ExtractiveReasoner
from vidsum.reasoner.forms import SummaryForm, read
from vidsum.reasoner.grounding import Ground
from vidsum.wording import safe

LECTURE = bundle(lecture_screens(), lecture_cues(), tags={"title": "Heat pumps, lecture 4"})
MOVES = "A heat pump is a machine that moves heat from a cold place to a warm place."  # s2, 5–9.8 s


def told(**parts: Any) -> Summary:
    """A summary that says nothing but its parts."""
    usual: dict[str, Any] = {
        "title": "T", "overview": "", "key_points": (), "chapters": (), "chapter_basis": "model",
        "keywords": (), "backend": "test", "method": "By hand.",
    }  # fmt: skip
    return Summary(**usual | parts)


def audited(packed: Bundle = LECTURE, **parts: Any) -> Summary:
    summary = audited_summary(told(**parts), packed)
    assert audited_summary(summary, packed) == summary
    return summary


def claim(text: str, *ids: str, start_s: float | None = None, end_s: float | None = None,
          quoted: bool = False) -> Claim:  # fmt: skip
    return Claim(text, start_s, end_s, ids, quoted=quoted)


def chapter(
    start_s: float, end_s: float, title: str = "Part", gist: Claim | None = None
) -> Chapter:
    return Chapter(start_s, end_s, title, "model", gist=gist)


def times(summary: Summary) -> list[tuple[str, float, float]]:
    return [(one.title, one.start_s, one.end_s) for one in summary.chapters]


# ---- claims


def test_ids_that_do_not_exist_go_and_are_counted() -> None:
    found = audited(key_points=(claim("It moves.", "s2", "s99", "s2", "", start_s=5.0, end_s=9.8),))
    assert found.key_points == (Claim("It moves.", 5.0, 9.8, ("s2",)),)
    assert found.grounding.removed == {"ids": 2}


def test_a_claim_without_evidence_is_marked_and_has_no_time() -> None:
    found = audited(key_points=(claim("It began in 1850.", "s99", start_s=1.0, end_s=2.0),
                                claim("So.", "s2", start_s=5.0, end_s=9.8)))  # fmt: skip
    assert found.key_points[0] == Claim("It began in 1850.", None, None, (), supported=False)
    assert (found.grounding.claims, found.grounding.supported, found.grounding.unsupported) == (
        2, 1, 1,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("start_s", "end_s", "expected"),
    [
        (6.0, 7.5, (6.0, 7.5)),
        (5.0, 9.8, (5.0, 9.8)),
        (4.0, 20.0, (5.0, 9.8)),
        (8.0, 6.0, (5.0, 9.8)),
        (30.0, 31.0, (5.0, 9.8)),
        (None, 7.0, (5.0, 9.8)),
        (math.nan, 7.0, (5.0, 9.8)),
        (6.0, math.nan, (5.0, 9.8)),
        (-math.inf, math.inf, (5.0, 9.8)),
    ],
)
def test_a_claims_times_are_within_its_evidence(
    start_s: float | None, end_s: float | None, expected: tuple[float, float]
) -> None:
    found = audited(key_points=(claim("It moves.", "s2", "f1", start_s=start_s, end_s=end_s),))
    assert (found.key_points[0].start_s, found.key_points[0].end_s) == expected


def test_what_is_quoted_is_verbatim_and_names_where_it_stands() -> None:
    found = audited(
        quotes=(
            claim("moves heat from a cold place", "s2", quoted=True),
            claim("moves HEAT from", "s5", quoted=True),
            claim("the Carnot limit, which", quoted=True),
            claim("lecture four. A heat pump", "s1", "s2", quoted=True),
            claim("First of Heat Pumps", "t1", quoted=True),
            claim("It is magic.", "s2", quoted=True),
            claim("…", "s2", quoted=True),
        )
    )
    assert [(one.evidence, one.quoted) for one in found.quotes] == [
        (("s2",), True), (("s2", "s5"), True), (("s9",), True), (("s1", "s2"), True),
        (("t1",), True), (("s2",), False), (("s2",), False),
    ]  # fmt: skip
    assert found.grounding.removed == {"quotes": 2}


def test_a_quotation_is_when_it_was_said() -> None:
    quote = claim(MOVES, "s2", "s12", start_s=6.0, end_s=58.0, quoted=True)
    (found,) = audited(quotes=(quote,)).quotes
    assert (found.start_s, found.end_s, found.evidence) == (6.0, 9.8, ("s2", "s12"))


def test_marks_go_round_what_stands_nowhere_and_stay_as_they_are_round_the_rest() -> None:
    mixed = "He says \"moves heat\" and 'it is magic', then «Heat Pumps»."
    found = audited(
        title='The "best" lecture', overview=mixed, caveats=("Is “it” 'COP'?", "“Who?”"),
        key_points=(claim(mixed, "s2", start_s=5.0, end_s=9.8),),
        chapters=(chapter(0, 60, "“Costs and Savings”", claim('A "lie".', "s2")),),
    )  # fmt: skip
    true = "He says “moves heat” and it is magic, then “Heat Pumps”."
    assert (found.title, found.overview, found.key_points[0].text) == (
        "The best lecture",
        true,
        true,
    )
    assert found.caveats == ("Is “it” 'COP'?", "Who?")
    assert found.chapters[0].title == "“Costs and Savings”"
    assert found.chapters[0].gist == Claim("A lie.", 5.0, 9.8, ("s2",))
    assert found.grounding.removed == {"quotes": 5}
    kept = "He says \"moves heat\", then 'Heat Pumps', then «warm place»."
    assert audited(overview=kept).overview == kept


def test_what_came_with_the_file_and_what_always_shows_may_stand_in_marks() -> None:
    marked = bundle(
        [slide("Tides")], cues("Hello."), tags={"director": "Ada L."}, overlay=("TIDE TV",),
        marks=[ChapterMark(0.0, 4.0, "The 5\" disk")],
    )  # fmt: skip
    overview = "By “Ada L.”, “TIDE TV” stays on screen, “talk.mp4” begins with “The 5 disk”."
    found = audited(marked, overview=overview, chapters=(chapter(0, 4, 'The 5" disk'),))
    assert (found.overview, found.chapters[0].title) == (overview, 'The 5" disk')
    assert found.grounding.removed == {}


def test_a_long_quotation_may_break_off() -> None:
    said = bundle((), cues("The thermodynamically inconceivable machine."))
    for text, kept in (("“The thermodynamically inconc…”", True), ("“inconc…”", False)):
        assert ("“" in audited(said, caveats=(text,)).caveats[0]) is kept


def test_an_overview_is_made_of_its_claims_again() -> None:
    claims = (claim('It "lies" (“moves', "s2"), claim("heat”) twice.", "s3"), claim("“”", "s4"))
    text = " ".join(one.text for one in claims)
    found = audited(overview=text, overview_claims=claims)
    assert found.overview == "It lies (moves heat) twice."
    assert [one.text for one in found.overview_claims] == ["It lies (moves", "heat) twice."]
    assert found.grounding.removed == {"quotes": 4, "points": 1}
    other = audited(overview="Something “else”.", overview_claims=claims)
    assert other.overview == "Something else."


def test_text_is_one_safe_line() -> None:
    found = audited(
        title="A\x1b[31m\ntitle", overview="\u202eturned\udcff", caveats=('"lie\x1b]0;"\x07" it',),
        names=(Name("C\u200bOP", "thing", ("s8",)),),
    )  # fmt: skip
    assert (found.title, found.overview) == ("A title", "turned\\xff")
    assert found.caveats == ("lie it",)
    assert found.names == (Name("COP", "thing", ("s8",)),)


def test_words_that_were_no_utf8_may_be_quoted() -> None:
    odd = bundle((), cues("\x1b[1mcaf\udcff is open\x1b[0m"))
    (found,) = audited(odd, quotes=(claim("caf\\xff is open", "s1", quoted=True),)).quotes
    assert found.quoted


def test_names_rest_on_entries_that_hold_them() -> None:
    found = audited(
        names=(
            Name("COP", "thing", ("s8",)), Name("Carnot", "person", ("s1", "s99")),
            Name("Einstein", "person", ("s1",)), Name(" ", "thing", ("s1",)),
        )
    )  # fmt: skip
    assert found.names == (Name("COP", "thing", ("s8",)), Name("Carnot", "person", ("s9",)))
    assert found.grounding.removed == {"names": 2, "ids": 1}


def test_what_was_taken_out_before_stays_counted() -> None:
    found = audited(
        grounding=Grounding(removed={"ids": 3, "many": 2, "names": 0}),
        key_points=(claim("It moves.", "s99"),),
    )
    assert found.grounding.removed == {"ids": 4, "many": 2}


def test_a_look_is_evidence_even_if_the_bundle_lacks_it() -> None:
    look = SecondLook(7.0, "Which?", TimelineEntry("l1", "caption", 7.0, 7.0, "A red pump.", "vlm"))
    found = audited(looks=(look,), key_points=(claim("It is red.", "l1"),))
    assert found.key_points == (Claim("It is red.", 7.0, 7.0, ("l1",)),)
    assert found.grounding.entries == len(LECTURE.timeline) - 2 + 1


# ---- chapters


def test_chapters_that_are_right_stay_as_they_are() -> None:
    right = (chapter(0.0, 15.0, "A"), chapter(15.0, 40.0, "B"), chapter(45.0, 60.0, "C"))
    assert audited(chapters=right).chapters == right


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ([("B", 20, 40), ("A", 0, 20)], [("A", 0, 20), ("B", 20, 40)]),
        ([("A", 0, 40), ("B", 20, 60)], [("A", 0, 20), ("B", 20, 60)]),
        ([("A", 0, 60), ("B", 0, 20)], [("B", 0, 20), ("A", 20, 60)]),
        ([("A", -9, 20), ("B", 20, 99)], [("A", 0, 20), ("B", 20, 60)]),
        ([("A", 0, 60), ("B", 60, 70), ("C", 99, 100)], [("A", 0, 60)]),
        ([("A", 0, math.nan), ("B", 20, 10), ("C", 40, math.inf)],
         [("A", 0, 20), ("B", 20, 40), ("C", 40, 60)]),
        ([("A", math.nan, 9), ("B", -math.inf, 20), ("C", math.inf, 9)], [("B", 0, 20)]),
        ([("A", 0, 30), ("B", 0, 30)], [("A", 0, 30)]),
        ([("A", 0, 60), ("B", 10, 20), ("C", 15, 30)],
         [("A", 0, 10), ("B", 10, 15), ("C", 15, 30)]),
    ],
)  # fmt: skip
def test_chapters_are_put_in_order(
    wrong: list[tuple[str, float, float]], expected: list[tuple[str, float, float]]
) -> None:
    found = audited(chapters=tuple(chapter(start, end, title) for title, start, end in wrong))
    assert times(found) == expected
    assert found.grounding.removed.get("chapters", 0) == len(wrong) - len(expected)


def test_a_video_without_length_has_a_chapter_at_most() -> None:
    empty = bundle((), (), duration_s=0.0)
    found = audited(empty, chapters=(chapter(0, 0, "All"), chapter(3, 9, "More")))
    assert times(found) == [("All", 0.0, 0.0)]
    assert found.grounding.covered_share is None
    assert (found.grounding.largest_gap_s, found.grounding.largest_gap_at_s) == (None, None)


# ---- figures


def test_the_figures_of_grounding() -> None:
    found = audited(
        overview_claims=(claim("On heat.", "s1"), claim("It moves.", "s2")),
        key_points=(claim("it moves.", "s2"), claim("So they say.", "s99")),
        chapters=(chapter(0, 60, "All", claim("By costs.", "s10", "f1")),),
        names=(Name("COP", "thing", ("s8",)),),
        quotes=(claim("Thank you for your attention.", "s12", quoted=True),),
    ).grounding
    assert (found.claims, found.supported, found.unsupported) == (6, 5, 1)
    assert found.entries == len([one for one in LECTURE.timeline if one.kind != "fact"])
    # s1 0–4.8, s2 5–9.8, s8 35–39.8, s10 45–49.8, s12 55–59.8; a twentieth is 3 s.
    assert found.cited_entries == 5
    assert found.covered_share == 11 / 20
    assert found.largest_gap_s == pytest.approx(35.0 - 9.8)
    assert found.largest_gap_at_s == 9.8


def test_nothing_told_touches_nothing() -> None:
    found = audited().grounding
    assert (found.claims, found.supported, found.unsupported, found.cited_entries) == (0, 0, 0, 0)
    assert (found.covered_share, found.largest_gap_s, found.largest_gap_at_s) == (0.0, 60.0, 0.0)


def test_facts_touch_no_time() -> None:
    found = audited(key_points=(claim("It is lecture 4.", "f1"),)).grounding
    assert (found.supported, found.cited_entries, found.covered_share) == (1, 0, 0.0)


@pytest.mark.parametrize(
    ("start_s", "end_s", "parts"),
    [(0.0, 60.0, 20), (0.0, 3.0, 1), (2.9, 3.1, 2), (3.0, 3.0, 1), (60.0, 60.0, 1), (59.0, 90.0, 1),
     (math.nan, math.nan, 1), (-5.0, math.inf, 20), (30.0, 20.0, 1)],
)  # fmt: skip
def test_how_many_twentieths_an_entry_touches(start_s: float, end_s: float, parts: int) -> None:
    entry = TimelineEntry("c1", "caption", start_s, end_s, "A pump.", "vlm")
    packed = replace(LECTURE, timeline=(entry,))
    assert audited(packed, key_points=(claim("A.", "c1"),)).grounding.covered_share == parts / 20


ENDS = st.integers(0, 240).map(lambda quarter: quarter / 4)


@given(st.lists(st.tuples(ENDS, ENDS).map(sorted), max_size=6))
def test_coverage_is_what_looking_at_every_moment_finds(stretches: list[list[float]]) -> None:
    """Of 60 s, times in quarters: a moment in the middle of each sixteenth of a second tells."""
    timeline = tuple(
        TimelineEntry(f"c{n}", "caption", *ends, "A pump.", "vlm")
        for n, ends in enumerate(stretches)
    )
    claims = [claim(f"Claim {one.id}.", one.id) for one in timeline]
    found = audited(replace(LECTURE, timeline=timeline), key_points=claims).grounding

    def touched(time_s: float) -> bool:
        return any(start_s <= time_s <= end_s for start_s, end_s in stretches)

    moments = [(place + 0.5) / 16 for place in range(60 * 16)]
    twentieths = {int(time_s // 3) for time_s in moments if touched(time_s)}
    # What has no length touches the twentieth that it begins.
    twentieths |= {min(int(start_s // 3), 19) for start_s, end_s in stretches if start_s == end_s}
    assert found.covered_share == len(twentieths) / 20

    ends = {0.0, 60.0, *(end for stretch in stretches for end in stretch)}
    gaps = [
        end_s - start_s
        for start_s in ends
        for end_s in ends
        if start_s <= end_s and not any(one < end_s and two > start_s for one, two in stretches)
    ]
    assert found.largest_gap_s == max(gaps)
    begin_s = found.largest_gap_at_s
    assert begin_s is not None
    inside = [time_s for time_s in moments if begin_s < time_s < begin_s + max(gaps)]
    assert not any(map(touched, inside))


# ---- answers


def test_an_answer_goes_through_the_same_gate() -> None:
    answer = Answer(
        "What does it do?", True,
        (claim("It moves heat.", "s2", "s99"), claim("lies", "s3", quoted=True),
         claim("So.", "x1")),
        "test", "By hand.", caveats=("It is “magic”.",),
    )  # fmt: skip
    found = audited_answer(answer, LECTURE)
    assert found.claims == (
        Claim("It moves heat.", 5.0, 9.8, ("s2",)), Claim("lies", 10.0, 14.8, ("s3",)),
        Claim("So.", None, None, (), supported=False),
    )  # fmt: skip
    assert (found.found, found.caveats) == (True, ("It is magic.",))
    assert found.grounding.removed == {"ids": 2, "quotes": 2}
    assert (found.grounding.claims, found.grounding.supported) == (3, 2)
    assert audited_answer(found, LECTURE) == found
    assert not audited_answer(replace(answer, claims=answer.claims[2:]), LECTURE).found


# ---- summaries that are right already

SILENT = bundle([slide("Tides", "The moon pulls at the sea."), footage(1), slide("The End")])
PART = bundle(
    lecture_screens(), lecture_cues(), start_s=12.0, end_s=41.0, duration_s=60.0,
    marks=[ChapterMark(0.0, 20.0, "One"), ChapterMark(20.0, 60.0, "Two")], overlay=("TIDE TV",),
)  # fmt: skip
TAGGED = bundle(
    [slide("Tides"), slide("The 5\" disk")], cues("The tide comes in twice a day."),
    tags={"artist": 'Ada "Countess" L.', "description": "What tides do, and why they come twice."},
    overlay=("TIDE TV",),
)  # fmt: skip
BROKEN = bundle((), cues(
    "[Music]", "JOHN: The tide comes", "in twice a day. >> Does it?", "Yes, it",
    "does, “on most coasts”.", "♪ la la ♪", "The Bay of Fundy has the highest",
    "tides in the world.",
))  # fmt: skip


@pytest.mark.parametrize("packed", [LECTURE, SILENT, PART, TAGGED, BROKEN, bundle()])
def test_a_quoted_summary_comes_through_as_it_is(packed: Bundle) -> None:
    quoted = ExtractiveReasoner().summarize(packed)
    found = audited_summary(quoted, packed)
    assert replace(found, grounding=quoted.grounding) == quoted
    assert found.grounding.removed == {}
    answer = ExtractiveReasoner().answer(packed, "What does a heat pump do to the tides?")
    heard = audited_answer(answer, packed)
    assert replace(heard, grounding=answer.grounding) == answer


# ---- whatever may come

ALPHABET = st.characters(exclude_categories=[]) | st.sampled_from(
    "ab cd. \"“”'‘’«»[]()s1…\u202e\x1b5"
)
SAID = ("the tide comes", "in twice a day", "Ada’s 5\" disk: “high” water", "潮の話", "a",
        "\udcff\udc80 x", "he said 'no' twice", "")  # fmt: skip
IDS = st.sampled_from(["s1", "s2", "t1", "c1", "f1", "l1", "b1", "s99", "S1", "", "x", "\udcff"])
WORDS = st.sampled_from(SAID) | st.text(ALPHABET, max_size=12)
TEXT = WORDS | st.builds(
    "{} {}{}{} {}".format, WORDS, st.sampled_from("\"“‘'「”"), WORDS,
    st.sampled_from("\"”’'」“"), WORDS,
)  # fmt: skip
TIME = st.floats() | st.floats(0, 60) | st.integers(-5, 70).map(float)
ENTRY = st.builds(
    TimelineEntry, IDS, st.sampled_from(get_args(EntryKind)), TIME, TIME, WORDS, st.just("test")
)
CLAIM = st.builds(
    Claim, TEXT, st.none() | TIME, st.none() | TIME, st.lists(IDS, max_size=4).map(tuple),
    st.booleans(), st.booleans(),
)  # fmt: skip
CLAIMS = st.lists(CLAIM, max_size=4).map(tuple)
CHAPTERS = st.lists(
    st.builds(Chapter, TIME, TIME, TEXT, st.just("model"), gist=st.none() | CLAIM), max_size=6
).map(tuple)
NAMES = st.lists(
    st.builds(Name, WORDS, st.sampled_from(get_args(NameKind)), st.lists(IDS).map(tuple)),
    max_size=3,
).map(tuple)  # fmt: skip
SUMMARIES = st.builds(
    told, title=TEXT, overview=TEXT, overview_claims=CLAIMS, key_points=CLAIMS, chapters=CHAPTERS,
    names=NAMES, quotes=CLAIMS, caveats=st.lists(TEXT, max_size=2).map(tuple),
    looks=st.lists(st.builds(SecondLook, TIME, TEXT, st.none() | ENTRY), max_size=2).map(tuple),
)  # fmt: skip


@st.composite
def bundles(draw: st.DrawFn) -> Bundle:
    """Any timeline, of a stretch that may have no length or no times."""
    timeline = tuple(draw(st.lists(ENTRY, max_size=8)))
    evidence = replace(
        LECTURE.evidence,
        start_s=draw(st.just(0.0) | TIME), end_s=draw(st.just(60.0) | TIME),
        overlay=tuple(draw(st.lists(WORDS, max_size=1))),
    )  # fmt: skip
    return replace(LECTURE, timeline=timeline, evidence=evidence)


def letters(text: str) -> str:
    """The letters and figures of a text as it is shown, whatever their case."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", safe(text)).casefold())
    return "".join(char for char in folded if unicodedata.category(char)[0] in "LMN")


def check_claims(claims: Sequence[Claim], entries: dict[str, TimelineEntry], said: list[str],
                 shown: list[str]) -> None:  # fmt: skip
    """Every id exists, quotations stand there, pairs of marks too, times are times."""
    for one in claims:
        assert one.text
        assert safe(one.text) == one.text
        assert set(one.evidence) <= set(entries)
        assert one.supported is bool(one.evidence)
        if one.supported:
            assert one.start_s is not None
            assert one.end_s is not None
            assert math.isfinite(one.start_s)
            assert one.start_s <= one.end_s < math.inf
        else:
            assert (one.start_s, one.end_s, one.quoted) == (None, None, False)
        if one.quoted:
            key = letters(one.text)
            assert key
            assert any(key in text for text in said)
            named = "".join(letters(entries[id].text) for id in one.evidence)
            assert set(key) <= set(named)
    check_marks([one.text for one in claims], said + shown)


def check_marks(texts: Sequence[str], said: list[str]) -> None:
    for text in texts:
        inner = re.findall("“([^“”]*)”", text) + re.findall(
            '"([^"“”„‟«»‹›＂「」『』〝〞〟❝❞]*)"', text
        )
        inner += re.findall(r"(?<!\w)'(\w[^'‘’‚\"“”]*\w)'(?!\w)", text)
        for one in inner:
            assert any(letters(one) in words for words in said), (text, one)


def words_of(
    packed: Bundle, seen: Sequence[TimelineEntry] = ()
) -> tuple[dict[str, Any], list[str]]:
    entries = {one.id: one for one in (*packed.timeline, *seen)}
    spoken = "".join(letters(one.text) for one in entries.values() if one.kind == "speech")
    return entries, [spoken, *(letters(one.text) for one in entries.values())]


def check_summary(found: Summary, packed: Bundle) -> None:
    seen = [one.entry for one in found.looks if one.entry]
    entries, said = words_of(packed, seen)
    shown = [*map(letters, packed.overlay), *map(letters, packed.evidence.info.tags.values())]
    gists = [one.gist for one in found.chapters if one.gist]
    claims = [*found.overview_claims, *found.key_points, *found.quotes, *gists]
    check_claims(claims, entries, said, shown)
    check_marks([found.title, found.overview, *found.caveats, *(c.title for c in found.chapters)],
                said + shown)  # fmt: skip
    for name in found.names:
        assert name.evidence
        assert set(name.evidence) <= set(entries)
        assert any(letters(name.text) in text for text in said)
    start_s, end_s = packed.evidence.start_s, packed.evidence.end_s
    bounds = [time_s for one in found.chapters for time_s in (one.start_s, one.end_s)]
    assert all(a <= b for a, b in pairwise(bounds))
    assert all(math.isfinite(time_s) for time_s in bounds)
    if math.isfinite(start_s) and math.isfinite(end_s) and start_s < end_s:
        assert all(start_s <= time_s <= end_s for time_s in bounds)
        assert all(one.start_s < one.end_s for one in found.chapters)
    figures = found.grounding
    assert figures.claims == figures.supported + figures.unsupported
    distinct = {one.text.casefold() for one in claims}
    assert figures.claims == len(distinct) + len(found.names)
    assert 0 <= figures.cited_entries <= figures.entries
    assert figures.covered_share is None or 0 <= figures.covered_share <= 1


@settings(max_examples=250)
@given(bundles(), SUMMARIES)
def test_nothing_untrue_comes_through(packed: Bundle, summary: Summary) -> None:
    found = audited_summary(summary, packed)
    check_summary(found, packed)
    assert audited_summary(found, packed) == found


@settings(max_examples=100)
@given(bundles(), CLAIMS, st.booleans())
def test_no_untrue_answer_comes_through(
    packed: Bundle, claims: tuple[Claim, ...], yes: bool
) -> None:
    answer = Answer("What?", yes, claims, "test", "By hand.", caveats=("It's “so”.",))
    found = audited_answer(answer, packed)
    entries, said = words_of(packed)
    shown = [*map(letters, packed.overlay), *map(letters, packed.evidence.info.tags.values())]
    check_claims(found.claims, entries, said, shown)
    check_marks(found.caveats, said + shown)
    assert found.found <= yes
    assert found.grounding.claims == found.grounding.supported + found.grounding.unsupported
    assert audited_answer(found, packed) == found


POINTS = st.lists(
    st.fixed_dictionaries({"text": TEXT, "evidence": st.lists(IDS | TEXT, max_size=3)}), max_size=4
)
FORM = st.fixed_dictionaries({
    "title": TEXT, "overview": POINTS.map(lambda points: [*points, "It is so."]),
    "key_points": POINTS, "quotes": POINTS, "caveats": st.lists(TEXT, max_size=2),
    "names": st.lists(st.fixed_dictionaries({"name": WORDS, "evidence": st.lists(IDS)})),
    "chapters": st.lists(st.fixed_dictionaries({
        "start": IDS | TIME, "title": TEXT, "gist": TEXT, "evidence": st.lists(IDS, max_size=2),
    }), max_size=6),
})  # fmt: skip


@settings(max_examples=200)
@given(bundles(), FORM)
def test_any_timeline_and_any_model_answer_make_a_sound_summary(packed: Bundle, form: Any) -> None:
    ground = Ground(packed)
    raw = json.dumps(form | {"title": f"T {form['title']}"})
    left = ground.summary(read(raw, SummaryForm))
    summary = told(
        title=left.title, overview=left.overview, overview_claims=left.overview_claims,
        key_points=left.key_points, chapters=left.chapters, names=left.names, quotes=left.quotes,
        caveats=left.caveats, grounding=Grounding(removed=dict(ground.removed)),
    )  # fmt: skip
    check_summary(audited_summary(summary, packed), packed)
