"""The ledger's tables, and how an entry becomes a row of them and comes back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final

from vidsum.data import Entry
from vidsum.wording import path_text

_STAMP: Final = (
    "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]"
    ".[0-9][0-9][0-9][0-9][0-9][0-9]"
)
"""UTC with microseconds in each row, so that rows compare as text."""

_ENTRIES: Final = f"""
CREATE TABLE entries (
    id INTEGER PRIMARY KEY CHECK (id > 0),
    call_id TEXT NOT NULL,
    phase TEXT NOT NULL CHECK (phase IN ('reserve', 'settle', 'release', 'fail')),
    kind TEXT NOT NULL CHECK (kind IN ('run', 'stage', 'call', 'saving')),
    ts_utc TEXT NOT NULL CHECK (ts_utc GLOB '{_STAMP}Z' OR ts_utc GLOB '{_STAMP}+00:00'),
    run_id TEXT NOT NULL, stage TEXT NOT NULL, modality TEXT NOT NULL, backend TEXT NOT NULL,
    direction TEXT NOT NULL, lane TEXT NOT NULL, video_sha256 TEXT, path TEXT, host TEXT,
    model_requested TEXT, model_resolved TEXT, quant TEXT, device TEXT, pid INTEGER,
    vidsum_version TEXT, calls INTEGER, input_tokens INTEGER, output_tokens INTEGER,
    reasoning_tokens INTEGER, cache_read_tokens INTEGER, cache_write_tokens INTEGER,
    image_tokens INTEGER, audio_tokens INTEGER, images INTEGER, pixels INTEGER, audio_s REAL,
    video_s REAL, steps INTEGER, counts_json TEXT NOT NULL, wall_s REAL, queue_s REAL, cpu_s REAL,
    gpu_s REAL, peak_rss_bytes INTEGER, model_load_s REAL, est_flops REAL, formula_id TEXT,
    cu REAL, joules REAL, joules_method TEXT, usd_nano INTEGER, price_source TEXT,
    price_version TEXT, price_date TEXT, reserved_usd_nano INTEGER, reserved_cu REAL,
    cache_hit INTEGER, avoided_by TEXT, avoided_calls INTEGER, avoided_usd_nano INTEGER,
    avoided_cu REAL, avoided_s REAL, baseline TEXT, status TEXT, error_class TEXT, retry_of TEXT,
    usage_origin TEXT, time_origin TEXT, cu_origin TEXT, joules_origin TEXT, usd_origin TEXT,
    UNIQUE (call_id, phase)
) STRICT"""

_CALIBRATIONS: Final = f"""
CREATE TABLE calibrations (
    id INTEGER PRIMARY KEY CHECK (id > 0),
    ts_utc TEXT NOT NULL CHECK (ts_utc GLOB '{_STAMP}Z' OR ts_utc GLOB '{_STAMP}+00:00'),
    machine TEXT NOT NULL, model TEXT NOT NULL, s_per_cu REAL NOT NULL, method TEXT NOT NULL,
    details_json TEXT NOT NULL
) STRICT"""

_NO_SECOND: Final = """
CREATE TRIGGER entries_no_second BEFORE INSERT ON entries WHEN EXISTS (
    SELECT 1 FROM entries WHERE id = NEW.id OR (call_id = NEW.call_id AND (
        phase = NEW.phase OR (phase <> 'reserve' AND NEW.phase <> 'reserve')))
) BEGIN SELECT RAISE(ABORT, 'a line is there already'); END"""
"""INSERT OR REPLACE would delete a row without firing a trigger on deletion."""

_NO_ORPHAN_END: Final = """
CREATE TRIGGER entries_no_orphan_end BEFORE INSERT ON entries
WHEN NEW.phase <> 'reserve' AND NEW.kind IN ('call', 'stage') AND NOT EXISTS (
    SELECT 1 FROM entries WHERE call_id = NEW.call_id AND phase = 'reserve'
    AND kind = NEW.kind AND run_id = NEW.run_id
) BEGIN SELECT RAISE(ABORT, 'an end without its reserve'); END"""


def _append_only(table: str) -> tuple[str, ...]:
    return tuple(
        f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
        for verb in ("UPDATE", "DELETE")
    )


MIGRATIONS: Final = (
    (
        _ENTRIES,
        "CREATE UNIQUE INDEX entries_one_end ON entries (call_id) WHERE phase <> 'reserve'",
        "CREATE INDEX entries_run ON entries (run_id)",
        "CREATE INDEX entries_time ON entries (ts_utc)",
        *_append_only("entries"),
        _NO_SECOND,
        _NO_ORPHAN_END,
        _CALIBRATIONS,
        *_append_only("calibrations"),
        "CREATE TRIGGER calibrations_no_second BEFORE INSERT ON calibrations "
        "WHEN EXISTS (SELECT 1 FROM calibrations WHERE id = NEW.id) "
        "BEGIN SELECT RAISE(ABORT, 'a line is there already'); END",
    ),
    ("ALTER TABLE entries ADD COLUMN reason TEXT",),
)
"""See :data:`vidsum.db.Migrations`: entries are added at the end and never changed."""

FIELDS: Final = tuple(one.name for one in fields(Entry))
COLUMNS: Final = tuple("counts_json" if name == "counts" else name for name in FIELDS)
INSERT: Final = (
    f"INSERT INTO entries ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
)
SELECT: Final = f"SELECT id, {', '.join(COLUMNS)} FROM entries"


def values_of(entry: Entry) -> tuple[object, ...]:
    """Return an entry as the values of :data:`COLUMNS`.

    Text that UTF-8 cannot hold (a path that is no UTF-8) is escaped, see :func:`path_text`.
    """
    return tuple(_value(getattr(entry, name)) for name in FIELDS)


def _value(value: object) -> object:
    if isinstance(value, str):
        return path_text(value)
    return json.dumps(dict(value)) if isinstance(value, Mapping) else value


def entry_of(values: Sequence[Any]) -> Entry:
    """Return the entry that a row of :data:`COLUMNS` holds."""
    found = dict(zip(FIELDS, values, strict=True))
    found["counts"] = json.loads(found["counts"])
    if found["cache_hit"] is not None:
        found["cache_hit"] = bool(found["cache_hit"])
    return Entry(**found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How long a compute unit takes on a machine: seconds a CU, and how that was measured."""

    ts_utc: str
    machine: str
    model: str
    s_per_cu: float
    method: str
    details: Mapping[str, object] = field(default_factory=dict)
