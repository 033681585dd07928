"""What ``vidsum watch status`` is told: of all folders, of dead watchers, with any name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vidsum.errors import OutputError
from vidsum.watch.job import Again, Done, GivenUp, Job, Seen
from vidsum.watch.jobs import Jobs
from vidsum.watch.status import (
    MOST_DONE_LISTED,
    STALE_S,
    FolderStatus,
    HookFailed,
    Totals,
    folder,
    folders,
)

ROOT = Path("/films")
NOW_S = 1_800_000_000.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "watch.db"


def open_jobs(path: Path, root: Path = ROOT, now_s: float = NOW_S) -> Jobs:
    return Jobs(path, root, "ann", hooks=True, clock=lambda: now_s)


def seen(name: str, version: int = 1) -> Seen:
    return Seen(Path(name), 1000 * version, version, 7)


def claimed(jobs: Jobs) -> Job:
    job = jobs.claim(60)
    assert job is not None
    return job


def told(path: Path, now_s: float = NOW_S) -> FolderStatus:
    status = folder(path, ROOT, now_s=now_s)
    assert status is not None
    return status


def test_without_a_file_there_is_nothing_and_none_is_made(path: Path) -> None:
    assert folders(path) == ()
    assert folder(path, ROOT) is None
    assert not path.parent.exists()


def test_a_folder_that_was_never_watched(path: Path) -> None:
    open_jobs(path)
    assert folder(path, Path("/other")) is None
    status = told(path)
    assert (status.root, status.state, status.beat_s, status.stale) == (
        ROOT, "stopped", None, False,
    )  # fmt: skip


def test_each_job_is_told_as_what_it_is(path: Path) -> None:
    jobs = open_jobs(path)
    jobs.add([seen(name) for name in ("done", "bad", "again", "tomorrow", "running", "queued")])
    results = (Path("/films/done.vidsum.md"), Path("/films/done.vidsum.json"))
    jobs.settle(claimed(jobs), Done(results, "run", "ab", True, "cut short"))
    jobs.settle(claimed(jobs), GivenUp("not a video", 3))
    jobs.settle(claimed(jobs), Again("no answer", after_s=40))
    jobs.settle(claimed(jobs), Again("the day's cap", after_s=5000, charged=False))
    running = claimed(jobs)
    jobs.progress(running, "looking 1 of 40")
    jobs.progress(running, "looking 12 of 40")
    jobs.say("paused", "the disk is full", NOW_S + 60)
    status = told(path)
    assert (status.state, status.why, status.until_s, status.owner) == (
        "paused", "the disk is full", NOW_S + 60, "ann",
    )  # fmt: skip
    assert status.counts == {"queued": 3, "running": 1, "done": 1, "quarantined": 1, "gone": 0}
    (one,) = status.running
    assert (one.path, one.since_s, one.attempt, one.progress) == (
        Path("running"), NOW_S, 1, "looking 12 of 40",
    )  # fmt: skip
    assert [(w.path.name, w.attempts, w.why, w.due_s - NOW_S) for w in status.waiting] == [
        ("again", 1, "no answer", 40), ("tomorrow", 0, "the day's cap", 5000),
    ]  # fmt: skip
    (bad,) = status.quarantined
    assert (bad.path, bad.why, bad.exit_code) == (Path("bad"), "not a video", 3)
    (done,) = status.last_done
    assert (done.path, done.when_s, done.partial, done.note, done.results) == (
        Path("done"), NOW_S, True, "cut short", results,
    )  # fmt: skip
    assert (done.run_id, done.video_sha256, status.place) == ("run", "ab", None)
    assert status.totals == Totals(6, 6000, partial=1, hooks_due=1, hook_troubles=0)


def test_what_is_gone_is_counted_apart(path: Path) -> None:
    jobs = open_jobs(path)
    jobs.add([seen("a"), seen("b")])
    jobs.settle(claimed(jobs), Done((), "run", None))
    ((job_id, _, _),) = jobs.hooks_due()
    jobs.hook_ended(job_id, "it ended with 1")
    assert told(path).totals == Totals(2, 2000, partial=0, hooks_due=0, hook_troubles=1)
    assert told(path).hooks_failed == (HookFailed(Path("a"), NOW_S, "it ended with 1"),)
    jobs.gone([Path("a")])
    status = told(path)
    assert status.counts["gone"] == 1
    assert status.totals == Totals(1, 1000, partial=0, hooks_due=0, hook_troubles=0)
    assert status.hooks_failed == ()


def test_a_hook_that_went_well_at_last_did_not_fail(path: Path) -> None:
    jobs = open_jobs(path)
    jobs.add([seen("a")])
    for trouble in ("it ended with 1", ""):
        jobs.settle(claimed(jobs), Done((), "run", None))
        ((job_id, _, _),) = jobs.hooks_due()
        jobs.hook_ended(job_id, trouble)
        assert bool(told(path).hooks_failed) == bool(trouble)
        jobs.retry(done=True)


def test_the_last_ones_done_are_listed_the_last_one_first(path: Path) -> None:
    for number in range(MOST_DONE_LISTED + 5):
        jobs = open_jobs(path, now_s=NOW_S + number)
        jobs.add([seen(f"film {number}")])
        jobs.settle(claimed(jobs), Done((), "run", None))
    listed = [done.path.name for done in told(path).last_done]
    assert listed == [f"film {n}" for n in range(MOST_DONE_LISTED + 4, 4, -1)]


def test_a_watcher_that_is_not_heard_of_is_stale(path: Path) -> None:
    jobs = open_jobs(path)
    jobs.say("watching")
    assert not told(path, NOW_S + STALE_S).stale
    assert told(path, NOW_S + STALE_S + 1).stale
    assert told(path, NOW_S - STALE_S - 1).stale
    jobs.say("stopped")
    assert not told(path, NOW_S + 1e9).stale


def test_a_running_job_is_a_sign_of_life(path: Path) -> None:
    open_jobs(path).say("watching")
    later = open_jobs(path, now_s=NOW_S + 1000)
    later.add([seen("a")])
    job = claimed(later)
    assert not told(path, NOW_S + 1001).stale
    assert open_jobs(path, now_s=NOW_S + 2000).renew(job, 60)
    assert told(path, NOW_S + 2001).beat_s == NOW_S + 2000


def test_all_folders_are_told_with_names_of_any_bytes(path: Path) -> None:
    hostile = Path(os.fsdecode(b"/films/caf\xe9\n"))
    for root in (hostile, ROOT):
        jobs = open_jobs(path, root)
        jobs.add([Seen(Path(os.fsdecode(b"\xff.mp4")), 1, 1, 1)])
        jobs.settle(claimed(jobs), Done((hostile / "x.md",), "run", None))
        jobs.say("watching")
    statuses = folders(path)
    assert [status.root for status in statuses] == [ROOT, hostile]
    told = statuses[1]
    assert [one.path for one in told.last_done] == [Path(os.fsdecode(b"\xff.mp4"))]
    assert told.last_done[0].results == (hostile / "x.md",)
    assert (told.counts["done"], told.until_s) == (1, None)


def test_it_is_only_read(path: Path) -> None:
    open_jobs(path).add([seen("a")])
    before = path.read_bytes()
    path.chmod(0o400)
    assert told(path).counts["queued"] == 1
    assert path.read_bytes() == before


def test_a_file_that_is_no_good_is_named(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"Dear diary, " * 100)
    with pytest.raises(OutputError, match="is not a database"):
        folders(path)
