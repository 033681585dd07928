"""The ledger: append-only, whole after any end of a process, one day's cap for all of them."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import typing
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vidsum.costs.journal import DayCaps, Memory, Spent, day_of, stamp
from vidsum.costs.ledger import SPENT, Ledger, default_path
from vidsum.costs.ledger_check import still_runs
from vidsum.costs.ledger_schema import COLUMNS, FIELDS, MIGRATIONS
from vidsum.costs.units import cu
from vidsum.data import Entry
from vidsum.db import connect
from vidsum.errors import BudgetReached, OptionError, OutputError
from vidsum.wording import path_text

NOBODY = 2**22 + 1
"""A process number over the most that Linux gives."""


def line(**changes: typing.Any) -> Entry:
    """Return the reserve of a call, or what the changes make of it."""
    plain: dict[str, typing.Any] = {
        "call_id": uuid.uuid4().hex, "phase": "reserve", "kind": "call", "ts_utc": stamp(),
        "run_id": "run", "stage": "caption", "modality": "image", "backend": "local",
    }  # fmt: skip
    return Entry(**(plain | changes))


def end_of(reserve: Entry, phase: str = "settle", **changes: typing.Any) -> Entry:
    return dataclasses.replace(
        reserve, phase=phase, reserved_usd_nano=None, reserved_cu=None, **changes
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with Ledger(path) as opened:
        yield opened


@pytest.fixture(params=["ledger", "memory"])
def journal(request: pytest.FixtureRequest, path: Path) -> Iterator[Ledger | Memory]:
    if request.param == "memory":
        yield Memory()
        return
    with Ledger(path) as opened:
        yield opened


def plainly(path: Path, *statements: str) -> None:
    """Do something to the file as any other program could."""
    plain = sqlite3.connect(path, isolation_level=None)
    try:
        for statement in statements:
            plain.execute(statement)
    finally:
        plain.close()


# What any journal holds to


def test_a_journal_gives_back_what_was_written(journal: Ledger | Memory) -> None:
    first, other = line(), line(run_id="other")
    journal.write(first)
    journal.write_all([end_of(first, usd_nano=3, counts={"kept": 2}), other])
    journal.reserve(third := line(), DayCaps())
    assert list(journal.entries()) == [
        first, end_of(first, usd_nano=3, counts={"kept": 2}), other, third,
    ]  # fmt: skip
    assert list(journal.entries(run_id="other")) == [other]


@pytest.mark.parametrize("kind", ["call", "stage"])
@pytest.mark.parametrize("phase", ["settle", "release", "fail"])
def test_an_end_needs_its_reserve(journal: Ledger | Memory, kind: str, phase: str) -> None:
    reserve = line(kind=kind)
    other = "stage" if kind == "call" else "call"
    with pytest.raises(ValueError, match="without its reserve"):
        journal.write(end_of(reserve, phase))
    journal.write(reserve)
    for wrong in ({"run_id": "another"}, {"kind": other}):
        with pytest.raises(ValueError, match="without its reserve"):
            journal.write(end_of(reserve, phase, **wrong))
    journal.write(end_of(reserve, phase))
    for again in ("reserve", "settle", "release", "fail"):
        with pytest.raises(ValueError, match=r"there already|too many"):
            journal.write(end_of(reserve, again))
    assert list(journal.entries()) == [reserve, end_of(reserve, phase)]


@pytest.mark.parametrize("kind", ["run", "saving"])
def test_a_saving_and_a_run_need_no_reserve(journal: Ledger | Memory, kind: str) -> None:
    journal.write(line(kind=kind, phase="settle"))
    assert [entry.kind for entry in journal.entries()] == [kind]


def test_lines_are_written_together_or_not_at_all(journal: Ledger | Memory) -> None:
    first, second = line(), line()
    with pytest.raises(ValueError, match="without its reserve"):
        journal.write_all([first, end_of(first), end_of(second)])
    assert list(journal.entries()) == []
    journal.write_all([first, end_of(first)])
    assert list(journal.entries()) == [first, end_of(first)]


def test_what_counts_for_a_day(journal: Ledger | Memory) -> None:
    def reserve() -> Entry:
        entry = line(reserved_usd_nano=100, reserved_cu=4.0)
        journal.write(entry)
        return entry

    costs: list[tuple[Spent, list[dict[str, typing.Any]]]] = [
        (Spent(100, 4.0), []),  # under way, or its process died
        (Spent(7, 1.5), [{"phase": "settle", "usd_nano": 7, "cu": 1.5}]),
        (Spent(100, 1.5), [{"phase": "settle", "cu": 1.5}]),
        (Spent(0, 0.0), [{"phase": "settle", "usd_nano": 0, "cu": 0.0}]),
        (Spent(0, 0.0), [{"phase": "release"}]),
        (Spent(100, 4.0), [{"phase": "fail"}]),
        (Spent(30, 4.0), [{"phase": "fail", "usd_nano": 30}]),
    ]
    expected = Spent()
    for cost, ends in costs:
        reserved = reserve()
        for end in ends:
            journal.write(end_of(reserved, **end))
        expected = Spent(expected.usd_nano + cost.usd_nano, expected.cu + cost.cu)
        assert journal.spent_today() == expected
    journal.write(line(kind="stage", reserved_usd_nano=1000))
    journal.write(line(kind="saving", phase="settle", usd_nano=1000, avoided_usd_nano=1000))
    assert journal.spent_today() == expected


@pytest.fixture
def noon_in_auckland(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Noon of 2 March 2026, 13 hours before UTC: the day began on 1 March there."""
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    yield "2026-03-01T23:00:00.000000+00:00"
    monkeypatch.undo()
    time.tzset()


