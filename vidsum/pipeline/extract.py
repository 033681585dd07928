"""From a file to the evidence: probe, then look and listen side by side."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import replace
from itertools import pairwise

from vidsum.data import Coverage, Evidence, MediaInfo, Transcript
from vidsum.errors import MediaError, OptionError
from vidsum.events import Noted
from vidsum.media.facts import gather_facts, given_chapters
from vidsum.media.identity import sha256_of
from vidsum.pipeline import avoided
from vidsum.pipeline.choosing import Engines
from vidsum.pipeline.hearing import Hearing
from vidsum.pipeline.keeping import watch
from vidsum.pipeline.planning import plan
from vidsum.pipeline.remembering import plan_summary, remember, remembered
from vidsum.pipeline.run import Run
from vidsum.pipeline.seeing import Seen, eyes_work, promised_end_s, see
from vidsum.transcribers.tracks import chosen_track
from vidsum.wording import clock

_LATE_S = 1.0
_PARTLY_SHARE = 0.15
_CUT_OFF_S, _CUT_OFF_SHARE = 1.0, 0.02
"""A file counts as cut off when more than this of its promised length is missing."""


def gather(run: Run) -> Evidence:
    """Return all that was seen and heard, by this run or, with the same settings, an earlier one.

    Raises: MediaError, OptionError, BackendMissing, BackendFailed.
    """
    watch(run)
    info = prepare(run)
    _tell(run, run.engines)
    kept = remembered(run, info)
    if kept is not None:
        evidence = _with_facts(run, kept)
        plan_summary(run, evidence)
        return evidence
    plan(run, info)
    evidence = look_and_listen(run, info)
    remember(run, evidence)
    return _with_facts(run, evidence)


def _with_facts(run: Run, evidence: Evidence) -> Evidence:
    """Return evidence with what came with the file: that may change while the video does not.

    Chapters that a file beside it tells of count where the video itself has no markers.
    """
    info = evidence.info
    with run.meter.stage("prepare", "video", "facts"):
        given = gather_facts(info, run.options.context)
        chapters = info.chapters or given_chapters(info)
    for problem in given.problems:
        run.note("facts", problem)
    return replace(evidence, info=replace(info, chapters=chapters), facts=given.facts,
                   notices=tuple(run.notices))  # fmt: skip


def prepare(run: Run, *, identify: bool = True) -> MediaInfo:
    """Find out what the file is, and that all that is needed is there.

    ``identify``: read the whole file for its hash, which the ledger knows a video by.

    Raises: MediaError, OptionError, BackendMissing.
    """
    _ = run.engines  # what is missing is found out before minutes of work, not after
    info = _probe(run)
    _check_options(run, info)
    if identify:
        identify_video(run)
    return info


def look_and_listen(run: Run, info: MediaInfo, *, books: bool = True) -> Evidence:
    """Return all that was seen and heard; what was not done is written down if it ``books``.

    Raises: as :func:`gather`.
    """
    engines = run.engines
    with run.meter.stage("prepare", "image", engines.captioner.name):
        hearing = Hearing(run, info, "light" if info.video is None else eyes_work(run))
    heard: Future[Transcript] = Future()
    ears = threading.Thread(target=_listen, args=(hearing, heard), name="hearing", daemon=True)
    ears.start()
    try:
        seen = None if info.video is None else _seen(run, info, hearing)
        transcript = _waited(run, heard)
    except Exception as exc:  # noqa: BLE001 - it is raised, or what led to it
        run.stop(exc)  # the ears would go on to the end of the sound, and nobody would care
        ears.join()  # two videos' models must not be in memory at once
        raise run.cause or exc from None
    except BaseException as exc:
        # Nobody waits: a model that computes cannot be broken off. Who ends the process now
        # should do it with os._exit, or the model's library may abort it.
        run.stop(exc)
        raise
    if books:
        avoided.book(run, info, seen, transcript)
    return _evidence(run, info, seen, transcript)


def _seen(run: Run, info: MediaInfo, hearing: Hearing) -> Seen | None:
    """Return what was seen; None when nothing was, but a model has heard something already."""
    try:
        return see(run, info, hearing)
    except MediaError as exc:
        if run.stopped or not run.has_answers:
            raise
        run.note("pictures-unreadable", f"The pictures are not used: {exc.message}", partial=True)
        return None


def _waited(run: Run, heard: Future[Transcript]) -> Transcript:
    """Return what was heard, once all of it was."""
    if heard.done():
        return heard.result()
    with run.meter.stage("wait", "audio", "hearing"):
        return heard.result()


def identify_video(run: Run) -> None:
    """Find out which video it is, once, so that the ledger knows it under any name."""
    if run.meter.book.identity.video_sha256 is not None:
        return
    with run.meter.stage("identify", "video", "sha256"):
        run.meter.book.identity.video_sha256 = sha256_of(run.path)


def _listen(hearing: Hearing, heard: Future[Transcript]) -> None:
    """Run in the ears' thread."""
    try:
        heard.set_result(hearing.listen())
    except BaseException as exc:  # noqa: BLE001 - it goes to whoever asks for the result
        heard.set_exception(exc)


