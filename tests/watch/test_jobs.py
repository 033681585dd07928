"""The jobs of folder mode: queued, claimed, ended, given up, gone and back, with any name."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from still_clock import Clock

import vidsum.db
from vidsum.db import connect, transaction
from vidsum.errors import OutputError
from vidsum.watch import jobs_schema
from vidsum.watch.job import (
    MOST_ATTEMPTS,
    MOST_DEATHS,
    MOST_ORPHANINGS,
    Again,
    Done,
    GivenUp,
    Job,
    Seen,
    Told,
)
from vidsum.watch.jobs import Jobs, default_path
from vidsum.watch.jobs_steps import CAP_WAIT_S, LONGEST_WAIT_S, backoff_s, orphan_wait_s

ROOT = Path("/films")
DONE = Done((Path("/films/talk.mp4.vidsum.md"),), "run-1", "ab" * 32)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "watch.db"


@pytest.fixture
def jobs(path: Path, clock: Clock) -> Jobs:
    return Jobs(path, ROOT, "ann", hooks=True, clock=clock)


def seen(name: str | bytes = "talk.mp4", version: int = 1) -> Seen:
    return Seen(Path(os.fsdecode(name)), 1000 * version, version, 7)


def claimed(jobs: Jobs, lease_s: float = 60.0) -> Job:
    job = jobs.claim(lease_s)
    assert job is not None
    return job


def test_the_file_is_in_the_state_folder() -> None:
    assert default_path() == Path(os.environ["VIDSUM_HOME"]) / "watch.db"


def test_a_file_is_queued_run_and_done_once(jobs: Jobs, clock: Clock) -> None:
    assert jobs.claim(60) is None
    assert jobs.add([seen()]) == 1
    assert jobs.add([seen()]) == 0
    job = claimed(jobs)
    assert (job.seen, job.owner, job.attempts, job.deaths, job.orphanings) == (
        seen(), "ann", 1, 0, 0,
    )  # fmt: skip
    assert jobs.claim(60) is None
    assert jobs.add([seen()]) == 0
    assert jobs.settle(job, DONE) == "done"
    assert jobs.settle(job, DONE) is None
    assert jobs.known() == {Path("talk.mp4"): seen()}
    assert jobs.add([seen()]) == 0
    assert jobs.counts() == {"queued": 0, "running": 0, "done": 1, "quarantined": 0, "gone": 0}
    jobs.close()


def test_who_waited_longest_is_next(jobs: Jobs, clock: Clock) -> None:
    jobs.add([seen("b"), seen("a")])
    clock.now_s += 1
    jobs.add([seen("c")])
    first = claimed(jobs)
    clock.now_s += 1
    assert jobs.settle(first, Again("the disk is full", charged=False)) == "queued"
    order = [claimed(jobs) for _ in range(3)]
    assert [job.seen.path.name for job in order] == ["a", "c", "b"]
    assert [job.attempts for job in order] == [1, 1, 1]


def test_new_content_is_a_new_job_with_new_chances(jobs: Jobs, clock: Clock) -> None:
    jobs.add([seen()])
    jobs.settle(claimed(jobs), Again("no answer", after_s=0))
    jobs.settle(claimed(jobs), GivenUp("not a video", 3))
    assert jobs.add([seen()]) == 0
    assert jobs.claim(60) is None
    for change in (
        Seen(Path("talk.mp4"), 1, 1, 7), Seen(Path("talk.mp4"), 1, 2, 7),
        Seen(Path("talk.mp4"), 1, 2, 8),
    ):  # fmt: skip
        assert jobs.add([change]) == 1
        job = claimed(jobs)
        assert (job.seen, job.attempts) == (change, 1)
        assert jobs.settle(job, DONE) == "done"


def test_a_file_that_still_waits_keeps_its_place_when_it_changes(jobs: Jobs, clock: Clock) -> None:
    jobs.add([seen("a"), seen("b")])
    clock.now_s += 5
    assert jobs.add([seen("a", version=2)]) == 0
    assert claimed(jobs).seen == seen("a", version=2)


@pytest.mark.parametrize("outcome", [DONE, Again("x"), Again("x", died=True), GivenUp("x", 3)])
def test_a_file_that_changes_while_it_runs_is_run_again(
    jobs: Jobs, outcome: Done | Again | GivenUp
) -> None:
    jobs.add([seen()])
    job = claimed(jobs)
    assert jobs.add([seen(version=2)]) == 0
    assert jobs.known() == {Path("talk.mp4"): seen(version=2)}
    assert jobs.settle(job, outcome) == "queued"
    assert jobs.hooks_due() == ()
    again = claimed(jobs)
    assert (again.seen, again.attempts, again.deaths) == (seen(version=2), 1, 0)
    assert jobs.settle(again, DONE) == "done"


@pytest.mark.parametrize("end", [lambda mine, theirs: mine.release(),
                                 lambda mine, theirs: theirs.recover()])  # fmt: skip
def test_a_file_that_changed_before_the_watcher_ended_is_run_once(
    jobs: Jobs, path: Path, clock: Clock, end: Callable[[Jobs, Jobs], int]
) -> None:
    other = Jobs(path, ROOT, "bob", clock=clock)
    jobs.add([seen()])
    claimed(jobs)
    jobs.add([seen(version=2)])
    assert end(jobs, other) == 1
    job = claimed(other)
    assert (job.seen, job.attempts, job.orphanings) == (seen(version=2), 1, 0)
    assert other.settle(job, DONE) == "done"


def test_a_file_that_comes_back_is_as_it_was(jobs: Jobs) -> None:
    jobs.add([seen("done"), seen("bad"), seen("new")])
    jobs.settle(claimed(jobs), DONE)
    jobs.settle(claimed(jobs), GivenUp("not a video", 3))
    before = jobs.counts()
    names = [Path("done"), Path("bad"), Path("new"), Path("never seen")]
    assert jobs.gone(names) == 3
    assert jobs.gone(names) == 0
    assert jobs.known() == {}
    assert jobs.counts()["gone"] == 3
    assert jobs.claim(60) is None
    assert jobs.next_due_s() is None
    assert jobs.add([seen("done"), seen("bad"), seen("new")]) == 1
    assert jobs.counts() == before
    jobs.gone(names)
    assert jobs.add([seen("done", version=2), seen("bad", version=2)]) == 2
    assert jobs.counts()["queued"] == 2


def test_what_is_gone_for_half_a_year_is_forgotten(jobs: Jobs, clock: Clock, path: Path) -> None:
    jobs.add([seen("early"), seen("late"), seen("back"), seen("there")])
    for _ in range(4):
        jobs.settle(claimed(jobs), DONE)
    jobs.gone([Path("early"), Path("back")])
    clock.now_s += jobs_schema.KEPT_S - 10
    jobs.gone([Path("late")])
    jobs.add([seen("back")])
    clock.now_s += 20
    Jobs(path, Path("/elsewhere"), "eve", clock=clock).recover()
    assert jobs.counts()["gone"] == 2
    jobs.recover()
    assert (jobs.counts()["done"], jobs.counts()["gone"]) == (2, 1)
    assert jobs.add([seen("late")]) == 0
    assert jobs.add([seen("early")]) == 1


def test_an_older_file_is_taken_over(path: Path, clock: Clock) -> None:
    old = connect(path, jobs_schema.MIGRATIONS[:1])
    with transaction(old, path):
        old.execute(jobs_schema.MAKE_FOLDER, (os.fsencode(ROOT),))
        for name, state, was in (("a", "done", None), ("b", "gone", "done")):
            old.execute(
                "INSERT INTO jobs (folder_id, path, size_bytes, mtime_ns, inode, first_seen_s, "
                "state, was, queued_s, due_s, done_s) VALUES (1, ?, 1000, '1', '7', 0, ?, ?, 0, 0, "
                "?)", (name.encode(), state, was, clock.now_s),
            )  # fmt: skip
    old.close()
    jobs = Jobs(path, ROOT, "ann", clock=clock)
    jobs.recover()
    assert (jobs.counts()["done"], jobs.counts()["gone"]) == (1, 1)
    assert jobs.add([seen("a"), seen("b")]) == 0
    assert jobs.counts()["done"] == 2


def test_what_is_done_is_done_anew_for_who_asks(jobs: Jobs) -> None:
    jobs.add([seen("done"), seen("bad"), seen("there")])
    jobs.settle(claimed(jobs), DONE)
    jobs.settle(claimed(jobs), GivenUp("not a video", 3))
    running = claimed(jobs)
    assert jobs.in_state("done") == {Path("done")}
    assert jobs.retry([Path("done")]) == 0
    assert jobs.retry([Path("done"), Path("there")], done=True) == 1
    assert jobs.counts()["queued"] == 1
    assert jobs.retry(done=True) == 1
    assert jobs.in_state("queued") == {Path("done"), Path("bad")}
    assert jobs.in_state("running") == {Path("there")}
    assert jobs.settle(running, DONE) == "done"


def test_a_running_file_is_not_gone(jobs: Jobs) -> None:
    jobs.add([seen()])
    job = claimed(jobs)
    assert jobs.gone([Path("talk.mp4")]) == 0
    assert jobs.settle(job, DONE) == "done"
    assert jobs.gone([Path("talk.mp4")]) == 1


def test_the_report_on_a_file_that_went_away_is_due_again_when_it_is_back(jobs: Jobs) -> None:
    jobs.add([seen()])
    jobs.settle(claimed(jobs), GivenUp("no film", 3))
    [bad] = jobs.due_reports()
    jobs.reported(bad.job_id)
    assert jobs.gone([bad.path]) == 1
    assert jobs.due_reports() == ()
    jobs.add([seen()])
    assert jobs.due_reports() == (bad,)
    jobs.reported(bad.job_id)
    assert jobs.gone([bad.path]) == 1
    jobs.add([seen(version=2)])
    assert jobs.due_reports() == ()


def test_transient_errors_are_waited_out_and_end_in_quarantine(jobs: Jobs, clock: Clock) -> None:
    jobs.add([seen()])
    for attempt in range(1, MOST_ATTEMPTS + 1):
        job = claimed(jobs)
        assert job.attempts == attempt
        state = jobs.settle(job, Again(f"no answer, time {attempt}"))
        if attempt == MOST_ATTEMPTS:
            break
        assert state == "queued"
        due_s = jobs.due_s(job)
        assert due_s is not None
        assert due_s == jobs.next_due_s()
        longest_s = [5, 30, 60, 120, 240][attempt - 1]
        assert longest_s / 2 <= due_s - clock.now_s <= longest_s
        clock.now_s = due_s
    assert state == "quarantined"
    assert jobs.due_s(job) is None
    (bad,) = jobs.quarantined()
    assert (bad.path, bad.why, bad.exit_code, bad.attempts, bad.when_s) == (
        Path("talk.mp4"), "no answer, time 6", None, 6, clock.now_s,
    )  # fmt: skip


def test_a_wait_that_was_asked_for_is_kept(jobs: Jobs, clock: Clock) -> None:
    jobs.add([seen()])
    job = claimed(jobs)
    jobs.settle(job, Again("too many requests", after_s=90))
    assert jobs.due_s(job) == clock.now_s + 90
    clock.now_s += 89.9
    assert jobs.claim(60) is None
    clock.now_s += 0.2
    job = claimed(jobs)
    jobs.settle(job, Again("never", after_s=float("inf"), charged=False))
    assert jobs.due_s(job) == clock.now_s + LONGEST_WAIT_S
    clock.now_s += LONGEST_WAIT_S
    job = claimed(jobs)
    assert job.attempts == 2
    jobs.settle(job, Again("at once", after_s=-5, charged=False))
    assert jobs.due_s(job) == clock.now_s


def test_three_deaths_end_in_quarantine(jobs: Jobs, clock: Clock) -> None:
    jobs.add([seen()])
    for death in range(1, MOST_DEATHS + 1):
        job = claimed(jobs)
        assert (job.attempts, job.deaths) == (death, death - 1)
        state = jobs.settle(job, Again("the worker died", charged=False, died=True))
        clock.now_s += CAP_WAIT_S
    assert state == "quarantined"
    assert [bad.deaths for bad in jobs.quarantined()] == [MOST_DEATHS]


def test_what_is_no_fault_of_the_file_is_never_charged(jobs: Jobs, clock: Clock) -> None:
    jobs.add([seen()])
    for _ in range(3 * MOST_ATTEMPTS):
        job = claimed(jobs)
        assert job.attempts == 1
        assert jobs.settle(job, Again("the disk is full", charged=False)) == "queued"


def test_a_watcher_that_ends_is_no_fault_of_the_file_but_not_for_ever(
    path: Path, clock: Clock
) -> None:
    Jobs(path, ROOT, "first", clock=clock).add([seen()])
    waits = []
    for turn in range(MOST_ORPHANINGS):
        mine = Jobs(path, ROOT, f"watcher {turn}", clock=clock)
        assert mine.recover() == (turn > 0)
        due_s = mine.next_due_s()
        assert due_s is not None
        waits.append(due_s - clock.now_s)
        clock.now_s = due_s
        job = claimed(mine)
        assert (job.attempts, job.orphanings) == (1, turn)
    last = Jobs(path, ROOT, "last", clock=clock)
    assert last.recover() == 1
    assert waits == [orphan_wait_s(turn) for turn in range(MOST_ORPHANINGS)]
    (bad,) = last.quarantined()
    assert (bad.orphanings, bad.attempts, bad.exit_code) == (MOST_ORPHANINGS, 0, None)
    assert str(MOST_ORPHANINGS) in bad.why


def test_orphans_go_behind_the_others(path: Path, clock: Clock) -> None:
    first = Jobs(path, ROOT, "first", clock=clock)
    first.add([seen("crashing"), seen("fine")])
    claimed(first)
    clock.now_s += 1
    second = Jobs(path, ROOT, "second", clock=clock)
    assert second.recover() == 1
    assert [claimed(second).seen.path.name for _ in range(2)] == ["fine", "crashing"]
    assert second.recover() == 0


def test_a_lost_lease_writes_nothing(path: Path, clock: Clock) -> None:
    first, second = (Jobs(path, ROOT, name, clock=clock) for name in ("first", "second"))
    first.add([seen()])
    lost = claimed(first)
    assert first.renew(lost, 60)
    second.recover()
    assert not first.renew(lost, 60)
    assert not first.identify(lost, "ab")
    assert first.settle(lost, DONE) is None
    first.progress(lost, "still here")
    kept = claimed(second)
    assert first.settle(lost, GivenUp("late", 3)) is None
    assert second.settle(kept, DONE) == "done"


def test_a_lost_lease_stays_lost_when_its_owner_gets_the_job_again(
    path: Path, clock: Clock
) -> None:
    first, second = (Jobs(path, ROOT, name, clock=clock) for name in ("first", "second"))
    first.add([seen()])
    lost = claimed(first)
    second.recover()
    kept = claimed(first)
    assert not first.renew(lost, 60)
    assert first.settle(lost, GivenUp("late", 3)) is None
    assert first.settle(kept, DONE) == "done"


def test_a_lease_that_ran_out_is_taken_by_others_only(path: Path, clock: Clock) -> None:
    first, second = (Jobs(path, ROOT, name, clock=clock) for name in ("first", "second"))
    first.add([seen()])
    job = claimed(first, 60)
    clock.now_s += 59
    assert second.claim(60) is None
    clock.now_s += 5
    assert first.claim(60) is None
    assert first.renew(job, 60)
    assert second.claim(60) is None
    clock.now_s += 61
    taken = claimed(second)
    assert (taken.orphanings, taken.attempts) == (1, 1)
    assert first.settle(job, DONE) is None


def test_a_clean_end_gives_the_jobs_back_where_they_were(jobs: Jobs, clock: Clock) -> None:
    jobs.add([seen("a"), seen("b")])
    claimed(jobs)
    clock.now_s += 1
    assert jobs.release() == 1
    job = claimed(jobs)
    assert (job.seen.path.name, job.attempts, job.orphanings) == ("a", 1, 0)


def test_new_content_forgets_who_ended_over_the_old(path: Path, clock: Clock) -> None:
    first, second = (Jobs(path, ROOT, name, clock=clock) for name in ("first", "second"))
    first.add([seen()])
    claimed(first)
    second.recover()
    second.settle(claimed(second), Again("the worker died", after_s=0.0, died=True))
    assert second.add([seen(version=2)]) == 0
    job = claimed(second)
    assert (job.attempts, job.deaths, job.orphanings) == (1, 0, 0)


def test_a_job_that_begins_again_is_over_no_content_yet(jobs: Jobs) -> None:
    jobs.add([seen("a"), seen("copy")])
    first, copy = claimed(jobs), claimed(jobs)
    assert jobs.identify(first, "aa")
    jobs.settle(first, Again("stopped", charged=False))
    claimed(jobs)
    assert jobs.identify(copy, "aa")


def test_the_same_content_is_never_run_twice_at_once(path: Path, clock: Clock) -> None:
    here, there = Jobs(path, ROOT, "ann", clock=clock), Jobs(path, Path("/b"), "bob", clock=clock)
    here.add([seen("a"), seen("copy of a"), seen("b")])
    there.add([seen("a")])
    first, copy, other = (claimed(here) for _ in range(3))
    elsewhere = claimed(there)
    assert here.identify(first, "aa")
    assert here.identify(first, "aa")
    assert not here.identify(copy, "aa")
    assert not there.identify(elsewhere, "aa")
    assert here.identify(other, "bb")
    assert here.settle(first, DONE) == "done"
    assert here.identify(copy, "aa")


def test_who_does_not_live_blocks_nobody(path: Path, clock: Clock) -> None:
    dead, alive = Jobs(path, ROOT, "dead", clock=clock), Jobs(path, Path("/b"), "b", clock=clock)
    dead.add([seen()])
    alive.add([seen()])
    assert dead.identify(claimed(dead, 60), "aa")
    job = claimed(alive, 1e9)
    assert not alive.identify(job, "aa")
    clock.now_s += 61
    assert alive.identify(job, "aa")


@pytest.mark.parametrize("back_s", [61.0, 3600.0, 10 * 365 * 86_400.0])
def test_a_clock_that_is_set_back_holds_nothing_up(path: Path, clock: Clock, back_s: float) -> None:
    clock.now_s += back_s
    wrong = Jobs(path, ROOT, "dead", clock=clock)
    wrong.add([seen("waiting"), seen("running"), seen("new")])
    wrong.settle(claimed(wrong), Again("the day's cap", after_s=LONGEST_WAIT_S, charged=False))
    assert wrong.identify(claimed(wrong, 60), "aa")
    clock.now_s -= back_s
    right = Jobs(path, ROOT, "ann", clock=clock)
    assert right.next_due_s() == clock.now_s
    order = [claimed(right).seen.path.name for _ in range(3)]
    assert sorted(order) == ["new", "running", "waiting"]


def test_a_small_correction_of_the_clock_costs_no_wait(jobs: Jobs, clock: Clock) -> None:
    jobs.add([seen()])
    job = claimed(jobs)
    jobs.settle(job, Again("too many requests", after_s=30))
    clock.now_s -= 2
    assert jobs.claim(60) is None
    clock.now_s += 33
    assert claimed(jobs).seen == seen()


def test_who_asks_gets_another_try(jobs: Jobs, clock: Clock) -> None:
    jobs.add([seen("a"), seen("b"), seen("c"), seen("fine")])
    for _ in range(3):
        jobs.settle(claimed(jobs), GivenUp("not a video", 3))
    assert jobs.retry([Path("b"), Path("fine"), Path("nowhere")]) == 1
    clock.now_s += 1
    assert jobs.retry() == 2
    assert jobs.retry() == 0
    assert jobs.due_reports() == ()
    order = [claimed(jobs) for _ in range(4)]
    assert sorted(job.seen.path.name for job in order) == ["a", "b", "c", "fine"]
    assert {job.attempts for job in order} == {1}


def test_a_report_is_due_until_it_was_written(jobs: Jobs, path: Path, clock: Clock) -> None:
    jobs.add([seen("a"), seen("b")])
    for name in ("a", "b"):
        job = claimed(jobs)
        jobs.settle(job, GivenUp(f"{name} is not a video", 3))
    first, second = jobs.due_reports()
    assert (first.path, first.why, first.exit_code) == (Path("a"), "a is not a video", 3)
    jobs.reported(first.job_id)
    assert Jobs(path, ROOT, "next", clock=clock).due_reports() == (second,)
    assert jobs.quarantined() == (first, second)
    jobs.add([seen("a", version=2)])
    assert jobs.quarantined() == (second,)


def test_a_hook_is_due_until_it_has_ended(jobs: Jobs, path: Path, clock: Clock) -> None:
    jobs.add([seen("a"), seen("b")])
    results = (Path("/films/a\n1.md"), Path(os.fsdecode(b"/films/\xff\xfe.json")))
    done = Done(results, "run-2", None, True, "2 pictures are missing")
    jobs.settle(claimed(jobs), done)
    jobs.settle(claimed(jobs), GivenUp("no", 3))
    later = Jobs(path, ROOT, "next", hooks=True, clock=clock)
    ((job_id, name, told),) = later.hooks_due()
    assert (name, told) == (Path("a"), done)
    later.hook_ended(job_id, "it ended with 1")
    later.hook_ended(job_id, "")
    assert later.hooks_due() == ()


def test_a_file_that_is_done_again_while_its_hook_runs_has_another_one_due(jobs: Jobs) -> None:
    jobs.add([seen()])
    jobs.settle(claimed(jobs), DONE)
    ((job_id, _, _),) = jobs.hooks_due()
    jobs.add([seen(version=2)])
    newer = Done((), "run-2", None)
    jobs.settle(claimed(jobs), newer)
    jobs.hook_ended(job_id, "")
    assert jobs.hooks_due() == ((job_id, Path("talk.mp4"), newer),)
    jobs.hook_ended(job_id, "")
    assert jobs.hooks_due() == ()


def test_without_hooks_none_is_due(path: Path, clock: Clock) -> None:
    jobs = Jobs(path, ROOT, "ann", clock=clock)
    jobs.add([seen()])
    jobs.settle(claimed(jobs), DONE)
    assert jobs.hooks_due() == ()
    assert Jobs(path, ROOT, "ann", hooks=True, clock=clock).hooks_due() == ()


def test_folders_know_nothing_of_each_other(jobs: Jobs, path: Path, clock: Clock) -> None:
    other = Jobs(path, Path(os.fsdecode(b"/films\xff")), "bob", hooks=True, clock=clock)
    jobs.add([seen()])
    job = claimed(jobs)
    assert other.claim(60) is None
    assert other.recover() == 0
    jobs.settle(job, DONE)
    assert other.hooks_due() == ()
    assert other.known() == {}
    assert other.add([seen()]) == 1


NAMES = [
    b"\xff\xfe caf\xe9.mp4", b"two\nlines.mp4", b"-y.mp4", b"%d.mp4", b"'; DROP TABLE jobs --",
    b"a/b/c d.mkv", "\u202egpj.mp4".encode(), "😀.mp4".encode(), b"x" * 255, b"\xed\xa0\x80",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_names_are_bytes(jobs: Jobs, name: bytes) -> None:
    file = seen(name)
    assert jobs.add([file]) == 1
    assert jobs.known() == {file.path: file}
    job = claimed(jobs)
    assert os.fsencode(job.seen.path) == name
    jobs.settle(job, GivenUp(f"{file.path} is no video", 3))
    assert [os.fsencode(bad.path) for bad in jobs.quarantined()] == [name]
    assert jobs.retry([file.path]) == 1
    assert jobs.settle(claimed(jobs), DONE) == "done"
    assert jobs.gone([file.path]) == 1


@given(st.binary(min_size=1, max_size=255).filter(lambda name: b"\0" not in name),
       st.integers(0, 2**63 - 1), st.integers(-(2**70), 2**70),
       st.integers(0, 2**64 - 1))  # fmt: skip
def test_any_file_is_the_same_after_a_row(name: bytes, size: int, mtime: int, inode: int) -> None:
    file = Seen(Path(os.fsdecode(name)), size, mtime, inode)
    assert jobs_schema.seen_of(list(jobs_schema.values_of(file).values())) == file
    paths = (file.path, Path("/"), file.path)
    assert jobs_schema.unpacked(jobs_schema.packed(paths)) == paths


def test_a_file_of_the_far_future_on_a_large_file_system(jobs: Jobs) -> None:
    file = Seen(Path("a"), 2**62, 15 * 10**18, 2**64 - 1)
    assert jobs.add([file]) == 1
    assert jobs.add([file]) == 0
    assert claimed(jobs).seen == file


def test_a_long_message_is_cut(jobs: Jobs) -> None:
    jobs.add([seen()])
    jobs.settle(claimed(jobs), GivenUp("\udcff" + "x" * 10**6, 3))
    (bad,) = jobs.quarantined()
    assert bad.why.startswith("\\xffxxx")
    assert len(bad.why) <= 2000


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_waits_grow_and_are_bounded(attempts: int, share: float) -> None:
    most_s = backoff_s(attempts, 1.0)
    assert most_s == (5.0 if attempts == 1 else min(900.0, 30.0 * 2 ** min(attempts - 2, 100)))
    assert most_s <= CAP_WAIT_S == 900.0
    assert backoff_s(attempts, 0.0) == most_s / 2
    assert most_s / 2 <= backoff_s(attempts, share) <= most_s
    assert backoff_s(attempts + 1, 0.0) >= (most_s if most_s < 900.0 else 450.0)


def test_orphans_wait_longer_each_time() -> None:
    waits = [orphan_wait_s(n) for n in range(MOST_ORPHANINGS + 1)]
    assert waits[:6] == [0, 0, 5, 10, 20, 40]
    assert waits == sorted(waits)
    assert waits[-1] == 900.0


def test_2000_files_at_once_are_one_transaction(jobs: Jobs, path: Path) -> None:
    files = [seen(f"tree {n % 9}/{n}.mp4") for n in range(2000)]
    assert jobs.add(iter(files)) == 2000
    assert len(jobs.known()) == 2000
    with pytest.raises(sqlite3.IntegrityError):
        jobs.add([seen("good"), Seen(Path("bad"), None, 0, 0)])  # type: ignore[arg-type]
    assert len(jobs.known()) == 2000
    names = {claimed(jobs).seen.path for _ in range(20)}
    assert len(names) == 20


class Anything(dict[str, object]):
    """A value for each name that a statement has."""

    def __missing__(self, name: str) -> int:
        return 1


def test_nothing_that_is_often_done_reads_all_jobs(jobs: Jobs, path: Path) -> None:
    jobs.add(seen(f"{n}.mp4") for n in range(10_000))
    plans = {}
    with closing(sqlite3.connect(path)) as db:
        for name in ("CLAIM", "BEFORE_THE_CLOCK", "LAPSED", "ORPHANS", "SHARED", "NEXT_DUE",
                     "FIND", "LOSE", "HELD", "RENEW", "QUARANTINED", "HOOKS_DUE"):  # fmt: skip
            statement = f"EXPLAIN QUERY PLAN {getattr(jobs_schema, name)}"
            plans[name] = "; ".join(row[3] for row in db.execute(statement, Anything()))
    assert "jobs_due (folder_id=? AND due_s<?)" in plans["CLAIM"]
    assert "jobs_queued (folder_id=? AND queued_s>?)" in plans["BEFORE_THE_CLOCK"]
    assert plans["SHARED"] == "SCAN jobs USING INDEX jobs_running"  # of the running ones alone
    assert [name for name, steps in plans.items() if "SCAN jobs" in steps] == ["SHARED"]
    assert [name for name, steps in plans.items() if "B-TREE" in steps] == ["HOOKS_DUE"]


def test_the_file_may_be_moved_away_while_it_is_in_use(jobs: Jobs, path: Path) -> None:
    jobs.add([seen()])
    job = claimed(jobs)
    path.rename(path.with_name("old.db"))
    assert jobs.known() == {}
    assert jobs.settle(job, DONE) is None
    assert jobs.add([seen()]) == 1
    assert jobs.settle(claimed(jobs), DONE) == "done"


def refused(path: Path, said: str, use: Callable[[], object]) -> None:
    with pytest.raises(OutputError, match=said) as caught:
        use()
    assert "\n" not in caught.value.message
    assert str(path) in caught.value.message
    assert caught.value.hint


def test_a_file_that_is_no_good_is_named(path: Path) -> None:
    def use() -> object:
        return Jobs(path, ROOT, "ann")

    path.write_bytes(b"Dear diary, " * 100)
    refused(path, "is not a database", use)
    path.unlink()
    with closing(sqlite3.connect(path)) as theirs:
        theirs.execute("CREATE TABLE jobs (x)")
    refused(path, "another program's database", use)
    path.unlink()
    Jobs(path, ROOT, "ann")
    with closing(sqlite3.connect(path)) as newer:
        newer.execute("PRAGMA user_version = 99")
    refused(path, "newer vidsum", use)


def test_a_file_that_is_damaged_in_mid_use_is_named(jobs: Jobs, path: Path) -> None:
    jobs.add(seen(f"{n}.mp4") for n in range(500))
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(4096 * 20))
    refused(path, "is damaged", jobs.known)
    refused(path, "is damaged", lambda: jobs.claim(60))


def test_a_locked_file_is_named_and_progress_is_not_worth_an_error(
    jobs: Jobs, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vidsum.db, "BUSY_TIMEOUT_S", 0.1)
    monkeypatch.setattr("vidsum.watch.jobs._PROGRESS_WAIT_S", 0.1)
    jobs.add([seen()])
    job = claimed(jobs)
    holder = connect(path, jobs_schema.MIGRATIONS)
    with transaction(holder, path):
        refused(path, "was locked by another program", lambda: jobs.settle(job, DONE))
        jobs.progress(job, "looking 1 of 2")
    holder.close()
    assert jobs.settle(job, DONE) == "done"


COMPETE = """
import sys
from pathlib import Path
from vidsum.watch.job import Again, Done
from vidsum.watch.jobs import Jobs
jobs = Jobs(Path(sys.argv[1]), Path("/films"), sys.argv[2], hooks=True)
while (job := jobs.claim(60)) is not None:
    assert jobs.renew(job, 60)
    if job.seen.path.name.endswith("7") and job.attempts == 1:
        assert jobs.settle(job, Again("no", after_s=0.0)) == "queued"
    else:
        assert jobs.settle(job, Done((), sys.argv[2], None)) == "done"
        print(job.seen.path, flush=True)
