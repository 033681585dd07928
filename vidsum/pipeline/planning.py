"""How a run keeps to its caps: what is held back, what is left out, and in which order."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from vidsum import registry, tokens
from vidsum.costs.budget import NO_LIMIT, NOTHING, Amount, Caps
from vidsum.data import (
    Bundle,
    DroppedSample,
    Evidence,
    MediaInfo,
    Observation,
    Span,
    Transcript,
)
from vidsum.errors import MediaError, OptionError
from vidsum.media.subtitles import find_sidecars
from vidsum.pipeline.choosing import Engines
from vidsum.pipeline.run import Run
from vidsum.pipeline.speech import RECOGNISERS, find_speech, request_for
from vidsum.planner.estimate import Estimate, by_likely, estimate, quoted
from vidsum.planner.facts import (
    Facts,
    caption_line_tokens,
    facts_from_probe,
    facts_precisely,
)
from vidsum.planner.fit import Plan, check_priced, fit, floor_captions
from vidsum.planner.lines import Line
from vidsum.planner.rates import Rates, rates
from vidsum.timeline import timeline
from vidsum.transcribers.speech_windows import PASSAGE_S
from vidsum.wording import as_line

if TYPE_CHECKING:
    from vidsum.pipeline.hearing import Hearing

_FOR_DESCRIBING, _FOR_THE_REST = 0.5, 0.1
_GUESSED_S = 600.0
"""How long a file is taken to be that does not say it: what it holds is found out on the way."""
_LONGER = 2.0
"""How much more speech a full passage has than the mean one."""
_FOR_SUMMARY_SHARE = 0.25
"""Of the seconds of a cap, what is kept for a summary that a model writes."""


def plan(run: Run, info: MediaInfo) -> None:
    """Estimate what models will be asked, and decide what fits under the caps.

    Raises: OptionError.
    """
    caps = run.meter.budget.caps
    if not caps and not _asks_models(run.engines):
        return
    with run.meter.stage("plan", "video", "vidsum"):
        facts = _facts(run, info, reads=bool(caps))
        if facts is None and not caps:
            return  # it does not say how long it is
        guessed = facts or _facts(run, replace(info, duration_s=_GUESSED_S))
        assert guessed is not None
        found = _estimated(run, guessed)
        if facts is not None:
            run.meter.quoted = quoted(found)
        if not caps:
            return
        check_priced(caps, found)
        left = run.meter.budget.left("plan")
        run.plan = fitted(caps, found, left)
    if guessed.speech_s.most:
        run.speech_s = guessed.speech_s.likely
        if caps.on_calls and not (run.plan.fits and facts is not None):
            found = _with_speech(run, info, guessed) or found
            run.plan = fitted(caps, found, left)
    if facts is None:
        run.plan = replace(run.plan, fits=False, interval_factor=1, ocr=True)
    _settle_on(run, by_likely(found).captions)


def fitted(caps: Caps, found: Estimate, left: Amount = NO_LIMIT) -> Plan:
    """Return everything if it fits at its worst, else what is likely to fit.

    A plan by worst cases would give up far more than is needed, and the reservations keep to the
    caps in any case.
    """
    sure = fit(caps, found, left)
    return sure if sure.fits else replace(fit(caps, _hopeful(found), left), fits=False)


def _hopeful(found: Estimate) -> Estimate:
    """Return an estimate by what is likely; of the summary the worst of as many calls as likely.

    All repetitions that there may be would take several times as much from the pictures.
    """
    asked = found.stage("reason")
    if asked is None or not asked.calls.most:
        return by_likely(found)
    share = Fraction(asked.calls.likely) / Fraction(asked.calls.most)
    summary = Line(_scaled(found.summary.base, share), _scaled(found.summary.each, share))
    return replace(by_likely(found), summary=summary)


def _scaled(amount: Amount, share: Fraction) -> Amount:
    usd, compute = amount.usd_nano, amount.cu
    return Amount(None if usd is None else math.ceil(usd * share),
                  None if compute is None else compute * float(share))  # fmt: skip


def _with_speech(run: Run, info: MediaInfo, facts: Facts) -> Estimate | None:
    """Find the speech first: what cannot be heard whole is heard in parts of all of it."""
    speech = find_speech(run, info, run.engines)
    if speech is None:
        return None
    run.speech_s = speech.speech_s
    if speech.passages:
        run.passage_s = min(PASSAGE_S, _LONGER * speech.speech_s / speech.passages)
    exact = replace(facts, speech_s=_exactly(speech.speech_s), passages=_exactly(speech.passages))
    return _estimated(run, exact)


def _settle_on(run: Run, captions: Line) -> None:
    """Put a plan into force: how often to look, whether to read, who writes the summary."""
    assert run.plan is not None
    made, options = run.plan, run.options
    if made.interval_factor > 1:
        run.options = replace(options, interval_s=options.interval_s * made.interval_factor)
        run.give_up(f"A picture is looked at every {run.options.interval_s:g} s, not every "
                    f"{options.interval_s:g} s, to keep to {options.max_seconds:g} s.")  # fmt: skip
    if not made.ocr and run.engines.reader is not None:
        run.engines = replace(run.engines, reader=None)
        run.give_up(f"Text on screen is not read, to keep to {options.max_seconds:g} s.")
    budget = run.meter.budget
    budget.hold("describe", captions.at(made.captions))  # the ears must not take it all
    if made.write:
        held_s = _FOR_SUMMARY_SHARE * (budget.caps.seconds or 0.0)
        budget.hold("reason", made.hold.at(made.captions), held_s)


@dataclass(frozen=True, slots=True)
class Held:
    """How pictures and summary share what is left.

    ``all_fit``: there is enough for all of it. Otherwise ``floor`` pictures go before the summary,
    and ``keep`` keeps back what that may take from those after them.
    """

    all_fit: bool
    floor: int
    keep: Callable[[], None]


def hold_for_summary(
    run: Run, info: MediaInfo, observations: Sequence[Observation],
    dropped: Sequence[DroppedSample], hearing: Hearing | None,
) -> Held:  # fmt: skip
    """Return what to keep back for the summary, now that all but the captions is known."""
    if run.plan is None or not observations:
        return Held(False, 0, lambda: None)
    transcript = hearing.transcript() if hearing is not None else Transcript((), "", "none")
    looked_s = observations[-1].sample.time_s + run.options.interval_s
    facts = _facts(run, info, reads=False) or _facts(run, replace(info, duration_s=looked_s))
    assert facts is not None
    seen = Evidence(info, tuple(observations), tuple(dropped), transcript, None,
                    run.options.start_s, facts.end_s, run.options.interval_s)  # fmt: skip
    told, _ = tokens.count("\n".join(map(as_line, timeline(seen))), None)
    count = len(observations)
    exact = replace(
        facts, captions=_exactly(count), speech_s=_exactly(0), passages=_exactly(0),
        subtitles=True,
        timeline_tokens=Span(told, told + count * caption_line_tokens().likely,
                             told + count * caption_line_tokens().most),
    )  # fmt: skip
    budget = run.meter.budget
    budget.hold("reason", NOTHING)
    budget.hold("describe", NOTHING)
    found = _estimated(run, exact)
    made = fitted(budget.caps, found, budget.left("describe"))

    def keep() -> None:
        if made.write:
            budget.hold("reason", made.hold.at(made.captions),
                        _FOR_SUMMARY_SHARE * (budget.caps.seconds or 0.0))  # fmt: skip

    return Held(made.fits and budget.caps.seconds is None, floor_captions(found), keep)


def summary_fits(run: Run, bundle: Bundle) -> bool:
    """Say whether a summary by a model is likely to fit under what the caps leave.

    By all that the model will be told: only now is that known.
    """
    if run.plan is None:
        return True
    run.meter.budget.hold("describe", NOTHING)  # there are no more pictures to come
    info, end_s = bundle.evidence.info, bundle.evidence.end_s
    nothing = facts_precisely(info, run.options, samples=0, captions=0, speech_s=0.0, passages=0,
                              subtitle_tokens=0, end_s=end_s)  # fmt: skip
    told = _estimated(run, replace(nothing, timeline_tokens=_exactly(bundle.tokens)))
    asked, left = told.stage("reason"), run.meter.budget.left("reason")
    return asked is None or (
        _within(asked.usd_nano, left.usd_nano) and _within(asked.cu, left.cu)
    )  # fmt: skip


def _within(cost: Span | None, left: float | None) -> bool:
    """Say whether what is likely fits; a cost that nobody knows counts as nothing."""
    return cost is None or left is None or cost.likely <= left


def in_ranked_order(run: Run, needs_pixels: bool, reads: bool) -> bool:
    """Say whether pictures are looked at in order of information, after all were sampled."""
    caps = run.meter.budget.caps
    if caps.seconds is not None:
        return needs_pixels or reads
    return needs_pixels and caps.on_calls and not (run.plan is not None and run.plan.fits)


def reading_ends_at(run: Run, describes: bool) -> float | None:
    """Return how many seconds must be left when the reading of text on screen ends.

    A model that describes pictures gets half of what is left; the rest of the run a tenth.
    """
    left_s = run.meter.budget.left_s
    if left_s is None:
        return None
    return left_s * (_FOR_DESCRIBING if describes else _FOR_THE_REST)


def engine_names(engines: Engines) -> Mapping[str, str]:
    """Return the engines of a run as an estimate wants them named."""
    names = {"captioner": engines.captioner.name, "reasoner": engines.reasoner.name}
    recognisers = [one.name for one in engines.transcribers if one.name in RECOGNISERS]
    if recognisers:
        names["transcriber"] = recognisers[0]
    if engines.reader is not None:
        names["reader"] = engines.reader.name
    return names


def _asks_models(engines: Engines) -> bool:
    names = engine_names(engines)
    free = {"captioner": "builtin", "reasoner": "extractive"}
    return "transcriber" in names or any(names[stage] != name for stage, name in free.items())


def may_have_subtitles(run: Run, info: MediaInfo) -> bool | None:
    """Return None where there may be some, which only reading them would tell; else False."""
    asked = any(choice.name == "subtitles" for choice in run.engines.transcribers)
    there = any(track.readable for track in info.text) or any(find_sidecars(info.path))
    return None if asked and there else False


def has_subtitles(run: Run, info: MediaInfo) -> bool:
    """Return whether the words will come from subtitles; reads them."""
    if not any(choice.name == "subtitles" for choice in run.engines.transcribers):
        return False
    reader = registry.load("transcriber", "subtitles", run.options)
    request, _ = request_for(run, info)
    try:
        found = reader.transcribe(request)
    except MediaError:
        return False
    return found is not None


def known_rates(run: Run) -> Rates:
    """Return how long work takes here, by the ledger; nothing when there is none."""
    return rates(run.meter.book.history(), run.meter.book.s_per_cu())


def _facts(run: Run, info: MediaInfo, *, reads: bool = True) -> Facts | None:
    found = has_subtitles(run, info) if reads else may_have_subtitles(run, info)
    try:
        return facts_from_probe(info, run.options, found)
    except OptionError:
        return None


def _estimated(run: Run, facts: Facts) -> Estimate:
    timed = run.meter.budget.caps.seconds is not None
    return estimate(facts, engine_names(run.engines), run.options, run.meter.book.price_book,
                    known_rates(run) if timed else None)  # fmt: skip


def _exactly(value: float) -> Span:
    return Span(value, value, value)
