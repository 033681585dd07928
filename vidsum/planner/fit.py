"""What of a run fits under a cap, in the order in which things are given up.

1. Fewer pictures are described, down to one every two minutes, four at least.
2. The summary is quoted together, not written by a model.
3. Speech is recognised in parts, evenly over the time.
4. Fewer pictures still, down to none.

All is worked out with worst cases: what a plan has certainly fits. Calls mostly settle far below
theirs, so that more can be done on the way than a plan says. Nothing is given up for the sake of
second looks, which get what is left in the end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from vidsum.costs.budget import NO_LIMIT, Amount, Caps
from vidsum.errors import OptionError
from vidsum.planner.estimate import Estimate, StageEstimate
from vidsum.planner.lines import Line, less, plus
from vidsum.wording import escaped, number

_FLOOR_PICTURES, _FLOOR_EVERY_S = 4, 120.0
_HUNDRED: Final = 100
_LOOKING_SHARE: Final = 0.5
"""Of the seconds of a cap, that looking may take: the rest is for models and the summary."""
_COARSER_WITH_TEXT, _COARSEST = 4, 64
"""So many times the interval before text on screen is given up, and after that."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run can do under its caps.

    ``fits``: all of it, whatever happens. ``write``: a model writes the summary, and ``hold`` is
    what to keep back for it when n pictures are described. ``speech_share`` (0–1) and ``captions``
    are what certainly fits. ``interval_factor`` and ``ocr``: by how many times further apart
    samples are taken, and whether text is read, so that looking keeps within a cap on seconds.
    ``lines`` say in words what is given up.
    """

    fits: bool
    write: bool
    hold: Line
    speech_share: float
    captions: int
    lines: tuple[str, ...] = ()
    interval_factor: int = 1
    ocr: bool = True


def check_priced(caps: Caps, estimate: Estimate) -> None:
    """Refuse a cap that cannot be kept, for nobody knows what calls cost. Raises: OptionError."""
    if caps.allow_unpriced:
        return
    for stage in _asked(estimate):
        name = escaped(stage.model.requested if stage.model else "") or "the model served"
        if caps.money and stage.usd_nano is None:
            raise OptionError(f"No price is known for {name}, so a cap on money cannot be kept.",
                              "--allow-unpriced makes its calls all the same; or name its price "
                              "in prices.toml.")  # fmt: skip
        if caps.compute and stage.cu is None:
            raise OptionError(
                f"Nobody knows how much {name} computes, so a cap on compute cannot be kept.",
                "--allow-unpriced makes its calls all the same; --max-usd bounds money.",
            )


def fit(caps: Caps, estimate: Estimate, left_today: Amount = NO_LIMIT) -> Plan:
    """Return what fits. ``left_today`` is what the day's caps leave, None where there is none.

    Costs that nobody knows count as nothing: see :func:`check_priced`.
    """
    interval_factor, ocr = _looking(caps, estimate)
    of_run, of_day = Amount(caps.usd_nano, caps.cu), Amount(caps.day.usd_nano, caps.day.cu)
    limit = _smaller(_smaller(of_run, of_day), left_today)
    costs = _Costs(estimate)
    everything = _within(costs.everything, limit)
    written = any(stage.stage == "reason" for stage in _asked(estimate))
    if everything:
        share, captions, write = _HUNDRED, costs.captions, written
    else:
        share, captions, write = costs.largest(limit, written)
    told = tuple(_told(estimate, costs, share, captions, written and not write))
    timed = tuple(_told_of_time(estimate, interval_factor, ocr))
    return Plan(
        fits=everything and not timed, write=write,
        hold=estimate.summary if write else Line(Amount(), Amount()),
        speech_share=share / _HUNDRED, captions=captions, lines=(*told, *timed),
        interval_factor=interval_factor, ocr=ocr,
    )  # fmt: skip


def worst_case(estimate: Estimate, plan: Plan) -> Amount:
    """Return the most that a plan may cost; what nobody knows counts as nothing."""
    costs = _Costs(estimate)
    if plan.fits:
        return _known(costs.everything)
    return costs.of(round(plan.speech_share * _HUNDRED), plan.captions, write=plan.write)


def floor_captions(estimate: Estimate) -> int:
    """Return how many pictures are described before anything else is given up for them."""
    wanted = max(_FLOOR_PICTURES, math.ceil(estimate.facts.duration_s / _FLOOR_EVERY_S))
    return min(math.ceil(estimate.facts.captions.most), wanted)


class _Costs:
    """The worst cases of an estimate."""

    def __init__(self, estimate: Estimate) -> None:
        self._estimate = estimate
        self.captions = math.ceil(estimate.facts.captions.most)
        self.floor = floor_captions(estimate)
        self.everything = less(_sum(estimate), _known(estimate.again))

    def of(self, share: int, captions: int, *, write: bool) -> Amount:
        """Return the worst case of so many hundredths of speech, and so many pictures."""
        found = self._estimate
        parts = [
            found.speech.at(share) if share else Amount(),
            found.captions.at(captions) if captions else Amount(),
            found.summary.at(captions) if write else Amount(),
        ]
        total = Amount()
        for part in parts:
            total = plus(total, _known(part))
        return total

    def largest(self, limit: Amount, written: bool) -> tuple[int, int, bool]:
        """Return the largest hundredths of speech and number of pictures, and whether a model
        writes the summary, in the order of giving up."""
        for write in dict.fromkeys((written, False)):
            top = self.captions if write == written else self.floor
            captions = _last(self.floor, top, self._fits(limit, _HUNDRED, write))
            if captions is not None:
                return _HUNDRED, captions, write
        share = _last(0, _HUNDRED, lambda n: _within(self.of(n, self.floor, write=False), limit))
        if share is not None:
            return share, self.floor, False
        return 0, _last(0, self.floor, self._fits(limit, 0, False)) or 0, False

    def _fits(self, limit: Amount, share: int, write: bool) -> Callable[[int], bool]:
        return lambda count: _within(self.of(share, count, write=write), limit)


def _last(low: int, high: int, fits: Callable[[int], bool]) -> int | None:
    """Return the largest number that fits, where all below one that fits do; None when none."""
    if not fits(low):
        return None
    while low < high:
        middle = (low + high + 1) // 2
        if fits(middle):
            low = middle
        else:
            high = middle - 1
    return low


def _asked(estimate: Estimate) -> Iterator[StageEstimate]:
    """Yield the stages that may ask a model."""
    return (stage for stage in estimate.stages if stage.model is not None and stage.calls.most)


def _sum(estimate: Estimate) -> Amount:
    total = Amount()
    for stage in _asked(estimate):
        usd_nano = math.ceil(stage.usd_nano.most) if stage.usd_nano else 0
        total = plus(total, Amount(usd_nano, stage.cu.most if stage.cu else 0.0))
    return total


def _known(amount: Amount) -> Amount:
    return Amount(amount.usd_nano or 0, amount.cu or 0.0)


def _within(amount: Amount, limit: Amount) -> bool:
    money = limit.usd_nano is None or (amount.usd_nano or 0) <= limit.usd_nano
    return money and (limit.cu is None or (amount.cu or 0.0) <= limit.cu)


def _smaller(one: Amount, other: Amount) -> Amount:
    usd = [value for value in (one.usd_nano, other.usd_nano) if value is not None]
    compute = [value for value in (one.cu, other.cu) if value is not None]
    return Amount(min(usd, default=None), min(compute, default=None))


def _told(
    estimate: Estimate, costs: _Costs, share: int, captions: int, quoted: bool
) -> Iterator[str]:
    """Say what is given up at least, in plain words."""
    if captions < costs.captions:
        yield (
            f"Of up to {number(costs.captions)} pictures there is room for {number(captions)}: "
            "those that tell most, from the whole of the video."
            if captions else "There is no room to describe a picture."
        )  # fmt: skip
    if quoted:
        yield "The summary is quoted together, not written by a model."
    if share < _HUNDRED and estimate.facts.speech_s.most:
        yield (
            f"Of the speech there is room for {share} %, evenly over the time."
            if share else "There is no room to recognise speech."
        )  # fmt: skip


def _looking(caps: Caps, estimate: Estimate) -> tuple[int, bool]:
    """Return by how many times further apart samples must be, and whether text can be read."""
    stages = {stage.stage: stage.seconds for stage in estimate.stages}
    read = "ocr" in stages
    parts = [stages.get(name) for name in ("decode", "dedupe", "measure")]
    known = [part.likely for part in parts if part is not None]
    text = stages.get("ocr")
    if caps.seconds is None or len(known) < len(parts) or (read and text is None):
        return 1, True
    allowed_s, looking_s = _LOOKING_SHARE * caps.seconds, math.fsum(known)
    reading_s = text.likely if text else 0.0
    factor = math.ceil((looking_s + reading_s) / allowed_s)
    if factor <= _COARSER_WITH_TEXT:
        return max(1, factor), True
    return min(_COARSEST, max(1, math.ceil(looking_s / allowed_s))), not read


def _told_of_time(estimate: Estimate, factor: int, ocr: bool) -> Iterator[str]:
    if factor > 1:
        interval_s = estimate.facts.interval_s * factor
        yield f"A picture is looked at every {number(interval_s)} seconds."
    if not ocr:
        yield "Text on screen is not read."
