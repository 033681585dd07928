"""Room on the disk: with too little of it nothing new is begun, and nobody's fault it is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from vidsum.home import state_folder
from vidsum.watch.settings import Settings
from vidsum.wording import shown

_MOST_MORE_BYTES: Final = 100_000_000


def lacking(settings: Settings, *, paused: bool = False) -> str | None:
    """Say where there is too little room for results or for vidsum's own files; None: nowhere.

    Who is ``paused`` for it waits for a little more, so as not to go on and stop all the time.
    """
    more_bytes = min(settings.min_free_bytes // 10, _MOST_MORE_BYTES) if paused else 0
    for folder in (settings.place, state_folder()):
        free_bytes = _free_bytes(folder)
        if free_bytes is not None and free_bytes < settings.min_free_bytes + more_bytes:
            return (f"{free_bytes / 1e6:,.0f} MB are free at {shown(folder)}, less than "
                    f"{settings.min_free_bytes / 1e6:,.0f} MB")  # fmt: skip
    return None


def _free_bytes(folder: Path) -> int | None:
    """Return what this user may still write; None where nobody can tell."""
    for place in (folder, *folder.parents):
        try:
            found = os.statvfs(place)
        except FileNotFoundError:
            continue  # it is not made yet
        except OSError:
            return None
        return found.f_bavail * found.f_frsize
    return None