def _tell(run: Run, engines: Engines) -> None:
    for line in engines.unused:
        run.listen(Noted("warning", line))
    tier = run.options.tier
    if tier == "auto":
        better = " (vidsum doctor says what would be better)" if engines.better else ""
        for hint in engines.better:
            run.inform(f"better: {hint}")
        run.tell_engines(f"{engines}{better}")
    else:
        run.inform(f"{engines} (--tier {tier})")


def _probe(run: Run) -> MediaInfo:
    with (
        run.meter.stage("probe", "video", "pyav") as account,
        run.open_decoder() as decoder,
    ):
        info = decoder.probe()
        account.child_cpu_s = decoder.cpu_s
    return info


def _check_options(run: Run, info: MediaInfo) -> None:
    options = run.options
    if info.duration_s is not None and options.start_s >= info.duration_s:
        raise OptionError(f"--start ({options.start_s:g} s) is past the end of the video "
                          f"({info.duration_s:.1f} s).")  # fmt: skip
    if options.audio_track is not None:
        chosen_track(info, options.audio_track)
    if info.video is None:
        what = "a cover picture and sound" if info.cover_art else "sound only"
        run.note("no-video", f"The file has {what}: there are no moving pictures to look at.")


def _evidence(run: Run, info: MediaInfo, seen: Seen | None, transcript: Transcript) -> Evidence:
    start_s = run.options.start_s
    missing_s = _missing_s(run, info, seen) if seen is not None else 0.0
    end_s = _end_s(run, info, seen, transcript, cut_off=missing_s > 0)
    coverage = None
    if seen is not None:
        pictures_end_s = min(end_s, _pictures_end_s(info, seen))
        coverage = cover(seen, start_s, pictures_end_s, missing_s, run.options.interval_s)
        _note_damage(run, seen, coverage)
        _note_partly(run, seen, start_s, end_s, pictures_end_s)
    transcript = _without_late_cues(run, transcript, end_s, tell=not missing_s)
    return Evidence(
        info,
        seen.observations if seen else (),
        seen.dropped if seen else (),
        transcript,
        coverage,
        start_s,
        end_s,
        run.options.interval_s,
        seen.overlay if seen else (),
        tuple(run.notices),
    )


def _pictures_end_s(info: MediaInfo, seen: Seen) -> float:
    """Return where the pictures end; where a decoder that died never got counts as well."""
    return max(seen.report.end_s, (promised_end_s(info) or 0.0) if seen.stopped else 0.0)


def _end_s(
    run: Run, info: MediaInfo, seen: Seen | None, transcript: Transcript, *, cut_off: bool
) -> float:
    """Return where the evidence ends: the asked-for end, or that of the file."""
    ends = [info.duration_s or 0.0]
    if seen is not None:
        ends = [seen.report.file_end_s] if cut_off else [*ends, seen.report.end_s]
    elif transcript.heard_s is not None and info.duration_s is None:
        ends.append(run.options.start_s + transcript.heard_s)
    elif info.duration_s is None and transcript.segments:
        ends.append(transcript.segments[-1].end_s)
    end_s = max(ends)
    return end_s if run.options.end_s is None else min(end_s, run.options.end_s)


