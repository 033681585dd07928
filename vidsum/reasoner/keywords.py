"""The words that a part of the video uses and the rest does not, as one- and two-word phrases."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from vidsum.reasoner.terms import Lexicon, Word

Phrase = tuple[str, ...]
"""One or two terms, which stood side by side."""

_SMOOTHING: Final = 0.5
_PAIR_USES: Final = 2
"""Fewer uses of two words side by side are chance."""
_PAIR_BONUS: Final = 1.4
_PAIR_SHARE: Final = 0.34
"""A pair that makes up this share of a word's uses stands for the word."""
_BOUND_USES, _BOUND_SHARE, _LEAST_BOUND_SHARE = 3, 0.6, 0.2
"""A pair is bound that is the first share of its one word's uses, the second of its other's."""
_LEAST_RATE: Final = 2.0
"""A word marks a part off if it is used there twice as often as elsewhere."""
_USES: Final = 2
"""A word used once is no keyword, but for parts in which nothing is said."""
_SHOWN_BONUS: Final = 1.3
_CAPITAL_BY_PLACE: Final = 0.2
"""Weight of a form whose capital may come from its place: first in a sentence, or on screen."""
_LONGEST: Final = 32


@dataclass(frozen=True, slots=True)
class Passage:
    """A text to count words in. shown: whether it was on screen, not spoken."""

    text: str
    shown: bool = False


@dataclass(slots=True)
class _Part:
    """The phrases of one part: how often each was used, and which were on screen."""

    uses: Counter[Phrase] = field(default_factory=Counter)
    shown: set[Phrase] = field(default_factory=set)
    said: bool = False


@dataclass(frozen=True, slots=True)
class _Use:
    """One use of a phrase. weight: how much its form tells; led: a word stands right before."""

    phrase: Phrase
    form: str
    weight: float
    led: bool = False


