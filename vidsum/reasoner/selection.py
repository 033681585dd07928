"""Which sentences to quote: key points from all over the video, and one for each chapter."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Final

import numpy as np

from vidsum.reasoner.material import Material
from vidsum.reasoner.ranking import choose, relevance
from vidsum.reasoner.weights import TermMatrix, Vector, tf_idf, unit

_FEWEST_POINTS, _MOST_POINTS = 3, 10
_SENTENCES_A_POINT: Final = 4
_MEDIUM_SHARE, _LARGEST_SHARE = 1 / 2, 2 / 3
"""How many of the sentences may be key points, in a medium summary and in any."""
_STRETCHES: Final = 5
"""Key points are spread evenly over so many stretches of equal length, long lists over more."""
_POINTS_A_STRETCH: Final = 2
_SCREEN_WEIGHT: Final = 0.6
"""How much words on screen count beside the words said, in what the video is about."""
_OWN_PART: Final = 0.5
"""How much a sentence's closeness to its own chapter counts beside that to the whole video."""
_OTHER_GIST: Final = 0.5
"""A gist that repeats no key point may be this much less close to its chapter."""


class Selection:
    """Ranks the sentences of a video called `title`. Indices are those of material.quotables."""

    def __init__(self, material: Material, title: str) -> None:
        self._material = material
        self._title = title
        terms = material.lexicon.terms
        self._matrix: TermMatrix = tf_idf([terms(one.sentence.text) for one in material.quotables])
        self._worths = [one.worth for one in material.quotables]
        self._groups = [one.part for one in material.quotables]
        self._members: list[list[int]] = [[] for _ in material.texts]
        for index, part in enumerate(self._groups):
            self._members[part].append(index)
        self._central = self._centrality()
        self._close = self._closeness()

    def key_points(self, share: float = 1.0) -> list[int]:
        """Return the indices of three to ten sentences, fewer for a video that says little.

        share: how many to return for each of those.
        """
        sentences = len(self._worths)
        count = round(sentences / _SENTENCES_A_POINT)
        count = min(max(count, _FEWEST_POINTS), _MOST_POINTS, math.ceil(sentences * _MEDIUM_SHARE))
        count = min(math.ceil(count * share), math.ceil(sentences * _LARGEST_SHARE))
        relevances = (1 - _OWN_PART) * self._central + _OWN_PART * self._close
        return choose(self._matrix, relevances, [self._stretches(count), self._groups], count)

    def gist(self, part: int, used: Collection[int]) -> int | None:
        """Return the sentence closest to a part, rather one that is not used already.

        One that begins in the part before says nothing of this one, even if most of it is said
        here.
        """
        begins_in = self._material.division.part_at
        members = [
            index
            for index in self._members[part]
            if self._close[index] > 0
            and begins_in(self._material.quotables[index].sentence.start_s) == part
        ]
        if not members:
            return None
        best = max(members, key=lambda index: self._close[index])
        fresh = [index for index in members if index not in used]
        other = max(fresh, key=lambda index: self._close[index], default=best)
        return other if self._close[other] >= _OTHER_GIST * self._close[best] else best

    def _stretches(self, count: int) -> list[int]:
        """Return which stretch of time each sentence begins in, for `count` key points."""
        starts = [one.sentence.start_s for one in self._material.quotables]
        first_s, last_s = min(starts, default=0.0), max(starts, default=0.0)
        number = max(1, min(count, max(_STRETCHES, count // _POINTS_A_STRETCH)))
        length_s = (last_s - first_s) / number
        if length_s <= 0:
            return [0] * len(starts)
        return [min(number - 1, int((start_s - first_s) / length_s)) for start_s in starts]

    def _centrality(self) -> Vector:
        shown = [self._title]
        shown += (line for text in self._material.texts for line in text.shown)
        return self._relevance(range(len(self._worths)), shown)

    def _closeness(self) -> Vector:
        """Return each sentence's relevance to its own part: float32 [quotables]."""
        result = np.zeros(len(self._worths), np.float32)
        for part, members in enumerate(self._members):
            if members:
                shown = list(self._material.texts[part].shown)
                result[members] = self._relevance(members, shown)[members]
        return result

    def _relevance(self, members: Sequence[int], shown: Sequence[str]) -> Vector:
        terms = [term for line in shown for term in self._material.lexicon.terms(line)]
        centre = self._matrix.centre(members)
        centre = unit(centre + np.float32(_SCREEN_WEIGHT) * self._matrix.vector(terms))
        return relevance(self._matrix, centre, self._worths)
