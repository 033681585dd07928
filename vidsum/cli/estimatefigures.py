"""Figures of estimates as words: few digits, and ends of ranges rounded so that they still hold."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Protocol

from vidsum.data import Span

_NANO = 9
_LEAST_USD = Decimal("0.0001")
_HOURS_FROM_S, _MINUTES_FROM_S, _WHOLE_FROM_S, _SHORTEST_S = 7200, 180, 9.9, 0.1


class Words(Protocol):
    """Says a figure, rounded in a direction of :mod:`decimal`."""

    def __call__(self, value: float, rounding: str = ..., /) -> str:
        """Return the figure as words."""


def few(value: float | Decimal, rounding: str = ROUND_HALF_EVEN) -> str:
    """Return a number with two digits that count, or whole from 10 on."""
    return _digits(Decimal(str(value)), rounding, least_places=0)


def count(value: float, rounding: str = ROUND_HALF_EVEN) -> str:
    """Return a whole number."""
    return f"{Decimal(str(value)).quantize(Decimal(1), rounding):,}"


def usd(nano: float, rounding: str = ROUND_HALF_EVEN) -> str:
    """Return billionths of a US dollar: to the cent from a dollar on, else two digits.

    Rounded down, less than a hundredth of a cent is nothing.
    """
    value = Decimal(str(nano)).scaleb(-_NANO)
    if rounding == ROUND_FLOOR and value < _LEAST_USD:
        return "$0"
    if abs(value) >= 1:
        return f"${value.quantize(Decimal('0.01'), rounding):,}"
    return "$" + _digits(value, rounding, least_places=2) if value else "$0"


def took(seconds: float, rounding: str = ROUND_HALF_EVEN) -> str:
    """Return a length of time: 0.4 s, 3.2 s, 45 s, 12 min, 2.5 h."""
    if seconds >= _HOURS_FROM_S:
        return f"{few(seconds / 3600, rounding)} h"
    if seconds >= _MINUTES_FROM_S:
        return f"{count(seconds / 60, rounding)} min"
    if seconds >= _WHOLE_FROM_S or not seconds:
        return f"{count(seconds, rounding)} s"
    if seconds < _SHORTEST_S:
        return f"<{_SHORTEST_S:g} s"
    return f"{Decimal(str(seconds)).quantize(Decimal('0.1'), rounding)} s"


def forecast(found: Span) -> Span:
    """Return a length of time as one figure where a second makes the whole difference."""
    if found.most - found.least < 1:
        return Span(found.likely, found.likely, found.likely)
    return found


def ends(found: Span, words: Words) -> str:
    """Return the least and the most as ``least–most``; empty where there is but one figure.

    The least is rounded down and the most up: what is printed holds if the figures do.
    """
    if found.least == found.most:
        return ""
    least, most = words(found.least, ROUND_FLOOR), words(found.most, ROUND_CEILING)
    number, _, unit = most.partition(" ")
    if unit and least.endswith(f" {unit}"):
        least = least.removesuffix(f" {unit}")
    return f"{least}–{number}{f' {unit}' if unit else ''}"


def ranged(found: Span, words: Words) -> str:
    """Return the likely figure, and in brackets the least and the most where they differ."""
    between = ends(found, words)
    return f"{words(found.likely)} ({between})" if between else words(found.most)


def _digits(value: Decimal, rounding: str, *, least_places: int) -> str:
    if not value:
        return "0"
    places = max(least_places, min(_NANO, 1 - value.adjusted()), 0)
    text = f"{value.quantize(Decimal(1).scaleb(-places), rounding):,f}"
    if "." not in text or least_places:
        return text
    return text.rstrip("0").rstrip(".")
