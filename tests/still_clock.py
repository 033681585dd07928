"""A clock for tests of what waits: passed in where the real one would be."""

from __future__ import annotations


class Clock:
    """Stands still until somebody moves it. ``now_s``: any time in seconds."""

    def __init__(self, now_s: float = 1_800_000_000.0) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        """Return the time."""
        return self.now_s
