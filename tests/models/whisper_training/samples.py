"""What the tiny Whisper learns from: crops, the tokens to write, and where each is heard."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.whisper_training.crops import Crop, Heard, Segment, Window, random_crop
from models.whisper_training.size import MELS
from models.whisper_training.vocabulary import (
    END,
    FIRST_TIME,
    LAST_TIME,
    NO_SPEECH,
    NO_TIMES,
    PREVIOUS,
    START,
)

IGNORED = -100
"""A label that does not count."""
Span = tuple[int, int]
"""Positions of the encoder, from and to."""


@dataclass(slots=True)
class Tokens:
    """A sequence to write: inputs, labels, and where input and label are heard."""

    inputs: list[int] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    now: list[Span | None] = field(default_factory=list)
    next: list[Span | None] = field(default_factory=list)


class Batch(NamedTuple):
    """float32 mels [batch, 80, frames], int64 positions and words [batch, positions], int64
    inputs and labels [batch, tokens]; now and next, float32 [batch, tokens, positions], are
    where the input and the label are heard: shares of one, or zeros where that is unknown."""

    mels: NDArray[np.float32]
    positions: NDArray[np.int64]
    inputs: NDArray[np.int64]
    labels: NDArray[np.int64]
    now: NDArray[np.float32]
    next: NDArray[np.float32]
    words: NDArray[np.int64]


def random_batch(windows: list[Window], rng: random.Random, whole: bool, count: int) -> Batch:
    """Return crops of equal size: whole windows, or up to 8 s of them."""
    examples = [_example(windows, rng, whole) for _ in range(count)]
    tokens = max(len(one.inputs) for _, _, one in examples)
    places = examples[0][1].positions
    batch = Batch(
        mels=np.stack([_mels(window, crop) for window, crop, _ in examples]),
        positions=np.stack([crop.offset + np.arange(places) for _, crop, _ in examples]),
        inputs=np.full((count, tokens), END, np.int64),
        labels=np.full((count, tokens), IGNORED, np.int64),
        now=np.zeros((count, tokens, places), np.float32),
        next=np.zeros((count, tokens, places), np.float32),
        words=np.stack([_words(window, crop) for window, crop, _ in examples]),
    )
    for row, (_, _, one) in enumerate(examples):
        batch.inputs[row, : len(one.inputs)] = one.inputs
        batch.labels[row, : len(one.labels)] = one.labels
        for target, spans in ((batch.now, one.now), (batch.next, one.next)):
            for at, span in enumerate(spans):
                if span:
                    target[row, at, span[0] : span[1]] = 1 / (span[1] - span[0])
    return batch


def _example(windows: list[Window], rng: random.Random, whole: bool) -> tuple[Window, Crop, Tokens]:
    while True:
        window = windows[rng.randrange(len(windows))]
        drawn = random_crop(window, rng, whole)
        if drawn:
            break
    crop, heard = drawn
    tokens = _answer(crop, heard, rng)
    if rng.random() < 0.5:
        _put_before(tokens, _previous(windows, rng))
    return window, crop, tokens


def _answer(crop: Crop, heard: Heard, rng: random.Random) -> Tokens:
    timed = rng.random() < 0.65
    if not heard.segments:
        first = _early_time(rng) if timed else NO_TIMES
        return Tokens([START, first], [NO_SPEECH, END], [None, None], [None, None])
    steps = _written(crop, heard, timed)
    labels, spans = [token for token, _ in steps], [span for _, span in steps]
    tokens = Tokens([START, *labels[:-1]], labels, [None, *spans[:-1]], spans)
    late = crop.position(heard.segments[0][0].start_s) > 50
    # Decoders cap the first timestamp at 1 s: go on rightly from a wrong one.
    if timed and crop.offset == 0 and rng.random() < (0.6 if late else 0.1):
        tokens.inputs[1], tokens.now[1] = _early_time(rng), None
    return tokens


def _written(crop: Crop, heard: Heard, timed: bool) -> list[tuple[int, Span | None]]:
    """Return all that is to be written after the start token, and where it is heard."""
    steps: list[tuple[int, Span | None]] = [] if timed else [(NO_TIMES, None)]
    last_s = heard.segments[-1][-1].end_s
    for segment in heard.segments:
        start_s, end_s = segment[0].start_s, segment[-1].end_s
        words = _word_steps(crop, segment)
        steps += [_time_step(crop, start_s, -1, 3), *words] if timed else words
        if timed:
            steps.append(_time_step(crop, end_s, -3, 2))
    if heard.cut and timed:
        steps.append(_time_step(crop, heard.cut[0].start_s, -1, 3))
    elif heard.cut:
        whole = [word for word in heard.cut if word.end_s <= crop.end_s]
        steps += _word_steps(crop, whole)
        last_s = whole[-1].end_s if whole else last_s
    last = crop.position(last_s)
    return [*steps, (END, crop.span(last + 1, last + 12))]


def _word_steps(crop: Crop, words: Segment) -> list[tuple[int, Span | None]]:
    return [
        (word.token, crop.span(crop.position(word.start_s), crop.position(word.end_s)))
        for word in words
    ]


def _time_step(crop: Crop, second: float, before: int, after: int) -> tuple[int, Span]:
    place = crop.position(second)
    return crop.time_token(second), crop.span(place + before, place + after)


def _early_time(rng: random.Random) -> int:
    return FIRST_TIME + rng.choice([0, 50, rng.randrange(51)])


def _previous(windows: list[Window], rng: random.Random) -> list[int]:
    """Return text of some other window, as condition_on_previous_text puts it in front."""
    segments = windows[rng.randrange(len(windows))].segments
    tokens: list[int] = []
    for segment in segments[: rng.randrange(1, rng.choice([3, 9, 25]))]:
        times = [min(LAST_TIME, round(s * 50)) for s in (segment[0].start_s, segment[-1].end_s)]
        tokens += [FIRST_TIME + times[0], *(word.token for word in segment), FIRST_TIME + times[1]]
    if rng.random() < 0.3:
        tokens = [token for token in tokens if token < FIRST_TIME]
    return [PREVIOUS, *tokens]


def _put_before(tokens: Tokens, previous: list[int]) -> None:
    nowhere: list[Span | None] = [None] * len(previous)
    tokens.inputs = previous + tokens.inputs
    tokens.labels = [IGNORED] * len(previous) + tokens.labels
    tokens.now, tokens.next = nowhere + tokens.now, nowhere + tokens.next


def _mels(window: Window, crop: Crop) -> NDArray[np.float32]:
    mels = np.zeros((MELS, crop.size), np.float32)
    mels[:, : crop.count] = window.features[:, crop.first : crop.first + crop.count]
    return mels


def _words(window: Window, crop: Crop) -> NDArray[np.int64]:
    """Return the word at each position, 0 where there is none."""
    tokens = np.zeros(crop.positions, np.int64)
    for word in (word for segment in window.segments for word in segment):
        if word.end_s > crop.start_s and word.start_s < crop.end_s:
            first, end = crop.span(crop.position(word.start_s), crop.position(word.end_s))
            tokens[first:end] = word.token
    return tokens
