"""Programs that are killed at a named place or at any moment, and what they leave behind."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vidsum.costs.ledger import Ledger

LONGEST_S: Final = 120.0
"""A run that takes longer hangs."""


@dataclass(frozen=True)
class Ended:
    """How a program ended. ``code`` is negative for a signal; ``after_s`` is how long it ran."""

    code: int
    out: str
    err: str
    after_s: float

    @property
    def killed(self) -> bool:
        """Whether it was killed, or has killed itself at a fail point."""
        return self.code == -signal.SIGKILL


def vidsum(*arguments: object) -> list[str]:
    """Return the command line of the program under test."""
    return [sys.executable, "-m", "vidsum", *map(str, arguments)]


def ended(
    command: Sequence[str], home: Path, *, fail_at: str = "", log: Path | None = None,
    kill_after_s: float | None = None, environment: Mapping[str, str] | None = None,
) -> Ended:  # fmt: skip
    """Run a program in a process group of its own to its end, and kill all that is left of it.

    ``fail_at`` and ``log`` are for :mod:`vidsum.failpoints`. ``kill_after_s``: the whole group is
    killed after so many seconds, unless it has ended before.
    """
    named = {"VIDSUM_HOME": str(home), "VIDSUM_FAIL_AT": fail_at,
             "VIDSUM_FAIL_LOG": str(log or ""), "PYTHONUNBUFFERED": "1"}  # fmt: skip
    begun_s = time.monotonic()
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True, env={**os.environ, **named, **(environment or {})},
    )  # fmt: skip
    try:
        out, err = process.communicate(timeout=kill_after_s or LONGEST_S)
    except subprocess.TimeoutExpired:
        assert kill_after_s is not None, f"{command} hangs"
        kill_group(process.pid)
        out, err = process.communicate()
    finally:
        kill_group(process.pid)
    return Ended(process.returncode, out.decode("utf-8", "replace"),
                 err.decode("utf-8", "replace"), time.monotonic() - begun_s)  # fmt: skip


def kill_group(pid: int) -> None:
    """Kill what is left of a program that leads a process group, its children included."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def reached(log: Path) -> Counter[str]:
    """Return which fail points a run came to, and how often."""
    return Counter(log.read_text("utf-8").splitlines())


def moments(found: Mapping[str, int]) -> list[str]:
    """Return where to fail: at each place the first, the second and the last time."""
    return [
        f"{name}@{number}"
        for name, count in sorted(found.items())
        for number in sorted({1, min(2, count), count})
    ]


def leftovers(folder: Path) -> list[str]:
    """Return the temporary files below a folder that a killed writer has left."""
    return sorted(path.name for path in folder.rglob(".vidsum-*"))


@dataclass(frozen=True)
class Books:
    """What the ledger has of all runs' calls: how many were reserved, and how each ended.

    ``open`` have no end: their run was killed meanwhile.
    """

    reserved: int
    settled: int
    failed: int
    released: int

    @property
    def open(self) -> int:
        return self.reserved - self.settled - self.failed - self.released


def books(home: Path) -> Books:
    """Read the ledger with SQLite alone, and check it. A ledger that is not there has no calls."""
    path = home / "ledger.db"
    if not path.exists():
        return Books(0, 0, 0, 0)
    with Ledger.reading(path) as ledger:
        findings = ledger.verify()
        assert findings.sound, findings
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute(
            "SELECT call_id, phase, count(*) FROM entries WHERE kind = 'call' GROUP BY 1, 2"
        ).fetchall()
    assert {count for _, _, count in rows} <= {1}, "a line of a call is there twice"
    ends = Counter(call_id for call_id, phase, _ in rows if phase != "reserve")
    assert set(ends.values()) <= {1}, "a call has two ends"
    phases = Counter(phase for _, phase, _ in rows)
    return Books(phases["reserve"], phases["settle"], phases["fail"], phases["release"])
