"""Progress as values: the library reports, the command line draws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StageStarted:
    """A stage begins. ``total`` is in ``unit``; None when it cannot be known beforehand."""

    stage: str
    unit: str = ""
    total: float | None = None


@dataclass(frozen=True, slots=True)
class StageAdvanced:
    """A stage has done ``done`` of its units since it began; ``total`` once it is known."""

    stage: str
    done: float
    total: float | None = None


@dataclass(frozen=True, slots=True)
class StageFinished:
    """A stage is over. ``note`` says in a few words what came of it."""

    stage: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Noted:
    """Something the user should read now.

    ``level``: ``warning``; ``engines`` for who does what; ``kept`` for what an earlier run found;
    ``info`` for those who ask for more.
    """

    level: str
    message: str


Event = StageStarted | StageAdvanced | StageFinished | Noted
Listener = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Listen to nothing: the default of every library call."""
