"""What the day's caps allow a folder: when they are reached, its videos wait until tomorrow."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Final

from vidsum.costs.budget import Amount, dollars
from vidsum.costs.journal import Spent, day_of, stamp
from vidsum.costs.opening import caps_of

if TYPE_CHECKING:
    from vidsum.config import Options
    from vidsum.costs.meter import Meter

_OF_A_DAY: Final = (" a day is reached", "The day's cap of ", "The day's spending is not known")
"""How a refusal says that it was a day's cap."""
_ROUNDING_CU: Final = 1e-6


def reached(options: Options) -> str | None:
    """Say which of the day's caps has nothing left, None while there is. Raises: OutputError."""
    from vidsum.costs.ledger import Ledger, default_path

    caps = caps_of(options).day
    if not caps:
        return None
    with Ledger.reading(default_path()) as ledger:
        spent = ledger.spent_today()
    if caps.usd_nano is not None and spent.usd_nano >= caps.usd_nano:
        return f"the day's cap of ${dollars(caps.usd_nano)} is reached"
    if caps.cu is not None and spent.cu >= caps.cu:
        return f"the day's cap of {caps.cu:g} CU is reached"
    return None


def of_a_day(refusal: str) -> bool:
    """Say whether a call was refused for a day's cap, not for one on its video."""
    return any(part in refusal for part in _OF_A_DAY)


def tomorrow_s(now_s: float | None = None) -> float:
    """Return when the next local day begins, as Unix time in seconds."""
    now = datetime.fromtimestamp(time.time() if now_s is None else now_s).astimezone()
    _, midnight = day_of(stamp(now))
    return datetime.fromisoformat(f"{midnight}+00:00").timestamp()


def better_tomorrow(meter: Meter) -> str | None:
    """Say why a run would have more to spend tomorrow; None when it would not.

    It would when a day's cap took something from it and others had spent of that day, too: a run
    that had the whole day's allowance to itself gets no further on any other day.
    """
    if not meter.given_up or not meter.budget.caps.day:
        return None
    if not _took_something(meter) or not _others(meter.book.spent_today(), meter.budget.spent):
        return None
    return meter.given_up[0]


def _took_something(meter: Meter) -> bool:
    """Say whether it was a day's cap that something was left out for.

    A refused call names the cap. A plan that was made smaller beforehand does not: there, the day
    is to blame if it had less to give than the caps on one video.
    """
    if any(map(of_a_day, meter.given_up)):
        return True
    caps = meter.budget.caps
    if caps.seconds is not None:
        return False
    others = _without(meter.book.spent_today(), meter.budget.spent)
    usd, cu = caps.day.usd_nano, caps.day.cu
    return (
        usd is not None and (caps.usd_nano is None or usd - others.usd_nano < caps.usd_nano)
    ) or (cu is not None and (caps.cu is None or cu - others.cu < caps.cu))


def _others(today: Spent, own: Amount) -> bool:
    others = _without(today, own)
    return others.usd_nano > 0 or others.cu > _ROUNDING_CU


def _without(today: Spent, own: Amount) -> Spent:
    """Return what other runs have spent today, or earlier attempts of this one."""
    return Spent(today.usd_nano - (own.usd_nano or 0), today.cu - (own.cu or 0.0))
