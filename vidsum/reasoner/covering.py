"""Times held within the video, and how much of it an answer's evidence touches."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from vidsum.data import Claim, Evidence, Grounding, Name, TimelineEntry

_PARTS: Final = 20


@dataclass(frozen=True, slots=True)
class Span:
    """The stretch of the video that was looked at; both times are finite, in order."""

    start_s: float
    end_s: float

    @classmethod
    def of(cls, evidence: Evidence) -> Span:
        """Return the stretch that some evidence is of, an empty one where its times are none."""
        start_s = evidence.start_s if math.isfinite(evidence.start_s) else 0.0
        end_s = evidence.end_s if math.isfinite(evidence.end_s) else start_s
        return cls(start_s, max(start_s, end_s))

    @property
    def length_s(self) -> float:
        return self.end_s - self.start_s

    def within(self, time_s: float) -> float:
        """Return the nearest moment inside; the beginning for what is no time."""
        return min(time_s, self.end_s) if time_s > self.start_s else self.start_s

    def holds(self, time_s: float) -> bool:
        """Tell whether something can begin at a time: not at the end, unless that is all."""
        return time_s == self.start_s or self.start_s <= time_s < self.end_s

    def around(self, entries: Iterable[TimelineEntry]) -> tuple[float, float] | None:
        """Return from when to when some entries are, None for no entries.

        Facts, which are always, count only where there is nothing else.
        """
        every = list(entries)
        moments = [one for one in every if one.kind != "fact"] or every
        if not moments:
            return None
        start_s = min(self.within(one.start_s) for one in moments)
        return start_s, max(start_s, *(self.within(one.end_s) for one in moments))


def grounding(
    claims: Iterable[Claim], names: Sequence[Name], timeline: Iterable[TimelineEntry],
    span: Span, removed: Mapping[str, int],
) -> Grounding:  # fmt: skip
    """Return how an answer stands up to a timeline; what is said twice is counted once."""
    statements = list(claims)
    told: dict[str, bool] = {}
    for one in statements:
        key = one.text.casefold()
        told[key] = told.get(key, False) or one.supported
    supported = sum(told.values()) + len(names)
    moments = {one.id: one for one in timeline if one.kind != "fact"}
    named = [*(one.evidence for one in statements), *(one.evidence for one in names)]
    cited = [moments[one] for one in {*chain.from_iterable(named)} if one in moments]
    stretches = _joined((span.within(one.start_s), span.within(one.end_s)) for one in cited)
    gap_s, gap_at_s = _largest_gap(stretches, span)
    return Grounding(
        claims=len(told) + len(names),
        supported=supported,
        unsupported=len(told) + len(names) - supported,
        removed={kind: count for kind, count in removed.items() if count},
        entries=len(moments),
        cited_entries=len(cited),
        covered_share=_covered_share(stretches, span),
        largest_gap_s=gap_s,
        largest_gap_at_s=gap_at_s,
    )


Stretch = tuple[float, float]


def _joined(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Return stretches in order, those that touch each other as one."""
    joined: list[Stretch] = []
    for start_s, end_s in sorted(stretches):
        end_s = max(start_s, end_s)
        if joined and start_s <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], end_s)
        else:
            joined.append((start_s, end_s))
    return joined


def _covered_share(stretches: Iterable[Stretch], span: Span) -> float | None:
    """Return the share (0–1) of twentieths of the time in which some stretch has a part."""
    if span.length_s <= 0:
        return None
    touched = {part for stretch in stretches for part in _parts(stretch, span)}
    return len(touched) / _PARTS


def _parts(stretch: Stretch, span: Span) -> Iterator[int]:
    """Yield the twentieths that a stretch touches; one that it only reaches is not among them."""
    first, last = ((time_s - span.start_s) / span.length_s * _PARTS for time_s in stretch)
    begun = min(int(first), _PARTS - 1)
    yield from range(begun, max(begun + 1, min(math.ceil(last), _PARTS)))


def _largest_gap(
    stretches: Sequence[Stretch], span: Span
) -> tuple[float, float] | tuple[None, None]:
    """Return the longest time between two stretches, the ends of the span too, and its begin."""
    if span.length_s <= 0:
        return None, None
    ends = [span.start_s, *(end_s for _, end_s in stretches)]
    starts = [*(start_s for start_s, _ in stretches), span.end_s]
    gaps = [(start_s - end_s, end_s) for end_s, start_s in zip(ends, starts, strict=True)]
    gap_s, at_s = max(gaps, key=lambda gap: gap[0])
    return max(0.0, gap_s), at_s
