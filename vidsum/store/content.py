"""A content-addressed store in one SQLite file: what was found, by a key of all that made it.

Nothing in it may make a run fail: where the file is locked, damaged, not ours, on a full disk or
may not be written to, things are found out again as if it were not there.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from vidsum.db import Migrations, connect, refusals, transaction
from vidsum.errors import OutputError
from vidsum.failpoints import failpoint
from vidsum.home import state_folder
from vidsum.wording import path_text

MIGRATIONS: Final[Migrations] = (
    (
        """
        CREATE TABLE kept (
          kind TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL, sha256 BLOB NOT NULL,
          size_bytes INTEGER NOT NULL, video_sha256 TEXT, note TEXT NOT NULL,
          made_at TEXT NOT NULL, used_at TEXT NOT NULL, PRIMARY KEY (kind, key)
        ) STRICT""",
        "CREATE INDEX kept_by_video ON kept (video_sha256)",
        "CREATE INDEX kept_by_use ON kept (used_at)",
    ),
)
"""``body`` is compressed, ``size_bytes`` is without that; ``sha256`` is of kind, key and body, so
that a row cannot stand for another one. Times are UTC, to the second."""
_GET: Final = "SELECT body, sha256, used_at FROM kept WHERE kind = ? AND key = ?"
_NAMES: Final = "SELECT 1 FROM kept WHERE kind = ? AND note = ? LIMIT 1"
_HOLDS: Final = "SELECT 1 FROM kept WHERE kind = ? AND video_sha256 = ? LIMIT 1"
_PUT: Final = """
INSERT OR REPLACE INTO kept
  (kind, key, body, sha256, size_bytes, video_sha256, note, made_at, used_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_TOUCHED_AFTER: Final = timedelta(days=1)
"""When something was last used is written down to the day: a write takes a disk's time."""
_WAIT_S: Final = 5.0
"""How long to wait for other programs: ten of vidsum's own hold each other up for a second at most,
and what is kept is never worth half a minute."""
_LOCKED_S: Final = 60.0
"""How long a file that was locked all that time is left alone: making room in a large one takes
longer, and is over some time. So waiting takes a twelfth of a run's time at most."""
_MOST_BYTES: Final = 256 * 2**20
"""The largest body, many times what ten hours of evidence have: a few bytes of a file that somebody
made may say that they hold gigabytes."""


def default_path() -> Path:
    """Return where the store is; it need not be there. Raises: OptionError."""
    return state_folder() / "cache.db"


class Store:
    """Bodies by kind and key, for any number of threads and processes at once, also after a fork.

    No method raises for the file's sake. After the first failure ``trouble`` says what is wrong
    and what to do, and the file is left alone; one that was locked is tried again after a while.
    The file is open only while something is read or written: measured (ext4, 720 bodies of a
    caption's size), a put takes 1.05 ms and a get 0.10 ms; with the file held open, 0.81 and 0.006.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.trouble = ""
        self._again_at_s = float("inf")

    def get(self, kind: str, key: str) -> bytes | None:
        """Return what was kept under a key; None for nothing, and for what does not check out."""
        row = self._first(_GET, kind, key)
        if row is None:
            return None
        packed, checksum, used_at = row
        body = _unpacked(packed)
        if body is None or _checksum(kind, key, body) != checksum:
            return None
        if str(used_at) < _stamp(datetime.now(UTC) - _TOUCHED_AFTER):
            self._touch(kind, key)
        return body

    def names(self, kind: str, note: str) -> bool:
        """Say whether something is kept under a note: a first look before a key is made."""
        return self._first(_NAMES, kind, path_text(note)) is not None

    def holds(self, kind: str, video_sha256: str) -> bool:
        """Say whether something of a kind is kept about a video."""
        return self._first(_HOLDS, kind, video_sha256) is not None

    def put(
        self, kind: str, key: str, body: bytes, *, video_sha256: str | None = None, note: str = ""
    ) -> bool:
        """Keep a body in the place of what was there; return whether it is on the disk now.

        ``video_sha256`` is the video that it is about, ``note`` what to call it in a list.
        """
        if self._is_left_alone() or len(body) > _MOST_BYTES:
            return False
        now = _stamp(datetime.now(UTC))
        row = (kind, key, zlib.compress(body), _checksum(kind, key, body), len(body), video_sha256,
               path_text(note), now, now)  # fmt: skip
        with self._noting(), refusals(self.path, _WAIT_S):
            self._write(_PUT, row, _WAIT_S, lambda: failpoint("store.put.before"))
            failpoint("store.put.after")
            return True
        return False

    def _touch(self, kind: str, key: str) -> None:
        """Write down that something was used, where that takes no waiting.

        What cannot be written to may still be read.
        """
        import sqlite3

        with contextlib.suppress(OutputError, sqlite3.Error):
            self._write("UPDATE kept SET used_at = ? WHERE kind = ? AND key = ?",
                        (_stamp(datetime.now(UTC)), kind, key), wait_s=0.0)  # fmt: skip

    def _first(self, query: str, *values: str) -> tuple[Any, ...] | None:
        """Return the first row that a query finds; None too where the file is left alone."""
        if self._is_left_alone() or not os.path.lexists(self.path):
            return None
        with (
            self._noting(),
            contextlib.closing(connect(self.path, MIGRATIONS, reading=True, wait_s=_WAIT_S)) as db,
            refusals(self.path, _WAIT_S),
        ):
            found: tuple[Any, ...] | None = db.execute(query, values).fetchone()
            return found
        return None

    def _write(
        self, statement: str, row: tuple[object, ...], wait_s: float,
        before_commit: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        """Write within a transaction. Raises: OutputError."""
        with (
            contextlib.closing(connect(self.path, MIGRATIONS, wait_s=wait_s)) as db,
            transaction(db, self.path, wait_s),
        ):
            db.execute(statement, row)
            if before_commit is not None:
                before_commit()

    @contextlib.contextmanager
    def _noting(self) -> Iterator[None]:
        """Take note of what is wrong with the file, instead of failing for it."""
        import sqlite3

        try:
            yield
        except OutputError as exc:
            self._again_at_s = time.monotonic() + (_LOCKED_S if _locked(exc) else float("inf"))
            self.trouble = f"{exc.message} {exc.hint}".strip()
        except sqlite3.Error as exc:  # a table that somebody changed has rules of its own
            self.trouble = f"The database {path_text(self.path)} does not take this ({exc})."

    def _is_left_alone(self) -> bool:
        if self.trouble and time.monotonic() >= self._again_at_s:
            self.trouble, self._again_at_s = "", float("inf")
        return bool(self.trouble)


def _locked(exc: OutputError) -> bool:
    """Say whether another program was in the way: that ends some time."""
    import sqlite3

    code = getattr(exc.__cause__, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF
    return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _unpacked(packed: object) -> bytes | None:
    """Return a body as it was put in; None for what no store has packed."""
    if not isinstance(packed, bytes):
        return None
    unpacking = zlib.decompressobj()
    try:
        body = unpacking.decompress(packed, _MOST_BYTES)
    except zlib.error:
        return None
    return body if unpacking.eof else None


def _checksum(kind: str, key: str, body: bytes) -> bytes:
    digest = hashlib.sha256(f"{kind}\0{key}\0".encode("utf-8", "surrogatepass"))
    digest.update(body)
    return digest.digest()


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
