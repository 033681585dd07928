"""The tables of watch.db, what is done to their rows, and how a row becomes a value.

Of each file there is one row, for as long as the file is known: what became of it last, not a log.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from vidsum.db import Migrations
from vidsum.watch.job import Done, Job, Seen

CLOCK_SLACK_S: Final = 60.0
"""A moment that is further in the future than this was written before the clock was set back."""

KEPT_S: Final = 180 * 86400.0
"""So long a file is known that is gone: a folder that much goes through must not fill a disk."""

_FOLDERS: Final = """
CREATE TABLE folders (
    id INTEGER PRIMARY KEY, root BLOB NOT NULL UNIQUE, owner TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('watching', 'paused', 'stopped')),
    why TEXT NOT NULL, until_s REAL, beat_s REAL, place BLOB
) STRICT"""

_JOBS: Final = """
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY,
    folder_id INTEGER NOT NULL REFERENCES folders (id),
    path BLOB NOT NULL, size_bytes INTEGER NOT NULL, mtime_ns TEXT NOT NULL, inode TEXT NOT NULL,
    first_seen_s REAL NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'quarantined', 'gone')),
    was TEXT CHECK (was IN ('queued', 'done', 'quarantined')),
    queued_s REAL NOT NULL, due_s REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    deaths INTEGER NOT NULL DEFAULT 0 CHECK (deaths >= 0),
    orphanings INTEGER NOT NULL DEFAULT 0 CHECK (orphanings >= 0),
    owner TEXT, started_s REAL, renewed_s REAL, lease_until_s REAL,
    content_sha256 TEXT, changed INTEGER NOT NULL DEFAULT 0, progress TEXT NOT NULL DEFAULT '',
    error TEXT, exit_code INTEGER, error_s REAL, report_due INTEGER NOT NULL DEFAULT 0,
    hint TEXT NOT NULL DEFAULT '', trace TEXT NOT NULL DEFAULT '', error_sha256 TEXT,
    done_s REAL, run_id TEXT, results BLOB, video_sha256 TEXT,
    partial INTEGER NOT NULL DEFAULT 0, note TEXT NOT NULL DEFAULT '',
    hooks_due INTEGER NOT NULL DEFAULT 0 CHECK (hooks_due >= 0),
    hook_trouble TEXT NOT NULL DEFAULT '',
    UNIQUE (folder_id, path),
    CHECK ((state = 'gone') = (was IS NOT NULL)),
    CHECK ((state = 'running') = (owner IS NOT NULL AND lease_until_s IS NOT NULL))
) STRICT"""

MIGRATIONS: Final[Migrations] = (
    (
        _FOLDERS,
        _JOBS,
        "CREATE INDEX jobs_due ON jobs (folder_id, due_s) WHERE state = 'queued'",
        "CREATE INDEX jobs_queued ON jobs (folder_id, queued_s) WHERE state = 'queued'",
        "CREATE INDEX jobs_running ON jobs (folder_id, content_sha256) WHERE state = 'running'",
        "CREATE INDEX jobs_states ON jobs (folder_id, state)",
        "CREATE INDEX jobs_done ON jobs (folder_id, done_s) WHERE done_s IS NOT NULL",
        "CREATE INDEX jobs_hooks ON jobs (folder_id) WHERE hooks_due > 0",
        "CREATE INDEX jobs_reports ON jobs (folder_id) WHERE report_due = 1",
    ),
    (
        "ALTER TABLE jobs ADD COLUMN gone_s REAL",
        "UPDATE jobs SET gone_s = max(queued_s, coalesce(done_s, 0)) WHERE state = 'gone'",
        "CREATE INDEX jobs_gone ON jobs (folder_id, gone_s) WHERE state = 'gone'",
    ),
)
"""See :data:`vidsum.db.Migrations`. Paths are bytes, as the file system has them; ``results`` are
such paths with a NUL between them. ``mtime_ns`` and ``inode`` are decimal text: file systems have
64 bits without a sign, and years that nanoseconds in SQLite's 63 bits do not reach. Names in ``_s``
are Unix times in seconds. ``queued_s`` is the clock when ``due_s`` was set. ``was`` is the state
before ``gone``, ``gone_s`` when the file was last missed. ``content_sha256`` is what a running job
works on, ``video_sha256`` what was done last, ``error_sha256`` what was given up. ``changed``:
another form of the file was found while it ran. ``hint`` and ``trace`` belong to the error of a
file that was given up. ``place``: where a folder's results go, NULL until a watcher has told."""

