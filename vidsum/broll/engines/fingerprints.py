"""SHA-256 of large files of weights, kept with what tells that a file is still the same."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from vidsum.errors import BackendMissing, OutputError
from vidsum.home import state_folder
from vidsum.outputs import write_whole
from vidsum.wording import shown

_FILE: Final = "image-weights.json"
_MOST: Final = 64


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hex. Raises: BackendMissing.

    Every byte is read, for names, sizes and samples would not tell two models apart that differ in
    one layer; but gigabytes take seconds, so what was found is kept with the file's device, inode,
    size and time of change to the nanosecond, and holds while those do.
    """
    try:
        mark = _mark(path)
        known = _known()
        found = known.get(mark)
        if found is not None:
            return found
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        if _mark(path) == mark:  # else it changed while it was read
            _keep(dict(list(known.items())[1 - _MOST :]) | {mark: sha256})
        return sha256
    except OSError as exc:
        raise BackendMissing(f"{shown(path)} cannot be read: {exc.strerror}.") from exc


def _mark(path: Path) -> str:
    found = path.stat()
    return f"{found.st_dev}:{found.st_ino}:{found.st_size}:{found.st_mtime_ns}:{found.st_ctime_ns}"


def _known() -> Mapping[str, str]:
    """Return what was found earlier; nothing where it cannot be read: it is found again."""
    try:
        found: Any = json.loads((state_folder() / _FILE).read_text("utf-8"))
        if isinstance(found, dict) and all(isinstance(value, str) for value in found.values()):
            return found
    except (OSError, ValueError, RecursionError):
        pass
    return {}


def _keep(known: Mapping[str, str]) -> None:
    with contextlib.suppress(OSError, OutputError):  # then it is found again
        state_folder().mkdir(parents=True, exist_ok=True)
        write_whole(state_folder() / _FILE, json.dumps(known, indent=1))
