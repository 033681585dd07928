"""Ids and times of timeline entries, as models write them into running text."""

from __future__ import annotations

import math
import re
from typing import Final

from vidsum.wording import safe

_ID: Final = re.compile(r"\b([a-z])(\d{1,7})(?:\s*[-–—]\s*(?:\1)?(\d{1,7}))?\b", re.IGNORECASE)
"""An id, or a range of one kind as "s3-s6" or "s3–6"."""
_LONGEST_RANGE: Final = 8
"""Of a longer range its two ends are enough: they tell from when to when it is."""
_BRACKETED: Final = re.compile(
    r"\s*(?:[\[{【]([^\[\]{}【】]{0,80})[\]}】]|[(（]([^()（）]{0,80})[)）])"
)
_BESIDE_IDS: Final = (
    r"[\s,;:&–—-]|\d{1,3}(?::\d\d){1,2}\b|(?:and|to|or|see|ids?|evidence|sources?|entry|entries)\b"
)
_TO: Final = r"\d{1,7}(?:\s*[-–—]\s*\d{1,7})?\b"
_ONLY_IDS: Final = re.compile(rf"(?:{_BESIDE_IDS}|[a-z]{_TO})+", re.IGNORECASE)
_ONLY_SMALL_IDS: Final = re.compile(rf"(?:{_BESIDE_IDS}|[bcflst]{_TO})+")
"""In round brackets most letters with a number may be anything, as in vitamin (B1)."""
_CLOCK: Final = re.compile(r"(?:(\d{1,3}):)?(\d{1,3}):(\d{1,2}(?:\.\d+)?)(?:\s*[-–—].*)?")
"""A time, or the first one of "1:23–1:40"."""
_NUMBER: Final = re.compile(r"\d{1,7}(?:\.\d+)?(?=\s*(?:s|sec|seconds)?$)")


def ids_in(text: str) -> list[str]:
    """Return what looks like an id in a text, in small letters; those of a range one by one."""
    return [one for found in _ID.finditer(text) for one in _range(*found.groups())]


def _range(kind: str, first: str, last: str | None) -> list[str]:
    """Return the ids of a range, or its two ends where it is long or runs backwards."""
    kind = kind.lower()
    if last is None:
        return [f"{kind}{first}"]
    numbers = range(int(first), int(last) + 1)
    if 0 < len(numbers) <= _LONGEST_RANGE:
        return [f"{kind}{number}" for number in numbers]
    return [f"{kind}{first}", f"{kind}{last}"]


def cited(text: str) -> list[str]:
    """Return the citations in running text, as [s12] or (t3, s13), with the space before them."""
    found = []
    for one in _BRACKETED.finditer(text):
        square, inner = one[1] is not None, one[1] or one[2] or ""
        only = (_ONLY_IDS if square else _ONLY_SMALL_IDS).fullmatch(inner)
        if only and _ID.search(inner):
            found.append(one[0])
    return found


def uncited(text: str) -> str:
    """Return running text without its citations."""
    for one in dict.fromkeys(cited(text)):
        text = text.replace(one, "")
    return safe(text)


def seconds(text: str) -> float | None:
    """Return the seconds that "90", "90.5 s" or "1:30" stand for."""
    text = text.strip()
    if clock := _CLOCK.fullmatch(text):
        hours, minutes, rest = (float(part or 0) for part in clock.groups())
        return hours * 3600 + minutes * 60 + rest
    number = _NUMBER.match(text)
    value = float(number[0]) if number else math.nan
    return value if math.isfinite(value) else None
