"""What a run may spend: reserved before a call is made, settled afterwards.

A cap that is checked after spending overshoots, and the more so the more calls are under way at
once. So the worst case of every call is set aside first, and a call that does not fit is not made.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from vidsum.costs.journal import DayCaps
from vidsum.errors import BudgetReached

NANO = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Amount:
    """Money in billionths of a US dollar and compute units; None is unknown."""

    usd_nano: int | None = 0
    cu: float | None = 0.0


NOTHING = Amount()
NO_LIMIT = Amount(None, None)


@dataclass(frozen=True, slots=True)
class Caps:
    """What a run, and all runs of a day, may spend at most. None: no limit.

    ``allow_unpriced``: calls of unknown cost may be made under a cap; they count as nothing.
    """

    usd_nano: int | None = None
    cu: float | None = None
    seconds: float | None = None
    allow_unpriced: bool = False
    day: DayCaps = DayCaps()  # noqa: RUF009 - it is frozen

    @property
    def of_a_day(self) -> bool:
        """Whether any cap is on all runs of a day."""
        return (self.day.usd_nano, self.day.cu) != (None, None)

    @property
    def on_calls(self) -> bool:
        """Whether any cap counts what calls cost."""
        return self.of_a_day or (self.usd_nano, self.cu) != (None, None)

    @property
    def money(self) -> bool:
        """Whether a cap is in money."""
        return self.usd_nano is not None or self.day.usd_nano is not None

    @property
    def compute(self) -> bool:
        """Whether a cap is in compute units."""
        return self.cu is not None or self.day.cu is not None

    def __bool__(self) -> bool:
        return self.on_calls or self.seconds is not None


class Budget:
    """Keeps a run under its caps, from any thread.

    Spent, under way and held back together never exceed a cap, as long as no call costs more than
    the worst case that was reserved for it; should one, ``overrun`` tells and later calls get less.
    Compute units are added up without rounding. ``today`` is what the day's caps left when the
    run began; other runs of the day may take of it meanwhile, which the journal tells.
    """

    def __init__(self, caps: Caps | None = None, today: Amount = NO_LIMIT) -> None:
        self.caps, self._today = caps or Caps(), today
        self._changed = threading.Condition()
        self._spent: dict[str, _Exact] = {}
        self._open: dict[str, _Open] = {}
        self._held: dict[str, _Hold] = {}
        self._slowest_s: dict[str, float] = {}
        self._started_s = time.monotonic()
        self.overrun = False
        self.refused = False
        """Whether any call was refused so far."""

    @property
    def left_s(self) -> float | None:
        """The seconds that are left before the cap; None without one."""
        if self.caps.seconds is None:
            return None
        return self.caps.seconds - (time.monotonic() - self._started_s)

    @property
    def spent(self) -> Amount:
        """What was spent, calls of unknown cost by their worst case."""
        with self._changed:
            return _total(self._spent.values()).amount

    def spent_by(self, stage: str) -> Amount:
        """Return what one stage has spent."""
        with self._changed:
            return self._spent.get(stage, _ZERO).amount

    def left(self, stage: str) -> Amount:
        """Return what one stage may still spend; None where there is no cap."""
        with self._changed:
            return self._left(stage)

    def hold(self, stage: str, amount: Amount, seconds: float = 0.0) -> None:
        """Keep something back for one stage: no other gets it. Replaces what was held for it.

        What the stage spends from then on is taken from that.
        """
        with self._changed:
            before = self._spent.get(stage, _ZERO)
            self._held[stage] = _Hold(_exact(amount), before, max(0.0, seconds))
            self._changed.notify_all()

    def reserve(self, call_id: str, stage: str, most: Amount, *, wait: bool = True) -> None:
        """Set a call's worst case aside; waits while calls under way may leave enough.

        A thread that has a call under way itself never waits: two of those might wait for each
        other. Raises: BudgetReached.
        """
        self._check_known(most)
        me = threading.get_ident()
        with self._changed:
            self._check_time(stage)
            while self._exceeds(stage, most):
                others = bool(self._open) and all(one.thread != me for one in self._open.values())
                if not (wait and others) or self._exceeds(stage, most, at_best=True):
                    self.refused = True
                    raise BudgetReached(*self._why(stage, most))
                self._changed.wait(self._seconds_for(stage))
                self._check_time(stage)
            self._open[call_id] = _Open(stage, most, me)

    def settle(self, call_id: str, cost: Amount, wall_s: float | None = None) -> None:
        """Put what a call cost in the place of what was reserved; unknown costs its worst case."""
        with self._changed:
            begun = self._open.pop(call_id, _Open("", NOTHING))
            stage, most = begun.stage, begun.most
            cost_or_most = Amount(
                most.usd_nano if cost.usd_nano is None else cost.usd_nano,
                most.cu if cost.cu is None else cost.cu,
            )
            self._spent[stage] = _total((self._spent.get(stage, _ZERO), _exact(cost_or_most)))
            self.overrun |= _exceeds(cost.usd_nano, most.usd_nano) or _exceeds(cost.cu, most.cu)
            if wall_s is not None:
                self._slowest_s[stage] = max(wall_s, self._slowest_s.get(stage, 0.0))
            self._changed.notify_all()

    def release(self, call_id: str) -> None:
        """Give back what was reserved for a call that was not made, or cost nothing."""
        with self._changed:
            self._open.pop(call_id, None)
            self._changed.notify_all()

    def _check_known(self, most: Amount) -> None:
        """Refuse what cannot be reserved. Raises: BudgetReached."""
        if self.caps.allow_unpriced:
            return
        if self.caps.money and most.usd_nano is None:
            self.refused = True
            raise BudgetReached(
                "No price is known for this call, so the cap on money allows none.",
                "--allow-unpriced makes it all the same; prices.toml can name its price.",
            )
        if self.caps.compute and most.cu is None:
            self.refused = True
            raise BudgetReached(
                "The compute of this model is not known, so the cap on compute units allows none.",
                "--allow-unpriced makes the call all the same.",
            )

    def _seconds_for(self, stage: str) -> float | None:
        """Return how long a stage may go on beginning calls; None without a cap.

        A call is taken to last as long as the slowest of its stage so far.
        """
        left_s = self.left_s
        if left_s is None:
            return None
        held_s = math.fsum(hold.seconds for name, hold in self._held.items() if name != stage)
        return left_s - held_s - self._slowest_s.get(stage, 0.0)

    def _check_time(self, stage: str) -> None:
        """Refuse a call that would end after the cap. Raises: BudgetReached."""
        seconds = self._seconds_for(stage)
        if seconds is not None and seconds <= 0:
            self.refused = True
            raise BudgetReached(f"The cap of {self.caps.seconds:g} seconds is reached.")

    def _used(self, stage: str, *, at_best: bool = False) -> _Exact:
        """Return what a stage cannot have: spent, under way, and held back for others.

        ``at_best``: if all that is under way turned out to cost nothing.
        """
        parts = list(self._spent.values())
        for name, hold in self._held.items():
            if name != stage:
                parts.append(hold.left(_total((self._spent.get(name, _ZERO), self._begun(name)))))
        if not at_best:
            parts += [_exact(one.most) for one in self._open.values()]
        return _total(parts)

    def _begun(self, stage: str) -> _Exact:
        return _total(_exact(one.most) for one in self._open.values() if one.stage == stage)

    def _left(self, stage: str) -> Amount:
        used, caps, today = self._used(stage), self.caps, self._today
        usd = [limit for limit in (caps.usd_nano, today.usd_nano) if limit is not None]
        compute = [limit for limit in (caps.cu, today.cu) if limit is not None]
        return Amount(
            min(usd) - used.usd_nano if usd else None,
            min(compute) - float(used.cu) if compute else None,
        )

    def _exceeds(self, stage: str, most: Amount, *, at_best: bool = False) -> bool:
        sum_ = _total((self._used(stage, at_best=at_best), _exact(most)))
        return self._over(sum_, most) != ""

    def _over(self, sum_: _Exact, most: Amount) -> str:
        """Return the cap that a sum exceeds, empty for none; what is free exceeds none."""
        caps, today = self.caps, self._today
        if most.usd_nano and caps.usd_nano is not None and sum_.usd_nano > caps.usd_nano:
            return f"${dollars(caps.usd_nano)}"
        if most.cu and caps.cu is not None and sum_.cu > caps.cu:
            return f"{caps.cu:g} CU"
        if most.usd_nano and today.usd_nano is not None and sum_.usd_nano > today.usd_nano:
            return f"${dollars(caps.day.usd_nano or 0)} a day"
        if most.cu and today.cu is not None and sum_.cu > today.cu:
            return f"{caps.day.cu:g} CU a day"
        return ""

    def _why(self, stage: str, most: Amount) -> tuple[str, str]:
        """Return which cap is reached, and what a call may take beside what is left."""
        over = self._over(_total((self._used(stage), _exact(most))), most)
        left = self._left(stage)
        if "$" in over:
            amounts = f"${dollars(most.usd_nano or 0)}", f"${dollars(max(0, left.usd_nano or 0))}"
        else:
            amounts = f"{most.cu or 0:.3g} CU", f"{max(0.0, left.cu or 0.0):.3g}"
        hint = f"A call may take {amounts[0]}, and {amounts[1]} is left."
        return f"The cap of {over} is reached.", hint


@dataclass(frozen=True, slots=True)
class _Exact:
    """An amount for adding up; what is unknown is left out of it."""

    usd_nano: int = 0
    cu: Fraction = Fraction(0)

    @property
    def amount(self) -> Amount:
        """The same, rounded to the nearest float."""
        return Amount(self.usd_nano, float(self.cu))


@dataclass(frozen=True, slots=True)
class _Open:
    """A call under way, and the thread that made it."""

    stage: str
    most: Amount
    thread: int | None = None


@dataclass(frozen=True, slots=True)
class _Hold:
    """What is kept back for a stage that had spent ``before`` already."""

    amount: _Exact
    before: _Exact
    seconds: float

    def left(self, now: _Exact) -> _Exact:
        """Return what is left of it when the stage has spent, or begun, so much."""
        return _Exact(
            max(0, self.amount.usd_nano - (now.usd_nano - self.before.usd_nano)),
            max(Fraction(0), self.amount.cu - (now.cu - self.before.cu)),
        )


_ZERO = _Exact()


def _exact(amount: Amount) -> _Exact:
    return _Exact(amount.usd_nano or 0, Fraction(amount.cu or 0))


def _total(parts: Iterable[_Exact]) -> _Exact:
    every = list(parts)
    return _Exact(sum(one.usd_nano for one in every),
                  sum((one.cu for one in every), Fraction(0)))  # fmt: skip


def dollars(usd_nano: int) -> str:
    """Return an amount in US dollars, as many places as it has, at least two."""
    text = f"{Decimal(usd_nano) / NANO:.9f}".rstrip("0")
    whole, _, part = text.partition(".")
    return f"{whole}.{part:0<2}"


def _exceeds(amount: float | None, limit: float | None) -> bool:
    return amount is not None and limit is not None and amount > limit
