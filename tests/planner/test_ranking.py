"""Any beginning of the ranking covers the whole time and prefers what is new."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsum.data import Observation, PictureFacts, Sample, ScreenText, TextLine
from vidsum.planner.ranking import Candidate, Share, candidates, rank

# Quarters of a second are exact in binary, so that no bound fails by a rounding.
moments = st.lists(st.integers(0, 400), min_size=1, max_size=24, unique=True).map(
    lambda found: [quarter / 4 for quarter in found]
)


@st.composite
def pictures(draw: st.DrawFn) -> list[Candidate]:
    times = draw(moments)
    return [Candidate(time_s, draw(st.integers(0, 12)) * 1.0) for time_s in times]


def reach(times: list[float], picked: list[float]) -> float:
    """How far the farthest picture is from a picked one."""
    return max(min(abs(time - pick) for pick in picked) for time in times)


def best_reach(times: list[float], count: int) -> float:
    """The least reach that so many moments can have, wherever they are."""

    def covers(radius: float) -> bool:
        needed, until = 0, float("-inf")
        for time in sorted(times):
            if time > until:
                needed, until = needed + 1, time + 2 * radius
        return needed <= count

    halves = sorted({abs(a - b) / 2 for a in times for b in times})
    return next(radius for radius in halves if covers(radius))


@given(pictures())
def test_every_picture_has_one_place(frames: list[Candidate]) -> None:
    assert sorted(rank(frames)) == list(range(len(frames)))


@given(pictures(), st.randoms(use_true_random=False))
def test_the_order_given_does_not_matter(frames: list[Candidate], chance: random.Random) -> None:
    mixed = chance.sample(frames, len(frames))
    assert [mixed[i] for i in rank(mixed)] == [frames[i] for i in rank(frames)]


@given(pictures())
def test_every_beginning_reaches_at_most_four_times_as_far_as_the_best(
    frames: list[Candidate],
) -> None:
    times = [frame.time_s for frame in frames]
    picked = [times[i] for i in rank(frames)]
    for count in range(1, len(times) + 1):
        assert reach(times, picked[:count]) <= 4 * best_reach(times, count)


@given(pictures())
def test_every_beginning_leaves_no_large_gap(frames: list[Candidate]) -> None:
    times = sorted(frame.time_s for frame in frames)
    span_s = times[-1] - times[0]
    unavoidable_s = max((b - a for a, b in pairwise(times)), default=0.0)
    picked = [frames[i].time_s for i in rank(frames)]
    for count in range(1, len(times) + 1):
        edges = [times[0], *sorted(picked[:count]), times[-1]]
        largest_s = max(b - a for a, b in pairwise(edges))
        assert largest_s <= 4 * span_s / count + unavoidable_s


@given(pictures())
def test_the_most_informative_of_those_far_off_is_next(frames: list[Candidate]) -> None:
    order = rank(frames)
    for count in range(3, len(order)):
        picked, left = order[:count], order[count:]
        way = {i: min(abs(frames[i].time_s - frames[p].time_s) for p in picked) for i in left}
        allowed = [i for i in left if way[i] >= max(way.values()) / 2]
        best = max(frames[i].novelty or 0.0 for i in allowed)
        equals = [i for i in allowed if frames[i].novelty == best]
        assert order[count] == min(equals, key=lambda i: (-way[i], frames[i].time_s))


@given(pictures())
def test_three_pictures_show_the_middle_and_both_ends(frames: list[Candidate]) -> None:
    times = [frame.time_s for frame in frames]
    first_s, span_s = min(times), max(times) - min(times)
    middle_s = first_s + span_s / 2
    picked = [times[i] for i in rank(frames)[:3]]
    nearest = min(abs(time - middle_s) for time in times)
    assert abs(picked[0] - middle_s) <= max(span_s / 8, nearest)
    if len(picked) == 3:
        early, late = sorted(picked[1:])
        assert early <= first_s + span_s / 4
        assert late >= first_s + 3 * span_s / 4


def test_nothing_to_rank() -> None:
    assert rank([]) == []


def test_pictures_of_one_moment_go_by_what_they_tell() -> None:
    frames = [Candidate(5.0, novelty) for novelty in (1.0, 9.0, 4.0, 9.0)]
    assert rank(frames) == [1, 3, 2, 0]


def test_without_a_difference_between_them_pictures_go_by_time_alone() -> None:
    frames = [Candidate(10.0 * i) for i in range(9)]
    assert rank(frames) == [4, 0, 8, 2, 6, 1, 3, 5, 7]


def test_a_busy_minute_does_not_hide_a_quiet_hour() -> None:
    busy = [Candidate(float(i), 90.0) for i in range(60)]
    quiet = [Candidate(60.0 * i, 1.0) for i in range(1, 61)]
    frames = busy + quiet
    tenths = [int(frames[i].time_s // 360) for i in rank(frames)]
    assert max(tenths[:3]) >= 7
    assert {min(tenth, 9) for tenth in tenths[:16]} == set(range(10))


def test_among_neighbours_new_text_comes_first_and_a_blank_picture_last() -> None:
    # Positions 4 to 6 lie in the middle quarter, where the first pick comes from.
    def first(four: Candidate, five: Candidate, six: Candidate) -> int:
        around = [Candidate(float(i), 10.0) for i in (0, 1, 2, 3)]
        return rank([*around, four, five, six, *(Candidate(float(i), 10.0) for i in (7, 8, 9))])[0]

    plain, slide = Candidate(5.0, 20.0), Candidate(4.5, 3.0, text_changed=1.0)
    fade, line = Candidate(4.0, 120.0, blank=True), Candidate(4.5, 3.0, text_changed=0.125)
    assert first(fade, slide, plain) == 5
    assert first(fade, line, plain) == 6
    assert first(fade, Candidate(4.5, 0.0), Candidate(5.0, 0.0)) in (5, 6)


def test_a_first_picture_counts_as_a_usual_one() -> None:
    def beginning(novelty_s: list[float]) -> int:
        frames = [Candidate(0.0), *(Candidate(i + 1.0, n) for i, n in enumerate(novelty_s))]
        return min(rank(frames)[1:3])

    assert beginning([5.0, 5.0, 90.0, 90.0, 90.0, 90.0, 90.0, 90.0]) == 0
    assert beginning([50.0, 5.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0]) == 1


def test_many_pictures() -> None:
    chance = random.Random(4)
    frames = [Candidate(5.0 * i, chance.uniform(0, 60)) for i in range(7_200)]
    order = rank(frames)
    assert sorted(order) == list(range(7_200))
    half = [frames[i].novelty or 0.0 for i in order[:3_600]]
    rest = [frames[i].novelty or 0.0 for i in order[3_600:]]
    assert sum(half) > 1.5 * sum(rest)


def observation(index: int, difference: float | None, *lines: str) -> Observation:
    facts = PictureFacts("medium", 100.0, False, index == 3, "none", 0.1, None, difference)
    text = tuple(TextLine(line, 0.9, 0.1, 0.1, 0.9, 0.2) for line in lines)
    time_s = 5.0 * index
    read = ScreenText(index, time_s, text) if lines else None
    return Observation(Sample(index, time_s, time_s, time_s), facts, read)


def test_what_ranking_needs_of_observations() -> None:
    seen = [
        observation(0, None, "Costs"),
        observation(1, 3.0, "Costs", "a token", "a second", "a picture"),
        observation(2, 2.0, "a token", "Costs"),
        observation(3, 80.0),
    ]
    assert candidates(seen) == [
        Candidate(0.0, None, 1.0),
        Candidate(5.0, 3.0, 0.75),
        Candidate(10.0, 2.0, 0.0),
        Candidate(15.0, 80.0, 0.0, blank=True),
    ]


LONGEST_S = 29.0
block_lengths = st.lists(st.integers(1, 58).map(lambda n: n / 2), min_size=1, max_size=60)
shares = st.integers(0, 64).map(lambda n: n / 64)


def heard(blocks: list[float], share: float) -> list[bool]:
    decides = Share(sum(blocks), LONGEST_S)
    return [decides.hears(block_s, share) for block_s in blocks]


@given(st.lists(st.tuples(st.integers(1, 58).map(lambda n: n / 2), shares), max_size=60),
       st.floats(0.0, 2_000.0))  # fmt: skip
def test_what_is_heard_keeps_to_what_is_due(
    blocks: list[tuple[float, float]], total_s: float
) -> None:
    """However the share changes, and however wrong the total is."""
    decides = Share(total_s, LONGEST_S)
    due_s = heard_s = first_s = 0.0
    for block_s, share in blocks:
        takes = decides.hears(block_s, share)
        due_s += share * block_s
        if takes:
            assert share > 0
            heard_s, first_s = heard_s + block_s, first_s or block_s
        assert heard_s <= due_s + first_s + 1e-6
        assert heard_s > due_s - 2 * LONGEST_S
        assert decides.heard_s == pytest.approx(heard_s)


@given(block_lengths, shares)
def test_a_steady_share_is_never_exceeded_in_all(blocks: list[float], share: float) -> None:
    taken = sum(b for b, takes in zip(blocks, heard(blocks, share), strict=True) if takes)
    assert taken <= share * sum(blocks) + 1e-6


@given(block_lengths, shares)
def test_the_first_and_the_last_words_are_heard_if_the_share_allows_both(
    blocks: list[float], share: float
) -> None:
    decided, may_s = heard(blocks, share), share * sum(blocks)
    if share:
        assert decided[0] == (blocks[0] <= may_s)
    if blocks[0] + blocks[-1] <= may_s:
        assert decided[-1]


@given(block_lengths, shares.filter(bool))
def test_no_long_stretch_is_passed_over(blocks: list[float], share: float) -> None:
    passed_s = 0.0
    for block_s, takes in zip(blocks, heard(blocks, share), strict=True):
        passed_s = 0.0 if takes else passed_s + block_s
        assert passed_s <= 3 * LONGEST_S / share


@given(block_lengths, st.floats(0.0, 2_000.0))
def test_all_or_nothing(blocks: list[float], total_s: float) -> None:
    everything, nothing = Share(total_s), Share(total_s)
    assert all(everything.hears(block_s, 1.0) for block_s in blocks)
    assert not any(nothing.hears(block_s, 0.0) for block_s in blocks)


def test_nothing_is_heard_once_nothing_may_be() -> None:
    decides = Share(63.0)
    assert [decides.hears(29.0, 0.9), decides.hears(29.0, 0.9)] == [True, False]
    assert not decides.hears(5.0, 0.0)  # although 23 s are due


@pytest.mark.parametrize(
    ("share", "pattern"),
    [(0.1, "#..................#"), (0.25, "#....#....#....#...#"), (0.5, "#..#.#.#.#.#.#.#.#.#")],
)
def test_it_is_spread_evenly(share: float, pattern: str) -> None:
    """2, 5 and 10 of 20 blocks, with the first and the last among them."""
    decides = Share(200.0, 10.0)
    assert "".join(".#"[decides.hears(10.0, share)] for _ in range(20)) == pattern


def test_the_last_words_are_heard_although_more_were_expected() -> None:
    told, untold = Share(101.0, 10.0), Share(101.0, 10.0)
    before = [told.hears(10.0, 0.5) for _ in range(9)]
    assert before == [untold.hears(10.0, 0.5) for _ in range(9)]
    assert told.hears(10.0, 0.5, last=True)
    assert not untold.hears(10.0, 0.5)
    assert told.heard_s == 50.0
