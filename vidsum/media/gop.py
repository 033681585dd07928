"""Decoding one GOP after another, no further than is wanted. Runs in the decode process."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import av

from vidsum.media.convert import Converter
from vidsum.media.plan import Want

if TYPE_CHECKING:
    from vidsum.data import Image
    from vidsum.media.clock import Packet

    Picture = tuple[Want, int | None, Image | None]
    """A want, the pts of the picture that answers it, and the picture; None, None: lost."""


class GopDecoder:
    """Feeds the packets of one GOP after another to the codec and takes wanted pictures out.

    A wanted picture that never comes out is answered by the one before it if that is at most
    ``near_pts`` ticks off, else it is lost. ``decoded`` counts pictures, ``broken`` packets that
    the codec refused.
    """

    def __init__(self, context: av.VideoCodecContext, converter: Converter, near_pts: int) -> None:
        self._context, self._converter, self._near_pts = context, converter, near_pts
        self._wanted: dict[int, list[Want]] = {}
        self._last: av.VideoFrame | None = None
        self.decoded = 0
        self.broken = 0

    def start(self) -> None:
        """Forget what was decoded before: a GOP begins."""
        self._wanted.clear()
        self._last = None

    @property
    def waiting(self) -> bool:
        """Whether a wanted picture has not come out yet."""
        return bool(self._wanted)

    def want(self, packets: list[Packet], wants: list[Want]) -> None:
        """Remember which packets' pictures are wanted, and for what."""
        for want in wants:
            self._wanted.setdefault(packets[want.packet].pts or 0, []).append(want)

    def needed(self, packets: list[Packet]) -> list[Packet]:
        """Return the packets up to the last one whose picture is wanted."""
        last = max((i for i, p in enumerate(packets) if p.pts in self._wanted), default=-1)
        return packets[: last + 1]

    def feed(self, packets: list[Packet]) -> Iterator[Picture]:
        """Decode packets, in decode order, and yield the wanted pictures that come out."""
        for packet in packets:
            wanted = packet.is_keyframe or packet.pts in self._wanted
            self._context.skip_frame = "DEFAULT" if wanted else "NONREF"
            try:
                frames = self._context.decode(packet)
            except av.error.FFmpegError:
                self.broken += 1
                continue
            yield from self._take(frames)

    def finish(self) -> Iterator[Picture]:
        """Drain the codec and answer what is still open with the last picture there is."""
        try:
            yield from self._take(self._context.decode(None))
        except av.error.FFmpegError:
            self.broken += 1
        self._context.flush_buffers()
        yield from self._answer_passed(math.inf, self._last)
        self._wanted.clear()

    def _take(self, frames: list[av.VideoFrame]) -> Iterator[Picture]:
        for frame in frames:
            if frame.pts is None:
                continue
            self.decoded += 1
            yield from self._answer_passed(frame.pts, self._last or frame)
            self._last = frame
            wants = self._wanted.pop(frame.pts, None)
            if wants:
                image = self._converter.image(frame)
                for want in wants:
                    yield want, frame.pts, image

    def _answer_passed(self, pts: float, neighbour: av.VideoFrame | None) -> Iterator[Picture]:
        """Answer what never came out (a hidden or broken picture) by its neighbour, if it is near.

        Pictures come out in the order they are shown, so what is older will not come any more.
        """
        for late in sorted(p for p in self._wanted if p < pts):
            wants = self._wanted.pop(late)
            at = neighbour.pts if neighbour is not None else None
            if neighbour is None or at is None or abs(at - late) > self._near_pts:
                yield from ((want, None, None) for want in wants)
                continue
            image = self._converter.image(neighbour)
            yield from ((replace(want, on_screen=False), at, image) for want in wants)
