"""Files that vidsum writes: whole or not at all, under names that a file system takes."""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from pathlib import Path
from typing import TextIO

from vidsum.errors import OutputError
from vidsum.failpoints import failpoint
from vidsum.wording import shown

_MAX_NAME_BYTES = 240


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


def write_whole(path: Path, text: str) -> None:
    """Write a file so that it is either whole or not there. Raises: OutputError.

    A link is followed, and a file that is replaced keeps its permissions.
    """
    try:
        path.parent.mkdir(exist_ok=True)
        target = path.resolve()
        temporary = target.with_name(f".vidsum-{secrets.token_hex(8)}")
        try:
            with _created(temporary) as file:
                if target.exists():
                    os.fchmod(file.fileno(), stat.S_IMODE(target.stat().st_mode))
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            failpoint("output.before")
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        failpoint("output.replaced")
        _sync_folder(target.parent)
        failpoint("output.after")
    except OSError as exc:
        raise OutputError(f"{shown(path)} cannot be written: {exc.strerror}.",
                          "Choose another place with -o.") from exc  # fmt: skip


def _created(path: Path) -> TextIO:
    """Open a file that was not there; the user's umask decides who may read it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    return os.fdopen(descriptor, "w", encoding="utf-8")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
