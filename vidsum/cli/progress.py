"""Progress on stderr: bars on a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

from vidsum.cli.report import say
from vidsum.events import Event, Noted, StageAdvanced, StageFinished, StageStarted
from vidsum.wording import safe

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_PLAIN_EVERY_S = 15.0


class PlainProgress:
    """One line when a stage ends, and one every 15 seconds until then."""

    def __init__(self, *, verbose: bool = False) -> None:
        self._verbose = verbose
        self._stages: dict[str, StageStarted] = {}
        self._said_s: dict[str, float] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:  # fmt: skip
        """Nothing is left open."""

    def __call__(self, event: Event) -> None:
        """Take in one event; called from several threads."""
        match event:
            case StageStarted(stage, _, _):
                self._stages[stage] = event
                self._said_s[stage] = time.monotonic()
            case StageAdvanced(stage, done, total):
                self._advance(stage, done, total)
            case StageFinished(stage, note):
                say(f"{stage}: {note or 'done'}")
            case Noted(level, message):
                if self._verbose or level != "info":
                    say(f"{level}: {message}")

    def _advance(self, stage: str, done: float, total: float | None) -> None:
        now_s = time.monotonic()
        if now_s - self._said_s.get(stage, now_s) < _PLAIN_EVERY_S:
            return
        self._said_s[stage] = now_s
        started = self._stages[stage]
        total = total or started.total
        of = f" of {total:.0f}" if total else ""
        say(f"{stage}: {done:.0f}{of} {started.unit}")


class BarProgress:
    """A bar a stage, drawn by rich; warnings stay above the bars."""

    def __init__(self, stream: TextIO, *, verbose: bool = False) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            Progress,
            TaskProgressColumn,
            TextColumn,
            TimeElapsedColumn,
        )

        self._progress: Progress = Progress(
            TextColumn("{task.description:>12}"), BarColumn(), TaskProgressColumn(),
            TextColumn("{task.fields[note]}", style="dim", markup=False), TimeElapsedColumn(),
            console=Console(file=stream), transient=True,
        )  # fmt: skip
        self._verbose = verbose
        self._tasks: dict[str, TaskID] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:  # fmt: skip
        self._progress.stop()

    def __call__(self, event: Event) -> None:
        """Take in one event; called from several threads."""
        from rich.text import Text

        with self._lock:
            match event:
                case StageStarted(stage, _, total):
                    self._tasks[stage] = self._progress.add_task(stage, total=total, note="")
                case StageAdvanced(stage, done, total):
                    task = self._tasks[stage]
                    self._progress.update(task, completed=done)
                    if total is not None:
                        self._progress.update(task, total=total)
                case StageFinished(stage, note):
                    task = self._tasks[stage]
                    self._progress.update(task, total=1, completed=1, note=safe(note)[:60])
                case Noted(level, message) if self._verbose or level != "info":
                    line = Text.assemble((f"{level}: ", "yellow"), safe(message))
                    self._progress.console.print(line)


class Silence:
    """No progress at all."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:  # fmt: skip
        """Nothing is left open."""

    def __call__(self, event: Event) -> None:
        """Take no notice."""


def progress(*, quiet: bool, verbose: bool) -> PlainProgress | BarProgress | Silence:
    """Return the progress that suits stderr; ``verbose`` shows what is for information too."""
    if quiet:
        return Silence()
    if sys.stderr is not None and sys.stderr.isatty():
        return BarProgress(sys.stderr, verbose=verbose)
    return PlainProgress(verbose=verbose)
