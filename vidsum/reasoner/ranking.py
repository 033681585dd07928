"""Which sentences to keep: near the centre, unlike each other, and from all over the video."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vidsum.reasoner.weights import TermMatrix, Vector

_BALANCE: Final = 0.7
"""λ of MMR: how much relevance counts against novelty."""
_SAME: Final = 0.98
"""Cosine from which on two sentences say the same: only one of them is kept."""


def relevance(matrix: TermMatrix, centre: Vector, worth: Sequence[float]) -> Vector:
    """Return each text's closeness to centre times its own worth (0–1): float32 [texts]."""
    return matrix.along(centre) * np.asarray(worth, np.float32)


def choose(
    matrix: TermMatrix, relevances: Vector, groupings: Sequence[Sequence[int]], count: int
) -> list[int]:
    """Return the indices of at most `count` texts, in order of the texts.

    Maximal marginal relevance: again and again the text with the largest λ × relevance − (1 − λ) ×
    likeness to those chosen. groupings: each gives every text a group (its chapter, say); a group
    gives no more than its even share, rounded up, while others have texts left, and where not all
    groupings can be kept to, the first ones are. Repetitions of a chosen text and texts of no
    relevance are left out.
    Source: Carbonell and Goldstein, "The use of MMR", SIGIR 1998.
    """
    scale = float(relevances.max(initial=0.0)) or 1.0
    likeness = np.zeros(len(matrix), np.float32)
    open_ = np.asarray(relevances) > 0
    members = [np.asarray(groups, np.int64) for groups in groupings]
    shares = [-(-count // max(1, len(set(groups)))) for groups in groupings]
    chosen: list[int] = []
    while len(chosen) < count and open_.any():
        gain = _BALANCE * relevances / scale - (1 - _BALANCE) * likeness
        allowed = open_
        for share, groups in zip(shares, members, strict=True):
            within = allowed & _within(share, groups, chosen)
            allowed = within if within.any() else allowed
        best = int(np.where(allowed, gain, -np.inf).argmax())
        chosen.append(best)
        likeness = np.maximum(likeness, matrix.along(matrix.row(best)))
        open_[best] = False
        open_ &= likeness < _SAME
    return sorted(chosen)


def _within(share: int, groups: NDArray[np.int64], chosen: Sequence[int]) -> NDArray[np.bool_]:
    """Tell of each text whether its group has given fewer than `share`: bool [texts]."""
    given = Counter(int(groups[index]) for index in chosen)
    full = [group for group, number in given.items() if number >= share]
    return ~np.isin(groups, full)
