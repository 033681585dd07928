"""Where the results of a watched folder's videos go."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final

from vidsum.watch.names import QUARANTINE
from vidsum.watch.settings import Settings

_MAX_NAME_BYTES: Final = 240
"""File systems take 255; what writes a file may need some letters more beside it."""


def result_path(settings: Settings, relative: Path, form: str) -> Path:
    """Return where one result of a video goes: beside it, or in the same tree in ``output``.

    ``relative`` is the video's path in the watched folder. The folder may have to be made.
    Raises: ValueError for a path that leads out of the watched folder.
    """
    name = _fitted(relative, f".vidsum.{form}")
    return settings.place / _within(relative).parent / name


def quarantine_folder(settings: Settings, relative: Path) -> Path:
    """Return the folder for what is to be said of a video that was given up.

    Raises: ValueError for a path that leads out of the watched folder.
    """
    return settings.place / QUARANTINE / _within(relative).parent / _fitted(relative, "")


def _within(relative: Path) -> Path:
    if relative.is_absolute() or not relative.name or ".." in relative.parts:
        raise ValueError(f"{relative!r} is no path in a folder")
    return relative


def _fitted(relative: Path, suffix: str) -> str:
    """Return a video's whole name with a suffix; 8 hex digits stand for what was too long."""
    name = os.fsencode(relative.name)
    end = suffix.encode()
    if len(name) + len(end) > _MAX_NAME_BYTES:
        mark = hashlib.sha256(os.fsencode(relative)).hexdigest()[:8]
        end = f"-{mark}{suffix}".encode()
        name = _cut(name, _MAX_NAME_BYTES - len(end))
    return os.fsdecode(name + end)


def _cut(name: bytes, room: int) -> bytes:
    """Return the beginning of a name, without a part of a UTF-8 letter at its end."""
    end = room
    while end > room - 3 and name[end] & 0xC0 == 0x80:  # what a letter goes on with
        end -= 1
    return name[:end]
