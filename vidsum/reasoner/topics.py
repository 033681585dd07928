"""Where the words spoken change: topic shifts in a transcript."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vidsum.reasoner.sentences import Sentence
from vidsum.reasoner.weights import TermMatrix, tf_idf

_FEWEST_SENTENCES: Final = 12
_SHORTEST_S: Final = 30.0
_SHARE_OF_ALL: Final = 1 / 20
_STRENGTH: Final = 0.5
"""Standard deviations above the mean depth from which on a valley is a shift."""
_REACH: Final = (4, 60)
"""Fewest and most sentences on each side that are compared."""
_SNAP: Final = 2
_PAUSE_S: Final = 1.0


def topic_starts(said: Sequence[Sentence], terms: Sequence[Sequence[str]]) -> list[float]:
    """Return the times at which a new topic begins, the first one (said[0].start_s) left out.

    said: sentences in order of time; terms: those of each sentence. Each topic lasts 30 s or
    more and a 20th of the whole. Empty with fewer than 12 sentences.
    Source: Hearst, "TextTiling", Computational Linguistics 23(1), 1997.
    """
    if len(said) < _FEWEST_SENTENCES:
        return []
    depths = _depths(_likeness(tf_idf(terms)))
    least = float(depths.mean() + _STRENGTH * depths.std())
    begin_s, end_s = said[0].start_s, said[-1].end_s
    shortest_s = max(_SHORTEST_S, (end_s - begin_s) * _SHARE_OF_ALL)
    starts = [begin_s]
    for gap in np.argsort(-depths, kind="stable"):
        if depths[gap] <= least:
            break
        start_s = said[_snapped(said, int(gap) + 1)].start_s
        far = all(abs(start_s - other) >= shortest_s for other in starts)
        if far and end_s - start_s >= shortest_s:
            starts.append(start_s)
    return sorted(starts[1:])


def _likeness(matrix: TermMatrix) -> NDArray[np.float64]:
    """Return the cosine of the words before and after each gap: float64 [sentences - 1]."""
    count = len(matrix)
    reach = int(np.clip(count // 30, *_REACH))
    left, right = np.zeros((2, len(matrix.idf)))
    for index in range(min(reach, count)):
        _add(right, matrix, index, 1)
    result = np.zeros(count - 1)
    for gap in range(1, count):
        _add(left, matrix, gap - 1, 1)
        _add(right, matrix, gap - 1, -1)
        if gap > reach:
            _add(left, matrix, gap - 1 - reach, -1)
        if gap - 1 + reach < count:
            _add(right, matrix, gap - 1 + reach, 1)
        lengths = np.sqrt((left @ left) * (right @ right))
        result[gap - 1] = left @ right / lengths if lengths > 1e-9 else 0.0
    return result


def _add(total: NDArray[np.float64], matrix: TermMatrix, index: int, sign: int) -> None:
    part = slice(matrix.starts[index], matrix.starts[index + 1])
    total[matrix.columns[part]] += sign * matrix.weights[part]


def _depths(likeness: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how deep each gap lies below the peaks on its two sides: float64 [gaps]."""
    before = np.fromiter(_peaks(likeness), np.float64)
    after = np.fromiter(_peaks(likeness[::-1]), np.float64)[::-1]
    return np.asarray(before + after - 2 * likeness, np.float64)


def _peaks(likeness: NDArray[np.float64]) -> Iterator[float]:
    """Yield, for each gap, the height that is reached by climbing towards the first one."""
    peak = last = -np.inf
    for height in likeness:
        peak = peak if last >= height else float(height)
        last = float(height)
        yield peak


def _snapped(said: Sequence[Sentence], index: int) -> int:
    """Return the sentence near index, two away at most, that follows the longest pause."""
    first, last = max(1, index - _SNAP), min(len(said) - 1, index + _SNAP)
    pauses = {at: said[at].start_s - said[at - 1].end_s for at in range(first, last + 1)}
    longest = max(pauses, key=lambda at: (pauses[at], -abs(at - index)))
    return longest if pauses[longest] > max(_PAUSE_S, 2 * pauses[index]) else index
