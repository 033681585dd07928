"""Whether a ledger is whole, and what its lines tell: orphans, overruns, figures that disagree."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from vidsum.costs.ledger_schema import MIGRATIONS
from vidsum.costs.units import CU_FLOPS
from vidsum.db import migrate

if TYPE_CHECKING:
    import sqlite3


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserved:
    """Something that was begun and has no end. What a call cost is then not known.

    ``reserved_*`` is the worst case that was set aside for it, None where that is not known.
    """

    call_id: str
    run_id: str
    kind: str
    stage: str
    ts_utc: str
    pid: int | None
    reserved_usd_nano: int | None
    reserved_cu: float | None


@dataclass(frozen=True, slots=True)
class Fault:
    """A figure of one line that cannot be right."""

    id: int
    call_id: str
    column: str
    value: float | None
    origin: str | None = None


@dataclass(frozen=True, slots=True)
class Clash:
    """A figure that does not agree with another one, ``other``, by one of these rules.

    ``flops``: compute units are exactly the FLOP of the same line in that unit. ``local``: a model
    in this process costs no API money. ``stage``: a run takes at least as long as each stage of
    its main lane.
    """

    id: int
    call_id: str
    column: str
    value: float
    other: float
    rule: Literal["flops", "local", "stage"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrun:
    """A call that took more than was reserved for it; None where it did not, or is not known."""

    call_id: str
    run_id: str
    reserved_usd_nano: int | None
    usd_nano: int | None
    reserved_cu: float | None
    cu: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a check of the ledger found. Everything else is empty where ``integrity`` is not.

    ``integrity`` is what SQLite itself says against the file; ``schema`` names the tables, indexes
    and triggers that are missing, changed or not ours. ``orphans`` were begun by processes that
    are gone: spent, unknown; ``running`` by such as still run. ``unfinished`` are the runs that
    were cut short: they have no line for the whole. ``negative`` figures, figures that do not agree
    with their ``origins`` and ``clashes`` between figures cannot be right. A figure that was
    changed together with all that depends on it is not found.
    """

    lines: int = 0
    runs: int = 0
    integrity: tuple[str, ...] = ()
    schema: tuple[str, ...] = ()
    orphans: tuple[Reserved, ...] = ()
    running: tuple[Reserved, ...] = ()
    unfinished: tuple[str, ...] = ()
    negative: tuple[Fault, ...] = ()
    origins: tuple[Fault, ...] = ()
    clashes: tuple[Clash, ...] = ()
    overruns: tuple[Overrun, ...] = ()

    @property
    def sound(self) -> bool:
        """Whether the file can be relied on; orphans and overruns are facts, not damage."""
        faults = self.integrity, self.schema, self.negative, self.origins, self.clashes
        return not any(faults)


_OPEN: Final = """
SELECT call_id, run_id, kind, stage, ts_utc, pid, reserved_usd_nano, reserved_cu
FROM entries AS begun WHERE phase = 'reserve' AND NOT EXISTS (
    SELECT 1 FROM entries AS done WHERE done.call_id = begun.call_id AND done.phase <> 'reserve')
ORDER BY id"""

_UNFINISHED: Final = """
SELECT run_id, max(pid), min(ts_utc) FROM entries GROUP BY run_id
HAVING NOT max(kind = 'run' AND phase <> 'reserve') ORDER BY min(id)"""

_OVERRUNS: Final = """
SELECT done.call_id, done.run_id, begun.reserved_usd_nano, done.usd_nano, begun.reserved_cu, done.cu
FROM entries AS done
JOIN entries AS begun ON begun.call_id = done.call_id AND begun.phase = 'reserve'
WHERE done.kind = 'call' AND done.phase <> 'reserve'
AND (done.usd_nano > begun.reserved_usd_nano OR done.cu > begun.reserved_cu) ORDER BY done.id"""

