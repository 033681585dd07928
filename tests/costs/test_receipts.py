"""The receipt: what the run had in memory and what the ledger has are the same, digit for digit."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path

import pytest

from vidsum.costs.ledger import Ledger
from vidsum.costs.meter import Meter
from vidsum.costs.receipts import receipt_of
from vidsum.costs.tally import Tally
from vidsum.data import Modality, ModelRef, Quantities, Saving, Sum
from vidsum.data.receipt import Receipt

HERE = ModelRef(backend="llama.cpp", requested="tiny")
THERE = ModelRef(backend="openai", requested="gpt-4o-mini", base_url="https://api.openai.com/v1",
                 provider="openai", host="api.openai.com")  # fmt: skip
NOT_IN_LINES = {"recorded", "prices", "spending", "quoted"}


def work(meter: Meter, seed: int) -> None:
    """Make calls of every kind, from several threads, as odd as figures can be."""
    rng = random.Random(seed)
    kinds: tuple[tuple[str, Modality], ...] = (
        ("describe", "image"), ("transcript", "audio"), ("reason", "text"),
    )  # fmt: skip
    for stage, modality in kinds:
        with meter.stage(stage, modality, "test") as account:
            tally = Tally()
            tally.bind(account)

            def one(number: int, tally: Tally = tally) -> None:
                model = HERE if number % 2 else THERE
                used = Quantities(
                    calls=1, input_tokens=rng.randrange(10**6), output_tokens=rng.randrange(999),
                    images=number % 3 or None, audio_s=rng.random() * 29 if number % 2 else None,
                )  # fmt: skip
                with tally.open(model, used, 1e13 if number % 2 else None) as call:
                    match number % 5:
                        case 0:
                            call.fail("timeout")
                        case 1:
                            call.release("refused")
                        case _:
                            flops = rng.random() * 1e13 if number % 2 else None
                            call.settle(used, "measured" if number % 2 else "reported", flops=flops)

            with ThreadPoolExecutor(4) as pool:
                list(pool.map(one, range(20)))
            account.add(frames=3, seconds=rng.random(), **tally.counts)
    meter.saved("dedupe", "image", Saving("dedupe", "each of 7 pictures", 3, 1 / 3, 2 / 3, 12))


@pytest.mark.parametrize("finished", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_the_ledger_says_what_the_receipt_says(tmp_path: Path, seed: int, finished: bool) -> None:
    with Ledger(tmp_path / "ledger.db") as ledger:
        meter = Meter(journal=ledger)
        work(meter, seed)
        if finished:
            meter.finish()
        told = meter.receipt()
        assert told.run_id is not None
        rows = list(ledger.entries(run_id=told.run_id))
        findings = ledger.verify()
    assert told.recorded
    read = receipt_of(rows, told.wall_s, told.cpu_s)
    for item in fields(Receipt):
        if item.name not in NOT_IN_LINES:
            assert repr(getattr(read, item.name)) == repr(getattr(told, item.name)), item.name
    assert told.total.calls == 3 * 16
    assert told.total.usd_nano.unknown == 3 * 2, "those that failed elsewhere"
    assert told.total.usd_nano.value > 0
    assert told.api_usd is None
    assert (findings.sound, findings.orphans, findings.overruns) == (True, (), ())
    assert bool(findings.running) != finished


def test_modalities_make_up_the_whole(tmp_path: Path) -> None:
    meter = Meter()
    work(meter, 9)
    meter.finish()
    receipt = meter.receipt()
    parts = [part.total for part in receipt.modalities]
    assert sum(part.calls for part in parts) == receipt.total.calls
    assert sum(part.usd_nano.value for part in parts) == receipt.total.usd_nano.value
    assert sum(part.usd_nano.unknown for part in parts) == receipt.total.usd_nano.unknown
    assert sum(part.input_tokens.value for part in parts) == receipt.total.input_tokens.value
    assert sum(part.cu.value for part in parts) == pytest.approx(receipt.total.cu.value, rel=1e-12)
    assert receipt.savings == (Saving("dedupe", "each of 7 pictures", 3, 1 / 3, 2 / 3, 12),)


def test_nothing_at_all() -> None:
    empty = receipt_of(())
    assert (empty.api_usd, empty.wall_s, empty.stages, empty.run_id) == ("0", 0.0, (), None)
    assert empty.total.usd_nano == Sum(0)
