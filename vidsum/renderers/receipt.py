"""The receipt of a run as blocks of a page and as lines."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

from vidsum.data import (
    Direction,
    Modality,
    ModalityCost,
    Quoted,
    Receipt,
    Saving,
    Spending,
    StageCost,
    Sum,
    Total,
)
from vidsum.renderers.blocks import Block, Item, Items, Paragraph, Table
from vidsum.renderers.figures import NANO, amount, money, money_cell, rounded, seconds, usd
from vidsum.wording import number, safe

KINDS = {
    "text": "text", "image": "pictures", "audio": "sound", "video": "video",
    "image_gen": "made pictures", "video_gen": "made video",
}  # fmt: skip
_UNITS = {"audio_s": "s of sound", "speech_s": "s of speech", "sent_s": "s sent"}
_READY = ("prepare", "identify")
_ALWAYS = ("segments", "captions", "kept")
_TOLD_S = 0.005
_METHODS = {
    "cpu_s×W": "CPU seconds × watts a core",
    "rapl": "measured, the whole processor",
    "nvml": "measured, the GPU",
    "rapl+nvml": "measured, the whole processor and the GPU",
}


def blocks(receipt: Receipt) -> Iterator[Block]:
    """Yield what a page says of a run's cost."""
    yield _stages(receipt)
    if receipt.modalities:
        yield by_modality(receipt)
    yield Paragraph(total(receipt), quiet=True)
    notes = [*_notes(receipt), *map(_saving, receipt.savings)]
    if receipt.quoted is not None:
        notes.append(_quoted(receipt.quoted, receipt.total))
    if notes:
        yield Items(tuple(Item("", text=safe(note)) for note in notes))


def lines(receipt: Receipt) -> Iterator[str]:
    """Yield the receipt in a few lines for stderr: a line a modality, then the total."""
    for part in receipt.modalities:
        kind, what, wall, cpu, compute, energy, api = _row(part)
        yield f"{kind}: {', '.join(filter(None, (what, wall, f'CPU {cpu}', compute, energy, api)))}"
    yield total(receipt)
    for saving in receipt.savings:
        yield _saving(saving)
    if receipt.quoted is not None:
        yield _quoted(receipt.quoted, receipt.total)


def total(receipt: Receipt) -> str:
    """Return the run's cost in one sentence."""
    whole = receipt.total
    parts = [f"{receipt.wall_s:.1f} s wall", f"{receipt.cpu_s:.1f} s CPU"]
    if whole.cu.value or whole.cu.unknown:
        parts.append(_or_unknown(amount(whole.cu, "CU"), "compute"))
    if receipt.joules is not None and receipt.joules.value:
        parts.append(amount(receipt.joules, "J"))
    known = receipt.api_usd is not None or whole.usd_nano.value
    parts.append(f"{money(whole.usd_nano)} of API cost" if known else
                 f"unknown API cost ({whole.usd_nano.unknown} calls unpriced)")  # fmt: skip
    return f"In all {', '.join(parts)}."


def _or_unknown(text: str, what: str) -> str:
    return f"{what} unknown" if text == "?" else text


def _stages(receipt: Receipt) -> Table:
    rows = tuple(
        (stage.stage, stage.backend, _counts(stage), f"{stage.wall_s:.2f} s",
         "?" if stage.cpu_s is None else f"{stage.cpu_s:.2f} s")
        for stage in _telling(receipt.stages)
    )  # fmt: skip
    return Table(("stage", "by", "what", "wall", "CPU"), rows, figures=2)


def _telling(stages: Sequence[StageCost]) -> Iterator[StageCost]:
    """Yield the stages worth a line: getting ready in one, nothing that took no time."""
    ready = [stage for stage in stages if stage.stage in _READY]
    if ready:
        known = [stage.cpu_s for stage in ready if stage.cpu_s is not None]
        wall_s = math.fsum(stage.wall_s for stage in ready)
        yield replace(ready[0], stage="prepare", backend="vidsum", counts={}, wall_s=wall_s,
                      cpu_s=math.fsum(known))  # fmt: skip
    for stage in stages:
        if stage not in ready and (stage.wall_s >= _TOLD_S or any(stage.counts.values())):
            yield stage


def _counts(stage: StageCost) -> str:
    return ", ".join(
        f"{number(value)} {_UNITS.get(name, _unit(name, value))}"
        for name, value in stage.counts.items()
        if value or name in _ALWAYS
    )


def _unit(name: str, value: float) -> str:
    words = name.replace("_", " ")
    return words.removesuffix("s") if value == 1 else words


