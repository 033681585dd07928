"""A process that is killed before and after each commit: no job is lost, and none is done twice."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from thinning import every_second

from vidsum.db import connect
from vidsum.errors import OutputError
from vidsum.watch.job import Done, Seen
from vidsum.watch.jobs import Jobs
from vidsum.watch.jobs_schema import MIGRATIONS

ROOT = Path("/films")
FILES = [Seen(Path(f"film {n}.mp4"), n, n, n) for n in range(3)]

WORK = """
import sys
from pathlib import Path
from vidsum.watch.job import Done, Seen
from vidsum.watch.jobs import Jobs
jobs = Jobs(Path(sys.argv[1]), Path("/films"), sys.argv[2], hooks=True)
def run_hooks():
    for job_id, _, _ in jobs.hooks_due():
        jobs.hook_ended(job_id, "")
        print("hook", job_id, flush=True)
jobs.recover()
run_hooks()
jobs.add([Seen(Path(f"film {n}.mp4"), n, n, n) for n in range(3)])
while (job := jobs.claim(60)) is not None:
    assert jobs.identify(job, str(job.id) * 64)
    assert jobs.renew(job, 60)
    assert jobs.settle(job, Done((Path(f"/films/{job.id}.md"),), "run", None)) == "done"
    run_hooks()
"""
POINTS = [
    f"jobs.{step}.{when}@{time}"
    for step, times in (("folder", 1), ("recover", 1), ("add", 1), ("claim", 3), ("identify", 2),
                        ("renew", 2), ("settle", 3), ("hook", 2))
    for when in ("before", "after")
    for time in range(1, times + 1)
]  # fmt: skip


def work(path: Path, owner: str, fail_at: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", WORK, str(path), owner], text=True, timeout=60,
                          capture_output=True, check=False,
                          env={"VIDSUM_FAIL_AT": fail_at})  # fmt: skip


def ends(path: Path) -> list[tuple[bytes, str, int, int, int]]:
    with closing(connect(path, MIGRATIONS, reading=True)) as db:
        return db.execute("SELECT path, state, attempts, orphanings, hooks_due FROM jobs "
                          "ORDER BY id").fetchall()  # fmt: skip


@pytest.mark.parametrize("point", every_second(POINTS))
def test_a_killed_watcher_loses_no_job_and_repeats_none(tmp_path: Path, point: str) -> None:
    path = tmp_path / "watch.db"
    killed = work(path, "first", f"{point}=kill")
    assert killed.returncode == -signal.SIGKILL
    after = work(path, "second")
    assert (after.returncode, after.stderr) == (0, "")
    rows = ends(path)
    assert [(name, state, attempts) for name, state, attempts, _, _ in rows] == [
        (bytes(seen.path), "done", 1) for seen in FILES
    ]
    assert sum(orphanings for *_, orphanings, _ in rows) <= 1
    hooks = [int(line.split()[1]) for line in (killed.stdout + after.stdout).splitlines()]
    assert len(hooks) == len(set(hooks)) >= (2 if point.startswith("jobs.hook.after") else 3)
    jobs = Jobs(path, ROOT, "third", hooks=True)
    assert jobs.hooks_due() == ()
    assert jobs.add(FILES) == 0
    assert jobs.recover() == 0


@pytest.mark.parametrize("step", ["add", "claim", "settle"])
@pytest.mark.parametrize("code", ["EIO", "ENOSPC"])
def test_a_disk_that_fails_before_a_commit_writes_nothing(
    tmp_path: Path, step: str, code: str
) -> None:
    path = tmp_path / "watch.db"
    failed = work(path, "first", f"jobs.{step}.before={code}")
    assert failed.returncode == 1
    assert f"{OutputError.__name__}: " in failed.stderr
    assert str(path) in failed.stderr
    state = [row[1] for row in ends(path)]
    assert (
        state == {"add": [], "claim": ["queued"] * 3, "settle": ["running"] + ["queued"] * 2}[step]
    )
    assert work(path, "second").returncode == 0
    assert [row[1] for row in ends(path)] == ["done"] * 3


def test_a_released_job_is_there_after_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "watch.db"
    jobs = Jobs(path, ROOT, "first")
    jobs.add(FILES)
    job = jobs.claim(60)
    assert job is not None
    release = ("from pathlib import Path; import sys; from vidsum.watch.jobs import Jobs; "
               "Jobs(Path(sys.argv[1]), Path('/films'), 'first').release()")  # fmt: skip
    for point, state in (("before", "running"), ("after", "queued")):
        done = subprocess.run([sys.executable, "-c", release, str(path)], timeout=60, check=False,
                              env={"VIDSUM_FAIL_AT": f"jobs.release.{point}=kill"})  # fmt: skip
        assert done.returncode == -signal.SIGKILL
        assert ends(path)[0][1] == state
    assert jobs.settle(job, Done((), "run", None)) is None
