"""On which basis a summary was made, and what would tell more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from vidsum.data import ChapterBasis, Evidence
from vidsum.reasoner.commands import as_arguments
from vidsum.reasoner.overview import SUBTITLES, within
from vidsum.reasoner.scenes import BUILT_IN
from vidsum.reasoner.wording import listed, span
from vidsum.wording import counted, safe, spelled

_MEASURED: Final = "Built-in mode: frames were measured, not understood."
UNRECOGNISED: Final = "People, objects and actions are not recognised."
_CAPTIONED: Final = (
    "Quoted, not written: what stands in quotation marks was said or shown, the rest is what a "
    "model saw in single pictures."
)
_HEARD: Final = "Built-in mode: there are no pictures; sentences are quoted, not written."
_CHAPTERS: Final = {
    "file": "Chapters are the markers that came with the file.",
    "titles": "Chapters follow the titles on screen; each begins at the first sample that shows "
    "its title, so up to {step} late.",
    "speech": "Chapters are guessed from where the words change; some will be misplaced.",
    "pictures": "Chapters are cuts to another view, not topics.",
    "model": "Chapters are the model's.",
    "none": "",
}
_FINE_STEP_S: Final = 1.5


def method(evidence: Evidence, basis: ChapterBasis) -> str:
    """Return the honest paragraph of a quoted summary: what was measured, read and quoted."""
    return joined(_quoting(evidence), *sources(evidence), chapters_from(evidence, basis))


def joined(*sentences: str) -> str:
    """Return sentences as a paragraph; empty ones are left out."""
    return " ".join(filter(None, sentences))


def _quoting(evidence: Evidence) -> str:
    if evidence.info.video is None:
        return _HEARD
    if captioned_by_model(evidence):
        return _CAPTIONED
    recognised = evidence.transcript.segments and evidence.transcript.backend != SUBTITLES
    words = "recognised in the sound" if recognised else "copied from subtitles"
    return (
        f"{_MEASURED} Text is read by OCR or {words}; sentences are quoted, not written. "
        f"{UNRECOGNISED}"
    )


def captioned_by_model(evidence: Evidence) -> bool:
    """Tell whether a model described a picture, not the captioner that measures them."""
    return any(
        one.caption and one.caption.backend != BUILT_IN and not one.caption.error
        for one in evidence.observations
    )


def sources(evidence: Evidence) -> Iterator[str]:
    """Yield what is known of words and pictures, and where from."""
    yield _words(evidence)
    if evidence.info.video is not None:
        yield _samples(evidence, evidence.interval_s)
        yield _undescribed(evidence)


def chapters_from(evidence: Evidence, basis: ChapterBasis) -> str:
    """Say where chapters come from."""
    return _CHAPTERS[basis].format(step=_seconds(evidence.interval_s))


def _words(evidence: Evidence) -> str:
    transcript = evidence.transcript
    source = safe(transcript.source)
    left = len(transcript.rejected)
    were = "was" if left == 1 else "were"
    if not transcript.segments:
        doubt = f"; {counted(left, 'passage')} {were} not believed" if left else ""
        return f"Words: none{f' ({source})' if source else ''}{doubt}."
    heard = within(evidence)
    when = ""
    if heard:
        end_s = min(evidence.end_s, max(one.end_s for one in heard))
        when = f" {span(max(evidence.start_s, heard[0].start_s), end_s)}"
    unit = "cue" if transcript.backend == SUBTITLES else "passage"
    doubt = f"; {spelled(left)} more {were} not believed" if left else ""
    return f"Words: {source or 'a transcript'}, {counted(len(heard), unit)}{when}{doubt}."


def _samples(evidence: Evidence, step: float) -> str:
    """Return how many pictures were asked for, what became of them, and how many bear text."""
    kept, total = len(evidence.observations), len(evidence.observations) + len(evidence.dropped)
    if not total:
        return "No picture was looked at."
    pace = f", one every {_seconds(step)}" if total > 1 else ""
    text = f"Pictures: {counted(total, 'sample')}{pace}"
    if kept < total:
        text += f"; {_kept(evidence)}"
    elif captioned_by_model(evidence):
        seen = _described(evidence)
        those = "it was" if kept == 1 else "all were" if seen == kept else f"{spelled(seen)} were"
        text += f"; {those} described by {_describer(evidence)}"
    if not kept:
        return f"{text}."
    if not _was_read(evidence):
        return f"{text}; text on screen was not read."
    lettered = sum(bool(one.text and one.text.lines) for one in evidence.observations)
    return f"{text}; text was found on {spelled(lettered) if lettered else 'none'}."


def _describer(evidence: Evidence) -> str:
    """Return the name of the model that described pictures, where it is known."""
    named = [one.caption.model for one in evidence.observations if one.caption]
    return safe(next(filter(None, named), "")) or "a model"


def _described(evidence: Evidence) -> int:
    """Return how many pictures were described: by a model, where one described any."""
    by_model = captioned_by_model(evidence)
    captions = [one.caption for one in evidence.observations]
    return sum(
        bool(c and not c.error and not (by_model and c.backend == BUILT_IN)) for c in captions
    )


def _undescribed(evidence: Evidence) -> str:
    """Return how many pictures a captioner failed on, and how many it never came to."""
    seen = evidence.observations
    failed = sum(bool(one.caption and one.caption.error) for one in seen)
    unasked = sum(one.caption is None for one in seen) if captioned_by_model(evidence) else 0
    told = []
    if failed:
        told.append(f"{counted(failed, 'picture').capitalize()} could not be described.")
    if unasked:
        are = "was" if unasked == 1 else "were"
        told.append(f"{counted(unasked, 'picture').capitalize()} {are} not described: the model "
                    "had failed by then.")  # fmt: skip
    return " ".join(told)


def _kept(evidence: Evidence) -> str:
    """Return how many pictures were looked at closely, and why the rest were not."""
    kept, rest = len(evidence.observations), len(evidence.dropped)
    reasons = {one.reason for one in evidence.dropped}
    are = "is" if rest == 1 else "are"
    why = []
    if "duplicate" in reasons:
        those = "it" if kept == 1 else "one of those" if rest == 1 else "those"
        why.append(f"repeat{'s' if rest == 1 else ''} {those}")
    if reasons - {"duplicate", "transition"}:
        why.append(f"{are} blank")
    if "transition" in reasons:
        why.append(f"{are} in the middle of a change")
    told = " or ".join(why)
    if not kept:
        return f"{'it' if rest == 1 else 'all'} {told}"
    seen = _described(evidence)
    by = f" by {_describer(evidence)}" if captioned_by_model(evidence) else ""
    done = ["read"] if _was_read(evidence) else ["measured"] if 0 < seen < kept else []
    if seen:
        done.append(f"{'' if seen == kept else f'{spelled(seen)} of them '}described{by}")
    were = "was" if kept == 1 else "were"
    others = "the other one" if rest == 1 else "the rest"
    return f"{spelled(kept)} {were} {listed(done) or 'measured'}, {others} {told}"


def _was_read(evidence: Evidence) -> bool:
    return any(one.text is not None for one in evidence.observations)


def _seconds(step: float) -> str:
    return f"{step:.3g} s"


def more(evidence: Evidence, *, was_written: bool = False) -> tuple[str, ...]:
    """Return steps that would tell more, each one sentence; commands are of this version.

    was_written: a model wrote the summary already.
    """
    return tuple(_steps(evidence, was_written))


def _steps(evidence: Evidence, was_written: bool) -> Iterator[str]:
    path = evidence.info.path
    video = as_arguments(evidence)
    capped = any(notice.code == "cap" for notice in evidence.notices)
    if capped:
        yield "A higher cap, or none, would leave less out: see what was left out for it."
    if _unheard(evidence):
        yield (
            f"A subtitle file beside it ({safe(path.stem)}.srt or .vtt) would be used as its "
            "transcript: put one there and run it again."
        )
    if evidence.observations and not _was_read(evidence) and not capped:
        yield "Leave out --no-ocr to have the text on screen read."
    if evidence.observations and evidence.interval_s > _FINE_STEP_S:
        yield f"To look at a picture every second, at a higher cost: vidsum {video} --interval 1"
    if evidence.observations or evidence.transcript.segments:
        yield f"To get this evidence as a prompt for any chat model: vidsum bundle {video}"
    work = list(_work_for_models(evidence, was_written))
    if work and not capped:
        yield f"Models on this machine could {listed(work)}: vidsum doctor says what is missing."


def _work_for_models(evidence: Evidence, was_written: bool) -> Iterator[str]:
    """Yield what was done without a model, or not at all."""
    if _unheard(evidence) and evidence.transcript.backend in ("none", SUBTITLES):
        yield "recognise the speech"
    if evidence.observations and not captioned_by_model(evidence):
        yield "describe the pictures"
    if not was_written and (evidence.observations or evidence.transcript.segments):
        yield "write the summary"


def _unheard(evidence: Evidence) -> bool:
    """Tell whether there may be speech that is not transcribed."""
    transcript = evidence.transcript
    return bool(evidence.info.audio and not transcript.segments and transcript.speech_s != 0)
