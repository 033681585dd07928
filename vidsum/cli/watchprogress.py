"""What a watched folder does, on stderr: stamped lines, or a display on a terminal."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Protocol, Self

from vidsum.events import Event, Noted, StageAdvanced, StageFinished, StageStarted
from vidsum.watch.reports import Progress, Report
from vidsum.wording import clock, escaped, path_text

if TYPE_CHECKING:
    from rich.console import Console, Group
    from rich.live import Live
    from rich.text import Text

    from vidsum.watch.settings import Settings

Counts = Callable[[], dict[str, int]]
_SERIOUS: Final = frozenset({"paused", "quarantined", "hook-failed", "problem"})
"""What even --quiet lets through."""
_MINUTE: Final = frozenset({"found", "gone"})
"""What only --verbose tells line by line: thousands of files may come or go at once."""
_ENDED: Final = frozenset({"done", "again", "quarantined"})
_COLOURS: Final = {"done": "green", "again": "yellow", "paused": "yellow", "hook-failed": "yellow",
                   "problem": "yellow", "quarantined": "red"}  # fmt: skip
_COLUMNS_BESIDE_NAME: Final = 44
_NARROWEST_NAME: Final = 12
_LONG_S: Final = 100.0


class Show(Protocol):
    """Takes in what a watched folder tells, one thing after the other, and shows it."""

    def __enter__(self) -> Self: ...
    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None: ...  # fmt: skip
    def __call__(self, told: Report | Progress) -> None: ...


class Lines:
    """Puts what is told into one line each, with nothing in it that drives a terminal."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._started_s: dict[Path, float] = {}

    def of(self, told: Report | Progress) -> str:
        """Return the line of what was told just now."""
        if isinstance(told, Progress):
            return escaped(f"{told.path}: {_event_words(told.event)}")
        if told.path is None:
            return escaped(self._of_folder(told))
        if told.kind == "started":
            self._started_s[told.path] = time.monotonic()
        return escaped(f"{told.path}: {self._of_file(told, told.path)}")

    def _of_folder(self, told: Report) -> str:
        words = (
            f"watching {path_text(self._settings.root)}" if told.kind == "watching" else told.kind
        )
        return f"{words}: {told.message}" if told.message else words

    def _of_file(self, told: Report, path: Path) -> str:
        if told.kind in ("again", "hook-failed"):
            return told.message
        began_s = self._started_s.pop(path, None) if told.kind in _ENDED else None
        if told.kind == "done":
            took = "" if began_s is None else f" in {_length(time.monotonic() - began_s)}"
            note = f"; {told.message}" if told.message else ""
            return f"done{took}, {self._results(path)}{note}"
        return f"{told.kind}: {told.message}" if told.message else told.kind

    def _results(self, path: Path) -> str:
        """Return the names of a video's results."""
        from vidsum.watch.placing import result_path

        names = [result_path(self._settings, path, form).name for form in self._settings.formats]
        return ", ".join(names)


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


def told_by_display(told: Report | Progress) -> bool:
    """Say whether a display shows by itself what was told."""
    return isinstance(told, Report) and told.kind == "started"


class StampedLines:
    """A line for each thing that happens, with its time: for journals and cron."""

    def __init__(self, lines: Lines, *, quiet: bool = False, verbose: bool = False) -> None:
        self._lines, self._quiet, self._verbose = lines, quiet, verbose

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:  # fmt: skip
        """Nothing is left open."""

    def __call__(self, told: Report | Progress) -> None:
        """Print it, if it is for this user; a stderr that is closed is no error."""
        line = self._lines.of(told)
        if sys.stderr is None or not wanted(told, quiet=self._quiet, verbose=self._verbose):
            return
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(f"{datetime.now():%Y-%m-%d %H:%M:%S} {line}\n")
            sys.stderr.flush()


