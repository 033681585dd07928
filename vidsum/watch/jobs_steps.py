"""What is done to a job's row within a transaction, and how long a job waits."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final

from vidsum.watch import jobs_schema as sql
from vidsum.watch.job import (
    MOST_ATTEMPTS,
    MOST_DEATHS,
    MOST_ORPHANINGS,
    Again,
    Done,
    State,
    Told,
)
from vidsum.wording import path_text

if TYPE_CHECKING:
    import sqlite3

Values = dict[str, Any]
"""What a statement may name: the folder, the owner, the clock, and columns of a row."""

BASE_WAIT_S: Final = 5.0
_LATER_TIMES: Final = 6.0
"""What is not over after the first wait takes longer: the second one is so many times as long."""
CAP_WAIT_S: Final = 15 * 60.0
LONGEST_WAIT_S: Final = 25 * 3600.0
"""Who asks for a longer wait gets this one: until tomorrow, on the longest day of the year."""
TEXT_CHARS: Final = 2000
"""So much is kept of a message, the beginning."""


def backoff_s(attempts: int, share: float) -> float:
    """Return the seconds to wait after so many failed attempts, 1 and up.

    At most 5 s, then 30 s, doubling up to 15 min. Half of that is fixed, so that waits grow, and of
    the other half it is a random ``share``, 0 to 1 ("equal jitter": what failed at once does not
    come back at once).
    Source: M. Brooker, "Exponential backoff and jitter", AWS Architecture Blog, 2015.
    """
    times = 1.0 if attempts == 1 else _LATER_TIMES * 2.0 ** min(attempts - 2, 30)
    return (0.5 + 0.5 * share) * min(CAP_WAIT_S, BASE_WAIT_S * times)


def orphan_wait_s(orphanings: int) -> float:
    """Return how long a job waits whose watcher has ended in the middle of it so many times.

    Not at all the first time, then 5 s, doubling up to 15 min.
    """
    return 0.0 if orphanings < 2 else min(CAP_WAIT_S, BASE_WAIT_S * 2.0 ** min(orphanings - 2, 30))


def folder_id(db: sqlite3.Connection, root: bytes) -> int:
    """Return the number of a folder's row, which is made where it is missing."""
    row = db.execute(sql.FIND_FOLDER, (root,)).fetchone()
    if row is None:
        return db.execute(sql.MAKE_FOLDER, (root,)).lastrowid or 0
    return int(row[0])


def add_one(db: sqlite3.Connection, values: Values) -> bool:
    """Take one file in; return whether it is queued now and was not before."""
    row = db.execute(sql.FIND, values).fetchone()
    if row is None:
        db.execute(sql.ADD, values)
        return True
    job_id, state, was, *seen = row
    values |= {"id": job_id}
    if seen == [values[name] for name in ("path", "size_bytes", "mtime_ns", "inode")]:
        if state == "gone":
            db.execute(sql.BRING_BACK, values)
        return bool(state == "gone" and was == "queued")
    db.execute(sql.SEE_CHANGED if state == "running" else sql.QUEUE_CHANGED, values)
    return state not in ("running", "queued")


def put_back(db: sqlite3.Connection, which: str, values: Values) -> int:
    """Queue jobs again whose watcher has ended in the middle of them; return how many."""
    rows = db.execute(which, values).fetchall()
    for job_id, attempts, deaths, orphanings, changed in rows:
        orphanings += 1
        row = values | {
            "id": job_id,
            "attempts": attempts - 1,
            "deaths": deaths,
            "orphanings": orphanings,
        }
        if changed:
            db.execute(sql.QUEUE_AFRESH, row)
        elif orphanings >= MOST_ORPHANINGS:
            why = f"The watcher, or the machine, ended {orphanings} times in the middle of it."
            give_up(db, row, why, Told())
        else:
            row |= {
                "why": "The watcher ended in the middle of it.",
                "due": row["now"] + orphan_wait_s(orphanings),
            }
            db.execute(sql.AGAIN, row)
    return len(rows)


def do_again(db: sqlite3.Connection, values: Values, again: Again, told: Told) -> State:
    """Queue a running job once more, or give it up when it was tried too often."""
    if again.charged or again.died:
        values["deaths"] += again.died
        wait_s = backoff_s(values["attempts"], random.random())
        if values["attempts"] >= MOST_ATTEMPTS or values["deaths"] >= MOST_DEATHS:
            return give_up(db, values, again.why, told)
    else:
        values["attempts"] -= 1
        wait_s = 0.0
    if again.after_s is not None:
        wait_s = max(0.0, min(again.after_s, LONGEST_WAIT_S))
    db.execute(sql.AGAIN, values | {"why": bounded(again.why), "due": values["now"] + wait_s})
    return "queued"


def give_up(db: sqlite3.Connection, values: Values, why: str, told: Told) -> State:
    """Put a job away until its file changes, or somebody asks for it."""
    row = {
        "why": bounded(why),
        "exit_code": told.exit_code,
        "hint": bounded(told.hint),
        "trace": bounded(told.trace),
        "sha256": told.sha256,
    }
    db.execute(sql.GIVEN_UP, values | row)
    return "quarantined"


def done_values(done: Done) -> Values:
    """Return how a job ended, as its row has it."""
    return {
        "run_id": done.run_id,
        "results": sql.packed(done.results),
        "sha256": done.video_sha256,
        "partial": done.partial,
        "note": bounded(done.note),
    }


def bounded(text: str) -> str:
    """Return a message as a row has it."""
    return path_text(text)[:TEXT_CHARS]
