"""What a run would cost, stage by stage, before it is made: a range, and nothing made up.

What is not known is None and counted as such in the totals. Nothing is loaded, nobody contacted.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from vidsum import registry
from vidsum.config import Options
from vidsum.costs.budget import Amount, dollars
from vidsum.costs.prices import PriceBook
from vidsum.costs.units import cu
from vidsum.data import Forecast, Modality, ModelRef, Need, Price, Quantities, Quoted, Span
from vidsum.planner.facts import (
    Depth,
    Facts,
    caption_line_tokens,
    facts_from_probe,
    facts_precisely,
)
from vidsum.planner.lines import Line, bounding, largest, less, part, times
from vidsum.planner.rates import Rates, unit_of

__all__ = ["Depth", "Estimate", "Facts", "Line", "StageEstimate", "Totals", "by_likely", "estimate",
           "facts_from_probe", "facts_precisely", "quoted"]  # fmt: skip

NOTHING: Final = Span(0, 0, 0)
_MODELS: Final[Mapping[str, tuple[str, Modality]]] = {
    "transcriber": ("transcript", "audio"),
    "captioner": ("describe", "image"),
    "reasoner": ("reason", "text"),
}
"""Each stage of engines as the ledger calls it, and what it is about."""
_FEW: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class StageEstimate:
    """What one stage would take. None is unknown; ``unpriced``: its model has no known price.

    ``model`` is None for a stage without one; ``seconds`` is a forecast by earlier runs, all else
    least, likely and most.
    """

    stage: str
    modality: Modality
    engine: str
    model: ModelRef | None = None
    calls: Span = NOTHING
    input_tokens: Span | None = None
    output_tokens: Span | None = None
    images: Span | None = None
    audio_s: Span | None = None
    cu: Span | None = NOTHING
    usd_nano: Span | None = NOTHING
    seconds: Span | None = None
    unpriced: bool = False
    note: str = ""
    price: Price | None = None


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
    """

    facts: Facts
    stages: tuple[StageEstimate, ...]
    captions: Line
    summary: Line
    likely_summary: Line
    speech: Line
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
    pricing = _Pricing(prices)
    asked = _Asked(facts, engines, options, pricing)
    stages = [*_free(facts, engines, known)]
    for stage in _MODELS:
        if stage in engines:
            stages.append(asked.stage(stage, known))
    return Estimate(
        facts=facts, stages=tuple(stages), captions=asked.captions(), summary=asked.summary(),
        likely_summary=asked.likely_summary(), speech=asked.speech(), prices=pricing.described,
    )  # fmt: skip


