"""What folder mode tells while it runs: the library reports, the command line draws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

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
    "stopping",  # a signal came, or --once has nothing left to do
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


Tell = Callable[[Report | Progress], None]
