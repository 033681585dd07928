"""What a line in the ledger costs: against a bare commit, and as a share of a run.

    python tests/benchmarks/ledger.py

A call is reserved and settled (two durable commits with all columns, checks and indexes); the
limit is two commits of one short row to a plain table with the same journal and synchronous mode.
The rounds alternate; medians are printed. The share is of the sample video's own run.
"""

from __future__ import annotations

import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from vidsum import api
from vidsum.config import Options
from vidsum.costs.ledger import Ledger
from vidsum.costs.meter import Meter
from vidsum.costs.tally import Tally
from vidsum.data import ModelRef, Quantities
from vidsum.db import journal_mode

ROUNDS, CALLS = 5, 100
TALK = Path(__file__).parents[1] / "media" / "talk.mp4"


def timed_s(work: Callable[[], None]) -> float:
    started_s = time.perf_counter()
    for _ in range(CALLS):
        work()
    return (time.perf_counter() - started_s) / CALLS


def booked(folder: Path) -> Callable[[], None]:
    """A call that is reserved and settled in a ledger."""
    meter = Meter(journal=Ledger(folder / "ledger.db"))
    tally = Tally()
    tally.bind(meter.open("describe", "image", "benchmark"))
    model = ModelRef(backend="benchmark", requested="m")
    used = Quantities(calls=1, input_tokens=150, output_tokens=40, images=1)

    def work() -> None:
        with tally.open(model, used, 1e12) as call:
            call.settle(used, "measured", flops=1e12)

    return work


def bare(folder: Path) -> Callable[[], None]:
    """Two commits of a short row."""
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
    mode = journal_mode(sqlite3.sqlite_version_info)
    connection.execute(f"PRAGMA journal_mode = {mode}")
    connection.execute(f"PRAGMA synchronous = {'FULL' if mode == 'WAL' else 'EXTRA'}")
    connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, value TEXT) STRICT")

    def work() -> None:
        for _ in range(2):
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO rows (value) VALUES ('x')")
            connection.execute("COMMIT")

    return work


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        os.environ["VIDSUM_HOME"] = name  # the ledger of whoever measures stays as it is
        ways = {"reserve and settle": booked(Path(name)), "two bare commits": bare(Path(name))}
        taken: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(ROUNDS):
            for way, work in ways.items():
                taken[way].append(timed_s(work))
        receipt = api.summarize(TALK, Options(tier="lite")).receipt
    medians = {way: statistics.median(times) for way, times in taken.items()}
    for way, median_s in medians.items():
        print(f"{way:20} {median_s * 1000:6.2f} ms")
    one, other = medians.values()
    print(f"ratio                {one / other:6.1f}")
    [ledger] = [stage for stage in receipt.stages if stage.stage == "ledger"]
    print(f"share of the sample video's run: {ledger.wall_s / receipt.wall_s:.1%}; "
          f"stages explain {receipt.main_s / receipt.wall_s:.1%} of its wall time")  # fmt: skip


if __name__ == "__main__":
    main()
