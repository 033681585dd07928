"""The meter: lines of stages and of the run, and a ledger that takes no more of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from vidsum.config import Options
from vidsum.costs.budget import Amount, Budget, Caps
from vidsum.costs.journal import DayCaps, Memory
from vidsum.costs.ledger import Ledger
from vidsum.costs.meter import Meter
from vidsum.costs.opening import caps_of, open_meter
from vidsum.costs.prices import PriceBook
from vidsum.costs.tally import Tally
from vidsum.data import Entry, ModelRef, Origin, Quantities
from vidsum.errors import BudgetReached, OutputError

HERE = ModelRef(backend="llama.cpp", requested="tiny")
USED = Quantities(calls=1, input_tokens=100, output_tokens=10)
CU_FLOPS = 3.2e12


def call(tally: Tally, model: ModelRef = HERE, used: Quantities = USED,
         origin: Origin = "measured", **more: Any) -> None:  # fmt: skip
    with tally.open(model, used, 2 * CU_FLOPS) as made:
        made.settle(used, origin, flops=CU_FLOPS, **more)


def work(meter: Meter) -> None:
    with meter.stage("describe", "image", "local") as account:
        tally = Tally()
        tally.bind(account)
        call(tally)
        account.add(**tally.counts)


def full(ledger: Ledger) -> None:
    """Let the file grow no more, as on a disk that is full."""
    with ledger._connected() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")


def roomy(ledger: Ledger) -> None:
    with ledger._connected() as connection:
        connection.execute("PRAGMA max_page_count = 1000000")


def work_on(meter: Meter) -> None:
    for _ in range(200):
        work(meter)


def until_full(meter: Meter) -> None:
    for _ in range(200):
        if meter.book.trouble:
            return
        work(meter)
    raise AssertionError("the disk is never full")


def calls_without_end(ledger: Ledger) -> list[str]:
    return [one.call_id for one in ledger.verify().running if one.kind == "call"]


def rows(memory: Memory, *wanted: str) -> Sequence[Entry]:
    return [entry for entry in memory.entries() if entry.kind in wanted]


def test_a_run_and_its_stages_have_a_beginning_and_an_end() -> None:
    memory = Memory()
    meter = Meter(journal=memory)
    work(meter)
    meter.finish("ok")
    meter.finish("again")
    [begun, ended] = rows(memory, "run")
    assert (begun.phase, ended.phase, ended.status) == ("reserve", "settle", "ok")
    assert begun.call_id == ended.call_id == begun.run_id
    assert ended.wall_s is not None
    assert ended.cpu_s is not None
    assert ended.peak_rss_bytes is not None
    assert ended.peak_rss_bytes > 2**20
    for line in rows(memory, "stage"):
        if line.phase == "settle":
            assert line.time_origin == "measured"
            assert 0 <= (line.wall_s or 0.0) <= ended.wall_s
            assert (line.usd_nano, line.cu, line.calls) == (None, None, None)
    [described] = [e for e in rows(memory, "stage") if (e.stage, e.phase) == ("describe", "settle")]
    assert described.counts == {"calls": 1, "input_tokens": 100, "output_tokens": 10}
    [settled] = [e for e in rows(memory, "call") if e.phase == "settle"]
    assert (settled.usd_nano, settled.cu, settled.usd_origin, settled.cu_origin) == (
        0, 1.0, "measured", "estimated"
    )  # fmt: skip
    assert settled.retry_of is None


def test_the_receipt_stands_still_once_the_run_is_over() -> None:
    meter = Meter()
    work(meter)
    first = meter.receipt()
    assert first.wall_s > 0
    meter.finish()
    assert meter.receipt() == meter.receipt()
    assert meter.receipt().wall_s >= first.wall_s
    assert meter.receipt().main_s <= meter.receipt().wall_s


def test_a_stage_that_an_error_ends_says_so_and_has_its_time() -> None:
    memory = Memory()
    meter = Meter(journal=memory)
    with pytest.raises(ZeroDivisionError), meter.stage("describe", "image", "local"):
        raise ZeroDivisionError
    [_, ended] = rows(memory, "stage")
    assert (ended.phase, ended.status, ended.error_class) == (
        "settle", "failed", "ZeroDivisionError"
    )  # fmt: skip
    assert ended.wall_s is not None


def test_a_stage_within_a_stage_is_no_part_of_its_time() -> None:
    def busy(seconds: float) -> None:
        until = time.thread_time() + seconds
        while time.thread_time() < until:
            pass

    memory = Memory()
    meter = Meter(journal=memory)
    with meter.stage("reason", "text", "local"):
        with meter.stage("look", "image", "local"):
            busy(0.02)
            with meter.stage("look_decode", "video", "pyav"):
                busy(0.05)
        busy(0.01)
    meter.finish()
    lines = [*rows(memory, "stage"), *rows(memory, "run")]
    ended = {line.stage: line for line in lines if line.phase == "settle"}
    cpu_s = {name: line.cpu_s or 0.0 for name, line in ended.items()}
    assert cpu_s["look_decode"] >= 0.05
    assert cpu_s["look"] >= 0.02
    assert cpu_s["reason"] >= 0.01
    inner = ("reason", "look", "look_decode", "ledger")
    assert sum(ended[name].wall_s or 0.0 for name in inner) <= (ended["run"].wall_s or 0.0)
    assert sum(cpu_s[name] for name in inner) <= cpu_s["run"] + 0.01


def test_the_reason_of_a_call_is_in_its_lines_and_in_no_other() -> None:
    memory = Memory()
    meter = Meter(journal=memory)
    with meter.stage("look", "image", "local") as account:
        tally = Tally()
        tally.bind(account)
        for reason in ("second look at 1:23: is it red?", None, "second look at 2:00: why?"):
            account.reason = reason
            call(tally)
    meter.finish()
    told = [(line.phase, line.reason) for line in rows(memory, "call")]
    assert told == [
        ("reserve", "second look at 1:23: is it red?"),
        ("settle", "second look at 1:23: is it red?"),
        ("reserve", None), ("settle", None),
        ("reserve", "second look at 2:00: why?"), ("settle", "second look at 2:00: why?"),
    ]  # fmt: skip
    assert {line.reason for line in rows(memory, "stage", "run")} == {None}


def test_a_full_disk_does_not_end_a_run_which_says_so(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    meter = Meter(journal=ledger)
    work(meter)
    assert meter.receipt().recorded
    full(ledger)
    until_full(meter)
    work(meter)
    meter.finish()
    receipt = meter.receipt()
    assert not receipt.recorded
    assert "full" in meter.book.trouble
    made = sum(stage.stage == "describe" for stage in receipt.stages)
    assert receipt.total.calls == made > 1, "the receipt has them all"
    roomy(ledger)
    assert 0 < sum(e.kind == "call" for e in ledger.entries()) < 2 * made
    assert ledger.verify().sound
    ledger.close()


def test_a_full_disk_allows_no_call_under_a_cap_a_day(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    budget = Budget(Caps(day=DayCaps(cu=1e6)))
    meter = Meter(journal=ledger, budget=budget)
    full(ledger)
    with pytest.raises(BudgetReached, match="The day's spending is not known") as caught:
        work_on(meter)
    assert caught.value.exit_code == 6
    assert budget._open == {}, "nothing stays set aside"
    meter.finish()
    assert meter.receipt().total.calls < 200
    ledger.close()


def test_what_a_day_spent_is_booked_again_once_there_is_room(tmp_path: Path) -> None:
    """Lines that are lost take their ends with them; those after it are written."""
    ledger = Ledger(tmp_path / "ledger.db")
    meter = Meter(journal=ledger, budget=Budget(Caps(day=DayCaps(cu=1e6))))
    full(ledger)
    with pytest.raises(BudgetReached):
        work_on(meter)
    while not meter.book.trouble:
        meter.open("wait", "image", "test")
    lost = meter.open("describe", "image", "local")
    roomy(ledger)
    before, without_end = ledger.spent_today().cu, calls_without_end(ledger)
    tally = Tally()
    tally.bind(lost)
    call(tally)
    meter.record(lost, 1.0, 0.5)
    meter.finish()
    assert ledger.spent_today().cu == before + 1.0, "what it used, not its worst case of 2"
    assert not meter.receipt().recorded
    assert ledger.verify().sound
    assert calls_without_end(ledger) == without_end
    ledger.close()


def test_the_cap_of_a_day_counts_other_runs(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.db") as ledger:
        caps = Caps(day=DayCaps(cu=2.5))
        work(Meter(journal=ledger, budget=Budget(caps)))
        budget = Budget(caps)
        with pytest.raises(BudgetReached, match=r"The day's cap of 2\.5 CU is reached"):
            work(Meter(journal=ledger, budget=budget))
        assert budget._open == {}
        assert budget.spent == Amount(0, 0.0)


class Interrupted(Memory):
    """Is interrupted while it writes a call's reserve."""

    def reserve(self, entry: Entry, caps: DayCaps) -> None:
        raise KeyboardInterrupt


