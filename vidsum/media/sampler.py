"""One picture every few seconds, or at given times, for as little decoding as that takes.

One linear read of the file, no seeking: that works with and without an index or a duration, and
in MPEG-TS. Packets are gathered GOP by GOP, :func:`vidsum.media.plan.plan` says which of them
are wanted, and only those GOPs reach the decoder, only up to the last wanted packet, with the
pictures that no other picture needs skipped on the way.

Runs in the decode process. Memory: one GOP of compressed packets, and never more than
``MAX_GOP_BYTES`` or ``MAX_GOP_PACKETS``; a longer GOP is decoded in pieces.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import av
from av.container import InputContainer

from vidsum.data import Frame, Sample
from vidsum.media import policy
from vidsum.media.convert import Converter
from vidsum.media.gop import GopDecoder
from vidsum.media.opening import Beat, packets, quiet
from vidsum.media.plan import Gop, Times, plan

if TYPE_CHECKING:
    from vidsum.media.clock import Packet
    from vidsum.media.gop import Picture

MAX_GOP_BYTES = 24 * 1024**2
MAX_GOP_PACKETS = 1500
_HELD_BACK = 32
"""Packets kept back when a GOP is cut into pieces: twice the deepest reordering (16) that
H.264 and HEVC allow, so that nothing still to come is shown before the first of them."""
_SUBSTITUTE_S = 0.5
"""How far off the neighbour of a picture that never comes out of the decoder may be. Pictures
that are hidden on purpose (VP8) have one a frame away; in a damaged stretch there is none."""
_LONGEST_STEP_S = 3600.0
"""How long the last picture may stay where only the ones before it, or a header, tell."""
_NO_KEYFRAME_AFTER = 500
"""After this many packets without a keyframe (intra refresh, broken flags) decode anyway."""


@dataclass(slots=True)
class SamplerReport:
    """What the sampler met. ``end_s`` is where the last picture ends."""

    end_s: float = 0.0
    packets: int = 0
    decoded: int = 0
    broken_packets: int = 0
    lost: list[float] = field(default_factory=list)


@dataclass(slots=True)
class _Piece:
    """Packets of one GOP, or of a piece of it, with what the planner needs to know of them."""

    packets: list[Packet] = field(default_factory=list)
    has_key: bool = True
    size_bytes: int = 0

    def add(self, packet: Packet) -> None:
        self.packets.append(packet)
        self.size_bytes += packet.size

    @property
    def too_long(self) -> bool:
        return self.size_bytes > MAX_GOP_BYTES or len(self.packets) > MAX_GOP_PACKETS


class Sampler:
    """Walks one video stream and yields the frames of a grid, or of moments, in order of time.

    It reads no further than the last moment.
    """

    def __init__(self, container: InputContainer, stream: av.VideoStream, times: Times,
                 side_px: int, origin_s: float, beat: Beat = quiet) -> None:  # fmt: skip
        context = stream.codec_context
        context.options = {"max_pixels": str(policy.MAX_PIXELS)}
        context.thread_count = 1
        self._container, self._stream, self._times = container, stream, times
        self._origin_s, self._beat = origin_s, beat
        self._base = float(stream.time_base or 0)
        self._decoder = GopDecoder(
            context,
            Converter(side_px, float(stream.sample_aspect_ratio or 1)),
            round(max(times.near_s, _SUBSTITUTE_S) / (self._base or 1)),
        )
        rate = stream.average_rate
        self._step_s = min(1 / float(rate), _LONGEST_STEP_S) if rate else 0.04
        self._k = 0
        self.report = SamplerReport()

    def frames(self) -> Iterator[Frame]:
        """Yield the samples; :attr:`report` is complete when the iterator ends."""
        current, following = _Piece(), _Piece()
        for packet in itertools.chain(self._packets(), [None]):
            if following.packets:
                key = following.packets[0]
                if packet is None or packet.is_keyframe or _pts(packet) > _pts(key):
                    yield from self._close(current, following)
                    if self._done:
                        return
                    current, following = following, _Piece()
                else:
                    following.add(packet)
                    continue
            if packet is None:
                yield from self._close(current, following)
                return
            if packet.is_keyframe and current.packets:
                if self._time_s(current.packets[0]) >= self._times.stop_s:
                    return
                following.add(packet)
                continue
            current.add(packet)
            if current.too_long:
                yield from self._decode_part(current)
                if self._done and not self._decoder.waiting:
                    return
                if self._time_s(current.packets[0]) >= self._times.stop_s:
                    yield from self._emit(self._decoder.finish())
                    return

    @property
    def _done(self) -> bool:
        """Whether every moment is planned for; a grid goes on to the end."""
        return self._times.time_s(self._k) == math.inf

    def _packets(self) -> Iterator[Packet]:
        """Yield the stream's packets from the first keyframe on, each with a pts."""
        waiting: list[Packet] = []
        started = False
        for packet in packets(self._container, self._stream, self._beat):
            if packet.pts is None:
                if packet.dts is None or packet.size == 0:
                    continue
                packet.pts = packet.dts
            self.report.packets += 1
            if packet.is_keyframe:
                started = True
                waiting.clear()
            if started:
                yield packet
                continue
            waiting.append(packet)
            if len(waiting) >= _NO_KEYFRAME_AFTER:
                started = True
                yield from waiting
                waiting.clear()
        if not started:
            yield from waiting

    def _time_s(self, packet: Packet) -> float:
        return _pts(packet) * self._base - self._origin_s

    def _gop(self, piece: _Piece, tail: list[Packet], known_until_s: float) -> Gop:
        chain = piece.packets + tail
        key_pts = _pts(piece.packets[0]) if piece.has_key else None
        times = [self._time_s(p) for p in chain]
        shown = [
            not p.is_discard and t >= -1e-6 and (key_pts is None or _pts(p) >= key_pts)
            for p, t in zip(chain, times, strict=True)
        ]
        if tail:
            shown[len(piece.packets)] = False  # the next keyframe answers in its own GOP
        end = self._end_s([(t, p) for p, t, s in zip(chain, times, shown, strict=True) if s])
        self.report.end_s = max(self.report.end_s, end)
        next_key = self._time_s(tail[0]) if tail else math.inf
        return Gop(times, shown, next_key, end, known_until_s, piece.has_key)

    def _end_s(self, visible: list[tuple[float, Packet]]) -> float:
        """Return when the last of these pictures ends. They are in decode order.

        MP4 stores how long a packet lasts until the next one *decoded*; only for the very last
        packet is that how long its picture is shown.
        """
        times = sorted(t for t, _ in visible)
        if not times:
            return self.report.end_s
        if len(times) > 1:
            self._step_s = min(max(1e-3, times[-1] - times[-2]), _LONGEST_STEP_S)
        last_s, packet = visible[-1]
        if last_s == times[-1] and packet.duration:
            return last_s + packet.duration * self._base
        return times[-1] + self._step_s

    def _close(self, piece: _Piece, following: _Piece) -> Iterator[Frame]:
        """Answer what a whole GOP (or its last piece) answers.

        ``following`` starts with the next keyframe. What follows it there is shown before it
        (an open GOP), needs both GOPs to decode, and so belongs to this one.
        """
        if not piece.packets:
            return
        gop = self._gop(piece, following.packets, math.inf)
        wants, self._k = plan(gop, self._times, self._k)
        if piece.has_key and not wants:
            return
        if piece.has_key:
            self._decoder.start()
        chain = piece.packets + following.packets
        self._decoder.want(chain, wants)
        yield from self._emit(self._decoder.feed(self._decoder.needed(chain)))
        yield from self._emit(self._decoder.finish())

    def _decode_part(self, piece: _Piece) -> Iterator[Frame]:
        """Decode all but the newest packets of a GOP that is too long to hold, and drop them."""
        cut = self._cut(piece)
        held = piece.packets[cut:]
        known_until_s = min(self._time_s(p) for p in held)
        wants, self._k = plan(self._gop(piece, [], known_until_s), self._times, self._k)
        if piece.has_key:
            self._decoder.start()
        self._decoder.want(piece.packets, wants)
        yield from self._emit(self._decoder.feed(piece.packets[:cut]))
        piece.packets, piece.has_key = held, False
        piece.size_bytes = sum(p.size for p in held)

    def _cut(self, piece: _Piece) -> int:
        """Return where a piece may be cut: all before is shown before all that is held back."""
        times = [self._time_s(p) for p in piece.packets]
        latest = list(itertools.accumulate(times, max))
        earliest = list(itertools.accumulate(reversed(times), min))[::-1]
        last = len(times) - _HELD_BACK
        return next((c for c in range(last, 1, -1) if latest[c - 1] <= earliest[c]), max(1, last))

    def _emit(self, pictures: Iterator[Picture]) -> Iterator[Frame]:
        for want, pts, image in pictures:
            self.report.decoded = self._decoder.decoded
            self.report.broken_packets = self._decoder.broken
            if image is None or pts is None:
                self.report.lost.append(want.target_s)
                continue
            pts_s = max(0.0, pts * self._base - self._origin_s)
            exact = want.on_screen and pts_s <= want.target_s + 1e-6
            time_s = want.target_s if exact else pts_s
            yield Frame(Sample(want.k, want.target_s, time_s, pts_s, want.role), image)


def _pts(packet: Packet) -> int:
    """Return a packet's time stamp in ticks; every packet that is sampled has one."""
    return packet.pts or 0
