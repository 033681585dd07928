"""The ledger: one append-only SQLite file with every line of every run."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from vidsum.costs.journal import DayCaps, Journal, Spent, bound, day_of, stamp
from vidsum.costs.ledger_check import Findings, check
from vidsum.costs.ledger_schema import (
    INSERT,
    MIGRATIONS,
    SELECT,
    Calibration,
    entry_of,
    values_of,
)
from vidsum.data import Entry
from vidsum.db import connect, migrate, refusals, transaction
from vidsum.errors import OptionError
from vidsum.failpoints import failpoint
from vidsum.home import state_folder

if TYPE_CHECKING:
    import sqlite3

_PAGE_ROWS: Final = 500
"""Rows that are read at once: between pages, writers have their turn."""

_NEWEST: Final = "SELECT coalesce(max(id), 0) FROM entries"

SPENT: Final = """
SELECT coalesce(sum(CASE WHEN done.phase = 'release' THEN 0
                    ELSE coalesce(done.usd_nano, begun.reserved_usd_nano) END), 0),
       total(CASE WHEN done.phase = 'release' THEN 0.0
             ELSE coalesce(done.cu, begun.reserved_cu) END)
FROM entries AS begun
LEFT JOIN entries AS done ON done.call_id = begun.call_id AND done.phase <> 'reserve'
WHERE begun.ts_utc >= ? AND begun.ts_utc < ? AND begun.kind = 'call' AND begun.phase = 'reserve'"""
"""What the calls of a span of time count for: see :class:`vidsum.costs.journal.Memory`."""


_SPENT_SINCE: Final = """
SELECT coalesce(sum(CASE line.phase WHEN 'reserve' THEN coalesce(begun.reserved_usd_nano, 0)
                    WHEN 'release' THEN -coalesce(begun.reserved_usd_nano, 0)
                    ELSE coalesce(line.usd_nano - coalesce(begun.reserved_usd_nano, 0), 0) END), 0),
       total(CASE line.phase WHEN 'reserve' THEN coalesce(begun.reserved_cu, 0)
             WHEN 'release' THEN -coalesce(begun.reserved_cu, 0)
             ELSE coalesce(line.cu - coalesce(begun.reserved_cu, 0), 0) END)
FROM entries AS line
CROSS JOIN entries AS begun ON begun.call_id = line.call_id AND begun.phase = 'reserve'
WHERE line.id > ? AND line.kind = 'call' AND begun.ts_utc >= ? AND begun.ts_utc < ?"""
"""What the lines after one change in that: a reserve adds, its end puts the cost in its place.

