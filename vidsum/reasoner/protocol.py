"""The seam that every reasoner fits."""

from __future__ import annotations

from typing import Protocol

from vidsum.data import Bundle, Summary


class Reasoner(Protocol):
    """Writes the summary of one video from its bundle."""

    name: str

    def summarize(self, bundle: Bundle) -> Summary:
        """Return the summary; every claim names timeline entries. Raises: BackendFailed."""
        ...
