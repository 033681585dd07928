"""How a model wrote a summary or an answer, in an honest paragraph.

How its statements stand up, and what it was not shown, are figures of the result: a page says
those beside this paragraph.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from vidsum.data import ChapterBasis, Evidence, SecondLook
from vidsum.reasoner.basis import (
    UNRECOGNISED,
    captioned_by_model,
    chapters_from,
    joined,
    sources,
)
from vidsum.reasoner.wording import listed
from vidsum.wording import counted, safe

PointsFrom = Literal["model", "quoted", "none"]
"""Who made the key points of a summary that a model wrote."""
_NAMED: Final = (
    "Statements name timeline entries that exist; whether these bear them out was not checked."
)
_POINTS: Final[Mapping[PointsFrom, str]] = {
    "model": "",
    "quoted": "Key points are quoted: the model gave none.",
    "none": "The model gave no key point.",
}
_REMOVED: Final = {
    "points": ("statement that says nothing", "statements that say nothing"),
    "ids": ("id of nothing that the model was shown", "ids of nothing that the model was shown"),
    "quotes": (
        "pair of quotation marks round words that were not said or shown",
        "pairs of quotation marks round words that were not said or shown",
    ),
    "chapters": (
        "chapter without a title or a place of its own",
        "chapters without a title or a place of their own",
    ),
    "names": ("name that does not occur", "names that do not occur"),
    "many": ("item too many", "items too many"),
}


@dataclass(frozen=True, slots=True)
class Writing:
    """How a model came to write something.

    ``reused`` answers were kept from earlier runs, beside ``calls`` requests. ``removed`` counts
    what was taken out of what it wrote, see Ground. ``looks`` are moments that it asked to see
    again; ``revised``: it wrote the summary anew after them.
    """

    model: str
    where: str
    calls: int
    sections: int
    removed: Mapping[str, int]
    reused: int = 0
    looks: Sequence[SecondLook] = ()
    revised: bool = False


def written(
    evidence: Evidence, basis: ChapterBasis, points: PointsFrom, writing: Writing
) -> str:  # fmt: skip
    """Return the honest paragraph of a summary: who wrote it, from what, what was cut."""
    return joined(
        f"Written {_by(writing)}.",
        *_from_what(evidence, writing),
        chapters_from(evidence, basis),
        _POINTS[points],
        _NAMED,
        *_checked(writing),
    )


def answered(evidence: Evidence, writing: Writing) -> str:
    """Return the honest paragraph of the answer to a question: the same, without chapters."""
    return joined(
        f"Answered {_by(writing)}.", *_from_what(evidence, writing), _NAMED, *_checked(writing)
    )


def _by(writing: Writing) -> str:
    """Return who wrote it, where, and in how many calls."""
    over = f" over {counted(writing.sections, 'section')}" if writing.sections > 1 else ""
    calls = counted(writing.calls, "call")
    if writing.reused:
        kept = counted(writing.reused, "answer")
        calls += f" and {kept} kept from an earlier run"
    return f"by {safe(writing.model)} {writing.where}, in {calls}{over}"


def _from_what(evidence: Evidence, writing: Writing) -> Iterator[str]:
    yield from sources(evidence)
    if evidence.info.video is not None and not captioned_by_model(evidence):
        yield UNRECOGNISED
    if writing.looks:
        seen = sum(look.entry is not None for look in writing.looks)
        shown = "none was" if not seen else counted(seen, "was", "were")
        then = ", and the summary was revised after it" if writing.revised else ""
        yield (
            f"The model asked to see {counted(len(writing.looks), 'moment')} again; "
            f"{shown} shown{then}."
        )


def _checked(writing: Writing) -> Iterator[str]:
    if told := _counts(writing.removed, _REMOVED):
        yield f"Taken out: {told}."


def _counts(numbers: Mapping[str, int], nouns: Mapping[str, tuple[str, str]]) -> str:
    """Return "two facts and one text on screen"; "" where all are none."""
    return listed([
        counted(numbers[key], one, more) for key, (one, more) in nouns.items() if numbers.get(key)
    ])  # fmt: skip
