"""The seam that every reasoner fits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from vidsum.costs.tally import Tally
from vidsum.data import Answer, Bundle, SecondLook, Summary

if TYPE_CHECKING:
    from vidsum.reasoner.asking import Asker

Advanced = Callable[[int, int], None]
"""Told how many model calls are done, and of how many."""


def ignore(done: int, total: int) -> None:
    """Nobody listens."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A moment that a reasoner would see again, in seconds, and what it would know of it."""

    time_s: float
    question: str


class Looker(Protocol):
    """Shows a reasoner moments of the video again. ``most`` is how many it may ask for."""

    most: int

    def look(self, wanted: Sequence[Wanted]) -> tuple[SecondLook, ...]:
        """Return what was seen, in order of time; ids of new entries begin with ``l``.

        Whatever goes wrong is in ``refused`` of a look: a summary does not fail for it.
        """
        ...


class Answers(Protocol):
    """Keeps what a model wrote between runs. Neither method ever fails for the disk's sake."""

    def get(self, key: str) -> str | None:
        """Return what was kept under a key."""
        ...

    def put(self, key: str, text: str) -> None:
        """Keep a text; when this returns it is on the disk, or cannot be."""
        ...


class Reasoner(Protocol):
    """Writes the summary of one video from its bundle, and answers questions about it.

    ``answers``, where somebody set it, keeps what a model wrote: the same question to the same
    model is then not asked twice. ``unusable``, where somebody set it, is handed what a model wrote
    that could not be used, and returns where it was put (None: nowhere). ``reused`` is how many
    answers of the last summary or answer were kept ones.
    """

    name: str
    tally: Tally
    reused: int
    answers: Answers | None
    unusable: Callable[[str], str | None] | None

    def summarize(
        self, bundle: Bundle, advanced: Advanced = ignore, looker: Looker | None = None
    ) -> Summary:
        """Return the summary; every claim names timeline entries, or is marked unsupported.

        Raises: BackendMissing, BackendFailed, OptionError for a prompt that cannot be used.
        """
        ...

    def answer(self, bundle: Bundle, question: str, advanced: Advanced = ignore) -> Answer:
        """Return the answer to a question, from the timeline alone.

        Raises: BackendMissing, BackendFailed, OptionError for a prompt that cannot be used.
        """
        ...

    def close(self) -> None:
        """Let go of the model or the connections; may be called twice."""
        ...


class Questioned(Reasoner, Protocol):
    """A reasoner with a language model, which can be asked other things than what is in a video.

    Such questions are booked at the same ``tally`` and kept in the same ``answers``.
    """

    def asker(self, enough_tokens: int, advanced: Advanced = ignore, fence: str = "") -> Asker:
        """Return who asks the model; it is loaded, with a context that holds so many tokens.

        ``fence`` is the run's mark in prompts, see :class:`vidsum.reasoner.asking.Asker`.
        Raises: BackendMissing, BackendFailed.
        """
        ...
