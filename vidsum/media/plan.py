"""Which packet answers which sample time: pure arithmetic, no media.

A GOP (group of pictures) is what lies between two keyframes. It is decoded from its keyframe up
to the last packet that is wanted, and not at all when nothing in it is. So the planner looks,
for every target time, for the packet that is cheapest to reach: a keyframe near enough, else
the first packet in decode order that is near enough, else the picture on screen at that time.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from vidsum.data import Role

_SAME_S = 1e-6
_SHORT_TAIL_S = 1.0
_END_SLACK_S = 1e-3
"""Containers round times to a millisecond: 15.0004 s is 15 s, and has no sample at 15."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The times to look at: ``start_s + k × interval_s`` for k = 0, 1, 2 …, below ``stop_s``.

    ``tolerance_s`` is how far a picture may be from its time when that saves decoding; 0 asks
    for the picture that is on screen at exactly that time.
    """

    interval_s: float
    tolerance_s: float = 0.0
    start_s: float = 0.0
    stop_s: float = math.inf

    def __post_init__(self) -> None:
        if self.interval_s <= 0 or self.tolerance_s < 0:
            raise ValueError("the interval must be above 0 and the tolerance not below 0")

    def time_s(self, k: int) -> float:
        """Return the k-th time."""
        return self.start_s + k * self.interval_s

    @property
    def near_s(self) -> float:
        """The tolerance that is really used: always under half an interval."""
        return min(self.tolerance_s, self.interval_s / 2 - _SAME_S)


@dataclass(frozen=True, slots=True)
class Moments:
    """Times that somebody names, in seconds; each gets the picture that is on screen exactly then.

    They are looked at in order of time, each once, whatever order they are given in. One before
    the first picture gets that one, one past the end the last: its sample says whose time it is.
    """

    times_s: tuple[float, ...]
    near_s: ClassVar[float] = 0.0
    stop_s: ClassVar[float] = math.inf

    def __post_init__(self) -> None:
        if not all(0 <= time_s < math.inf for time_s in self.times_s):
            raise ValueError("a moment must be a time from 0 on")
        object.__setattr__(self, "times_s", tuple(sorted(set(self.times_s))))

    def time_s(self, k: int) -> float:
        """Return the k-th time, inf when there are no more."""
        return self.times_s[k] if k < len(self.times_s) else math.inf


Times = Grid | Moments


@dataclass(frozen=True, slots=True)
class Gop:
    """One group of pictures as the planner sees it, in decode order.

    ``times_s`` presentation times; ``shown[i]`` False for pictures that are never shown or
    cannot be decoded from here. ``next_key_s`` is the next keyframe's time, inf for the last
    GOP. ``end_s`` is when the last picture ends. ``known_until_s`` is inf unless the GOP is
    being read in pieces: no packet still to come is shown before it. ``has_key`` is False for
    all pieces but the first.
    """

    times_s: Sequence[float]
    shown: Sequence[bool]
    next_key_s: float
    end_s: float
    known_until_s: float = math.inf
    has_key: bool = True
    order: list[int] = field(init=False, repr=False)
    sorted_s: list[float] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        order = sorted((i for i, s in enumerate(self.shown) if s), key=self.times_s.__getitem__)
        object.__setattr__(self, "order", order)
        object.__setattr__(self, "sorted_s", [self.times_s[i] for i in order])

    @property
    def is_last(self) -> bool:
        """Whether nothing comes after this GOP."""
        return self.next_key_s == math.inf and self.known_until_s == math.inf

    def on_screen(self, t_s: float) -> int | None:
        """Return the packet whose picture is on screen at ``t_s``, None before the first."""
        place = bisect_right(self.sorted_s, t_s + _SAME_S)
        return self.order[place - 1] if place else None


@dataclass(frozen=True, slots=True)
class Want:
    """One packet's picture answers the time ``target_s``. ``on_screen``: it is shown then."""

    packet: int
    k: int
    target_s: float
    on_screen: bool
    role: Role = "grid"


def plan(gop: Gop, times: Times, k: int) -> tuple[list[Want], int]:
    """Return what this GOP answers, and the number of the next time that is still open.

    ``k`` is the first open time. The times that a later GOP answers better are left open.
    """
    wants: list[Want] = []
    while True:
        t = times.time_s(k)
        if t >= times.stop_s - _SAME_S or t > gop.known_until_s:
            break
        if isinstance(times, Grid) and gop.is_last and t >= gop.end_s - _END_SLACK_S and t > 0:
            break
        if _next_gop_is_better(gop, times, t):
            break
        packet = _cheapest(gop, times, t)
        if packet is None:
            break
        over = gop.is_last and t >= gop.end_s
        wants.append(Want(packet, k, t, packet == gop.on_screen(t) and not over))
        k += 1
    if isinstance(times, Grid) and _ends_here(gop, times):
        wants += _last_look(gop, times, k, wants)
    return wants, k


def _ends_here(gop: Gop, grid: Grid) -> bool:
    return gop.is_last or grid.stop_s <= min(gop.next_key_s, gop.known_until_s) < math.inf


def _key_is_near(gop: Gop, t: float, near_s: float) -> bool:
    return gop.has_key and gop.shown[0] and abs(gop.times_s[0] - t) <= near_s


def _next_gop_is_better(gop: Gop, times: Times, t: float) -> bool:
    if gop.next_key_s == math.inf or gop.next_key_s >= times.stop_s:
        return False
    near_s = times.near_s
    if _key_is_near(gop, t, near_s):
        return abs(gop.next_key_s - t) < abs(gop.times_s[0] - t)
    return gop.next_key_s <= t + max(near_s, _SAME_S)


def _cheapest(gop: Gop, times: Times, t: float) -> int | None:
    near_s = times.near_s
    if _key_is_near(gop, t, near_s):
        return 0
    if near_s > 0:
        for i, time_s in enumerate(gop.times_s):
            if gop.shown[i] and abs(time_s - t) <= near_s and time_s < times.stop_s:
                return i
    shown = gop.on_screen(t)
    if shown is None and gop.order and gop.sorted_s[0] < times.stop_s:
        return gop.order[0]
    return shown


def _last_look(gop: Gop, grid: Grid, k: int, wants: list[Want]) -> list[Want]:
    """One more look at the end, when the grid leaves a stretch there that is worth one.

    That is over half an interval, or over half a second of a video that has one sample only.
    """
    before = bisect_right(gop.sorted_s, grid.stop_s - _SAME_S)
    if not before or not k:
        return []
    last_s = gop.sorted_s[before - 1]
    unseen_s = last_s - grid.time_s(k - 1)
    if unseen_s <= (_SHORT_TAIL_S if k == 1 else grid.interval_s) / 2:
        return []
    from_s = last_s - min(grid.near_s, unseen_s / 2) - _SAME_S
    packet = next(i for i, t in enumerate(gop.times_s) if gop.shown[i] and from_s <= t <= last_s)
    if any(want.packet == packet for want in wants):
        return []
    return [Want(packet, k, gop.times_s[packet], True, "last_look")]
