"""The planner: which packet answers which time. Pure arithmetic, no media."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsum.media.plan import Gop, Grid, Moments, plan

INF = math.inf


def run_of(first_s: float, frames: int, fps: float = 10.0) -> list[float]:
    return [first_s + i / fps for i in range(frames)]


def gop(times: list[float], next_key_s: float = INF, end_s: float | None = None,
        shown: list[bool] | None = None) -> Gop:  # fmt: skip
    end = max(times) + 0.1 if end_s is None else end_s
    return Gop(times, shown or [True] * len(times), next_key_s, end)


def answers(g: Gop, grid: Grid, k: int = 0) -> tuple[dict[float, int], int]:
    wants, following = plan(g, grid, k)
    return {want.target_s: want.packet for want in wants if want.role == "grid"}, following


def test_exact_takes_the_picture_on_screen() -> None:
    found, following = answers(gop(run_of(0, 80), 8.0), Grid(5.0))
    assert found == {0.0: 0, 5.0: 50}
    assert following == 2


def test_a_near_keyframe_of_the_next_gop_is_left_to_it() -> None:
    assert answers(gop(run_of(0, 45), 4.5), Grid(5.0, 1.25), k=1) == ({}, 1)


def test_tolerance_takes_the_first_near_packet_in_decode_order() -> None:
    found, _ = answers(gop(run_of(0, 80), 8.0), Grid(5.0, 1.25), k=1)
    assert found == {5.0: 38}


def test_a_hole_is_answered_by_the_picture_that_stays_on_screen() -> None:
    found, following = answers(gop(run_of(0, 10), 21.0), Grid(5.0), k=1)
    assert found == {5.0: 9, 10.0: 9, 15.0: 9, 20.0: 9}
    assert following == 5


def test_hidden_packets_are_never_chosen() -> None:
    g = gop([-1.0, -0.5, 0.0, 0.5], shown=[False, False, True, True], end_s=1.0)
    found, _ = answers(g, Grid(5.0, 2.5))
    assert found == {0.0: 2}


def test_no_sample_at_the_very_end() -> None:
    assert answers(gop(run_of(0, 50), end_s=5.0), Grid(5.0)) == ({0.0: 0}, 1)
    assert answers(gop(run_of(0, 50), end_s=5.0004), Grid(5.0)) == ({0.0: 0}, 1)
    assert answers(gop(run_of(0, 51), end_s=5.1), Grid(5.0)) == ({0.0: 0, 5.0: 50}, 2)


def test_packets_may_be_out_of_display_order() -> None:
    g = gop([0.0, 0.4, 0.2, 0.1, 0.3], end_s=0.5)
    found, _ = answers(g, Grid(0.25), k=1)
    assert found == {0.25: 2}


def test_stop_ends_the_grid() -> None:
    found, following = answers(gop(run_of(0, 200), end_s=20.0), Grid(5.0, stop_s=12.0))
    assert sorted(found) == [0.0, 5.0, 10.0]
    assert following == 3


def test_start_moves_the_grid() -> None:
    found, _ = answers(gop(run_of(0, 200), end_s=20.0), Grid(5.0, start_s=7.0))
    assert found == {7.0: 70, 12.0: 120, 17.0: 170}


def test_a_long_tail_gets_one_more_look() -> None:
    wants, _ = plan(gop(run_of(0, 90), end_s=9.0), Grid(5.0), 0)
    assert [(w.role, w.packet) for w in wants] == [("grid", 0), ("grid", 50), ("last_look", 89)]


def test_a_short_tail_gets_none() -> None:
    wants, _ = plan(gop(run_of(0, 70), end_s=7.0), Grid(5.0), 0)
    assert [w.role for w in wants] == ["grid", "grid"]


def test_a_clip_shorter_than_the_interval_is_looked_at_twice() -> None:
    wants, _ = plan(gop(run_of(0, 24), end_s=2.4), Grid(5.0, 1.25), 0)
    assert [w.role for w in wants] == ["grid", "last_look"]
    assert wants[1].target_s > 1.0


def test_a_piece_answers_only_what_is_known() -> None:
    whole = gop(run_of(0, 100), INF)
    piece = Gop(whole.times_s, whole.shown, INF, 10.0, known_until_s=6.0)
    found, following = answers(piece, Grid(5.0))
    assert found == {0.0: 0, 5.0: 50}
    assert following == 2


@pytest.mark.parametrize(("interval_s", "tolerance_s"), [(0, 0), (-1, 0), (5, -0.1)])
def test_a_grid_that_makes_no_sense_is_refused(interval_s: float, tolerance_s: float) -> None:
    with pytest.raises(ValueError, match="interval"):
        Grid(interval_s, tolerance_s)


@pytest.mark.parametrize("time_s", [-1.0, INF, math.nan])
def test_a_moment_that_is_no_time_is_refused(time_s: float) -> None:
    with pytest.raises(ValueError, match="moment"):
        Moments((1.0, time_s))


def test_moments_are_in_order_each_once() -> None:
    moments = Moments((7.0, 3.0, 7.0))
    assert moments.times_s == (3.0, 7.0)
    assert [moments.time_s(k) for k in range(3)] == [3.0, 7.0, INF]


def test_of_a_moment_past_the_end_the_last_picture_is_not_on_screen_then() -> None:
    wants, following = plan(gop(run_of(0, 50), end_s=5.0), Moments((1.23, 6.0)), 0)
    assert [(w.packet, w.on_screen) for w in wants] == [(12, True), (49, False)]
    assert following == 2


@given(
    gop_frames=st.lists(st.integers(1, 60), min_size=1, max_size=8),
    fps=st.sampled_from([5.0, 10.0, 24.0, 29.97]),
    shares=st.lists(st.floats(0.0, 1.2), max_size=9),
)
def test_every_moment_gets_exactly_its_picture(
    gop_frames: list[int], fps: float, shares: list[float]
) -> None:
    whole = sum(gop_frames)
    moments = Moments(tuple(share * whole / fps for share in shares))
    starts = [sum(gop_frames[:i]) for i in range(len(gop_frames) + 1)]
    k, found = 0, {}
    for number, frames in enumerate(gop_frames):
        last = number == len(gop_frames) - 1
        times = [(starts[number] + i) / fps for i in range(frames)]
        g = Gop(times, [True] * frames, INF if last else starts[number + 1] / fps, whole / fps)
        wants, k = plan(g, moments, k)
        found |= {want.target_s: times[want.packet] for want in wants}
    assert sorted(found) == list(moments.times_s)
    for time_s, shown_s in found.items():
        pictures = [i / fps for i in range(whole) if i / fps <= time_s + 1e-6]
        assert shown_s == pytest.approx(pictures[-1])


@given(
    gop_frames=st.lists(st.integers(1, 60), min_size=1, max_size=8),
    fps=st.sampled_from([5.0, 10.0, 24.0, 29.97]),
    interval_s=st.floats(0.3, 7.0),
    share=st.floats(0.0, 0.5),
    stop=st.one_of(st.none(), st.floats(0.1, 1.0)),
)
def test_every_time_is_answered_once_and_near(
    gop_frames: list[int], fps: float, interval_s: float, share: float, stop: float | None
) -> None:
    whole_s = sum(gop_frames) / fps
    stop_s = INF if stop is None else whole_s * stop
    grid = Grid(interval_s, interval_s * share, 0.0, stop_s)
    starts = [sum(gop_frames[:i]) / fps for i in range(len(gop_frames) + 1)]
    k, targets = 0, []
    for number, frames in enumerate(gop_frames):
        last = number == len(gop_frames) - 1
        times = [starts[number] + i / fps for i in range(frames)]
        g = Gop(times, [True] * frames, INF if last else starts[number + 1], starts[number + 1])
        wants, k = plan(g, grid, k)
        if starts[number] >= stop_s:
            assert wants == []
        for want in wants:
            assert times[want.packet] < stop_s
            assert abs(times[want.packet] - want.target_s) <= max(grid.near_s, 1 / fps) + 1e-6
            if want.role == "grid":
                targets.append(want.target_s)
    end_s = min(starts[-1] - 1e-3, stop_s - 1e-6)
    expected = max(1, math.ceil(end_s / interval_s))
    assert len(targets) == expected
    assert targets == sorted(set(targets))
