"""Passages ranked by the words of a question that they hold.

Okapi BM25, in which rare words count more; words that stand side by side in the question and in a
passage add to it, and so do words that are said or shown within seconds of it.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile
from typing import Final

from vidsum.reasoner.passages import Kind, Passage, SearchTerms

_K1, _B = 1.2, 0.4
"""Source: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009,
which names 1.2 to 2 and 0.3 to 0.8; passages differ little in length."""
_KINDS: Final[Mapping[Kind, float]] = {
    "speech": 1.0, "text": 0.8, "caption": 0.8, "fact": 0.7, "measured": 0.5,
}  # fmt: skip
"""How much each kind of passage counts."""
_NEAR_S, _NEAR = 15.0, 0.3
"""How much a word counts that is not in a passage but within so many seconds of it."""
_BESIDE: Final = 0.5
"""What two words add that stand side by side, as a share of what they count."""
_ALIKE: Final = 0.5
"""How much a word counts that only begins like one that occurs nowhere."""
_START, _TAIL, _SHARE = 4, 3, 0.6
"""Words are alike that share so many letters at the start, differ in at most so many more, and
share so much of the longer one."""


@dataclass(frozen=True, slots=True)
class Match:
    """A passage, which of the question's terms it holds, and how well it fits (above 0)."""

    passage: Passage
    terms: frozenset[str]
    score: float


class Matcher:
    """The terms of some passages, to find those of a question among."""

    def __init__(self, passages: Sequence[Passage], terms: SearchTerms) -> None:
        self._passages = passages
        self._documents = [terms.of("\n".join(one.lines)) for one in passages]
        self._mean = sum(map(len, self._documents)) / max(1, len(passages)) or 1.0
        self._counts = Counter(term for terms in self._documents for term in set(terms))

    def __contains__(self, term: str) -> bool:
        return bool(self._alike(term))

    def matches(self, asked: Iterable[str]) -> list[Match]:
        """Return the passages that hold a term, the best first, earlier ones first among equals."""
        terms = list(asked)
        forms = {term: self._alike(term) for term in terms}
        meant: defaultdict[str, dict[str, float]] = defaultdict(dict)
        for term, alike in forms.items():
            for form, weight in alike.items():
                meant[form][term] = weight
        held = {
            index: found
            for index, document in enumerate(self._documents)
            if (found := _held(document, meant))
        }
        weights = {term: self._weight(sum(term in one for one in held.values())) for term in terms}
        near = _Near(self._passages, held)
        beside = {pair: weights[pair[0]] + weights[pair[1]] for pair in pairwise(terms)}
        result = []
        for index, found in held.items():
            passage = self._passages[index]
            score = self._bm25(found, weights, len(self._documents[index]))
            score += _BESIDE / 2 * sum(beside[one] for one in self._side_by_side(index, beside))
            score += _NEAR * sum(weights[term] for term in near.to(passage, terms, found))
            result.append(Match(passage, frozenset(found), score * _KINDS[passage.kind]))
        return sorted(result, key=lambda one: (-one.score, one.passage.start_s))

    def _alike(self, term: str) -> dict[str, float]:
        """Return the term if it occurs, else those that begin like it, with what they count."""
        if term in self._counts:
            return {term: 1.0}
        return {form: _ALIKE for form in self._counts if _begin_alike(term, form)}

    def _weight(self, holding: int) -> float:
        """Return what a term counts that so many passages hold: its inverse frequency."""
        return math.log1p((len(self._passages) - holding + 0.5) / (holding + 0.5))

    def _bm25(self, found: Mapping[str, float], weights: Mapping[str, float], length: int) -> float:
        damping = _K1 * (1 - _B + _B * length / self._mean)
        return sum(
            weights[term] * uses * (_K1 + 1) / (uses + damping) for term, uses in found.items()
        )

    def _side_by_side(
        self, index: int, wanted: Mapping[tuple[str, str], float]
    ) -> Iterator[tuple[str, str]]:
        yield from set(pairwise(self._documents[index])).intersection(wanted)


class _Near:
    """When each term of a question is said or shown."""

    def __init__(
        self, passages: Sequence[Passage], held: Mapping[int, Mapping[str, float]]
    ) -> None:
        self._starts: defaultdict[str, list[float]] = defaultdict(list)
        for index, found in held.items():
            if passages[index].kind != "fact":
                for term in found:
                    self._starts[term].append(passages[index].start_s)
        for starts in self._starts.values():
            starts.sort()

    def to(
        self, passage: Passage, terms: Iterable[str], found: Mapping[str, float]
    ) -> Iterator[str]:
        """Yield the terms that a passage does not hold but one within seconds of it does."""
        for term in terms:
            if term not in found and passage.kind != "fact":
                starts = self._starts[term]
                after = bisect_left(starts, passage.start_s - _NEAR_S)
                if after < len(starts) and starts[after] <= passage.end_s + _NEAR_S:
                    yield term


def _held(document: Sequence[str], meant: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Return how often a document uses each term of a question, or words like it."""
    found: defaultdict[str, float] = defaultdict(float)
    for word in document:
        for term, weight in meant.get(word, {}).items():
            found[term] += weight
    return dict(found)


def _begin_alike(one: str, other: str) -> bool:
    """Tell whether two words may be forms of one: they begin alike and end differently."""
    if one[:_START] != other[:_START] or len(one) < _START or not one.isalpha():
        return False
    longer = max(len(one), len(other))
    shared = sum(
        1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    )
    return longer - shared <= _TAIL and shared >= _SHARE * longer
