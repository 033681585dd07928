"""When two titles that OCR read are the same title."""

from __future__ import annotations

import re
from typing import Final

_SEPARATORS: Final = re.compile(r"[\W_]+")
_CONTINUED: Final = re.compile(r"\W*\b(?:cont|contd|continued)\b\W*$")
_ROMAN: Final = re.compile(r"[ivx]+")
_LONGEST: Final = 100
_LETTERS_PER_MISREADING: Final = 8


def same_title(one: str, other: str) -> bool:
    """Tell whether two readings are one title: equal but for case, marks and misread letters.

    One letter in eight may differ. Numbers and single letters may not: "Part 1" is not "Part 2".
    """
    if one == other:
        return True
    first, second = _key(one), _key(other)
    if first == second:
        return True
    if _numbering(first) != _numbering(second):
        return False
    allowed = min(len(first), len(second)) // _LETTERS_PER_MISREADING
    return allowed > 0 and _distance_within(
        first.replace(" ", ""), second.replace(" ", ""), allowed
    )


def _key(title: str) -> str:
    low = _CONTINUED.sub("", title.casefold()[:_LONGEST])
    return _SEPARATORS.sub(" ", low).strip()


def _numbering(key: str) -> list[str]:
    """Return the words of a key that count something: numbers, letters, Roman numerals."""
    return [word for word in key.split() if len(word) == 1 or word.isdigit() or _roman(word)]


def _roman(word: str) -> bool:
    return _ROMAN.fullmatch(word) is not None


def _distance_within(one: str, other: str, allowed: int) -> bool:
    """Tell whether at most `allowed` letters differ (Levenshtein distance)."""
    if abs(len(one) - len(other)) > allowed:
        return False
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        previous, row[0] = row[0], i
        for j, against in enumerate(other, 1):
            previous, row[j] = (
                row[j],
                min(row[j] + 1, row[j - 1] + 1, previous + (letter != against)),
            )
        if min(row) > allowed:
            return False
    return row[-1] <= allowed
