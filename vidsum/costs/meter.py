"""Measures what each stage of a run takes."""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from vidsum.data import Modality, Receipt, StageCost


class StageMeter:
    """One stage's running account. Add counts and child-process CPU while it is open."""

    def __init__(self, stage: str, modality: Modality, backend: str) -> None:
        self.stage, self.modality, self.backend = stage, modality, backend
        self.counts: dict[str, float] = {}
        self.child_cpu_s = 0.0

    def add(self, **counts: float) -> None:
        """Add to this stage's counts."""
        for name, value in counts.items():
            self.counts[name] = self.counts.get(name, 0) + value


class Meter:
    """Collects the stages of one run, from any thread, and adds them up.

    CPU of a stage is that of the thread it runs in plus what its child processes report. CPU of
    the whole run is the operating system's figure for this process and its ended children.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stages: list[StageCost] = []
        self._wall_s, self._cpu_s = time.perf_counter(), _cpu_s()

    @contextmanager
    def stage(self, stage: str, modality: Modality, backend: str) -> Iterator[StageMeter]:
        """Measure one stage, which runs in the calling thread from beginning to end."""
        account = StageMeter(stage, modality, backend)
        wall_s, cpu_s = time.perf_counter(), time.thread_time()
        try:
            yield account
        finally:
            self.record(
                account,
                time.perf_counter() - wall_s,
                time.thread_time() - cpu_s + account.child_cpu_s,
            )

    def record(self, account: StageMeter, wall_s: float, cpu_s: float) -> None:
        """Take in a stage whose time was measured piece by piece."""
        with self._lock:
            self._stages.append(StageCost(
                account.stage, account.modality, account.backend, wall_s, cpu_s,
                dict(account.counts),
            ))  # fmt: skip

    def receipt(self) -> Receipt:
        """Return the account of the run so far. Everything ran here: it cost no API money."""
        with self._lock:
            stages = tuple(self._stages)
        return Receipt(stages, time.perf_counter() - self._wall_s, _cpu_s() - self._cpu_s)


class Stopwatch:
    """Adds up the pieces of a stage that takes turns with others in one thread."""

    def __init__(self) -> None:
        self.wall_s = self.cpu_s = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count the time until the block ends."""
        wall_s, cpu_s = time.perf_counter(), time.thread_time()
        try:
            yield
        finally:
            self.wall_s += time.perf_counter() - wall_s
            self.cpu_s += time.thread_time() - cpu_s


def _cpu_s() -> float:
    own = resource.getrusage(resource.RUSAGE_SELF)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime
