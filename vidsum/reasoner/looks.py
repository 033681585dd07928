"""What each sample showed, in order of time, dropped samples included."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from vidsum.data import Evidence, Observation, TextLine
from vidsum.wording import safe

_TALL: Final = 0.05
_UPPER: Final = 0.45
_CARD_TALL: Final = 0.065
"""Height from which on lines that stand alone are a title; code in a terminal is at 0.05."""
_CARD_UPPER: Final = 0.5
_FILM_TALL: Final = 0.12
_CARD_LINES, _CARD_WORDS, _CARD_LETTERS = 2, 14, 3
_CARD_GAP, _CARD_LIKE, _CARD_SURE = 0.6, 0.8, 0.8


@dataclass(frozen=True, slots=True)
class Look:
    """One sample. title: what is written largest on it, None if nothing is.

    slide: the picture is a slide or a title card. large: the title stands high and tall, as
    titles do on slides over a photograph. alone: there is nothing but the title, so that it
    counts only if it stays. blank: nothing was to be seen.
    """

    time_s: float
    title: str | None
    slide: bool
    large: bool = False
    alone: bool = False
    blank: bool = False


def looks(evidence: Evidence, overlay: Sequence[str]) -> list[Look]:
    """Return every sample of evidence as a Look, by time. overlay: text that is no title.

    A duplicate shows what the sample that it repeats shows.
    """
    fixed = {safe(text).casefold() for text in overlay}
    kept = {one.sample.index: _look(one, fixed) for one in evidence.observations}
    found = list(kept.values())
    for dropped in evidence.dropped:
        time_s = dropped.sample.time_s
        shown = kept.get(dropped.same_as) if dropped.same_as is not None else None
        if shown is not None:
            found.append(replace(shown, time_s=time_s))
        elif dropped.reason != "duplicate":
            found.append(Look(time_s, None, slide=False, blank=True))
    return sorted(found, key=lambda look: look.time_s)


def title_of(observation: Observation) -> str:
    """Return the title on a picture, that of a card with nothing else too; "" if it has none."""
    text = observation.text
    title = safe(text.title or _card(observation)) if text else ""
    return title if any(map(str.isalnum, title)) else ""


def tall_lines(observation: Observation) -> list[str]:
    """Return the lines that are set as large as the title of a film."""
    lines = observation.text.lines if observation.text else ()
    sure = (line for line in lines if line.confidence >= _CARD_SURE)
    return [
        safe(line.text)
        for line in sure
        if _height(line) >= _FILM_TALL and sum(map(str.isalpha, line.text)) >= _CARD_LETTERS
    ]


def _card(observation: Observation) -> str:
    """Return the one or two large lines that are all there is on a flat picture, else ""."""
    lines = observation.text.lines if observation.text else ()
    if not observation.facts.flat or not 1 <= len(lines) <= _CARD_LINES:
        return ""
    words = " ".join(line.text for line in lines)
    if len(words.split()) > _CARD_WORDS or sum(map(str.isalpha, words)) < _CARD_LETTERS:
        return ""
    sure = all(line.confidence >= _CARD_SURE for line in lines)
    tall = all(_height(line) >= _CARD_TALL for line in lines)
    block = lines[0].top < _CARD_UPPER and (len(lines) == 1 or _adjacent(*lines))
    return words if sure and tall and block else ""


def _adjacent(upper: TextLine, lower: TextLine) -> bool:
    """Tell whether two lines are of one size and one right below the other."""
    low, high = sorted((_height(upper), _height(lower)))
    return low >= _CARD_LIKE * high and lower.top - upper.bottom <= _CARD_GAP * high


def _height(line: TextLine) -> float:
    return line.bottom - line.top


def _look(observation: Observation, overlay: set[str]) -> Look:
    title = title_of(observation)
    if title.casefold() in overlay:
        title = ""
    flat = observation.facts.flat and not observation.facts.blank
    return Look(
        time_s=observation.sample.time_s,
        title=title or None,
        slide=observation.slide_like or (flat and bool(title)),
        large=bool(title) and _large(observation),
        alone=bool(title) and not (observation.text and observation.text.title),
        blank=observation.facts.blank and not title,
    )


def _large(observation: Observation) -> bool:
    """Tell whether the title, or its first line, stands high and tall on the picture."""
    text = observation.text
    title = text.title or "" if text else ""
    lines = [line for line in text.lines if title.startswith(line.text)] if text else []
    return any(line.top < _UPPER and line.bottom - line.top >= _TALL for line in lines)
