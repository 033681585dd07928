"""The chapters of a video, from the best basis that its evidence gives.

The file's own markers, else titles on screen, else shifts of topic in the speech, else large
changes of picture, else one chapter.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from vidsum.data import ChapterBasis, Evidence
from vidsum.reasoner.looks import Look, looks
from vidsum.reasoner.parts import MOST_PARTS, Part, at_most, cut, without_short
from vidsum.reasoner.pictures import LARGE_CHANGE
from vidsum.reasoner.screens import scrolls, stretches, title_cards
from vidsum.reasoner.sentences import Sentence
from vidsum.reasoner.topics import topic_starts
from vidsum.wording import safe

_MOST_FILE_MARKS: Final = 60
"""A file's own chapters stay as they are up to here, further than the guessed ones."""
_UNMARKED_S: Final = 10.0
"""Time before a file's first marker that makes a part of its own."""
_MOST_SCENES: Final = 8
_SHORTEST_SCENE_S: Final = 15.0
_LONG_S: Final = 600.0
_UNDIVIDED_SHARE: Final = 0.6
"""Titles that leave more than this share of a long video in one part do not divide it."""


@dataclass(frozen=True, slots=True)
class Division:
    """The parts of a video and what they rest on.

    lag_s: by how much a part's start is late on average, since it is the first sample that
    showed it; speech is counted to parts with that in mind.
    """

    basis: ChapterBasis
    parts: tuple[Part, ...]
    lag_s: float = 0.0

    def part_at(self, time_s: float) -> int:
        """Return the index of the part in which something happens that lasts around time_s."""
        starts = [part.start_s - self.lag_s for part in self.parts]
        return max(0, bisect_right(starts, time_s) - 1)


def divide(
    evidence: Evidence,
    overlay: Sequence[str],
    said: Sequence[Sentence],
    terms: Sequence[Sequence[str]],
) -> Division:
    """Return the chapters of what was looked at, start_s to end_s, without gap or overlap.

    overlay: text that stays on screen, no title. said: the sentences spoken, in order of time;
    terms: those of each sentence.
    """
    if evidence.end_s <= evidence.start_s:
        return Division("none", (_whole(evidence, ()),))
    seen = [look for look in looks(evidence, overlay) if evidence.start_s <= look.time_s]
    marked = _from_file(evidence)
    if marked:
        return Division("file", tuple(marked))
    titled = _from_titles(evidence, seen)
    if len(titled) > 1 and not _undivided(titled, said):
        return Division("titles", tuple(titled), evidence.interval_s / 2)
    starts = topic_starts(said, terms)
    if starts:
        return Division("speech", tuple(_parts(evidence, starts)))
    starts = _scene_starts(evidence)
    if starts:
        return Division("pictures", tuple(_parts(evidence, starts)))
    return Division("none", (_whole(evidence, seen),))


def _from_file(evidence: Evidence) -> list[Part]:
    """Return the parts that the file's markers make, none if it has not two markers."""
    marks = [
        Part(mark.start_s, mark.end_s, safe(mark.title) or None, "file")
        for mark in evidence.info.chapters
        if math.isfinite(mark.start_s) and mark.start_s < evidence.end_s
    ]
    if len(marks) < 2:
        return []
    if min(mark.start_s for mark in marks) >= evidence.start_s + _UNMARKED_S:
        marks.append(Part(evidence.start_s, evidence.end_s))
    return at_most(cut(marks, evidence.start_s, evidence.end_s), _MOST_FILE_MARKS)


def _from_titles(evidence: Evidence, seen: Sequence[Look]) -> list[Part]:
    """Return the parts that titles on screen make, none if there are not two titles."""
    shown = stretches(seen)
    titled = [stretch for stretch in shown if stretch.title is not None]
    if len(titled) < 2 or (scrolls(shown) and not title_cards(shown)):
        return []
    starts = [
        Part(
            stretch.start_s,
            stretch.start_s,
            stretch.title,
            "screen" if stretch.title else "position",
        )
        for stretch in shown
    ]
    parts = cut(starts, evidence.start_s, evidence.end_s)
    return at_most(without_short(parts, [look.time_s for look in seen]))


def _undivided(parts: Sequence[Part], said: Sequence[Sentence]) -> bool:
    """Tell whether one part is most of a long video whose speech may divide it better."""
    whole_s = parts[-1].end_s - parts[0].start_s
    longest_s = max(part.length_s for part in parts)
    return len(said) > MOST_PARTS and whole_s > _LONG_S and longest_s > _UNDIVIDED_SHARE * whole_s


def _scene_starts(evidence: Evidence) -> list[float]:
    """Return the times of the largest changes of picture, none where all pictures change."""
    changes = [
        (one.facts.difference, one.sample.time_s)
        for one in evidence.observations
        if one.facts.difference is not None and one.facts.difference >= LARGE_CHANGE
    ]
    pictures = len(evidence.observations) + len(evidence.dropped)
    if len(changes) > max(_MOST_SCENES, pictures / 2):
        return []
    shortest_s = max(_SHORTEST_SCENE_S, (evidence.end_s - evidence.start_s) / (2 * _MOST_SCENES))
    starts: list[float] = []
    for _, time_s in sorted(changes, key=lambda change: (-change[0], change[1])):
        bounds = [evidence.start_s, evidence.end_s, *starts]
        if len(starts) + 1 < _MOST_SCENES and all(
            abs(time_s - bound) >= shortest_s for bound in bounds
        ):
            starts.append(time_s)
    return sorted(starts)


def _parts(evidence: Evidence, starts: Sequence[float]) -> list[Part]:
    """Return nameless parts that begin at start_s and at starts."""
    begin = [Part(time_s, time_s) for time_s in (evidence.start_s, *starts)]
    return cut(begin, evidence.start_s, evidence.end_s)


def _whole(evidence: Evidence, seen: Sequence[Look]) -> Part:
    """Return all of it as one part, named by the one title that was on screen, if one was."""
    end_s = max(evidence.start_s, evidence.end_s)
    titles = [stretch.title for stretch in stretches(seen) if stretch.title is not None]
    if len(titles) == 1:
        return Part(evidence.start_s, end_s, titles[0], "screen")
    return Part(evidence.start_s, end_s)
