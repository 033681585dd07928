"""Cuts training pools into what the decoder meets: windows that begin between two segments.

Times are in seconds of the window; a frame is 0.01 s of log-mel, a position 0.02 s.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.whisper_training.speech import Word
from models.whisper_training.vocabulary import FIRST_TIME, LAST_TIME

SEGMENT_GAP_S = 0.28
"""A longer pause ends a segment."""
SLACK_S = 0.03
WHOLE_FRAMES, SHORT_FRAMES, FEWEST_FRAMES = 3000, 800, 150
LAST_OFFSET = 1100
Segment = list[Word]


class Window(NamedTuple):
    """One window of a pool: float16 log-mels [80, frames] and what is said in it."""

    features: NDArray[np.float16]
    segments: list[Segment]


def read_pools(paths: Iterable[Path]) -> list[Window]:
    """Return all windows of some pools."""
    windows = []
    for path in paths:
        pool = np.load(path)
        features, words = pool["features"], pool["words"]
        frame = row = 0
        for length, count in zip(pool["lengths"], pool["counts"], strict=True):
            spoken = [Word(float(a), float(b), int(k)) for a, b, k in words[row : row + count]]
            windows.append(Window(features[:, frame : frame + length - 1], segmented(spoken)))
            frame, row = frame + length, row + count
    return windows


def segmented(words: Iterable[Word]) -> list[Segment]:
    """Split words at pauses."""
    segments: list[Segment] = []
    for word in words:
        if not segments or word.start_s - segments[-1][-1].end_s > SEGMENT_GAP_S:
            segments.append([])
        segments[-1].append(word)
    return segments


@dataclass(frozen=True, slots=True)
class Crop:
    """A part of a window: ``count`` frames from ``first`` on, filled up to ``size`` frames.

    ``offset`` is where the encoder is told that it stands, in positions.
    """

    first: int
    count: int
    size: int
    offset: int = 0

    @property
    def start_s(self) -> float:
        return self.first / 100

    @property
    def end_s(self) -> float:
        return (self.first + self.count) / 100

    @property
    def positions(self) -> int:
        return self.size // 2

    def position(self, second: float) -> float:
        """Return the place of a time, in positions."""
        return (second - self.start_s) * 50

    def span(self, start: float, end: float) -> tuple[int, int]:
        """Return positions as whole numbers inside the crop, at least one."""
        first = max(0, min(self.positions - 1, int(start)))
        return first, max(first + 1, min(self.positions, math.ceil(end)))

    def time_token(self, second: float) -> int:
        """Return the timestamp token of a time."""
        place = max(0, round(self.position(second)) + self.offset)
        return FIRST_TIME + min(LAST_TIME, place)


class Heard(NamedTuple):
    """What a crop holds: whole segments, and the one that its end cuts, if any."""

    segments: list[Segment]
    cut: Segment | None


def random_crop(window: Window, rng: random.Random, whole: bool) -> tuple[Crop, Heard] | None:
    """Return a crop and what is heard in it; None where this draw cuts into a word's start."""
    crop = _whole_crop(window, rng) if whole else _short_crop(window, rng)
    if crop is None or crop.count < 4:
        return None
    inside = [
        segment
        for segment in window.segments
        if segment[-1].end_s > crop.start_s + SLACK_S and segment[0].start_s < crop.end_s
    ]
    if any(segment[0].start_s < crop.start_s - SLACK_S for segment in inside):
        return None
    if not inside or inside[-1][-1].end_s <= crop.end_s + SLACK_S:
        return crop, Heard(inside, None)
    cut = inside.pop()
    return (crop, Heard(inside, cut)) if inside else None


def _whole_crop(window: Window, rng: random.Random) -> Crop:
    """30 s from the start, from before some segment, or from what is left after the last.

    Now and then a short recording: nothing but padding soon after some segment.
    """
    segments, total = window.segments, window.features.shape[1]
    first, count = 0, WHOLE_FRAMES
    if segments and rng.random() < 0.5:
        number = rng.randrange(len(segments))
        first = _before(segments, number, rng.choice([0, 0.02, 0.06, rng.uniform(0, 3)]))
    elif segments and rng.random() < 0.12:
        first = int(segments[-1][-1].end_s * 50 + 2) * 2
    if segments and rng.random() < 0.35:
        frames = (segment[-1].end_s * 100 - first for segment in segments)
        ends = [end for end in frames if 0 < end < WHOLE_FRAMES - 10]
        if ends:
            end = rng.choice(ends[:3])
            count = min(WHOLE_FRAMES, int(end + rng.choice([1, 4, rng.uniform(2, 40)])))
    return Crop(first, min(count, total - first), WHOLE_FRAMES)


def _short_crop(window: Window, rng: random.Random) -> Crop | None:
    """Up to 8 s, said to be anywhere in the 30-s window."""
    segments, total = window.segments, window.features.shape[1]
    count = rng.randrange(FEWEST_FRAMES, SHORT_FRAMES + 1)
    offset = rng.choice([0, rng.randrange(LAST_OFFSET)])
    if rng.random() < 0.04 or not segments:
        first = rng.randrange(max(1, total - 50)) // 2 * 2
        if any(_touches(segment, first, first + count) for segment in segments):
            return None
        return Crop(first, min(count, total - first), SHORT_FRAMES, offset)
    number = rng.randrange(len(segments))
    pauses = [0, 0.02, 0.06, rng.uniform(0, 1), rng.uniform(0, 4)]
    first = _before(segments, number, rng.choice(pauses))
    if rng.random() < 0.5:  # end in the pause after some segment
        frames = (segment[-1].end_s * 100 - first for segment in segments[number:])
        ends = [end for end in frames if end < SHORT_FRAMES - 20]
        if ends:
            count = min(SHORT_FRAMES, int(rng.choice(ends) + rng.uniform(2, 60)))
    return Crop(first, min(count, total - first), SHORT_FRAMES, offset)


def _before(segments: list[Segment], number: int, pause_s: float) -> int:
    """Return an even frame in the pause before a segment."""
    earliest_s = segments[number - 1][-1].end_s if number else 0.0
    return int(max(earliest_s, segments[number][0].start_s - pause_s) * 50) * 2


def _touches(segment: Segment, first: int, end: int) -> bool:
    return first < segment[-1].end_s * 100 + 4 and end > segment[0].start_s * 100 - 4
