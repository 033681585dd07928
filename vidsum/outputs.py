"""Files that vidsum writes: whole or not at all, under names that a file system takes."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import hashlib
import os
import re
import secrets
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

from vidsum.db import on_network
from vidsum.errors import OutputError
from vidsum.failpoints import failpoint
from vidsum.wording import shown

_MAX_NAME_BYTES = 240
_TEMPORARY: Final = ".vidsum-"
_LEFTOVER: Final = re.compile(re.escape(_TEMPORARY) + "[0-9a-f]{16}")
_OLD_S: Final = 86_400.0


def result_name(video: Path, form: str, taken: set[str]) -> str:
    """Return a file name for a video's result: its stem, with 8 hex digits when needed.

    They are needed when the name would be too long for a file system, or is taken.
    """
    suffix = f".{form}"
    stem = os.fsencode(video.stem)
    name = stem + suffix.encode()
    if len(name) > _MAX_NAME_BYTES or os.fsdecode(name) in taken:
        mark = hashlib.sha256(os.fsencode(video.absolute())).hexdigest()[:8]
        room = _MAX_NAME_BYTES - len(suffix) - 9
        name = stem[:room] + f"-{mark}{suffix}".encode()
    taken.add(os.fsdecode(name))
    return os.fsdecode(name)


ELSEWHERE: Final = "Choose another place with -o."
IN_PLACE: Final = "Make its folder writable, or move it to where there is room."


def write_whole(
    path: Path, text: str, *, follow: bool = True, hint: str = ELSEWHERE
) -> None:  # fmt: skip
    """Write a file so that it is either whole or not there. Raises: OutputError.

    A file that is replaced keeps its permissions. A link at its place is followed; without
    ``follow`` it is replaced, so that whoever else writes to the folder cannot choose another
    place. What runs that were killed have left in the folder is removed, see
    :func:`remove_leftovers`.
    """
    write_with(path, lambda file, _: file.write(text.encode()), follow=follow, hint=hint)


def write_with(
    path: Path, write: Callable[[BinaryIO, Path], object], *, follow: bool = True,
    hint: str = ELSEWHERE,
) -> None:  # fmt: skip
    """Have a file written by somebody else, whole or not there, by the rules of write_whole.

    ``write`` gets the temporary file, open for reading and writing, and its path, in the same
    folder, for a program that writes to a path; it must stay the same file. What it raises ends
    it, and nothing is left; of that, OSError becomes OutputError. Raises: OutputError.
    """
    try:
        path.parent.mkdir(exist_ok=True)
        target = path.resolve() if follow else path.absolute()
        _remove_once(target.parent)
        _replace(target, write)
        failpoint("output.replaced")
        _sync_folder(target.parent)
        failpoint("output.after")
    except OSError as exc:
        raise OutputError(f"{shown(path)} cannot be written: {exc.strerror}.", hint) from exc


def _replace(target: Path, write: Callable[[BinaryIO, Path], object]) -> None:
    temporary = target.with_name(f"{_TEMPORARY}{secrets.token_hex(8)}")
    with _created(temporary) as file:  # and its lock is held until it has its name
        try:
            failpoint("output.begun")
            with contextlib.suppress(FileNotFoundError):
                mode = target.lstat().st_mode  # where a link is followed, it was by now
                if stat.S_ISREG(mode):
                    os.fchmod(file.fileno(), stat.S_IMODE(mode))
            write(file, temporary)
            file.flush()
            os.fsync(file.fileno())
            failpoint("output.before")
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def remove_leftovers(folder: Path) -> int:
    """Remove the temporary files of runs that were killed while they wrote; return how many.

    Whoever writes such a file holds a lock on it, so that what is locked is left alone. Other
    machines' locks may not be seen on a network folder: there a file must be a day old as well.
    What cannot be removed stays.
    """
    shared = on_network(folder)
    removed = 0
    with contextlib.suppress(OSError), os.scandir(folder) as found:
        for entry in found:
            if _LEFTOVER.fullmatch(entry.name) and (not shared or _is_old(entry)):
                with contextlib.suppress(OSError):
                    removed += _remove_unlocked(Path(entry.path))
    return removed


@functools.lru_cache(maxsize=256)
def _remove_once(folder: Path) -> None:
    """Do so once in a process: a folder may have very many files."""
    remove_leftovers(folder)


def _is_old(entry: os.DirEntry[str]) -> bool:
    try:
        return time.time() - entry.stat(follow_symlinks=False).st_mtime > _OLD_S
    except OSError:
        return False


def _remove_unlocked(path: Path) -> bool:
    """Remove a regular file on which nobody has a lock. Raises: OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return False
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    finally:
        os.close(descriptor)
    return True


def _created(path: Path) -> BinaryIO:
    """Open a file that was not there, and lock it; the user's umask decides who may read it.

    Until it has the lock somebody may take it for a leftover and remove it: then it is made again.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        with contextlib.suppress(OSError):  # some file systems have no locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.path.lexists(path):
            return os.fdopen(descriptor, "w+b")
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    """Have a folder's names on the disk, where its file system can do that and one may read it."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(descriptor)
    except OSError as exc:
        if exc.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