def _missing_s(run: Run, info: MediaInfo, seen: Seen) -> float:
    """Return how many promised seconds never came: 0 unless the file looks cut off."""
    if run.options.end_s is not None or seen.stopped:
        return 0.0
    end_s, share = seen.report.file_end_s, seen.report.missing_share
    # An AVI file promises bytes, and all others that promise anything promise seconds.
    promised_s = promised_end_s(info) if share is None else end_s / (1 - share)
    if promised_s is None:
        return 0.0
    missing_s = promised_s - end_s
    return missing_s if missing_s > max(_CUT_OFF_S, _CUT_OFF_SHARE * promised_s) else 0.0


def cover(
    seen: Seen, start_s: float, end_s: float, missing_s: float, interval_s: float
) -> Coverage:
    """Return how much of the time between two moments was looked at.

    The stretch between two looks is covered unless it is longer than two intervals. Seconds
    that the file lacks count as not covered.
    """
    times = sorted({start_s, *(s.time_s for s in seen.samples), end_s, end_s + missing_s})
    gaps = [(b - a, a) for a, b in pairwise(times)]
    largest_s, at_s = max(gaps, default=(0.0, start_s))
    whole_s = end_s + missing_s - start_s
    blind_s = sum(gap for gap, at in gaps if gap > 2 * interval_s + 1e-6 or at >= end_s)
    looked_share = 1.0 if whole_s <= 0 else (whole_s - blind_s) / whole_s
    return Coverage(len(seen.samples), len(seen.observations), seen.report.end_s,
                    looked_share, largest_s, at_s, missing_s)  # fmt: skip


def _note_damage(run: Run, seen: Seen, coverage: Coverage) -> None:
    report = seen.report
    if coverage.missing_s:
        total_s = report.file_end_s + coverage.missing_s
        text = (
            f"The file is cut off: {coverage.missing_s:.0f} s of {total_s:.0f} s are missing at "
            "the end. The summary covers what is there."
        )
        run.note("cut-off", text, partial=True)
    elif report.breaks_off and report.missing_share is None and run.options.end_s is None:
        text = (
            f"The file breaks off at {clock(report.file_end_s)}, in the middle of a packet; how "
            "much is missing it does not say. The summary covers what is there."
        )
        run.note("cut-off", text, partial=True)
    if report.lost:
        shown = ", ".join(f"{t:.0f} s" for t in report.lost[:5])
        more = " …" if len(report.lost) > 5 else ""
        run.note("lost-samples", f"{len(report.lost)} pictures could not be decoded "
                 f"(at {shown}{more}).", partial=True)  # fmt: skip
    elif report.broken_packets:
        run.note("damaged", f"{report.broken_packets} damaged packets were met; pictures near "
                 "them may be wrong in places.")  # fmt: skip


def _note_partly(run: Run, seen: Seen, start_s: float, end_s: float, until_s: float) -> None:
    """Say when the pictures begin long after the sound, or end long before it."""
    if not seen.samples or seen.stopped:
        return
    from_s = max(start_s, seen.samples[0].time_s)
    if from_s - start_s + end_s - until_s > max(_PARTLY_SHARE * (end_s - start_s), 2.0):
        text = (
            f"There are pictures only from {clock(from_s)} to {clock(until_s)}; "
            f"the sound runs from {clock(start_s)} to {clock(end_s)}."
        )
        run.note("pictures-partly", text)


def _without_late_cues(run: Run, transcript: Transcript, end_s: float, *, tell: bool) -> Transcript:
    """Leave out lines that begin after the end of the video; of a cut-off one without a word."""
    kept = tuple(s for s in transcript.segments if s.start_s < end_s + _LATE_S)
    late = len(transcript.segments) - len(kept)
    if not late:
        return transcript
    if tell:
        text = (
            f"{late} of {len(transcript.segments)} subtitle lines lie after the end of the video "
            f"and are left out: {transcript.source} may belong to another cut."
        )
        run.note("late-cues", text)
    return replace(transcript, segments=kept)
