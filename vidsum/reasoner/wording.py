"""Words from outside made safe to show, and numbers put into words."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from typing import Final

_SPELLED: Final = "no one two three four five six seven eight nine ten eleven twelve"
_NUMBERS: Final = _SPELLED.split()
_KEPT_FORMATS: Final = "\u200c\u200d"
"""The joiners, which spelling needs in Persian, in Indian scripts and in emoji."""
_ELLIPSIS: Final = "…"


def plain(text: str) -> str:
    """Return text on one line, without control characters, runs of space as one space.

    Terminal escapes lose the character that makes them work, as do marks that reverse the
    direction of writing; halves of broken characters (surrogates) become "�".
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    return " ".join("".join(map(_shown, text)).split())


def _shown(character: str) -> str:
    if character.isspace():
        return " "
    category = unicodedata.category(character)
    if category == "Cs":
        return "�"
    if category in {"Cc", "Cf"} and character not in _KEPT_FORMATS:
        return ""
    return character


def shortened(text: str, limit: int) -> str:
    """Return text cut to at most `limit` characters, at a space if it can be, with "…"."""
    if len(text) <= limit:
        return text
    head = text[: limit - 1]
    space = head.rfind(" ")
    return head[: space if space > limit // 2 else None].rstrip(" ,;:.-–—") + _ELLIPSIS


def quoted(text: str) -> str:
    """Return text between quotation marks; marks that it has around itself are dropped."""
    inner = text[1:-1] if len(text) > 2 and text[0] in '"“' and text[-1] in '"”' else text
    if not any(mark in inner for mark in '"“”'):
        text = inner
    return f"“{text}”"


def clock(seconds: float) -> str:
    """Return a time as a player shows it: 0:07, 4:31, 1:02:03. Part seconds are cut off."""
    whole = int(seconds) if math.isfinite(seconds) and seconds > 0 else 0
    hours, minutes = whole // 3600, whole // 60 % 60
    if hours:
        return f"{hours}:{minutes:02}:{whole % 60:02}"
    return f"{minutes}:{whole % 60:02}"


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return "one part", "three parts", "41 parts", "no parts"."""
    figure = _NUMBERS[number] if 0 <= number < len(_NUMBERS) else f"{number:,}"
    return f"{figure} {noun if number == 1 else plural or noun + 's'}"


def listed(items: Sequence[str]) -> str:
    """Return "a", "a and b" or "a, b and c"."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"