@dataclass(slots=True)
class _Running:
    """A video that is worked on: since when, and how far its stages are."""

    since_s: float
    stages: dict[str, tuple[float, float | None]] = field(default_factory=dict)

    def take(self, event: Event) -> None:
        match event:
            case StageStarted(stage, _, total):
                self.stages[stage] = (0.0, total)
            case StageAdvanced(stage, done, total):
                self.stages[stage] = (done, total or self.stages.get(stage, (0.0, None))[1])
            case StageFinished(stage, _):
                self.stages.pop(stage, None)

    def words(self) -> str:
        """Return the stages under way and how far they are."""
        return ", ".join(
            f"{escaped(stage)} {done / total:.0%}" if total else escaped(stage)
            for stage, (done, total) in self.stages.items()
        )


class Display:
    """A line for each video under way and the counts below; what has ended scrolls above."""

    def __init__(self, lines: Lines, counts: Counts, *, verbose: bool = False) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console: Console = Console(stderr=True)
        self._lines, self._counts, self._verbose = lines, counts, verbose
        self._running: dict[Path, _Running] = {}
        self._paused = ""
        self._lock = threading.Lock()
        self._live: Live = Live(
            console=self._console, get_renderable=self.rendered, transient=True,
            redirect_stdout=False,
        )  # fmt: skip

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:  # fmt: skip
        with contextlib.suppress(OSError, ValueError):  # the terminal may be gone
            self._live.stop()

    def __call__(self, told: Report | Progress) -> None:
        """Take in one thing; print above the display what a line would tell."""
        line = self._lines.of(told)
        with self._lock:
            self._take(told)
        if told_by_display(told) or not wanted(told, quiet=False, verbose=self._verbose):
            return
        with contextlib.suppress(OSError, ValueError):
            self._console.print(self._stamped(told, line), soft_wrap=True)

    def _take(self, told: Report | Progress) -> None:
        if isinstance(told, Progress):
            if told.path in self._running:
                self._running[told.path].take(told.event)
            return
        if told.kind in ("paused", "resumed"):
            self._paused = told.message if told.kind == "paused" else ""
        elif told.path is not None and told.kind == "started":
            self._running[told.path] = _Running(time.monotonic())
        elif told.path is not None and told.kind in _ENDED:
            self._running.pop(told.path, None)

    def _stamped(self, told: Report | Progress, line: str) -> Text:
        from rich.text import Text

        style = _COLOURS.get(told.kind, "") if isinstance(told, Report) else "dim"
        return Text.assemble((f"{datetime.now():%H:%M:%S} ", "dim"), (line, style))

    def rendered(self) -> Group:
        """Return the display as it is now, for rich to draw."""
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        room = max(_NARROWEST_NAME, min(100, self._console.width) - _COLUMNS_BESIDE_NAME)
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(no_wrap=True, width=room)
        grid.add_column(no_wrap=True, overflow="ellipsis", style="cyan")
        grid.add_column(no_wrap=True, justify="right", style="dim")
        with self._lock:
            for path, one in self._running.items():
                grid.add_row(Text(shortened(escaped(str(path)), room)), Text(one.words()),
                             Text(clock(time.monotonic() - one.since_s)))  # fmt: skip
            paused = [Text(f"paused: {escaped(self._paused)}", style="yellow", no_wrap=True,
                           overflow="ellipsis")] if self._paused else []  # fmt: skip
        told = " · ".join(f"{count:,} {name}" for name, count in self._counts().items())
        return Group(grid, *paused, Text(told, style="dim", no_wrap=True, overflow="ellipsis"))


def shortened(text: str, cells: int) -> str:
    """Return text cut in its middle to so many cells of a terminal: its end tells most."""
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) <= cells:
        return text
    tail = text
    while cell_len(tail) > cells // 2:
        tail = tail[1:]
    return set_cell_size(text, cells - 1 - cell_len(tail)).rstrip() + "…" + tail


def show(
    settings: Settings, counts: Counts, *, quiet: bool, verbose: bool, plain: bool = False
) -> Show:
    """Return what suits stderr; ``plain``: lines, though it is a terminal."""
    terminal = sys.stderr is not None and sys.stderr.isatty()
    lines = Lines(settings)
    if quiet or plain or not terminal:
        return StampedLines(lines, quiet=quiet, verbose=verbose)
    return Display(lines, counts, verbose=verbose)
