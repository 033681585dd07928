"""The chapters of a video, from the best basis that its evidence gives.

The file's own markers, else titles on screen, else shifts of topic in the speech, else cuts
to another view, else one chapter.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from vidsum.data import ChapterBasis, Evidence, Observation
from vidsum.reasoner.looks import Look, looks
from vidsum.reasoner.parts import MOST_PARTS, Part, at_most, cut, without_short
from vidsum.reasoner.screens import scrolls, stretches, title_cards
from vidsum.reasoner.sentences import Sentence
from vidsum.reasoner.topics import topic_starts
from vidsum.wording import safe

_MOST_FILE_MARKS: Final = 60
"""A file's own chapters stay as they are up to here, further than the guessed ones."""
_UNMARKED_S: Final = 10.0
"""Time before a file's first marker that makes a part of its own."""
_OTHER_VIEW: Final = 60.0
"""Mean difference (0–255) to the picture before that only a cut to another view makes."""
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
    """Return the times of the largest cuts to another view, none where all pictures change."""
    cuts = [one for one in evidence.observations if (one.facts.difference or 0.0) >= _OTHER_VIEW]
    pictures = len(evidence.observations) + len(evidence.dropped)
    if len(cuts) > max(_MOST_SCENES, pictures / 2):
        return []
    changes = [(one.facts.difference or 0.0, one.sample.time_s) for one in _lasting(evidence, cuts)]
    shortest_s = max(_SHORTEST_SCENE_S, (evidence.end_s - evidence.start_s) / (2 * _MOST_SCENES))
    starts: list[float] = []
    for _, time_s in sorted(changes, key=lambda change: (-change[0], change[1])):
        bounds = [evidence.start_s, evidence.end_s, *starts]
        if len(starts) + 1 < _MOST_SCENES and all(
            abs(time_s - bound) >= shortest_s for bound in bounds
        ):
            starts.append(time_s)
    return sorted(starts)


def _lasting(evidence: Evidence, cuts: Sequence[Observation]) -> list[Observation]:
    """Return the cuts between views of which both stay and the old one does not come back."""
    cut_at = {one.sample.index for one in cuts}
    hasty = {
        index
        for pair in pairwise(sorted(one.sample.index for one in evidence.observations))
        if cut_at.issuperset(pair)
        for index in pair
    }
    repeats = [
        (one.same_as, one.sample.index) for one in evidence.dropped if one.same_as is not None
    ]
    return [
        one
        for one in cuts
        if one.sample.index not in hasty
        and not any(first < one.sample.index < again for first, again in repeats)
    ]


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