def by_likely(found: Estimate) -> Estimate:
    """Return an estimate whose worst cases of speech and pictures are what is likely instead.

    That of the summary stays the worst case, but of a timeline of likely length. A plan made from
    it is not certain to fit; the budget keeps the run under its caps all the same.
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
    return replace(
        found, stages=tuple(changed.get(stage.stage) or stage for stage in found.stages),
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


class _Pricing:
    """Prices what is forecast, and remembers whether any price was asked for."""

    def __init__(self, book: PriceBook) -> None:
        self._book, self._asked = book, False

    @property
    def described(self) -> str | None:
        """Where prices come from; None when none was needed."""
        return self._book.describe() if self._asked else None

    def price(self, model: ModelRef, used: Quantities) -> Price | None:
        """Return what calls cost that use this much together; no call costs nothing."""
        if not used.calls:
            return Price(0, "local")
        self._asked = self._asked or model.base_url is not None
        return self._book.price(model, used)

    def most(self, found: Forecast | None) -> Amount:
        """Return the worst case of a forecast."""
        if found is None or not found.most.calls:
            return Amount()
        price = self.price(found.model, found.most)
        flops = found.most_flops
        return Amount(price.usd_nano if price else None, None if flops is None else cu(flops))


class _Asked:
    """What the engines say that they would use for a video."""

    def __init__(
        self, facts: Facts, engines: Mapping[str, str], options: Options, pricing: _Pricing
    ) -> None:
        self._facts, self._engines, self._options = facts, engines, options
        self._pricing = pricing
        need = facts.need
        if "transcriber" not in engines:  # nobody turns the speech into words
            need = replace(need, speech_s=NOTHING, passages=NOTHING)
        speaks = need.speech_s.most > 0 or facts.subtitles is not False
        around = Span(0, facts.duration_s, facts.duration_s) if speaks else NOTHING
        side_px = facts.side_px(reads="reader" in engines)
        heard = {"speech_s": NOTHING, "passages": NOTHING} if facts.subtitles else {}
        self._needs: dict[str, Need] = {
            "transcriber": replace(need, **heard),  # type: ignore[arg-type]
            "captioner": replace(need, side_px=side_px, speech_s=around),
            "reasoner": need,
        }

    def stage(self, stage: str, rates: Rates) -> StageEstimate:
        """Return what one stage would take."""
        name, modality = _MODELS[stage]
        engine = self._engines[stage]
        found = self._forecast(stage, self._needs[stage])
        if found is None:
            units = self._facts.captions if stage == "captioner" else Span(1, 1, 1)
            return StageEstimate(stage=name, modality=modality, engine=engine,
                                 seconds=rates.seconds(name, units))  # fmt: skip
        return _stage(name, modality, engine, found, self._pricing, rates, self._note(stage))

    def _note(self, stage: str) -> str:
        if stage == "transcriber" and self._facts.subtitles:
            return "the words come from subtitles"
        if stage == "transcriber" and self._facts.subtitles is None:
            return "nothing if there are subtitles"
        return ""

    def captions(self) -> Line:
        """Return what describing a number of pictures may cost at most."""
        need = self._needs["captioner"]

        def cost(count: int) -> Amount:
            span = Span(count, count, count)
            return self._pricing.most(self._forecast("captioner", replace(need, captions=span)))

        most = math.ceil(self._facts.captions.most)
        if "captioner" not in self._engines or not most or cost(1) == Amount():
            return Line(Amount(), Amount())
        # From somewhere on, each three pictures cost the same: what is above that is the base.
        far = 3 * (max(most, self._options.api_requests) // 3 + 1)
        each = part(less(cost(2 * far), cost(far)), far)
        points = {*range(1, _FEW + 1), self._options.api_requests, most}
        return Line(largest(less(cost(n), times(each, n)) for n in points), each)

    def summary(self) -> Line:
        """Return what the summary may cost at most when a number of pictures is described."""
        told, count = self._needs["reasoner"].timeline_tokens, self._facts.captions.most
        return self._summary(told.most, math.ceil(count), caption_line_tokens().most)

    def likely_summary(self) -> Line:
        """Return the same for a timeline that is as long as is likely."""
        told, count = self._needs["reasoner"].timeline_tokens, self._facts.captions.likely
        return self._summary(told.likely, count, caption_line_tokens().likely)

    def _summary(self, whole_tokens: float, described: float, each_tokens: float) -> Line:
        """Return the bound for timelines with ``whole_tokens`` when so many are described."""
        need = self._needs["reasoner"]
        least = need.timeline_tokens.least

        def cost(captions: int) -> Amount:
            most = max(least, whole_tokens + (captions - described) * each_tokens)
            asked = replace(need, timeline_tokens=Span(least, most, most))
            return self._pricing.most(self._forecast("reasoner", asked))

        if "reasoner" not in self._engines:
            return Line(Amount(), Amount())
        return bounding(cost, math.ceil(self._facts.captions.most))

    def speech(self) -> Line:
        """Return what hundredths of the speech may cost at most; to find out its language does
        not get cheaper with less of it."""
        if "transcriber" not in self._engines:
            return Line(Amount(), Amount())
        need = self._needs["transcriber"]
        whole = self._pricing.most(self._forecast("transcriber", need))
        told = replace(self._options, language=self._options.language or "en")
        known = registry.forecast("transcriber", self._engines["transcriber"], told, need)
        without = self._pricing.most(known)
        return Line(less(whole, without), part(without, 100))

    def _forecast(self, stage: str, need: Need) -> Forecast | None:
        return registry.forecast(stage, self._engines[stage], self._options, need)


def _stage(
    name: str, modality: Modality, engine: str, found: Forecast, pricing: _Pricing, rates: Rates,
    note: str,
) -> StageEstimate:  # fmt: skip
    used = (found.least, found.likely, found.most)
    costs = [pricing.price(found.model, one) for one in used]
    flops = (found.least_flops, found.likely_flops, found.most_flops)
    calls = _span([float(one.calls or 0) for one in used]) or NOTHING
    compute = _span([
        0.0 if not one.calls else None if each is None else cu(each)
        for one, each in zip(used, flops, strict=True)
    ])  # fmt: skip
    usd = _span([None if one is None else float(one.usd_nano) for one in costs])
    sound = _span([one.audio_s for one in used])
    units = sound if unit_of(name) == "audio_s" else calls
    return StageEstimate(
        stage=name, modality=modality, engine=engine, model=found.model, calls=calls,
        input_tokens=_span([one.input_tokens for one in used]),
        output_tokens=_span([one.output_tokens for one in used]),
        images=_span([one.images for one in used]), audio_s=sound, cu=compute, usd_nano=usd,
        seconds=rates.seconds(name, units or calls, model=found.model.requested,
                              device=found.model.device, cu=compute),
        unpriced=usd is None and calls.most > 0, note=note, price=costs[2],
    )  # fmt: skip


def _free(facts: Facts, engines: Mapping[str, str], rates: Rates) -> Iterable[StageEstimate]:
    """Yield the stages that need no model, whose cost is time."""
    if not facts.has_video:
        return
    looks: list[tuple[str, Modality, str, Span]] = [
        ("decode", "video", "pyav", facts.samples),
        ("dedupe", "image", "blocks", facts.samples),
        ("measure", "image", "builtin", facts.captions),
    ]
    if "reader" in engines:
        looks.append(("ocr", "image", engines["reader"], facts.captions))
    for stage, modality, engine, units in looks:
        yield StageEstimate(stage=stage, modality=modality, engine=engine,
                            seconds=rates.seconds(stage, units))  # fmt: skip


def _span(values: list[float | None] | list[float] | list[int | None]) -> Span | None:
    """Return a span; None when one of its ends is not known."""
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    least, likely, most = known
    return Span(least, min(max(likely, least), most), most)


def _sum(spans: Iterable[Span | None]) -> Span:
    known = [span for span in spans if span is not None]
    return Span(math.fsum(s.least for s in known), math.fsum(s.likely for s in known),
                math.fsum(s.most for s in known))  # fmt: skip


def _three(span: Span) -> tuple[float, float, float]:
    return span.least, span.likely, span.most
