"""How much a quoted summary, or a quoted answer, tells: --length."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Extent:
    """One length in figures.

    ``points``: key points for each one of a medium summary. ``scenes``: descriptions of pictures
    fill up to so many key points. ``details``: every chapter has a gist and keywords, otherwise
    only those without a title of their own. ``passages``: most quotations in an answer.
    """

    points: float
    scenes: int
    keywords: int
    names: int
    passages: int
    details: bool = True


EXTENTS: Final[Mapping[str, Extent]] = {
    "short": Extent(0.5, scenes=3, keywords=5, names=6, passages=3, details=False),
    "medium": Extent(1.0, scenes=6, keywords=8, names=8, passages=6),
    "long": Extent(2.0, scenes=12, keywords=8, names=16, passages=10),
}
"""The values of --length."""
