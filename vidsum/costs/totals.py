"""Adding up the ledger's lines, so that what is unknown stays unknown.

The receipt of a run and ``vidsum ledger show`` both add up here: they cannot differ.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import replace
from typing import TypeVar

from vidsum.data import Entry, Origin, Sum, Total

WAITING = "wait"
"""The stage in which nothing is done: it explains time, and is no part of what anything took."""
Key = TypeVar("Key", bound=Hashable)


def spent(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Yield what came of everything that was begun; savings are left out.

    A reserve without an end (the process was killed) is yielded last as a failure: what it cost is
    not known, but for a model in this process, which costs no API money.
    """
    begun: dict[str, Entry] = {}
    for entry in entries:
        if entry.phase == "reserve":
            begun[entry.call_id] = entry
        else:
            begun.pop(entry.call_id, None)
            if entry.kind != "saving":
                yield entry
    for entry in begun.values():
        yield orphaned(entry)


def orphaned(reserve: Entry) -> Entry:
    """Return what is known of something that has no end: that it was begun."""
    if reserve.kind != "call":
        return replace(reserve, phase="fail", status="orphaned", time_origin="unknown",
                       joules_origin="unknown")  # fmt: skip
    here = reserve.host is None
    return replace(
        reserve, phase="fail", status="orphaned", error_class="orphaned",
        usage_origin="unknown", cu_origin="unknown",
        usd_nano=0 if here else None, usd_origin="measured" if here else "unknown",
    )  # fmt: skip


def totals(entries: Iterable[Entry], key: Callable[[Entry], Key]) -> dict[Key, Total]:
    """Return the total of each group of what :func:`spent` gives, in order of appearance."""
    groups: dict[Key, list[Entry]] = {}
    for entry in spent(entries):
        if entry.kind != "run":
            groups.setdefault(key(entry), []).append(entry)
    return {name: total(group) for name, group in groups.items()}


def total(entries: Iterable[Entry]) -> Total:
    """Return what ended lines of stages and calls come to together."""
    every = list(entries)
    stages = [e for e in every if e.kind == "stage" and e.stage != WAITING]
    calls = [e for e in every if e.kind == "call" and e.phase != "release"]
    failed = [e for e in every if e.kind == "call" and e.phase != "settle" and e.error_class]
    return Total(
        calls=sum(e.calls or 1 for e in calls),
        failed_calls=len(failed),
        input_tokens=_sum((e.input_tokens, _told(e.input_tokens, e)) for e in calls),
        output_tokens=_sum((e.output_tokens, _told(e.output_tokens, e)) for e in calls),
        images=sum(e.images or 0 for e in calls),
        audio_s=math.fsum(e.audio_s or 0.0 for e in calls),
        wall_s=_sum((e.wall_s, e.time_origin) for e in stages),
        cpu_s=_sum((e.cpu_s, "unknown" if e.cpu_s is None else e.time_origin) for e in stages),
        joules=_sum(
            [
                *((e.joules, e.joules_origin) for e in stages),
                *((None, "unknown") for e in calls if e.host is not None),
            ]
        ),
        cu=_sum((e.cu, e.cu_origin) for e in calls),
        usd_nano=_sum((e.usd_nano, e.usd_origin) for e in calls),
    )


def _told(tokens: int | None, call: Entry) -> Origin | None:
    """Return how tokens are known: a provider that tells of some only leaves the rest unknown."""
    left_out = tokens is None and call.usage_origin == "reported"
    return "unknown" if left_out else call.usage_origin


def _sum(figures: Iterable[tuple[float | None, Origin | None]]) -> Sum:
    known: list[float] = []
    unknown, estimated = 0, False
    for value, origin in figures:
        if origin == "unknown":
            unknown += 1
        elif value is not None:
            known.append(value)
            estimated = estimated or origin == "estimated"
    value = sum(known) if all(isinstance(one, int) for one in known) else math.fsum(known)
    return Sum(value, unknown, estimated)
