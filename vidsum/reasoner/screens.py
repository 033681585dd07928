"""Stretches of a video that show one slide, and the footage between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from statistics import median
from typing import Final

from vidsum.reasoner.looks import Look
from vidsum.reasoner.titles import same_title

_FEWEST_LOOKS: Final = 2
"""Samples without a slide that make a stretch of footage; one alone is a cut-away."""
_CUT_AWAY_S: Final = 20.0
"""Footage between two slides that is shorter belongs to the slide before it."""
_SAME_CUT_AWAY_S: Final = 60.0
"""The same between two showings of one slide."""
_MANY: Final = 12
_FLEETING_S: Final = 8.0
"""Many titles that last less than this are not parts of a talk but text that scrolls by."""


@dataclass(slots=True)
class Stretch:
    """Samples in a row that show one title (None: footage), from the time of the first on.

    firm: one of them is a slide, not only a picture with a large title. readings: what OCR read.
    """

    title: str | None
    start_s: float
    looks: int = 1
    firm: bool = False
    readings: Counter[str] = field(default_factory=Counter)


def stretches(seen: Sequence[Look]) -> list[Stretch]:
    """Return what was shown, one stretch after the other, each from the first sample of it.

    Blank samples split nothing. A title is what OCR read most often.
    """
    found: list[Stretch] = []
    for look in seen:
        if not look.blank:
            _put(found, look)
    for stretch in found:
        if stretch.title is not None and not stretch.firm and stretch.looks < _FEWEST_LOOKS:
            stretch.title = None
    found = _joined(found)
    found = _joined(_without_cut_aways(found))
    return [_named(stretch) for stretch in found]


def _put(found: list[Stretch], look: Look) -> None:
    """Add one sample to the last stretch, or begin a new one with it."""
    last = found[-1] if found else None
    title = look.title if look.slide or look.large else None
    goes_on = last is not None and (
        (title is None and (look.slide or last.title is None))
        or (last.title is not None and look.title and same_title(last.title, look.title))
    )
    if last is not None and goes_on:
        last.looks += 1
    else:
        last = Stretch(title, look.time_s)
        found.append(last)
    last.firm |= look.slide and not look.alone
    if look.title and last.title is not None:
        last.readings[look.title] += 1


def _joined(found: Iterable[Stretch]) -> list[Stretch]:
    """Return stretches with neighbours of one title made one."""
    result: list[Stretch] = []
    for stretch in found:
        if result and _alike(result[-1].title, stretch.title):
            last = result[-1]
            last.looks += stretch.looks
            last.readings.update(stretch.readings)
        else:
            result.append(stretch)
    return result


def _alike(one: str | None, other: str | None) -> bool:
    if one is None or other is None:
        return one is other
    return same_title(one, other)


def _without_cut_aways(found: Sequence[Stretch]) -> list[Stretch]:
    """Return stretches without footage that is too short to be a part of its own.

    Such footage goes to the stretch before it, at the beginning to the one after it.
    """
    cards = title_cards(found)
    result: list[Stretch] = []
    early_s: float | None = None
    for index, stretch in enumerate(found):
        before = result[-1] if result else None
        after = found[index + 1] if index + 1 < len(found) else None
        if (before or after) and stretch.title is None and _brief(stretch, before, after, cards):
            early_s = None if before else stretch.start_s
            continue
        result.append(stretch if early_s is None else replace(stretch, start_s=early_s))
        early_s = None
    return result


def _brief(footage: Stretch, before: Stretch | None, after: Stretch | None, cards: bool) -> bool:
    """Tell whether footage is a cut-away. cards: titles name the footage that follows them."""
    if footage.looks < _FEWEST_LOOKS:
        return True
    if before is None or (after is None and not cards):
        return False
    if cards or after is None:
        return True
    same = _alike(before.title, after.title)
    return after.start_s - footage.start_s < (_SAME_CUT_AWAY_S if same else _CUT_AWAY_S)


def title_cards(found: Sequence[Stretch]) -> bool:
    """Tell whether titles flash up before the footage that they name, as in a film."""
    titled = [stretch.looks for stretch in found if stretch.title is not None]
    footage = sum(stretch.looks for stretch in found if stretch.title is None)
    return len(titled) > 1 and median(titled) < _FEWEST_LOOKS and footage > sum(titled)


def _named(stretch: Stretch) -> Stretch:
    if stretch.title is None or not stretch.readings:
        return stretch
    commonest = max(stretch.readings.values())
    best = next(title for title, count in stretch.readings.items() if count == commonest)
    return replace(stretch, title=best)


def scrolls(found: Sequence[Stretch]) -> bool:
    """Tell whether the titles change so fast that they cannot be the parts of a video."""
    lengths = [
        after.start_s - before.start_s
        for before, after in pairwise(found)
        if before.title is not None
    ]
    return len(lengths) > _MANY and median(lengths) < _FLEETING_S
