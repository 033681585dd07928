"""Times of packets: what real files do passes untouched, what only damage does is put right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import pairwise
from random import Random

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsum.media.clock import longest_hole_s, steady

STEP = 40
"""Milliseconds between two pictures."""


def packets(times: Iterable[int | None]) -> list[av.Packet]:
    """Packets in decode order with these times in milliseconds."""
    made = []
    for time in times:
        packet = av.Packet(b"x")
        packet.pts = packet.dts = time
        packet.time_base = Fraction(1, 1000)
        packet.duration = STEP
        made.append(packet)
    return made


def settled(times: Sequence[int | None], hole_s: float = 3600.0) -> list[int | None]:
    given = packets(times)
    kept = list(steady(iter(given), hole_s))
    assert [id(p) for p in kept] == [id(p) for p in given]  # none is lost, none is moved
    return [packet.pts for packet in kept]


def pyramid(groups: int, start: int = 0) -> list[int]:
    """B-frames that other B-frames refer to: 0 4 2 1 3 8 6 5 7 …"""
    order = [0] + [4 * group + place for group in range(groups) for place in (4, 2, 1, 3)]
    return [start + STEP * number for number in order]


@pytest.mark.parametrize(
    "times",
    [
        [],
        [500],
        list(range(0, 4000, STEP)),
        pyramid(30),
        [*pyramid(10), *pyramid(10, 3_000_000)],  # nothing happens for fifty minutes
        [-80, -40, *pyramid(20)],
        [number * STEP for number in (16, *range(16), 33, *range(17, 33), 50, *range(34, 50))],
        [0, 0, 40, 40, 80, 80, *range(120, 2000, STEP)],
        [*pyramid(10), None, None],
    ],
)
def test_what_real_files_do_is_left_alone(times: list[int | None]) -> None:
    assert settled(times) == times


@given(st.lists(st.integers(1, 60_000), min_size=1, max_size=80), st.randoms())
def test_any_order_that_sixteen_pictures_allow_is_left_alone(
    steps: list[int], dice: Random
) -> None:
    """Each picture is decoded at most 16 places before it is shown."""
    times, now = [], 0
    for step in steps:
        now += step
        times.append(now)
    keys = [number + dice.uniform(0, 16) for number in range(len(times))]
    order = sorted(range(len(times)), key=lambda number: (keys[number], number))
    shuffled: list[int | None] = [times[number] for number in order]
    assert settled(shuffled) == shuffled


@pytest.mark.parametrize("place", [0, 1, 20, 41, 60])
@pytest.mark.parametrize("damage", [2_000, 12_000_000, -1_500, -9_000_000])
def test_a_time_that_stands_alone_becomes_its_neighbours(place: int, damage: int) -> None:
    times: list[int | None] = [*pyramid(40)]
    good = list(times)
    times[60 + place] += damage  # type: ignore[operator]
    kept = settled(times)
    assert kept[: 60 + place] == good[: 60 + place]
    assert kept[61 + place :] == good[61 + place :]
    found, right = kept[60 + place], good[60 + place]
    assert found is not None
    assert right is not None
    assert abs(found - right) <= 5 * STEP


@pytest.mark.parametrize("start", [0, 90_000_000])
def test_a_clock_that_starts_again_goes_on(start: int) -> None:
    """Recordings that were joined byte by byte."""
    part = pyramid(20, start)
    kept = [time for time in settled(part * 3) if time is not None]
    right = [time + number * (max(part) - start + STEP) for number in range(3) for time in part]
    for found, wanted in zip(kept, right, strict=True):
        assert found == pytest.approx(wanted, abs=12 * STEP)
    assert kept[: len(part) - 4] == part[:-4]


def test_a_clock_that_leaps_too_far_goes_on() -> None:
    far = pyramid(20, 4_000_000)
    near = pyramid(20)
    kept = [t for t in settled(near + far, hole_s=3600.0) if t is not None]
    assert kept[: len(near)] == near
    assert max(kept) == pytest.approx(2 * max(near), abs=8 * STEP)
    assert settled(near + far, hole_s=5000.0) == near + far


def test_a_clock_that_comes_back_is_believed_again() -> None:
    """A cluster whose own time is damaged, in the middle of a file."""
    times: list[int | None] = [*pyramid(100)]
    good = list(times)
    for place in range(201, 281):
        times[place] -= 8_000  # type: ignore[operator]
    kept = settled(times)
    assert kept[:196] == good[:196]
    assert kept[285:] == good[285:]
    for found, right in zip(kept[196:285], good[196:285], strict=True):
        assert found == pytest.approx(right, abs=12 * STEP)


def test_a_duration_that_is_damaged_is_dropped() -> None:
    given = packets(pyramid(10))
    given[7].duration = 2**40
    assert [p.duration for p in steady(iter(given), 3600.0)][7] == 0


def test_a_packet_without_a_time_of_showing_has_that_of_decoding() -> None:
    given = packets([0, 40, 80])
    for packet in given:
        packet.pts = None
    assert [p.pts for p in steady(iter(given), 3600.0)] == [0, 40, 80]


@given(st.lists(st.none() | st.integers(-(2**40), 2**40), max_size=60))
def test_any_times_keep_each_packet_and_no_endless_hole(times: list[int | None]) -> None:
    kept = [t for t in settled(times) if t is not None]
    assert len(kept) == sum(time is not None for time in times)
    tops = [max(kept[: number + 1]) for number in range(len(kept))]
    assert all(b - a <= 3_600_000 + STEP for a, b in pairwise(tops))


@pytest.mark.parametrize(
    ("duration_s", "hole_s"),
    [(None, 108_000.0), (10.0, 3600.0), (9000.0, 9000.0), (1e8, 108_000.0)],
)
def test_how_long_nothing_may_come(duration_s: float | None, hole_s: float) -> None:
    assert longest_hole_s(duration_s) == hole_s