_SEEN: Final = "path, size_bytes, mtime_ns, inode"
_LET_GO: Final = """owner = NULL, started_s = NULL, renewed_s = NULL, lease_until_s = NULL,
content_sha256 = NULL, changed = 0, progress = ''"""
_COUNTERS: Final = "attempts = :attempts, deaths = :deaths, orphanings = :orphanings"
_AFRESH: Final = f"""state = 'queued', was = NULL, gone_s = NULL, queued_s = :now, attempts = 0,
deaths = 0, orphanings = 0, report_due = 0, {_LET_GO}"""
_WHERE_HELD: Final = """WHERE id = :id AND state = 'running' AND owner = :owner
AND attempts = :attempts AND deaths = :deaths AND orphanings = :orphanings"""
"""A lease is the owner's and has the counters that it was given with: a job that is taken away has
one orphaning more."""

MAKE_FOLDER: Final = "INSERT INTO folders (root, owner, state, why) VALUES (?, '', 'stopped', '')"
FIND_FOLDER: Final = "SELECT id FROM folders WHERE root = ?"
SAY: Final = """UPDATE folders SET owner = :owner, state = :state, why = :why, until_s = :until,
beat_s = :now, place = coalesce(:place, place)
WHERE id = :folder AND (:state <> 'stopped' OR owner = :owner)"""
"""Whoever ends because another watcher has the folder does not say that it has none."""

FIND: Final = f"""SELECT id, state, was, {_SEEN} FROM jobs
WHERE folder_id = :folder AND path = :path"""
KNOWN: Final = f"SELECT {_SEEN} FROM jobs WHERE folder_id = :folder AND state <> 'gone'"
ADD: Final = f"""INSERT INTO jobs (folder_id, {_SEEN}, first_seen_s, state, queued_s, due_s)
VALUES (:folder, :path, :size_bytes, :mtime_ns, :inode, :now, 'queued', :now, :now)"""
_SEE: Final = "size_bytes = :size_bytes, mtime_ns = :mtime_ns, inode = :inode"
SEE_CHANGED: Final = f"UPDATE jobs SET {_SEE}, changed = 1 WHERE id = :id"
"""Of a running one."""
QUEUE_CHANGED: Final = f"""UPDATE jobs SET {_SEE}, {_AFRESH},
due_s = CASE state WHEN 'queued' THEN min(due_s, :now) ELSE :now END WHERE id = :id"""
"""A file that is still waiting keeps its place."""
BRING_BACK: Final = "UPDATE jobs SET state = was, was = NULL, gone_s = NULL WHERE id = :id"
FORGET: Final = f"""DELETE FROM jobs
WHERE folder_id = :folder AND state = 'gone' AND gone_s < :now - {KEPT_S}"""
LOSE: Final = """UPDATE jobs SET was = state, state = 'gone', gone_s = :now,
report_due = (state = 'quarantined')
WHERE folder_id = :folder AND path = :path AND state NOT IN ('gone', 'running')"""
"""The report goes with the file, and is due again should it come back as it was."""

BEFORE_THE_CLOCK: Final = f"""UPDATE jobs SET queued_s = :now, due_s = :now
WHERE folder_id = :folder AND state = 'queued' AND queued_s > :now + {CLOCK_SLACK_S}"""
CLAIM: Final = f"""UPDATE jobs SET state = 'running', attempts = attempts + 1, owner = :owner,
started_s = :now, renewed_s = :now, lease_until_s = :now + :lease_s
WHERE id = (SELECT id FROM jobs WHERE folder_id = :folder AND state = 'queued' AND due_s <= :now
            ORDER BY due_s, id LIMIT 1)
RETURNING id, {_SEEN}, owner, attempts, deaths, orphanings"""
NEXT_DUE: Final = """SELECT (SELECT min(due_s) FROM jobs WHERE folder_id = :folder
AND state = 'queued'), (SELECT max(queued_s) FROM jobs WHERE folder_id = :folder
AND state = 'queued')"""
DUE: Final = """SELECT due_s FROM jobs WHERE id = :id AND state = 'queued'
AND size_bytes = :size_bytes AND mtime_ns = :mtime_ns AND inode = :inode"""

LIVES: Final = f"lease_until_s >= :now AND renewed_s <= :now + {CLOCK_SLACK_S}"
HELD: Final = f"SELECT changed FROM jobs {_WHERE_HELD}"
SHARED: Final = f"""SELECT 1 FROM jobs WHERE state = 'running' AND content_sha256 = :sha256
AND id <> :id AND {LIVES} LIMIT 1"""
IDENTIFY: Final = "UPDATE jobs SET content_sha256 = :sha256 WHERE id = :id"
RENEW: Final = f"""UPDATE jobs SET renewed_s = :now, lease_until_s = :now + :lease_s
{_WHERE_HELD}"""
PROGRESS: Final = f"UPDATE jobs SET progress = :text {_WHERE_HELD}"