"""


def test_processes_that_claim_at_once_get_each_job_once(path: Path) -> None:
    jobs = Jobs(path, ROOT, "parent", hooks=True)
    jobs.add(seen(f"film {n}") for n in range(120))
    running = [
        subprocess.Popen([sys.executable, "-c", COMPETE, str(path), f"p{n}"],
                         stdout=subprocess.PIPE, text=True)
        for n in range(4)
    ]  # fmt: skip
    done = [line for one in running for line in one.communicate(timeout=120)[0].splitlines()]
    assert [one.returncode for one in running] == [0] * 4
    assert sorted(done) == sorted(f"film {n}" for n in range(120))
    assert jobs.counts()["done"] == 120
    assert len(jobs.hooks_due()) == 120


def test_what_is_told_of_a_file_that_is_given_up_is_kept(jobs: Jobs, clock: Clock) -> None:
    found_s = clock.now_s
    jobs.add([seen("bad"), seen("dies")])
    clock.now_s += 50
    told = Told(5, "Play it.", "Traceback\nEnd", "ab" * 32)
    assert jobs.settle(claimed(jobs), GivenUp("no film", 3), told) == "quarantined"
    for _ in range(MOST_DEATHS):
        state = jobs.settle(claimed(jobs), Again("it died", after_s=0.0, died=True), told)
    assert state == "quarantined"
    bad, dead = jobs.due_reports()
    assert (bad.exit_code, dead.exit_code) == (3, 5)
    for one in (bad, dead):
        assert (one.hint, one.trace, one.sha256) == (told.hint, told.trace, told.sha256)
        assert (one.first_seen_s, one.when_s) == (found_s, clock.now_s)


def test_all_but_some_jobs_are_put_back(jobs: Jobs) -> None:
    jobs.add([seen("a"), seen("b"), seen("c")])
    kept, lost, changed = (claimed(jobs) for _ in range(3))
    jobs.add([seen("c", 2)])
    assert jobs.release(but=[kept]) == 2
    assert jobs.renew(kept, 60)
    assert not jobs.renew(lost, 60)
    assert jobs.settle(changed, DONE) is None
    assert (claimed(jobs).seen.path.name, claimed(jobs).seen) == ("b", seen("c", 2))


def test_who_lost_the_folder_does_not_say_that_nobody_has_it(path: Path, clock: Clock) -> None:
    first, second = (
        Jobs(path, ROOT, name, place=place, clock=clock)
        for name, place in (("first", Path("/out")), ("second", None))
    )

    def told() -> tuple[str, bytes]:
        with closing(sqlite3.connect(path)) as db:
            found: tuple[str, bytes] = db.execute("SELECT state, place FROM folders").fetchone()
            return found

    first.say("watching")
    assert told() == ("watching", b"/out")
    second.say("watching")
    first.say("stopped")
    assert told() == ("watching", b"/out")
    second.say("stopped")
    assert told() == ("stopped", b"/out")
