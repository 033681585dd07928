"""What folder mode knows of a file, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

State = Literal["queued", "running", "done", "quarantined", "gone"]
"""``queued``: ready, and to be done from ``not_before_s`` on. ``running``: somebody holds its
lease. ``done``: its results are on the disk. ``quarantined``: given up until the file changes or
somebody asks for it again. ``gone``: not there any more; what is known of it is kept."""

MOST_ATTEMPTS: Final = 6
"""Transient errors that a file may have."""
MOST_DEATHS: Final = 3
"""Workers that may die over a file while the watcher lives."""
MOST_ORPHANINGS: Final = 30
"""Times that the watcher itself may end in the middle of a file: a machine that is switched off is
no fault of the file, but a file that takes the machine down each time must end somewhere."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A file as a scan found it. ``path`` is relative to the watched folder."""

    path: Path
    size_bytes: int
    mtime_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed file: what to do, and how often it was tried. Times are Unix times in seconds.

    ``attempts`` counts this one too. ``owner`` is the token of whoever claimed it.
    """

    id: int
    seen: Seen
    owner: str
    attempts: int = 1
    deaths: int = 0
    orphanings: int = 0


@dataclass(frozen=True, slots=True)
class Done:
    """The results are on the disk. ``results`` are their absolute paths.

    ``partial``: the file is damaged, or a cap or a backend left something out; ``note`` says what.
    """

    results: tuple[Path, ...]
    run_id: str
    video_sha256: str | None
    partial: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Again:
    """It is to be done again, not before ``after_s`` seconds from now.

    ``charged``: it counts as an attempt (a transient error); otherwise it was no fault of the file
    (the disk is full, the day's cap is reached, the watcher ends, the file is still changing).
    ``died``: the worker died of it, which counts as an attempt and as a death.
    """

    why: str
    after_s: float | None = None
    charged: bool = True
    died: bool = False


@dataclass(frozen=True, slots=True)
class GivenUp:
    """Nothing but another file will help: unreadable, refused."""

    why: str
    exit_code: int


Outcome = Done | Again | GivenUp


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of how work on a file ended besides its outcome, for the report on it.

    ``exit_code`` and ``hint`` are those of the error, ``trace`` the worker's last words on stderr.
    """

    exit_code: int | None = None
    hint: str = ""
    trace: str = ""
    sha256: str | None = None