def test_a_day_is_that_of_the_local_calendar(
    journal: Ledger | Memory, noon_in_auckland: str
) -> None:
    for ts_utc in ("2026-03-01T10:59:59.999999+00:00", "2026-03-01T11:00:00.000000+00:00",
                   "2026-03-02T10:59:59.999999Z", "2026-03-02T11:00:00.000000Z"):  # fmt: skip
        journal.write(line(ts_utc=ts_utc, reserved_usd_nano=10))
    moment = datetime.fromisoformat(noon_in_auckland)
    assert journal.spent_today(moment) == Spent(20, 0.0)
    journal.reserve(line(ts_utc=noon_in_auckland, reserved_usd_nano=10), DayCaps(usd_nano=30))
    with pytest.raises(BudgetReached):
        journal.reserve(line(ts_utc=noon_in_auckland, reserved_usd_nano=1), DayCaps(usd_nano=30))
    late = "2026-03-02T12:00:00.000000+00:00"
    journal.reserve(line(ts_utc=late, reserved_usd_nano=20), DayCaps(usd_nano=30))


def test_days_of_23_and_25_hours(noon_in_auckland: str) -> None:
    def hours(ts_utc: str) -> float:
        start, stop = map(datetime.fromisoformat, day_of(ts_utc))
        return (stop - start) / timedelta(hours=1)

    assert [hours(f"2026-{day}T23:00:00.000000+00:00") for day in ("03-01", "04-04", "09-26")] == [
        24, 25, 23,
    ]  # fmt: skip


def test_the_days_caps(journal: Ledger | Memory) -> None:
    caps = DayCaps(usd_nano=100, cu=10.0)
    first = line(reserved_usd_nano=60, reserved_cu=1.0)
    journal.reserve(first, caps)
    with pytest.raises(BudgetReached, match=r"\$0\.0000001 is reached: \$0\.00000006 is spent"):
        journal.reserve(line(reserved_usd_nano=41, reserved_cu=1.0), caps)
    with pytest.raises(BudgetReached, match="10 CU is reached: 1 CU are spent"):
        journal.reserve(line(reserved_usd_nano=1, reserved_cu=9.5), caps)
    journal.write(end_of(first, usd_nano=20, cu=1.0))
    journal.reserve(line(reserved_usd_nano=80, reserved_cu=9.0), caps)
    with pytest.raises(BudgetReached):
        journal.reserve(line(reserved_usd_nano=1), caps)
    journal.reserve(line(reserved_usd_nano=1), DayCaps())
    assert len(list(journal.entries())) == 4


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["reserve", "settle", "release", "fail"]),
        st.integers(0, 1000) | st.none(),
        st.integers(0, 64).map(lambda n: n / 8) | st.none(),
        st.integers(0, 20),
    ),
    max_size=25,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(STEPS)
def test_ledger_and_memory_allow_the_same(tmp_path: Path, steps: list[typing.Any]) -> None:
    memory, caps = Memory(), DayCaps(usd_nano=2000, cu=20.0)
    with Ledger(tmp_path / f"{uuid.uuid4().hex}.db") as ledger:
        opened: list[Entry] = []
        for phase, usd_nano, cu, which in steps:
            if phase == "reserve":
                entry = line(reserved_usd_nano=usd_nano, reserved_cu=cu)
                allowed = [_allows(each, entry, caps) for each in (memory, ledger)]
                assert allowed[0] == allowed[1]
                opened += [entry] if allowed[0] else []
            elif opened:
                entry = end_of(opened.pop(which % len(opened)), phase, usd_nano=usd_nano, cu=cu)
                memory.write(entry)
                ledger.write(entry)
            assert memory.spent_today() == ledger.spent_today()
        spent = memory.spent_today()
        caps = DayCaps(usd_nano=spent.usd_nano, cu=spent.cu)
        for journal in (memory, ledger):
            assert not _allows(journal, line(reserved_usd_nano=1), caps)
            assert not _allows(journal, line(reserved_cu=0.125), caps)
        last = line(call_id="last", reserved_usd_nano=0, reserved_cu=0.0)
        assert [_allows(journal, last, caps) for journal in (memory, ledger)] == [True, True]
        assert list(memory.entries()) == list(ledger.entries())


