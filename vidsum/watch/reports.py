"""What folder mode tells while it runs: the library reports, the command line draws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vidsum.errors import EXIT_OK, EXIT_PARTIAL
from vidsum.events import Event

Kind = Literal[
    "watching",  # the folder is watched from now on
    "paused",  # nothing new is begun; message says why
    "resumed",
    "found",  # a file is ready and queued
    "started",  # a worker has begun with a file
    "done",
    "again",  # it will be tried again; message says why and when
    "quarantined",
    "gone",
    "hook-failed",
    "problem",  # something is passed over, or goes less well than it might; told once
    "stopping",  # a signal came, or --once has nothing left to do; message says why, if that is odd
]


@dataclass(frozen=True, slots=True)
class Report:
    """One thing that happened. ``path`` is relative to the watched folder; None: the folder."""

    kind: Kind
    message: str = ""
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the worker on one file is."""

    path: Path
    event: Event


@dataclass(frozen=True, slots=True)
class Standing:
    """What goes on besides the work on files; told when it changes.

    ``waiting``: files that may yet become ready. ``hook``: the file whose hook runs.
    """

    waiting: int = 0
    hook: Path | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """What a watcher did. ``left`` are queued still; ``paused`` is why, when it ended so.

    ``empty``: the folder is there, with nothing in it, so that nothing was to be done.
    """

    done: int = 0
    partial: int = 0
    quarantined: int = 0
    again: int = 0
    gone: int = 0
    left: int = 0
    paused: str = ""
    empty: bool = False

    @property
    def exit_code(self) -> int:
        """0, or 7 when something is missing."""
        waits = (self.left or self.paused) and not self.empty
        missing = self.partial or self.quarantined or waits
        return EXIT_PARTIAL if missing else EXIT_OK


Tell = Callable[[Report | Progress | Standing], None]
