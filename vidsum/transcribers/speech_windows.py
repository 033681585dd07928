"""Sound cut for a recogniser: blocks that end in a pause, and in them passages of speech.

A recogniser pads whatever it gets to 30 s, so short stretches of speech are packed together;
long pauses between them are shortened, and a passage knows where each of its pieces belongs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from vidsum.data import AudioWindow
from vidsum.media.audio import RATE_HZ
from vidsum.media.voice import Span, speech_spans

if TYPE_CHECKING:
    from vidsum.media.audio import Samples

PASSAGE_S = 29.0
"""The longest passage; a recogniser hears 30 s at once."""
BLOCK_S = 54.0
"""Sound that is judged at once: two full passages, and little enough to hold."""
_LEAD_S, _TAIL_S = 0.5, 1.0
"""Sound kept before and after speech. Whisper's first time stamp is capped at 1.0 s, so the lead
must be shorter; lead and tail together are a pause at which it ends a segment."""
_ONSET_S = 0.5
"""The end of a block without speech goes into the next one: a word may be beginning there."""
_WORD_S = 0.18
"""Shorter sounds are no words. Measured: single words by two voices 0.22 s or more by VAD's own
reckoning, blips in an hour of white, brown and humming noise 0.16 s or less."""
_QUIET_S = 0.2
_JUMP_S = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Sound with speech in it that is heard as it is. ``speech`` counts from its first sample."""

    start_s: float
    samples: Samples
    speech: tuple[Span, ...]

    @property
    def end_s(self) -> float:
        """The time of its end."""
        return self.start_s + self.samples.size / RATE_HZ

    def cut(self, at: int) -> tuple[Piece, Piece]:
        """Return what is before and after a sample."""
        return (
            Piece(self.start_s, self.samples[:at], _within(self.speech, 0, at)),
            Piece(self.start_s + at / RATE_HZ, self.samples[at:],
                  _within(self.speech, at, self.samples.size)),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Passage:
    """Pieces that are heard in one go, at most 29 s together.

    Their sound is joined; :mod:`vidsum.transcribers.placing` tells where a time in it belongs.
    """

    pieces: tuple[Piece, ...]

    @property
    def samples(self) -> Samples:
        """The pieces' sound, joined: float32 [n], mono, 16 kHz."""
        return np.concatenate([piece.samples for piece in self.pieces])

    @property
    def speech_s(self) -> float:
        """The seconds of speech in it."""
        return sum(span.size for piece in self.pieces for span in piece.speech) / RATE_HZ

    @property
    def end_s(self) -> float:
        """The time of the end of the last piece."""
        return self.pieces[-1].end_s

    def parts(self) -> tuple[Passage, ...]:
        """Return two halves, cut in a pause; itself alone when it is too short for that."""
        if len(self.pieces) > 1:
            middle = len(self.pieces) // 2
            return self.cut(middle)
        (piece,) = self.pieces
        if piece.samples.size < 8 * RATE_HZ:
            return (self,)
        third = piece.samples.size // 3
        one, other = piece.cut(_best_cut(piece.samples, piece.speech, third, 2 * third))
        return tuple(Passage((half,)) for half in (one, other) if half.speech)

    def cut(self, before: int) -> tuple[Passage, Passage]:
        """Return the pieces before one, and the others."""
        return Passage(self.pieces[:before]), Passage(self.pieces[before:])


@dataclass(frozen=True, slots=True)
class Block:
    """Sound that is settled in one go. ``speech_s`` and ``heard_s`` are its own seconds."""

    start_s: float
    end_s: float
    speech_s: float
    heard_s: float
    passages: tuple[Passage, ...]


def blocks(windows: Iterable[AudioWindow], start_s: float = 0.0, stop_s: float | None = None,
           block_s: float = BLOCK_S) -> Iterator[Block]:  # fmt: skip
    """Yield the sound between two times as blocks, in order and without overlap.

    How it is cut does not depend on where the windows begin, and after a block's ``end_s`` not on
    what came before: a run that goes on from there gets the same blocks.
    """
    limit = round(block_s * RATE_HZ)
    at_s, held = start_s, np.zeros(0, np.float32)
    for window in windows:
        window = _between(window, start_s, stop_s)
        if not window.samples.size:
            continue
        if not held.size or abs(window.start_s - at_s - held.size / RATE_HZ) > _JUMP_S:
            yield from _last(at_s, held)
            at_s, held = window.start_s, window.samples
        else:
            held = np.concatenate((held, window.samples))
        while held.size >= limit:
            block, used = _next(at_s, held[:limit])
            yield block
            at_s, held = block.end_s, held[used:]
    yield from _last(at_s, held)


def _between(window: AudioWindow, start_s: float, stop_s: float | None) -> AudioWindow:
    """Cut off what a window has before and after two times: a decoder gives whole frames."""
    samples, at_s = window.samples, window.start_s
    if stop_s is not None:
        samples = samples[: max(0, round((stop_s - at_s) * RATE_HZ))]
    early = round((start_s - at_s) * RATE_HZ)
    return AudioWindow(at_s, samples) if early < 0 else AudioWindow(start_s, samples[early:])


def _next(at_s: float, samples: Samples) -> tuple[Block, int]:
    """Return a block and how many samples are in it; what is after them is still to be judged."""
    spans = speech_spans(samples, _WORD_S)
    used = _block_end(samples, spans)
    return _block(at_s, samples[:used], _within(spans, 0, used)), used


def _last(at_s: float, samples: Samples) -> Iterator[Block]:
    if samples.size:
        yield _block(at_s, samples, tuple(speech_spans(samples, _WORD_S)))


def _block_end(samples: Samples, spans: Sequence[Span]) -> int:
    onset = round(_ONSET_S * RATE_HZ)
    spoken = spans[-1].stop if spans else 0
    if samples.size - spoken >= 2 * onset:
        return samples.size - onset
    half, late = samples.size // 2, samples.size * 3 // 4
    pause = _longest_pause(spans, late, samples.size) or _longest_pause(spans, half, late)
    return pause or _quietest(samples, half, samples.size - onset)


def _best_cut(samples: Samples, spans: Sequence[Span], low: int, high: int) -> int:
    """Return where between two samples it does the least harm to cut."""
    return _longest_pause(spans, low, high) or _quietest(samples, low, high)


def _longest_pause(spans: Sequence[Span], low: int, high: int) -> int | None:
    """Return the middle of the longest pause that has it between two samples."""
    pauses = [Span(one.stop, two.start) for one, two in pairwise(spans)]
    pauses = [pause for pause in pauses if low <= pause.start + pause.size // 2 <= high]
    if not pauses:
        return None
    longest = max(pauses, key=lambda pause: pause.size)
    return longest.start + longest.size // 2


def _quietest(samples: Samples, low: int, high: int) -> int:
    width = round(_QUIET_S * RATE_HZ)
    energy = np.concatenate(([0.0], np.cumsum(np.square(samples[low:high], dtype=np.float64))))
    sums = energy[width:] - energy[:-width]
    return low + (int(np.argmin(sums)) + width // 2 if sums.size else (high - low) // 2)


def _within(spans: Iterable[Span], start: int, stop: int) -> tuple[Span, ...]:
    """Return the parts of spans between two samples, counted from the first of these."""
    cut = (Span(max(span.start, start) - start, min(span.stop, stop) - start) for span in spans)
    return tuple(span for span in cut if span.size > 0)


def _block(at_s: float, samples: Samples, spans: Sequence[Span]) -> Block:
    size_s = samples.size / RATE_HZ
    speech_s = sum(span.size for span in spans) / RATE_HZ
    passages = tuple(_packed(_pieces(at_s, samples, spans)))
    return Block(at_s, at_s + size_s, speech_s, size_s, passages)


def _pieces(at_s: float, samples: Samples, spans: Sequence[Span]) -> Iterator[Piece]:
    """Yield the speech with some sound around it; over short pauses it stays in one piece."""
    lead, tail = round(_LEAD_S * RATE_HZ), round(_TAIL_S * RATE_HZ)
    joined: list[Span] = []
    for span in spans:
        start, stop = max(0, span.start - lead), min(samples.size, span.stop + tail)
        if joined and start <= joined[-1].stop:
            start = joined.pop().start
        joined.append(Span(start, stop))
    for span in joined:
        # A copy, or a word would keep the whole block in memory.
        yield Piece(at_s + span.start / RATE_HZ, samples[span.start : span.stop].copy(),
                    _within(spans, span.start, span.stop))  # fmt: skip


def _packed(pieces: Iterable[Piece]) -> Iterator[Passage]:
    """Yield passages that are as full as pauses allow: one with a third of it empty takes a
    recogniser as long as a full one."""
    longest = round(PASSAGE_S * RATE_HZ)
    together: list[Piece] = []
    for piece in pieces:
        room = longest - sum(held.samples.size for held in together)
        while piece.samples.size > room:
            at = _longest_pause(piece.speech, room * 2 // 3, room)
            if at is None and not together:
                at = _quietest(piece.samples, room * 2 // 3, room)
            if at is not None:
                first, piece = piece.cut(at)
                together.append(first)
            yield Passage(tuple(together))
            together, room = [], longest
        together.append(piece)
    if together:
        yield Passage(tuple(together))
