"""The jobs of watched folders, in one SQLite file: what is to be done, and what became of it.

A row is only ever changed within a transaction that looked at it first, so that any number of
threads and processes, and the end of any of them at any moment, leave each file with one state.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from vidsum.db import connect, refusals, transaction
from vidsum.errors import OutputError
from vidsum.failpoints import failpoint
from vidsum.home import state_folder
from vidsum.watch import jobs_schema as sql
from vidsum.watch.job import Done, GivenUp, Job, Outcome, Seen, State, Told
from vidsum.watch.jobs_steps import (
    Values,
    add_one,
    bounded,
    do_again,
    done_values,
    folder_id,
    give_up,
    put_back,
)

if TYPE_CHECKING:
    import sqlite3

_PROGRESS_WAIT_S: Final = 1.0
_NOTHING: Final = Told()


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A file that was given up. ``exit_code`` None: not for one error, but for too many ends.

    ``when_s`` and ``first_seen_s`` are Unix times. ``hint``, ``trace`` and ``sha256`` are what its
    last worker has told, see :class:`vidsum.watch.job.Told`.
    """

    job_id: int
    path: Path
    why: str
    exit_code: int | None
    attempts: int
    deaths: int
    orphanings: int
    when_s: float
    first_seen_s: float
    hint: str = ""
    trace: str = ""
    sha256: str | None = None


def default_path() -> Path:
    """Return where the jobs of all folders are kept. Raises: OptionError."""
    return state_folder() / "watch.db"


