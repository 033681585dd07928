"""What a run would cost, stage by stage, before it is made: a range, and nothing made up.

What is not known is None and counted as such in the totals. Nothing is loaded, nobody contacted.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from vidsum.config import Options
from vidsum.costs.budget import Amount, dollars
from vidsum.costs.prices import PriceBook
from vidsum.data import Quoted, Span
from vidsum.planner.asked import LOOK, MODELS, Asked, Pricing, StageEstimate, free_stages
from vidsum.planner.facts import Depth, Facts, facts_from_probe, facts_precisely
from vidsum.planner.lines import Line, part, times
from vidsum.planner.rates import Rates

__all__ = ["Depth", "Estimate", "Facts", "Line", "StageEstimate", "Totals", "by_likely", "estimate",
           "facts_from_probe", "facts_precisely", "quoted"]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums of what is known; ``unknown_*`` are the stages that are missing from each."""

    calls: Span
    cu: Span
    usd_nano: Span
    seconds: Span
    unknown_cu: int
    unknown_usd: int
    unknown_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a run would take.

    ``captions`` bounds what describing n pictures may cost, n not 0; ``summary`` what summing up
    may cost when n pictures are described, ``likely_summary`` the same where the timeline is as
    long as is likely; ``speech`` what n hundredths of the speech may cost, n not 0.

    None of these is about second looks and the revision after them, which get what is left in the
    end: ``again`` is what they may cost at most, and is part of the stages.
    """

    facts: Facts
    stages: tuple[StageEstimate, ...]
    captions: Line
    summary: Line
    likely_summary: Line
    speech: Line
    again: Amount = Amount()  # noqa: RUF009 - it is frozen
    prices: str | None = None
    """Where prices come from, as :meth:`PriceBook.describe` says it; None when none was needed."""

    def stage(self, name: str) -> StageEstimate | None:
        """Return the estimate of one stage, as the ledger calls it."""
        return next((stage for stage in self.stages if stage.stage == name), None)

    @property
    def totals(self) -> Totals:
        """All stages together."""
        cu_spans = [stage.cu for stage in self.stages]
        usd_spans = [stage.usd_nano for stage in self.stages]
        second_spans = [stage.seconds for stage in self.stages]
        return Totals(
            _sum(stage.calls for stage in self.stages), _sum(cu_spans), _sum(usd_spans),
            _sum(second_spans), cu_spans.count(None), usd_spans.count(None),
            second_spans.count(None),
        )  # fmt: skip


def estimate(
    facts: Facts, engines: Mapping[str, str], options: Options, prices: PriceBook,
    rates: Rates | None = None,
) -> Estimate:  # fmt: skip
    """Return what a run would take with these engines.

    ``engines``: the name of the engine for ``transcriber`` (the recogniser, whoever is asked
    before it), ``captioner``, ``reasoner`` and, where text is read, ``reader``.
    Raises: BackendMissing, OptionError.
    """
    known = rates or Rates()
    pricing = Pricing(prices)
    asked = Asked(facts, engines, options, pricing)
    stages = [*free_stages(facts, engines, known)]
    for stage in MODELS:
        if stage in engines:
            stages.append(asked.stage(stage, known))
    if asked.looks.most:
        stages.insert(-1, asked.look(known))
    return Estimate(
        facts=facts, stages=tuple(stages), captions=asked.captions(), summary=asked.summary(),
        likely_summary=asked.likely_summary(), speech=asked.speech(), again=asked.again(),
        prices=pricing.described,
    )  # fmt: skip


def by_likely(found: Estimate) -> Estimate:
    """Return an estimate whose worst cases of speech and pictures are what is likely instead.

    That of the summary stays the worst case, but of a timeline of likely length. Second looks are
    left out. A plan made from it is not certain to fit; the budget keeps the run under its caps all
    the same.
    """
    captions = math.ceil(found.facts.captions.likely) or 1
    stages = {stage.stage: stage for stage in found.stages}
    seen, heard, told = (stages.get(name) for name in ("describe", "transcript", "reason"))
    each = part(_likely(seen), captions)
    count = math.ceil(found.facts.captions.most)
    changed = {
        "describe": seen and _at_most(seen, times(each, count)),
        "transcript": heard and _at_most(heard, _likely(heard)),
        "reason": told and _at_most(told, found.likely_summary.at(count)),
    }
    kept = (stage for stage in found.stages if stage.stage != LOOK)
    return replace(
        found, stages=tuple(changed.get(stage.stage) or stage for stage in kept), again=Amount(),
        captions=Line(Amount(), each), speech=Line(Amount(), part(_likely(heard), 100)),
        summary=found.likely_summary,
    )  # fmt: skip


def _likely(stage: StageEstimate | None) -> Amount:
    if stage is None:
        return Amount()
    usd = None if stage.usd_nano is None else math.ceil(stage.usd_nano.likely)
    return Amount(usd, None if stage.cu is None else stage.cu.likely)


def _at_most(stage: StageEstimate, most: Amount) -> StageEstimate:
    usd, compute = most.usd_nano, most.cu
    return replace(stage, usd_nano=None if usd is None else Span(0, usd, usd),
                   cu=None if compute is None else Span(0, compute, compute))  # fmt: skip


def quoted(found: Estimate) -> Quoted:
    """Return an estimate as a receipt quotes it."""
    sums = found.totals
    usd = (sums.usd_nano.least, sums.usd_nano.likely, sums.usd_nano.most)
    return Quoted(
        found.facts.depth, _three(sums.calls), None if sums.unknown_cu else _three(sums.cu),
        None if sums.unknown_usd else (dollars(int(usd[0])), dollars(int(usd[1])),
                                       dollars(int(usd[2]))),
    )  # fmt: skip


def _sum(spans: Iterable[Span | None]) -> Span:
    known = [span for span in spans if span is not None]
    return Span(math.fsum(s.least for s in known), math.fsum(s.likely for s in known),
                math.fsum(s.most for s in known))  # fmt: skip


def _three(span: Span) -> tuple[float, float, float]:
    return span.least, span.likely, span.most
