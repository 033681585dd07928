"""The lock of a B-roll folder: two that make pictures in it at once would pay for them twice.

The lock is ``flock`` on a file in the folder: it ends with the process however that ends. What is
in the file only says who has it.
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

from vidsum.errors import OutputError
from vidsum.wording import escaped, shown

LOCK: Final = ".vidsum-broll.lock"
_OPEN: Final = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MOST_BYTES: Final = 4096
_LOCKLESS: Final = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)
"""Some network folders have no locks: there it is the user who must not start two."""


@contextlib.contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Have a B-roll folder for this process alone until the block is left.

    Raises: OutputError, which says who has it, or that no lock can be made.
    """
    path = folder / LOCK
    try:
        descriptor = os.open(path, _OPEN, 0o644)
    except OSError as exc:
        raise OutputError(f"The lock {shown(path)} cannot be made: {exc.strerror}.",
                          "Without it two might pay for the same pictures.") from exc  # fmt: skip
    try:
        _take(folder, path, descriptor)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)  # the file stays: whoever has it open by now locks the same one


def _take(folder: Path, path: Path, descriptor: int) -> None:
    """Lock the file and say in it who has it. Raises: OutputError."""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise OutputError(f"{shown(path)} cannot be used as a lock: it is no regular file.",
                          "Remove it.")  # fmt: skip
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        who = _holder(descriptor)
        raise OutputError(f"{shown(folder)} is in use by {who}.",
                          "Wait for it: two would pay for the same pictures.") from exc  # fmt: skip
    except OSError as exc:
        if exc.errno not in _LOCKLESS:
            raise OutputError(f"{shown(path)} cannot be locked: {exc.strerror}.") from exc
    told = {"pid": os.getpid(), "host": platform.node(), "since": int(time.time())}
    with contextlib.suppress(OSError):  # a full disk is no reason not to have it
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(told).encode(), 0)


def _holder(descriptor: int) -> str:
    """Return in words who has the lock, as far as its file tells."""
    try:
        found = json.loads(os.pread(descriptor, _MOST_BYTES, 0))
        host = "" if found["host"] == platform.node() else f" on {escaped(str(found['host']))}"
        return f"process {int(found['pid'])}{host}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
