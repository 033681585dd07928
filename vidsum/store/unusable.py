"""What a model wrote and could not be used, kept for who wants to know why."""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Final

MOST_FILES: Final = 50


def keep_unusable(folder: Path, name: str, text: str) -> Path | None:
    """Write a text into a folder, for the owner alone; None when that cannot be done.

    The file is whole or not there; of a name that is taken there will be a second one. Beyond
    :data:`MOST_FILES` the oldest files go.
    """
    try:
        for one in (folder.parent, folder):
            one.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = _written(folder, name, text.encode("utf-8", "backslashreplace"))
    except OSError:
        return None
    with contextlib.suppress(OSError):
        _thin_out(folder)
    return path


def _written(folder: Path, name: str, data: bytes) -> Path:
    """Write a file under the first name that is free. Raises: OSError."""
    hidden = folder / f".{secrets.token_hex(8)}"
    try:
        with os.fdopen(os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        return hidden.replace(next(path for path in _names(folder, name) if not path.exists()))
    except BaseException:
        hidden.unlink(missing_ok=True)
        raise


def _names(folder: Path, name: str) -> Iterator[Path]:
    yield folder / f"{name}.txt"
    yield from (folder / f"{name}-{number}.txt" for number in itertools.count(2))


def _thin_out(folder: Path) -> None:
    found = sorted(folder.glob("*.txt"), key=lambda path: path.stat().st_mtime_ns)
    for path in found[:-MOST_FILES]:
        path.unlink(missing_ok=True)
