"""What watch.db knows of the watched folders, for ``vidsum watch status``: it is only read."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

from vidsum.db import connect, refusals
from vidsum.watch import jobs_schema as sql
from vidsum.watch.job import State
from vidsum.watch.jobs import Quarantined, quarantined_of

if TYPE_CHECKING:
    import sqlite3

STALE_S: Final = 120.0
"""A watcher that has said nothing for so long does not run any more."""
MOST_LISTED: Final = 1000
MOST_DONE_LISTED: Final = 10
MOST_HOOKS_LISTED: Final = 10

_FOLDERS: Final = """SELECT folders.id, root, place, state, why, until_s, owner,
max(coalesce(beat_s, 0), coalesce((SELECT max(renewed_s) FROM jobs
    WHERE folder_id = folders.id AND jobs.state = 'running'), 0))
FROM folders"""
_RUNNING: Final = """SELECT path, started_s, attempts, progress FROM jobs
WHERE folder_id = ? AND state = 'running' ORDER BY started_s, id LIMIT ?"""
_WAITING: Final = """SELECT path, attempts, coalesce(error, ''), due_s FROM jobs
WHERE folder_id = ? AND state = 'queued' AND (attempts > 0 OR orphanings > 0 OR due_s > queued_s)
ORDER BY due_s, id LIMIT ?"""
_LAST_DONE: Final = """SELECT path, done_s, partial, note, results, run_id, video_sha256 FROM jobs
WHERE folder_id = ? AND done_s IS NOT NULL ORDER BY done_s DESC, id DESC LIMIT ?"""
_HOOKS_FAILED: Final = """SELECT path, done_s, hook_trouble FROM jobs
WHERE folder_id = ? AND hook_trouble <> '' AND state <> 'gone' AND done_s IS NOT NULL
ORDER BY done_s DESC, id DESC LIMIT ?"""
_TOTALS: Final = """SELECT count(*), coalesce(sum(size_bytes), 0),
count(*) FILTER (WHERE state = 'done' AND partial = 1), coalesce(sum(hooks_due), 0),
count(*) FILTER (WHERE hook_trouble <> '')
FROM jobs WHERE folder_id = ? AND state <> 'gone'"""


@dataclass(frozen=True, slots=True)
class Running:
    """A file that is worked on. ``since_s`` is a Unix time; ``progress`` may be empty."""

    path: Path
    since_s: float
    attempt: int
    progress: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A file that is tried again at a Unix time. ``attempts`` counts those that were charged."""

    path: Path
    attempts: int
    why: str
    due_s: float


@dataclass(frozen=True, slots=True)
class Finished:
    """A file that was done at a Unix time. ``results`` are absolute paths.

    ``run_id`` is that of the ledger and of the result; ``video_sha256`` None: it is unknown.
    """

    path: Path
    when_s: float
    partial: bool
    note: str
    results: tuple[Path, ...]
    run_id: str
    video_sha256: str | None


@dataclass(frozen=True, slots=True)
class HookFailed:
    """A file that was done at a Unix time and whose last hook went wrong; ``why`` says how."""

    path: Path
    when_s: float
    why: str


@dataclass(frozen=True, slots=True)
class Totals:
    """Of all files that are not gone. ``hook_troubles``: files whose last hook went wrong."""

    files: int
    size_bytes: int
    partial: int
    hooks_due: int
    hook_troubles: int


@dataclass(frozen=True, slots=True)
class FolderStatus:
    """One watched folder. ``state``: what its watcher said last: watching, paused, stopped.

    ``beat_s`` is when it was heard of last, None: never. ``stale``: it did not say that it
    stopped, and was not heard of for :data:`STALE_S`. Times are Unix times. ``running`` is what
    the file says, also of a watcher that is dead. ``place`` is the folder of results, None: no
    watcher has told. The lists are bounded, ``counts`` are whole.
    """

    root: Path
    place: Path | None
    state: str
    why: str
    until_s: float | None
    beat_s: float | None
    stale: bool
    owner: str
    counts: Mapping[State, int]
    running: tuple[Running, ...]
    waiting: tuple[Waiting, ...]
    quarantined: tuple[Quarantined, ...]
    last_done: tuple[Finished, ...]
    totals: Totals
    hooks_failed: tuple[HookFailed, ...] = ()


def folders(path: Path, *, now_s: float | None = None) -> tuple[FolderStatus, ...]:
    """Return all folders of a file, none if it is not there. Raises: OutputError.

    ``now_s`` is the present as a Unix time.
    """
    return _read(path, f"{_FOLDERS} ORDER BY root", (), now_s)


def folder(path: Path, root: Path, *, now_s: float | None = None) -> FolderStatus | None:
    """Return one folder, None if it was never watched. Raises: OutputError."""
    found = _read(path, f"{_FOLDERS} WHERE root = ?", (os.fsencode(root),), now_s)
    return found[0] if found else None


def _read(
    path: Path, query: str, values: tuple[object, ...], now_s: float | None
) -> tuple[FolderStatus, ...]:
    if not os.path.lexists(path):
        return ()
    now_s = time.time() if now_s is None else now_s
    with (
        contextlib.closing(connect(path, sql.MIGRATIONS, reading=True)) as db,
        refusals(path),
    ):
        db.execute("BEGIN")  # all that is read is of one moment
        return tuple(_status(db, row, now_s) for row in db.execute(query, values).fetchall())


def _status(db: sqlite3.Connection, row: tuple[Any, ...], now_s: float) -> FolderStatus:
    number, root, place, state, why, until_s, owner, beat_s = row
    return FolderStatus(
        _path(root), None if place is None else _path(place), state, why, until_s, beat_s or None,
        stale=state != "stopped" and not abs(now_s - beat_s) <= STALE_S,
        owner=owner,
        counts=_counts(db, number),
        running=tuple(
            Running(_path(raw), *rest)
            for raw, *rest in db.execute(_RUNNING, (number, MOST_LISTED))
        ),
        waiting=tuple(
            Waiting(_path(raw), *rest)
            for raw, *rest in db.execute(_WAITING, (number, MOST_LISTED))
        ),
        quarantined=_quarantined(db, number),
        last_done=tuple(
            Finished(_path(raw), when_s, bool(partial), note, sql.unpacked(results), *rest)
            for raw, when_s, partial, note, results, *rest in
            db.execute(_LAST_DONE, (number, MOST_DONE_LISTED))
        ),
        totals=Totals(*db.execute(_TOTALS, (number,)).fetchone()),
        hooks_failed=tuple(
            HookFailed(_path(raw), *rest)
            for raw, *rest in db.execute(_HOOKS_FAILED, (number, MOST_HOOKS_LISTED))
        ),
    )  # fmt: skip


def _counts(db: sqlite3.Connection, number: int) -> Mapping[State, int]:
    counted: dict[State, int] = dict.fromkeys(get_args(State), 0)
    return counted | dict(db.execute(sql.COUNT, {"folder": number}).fetchall())


def _quarantined(db: sqlite3.Connection, number: int) -> tuple[Quarantined, ...]:
    query = f"{sql.QUARANTINED} ORDER BY error_s DESC, id LIMIT :most"
    rows = db.execute(query, {"folder": number, "most": MOST_LISTED}).fetchall()
    return tuple(map(quarantined_of, rows))


def _path(raw: bytes) -> Path:
    return Path(os.fsdecode(raw))
