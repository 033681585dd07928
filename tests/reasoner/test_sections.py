"""Sections: nothing is lost, nothing comes twice, everything fits, cuts fall where they should."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from reasoner.factory import cues, entries

from vidsum.data import TimelineEntry
from vidsum.reasoner.sections import Line, collapsed, cut, heads, lines, packed


def count(text: str) -> int:
    return -(-len(text.encode("utf-8", "replace")) // 3)


def caption(number: int, text: str, start_s: float = 0.0) -> TimelineEntry:
    return TimelineEntry(f"c{number}", "caption", start_s, start_s + 5, text, "builtin")


def rows_of(*tokens: int, gap_s: float = 0.0) -> list[Line]:
    """Sentences one after the other, of given sizes, four seconds each."""
    said = entries(*(f"Sentence {n}." for n in range(len(tokens))), gap_s=gap_s)
    return [Line(entry, entry.text, size) for entry, size in zip(said, tokens, strict=True)]


TEXTS = st.lists(st.text(max_size=300), min_size=1, max_size=60)


@given(TEXTS, st.integers(60, 400))
def test_a_long_entry_is_divided_and_nothing_of_it_is_lost(texts: list[str], most: int) -> None:
    said = entries(*texts)
    found = lines(said, count, most)
    whole: dict[str, str] = {}
    for line in found:
        whole[line.entry.id] = whole.get(line.entry.id, "") + line.entry.text
        assert line.tokens == count(f"{line.text}\n")
        assert line.tokens <= most or len(line.entry.text) == 1
        assert json.loads(line.text)["id"] == line.entry.id
    assert whole == {entry.id: entry.text for entry in said}


@given(
    st.lists(st.integers(1, 100), min_size=1, max_size=200),
    st.integers(100, 1000),
    st.lists(st.floats(0, 900), max_size=10),
    st.lists(st.floats(0, 900), max_size=10),
    st.sets(st.integers(0, 199)),
)
def test_each_row_is_in_one_section_and_each_section_fits(
    sizes: list[int], budget: int, starts_s: list[float], others_s: list[float], shown: set[int]
) -> None:
    rows = rows_of(*sizes)
    for place in shown & set(range(len(rows))):
        rows[place] = replace(rows[place], entry=replace(rows[place].entry, kind="caption"))
    sections = cut(rows, budget, starts_s, others_s[::2], others_s[1::2])
    assert [row for section in sections for row in section] == rows
    assert all(sections)
    assert all(sum(row.tokens for row in section) <= budget for section in sections)
    least = -(-sum(sizes) // budget)
    assert least <= len(sections) <= 3 * least + 1


def test_what_fits_is_one_section() -> None:
    rows = rows_of(10, 10, 10)
    assert cut(rows, 30) == [rows]
    assert len(cut(rows, 29)) == 2


def test_cuts_fall_where_chapters_seem_to_begin() -> None:
    rows = rows_of(*[10] * 30)  # four seconds each: the 13th begins at 48 s
    first, *rest = cut(rows, 200, [48.0])
    assert len(first) == 12
    assert [row for section in rest for row in section] == rows[12:]


def test_without_chapters_cuts_fall_into_the_longest_pause() -> None:
    before, after = cues(*["Words."] * 11), cues(*["More."] * 13, start_s=60.0)
    said = [
        TimelineEntry(f"s{n}", "speech", cue.start_s, cue.end_s, cue.text, "test")
        for n, cue in enumerate([*before, *after])
    ]
    sections = cut([Line(entry, entry.text, 10) for entry in said], 150)
    assert [section[0].entry.start_s for section in sections] == [0.0, 60.0]


def test_shifts_of_topic_count_where_no_chapter_begins() -> None:
    rows = rows_of(*[10] * 60)
    sections = cut(rows, 200, [48.0], [60.0, 120.0])
    assert [section[0].entry.start_s for section in sections][:3] == [0.0, 48.0, 120.0]


def views(*starts_s: float) -> list[Line]:
    shown = [caption(n, f"View {n}.", start_s) for n, start_s in enumerate(starts_s)]
    return [Line(entry, entry.text, 10) for entry in shown]


def test_where_nobody_speaks_cuts_fall_where_the_picture_changes() -> None:
    rows = views(*(5.0 * n for n in range(60)))
    changes = [40.0, 85.0, 140.0, 190.0, 260.0]
    starts = [section[0].entry.start_s for section in cut(rows, 200, changes_s=changes)]
    assert set(starts[1:]) <= set(changes)
    assert len(starts) > 3


def test_in_a_long_pause_too_and_before_the_first_words_and_after_the_last() -> None:
    said = rows_of(*[10] * 20, gap_s=0.5)  # until 89.5 s
    for shift_s in (0.0, 70.0):
        spoken = [
            replace(
                row,
                entry=replace(
                    row.entry, start_s=row.entry.start_s + shift_s, end_s=row.entry.end_s + shift_s
                ),
            )
            for row in said
        ]
        silent_s = 90.0 if shift_s == 0 else 0.0
        shown = views(*(silent_s + 5.0 * n for n in range(14)))
        rows = sorted([*spoken, *shown], key=lambda row: row.entry.start_s)
        change_s = silent_s + (10.0 if shift_s == 0 else 55.0)
        sections = cut(rows, 230, changes_s=[20.0, change_s])
        assert sections[1][0].entry.start_s == change_s


def test_without_pauses_sections_are_of_equal_size() -> None:
    sections = cut(rows_of(*[10] * 100), 400)
    assert [len(section) for section in sections] == [33, 33, 34]


@given(st.lists(st.integers(0, 50), min_size=1, max_size=60))
def test_groups_hold_neighbours_and_become_fewer(sizes: list[int]) -> None:
    groups = packed(sizes, 100)
    assert [at for group in groups for at in group] == list(range(len(sizes)))
    assert all(sum(sizes[at] for at in group) <= 100 for group in groups)
    assert len(groups) <= -(-len(sizes) // 2)


def test_captions_that_repeat_are_one_line_with_the_whole_span() -> None:
    said = entries("Between them.")
    shown = [caption(1, "A dog.", 0), *said, caption(2, "A dog.", 5), caption(3, "A cat.", 10)]
    found = collapsed([*shown, caption(4, "A dog.", 15)])
    assert [(one.id, one.start_s, one.end_s) for one in found] == [
        ("c1", 0, 10), ("s1", 0, 4), ("c3", 10, 15), ("c4", 15, 20),
    ]  # fmt: skip
    assert collapsed(said * 2) == said * 2, "words said twice are said twice"


def test_facts_are_told_shortened_and_within_bounds() -> None:
    texts = ["Title: Tides", "Comment: " + "blah " * 200, "Date: 2026", "More: " + "x" * 150]
    facts = [TimelineEntry(f"f{n}", "fact", 0, 9, text, "tag") for n, text in enumerate(texts)]
    told = heads([*facts, *entries("Speech.")], count, 140)
    assert [fact.id for fact in told] == ["f0", "f1", "f2"]
    assert told[1].text.endswith("…")
    assert [fact.id for fact in told if fact in facts] == ["f0", "f2"]
    assert heads(facts, count, 5) == []