def _allows(journal: Ledger | Memory, entry: Entry, caps: DayCaps) -> bool:
    try:
        journal.reserve(entry, caps)
    except BudgetReached:
        return False
    return True


# Append-only


def test_the_columns_are_the_fields_of_an_entry(ledger: Ledger, path: Path) -> None:
    types = {str: "TEXT", int: "INTEGER", float: "REAL", bool: "INTEGER"}
    hints = typing.get_type_hints(Entry)
    expected = []
    for name, column in zip(FIELDS, COLUMNS, strict=True):
        parts = [part for part in typing.get_args(hints[name]) if part in types]
        one = hints[name] if hints[name] in types else parts[0] if parts else str
        expected.append((column, "TEXT" if name == "counts" else types[one]))
    plain = sqlite3.connect(path)
    found = [(name, kind) for _, name, kind, *_ in plain.execute("PRAGMA table_info(entries)")]
    plain.close()
    assert found == [("id", "INTEGER"), *expected]


CHANGES = (
    "UPDATE entries SET usd_nano = 0",
    "UPDATE entries SET id = 7 WHERE id = 1",
    "UPDATE OR REPLACE entries SET id = 2 WHERE id = 1",
    "DELETE FROM entries",
    "DELETE FROM entries WHERE id = 2",
    "INSERT OR REPLACE INTO entries SELECT * FROM entries WHERE id = 1",
    "REPLACE INTO entries SELECT * FROM entries WHERE id = 3",
    f"INSERT OR REPLACE INTO entries (id, {', '.join(COLUMNS)}) SELECT 1, "
    f"{', '.join(name if name != 'call_id' else repr('new') for name in COLUMNS)} "
    "FROM entries WHERE id = 3",
    f"INSERT OR REPLACE INTO entries ({', '.join(COLUMNS)}) SELECT {', '.join(COLUMNS)} "
    "FROM entries WHERE id = 1",
    f"INSERT OR REPLACE INTO entries ({', '.join(COLUMNS)}) SELECT "
    f"{', '.join(name if name != 'phase' else repr('fail') for name in COLUMNS)} "
    "FROM entries WHERE id = 2",
    f"INSERT INTO entries ({', '.join(COLUMNS)}) SELECT {', '.join(COLUMNS)} FROM entries "
    "WHERE id = 1 ON CONFLICT DO UPDATE SET usd_nano = 0",
    "UPDATE calibrations SET s_per_cu = 0",
    "DELETE FROM calibrations",
    "INSERT OR REPLACE INTO calibrations SELECT * FROM calibrations",
)


@pytest.mark.parametrize("change", CHANGES)
def test_nothing_that_was_written_can_be_changed(ledger: Ledger, path: Path, change: str) -> None:
    first = line(reserved_usd_nano=5)
    ledger.write_all([first, end_of(first, usd_nano=4, usd_origin="reported"), line()])
    ledger.add_calibration("desk", "tiny", 0.5, "prefill")
    before = list(ledger.entries()), ledger.calibrations()
    with pytest.raises(sqlite3.IntegrityError, match=r"append-only|there already"):
        plainly(path, change)
    with pytest.raises(sqlite3.IntegrityError, match=r"append-only|there already"):
        plainly(path, "PRAGMA recursive_triggers = ON", change)
    assert (list(ledger.entries()), ledger.calibrations()) == before
    assert ledger.verify().schema == ()


@pytest.mark.parametrize("wrong", [
    {"phase": "done"}, {"kind": "thing"}, {"ts_utc": "2026-03-01T23:00:00+00:00"},
    {"ts_utc": "2026-03-01T23:00:00.000000+01:00"}, {"calls": 1.5}, {"input_tokens": 2**63},
])  # fmt: skip
def test_a_line_that_does_not_fit_is_refused(ledger: Ledger, wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="does not take this line"):
        ledger.write(line(**wrong))
    assert list(ledger.entries()) == []


# Round trip


def _values() -> st.SearchStrategy[Entry]:
    text = st.text(max_size=12)
    kinds: dict[object, st.SearchStrategy[object]] = {
        str: text, int: st.integers(-(2**63), 2**63 - 1), bool: st.booleans(),
        float: st.floats(allow_nan=False), type(None): st.none(),
    }  # fmt: skip
    hints = typing.get_type_hints(Entry)
    found: dict[str, st.SearchStrategy[object]] = {}
    for name in FIELDS:
        parts = typing.get_args(hints[name]) or (hints[name],)
        known = [kinds[part] for part in parts if part in kinds]
        named = [part for part in parts if isinstance(part, str)]
        nested = [x for part in parts for x in typing.get_args(part) if isinstance(x, str)]
        known += [st.sampled_from(named + nested)] if named + nested else []
        found[name] = st.one_of(known)
    moments = st.datetimes(timezones=st.just(UTC), min_value=datetime(1970, 1, 1))
    figures = st.integers() | st.floats(allow_nan=False)
    found |= {
        "ts_utc": moments.map(stamp), "phase": st.just("reserve"),
        "counts": st.dictionaries(text, figures, max_size=3),
    }  # fmt: skip
    return st.fixed_dictionaries(found).map(lambda values: Entry(**values))  # type: ignore[arg-type]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture,
                                 HealthCheck.too_slow], max_examples=60)  # fmt: skip
