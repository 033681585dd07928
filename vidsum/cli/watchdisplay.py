"""What a watched folder does, on a terminal."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from vidsum.cli.watchnames import cut, shortened
from vidsum.cli.watchprogress import ENDED, Lines, wanted
from vidsum.watch.reports import Progress, Report, Standing
from vidsum.watch.stages import Stages
from vidsum.wording import clock, escaped

if TYPE_CHECKING:
    from rich.console import Console, Group
    from rich.live import Live
    from rich.text import Text

Counts = Callable[[], dict[str, int]]
_COLOURS: Final = {"done": "green", "again": "yellow", "paused": "yellow", "hook-failed": "yellow",
                   "problem": "yellow", "quarantined": "red"}  # fmt: skip
_WIDEST: Final = 100
_COLUMNS_BESIDE_NAME: Final = 44
_NARROWEST_NAME: Final = 12
_CLOCK_CELLS: Final = 7
_OTHER_LINES: Final = 3
_DRAW_EVERY_S: Final = 0.25
_MOST_PRINTED_AGAIN: Final = 200
_LEAVE_S: Final = 2.0


@dataclass(slots=True)
class _Running:
    """A video that is worked on: since when, and how far its stages are."""

    since_s: float
    stages: Stages = field(default_factory=Stages)


class Display:
    """A line for each video under way and the counts below; what has ended scrolls above."""

    def __init__(self, lines: Lines, counts: Counts, *, verbose: bool = False) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console: Console = Console(stderr=True)
        self._lines, self._counts, self._verbose = lines, counts, verbose
        self._running: dict[Path, _Running] = {}
        self._paused = ""
        self._standing = Standing()
        self._lock = threading.Lock()
        self._drawing = threading.Lock()
        self._width = self._console.width
        self._printed: deque[Text] = deque(maxlen=_MOST_PRINTED_AGAIN)
        self._over = threading.Event()
        self._drawer = threading.Thread(target=self._draw, name="display", daemon=True)
        self._live: Live = Live(
            console=self._console, get_renderable=self.rendered, transient=True,
            redirect_stdout=False, auto_refresh=False,
        )  # fmt: skip

    def __enter__(self) -> Self:
        self._live.start()
        self._drawer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:  # fmt: skip
        self._over.set()
        self._drawer.join(_LEAVE_S)  # a terminal that takes nothing any more would keep it
        with contextlib.suppress(OSError, ValueError):  # the terminal may be gone
            self._redraw()
            self._live.stop()

    def __call__(self, told: Report | Progress | Standing) -> None:
        """Take in one thing; print above the display what a line would tell."""
        if isinstance(told, Standing):
            self._standing = told
            return
        line = self._lines.of(told)
        with self._lock:
            self._take(told)
        if _is_drawn(told) or not wanted(told, quiet=False, verbose=self._verbose):
            return
        with self._drawing, contextlib.suppress(OSError, ValueError):
            self._redraw()
            self._printed.append(self._stamped(told, line))
            self._console.print(self._printed[-1], soft_wrap=True)

    def _draw(self) -> None:
        while not self._over.wait(_DRAW_EVERY_S):
            with self._drawing, contextlib.suppress(OSError, ValueError):
                self._redraw()

    def _redraw(self) -> None:
        if not self._live.is_started:
            return
        if self._console.width != self._width:
            self._begin_anew()
        self._live.refresh()

    def _begin_anew(self) -> None:
        """Clear the screen and print again what was above the display.

        In a window of another width the terminal has broken the lines anew, so nobody knows how
        many rows there are to go up; some do so before they tell the new width.
        """
        from rich.control import Control

        self._width = self._console.width
        self._console.control(Control.home(), Control.clear())
        room = max(1, self._console.height - len(self._running) - _OTHER_LINES)
        for line in list(self._printed)[-room:]:
            self._console.print(line, soft_wrap=True)

    def _take(self, told: Report | Progress) -> None:
        if isinstance(told, Progress):
            if told.path in self._running:
                self._running[told.path].stages.take(told.event)
            return
        if told.kind in ("paused", "resumed"):
            self._paused = told.message if told.kind == "paused" else ""
        elif told.path is not None and told.kind == "started":
            self._running[told.path] = _Running(time.monotonic())
        elif told.path is not None and told.kind in ENDED:
            self._running.pop(told.path, None)

    def _stamped(self, told: Report | Progress, line: str) -> Text:
        from rich.text import Text

        style = _COLOURS.get(told.kind, "") if isinstance(told, Report) else "dim"
        return Text.assemble((f"{datetime.now():%H:%M:%S} ", "dim"), (line, style))

    def rendered(self) -> Group:
        """Return the display as it is now, for rich to draw."""
        from rich.console import Group
        from rich.text import Text

        width = max(1, min(_WIDEST, self._console.width) - 1)
        with self._lock:
            lines = [_row(path, one, width) for path, one in self._running.items()]
            paused = cut(f"paused: {escaped(self._paused)}", width) if self._paused else ""
        lines += _besides(self._standing, width)
        lines = lines[: max(1, self._console.height - _OTHER_LINES)]
        if paused:
            lines.append(Text(paused, style="yellow"))
        told = " · ".join(f"{count:,} {name}" for name, count in self._counts().items())
        lines.append(Text(cut(told, width), style="dim"))
        for line in lines:
            line.no_wrap, line.overflow = True, "crop"
        return Group(*lines)


def _besides(standing: Standing, width: int) -> list[Text]:
    """Return the lines of what goes on besides the work on videos."""
    from rich.text import Text

    told = []
    if standing.hook is not None:
        told.append(cut(f"hook: {shortened(escaped(str(standing.hook)), width // 2)}", width))
    if standing.waiting:
        told.append(cut(f"{standing.waiting:,} waiting until copied", width))
    return [Text(line, style="dim") for line in told]


def _is_drawn(told: Report | Progress) -> bool:
    """Say whether a display shows by itself what was told."""
    return isinstance(told, Report) and told.kind == "started"


def _row(path: Path, one: _Running, width: int) -> Text:
    """Return the line of a video: its name, what is done with it, and for how long."""
    from rich.cells import set_cell_size
    from rich.text import Text

    room = max(_NARROWEST_NAME, width + 1 - _COLUMNS_BESIDE_NAME)
    rest = max(0, width - room - _CLOCK_CELLS - 4)
    name = set_cell_size(shortened(escaped(str(path)), room), room)
    words = set_cell_size(cut(escaped(one.stages.words()) or "begun", rest), rest)
    since = clock(time.monotonic() - one.since_s).rjust(_CLOCK_CELLS)
    return Text.assemble(f"{name}  ", (words, "cyan"), (f"  {since}", "dim"))
