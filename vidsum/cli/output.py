"""Where results go: stdout, one file, or a folder; whole or not at all."""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from vidsum.errors import OptionError, OutputError
from vidsum.wording import shown

_MAX_NAME_BYTES = 240
_SUFFIX_FORMATS = {".md": "md", ".markdown": "md", ".json": "json", ".txt": "txt"}


def format_of(output: Path | None, asked: str | None) -> str | None:
    """Return the format: the one asked for, else by the output's suffix, else None."""
    if asked is not None:
        return asked
    return None if output is None else _SUFFIX_FORMATS.get(output.suffix.lower())


def is_folder(output: Path, raw: str) -> bool:
    """Return whether an output names a folder: it is one, or ends in a slash."""
    return output.is_dir() or raw.endswith(("/", os.sep))


def check_output(output: Path, inputs: Sequence[Path], form: str | None) -> None:
    """Find out now, not after minutes of work, what would make one output file fail.

    Raises: OptionError for a name that gives no format or is an input, OutputError for a place
    that cannot be written to or a file there that is no result.
    """
    if output.is_dir():
        raise OptionError(f"{shown(output)} is a folder.", "Name a file in it.")
    if output.suffix.lower() not in _SUFFIX_FORMATS:
        if form is None:
            raise OptionError(f"{shown(output)} does not end in .md, .json or .txt.",
                              "Name the format with --format.")  # fmt: skip
        if output.exists():
            raise OutputError(f"{shown(output)} is there already and does not look like a result.",
                              "Choose another name with -o.")  # fmt: skip
    if output.exists():
        if not output.is_file():
            raise OutputError(f"{shown(output)} is there and is no regular file.")
        if any(path.exists() and output.samefile(path) for path in inputs):
            raise OptionError(f"{shown(output)} is the video itself.", "Choose another with -o.")
    _check_folder(output.parent)


def check_output_folder(output: Path) -> None:
    """Find out now whether results can go into a folder. Raises: OutputError."""
    _check_folder(output if output.exists() else output.parent)


def _check_folder(place: Path) -> None:
    if not place.is_dir():
        raise OutputError(f"The folder {shown(place)} does not exist.", "Make it first.")
    if not os.access(place, os.W_OK | os.X_OK):
        raise OutputError(f"The folder {shown(place)} cannot be written to.",
                          "Choose another with -o.")  # fmt: skip


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
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(target.parent)
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


class ReaderGone(Exception):
    """Whoever read our output has closed it (head, a pager): that is no error of ours."""


def write_stdout(text: str) -> None:
    """Write a result to stdout, as UTF-8 whatever the locale says.

    Raises: ReaderGone, OutputError.
    """
    if sys.stdout is None:
        raise OutputError("The result cannot be written: stdout is closed.", "Use -o FILE.")
    try:
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
    except BrokenPipeError as exc:
        raise ReaderGone from exc
    except OSError as exc:
        raise OutputError(f"The result cannot be written to stdout: {exc.strerror}.") from exc
