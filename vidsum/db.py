"""SQLite files of vidsum's own: opened, migrated and written to so that no commit is lost."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vidsum.errors import OutputError
from vidsum.failpoints import failpoint

if TYPE_CHECKING:
    import sqlite3

Migrations = Sequence[Sequence[str]]
"""What brings an empty database to the newest version: one list of statements for each version.
Entries are only ever added at the end, and never changed."""

APPLICATION_ID: Final = 0x7664736D
"""In the file's header, so that nobody else's database is taken for one of vidsum's: ``vdsm``."""
BUSY_TIMEOUT_S: Final = 30.0
_LONGEST_SLEEP_S: Final = 0.01
_SOUND_WAL: Final = (3, 51, 3)
"""Before this version of SQLite two writers in WAL mode can corrupt a database."""
_NETWORK: Final = frozenset((
    "9p", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "fuse.ceph", "fuse.davfs2",
    "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs", "glusterfs", "gpfs", "lustre",
    "ncpfs", "nfs", "nfs4", "orangefs", "smb3", "smbfs",
))  # fmt: skip
"""File systems on which the locks of other machines may not hold."""


def connect(
    path: Path, migrations: Migrations, *, reading: bool = False, wait_s: float | None = None
) -> sqlite3.Connection:
    """Open a database, bring it to the newest version, and return a connection.

    It commits by itself: write within :func:`transaction`. The file and the folders that are
    missing are made, for nobody else to read. For ``reading`` nothing is made, the connection
    refuses to write, and a file without write permission will do. The connection may be used
    from any thread, by one at a time, and never after a fork. ``wait_s`` is how long to wait for
    other programs, :data:`BUSY_TIMEOUT_S` if it is None; it holds for migrating too.

    Raises: OutputError.
    """
    import sqlite3

    wait_s = BUSY_TIMEOUT_S if wait_s is None else wait_s
    with refusals(path, wait_s):
        made = not reading and not os.path.lexists(path)
        if made:
            _make_folder(path.parent)
        address = f"{path.absolute().as_uri()}?mode={'rw' if reading else 'rwc'}"
        connection = sqlite3.connect(address, uri=True, timeout=wait_s,
                                     isolation_level=None, check_same_thread=False)  # fmt: skip
        try:
            if made:
                path.chmod(0o600)
            connection.execute("PRAGMA trusted_schema = OFF")
            old = _version(connection, path, migrations) < len(migrations)
            if old or not reading:
                _choose_journal(connection, sqlite3.sqlite_version_info)
            migrate(connection, path, migrations, wait_s)
            connection.execute(f"PRAGMA query_only = {'ON' if reading else 'OFF'}")
        except BaseException:
            connection.close()
            raise
    return connection


def migrate(
    connection: sqlite3.Connection, path: Path, migrations: Migrations, wait_s: float | None = None
) -> None:
    """Bring a database to the newest version. Raises: OutputError."""
    if _version(connection, path, migrations) == len(migrations):
        return
    with transaction(connection, path, wait_s):
        done = _version(connection, path, migrations)  # another process may have been first
        for statements in migrations[done:]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
        failpoint("db.migrate.before")
    with refusals(path, wait_s):
        failpoint("db.migrate.after")


@contextlib.contextmanager
def transaction(
    connection: sqlite3.Connection, path: Path, wait_s: float | None = None
) -> Iterator[None]:
    """Write all of a block or nothing of it, while no other process writes. Raises: OutputError.

    ``path`` is for messages, ``wait_s`` as for :func:`connect`. When the block is left without an
    error, its rows are on the disk.
    """
    wait_s = BUSY_TIMEOUT_S if wait_s is None else wait_s
    with refusals(path, wait_s):
        try:
            _begin(connection, wait_s)
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _begin(connection: sqlite3.Connection, wait_s: float) -> None:
    """Begin to write when no other process does.

    SQLite's own waiting sleeps longer each time, up to 0.1 s: beside seven busy writers a process
    was seen to get no turn in 30 s. Short random sleeps get one within some dozens of them.
    """
    import sqlite3

    deadline_s = time.monotonic() + wait_s
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as exc:
                busy = exc.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
                if not busy or time.monotonic() > deadline_s:
                    raise
                time.sleep(random.uniform(0.0005, _LONGEST_SLEEP_S))
            else:
                return
    finally:
        connection.execute(f"PRAGMA busy_timeout = {wait_s * 1000:.0f}")


@contextlib.contextmanager
def refusals(path: Path, waited_s: float | None = None) -> Iterator[None]:
    """Turn errors of SQLite and of the file system into OutputErrors that name the file.

    ``waited_s`` is what a lock was waited for, :data:`BUSY_TIMEOUT_S` if it is None.

    What breaks a table's own rules (``IntegrityError``) and wrong use stay what they are.
    """
    import sqlite3

    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
        raise
    except sqlite3.Error as exc:
        waited_s = BUSY_TIMEOUT_S if waited_s is None else waited_s
        raise OutputError(*_reason(exc, path, waited_s)) from exc
    except OSError as exc:
        raise OutputError(*_reason_of_system(exc, path)) from exc


