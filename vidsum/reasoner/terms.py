"""Text as terms: words of any script, function words left out, endings taken off."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from vidsum.languages import two_letters
from vidsum.reasoner.stopwords import STOP_WORDS, SUFFIXES

_MARKS: Final = (
    r"\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed"
    r"\u0900-\u0963\u0966-\u0dff\u0e31-\u0e4e\u0eb1-\u0ece\u102b-\u109d\u17b4-\u17d3"
)
"""Combining marks: letters to a reader (vowels in Indian scripts), not so to Python's \\w."""
_KATAKANA: Final = r"[\u30a1-\u30fa\u30fc\u31f0-\u31ff]"
_HAN: Final = r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff々]"
_HIRAGANA: Final = r"[\u3041-\u309f]"
_LETTER: Final = rf"(?:(?!{_KATAKANA}|{_HAN}|{_HIRAGANA})(?:[^\W_]|[{_MARKS}]))"
_WORD: Final = re.compile(
    rf"{_KATAKANA}{{2,}}|{_HAN}+|{_LETTER}+(?:(?:['’.-](?=\w)|[·]){_LETTER}+)*"
)
_HAN_RUN: Final = re.compile(rf"{_HAN}+")
_LONGEST_HAN_WORD: Final = 4
_HAN_FUNCTION_WORDS: Final = frozenset("的了是吗吧呢们这那和在也就都不我你他她它有會会")
_ELISION: Final = re.compile(r"^(?:[cdjlmnstCDJLMNST]|[Qq]u|jusqu|[a-zA-Z]{0,6}ll|un)['’](?=\w{2})")
_POSSESSIVE: Final = re.compile(r"['’]s$")
_UNIT: Final = re.compile(
    r"\d[\d.,-]*[^\W\d_]{1,3}|[cdkm]?m|k[gmvw]|kwh|[cm]l|m[gs]|[gkmt]b|min|hz|[hk]pa|dr|mrs?|prof"
)
"""Units with or without their number, and titles of people."""
_LETTERS_LEFT: Final = 3
_LEAST_STOP_SHARE: Final = 0.12
"""Share of function words from which on a text counts as written in a language."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word as written, its place in the text, and the term that it counts as."""

    text: str
    start: int
    end: int
    term: str


@dataclass(frozen=True, slots=True)
class Lexicon:
    """What one language's words count as. language: two-letter code, None for any not listed.

    Without a language, words of three letters or fewer count as function words.
    """

    language: str | None

    def words(self, text: str) -> Iterator[Word]:
        """Yield all words of text that say what it is about, in order."""
        for found in _WORD.finditer(text):
            for start, end, term in _analysed(found[0], self.language):
                begin = found.start()
                yield Word(found[0][start:end], begin + start, begin + end, term)

    def terms(self, text: str) -> list[str]:
        """Return the terms of text: stems in lower case, without function words and numbers."""
        return [
            term
            for found in _WORD.finditer(text)
            for _, _, term in _analysed(found[0], self.language)
        ]


@lru_cache(maxsize=65_536)
def _analysed(word: str, language: str | None) -> tuple[tuple[int, int, str], ...]:
    """Return the parts of a word that say something: start, end and term of each."""
    parts = ((start, end, _term(word[start:end], language)) for start, end in _cut(word))
    return tuple(part for part in parts if part[2])


def _cut(word: str) -> Iterator[tuple[int, int]]:
    """Yield the parts of a word as [start, end): elisions and "'s" off, Han runs in pairs."""
    if _HAN_RUN.fullmatch(word) and len(word) > _LONGEST_HAN_WORD:
        for at in range(len(word) - 1):
            if _HAN_FUNCTION_WORDS.isdisjoint(word[at : at + 2]):
                yield at, at + 2
        return
    elision = _ELISION.match(word)
    possessive = _POSSESSIVE.search(word)
    yield elision.end() if elision else 0, possessive.start() if possessive else len(word)


def _term(written: str, language: str | None) -> str:
    """Return the term of one word, "" if it says nothing of the topic."""
    low = written.casefold().replace("’", "'")
    if low in STOP_WORDS.get(language or "", ()) or not any(map(str.isalpha, low)):
        return ""
    if _UNIT.fullmatch(low) or (len(low) == 1 and not _HAN_RUN.match(low)):
        return ""
    short = len(low) <= _LETTERS_LEFT and low.isalpha() and not _HAN_RUN.match(low)
    if language is None and short and not written.isupper():
        return ""
    return stem(low, SUFFIXES.get(language or "", ()))


def stem(word: str, suffixes: tuple[str, ...]) -> str:
    """Return word without the first of suffixes that leaves at least three letters.

    English "-ies" becomes "-y" first. Light stemming, enough to match forms of one word.
    Source: Harman, "How effective is suffixing?", JASIS 42(1), 1991 (the S stemmer).
    """
    if any(map(str.isdigit, word)):
        return word
    if word.endswith("ies") and "ings" in suffixes and len(word) > _LETTERS_LEFT + 1:
        return word[:-3] + "y"
    for suffix in suffixes:
        if word.endswith(suffix) and len(word) - len(suffix) >= _LETTERS_LEFT:
            if suffix == "s" and word.endswith(("ss", "us", "is")):
                break
            return word[: -len(suffix)]
    return word


def lexicon(code: str | None, texts: Iterable[str]) -> Lexicon:
    """Return the lexicon for texts, whose language code is said to be `code` ("eng", "pt-BR").

    The code is believed unless another language's function words are twice as common. A language
    that has no list here gets no stop words and no suffixes.
    """
    said = two_letters(code) if code else None
    shares = _stop_shares(texts)
    best = max(shares, key=lambda language: (shares[language], language))
    language = said
    if shares[best] >= max(_LEAST_STOP_SHARE, 2 * shares.get(said or "", 0.0)):
        language = best
    return Lexicon(language if language in STOP_WORDS else None)


def _stop_shares(texts: Iterable[str]) -> dict[str, float]:
    """Return, for each language listed, the share of words that are its function words."""
    counts = Counter(
        found[0].casefold().replace("’", "'") for text in texts for found in _WORD.finditer(text)
    )
    total = max(1, counts.total())
    return {
        language: sum(counts[stop] for stop in stops) / total
        for language, stops in STOP_WORDS.items()
    }
