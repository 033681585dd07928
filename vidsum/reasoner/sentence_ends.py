"""Where a sentence ends: full stops told from abbreviations, initials, numbers and ordinals."""

from __future__ import annotations

import re
from typing import Final

_WIDE: Final = "。！？｡।॥"
_STRONG: Final = f"!?؟۔։።{_WIDE}"
_CLOSERS: Final = r"(?:[\"'”’»›)\]』」）】]|\s»)*"
_MARKS: Final = rf"(?<![.…{_STRONG}])[.…{_STRONG}]++"
"""A run of marks from its first one to its last: tried from each of them, it takes its square."""
END: Final = re.compile(rf"{_MARKS}{_CLOSERS}(?=\s|$)|(?<![{_WIDE}])[{_WIDE}]++{_CLOSERS}")
"""Marks that may end a sentence, with the quotes and brackets that they close.

Most count before a space or the end only ("3.5", "example.org"); the wide ones always.
"""
UNBROKEN: Final = re.compile(
    r"https?://[^\s。！？]++|\([^()\n]{1,200}\)|（[^（）\n]{1,200}）", re.IGNORECASE
)
"""Web addresses and what stands between brackets: no sentence ends inside."""
LOOK_BACK: Final = 40
"""So many characters before a place tell whether a sentence ends there."""
_LAST_MARK: Final = re.compile(rf"([.…{_STRONG}]+){_CLOSERS}\s*$")
_OPENERS: Final = re.compile(r"^[\s\"'“„«‹¿¡(\[『「（-]+")
_LAST_WORD: Final = re.compile(r"(\S+)\.$")
_STOP_BETWEEN_WORDS: Final = re.compile(r"[^\W\d_]{3}\.\s+([^\W\d_])")

_SHORTENED: Final = """
    dr mr mrs ms mx prof st sr jr gen col sgt capt lt rev hon vs approx cf ca al dept est inc
    e.g i.e u.s u.k viz resp bzw evtl ggf inkl exkl sog vgl z.b d.h u.a o.ä m.e hr fr dipl ing
    mme mlle mm éd env p.ex sra srta ud uds dña dott sig sig.ra avv arch dhr mw mevr drs ir
    o.a d.w.z t.o.v a.u.b
"""
_ABBREVIATIONS: Final = frozenset(_SHORTENED.split())
_BEFORE_NUMBERS: Final = frozenset(
    {"no", "nos", "fig", "figs", "vol", "ch", "p", "pp", "art", "sec", "eq", "nr", "abb", "núm"}
)
_ORDINAL_LANGUAGES: Final = frozenset({"de", "da", "no", "nb", "fi", "cs", "pl", "hu"})


def ends_sentence(before: str, after: str, *, cased: bool, language: str | None = None) -> bool:
    """Tell whether a sentence ends between `before`, which may end in a mark, and `after`.

    cased: whether this text begins its sentences with capitals; then a small letter behind the
    mark goes on with the sentence. language: two-letter code, for ordinals ("am 3. Mai").
    """
    before = before[-LOOK_BACK:]
    mark = _LAST_MARK.search(before)
    if mark is None:
        return False
    if not after.strip() or mark[1][-1] in _WIDE:
        return True
    if cased and _OPENERS.sub("", after)[:1].islower():
        return False
    return mark[1] != "." or not _abbreviates(before[: mark.end(1)], after, language)


def _abbreviates(before: str, after: str, language: str | None) -> bool:
    """Tell whether the full stop at the end of `before` belongs to its last word."""
    found = _LAST_WORD.search(before)
    if found is None:
        return False
    word: str = found[1].lstrip("\"'“„«(¿¡[")
    if word.isdigit():
        alone = not before[: found.start()].strip()
        return alone or (len(word) <= 2 and language in _ORDINAL_LANGUAGES)
    if len(word) == 1 and word.isalpha():
        return word.isupper() and word != "I"
    low = word.lower()
    if low in _BEFORE_NUMBERS:
        return after.strip()[0].isdigit()
    return low in _ABBREVIATIONS


def begins_with_capitals(text: str) -> bool:
    """Tell whether full stops in text are followed by capitals more often than by small letters.

    True as well for scripts without capitals and for text without full stops.
    """
    initials: list[str] = _STOP_BETWEEN_WORDS.findall(text)
    small = sum(letter.islower() for letter in initials)
    return sum(letter.isupper() for letter in initials) >= small
