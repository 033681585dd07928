"""Text that belongs to the video as a whole: logos, running heads, clocks, page numbers."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

from vidsum.data import ScreenText, TextLine
from vidsum.ocr.layout import pick_title

_LEAST_FRAMES = 5
_SHARE = 0.6
_PLACE = 0.03
_UNLIKE = 1 / 3
_UNLIKE_FRAMES, _UNLIKE_FRAMES_FOR_TITLE = 3, 5
_CLOCK_VALUES = 3
_CLOCK_ORDER = 0.8
_CONFUSED = str.maketrans("1i|0", "lllo")


def constant_overlay(texts: Sequence[ScreenText]) -> frozenset[str]:
    """Return the text that stays in one place while the rest of the text changes.

    ``texts`` are those of all kept frames, in order of time, empty ones included. Overlay is in
    over 60 % of them and in 5 at least. It is one of two kinds:

    - fixed text, given as it was read most often. At least three frames that have it must have
      other lines too, and nearly no line in common: the title of a slide that stays, and gains a
      line now and then, is not overlay. What is the title of most of its frames needs five.
    - a clock, counter or page number, whose digits go one way all the time, given with ``#`` for
      each number: ``#:#:#``. A lone number is never taken for one.
    """
    staying = {
        key: sightings
        for key, sightings in _sightings(texts).items()
        if len(sightings) >= _LEAST_FRAMES and len(sightings) > _SHARE * len(texts)
    }
    overlay = set()
    for key, sightings in staying.items():
        if "#" in key:
            if _is_clock(sightings):
                overlay.add(_numbers_masked(sightings[0].line.text))
        elif _others_change(sightings, staying):
            texts_read = Counter(sighting.line.text.replace("#", "") for sighting in sightings)
            overlay.add(texts_read.most_common(1)[0][0])
    return frozenset(overlay)


def without(text: ScreenText, overlay: frozenset[str]) -> ScreenText:
    """Return the text less its overlay; if the title went with it, another one is looked for.

    Text that is all overlay is returned as it is: to say that nothing is written there would be
    untrue, and on a dash camera's picture the clock is what there is to read.
    """
    keys = {_pattern_key(known) if "#" in known else _text_key(known) for known in overlay}
    gone = [line for line in text.lines if keys.intersection(_keys(line.text))]
    if not gone or len(gone) == len(text.lines):
        return text
    lines = tuple(line for line in text.lines if line not in gone)
    title = text.title
    if title and any(line.text in title for line in gone):
        title = pick_title(lines)
    return replace(text, lines=lines, title=title)


@dataclass(frozen=True, slots=True, eq=False)
class _Sighting:
    """One line in one frame."""

    line: TextLine
    text: ScreenText


def _sightings(texts: Sequence[ScreenText]) -> Mapping[str, list[_Sighting]]:
    """Return, by key, where each text was seen at its usual place, at most once a frame."""
    found: defaultdict[str, list[_Sighting]] = defaultdict(list)
    for text in texts:
        for line in text.lines:
            for key in _keys(line.text):
                found[key].append(_Sighting(line, text))
    return {key: _in_place(sightings) for key, sightings in found.items()}


def _in_place(sightings: list[_Sighting]) -> list[_Sighting]:
    """Keep those at the median place; a text that grows may be flush left, right or centred."""
    lines = [sighting.line for sighting in sightings]
    left, right = median(line.left for line in lines), median(line.right for line in lines)
    middle = median(line.top + line.bottom for line in lines) / 2
    kept: dict[int, _Sighting] = {}
    for sighting in sightings:
        line = sighting.line
        aside = min(
            abs(line.left - left),
            abs(line.right - right),
            abs(line.left + line.right - left - right) / 2,
        )
        if aside <= _PLACE and abs((line.top + line.bottom) / 2 - middle) <= _PLACE:
            kept.setdefault(sighting.text.index, sighting)
    return list(kept.values())


def _others_change(sightings: list[_Sighting], staying: Iterable[str]) -> bool:
    """Say whether enough frames with this line have other lines that are unlike one another.

    It looks no further than that: each frame is compared with four at most.
    """
    titled = sum(sighting.line.text in (sighting.text.title or "") for sighting in sightings)
    is_title = titled > len(sightings) / 2
    enough = _UNLIKE_FRAMES_FOR_TITLE if is_title else _UNLIKE_FRAMES
    unlike: list[set[str]] = []
    for sighting in sightings:
        others = {_text_key(line.text) for line in sighting.text.lines}.difference(staying)
        if others and all(
            len(others & before) < _UNLIKE * min(len(others), len(before)) for before in unlike
        ):
            unlike.append(others)
            if len(unlike) == enough:
                return True
    return False


def _is_clock(sightings: list[_Sighting]) -> bool:
    """Say whether the numbers only grow, or only shrink, from frame to frame."""
    values = [
        tuple(int(number) for number in re.findall(r"\d+", sighting.line.text))
        for sighting in sightings
    ]
    if len(set(values)) < _CLOCK_VALUES:
        return False
    steps = list(pairwise(values))
    up, down = sum(a <= b for a, b in steps), sum(a >= b for a, b in steps)
    return max(up, down) >= _CLOCK_ORDER * len(steps)


def _keys(text: str) -> tuple[str, ...]:
    """Return under which keys a text is known: as it is, and with its numbers masked."""
    pattern = _pattern_key(_numbers_masked(text))
    safe = pattern.count("#") > 1 or sum(map(str.isalpha, pattern)) > 1
    return (_text_key(text), pattern) if "#" in pattern and safe else (_text_key(text),)


def _numbers_masked(text: str) -> str:
    return re.sub(r"\d+", "#", text.replace("#", ""))


def _text_key(text: str) -> str:
    """Letters and digits only, and one for all that OCR takes for one another."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(filter(str.isalnum, folded.translate(_CONFUSED)))


def _pattern_key(pattern: str) -> str:
    """Letters, ``#`` and what separates numbers: ``12;30.05`` and ``1:2:3`` are both ``#:#:#``."""
    folded = re.sub(r"[:;.,]", ":", unicodedata.normalize("NFKC", pattern).casefold())
    return "".join(letter for letter in folded if letter.isalpha() or letter in "#:/-")
