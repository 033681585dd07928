"""The seam that every reasoner fits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from vidsum.costs.tally import Tally
from vidsum.data import Bundle, Summary

Advanced = Callable[[int, int], None]
"""Told how many model calls are done, and of how many."""


def ignore(done: int, total: int) -> None:
    """Nobody listens."""


class Reasoner(Protocol):
    """Writes the summary of one video from its bundle."""

    name: str
    tally: Tally

    def summarize(self, bundle: Bundle, advanced: Advanced = ignore) -> Summary:
        """Return the summary; every claim names timeline entries.

        Raises: BackendMissing, BackendFailed, OptionError for a prompt that cannot be used.
        """
        ...

    def close(self) -> None:
        """Let go of the model or the connections; may be called twice."""
        ...
