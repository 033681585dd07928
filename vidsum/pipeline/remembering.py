"""What earlier runs found in the same video: used instead of looking and listening again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from vidsum import tokens
from vidsum.captioners.protocol import most_looks
from vidsum.data import Evidence, MediaInfo, ModalityCost, Span, Transcript
from vidsum.errors import VidsumError
from vidsum.events import Noted
from vidsum.pipeline import avoided
from vidsum.pipeline.keeping import tell_trouble, unchanged
from vidsum.pipeline.memory import Gathered, Memory
from vidsum.pipeline.planning import engine_names, fitted, known_rates
from vidsum.pipeline.run import Run
from vidsum.pipeline.sameness import evidence_key
from vidsum.planner.estimate import estimate, facts_precisely, quoted
from vidsum.planner.fit import check_priced
from vidsum.reasoner.basis import captioned_by_model
from vidsum.store.records import from_record, to_record
from vidsum.timeline import timeline
from vidsum.wording import as_line, file_name

KIND: Final = "evidence"
_GATHERING: Final = ("image", "audio", "video")
_ANOTHER_TIME: Final = frozenset((
    "captions-failed", "decode-stopped", "pictures-unreadable", "sound-stopped", "speech-unheard",
))  # fmt: skip
"""Notices of what may go better another time: evidence with one of them is not kept. A file that
is cut off or damaged will be so again."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Evidence as it is kept, with what each stage of gathering it took."""

    evidence: Evidence
    gathered: Gathered
    stages: tuple[avoided.StageSpent, ...]


def remembered(run: Run, info: MediaInfo) -> Evidence | None:
    """Return what an earlier run found in the same video with the same settings, if it is kept.

    Says so, and books what was not spent. Notices of that run are told anew.
    """
    if not run.options.cache:
        return None
    memory = run.memory
    with run.meter.stage("prepare", "video", "cache"):
        memory.key = _key(run, info)
        kept = _read(memory)
    tell_trouble(run)
    if kept is None:
        return None
    memory.gathered = kept.gathered
    before = tuple(run.notices)
    for notice in kept.evidence.notices:
        if notice not in before:
            run.note(notice.code, notice.message, partial=notice.partial)
    evidence = replace(kept.evidence, info=info, notices=tuple(run.notices),
                       transcript=_renamed(kept.evidence, info.path))  # fmt: skip
    day, gathered = _day(kept.gathered.made_at), kept.gathered.run_id[:8]
    avoided.book_kept(run, evidence, kept.stages, f"run {gathered} of {day}")
    run.listen(Noted("kept", f"what was seen and heard on {day} (run {gathered}) is used; "
                     "--no-cache looks and listens again"))  # fmt: skip
    return evidence


def remember(run: Run, evidence: Evidence) -> None:
    """Keep what a run has found, if it is all there was to find, and what that took."""
    gathered = Gathered(_costs(run), run.meter.book.identity.run_id,
                        datetime.now(UTC).isoformat(timespec="seconds"))  # fmt: skip
    memory = run.memory
    memory.gathered = gathered
    if memory.key is None or not run.recorded or not _whole(run, evidence):
        return
    if not unchanged(run):
        return  # nobody knows which video this is about
    kept = Kept(replace(evidence, facts=()), gathered, avoided.stages_spent(run))
    with run.meter.stage("keep", "video", "cache"):
        _write(run, memory, memory.key, kept)
    tell_trouble(run)


def gathered(run: Run) -> Gathered | None:
    """Return what the evidence of a run took to gather, in this run or in an earlier one."""
    return run.memory.gathered


def found_already(run: Run, info: MediaInfo, identify: Callable[[Run], None]) -> Gathered | None:
    """Return when an earlier run found what this one would look for; None if none did.

    The video is read whole only if something of its name is kept: a video that got another name
    meanwhile is not recognised here, but it is by a run.
    """
    memory = run.memory
    if not run.options.cache or not memory.store.names(KIND, file_name(run.path)):
        return None
    if run.meter.book.identity.video_sha256 is None:
        identify(run)
    memory.key = _key(run, info)
    kept = _read(memory)
    return None if kept is None else kept.gathered


def plan_summary(run: Run, evidence: Evidence) -> None:
    """Estimate what a summary of kept evidence will take, and see that caps on it can be kept.

    Raises: OptionError.
    """
    caps = run.meter.budget.caps
    if run.engines.reasoner.name == "extractive":
        return
    with run.meter.stage("plan", "text", "vidsum"):
        count, _ = tokens.count("\n".join(map(as_line, timeline(evidence))), None)
        nothing = facts_precisely(evidence.info, run.options, samples=0, captions=0, speech_s=0.0,
                                  passages=0, subtitle_tokens=0, end_s=evidence.end_s)  # fmt: skip
        facts = replace(nothing, timeline_tokens=Span(count, count, count))
        rates = None if caps.seconds is None else known_rates(run)
        found = estimate(facts, engine_names(run.engines), run.options,
                         run.meter.book.price_book, rates)  # fmt: skip
        if not (most_looks(run.options) and captioned_by_model(evidence)):
            run.meter.quoted = quoted(found)  # of second looks it knows nothing
        if caps:
            check_priced(caps, found)
            run.plan = fitted(caps, found, run.meter.budget.left("plan"))
            if run.plan.write:
                run.meter.budget.hold("reason", run.plan.hold.at(0))


def _key(run: Run, info: MediaInfo) -> str | None:
    """Return the key of the evidence; None where something is missing that the run itself needs."""
    video = run.meter.book.identity.video_sha256
    if video is None:
        return None
    try:
        return evidence_key(video, info, run.engines, run.options)
    except (VidsumError, OSError):
        return None


def _read(memory: Memory) -> Kept | None:
    body = None if memory.key is None else memory.store.get(KIND, memory.key)
    return None if body is None else from_record(Kept, body)


def _write(run: Run, memory: Memory, key: str, kept: Kept) -> None:
    try:
        body = to_record(kept)
    except TypeError as exc:  # a bug of ours is no reason to lose hours of looking
        memory.store.trouble = f"{exc}."
        return
    memory.store.put(KIND, key, body, note=file_name(run.path),
                     video_sha256=run.meter.book.identity.video_sha256)  # fmt: skip


def _whole(run: Run, evidence: Evidence) -> bool:
    """Say whether evidence is all that there is to find: nothing failed, no cap took any of it."""
    if run.failures or run.meter.given_up or run.stopped:
        return False
    if any(notice.code in _ANOTHER_TIME for notice in evidence.notices):
        return False
    return not any(seen.caption and seen.caption.error for seen in evidence.observations)


def _costs(run: Run) -> tuple[ModalityCost, ...]:
    """Return what gathering took by modality, as a receipt has it."""
    groups = avoided.taken_in_all(
        run.meter.book.lines(), lambda line: (line.modality, line.direction)
    )
    return tuple(ModalityCost(*key, took) for key, took in groups.items() if key[0] in _GATHERING)


def _renamed(evidence: Evidence, path: Path) -> Transcript:
    """Return the transcript; its source is called as it is now, where the video has a new name."""
    found, old = evidence.transcript, evidence.info.path
    named = f"subtitle file {old.stem}"
    if found.backend != "subtitles" or not found.source.startswith(named):
        return found
    return replace(found, source=f"subtitle file {path.stem}{found.source[len(named) :]}")


def _day(made_at: str) -> str:
    try:
        return f"{datetime.fromisoformat(made_at).astimezone():%Y-%m-%d}"
    except ValueError:
        return "an earlier day"
