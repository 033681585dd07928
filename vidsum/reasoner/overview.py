"""The overview: one paragraph on what a video is, from facts and its own words only.

It quotes no key points: a reader finds them right below.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from vidsum.data import Bundle, Chapter, ChapterBasis, Evidence, Segment, Transcript
from vidsum.languages import language_name
from vidsum.reasoner.given import given_statements
from vidsum.reasoner.looks import looks
from vidsum.reasoner.pictures import picture_sentences
from vidsum.reasoner.scenes import described
from vidsum.reasoner.statements import Places, Statement
from vidsum.reasoner.wording import listed, quoted, shortened
from vidsum.wording import clock, counted, safe

SUBTITLES: Final = "subtitles"
"""The transcriber that copies what somebody wrote; it does not know what is spoken."""
LITTLE: Final = "Little could be established about this {noun}."

_LONGEST_LINE: Final = 60
_MOST_LINES: Final = 3
_SLIDES_SHARE: Final = 0.5
_ENDS_S: Final = 1.0
_WORDED_SHARE: Final = 0.7
_BY: Final = {
    "speech": " by where the words change",
    "pictures": " by cuts to another view",
}


@dataclass(frozen=True, slots=True)
class Findings:
    """What the overview tells of, chosen already.

    worded: whether there is a transcript with words; language: its code, None where the words
    do not bear it out. pointed: whether there are key points. shown: lines seen on screen;
    cards: those of a title over a picture, which nothing else quotes.
    """

    chapters: tuple[Chapter, ...]
    basis: ChapterBasis
    keywords: tuple[str, ...]
    worded: bool
    language: str | None
    pointed: bool
    shown: tuple[str, ...]
    cards: tuple[str, ...] = ()


def overview(bundle: Bundle, findings: Findings, places: Places) -> tuple[Statement, ...]:
    """Return the sentences of the paragraph. They claim nothing that the bundle does not hold."""
    evidence = bundle.evidence
    sentences = [_opening(bundle, findings, places)]
    if findings.worded:
        sentences.extend(_worded_for(evidence))
    sentences.extend(given_statements(evidence, places))
    sentences.extend(_overlay(bundle))
    if not findings.worded or not evidence.info.audio:
        sentences.extend(_unheard(evidence))
    if not findings.worded and not _has_slides(bundle) and not described(bundle):
        sentences.extend(map(Statement, picture_sentences(evidence)))
    sentences.extend(_most_used(findings))
    if not findings.pointed:
        sentences.extend(_first_lines(places, findings.shown, findings.cards))
    elif findings.cards:
        sentences.extend(_first_lines(places, findings.cards))
    return tuple(sentences)


def noun(evidence: Evidence) -> str:
    """Return "video", or "recording" for a file without pictures."""
    return "video" if evidence.info.video is not None else "recording"


def within(evidence: Evidence) -> list[Segment]:
    """Return the words of what was looked at."""
    start_s, end_s = evidence.start_s, evidence.end_s
    return [
        one
        for one in evidence.transcript.segments
        if end_s <= start_s or (one.end_s >= start_s and one.start_s < end_s)
    ]


def _worded_for(evidence: Evidence) -> Iterator[Statement]:
    """Yield which stretch there are words for, if much of what was looked at has none."""
    worded = within(evidence)
    start_s = max(evidence.start_s, min((one.start_s for one in worded), default=0.0))
    end_s = min(evidence.end_s, max((one.end_s for one in worded), default=0.0))
    if end_s - start_s < _WORDED_SHARE * (evidence.end_s - evidence.start_s):
        words = "subtitles" if evidence.transcript.backend == SUBTITLES else "words"
        if clock(start_s) == clock(end_s):
            yield Statement(f"There are {words} at {clock(start_s)} only.")
        else:
            yield Statement(f"There are {words} for {clock(start_s)} to {clock(end_s)} only.")


def _opening(bundle: Bundle, findings: Findings, places: Places) -> Statement:
    evidence = bundle.evidence
    features = []
    if findings.worded:
        features.append(_words(evidence.transcript, findings.language))
    if findings.shown:
        features.append(_written(bundle, findings))
    having = f" with {listed(features)}" if features else ""
    division, rests_on = _division(findings, places)
    opening = f"{_extent(evidence)}{having}{division}."
    if not (findings.worded or findings.pointed):
        opening = f"{LITTLE.format(noun=noun(evidence))} It is {opening[0].lower()}{opening[1:]}"
    return Statement(opening, rests_on)


def _written(bundle: Bundle, findings: Findings) -> str:
    """Return what bears the text: pages without titles may be a terminal as well as slides."""
    if not _has_slides(bundle):
        return "text on screen"
    return "slides" if findings.basis == "titles" else "screens of text"


def _has_slides(bundle: Bundle) -> bool:
    """Tell whether half of the samples or more show slides."""
    seen = [look for look in looks(bundle.evidence, bundle.overlay) if not look.blank]
    return bool(seen) and sum(look.slide for look in seen) >= _SLIDES_SHARE * len(seen)


def _extent(evidence: Evidence) -> str:
    """Return "A 2:37 video", or which stretch of it was looked at."""
    whole_s = evidence.info.duration_s or evidence.end_s
    what = noun(evidence)
    if evidence.start_s > 0 or not ends_whole(evidence):
        start, end = clock(evidence.start_s), clock(evidence.end_s)
        part = f"A moment ({start})" if start == end else f"{start} to {end}"
        return f"{part} of {_article(whole_s)} {clock(whole_s)} {what}"
    sound_only = " (sound only)" if evidence.info.video is None else ""
    return f"{_article(whole_s).capitalize()} {clock(whole_s)} {what}{sound_only}"


def ends_whole(evidence: Evidence) -> bool:
    """Tell whether the video was looked at to its end."""
    return evidence.end_s >= (evidence.info.duration_s or evidence.end_s) - _ENDS_S


def _article(seconds: float) -> str:
    """Return "an" before a time that is read with a vowel first (8, 11, 18, 80 …)."""
    first = clock(seconds).split(":")[0]
    return "an" if first.startswith("8") or first in {"11", "18"} else "a"


def _words(transcript: Transcript, code: str | None) -> str:
    """Return "subtitles in English", or "speech in English" where somebody listened."""
    language = language_name(code)
    words = "subtitles" if transcript.backend == SUBTITLES else "speech"
    return f"{words} in {language}" if language else words


def _division(findings: Findings, places: Places) -> tuple[str, tuple[str, ...]]:
    """Return ", in nine parts, from “A” to “B”", and where A and B are on screen.

    Nothing for a video in one part.
    """
    chapters = findings.chapters
    if len(chapters) < 2:
        return "", ()
    first, last = chapters[0], chapters[-1]
    text = f", in {counted(len(chapters), 'part')}{_BY.get(findings.basis, '')}"
    named = all(chapter.title_from in {"file", "screen"} for chapter in (first, last))
    if not named or first.title == last.title:
        return text, ()
    shown = [
        places.on_screen(one.title, one.start_s, one.end_s)
        for one in (first, last)
        if one.title_from == "screen"
    ]
    rests_on = tuple(dict.fromkeys(filter(None, shown)))
    return f"{text}, from {quoted(first.title)} to {quoted(last.title)}", rests_on


def _overlay(bundle: Bundle) -> Iterator[Statement]:
    """Yield what stays on screen, but for clocks and page numbers (which have a "#")."""
    lasting = [quoted(shortened(safe(text), 60)) for text in bundle.overlay if "#" not in text]
    if lasting:
        stay = "stay" if len(lasting) > 1 else "stays"
        yield Statement(f"{listed(lasting[:3])} {stay} on screen.")


def _unheard(evidence: Evidence) -> Iterator[Statement]:
    """Yield what is known of sound without words."""
    transcript = evidence.transcript
    if not evidence.info.audio:
        yield Statement("It has no sound.")
    elif transcript.speech_s and transcript.heard_s:
        heard = f"{clock(transcript.speech_s)} of {clock(transcript.heard_s)}"
        yield Statement(f"Somebody seems to speak for {heard}, but the words are not known.")
    elif transcript.speech_s is not None and transcript.heard_s:
        yield Statement(f"No speech was found in {clock(transcript.heard_s)} of sound.")
    else:
        yield Statement("Whether anything is said in it is not known.")


def _most_used(findings: Findings) -> Iterator[Statement]:
    if findings.keywords:
        used = "used" if findings.worded else "shown"
        words, are = ("words", "are") if len(findings.keywords) > 1 else ("word", "is")
        yield Statement(f"The {words} {used} most {are} {listed(findings.keywords)}.")


def _first_lines(
    places: Places, shown: Sequence[str], cards: Sequence[str] = ()
) -> Iterator[Statement]:
    """Yield the first lines of a text on screen; cards: lines to tell before others."""
    shown = [line for line in shown if any(map(str.isalnum, line))]
    if shown:
        chosen = [*cards, *(line for line in shown if line not in cards)][:_MOST_LINES]
        told = [line for line in shown if line in chosen]
        lines = [quoted(shortened(line, _LONGEST_LINE)) for line in told]
        more = " and more" if len(shown) > _MOST_LINES else ""
        rests_on = dict.fromkeys(filter(None, map(places.on_screen, told)))
        yield Statement(f"On screen: {listed(lines)}{more}.", tuple(rests_on))