def test_nothing_stays_set_aside_when_writing_is_interrupted() -> None:
    budget = Budget(Caps(cu=2.0))
    meter = Meter(journal=Interrupted(), budget=budget)
    with pytest.raises(KeyboardInterrupt):
        work(meter)
    assert budget._open == {}
    assert budget.left("describe").cu == 2.0


class InterruptedWithin(Memory):
    """Is interrupted while it writes a line of the stage "look"."""

    def __init__(self, phase: str) -> None:
        super().__init__()
        self._phase = phase

    def write(self, entry: Entry) -> None:
        if (entry.stage, entry.phase) == ("look", self._phase):
            raise KeyboardInterrupt
        super().write(entry)


@pytest.mark.parametrize("phase", ["reserve", "settle"])
def test_no_time_counts_twice_when_writing_is_interrupted(phase: str) -> None:
    meter = Meter(journal=InterruptedWithin(phase))

    def reason() -> None:
        with meter.stage("reason", "text", "local"):
            time.sleep(0.05)
            with meter.stage("look", "image", "local"):
                pass

    with pytest.raises(KeyboardInterrupt):
        reason()
    meter.finish("interrupted")
    assert meter.receipt().main_s <= meter.receipt().wall_s


def test_a_figure_that_the_ledger_cannot_hold_does_not_end_the_run(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.db") as ledger:
        meter = Meter(journal=ledger)
        with meter.stage("describe", "image", "local") as account:
            tally = Tally()
            tally.bind(account)
            call(tally, used=Quantities(calls=1, input_tokens=2**70, output_tokens=1))
        assert "does not take this line" in meter.book.trouble
        assert meter.receipt().total.input_tokens.value == 2**70


PRICES = """
[[price]]
host = "llm.example.org"
model = "chat"
input_usd_per_mtok = 1
output_usd_per_mtok = 2

[[price]]
host = "llm.example.org"
model = "hears"
audio_usd_per_min = 0.006
"""
SOUND = Quantities(calls=1, audio_s=30.0)


@pytest.mark.parametrize(("model", "used", "origin", "cost_usd", "usd_nano", "known", "source"), [
    ("chat", USED, "reported", None, 120_000, "reported", "local"),
    ("chat", USED, "reported", "0.5", 500_000_000, "reported", "provider"),
    ("chat", Quantities(calls=1), "unknown", "0.5", 500_000_000, "reported", "provider"),
    ("chat", Quantities(calls=1), "unknown", None, None, "unknown", None),
    ("chat", USED, "estimated", None, 120_000, "estimated", "local"),
    ("hears", SOUND, "unknown", None, 3_000_000, "estimated", "local"),
    ("other", USED, "reported", None, None, "unknown", None),
])  # fmt: skip
def test_how_money_is_known(
    model: str, used: Quantities, origin: Origin, cost_usd: str | None,
    usd_nano: int | None, known: Origin, source: str | None, tmp_path: Path,
) -> None:  # fmt: skip
    table = tmp_path / "prices.toml"
    table.write_text(PRICES, "utf-8")
    memory = Memory()
    meter = Meter(journal=memory, prices=PriceBook(table))
    there = ModelRef(backend="openai", requested=model, base_url="https://llm.example.org/v1",
                     host="llm.example.org")  # fmt: skip
    with meter.stage("describe", "image", "remote") as account:
        tally = Tally()
        tally.bind(account)
        call(tally, there, used, origin, cost_usd=cost_usd)
    [_, row] = rows(memory, "call")
    assert (row.usd_nano, row.usd_origin, row.price_source) == (usd_nano, known, source)
    assert row.usage_origin == origin
    assert meter.receipt().total.usd_nano.unknown == (usd_nano is None)


@pytest.mark.parametrize(("usd", "nano"), [
    ("0.1", 100_000_000), ("0.000000001", 1), ("0.0000000019", 1), ("0", 0),
    ("12345678.123456789", 12_345_678_123_456_789), ("1e-3", 1_000_000),
])  # fmt: skip
def test_caps_on_money_are_exact_and_never_rounded_up(usd: str, nano: int) -> None:
    caps = caps_of(Options(max_usd=Decimal(usd), max_usd_per_day=Decimal(usd)))
    assert (caps.usd_nano, caps.day.usd_nano) == (nano, nano)
    assert caps.money
    assert caps.of_a_day
    assert not caps.compute


def test_caps_that_are_not_set() -> None:
    caps = caps_of(Options())
    assert not caps
    assert not caps.on_calls
    assert not caps.allow_unpriced
    others = caps_of(Options(max_cu=0.1, max_seconds=2.5, max_cu_per_day=7.0, allow_unpriced=True))
    assert others == Caps(None, 0.1, 2.5, True, DayCaps(None, 7.0))


def test_a_ledger_that_does_not_open_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDSUM_HOME", str(tmp_path))
    (tmp_path / "ledger.db").write_text("this is no ledger " * 500, "ascii")
    meter = open_meter(tmp_path / "talk.mp4", Options())
    work(meter)
    meter.finish()
    assert "ledger.db" in meter.book.trouble
    assert not meter.receipt().recorded
    assert meter.receipt().total.calls == 1
    with pytest.raises(OutputError, match="What was spent today is not known") as caught:
        open_meter(tmp_path / "talk.mp4", Options(max_cu_per_day=5.0))
    assert caught.value.exit_code == 8