@given(st.lists(_values(), max_size=3, unique_by=lambda entry: entry.call_id))
def test_every_figure_comes_back_exactly(tmp_path: Path, entries: list[Entry]) -> None:
    with Ledger(tmp_path / f"{uuid.uuid4().hex}.db") as ledger:
        ledger.write_all(entries)
        found = list(ledger.entries())
    assert found == entries
    for one, other in zip(found, entries, strict=True):
        for name in FIELDS:
            if isinstance(getattr(other, name), bool):
                assert isinstance(getattr(one, name), bool)


def test_a_path_that_is_no_utf8_is_escaped(ledger: Ledger) -> None:
    path = os.fsdecode(b"/v/caf\xe9\n.mp4")
    ledger.write(line(path=path))
    assert [entry.path for entry in ledger.entries()] == [path_text(path)]
    assert "\\xe9" in path_text(path)


# Reading


def test_an_absent_ledger_is_empty_and_stays_absent(tmp_path: Path) -> None:
    ledger = Ledger.reading(tmp_path / "none" / "ledger.db")
    assert not ledger.there
    assert list(ledger.entries()) == []
    assert ledger.run_ids() == ()
    assert ledger.calibrations() == ()
    assert ledger.spent_today() == Spent()
    assert ledger.verify().sound
    with pytest.raises(OptionError, match="no run yet"):
        ledger.find_run("last")
    assert list(tmp_path.iterdir()) == []


def test_a_ledger_for_reading_writes_nothing(ledger: Ledger, path: Path) -> None:
    ledger.write(first := line())
    with Ledger.reading(path) as reading:
        assert reading.there
        with pytest.raises(ValueError, match="reading only"):
            reading.write(line())
        assert list(reading.entries()) == [first]


def first_version(path: Path) -> list[Entry]:
    """Make the file as the first version of vidsum wrote it, and return its lines."""
    names = [name for name in COLUMNS if name != "reason"]
    reserve = line(reserved_usd_nano=12, path="a.mp4")
    lines = [reserve, end_of(reserve, usd_nano=7, usd_origin="reported", counts={"kept": 2})]
    db = connect(path, MIGRATIONS[:1])
    for one in lines:
        values = [json.dumps(one.counts) if name == "counts_json" else getattr(one, name)
                  for name in names]  # fmt: skip
        marks = ", ".join("?" * len(names))
        db.execute(f"INSERT INTO entries ({', '.join(names)}) VALUES ({marks})", values)
    db.close()
    return lines