_FIGURES: Final = (
    "calls", "input_tokens", "output_tokens", "reasoning_tokens", "cache_read_tokens",
    "cache_write_tokens", "image_tokens", "audio_tokens", "images", "pixels", "audio_s",
    "video_s", "steps", "wall_s", "queue_s", "cpu_s", "gpu_s", "peak_rss_bytes", "model_load_s",
    "est_flops", "cu", "joules", "usd_nano", "reserved_usd_nano", "reserved_cu", "avoided_calls",
    "avoided_usd_nano", "avoided_cu", "avoided_s",
)  # fmt: skip
"""What cannot be less than 0."""

_ORIGINS: Final = (
    ("wall_s", "time_origin"), ("cu", "cu_origin"), ("joules", "joules_origin"),
    ("usd_nano", "usd_origin"),
)  # fmt: skip
"""A figure is there exactly when its origin is, and is not ``unknown``."""


def check(connection: sqlite3.Connection) -> Findings:
    """Return what is wrong with a ledger, and what its lines tell."""
    integrity = _integrity(connection)
    if integrity:
        return Findings(integrity=integrity)
    schema = _schema_faults(connection)
    if any(line.startswith("table entries ") for line in schema):
        return Findings(schema=schema)
    lines, runs = connection.execute(
        "SELECT count(*), count(DISTINCT run_id) FROM entries"
    ).fetchone()
    names = Reserved.__slots__
    begun = [Reserved(**dict(zip(names, row, strict=True))) for row in connection.execute(_OPEN)]
    running = tuple(one for one in begun if still_runs(one.pid, one.ts_utc))
    cut_short = connection.execute(_UNFINISHED).fetchall()
    return Findings(
        lines=lines,
        runs=runs,
        schema=schema,
        orphans=tuple(one for one in begun if one not in running),
        running=running,
        unfinished=tuple(run_id for run_id, pid, ts in cut_short if not still_runs(pid, ts)),
        negative=_negative(connection),
        origins=_origin_faults(connection),
        clashes=_clashes(connection),
        overruns=tuple(Overrun(**dict(zip(Overrun.__slots__, row, strict=True)))
                       for row in connection.execute(_OVERRUNS)),
    )  # fmt: skip


def _integrity(connection: sqlite3.Connection) -> tuple[str, ...]:
    import sqlite3

    try:
        said = [str(line) for (line,) in connection.execute("PRAGMA integrity_check")]
    except sqlite3.DatabaseError as exc:
        if isinstance(exc, sqlite3.OperationalError):
            raise  # it is locked, or the disk does not answer
        return (str(exc),)
    return () if said == ["ok"] else tuple(said)


def _schema_faults(connection: sqlite3.Connection) -> tuple[str, ...]:
    """Return ``trigger entries_no_update is missing`` and the like."""
    import sqlite3

    fresh = sqlite3.connect(":memory:", isolation_level=None)
    try:
        migrate(fresh, Path(":memory:"), MIGRATIONS)
        wanted, found = _schema(fresh), _schema(connection)
    finally:
        fresh.close()
    faults = [f"{kind} {name} is missing" for kind, name in wanted if (kind, name) not in found]
    for (kind, name), sql in found.items():
        if (kind, name) not in wanted:
            faults.append(f"{kind} {name} is not ours")
        elif sql != wanted[kind, name]:
            faults.append(f"{kind} {name} is changed")
    return tuple(faults)


def _schema(connection: sqlite3.Connection) -> dict[tuple[str, str], str]:
    rows = connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY rowid")
    # ANALYZE, which any tool may run, adds tables of its own
    return {(kind, name): sql for kind, name, sql in rows if not name.startswith("sqlite_stat")}


