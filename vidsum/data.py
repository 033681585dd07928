"""Every value that crosses a stage, as frozen dataclasses.

Units are in the names: ``_s`` seconds, ``_px`` pixels, ``_bytes``. All times count from the
moment a player shows as 0:00 (see :func:`vidsum.media.probe.clock_origin`), never from the
container's own clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Image = NDArray[np.uint8]
    """uint8 [height, width, 3], RGB, upright, square pixels."""

SCHEMA_VERSION = "1.0"

Origin = Literal["measured", "reported", "estimated", "unknown"]
Role = Literal["grid", "last_look"]
DropReason = Literal["duplicate", "black", "white", "plain", "transition"]
Brightness = Literal["very dark", "dark", "medium", "bright"]
Bars = Literal["none", "letterbox", "pillarbox"]
EntryKind = Literal["speech", "caption", "text", "fact"]
ChapterBasis = Literal["file", "titles", "pictures", "speech", "none"]
Modality = Literal["text", "image", "audio", "video"]


# ---- what the file is ----------------------------------------------------------------


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


# ---- what was seen -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sample:
    """When one picture was asked for and which one came.

    ``time_s`` is a moment at which the picture is on screen: the moment asked for if it is on
    screen then, else the picture's own ``pts_s``. ``role`` tells the regular grid (0, interval,
    2 × interval …) from the one extra look near the end.
    """

    index: int
    target_s: float
    time_s: float
    pts_s: float
    role: Role = "grid"


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A sample with its picture."""

    sample: Sample
    image: Image


@dataclass(frozen=True, slots=True)
class DroppedSample:
    """A sample that no later stage looked at, and why.

    ``same_as`` is the index of the kept sample that it repeats (reason ``duplicate`` only).
    """

    sample: Sample
    reason: DropReason
    same_as: int | None = None


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """What was measured on the pixels of one picture; nothing here is a guess.

    ``mean_luma`` is 0–255; ``flatness`` is the share (0–1) of pixels that have one of the
    picture's two commonest colours (at 3 bits a channel); ``colour`` a hue's name when that
    hue covers over 30 % of the picture; ``difference`` the mean absolute difference (0–255) to
    the picture described before this one, None for the first.
    """

    brightness: Brightness
    mean_luma: float
    monochrome: bool
    blank: bool
    bars: Bars
    flatness: float
    colour: str | None = None
    difference: float | None = None


@dataclass(frozen=True, slots=True)
class TextLine:
    """One row of text on screen. ``confidence`` 0–1; edges as shares (0–1) of the picture."""

    text: str
    confidence: float
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class ScreenText:
    """What is written on one picture, top to bottom; ``title`` is one of its lines."""

    index: int
    time_s: float
    lines: tuple[TextLine, ...]
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Caption:
    """One sentence or two about one picture, and which backend wrote it."""

    index: int
    time_s: float
    text: str
    backend: str


@dataclass(frozen=True, slots=True)
class Observation:
    """All that is known of one kept picture."""

    sample: Sample
    facts: PictureFacts
    text: ScreenText | None = None
    caption: Caption | None = None

    @property
    def slide_like(self) -> bool:
        """Three lines of text or more on a picture that is mostly two flat colours.

        Source: shared measurements, 52 of 52 slides and 0 of 80 camera pictures.
        """
        lines = self.text.lines if self.text else ()
        return len(lines) >= 3 and self.facts.flatness > 0.70


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of the video was looked at.

    ``video_end_s`` is where the last picture ends; ``largest_gap_s`` the longest stretch, head
    and tail included, between two moments that were looked at; ``missing_s`` how much of the
    duration that the container promised never came.
    """

    samples: int
    kept: int
    video_end_s: float
    covered_share: float
    largest_gap_s: float
    largest_gap_at_s: float
    missing_s: float = 0.0


# ---- what was heard ------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class AudioWindow:
    """Sound from ``start_s`` on. samples: float32 [n], mono, 16 kHz, -1…1."""

    start_s: float
    samples: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Segment:
    """Words that were spoken between two times."""

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said and where that is known from.

    ``source`` is a short human phrase ("embedded subtitles, track 1 (eng)"); ``backend`` the
    registry name. ``speech_s`` and ``heard_s`` are the seconds of speech found by voice
    activity detection and the seconds it listened to; None when it did not run.
    """

    segments: tuple[Segment, ...]
    source: str
    backend: str
    language: str | None = None
    speech_s: float | None = None
    heard_s: float | None = None


# ---- what it amounts to --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One thing that was seen, heard, read or given, with an id that claims can name."""

    id: str
    kind: EntryKind
    start_s: float
    end_s: float
    text: str
    source: str


@dataclass(frozen=True, slots=True)
class KeyPoint:
    """A sentence worth keeping, and the timeline entries it rests on."""

    text: str
    start_s: float
    end_s: float
    evidence: tuple[str, ...]
    quoted: bool


@dataclass(frozen=True, slots=True)
class Chapter:
    """A part of the video. ``title_from`` says where the title's words come from."""

    start_s: float
    end_s: float
    title: str
    title_from: Literal["file", "screen", "speech", "keywords", "position"]
    keywords: tuple[str, ...] = ()
    gist: KeyPoint | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """The answer to "what is in this video?".

    ``method`` is the honest paragraph: how it was made and on which basis. ``more`` names the
    commands that would tell more.
    """

    title: str
    overview: str
    key_points: tuple[KeyPoint, ...]
    chapters: tuple[Chapter, ...]
    chapter_basis: ChapterBasis
    keywords: tuple[str, ...]
    backend: str
    method: str
    more: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StageCost:
    """What one stage took. ``counts`` are its own units (frames, calls, seconds …).

    ``cpu_s`` covers this stage's threads and its child process; None where nothing measured it.
    """

    stage: str
    modality: Modality
    backend: str
    wall_s: float
    cpu_s: float | None
    counts: Mapping[str, float] = field(default_factory=dict)
    origin: Origin = "measured"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What finding out did cost. Stages that run side by side overlap in wall time."""

    stages: tuple[StageCost, ...]
    wall_s: float
    cpu_s: float
    api_usd: str | None = "0"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the user should know of this run. ``partial``: the result lacks something."""

    code: str
    message: str
    partial: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that the eyes and ears of the program found in one video.

    ``overlay`` is text that stays on screen throughout (a channel's mark); it is taken out of
    the observations.
    """

    info: MediaInfo
    observations: tuple[Observation, ...]
    dropped: tuple[DroppedSample, ...]
    transcript: Transcript
    coverage: Coverage | None
    start_s: float
    end_s: float
    overlay: tuple[str, ...] = ()
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a reasoner gets: the evidence, and its timeline in order of time.

    ``tokens`` counts the timeline's text; ``tokens_origin`` is ``measured`` when a tokenizer
    counted them and ``estimated`` otherwise.
    """

    evidence: Evidence
    timeline: tuple[TimelineEntry, ...]
    overlay: tuple[str, ...]
    tokens: int
    tokens_origin: Origin


@dataclass(frozen=True, slots=True)
class Result:
    """One video's result: the summary, all it rests on, and what it took."""

    bundle: Bundle
    summary: Summary
    receipt: Receipt
    options: Mapping[str, Any]
    vidsum_version: str
    schema_version: str = SCHEMA_VERSION

    @property
    def partial(self) -> bool:
        """True when some of the video could not be looked at."""
        return any(notice.partial for notice in self.bundle.evidence.notices)
