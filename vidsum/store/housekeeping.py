"""What is kept, for whom to look at it, and making room: unlike use, this tells what goes wrong."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vidsum.db import connect, refusals, transaction
from vidsum.store.content import MIGRATIONS

if TYPE_CHECKING:
    import sqlite3

_BY_VIDEO: Final = """
SELECT video_sha256, max(note), sum(kind = 'evidence'), sum(kind = 'answer'),
       sum(kind = 'caption'), sum(kind = 'reading'), sum(kind = 'heard'), sum(kind = 'speech'),
       sum(kind NOT IN ('evidence', 'answer', 'caption', 'reading', 'heard', 'speech')),
       sum(length(body)), min(made_at), max(used_at)
FROM kept GROUP BY coalesce(video_sha256, kind || key) ORDER BY max(used_at) DESC, max(note)"""
_BY_KIND: Final = """
SELECT kind, count(*), sum(length(body)) FROM kept GROUP BY kind ORDER BY 3 DESC, kind"""
_OLDEST_FIRST: Final = "SELECT rowid, length(body) FROM kept ORDER BY used_at, made_at, rowid"


@dataclass(frozen=True, slots=True)
class KeptVideo:
    """What is kept of one video: how often it was looked at, what of it piece by piece, and bytes.

    ``heard`` counts blocks of recognised speech, ``spoken`` what a speech server answered for
    parts of them, ``others`` what a newer vidsum may keep.
    ``used_at`` is exact to a day.
    """

    video_sha256: str | None
    name: str
    evidence: int
    answers: int
    captions: int
    readings: int
    heard: int
    spoken: int
    others: int
    stored_bytes: int
    made_at: str
    used_at: str


@dataclass(frozen=True, slots=True)
class KeptKind:
    """How many things of a kind are kept, and how many bytes of the disk they take."""

    kind: str
    things: int
    stored_bytes: int


@dataclass(frozen=True, slots=True)
class Removed:
    """How many things were removed, and how many bytes of them."""

    things: int = 0
    stored_bytes: int = 0


def videos(path: Path) -> tuple[KeptVideo, ...]:
    """Return what is kept, the video that was used last first. Raises: OutputError."""
    if not os.path.lexists(path):
        return ()
    with contextlib.closing(connect(path, MIGRATIONS, reading=True)) as db, refusals(path):
        return tuple(KeptVideo(*row) for row in db.execute(_BY_VIDEO))


def kinds(path: Path) -> tuple[KeptKind, ...]:
    """Return what is kept by kind, what takes most first. Raises: OutputError."""
    if not os.path.lexists(path):
        return ()
    with contextlib.closing(connect(path, MIGRATIONS, reading=True)) as db, refusals(path):
        return tuple(KeptKind(*row) for row in db.execute(_BY_KIND))


def file_bytes(path: Path) -> int:
    """Return how much of the disk the store takes."""
    return path.stat().st_size if path.is_file() else 0


def prune(
    path: Path, *, unused_since: datetime | None = None, most_bytes: int | None = None
) -> Removed:
    """Remove what nobody has used since a moment, then what was used longest ago until the rest
    fits ``most_bytes``; give the room back to the disk. Without either nothing is removed.

    Raises: OutputError.
    """
    if not os.path.lexists(path):
        return Removed()
    with contextlib.closing(connect(path, MIGRATIONS)) as db:
        with transaction(db, path):
            gone = _unused(db, unused_since) if unused_since else []
            if most_bytes is not None:
                gone += _over(db, most_bytes, {row for row, _ in gone})
            db.executemany("DELETE FROM kept WHERE rowid = ?", [(row,) for row, _ in gone])
        if gone:
            with refusals(path):
                db.execute("VACUUM")
    return Removed(len(gone), sum(size for _, size in gone))


def clear(path: Path) -> Removed:
    """Remove everything that is kept. Raises: OutputError."""
    return prune(path, most_bytes=0)


def _unused(db: sqlite3.Connection, since: datetime) -> list[tuple[int, int]]:
    stamp = since.astimezone(UTC).isoformat(timespec="seconds")
    return list(db.execute("SELECT rowid, length(body) FROM kept WHERE used_at < ?", (stamp,)))


def _over(db: sqlite3.Connection, most_bytes: int, gone: set[int]) -> list[tuple[int, int]]:
    """Return what has to go, oldest use first, for the rest to have at most so many bytes."""
    rows = [row for row in db.execute(_OLDEST_FIRST) if row[0] not in gone]
    left = sum(size for _, size in rows)
    over = []
    for row, size in rows:
        if left <= most_bytes:
            break
        over.append((row, size))
        left -= size
    return over
