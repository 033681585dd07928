"""Parts of a video: cut at times, without gap or overlap, none too short, not too many."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from vidsum.reasoner.titles import same_title

TitleFrom = Literal["file", "screen", "speech", "keywords", "position"]

MOST_PARTS: Final = 20
_SHORTEST_S: Final = 10.0
_SHORTEST_SHARE: Final = 1 / 8
_FEWEST_LOOKS: Final = 2
_ROUGH: Final = 200
"""So many parts are first made fewer in one pass, for the careful way takes their square."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the video. title: None where nothing names it yet."""

    start_s: float
    end_s: float
    title: str | None = None
    title_from: TitleFrom = "position"

    @property
    def length_s(self) -> float:
        return self.end_s - self.start_s


def cut(starts: Iterable[Part], start_s: float, end_s: float) -> list[Part]:
    """Return parts that cover start_s to end_s, each from its own start to the next one's.

    What begins at or before start_s covers it; the first part begins there in any case. Of
    parts with one start the last counts, and neighbours of the same title become one.
    """
    ordered = sorted(starts, key=lambda part: part.start_s)
    first = [part for part in ordered if part.start_s <= start_s][-1:] or ordered[:1]
    later = [part for part in ordered if start_s < part.start_s < end_s and part not in first]
    result: list[Part] = []
    for part in [*first, *later]:
        begin_s = part.start_s if result else start_s
        if result and begin_s <= result[-1].start_s:
            result[-1] = replace(part, start_s=result[-1].start_s, end_s=end_s)
        elif not (result and _same(result[-1], part)):
            if result:
                result[-1] = replace(result[-1], end_s=begin_s)
            result.append(replace(part, start_s=begin_s, end_s=end_s))
    return result


def without_short(parts: Sequence[Part], look_times: Sequence[float]) -> list[Part]:
    """Return parts of which each lasts 10 s or has two samples, in short videos an 8th of all.

    A part that is too short goes to the one before it, the first one to the second. look_times:
    those of all samples, in order.
    """
    whole_s = parts[-1].end_s - parts[0].start_s
    shortest_s = min(_SHORTEST_S, whole_s * _SHORTEST_SHARE)

    def short(part: Part) -> bool:
        seen = bisect_left(look_times, part.end_s) - bisect_left(look_times, part.start_s)
        return part.length_s < shortest_s and seen < _FEWEST_LOOKS

    result: list[Part] = []
    for part in parts:
        if result and (short(part) or _same(result[-1], part)):
            result[-1] = replace(result[-1], end_s=part.end_s)
        elif len(result) == 1 and short(result[0]):
            result[0] = replace(part, start_s=result[0].start_s)
        else:
            result.append(part)
    return result


def at_most(parts: Sequence[Part], most: int = MOST_PARTS) -> list[Part]:
    """Return at most `most` parts: the shortest is given to its shorter neighbour, repeatedly.

    The longer one of the two gives the title.
    """
    result = _roughly(parts, most)
    while len(result) > most:
        at = min(range(len(result)), key=lambda index: result[index].length_s)
        neighbours = [index for index in (at - 1, at + 1) if 0 <= index < len(result)]
        other = min(neighbours, key=lambda index: result[index].length_s)
        first = min(at, other)
        result[first : first + 2] = [_merged(result[first], result[first + 1])]
        result = _coalesced(result)
    return result


def _roughly(parts: Sequence[Part], most: int) -> list[Part]:
    if len(parts) <= max(most, _ROUGH):
        return list(parts)
    floor_s = (parts[-1].end_s - parts[0].start_s) / _ROUGH
    result = [parts[0]]
    for part in parts[1:]:
        if result[-1].length_s < floor_s:
            result[-1] = _merged(result[-1], part)
        else:
            result.append(part)
    return result


def _merged(before: Part, after: Part) -> Part:
    longer = before if before.length_s >= after.length_s else after
    return replace(longer, start_s=before.start_s, end_s=after.end_s)


def _coalesced(parts: Sequence[Part]) -> list[Part]:
    result: list[Part] = []
    for part in parts:
        if result and _same(result[-1], part):
            result[-1] = replace(result[-1], end_s=part.end_s)
        else:
            result.append(part)
    return result


def _same(one: Part, other: Part) -> bool:
    """Tell whether two neighbours have one title on screen; a file's own marks stay apart."""
    if one.title is None or other.title is None or "file" in (one.title_from, other.title_from):
        return False
    return same_title(one.title, other.title)
