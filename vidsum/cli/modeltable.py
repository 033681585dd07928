"""The list of models: as a table, as plain columns, as JSON."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidsum.cli.modelchoice import size_text
from vidsum.data import SCHEMA_VERSION
from vidsum.wording import escape_controls, path_text

if TYPE_CHECKING:
    from vidsum.catalog.entry import LocalModel, ModelEntry, Task

_UNVERIFIED = "unverified: no commit or checksum is known; the first pull pins what it gets"
_COLUMNS = ("name", "task", "class", "size", "memory", "licence", "context", "status")


@dataclass(frozen=True, slots=True)
class Row:
    """One model and how it stands with it on this machine.

    ``pinned``: whose word the bytes are held to, the catalogue's, the first pull's, the user's
    who accepted a change, or nobody's.
    """

    entry: ModelEntry
    model: LocalModel | None
    fits: bool
    pinned: str

    @property
    def status(self) -> str:
        """The state in a few words."""
        words = ["here" if self.model else "not here"]
        words += [] if self.fits else ["too large for this machine"]
        words += ["unverified"] if self.pinned == "nobody" else []
        return ", ".join(words)

    @property
    def cells(self) -> tuple[str, ...]:
        """What the table shows, in the order of its columns."""
        entry = self.entry
        context = "-" if entry.context_tokens is None else f"{entry.context_tokens:,}"
        return (entry.name, entry.task, entry.size_class, size_text(entry.size_bytes),
                size_text(entry.memory_bytes), entry.licence, context, self.status)  # fmt: skip


def rows(task: Task | None) -> list[Row]:
    """Return a row for each entry of the catalogue, by task, best first."""
    from vidsum.catalog.catalogue import best_first
    from vidsum.catalog.entry import ALL_TASKS
    from vidsum.catalog.locate import here
    from vidsum.catalog.machine import fits

    found = [entry for each in ALL_TASKS if task in (None, each) for entry in best_first(each)]
    return [Row(entry, here(entry), fits(entry), _pinned_by(entry)) for entry in found]


def _pinned_by(entry: ModelEntry) -> str:
    """Return whose word the bytes are held to; of several repositories the weakest counts."""
    from vidsum.catalog.trust import known

    pulls = [known(part) for part in entry.parts]
    if any(one is not None and one.accepted for one in pulls):
        return "accepted change"
    if entry.pinned:
        return "catalogue"
    return "nobody" if None in pulls else "first pull"


def as_text(found: list[Row]) -> str:
    """Return aligned columns, for a pipe."""
    lines = [_COLUMNS, *(row.cells for row in found)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = ("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
    return "".join(f"{line}\n" for line in padded)


def draw(found: list[Row]) -> None:
    """Draw a table on the terminal; what is here stands out."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 1, 0, 0))
    for name in _COLUMNS:
        table.add_column(name, no_wrap=name != "status")
    for row in found:
        table.add_row(*map(Text, row.cells), style="bold" if row.model else None)
    console = Console(file=sys.stdout)
    console.print(table)
    if any(row.pinned == "nobody" for row in found):
        console.print(_UNVERIFIED, style="dim")


def as_json(found: list[Row]) -> str:
    """Return one JSON object with all that is known; what is not known is null."""
    whole = {"schema_version": SCHEMA_VERSION, "models": [_fields(row) for row in found]}
    return escape_controls(json.dumps(whole, indent=2, ensure_ascii=False)) + "\n"


def _fields(row: Row) -> dict[str, Any]:
    entry, model = row.entry, row.model
    return {
        "name": entry.name, "task": entry.task, "class": entry.size_class,
        "repo": entry.repo, "revision": entry.revision, "licence": entry.licence,
        "size_bytes": entry.size_bytes, "memory_bytes": entry.memory_bytes,
        "context_tokens": entry.context_tokens, "note": entry.note,
        "steps": entry.steps, "guidance": entry.guidance,
        "files": [{"name": file.name, "role": file.role, "size_bytes": file.size_bytes,
                   "sha256": file.sha256, "repo": part.repo, "revision": part.revision}
                  for part in entry.parts for file in part.files],
        "here": model is not None, "fits": row.fits, "pinned_by": row.pinned,
        "path": None if model is None else path_text(model.model),
        "mmproj": None if model is None else _text(model.mmproj),
        "encoder": None if model is None else _text(model.encoder),
        "decoder": None if model is None else _text(model.decoder),
        "origin": None if model is None else model.origin,
    }  # fmt: skip


def _text(path: Path | None) -> str | None:
    return None if path is None else path_text(path)
