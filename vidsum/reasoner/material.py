"""What a summary can be made from: sentences spoken, lines on screen, and the parts they are in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from vidsum.data import Bundle, TimelineEntry
from vidsum.reasoner.chapters import Division, divide
from vidsum.reasoner.keywords import Passage, PhraseBook
from vidsum.reasoner.sentences import Sentence, sentences, width
from vidsum.reasoner.terms import Lexicon, lexicon
from vidsum.reasoner.worth import worth
from vidsum.wording import safe

_SAMPLED: Final = 2_000
"""Entries that are enough to tell a language by."""
_SHORTEST_LINE: Final = 14
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
    speech = _entries(bundle, "speech")
    screen = _entries(bundle, "text")
    code = bundle.evidence.transcript.language
    words = lexicon(code, [entry.text for entry in (speech or screen)[:_SAMPLED]])
    said = sentences(speech, words.language)
    terms = [words.terms(sentence.text) for sentence in said]
    division = divide(bundle.evidence, bundle.overlay, said, terms)
    texts = _texts(said, screen, division)
    quotables = _quotables(screen, texts, division)
    return Material(
        lexicon=words,
        division=division,
        said=tuple(said),
        texts=texts,
        quotables=tuple(sorted(quotables, key=lambda one: one.sentence.start_s)),
        phrases=PhraseBook([_passages(text) for text in texts], words),
    )


def _entries(bundle: Bundle, kind: str) -> list[TimelineEntry]:
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


def _quotables(
    screen: Sequence[TimelineEntry], texts: Sequence[PartText], division: Division
) -> Iterator[Quotable]:
    """Yield what may be quoted: what is said, and lines on screen in parts where nothing is."""
    silent: list[list[Sentence]] = [[] for _ in texts]
    for entry in screen:
        silent[division.part_at(entry.start_s)].extend(screen_lines(entry))
    for part, text in enumerate(texts):
        title = division.parts[part].title
        if text.said:
            for sentence in text.said:
                yield Quotable(sentence, part, worth(sentence.text))
            continue
        for line in silent[part]:
            heading = title is not None and line.text.startswith(title)
            yield Quotable(line, part, _LINE_WORTH * worth(line.text) * (0.3 if heading else 1))


def screen_lines(entry: TimelineEntry) -> Iterator[Sentence]:
    """Yield the lines of an on-screen text that say something; wrapped lines are put together.

    A line that begins with a small letter goes on with the line above it.
    """
    joined: list[str] = []
    for line in map(safe, entry.text.split("\n")):
        if joined and line[:1].islower() and joined[-1][-1] not in ".!?:;":
            joined[-1] += f" {line}"
        elif line:
            joined.append(line)
    for line in (_NUMBERED.sub("", one) for one in joined):
        if width(line) >= _SHORTEST_LINE and (" " in line or not line.isascii()):
            yield Sentence(line, entry.start_s, entry.end_s, (entry.id,))


def _passages(text: PartText) -> list[Passage]:
    said = [Passage(sentence.text) for sentence in text.said]
    return [*said, *(Passage(line, shown=True) for line in text.shown)]
