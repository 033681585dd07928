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
PROVIDER_S: Final = 60.0
"""The same for a provider that fails for one file after the other."""
ROOM_S: Final = 10.0
"""The same for a disk that takes no more although it seems to have room."""
LONGEST_S: Final = 15 * 60.0
STATE_S: Final = 10.0
"""How long to wait for vidsum's own files."""
_LONGEST_DAY_S: Final = 25 * 3600.0
_CLOCK_SLACK_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Pause:
    """One cause. ``until_s``: the Unix time at which to try again; None: when it is over."""

    cause: Cause
    why: str
    until_s: float | None = None


class Pauses:
    """The causes that are in force. ``tell`` is called with the first one whenever that changes."""

    def __init__(
        self,
        settings: Settings,
        tell: Callable[[Pause | None], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings, self._tell, self._clock = settings, tell, clock
        self._all: dict[Cause, Pause] = {}
        self._told: Pause | None = None
        self._next_s: dict[Cause, float] = {}

    @property
    def current(self) -> Pause | None:
        """The first cause in force; None when there is none."""
        return next(iter(self._all.values()), None)

    def has(self, cause: Cause) -> bool:
        """Say whether a cause is in force."""
        return cause in self._all

    def halt(self, halt: Halt) -> None:
        """Pause for what a worker has met."""
        now_s = self._clock()
        if halt.cause == "day":
            until_s = allowance.tomorrow_s(now_s)
        else:
            until_s = now_s + self._length_s(halt.cause)
        self.begin(Pause(halt.cause, halt.why, until_s))

    def next_s(self, cause: Cause) -> float:
        """Return how long the next pause will be: twice the last one, until a file is done."""
        first_s = {"blocked": BLOCKED_S, "provider": PROVIDER_S, "room": ROOM_S}
        return self._next_s.get(cause, first_s.get(cause, STATE_S))

    def _length_s(self, cause: Cause) -> float:
        """Return how long a pause is that begins now."""
        length_s = self.next_s(cause)
        if cause in ("blocked", "provider", "room"):
            self._next_s[cause] = min(2 * length_s, LONGEST_S)
        return length_s

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
        self._next_s.clear()

    def look(self) -> Pause | None:
        """Find out what is over by now, and what has come; return the first cause in force.

        Raises: OutputError where the ledger does not tell what the day has spent.
        """
        now_s = self._clock()
        for pause in list(self._all.values()):
            if pause.until_s is not None and _is_over(pause.cause, pause.until_s - now_s):
                del self._all[pause.cause]
        self._look_for("room", room.lacking(self._settings, paused=self.has("room")), None)
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


def _is_over(cause: Cause, left_s: float) -> bool:
    """Say whether a pause has ended: its time is over, or the clock was set back meanwhile."""
    most_s = _LONGEST_DAY_S if cause == "day" else LONGEST_S
    return not 0 < left_s <= most_s + _CLOCK_SLACK_S
