"""Times in a passage, whose pauses were shortened, put back to where they belong in the file."""

from __future__ import annotations

from dataclasses import dataclass

from vidsum.media.audio import RATE_HZ
from vidsum.transcribers.speech_windows import Passage, Piece

_TOUCH_S = 0.05
"""Less than this of a segment in a stretch of speech is rounding, not speech."""
_BEFORE_S, _AFTER_S = 0.1, 0.2
"""How far speech may reach beyond what voice activity detection found: soft beginnings and ends
are heard late and lost early. A recogniser's own time is not believed further out than that."""


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Speech between two times of the passage, in one of its pieces."""

    start_s: float
    stop_s: float
    piece: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the file a segment belongs.

    ``first`` and ``last`` are the pieces in which it begins and ends; ``speech_share`` (0–1) is
    how much of its time in the passage is speech.
    """

    start_s: float
    end_s: float
    first: int
    last: int
    speech_share: float


class Placing:
    """Tells for one passage where times in its joined sound belong."""

    def __init__(self, passage: Passage) -> None:
        self._pieces = passage.pieces
        self._from_s: list[float] = []
        self._speech: list[_Stretch] = []
        samples = 0
        for number, piece in enumerate(passage.pieces):
            self._from_s.append(samples / RATE_HZ)
            self._speech += [
                _Stretch((samples + span.start) / RATE_HZ, (samples + span.stop) / RATE_HZ, number)
                for span in piece.speech
            ]
            samples += piece.samples.size
        self._size_s = samples / RATE_HZ

    def segment(self, start_s: float, end_s: float) -> Place:
        """Return where a segment belongs. Times that a recogniser put into a pause move to the
        speech they are nearest to inwards; a segment without speech stays where it is."""
        start_s, end_s = max(0.0, start_s), min(end_s, self._size_s)
        touch_s = min(_TOUCH_S, (end_s - start_s) / 2)
        said = [s for s in self._speech
                if min(s.stop_s, end_s) - max(s.start_s, start_s) > touch_s]  # fmt: skip
        if not said:
            number = self._piece_at((start_s + end_s) / 2)
            return Place(self._time(start_s, number), self._time(end_s, number), number, number, 0)
        share = sum(min(s.stop_s, end_s) - max(s.start_s, start_s) for s in said)
        first, last = said[0], said[-1]
        return Place(
            self._time(max(start_s, first.start_s - _BEFORE_S), first.piece),
            self._time(min(end_s, last.stop_s + _AFTER_S), last.piece),
            first.piece, last.piece, min(1.0, share / (end_s - start_s)),
        )  # fmt: skip

    def word(self, start_s: float, end_s: float) -> tuple[float, float]:
        """Return where a word belongs: the piece that its middle is in."""
        number = self._piece_at((start_s + end_s) / 2)
        return self._time(start_s, number), self._time(end_s, number)

    def speech_after(self, time_s: float) -> float:
        """Return the seconds of speech after a time in the passage."""
        return sum(max(0.0, s.stop_s - max(s.start_s, time_s)) for s in self._speech)

    def _piece_at(self, time_s: float) -> int:
        earlier = [number for number, from_s in enumerate(self._from_s) if from_s <= time_s]
        return earlier[-1] if earlier else 0

    def _time(self, time_s: float, number: int) -> float:
        piece: Piece = self._pieces[number]
        moved = piece.start_s + time_s - self._from_s[number]
        return min(max(moved, piece.start_s), piece.end_s)
