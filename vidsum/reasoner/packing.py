"""A timeline made to fit a budget: what says least gives way first, evenly over the time.

Nothing is ever cut off at the end: the first and the last entry of a kind are its last to go.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import heapify, heappop, heappush
from math import ceil, inf
from typing import Final

from vidsum.data import TimelineEntry
from vidsum.reasoner.sections import short_line
from vidsum.reasoner.wording import shortened

_MEASURED_SOURCES: Final = frozenset({"builtin", "measured"})
"""Captions from here measure a picture and recognise nothing on it."""
_REPEAT, _NEAR_REPEAT, _MEASURED, _CAPTION, _TEXT, _SPEECH, _FACT = range(7)
"""The order in which entries give way."""
_LIKE: Final = 0.8
"""Share of words in common from which on two entries nearly repeat each other: of nine different
words one may be another. A long description of one view comes again with a word changed; "a red
car" and "a blue car", which share half of their words, are two things."""
_NEAR_S, _NEAR_ENTRIES = 120.0, 8
"""What was told so long ago is told anew, so that a view that stays keeps an entry now and then."""
_FACTS_SHARE: Final = 4
"""Facts that take over a quarter of the budget are shortened: a page of notes that came with the
file may not push out what was said."""
_FACT_LENGTHS: Final = (640, 160, 40)
_LONG_SHARE, _THIN_SHARE = 2, 4
"""An entry over a half of the budget is thinned to a quarter; it would go as a whole."""
_STRETCH: Final = re.compile(r".{1,160}(?:\s+|$)|.{1,160}", re.DOTALL)
_OMITTED: Final = " … "
_HAN: Final = r"\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_WORD: Final = re.compile(rf"[{_HAN}]|[^\W{_HAN}]+")
"""A word; Chinese and Japanese, which have no spaces, count by letters."""

Value = Callable[[TimelineEntry], float]


@dataclass(frozen=True, slots=True)
class Packed:
    """The entries that fit, in their old order, and what gave way, counted by kind.

    ``tokens`` is the sum over the lines of what was kept.
    """

    entries: tuple[TimelineEntry, ...]
    left_out: Mapping[str, int]
    tokens: int


