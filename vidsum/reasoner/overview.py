"""The overview: one paragraph on what a video is about, from facts and quotations only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from vidsum.data import Bundle, Chapter, ChapterBasis, Evidence, KeyPoint
from vidsum.reasoner.languages import language_name
from vidsum.reasoner.looks import looks
from vidsum.reasoner.pictures import picture_sentences
from vidsum.reasoner.wording import clock, counted, listed, plain, quoted, shortened

LITTLE: Final = "Little could be established about this {noun}."

_LONGEST_QUOTE: Final = 240
_LONGEST_LINE: Final = 60
_MOST_LINES: Final = 3
_SLIDES_SHARE: Final = 0.5
_ENDS_S: Final = 1.0
_BY: Final = {
    "speech": " by what is talked about",
    "pictures": " by large changes of picture",
}
_DESCRIPTIONS: Final = ("description", "synopsis", "summary", "comment")
_MAKERS: Final = ("artist", "author", "album_artist", "composer", "director")


@dataclass(frozen=True, slots=True)
class Findings:
    """What the overview tells of: parts, words and quotations that were chosen already.

    spoken: whether any words are known that were said. shown: lines seen on screen.
    """

    chapters: tuple[Chapter, ...]
    basis: ChapterBasis
    keywords: tuple[str, ...]
    quotes: tuple[KeyPoint, ...]
    spoken: bool
    shown: tuple[str, ...]


def overview(bundle: Bundle, findings: Findings) -> str:
    """Return the paragraph. It claims nothing that the bundle does not hold."""
    evidence = bundle.evidence
    known = findings.spoken or bool(findings.quotes)
    opening = _opening(bundle, findings)
    if not known:
        opening = f"{LITTLE.format(noun=noun(evidence))} It is {opening[0].lower()}{opening[1:]}"
    sentences = [opening]
    sentences.extend(_from_tags(evidence))
    sentences.extend(_overlay(bundle))
    if not findings.spoken:
        sentences.extend(_unheard(evidence))
    if not findings.spoken and not _has_slides(bundle):
        sentences.extend(picture_sentences(evidence))
    if findings.keywords:
        used = "used" if findings.spoken else "shown"
        words, are = ("words", "are") if len(findings.keywords) > 1 else ("word", "is")
        sentences.append(f"The {words} {used} most {are} {listed(findings.keywords)}.")
    sentences.extend(_quotations(findings))
    return " ".join(sentences)


def noun(evidence: Evidence) -> str:
    """Return "video", or "recording" for a file without pictures."""
    return "video" if evidence.info.video is not None else "recording"


def _opening(bundle: Bundle, findings: Findings) -> str:
    evidence = bundle.evidence
    features = []
    if findings.spoken:
        features.append(_speech(evidence))
    if findings.shown:
        features.append("slides" if _has_slides(bundle) else "text on screen")
    having = f" with {listed(features)}" if features else ""
    return f"{_extent(evidence)}{having}{_division(findings)}."


def _has_slides(bundle: Bundle) -> bool:
    """Tell whether half of the samples or more show slides."""
    seen = [look for look in looks(bundle.evidence, bundle.overlay) if not look.blank]
    return bool(seen) and sum(look.slide for look in seen) >= _SLIDES_SHARE * len(seen)


def _extent(evidence: Evidence) -> str:
    """Return "A 2:37 video", or which stretch of it was looked at."""
    whole_s = evidence.info.duration_s or evidence.end_s
    what = noun(evidence)
    if evidence.start_s > 0 or evidence.end_s < whole_s - _ENDS_S:
        part = f"{clock(evidence.start_s)} to {clock(evidence.end_s)}"
        return f"{part} of {_article(whole_s)} {clock(whole_s)} {what}"
    sound_only = " (sound only)" if evidence.info.video is None else ""
    return f"{_article(whole_s).capitalize()} {clock(whole_s)} {what}{sound_only}"


def _article(seconds: float) -> str:
    """Return "an" before a time that is read with a vowel first (8, 11, 18, 80 …)."""
    first = clock(seconds).split(":")[0]
    return "an" if first.startswith("8") or first in {"11", "18"} else "a"


def _speech(evidence: Evidence) -> str:
    transcript = evidence.transcript
    language = language_name(transcript.language)
    source = plain(transcript.source.split("(")[0]).rstrip(" ,;:")
    spoken = f"speech in {language}" if language else "speech"
    return f"{spoken} ({source})" if source else spoken


def _division(findings: Findings) -> str:
    """Return ", in nine parts, from “A” to “B”", or nothing for a video in one part."""
    chapters = findings.chapters
    if len(chapters) < 2:
        return ""
    first, last = chapters[0], chapters[-1]
    text = f", in {counted(len(chapters), 'part')}{_BY.get(findings.basis, '')}"
    named = all(chapter.title_from in {"file", "screen"} for chapter in (first, last))
    if named and first.title != last.title:
        text += f", from {quoted(first.title)} to {quoted(last.title)}"
    return text


def _from_tags(evidence: Evidence) -> Iterator[str]:
    """Yield what the file's own tags say of who made it and what it is."""
    tags = {key.casefold(): plain(text) for key, text in evidence.info.tags.items()}
    maker = next((tags[key] for key in _MAKERS if tags.get(key)), "")
    if maker:
        yield f"The file names {quoted(shortened(maker, 80))} as its maker."
    told = next((tags[key] for key in _DESCRIPTIONS if " " in tags.get(key, "")), "")
    if told:
        yield f"It describes itself: {quoted(shortened(told, _LONGEST_QUOTE))}"


def _overlay(bundle: Bundle) -> Iterator[str]:
    """Yield what stays on screen, but for clocks and page numbers (which have a "#")."""
    lasting = [quoted(shortened(plain(text), 60)) for text in bundle.overlay if "#" not in text]
    if lasting:
        yield f"{listed(lasting[:3])} {'stay' if len(lasting) > 1 else 'stays'} on screen."


def _unheard(evidence: Evidence) -> Iterator[str]:
    """Yield what is known of sound without words."""
    transcript = evidence.transcript
    if not evidence.info.audio:
        yield "It has no sound."
    elif transcript.speech_s and transcript.heard_s:
        heard = f"{clock(transcript.speech_s)} of {clock(transcript.heard_s)}"
        yield f"Somebody seems to speak for {heard}, but the words are not known."
    elif transcript.speech_s is not None and transcript.heard_s:
        yield f"No speech was found in {clock(transcript.heard_s)} of sound."
    else:
        yield "Whether anything is said in it is not known."


def _quotations(findings: Findings) -> Iterator[str]:
    quotes = [
        f"{quoted(shortened(point.text, _LONGEST_QUOTE))} ({clock(point.start_s)})"
        for point in findings.quotes
    ]
    if quotes:
        where = "In its own words" if findings.spoken else "On screen"
        yield f"{where}: {listed(quotes)}."
    elif findings.shown:
        lines = [quoted(shortened(line, _LONGEST_LINE)) for line in findings.shown[:_MOST_LINES]]
        more = " and more" if len(findings.shown) > _MOST_LINES else ""
        yield f"On screen: {listed(lines)}{more}."
