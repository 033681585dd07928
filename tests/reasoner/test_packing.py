"""Packing: within the budget, in the stated order, even over the time, and never by the tail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsum.data import EntryKind, TimelineEntry
from vidsum.reasoner.packing import Packed, pack
from vidsum.reasoner.sections import short_line
from vidsum.wording import as_line

BIG = 10**9


def count(text: str) -> int:
    return -(-len(text.encode("utf-8", "replace")) // 3)


def entry(
    name: str, start_s: float, text: str, kind: EntryKind = "caption", source: str = "local"
) -> TimelineEntry:
    return TimelineEntry(name, kind, start_s, start_s + 5, text, source)


def said(number: int, step_s: float = 4.0) -> list[TimelineEntry]:
    """Sentences of which each says something else, in lines of one size."""
    return [
        entry(f"s{1000 + n}", step_s * n, f"Point{1000 + n} is this.", "speech")
        for n in range(number)
    ]


def seen(number: int, step_s: float = 5.0) -> list[TimelineEntry]:
    return [entry(f"c{1000 + n}", step_s * n, f"View{1000 + n} of a room.") for n in range(number)]


def in_time(*parts: Sequence[TimelineEntry]) -> list[TimelineEntry]:
    return sorted((one for part in parts for one in part), key=lambda one: one.start_s)


def ids(packed: Packed) -> list[str]:
    return [one.id for one in packed.entries]


def first_gone(entries: Sequence[TimelineEntry]) -> list[str]:
    """Return the ids in the order in which they give way, as ever smaller budgets show it."""
    gone: list[str] = []
    budget = pack(entries, BIG, count).tokens
    while budget > 0:
        budget -= 1
        left = set(ids(pack(entries, budget, count)))
        gone += [one.id for one in entries if one.id not in left and one.id not in gone]
    return gone


KINDS: st.SearchStrategy[EntryKind] = st.sampled_from(["speech", "caption", "text", "fact"])
ENTRIES = st.lists(
    st.tuples(
        KINDS, st.floats(0, 4e4), st.text(max_size=60) | st.sampled_from(["A dog.", "a  DOG."]),
        st.sampled_from(["local", "builtin", "measured"]),
    ),
    max_size=40,
).map(
    lambda rows: in_time([
        entry(f"e{n}", start_s, text, kind, source)
        for n, (kind, start_s, text, source) in enumerate(rows)
    ])
)  # fmt: skip


@given(ENTRIES, st.integers(-5, 2_000), st.booleans())
def test_it_fits_in_order_and_what_is_left_out_is_counted(
    entries: list[TimelineEntry], budget: int, favoured: bool
) -> None:
    favour = (lambda one: float(len(one.text) % 3 - 1)) if favoured else None
    packed = pack(entries, budget, count, favour=favour)
    lines = [count(line_of(one)) for one in packed.entries]
    assert packed.tokens == sum(lines)
    assert packed.tokens <= max(0, budget)
    kept = set(ids(packed))
    assert ids(packed) == [one.id for one in entries if one.id in kept]
    assert packed.left_out == Counter(one.kind for one in entries if one.id not in kept)
    assert packed == pack(entries, budget, count, favour=favour)


def line_of(one: TimelineEntry) -> str:
    return f"{short_line(one)}\n"


@given(ENTRIES)
def test_what_fits_is_left_as_it_is(entries: list[TimelineEntry]) -> None:
    whole = pack(entries, BIG, count)
    assert whole.entries == tuple(entries)
    assert whole.left_out == {}
    assert pack(entries, whole.tokens, count) == whole


def test_each_class_gives_way_before_the_next_one() -> None:
    same = "A man in a blue shirt stands at a long desk and points to a board."
    classes = [
        [entry("c20", 20, same.upper())],
        [entry("c10", 10, same.replace("board", "window"))],
        [entry("c30", 30, "A dark picture.", source="builtin")],
        [entry("c40", 40, "A dog runs.")],
        [entry("t1", 50, "Chapter one", "text")],
        [entry("s1", 60, "Hello there.", "speech")],
        [entry("f1", 0, "File name: talk.mp4", "fact"), entry("f2", 0, "Date: 2026", "fact")],
    ]
    kept_longest = entry("c5", 5, same)  # the first caption of all, an end of its class
    gone = first_gone(in_time(*classes, [kept_longest]))
    gone.remove("c5")
    assert gone == [one.id for part in classes for one in part]


@given(st.integers(3, 60), st.integers(0, 40), st.integers(0, 40), st.floats(0, 1), st.booleans())
def test_a_class_loses_none_before_the_lower_ones_are_gone(
    speech: int, captions: int, repeats: int, share: float, favoured: bool
) -> None:
    again = [entry(f"c{n}", 1 + 3.0 * n, "A street.") for n in range(repeats + 1)]
    screen = [entry(f"t{n}", 7.0 * n, f"Slide number{n} of all", "text") for n in range(captions)]
    entries = in_time(said(speech), seen(captions), screen, again)
    budget = int(share * pack(entries, BIG, count).tokens)
    liked = {"s1002", "t3"} if favoured else set()
    packed = pack(entries, budget, count, favour=lambda one: float(one.id in liked))
    left = set(ids(packed))

    order = [again[1:], [again[0], *seen(captions)], screen, said(speech)]
    classes = [{one.id for one in part} - liked for part in order]
    classes += [{one.id for one in part} & liked for part in order]
    alone = {one.id for one in entries if count(line_of(one)) > budget}  # these go at once
    classes = [part - alone for part in classes if part - alone]
    for lower, higher in pairwise(classes):
        assert higher <= left or not lower & left


@pytest.mark.parametrize("kept_share", [0.9, 0.7, 0.5, 0.4, 0.26, 0.1, 0.03])
def test_what_stays_of_a_class_is_even_over_the_time(kept_share: float) -> None:
    entries = seen(2_000)
    packed = pack(entries, int(kept_share * pack(entries, BIG, count).tokens), count)
    starts = [one.start_s for one in packed.entries]
    holes = [later - former for former, later in pairwise(starts)]
    assert (starts[0], starts[-1]) == (entries[0].start_s, entries[-1].start_s)
    assert max(holes) <= 2.1 * sum(holes) / len(holes)
    # Half of the time has half of the entries, however far the thinning got.
    halves = [sum(start < middle for start in starts) for middle in (2_500, 5_000, 7_500)]
    assert halves == pytest.approx([len(starts) * q / 4 for q in (1, 2, 3)], rel=0.1, abs=3)


@given(st.lists(st.floats(0.5, 60), min_size=30, max_size=200), st.floats(0.1, 0.95))
def test_uneven_entries_leave_no_hole_that_was_not_needed(steps: list[float], share: float) -> None:
    starts = [sum(steps[:n]) for n in range(len(steps))]
    entries = [
        entry(f"s{1000 + n}", at, f"Word{1000 + n}", "speech") for n, at in enumerate(starts)
    ]
    packed = pack(entries, int(share * pack(entries, BIG, count).tokens), count)
    left = [one.start_s for one in packed.entries]
    mean = (left[-1] - left[0]) / max(1, len(left) - 1)
    assert {left[0], left[-1]} <= {starts[0], starts[-1]}
    holes = [later - former for former, later in pairwise(left)]
    assert all(hole <= max(2.01 * mean, max(steps) + 0.001) for hole in holes)


def test_a_long_talk_loses_every_other_sentence_and_no_half_hour() -> None:
    entries = said(9_000)  # ten hours
    packed = pack(entries, pack(entries, BIG, count).tokens // 2, count)
    places = [int(name[1:]) - 1000 for name in ids(packed)]
    assert Counter(later - former for former, later in pairwise(places)).most_common(1)[0][0] == 2
    assert max(later - former for former, later in pairwise(places)) <= 4
    assert len(places) == pytest.approx(4_500, rel=0.02)


def test_a_near_repeat_is_one_of_something_new_shortly_before() -> None:
    view = "A man in a blue shirt stands at a desk with two lamps and a red book"
    near = [entry(f"c{n}", 30.0 * n, f"{view} {n}") for n in range(1, 13)]
    others = [entry("c90", 31, "A red car"), entry("c91", 32, "A blue car")]
    gone = first_gone(in_time(near, others))
    news = {"c1", "c6", "c11", "c90", "c91"}  # a view that stays is told anew after two minutes
    assert set(gone[: -len(news)]) == {one.id for one in near} - news


def test_small_steps_do_not_add_up_unseen() -> None:
    words = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    steps = []
    for n in range(5):
        words[n] = f"other{n}"
        steps.append(entry(f"c{n}", 5.0 * n, " ".join(words)))
    assert set(first_gone(steps)[:2]) == {"c1", "c3"}


def test_text_without_spaces_is_compared_by_letters() -> None:
    text = "一位穿蓝色衬衫的男士站在长桌旁边讲话并指向黑板"
    shown = [
        entry("c1", 0, text),
        entry("c2", 5, text.replace("黑板", "黑布")),
        entry("c3", 9, "一条狗"),
    ]
    assert first_gone(shown)[0] == "c2"


def test_favour_decides_within_a_class_and_above_zero_also_between_them() -> None:
    entries = in_time(said(20), seen(20))
    liked = {"s1003": -1.0, "c1007": 0.5, "s1011": 0.1, "s1012": 0.9}
    total = pack(entries, BIG, count).tokens

    def left(share: float) -> list[str]:
        return ids(pack(entries, int(share * total), count, favour=lambda e: liked.get(e.id, 0.0)))

    assert [name for name in left(0.5) if name[0] == "c"] == ["c1007"]
    assert "s1003" not in left(0.5)
    assert set(left(0.09)) == {"c1007", "s1011", "s1012"}
    assert set(left(0.06)) == {"s1011", "s1012"}
    assert left(0.03) == ["s1012"]


def test_facts_stay_when_all_else_is_gone_then_the_shortest_of_them() -> None:
    facts = [entry("f1", 0, "File name: talk.mp4", "fact"), entry("f2", 0, "Date: 2026", "fact")]
    entries = [*facts, *said(10)]
    least = pack(facts, BIG, count).tokens
    assert ids(pack(entries, least, count)) == ["f1", "f2"]
    assert ids(pack(entries, least - 1, count)) == ["f2"]


def test_a_page_of_notes_does_not_push_out_what_is_said() -> None:
    facts = [
        entry("f1", 0, "Title: Tides", "fact"),
        entry("f2", 0, "Note: " + "blah " * 900, "fact"),
    ]
    entries = [*facts, *said(100)]
    packed = pack(entries, 1_000, count)
    title, note, *_ = packed.entries
    assert (title, note.id, note.text[-1]) == (facts[0], "f2", "…")
    assert len(note.text) <= 640
    assert count(line_of(note)) <= 250
    assert len(packed.entries) > 30
    assert pack([*facts, *said(9)], 10_000, count).entries[1] == facts[1]


def test_one_cue_that_is_a_whole_talk_is_thinned_to_its_end() -> None:
    words = " ".join(f"word{n}" for n in range(5_000))
    packed = pack([entry("s1", 0, words, "speech"), *seen(5)], 2_000, count)
    assert ids(packed)[0] == "s1"
    told = packed.entries[0].text
    numbers = [int(word.removeprefix("word")) for word in told.replace("… ", "").split()]
    assert numbers == sorted(numbers)
    assert numbers[0] == 0
    assert max(later - former for former, later in pairwise([*numbers, 5_000])) < 900
    assert all(part in words for part in told.split(" … "))
    assert 200 < count(told) <= 500


def test_nothing_fits_and_everything_is_counted() -> None:
    entries = [entry("f1", 0, "Title: Tides", "fact"), *said(3), *seen(2)]
    packed = pack(entries, 3, count)
    assert packed == Packed((), {"fact": 1, "speech": 3, "caption": 2}, 0)
    assert pack([], 0, count) == Packed((), {}, 0)


def test_an_entry_over_the_budget_does_not_take_the_others_with_it() -> None:
    shown = [entry("s1", 0, "x" * 900, "speech"), *seen(3)]
    packed = pack(shown, 80, lambda text: 500 if "s1" in text else 20)
    assert ids(packed) == ["c1000", "c1001", "c1002"]
    assert packed.left_out == {"speech": 1}


def test_each_entry_is_counted_once_in_the_line_that_is_given() -> None:
    asked: list[str] = []

    def counted(text: str) -> int:
        asked.append(text)
        return count(text)

    entries = in_time(said(300), seen(300))
    pack(entries, 5_000, counted, line=as_line)
    assert asked == [f"{as_line(one)}\n" for one in entries]
