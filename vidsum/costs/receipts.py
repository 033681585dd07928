"""The receipt of a run, from its lines in the ledger."""

from __future__ import annotations

import math
from collections.abc import Iterable

from vidsum.costs.budget import dollars
from vidsum.costs.totals import spent, total, totals
from vidsum.data import Entry, ModalityCost, Receipt, Saving, StageCost, Sum


def receipt_of(lines: Iterable[Entry], wall_s: float | None = None,
               cpu_s: float | None = None) -> Receipt:  # fmt: skip
    """Return what a run's lines come to.

    ``wall_s`` and ``cpu_s`` are those of the run so far, as long as it has no line of its own.
    """
    every = list(lines)
    ended = list(spent(every))
    run = next((line for line in ended if line.kind == "run"), None)
    stages = tuple(_stage(line) for line in ended if line.kind == "stage" and line.wall_s)
    whole = total(ended)
    groups = totals(every, lambda line: (line.modality, line.direction))
    measured = None
    if run is not None and run.joules is not None:
        measured = Sum(run.joules, estimated=run.joules_origin == "estimated")
    return Receipt(
        stages,
        (run.wall_s if run else None) or wall_s or 0.0,
        (run.cpu_s if run else None) or cpu_s or 0.0,
        None if whole.usd_nano.unknown else _plain_usd(int(whole.usd_nano.value)),
        tuple(ModalityCost(*key, part) for key, part in groups.items()),
        whole,
        tuple(_saving(line) for line in every if line.kind == "saving"),
        math.fsum(stage.wall_s for stage in stages if stage.lane == "main"),
        measured or whole.joules,
        run.joules_method if run and measured else _method(ended),
        every[0].run_id if every else None,
    )


def _plain_usd(usd_nano: int) -> str:
    return dollars(usd_nano) if usd_nano else "0"


def _method(lines: Iterable[Entry]) -> str | None:
    found = {line.joules_method for line in lines if line.kind == "stage" and line.joules}
    return "+".join(sorted(filter(None, found))) or None


def _stage(line: Entry) -> StageCost:
    return StageCost(line.stage, line.modality, line.backend, line.wall_s or 0.0, line.cpu_s,
                     line.counts, line.time_origin or "unknown", line.lane)  # fmt: skip


def _saving(line: Entry) -> Saving:
    return Saving(line.avoided_by or "", line.baseline or "", line.avoided_calls, line.avoided_s,
                  line.avoided_cu, line.avoided_usd_nano)  # fmt: skip
