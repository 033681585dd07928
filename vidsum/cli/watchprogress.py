"""What a watched folder does, on stderr: a line for each thing that happens."""

from __future__ import annotations

import contextlib
import sys
import time
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Protocol, Self

from vidsum.cli.watchnames import shortened
from vidsum.events import Event, Noted, StageFinished
from vidsum.watch.reports import Progress, Report, Standing
from vidsum.wording import clock, escaped, path_text

if TYPE_CHECKING:
    from vidsum.cli.watchdisplay import Counts
    from vidsum.watch.settings import Settings

_SERIOUS: Final = frozenset({"paused", "quarantined", "hook-failed", "problem"})
"""What even --quiet lets through."""
_MINUTE: Final = frozenset({"found", "gone"})
"""What only --verbose tells line by line: thousands of files may come or go at once."""
ENDED: Final = frozenset({"done", "again", "quarantined"})
_LONG_S: Final = 100.0
_NAME_CELLS: Final = 100
"""Longer names are cut in their middle; --json has them whole."""


class Show(Protocol):
    """Takes in what a watched folder tells, one thing after the other, and shows it."""

    def __enter__(self) -> Self: ...
    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None: ...  # fmt: skip
    def __call__(self, told: Report | Progress | Standing) -> None: ...


class Lines:
    """Puts what is told into one line each, with nothing in it that drives a terminal."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._started_s: dict[Path, float] = {}

    def of(self, told: Report | Progress) -> str:
        """Return the line of what was told just now."""
        if isinstance(told, Progress):
            return f"{_name(told.path)}: {escaped(_event_words(told.event))}"
        if told.path is None:
            return escaped(self._of_folder(told))
        if told.kind == "started":
            self._started_s[told.path] = time.monotonic()
        return f"{_name(told.path)}: {escaped(self._of_file(told, told.path))}"

    def _of_folder(self, told: Report) -> str:
        words = (
            f"watching {path_text(self._settings.root)}" if told.kind == "watching" else told.kind
        )
        return f"{words}: {told.message}" if told.message else words

    def _of_file(self, told: Report, path: Path) -> str:
        if told.kind in ("again", "hook-failed"):
            return told.message
        began_s = self._started_s.pop(path, None) if told.kind in ENDED else None
        if told.kind == "done":
            took = "" if began_s is None else f" in {_length(time.monotonic() - began_s)}"
            note = f"; {told.message}" if told.message else ""
            return f"done{took}, {self._results(path)}{note}"
        return f"{told.kind}: {told.message}" if told.message else told.kind

    def _results(self, path: Path) -> str:
        """Return the names of a video's results."""
        from vidsum.watch.placing import result_path

        places = (result_path(self._settings, path, form) for form in self._settings.formats)
        return ", ".join(_name(place.name) for place in places)


def _name(path: Path | str) -> str:
    return shortened(escaped(str(path)), _NAME_CELLS)


def _length(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < _LONG_S else f"{clock(seconds)}"


def _event_words(event: Event) -> str:
    match event:
        case StageFinished(stage, note):
            return f"{stage}: {note or 'done'}"
        case Noted(level, message):
            return f"{level}: {message}"
        case _:
            return event.stage


def wanted(told: Report | Progress, *, quiet: bool, verbose: bool) -> bool:
    """Say whether something told is for this user."""
    if quiet:
        return isinstance(told, Report) and told.kind in _SERIOUS
    if isinstance(told, Report):
        return verbose or told.kind not in _MINUTE
    match told.event:
        case Noted(level, _):
            return verbose or level == "warning"
        case StageFinished():
            return verbose
    return False


class StampedLines:
    """A line for each thing that happens, with its time: for journals and cron."""

    def __init__(self, lines: Lines, *, quiet: bool = False, verbose: bool = False) -> None:
        self._lines, self._quiet, self._verbose = lines, quiet, verbose

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:  # fmt: skip
        """Nothing is left open."""

    def __call__(self, told: Report | Progress | Standing) -> None:
        """Print it, if it is for this user."""
        if isinstance(told, Standing):
            return
        line = self._lines.of(told)
        if wanted(told, quiet=self._quiet, verbose=self._verbose):
            say_stamped(line)


def say_stamped(line: str) -> None:
    """Print a line with its time on stderr; one that is closed is no error."""
    if sys.stderr is None:
        return
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(f"{datetime.now():%Y-%m-%d %H:%M:%S} {line}\n")
        sys.stderr.flush()


def show(
    settings: Settings, counts: Counts, *, quiet: bool, verbose: bool, plain: bool = False
) -> Show:
    """Return what suits stderr; ``plain``: lines, though it is a terminal."""
    terminal = sys.stderr is not None and sys.stderr.isatty()
    lines = Lines(settings)
    if quiet or plain or not terminal:
        return StampedLines(lines, quiet=quiet, verbose=verbose)
    from vidsum.cli.watchdisplay import Display

    return Display(lines, counts, verbose=verbose)
