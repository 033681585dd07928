"""The watcher in a thread, with real workers on tiny films, for tests of it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from footage import film

from vidsum.config import Options
from vidsum.watch.jobs import Jobs, default_path
from vidsum.watch.reports import Progress, Report, Summary
from vidsum.watch.settings import Settings
from vidsum.watch.watcher import Watcher

LITE = Options(tier="lite", ocr=False)


def small_film(path: Path, number: int, shots: int = 2) -> Path:
    """Write a film of random pictures, each for a second."""
    rng = np.random.default_rng(number)
    pictures = [rng.integers(0, 255, (4, 6, 3), dtype=np.uint8) for _ in range(shots)]
    return film(path, [(1.0, picture.repeat(16, 0).repeat(16, 1)) for picture in pictures])


def settings(root: Path, **more: Any) -> Settings:
    given: dict[str, Any] = {"options": LITE, "settle_s": 0.2, "rescan_s": 0.2} | more
    return Settings(root=root, **given)


@dataclass
class Running:
    """A watcher in a thread, and what it has told."""

    watcher: Watcher
    thread: threading.Thread
    told: list[Report | Progress] = field(default_factory=list)
    summary: Summary | None = None
    error: BaseException | None = None

    def count(self, kind: str, name: str | None = None) -> int:
        """How often something was told."""
        return sum(
            isinstance(one, Report) and one.kind == kind and name in (None, str(one.path))
            for one in list(self.told)
        )

    def until(self, true: Callable[[], bool], within_s: float = 30) -> None:
        """Wait until something is so."""
        end_s = time.monotonic() + within_s
        while not true():
            assert time.monotonic() < end_s, self.told
            assert self.error is None, self.error
            time.sleep(0.02)

    def heard(self, name: str) -> bool:
        """Whether a worker has told anything of a file."""
        return any(isinstance(one, Progress) and str(one.path) == name for one in list(self.told))

    def until_told(self, kind: str, name: str | None = None, times: int = 1) -> None:
        """Wait until something was told so often."""
        self.until(lambda: self.count(kind, name) >= times)

    def message(self, kind: str) -> str:
        """The last one of a kind."""
        found = [one for one in self.told if isinstance(one, Report) and one.kind == kind]
        return found[-1].message


@contextlib.contextmanager
def running(given: Settings) -> Iterator[Running]:
    told: list[Report | Progress] = []
    found = Running(Watcher(given, told.append), threading.Thread(target=lambda: run()), told)

    def run() -> None:
        try:
            found.summary = found.watcher.run()
        except BaseException as exc:  # noqa: BLE001 - the test is told
            found.error = exc

    found.thread.start()
    try:
        yield found
    finally:
        found.watcher.stop()
        found.thread.join(60)
        assert not found.thread.is_alive()
        if found.error is not None:
            raise found.error


def once(given: Settings) -> tuple[Summary, list[Report | Progress]]:
    told: list[Report | Progress] = []
    return Watcher(replace(given, once=True), told.append).run(), told


def jobs(root: Path) -> Jobs:
    return Jobs(default_path(), root, "the test")


def row(root: Path, column: str) -> list[Any]:
    """A column of all jobs."""
    import sqlite3

    with contextlib.closing(sqlite3.connect(default_path())) as db:
        return [value for (value,) in db.execute(f"SELECT {column} FROM jobs ORDER BY path")]


def workers_of(pid: int) -> list[int]:
    """The worker processes below a process."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(child) for child in task.read_text().split()]
    return [pid for pid in found if b"vidsum.watch.worker" in _command(pid)]


def _command(pid: int) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False
