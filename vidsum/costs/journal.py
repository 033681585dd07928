"""Where the lines of a run are written, and what a day may spend."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Protocol

from vidsum.data import Entry
from vidsum.errors import BudgetReached


@dataclass(frozen=True, slots=True)
class DayCaps:
    """What all runs of a day may spend at most. None: no limit.

    A day is one of the local calendar. A call belongs to the day on which it was reserved.
    """

    usd_nano: int | None = None
    cu: float | None = None

    def __bool__(self) -> bool:
        return (self.usd_nano, self.cu) != (None, None)

    def check(self, entry: Entry, spent: Spent) -> None:
        """Refuse a reserve that does not fit beside what the day has spent already.

        What costs nothing always fits. A worst case that nobody knows adds nothing here: the meter
        refuses such calls, unless the user allows them. Raises: BudgetReached.
        """
        hint = "Raise that cap, or go on tomorrow."
        usd_nano, cu = entry.reserved_usd_nano or 0, entry.reserved_cu or 0.0
        if usd_nano and self.usd_nano is not None and spent.usd_nano + usd_nano > self.usd_nano:
            raise BudgetReached(
                f"The day's cap of {_usd(self.usd_nano)} is reached: {_usd(spent.usd_nano)} is "
                f"spent or set aside, and this call may take {_usd(usd_nano)}.",
                hint,
            )
        if cu and self.cu is not None and spent.cu + cu > self.cu:
            raise BudgetReached(
                f"The day's cap of {self.cu:g} CU is reached: {spent.cu:.3g} CU are spent or set "
                f"aside, and this call may take {cu:.3g}.",
                hint,
            )


@dataclass(frozen=True, slots=True)
class Spent:
    """What the calls of a day have spent, or set aside."""

    usd_nano: int = 0
    cu: float = 0.0


class Journal(Protocol):
    """Takes lines, and keeps them.

    An end (``settle``, ``release``, ``fail``) of a call or a stage needs the reserve of the same
    run, and there is one for each. A ValueError tells that a line breaks this.
    """

    def write(self, entry: Entry) -> None:
        """Write one line. Raises: OutputError, ValueError."""
        ...

    def write_all(self, entries: Sequence[Entry]) -> None:
        """Write several lines, all or none. Raises: OutputError, ValueError."""
        ...

    def reserve(self, entry: Entry, caps: DayCaps) -> None:
        """Write a reserve if the day's caps allow it.

        Raises: BudgetReached, OutputError, ValueError.
        """
        ...

    def spent_today(self, when: datetime | None = None) -> Spent:
        """Return what the calls of this day, or that of another moment, have spent.

        Raises: OutputError.
        """
        ...

    def entries(
        self, *, run_id: str | None = None, since: datetime | None = None
    ) -> Iterator[Entry]:
        """Yield the lines so far, in their order. Raises: OutputError."""
        ...

    def newest(self, count: int) -> Sequence[Entry]:
        """Return the newest lines, at most so many, the oldest first. Raises: OutputError."""
        ...

    def s_per_cu(self) -> float | None:
        """Return how long a compute unit takes on this machine's cores, if that was timed."""
        ...

    def close(self) -> None:
        """Let go of the file; may be called twice."""
        ...


class Memory(Journal):
    """Keeps lines as long as the process runs: for library users, and when no ledger opens.

    May be used from several threads. Its days know only the lines that it has itself.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: list[Entry] = []
        self._reserves: dict[str, Entry] = {}
        self._ends: dict[str, Entry] = {}

    def write(self, entry: Entry) -> None:
        """See :class:`Journal`."""
        self.write_all((entry,))

    def write_all(self, entries: Sequence[Entry]) -> None:
        """See :class:`Journal`."""
        with self._lock:
            self._add_all(entries)

    def reserve(self, entry: Entry, caps: DayCaps) -> None:
        """See :class:`Journal`."""
        with self._lock:
            if caps:
                caps.check(entry, self._spent(entry.ts_utc))
            self._add_all((entry,))

    def newest(self, count: int) -> Sequence[Entry]:
        """See :class:`Journal`."""
        with self._lock:
            return tuple(self._lines[-count:])

    def s_per_cu(self) -> float | None:
        """See :class:`Journal`; nothing is timed here."""
        return None

    def close(self) -> None:
        """See :class:`Journal`."""

    def spent_today(self, when: datetime | None = None) -> Spent:
        """Return what the calls of this day, or that of another moment, have spent."""
        with self._lock:
            return self._spent(stamp(when))

    def entries(
        self, *, run_id: str | None = None, since: datetime | None = None
    ) -> Iterator[Entry]:
        """Yield the lines so far, in their order."""
        with self._lock:
            lines = tuple(self._lines)
        first = "" if since is None else bound(since)
        return (e for e in lines if run_id in (None, e.run_id) and e.ts_utc >= first)

    def _add_all(self, entries: Sequence[Entry]) -> None:
        added: list[tuple[dict[str, Entry], str]] = []
        try:
            for entry in entries:
                kept = self._reserves if entry.phase == "reserve" else self._ends
                self._check(entry, kept)
                kept[entry.call_id] = entry
                added.append((kept, entry.call_id))
        except ValueError:
            for kept, call_id in added:
                del kept[call_id]
            raise
        self._lines += entries

    def _check(self, entry: Entry, kept: Mapping[str, Entry]) -> None:
        if entry.call_id in kept:
            raise ValueError(f"{entry.call_id} has one {entry.phase} too many")
        if entry.phase != "reserve" and entry.kind in ("call", "stage"):
            begun = self._reserves.get(entry.call_id)
            if begun is None or (begun.kind, begun.run_id) != (entry.kind, entry.run_id):
                raise ValueError(f"{entry.call_id} has a {entry.phase} without its reserve")

    def _spent(self, ts_utc: str) -> Spent:
        start, stop = day_of(ts_utc)
        costs = [
            _cost(begun, self._ends.get(begun.call_id))
            for begun in self._reserves.values()
            if begun.kind == "call" and start <= begun.ts_utc < stop
        ]
        return Spent(sum(cost.usd_nano for cost in costs), math.fsum(cost.cu for cost in costs))


def _cost(reserve: Entry, end: Entry | None) -> Spent:
    """Return what a call counts for: its worst case as long as nothing better is known."""
    if end is not None and end.phase == "release":
        return Spent()
    usd_nano, cu = reserve.reserved_usd_nano, reserve.reserved_cu
    if end is not None:
        usd_nano = usd_nano if end.usd_nano is None else end.usd_nano
        cu = cu if end.cu is None else end.cu
    return Spent(usd_nano or 0, cu or 0.0)


def stamp(when: datetime | None = None) -> str:
    """Return a moment, now unless given, as lines have it: UTC, ISO 8601 with microseconds."""
    moment = datetime.now(UTC) if when is None else when.astimezone(UTC)
    return moment.isoformat(timespec="microseconds")


def bound(when: datetime) -> str:
    """Return a moment for comparing stamps with, however those write the zone."""
    return stamp(when).removesuffix("+00:00")


def day_of(ts_utc: str) -> tuple[str, str]:
    """Return when the local calendar day of a stamp begins and when the next one does."""
    day = datetime.fromisoformat(ts_utc).astimezone().date()
    midnights = (datetime.combine(day + timedelta(days=n), time.min) for n in (0, 1))
    start, stop = (bound(midnight) for midnight in midnights)
    return start, stop


def _usd(usd_nano: int) -> str:
    return f"${Decimal(usd_nano) / 10**9:f}"
