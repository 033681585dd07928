"""What a run would cost, found out without asking any model."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from vidsum.backends.providers import endpoint
from vidsum.config import Options
from vidsum.costs.opening import caps_of
from vidsum.data import MediaInfo, ModelRef, Origin, Quantities, Span
from vidsum.pipeline.extract import identify_video, prepare
from vidsum.pipeline.memory import Gathered
from vidsum.pipeline.planning import engine_names, fitted, known_rates, may_have_subtitles
from vidsum.pipeline.remembering import found_already
from vidsum.pipeline.run import Run
from vidsum.pipeline.speech import Speech
from vidsum.pipeline.survey import Survey, recognises, survey
from vidsum.planner.compare import (
    FRAME_TOKENS,
    ComparedVideo,
    Comparison,
    Figure,
    Naive,
    compare,
    usual_mode,
)
from vidsum.planner.estimate import Estimate, estimate
from vidsum.planner.facts import (
    Facts,
    caption_line_tokens,
    facts_from_probe,
    facts_precisely,
    spoken_tokens,
)

USUAL_MODEL = "gemini-2.5-flash"
"""Compared with when the summary is not written by a model of a provider: it takes video."""
_GOOGLE = "https://generativelanguage.googleapis.com/v1beta/openai"
_WORD_TOKENS_PER_S = 12_000 / 3600
"""Of an hour of talk. Source: 9,000 words at 150 a minute, 4 tokens for 3 words."""


_LOOKS = Quantities(calls=1, input_tokens=64, output_tokens=1, image_tokens=32, images=1)
_HEARS = Quantities(calls=1, input_tokens=64, output_tokens=1, audio_tokens=32)
"""A model that has a price for the one and none for the other takes no sound."""


@dataclass(frozen=True, slots=True)
class Estimated:
    """An estimate of one video's run, and the comparison if one was asked for."""

    info: MediaInfo
    estimate: Estimate
    comparison: Comparison | None = None
    left_out: tuple[str, ...] = ()
    """What the caps that were asked for would leave out at least, in words."""
    kept: Gathered | None = None
    """The earlier run that saw and heard the same already: that would not be paid for again."""


def uncapped(options: Options) -> Options:
    """Return options without caps: an estimate is of the whole."""
    return replace(options, max_usd=None, max_cu=None, max_seconds=None, max_usd_per_day=None,
                   max_cu_per_day=None)  # fmt: skip


def left_out(options: Options, found: Estimate) -> tuple[str, ...]:
    """Return what the caps in options would leave out at least, in words."""
    caps = caps_of(options)
    return fitted(caps, found).lines if caps else ()


def estimated(run: Run, *, precise: bool = False) -> Estimated:
    """Return what a run would cost: from the header alone, or after the free stages.

    Raises: MediaError, OptionError, BackendMissing.
    """
    engines, words = engine_names(run.engines), recognises(run.engines)
    if precise:
        found = survey(run)
        info, facts = found.info, _exact_facts(run, found, words)
    else:
        info = prepare(run, identify=False)
        facts = facts_from_probe(info, run.options, may_have_subtitles(run, info),
                                 recognised=words)  # fmt: skip
    with run.meter.stage("plan", "video", "vidsum"):
        told = estimate(facts, engines, run.options, run.meter.book.price_book, known_rates(run))
    return Estimated(info, told, kept=found_already(run, info, identify_video))


def _exact_facts(run: Run, found: Survey, words: bool) -> Facts:
    """Return what the free stages found out; of the timeline only captions and speech are open."""
    evidence = found.evidence
    samples = len(evidence.observations) + len(evidence.dropped)
    captions = len(evidence.observations)
    subtitles = evidence.transcript.backend == "subtitles"
    heard = found.speech or Speech(0.0, 0.0, 0)
    facts = facts_precisely(
        found.info, run.options, samples=samples, captions=captions, speech_s=heard.speech_s,
        passages=heard.passages, subtitle_tokens=0 if subtitles else None, end_s=evidence.end_s,
        recognised=words,
    )  # fmt: skip
    if not found.read and run.options.ocr:
        return facts  # nobody read the text on screen: the general bounds hold
    told = found.timeline_tokens
    spoken = spoken_tokens(_exactly(heard.speech_s if words else 0.0))
    return replace(facts, timeline_tokens=Span(
        told, told + spoken.likely + captions * caption_line_tokens().likely,
        told + spoken.most + captions * caption_line_tokens().most,
    ))  # fmt: skip


def compared(run: Run, found: Estimated, model: str | None = None) -> Comparison:
    """Return what the naive way would cost beside ours, with the same model on both sides.

    ``model`` defaults to the one that would write the summary at a provider, else to
    :data:`USUAL_MODEL`. Raises: OptionError.
    """
    facts, told = found.estimate.facts, found.estimate
    ref = _compared_model(run, model)
    origin: Origin = "measured" if facts.depth == "precise" else "estimated"
    spoken_s = facts.speech_s.likely
    if facts.subtitles is not False and facts.has_audio:
        spoken_s = facts.duration_s  # words are there, and nobody counted their seconds
    video = ComparedVideo(
        duration_s=facts.duration_s,
        interval_s=facts.interval_s,
        samples=Figure(facts.samples.likely, origin),
        captions=Figure(facts.captions.likely, origin),
        caption_tokens=Figure(48, "estimated"),
        transcript_tokens=Figure(math.ceil(spoken_s * _WORD_TOKENS_PER_S), "estimated"),
        has_sound=facts.has_audio,
    )
    book = run.meter.book.price_book
    deaf = book.price(ref, _LOOKS) is not None and book.price(ref, _HEARS) is None
    way = Naive(frame_tokens=FRAME_TOKENS[usual_mode(ref.requested)], hears=not deaf)
    return compare(
        video, ref, way, lambda used: book.price(ref, used),
        engines_usd_nano=_engines_usd_nano(told, heard=way.hears),
        context_tokens=book.context_tokens(ref),
    )  # fmt: skip


def _engines_usd_nano(told: Estimate, *, heard: bool) -> int | None:
    """Return what captions and transcript would cost in API money; None is unknown.

    ``heard``: the naive way hears by itself; else it needs the same transcript, at the same cost.
    """
    heard_stage = told.stage("transcript") if heard else None
    parts = [told.stage("describe"), told.stage("look"), heard_stage]
    spans = [stage.usd_nano for stage in parts if stage is not None]
    if None in spans:
        return None
    return sum(math.ceil(span.likely) for span in spans if span is not None)


def _compared_model(run: Run, named: str | None) -> ModelRef:
    options = run.options
    remote = run.engines.reasoner.name == "remote"
    model = named or (options.reason_model if remote else None)
    if model and (not named or options.api or options.reason_api):
        where = endpoint(options.api_for("reason"))
        return ModelRef(backend="openai", requested=model, base_url=where.base_url,
                        provider=where.provider_name or None, host=where.host)  # fmt: skip
    return _listed(model or USUAL_MODEL)


def _listed(model: str) -> ModelRef:
    """Return a model by the provider whose name for it this is."""
    from urllib.parse import urlsplit

    places = {"gemini": _GOOGLE, "gpt": "https://api.openai.com/v1"}
    url = next((url for start, url in places.items() if model.startswith(start)), "")
    url = url or "https://openrouter.ai/api/v1"
    return ModelRef(backend="openai", requested=model, base_url=url, host=urlsplit(url).hostname)


def _exactly(value: float) -> Span:
    return Span(value, value, value)
