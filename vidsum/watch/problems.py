"""What goes on being wrong, told once: a folder is looked at every few seconds, for months."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Final

from vidsum.wording import number

AWAY_S: Final = 60.0
"""What was away for so long is told again when it comes back."""
MOST_TOLD: Final = 20
"""So many lines are told at once."""


class Problems:
    """Tells a line when it first appears, and again when it was away. For one thread."""

    def __init__(
        self, tell: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._tell, self._clock = tell, clock
        self._away_s: dict[str, dict[str, float | None]] = {}
        """Of each source the lines that it has found, and since when they are away."""

    def take(self, source: str, lines: Iterable[str]) -> None:
        """Take in all that is wrong now, as one ``source`` has found it."""
        now_s = self._clock()
        known = {
            line: now_s if away_s is None else away_s
            for line, away_s in self._away_s.get(source, {}).items()
            if away_s is None or now_s - away_s < AWAY_S
        }
        there = dict.fromkeys(lines)
        new = [line for line in there if line not in known]
        self._away_s[source] = known | there
        for line in new[:MOST_TOLD]:
            self._tell(line)
        if len(new) > MOST_TOLD:
            self._tell(f"and {number(len(new) - MOST_TOLD)} more like these")
