"""The account of one run: its stages, their calls, and the ledger that they are written to."""

from __future__ import annotations

import resource
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from vidsum.costs.bookkeeping import Book, Identity
from vidsum.costs.budget import Budget
from vidsum.costs.calls import Desk, Ending, OpenCall
from vidsum.costs.energy import WATTS_PER_CORE, EnergyMeter, Reading, estimate, joules_between
from vidsum.costs.journal import Journal
from vidsum.costs.prices import PriceBook
from vidsum.costs.receipts import receipt_of
from vidsum.data import Modality, ModelRef, Quantities, Quoted, Receipt, Saving

_DRIVER = Path("/proc/driver/nvidia")
"""There only with NVIDIA's driver: nobody else is asked what a GPU draws."""
Clock = Callable[[], float]
OWN_THREAD: Clock = time.thread_time
WHOLE_PROCESS: Clock = time.process_time


class StageMeter(Desk):
    """One stage's running account. Add counts and child-process CPU while it is open."""

    def __init__(self, book: Book, stage: str, modality: Modality, backend: str, lane: str) -> None:
        self.stage, self.modality, self.backend, self.lane = stage, modality, backend, lane
        self.counts: dict[str, float] = {}
        self.child_cpu_s = 0.0
        self.on_gpu = False
        """Whether a model worked on a GPU: its energy is not that of the CPU seconds."""
        self.error = ""
        """The class of the error that ended it."""
        self.reason: str | None = None
        """Why the calls from now on are made, where that is not plain."""
        self._book = book
        self._line = book.open_stage(stage, modality, backend, lane)

    def add(self, **counts: float) -> None:
        """Add to this stage's counts."""
        for name, value in counts.items():
            self.counts[name] = self.counts.get(name, 0) + value

    def begin(
        self, call_id: str, model: ModelRef, most: Quantities, most_flops: float | None, *,
        retry_of: str | None, wait: bool,
    ) -> float:  # fmt: skip
        """See :class:`Desk`."""
        started_s = time.perf_counter()
        stage = replace(self._line, reason=self.reason)
        line = self._book.call_line(stage, call_id, model, retry_of)
        self._book.reserve(line, model, most, most_flops, wait=wait)
        return time.perf_counter() - started_s

    def end(self, call: OpenCall, ending: Ending) -> None:
        """See :class:`Desk`."""
        self._book.end_call(replace(self._line, reason=self.reason), call, ending)

    def close(self, wall_s: float, cpu_s: float | None, watts_per_core: float) -> None:
        """Book what the stage took."""
        joules = estimate(cpu_s, watts_per_core, gpu_work=self.on_gpu)
        self._book.close_stage(self._line, wall_s, cpu_s, joules, self.counts, self.error)