def pack(
    entries: Sequence[TimelineEntry], budget_tokens: int, count: Callable[[str], int], *,
    favour: Value | None = None, line: Callable[[TimelineEntry], str] = short_line,
) -> Packed:  # fmt: skip
    """Return entries, which are in order of time, that have at most `budget_tokens` as lines.

    They give way in this order: exact repeats of a caption or a text, near repeats, measured
    captions, captions, text on screen, speech, facts. Those with a favour above 0 do after all
    others but the facts, in the same order. Within each, those of least favour go first, then
    those whose loss leaves the smallest hole in time. Facts over a quarter of the budget are
    shortened first, and of an entry that would fill half of it every k-th stretch is kept. What is
    over the budget by itself goes at once. ``count`` is called once an entry, and again for what
    is shortened; ``line`` is how an entry stands in the prompt.
    """

    def size(entry: TimelineEntry) -> int:
        return count(f"{line(entry)}\n")

    kept = list(entries)
    sizes = [size(entry) for entry in kept]
    total = sum(sizes)
    if total <= budget_tokens:
        return Packed(tuple(kept), {}, total)
    _shorten_facts(kept, sizes, budget_tokens // _FACTS_SHARE, size)
    _thin_long(kept, sizes, budget_tokens, size)
    gone = {place for place, tokens in enumerate(sizes) if tokens > budget_tokens}
    total = sum(sizes) - sum(sizes[place] for place in gone)
    for place in _giving_way(kept, sizes, favour):
        if total <= budget_tokens:
            break
        if place not in gone:
            gone.add(place)
            total -= sizes[place]
    return Packed(
        tuple(entry for place, entry in enumerate(kept) if place not in gone),
        dict(Counter(str(kept[place].kind) for place in sorted(gone))),
        total,
    )


def _shorten_facts(
    kept: list[TimelineEntry], sizes: list[int], most_tokens: int,
    size: Callable[[TimelineEntry], int],
) -> None:  # fmt: skip
    """Shorten facts in their places, the longest ones first, until they have `most_tokens`."""
    facts = [place for place, entry in enumerate(kept) if entry.kind == "fact"]
    for length in _FACT_LENGTHS:
        if sum(sizes[place] for place in facts) <= most_tokens:
            return
        for place in facts:
            if len(kept[place].text) > length:
                kept[place] = replace(kept[place], text=shortened(kept[place].text, length))
                sizes[place] = size(kept[place])


def _thin_long(
    kept: list[TimelineEntry], sizes: list[int], budget_tokens: int,
    size: Callable[[TimelineEntry], int],
) -> None:  # fmt: skip
    """Thin, in their places, entries of which no two would fit."""
    for place, entry in enumerate(kept):
        if sizes[place] <= budget_tokens / _LONG_SHARE or entry.kind == "fact":
            continue
        most_tokens = budget_tokens // _THIN_SHARE
        stretches = [found.strip() for found in _STRETCH.findall(entry.text)]
        step = max(2, ceil(sizes[place] / max(1, most_tokens)))
        while step < 2 * len(stretches):
            thin = replace(entry, text=_OMITTED.join(stretches[::step]))
            tokens = size(thin)
            if tokens <= most_tokens:
                kept[place], sizes[place] = thin, tokens
                break
            step += max(1, step // 8)


def _giving_way(
    entries: Sequence[TimelineEntry], sizes: Sequence[int], favour: Value | None
) -> Iterator[int]:
    """Yield the places of all entries, in the order in which they give way."""
    values = [favour(entry) if favour else 0.0 for entry in entries]
    classes: dict[tuple[bool, int], list[int]] = {}
    for place, rank in enumerate(_ranks(entries)):
        last = values[place] > 0 or rank == _FACT
        classes.setdefault((last, rank), []).append(place)
    for (_, rank), places in sorted(classes.items()):
        if rank == _FACT:
            # The longest first, so that most of them stay.
            yield from sorted(places, key=lambda place: (values[place], -sizes[place], -place))
        else:
            yield from _evenly(places, [entry.start_s for entry in entries], values)


def _ranks(entries: Sequence[TimelineEntry]) -> Iterator[int]:
    """Yield for each entry when it gives way: see the numbers above."""
    told = {"caption": _Told(), "text": _Told()}
    for entry in entries:
        repeats = told[entry.kind].repeats(entry) if entry.kind in told else None
        if repeats is not None:
            yield repeats
        elif entry.kind == "caption":
            yield _MEASURED if entry.source in _MEASURED_SOURCES else _CAPTION
        else:
            yield {"text": _TEXT, "speech": _SPEECH}.get(entry.kind, _FACT)


class _Told:
    """What entries of one kind have said so far."""

    def __init__(self) -> None:
        self._texts: set[str] = set()
        self._recent: deque[tuple[float, frozenset[str]]] = deque(maxlen=_NEAR_ENTRIES)

    def repeats(self, entry: TimelineEntry) -> int | None:
        """Return how an entry repeats one before it, None if it says something new.

        A near repeat is one of what was new: small steps do not add up unseen.
        """
        text = " ".join(entry.text.casefold().split())
        if text in self._texts:
            return _REPEAT
        self._texts.add(text)
        words = frozenset(_WORD.findall(text))
        for start_s, others in self._recent:
            if entry.start_s - start_s <= _NEAR_S and _alike(words, others):
                return _NEAR_REPEAT
        self._recent.append((entry.start_s, words))
        return None


def _alike(words: frozenset[str], others: frozenset[str]) -> bool:
    few, many = sorted((len(words), len(others)))
    if few < _LIKE * many:
        return False
    return len(words & others) >= _LIKE * max(1, len(words | others))


def _evenly(
    places: Sequence[int], starts_s: Sequence[float], values: Sequence[float]
) -> Iterator[int]:
    """Yield places, those of least value first, of these the one that leaves the smallest hole.

    A hole is the time between what begins before and after it among those that are left. So none
    is more than about twice as long as the mean one, if entries were evenly spread before.
    """
    order = sorted(places, key=lambda place: starts_s[place])
    before = [at - 1 for at in range(len(order))]
    after = [at + 1 for at in range(len(order))]

    def hole_s(at: int) -> float:
        if before[at] < 0 or after[at] == len(order):
            return inf
        return round(starts_s[order[after[at]]] - starts_s[order[before[at]]], 3)

    heap = [(values[place], hole_s(at), _turn(at), at) for at, place in enumerate(order)]
    heapify(heap)
    while heap:
        value, was_s, turn, at = heappop(heap)
        now_s = hole_s(at)
        if now_s > was_s:  # a neighbour has gone since
            heappush(heap, (value, now_s, turn, at))
            continue
        yield order[at]
        if before[at] >= 0:
            after[before[at]] = after[at]
        if after[at] < len(order):
            before[after[at]] = before[at]


def _turn(at: int) -> int:
    """Return when a place's turn comes among equal ones: odd ones first, from all over the row.

    Source: van der Corput's sequence, bits in reverse.
    """
    return -int(f"{at:032b}"[::-1], 2)
