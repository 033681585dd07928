"""Folders that are made for results: never the place itself, which may be a share that is away."""

from __future__ import annotations

from pathlib import Path

from vidsum.errors import OutputError
from vidsum.watch.settings import Settings
from vidsum.wording import shown


def make(settings: Settings, folder: Path) -> None:
    """Make a folder below the place of results, with those between. Raises: OutputError."""
    place = settings.place
    missing = []
    try:
        for one in (folder, *folder.parents):
            if one == place or one.is_dir():
                break
            missing.append(one)
        if not place.is_dir():
            raise FileNotFoundError(2, "it is not there", str(place))
        for one in reversed(missing):
            one.mkdir(exist_ok=True)
    except OSError as exc:
        raise OutputError(f"The folder {shown(folder)} cannot be made: {exc.strerror}.",
                          "Is the place for results there, and writable?") from exc  # fmt: skip