def _negative(connection: sqlite3.Connection) -> tuple[Fault, ...]:
    rows = connection.execute(
        f"SELECT id, call_id, {', '.join(_FIGURES)} FROM entries "
        f"WHERE min({', '.join(f'ifnull({name}, 0)' for name in _FIGURES)}) < 0 ORDER BY id"
    )
    return tuple(
        Fault(row[0], row[1], name, value)
        for row in rows
        for name, value in zip(_FIGURES, row[2:], strict=True)
        if value is not None and value < 0
    )


def _origin_faults(connection: sqlite3.Connection) -> tuple[Fault, ...]:
    faults: list[Fault] = []
    for figure, origin in _ORIGINS:
        faults += _faults(
            connection,
            figure,
            origin,
            f"({figure} IS NULL) <> (coalesce({origin}, 'unknown') = 'unknown')",
        )
    for figure in ("input_tokens", "output_tokens"):
        faults += _faults(connection, figure, "usage_origin",
                          f"{figure} IS NOT NULL AND usage_origin = 'unknown'")  # fmt: skip
    return tuple(sorted(faults, key=lambda fault: fault.id))


def _faults(connection: sqlite3.Connection, figure: str, origin: str, where: str) -> list[Fault]:
    rows = connection.execute(f"SELECT id, call_id, {figure}, {origin} FROM entries WHERE {where}")
    return [Fault(row[0], row[1], figure, row[2], row[3]) for row in rows]


_CLASHES: Final = f"""
SELECT id, call_id, 'cu', cu, est_flops / {CU_FLOPS!r}, 'flops' FROM entries
WHERE cu <> est_flops / {CU_FLOPS!r}
UNION ALL
SELECT id, call_id, 'usd_nano', usd_nano, 0, 'local' FROM entries
WHERE kind = 'call' AND host IS NULL AND price_source = 'local' AND usd_nano <> 0
UNION ALL
SELECT run.id, run.call_id, 'wall_s', run.wall_s, max(stage.wall_s), 'stage'
FROM entries AS run JOIN entries AS stage ON stage.run_id = run.run_id AND stage.id < run.id
WHERE run.kind = 'run' AND run.phase <> 'reserve' AND stage.kind = 'stage'
AND stage.phase <> 'reserve' AND stage.lane = 'main'
AND stage.wall_s > run.wall_s + ? GROUP BY run.id
ORDER BY 1"""
"""A stage that ended after its run was booked may have gone on for longer."""
_ROUNDING_S: Final = 1e-6
"""A stage that is measured piece by piece is a sum of rounded figures."""


def _clashes(connection: sqlite3.Connection) -> tuple[Clash, ...]:
    return tuple(Clash(*row) for row in connection.execute(_CLASHES, (_ROUNDING_S,)))


def still_runs(pid: int | None, ts_utc: str) -> bool:
    """Return whether the process that wrote a line at a time is still there.

    A process of that number that began later is another one. Where the system does not tell when
    a process began, one that is there counts.
    """
    if pid is None or not _is_alive(pid):
        return False
    began_s = _began_s(pid)
    return began_s is None or began_s <= _seconds(ts_utc) + _CLOCK_SLACK_S


_CLOCK_SLACK_S: Final = 2.0
"""The kernel tells when it booted in whole seconds, and clocks are set."""


def _seconds(ts_utc: str) -> float:
    return datetime.fromisoformat(ts_utc).timestamp()


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return pid > 0 and _state(pid)[:1] != ["Z"]


def _state(pid: int) -> list[str]:
    """Return what Linux says of a process, from its state on. Source: proc_pid_stat(5)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()  # the name before it may hold anything


def _began_s(pid: int) -> float | None:
    """Return when a process began, in seconds since 1970; None where that is not known."""
    state = _state(pid)
    try:
        stat = Path("/proc/stat").read_text("ascii", "replace")
    except OSError:
        return None
    booted = [line.split()[1] for line in stat.splitlines() if line.startswith("btime ")]
    if len(state) < 20 or not booted:
        return None
    return int(booted[0]) + int(state[19]) / os.sysconf("SC_CLK_TCK")
