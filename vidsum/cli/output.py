"""Where results go: stdout, one file, or a folder; whole or not at all."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from vidsum.errors import OptionError, OutputError
from vidsum.wording import shown

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
