"""What ``ledger verify`` found, for people and as JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from vidsum.cli.ledgerexport import dump, exact
from vidsum.cli.ledgerfigures import NONE, sentence
from vidsum.cli.ledgergroups import file_of, local_minute, short_id
from vidsum.costs.totals import spent, total
from vidsum.data import Total
from vidsum.renderers.blocks import Block, Heading, Item, Items, Page, Paragraph, Table
from vidsum.renderers.figures import rounded, usd
from vidsum.wording import escaped

if TYPE_CHECKING:
    from vidsum.costs.ledger import Ledger
    from vidsum.costs.ledger_check import Clash, Fault, Findings, Reserved

NEXT_STEP: Final = (
    "Keep what can be read (vidsum ledger show --csv > lines.csv), then move the file away: the "
    "next run makes a new one."
)
_MOST_FAULTS: Final = 20


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found, which videos the runs were about, and what all lines come to.

    ``whole`` is None where the file or its rules do not allow to add up.
    """

    path: str
    there: bool
    findings: Findings
    videos: dict[str, str | None]
    whole: Total | None


def checked(ledger: Ledger) -> Checked:
    """Check a ledger. Raises: OutputError when it cannot be read at all."""
    findings = ledger.verify()
    readable = not (findings.integrity or findings.schema)
    lines = list(ledger.entries()) if readable else []
    videos = {run.run_id: run.path for run in ledger.run_ids()} if readable else {}
    whole = total(spent(lines)) if readable else None
    return Checked(str(ledger.path), ledger.there, findings, videos, whole)


def page(found: Checked) -> Page:
    """Return the findings for people."""
    return Page("vidsum ledger verify", tuple(_blocks(found)))


def _blocks(found: Checked) -> Iterator[Block]:
    yield Paragraph(f"{escaped(found.path)}: {_verdict(found)}")
    findings = found.findings
    if found.whole is None:
        yield Paragraph("Sums: left out. They could not be trusted.")
    elif findings.lines:
        trust = "Sums" if findings.sound else "Sums, which cannot be trusted"
        yield Paragraph(f"{trust}: {sentence(found.whole)}")
    if faults := [*findings.integrity, *findings.schema, *_faults(findings)]:
        yield Heading("What is wrong")
        yield Items(tuple(Item("", text=escaped(one)) for one in faults[:_MOST_FAULTS]))
        yield from _more(len(faults))
    if findings.orphans:
        yield Heading("Begun, and never ended: spent, nobody knows how much")
        yield _reserves(findings.orphans, found.videos)
        yield Paragraph("Their process is gone: it was killed, or the machine went down. Each "
                        "counts as unknown in every total; what was set aside is the most that a "
                        "call can have cost. There is nothing to do.")  # fmt: skip
    if findings.running:
        yield Heading("Under way now")
        yield _reserves(findings.running, found.videos)
    if findings.overruns:
        yield Heading("Calls that took more than was set aside")
        yield Table(("call", "run", "set aside", "took"), tuple(
            (escaped(one.call_id[:8]), short_id(one.run_id),
             _amount(one.reserved_usd_nano, one.reserved_cu), _amount(one.usd_nano, one.cu))
            for one in findings.overruns[:_MOST_FAULTS]
        ), figures=2)  # fmt: skip
        yield from _more(len(findings.overruns))


def _more(number: int) -> Iterator[Block]:
    if number > _MOST_FAULTS:
        yield Paragraph(f"{number - _MOST_FAULTS:,} more: see --json.")


def _verdict(found: Checked) -> str:
    findings = found.findings
    if not found.there:
        return "not there yet. The first run makes it."
    if findings.integrity:
        return "damaged."
    if not findings.sound:
        return "not as vidsum wrote it."
    lines, runs = findings.lines, findings.runs
    counts = f"{lines:,} line{'' if lines == 1 else 's'} of {runs:,} run{'' if runs == 1 else 's'}"
    return f"whole. {counts}; figures agree with each other."


def _faults(findings: Findings) -> Iterator[str]:
    for fault in findings.negative:
        yield f"Line {fault.id}: {fault.column} is below 0 ({fault.value})."
    for fault in findings.origins:
        yield f"Line {fault.id}: {_disagreement(fault)}."
    for clash in findings.clashes:
        yield f"Line {clash.id}: {clash.column} is {clash.value}, but {_clash(clash)}."


def _clash(clash: Clash) -> str:
    match clash.rule:
        case "flops":
            return f"its est_flops come to {clash.other}"
        case "local":
            return "its model is in this process, which costs no API money"
        case "stage":
            return f"a stage of this run's main thread has {clash.other}"


def _disagreement(fault: Fault) -> str:
    value = "missing" if fault.value is None else f"{fault.value}"
    return f"{fault.column} is {value}, but its origin is {fault.origin or 'missing'}"


def _reserves(rows: Sequence[Reserved], videos: dict[str, str | None]) -> Table:
    return Table(("begun", "run", "video", "what", "set aside"), tuple(
        (local_minute(one.ts_utc), short_id(one.run_id), file_of(videos.get(one.run_id)),
         "the run" if one.kind == "run" else f"{escaped(one.kind)}, {escaped(one.stage)}",
         _amount(one.reserved_usd_nano, one.reserved_cu) if one.kind == "call" else NONE)
        for one in rows
    ), figures=1)  # fmt: skip


def _amount(usd_nano: int | None, cu: float | None) -> str:
    money = "$?" if usd_nano is None else usd(usd_nano)
    return f"{money}, {'?' if cu is None else rounded(cu)} CU"


def as_json(found: Checked) -> str:
    """Return the findings as one JSON object, unrounded."""
    findings = found.findings
    plain: dict[str, Any] = dataclasses.asdict(findings)
    for name in ("orphans", "running"):
        for row in plain[name]:
            row["path"] = found.videos.get(row["run_id"])
    return dump({
        "path": found.path, "there": found.there, "sound": findings.sound, **plain,
        "total": found.whole and dataclasses.asdict(found.whole),
        "usd": found.whole and exact(found.whole),
    })  # fmt: skip
