"""Where results go: stdout, one file, or a folder; whole or not at all."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from pathlib import Path

from vidsum.errors import OptionError, OutputError
from vidsum.media.sniff import shown

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


def check_output(output: Path, *, folder: bool) -> None:
    """Raise OutputError now rather than after minutes of work."""
    place = output if folder else output.parent
    if folder and not output.exists():
        place = output.parent
    if not place.is_dir():
        raise OutputError(f"The folder {shown(place)} does not exist.", "Make it first.")
    if not os.access(place, os.W_OK | os.X_OK):
        raise OutputError(f"The folder {shown(place)} cannot be written to.",
                          "Choose another with -o.")  # fmt: skip
    if not folder and output.exists() and not output.is_file():
        raise OutputError(f"{shown(output)} is there and is no regular file.")


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
    """Write a file so that it is either whole or not there. Raises: OutputError."""
    try:
        path.parent.mkdir(exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".vidsum-")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                os.fchmod(file.fileno(), 0o666 & ~_umask())
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)  # noqa: PTH105 - Path.replace cannot take a str source
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)
    except OSError as exc:
        raise OutputError(f"{shown(path)} cannot be written: {exc.strerror}.",
                          "Choose another place with -o.") from exc  # fmt: skip


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_stdout(text: str) -> None:
    """Write a result to stdout, as UTF-8 whatever the locale says. Raises: OutputError."""
    try:
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as exc:
        raise OutputError(f"The result cannot be written to stdout: {exc.strerror}.") from exc


def one_file_for_many(output: Path) -> OptionError:
    """Return the error for several pages that would go into one file."""
    return OptionError(f"{shown(output)} is one file, but there are several videos.",
                       "Give a folder with -o, or use --json.")  # fmt: skip
