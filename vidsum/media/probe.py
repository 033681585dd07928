"""What a container says of itself. Runs in the decode process."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer

from vidsum.media import policy
from vidsum.media.opening import (
    Refused,
    clock_origin_s,
    codec_name,
    is_cover,
    readable,
    seconds,
)

_FIRST_PICTURE_PACKETS = 300
_TAGS = (
    "title", "artist", "author", "album", "date", "creation_time", "comment", "description",
    "synopsis", "show", "genre", "copyright", "location", "com.apple.quicktime.creationdate",
    "com.apple.quicktime.location.iso6709", "com.apple.quicktime.make",
    "com.apple.quicktime.model", "make", "model",
)  # fmt: skip
_MAX_TAG_CHARS = 2000
_LONGEST_TICK_S = 3600
_OVER_THE_LIMIT = re.compile(r"Picture size (\d{1,9})x(\d{1,9}) exceeds specified max pixel")


def probe(container: InputContainer, path: Path) -> dict[str, Any]:
    """Return the fields of :class:`vidsum.data.MediaInfo` but the path. Raises: Refused."""
    videos = [s for s in container.streams.video if not is_cover(s)]
    sounds = list(container.streams.audio)
    origin_s = clock_origin_s(container)
    _check_codecs(videos, sounds)
    info: dict[str, Any] = {
        "size_bytes": path.stat().st_size,
        "container": container.format.name,
        "duration_s": _duration_s(container),
        "origin_s": origin_s,
        "audio": [_audio(n, s) for n, s in enumerate(sounds, start=1)],
        "text": [_text(s) for s in container.streams.subtitles],
        "chapters": _chapters(container, origin_s),
        "cover_art": any(is_cover(s) for s in container.streams.video),
        "tags": _tags(container, videos),
    }
    info["video"] = _video(container, videos[0]) if videos else None
    return info


def _check_codecs(videos: list[av.VideoStream], sounds: list[av.AudioStream]) -> None:
    for stream in videos[:1]:
        check_video_stream(stream)
        _check_size(stream)
    if not videos and not sounds:
        raise Refused("it has neither pictures nor sound")


def check_video_stream(stream: av.VideoStream) -> None:
    """Raise Refused for a codec that is not decoded, and for a clock that no look could follow."""
    name = codec_name(stream)
    if name not in policy.VIDEO_CODECS:
        raise Refused(f"its video codec ({name}) is not on vidsum's list")
    if stream.time_base is not None and stream.time_base > _LONGEST_TICK_S:
        raise Refused("the clock of its pictures is damaged (one picture would last for hours)")


def _check_size(stream: av.VideoStream) -> None:
    """Raise Refused for pictures that are never decoded: that is no damage, and is said so."""
    width, height = stream.codec_context.width, stream.codec_context.height
    if width * height > policy.MAX_PIXELS:
        raise _too_large(width, height)


def _too_large(width: int, height: int) -> Refused:
    most = (policy.MAX_PIXELS + 1) // 1_000_000
    return Refused(f"its pictures are too large ({width}x{height} pixels; vidsum decodes less "
                   f"than {most} million)")  # fmt: skip


def _duration_s(container: InputContainer) -> float | None:
    return None if container.duration is None else container.duration / av.time_base


def _video(container: InputContainer, stream: av.VideoStream) -> dict[str, Any]:
    context = stream.codec_context
    width, height, rotation = context.width, context.height, 0
    first = _first_picture(container, stream)
    if first is not None:
        width, height, rotation = first.width, first.height, first.rotation
    width = round(width * float(stream.sample_aspect_ratio or 1))
    if rotation % 180:
        width, height = height, width
    rate = stream.average_rate
    return {
        "index": stream.index,
        "codec": codec_name(stream),
        "width_px": width,
        "height_px": height,
        "fps": float(rate) if rate else None,
        "duration_s": _stream_duration_s(stream),
    }


def _stream_duration_s(stream: av.VideoStream) -> float | None:
    """Return a stream's own duration; Matroska keeps it in a tag, ``0:01:02.345000000``."""
    own = seconds(stream.duration, stream.time_base)
    if own is not None:
        return own
    tag = next((v for k, v in stream.metadata.items() if k.upper().startswith("DURATION")), "")
    try:
        hours, minutes, rest = tag.split(":")
        found = int(hours) * 3600 + int(minutes) * 60 + float(rest)
    except ValueError:
        return None
    return found if math.isfinite(found) and found >= 0 else None


def _first_picture(container: InputContainer, stream: av.VideoStream) -> av.VideoFrame | None:
    """Decode one picture: only a decoded picture tells how it is rotated.

    Raises: Refused for one that is too large, where the header did not tell.
    """
    stream.codec_context.options = {"max_pixels": str(policy.MAX_PIXELS)}
    stream.codec_context.thread_count = 1
    try:
        for number, packet in enumerate(readable(container.demux(stream))):
            for frame in stream.codec_context.decode(packet):
                return frame
            if number > _FIRST_PICTURE_PACKETS:
                return None
    except av.error.FFmpegError as exc:
        if found := _OVER_THE_LIMIT.search(str(exc.log)):
            raise _too_large(int(found[1]), int(found[2])) from exc
        return None
    return None


def _audio(number: int, stream: av.AudioStream) -> dict[str, Any]:
    context = stream.codec_context
    return {
        "number": number,
        "index": stream.index,
        "codec": codec_name(stream),
        "language": _language(stream),
        "channels": context.channels if context is not None else 0,
        "rate_hz": context.sample_rate if context is not None else 0,
        "default": bool(stream.disposition & av.stream.Disposition.default),
        "title": stream.metadata.get("title"),
    }


def _text(stream: av.stream.Stream) -> dict[str, Any]:
    name = codec_name(stream)
    return {
        "index": stream.index,
        "codec": name,
        "language": _language(stream),
        "default": bool(stream.disposition & av.stream.Disposition.default),
        "forced": bool(stream.disposition & av.stream.Disposition.forced),
        "readable": name in policy.TEXT_CODECS,
        "title": stream.metadata.get("title"),
    }


def _language(stream: av.stream.Stream) -> str | None:
    """Return the stream's language code; a file may put any text there, and is not believed."""
    code = (stream.language or "").strip().lower()
    known = re.fullmatch(r"[a-z]{2,3}(-[a-z0-9]{1,8}){0,3}", code)
    return code if known and code not in ("und", "unk") else None


def _chapters(container: InputContainer, origin_s: float) -> list[dict[str, Any]]:
    marks = []
    for number, chapter in enumerate(container.chapters(), start=1):
        base = chapter["time_base"]
        if base is None:
            continue
        marks.append(
            {
                "start_s": max(0.0, float(chapter["start"] * base) - origin_s),
                "end_s": float(chapter["end"] * base) - origin_s,
                "title": chapter["metadata"].get("title") or f"Chapter {number}",
            }
        )
    return marks


def _tags(container: InputContainer, videos: list[av.VideoStream]) -> dict[str, str]:
    found = {key.lower(): value for key, value in container.metadata.items()}
    return {key: found[key][:_MAX_TAG_CHARS] for key in _TAGS if found.get(key, "").strip()}
