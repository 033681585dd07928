"""What can be said of pictures that were measured and not understood."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from vidsum.data import Evidence, PictureFacts
from vidsum.reasoner.wording import listed
from vidsum.wording import clock, counted

LARGE_CHANGE: Final = 12.0
"""Mean difference (0–255) to the picture before from which on a picture has changed much.

Source: a corridor through which people walk, measured every 5 s: 1 to 5 where it stays as it is,
10 to 33 where somebody comes or goes.
"""
_MOST_TIMES, _FIRST_TIMES = 4, 3
_FEW: Final = 2
"""Samples that are too few to be counted by their looks."""
_DROPPED: Final = {
    "black": "black",
    "white": "white",
    "plain": "of one colour",
    "transition": "in the middle of a change",
}


def picture_sentences(evidence: Evidence) -> Iterator[str]:
    """Yield sentences on how bright, coloured and changing the samples are."""
    looks = [*_shown(evidence), *_dropped(evidence)]
    if not looks:
        return
    counts = Counter(word for words in looks for word in words)
    video = evidence.info.video
    size = f" ({video.width_px}×{video.height_px} pixels)" if video else ""
    number = counted(len(looks), "sample")
    every = [word for word, count in counts.items() if count == len(looks)]
    some = [f"{counted(count, 'is', 'are')} {word}" for word, count in counts.most_common()]
    if every:
        whole = {1: "The one sample", 2: "Both samples"}.get(len(looks), f"All {number}")
        yield f"{whole}{size} {'is' if len(looks) == 1 else 'are'} {listed(every)}."
    if len(counts) > len(every) and len(looks) > _FEW:
        yield f"Of {number}{'' if every else size}, {listed(some[len(every) :])}."
    yield from _changes(evidence)


def _shown(evidence: Evidence) -> list[list[str]]:
    """Return what holds for each sample that showed a picture; repetitions count again."""
    kept = {one.sample.index: _words(one.facts) for one in evidence.observations}
    repeated = [kept[one.same_as] for one in evidence.dropped if one.same_as in kept]
    return [*kept.values(), *repeated]


def _dropped(evidence: Evidence) -> list[list[str]]:
    return [[_DROPPED[one.reason]] for one in evidence.dropped if one.reason in _DROPPED]


def _words(facts: PictureFacts) -> list[str]:
    bright: str = facts.brightness
    words = ["of medium brightness" if bright == "medium" else bright]
    words += ["black-and-white"] if facts.monochrome else []
    words += [f"in large part {facts.colour}"] if facts.colour else []
    return words


def _changes(evidence: Evidence) -> Iterator[str]:
    """Yield how often, and when first, the picture had changed much since the sample before.

    Nothing if it had not.

    A small difference does not tell that a picture stays: slides of other words differ little,
    and blank samples are not measured.
    """
    times = [
        clock(one.sample.time_s)
        for one in evidence.observations
        if one.facts.difference is not None and one.facts.difference >= LARGE_CHANGE
    ]
    if len(times) == 1:
        yield f"The picture had changed much once: at {times[0]}."
    elif times:
        told = times if len(times) <= _MOST_TIMES else [*times[:_FIRST_TIMES], "later"]
        yield f"The picture had changed much {counted(len(times), 'time')}: at {listed(told)}."
