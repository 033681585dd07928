"""What the ledger holds as JSON and as CSV: every figure unrounded, every text harmless."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from vidsum.cli.ledgergroups import View, share
from vidsum.costs.budget import dollars
from vidsum.data import SCHEMA_VERSION, Entry, Sum, Total
from vidsum.wording import escape_controls, escaped, path_text

if TYPE_CHECKING:
    from vidsum.cli.ledgertable import RunFacts

_FORMULA_STARTS: Final = ("=", "+", "-", "@")


def as_json(view: View, run: RunFacts | None, since: str | None) -> str:
    """Return one JSON object; every figure as the ledger has it, unrounded."""
    _, shares = share(view.groups)
    return dump({
        "by": view.by,
        "since": since,
        "run": None if run is None else _run_fields(run),
        "groups": [
            {"key": group.key, "name": group.names[-1],
             **_total_fields(group.direction, group.total), "share": part,
             **({"status": group.status} if view.by == "run" else {})}
            for group, part in zip(view.groups, shares, strict=True)
        ],
        "totals": [_total_fields(direction, whole) for direction, whole in view.wholes],
        "open": view.open,
        "not_spent": [dataclasses.asdict(one) for one in view.avoided],
    })  # fmt: skip


def _total_fields(direction: str, whole: Total) -> dict[str, Any]:
    return {"direction": direction, "total": dataclasses.asdict(whole), "usd": exact(whole)}


def exact(whole: Total) -> str | None:
    """Return money as exact decimals; None as soon as the cost of any call is unknown."""
    return None if whole.usd_nano.unknown else dollars(int(whole.usd_nano.value))


def _run_fields(run: RunFacts) -> dict[str, Any]:
    line = run.run
    ended = line is not None and line.wall_s is not None
    return {
        "id": run.first.run_id, "began_utc": run.first.ts_utc,
        "path": (line or run.first).path, "video_sha256": (line or run.first).video_sha256,
        "status": line.status if line else None,
        "wall_s": run.receipt.wall_s if ended else None,
        "cpu_s": run.receipt.cpu_s if ended else None,
        "main_s": run.receipt.main_s,
        "peak_rss_bytes": line.peak_rss_bytes if line else None,
        "joules": run.receipt.joules and dataclasses.asdict(run.receipt.joules),
        "joules_method": run.receipt.joules_method,
        "vidsum_version": run.first.vidsum_version,
        "asked": [{"reason": reason, "total": dataclasses.asdict(took), "usd": exact(took)}
                  for reason, took in run.asked],
    }  # fmt: skip


def dump(fields: Mapping[str, Any]) -> str:
    """Return one JSON object with ``schema_version``: text made safe, numbers as they are."""
    whole = {"schema_version": SCHEMA_VERSION} | _plain(fields)
    text = json.dumps(whole, ensure_ascii=False, indent=2, allow_nan=False)
    return escape_controls(text) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {path_text(str(key)): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no such number; a file that was changed may
    return path_text(value) if isinstance(value, str) else value


def lines_as_csv(lines: Iterable[Entry]) -> str:
    """Return a row for each line of the ledger, with every column that it has."""
    names = [field.name for field in dataclasses.fields(Entry)]
    return _csv(names, ([getattr(line, name) for name in names] for line in lines))


def totals_as_csv(view: View) -> str:
    """Return a row for each group. What is not known at all is empty, never 0."""
    plain = ("calls", "failed_calls", "images", "audio_s")
    sums = [field.name for field in dataclasses.fields(Total) if field.name not in plain]
    head = [view.by, "name", "direction", *plain, *(
        f"{name}{end}" for name in sums for end in ("", "_unknown", "_estimated")
    ), "usd"]  # fmt: skip
    return _csv(head, (
        [group.key, group.names[-1], group.direction,
         *(getattr(group.total, name) for name in plain),
         *(each for name in sums for each in _sum_cells(getattr(group.total, name))),
         exact(group.total)]
        for group in view.groups
    ))  # fmt: skip


def _sum_cells(known: Sum) -> tuple[float | None, int, bool]:
    return (None if known.unknown and not known.value else known.value,
            known.unknown, known.estimated)  # fmt: skip


def _csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return file.getvalue()


def _cell(value: object) -> str:
    """Return a value as a spreadsheet takes it: text that it would take for a formula is quoted."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, Mapping):
        return escaped(json.dumps(dict(value), ensure_ascii=False)) if value else ""
    text = escaped(str(value))
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
