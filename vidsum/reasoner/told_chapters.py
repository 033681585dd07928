"""A model's chapters held against the timeline: where each begins, in order, without overlap."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from vidsum.data import Chapter, Claim
from vidsum.reasoner.citations import ids_in, seconds
from vidsum.reasoner.claims import MOST, READ, Checks
from vidsum.reasoner.forms import ChapterPoint

LONGEST_TITLE: Final = 160
_HEAD_S, _HEAD_SHARE = 30.0, 0.05
"""A first chapter that begins later than both does not tell of the beginning."""
_APART_S: Final = 1.0

_Begun = tuple[float, str, ChapterPoint]
"""When a chapter begins, its title, and all that the model wrote of it."""


def told_chapters(checks: Checks, told: Sequence[ChapterPoint]) -> tuple[Chapter, ...]:
    """Return chapters without gap or overlap over all that was looked at.

    What has no title or no place of its own is removed, and counted in ``checks``.
    """
    told = checks.spread(told, READ * MOST)
    apart = _apart(checks, told)
    checks.drop("chapters", len(told) - len(apart))
    kept = checks.spread(apart)
    span = checks.span
    bounds = [*(time_s for time_s, _, _ in kept), span.end_s]
    head: tuple[Chapter, ...] = ()
    if kept and bounds[0] - span.start_s > max(_HEAD_S, _HEAD_SHARE * span.length_s):
        head = (Chapter(span.start_s, bounds[0], "Beginning", "position"),)
    elif kept:
        bounds[0] = span.start_s
    chapters = (
        Chapter(*bound, title, "model", gist=_gist(checks, one))
        for bound, (_, title, one) in zip(pairwise(bounds), kept, strict=True)
    )
    return (*head, *chapters)


def _apart(checks: Checks, told: Sequence[ChapterPoint]) -> list[_Begun]:
    """Return the chapters that begin somewhere, in order of time, none with the one before."""
    begun: list[_Begun] = []
    for one in told:
        time_s, title = _begins(checks, one), checks.prose(one.title, LONGEST_TITLE)
        if time_s is not None and title:
            begun.append((time_s, title, one))
    begun.sort(key=lambda chapter: chapter[0])
    kept: list[_Begun] = []
    for time_s, title, one in begun:
        if not kept or (
            time_s - kept[-1][0] >= _APART_S and title.casefold() != kept[-1][1].casefold()
        ):
            kept.append((time_s, title, one))
    return kept


def _begins(checks: Checks, one: ChapterPoint) -> float | None:
    """Return when a chapter begins: with the entry it names, at a time, or with its evidence.

    Facts hold for all of the video, so they say it only where there is nothing else. None if none
    of them is within what was looked at.
    """
    starts = checks.known(one.start)
    evidence = checks.span.around([*checks.known(" ".join(one.evidence)), *starts])
    first = next((entry for entry in starts if entry.kind != "fact"), None)
    moments = [
        seconds(one.start) if first is None else checks.span.within(first.start_s),
        evidence[0] if evidence else None,
    ]
    inside = (time_s for time_s in moments if time_s is not None and checks.span.holds(time_s))
    return next(inside, None)


def _gist(checks: Checks, one: ChapterPoint) -> Claim | None:
    """Return what is said of a chapter; the entry that it begins with is evidence of it, too."""
    if not one.gist.strip():
        checks.ids(one.evidence)
        return None
    gist = checks.statement(one.gist, [*one.evidence, *ids_in(one.start)])
    checks.drop("points", gist is None)
    return gist