DONE: Final = f"""UPDATE jobs SET state = 'done', {_LET_GO}, done_s = :now, run_id = :run_id,
results = :results, video_sha256 = :sha256, partial = :partial, note = :note,
hooks_due = hooks_due + :hooks WHERE id = :id"""
GIVEN_UP: Final = f"""UPDATE jobs SET state = 'quarantined', {_LET_GO}, {_COUNTERS}, error = :why,
exit_code = :exit_code, error_s = :now, report_due = 1, hint = :hint, trace = :trace,
error_sha256 = :sha256 WHERE id = :id"""
AGAIN: Final = f"""UPDATE jobs SET state = 'queued', {_LET_GO}, {_COUNTERS}, error = :why,
exit_code = NULL, error_s = :now, queued_s = :now, due_s = :due WHERE id = :id"""
QUEUE_AFRESH: Final = f"UPDATE jobs SET {_AFRESH}, due_s = :now WHERE id = :id"

_TAKEN: Final = (
    "SELECT id, attempts, deaths, orphanings, changed FROM jobs WHERE folder_id = :folder"
)
ORPHANS: Final = f"{_TAKEN} AND state = 'running' AND owner <> :owner"
LAPSED: Final = f"{ORPHANS} AND NOT ({LIVES})"
_BUT: Final = "AND id NOT IN (SELECT value FROM json_each(:but))"
RELEASE: Final = f"""UPDATE jobs SET state = 'queued', {_LET_GO}, attempts = attempts - 1,
queued_s = :now, due_s = min(due_s, :now)
WHERE folder_id = :folder AND state = 'running' AND owner = :owner AND changed = 0 {_BUT}"""
RELEASE_CHANGED: Final = f"""UPDATE jobs SET {_AFRESH}, due_s = :now
WHERE folder_id = :folder AND state = 'running' AND owner = :owner AND changed = 1 {_BUT}"""
RETRY: Final = f"""UPDATE jobs SET {_AFRESH}, due_s = :now
WHERE folder_id = :folder AND (state = 'quarantined' OR (state = 'done' AND :done))"""
OTHERS_OF_PLACE: Final = """SELECT root FROM folders JOIN jobs ON jobs.folder_id = folders.id
WHERE place = :place AND folders.id <> :folder AND path = :path AND jobs.state IN
('running', 'done') ORDER BY root"""
IN_STATE: Final = "SELECT path FROM jobs WHERE folder_id = :folder AND state = :state"

COUNT: Final = "SELECT state, count(*) FROM jobs WHERE folder_id = :folder GROUP BY state"
QUARANTINED: Final = """SELECT id, path, error, exit_code, attempts, deaths, orphanings, error_s,
first_seen_s, hint, trace, error_sha256 FROM jobs
WHERE folder_id = :folder AND state = 'quarantined'"""
REPORTED: Final = "UPDATE jobs SET report_due = 0 WHERE folder_id = :folder AND id = :id"
HOOKS_DUE: Final = """SELECT id, path, results, run_id, video_sha256, partial, note FROM jobs
WHERE folder_id = :folder AND hooks_due > 0 ORDER BY done_s, id"""
HOOK_ENDED: Final = """UPDATE jobs SET hooks_due = max(0, hooks_due - 1), hook_trouble = :trouble
WHERE folder_id = :folder AND id = :id"""


def values_of(seen: Seen) -> dict[str, object]:
    """Return a file as its row has it."""
    return {
        "path": os.fsencode(seen.path),
        "size_bytes": seen.size_bytes,
        "mtime_ns": str(seen.mtime_ns),
        "inode": str(seen.inode),
    }


def seen_of(row: Sequence[Any]) -> Seen:
    """Return the file that four columns of a row are: path, size, mtime and inode."""
    path, size_bytes, mtime_ns, inode = row
    return Seen(Path(os.fsdecode(path)), size_bytes, int(mtime_ns), int(inode))


def lease_of(job: Job) -> dict[str, object]:
    """Return what a row must have for a job to be held still."""
    return {
        "id": job.id,
        "owner": job.owner,
        "attempts": job.attempts,
        "deaths": job.deaths,
        "orphanings": job.orphanings,
    }


def packed(paths: Sequence[Path]) -> bytes:
    """Return paths as one row has them: no path has a NUL in it."""
    return b"\0".join(map(os.fsencode, paths))


def unpacked(raw: bytes) -> tuple[Path, ...]:
    """Return the paths of a row."""
    return tuple(Path(os.fsdecode(one)) for one in raw.split(b"\0")) if raw else ()


def done_of(row: Sequence[Any]) -> Done:
    """Return how a job ended, from five columns of its row."""
    results, run_id, video_sha256, partial, note = row
    return Done(unpacked(results), run_id, video_sha256, bool(partial), note)
