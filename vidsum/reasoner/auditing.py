"""The last gate: a summary or an answer, whoever wrote it, held against the timeline once more.

What is right stays exactly as it is. Nothing here asks a model, guesses or fails: the same answer
and the same timeline give the same result, and a result that went through stays as it is.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from vidsum.data import Answer, Bundle, Chapter, Claim, Name, Summary, TimelineEntry
from vidsum.reasoner.covering import Span, grounding
from vidsum.reasoner.verbatim import Record, Wording, only_true_quotes
from vidsum.wording import safe


def audited_summary(summary: Summary, bundle: Bundle) -> Summary:
    """Return a summary of which all that can be checked is true, and say how well it is founded.

    Ids that do not exist go, quotations that are not verbatim lose their marks, claims without
    evidence are marked, chapters are put in order inside the video without overlap.
    """
    audit = _Audit(bundle, [one.entry for one in summary.looks if one.entry is not None])
    overview_claims = audit.claims(summary.overview_claims)
    key_points, quotes = audit.claims(summary.key_points), audit.claims(summary.quotes)
    chapters, names = audit.chapters(summary.chapters), audit.names(summary.names)
    gists = [chapter.gist for chapter in chapters if chapter.gist]
    whole = summary.overview == _joined(summary.overview_claims)
    return replace(
        summary,
        title=audit.text(summary.title),
        overview=_joined(overview_claims) if whole else audit.text(summary.overview),
        overview_claims=overview_claims,
        key_points=key_points,
        chapters=chapters,
        names=names,
        quotes=quotes,
        caveats=tuple(map(audit.text, summary.caveats)),
        grounding=grounding(
            [*overview_claims, *key_points, *gists, *quotes], names, audit.timeline, audit.span,
            audit.removed + Counter(summary.grounding.removed),
        ),
    )  # fmt: skip


def audited_answer(answer: Answer, bundle: Bundle) -> Answer:
    """Return an answer of which all that can be checked is true, see :func:`audited_summary`.

    It counts as found only where some of it has evidence.
    """
    audit = _Audit(bundle, [])
    claims, caveats = audit.claims(answer.claims), tuple(map(audit.text, answer.caveats))
    removed = audit.removed + Counter(answer.grounding.removed)
    return replace(
        answer,
        found=answer.found and any(claim.supported for claim in claims),
        claims=claims,
        caveats=caveats,
        grounding=grounding(claims, [], audit.timeline, audit.span, removed),
    )


class _Audit:
    """One timeline to check an answer by. ``removed`` counts what was taken out, by kind."""

    def __init__(self, bundle: Bundle, seen: Iterable[TimelineEntry]) -> None:
        self._entries = {entry.id: entry for entry in (*bundle.timeline, *seen)}
        self.timeline = tuple(self._entries.values())
        self.span = Span.of(bundle.evidence)
        self.removed: Counter[str] = Counter()
        self._record = Record(self.timeline)
        self._beside = Wording(_beside(bundle), running=False)
        self._stood: dict[str, bool] = {}

    def claims(self, told: Iterable[Claim]) -> tuple[Claim, ...]:
        """Return claims with true ids, times and marks, and without those that say nothing."""
        claims = [self._claim(one) for one in told]
        true = tuple(one for one in claims if one.text)
        self.removed["points"] += len(claims) - len(true)
        return true

    def names(self, told: Iterable[Name]) -> tuple[Name, ...]:
        """Return the names that stand in the timeline, with entries that they stand in."""
        names = []
        for one in told:
            text = safe(one.text)
            at = self._record.naming(text, self._ids(one.evidence))
            if at:
                names.append(Name(text, one.kind, at))
            else:
                self.removed["names"] += 1
        return tuple(names)

    def chapters(self, told: Sequence[Chapter]) -> tuple[Chapter, ...]:
        """Return chapters in order of time, inside what was looked at, none over another."""
        kept: list[Chapter] = []
        placed = ((*_times(one, self.span), one) for one in told if not math.isnan(one.start_s))
        for start_s, end_s, one in sorted(placed, key=lambda chapter: chapter[:2]):
            if kept and start_s < kept[-1].end_s:
                if start_s > kept[-1].start_s:
                    kept[-1] = replace(kept[-1], end_s=start_s)
                else:
                    start_s = kept[-1].end_s
            if start_s < end_s or (self.span.length_s == 0 and not kept):
                kept.append(replace(one, start_s=start_s, end_s=end_s))
        self.removed["chapters"] += len(told) - len(kept)
        return tuple(
            replace(one, title=self.text(one.title), gist=self._gist(one.gist)) for one in kept
        )

    def text(self, text: str) -> str:
        """Return text on one line, without marks round what stands nowhere in the evidence."""
        shown = safe(text)
        plain, removed = only_true_quotes(shown, self._stands)
        if not removed or self._stands(shown):
            return shown
        self.removed["quotes"] += removed
        return safe(plain)

    def _gist(self, gist: Claim | None) -> Claim | None:
        return next(iter(self.claims([gist])), None) if gist else None

    def _claim(self, claim: Claim) -> Claim:
        text, ids = safe(claim.text), self._ids(claim.evidence)
        at: tuple[TimelineEntry, ...] = ()
        if claim.quoted:
            at = self._record.holding(text, ids)
            self.removed["quotes"] += not at
        if not at:
            text = self.text(text)
        elif not all(entry.id in ids for entry in at):
            ids = tuple(dict.fromkeys([*(entry.id for entry in at), *ids]))
        span = self.span.around(at or [self._entries[one] for one in ids])
        if span is None:
            return Claim(text, None, None, (), supported=False)
        return Claim(text, *_held(claim, span), ids, quoted=bool(at))

    def _ids(self, named: Sequence[str]) -> tuple[str, ...]:
        """Return the ids that exist, without repeats; count the others."""
        known = [one for one in named if one in self._entries]
        self.removed["ids"] += len(named) - len(known)
        return tuple(dict.fromkeys(known))

    def _stands(self, text: str) -> bool:
        if text not in self._stood:
            self._stood[text] = text in self._record or text in self._beside
        return self._stood[text]


def _beside(bundle: Bundle) -> Iterator[TimelineEntry]:
    """Yield words that came with the video and stand in no entry: marks, tags, titles of parts."""
    info = bundle.evidence.info
    facts = (fact.value for fact in bundle.evidence.facts)
    for text in (*bundle.overlay, *info.tags.values(), *facts, *(m.title for m in info.chapters)):
        yield TimelineEntry("", "fact", 0.0, 0.0, text, "")


def _joined(claims: Iterable[Claim]) -> str:
    return " ".join(claim.text for claim in claims)


def _times(chapter: Chapter, span: Span) -> tuple[float, float]:
    """Return from when to when a chapter is, inside a span; to its end where no end is told."""
    start_s = span.within(chapter.start_s)
    # NaN is not more than anything.
    return start_s, span.within(chapter.end_s) if chapter.end_s > start_s else span.end_s


def _held(claim: Claim, span: tuple[float, float]) -> tuple[float, float]:
    """Return a claim's own times, as far as its evidence reaches; all of that if they are not."""
    if claim.start_s is None or claim.end_s is None or not claim.start_s <= claim.end_s:
        return span
    start_s, end_s = max(claim.start_s, span[0]), min(claim.end_s, span[1])
    return (start_s, end_s) if start_s <= end_s else span