def by_modality(receipt: Receipt) -> Table:
    """Return what each kind of work took."""
    head = ("kind", "model calls", "wall", "CPU", "compute", "energy", "API")
    rows = tuple(_row(part, money_cell) for part in receipt.modalities)
    told = [place for place in range(len(head)) if any(row[place] for row in rows)]
    return Table(
        tuple(head[place] for place in told), tuple(tuple(row[p] for p in told) for row in rows),
        figures=sum(place > 1 for place in told),
    )  # fmt: skip


def _row(part: ModalityCost, priced: Callable[[Sum], str] = money) -> tuple[str, ...]:
    whole = part.total
    return (
        kind(part.modality, part.direction),
        calls(whole), seconds(whole.wall_s), seconds(whole.cpu_s),
        amount(whole.cu, "CU") if whole.calls else "",
        amount(whole.joules, "J"), priced(whole.usd_nano) if whole.calls else "",
    )  # fmt: skip


def kind(modality: Modality, direction: Direction) -> str:
    """Return what some work is about, in words."""
    made = direction == "generate" and not modality.endswith("_gen")
    return f"made {KINDS[modality]}" if made else KINDS[modality]


def calls(whole: Total) -> str:
    """Return what calls used, in the units that they have."""
    if not whole.calls:
        return ""
    parts = [f"{whole.calls} call{'' if whole.calls == 1 else 's'}"]
    if whole.input_tokens.value or whole.input_tokens.unknown:
        told, given = amount(whole.input_tokens), amount(whole.output_tokens)
        parts.append(f"{told} tokens in, {given} out")
    if whole.images:
        parts.append(f"{whole.images} picture{'' if whole.images == 1 else 's'}")
    if whole.audio_s:
        parts.append(f"{rounded(whole.audio_s)} s of sound")
    if whole.failed_calls:
        parts.append(f"{whole.failed_calls} failed")
    return ", ".join(parts)


def _notes(receipt: Receipt) -> Iterator[str]:
    share = receipt.main_s / receipt.wall_s if receipt.wall_s else 1.0
    words = f"The stages of the main thread explain {share:.0%} of the wall time"
    if any(stage.lane != "main" for stage in receipt.stages):
        words += "; listening ran beside them"
    yield f"{words}."
    if any(stage.cpu_s is None for stage in receipt.stages):
        yield "“?”: its CPU could not be told from that of others."
    if receipt.joules is not None and receipt.joules_method in _METHODS:
        yield f"Energy: {_METHODS[receipt.joules_method]}."
    if receipt.prices is not None:
        yield f"Prices: {receipt.prices}."
    if receipt.spending is not None:
        yield from _passed(receipt.spending, receipt.total)
    if not receipt.recorded:
        yield "This run is not wholly in the ledger."
    elif receipt.run_id is not None:
        yield f"In the ledger: vidsum ledger show --run {receipt.run_id[:8]}."


def _passed(spending: Spending, whole: Total) -> Iterator[str]:
    """Yield the caps that were passed all the same: something took more than anybody knew."""
    if spending.max_usd is not None and whole.usd_nano.value > Decimal(spending.max_usd) * NANO:
        yield f"The cap of ${spending.max_usd} was passed: {money(whole.usd_nano)} was spent."
    if spending.max_cu is not None and whole.cu.value > spending.max_cu:
        yield f"The cap of {spending.max_cu:g} CU was passed: {amount(whole.cu, 'CU')} was spent."


def _saving(saving: Saving) -> str:
    amounts = []
    if saving.cu:
        amounts.append(f"{rounded(saving.cu)} CU")
    if saving.usd_nano:
        amounts.append(usd(saving.usd_nano))
    if saving.seconds and saving.seconds >= _TOLD_S:
        amounts.append(f"{rounded(saving.seconds)} s")
    worth = f" (about {', '.join(amounts)})" if amounts else ""
    return f"Not spent: {saving.baseline}{worth}."


def _quoted(quoted: Quoted, whole: Total) -> str:
    parts = [f"{number(quoted.calls[0])}–{number(quoted.calls[2])} calls ({whole.calls} made)"]
    if quoted.cu is not None:
        parts.append(f"{rounded(quoted.cu[0])}–{rounded(quoted.cu[2])} CU "
                     f"({amount(whole.cu) if whole.calls else '0'} used)")  # fmt: skip
    if quoted.usd is not None and (Decimal(quoted.usd[2]) or whole.usd_nano.value):
        least, _, most = (usd(int(Decimal(value) * NANO)) for value in quoted.usd)
        parts.append(f"{least}–{most} ({money(whole.usd_nano)} spent)")
    return f"Estimated before ({quoted.depth}): {', '.join(parts)}."
