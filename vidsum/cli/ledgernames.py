"""Names in a table that is too narrow for them: what tells one from the other stays."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from vidsum.cli.ledgerfigures import width_of

LEAST: Final = 8
"""Columns that a name keeps, whatever the terminal."""
SPARE: Final = 4
"""Columns that a name which was narrowed can still lose without what stands in brackets."""
_WIDE: Final = 110
_MOST, _MOST_NARROW, _MOST_MODEL = 32, 18, 40


def narrowed(rows: Sequence[tuple[str, ...]], by: str, width: int) -> list[tuple[str, ...]]:
    """Return the names of the rows as a terminal of this width can have them.

    What stands in brackets at the end, a host or how a run ended, is kept. Before a terminal is
    wide a run's date goes without its year, if that is the present one for all.
    """
    if by == "run" and width < _WIDE:
        rows = _without_year(rows)
    most = _MOST_MODEL if by == "model" else _MOST if width >= _WIDE else _MOST_NARROW
    tails = (width_of(_tail(name)) for row in rows for name in row[-1:])
    most = max(most, min(_MOST_MODEL, LEAST + max(tails, default=0)))
    return [tuple(shortened(name, most) for name in row) for row in rows]


def _without_year(rows: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    year = f"{date.today().year}-"
    if not all(began.startswith(year) for _, began, _ in rows):
        return list(rows)
    return [(run, began.removeprefix(year), video) for run, began, video in rows]


def shortened(text: str, width: int) -> str:
    """Return a text in at most this many columns: cut in the middle, brackets at its end kept."""
    if width_of(text) <= width:
        return text
    tail = _tail(text)
    head = text[: len(text) - len(tail)]
    if width_of(tail) > width - SPARE and ": " in tail:
        tail = f"{tail.partition(': ')[0]})"  # why it failed has no room
    if width_of(tail) > width - SPARE:
        head, tail = text, ""
    room = width - width_of(tail) - 1
    end = _first(head[::-1], room // 3)[::-1]
    return f"{_first(head, room - width_of(end))}…{end}{tail}"


def _tail(text: str) -> str:
    head, bracket, inside = text.rpartition(" (")
    return f"{bracket}{inside}" if head and inside.endswith(")") else ""


def _first(text: str, width: int) -> str:
    """Return as much of the start of a text as has room."""
    taken = 0
    for place, one in enumerate(text):
        taken += width_of(one)
        if taken > width:
            return text[:place]
    return text
