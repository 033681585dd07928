"""Cheap questions to a path before any decoder sees it."""

from __future__ import annotations

import codecs
import os
import re
import stat
from pathlib import Path

from vidsum.errors import MediaError
from vidsum.wording import shown

_HEAD_BYTES = 4096
_ADDRESS = re.compile(r"(https?|rtsp|rtmp|ftp|s3):/+", re.IGNORECASE)
"""A path swallows one of two slashes: http:/example.com."""
_PLAYLISTS = (
    (b"#EXTM3U", "an HLS playlist (m3u8)"),
    (b"ffconcat", "an ffconcat playlist"),
    (b"[playlist]", "a pls playlist"),
    (b"v=0\r\n", "an SDP session description"),
    (b"v=0\n", "an SDP session description"),
    (b"[Reference]", "an ASX reference file"),
)
_MARKUP = (
    (b"<MPD", "a DASH manifest (mpd)"),
    (b"<SmoothStreamingMedia", "a Smooth Streaming manifest"),
    (b"<asx", "an ASX playlist"),
    (b"<smil", "a SMIL playlist"),
    (b"<playlist", "an XSPF playlist"),
)
_PICTURES = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"BM", b"II*\0", b"MM\0*")
_GENERAL_HINT = "Give the path of a video or sound file."


def check_input(path: Path) -> None:
    """Raise MediaError, with the cause in plain words, for what is surely no media file."""
    name = shown(path)
    _check_no_file(path, name)
    try:
        info = path.stat()
        if stat.S_ISDIR(info.st_mode):
            raise MediaError(f"{name} is a folder, not a video.", "Name the files in it.")
        if not stat.S_ISREG(info.st_mode):
            raise MediaError(f"{name} is not a regular file.", _GENERAL_HINT)
        if info.st_size == 0:
            raise MediaError(f"{name} is empty (0 bytes).", "Was the copy finished?")
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except FileNotFoundError as exc:
        raise MediaError(f"{name} does not exist.", "Check the path.") from exc
    except PermissionError as exc:
        raise MediaError(f"{name} may not be read: permission denied.",
                         "Check its permissions (ls -l).") from exc  # fmt: skip
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else str(exc)
        raise MediaError(f"{name} cannot be opened: {reason}.", _GENERAL_HINT) from exc
    _check_head(name, head)


def _check_no_file(path: Path, name: str) -> None:
    """Raise MediaError for what stands for no file, unless there is a file of that very name."""
    if os.path.lexists(path):
        return
    if str(path) == "-":
        raise MediaError("A video cannot be read from a pipe.", "Save it to a file first.")
    if _ADDRESS.match(str(path)):
        address = name.replace(":/", "://", 1)  # a path has lost one of the strokes
        raise MediaError(f"{address} is an address: vidsum fetches nothing.",
                         "Download it first, with yt-dlp for example.")  # fmt: skip


def _check_head(name: str, head: bytes) -> None:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for mark, what in _PLAYLISTS:
        if text.startswith(mark):
            _refuse_playlist(name, what)
    if text.startswith(b"<"):
        for mark, what in _MARKUP:
            if mark in text:
                _refuse_playlist(name, what)
    if head.startswith(_PICTURES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        raise MediaError(f"{name} is a picture, not a video.", _GENERAL_HINT)
    if not head.strip(b"\0"):
        if len(head) < _HEAD_BYTES:
            raise MediaError(f"{name} holds only zero bytes.", "Was the copy finished?")
    elif _is_text(head):
        raise MediaError(f"{name} is a text file, not a video.", _GENERAL_HINT)


def _refuse_playlist(name: str, what: str) -> None:
    raise MediaError(
        f"{name} is {what}, not a video: vidsum opens only the file that it is given.",
        "Give the media files themselves.",
    )


def _is_text(head: bytes) -> bool:
    """Printable ASCII or UTF-8 throughout: no container begins with 4 KiB of that."""
    try:
        # A letter may be cut in two where the head ends.
        text = codecs.getincrementaldecoder("utf-8")().decode(head, final=len(head) < _HEAD_BYTES)
    except UnicodeDecodeError:
        return False
    return all(char.isprintable() or char in "\t\r\n\f" for char in text)
