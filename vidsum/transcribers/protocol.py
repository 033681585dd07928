"""The seam that every source of a transcript fits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from vidsum.data import MediaInfo, Transcript
from vidsum.media.process import Decoder


def _ignore(_: object) -> None:
    """Nobody listens."""


@dataclass(frozen=True, slots=True)
class TranscriptRequest:
    """What to transcribe: one file between two times, in a language if one was asked for.

    ``open_decoder`` starts a decode process for the file; the caller of it closes it.
    ``audio_track`` counts from 1; None takes the default track. ``advanced`` is told the seconds
    of sound that are done, ``warn`` one line for each source that was there but unreadable.
    """

    info: MediaInfo
    open_decoder: Callable[[], Decoder]
    start_s: float = 0.0
    stop_s: float | None = None
    language: str | None = None
    audio_track: int | None = None
    advanced: Callable[[float], None] = _ignore
    warn: Callable[[str], None] = _ignore


class Transcriber(Protocol):
    """Finds out what was said."""

    name: str

    def transcribe(self, request: TranscriptRequest) -> Transcript | None:
        """Return what was said; None when this source has nothing for this file.

        Raises: MediaError, BackendFailed.
        """
        ...
