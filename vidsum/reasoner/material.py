"""What a summary can be made from: sentences spoken, lines on screen, and the parts they are in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from vidsum.data import Bundle, TextLine, TimelineEntry
from vidsum.reasoner.chapters import Division, divide
from vidsum.reasoner.keywords import Passage, PhraseBook
from vidsum.reasoner.sentences import Sentence, sentences, width
from vidsum.reasoner.terms import Lexicon, lexicon
from vidsum.reasoner.titles import same_title
from vidsum.reasoner.worth import worth
from vidsum.wording import safe

_SAMPLED: Final = 2_000
"""Entries that are enough to tell a language by."""
_SHORTEST_LINE: Final = 10
_ADVERT: Final = re.compile(
    r"\bsubtitles?\s+by\b|opensubtitles|\bwww\.|\bsynced\s+(?:and|&)\s+corrected\b"
    r"|\buntertitel(?:ung)?\s+(?:von|der)\b|\bsous[- ]titre",
    re.IGNORECASE,
)
"""What makers and sites of subtitles put into them about themselves."""
_SOUND: Final = re.compile(r"\s*[\[(【（][^\])】）]*[\])】）]\s*")
_WRAP_GAP, _WRAP_LIKE, _WRAP_ALIGNED = 1.0, 0.75, 0.02
_NUMBERED: Final = re.compile(r"^(?:\d{1,2}[.)]|\([\da-z]\))\s+")
_LINE_WORTH: Final = 0.7


@dataclass(slots=True)
class PartText:
    """The words of one part: sentences spoken in it, lines first shown in it, without repeats."""

    said: list[Sentence] = field(default_factory=list)
    shown: dict[str, None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Quotable:
    """A sentence that may be quoted, the index of its part, and how well it stands alone (0–1)."""

    sentence: Sentence
    part: int
    worth: float


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """A video's words, divided. `texts` has one entry a part; `quotables` are in order of time."""

    lexicon: Lexicon
    division: Division
    said: tuple[Sentence, ...]
    texts: tuple[PartText, ...]
    quotables: tuple[Quotable, ...]
    phrases: PhraseBook


def material(bundle: Bundle) -> Material:
    """Return what bundle gives to quote and to count, divided into chapters."""
    speech = [one for one in entries_within(bundle, "speech") if not _ADVERT.search(one.text)]
    screen = entries_within(bundle, "text")
    code = bundle.evidence.transcript.language
    words = lexicon(code, [entry.text for entry in (speech or screen)[:_SAMPLED]])
    said = sentences(speech, words.language)
    terms = [words.terms(sentence.text) for sentence in said]
    division = divide(bundle.evidence, bundle.overlay, said, terms)
    texts = _texts(said, screen, division)
    quotables = [
        one
        for one in _quotables(screen, _rows(bundle), texts, division)
        if one.sentence.start_s >= bundle.evidence.start_s or bundle.evidence.start_s <= 0
    ]
    return Material(
        lexicon=words,
        division=division,
        said=tuple(said),
        texts=texts,
        quotables=tuple(sorted(quotables, key=lambda one: one.sentence.start_s)),
        phrases=PhraseBook([_passages(text) for text in texts], words),
    )


def entries_within(bundle: Bundle, kind: str) -> list[TimelineEntry]:
    """Return the timeline's entries of one kind that touch what was looked at."""
    start_s, end_s = bundle.evidence.start_s, bundle.evidence.end_s
    return [
        entry
        for entry in bundle.timeline
        if entry.kind == kind
        and (end_s <= start_s or (entry.end_s >= start_s and entry.start_s < end_s))
    ]


def _texts(
    said: Sequence[Sentence], screen: Sequence[TimelineEntry], division: Division
) -> tuple[PartText, ...]:
    texts = tuple(PartText() for _ in division.parts)
    for sentence in said:
        middle_s = (sentence.start_s + sentence.end_s) / 2
        texts[division.part_at(middle_s)].said.append(sentence)
    for entry in screen:
        lines = (safe(line) for line in entry.text.split("\n"))
        texts[division.part_at(entry.start_s)].shown.update(dict.fromkeys(filter(None, lines)))
    return texts


def _rows(bundle: Bundle) -> dict[str, tuple[TextLine, ...]]:
    """Return the rows of each text on screen, by its words as the timeline has them."""
    texts = (one.text.lines for one in bundle.evidence.observations if one.text)
    return {"\n".join(line.text for line in lines): lines for lines in texts}


def _quotables(
    screen: Sequence[TimelineEntry],
    rows: Mapping[str, Sequence[TextLine]],
    texts: Sequence[PartText],
    division: Division,
) -> Iterator[Quotable]:
    """Yield what may be quoted: what is said, and lines on screen in parts where nothing is.

    A line is quoted from where a part first shows it.
    """
    silent: list[dict[str, Sentence]] = [{} for _ in texts]
    for entry in screen:
        lines = silent[division.part_at(entry.start_s)]
        for line in screen_lines(entry, rows.get(entry.text, ())):
            lines.setdefault("".join(filter(str.isalnum, line.text.casefold())), line)
    for part, text in enumerate(texts):
        title = division.parts[part].title
        if text.said:
            for sentence in text.said:
                yield Quotable(sentence, part, worth(sentence.text))
            continue
        for line in silent[part].values():
            if title is not None and same_title(line.text, title):
                continue
            heading = title is not None and line.text.startswith(title)
            yield Quotable(line, part, _LINE_WORTH * worth(line.text) * (0.3 if heading else 1))


def screen_lines(entry: TimelineEntry, rows: Sequence[TextLine] = ()) -> Iterator[Sentence]:
    """Yield the lines of an on-screen text that say something.

    rows: where its lines stand, if that is known; those that clearly are one wrapped sentence
    are put together.
    """
    joined: list[str] = []
    above: TextLine | None = None
    for place, line in enumerate(map(safe, entry.text.split("\n"))):
        row = rows[place] if place < len(rows) else None
        if joined and above and row and _wrapped(above, row):
            joined[-1] += f" {line}"
        elif line:
            joined.append(line)
        above = row if line else None
    for line in (_NUMBERED.sub("", one) for one in joined):
        told = width(line) >= _SHORTEST_LINE and (" " in line or not line.isascii())
        if told and not _ADVERT.search(line) and not _SOUND.fullmatch(line):
            yield Sentence(line, entry.start_s, entry.end_s, (entry.id,))


def _wrapped(upper: TextLine, lower: TextLine) -> bool:
    """Tell whether lower goes on with upper: it is set like it, and upper had no more room."""
    words, more = safe(upper.text), safe(lower.text)
    if not words or not more[:1].islower() or not (words[-1].isalnum() or words[-1] in ",-–—’'\""):
        return False
    low, high = sorted((upper.bottom - upper.top, lower.bottom - lower.top))
    like = low >= _WRAP_LIKE * high and abs(upper.left - lower.left) <= _WRAP_ALIGNED
    below = abs(lower.top - upper.bottom) <= _WRAP_GAP * high
    first_word = (lower.right - lower.left) * (len(more.split()[0]) + 1) / len(more)
    return like and below and upper.right + first_word >= lower.right


def _passages(text: PartText) -> list[Passage]:
    said = [Passage(sentence.text) for sentence in text.said]
    return [*said, *(Passage(line, shown=True) for line in text.shown)]
