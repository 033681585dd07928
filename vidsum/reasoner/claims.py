"""Single statements of a model held against the timeline: ids, quotations, names, times.

A statement keeps the ids that exist; one that is left without any is kept and marked. Times come
from the entries, never from the model. Quotation marks stay round what was really said or shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from copy import copy
from typing import Final, TypeVar

from vidsum.data import Bundle, Claim, Name, TimelineEntry
from vidsum.reasoner.citations import cited, ids_in, uncited
from vidsum.reasoner.covering import Span
from vidsum.reasoner.forms import NamePoint, Point
from vidsum.reasoner.verbatim import Record, only_true_quotes, without_marks, words
from vidsum.reasoner.wording import shortened
from vidsum.wording import safe

MOST: Final = 30
"""Key points or chapters, where a model kept to no limit."""
READ: Final = 10
"""So many times as much as is kept of texts and lists is looked at: whoever wrote more was stuck
in a loop.
"""
LONGEST_TEXT: Final = 400
_LONGEST_NAME: Final = 60
_LONGEST_READ: Final = READ * LONGEST_TEXT
_MOST_QUOTES, _MOST_NAMES, _MOST_CAVEATS = 12, 20, 6
_MOST_IDS: Final = 8
_SHORTEST_QUOTE: Final = 12
"""Letters; fewer of them in a row need not be a quotation."""
_NOTHING: Final = frozenset({
    "none", "n a", "na", "nothing", "null", "no", "no caveats", "not applicable", "nothing unclear",
})  # fmt: skip
"""What a model writes into a list that should be empty, see :func:`words`."""

T = TypeVar("T")


class Checks:
    """The timeline of one video, to hold statements against.

    ``removed`` counts what had to go, see :class:`vidsum.data.Grounding`.

    Ids are taken from what was shown, all of the timeline unless :meth:`among` says otherwise;
    words are looked for in the whole of it.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.span = Span.of(bundle.evidence)
        self.removed: Counter[str] = Counter()
        self._entries = {entry.id: entry for entry in bundle.timeline}
        self._shown = self._entries
        self._record = Record(bundle.timeline)

    def among(self, ids: Collection[str]) -> Checks:
        """Return the same checks for somebody who was shown these entries alone."""
        narrower = copy(self)
        narrower._shown = {id: self._entries[id] for id in ids if id in self._entries}
        return narrower

    def drop(self, kind: str, count: int = 1) -> None:
        """Count what had to go."""
        if count:
            self.removed[kind] += count

    def statement(
        self, text: str, evidence: Sequence[str], longest: int = LONGEST_TEXT
    ) -> Claim | None:
        """Return a statement with its entries and their times; None if it says nothing.

        Ids may stand in the text as well. What is said word for word in the video needs no id.
        """
        text = safe(text[: READ * longest])
        ids = self.ids([*evidence, *cited(text)])
        told = self.prose(text, longest)
        spoken = self._spoken(without_marks(told), ids)
        if spoken:
            told = without_marks(told)
            ids = _first([*(entry.id for entry in spoken), *ids], len(spoken))
        return self._claim(told, ids, spoken) if told else None

    def points(self, told: Sequence[Point]) -> tuple[Claim, ...]:
        """Return key points in order of time, one without evidence after the one it followed."""
        return self.spread(_in_order(self._distinct(told, LONGEST_TEXT)))

    def sentences(self, told: Sequence[Point], most: int, longest: int) -> tuple[Claim, ...]:
        """Return the sentences of a text, as they follow each other."""
        return self.spread(self._distinct(told, longest), most)

    def quotes(self, told: Sequence[Point]) -> tuple[Claim, ...]:
        """Return the quotations that were said or shown word for word, in order of time."""
        found: dict[str, Claim] = {}
        for one in self.spread(told, READ * _MOST_QUOTES):
            text = without_marks(shortened(uncited(safe(one.text[:_LONGEST_READ])), LONGEST_TEXT))
            spoken = self._record.saying(text, self.ids(one.evidence))
            if spoken:
                claim = self._claim(text, tuple(entry.id for entry in spoken), spoken)
                found.setdefault(words(text), claim)
            else:
                self.drop("quotes")
        return self.spread(_in_order(found.values()), _MOST_QUOTES)

    def names(self, told: Sequence[NamePoint]) -> tuple[Name, ...]:
        """Return the names that stand in the timeline, each with entries that it stands in."""
        found: dict[str, Name] = {}
        for one in self.spread(told, READ * _MOST_NAMES):
            name = without_marks(safe(one.name[:_LONGEST_READ]))
            at = self._record.naming(name, self.ids(one.evidence))
            if at and len(name) <= _LONGEST_NAME:
                found.setdefault(words(name), Name(name, one.kind, _first(at)))
            else:
                self.drop("names")
        return self.spread(tuple(found.values()), _MOST_NAMES)

    def caveats(self, told: Sequence[str]) -> tuple[str, ...]:
        """Return what was said to be unclear, without what says that nothing was."""
        found: dict[str, str] = {}
        for one in told[:_MOST_CAVEATS]:
            caveat = self.prose(one, LONGEST_TEXT)
            if caveat and words(caveat) not in _NOTHING:
                found.setdefault(caveat.casefold(), caveat)
        return tuple(found.values())

    def prose(self, text: str, longest: int) -> str:
        """Return text on one line without citations and without quotation marks that are untrue.

        "" where it has neither letter nor figure: a model fills places with dots.
        """
        plain = uncited(safe(text[: READ * longest]))
        plain, removed = only_true_quotes(plain, self._record.said)
        self.drop("quotes", removed)
        if not any(map(str.isalnum, plain)):
            return ""
        return safe(only_true_quotes(shortened(plain, longest), self._record.said)[0])

    def ids(self, named: Iterable[str]) -> tuple[str, ...]:
        """Return the ids in some texts that were shown, without repeats; count the others."""
        known: list[str] = []
        for text in filter(str.strip, named):
            ids = ids_in(text)
            known += (one for one in ids if one in self._shown)
            self.drop("ids", sum(one not in self._shown for one in ids) or not ids)
        return _first(known)

    def known(self, text: str) -> list[TimelineEntry]:
        """Return the entries that were shown whose ids are in a text."""
        return [self._shown[one] for one in ids_in(text) if one in self._shown]

    def spread(self, items: Sequence[T], most: int = MOST) -> tuple[T, ...]:
        """Return items, or so many of them from the first to the last where there are more."""
        if len(items) <= most:
            return tuple(items)
        self.drop("many", len(items) - most)
        last = len(items) - 1
        return tuple(items[round(place * last / (most - 1))] for place in range(most))

    def _distinct(self, told: Sequence[Point], longest: int) -> tuple[Claim, ...]:
        """Return statements that say something, each once; one with evidence is the better one."""
        found: dict[str, Claim] = {}
        for one in self.spread(told, READ * MOST):
            claim = self.statement(one.text, one.evidence, longest)
            if claim is None:
                self.drop("points")
                continue
            key = claim.text.casefold()
            if key not in found or (claim.supported and not found[key].supported):
                found[key] = claim
        return tuple(found.values())

    def _spoken(self, text: str, ids: Sequence[str]) -> tuple[TimelineEntry, ...]:
        """Return the entries in which a whole statement stands word for word."""
        enough = sum(map(str.isalnum, text)) >= _SHORTEST_QUOTE
        return self._record.saying(text, ids) if enough else ()

    def _claim(self, text: str, ids: tuple[str, ...], spoken: Sequence[TimelineEntry]) -> Claim:
        """Return a claim; its times are those of where it was said, else of all its evidence."""
        span = self.span.around(spoken or [self._entries[one] for one in ids])
        if span is None:
            return Claim(text, None, None, (), supported=False)
        return Claim(text, *span, ids, quoted=bool(spoken))


def _first(ids: Iterable[str], least: int = 0) -> tuple[str, ...]:
    """Return eight ids at most, without repeats, and at least so many of the first."""
    return tuple(dict.fromkeys(ids))[: max(least, _MOST_IDS)]


def _in_order(claims: Iterable[Claim]) -> tuple[Claim, ...]:
    """Return claims in order of time; one without a time goes with the one that it followed."""
    groups: list[tuple[float, list[Claim]]] = [(float("-inf"), [])]
    for claim in claims:
        if claim.start_s is None:
            groups[-1][1].append(claim)
        else:
            groups.append((claim.start_s, [claim]))
    groups.sort(key=lambda group: group[0])
    return tuple(claim for _, group in groups for claim in group)
