"""Which names in a watched folder are passed over, and which may be videos."""

from __future__ import annotations

import fnmatch
import os
import re
from typing import Final

from vidsum.config import FORMATS

QUARANTINE: Final = "vidsum-quarantine"
LOCK: Final = ".vidsum.lock"
SENTINEL: Final = b".done"

MEDIA_SUFFIXES: Final = frozenset({
    "3g2", "3gp", "3gpp", "f4v", "m4v", "mj2", "mov", "mp4", "qt",  # mov, mp4
    "mk3d", "mka", "mkv", "weba", "webm",  # matroska, webm
    "avi", "divx",
    "m2t", "m2ts", "mts", "tp", "trp", "ts",  # mpegts
    "evo", "m1v", "m2p", "m2v", "mpe", "mpeg", "mpg", "mpv", "vob",  # mpeg, mpegvideo
    "flv", "oga", "ogg", "ogm", "ogv", "ogx", "opus", "spx",
    "aac", "adts", "flac", "m2a", "m4a", "m4b", "m4r", "mp2", "mp3", "mpa", "wav",
    "asf", "wma", "wmv",
    "gif",
})  # fmt: skip
"""What files of the containers in :data:`vidsum.media.policy.CONTAINERS` are called."""

BEING_MADE: Final = (b".aria2", b".part", b".ytdl")
"""A file that has such a one beside it is being downloaded: aria2 makes the whole size at once,
Firefox an empty file, and both write the final name before its content is there."""

_PASSED_FOLDERS: Final = frozenset({
    QUARANTINE, "@eadir", "@tmp", "@recycle", "@recently-snapshot", "#recycle", "#snapshot",
    "$recycle.bin", "recycler", "system volume information", "lost+found", "network trash folder",
    "temporary items",
})  # fmt: skip
_PASSED_FILES: Final = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"})
_PASSED_STARTS: Final = (".", "~$", "~syncthing~", "~utorrentpartfile_")
_PASSED_ENDS: Final = (
    ".part", ".partial", ".crdownload", ".download", ".opdownload", ".fdmdownload", ".jdownload",
    ".filepart", ".part.met", ".tmp", ".temp", ".swp", ".!qb", ".!ut", ".!bt", ".!sync", ".bc!",
    ".aria2", ".ytdl", ".dropboxpartial", ".ocdownload",
)  # fmt: skip
_PASSED_FILE_ENDS: Final = (
    "~", ".bak", ".old", ".done", *(f".vidsum.{form}" for form in FORMATS),
)  # fmt: skip
_PASSED_SHAPE: Final = re.compile(
    r"""(?: \.temp\.\w{1,5}                                       # yt-dlp joins streams
          | \.f(?:\d{2,5}(?:-\w+)?|(?:hls|dash)[\w-]*)\.\w{1,5}   # one stream of several
          | \.part-frag\d+ | \.frag\d+ ) \Z""",
    re.VERBOSE,
)


def passed_over(name: bytes | str, *, folder: bool) -> bool:
    """Return whether a name in a watched folder is none of the user's videos, nor holds any.

    These are hidden names, results and locks of our own, what programs write while they copy or
    download, and what systems and NAS boxes put beside the files.
    """
    text = os.fsdecode(name).lower()
    if text.startswith(_PASSED_STARTS) or text.endswith(_PASSED_ENDS):
        return True
    if folder:
        return text in _PASSED_FOLDERS
    if text in _PASSED_FILES or text.endswith(_PASSED_FILE_ENDS):
        return True
    return _PASSED_SHAPE.search(text) is not None


def is_candidate(name: bytes | str, include: tuple[str, ...], exclude: tuple[str, ...]) -> bool:
    """Return whether a file may be a video, by its name alone.

    Without ``include`` that is any name with a suffix of :data:`MEDIA_SUFFIXES`; with it, only
    names that fit one of its patterns, whatever their suffix. ``exclude`` has the last word.
    Patterns are fnmatch's; upper and lower case are the same.
    """
    text = os.fsdecode(name).lower()
    if include:
        taken = _fits(text, include)
    else:
        stem, dot, suffix = text.rpartition(".")
        taken = bool(stem and dot) and suffix in MEDIA_SUFFIXES
    return taken and not _fits(text, exclude)


def _fits(text: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(text, pattern.lower()) for pattern in patterns)
