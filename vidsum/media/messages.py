"""What the decode process may say, checked before the program believes it.

The process may have been taken over by a hostile file. Whatever it sends becomes one of these
values, or DecodeStopped.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from pydantic import TypeAdapter, ValidationError

from vidsum.data import MediaInfo, Sample
from vidsum.errors import DecodeStopped

if TYPE_CHECKING:
    from vidsum.data import Image


@dataclass(slots=True)
class FramesReport:
    """What the sampler met, once it is through. Times in seconds on the video's clock.

    ``lost`` are target times for which no picture could be decoded; ``file_end_s`` is where the
    last packet of any stream ends. ``breaks_off`` and ``missing_share`` (0…1 of the bytes, None if
    nobody can know) tell of files that end before their container does.
    """

    end_s: float = 0.0
    file_end_s: float = 0.0
    packets: int = 0
    decoded: int = 0
    broken_packets: int = 0
    lost: list[float] = field(default_factory=list)
    breaks_off: bool = False
    missing_share: float | None = None


@dataclass(frozen=True, slots=True)
class TextPacket:
    """One subtitle packet as it lies in the file."""

    start_s: float
    duration_s: float
    payload: bytes


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """What comes in front of a picture's bytes."""

    sample: Sample
    height: int
    width: int


@dataclass(frozen=True, slots=True)
class SpanHeader:
    """What comes in front of sound or of a subtitle packet."""

    start_s: float
    duration_s: float = 0.0


@dataclass(frozen=True, slots=True)
class End:
    """The last message of an answer; each request fills in its own part."""

    cpu_s: float
    report: FramesReport | None = None
    broken_packets: int = 0
    header_hex: str = ""
    info: dict[str, Any] | None = None


_T = TypeVar("_T")

_INFO = TypeAdapter(MediaInfo)
_FRAME = TypeAdapter(FrameHeader)
_SPAN = TypeAdapter(SpanHeader)
_END = TypeAdapter(End)


def as_info(value: dict[str, Any]) -> MediaInfo:
    """Return what the container says of itself; its path is still to be filled in."""
    return _validated(_INFO, value | {"path": "."})


def as_frame_header(value: object) -> FrameHeader:
    """Return what comes in front of a picture."""
    return _validated(_FRAME, value)


def as_span(value: object) -> SpanHeader:
    """Return what comes in front of sound or of a subtitle packet."""
    return _validated(_SPAN, value)


def as_end(value: object) -> End:
    """Return the last message of an answer."""
    return _validated(_END, value)


def as_image(header: FrameHeader, blob: bytes) -> Image:
    """Return a picture: uint8 [height, width, 3], RGB."""
    height, width = header.height, header.width
    if height <= 0 or width <= 0 or len(blob) != height * width * 3:
        raise DecodeStopped("The decoder sent nonsense.", "The file may be damaged.")
    return np.frombuffer(blob, np.uint8).reshape(height, width, 3)


def _validated(adapter: TypeAdapter[_T], value: object) -> _T:
    """Check what the child sent: its process may have been taken over by a hostile file."""
    try:
        return adapter.validate_python(value)
    except ValidationError as exc:
        raise DecodeStopped("The decoder sent nonsense.", "The file may be damaged.") from exc
