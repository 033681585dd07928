"""Who holds the lock of a watched folder, as far as its file tells."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import platform
import secrets
import stat
import time
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from vidsum.db import on_network
from vidsum.home import state_folder
from vidsum.watch.names import LOCK
from vidsum.wording import safe

STALE_S: Final = 90.0
"""Another machine's lock that was not touched for so long is nobody's."""
OPEN: Final = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_MOST_BYTES: Final = 4096
_TAKEN: Final = (errno.EWOULDBLOCK, errno.EACCES)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a folder, or had it last when not ``alive``. ``since_s`` is a Unix time.

    What the lock does not tell is None.
    """

    pid: int | None
    host: str | None
    since_s: float | None
    alive: bool
    this_host: bool

    def __str__(self) -> str:
        who = "another watcher" if self.pid is None else f"process {self.pid}"
        where = f" on {self.host}" if self.host else ""
        if self.since_s is None:
            return who + where
        when = datetime.fromtimestamp(self.since_s).astimezone()
        return f"{who}{where}, since {when.isoformat(sep=' ', timespec='minutes')}"


def holder(root: Path) -> Holder | None:
    """Return who has a folder, or who left its lock behind when it was killed; None: nobody."""
    found = []
    with contextlib.suppress(OSError):
        found = [holder_of(path) for path in (root / LOCK, kept_lock(root.stat()))]
    known = [one for one in found if one is not None]
    return next((one for one in known if one.alive), known[0] if known else None)


class Watched:
    """Which folders below a watched one somebody else watches: made for one scan."""

    def __init__(self) -> None:
        self._locks: frozenset[str] = frozenset()
        with contextlib.suppress(OSError):
            self._locks = frozenset(path.name for path in _kept_folder().iterdir())

    def holder(self, folder: Path, state: os.stat_result, *, locked: bool) -> Holder | None:
        """Return who watches a folder; ``locked``: there is a lock in it."""
        places = [folder / LOCK] if locked else []
        if self._locks:
            kept = kept_lock(state)
            places += [kept] if kept.name in self._locks else []
        return next((one for one in map(holder_of, places) if one is not None and one.alive), None)


def believed(path: Path, descriptor: int, other: Holder, *, firm: bool | None) -> bool:
    """Return whether a lock's content counts although its file could be locked (``firm``).

    Without locks (None) it is all there is; on a network folder the locks of others may not show.
    """
    if other.pid is None or (firm and (other.this_host or not on_network(path))):
        return False
    return not stale(path, descriptor) and (not other.this_host or _runs(other.pid))


def holder_of(path: Path) -> Holder | None:
    """Return who has a lock, or had it; None for no lock, and for one that nobody ever had."""
    try:
        descriptor = os.open(path, os.O_RDONLY | OPEN)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        firm = locked(descriptor, fcntl.LOCK_SH)
        other = described(read(descriptor), alive=firm is False)
        if firm is False:
            return other
        if other.pid is None:
            return None
        return replace(other, alive=believed(path, descriptor, other, firm=firm))
    except OSError:
        return None
    finally:
        os.close(descriptor)


def locked(descriptor: int, how: int) -> bool | None:
    """Lock a file without waiting: whether that worked; None where there are no locks."""
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except OSError as exc:
        return False if exc.errno in _TAKEN else None
    return True


def read(descriptor: int) -> dict[str, object]:
    """Return what a lock says; nothing when that is no JSON object."""
    try:
        found = json.loads(os.pread(descriptor, _MOST_BYTES, 0))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def described(content: dict[str, object], *, alive: bool) -> Holder:
    """Return a lock's content, which anybody may have written, as far as it makes sense."""
    pid, host, since_s = content.get("pid"), content.get("host"), content.get("since")
    known = isinstance(pid, int) and not isinstance(pid, bool) and 0 < pid < 2**31
    named = safe(host)[:100] if isinstance(host, str) else ""
    told = isinstance(since_s, int | float) and 0 < since_s < 2**33
    return Holder(
        pid if known and isinstance(pid, int) else None, named or None,
        float(since_s) if told and isinstance(since_s, int | float) else None,
        alive, this_host=not named or named == safe(platform.node())[:100],
    )  # fmt: skip


def stale(path: Path, descriptor: int) -> bool:
    """Return whether a lock was not touched for :data:`STALE_S`, by its file system's clock."""
    return _now_there_s(path.parent) - os.fstat(descriptor).st_mtime > STALE_S


def _now_there_s(folder: Path) -> float:
    """Return the time as the machine sees it that a folder is on: a server's clock may be off."""
    probe = folder / f"{LOCK}.{secrets.token_hex(8)}"
    try:
        descriptor = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL | OPEN, 0o600)
    except OSError:
        return time.time()
    try:
        return os.fstat(descriptor).st_mtime
    finally:
        os.close(descriptor)
        with contextlib.suppress(OSError):
            probe.unlink()


def is_at(path: Path, descriptor: int) -> bool:
    """Return whether an open file is still the one of that name. Raises: OSError."""
    try:
        return os.path.samestat(os.lstat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _kept_folder() -> Path:
    return state_folder() / "watch"


def kept_lock(state: os.stat_result) -> Path:
    """Return the lock for a folder that cannot be written to: the same for all its names."""
    name = hashlib.sha256(f"{state.st_dev}:{state.st_ino}".encode()).hexdigest()[:16]
    return _kept_folder() / f"{name}.lock"
