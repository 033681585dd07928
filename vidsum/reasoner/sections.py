"""A timeline as lines of a prompt, cut into sections that fit a model's context.

Cuts fall where a chapter or a topic seems to begin, else into the longest pause, else where the
picture changes; every line is in exactly one section, whatever the length of the video.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Final

from vidsum.data import TimelineEntry
from vidsum.reasoner.wording import shortened
from vidsum.wording import json_line, path_text, source_of

_SHORTEST_SHARE: Final = 0.5
"""A section has this share at least of what equal ones would have."""

_LONGEST_FACT: Final = 160


@dataclass(frozen=True, slots=True)
class Line:
    """One timeline entry, or a piece of a very long one, as a line of JSON."""

    entry: TimelineEntry
    text: str
    tokens: int


def short_line(entry: TimelineEntry) -> str:
    """Return an entry as a line of JSON that takes few tokens: whole seconds, the kind as a key."""
    begin, end = round(entry.start_s), round(entry.end_s)
    told = {"id": entry.id, "from": begin, "to": end} | source_of(entry)
    return json_line(told | {str(entry.kind): path_text(entry.text)})


def collapsed(entries: Sequence[TimelineEntry]) -> list[TimelineEntry]:
    """Return entries in which a caption that repeats the one before it is part of that one."""
    result: list[TimelineEntry] = []
    last: int | None = None
    for entry in entries:
        if entry.kind != "caption":
            result.append(entry)
        elif last is not None and result[last].text == entry.text:
            before = result[last]
            result[last] = replace(before, end_s=max(before.end_s, entry.end_s))
        else:
            last = len(result)
            result.append(entry)
    return result


def lines(
    entries: Sequence[TimelineEntry], count: Callable[[str], int], most_tokens: int
) -> list[Line]:
    """Return entries as lines of at most `most_tokens`; the text of a longer one is divided."""
    return [line for entry in entries for line in _pieces(entry, count, most_tokens)]


def _pieces(entry: TimelineEntry, count: Callable[[str], int], most_tokens: int) -> Iterator[Line]:
    text = short_line(entry)
    tokens = count(f"{text}\n")
    if tokens <= most_tokens or len(entry.text) < 2:
        yield Line(entry, text, tokens)
        return
    middle = len(entry.text) // 2
    space = entry.text.rfind(" ", middle // 2, middle) + 1
    for piece in (entry.text[: space or middle], entry.text[space or middle :]):
        yield from _pieces(replace(entry, text=piece), count, most_tokens)


def heads(
    entries: Sequence[TimelineEntry], count: Callable[[str], int], most_tokens: int
) -> list[TimelineEntry]:
    """Return the first facts, long ones shortened, that have `most_tokens` at most as lines."""
    found, left = [], most_tokens
    for entry in entries:
        if entry.kind != "fact":
            continue
        head = replace(entry, text=shortened(entry.text, _LONGEST_FACT))
        left -= count(f"{short_line(head)}\n")
        if left < 0:
            break
        found.append(head)
    return found


def cut(
    rows: Sequence[Line], budget: int, starts_s: Sequence[float] = (),
    shifts_s: Sequence[float] = (), changes_s: Sequence[float] = (),
) -> list[list[Line]]:  # fmt: skip
    """Return rows in sections of at most `budget` tokens, of about equal size.

    No row may be over the budget by itself. A section begins where a chapter does (starts_s), else
    where the words spoken change (shifts_s), else in the longest pause, and in a pause, or where
    nobody speaks at all, where the picture changes (changes_s), else where it has the right size.
    """
    begin = [row.entry.start_s for row in rows]
    starts, shifts, changes = (
        {bisect_left(begin, time_s) for time_s in times_s}
        for times_s in (starts_s, shifts_s, changes_s)
    )
    pauses = _pauses(rows)
    sections: list[list[Line]] = []
    at, left = 0, sum(row.tokens for row in rows)
    while left > budget:
        target = left / ceil(left / budget)
        places = _places(rows, at, target, budget)
        wanted = places.keys() & starts or places.keys() & shifts
        stop = max(
            sorted(wanted or places),
            key=lambda place: (
                0.0 if wanted else pauses[place],
                not wanted and place in changes,
                -abs(places[place] - target),
            ),
        )
        sections.append(list(rows[at:stop]))
        left -= places[stop]
        at = stop
    return [*sections, list(rows[at:])]


def _places(rows: Sequence[Line], at: int, target: float, budget: int) -> dict[int, int]:
    """Return where a section that begins at `at` may end, and how many tokens it has then."""
    found: dict[int, int] = {}
    used = 0
    for place in range(at, len(rows)):
        used += rows[place].tokens
        if used > budget:
            break
        if found and found[place] < _SHORTEST_SHARE * target:
            found.clear()
        found[place + 1] = used
    return found or {at + 1: rows[at].tokens}


def _pauses(rows: Sequence[Line]) -> list[float]:
    """Return how long nobody speaks around the beginning of each row, to a tenth of a second.

    Before the first words and after the last ones the time from the first row, to the last end.
    """
    next_s = max((row.entry.end_s for row in rows), default=0.0)
    after = []
    for row in reversed(rows):
        next_s = row.entry.start_s if row.entry.kind == "speech" else next_s
        after.append(next_s)
    pauses, spoken_until_s = [], rows[0].entry.start_s if rows else 0.0
    for row, until_s in zip(rows, reversed(after), strict=True):
        pauses.append(round(until_s - spoken_until_s, 1))
        if row.entry.kind == "speech":
            spoken_until_s = max(spoken_until_s, row.entry.end_s)
    return pauses


def packed(sizes: Sequence[int], budget: int) -> list[range]:
    """Return which neighbours go together so that no group is over the budget.

    A group has two members at least if no member is over half of the budget; the last one may
    have one.
    """
    groups: list[range] = []
    first, used = 0, 0
    for place, size in enumerate(sizes):
        if place > first and used + size > budget:
            groups.append(range(first, place))
            first, used = place, 0
        used += size
    return [*groups, range(first, len(sizes))]
