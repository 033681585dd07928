"""A model's answer held against the timeline: only what can be checked there is kept.

Statements keep the ids that exist; one that is left without any is dropped. Times come from the
entries, never from the model. Quotation marks stay round what was really said or shown.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeVar

from vidsum.data import Bundle, Chapter, Claim, TimelineEntry
from vidsum.reasoner.answer import Answer, ChapterPoint, Malformed, Notes, Point
from vidsum.reasoner.verbatim import Wording, only_true_quotes, without_marks, words
from vidsum.reasoner.wording import shortened
from vidsum.wording import safe

_ID: Final = re.compile(r"\b[a-z]\d{1,7}\b", re.IGNORECASE)
_BRACKETED: Final = re.compile(
    r"\s*(?:[\[{【]([^\[\]{}【】]{0,80})[\]}】]|[(（]([^()（）]{0,80})[)）])"
)
_BESIDE_IDS: Final = (
    r"[\s,;:&–—-]|\d{1,3}(?::\d\d){1,2}\b|(?:and|to|or|see|ids?|evidence|sources?|entry|entries)\b"
)
_ONLY_IDS: Final = re.compile(rf"(?:{_BESIDE_IDS}|[a-z]\d{{1,7}}\b)+", re.IGNORECASE)
_ONLY_SMALL_IDS: Final = re.compile(rf"(?:{_BESIDE_IDS}|[bcfst]\d{{1,7}}\b)+")
"""In round brackets most letters with a number may be anything, as in vitamin (B1)."""
_CLOCK: Final = re.compile(r"(?:(\d{1,3}):)?(\d{1,3}):(\d{1,2}(?:\.\d+)?)")
_NUMBER: Final = re.compile(r"\d{1,7}(?:\.\d+)?(?=\s*(?:s|sec|seconds)?$)")
_MOST_IDS: Final = 8
_MOST: Final = 30
"""Key points or chapters, where a model kept to no limit."""
_HEAD_S, _HEAD_SHARE = 30.0, 0.05
"""A first chapter that begins later than both does not tell of the beginning."""
_NOTHING: Final = frozenset({
    "none", "n a", "na", "nothing", "null", "no", "no caveats", "not applicable", "nothing unclear",
})  # fmt: skip
"""What a model writes into a list that should be empty, see :func:`words`."""
_LONGEST_OVERVIEW, _LONGEST_TEXT, _LONGEST_TITLE = 2_000, 400, 160
_LONGEST_NAME, _MOST_NAMES, _MOST_CAVEATS = 60, 12, 6
_SHORTEST_QUOTE: Final = 12
"""Letters; fewer of them in a row need not be a quotation."""
_APART_S: Final = 1.0


T = TypeVar("T")
_Begun = tuple[float, str, ChapterPoint]
"""When a chapter begins, its title, and all that the model wrote of it."""


@dataclass(frozen=True, slots=True)
class Grounded:
    """What is left of an answer. title is "" and chapters are () if nothing of them was usable."""

    title: str
    overview: str
    key_points: tuple[Claim, ...]
    chapters: tuple[Chapter, ...]
    names: tuple[str, ...]
    caveats: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GroundedNotes:
    """Notes on the stretch from start_s to end_s."""

    start_s: float
    end_s: float
    gist: str
    points: tuple[Claim, ...]


class Ground:
    """The timeline of one video, to hold answers against. ``removed`` counts what had to go.

    Its keys: ids, points, chapters, names, quotes, many.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._start_s = bundle.evidence.start_s
        self._end_s = max(bundle.evidence.start_s, bundle.evidence.end_s)
        self._entries = {entry.id: entry for entry in bundle.timeline}
        kinds = [[e for e in bundle.timeline if e.kind == kind] for kind in ("speech", "text")]
        self._worded = [Wording(entries) for entries in kinds]
        self._all = Wording(bundle.timeline)
        self.removed: Counter[str] = Counter()

    def answer(self, answer: Answer) -> Grounded:
        """Return what an answer is worth. Raises: Malformed when it has no overview."""
        return Grounded(
            title=self._prose(answer.title, _LONGEST_TITLE),
            overview=self._told(answer.overview, "overview"),
            key_points=self._points(answer.key_points),
            chapters=self._chapters(answer.chapters),
            names=self._names(answer.names),
            caveats=self._caveats(answer.caveats),
        )

    def _caveats(self, caveats: Sequence[str]) -> tuple[str, ...]:
        told = (self._prose(one, _LONGEST_TEXT) for one in caveats[:_MOST_CAVEATS])
        return _distinct(one for one in told if words(one) not in _NOTHING)

    def notes(self, notes: Notes, start_s: float, end_s: float) -> GroundedNotes:
        """Return what notes on a stretch are worth. Raises: Malformed when they have no gist."""
        gist = shortened(self._told(notes.gist, "gist"), 2 * _LONGEST_TEXT)
        return GroundedNotes(start_s, end_s, gist, self._points(notes.points))

    def _told(self, text: str, key: str) -> str:
        told = self._prose(text, _LONGEST_OVERVIEW)
        if not told:
            raise Malformed(f"{key}: It says nothing.")
        return told

    def _points(self, points: Sequence[Point]) -> tuple[Claim, ...]:
        found: dict[str, Claim] = {}
        for one in points:
            point = self._point(one.text, one.evidence)
            if point is None:
                self.removed["points"] += 1
            else:
                found.setdefault(point.text.casefold(), point)
        return self._spread(sorted(found.values(), key=lambda point: point.start_s))

    def _spread(self, items: Sequence[T]) -> tuple[T, ...]:
        """Return items, or thirty of them from the first to the last where there are more."""
        if len(items) <= _MOST:
            return tuple(items)
        self.removed["many"] += len(items) - _MOST
        last = len(items) - 1
        return tuple(items[round(place * last / (_MOST - 1))] for place in range(_MOST))

    def _point(self, text: str, evidence: Sequence[str]) -> Claim | None:
        """Return a statement with its entries and their times; None if it names none.

        Ids may stand in the text as well. What is said word for word in the video needs no id.
        """
        ids = self._ids([*evidence, *_cited(text)])
        told = self._prose(text, _LONGEST_TEXT)
        spoken = self._spoken(without_marks(told), ids)
        if spoken:
            told = without_marks(told)
            ids = _first([*(entry.id for entry in spoken), *ids])
        if not told or not ids:
            return None
        start_s, end_s = self._span(spoken or [self._entries[one] for one in ids])
        return Claim(told, start_s, end_s, ids, quoted=bool(spoken))

    def _spoken(self, text: str, ids: Sequence[str]) -> tuple[TimelineEntry, ...]:
        """Return the entries in which a whole statement stands word for word."""
        if sum(map(str.isalnum, text)) < _SHORTEST_QUOTE:
            return ()
        return next(filter(None, (worded.holding(text, ids) for worded in self._worded)), ())

    def _ids(self, named: Iterable[str]) -> tuple[str, ...]:
        """Return the ids in some texts that exist, without repeats; count the others."""
        known: list[str] = []
        for text in filter(str.strip, named):
            ids = [one.lower() for one in _ID.findall(text)]
            known += (one for one in ids if one in self._entries)
            self.removed["ids"] += sum(one not in self._entries for one in ids) or not ids
        return _first(known)

    def _span(self, entries: Sequence[TimelineEntry]) -> tuple[float, float]:
        """Return from when to when some entries are; facts, which are always, do not count."""
        moments = [one for one in entries if one.kind != "fact"] or entries
        start_s = self._within(min(one.start_s for one in moments))
        return start_s, max(start_s, self._within(max(one.end_s for one in moments)))

    def _within(self, time_s: float) -> float:
        return min(max(time_s, self._start_s), self._end_s)

    def _chapters(self, told: Sequence[ChapterPoint]) -> tuple[Chapter, ...]:
        """Return chapters without gap or overlap, from start_s to end_s."""
        apart = self._apart(told)
        self.removed["chapters"] += len(told) - len(apart)
        kept = self._spread(apart)
        bounds = [*(time_s for time_s, _, _ in kept), self._end_s]
        head_s = max(_HEAD_S, _HEAD_SHARE * (self._end_s - self._start_s))
        head: tuple[Chapter, ...] = ()
        if kept and bounds[0] - self._start_s > head_s:
            head = (Chapter(self._start_s, bounds[0], "Beginning", "position"),)
        elif kept:
            bounds[0] = self._start_s
        chapters = (
            Chapter(*bound, title, "model", gist=self._gist(one))
            for bound, (_, title, one) in zip(pairwise(bounds), kept, strict=True)
        )
        return (*head, *chapters)

    def _apart(self, told: Sequence[ChapterPoint]) -> list[_Begun]:
        """Return the chapters that begin somewhere, in order of time, none with the one before."""
        begun: list[_Begun] = []
        for one in told:
            time_s, title = self._begins(one), self._prose(one.title, _LONGEST_TITLE)
            if time_s is not None and title:
                begun.append((time_s, title, one))
        begun.sort(key=lambda chapter: chapter[0])
        kept: list[_Begun] = []
        for time_s, title, one in begun:
            if not kept or (
                time_s - kept[-1][0] >= _APART_S and title.casefold() != kept[-1][1].casefold()
            ):
                kept.append((time_s, title, one))
        return kept

    def _gist(self, one: ChapterPoint) -> Claim | None:
        gist = self._point(one.gist, [*one.evidence, *_ID.findall(one.start)])
        self.removed["points"] += gist is None and bool(one.gist.strip())
        return gist

    def _begins(self, one: ChapterPoint) -> float | None:
        """Return when a chapter begins: with the entry it names, at a time, or with its evidence.

        None if none of them is within what was looked at.
        """
        starts, evidence = self._known(one.start), self._known(" ".join(one.evidence))
        moments = [
            self._within(starts[0].start_s) if starts else _seconds(one.start),
            self._span(evidence)[0] if evidence else None,
        ]
        inside = (
            time_s
            for time_s in moments
            if time_s is not None
            and (self._start_s <= time_s < self._end_s or time_s == self._start_s)
        )
        return next(inside, None)

    def _known(self, text: str) -> list[TimelineEntry]:
        """Return the entries whose ids are in a text."""
        ids = (one.lower() for one in _ID.findall(text))
        return [self._entries[one] for one in ids if one in self._entries]

    def _names(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the names that stand somewhere in the timeline."""
        shown = [safe(name)[: _LONGEST_NAME + 1] for name in names[:_MOST_NAMES]]
        true = [name for name in shown if name in self._all and len(name) <= _LONGEST_NAME]
        self.removed["names"] += len(shown) - len(true)
        return _distinct(true)

    def _prose(self, text: str, longest: int) -> str:
        """Return text on one line without citations and without quotation marks that are untrue.

        "" where it has neither letter nor figure: a model fills places with dots.
        """
        plain, removed = only_true_quotes(_uncited(safe(text)), self._was_said)
        self.removed["quotes"] += removed
        if not any(map(str.isalnum, plain)):
            return ""
        return only_true_quotes(shortened(plain, longest), self._was_said)[0].strip()

    def _was_said(self, text: str) -> bool:
        return any(text in worded for worded in self._worded)


def _cited(text: str) -> list[str]:
    """Return the citations in running text, as [s12] or (t3, s13), with the space before them."""
    found = []
    for one in _BRACKETED.finditer(text):
        square, inner = one[1] is not None, one[1] or one[2] or ""
        only = (_ONLY_IDS if square else _ONLY_SMALL_IDS).fullmatch(inner)
        if only and _ID.search(inner):
            found.append(one[0])
    return found


def _uncited(text: str) -> str:
    """Return running text without its citations."""
    for one in _cited(text):
        text = text.replace(one, "")
    return " ".join(text.split())


def _first(ids: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(ids))[:_MOST_IDS]


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    found: dict[str, str] = {}
    for text in filter(None, texts):
        found.setdefault(text.casefold(), text)
    return tuple(found.values())


def _seconds(text: str) -> float | None:
    """Return the seconds that "90", "90.5 s" or "1:30" stand for."""
    if clock := _CLOCK.fullmatch(text.strip()):
        hours, minutes, seconds = (float(part or 0) for part in clock.groups())
        return hours * 3600 + minutes * 60 + seconds
    number = _NUMBER.match(text.strip())
    value = float(number[0]) if number else math.nan
    return value if math.isfinite(value) else None