class Jobs:
    """The jobs of one watched folder. Any number of threads; every method its own transaction.

    All methods raise OutputError for the file's sake. The file is open only within a method, so
    one that was moved away is made anew, and a fork does no harm. Times are Unix times: where the
    clock was set back by more than a minute, the waits that it makes wrong are over at once.
    """

    def __init__(
        self,
        path: Path,
        root: Path,
        owner: str,
        *,
        hooks: bool = False,
        place: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Make the row of a folder, ``root``, which is absolute. Raises: OutputError.

        ``owner`` is a token that nobody else has. ``hooks``: each Done makes a hook due. ``place``
        is where results go; None for who only looks in.
        """
        self.path = path
        self._root = os.fsencode(root)
        self._owner = owner
        self._hooks = hooks
        self._place = None if place is None else os.fsencode(place)
        self._clock = clock
        with self._writing("folder"):
            pass

    def close(self) -> None:
        """Nothing is open between two calls; may be called twice."""

    def add(self, found: Iterable[Seen]) -> int:
        """Queue the ready files that are new or changed; return how many were not queued before.

        A ``gone`` one that is back unchanged gets its old state again. A running one that changed
        is queued anew when it ends.
        """
        files = [sql.values_of(seen) for seen in found]
        with self._writing("add") as (db, values):
            return sum(add_one(db, values | file) for file in files)

    def known(self) -> Mapping[Path, Seen]:
        """Return every file that is not gone, in its newest form that :meth:`add` was told."""
        seen = map(sql.seen_of, self._rows(sql.KNOWN))
        return {one.path: one for one in seen}

    def gone(self, paths: Iterable[Path]) -> int:
        """Take note of files that are not there any more; return how many were there before.

        Running ones are left alone. Those that have been gone for half a year are forgotten.
        """
        names = [os.fsencode(path) for path in paths]
        with self._writing("gone") as (db, values):
            db.execute(sql.FORGET, values)
            return sum(db.execute(sql.LOSE, values | {"path": name}).rowcount for name in names)

    def claim(self, lease_s: float) -> Job | None:
        """Take the job that is due and has waited longest; None: there is none.

        Jobs of other owners whose leases have run out are put back first, as in :meth:`recover`.
        """
        with self._writing("claim") as (db, values):
            db.execute(sql.BEFORE_THE_CLOCK, values)
            put_back(db, sql.LAPSED, values)
            rows = db.execute(sql.CLAIM, values | {"lease_s": lease_s}).fetchall()
        if not rows:
            return None
        job_id, *seen, owner, attempts, deaths, orphanings = rows[0]
        return Job(job_id, sql.seen_of(seen), owner, attempts, deaths, orphanings)

    def identify(self, job: Job, video_sha256: str) -> bool:
        """Note what is in the file. False: give it back uncharged, with a wait.

        Another job, of any folder, is running over the same content, or the lease was lost.
        """
        with self._writing("identify") as (db, values):
            values |= sql.lease_of(job) | {"sha256": video_sha256}
            held = db.execute(sql.HELD, values).fetchone() is not None
            if not held or db.execute(sql.SHARED, values).fetchone() is not None:
                return False
            db.execute(sql.IDENTIFY, values)
            return True

    def renew(self, job: Job, lease_s: float) -> bool:
        """Beat the heart of a running job. False: the lease was lost, so end the work.

        One that has run out is renewed as long as nobody else took the job.
        """
        with self._writing("renew") as (db, values):
            values |= sql.lease_of(job) | {"lease_s": lease_s}
            return db.execute(sql.RENEW, values).rowcount == 1

    def progress(self, job: Job, text: str) -> None:
        """Note how far a running job is, for the status only: no trouble is worth an error."""
        with (
            contextlib.suppress(OutputError),
            self._writing("progress", _PROGRESS_WAIT_S) as (db, values),
        ):
            db.execute(sql.PROGRESS, values | sql.lease_of(job) | {"text": bounded(text)})

    def settle(self, job: Job, outcome: Outcome, told: Told = _NOTHING) -> State | None:
        """End a running job; return its state now. None: the lease was lost, nothing is written.

        Too many attempts or deaths end in quarantine. A file that changed meanwhile is queued
        anew whatever the outcome, and what was done of its old form is not noted. ``told`` is kept
        for the report on a file that is given up.
        """
        with self._writing("settle") as (db, values):
            held = db.execute(sql.HELD, sql.lease_of(job)).fetchone()
            if held is None:
                return None
            values |= sql.lease_of(job)
            if held[0]:
                db.execute(sql.QUEUE_AFRESH, values)
                return "queued"
            if isinstance(outcome, Done):
                db.execute(sql.DONE, values | done_values(outcome) | {"hooks": self._hooks})
                return "done"
            if isinstance(outcome, GivenUp):
                told = replace(told, exit_code=outcome.exit_code)
                return give_up(db, values, outcome.why, told)
            return do_again(db, values, outcome, told)

    def due_s(self, job: Job) -> float | None:
        """Return the Unix time from which a job is due that is queued again.

        None: it is not queued, or not for the same form of the file.
        """
        rows = self._rows(sql.DUE, id=job.id, **sql.values_of(job.seen))
        return float(rows[0][0]) if rows else None

    def recover(self) -> int:
        """Put back the running jobs of other owners; only for who holds the folder's lock.

        Uncharged, but with one orphaning more, behind the others and with a growing wait; too many
        end in quarantine. Returns how many there were.
        """
        with self._writing("recover") as (db, values):
            db.execute(sql.FORGET, values)
            return put_back(db, sql.ORPHANS, values)

    def release(self, but: Collection[Job] = ()) -> int:
        """Put back this owner's running jobs, uncharged and at their old places.

        Those in ``but`` stay.
        """
        with self._writing("release") as (db, values):
            values |= {"but": json.dumps([job.id for job in but])}
            kept = db.execute(sql.RELEASE, values).rowcount
            return kept + db.execute(sql.RELEASE_CHANGED, values).rowcount

    def retry(self, paths: Iterable[Path] | None = None, *, done: bool = False) -> int:
        """Queue quarantined files again as if they were new, all of them for None.

        With ``done`` also those that are done.
        """
        names = None if paths is None else [os.fsencode(path) for path in paths]
        with self._writing("retry") as (db, values):
            values |= {"done": done}
            if names is None:
                return db.execute(sql.RETRY, values).rowcount
            one = f"{sql.RETRY} AND path = :path"
            return sum(db.execute(one, values | {"path": name}).rowcount for name in names)

    def next_due_s(self) -> float | None:
        """Return the Unix time at which the next queued job is due; None: none is queued."""
        rows = self._rows(sql.NEXT_DUE)
        if not rows or rows[0][0] is None:
            return None
        due_s, queued_s = rows[0]
        now = self._clock()
        return now if queued_s > now + sql.CLOCK_SLACK_S else float(due_s)

    def counts(self) -> Mapping[State, int]:
        """Return how many files are in each state, 0 for none."""
        counted: dict[State, int] = dict.fromkeys(get_args(State), 0)
        return counted | dict(self._rows(sql.COUNT))

    def others_of_place(self, job: Job) -> tuple[Path, ...]:
        """Return the other folders with the same place for results that had such a file, too.

        That is, one of the same path in the folder, so that results would have the same name.
        """
        name = os.fsencode(job.seen.path)
        rows = self._rows(sql.OTHERS_OF_PLACE, place=self._place, path=name)
        return tuple(Path(os.fsdecode(root)) for (root,) in rows)

    def in_state(self, state: State) -> frozenset[Path]:
        """Return the files that are in a state."""
        rows = self._rows(sql.IN_STATE, state=state)
        return frozenset(Path(os.fsdecode(path)) for (path,) in rows)

    def quarantined(self) -> tuple[Quarantined, ...]:
        """Return the files that were given up, the first one first."""
        rows = self._rows(f"{sql.QUARANTINED} ORDER BY error_s, id")
        return tuple(quarantined_of(row) for row in rows)

    def due_reports(self) -> tuple[Quarantined, ...]:
        """Return those of them whose report was not written yet, see :meth:`reported`."""
        rows = self._rows(f"{sql.QUARANTINED} AND report_due = 1 ORDER BY error_s, id")
        return tuple(quarantined_of(row) for row in rows)

    def reported(self, job_id: int) -> None:
        """Note that the report of a quarantined file is on the disk."""
        with self._writing("report") as (db, values):
            db.execute(sql.REPORTED, values | {"id": job_id})

    def hooks_due(self) -> tuple[tuple[int, Path, Done], ...]:
        """Return the jobs that are done and whose hooks have not ended: id, path and outcome."""
        rows = self._rows(sql.HOOKS_DUE) if self._hooks else []
        return tuple(
            (job_id, Path(os.fsdecode(path)), sql.done_of(done)) for job_id, path, *done in rows
        )

    def hook_ended(self, job_id: int, trouble: str) -> None:
        """Note that one hook of a job has ended, well if ``trouble`` is empty.

        A job that was done again while its hook ran has another one due.
        """
        with self._writing("hook") as (db, values):
            db.execute(sql.HOOK_ENDED, values | {"id": job_id, "trouble": bounded(trouble)})

    def say(
        self,
        state: Literal["watching", "paused", "stopped"],
        why: str = "",
        until_s: float | None = None,
    ) -> None:
        """Note the folder's own state, for the status; say it again now and then, as a beat.

        That it is stopped is noted only if this owner was the last to say anything.
        """
        with self._writing("say") as (db, values):
            values |= {"state": state, "why": bounded(why), "until": until_s, "place": self._place}
            db.execute(sql.SAY, values)

    @contextlib.contextmanager
    def _writing(
        self, step: str, wait_s: float | None = None
    ) -> Iterator[tuple[sqlite3.Connection, Values]]:
        """Give a connection within a transaction, and what every statement may name."""
        with (
            contextlib.closing(connect(self.path, sql.MIGRATIONS, wait_s=wait_s)) as db,
            refusals(self.path, wait_s),
        ):
            with transaction(db, self.path, wait_s):
                folder = folder_id(db, self._root)
                yield db, {"folder": folder, "owner": self._owner, "now": self._clock()}
                failpoint(f"jobs.{step}.before")
            failpoint(f"jobs.{step}.after")

    def _rows(self, query: str, **values: object) -> list[tuple[Any, ...]]:
        with (
            contextlib.closing(connect(self.path, sql.MIGRATIONS)) as db,
            refusals(self.path),
        ):
            row = db.execute(sql.FIND_FOLDER, (self._root,)).fetchone()
            return [] if row is None else db.execute(query, values | {"folder": row[0]}).fetchall()


def quarantined_of(row: tuple[Any, ...]) -> Quarantined:
    """Return a row of :data:`vidsum.watch.jobs_schema.QUARANTINED`."""
    job_id, path, *rest = row
    return Quarantined(job_id, Path(os.fsdecode(path)), *rest)
