"""Which pictures and which speech come first when there is not enough for all of them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vidsum.data import Observation

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FAR: Final = 0.5
"""A picture may come next that is at least this share of the longest way off from all before it."""
_TEXT_WORTH: Final = 32.0
"""What a screen of new text counts for, as a difference between pictures. Source: measured on the
real clips at a picture a second, 15–25 for a new view, 80–126 for a cut, 3 for a slide's next line.
"""
_SLACK_S: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is known of a kept picture before a model has seen it.

    ``novelty`` is its mean absolute difference (0–255) to the picture kept before it, None for
    the first; ``text_changed`` the share (0–1) of its lines of text that were not on that one;
    ``blank``: there is nothing on it.
    """

    time_s: float
    novelty: float | None = None
    text_changed: float = 0.0
    blank: bool = False


def candidates(observations: Sequence[Observation]) -> list[Candidate]:
    """Return what ranking needs of kept pictures, given in order of time."""
    found, shown_before = [], frozenset[str]()
    for seen in observations:
        shown = frozenset(line.text for line in seen.text.lines) if seen.text else frozenset[str]()
        changed = len(shown - shown_before) / len(shown) if shown else 0.0
        found.append(Candidate(seen.sample.time_s, seen.facts.difference, changed,
                               seen.facts.blank))  # fmt: skip
        shown_before = shown
    return found


def rank(frames: Sequence[Candidate]) -> list[int]:
    """Return the positions of all pictures, the ones to look at first in front.

    Every beginning of this list covers the whole time and prefers what is new:

    - Each pick is the most informative of the pictures that are at least half as far (in time)
      from all earlier picks as the farthest one is; of equals the farthest, then the earliest.
    - The first pick lies in the middle quarter of the time (or nearest to it), the second and
      third in the first and the last quarter: three picks show the middle and both ends.
    - So for every n no picture is further than 4 × r(n) from one of the first n, where r(n) is the
      best that any n moments can do; and between two of them, or before the first and after the
      last, lie at most 4 × span / n seconds plus the longest time between two neighbours.

    Takes time as n² does: 0.4 s for 7,200 pictures.
    Source: T. Gonzalez, "Clustering to minimize the maximum intercluster distance", 1985: n + 1
    moments that are pairwise d apart need n + 1 centres closer than d / 2, and here d is half the
    way of the farthest picture.
    """
    import numpy as np

    by_time = sorted(range(len(frames)), key=lambda i: frames[i].time_s)
    if not by_time:
        return []
    ordered = [frames[i] for i in by_time]
    picks = _picks(np.array([f.time_s for f in ordered], np.float64), _grades(ordered))
    return [by_time[pick] for pick in picks]


def _grades(frames: Sequence[Candidate]) -> NDArray[np.int64]:
    """Return each picture's place by what it tells, the largest for the most. int64 [n], ≥ 0."""
    import numpy as np

    known = [f.novelty for f in frames if f.novelty is not None]
    usual = statistics.median(known) if known else 0.0
    worth = [
        -1.0 if f.blank
        else (usual if f.novelty is None else f.novelty) + _TEXT_WORTH * f.text_changed
        for f in frames
    ]  # fmt: skip
    return np.unique(worth, return_inverse=True)[1].astype(np.int64)


def _picks(times: NDArray[np.float64], grades: NDArray[np.int64]) -> list[int]:
    """Return positions in the order of :func:`rank`. times: float64 [n], ascending."""
    import numpy as np

    way = np.full(times.size, np.inf)
    picked: list[int] = []
    while len(picked) < times.size:
        allowed = _opening(times, picked) & (way >= 0)
        allowed &= way >= _FAR * way.max()
        best = grades[allowed].max()
        pick = int(np.argmax(np.where(allowed & (grades == best), _evenness(times, way), -1.0)))
        picked.append(pick)
        way = np.where(way < 0, way, np.minimum(way, np.abs(times - times[pick])))
        way[pick] = -1.0  # taken; another picture of the same moment is 0
    return picked


def _evenness(times: NDArray[np.float64], way: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what decides between equally informative pictures. float64 [n], ≥ 0."""
    import numpy as np

    if np.isinf(way[0]):  # nothing is picked yet: the nearest to the middle
        off = np.abs(times - (times[0] + times[-1]) / 2)
        return np.asarray(times[-1] - times[0] - off)
    return way


def _opening(times: NDArray[np.float64], picked: Sequence[int]) -> NDArray[np.bool_]:
    """Return where the next pick may be: all are free but the first three. bool [n]."""
    import numpy as np

    first_s, span_s = times[0], times[-1] - times[0]
    begin, end = times <= first_s + span_s / 4, times >= times[-1] - span_s / 4
    if not picked:
        off = np.abs(times - (first_s + span_s / 2))
        return np.asarray(off <= max(span_s / 8, float(off.min())))
    if len(picked) == 1:
        return np.asarray(begin | end)
    if len(picked) == 2:
        return np.asarray(end if begin[picked[1]] else begin)
    return np.ones(times.size, np.bool_)


class Share:
    """Decides, block by block, which speech is heard when not all of it may be.

    ``total_s`` is how much speech there is (an estimate will do), ``longest_s`` the longest block
    that may come. What is *due* after a block is the sum of share × seconds of all blocks so far.
    It holds that:

    - What was heard is never over what is due by more than the length of the first block heard,
      nor behind it by as much as two of the longest: at a steady share, no more than
      3 × ``longest_s`` / share seconds of speech in a row are passed over.
    - At a share of 1 all is heard, at 0 nothing.
    - With a steady share, and ``total_s`` as it is, no more than share × ``total_s`` is heard in
      all; the first block is among it if that is within the share, and the last one too if
      both are.
    """

    def __init__(self, total_s: float, longest_s: float = 29.0) -> None:
        self._total_s, self._longest_s = total_s, longest_s
        self._seen_s = self._due_s = self._heard_s = 0.0
        self._ahead_s = self._ahead_from_s = 0.0

    @property
    def heard_s(self) -> float:
        """Return how much speech was said to be heard so far."""
        return self._heard_s

    def hears(self, block_s: float, share: float, *, last: bool = False) -> bool:
        """Say whether the next block of speech is heard, if ``share`` (0–1) of speech may be.

        ``last``: no block comes after it; it need not be said when ``total_s`` is as it is.
        """
        self._seen_s += block_s
        self._due_s += share * block_s
        left_s = max(0.0, self._total_s - self._seen_s)
        heard_s = self._heard_s + block_s
        if last or left_s <= _SLACK_S:
            takes = heard_s <= self._due_s + _SLACK_S
        else:
            takes = heard_s <= self._limit_s(share, left_s) + _SLACK_S
        takes = takes and share > 0
        if takes and not self._heard_s:
            self._ahead_s, self._ahead_from_s = max(0.0, heard_s - self._due_s), self._seen_s
        self._heard_s += block_s if takes else 0.0
        return takes

    def _limit_s(self, share: float, left_s: float) -> float:
        """Return how much may be heard up to the end of a block that is not the last one.

        The first block is heard before it is due. What it is ahead is paid back evenly up to the
        end, so that the next ones are no further apart than any others; and there stays enough
        for the last one.
        """
        in_all_s = self._due_s + share * left_s
        if not self._heard_s:
            return in_all_s
        still = left_s / (self._total_s - self._ahead_from_s)
        return min(self._due_s + self._ahead_s * still, in_all_s - min(self._longest_s, left_s))
