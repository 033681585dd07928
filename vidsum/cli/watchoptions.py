"""What one may ask of folder mode: flags, and the keys of ``[watch]`` in the config file."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from vidsum.config import FORMATS
from vidsum.config.values import BadValue, above_zero, counting, one_of, seconds, yes_no
from vidsum.errors import OptionError
from vidsum.wording import escaped, shown

if TYPE_CHECKING:
    from vidsum.config import Options
    from vidsum.watch.settings import Settings

Command = TypeVar("Command", bound=Callable[..., Any])
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class WatchOption:
    """One option: ``key`` in the config file, ``setting`` in :class:`vidsum.watch.settings`.

    ``several``: the flag may be given more than once, and the key may hold a list.
    """

    key: str
    setting: str
    read: Callable[[object], Any]
    help: str
    metavar: str | None = None
    choices: tuple[str, ...] | None = None
    short: str | None = None
    switch: bool = False
    several: bool = False

    @property
    def flag(self) -> str:
        """The flag: ``min_free`` is ``--min-free``."""
        return "--" + self.key.replace("_", "-")


def _place(value: object) -> Path:
    """Return a folder as an absolute path; it need not be there."""
    if not isinstance(value, str | Path) or not str(value).strip():
        raise BadValue("takes a folder")
    return Path(value).expanduser().absolute()


def _program(value: object) -> tuple[str, ...]:
    """Return a program and its arguments from a line as a shell takes it, or from a list."""
    if isinstance(value, list | tuple):
        words = [word for word in value if isinstance(word, str)]
        whole = len(words) == len(value)
    else:
        try:
            words, whole = shlex.split(str(value)), isinstance(value, str)
        except ValueError as exc:
            raise BadValue(f"takes a program and its arguments ({exc})") from exc
    if not whole or not words or not words[0]:
        raise BadValue("takes a program and its arguments")
    return tuple(words)


def _size(value: object) -> int:
    """Return bytes from a size like 500MB."""
    from vidsum.cli.cache import size_bytes

    try:
        if not isinstance(value, bool):
            return size_bytes(str(value))
    except OptionError:
        pass
    raise BadValue("takes a size such as 500MB, 1.5GB or bytes")


def _pattern(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise BadValue("takes a file name pattern such as '*.mp4'")
    return value


WATCH_OPTIONS = (
    WatchOption(
        "output", "output", _place,
        "Put the results into this folder, in the same tree, instead of beside each video.",
        metavar="DIR", short="-o",
    ),
    WatchOption(
        "format", "formats", one_of(*FORMATS),
        "Form of the results; give it more than once for several. [default md]",
        choices=FORMATS, several=True,
    ),
    WatchOption(
        "workers", "workers", counting, "How many videos are worked on at once. [default 1]",
        metavar="N",
    ),
    WatchOption(
        "hook", "hook", _program,
        "Run this program for each finished video, without a shell; {video}, {result}, {md}, "
        "{json}, {txt} and {status} in its arguments are filled in.", metavar="COMMAND",
    ),
    WatchOption(
        "sentinel", "sentinel", yes_no,
        "Take a video only when a file NAME.done is beside it. [default off]", switch=True,
    ),
    WatchOption(
        "subfolders", "subfolders", yes_no, "Look into subfolders, too. [default on]",
        switch=True,
    ),
    WatchOption(
        "follow_links", "follow_links", yes_no, "Follow symbolic links. [default off]",
        switch=True,
    ),
    WatchOption(
        "poll", "poll", yes_no,
        "Go by the clock alone, not by the system's events. [default: on network folders]",
        switch=True,
    ),
    WatchOption(
        "rescan", "rescan_s", above_zero, "Look at the whole folder so often. [default 10]",
        metavar="SECONDS",
    ),
    WatchOption(
        "settle", "settle_s", seconds,
        "A file is ready when it has not changed for so long. [default 5]", metavar="SECONDS",
    ),
    WatchOption(
        "min_free", "min_free_bytes", _size,
        "Begin nothing new when less than this is free on the disk. [default 500MB]",
        metavar="SIZE",
    ),
    WatchOption(
        "include", "include", _pattern,
        "Take only files whose names fit; may be given more than once. [default: all video and "
        "audio containers]", metavar="PATTERN", several=True,
    ),
    WatchOption(
        "exclude", "exclude", _pattern,
        "Pass over files whose names fit; may be given more than once.", metavar="PATTERN",
        several=True,
    ),
    WatchOption(
        "stall", "stall_s", above_zero,
        "Break off work on a video that says nothing for so long. [default 1800]",
        metavar="SECONDS",
    ),
)  # fmt: skip

KEYS = tuple(option.key for option in WATCH_OPTIONS)
"""The keys that ``[watch]`` in the config file may have."""


def watch_options(command: Command) -> Command:
    """Add every option of folder mode to a command."""
    for option in reversed(WATCH_OPTIONS):
        names = [f"{option.flag}/--no-{option.flag[2:]}" if option.switch else option.flag]
        kind = click.Choice(option.choices) if option.choices else str
        given: dict[str, Any] = {} if option.switch else {"type": kind, "multiple": option.several}
        command = click.option(
            *filter(None, [option.short]), *names, option.key, metavar=option.metavar,
            help=option.help, default=None, **given,
        )(command)  # fmt: skip
    return command


def settings_in_force(
    folder: Path, options: Options, flags: Mapping[str, Any], table: Mapping[str, Any], *,
    once: bool,
) -> Settings:  # fmt: skip
    """Return how a folder is to be watched: flags beat the config file's table ``[watch]``.

    Raises: OptionError, which names the source of a bad value.
    """
    from vidsum.watch.settings import Settings

    root = watched_folder(folder)
    values: dict[str, Any] = {}
    for option in WATCH_OPTIONS:
        given = flags.get(option.key)
        if given is not None and given != ():
            values[option.setting] = _read(option, given, option.flag)
        elif option.key in table:
            source = f"{option.key} in [watch] of the config file"
            values[option.setting] = _read(option, table[option.key], source)
    if not values.get("formats"):
        values["formats"] = (options.format or "md",)
    _check_hook(values.get("hook", ()), values["formats"])
    output = values.get("output")
    if output is not None:
        values["output"] = None if output.resolve() == root else _checked(output, root)
    return Settings(root=root, options=options, once=once, **values)


def watched_folder(folder: Path) -> Path:
    """Return a folder to watch as it is known everywhere. Raises: OptionError."""
    if not folder.is_dir():
        there = os.path.lexists(folder)
        what = f"{shown(folder)} is no folder." if there else f"There is no folder {shown(folder)}."
        single = there and folder.is_file()
        hint = "A single video needs no watcher: vidsum VIDEO." if single else "Make it first."
        raise OptionError(what, hint)
    if not os.access(folder, os.R_OK | os.X_OK):
        raise OptionError(f"The folder {shown(folder)} cannot be read.", "Check its permissions.")
    if folder.resolve() == Path("/"):
        raise OptionError("/ is all that this system has, its devices too.",
                          "Name the folder that the videos are in.")  # fmt: skip
    return folder.resolve()


def _read(option: WatchOption, value: object, source: str) -> Any:
    try:
        if not option.several:
            return option.read(value)
        each = value if isinstance(value, list | tuple) else [value]
        return tuple(dict.fromkeys(option.read(one) for one in each))
    except BadValue as exc:
        given = "" if str(value) in str(exc) else f" (not {value!r})"
        raise OptionError(f"{source} {exc}{escaped(given)}.") from exc


def _check_hook(hook: tuple[str, ...], formats: tuple[str, ...]) -> None:
    """Find out now, not after the first video, what is wrong with a hook. Raises: OptionError."""
    known = ("video", "result", "status", *FORMATS)
    for name in (found for word in hook for found in _PLACEHOLDER.findall(word)):
        if name not in known:
            takes = ", ".join(f"{{{one}}}" for one in known)
            raise OptionError(f"--hook has an unknown placeholder: {{{name}}}.", f"Known: {takes}.")
        if name in FORMATS and name not in formats:
            raise OptionError(f"--hook wants {{{name}}}, which is not written.",
                              f"Add --format {name}.")  # fmt: skip
    if hook and shutil.which(hook[0]) is None:
        raise OptionError(f"The program of --hook is not here: {shown(Path(hook[0]))}.",
                          "Give its full path.")  # fmt: skip


def _checked(output: Path, root: Path) -> Path:
    """Return where results go, once it can be written to. Raises: OptionError, OutputError."""
    from vidsum.cli.output import check_output_folder
    from vidsum.watch.names import QUARANTINE

    if os.path.lexists(output) and not output.is_dir():
        raise OptionError(f"{shown(output)} is no folder.", "Name a folder with -o.")
    place = output.resolve()
    inside = place.relative_to(root).parts if place.is_relative_to(root) else ()
    if any(part.startswith(".") or part == QUARANTINE for part in inside):
        raise OptionError(f"{shown(output)} is a hidden place in the watched folder.",
                          "Choose another with -o.")  # fmt: skip
    check_output_folder(output)
    return place
