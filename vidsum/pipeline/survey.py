"""The free stages alone: what there is to describe, to recognise and to sum up, exactly."""

from __future__ import annotations

from dataclasses import dataclass, replace

from vidsum import tokens
from vidsum.data import Evidence, MediaInfo, Transcript
from vidsum.errors import MediaError
from vidsum.pipeline.choosing import Choice, Engines
from vidsum.pipeline.extract import look_and_listen, prepare
from vidsum.pipeline.run import Run
from vidsum.pipeline.speech import RECOGNISERS, Speech, find_speech
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
    evidence = look_and_listen(run, info, books=False)
    speech = _speech(run, info, engines, evidence.transcript)
    entries = timeline(evidence)
    told = [entry for entry in entries if entry.kind != "caption" or entry.source == "measured"]
    count, _ = tokens.count("\n".join(map(as_line, told)), None)
    return Survey(info, evidence, speech, count, reads)


def _speech(run: Run, info: MediaInfo, engines: Engines, heard: Transcript) -> Speech | None:
    """Return how much speech there is; None where nobody listens to it.

    Where a run listens without recognising anything, it was done already.
    """
    if heard.backend == "subtitles":
        return None
    if not recognises(engines):
        return None if heard.speech_s is None else Speech(heard.speech_s, heard.heard_s or 0.0, 0)
    try:
        return find_speech(run, info, engines)
    except MediaError as exc:
        if info.video is None or run.stopped:
            raise
        run.note("sound-unreadable", f"The sound is not used: {exc.message}")
        return None


def recognises(engines: Engines) -> bool:
    """Say whether speech becomes words where there are no subtitles."""
    return any(choice.name in RECOGNISERS for choice in engines.transcribers)


def _free(engines: Engines, reads: bool) -> Engines:
    """Return the engines that cost nothing, in the place of those that do."""
    here = Readiness(True)
    listened = () if recognises(engines) else ("none",)
    return replace(
        engines,
        transcribers=tuple(
            choice for choice in engines.transcribers if choice.name in ("subtitles", *listened)
        ),
        reader=engines.reader if reads else None,
        captioner=Choice("captioner", "builtin", here),
    )
