"""The seam that every source of a transcript fits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from vidsum.costs.tally import Tally
from vidsum.data import MediaInfo, Segment, Transcript
from vidsum.media.process import Decoder
from vidsum.registry import Work


def _ignore(_: object) -> None:
    """Nobody listens."""


def _all(_: float) -> bool:
    """Everything is to be recognised."""
    return True


@dataclass(frozen=True, slots=True)
class Heard:
    """How far a recogniser has come: enough to go on from there in another process.

    Everything before ``until_s`` is settled: ``segments`` and ``rejected`` are final, and those of
    a later state begin with them. ``speech_s`` and ``heard_s`` count from where the request began.
    ``ends_block``: sound is cut anew from here; to go on from any other state is to cut it in
    another way than a run in one go does. The rest is what a remote recogniser has learnt: which
    ``model`` it asks, how many ``answers`` came, which language was ``told`` first as long as
    none is settled, whether the server ``tells_times`` and ``takes_blocks``.
    """

    until_s: float
    segments: tuple[Segment, ...] = ()
    rejected: tuple[Segment, ...] = ()
    language: str | None = None
    speech_s: float = 0.0
    heard_s: float = 0.0
    ends_block: bool = True
    model: str | None = None
    answers: int = 0
    told: str | None = None
    tells_times: bool = True
    takes_blocks: bool = True


class Answers(Protocol):
    """Keeps what was answered, by a key of all that was asked."""

    def get(self, key: str) -> str | None:
        """Return what was kept under a key."""
        ...

    def put(self, key: str, text: str) -> None:
        """Keep a text; when this returns it is on the disk, or cannot be."""
        ...


@dataclass(frozen=True, slots=True)
class TranscriptRequest:
    """What to transcribe: one file between two times, in a language if one was asked for.

    ``open_decoder`` starts a decode process for the file; the caller of it closes it.
    ``audio_track`` counts from 1; None takes the default track. ``advanced`` is told the seconds
    of sound that are done, ``warn`` one line for each source that was there but unreadable.
    ``heard`` is told how far a recogniser has come, after each window; ``resume`` is such a state
    of an earlier run of the same request, at the end of a block, to go on from. ``answers`` keeps
    what a server answered, ``reused`` is told the seconds of sound of each answer that was kept.
    ``word_times`` asks for words with times.
    ``hears`` is asked before each stretch of so many seconds of speech whether to recognise it,
    ``sending`` told the seconds of sound that are, once, however often they are heard. That which
    was answered in an earlier run is not among them.
    """

    info: MediaInfo
    open_decoder: Callable[[], Decoder]
    start_s: float = 0.0
    stop_s: float | None = None
    language: str | None = None
    audio_track: int | None = None
    advanced: Callable[[float], None] = _ignore
    warn: Callable[[str], None] = _ignore
    heard: Callable[[Heard], None] = _ignore
    resume: Heard | None = None
    word_times: bool = False
    hears: Callable[[float], bool] = _all
    sending: Callable[[float], None] = _ignore
    answers: Answers | None = None
    reused: Callable[[float], None] = _ignore


class Transcriber(Protocol):
    """Finds out what was said."""

    name: str
    work: Work
    tally: Tally

    def transcribe(self, request: TranscriptRequest) -> Transcript | None:
        """Return what was said; None when this source has nothing for this file.

        Raises: OptionError, MediaError, BackendMissing, BackendFailed.
        """
        ...

    def close(self) -> None:
        """Let go of the model or the connections; may be called twice."""
        ...
