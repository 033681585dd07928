"""When something new seems to begin: where a long timeline may be cut into sections."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from vidsum.data import Bundle
from vidsum.reasoner.chapters import divide
from vidsum.reasoner.sentences import Sentence, sentences
from vidsum.reasoner.terms import lexicon
from vidsum.reasoner.topics import topic_starts

_SAMPLED: Final = 2_000
"""Entries that are enough to tell a language by."""
_OTHER_VIEW: Final = 60.0
"""Mean difference (0–255) to the picture before that only a cut to another view makes."""
_STRETCH_S: Final = 2_400.0
"""Speech that is looked at for shifts of topic at once: they are a 20th of it apart or more, two
minutes, which is less than the sections that a model with a small context reads."""


class Boundaries(NamedTuple):
    """Times in seconds, each list in order; the earlier a list, the better its places for a cut.

    ``starts_s``: chapters seem to begin. ``shifts_s``: the words spoken change. ``changes_s``: the
    picture cuts to another view.
    """

    starts_s: list[float]
    shifts_s: list[float]
    changes_s: list[float]


def boundaries(bundle: Bundle) -> Boundaries:
    """Return when sections may begin, as far as that can be told without a model.

    A video has few chapters however long it is, for they are made for people; shifts of topic
    are looked for every few minutes.
    """
    evidence = bundle.evidence
    speech = [entry for entry in bundle.timeline if entry.kind == "speech"]
    words = lexicon(evidence.transcript.language, [entry.text for entry in speech[:_SAMPLED]])
    said = sentences(speech, words.language)
    terms = [words.terms(sentence.text) for sentence in said]
    changes = [
        one.sample.time_s for one in evidence.observations
        if (one.facts.difference or 0.0) >= _OTHER_VIEW
    ]  # fmt: skip
    parts = divide(evidence, bundle.overlay, said, terms).parts
    return Boundaries([part.start_s for part in parts[1:]], list(_shifts(said, terms)), changes)


def _shifts(said: Sequence[Sentence], terms: Sequence[Sequence[str]]) -> Iterator[float]:
    """Yield the times at which a topic begins, within each stretch of the speech."""
    begin = 0
    while begin < len(said):
        until_s = said[begin].start_s + _STRETCH_S
        end = bisect_left(said, until_s, begin + 1, key=lambda sentence: sentence.start_s)
        yield from topic_starts(said[begin:end], terms[begin:end])
        begin = end
