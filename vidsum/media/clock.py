"""A stream's clock, put right where damage or a splice has moved it.

Runs in the decode process.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    import av

    Packet = av.Packet[Any]

_REORDER = 16
"""H.264 and HEVC decode a picture at most this many pictures before it is shown. So a time that
more packets than that contradict is no reordering."""
_HOLE_S = 3600.0
_HOLE_OF_UNKNOWN_S = 30 * 3600.0
"""Source: FFmpeg's program gives up a clock that jumps by more (``-dts_error_threshold``)."""


def longest_hole_s(duration_s: float | None) -> float:
    """Return how long nothing may come: an hour, or all of the time that the file says it lasts.

    Cameras that record movement only and static screens do leave holes of hours. A damaged header
    that promises years is believed for 30 hours: each look in a hole is a picture that is sent.
    """
    if duration_s is None:
        return _HOLE_OF_UNKNOWN_S
    return min(max(_HOLE_S, duration_s), _HOLE_OF_UNKNOWN_S)


def steady(packets: Iterable[Packet], hole_s: float) -> Iterator[Packet]:
    """Yield a stream's packets with times that can be believed.

    A time that stands alone is damaged and becomes that of its neighbour. A clock that starts
    again (recordings that were joined) or leaps by more than ``hole_s`` is made to go on where
    it was. Packets without a time pass as they are.
    """
    clock = _Clock()
    held: deque[Packet] = deque()
    times: deque[int] = deque()
    longest = 0.0
    for packet in packets:
        if packet.pts is None and packet.size:
            packet.pts = packet.dts
        if packet.pts is not None:
            longest = longest or hole_s / float(packet.time_base)
            times.append(packet.pts)
        held.append(packet)
        if len(held) > _REORDER + 1:
            yield clock.settled(held.popleft(), times, longest)
    while held:
        yield clock.settled(held.popleft(), times, longest)


class _Clock:
    """What the packets so far say the time is, in ticks."""

    def __init__(self) -> None:
        self._recent: deque[int] = deque(maxlen=_REORDER + 1)
        self._top = 0
        self._offset = 0

    def settled(self, packet: Packet, times: deque[int], longest: float) -> Packet:
        """Return the packet with the time that it should have; ``times`` begin with its own."""
        if packet.pts is None:
            return packet
        if (packet.duration or 0) > longest:
            packet.duration = 0
        raw = times.popleft()
        time = self._believable(packet, raw, times, longest) if self._recent else raw
        self._top = max(self._top, time) if self._recent else time
        self._recent.append(time)
        if time != raw:
            packet.pts = time
        return packet

    def _believable(self, packet: Packet, raw: int, later: deque[int], longest: float) -> int:
        time = raw + self._offset
        if self._strays(time, later):
            return self._recent[-1] + 1
        if self._starts_again(time, later) or time - self._top > longest:
            self._offset += self._top + max(1, packet.duration or 0) - time
        elif abs(raw - self._top) < min(abs(time - self._top), longest):
            self._offset = 0  # the clock is back where it was
        return raw + self._offset

    def _strays(self, time: int, later: deque[int]) -> bool:
        """Whether a time is far off, and those after it are not."""
        if len(later) <= _REORDER:
            return False
        if time > self._top:
            return self._top <= self._latest(later, time) < time
        if len(self._recent) <= _REORDER or any(t <= time for t in self._recent):
            return False
        return self._latest(later, self._top + 1) > self._top

    def _starts_again(self, time: int, later: deque[int]) -> bool:
        if time >= self._top or len(later) <= _REORDER:
            return False
        return self._latest(later, self._top) < self._top

    def _latest(self, later: deque[int], enough: int) -> int:
        """Return the latest of the times to come, or the first that is ``enough``."""
        latest = later[0] + self._offset
        for raw in later:
            latest = max(latest, raw + self._offset)
            if latest >= enough:
                break
        return latest