CROSS JOIN, so that SQLite starts from the few new lines and not from all of the day."""


@dataclass(frozen=True, slots=True)
class _Day:
    """What a day had spent up to one line."""

    span: tuple[str, str]
    newest_id: int
    spent: Spent


@dataclass(frozen=True, slots=True)
class RunLine:
    """One run: its id, when it began, and the video that it was about."""

    run_id: str
    ts_utc: str
    path: str | None


def default_path() -> Path:
    """Return where the ledger is; it need not be there. Raises: OptionError."""
    return state_folder() / "ledger.db"


class Ledger(Journal):
    """A ledger that is open for writing, or only for :meth:`reading`.

    May be used from several threads and processes at once, also after a fork. A line that was
    written is on the disk when the call returns. A context manager; closing twice is fine.
    """

    def __init__(self, path: Path, *, reading: bool = False) -> None:
        """Open the ledger, and make it if it is not there. Raises: OutputError."""
        self.path = path
        self._reading = reading
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._day: _Day | None = None
        _OPEN.add(self)
        with self._connected():
            pass

    @classmethod
    def reading(cls, path: Path) -> Ledger:
        """Open a ledger that is only read. One that is not there is empty, and is not made.

        Raises: OutputError.
        """
        return cls(path, reading=True)

    @property
    def there(self) -> bool:
        """Whether there is a file."""
        return _is_there(self.path)

    def close(self) -> None:
        """Let go of the file; the next use opens it again."""
        with self._lock:
            self._disconnect()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:  # fmt: skip
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_connection", None) is not None:
            self._disconnect()

    def write(self, entry: Entry) -> None:
        """See :class:`Journal`."""
        self.write_all((entry,))

    def write_all(self, entries: Sequence[Entry]) -> None:
        """See :class:`Journal`."""
        with self._writing(_step(entries[0]) if entries else "none") as connection:
            connection.executemany(INSERT, map(values_of, entries))

    def reserve(self, entry: Entry, caps: DayCaps) -> None:
        """See :class:`Journal`. The day is added up and the line written while no other writes."""
        with self._writing(_step(entry)) as connection:
            if caps:
                caps.check(entry, self._spent_so_far(connection, entry.ts_utc))
            connection.execute(INSERT, values_of(entry))

    def spent_today(self, when: datetime | None = None) -> Spent:
        """Return what the calls of this day, or that of another moment, have spent.

        Raises: OutputError.
        """
        with self._connected() as connection:
            return _spent(connection, stamp(when))

    def entries(self, *, run_id: str | None = None, since: datetime | None = None,
                until: datetime | None = None) -> Iterator[Entry]:  # fmt: skip
        """Yield the lines that were there at the first one, in the order they were written.

        ``until`` itself is left out. Writers need not wait for who reads. Raises: OutputError.
        """
        wanted: dict[str, object] = {}
        if run_id is not None:
            wanted["run_id = ?"] = run_id
        if since is not None:
            wanted["ts_utc >= ?"] = bound(since)
        if until is not None:
            wanted["ts_utc < ?"] = bound(until)
        where = " AND ".join(("id > ? AND id <= ?", *wanted))
        last, newest = 0, self._rows(_NEWEST)[0][0]
        while rows := self._rows(f"{SELECT} WHERE {where} ORDER BY id LIMIT {_PAGE_ROWS}",
                                 last, newest, *wanted.values()):  # fmt: skip
            yield from (entry_of(row[1:]) for row in rows)
            last = rows[-1][0]

    def newest(self, count: int) -> tuple[Entry, ...]:
        """Return the newest lines, at most so many, the oldest first. Raises: OutputError."""
        rows = self._rows(f"{SELECT} ORDER BY id DESC LIMIT ?", count)
        return tuple(entry_of(row[1:]) for row in reversed(rows))

    def run_ids(self) -> tuple[RunLine, ...]:
        """Return all runs, those that began last first. Raises: OutputError."""
        rows = self._rows(
            "WITH runs AS (SELECT run_id, min(id) AS first FROM entries GROUP BY run_id) "
            "SELECT runs.run_id, ts_utc, coalesce(path, (SELECT max(path) FROM entries AS other "
            "WHERE other.run_id = runs.run_id)) "
            "FROM runs JOIN entries ON entries.id = first ORDER BY first DESC"
        )
        return tuple(RunLine(*row) for row in rows)

    def find_run(self, prefix: str) -> str:
        """Return the id that is meant: whole, as much as no other begins with, or ``last``.

        Raises: OptionError, OutputError.
        """
        if prefix == "last":
            runs = self.run_ids()
            if not runs:
                raise OptionError("The ledger has no run yet.")
            return runs[0].run_id
        found = [run_id for (run_id,) in self._rows(
            "SELECT DISTINCT run_id FROM entries WHERE run_id >= ? AND "
            "substr(run_id, 1, length(?)) = ? ORDER BY run_id LIMIT 4", prefix, prefix, prefix,
        )]  # fmt: skip
        if len(found) == 1 or prefix in found:
            return str(found[0])  # a whole id comes before those that go on
        if not found:
            raise OptionError(f"The ledger has no run {prefix}.", "vidsum ledger show lists them.")
        raise OptionError(f"Several runs begin with {prefix!r}: {', '.join(found[:3])}"
                          f"{' …' if len(found) > 3 else ''}.", "Give more of it.")  # fmt: skip

    def add_calibration(self, machine: str, model: str, s_per_cu: float, method: str,
                        details: Mapping[str, object] | None = None) -> Calibration:  # fmt: skip
        """Write down how long a compute unit took here, and return that. Raises: OutputError."""
        done = Calibration(ts_utc=stamp(), machine=machine, model=model, s_per_cu=s_per_cu,
                           method=method, details=dict(details or {}))  # fmt: skip
        with self._writing("calibrate") as connection:
            connection.execute(
                "INSERT INTO calibrations (ts_utc, machine, model, s_per_cu, method, details_json) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (done.ts_utc, machine, model, s_per_cu, method, json.dumps(done.details)),
            )
        return done

    def calibrations(self) -> tuple[Calibration, ...]:
        """Return all calibrations, the oldest first. Raises: OutputError."""
        return tuple(
            Calibration(ts_utc=ts_utc, machine=machine, model=model, s_per_cu=s_per_cu,
                        method=method, details=json.loads(details))
            for ts_utc, machine, model, s_per_cu, method, details in self._rows(
                "SELECT ts_utc, machine, model, s_per_cu, method, details_json "
                "FROM calibrations ORDER BY id")
        )  # fmt: skip

    def s_per_cu(self) -> float | None:
        """See :class:`Journal`: the newest calibration, with a model rather than the stand-in."""
        found = self.calibrations()
        newest = next(reversed([one for one in found if one.model] or found), None)
        return None if newest is None else newest.s_per_cu

    def verify(self) -> Findings:
        """Return what is wrong with the file, and what its lines tell. Raises: OutputError."""
        with self._connected() as connection:
            return check(connection)

    def _spent_so_far(self, connection: sqlite3.Connection, ts_utc: str) -> Spent:
        """Return what a day has spent, from the lines that came since this was asked last.

        Only within a transaction, where no line comes between the queries.
        """
        span, day = day_of(ts_utc), self._day
        (newest_id,) = connection.execute(_NEWEST).fetchone()
        if day is not None and day.span == span:
            usd_nano, cu = connection.execute(_SPENT_SINCE, (day.newest_id, *span)).fetchone()
            spent = Spent(day.spent.usd_nano + usd_nano, day.spent.cu + cu)
        else:
            spent = _spent(connection, ts_utc)
        self._day = _Day(span, newest_id, spent)
        return spent

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self._connected() as connection:
            return connection.execute(query, values).fetchall()

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """Give the connection to one thread at a time."""
        with self._lock, refusals(self.path):
            if self._connection is None:
                self._connection = self._connect()
            yield self._connection

    @contextlib.contextmanager
    def _writing(self, step: str) -> Iterator[sqlite3.Connection]:
        """Give the connection within a transaction. Raises: OutputError, ValueError.

        ``step`` names the fail points before and after the commit.
        """
        import sqlite3

        if self._reading:
            raise ValueError("this ledger is open for reading only")
        try:
            with self._connected() as connection:
                with transaction(connection, self.path):
                    yield connection
                    failpoint(f"ledger.{step}.before")
                failpoint(f"ledger.{step}.after")
        except (sqlite3.IntegrityError, OverflowError) as exc:
            raise ValueError(f"the ledger does not take this line: {exc}") from exc

    def _connect(self) -> sqlite3.Connection:
        if not self._reading or _is_there(self.path):
            return connect(self.path, MIGRATIONS, reading=self._reading)
        import sqlite3

        empty = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        migrate(empty, self.path, MIGRATIONS)
        return empty

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _step(entry: Entry) -> str:
    """Return what to call the writing of a line: ``settle`` a call, ``close_stage``, ``save``."""
    match entry.kind:
        case "call":
            return entry.phase
        case "saving":
            return "save"
    return f"{'open' if entry.phase == 'reserve' else 'close'}_{entry.kind}"


def _spent(connection: sqlite3.Connection, ts_utc: str) -> Spent:
    usd_nano, cu = connection.execute(SPENT, day_of(ts_utc)).fetchone()
    return Spent(usd_nano, cu)


def _is_there(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True  # opening it says what is wrong
    return True


_OPEN: Final[weakref.WeakSet[Ledger]] = weakref.WeakSet()
_FORKING: Final = threading.Lock()
_held: list[Ledger] = []


def _before_fork() -> None:
    """Close every ledger: SQLite's connections and its knowledge of locks must not be inherited.

    Source: "How To Corrupt An SQLite Database File", sqlite.org: a connection across a fork.
    """
    _FORKING.acquire()
    for ledger in list(_OPEN):
        ledger._lock.acquire()
        ledger._disconnect()
        _held.append(ledger)


def _after_fork() -> None:
    while _held:
        _held.pop()._lock.release()
    _FORKING.release()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
