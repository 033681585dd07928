"""How a summary was made, on which basis, and what would tell more."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Final

from vidsum.data import ChapterBasis, Evidence
from vidsum.reasoner.overview import SUBTITLES, ends_whole, within
from vidsum.reasoner.wording import counted, listed, span, spelled
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
    "pictures": "Chapters are cuts to another view, not topics.",
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
    heard = within(evidence)
    when = ""
    if heard:
        end_s = min(evidence.end_s, max(one.end_s for one in heard))
        when = f" {span(max(evidence.start_s, heard[0].start_s), end_s)}"
    if transcript.backend == SUBTITLES:
        return f"Words: {source or SUBTITLES}, {counted(len(heard), 'cue')}{when}."
    return f"Speech: {source or 'a transcript'}, {counted(len(heard), 'passage')}{when}."


def _samples(evidence: Evidence, step: float) -> str:
    """Return how many pictures were asked for, what became of them, and how many bear text."""
    kept, total = len(evidence.observations), len(evidence.observations) + len(evidence.dropped)
    if not total:
        return "No picture was looked at."
    pace = f", one every {_seconds(step)}" if total > 1 else ""
    text = f"Pictures: {counted(total, 'sample')}{pace}"
    if kept < total:
        text += f"; {_kept(evidence)}"
    if not kept:
        return f"{text}."
    if not _was_read(evidence):
        return f"{text}; text on screen was not read."
    lettered = sum(bool(one.text and one.text.lines) for one in evidence.observations)
    return f"{text}; text was found on {spelled(lettered) if lettered else 'none'}."


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
    done = [
        *(["read"] if _was_read(evidence) else []),
        *(["described"] if any(one.caption for one in evidence.observations) else []),
    ]
    were = "was" if kept == 1 else "were"
    others = "the other one" if rest == 1 else "the rest"
    return f"{spelled(kept)} {were} {listed(done) or 'measured'}, {others} {told}"


def _was_read(evidence: Evidence) -> bool:
    return any(one.text is not None for one in evidence.observations)


def _seconds(step: float) -> str:
    return f"{step:.3g} s"


def more(evidence: Evidence) -> tuple[str, ...]:
    """Return steps that would tell more, each one sentence; commands are of this version."""
    return tuple(_steps(evidence))


def _steps(evidence: Evidence) -> Iterator[str]:
    path = evidence.info.path
    video = _argument(str(path)) + _window(evidence)
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
    """Return path as a shell argument; VIDEO where it cannot be shown as it is.

    A bare name without a dot may be that of a command.
    """
    if safe(path) != path or not path:
        return "VIDEO"
    mistakable = path.startswith("-") or ("/" not in path and "." not in path)
    return shlex.quote(f"./{path}" if mistakable else path)


def _window(evidence: Evidence) -> str:
    """Return the options for the stretch that was looked at, "" for a whole video."""
    options = f" --start {_plain(evidence.start_s)}" if evidence.start_s > 0 else ""
    if not ends_whole(evidence):
        options += f" --end {_plain(evidence.end_s)}"
    return options


def _plain(seconds: float) -> str:
    return f"{seconds:.3f}".rstrip("0").rstrip(".")
