"""Why a folder begins nothing new: any number of causes, each with an end of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from vidsum.watch import allowance, room
from vidsum.watch.messages import Cause, Halt
from vidsum.watch.settings import Settings

BLOCKED_S: Final = 60.0
"""How long to wait for what blocks every file; twice as long each time, see below."""
LONGEST_BLOCKED_S: Final = 15 * 60.0
STATE_S: Final = 10.0
"""How long to wait for vidsum's own files."""


@dataclass(frozen=True, slots=True)
class Pause:
    """One cause. ``until_s``: the Unix time at which to try again; None: when it is over."""

    cause: Cause
    why: str
    until_s: float | None = None


class Pauses:
    """The causes that are in force. ``tell`` is called with the first one whenever that changes."""

    def __init__(self, settings: Settings, tell: Callable[[Pause | None], None]) -> None:
        self._settings, self._tell = settings, tell
        self._all: dict[Cause, Pause] = {}
        self._told: Pause | None = None
        self._blocked_s = BLOCKED_S

    @property
    def blocked_s(self) -> float:
        """How long the next pause for what blocks every file will be, in seconds."""
        return self._blocked_s

    @property
    def current(self) -> Pause | None:
        """The first cause in force; None when there is none."""
        return next(iter(self._all.values()), None)

    def has(self, cause: Cause) -> bool:
        """Say whether a cause is in force."""
        return cause in self._all

    def halt(self, halt: Halt) -> None:
        """Pause for what a worker has met."""
        now_s = time.time()
        until_s = {"day": allowance.tomorrow_s(now_s), "blocked": now_s + self._blocked_s}.get(
            halt.cause, now_s + STATE_S
        )
        if halt.cause == "blocked":
            self._blocked_s = min(2 * self._blocked_s, LONGEST_BLOCKED_S)
        self.begin(Pause(halt.cause, halt.why, until_s))

    def begin(self, pause: Pause) -> None:
        """Pause, or pause longer."""
        self._all[pause.cause] = pause
        self._say()

    def end(self, cause: Cause) -> None:
        """Take note that a cause is over."""
        if self._all.pop(cause, None) is not None:
            self._say()

    def done(self) -> None:
        """Take note that a file was done: nothing blocks them all."""
        self._blocked_s = BLOCKED_S

    def look(self) -> Pause | None:
        """Find out what is over by now, and what has come; return the first cause in force.

        Raises: OutputError where the ledger does not tell what the day has spent.
        """
        now_s = time.time()
        for pause in list(self._all.values()):
            if pause.until_s is not None and pause.until_s <= now_s:
                del self._all[pause.cause]
        self._look_for("room", room.lacking(self._settings), None)
        if "day" not in self._all:
            until_s = allowance.tomorrow_s(now_s)
            self._look_for("day", allowance.reached(self._settings.options), until_s)
        self._say()
        return self.current

    def _look_for(self, cause: Cause, why: str | None, until_s: float | None) -> None:
        known = self._all.get(cause)
        if why is None:
            if known is not None and known.until_s is None:
                del self._all[cause]
        elif known is None:
            self._all[cause] = Pause(cause, why, until_s)

    def _say(self) -> None:
        now = self.current
        if (now and (now.cause, now.why)) != (self._told and (self._told.cause, self._told.why)):
            self._told = now
            self._tell(now)