@pytest.mark.parametrize("reading", [True, False])
def test_a_ledger_of_the_first_version_goes_on(path: Path, reading: bool) -> None:
    old = first_version(path)
    with Ledger(path, reading=reading) as ledger:
        assert list(ledger.entries()) == old
        assert {entry.reason for entry in ledger.entries()} == {None}
        assert ledger.verify().sound
    new = line(reason="second look at 1:23: what is written there?")
    with Ledger(path) as ledger:
        ledger.write(new)
        assert list(ledger.entries()) == [*old, new]
        assert ledger.verify().sound
    for change in ("UPDATE entries SET reason = 'x'", "DELETE FROM entries"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            plainly(path, change)
    with Ledger(path) as ledger:
        assert list(ledger.entries()) == [*old, new]


def test_lines_of_a_run_and_of_a_time(ledger: Ledger) -> None:
    moments = [datetime(2026, 3, 1, hour, tzinfo=UTC) for hour in range(6)]
    entries = [line(ts_utc=stamp(moment), run_id=f"r{n % 2}") for n, moment in enumerate(moments)]
    ledger.write_all(entries)
    assert list(ledger.entries(run_id="r1")) == entries[1::2]
    assert list(ledger.entries(since=moments[2])) == entries[2:]
    assert list(ledger.entries(until=moments[2])) == entries[:2]
    assert list(ledger.entries(run_id="r0", since=moments[1], until=moments[4])) == [entries[2]]
    naive = moments[2].astimezone().replace(tzinfo=None)
    assert list(ledger.entries(since=naive)) == entries[2:]


def test_readers_and_writers_do_not_wait_for_each_other(ledger: Ledger, path: Path) -> None:
    ledger.write_all([line() for _ in range(1200)])
    with Ledger.reading(path) as reading:
        lines = reading.entries()
        next(lines)
        plainly(path, "PRAGMA busy_timeout = 0", "BEGIN EXCLUSIVE", "COMMIT")
        ledger.write_all([line() for _ in range(600)])
        assert sum(1 for _ in lines) == 1199
        assert sum(1 for _ in reading.entries()) == 1800


def test_runs_newest_first_and_by_the_beginning_of_their_name(ledger: Ledger) -> None:
    ledger.write_all([
        line(run_id="abc1", kind="run", path=None), line(run_id="abd2", path="b.mp4"),
        line(run_id="abc1", path="a.mp4"), line(run_id="abc", path="c.mp4"),
        line(run_id="a%_", path="d.mp4"),
    ])  # fmt: skip
    assert [(run.run_id, run.path) for run in ledger.run_ids()] == [
        ("a%_", "d.mp4"), ("abc", "c.mp4"), ("abd2", "b.mp4"), ("abc1", "a.mp4"),
    ]  # fmt: skip
    first = next(ledger.entries(run_id="abc1"))
    assert ledger.run_ids()[-1].ts_utc == first.ts_utc
    found = [ledger.find_run(prefix) for prefix in ("last", "abd", "abc", "abc1", "a%")]
    assert found == ["a%_", "abd2", "abc", "abc1", "a%_"]
    for prefix, said in (("b", "no run b"), ("%", "no run %"), ("ab", "Several runs begin with"),
                         ("", "Several runs begin with")):  # fmt: skip
        with pytest.raises(OptionError, match=said):
            ledger.find_run(prefix)


def test_the_newest_lines_come_in_their_order(journal: Ledger | Memory) -> None:
    assert list(journal.newest(3)) == []
    lines = [line() for _ in range(5)]
    journal.write_all(lines)
    assert list(journal.newest(3)) == lines[2:]
    assert list(journal.newest(9)) == lines


def test_the_calibration_with_a_model_counts(ledger: Ledger) -> None:
    assert ledger.s_per_cu() is None
    ledger.add_calibration("desk", "tiny.gguf", 8.0, "prefill-200")
    ledger.add_calibration("desk", "", 2.0, "matrix products")
    assert ledger.s_per_cu() == 8.0
    ledger.add_calibration("desk", "other.gguf", 7.0, "prefill-200")
    assert ledger.s_per_cu() == 7.0


def test_calibrations(ledger: Ledger) -> None:
    first = ledger.add_calibration("desk", "tiny.gguf", 0.1 + 0.2, "prefill-200", {"threads": 4})
    ledger.add_calibration("desk", "other.gguf", 1e-9, "prefill-200")
    found = ledger.calibrations()
    assert found[0] == first
    assert (found[0].s_per_cu, found[0].details) == (0.30000000000000004, {"threads": 4})
    assert (found[1].model, found[1].s_per_cu) == ("other.gguf", 1e-9)


# Many threads, many processes


def test_a_line_of_eight_threads_each(ledger: Ledger) -> None:
    def work(name: int) -> None:
        for _ in range(20):
            reserve = line(lane=str(name), reserved_usd_nano=2)
            ledger.reserve(reserve, DayCaps(usd_nano=10**9))
            ledger.write(end_of(reserve, usd_nano=1, lane=str(name)))

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter((e.lane, e.phase) for e in ledger.entries()) == {
        (str(name), phase): 20 for name in range(8) for phase in ("reserve", "settle")
    }
    assert ledger.spent_today() == Spent(160, 0.0)


COMMON = """
import dataclasses, os, sys, threading, time, uuid
from pathlib import Path
from vidsum.costs.journal import DayCaps, stamp
from vidsum.costs.ledger import Ledger
from vidsum.data import Entry
from vidsum.db import connect
from vidsum.errors import BudgetReached
path, report = Path(sys.argv[1]), os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_APPEND)

def reserve(**changes):
    return Entry(call_id=uuid.uuid4().hex, phase="reserve", ts_utc=stamp(), stage="caption",
                 modality="image", backend="remote", pid=os.getpid(),
                 **({"kind": "call", "run_id": f"run{os.getpid()}"} | changes))

def tell(*words):
    os.write(report, (" ".join(map(str, words)) + "\\n").encode())
    os.fsync(report)
"""

WRITER = (
    COMMON
    + """
ledger = Ledger(path)
run = reserve(kind="run")
ledger.write(run)
tell("reserve", run.call_id, 0, 0.0)
number = 0
while True:
    number += 1
    entry = reserve(reserved_usd_nano=1000 + number, reserved_cu=number / 7)
    ledger.reserve(entry, DayCaps(usd_nano=10**15))
    tell("reserve", entry.call_id, entry.reserved_usd_nano, repr(entry.reserved_cu))
    ledger.write(dataclasses.replace(entry, phase="settle", usd_nano=number, cu=0.1,
                                     usd_origin="reported", cu_origin="estimated"))
    tell("settle", entry.call_id, 0, 0.0)
"""
)


def start(script: str, *arguments: str | Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", script, *map(str, arguments)])


def wait_for(report: Path, lines: int) -> None:
    deadline_s = time.monotonic() + 60
    while not report.exists() or report.read_bytes().count(b"\n") < lines:
        assert time.monotonic() < deadline_s, f"{report} has too few lines"
        time.sleep(0.005)


@pytest.mark.slow
def test_eight_processes_killed_at_random_lose_nothing(tmp_path: Path, path: Path) -> None:
    chance, rounds = random.Random(4), 3
    for number in range(rounds):
        reports = [tmp_path / f"{number}-{writer}" for writer in range(8)]
        writers = [start(WRITER, path, report) for report in reports]
        for report in reports:
            wait_for(report, 3)
        for writer in chance.sample(writers, len(writers)):
            time.sleep(chance.random() * 0.04)
            writer.send_signal(signal.SIGKILL)
        assert [writer.wait() for writer in writers] == [-signal.SIGKILL] * 8
    told = [
        words.split()
        for report in tmp_path.glob("?-?")
        for words in report.read_text().splitlines(keepends=True)
        if words.endswith("\n")
    ]
    with Ledger.reading(path) as ledger:
        entries, findings = list(ledger.entries()), ledger.verify()
    rows = {(entry.phase, entry.call_id): entry for entry in entries}
    assert [words for words in told if (words[0], words[1]) not in rows] == []
    assert len(rows) - len(told) <= rounds * 8  # each may have died before it could tell
    begun = {words[1]: (int(words[2]), float(words[3])) for words in told if words[0] == "reserve"}
    open_ids = {call_id for phase, call_id in rows if phase == "reserve"} - {
        call_id for phase, call_id in rows if phase == "settle"
    }
    assert findings.integrity == findings.schema == findings.origins == findings.running == ()
    assert {one.call_id for one in findings.orphans} == open_ids
    calls = [one for one in findings.orphans if one.kind == "call"]
    assert calls
    assert len(findings.orphans) - len(calls) == rounds * 8  # the runs themselves
    for one in calls:
        assert one.reserved_usd_nano is not None
        assert one.reserved_usd_nano > 1000
        if one.call_id in begun:
            assert (one.reserved_usd_nano, one.reserved_cu) == begun[one.call_id]
    assert len(findings.unfinished) == rounds * 8
    spent = sum(e.usd_nano or 0 for e in entries if e.phase == "settle")
    with Ledger(path) as ledger:
        expected = spent + sum(one.reserved_usd_nano or 0 for one in calls)
        assert ledger.spent_today().usd_nano == expected


RACER = (
    COMMON
    + """
ledger = Ledger(path)
caps = DayCaps(usd_nano=1000, cu=500.0)
tell("ready")
sys.stdin.readline()
while True:
    entry = reserve(reserved_usd_nano=23, reserved_cu=0.5)
    try:
        ledger.reserve(entry, caps)
    except BudgetReached:
        break
    time.sleep(0.005)  # the call itself
    ledger.write(dataclasses.replace(entry, phase="settle", usd_nano=17, cu=0.25))
"""
)


def test_four_processes_cannot_all_take_the_last_cent(tmp_path: Path, path: Path) -> None:
    Ledger(path).close()
    reports = [tmp_path / str(number) for number in range(4)]
    racers = [
        subprocess.Popen([sys.executable, "-c", RACER, str(path), str(report)],
                         stdin=subprocess.PIPE)
        for report in reports
    ]  # fmt: skip
    for report in reports:
        wait_for(report, 1)
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write(b"go\n")
        racer.stdin.close()
    assert [racer.wait(timeout=60) for racer in racers] == [0] * 4
    with Ledger.reading(path) as ledger:
        entries = list(ledger.entries())
    spent = most = 0
    for entry in entries:
        spent += 23 if entry.phase == "reserve" else (entry.usd_nano or 0) - 23
        most = max(most, spent)
    assert most <= 1000
    assert spent == 17 * len(entries) // 2
    assert spent > 1000 - 4 * 23 - 17
    assert len({entry.pid for entry in entries}) > 1


FORKER = (
    COMMON
    + """
ledger = Ledger(path)
done = threading.Event()
def work():
    while not done.is_set():
        ledger.write(reserve(lane="thread"))
        time.sleep(0.002)
thread = threading.Thread(target=work)
thread.start()
for number in range(5):
    child = os.fork()
    if child == 0:
        opened = [os.path.realpath(f"/proc/self/fd/{fd}") for fd in range(3, 20)]
        if os.path.realpath(path) in opened:
            os._exit(1)  # an inherited connection must not even be closed
        ledger.write(reserve(lane=f"child{number}"))
        os._exit(0)
    ledger.write(reserve(lane=f"parent{number}"))
    tell(os.waitpid(child, 0)[1])
done.set()
thread.join()
"""
)


def test_it_goes_on_after_a_fork(tmp_path: Path, path: Path) -> None:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", FORKER, path, tmp_path / "told"],
                          check=False, timeout=60)  # fmt: skip
    assert done.returncode == 0
    assert (tmp_path / "told").read_text() == "0\n" * 5
    with Ledger.reading(path) as ledger:
        lanes = Counter(entry.lane for entry in ledger.entries())
        assert ledger.verify().integrity == ()
    assert lanes.pop("thread") > 0
    assert lanes == {f"{who}{number}": 1 for who in ("child", "parent") for number in range(5)}


FULL = (
    COMMON
    + """
import resource
from vidsum.errors import OutputError
ledger = Ledger(path)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    while True:
        entry = reserve(reserved_usd_nano=5)
        ledger.write(entry)
        tell("reserve", entry.call_id)
except OutputError as exc:
    sys.exit(exc.exit_code)
"""
)


def test_a_full_disk_leaves_the_ledger_whole(tmp_path: Path, path: Path) -> None:
    assert start(FULL, path, tmp_path / "told").wait(timeout=60) == OutputError.exit_code
    told = [words.split()[1] for words in (tmp_path / "told").read_text().splitlines()]
    with Ledger(path) as ledger:
        assert [entry.call_id for entry in ledger.entries()] == told
        assert len(told) > 5
        findings = ledger.verify()
        assert findings.sound
        assert len(findings.orphans) == len(told)
        ledger.write(line())


# Checking


def test_a_sound_ledger(ledger: Ledger) -> None:
    run, stage, call = line(kind="run", pid=NOBODY), line(kind="stage"), line(reserved_usd_nano=9)
    time_of = {"wall_s": 1.5, "time_origin": "measured"}
    ledger.write_all([
        run, stage, call,
        end_of(call, usd_nano=9, usd_origin="reported", cu_origin="unknown", **time_of),
        end_of(stage, joules_origin="unknown", joules_method="none", **time_of),
        end_of(run, **time_of), line(kind="saving", phase="settle", avoided_calls=3),
    ])  # fmt: skip
    findings = ledger.verify()
    assert findings.sound
    assert dataclasses.asdict(findings) == {
        **dict.fromkeys((field.name for field in dataclasses.fields(findings)), ()),
        "lines": 7, "runs": 1,
    }  # fmt: skip


def test_what_is_under_way_is_no_orphan(ledger: Ledger) -> None:
    mine = line(pid=os.getpid(), run_id="mine", reserved_cu=2.5)
    gone = line(pid=NOBODY, run_id="gone", reserved_cu=3.5)
    early = line(pid=os.getpid(), run_id="early", ts_utc="2020-01-01T00:00:00.000000+00:00")
    ledger.write_all([mine, gone, early, line(run_id="nobody")])
    findings = ledger.verify()
    assert [(one.run_id, one.reserved_cu) for one in findings.running] == [("mine", 2.5)]
    assert [(one.run_id, one.reserved_cu) for one in findings.orphans] == [
        ("gone", 3.5), ("early", None), ("nobody", None),
    ]  # fmt: skip
    assert findings.unfinished == ("gone", "early", "nobody")
    assert findings.sound


def test_a_process_that_is_not_waited_for_does_not_run() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert still_runs(child.pid, stamp(datetime.now(UTC) + timedelta(seconds=1)))
    assert child.stdin is not None
    child.stdin.close()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not still_runs(child.pid, stamp(datetime.now(UTC) + timedelta(seconds=1)))
    child.wait()


def test_figures_that_cannot_be_right(ledger: Ledger) -> None:
    call, other = line(reserved_usd_nano=10, reserved_cu=1.0), line()
    ledger.write_all([
        call, other,
        end_of(call, usd_nano=11, usd_origin="unknown", cu=1.0, cu_origin="estimated",
               input_tokens=-5, output_tokens=3, usage_origin="unknown"),
        end_of(other, usd_origin="reported", wall_s=math.inf),
    ])  # fmt: skip
    findings = ledger.verify()
    assert not findings.sound
    assert [(one.id, one.column, one.value) for one in findings.negative] == [
        (3, "input_tokens", -5)
    ]
    assert {(one.id, one.column, one.value, one.origin) for one in findings.origins} == {
        (3, "usd_nano", 11, "unknown"), (3, "input_tokens", -5, "unknown"),
        (3, "output_tokens", 3, "unknown"), (4, "usd_nano", None, "reported"),
        (4, "wall_s", math.inf, None),
    }  # fmt: skip
    assert [(one.call_id, one.reserved_usd_nano, one.usd_nano) for one in findings.overruns] == [
        (call.call_id, 10, 11)
    ]


def test_figures_that_do_not_agree_with_each_other(ledger: Ledger) -> None:
    run, own, late = line(kind="run"), line(kind="stage"), line(kind="stage")
    beside = line(kind="stage", lane="ears")
    good, bad, paid, far = line(), line(), line(), line(host="far:1")
    flops = 1e12 / 3
    wrong = math.nextafter(cu(flops), 0)
    ledger.write_all([
        run, own, beside, late, good, bad, paid, far,
        end_of(own, wall_s=2.5, time_origin="measured"),
        end_of(beside, wall_s=9.0, time_origin="measured"),
        end_of(good, est_flops=flops, cu=cu(flops), cu_origin="estimated",
               usd_nano=0, usd_origin="measured", price_source="local"),
        end_of(bad, est_flops=flops, cu=wrong, cu_origin="estimated"),
        end_of(paid, usd_nano=1, usd_origin="measured", price_source="local"),
        end_of(far, usd_nano=1, usd_origin="reported", price_source="local"),
        end_of(run, wall_s=2.0, time_origin="measured"),
        end_of(late, wall_s=8.0, time_origin="measured"),
    ])  # fmt: skip
    findings = ledger.verify()
    assert [dataclasses.astuple(one)[1:] for one in findings.clashes] == [
        (bad.call_id, "cu", wrong, cu(flops), "flops"),
        (paid.call_id, "usd_nano", 1, 0, "local"),
        (run.call_id, "wall_s", 2.0, 2.5, "stage"),
    ]
    assert (findings.origins, findings.negative, findings.sound) == ((), (), False)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture],
          deadline=None)  # fmt: skip
