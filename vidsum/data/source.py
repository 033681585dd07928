"""What a file says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class VideoTrack:
    """The video stream that is looked at. Sizes are as displayed: rotated, square pixels."""

    index: int
    codec: str
    width_px: int
    height_px: int
    fps: float | None
    duration_s: float | None


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """One audio stream. ``number`` counts audio streams from 1, as ``--audio-track`` does."""

    number: int
    index: int
    codec: str
    language: str | None
    channels: int
    rate_hz: int
    default: bool
    title: str | None = None


@dataclass(frozen=True, slots=True)
class TextTrack:
    """One subtitle stream. ``readable`` is False for picture subtitles (PGS, DVB, VobSub)."""

    index: int
    codec: str
    language: str | None
    default: bool
    forced: bool
    readable: bool
    title: str | None = None


@dataclass(frozen=True, slots=True)
class ChapterMark:
    """A chapter marker that the container itself carries."""

    start_s: float
    end_s: float
    title: str


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that came with the file and was not found out: a title, a date, a description.

    ``source`` says where it stands ("tag title", "talk.info.json", "--context").
    """

    name: str
    value: str
    source: str


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What the container says of itself, before anything is decoded.

    ``duration_s`` is None when the header does not say; ``origin_s`` is the container's clock
    at the moment that we call 0.
    """

    path: Path
    size_bytes: int
    container: str
    duration_s: float | None
    origin_s: float
    video: VideoTrack | None
    audio: tuple[AudioTrack, ...] = ()
    text: tuple[TextTrack, ...] = ()
    chapters: tuple[ChapterMark, ...] = ()
    cover_art: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)
