"""All that can be quoted of a video in answer to a question, with the words it is found by."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from vidsum.data import Bundle, TimelineEntry
from vidsum.reasoner.given import DESCRIPTIONS
from vidsum.reasoner.material import entries_within
from vidsum.reasoner.scenes import BUILT_IN, MEASURED
from vidsum.reasoner.sentences import sentences
from vidsum.reasoner.stopwords import STOP_WORDS
from vidsum.reasoner.terms import Lexicon, lexicon
from vidsum.wording import safe

_SAMPLED: Final = 2_000
"""Entries that are enough to tell a language by."""
_WORD: Final = re.compile(r"[^\W\d_]+")
_NUMBER: Final = re.compile(r"\d+(?:[.,:]\d+)*")
_TELLING_WORDS: Final = """
seconds? minutes? hours? days? weeks? months? years? today half quarters?
long(?:er)? large(?:r|st)? small(?:er|est)? high(?:er|est)? low(?:er|est)? big(?:ger|gest)? new old
two three four five six seven eight nine ten hundred thousand million
"""
_TELLING: Final = re.compile(rf"\b(?:{'|'.join(_TELLING_WORDS.split())})\b")
"""English words that mark no topic but that a question may be about."""
_HAN: Final = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]{3,4}")
_UNSPACED: Final = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]{5,}")
"""Thai, Lao, Burmese and Khmer write no spaces between words."""
_PIECE: Final = 4

_LOOKS: Final = re.compile(r'(?!Slide or screen)[^;".]+(?=[;.])')
"""How a picture looks, by the built-in captioner; what it reads there follows."""

Kind = Literal["speech", "text", "caption", "measured", "fact"]


@dataclass(frozen=True, slots=True)
class Passage:
    """Something said, shown, seen or given. lines: those of a text on screen, else the one text.

    ``kind`` is ``measured`` for what was found out of a picture without a model.
    """

    kind: Kind
    lines: tuple[str, ...]
    start_s: float
    end_s: float
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SearchTerms:
    """What words count as when they are looked for: stems, numbers, pieces of unspaced scripts."""

    lexicon: Lexicon

    def of(self, text: str) -> list[str]:
        """Return the terms of a text, in order; numbers and measures come last."""
        terms = [piece for term in self.lexicon.terms(text) for piece in _pieces(term)]
        return [*terms, *self._measures(text).values()]

    def _measures(self, text: str) -> dict[str, str]:
        """Return the numbers in a text, and words that are no terms but may be asked for."""
        telling = _TELLING.findall(text.casefold()) if self.lexicon.language == "en" else ()
        terms = {word: word.removesuffix("s") for word in telling}
        return terms | {number: number for number in _NUMBER.findall(text)}

    def asked(self, question: str) -> dict[str, str]:
        """Return the terms to look for, each with how the question writes it.

        Function words of the question's own language are no terms, whatever the video's is.
        """
        stops = STOP_WORDS.get(self._language(question) or "", frozenset())
        terms: dict[str, str] = {}
        for word in self.lexicon.words(question):
            if stops.isdisjoint({word.text.casefold(), word.term}):
                pieces = _pieces(word.term)
                terms |= {one: word.text if len(pieces) == 1 else one for one in pieces}
        return terms | {term: word for word, term in self._measures(question).items()}

    def in_language(self, question: str) -> bool:
        """Tell whether a question is in the language of the video's words, as far as that shows."""
        stops = STOP_WORDS.get(self.lexicon.language or "", frozenset())
        known = self._language(question) == self.lexicon.language
        return known and not stops.isdisjoint(_WORD.findall(question.casefold()))

    def _language(self, question: str) -> str | None:
        return lexicon(self.lexicon.language, [question]).language


def _pieces(term: str) -> list[str]:
    """Return a term, or the overlapping parts of one in a script without spaces."""
    if _HAN.fullmatch(term):
        return [term[at : at + 2] for at in range(len(term) - 1)]
    if _UNSPACED.fullmatch(term):
        return [term[at : at + _PIECE] for at in range(len(term) - _PIECE + 1)]
    return [term]


def passages(bundle: Bundle) -> tuple[list[Passage], Lexicon]:
    """Return what can be quoted, in order of time within each kind, and the words' language.

    Of what the built-in captioner writes, only what it measured counts: the rest repeats the text
    on screen.
    """
    speech, screen = entries_within(bundle, "speech"), entries_within(bundle, "text")
    shown = entries_within(bundle, "caption")
    seen = [one for one in shown if one.source != BUILT_IN]
    code = bundle.evidence.transcript.language
    words = lexicon(code, [entry.text for entry in (speech or seen or screen)[:_SAMPLED]])
    found = [
        *_sentences(speech, "speech", words.language),
        *_entries(screen, "text"),
        *_entries(seen, "caption"),
        *_measured([one for one in shown if one.source == BUILT_IN]),
    ]
    for fact in entries_within(bundle, "fact"):
        found += _fact(fact, words.language)
    return found, words


def _sentences(
    entries: Sequence[TimelineEntry], kind: Kind, language: str | None
) -> Iterator[Passage]:
    for one in sentences(entries, language):
        yield Passage(kind, (one.text,), one.start_s, one.end_s, one.evidence)


def _fact(entry: TimelineEntry, language: str | None) -> Iterator[Passage]:
    """Yield the sentences of a fact, each with the fact's name before it; a title is one."""
    name, colon, value = entry.text.partition(": ")
    if not colon:
        name, value = "", entry.text
    if name not in DESCRIPTIONS:
        yield Passage("fact", (safe(entry.text),), entry.start_s, entry.end_s, (entry.id,))
        return
    for one in _sentences([replace(entry, text=value)], "fact", language):
        yield replace(one, lines=(f"{safe(name)}{colon}{one.lines[0]}",))


def _measured(entries: Sequence[TimelineEntry]) -> Iterator[Passage]:
    for entry in entries:
        found = _LOOKS.match(entry.text)
        if found:
            yield Passage("measured", (f"{found[0]}.",), entry.start_s, entry.end_s, (entry.id,))


def _entries(entries: Sequence[TimelineEntry], kind: Kind) -> Iterator[Passage]:
    for entry in entries:
        lines = tuple(filter(None, map(safe, entry.text.split("\n"))))
        passage = Passage(kind, lines, entry.start_s, entry.end_s, (entry.id,))
        if lines:
            yield replace(passage, kind="measured") if entry.source == MEASURED else passage
