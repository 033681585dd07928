"""Bounds on cost that grow with a number, and reckoning with amounts of which some are unknown."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from vidsum.costs.budget import Amount

_GRID: Final = 12


@dataclass(frozen=True, slots=True)
class Line:
    """A bound that grows with a number n: ``base`` + n × ``each``."""

    base: Amount
    each: Amount

    def at(self, count: int) -> Amount:
        """Return the bound for a number; what is unknown stays None."""
        return plus(self.base, times(self.each, count))


def bounding(cost: Callable[[int], Amount], count: int) -> Line:
    """Return a line that is nowhere below a cost that grows, between 0 and ``count``.

    Between two points that are looked at, the cost is at most that of the upper one.
    """
    points = sorted({count * step // _GRID for step in range(_GRID + 1)})
    costs = [cost(point) for point in points]
    if len(points) < 2:
        return Line(costs[0], Amount())
    base = costs[1]
    slopes = [part(less(costs[place], base), points[place - 1]) for place in range(2, len(points))]
    return Line(base, largest([Amount(), *slopes]))


def less(one: Amount, other: Amount) -> Amount:
    """Return how much more the one is, at least 0."""
    usd = (
        None if one.usd_nano is None or other.usd_nano is None
        else max(0, one.usd_nano - other.usd_nano)
    )  # fmt: skip
    known = one.cu is not None and other.cu is not None
    return Amount(usd, max(0.0, (one.cu or 0.0) - (other.cu or 0.0)) if known else None)


def part(amount: Amount, count: int) -> Amount:
    """Return one of so many parts, rounded up."""
    usd = None if amount.usd_nano is None else -(-amount.usd_nano // count)
    return Amount(usd, None if amount.cu is None else amount.cu / count)


def plus(one: Amount, other: Amount) -> Amount:
    """Return two amounts together; what is unknown of either is unknown of both."""
    usd = None if None in (one.usd_nano, other.usd_nano) else _whole(one) + _whole(other)
    known = one.cu is not None and other.cu is not None
    return Amount(usd, (one.cu or 0.0) + (other.cu or 0.0) if known else None)


def _whole(amount: Amount) -> int:
    return amount.usd_nano or 0


def times(amount: Amount, count: int) -> Amount:
    """Return an amount so many times."""
    usd = None if amount.usd_nano is None else amount.usd_nano * count
    return Amount(usd, None if amount.cu is None else amount.cu * count)


def largest(amounts: Iterable[Amount]) -> Amount:
    """Return the largest of amounts, of money and of compute; unknown when one is unknown."""
    every = list(amounts)
    usd = [one.usd_nano for one in every if one.usd_nano is not None]
    compute = [one.cu for one in every if one.cu is not None]
    return Amount(max(usd) if len(usd) == len(every) else None,
                  max(compute) if len(compute) == len(every) else None)  # fmt: skip