@given(st.lists(st.floats(0, 1e30), min_size=1, max_size=20))
def test_units_as_vidsum_computes_them_always_agree(ledger: Ledger, flops: list[float]) -> None:
    calls = [line() for _ in flops]
    ends = [end_of(call, est_flops=one, cu=cu(one), cu_origin="estimated")
            for call, one in zip(calls, flops, strict=True)]  # fmt: skip
    ledger.write_all([*calls, *ends])
    assert ledger.verify().clashes == ()


@pytest.mark.parametrize(("statement", "said"), [
    ("DROP TRIGGER entries_no_update", "trigger entries_no_update is missing"),
    ("DROP INDEX entries_one_end", "index entries_one_end is missing"),
    ("DROP TABLE entries", "table entries is missing"),
    ("CREATE TABLE mine (x)", "table mine is not ours"),
    ("ALTER TABLE entries ADD COLUMN mine TEXT", "table entries is changed"),
])  # fmt: skip
def test_a_schema_that_was_tampered_with(path: Path, statement: str, said: str) -> None:
    with Ledger(path) as ledger:
        ledger.write(line())
    plainly(path, statement)
    with Ledger.reading(path) as ledger:
        findings = ledger.verify()
    assert said in findings.schema
    assert not findings.sound


def test_statistics_of_sqlites_own_are_no_fault(ledger: Ledger, path: Path) -> None:
    ledger.write(line())
    plainly(path, "ANALYZE")
    assert ledger.verify().schema == ()


