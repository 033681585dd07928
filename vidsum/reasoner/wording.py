"""Quotations, lists and numbers put into words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from vidsum.wording import clock

_ELLIPSIS: Final = "…"
_SINGLE: Final = {
    '"': "'", "“": "‘", "”": "’", "„": "‚", "‟": "‛", "«": "‹", "»": "›", "＂": "'", "〝": "‘",
    "〞": "’", "〟": "‚", "❝": "‘", "❞": "’",
}  # fmt: skip
_SINGLED: Final = str.maketrans(_SINGLE)


def shortened(text: str, limit: int) -> str:
    """Return text cut to at most `limit` characters, at a space if it can be, with "…"."""
    if len(text) <= limit:
        return text
    head = text[: limit - 1]
    space = head.rfind(" ")
    return head[: space if space > limit // 2 else None].rstrip(" ,;:.-–—") + _ELLIPSIS


def quoted(text: str) -> str:
    """Return text between quotation marks; marks that it has around itself are dropped.

    Double marks inside it become single ones, so that the quotation ends where it ends.
    """
    inner = text[1:-1] if len(text) > 2 and text[0] in '"“' and text[-1] in '"”' else text
    if not any(mark in inner for mark in _SINGLE):
        text = inner
    return f"“{text.translate(_SINGLED)}”"


def span(start_s: float, end_s: float) -> str:
    """Return "from 0:10 to 0:14", or "at 0:10" where both look the same."""
    start, end = clock(start_s), clock(end_s)
    return f"at {start}" if start == end else f"from {start} to {end}"


def listed(items: Sequence[str]) -> str:
    """Return "a", "a and b" or "a, b and c"."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"
