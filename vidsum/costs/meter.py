"""Measures what each stage of a run takes."""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from vidsum.data import Modality, Receipt, StageCost

Clock = Callable[[], float]
OWN_THREAD: Clock = time.thread_time
WHOLE_PROCESS: Clock = time.process_time


class StageMeter:
    """One stage's running account. Add counts and child-process CPU while it is open."""

    def __init__(self, stage: str, modality: Modality, backend: str) -> None:
        self.stage, self.modality, self.backend = stage, modality, backend
        self.counts: dict[str, float] = {}
        self.child_cpu_s = 0.0
        self.paid = False
        """Whether a provider was asked, who may charge for it."""

    def add(self, **counts: float) -> None:
        """Add to this stage's counts."""
        for name, value in counts.items():
            self.counts[name] = self.counts.get(name, 0) + value


class Meter:
    """Collects the stages of one run, from any thread, and adds them up.

    CPU of a stage is that of the thread it runs in, or of the whole process while it runs alone,
    plus what its child processes report. CPU of the whole run is the operating system's figure
    for this process and its ended children.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stages: list[StageCost] = []
        self._paid = False
        self._wall_s, self._cpu_s = time.perf_counter(), _cpu_s()

    @contextmanager
    def stage(
        self, stage: str, modality: Modality, backend: str, cpu_clock: Clock | None = OWN_THREAD
    ) -> Iterator[StageMeter]:
        """Measure one stage, which runs in the calling thread from beginning to end.

        A stage with threads of its own gives another ``cpu_clock``: :data:`WHOLE_PROCESS` when
        nothing else runs meanwhile, None when its share cannot be told from that of others.
        """
        account = StageMeter(stage, modality, backend)
        wall_s, cpu_s = time.perf_counter(), cpu_clock() if cpu_clock else 0.0
        try:
            yield account
        finally:
            taken_s = cpu_clock() - cpu_s + account.child_cpu_s if cpu_clock else None
            self.record(account, time.perf_counter() - wall_s, taken_s)

    def record(self, account: StageMeter, wall_s: float, cpu_s: float | None) -> None:
        """Take in a stage whose time was measured piece by piece."""
        with self._lock:
            self._paid = self._paid or account.paid
            self._stages.append(StageCost(
                account.stage, account.modality, account.backend, wall_s, cpu_s,
                dict(account.counts),
            ))  # fmt: skip

    def receipt(self) -> Receipt:
        """Return the account of the run so far.

        What ran here cost no API money; what a provider charges is not known yet.
        """
        with self._lock:
            stages, usd = tuple(self._stages), None if self._paid else "0"
        return Receipt(stages, time.perf_counter() - self._wall_s, _cpu_s() - self._cpu_s, usd)


class Turns:
    """Splits one thread's time among stages that take turns and call each other.

    While an inner stage runs, the outer one's watch stands still: no time is counted twice.
    """

    def __init__(self, cpu_clock: Clock = OWN_THREAD) -> None:
        self._cpu_clock = cpu_clock
        self._taken: dict[str, list[float]] = {}
        self._stack: list[str] = []
        self._mark = (0.0, 0.0)

    @contextmanager
    def running(self, stage: str) -> Iterator[None]:
        """Count the time until the block ends for a stage. A generator must not yield inside."""
        self._charge()
        self._stack.append(stage)
        try:
            yield
        finally:
            self._charge()
            self._stack.pop()

    def _charge(self) -> None:
        now = (time.perf_counter(), self._cpu_clock())
        if self._stack:
            taken = self._taken.setdefault(self._stack[-1], [0.0, 0.0])
            taken[0] += now[0] - self._mark[0]
            taken[1] += now[1] - self._mark[1]
        self._mark = now

    def taken(self, stage: str) -> tuple[float, float]:
        """Return the wall and CPU seconds that a stage had so far."""
        wall_s, cpu_s = self._taken.get(stage, (0.0, 0.0))
        return wall_s, cpu_s


def _cpu_s() -> float:
    own = resource.getrusage(resource.RUSAGE_SELF)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime
