"""What each sample showed, in order of time, dropped samples included."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from vidsum.data import Evidence, Observation
from vidsum.wording import safe

_TALL: Final = 0.05
_UPPER: Final = 0.45


@dataclass(frozen=True, slots=True)
class Look:
    """One sample. title: what is written largest on it, None if nothing is.

    slide: the picture is a slide or a title card. large: the title stands high and tall, as
    titles do on slides over a photograph. blank: nothing was to be seen.
    """

    time_s: float
    title: str | None
    slide: bool
    large: bool = False
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
            found.append(Look(time_s, shown.title, shown.slide, shown.large, shown.blank))
        elif dropped.reason != "duplicate":
            found.append(Look(time_s, None, slide=False, blank=True))
    return sorted(found, key=lambda look: look.time_s)


def _look(observation: Observation, overlay: set[str]) -> Look:
    title = safe(observation.text.title or "") if observation.text else ""
    if title.casefold() in overlay:
        title = ""
    flat = observation.facts.flat and not observation.facts.blank
    return Look(
        time_s=observation.sample.time_s,
        title=title or None,
        slide=observation.slide_like or (flat and bool(title)),
        large=bool(title) and _large(observation),
        blank=observation.facts.blank and not title,
    )


def _large(observation: Observation) -> bool:
    """Tell whether the title, or its first line, stands high and tall on the picture."""
    text = observation.text
    title = text.title or "" if text else ""
    lines = [line for line in text.lines if title.startswith(line.text)] if text else []
    return any(line.top < _UPPER and line.bottom - line.top >= _TALL for line in lines)
