"""Progress on stderr: bars on a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

from vidsum.cli.report import say
from vidsum.errors import EXIT_INTERRUPTED
from vidsum.events import Event, Noted, StageAdvanced, StageFinished, StageStarted
from vidsum.wording import safe

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_PLAIN_EVERY_S = 15.0
_COLUMNS_BESIDE_NOTE = 70
"""Stage, bar (40), per cent, clock and the gaps between them."""


@contextlib.contextmanager
def ended_by_interrupt(hint: str = "") -> Iterator[None]:
    """End the program at once when it is interrupted while a model computes in another thread.

    ``hint`` is said after that it was interrupted. Nothing can break off a model, and it may take
    minutes. Nor may the interpreter take itself apart around it: the model's library aborts then.
    """
    try:
        yield
    except KeyboardInterrupt as exc:
        if all(thread is threading.main_thread() for thread in threading.enumerate()):
            raise KeyboardInterrupt(hint) from exc
        say(f"interrupted{hint}")
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):
                stream.flush()
        os._exit(EXIT_INTERRUPTED)


@dataclass(slots=True)
class _Stage:
    """A stage that is under way: how far it is, since when, and when that was said last."""

    started: StageStarted
    since_s: float
    said_s: float
    done: float = 0.0
    total: float | None = None

    def line(self, now_s: float) -> str:
        """Return how far it is; a stage that counts nothing yet says how long it has been."""
        of = f" of {self.total:.0f}" if self.total else ""
        far = f"{self.done:.0f}{of} {self.started.unit}, " if self.done or of else ""
        return f"{self.started.stage}: {far}{now_s - self.since_s:.0f} s so far"


class PlainProgress:
    """One line when a stage ends, and one every 15 seconds until then, whatever happens.

    A single call to a model may take minutes: a thread of its own says that the work goes on.
    """

    def __init__(self, *, verbose: bool = False, every_s: float = _PLAIN_EVERY_S) -> None:
        self._verbose, self._every_s = verbose, every_s
        self._stages: dict[str, _Stage] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._beat = threading.Thread(target=self._tell, name="progress", daemon=True)

    def __enter__(self) -> Self:
        self._beat.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:  # fmt: skip
        self._over.set()
        self._beat.join()

    def __call__(self, event: Event) -> None:
        """Take in one event; called from several threads."""
        with self._lock:
            match event:
                case StageStarted(stage, _, total):
                    now_s = time.monotonic()
                    self._stages[stage] = _Stage(event, now_s, now_s, total=total)
                case StageAdvanced(stage, done, total):
                    known = self._stages[stage]
                    known.done, known.total = done, total or known.total
                case StageFinished(stage, note):
                    del self._stages[stage]
                    say(f"{stage}: {note or 'done'}")
                case Noted(level, message) if self._verbose or level != "info":
                    say(f"{level}: {message}")

    def _tell(self) -> None:
        while not self._over.wait(self._every_s / 5):
            now_s = time.monotonic()
            with self._lock:
                due = [s for s in self._stages.values() if now_s - s.said_s >= self._every_s]
                for stage in due:
                    stage.said_s = now_s
                    say(stage.line(now_s))


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

    def _fitting(self, note: str) -> str:
        """Cut a note so that it does not push bar and clock off a narrow terminal."""
        room = max(0, min(60, self._progress.console.width - _COLUMNS_BESIDE_NOTE))
        return note if len(note) <= room else f"{note[: max(0, room - 1)]}…"

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
                    self._progress.update(
                        task, total=1, completed=1, note=self._fitting(safe(note))
                    )
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
