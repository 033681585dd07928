"""Bundles made by hand: what each sample shows and what is said, without any video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vidsum.data import (
    AudioTrack,
    Bundle,
    ChapterMark,
    DroppedSample,
    Evidence,
    MediaInfo,
    Observation,
    PictureFacts,
    Sample,
    ScreenText,
    Segment,
    TextLine,
    TimelineEntry,
    Transcript,
    VideoTrack,
)
from vidsum.timeline import timeline

INTERVAL_S = 5.0


@dataclass(frozen=True)
class Screen:
    """What one picture shows. Equal screens in one video are duplicates of the first one."""

    title: str | None = None
    lines: tuple[str, ...] = ()
    flatness: float = 0.3
    brightness: str = "medium"
    difference: float | None = 10.0
    title_height: float = 0.04
    height: float = 0.03
    read: bool = True


BLACK = Screen(brightness="very dark", title="(black)")


def slide(title: str, *lines: str) -> Screen:
    """A picture of two flat colours with a title and, if none are given, two more lines."""
    return Screen(title, (title, *(lines or (f"First of {title}", f"Second of {title}"))), 0.9)


def footage(number: int = 0) -> Screen:
    """A camera picture without text."""
    return Screen(flatness=0.2, difference=5.0 + number / 100)


def cues(
    *texts: str, start_s: float = 0.0, length_s: float = 4.0, gap_s: float = 0.2
) -> list[Segment]:
    """One cue a text, one after the other."""
    step_s = length_s + gap_s
    return [
        Segment(start_s + step_s * place, start_s + step_s * place + length_s, text)
        for place, text in enumerate(texts)
    ]


def entries(*texts: str, length_s: float = 4.0, gap_s: float = 0.2) -> list[TimelineEntry]:
    """The same as timeline entries s1, s2 …"""
    made = cues(*texts, length_s=length_s, gap_s=gap_s)
    return [
        TimelineEntry(f"s{number}", "speech", cue.start_s, cue.end_s, cue.text, "test")
        for number, cue in enumerate(made, start=1)
    ]


def bundle(
    screens: Sequence[Screen] = (),
    said: Sequence[Segment] = (),
    *,
    interval_s: float = INTERVAL_S,
    start_s: float = 0.0,
    end_s: float | None = None,
    duration_s: float | None = None,
    language: str | None = None,
    source: str = "subtitle file talk.srt",
    speech: tuple[float, float] | None = None,
    marks: Sequence[ChapterMark] = (),
    tags: Mapping[str, str] | None = None,
    overlay: tuple[str, ...] = (),
    video: bool = True,
    audio: bool = True,
    path: str = "talk.mp4",
) -> Bundle:
    """One sample an interval from start_s on; it ends with the last sample or cue, or at end_s."""
    ends = [start_s + interval_s * len(screens), *(cue.end_s for cue in said)]
    end_s = max(ends) if end_s is None else end_s
    observations, dropped = _looked_at(screens, start_s, interval_s)
    info = MediaInfo(
        path=Path(path),
        size_bytes=1_000,
        container="mp4",
        duration_s=end_s if duration_s is None else duration_s,
        origin_s=0.0,
        video=VideoTrack(0, "h264", 1280, 720, 25.0, end_s) if video else None,
        audio=(AudioTrack(1, 1, "aac", language, 2, 48_000, True),) if audio else (),
        chapters=tuple(marks),
        tags=tags or {},
    )
    if not said:
        source = "audio present, not transcribed" if audio else "no sound track"
    spoken, heard = speech or (None, None)
    transcript = Transcript(tuple(said), source, "subtitles", language, spoken, heard)
    evidence = Evidence(
        info, observations, dropped, transcript, None, start_s, end_s, interval_s, overlay=overlay
    )
    return Bundle(evidence, timeline(evidence), 0, "estimated")


def _looked_at(
    screens: Sequence[Screen], start_s: float, interval_s: float
) -> tuple[tuple[Observation, ...], tuple[DroppedSample, ...]]:
    kept: dict[Screen, Observation] = {}
    dropped = []
    for index, screen in enumerate(screens):
        time_s = start_s + interval_s * index
        sample = Sample(index, time_s, time_s, time_s)
        if screen == BLACK:
            dropped.append(DroppedSample(sample, "black"))
        elif screen in kept:
            dropped.append(DroppedSample(sample, "duplicate", kept[screen].sample.index))
        else:
            kept[screen] = Observation(sample, _facts(screen), _text(screen, sample))
    return tuple(kept.values()), tuple(dropped)


def _facts(screen: Screen) -> PictureFacts:
    return PictureFacts(
        brightness=screen.brightness,  # type: ignore[arg-type]
        mean_luma=120.0,
        monochrome=False,
        blank=False,
        bars="none",
        flatness=screen.flatness,
        difference=screen.difference,
    )


def _text(screen: Screen, sample: Sample) -> ScreenText | None:
    if not screen.read:
        return None
    lines = []
    top = 0.1
    for line in screen.lines:
        height = screen.title_height if line == screen.title else screen.height
        lines.append(TextLine(line, 0.95, 0.1, top, 0.8, top + height))
        top += height + 0.02
    return ScreenText(sample.index, sample.time_s, tuple(lines), screen.title)


LECTURE = (
    ("Heat Pumps", (
        "Good morning and welcome to lecture four.",
        "A heat pump is a machine that moves heat from a cold place to a warm place.",
        "By the end you should know when it makes sense to install one.",
    )),
    ("The Refrigeration Cycle", (
        "The refrigeration cycle has four steps.",
        "In the evaporator the liquid refrigerant boils and absorbs heat from the outside air.",
        "The compressor then raises the pressure and the temperature of the refrigerant vapour.",
    )),
    ("Coefficient of Performance", (
        "The coefficient of performance, or COP, is the heat delivered divided by the electricity.",
        "A COP of four means that one unit of electricity gives four units of heat.",
        "It falls in winter, and physics sets the Carnot limit, which no COP can pass.",
    )),
    ("Costs and Savings", (
        "An air source system costs between nine and fourteen thousand euro.",
        "A gas boiler is cheaper to buy in euro, but its running cost is higher.",
        "Thank you for your attention.",
    )),
)  # fmt: skip
"""Titles of slides and what is said to each."""


def lecture_screens() -> list[Screen]:
    """Three samples of each slide of the lecture."""
    return [slide(title) for title, _ in LECTURE for _ in range(3)]


def lecture_cues() -> list[Segment]:
    """The lecture's sentences, each five seconds, in step with its slides."""
    return cues(*(text for _, texts in LECTURE for text in texts), length_s=4.8, gap_s=0.2)
