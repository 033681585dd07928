"""Days, and what their caps leave."""

from __future__ import annotations

import os
import time
from datetime import datetime

import pytest

from vidsum.costs.budget import Amount, Budget, Caps
from vidsum.costs.journal import DayCaps, Memory, stamp
from vidsum.costs.meter import Meter
from vidsum.data import Entry
from vidsum.watch.allowance import better_tomorrow, of_a_day, tomorrow_s

DAY = DayCaps(usd_nano=1_000)
TOLD = "The summary is quoted. The cap of $0.000001 a day is reached."


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "America/New_York"])
def test_tomorrow_begins_at_the_next_local_midnight(
    zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = os.environ.get("TZ")
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        for day in ((2026, 3, 8), (2026, 11, 1), (2026, 6, 1)):
            now = datetime(*day, 1, 30)
            midnight = datetime.fromtimestamp(tomorrow_s(now.timestamp()))
            assert (midnight.hour, midnight.minute, midnight.second) == (0, 0, 0)
            assert (midnight.date() - now.date()).days == 1
    finally:
        if before is None:
            monkeypatch.delenv("TZ")
        else:
            monkeypatch.setenv("TZ", before)
        time.tzset()


def meter_of(caps: Caps, others_nano: int, own_nano: int, told: str = TOLD) -> Meter:
    """A run of today beside others, which a cap took something from."""
    journal = Memory()
    meter = Meter(journal=journal, budget=Budget(caps))
    for number, nano in enumerate((others_nano, own_nano)):
        line = Entry(run_id=f"r{number}", call_id=f"c{number}", kind="call", phase="reserve",
                     stage="s", modality="text", backend="x", direction="understand",
                     reserved_usd_nano=nano, ts_utc=stamp())  # fmt: skip
        journal.reserve(line, DayCaps())
    meter.book.past = journal
    if own_nano:
        meter.budget.reserve("own", "s", Amount(own_nano, 0.0))
        meter.budget.settle("own", Amount(own_nano, 0.0))
    meter.given_up.append(told)
    return meter


@pytest.mark.parametrize(("caps", "others", "own", "told", "better"), [
    (Caps(day=DAY), 500, 400, TOLD, True),
    (Caps(day=DAY), 0, 1_000, TOLD, False),  # it had the whole day to itself
    (Caps(day=DAY), 500, 400, "No speech was recognised.", True),
    (Caps(usd_nano=100, day=DAY), 500, 100, "The cap of $0.0000001 is reached.", False),
    (Caps(usd_nano=900, day=DAY), 500, 400, "No speech was recognised.", True),
    (Caps(seconds=5.0, day=DAY), 500, 400, "Text on screen is not read.", False),
    (Caps(usd_nano=100), 500, 100, "The cap of $0.0000001 is reached.", False),
])  # fmt: skip
def test_only_what_others_spent_makes_tomorrow_better(
    caps: Caps, others: int, own: int, told: str, better: bool
) -> None:
    why = better_tomorrow(meter_of(caps, others, own, told))
    assert why == (told if better else None)


def test_refusals_name_the_day(monkeypatch: pytest.MonkeyPatch) -> None:
    from vidsum.errors import BudgetReached

    for budget in (Budget(Caps(day=DAY), Amount(10, None)), Budget(Caps(usd_nano=10))):
        with pytest.raises(BudgetReached) as caught:
            budget.reserve("c", "s", Amount(11, 0.0))
        assert of_a_day(caught.value.message) == bool(budget.caps.day)
