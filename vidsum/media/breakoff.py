"""Whether a file ends before its container does, where the clock cannot tell.

A header of MP4 or Matroska promises a duration; what ends before that was cut off. A transport
stream promises nothing, and FFmpeg measures the length of an AVI file without an index. But both
are made of parts whose size is known.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_SYNC = 0x47
_TS_PACKETS = ((188, 0), (192, 4), (204, 0))
"""Size of a packet, and what stands before its sync byte: ISO/IEC 13818-1, Blu-ray's M2TS with
its time in front, and DVB with its checksum behind."""
_PROBED_PACKETS = 8
_TAIL_PACKETS = 20_000
_PES = b"\0\0\1"
_LIVE = (0, 0xFFFFFFFF)
"""What a recorder that cannot go back writes as the size of a RIFF file."""
_MOST_RIFFS = 10_000
_MOST_MISSING = 0.99
"""A header that promises a hundred times as much as there is was damaged itself."""


@dataclass(frozen=True, slots=True)
class BreakOff:
    """How a file ends. ``missing_share`` is the part of its bytes that is not there, 0…1.

    None where nobody can know how much it was.
    """

    breaks_off: bool = False
    missing_share: float | None = None


def how_it_ends(path: Path, container: str) -> BreakOff:
    """Return whether a transport stream or an AVI file ends before it should.

    ``container`` is FFmpeg's name of it. Any other container is taken to be whole.
    """
    size_bytes = path.stat().st_size
    with path.open("rb") as file:
        if container == "mpegts":
            return BreakOff(_stream_breaks_off(file, size_bytes))
        if container == "avi":
            return _riff_end(file, size_bytes)
    return BreakOff()


def _stream_breaks_off(file: BinaryIO, size_bytes: int) -> bool:
    """Return whether a transport stream ends in the middle of a packet, or of what it carries.

    A stream that does not begin with a row of packets tells nothing.
    """
    head = file.read(204 * (_PROBED_PACKETS + 1))
    for packet_bytes, before in _TS_PACKETS:
        for start in range(packet_bytes):
            syncs = head[start + before :: packet_bytes][:_PROBED_PACKETS]
            if len(syncs) == _PROBED_PACKETS and set(syncs) == {_SYNC}:
                count, rest = divmod(size_bytes - start, packet_bytes)
                file.seek(start + max(0, count - _TAIL_PACKETS) * packet_bytes)
                tail = (file.read(packet_bytes)[before:][:188] for _ in range(_TAIL_PACKETS))
                return rest != 0 or _is_open(tail)
    return False


def _is_open(packets: Iterable[bytes]) -> bool:
    """Return whether these packets of a transport stream leave a PES packet unfinished.

    One that tells its length must be that long. One that tells none ends with a packet that is
    filled up; one in 184 ends without, and is taken for unfinished. Source: ISO/IEC 13818-1,
    2.4.3.
    """
    left: dict[int, int | None] = {}
    ends: dict[int, int] = {}
    for packet in packets:
        if len(packet) < 188 or packet[0] != _SYNC:
            continue
        pid, stuffed = int.from_bytes(packet[1:3], "big") & 0x1FFF, packet[3] & 0x20
        body = packet[5 + packet[4] :] if stuffed else packet[4:]
        if packet[1] & 0x40 and body[:3] == _PES:
            length = int.from_bytes(body[4:6], "big")
            left[pid] = length + 6 - len(body) if length else None
        elif pid not in left or not packet[3] & 0x10:
            continue
        elif (open_bytes := left[pid]) is not None:
            left[pid] = open_bytes - len(body)
        ends[pid] = stuffed
    return any(n > 0 if n is not None else not ends[pid] for pid, n in left.items())


def _riff_end(file: BinaryIO, size_bytes: int) -> BreakOff:
    """Return how much of the last RIFF part is missing; large files have several in a row."""
    at = 0
    for _ in range(_MOST_RIFFS):
        file.seek(at)
        head = file.read(8)
        length = int.from_bytes(head[4:], "little")
        if len(head) < 8 or head[:4] != b"RIFF" or length in _LIVE:
            return BreakOff()
        end = at + 8 + length
        if end > size_bytes:
            share = (end - size_bytes) / end
            return BreakOff(breaks_off=True, missing_share=share if share < _MOST_MISSING else None)
        at = end + length % 2
    return BreakOff()
