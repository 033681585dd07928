"""Sentences about a video, and the timeline entries that they rest on."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from vidsum.data import Bundle, Claim, Fact, TimelineEntry
from vidsum.reasoner.verbatim import Wording
from vidsum.wording import safe


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence, and the ids that it rests on; none for what was measured or counted."""

    text: str
    evidence: tuple[str, ...] = ()


def _said(entry: TimelineEntry) -> tuple[str, str]:
    """Return who says a fact, and its name."""
    return entry.source, entry.text.split(":")[0]


class Places:
    """Where in a bundle's timeline something stands."""

    def __init__(self, bundle: Bundle) -> None:
        self._entries = {entry.id: entry for entry in bundle.timeline}
        self._bundle = bundle

    def on_screen(self, text: str, start_s: float = 0.0, end_s: float = math.inf) -> str | None:
        """Return the id of the first text on screen that holds some words.

        One that is on screen between start_s and end_s is preferred, if there is one.
        """
        then = [
            entry.id
            for entry in self._bundle.timeline
            if entry.kind == "text" and entry.start_s < end_s and entry.end_s > start_s
        ]
        held = self._screen.holding(text, then)
        return held[0].id if held else None

    def of_fact(self, fact: Fact) -> tuple[str, ...]:
        """Return the id of the entry that holds a fact, in a tuple; () if none does."""
        value = safe(fact.value)
        holding = [
            entry
            for entry in self._entries.values()
            if entry.kind == "fact"
            and (value in safe(entry.text) or (fact.source, fact.name) == _said(entry))
        ]
        holding.sort(key=lambda entry: (entry.source != fact.source, fact.name not in entry.text))
        return tuple(entry.id for entry in holding[:1])

    def claims(self, statements: Iterable[Statement]) -> tuple[Claim, ...]:
        """Return the statements that rest on something, with its times.

        Facts hold for the whole of the video, so their times count only where there are no others.
        """
        return tuple(self._claim(one) for one in statements if one.evidence)

    def _claim(self, statement: Statement) -> Claim:
        entries = [self._entries[id_] for id_ in statement.evidence]
        entries = [entry for entry in entries if entry.kind != "fact"] or entries
        start_s = min(entry.start_s for entry in entries)
        end_s = max(entry.end_s for entry in entries)
        return Claim(statement.text, start_s, end_s, statement.evidence)

    @cached_property
    def _screen(self) -> Wording:
        return Wording(entry for entry in self._bundle.timeline if entry.kind == "text")
