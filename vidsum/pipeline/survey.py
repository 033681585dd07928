"""The free stages alone: what there is to describe, to recognise and to sum up, exactly."""

from __future__ import annotations

from dataclasses import dataclass, replace

from vidsum import tokens
from vidsum.data import Evidence, MediaInfo
from vidsum.pipeline.choosing import Choice, Engines
from vidsum.pipeline.extract import look_and_listen, prepare
from vidsum.pipeline.run import Run
from vidsum.pipeline.speech import Speech, find_speech
from vidsum.registry import Readiness
from vidsum.timeline import timeline
from vidsum.wording import as_line


@dataclass(frozen=True, slots=True)
class Survey:
    """What the free stages found. ``timeline_tokens`` leave out captions and recognised speech."""

    info: MediaInfo
    evidence: Evidence
    speech: Speech | None
    timeline_tokens: int
    read: bool


def survey(run: Run) -> Survey:
    """Run the free stages of a run: sampling, duplicates, subtitles, voice activity.

    The text on screen is read where a model will be told of it.
    Raises: MediaError, OptionError, BackendMissing.
    """
    engines = run.engines
    reads = engines.reader is not None and engines.reasoner.name != "extractive"
    info = prepare(run)
    run.use(_free(engines, reads))
    evidence = look_and_listen(run, info)
    speech = None
    if not evidence.transcript.segments:
        speech = find_speech(run, info, engines)
    entries = timeline(evidence)
    told = [entry for entry in entries if entry.kind != "caption"]
    count, _ = tokens.count("\n".join(map(as_line, told)), tokens.cached_encoder())
    return Survey(info, evidence, speech, count, reads)


def _free(engines: Engines, reads: bool) -> Engines:
    """Return the engines that cost nothing, in the place of those that do."""
    subtitles = tuple(c for c in engines.transcribers if c.name == "subtitles")
    here = Readiness(True)
    return replace(
        engines,
        transcribers=subtitles,
        reader=engines.reader if reads else None,
        captioner=Choice("captioner", "builtin", here),
    )
