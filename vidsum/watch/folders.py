"""Folders for results: all are made but the place itself, which may be a share that is away."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable
from pathlib import Path

from vidsum.errors import OutputError
from vidsum.watch.settings import Settings
from vidsum.wording import shown


def make(settings: Settings, folder: Path) -> None:
    """Make a folder below the place of results, with those between. Raises: OutputError.

    Not through a link that leads out of the place, unless links are followed: whoever else writes
    to the folder might have put it there.
    """
    missing = []
    try:
        for one in (folder, *folder.parents):
            if one == settings.place or one.is_dir():
                break
            missing.append(one)
        if not settings.place.is_dir():
            raise FileNotFoundError(errno.ENOENT, "it is not there", str(settings.place))
        _check(settings, missing[-1].parent if missing else folder)
        for one in reversed(missing):
            one.mkdir(exist_ok=True)
    except OSError as exc:
        raise OutputError(f"The folder {shown(folder)} cannot be made: {exc.strerror}.",
                          "Is the place for results there, and writable?") from exc  # fmt: skip


def taken(settings: Settings, others: Iterable[Path], relative: Path) -> str | None:
    """Say why a video's results would replace those of another watched folder; None: no.

    ``others`` are roots whose results go to the same place and that had a file of that name. One
    that is the same folder under another name does not count, nor one whose file is not there.
    """
    own = settings.root / relative
    for other in (root / relative for root in others):
        with contextlib.suppress(OSError):
            if not own.samefile(other):
                return (f"Its results would replace those of {shown(other)}: they go to "
                        f"{shown(settings.place)}, too.")  # fmt: skip
    return None


def leads_out(settings: Settings, folder: Path) -> bool:
    """Say whether a folder below the place of results is somewhere else, through a link."""
    if settings.follow_links:
        return False
    place = os.path.realpath(settings.place)
    return not Path(os.path.realpath(folder)).is_relative_to(place)


def _check(settings: Settings, folder: Path) -> None:
    if leads_out(settings, folder):
        raise OutputError(f"{shown(folder)} leads out of {shown(settings.place)} through a link.",
                          "Remove the link, or allow links with --follow-links.")  # fmt: skip
