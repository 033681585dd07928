"""What did vision buy? The same evidence summed up with and without each modality."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from vidsum.data import (
    Basis,
    Bought,
    BoughtModality,
    Bundle,
    Claim,
    EntryKind,
    Evidence,
    Modality,
    ModalityCost,
    Summary,
)
from vidsum.pipeline import remembering
from vidsum.pipeline.bundling import bundled
from vidsum.pipeline.memory import Gathered
from vidsum.pipeline.run import Run
from vidsum.pipeline.summing_up import sum_up

_BASIS: Final[Mapping[EntryKind, Basis]] = {
    "caption": "frames", "text": "frames", "speech": "speech", "fact": "facts",
}  # fmt: skip
_PAID: Final[Mapping[Basis, Modality]] = {"frames": "image", "speech": "audio"}


def what_vision_bought(run: Run, bundle: Bundle) -> Bought:
    """Return what frames and speech each brought to the summary, and what they cost.

    Three summaries are made: of everything, without what was seen, without what was said. No
    moment is looked at again for any of them, and where a model failed at the first or had no room
    for it, none is asked for the others: they are to differ in nothing else.
    Raises: BackendMissing, OptionError.
    """
    whole = sum_up(run, bundle, looks=False)
    gathered = remembering.gathered(run)
    kinds = {entry.id: entry.kind for entry in bundle.timeline}
    based = [(claim, basis_of(claim, kinds)) for claim in claims_of(whole)]
    return Bought(
        whole,
        Counter(basis for _, basis in based),
        tuple(
            BoughtModality(
                basis,
                entries=sum(_BASIS[kind] == basis for kind in kinds.values()),
                only=tuple(claim for claim, its in based if its == basis),
                without=_without(run, bundle, basis, whole),
                cost=_cost(gathered, basis),
                gathered_run=None if gathered is None else gathered.run_id,
            )
            for basis in _PAID
        ),
    )


def claims_of(summary: Summary) -> tuple[Claim, ...]:
    """Return what a summary states, each statement once: names are no statements."""
    told = [
        *summary.key_points,
        *(chapter.gist for chapter in summary.chapters if chapter.gist is not None),
        *summary.overview_claims,
        *summary.quotes,
    ]
    once: dict[str, Claim] = {}
    for claim in told:
        once.setdefault(claim.text, claim)
    return tuple(once.values())


def basis_of(claim: Claim, kinds: Mapping[str, EntryKind]) -> Basis:
    """Return what a claim rests on; facts count only where nothing else does."""
    found = {_BASIS[kinds[one]] for one in claim.evidence if one in kinds}
    if {"frames", "speech"} <= found:
        return "both"
    return next((basis for basis in ("frames", "speech", "facts") if basis in found), "nothing")


def _without(run: Run, bundle: Bundle, basis: Basis, whole: Summary) -> Summary | None:
    """Return the summary of the evidence without one modality; None if nothing else is left.

    Where there was nothing of it, that is the whole one.
    """
    left = bundled(without(bundle.evidence, basis))
    if not any(_BASIS[entry.kind] in _PAID for entry in left.timeline):
        return None
    if len(left.timeline) == len(bundle.timeline):
        return whole
    return sum_up(run, left, looks=False, quoted=whole.model is None)


def without(evidence: Evidence, basis: Basis) -> Evidence:
    """Return evidence in which nothing was seen, or nothing heard; ids stay what they are."""
    if basis == "frames":
        return replace(evidence, observations=(), dropped=(), overlay=(), coverage=None)
    silent = replace(evidence.transcript, segments=(), rejected=())
    return replace(evidence, transcript=silent)


def _cost(gathered: Gathered | None, basis: Basis) -> ModalityCost | None:
    costs = () if gathered is None else gathered.costs
    return next((cost for cost in costs if cost.modality == _PAID[basis]), None)
