"""Files beside a video that tell of it: which they are, and their text, read with care.

Whoever can put a file beside a video must not be able to make the program wait, use up memory,
or read (and perhaps send to a provider) a file from elsewhere.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from vidsum.media.encodings import text_of

INFO_JSON, NFO, TXT = ".info.json", ".nfo", ".txt"
MOST_BYTES: Final = {INFO_JSON: 4_000_000, NFO: 1_000_000, TXT: 1_000_000}
"""How much is read. yt-dlp's lists of formats and automatic captions alone can take a megabyte."""
_OPEN: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC


class Unusable(Exception):
    """A file is not used, and why: a clause for the user that begins with "it"."""


def fact_files(video: Path) -> list[tuple[Path, str]]:
    """Return the files that tell of a video, each with its kind, in the order of the kinds.

    Beside ``talk.mp4`` these are ``talk.info.json``, ``talk.mp4.info.json`` and so on for each
    kind in :data:`MOST_BYTES`, in upper or lower case.
    """
    stems = (video.stem, video.name)
    try:
        with os.scandir(video.parent) as entries:  # a Path for each of 100,000 files is slow
            mine = [e for e in entries if e.name.startswith(video.stem) and e.name != video.name]
            names = sorted(e.name for e in mine if not e.is_dir(follow_symlinks=False))
    except OSError:
        return []
    return [
        (video.parent / name, kind)
        for kind in MOST_BYTES
        for name in names
        if name.lower().endswith(kind) and name[: -len(kind)] in stems
    ]


def read_beside(path: Path, kind: str, video: Path) -> str:
    """Return the text of a file beside a video. Raises: Unusable.

    A link is followed only to a file in the folder where it stands, or in the one where the
    video itself is (which may be a link as well): a video folder that others write to would else
    be a way to have any file of the user's read.
    """
    try:
        real = Path(os.path.realpath(path, strict=True))
        homes = [Path(os.path.realpath(path.parent)), Path(os.path.realpath(video)).parent]
    except OSError as exc:
        raise Unusable(f"it cannot be read ({exc.strerror})") from exc
    if path.is_symlink() and real.parent not in homes:
        raise Unusable("it is a link into another folder")
    return read_text(real, MOST_BYTES[kind])


def read_text(path: Path, most_bytes: int) -> str:
    """Return the text of a regular file that is no link. Raises: Unusable.

    Nothing that is no regular file is opened; if it becomes one in between, opening does not
    wait for a writer.
    """
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise Unusable("it is no regular file")
        with os.fdopen(os.open(path, _OPEN), "rb") as file:
            state = os.fstat(file.fileno())
            if not stat.S_ISREG(state.st_mode):
                raise Unusable("it is no regular file")
            data = b"" if state.st_size > most_bytes else file.read(most_bytes + 1)
    except OSError as exc:
        raise Unusable(f"it cannot be read ({exc.strerror})") from exc
    if state.st_size > most_bytes or len(data) > most_bytes:
        raise Unusable(f"it is larger than {most_bytes // 1_000_000} MB")
    return text_of(data)
