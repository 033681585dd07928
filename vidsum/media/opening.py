"""Opening one local file with FFmpeg's doors shut. Runs in the decode process only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import av.logging
from av.container import InputContainer

from vidsum.media import policy
from vidsum.media.clock import longest_hole_s, steady

if TYPE_CHECKING:
    from vidsum.media.clock import Packet

_ISO_BOXES = (b"ftyp", b"mdat", b"moov", b"free", b"skip", b"wide")


class Refused(Exception):
    """The file is not opened, and why, in words for the user."""


def open_input(path: Path) -> InputContainer:
    """Open ``path`` as one of the allowed containers.

    FFmpeg is not told the file's name: it would believe a suffix more than the content (random
    bytes named ``.mp3`` are sound to it), and could find other files beside it. Raises: Refused.
    """
    with av.logging.Capture() as said:
        try:
            with path.open("rb") as file:
                return av.open(f"file:{_nameless(path, file.fileno())}", options=_options(),
                               metadata_errors="replace")  # fmt: skip
        except Exception as exc:  # PyAV maps FFmpeg's codes to builtins of all kinds
            raise Refused(_why(exc, path, [text for _, _, text in said])) from exc


def _nameless(path: Path, descriptor: int) -> Path:
    """Return another path of an open file, without its name; its own where there is none.

    The ``file:`` in front and the absolute path make ``-y.mp4`` or ``concat:x`` plain names too.
    """
    other = Path(f"/dev/fd/{descriptor}")
    return other if other.exists() else path.absolute()


def _options() -> dict[str, str]:
    """Return what FFmpeg may do while it opens a file, which includes a little decoding."""
    return {
        "protocol_whitelist": "file",
        "format_whitelist": ",".join(policy.CONTAINERS),
        "codec_whitelist": ",".join(_decoders()),
        "max_pixels": str(policy.MAX_PIXELS),
    }


def _decoders() -> Iterator[str]:
    """Yield FFmpeg's names of the decoders for the codecs that are allowed."""
    for name in sorted(av.codecs_available):
        try:
            codec = av.codec.Codec(name, "r")
        except av.codec.codec.UnknownCodecError:
            continue  # it only encodes
        if policy.codec_allowed(codec.canonical_name):
            yield codec.name


def _why(exc: Exception, path: Path, log: list[str]) -> str:
    if "moov atom not found" in " ".join(log) and _begins_like_mp4(path):
        return "its index (the moov atom) is missing; the recording was probably cut off"
    if isinstance(exc, av.error.InvalidDataError | av.error.ArgumentError):
        return "it holds nothing that vidsum knows as video or sound"
    return f"FFmpeg says: {getattr(exc, 'strerror', None) or exc}"


def _begins_like_mp4(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(8)[4:] in _ISO_BOXES


def clock_origin_s(container: InputContainer) -> float:
    """Return the container's clock, in seconds, at the moment that we call 0.

    That is the start of the earliest stream, so that pictures and sound share one clock. A
    video that starts less than a quarter of a second later counts from its own first picture:
    such an offset is the sound encoder's priming, not a late start. Nor is an offset of more
    than the file lasts: that one is damage.
    """
    first = (container.start_time or 0) / av.time_base
    streams = [s for s in container.streams.video if not is_cover(s)]
    if streams and streams[0].start_time is not None and streams[0].time_base is not None:
        video = float(streams[0].start_time * streams[0].time_base)
        late_s = video - first
        if container.start_time is None or late_s < 0.25 or late_s > _hole_s(container):
            return video
    return first


def _hole_s(container: InputContainer) -> float:
    known = container.duration
    return longest_hole_s(None if known is None else known / av.time_base)


def is_cover(stream: av.VideoStream) -> bool:
    """Return whether a "video" stream is one still picture, such as an album cover."""
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def codec_name(stream: av.stream.Stream) -> str:
    """Return a stream's codec by its common name (``av1``, not ``libdav1d``)."""
    context = stream.codec_context
    return "unknown" if context is None else str(context.codec.canonical_name)


def only(container: InputContainer, index: int) -> None:
    """Let the demuxer skip every stream but one: it then reads less."""
    for stream in container.streams:
        if stream.index != index:
            stream.discard = av.stream.Discard.all


Beat = Callable[[], None]


def quiet() -> None:
    """Say nothing: the heartbeat of code that nobody waits for."""


def packets(container: InputContainer, stream: av.stream.Stream,
            beat: Beat = quiet) -> Iterator[Packet]:  # fmt: skip
    """Yield one stream's packets, with times that can be believed (see :func:`steady`)."""
    only(container, stream.index)
    return steady(readable(container.demux(stream), beat), _hole_s(container))


def readable(demuxed: Iterator[Packet], beat: Beat = quiet) -> Iterator[Packet]:
    """Yield packets, with a sign of life before each, for as long as the demuxer gives any.

    A damaged stretch that the demuxer gives up on ends the packets: what came before is good.
    """
    while True:
        beat()
        try:
            packet = next(demuxed)
        except (StopIteration, av.error.FFmpegError, IndexError):
            return  # PyAV raises IndexError at the end of a file when a stream began on the way
        yield packet


def seconds(value: int | None, base: Fraction | None) -> float | None:
    """Return a stream's time in seconds, None if it has none."""
    return None if value is None or base is None else float(value * base)
