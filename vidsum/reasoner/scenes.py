"""What a model saw: which of its descriptions stand for the whole in a summary that quotes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from vidsum.data import Bundle, Claim, TimelineEntry

BUILT_IN: Final = "builtin"
"""The captioner that measures pictures and recognises nothing on them."""
MEASURED: Final = "measured"
"""The source of entries on stretches in which there is nothing to see."""
_MOST: Final = 8
_LIKE: Final = 0.6
"""Descriptions that share this part of their words say the same."""
_WORD: Final = re.compile(r"\w+")


def described(bundle: Bundle) -> list[TimelineEntry]:
    """Return the descriptions that a model gave, in order of time."""
    return [
        entry for entry in bundle.timeline
        if entry.kind == "caption" and entry.source not in (BUILT_IN, MEASURED)
    ]  # fmt: skip


def scenes(bundle: Bundle, most: int = _MOST) -> tuple[Claim, ...]:
    """Return descriptions as key points: even over the time, and no two that say the same.

    The time is cut into ``most`` stretches; each gives the description that is least like those
    taken before, unless it says nothing new.
    """
    entries = described(bundle)
    if not entries or most < 1:
        return ()
    taken: list[TimelineEntry] = []
    for stretch in _stretches(entries, most):
        best = min(stretch, key=lambda entry: (_likeness(entry, taken), entry.start_s))
        if _likeness(best, taken) < _LIKE:
            taken.append(best)
    return tuple(Claim(e.text, e.start_s, e.end_s, (e.id,), quoted=False) for e in taken)


def _stretches(entries: Sequence[TimelineEntry], count: int) -> list[list[TimelineEntry]]:
    """Return the entries by the stretch of time that they begin in; none is empty."""
    first_s, last_s = entries[0].start_s, entries[-1].start_s
    length_s = (last_s - first_s) / count or 1.0
    stretches: list[list[TimelineEntry]] = [[] for _ in range(count)]
    for entry in entries:
        stretches[min(count - 1, int((entry.start_s - first_s) / length_s))].append(entry)
    return [stretch for stretch in stretches if stretch]


def _likeness(entry: TimelineEntry, others: Sequence[TimelineEntry]) -> float:
    """Return the largest share (0–1) of words that an entry has in common with another."""
    words = _words(entry)
    return max((_shared(words, _words(other)) for other in others), default=0.0)


def _words(entry: TimelineEntry) -> frozenset[str]:
    return frozenset(_WORD.findall(entry.text.casefold()))


def _shared(some: frozenset[str], others: frozenset[str]) -> float:
    together = some | others
    return len(some & others) / len(together) if together else 1.0