def test_a_damaged_file_is_found(path: Path) -> None:
    with Ledger(path) as ledger:
        ledger.write_all([line(path="x" * 500) for _ in range(200)])
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"\xff" * 6000)
    with Ledger.reading(path) as ledger:
        findings = ledger.verify()
    assert findings.integrity
    assert not findings.sound


# Place, speed, lightness


def test_it_is_in_the_state_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VIDSUM_HOME", str(tmp_path / "state"))
    assert default_path() == tmp_path / "state" / "ledger.db"


def test_a_ledger_that_cannot_be_opened_says_so_at_once(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_text("no database at all " * 20)
    with pytest.raises(OutputError, match=r"ledger\.db is not a database"):
        Ledger(tmp_path / "ledger.db")
    with pytest.raises(OutputError, match=r"ledger\.db is not a database"):
        Ledger.reading(tmp_path / "ledger.db")


@pytest.mark.slow
def test_a_day_among_many_is_found_by_its_index(path: Path) -> None:
    with Ledger(path) as ledger:
        ledger.write(line(call_id="first", reserved_usd_nano=1, reserved_cu=0.5))
    copied = {"call_id": "'c' || n", "ts_utc": "strftime('%Y-%m-%dT%H:%M:%S.000000Z', "
              "'2026-03-01', (n / 500) || ' days', (n % 500) || ' minutes')"}  # fmt: skip
    plainly(path, "PRAGMA synchronous = OFF",
            "WITH RECURSIVE counter(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counter "
            f"WHERE n < 200000) INSERT INTO entries ({', '.join(COLUMNS)}) SELECT "
            f"{', '.join(copied.get(name, name) for name in COLUMNS)} FROM counter, entries "
            "WHERE id = 1")  # fmt: skip
    plain = sqlite3.connect(path)
    span = day_of("2026-06-01T12:00:00.000000Z")
    plan = [row[3] for row in plain.execute(f"EXPLAIN QUERY PLAN {SPENT}", span)]
    plain.close()
    assert any("entries_time (ts_utc>? AND ts_utc<?)" in step for step in plan)
    assert any("entries_one_end (call_id=?)" in step for step in plan)
    assert not any("SCAN" in step for step in plan)
    with Ledger.reading(path) as ledger:
        noon = datetime.fromisoformat("2026-06-01T12:00:00").astimezone()
        assert ledger.spent_today(noon) == Spent(500, 250.0)


def test_modules_load_without_sqlite() -> None:
    code = ("import sys, vidsum.costs.ledger, vidsum.costs.journal, vidsum.db, json; "
            "print(json.dumps('sqlite3' in sys.modules))")  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) is False
