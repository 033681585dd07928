"""Figures of cost as words: ``~`` is estimated, ``≥`` and ``?`` say that something is unknown."""

from __future__ import annotations

from decimal import Decimal

from vidsum.data import Sum

NANO = 10**9
_DIGITS = 3


def amount(total: Sum, unit: str = "") -> str:
    """Return a sum with its marks: ``~0.41 CU``, ``≥ 0.41 CU``, ``?`` when nothing is known."""
    if total.unknown and not total.value:
        return "?"
    mark = "~" if total.estimated and total.value else ""
    least = "≥ " if total.unknown else ""
    return f"{least}{mark}{rounded(total.value)} {unit}".rstrip()


def money(total: Sum) -> str:
    """Return a sum of billionths of a US dollar: ``$0.0123``, ``≥ $0.12 (3 calls unpriced)``."""
    calls = f"{total.unknown} call{'' if total.unknown == 1 else 's'} unpriced"
    return f"{money_cell(total)} ({calls})" if total.unknown else money_cell(total)


def money_cell(total: Sum) -> str:
    """Return the same for a cell of a table: ``≥ $0.12``, ``?`` when nothing is known."""
    if total.unknown and not total.value:
        return "?"
    mark = "~" if total.estimated and total.value else ""
    least = "≥ " if total.unknown else ""
    return f"{least}{mark}{usd(int(total.value))}"


def usd(usd_nano: int) -> str:
    """Return an amount in US dollars: to the cent from a dollar, else with three digits."""
    if usd_nano == 0:
        return "$0"
    value = Decimal(usd_nano) / NANO
    if value >= 1:
        return f"${value:,.2f}"
    places = max(2, _DIGITS - 1 - value.adjusted())
    text = f"{value:.{places}f}".rstrip("0")
    whole, _, part = text.partition(".")
    return f"${whole}.{part:0<2}"


def rounded(value: float) -> str:
    """Return a number with three digits that count, without an exponent."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    exact = Decimal(repr(float(value)))
    places = max(0, _DIGITS - 1 - exact.adjusted())
    text = f"{exact:.{min(places, 9)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def seconds(total: Sum) -> str:
    """Return seconds, to the hundredth below a hundred."""
    if total.unknown and not total.value:
        return "?"
    least = "≥ " if total.unknown else ""
    return f"{least}{total.value:,.{2 if total.value < 100 else 0}f} s"