class Meter:
    """Collects the stages of one run, from any thread, and writes them to the ledger.

    CPU of a stage is that of the thread it runs in, or of the whole process while it runs alone,
    plus what its child processes report. CPU of the whole run is the operating system's figure
    for this process and its ended children.
    """

    def __init__(
        self, identity: Identity | None = None, journal: Journal | None = None,
        budget: Budget | None = None, prices: PriceBook | None = None,
        watts_per_core: float | None = None, energy: EnergyMeter | None = None,
    ) -> None:  # fmt: skip
        self.budget = budget or Budget()
        self.book = Book(identity or Identity(), journal, self.budget, prices or PriceBook())
        self._watts = WATTS_PER_CORE if watts_per_core is None else watts_per_core
        self._energy = energy or EnergyMeter(gpus=_DRIVER.exists())
        self._start = _Mark(self._energy.read())
        self._finished: _Mark | None = None
        self._threads = threading.local()
        self.quoted: Quoted | None = None
        self.given_up: list[str] = []
        self.book.open_run()

    @contextmanager
    def stage(
        self, stage: str, modality: Modality, backend: str, cpu_clock: Clock | None = OWN_THREAD,
        lane: str = "main",
    ) -> Iterator[StageMeter]:  # fmt: skip
        """Measure one stage, which runs in the calling thread from beginning to end.

        A stage with threads of its own gives another ``cpu_clock``: :data:`WHOLE_PROCESS` when
        nothing else runs meanwhile, None when its share cannot be told from that of others.
        A stage within another one is no part of that one's time.
        """
        others = self._watches()
        if others:
            others[-1].stop()
        try:
            account = self.open(stage, modality, backend, lane)
            watch = _Watch(cpu_clock)
            others.append(watch)
            try:
                yield account
            except BaseException as exc:
                account.error = type(exc).__name__
                raise
            finally:
                watch.stop()
                others.remove(watch)
                self.record(account, watch.wall_s, watch.cpu_s(account.child_cpu_s))
        finally:  # however writing a line ends: a watch that stands still is not to be stopped
            if others:
                others[-1].go_on()

    def _watches(self) -> list[_Watch]:
        """Return those of the stages that the calling thread is in, the outermost first."""
        found: list[_Watch] = self._threads.__dict__.setdefault("watches", [])
        return found

    def open(self, stage: str, modality: Modality, backend: str, lane: str = "main") -> StageMeter:
        """Return the account of a stage whose time is measured piece by piece."""
        return StageMeter(self.book, stage, modality, backend, lane)

    def record(self, account: StageMeter, wall_s: float, cpu_s: float | None) -> None:
        """Take in a stage whose time was measured piece by piece."""
        account.close(wall_s, cpu_s, self._watts)

    def saved(self, stage: str, modality: Modality, saving: Saving) -> None:
        """Take note of what was not done; it is no part of any total."""
        self.book.save(stage, modality, saving)

    def finish(self, status: str = "ok") -> None:
        """Book the run as a whole; what comes afterwards is not in its time."""
        if self._finished is not None:
            return
        account = self.open("ledger", "video", "sqlite")
        self.record(account, self.book.writing_s, self.book.writing_cpu_s)
        self._finished = _Mark(self._energy.read())
        measured = joules_between(self._start.energy, self._finished.energy)
        self._energy.close()
        wall_s, cpu_s = self._taken()
        rss_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        rss_bytes *= 1 if sys.platform == "darwin" else 1024
        self.book.close_run(wall_s, cpu_s, rss_bytes, measured, status)
        self.book.close()

    def _taken(self) -> tuple[float, float]:
        end = self._finished or _Mark(Reading())
        return end.wall_s - self._start.wall_s, end.cpu_s - self._start.cpu_s

    def receipt(self) -> Receipt:
        """Return the account of the run so far."""
        wall_s, cpu_s = self._taken()
        return replace(
            receipt_of(self.book.lines(), wall_s, cpu_s),
            recorded=self.book.recorded,
            prices=self.book.prices_used,
            spending=self.book.spending(tuple(self.given_up)),
            quoted=self.quoted,
        )


@dataclass(frozen=True, slots=True)
class _Mark:
    """A moment of a run."""

    energy: Reading
    wall_s: float = field(default_factory=time.perf_counter)
    cpu_s: float = field(default_factory=lambda: _cpu_s())


class _Watch:
    """What a stage takes while its watch runs. Without a clock its CPU seconds are not known."""

    def __init__(self, cpu_clock: Clock | None) -> None:
        self._cpu_clock = cpu_clock
        self.wall_s = self._cpu_s = 0.0
        self.go_on()

    def go_on(self) -> None:
        """Let it run."""
        self._mark = time.perf_counter(), self._cpu_clock() if self._cpu_clock else 0.0

    def stop(self) -> None:
        """Have it stand still."""
        self.wall_s += time.perf_counter() - self._mark[0]
        self._cpu_s += (self._cpu_clock() if self._cpu_clock else 0.0) - self._mark[1]

    def cpu_s(self, child_cpu_s: float) -> float | None:
        """Return the CPU seconds, with those of child processes."""
        return self._cpu_s + child_cpu_s if self._cpu_clock else None


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
