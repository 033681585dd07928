"""What pictures and speech each brought to a summary, as blocks of a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from vidsum.data import Basis, Bought, BoughtModality, Claim, EntryKind, Result, Summary, Total
from vidsum.renderers import around, claims
from vidsum.renderers.blocks import Block, Heading, Item, Items, Page, Paragraph, Table
from vidsum.renderers.figures import amount, money_cell, seconds
from vidsum.wording import number


@dataclass(frozen=True, slots=True)
class _Words:
    """How a page speaks of one basis."""

    rests: str
    heading: str
    alone: str = ""


_BASES: Mapping[Basis, _Words] = {
    "frames": _Words("only on pictures", "Only from pictures", "pictures"),
    "speech": _Words("only on speech", "Only from speech", "speech"),
    "both": _Words("on both", "From both"),
    "facts": _Words(
        "only on facts that came with the file", "Only from facts that came with the file"
    ),
    "nothing": _Words("on nothing", "From nothing"),
}
_ALWAYS: tuple[Basis, ...] = ("frames", "speech", "both")
_BASIS: Mapping[EntryKind, Basis] = {
    "caption": "frames", "text": "frames", "speech": "speech", "fact": "facts",
}  # fmt: skip


def bought_page(result: Result, bought: Bought, *, with_timeline: bool) -> Page:
    """Return the page; with the timeline and the ids of all that names it."""
    whole, ids = bought.whole, with_timeline
    blocks: list[Block] = [*around.above(result, whole.model)]
    blocks.append(Paragraph(_finding(bought)))
    blocks += [Heading("What the statements rest on"), _by_basis(bought)]
    blocks += _costs(result, bought)
    blocks += _without(bought)
    for basis, its in _claims(result, bought).items():
        blocks.append(Heading(_BASES[basis].heading))
        blocks.append(Items(tuple(claims.item(claim, ids=ids) for claim in its)))
    if with_timeline:
        blocks += around.timeline(result, claims.cited(whole))
    method = (whole.method, claims.left_out(whole.left_out),
              claims.standing(whole.grounding, result.bundle.evidence))  # fmt: skip
    blocks += around.below(result, method, ())
    return Page(f"What pictures and speech brought to “{whole.title}”", tuple(blocks))


def _finding(bought: Bought) -> str:
    """Return what was found in a sentence."""
    total = sum(bought.by_basis.values())
    if not total:
        return "The summary states nothing, so nothing can be said of what it rests on."
    frames, speech, both = (number(bought.by_basis.get(basis, 0)) for basis in _ALWAYS)
    of = "statement" if total == 1 else f"{number(total)} statements"
    return (
        f"Pictures alone bear {frames} of the summary's {of}, speech alone {speech}, "
        f"both together {both}.{_chapters(bought)}"
    )


def _chapters(bought: Bought) -> str:
    """Return how many chapters there would be without pictures, where that differs."""
    without = next((made.without for made in bought.modalities if made.basis == "frames"), None)
    whole = len(bought.whole.chapters)
    fewer = whole if without is None else len(without.chapters)
    if fewer == whole:
        return ""
    noun = "chapter" if fewer == 1 else "chapters"
    few = number(fewer) if fewer else "no"
    return f" Without pictures there would be {few} {noun} instead of {number(whole)}."


def _by_basis(bought: Bought) -> Table:
    total = sum(bought.by_basis.values())
    rows = []
    for basis, words in _BASES.items():
        count = bought.by_basis.get(basis, 0)
        if count or basis in _ALWAYS:
            share = f"{count / total:.0%}" if total else ""
            rows.append((words.rests, number(count), share))
    return Table(("statements that rest", "number", "share"), tuple(rows), figures=2)


def _costs(result: Result, bought: Bought) -> Iterator[Block]:
    """Yield what looking and listening took when it was done, which may have been another day."""
    if not bought.modalities:
        return
    yield Heading("What each cost")
    head = ("from", "entries", "model calls", "wall", "compute", "energy", "API")
    rows = [_cost(made) for made in bought.modalities]
    told = [place for place in range(len(head)) if any(row[place] for row in rows)]
    yield Table(
        tuple(head[place] for place in told), tuple(tuple(row[at] for at in told) for row in rows),
        figures=len(told) - 1,
    )  # fmt: skip
    yield Items(tuple(Item("", text=line) for line in _gathered(result, bought)))


def _cost(made: BoughtModality) -> tuple[str, ...]:
    """Return a line of the table; what only models have is empty where none was asked."""
    words = _alone(made.basis)
    if made.cost is None:
        return (words, number(made.entries), *["?"] * 5)
    total: Total = made.cost.total
    return (
        words, number(made.entries), number(total.calls) if total.calls else "",
        seconds(total.wall_s), amount(total.cu, "CU") if total.calls else "",
        amount(total.joules, "J"), money_cell(total.usd_nano) if total.calls else "",
    )  # fmt: skip


def _gathered(result: Result, bought: Bought) -> Iterator[str]:
    unknown = [_alone(made.basis) for made in bought.modalities if made.cost is None]
    if unknown:
        yield f"What {' and '.join(unknown)} cost is not known: no run in the ledger says it."
    known = [made for made in bought.modalities if made.cost is not None]
    runs = dict.fromkeys(made.gathered_run for made in known)
    for run in runs:
        what = " and ".join(_alone(made.basis) for made in known if made.gathered_run == run)
        if run is None:
            yield f"Which run gathered {what} is not known."
        elif run == result.receipt.run_id:
            yield f"The cost of {what} is that of this run."
        else:
            yield (
                f"The cost of {what} is from the run that gathered the evidence: "
                f"vidsum ledger show --run {run[:8]}."
            )


def _without(bought: Bought) -> Iterator[Block]:
    """Yield what the summary would have been with one of them alone."""
    items = []
    for made in bought.modalities:
        told = "Nothing else is left to summarise." if made.without is None else _size(made.without)
        items.append(Item("", f"Without {_alone(made.basis)}", told))
    if items:
        yield Heading("What the summary would have been")
        yield Items((Item("", "With both", _size(bought.whole)), *items))


def _size(summary: Summary) -> str:
    points, chapters = len(summary.key_points), len(summary.chapters)
    return (
        f"“{summary.title}”, {number(points)} key point{'' if points == 1 else 's'}, "
        f"{number(chapters)} chapter{'' if chapters == 1 else 's'}."
    )


def _claims(result: Result, bought: Bought) -> Mapping[Basis, tuple[Claim, ...]]:
    """Return the statements of the whole summary by what they rest on, each once."""
    kinds = {entry.id: entry.kind for entry in result.bundle.timeline}
    kinds |= {look.entry.id: look.entry.kind for look in bought.whole.looks if look.entry}
    told = {made.basis: made.only for made in bought.modalities}
    rest: dict[Basis, dict[str, Claim]] = {}
    for claim in claims.statements(bought.whole):
        rest.setdefault(_basis(claim, kinds), {}).setdefault(claim.text, claim)
    found = {basis: told.get(basis) or tuple(rest.get(basis, {}).values()) for basis in _BASES}
    return {basis: tuple(sorted(its, key=_begins)) for basis, its in found.items() if its}


def _begins(claim: Claim) -> float:
    return 0.0 if claim.start_s is None else claim.start_s


def _basis(claim: Claim, kinds: Mapping[str, EntryKind]) -> Basis:
    found = {_BASIS[kinds[one]] for one in claim.evidence if one in kinds}
    if {"frames", "speech"} <= found:
        return "both"
    return next((basis for basis in _BASES if basis in found), "nothing")


def _alone(basis: Basis) -> str:
    return _BASES[basis].alone or basis
