"""What each stage would take by what its engine says, the prices, and how long work takes here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from vidsum import registry
from vidsum.captioners.protocol import most_looks
from vidsum.config import Options
from vidsum.costs.budget import Amount
from vidsum.costs.prices import PriceBook
from vidsum.costs.units import cu
from vidsum.data import Forecast, Modality, ModelRef, Need, Price, Quantities, Span
from vidsum.planner.facts import Facts, caption_line_tokens
from vidsum.planner.lines import Line, bounding, largest, less, part, plus, times
from vidsum.planner.rates import Rates, unit_of

NOTHING: Final = Span(0, 0, 0)
MODELS: Final[Mapping[str, tuple[str, Modality]]] = {
    "transcriber": ("transcript", "audio"),
    "captioner": ("describe", "image"),
    "reasoner": ("reason", "text"),
}
"""Each stage of engines as the ledger calls it, and what it is about."""
LOOK: Final = "look"
"""The stage of pictures that are looked at again, with a question each."""
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


class Pricing:
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


class Asked:
    """What the engines say that they would use for a video."""

    def __init__(
        self, facts: Facts, engines: Mapping[str, str], options: Options, pricing: Pricing
    ) -> None:
        self._facts, self._engines, self._options = facts, engines, options
        self._pricing = pricing
        self._once = replace(options, second_look=0)
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
        self.looks = self._looks()

    def _looks(self) -> Span:
        """Return how many moments may be seen again: a model that may ask is likely to."""
        most = most_looks(self._options)
        if not (most and self._facts.has_video and self._facts.captions.most):
            return NOTHING
        by_models = all(
            stage in self._engines and self._forecast(stage, self._needs[stage]) is not None
            for stage in ("captioner", "reasoner")
        )
        return Span(0, most, most) if by_models else NOTHING

    def stage(self, stage: str, rates: Rates) -> StageEstimate:
        """Return what one stage would take."""
        name, modality = MODELS[stage]
        engine = self._engines[stage]
        found = self._revised() if stage == "reasoner" else self._forecast(
            stage, self._needs[stage])  # fmt: skip
        if found is None:
            units = self._facts.captions if stage == "captioner" else Span(1, 1, 1)
            return StageEstimate(stage=name, modality=modality, engine=engine,
                                 seconds=rates.seconds(name, units))  # fmt: skip
        return _stage(name, modality, engine, found, self._pricing, rates, self._note(stage))

    def look(self, rates: Rates) -> StageEstimate:
        """Return what second looks would take."""
        found = self._seen_again()
        assert found is not None
        return _stage(LOOK, "image", self._engines["captioner"], found, self._pricing, rates,
                      "if the model asks to see moments again")  # fmt: skip

    def again(self) -> Amount:
        """Return what second looks and the revision after them may cost at most."""
        if not self.looks.most:
            return Amount()
        first = self._forecast("reasoner", self._needs["reasoner"])
        revision = less(self._pricing.most(self._revised()), self._pricing.most(first))
        return plus(revision, self._pricing.most(self._seen_again()))

    def _revised(self) -> Forecast | None:
        need = replace(self._needs["reasoner"], looks=self.looks)
        options = self._options if self.looks.most else self._once
        return registry.forecast("reasoner", self._engines["reasoner"], options, need)

    def _seen_again(self) -> Forecast | None:
        need = replace(self._needs["captioner"], captions=NOTHING, looks=self.looks)
        return self._forecast("captioner", need)

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
        told = replace(self._once, language=self._options.language or "en")
        known = registry.forecast("transcriber", self._engines["transcriber"], told, need)
        without = self._pricing.most(known)
        return Line(less(whole, without), part(without, 100))

    def _forecast(self, stage: str, need: Need) -> Forecast | None:
        """Return what an engine would use when nothing is looked at again."""
        return registry.forecast(stage, self._engines[stage], self._once, need)


def _stage(
    name: str, modality: Modality, engine: str, found: Forecast, pricing: Pricing, rates: Rates,
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
        seconds=_seconds(rates, name, units or calls, found.model, compute),
        unpriced=usd is None and calls.most > 0, note=note, price=costs[2],
    )  # fmt: skip


def _seconds(rates: Rates, stage: str, units: Span, model: ModelRef,
             compute: Span | None) -> Span | None:  # fmt: skip
    """Return how long a model's calls take; a second look as a caption until one was made."""
    name, device = model.requested, model.device
    own = rates.seconds(stage, units, model=name, device=device)
    alike = "describe" if stage == LOOK else stage
    return own or rates.seconds(alike, units, model=name, device=device, cu=compute)


def free_stages(facts: Facts, engines: Mapping[str, str], rates: Rates) -> Iterable[StageEstimate]:
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