def on_network(path: Path) -> bool:
    """Return whether a file is on a network folder, as far as this system tells.

    Locks may not hold there between machines. The file need not exist.
    """
    try:
        mounts = Path("/proc/self/mountinfo").read_bytes()
    except OSError:
        return False
    return file_system(os.fsencode(os.path.realpath(path)), mounts) in _NETWORK


def file_system(path: bytes, mounts: bytes) -> str:
    """Return the type of the file system that an absolute path is on, empty when unknown.

    ``mounts`` is what Linux has in ``/proc/self/mountinfo``: of several mounts on one folder the
    last one counts. Source: proc_pid_mountinfo(5).
    """
    best, found = -1, ""
    for line in mounts.splitlines():
        left, _, right = line.partition(b" - ")
        fields = left.split(b" ")
        if len(fields) < 5 or not right:
            continue
        point = fields[4].decode("unicode_escape").encode("latin-1")  # a space is \040
        if len(point) >= best and (path + b"/").startswith(point.rstrip(b"/") + b"/"):
            best, found = len(point), right.split(b" ")[0].decode("ascii", "replace")
    return found


def _make_folder(folder: Path) -> None:
    missing = [one for one in (folder, *folder.parents) if not os.path.lexists(one)]
    for one in reversed(missing):
        one.mkdir(mode=0o700, exist_ok=True)


def _version(connection: sqlite3.Connection, path: Path, migrations: Migrations) -> int:
    """Return which version a database has, 0 for an empty file. Raises: OutputError."""
    with _at_one_moment(connection):  # another process may be making the tables right now
        (owner,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if owner != APPLICATION_ID:
            (items,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            if owner or version or items:
                raise OutputError(f"{path} is another program's database.", "Move it away.")
    if version > len(migrations):
        raise OutputError(f"{path} was written by a newer vidsum.",
                          "Use that one, or move the file away.")  # fmt: skip
    return int(version)


@contextlib.contextmanager
def _at_one_moment(connection: sqlite3.Connection) -> Iterator[None]:
    """Read all of a block as it is at one moment."""
    if connection.in_transaction:
        yield
        return
    connection.execute("BEGIN")
    try:
        yield
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def journal_mode(sqlite_version: tuple[int, ...]) -> str:
    """Return which journal is safe with a version of SQLite.

    Of the rollback journals TRUNCATE commits in a quarter less time than DELETE (measured on ext4),
    and is as safe: SQLite syncs the truncation too.
    """
    return "wal" if sqlite_version >= _SOUND_WAL else "truncate"


def _choose_journal(connection: sqlite3.Connection, sqlite_version: tuple[int, ...]) -> None:
    wanted = journal_mode(sqlite_version)
    (got,) = connection.execute(f"PRAGMA journal_mode = {wanted}").fetchone()
    connection.execute(f"PRAGMA synchronous = {'FULL' if got == 'wal' else 'EXTRA'}")


def _reason(exc: sqlite3.Error, path: Path, waited_s: float) -> tuple[str, str]:
    """Return a message for what SQLite says, and the next step."""
    import sqlite3

    code = getattr(exc, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return (f"{path} was locked by another program for {waited_s:.0f} s.",
                "Try again when that one has ended.")  # fmt: skip
    if code == sqlite3.SQLITE_NOTADB:
        return f"{path} is not a database.", "Move it away: the next run makes a new one."
    if code == sqlite3.SQLITE_CORRUPT:
        return (f"The database {path} is damaged.",
                "Move it away: the next run makes a new one.")  # fmt: skip
    if code == sqlite3.SQLITE_FULL:
        return f"The disk is full: {path} takes no more.", "Make room, then try again."
    if code == sqlite3.SQLITE_IOERR:
        return (f"{path} cannot be read or written ({exc}).",
                "Is the disk full, or gone?")  # fmt: skip
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return f"{path} cannot be opened: {_obstacle(path)}.", "VIDSUM_HOME moves it."
    return f"The database {path} does not take this ({exc}).", "Move it away, or try again."


def _reason_of_system(exc: OSError, path: Path) -> tuple[str, str]:
    """Return a message for what the file system says, and the next step."""
    place = exc.filename or path
    if exc.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk is full: {place} takes no more.", "Make room, then try again."
    if exc.errno == errno.EIO:
        return (f"{place} cannot be read or written ({exc.strerror}).",
                "Is the disk full, or gone?")  # fmt: skip
    return f"{place} cannot be made: {exc.strerror}.", "VIDSUM_HOME moves it."


def _obstacle(path: Path) -> str:
    folder = path.parent
    if path.is_dir():
        return "it is a folder"
    if not folder.is_dir():
        return f"{folder} is no folder" if folder.exists() else f"there is no folder {folder}"
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        return "its file system is read-only"
    for place in (path, folder):
        if place.exists() and not os.access(place, os.R_OK | os.W_OK):
            return f"there is no permission for {place}"
    return "SQLite cannot write there"
