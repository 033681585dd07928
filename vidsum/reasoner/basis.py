"""How a summary was made, on which basis, and what would tell more."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Final

from vidsum.data import ChapterBasis, Evidence
from vidsum.reasoner.overview import SUBTITLES
from vidsum.reasoner.wording import counted
from vidsum.wording import safe

_SEEN: Final = (
    "Built-in mode: frames were measured, not understood. Text is read by OCR or copied from "
    "subtitles; sentences are quoted, not written. People, objects and actions are not recognised."
)
_HEARD: Final = "Built-in mode: there are no pictures; sentences are quoted, not written."
_CHAPTERS: Final = {
    "file": "Chapters are the file's own markers.",
    "titles": "Chapters follow the titles on screen; each begins at the first sample that shows "
    "its title, so up to {step} late.",
    "speech": "Chapters are guessed from where the words change; some will be misplaced.",
    "pictures": "Chapters are large changes of picture, not topics.",
    "none": "",
}
_FINE_STEP_S: Final = 1.5


def method(evidence: Evidence, basis: ChapterBasis) -> str:
    """Return the honest paragraph: what was measured, read and quoted, and what was not."""
    step = evidence.interval_s
    sentences = [_SEEN if evidence.info.video is not None else _HEARD]
    sentences.append(_words(evidence))
    if evidence.info.video is not None:
        sentences.append(_samples(evidence, step))
    sentences.append(_CHAPTERS[basis].format(step=_seconds(step)))
    return " ".join(filter(None, sentences))


def _words(evidence: Evidence) -> str:
    transcript = evidence.transcript
    source = safe(transcript.source)
    if not transcript.segments:
        return f"Words: none ({source})." if source else "Words: none."
    if transcript.backend == SUBTITLES:
        return f"Words: {source or SUBTITLES}, {counted(len(transcript.segments), 'cue')}."
    passages = counted(len(transcript.segments), "passage")
    return f"Speech: {source or 'a transcript'}, {passages}."


def _samples(evidence: Evidence, step: float) -> str:
    """Return how many pictures were looked at, how many differ, and how many bear text."""
    kept, total = len(evidence.observations), len(evidence.observations) + len(evidence.dropped)
    if not total:
        return "No picture was looked at."
    pace = f", one every {_seconds(step)}"
    text = f"Pictures: {counted(total, 'sample')}{pace}"
    if kept < total:
        text += f", {counted(kept, 'of them unlike', 'of them unlike')} those before"
    if not _was_read(evidence):
        return f"{text}; text on screen was not read."
    lettered = sum(bool(one.text and one.text.lines) for one in evidence.observations)
    found = counted(lettered, "of these", "of these") if lettered else "none of these"
    return f"{text}; text was found on {found}."


def _was_read(evidence: Evidence) -> bool:
    return any(one.text is not None for one in evidence.observations)


def _seconds(step: float) -> str:
    return f"{step:.3g} s"


def more(evidence: Evidence) -> tuple[str, ...]:
    """Return steps that would tell more, each one sentence; commands are of this version."""
    return tuple(_steps(evidence))


def _steps(evidence: Evidence) -> Iterator[str]:
    path = evidence.info.path
    video = _argument(str(path))
    if _unheard(evidence):
        yield (
            f"A subtitle file beside it ({safe(path.stem)}.srt or .vtt) would be used as its "
            "transcript: put one there and run it again."
        )
    if evidence.observations and not _was_read(evidence):
        yield "Leave out --no-ocr to have the text on screen read."
    if evidence.observations and evidence.interval_s > _FINE_STEP_S:
        yield f"To look at a picture every second, at a higher cost: vidsum {video} --interval 1"
    if evidence.observations or evidence.transcript.segments:
        yield f"To get this evidence as a prompt for any chat model: vidsum bundle {video}"
    yield (
        "Engines that describe pictures, transcribe speech or write summaries are not in this "
        "version yet."
    )


def _unheard(evidence: Evidence) -> bool:
    """Tell whether there may be speech that is not transcribed."""
    transcript = evidence.transcript
    return bool(evidence.info.audio and not transcript.segments and transcript.speech_s != 0)


def _argument(path: str) -> str:
    """Return path as a shell argument; VIDEO where it cannot be shown as it is."""
    if safe(path) != path or not path:
        return "VIDEO"
    return shlex.quote(f"./{path}" if path.startswith("-") else path)
