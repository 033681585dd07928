"""The seam that every reader of on-screen text fits."""

from __future__ import annotations

from typing import Protocol

from vidsum.data import Frame, ScreenText


class TextReader(Protocol):
    """Reads what is written on a picture. ``calls`` counts how often its model really ran."""

    name: str
    calls: int

    def read(self, frame: Frame) -> ScreenText:
        """Return the text of one picture, empty lines if there is none. Raises: BackendFailed."""
        ...
