"""What a run did not have to do, each beside a named baseline; never part of a cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from vidsum import registry
from vidsum.costs.bookkeeping import priced
from vidsum.costs.totals import Key, totals
from vidsum.costs.units import cu
from vidsum.data import (
    Entry,
    Evidence,
    MediaInfo,
    Modality,
    Need,
    Saving,
    Span,
    Sum,
    Total,
    Transcript,
)
from vidsum.pipeline.run import Run
from vidsum.pipeline.seeing import Seen
from vidsum.pipeline.speech import RECOGNISERS
from vidsum.wording import number

_LEAST_S = 1.0
_TRIFLE_S = 0.05
_ASKED: Mapping[str, Modality] = {"describe": "image", "reason": "text"}
_WORDS = {"describe": "pictures", "reason": "summary"}
_GATHERING: Mapping[str, Modality] = {
    "decode": "video", "describe": "image", "ocr": "image", "transcript": "audio",
}  # fmt: skip
"""The stages whose work is kept between runs, and what each is about."""


@dataclass(frozen=True, slots=True)
class StageSpent:
    """What one stage took."""

    stage: str
    total: Total


def book(run: Run, info: MediaInfo, seen: Seen | None, transcript: Transcript) -> None:
    """Write what was not done to the ledger."""
    stages = totals(run.meter.book.lines(), lambda line: line.stage)
    if seen is not None:
        for saving in _duplicates(run, seen, stages):
            run.meter.saved("dedupe", "image", saving)
    for stage, modality in _ASKED.items():
        for saving in _cached(run, stage):
            run.meter.saved(stage, modality, saving)
    for saving in (*_silence(run, transcript, stages.get("transcript")),
                   *_subtitles(run, info, transcript)):  # fmt: skip
        run.meter.saved("transcript", "audio", saving)


def stages_spent(run: Run) -> tuple[StageSpent, ...]:
    """Return what the stages took whose work is kept."""
    stages = taken_in_all(run.meter.book.lines(), lambda line: line.stage)
    return tuple(StageSpent(name, stages[name]) for name in _GATHERING if name in stages)


def taken_in_all(lines: Iterable[Entry], key: Callable[[Entry], Key]) -> dict[Key, Total]:
    """Return the totals of what evidence took, pieces that were kept by earlier runs included.

    What those took is unknown here, but for the money of a model on this machine: it takes none.
    """
    every = tuple(lines)
    groups = totals(every, key)
    for line in every:
        if line.kind == "saving" and line.avoided_by == "resume":
            free, count = line.avoided_usd_nano == 0, line.avoided_calls or 0
            was = groups.get(key(line), Total())
            groups[key(line)] = replace(
                was, calls=was.calls + count, wall_s=_less_known(was.wall_s, 1),
                cpu_s=_less_known(was.cpu_s, 1), joules=_less_known(was.joules, 1),
                input_tokens=_less_known(was.input_tokens, count),
                output_tokens=_less_known(was.output_tokens, count),
                cu=_less_known(was.cu, count),
                usd_nano=was.usd_nano if free else _less_known(was.usd_nano, count),
            )  # fmt: skip
    return groups


def _less_known(figure: Sum, missing: int) -> Sum:
    return replace(figure, unknown=figure.unknown + missing)


def book_kept(run: Run, evidence: Evidence, stages: Sequence[StageSpent], who: str) -> None:
    """Write to the ledger what evidence of an earlier run saved. ``who`` names that run.

    What took neither calls nor time worth a line is left out.
    """
    for spent in stages:
        what, took = _kept_of(evidence, spent.stage), spent.total
        trifle = not (took.calls or took.wall_s.unknown) and took.wall_s.value < _TRIFLE_S
        if what and spent.stage in _GATHERING and not trifle:
            run.meter.saved(spent.stage, _GATHERING[spent.stage], Saving(
                "cache", f"{what}, kept by {who}", took.calls or None,
                None if took.wall_s.unknown else took.wall_s.value,
                _asked_for(took, took.cu.value, took.cu.unknown),
                _whole(_asked_for(took, took.usd_nano.value, took.usd_nano.unknown)),
            ))  # fmt: skip


def _kept_of(evidence: Evidence, stage: str) -> str:
    """Return in words what a stage had found; empty for nothing."""
    seen, segments = evidence.observations, evidence.transcript.segments
    counts = {
        "decode": (len(seen) + len(evidence.dropped), "sample", "samples"),
        "describe": (sum(1 for one in seen if one.caption), "description", "descriptions"),
        "ocr": (len(seen), "picture read", "pictures read"),
        "transcript": (len(segments), "segment of speech", "segments of speech"),
    }  # fmt: skip
    count, one, many = counts.get(stage, (0, "", ""))
    return f"{number(count)} {one if count == 1 else many}" if count else ""


def _asked_for(took: Total, value: float, unknown: int) -> float | None:
    """Return what calls cost; None when that is not known, or there was none."""
    return None if unknown or not took.calls else value


def _cached(run: Run, stage: str) -> Iterator[Saving]:
    """Yield the prompt tokens that were in a model's or a provider's cache already."""
    calls = [e for e in run.meter.book.lines() if e.kind == "call" and e.stage == stage]
    cached = sum(entry.cache_read_tokens or 0 for entry in calls)
    if cached:
        read = sum(entry.input_tokens or 0 for entry in calls)
        yield Saving("cache", f"{number(cached)} of {number(read)} prompt tokens ({_WORDS[stage]}) "
                     "were in a cache already")  # fmt: skip


def _duplicates(run: Run, seen: Seen, stages: Mapping[str, Total]) -> Iterator[Saving]:
    count, kept = len(seen.dropped), len(seen.observations)
    if not count or not kept:
        return
    lines = tuple(run.meter.book.lines())
    resumed = {line.stage for line in lines if line.avoided_by == "resume"}
    each_s = [_each_s(lines, stage, stages, kept, resumed) for stage in ("describe", "ocr")]
    seconds = None if None in each_s else count * sum(filter(None, each_s))
    pictures = "picture" if count == 1 else "pictures"
    others = "the other one" if kept == 1 else f"the {number(kept)} others"
    if resumed & {"describe", "ocr"}:
        others = "those that this run looked at"
    baseline = f"{number(count)} near-duplicate or blank {pictures}, at what {others} took"
    described = stages.get("describe")
    if described is None or not described.calls:
        asks = "describe" in resumed  # all the captions were kept: what one takes is not known
        yield Saving("dedupe", baseline, count if asks else None, seconds)
        return
    yield Saving(
        "dedupe", baseline, count, seconds,
        _share(described.cu.value, described.cu.unknown, count / described.calls),
        _whole(_share(described.usd_nano.value, described.usd_nano.unknown,
                      count / described.calls)),
    )  # fmt: skip


def _each_s(
    lines: Sequence[Entry], stage: str, stages: Mapping[str, Total], kept: int, resumed: set[str]
) -> float | None:  # fmt: skip
    """Return the seconds that a stage took for a picture; None if earlier runs had done them all.

    ``kept``: how many pictures there are, ``resumed``: the stages that earlier runs did some of.
    """
    took = stages.get(stage)
    if took is None:
        return 0.0
    if stage in resumed:
        frames = sum(line.counts.get("frames", 0.0) for line in lines
                     if line.kind == "stage" and line.stage == stage)  # fmt: skip
        kept = took.calls if stage == "describe" else round(frames)
    return took.wall_s.value / kept if kept else None


def _silence(run: Run, transcript: Transcript, heard: Total | None) -> Iterator[Saving]:
    """Yield what recognising the rest of the sound would have taken, at the rate of the speech."""
    if heard is None or not heard.calls or transcript.heard_s is None:
        return
    counts = [line.counts for line in run.meter.book.lines()
              if line.kind == "stage" and line.stage == "transcript"]  # fmt: skip
    sent_s = sum(count.get("sent_s", 0.0) for count in counts)
    # Of this run alone: what an earlier one heard is in the transcript, too.
    silent_s = sum(count.get("audio_s", 0.0) for count in counts) - sent_s
    if silent_s < _LEAST_S or not sent_s:
        return
    share = silent_s / sent_s
    yield Saving(
        "vad", f"{number(round(silent_s))} s of sound without speech, at what the "
        f"{number(round(sent_s))} s around speech took", None, share * heard.wall_s.value,
        _share(heard.cu.value, heard.cu.unknown, share),
        _whole(_share(heard.usd_nano.value, heard.usd_nano.unknown, share)),
    )  # fmt: skip


def _subtitles(run: Run, info: MediaInfo, transcript: Transcript) -> Iterator[Saving]:
    """Yield what the recogniser that stood ready would have taken for what subtitles told."""
    if transcript.backend != "subtitles" or not transcript.segments or not info.audio:
        return
    told_s = sum(segment.end_s - segment.start_s for segment in transcript.segments)
    baseline = f"subtitles instead of recognising {number(round(told_s))} s of speech"
    spare = [one for one in run.engines.transcribers if one.name in RECOGNISERS]
    need = Need(audio_s=info.duration_s or told_s, speech_s=Span(told_s, told_s, told_s),
                passages=Span(told_s / 29, told_s / 25, told_s))  # fmt: skip
    found = registry.forecast("transcriber", spare[0].name, run.options, need) if spare else None
    if found is None:
        yield Saving("subtitles", baseline)
        return
    price = priced(run.meter.book, found.model, found.likely)
    yield Saving(
        "subtitles", f"{baseline} with {found.model.requested}", found.likely.calls, None,
        None if found.likely_flops is None else cu(found.likely_flops), price,
    )  # fmt: skip


def _share(value: float, unknown: int, share: float) -> float | None:
    return None if unknown else value * share


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)
