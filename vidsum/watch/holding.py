"""The lock of a watched folder: who holds it, and that there is only one.

A lock is a file that its holder has under ``flock``, which ends with the process however it ends;
what is in the file only says who that is. On network folders, where the locks of other machines
may not hold, a lock is believed as long as its file's mtime is fresh.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import platform
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from vidsum.db import on_network
from vidsum.errors import FolderHeld, OptionError, OutputError
from vidsum.watch.holders import (
    OPEN,
    STALE_S,
    Holder,
    Watched,
    believed,
    described,
    holder,
    holder_of,
    is_at,
    kept_lock,
    locked,
    read,
    stale,
)
from vidsum.watch.names import LOCK
from vidsum.wording import shown

__all__ = ["BEAT_S", "Hold", "Holder", "hold", "holder"]

BEAT_S: Final = 20.0
"""How often :meth:`Hold.beat` is to be called."""
_TRIES: Final = 6
_BETWEEN_S: Final = 0.05
"""Whoever asks for a lock's holder has it for a moment; so a lock is tried for more than once."""


class Hold:
    """A folder's lock while this process has it."""

    def __init__(self, path: Path, descriptor: int, *, firm: bool) -> None:
        self.path = path
        self._descriptor = descriptor
        self._firm = firm
        self._since_s = time.time()

    def beat(self) -> bool:
        """Say to other machines that the lock is in use; return whether it still is ours.

        It is not when its file was removed or replaced, or cannot be reached: leave then, and
        hold the folder anew before anything is written.
        """
        try:
            ours = is_at(self.path, self._descriptor)
            if ours and not self._firm:
                ours = read(self._descriptor) in ({}, self._content())
        except OSError:
            return False
        if ours:
            with contextlib.suppress(OSError):  # the disk is full, or read-only by now
                os.utime(self._descriptor)
        return ours

    def _content(self) -> dict[str, object]:
        return {"pid": os.getpid(), "host": platform.node(), "since": self._since_s}

    def write(self) -> None:
        """Write down who has the lock. A full disk is no reason not to have it."""
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, json.dumps(self._content()).encode(), 0)

    def release(self) -> None:
        """Give the lock up. Its file is removed only under the lock, so nobody else's is."""
        try:
            with contextlib.suppress(OSError):
                if is_at(self.path, self._descriptor):
                    os.ftruncate(self._descriptor, 0)
                    if self._firm:
                        self.path.unlink()
        finally:
            os.close(self._descriptor)


@contextlib.contextmanager
def hold(root: Path) -> Iterator[Hold]:
    """Have a folder for this process alone, whatever name it goes by, until the block is left.

    The lock's file is in the folder; in the state folder where the folder cannot be written to.
    The watcher is to call :meth:`Hold.beat` every :data:`BEAT_S`.

    Raises: FolderHeld when another watcher has it, or a folder above it; OptionError when it is
    not there; OutputError when no lock can be made.
    """
    try:
        state = root.stat()
        if not stat.S_ISDIR(state.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, "it is no folder")
    except OSError as exc:
        raise OptionError(f"{shown(root)} cannot be watched: {exc.strerror}.",
                          "Is what belongs there mounted?") from exc  # fmt: skip
    held = _hold(root, state)
    try:
        _check_above(root)
        yield held
    finally:
        held.release()


def _hold(root: Path, state: os.stat_result) -> Hold:
    """Take the lock in the folder, else the one in the state folder. Raises: see hold."""
    kept, inside = kept_lock(state), root / LOCK
    other = holder_of(kept)
    if other is not None and other.alive:
        raise _held(root, other)
    try:
        return _take(root, inside)
    except OSError as exc:
        if os.path.lexists(inside):
            _check_foreign(root, inside, exc)
    try:
        kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _take(root, kept)
    except OSError as exc:
        raise OutputError(f"{shown(kept)} cannot be made: {exc.strerror}.",
                          "VIDSUM_HOME moves it.") from exc  # fmt: skip


def _check_foreign(root: Path, inside: Path, exc: OSError) -> None:
    """Refuse a lock that is there and cannot be used, unless it is merely somebody else's file.

    Raises: FolderHeld, OutputError.
    """
    if exc.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
        raise OutputError(f"{shown(inside)} cannot be used as a lock: {exc.strerror}.",
                          "Remove it.") from exc  # fmt: skip
    other = holder_of(inside)
    if other is not None and other.alive:
        raise _held(root, other)


def _check_above(root: Path) -> None:
    """Refuse a folder that the watcher of a folder above it looks into. Raises: FolderHeld.

    Its own lock is held by now: so of two watchers that start at once, the upper one sees it.
    """
    watched = Watched()
    for folder in Path(os.path.realpath(root)).parents:
        with contextlib.suppress(OSError):
            there = os.path.lexists(folder / LOCK)
            other = watched.holder(folder, folder.stat(), locked=there)
            if other is not None:
                raise _held(folder, other, f", and {shown(root)} is in it")


def _held(folder: Path, other: Holder, more: str = "") -> FolderHeld:
    hint = "End that one first: two would do everything twice."
    if not other.this_host:
        hint += f" If its machine is off, wait {STALE_S:.0f} s."
    return FolderHeld(f"{shown(folder)} is watched by {other}{more}.", hint)


def _take(root: Path, path: Path) -> Hold:
    """Take a lock. Raises: FolderHeld, OSError when it cannot be made or is no regular file."""
    other: Holder | None = None
    for attempt in range(_TRIES):
        if attempt:
            time.sleep(_BETWEEN_S)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | OPEN, 0o644)
        try:
            hold_or_holder = _try(path, descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        if isinstance(hold_or_holder, Hold):
            return hold_or_holder
        os.close(descriptor)
        other = hold_or_holder or other
    raise _held(root, other or Holder(None, None, None, alive=True, this_host=True))


def _try(path: Path, descriptor: int) -> Hold | Holder | None:
    """Return the lock, or who has it, or None when its file went away meanwhile."""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise OSError(errno.EINVAL, "it is no regular file")
    firm = locked(descriptor, fcntl.LOCK_EX)
    other = described(read(descriptor), alive=True)
    if firm is False:
        if other.this_host or not on_network(path) or not stale(path, descriptor):
            return other
        if is_at(path, descriptor):
            path.unlink()  # the server keeps a lock for a machine that is gone: a new file has none
        return None
    if believed(path, descriptor, other, firm=firm):
        return other
    if not is_at(path, descriptor):
        return None
    held = Hold(path, descriptor, firm=bool(firm))
    held.write()
    return held