class PhraseBook:
    """The phrases of a video's parts, and the forms in which they were written."""

    def __init__(self, parts: Sequence[Iterable[Passage]], lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._forms: defaultdict[Phrase, defaultdict[str, float]] = defaultdict(
            lambda: defaultdict(float)
        )
        self._led: Counter[Phrase] = Counter()
        self._parts = [self._read(part) for part in parts]
        self._whole = _Part()
        for part in self._parts:
            self._whole.uses.update(part.uses)
            self._whole.shown |= part.shown
            self._whole.said |= part.said

    def contrast(self, part: int, count: int, known: str = "") -> tuple[str, ...]:
        """Return at most `count` phrases that mark one part off from the others, best first.

        A phrase scores its uses × log(its rate in the part / its rate elsewhere). Phrases with a
        word of `known` (the part's title, say) are left out.
        """
        here, whole = self._parts[part], self._whole.uses
        inside = max(1, here.uses.total())
        outside = max(1, whole.total() - inside)

        def score(phrase: Phrase) -> float:
            elsewhere = whole[phrase] - here.uses[phrase] + _SMOOTHING
            rate = (here.uses[phrase] / inside) / (elsewhere / outside)
            return here.uses[phrase] * math.log(rate) if rate >= _LEAST_RATE else 0.0

        return self._best(here, score, count, frozenset(self._lexicon.terms(known)))

    def overall(self, count: int) -> tuple[str, ...]:
        """Return at most `count` phrases that are used most and in most parts, best first."""
        spread = Counter(phrase for part in self._parts for phrase in part.uses)

        def score(phrase: Phrase) -> float:
            return self._whole.uses[phrase] * (1 + math.log(spread[phrase]))

        return self._best(self._whole, score, count, frozenset())

    def _read(self, passages: Iterable[Passage]) -> _Part:
        part = _Part()
        for passage in passages:
            part.said |= not passage.shown
            for use in _uses(passage, self._lexicon):
                part.uses[use.phrase] += 1
                self._led[use.phrase] += use.led
                self._forms[use.phrase][use.form] += use.weight
                if passage.shown:
                    part.shown.add(use.phrase)
        return part

    def _best(
        self, part: _Part, score: Callable[[Phrase], float], count: int, known: frozenset[str]
    ) -> tuple[str, ...]:
        """Return the forms of the best phrases of a part, none a fragment of another."""
        scores = {
            phrase: score(phrase) * (_SHOWN_BONUS if phrase in part.shown else 1)
            for phrase in part.uses
            if known.isdisjoint(phrase) and self._counts(phrase, part)
        }
        scores = _weighed(scores, part.uses)
        chosen: list[Phrase] = []
        for phrase in sorted(scores, key=lambda phrase: (-scores[phrase], phrase)):
            if len(chosen) == count or scores[phrase] <= 0:
                break
            if not any(_overlap(phrase, other) for other in chosen):
                chosen.append(phrase)
        return tuple(self._form(phrase) for phrase in chosen)

    def _counts(self, phrase: Phrase, part: _Part) -> bool:
        """Tell whether a phrase is used often enough, is no letter, and stands without a third."""
        if len(phrase) == 1:
            if len(phrase[0]) == 1:
                return False
            return part.uses[phrase] >= _USES or not (part.said or part is self._whole)
        return part.uses[phrase] >= _PAIR_USES and self._led[phrase] < self._whole.uses[phrase]

    def _form(self, phrase: Phrase) -> str:
        """Return the form most often seen, small letters first among equals."""
        forms = self._forms[phrase]
        return max(forms, key=lambda form: (forms[form], form))


def _uses(passage: Passage, lexicon: Lexicon) -> Iterator[_Use]:
    """Yield each word of a passage and each pair of neighbours."""
    text = passage.text
    words = list(lexicon.words(text))
    for word in words:
        yield _Use((word.term,), word.text, _weight(passage, word))
    led = False
    for first, second in pairwise(words):
        form = text[first.start : second.end]
        beside = second.start >= first.end and not text[first.end : second.start].strip(" \t")
        if beside and first.term != second.term and len(form) <= _LONGEST:
            form = " ".join(form.split())
            yield _Use((first.term, second.term), form, _weight(passage, first), led)
        led = beside


def _weight(passage: Passage, word: Word) -> float:
    """Return how much a word's capitals tell: little where its place may have made them."""
    before = passage.text[max(0, word.start - 4) : word.start].rstrip(" \"'“‘«¿¡(-–")
    first = not before or before[-1] in ".!?…:\n。"
    return _CAPITAL_BY_PLACE if first or passage.shown else 1.0


def _weighed(scores: Mapping[Phrase, float], uses: Counter[Phrase]) -> dict[Phrase, float]:
    """Return scores in which pairs and their words do not count the same uses twice.

    A pair that is much of a word's uses takes them from the word. A bound pair ("heat pump")
    comes before its commoner word ("heat").
    """
    result = dict(scores)
    for pair in sorted(phrase for phrase in scores if len(phrase) == 2):
        shares = sorted(uses[pair] / uses[(term,)] for term in pair)
        bound = shares[1] >= _BOUND_SHARE and shares[0] >= _LEAST_BOUND_SHARE
        bound &= uses[pair] >= _BOUND_USES
        words = [(term,) for term in pair if (term,) in scores]
        result[pair] *= _PAIR_BONUS
        if bound:
            result[pair] = max(result[pair], *(1.01 * scores[word] for word in words), 0.0)
        for word in words:
            if uses[pair] >= _PAIR_SHARE * uses[word]:
                result[word] -= scores[word] * uses[pair] / uses[word]
    return result


def _overlap(one: Phrase, other: Phrase) -> bool:
    """Tell whether one phrase is part of the other or runs on from it."""
    if len(one) == len(other) == 2:
        return one[0] == other[1] or one[1] == other[0] or set(one) == set(other)
    return bool(set(one) & set(other))
