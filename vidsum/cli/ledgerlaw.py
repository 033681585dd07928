"""The rule of thumb beside what was found, and how long a unit takes on this machine."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from vidsum.cli.ledgerexport import dump
from vidsum.cli.ledgerfigures import NONE
from vidsum.renderers.blocks import Block, Heading, Page, Paragraph, Table
from vidsum.renderers.figures import rounded
from vidsum.wording import escaped

if TYPE_CHECKING:
    from vidsum.backends.calibration import Calibration as Timing
    from vidsum.costs.law import LawRow
    from vidsum.costs.ledger import Ledger
    from vidsum.costs.ledger_schema import Calibration

_RULE: Final = (
    "The rule of thumb: a prompt of 200 tokens, a generated image and a generated clip of 5 s cost "
    "as 1 : 100 : 10,000, and in 4K ten times that. It is about generation: “rule” is what it "
    "says, “to rule” what was found beside it."
)
_UNIT: Final = "1 CU is 3.2e12 FLOP: the weights' part of a prompt of 200 tokens to an 8B model."
_MEASURED: Final = (
    "Measured: the seconds of this ledger's calls, and what their counted tokens come to by the "
    "formulas, each for one of what it says. “calls” are those that a figure rests on; “unknown” "
    "those of models whose compute nobody knows."
)
_HEADINGS: Final = {"understand": "To understand", "generate": "To generate"}
_COMPUTED_HEAD: Final = ("what", "for a", "CU", "rule", "to rule")
_MEASURED_HEAD: Final = (
    "what", "for a", "calls", "unknown", "CU", "rule", "to rule", "time", "time in CU",
)  # fmt: skip
_WORDS: Final = 2


def law_page(rows: Sequence[LawRow], here: Calibration | None) -> Page:
    """Return the law for people: understanding and generation apart."""
    return Page("Ratios of compute", tuple(_law_blocks(rows, here)))


def _law_blocks(rows: Sequence[LawRow], here: Calibration | None) -> Iterator[Block]:
    yield Paragraph(_RULE)
    yield Paragraph(_UNIT)
    for way, heading in _HEADINGS.items():
        own = [row for row in rows if row.direction == way]
        if computed := [row for row in own if row.basis == "computed"]:
            yield Heading(f"{heading}, computed")
            yield _table(_COMPUTED_HEAD, [(*_names(row), *_ratios(row)) for row in computed])
        if measured := [row for row in own if row.basis == "measured"]:
            yield Heading(f"{heading}, measured here")
            yield _table(_MEASURED_HEAD, [
                (*_names(row), *_calls(row), *_ratios(row), *_times(row)) for row in measured
            ])  # fmt: skip
    if any(row.basis == "measured" for row in rows):
        yield Paragraph(_MEASURED)
    else:
        yield Paragraph("No call to a model is in the ledger yet: nothing is measured.")
    yield Paragraph("How long a CU takes on this machine is not known: vidsum ledger calibrate"
                    if here is None else calibration_text(here).rstrip())  # fmt: skip


def _table(head: tuple[str, ...], lines: Sequence[tuple[str, ...]]) -> Table:
    """Return a table without the columns that have no figure."""
    kept = [place for place in range(len(head))
            if place < _WORDS or any(line[place] != NONE for line in lines)]  # fmt: skip
    rows = tuple(tuple(line[place] for place in kept) for line in lines)
    return Table(tuple(head[place] for place in kept), rows, figures=len(kept) - _WORDS)


def _names(row: LawRow) -> tuple[str, ...]:
    return escaped(row.what), escaped(row.per)


def _calls(row: LawRow) -> tuple[str, ...]:
    return f"{row.calls:,}", f"{row.calls_without_cu:,}" if row.calls_without_cu else NONE


def _ratios(row: LawRow) -> tuple[str, ...]:
    ratio = _to_rule(row)
    return (
        "?" if row.cu is None else f"~{rounded(row.cu)}",
        NONE if row.rule_cu is None else rounded(row.rule_cu),
        NONE if ratio is None else f"×{rounded(ratio)}",
    )


def _times(row: LawRow) -> tuple[str, ...]:
    return (
        "?" if row.seconds is None else f"{rounded(row.seconds)} s",
        NONE if row.time_cu is None else f"~{rounded(row.time_cu)}",
    )


def _to_rule(row: LawRow) -> float | None:
    return None if row.cu is None or not row.rule_cu else row.cu / row.rule_cu


def law_json(rows: Sequence[LawRow], here: Calibration | None) -> str:
    """Return the law as one JSON object, unrounded."""
    from vidsum.costs.law import RULE

    return dump({
        "rule_of_thumb_cu": RULE,
        "calibration": None if here is None else dataclasses.asdict(here),
        "rows": [dataclasses.asdict(row) | {"to_rule": _to_rule(row)} for row in rows],
    })  # fmt: skip


def this_machine() -> str:
    """Return what a calibration holds for: the state folder may be shared by several machines."""
    import platform

    from vidsum.backends.machine import usable_cores

    cores = usable_cores()
    return f"{platform.system()} {platform.machine()}, {cores} core{'' if cores == 1 else 's'}"


def of_this_machine(found: Sequence[Calibration]) -> Calibration | None:
    """Return the newest calibration of this machine, with a model rather than the stand-in."""
    own = [one for one in found if one.machine == this_machine()]
    return next(reversed([one for one in own if one.model] or own), None)


def written(ledger: Ledger, timing: Timing) -> Calibration:
    """Write a calibration into the ledger and return it. Raises: OutputError."""
    details = {name: getattr(timing, name) for name in ("tokens", "flops", "repeats", "spread")}
    return ledger.add_calibration(
        this_machine(), timing.model or "", timing.s_per_cu, timing.method, details
    )


def calibration_text(one: Calibration) -> str:
    """Return in a line how long a unit takes, and how that is known."""
    model = f", {escaped(one.model)}" if one.model else ""
    spread = one.details.get("spread")
    range_ = f", spread {spread:.0%}" if isinstance(spread, float) else ""
    return (f"1 CU takes {rounded(one.s_per_cu)} s on this machine, {escaped(one.machine)} "
            f"({escaped(one.method)}{model}{range_}; {one.ts_utc[:10]}).\n")  # fmt: skip


def calibration_json(one: Calibration) -> str:
    """Return a calibration as one JSON object."""
    return dump(dataclasses.asdict(one) | {"model": one.model or None})
