"""A subtitle stream's packets with their times. Runs in the decode process."""

from __future__ import annotations

from collections.abc import Iterator

import av
from av.container import InputContainer

from vidsum.media.opening import Beat, only, quiet, readable, seconds
from vidsum.media.wire import Header

_MAX_CUES = 200_000


def text_packets(
    container: InputContainer, stream: av.stream.Stream, origin_s: float, beat: Beat = quiet
) -> Iterator[tuple[Header, bytes]]:
    """Yield ``{"start_s", "duration_s"}`` and the packet's bytes, at most 200,000 of them."""
    only(container, stream.index)
    for number, packet in enumerate(readable(container.demux(stream), beat)):
        start_s = seconds(packet.pts, packet.time_base)
        if start_s is None or not packet.size:
            continue
        if number >= _MAX_CUES:
            return
        duration_s = seconds(packet.duration, packet.time_base) or 0.0
        yield {"start_s": start_s - origin_s, "duration_s": duration_s}, bytes(packet)
