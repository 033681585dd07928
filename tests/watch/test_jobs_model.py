"""The jobs of folder mode beside a simple model of them: any order of calls, any clock."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

from vidsum.watch.job import (
    MOST_ATTEMPTS,
    MOST_DEATHS,
    Again,
    Done,
    GivenUp,
    Job,
    Outcome,
    Seen,
    State,
)
from vidsum.watch.jobs import Jobs
from vidsum.watch.jobs_steps import backoff_s, orphan_wait_s

SLACK_S = 60.0
FILES = st.sets(st.integers(0, 3), min_size=1)
VERSIONS = st.integers(1, 2)
OWNERS = st.sampled_from(["ann", "bob", "elsewhere"])
"""Two watchers of one folder, and one of another."""
OUTCOMES: st.SearchStrategy[Outcome] = st.one_of(
    st.just(Done((Path("/r.md"),), "run", None)),
    st.just(GivenUp("not a video", 3)),
    st.builds(Again, st.just("later"), st.sampled_from([None, 0.0, 30.0]), st.booleans(),
              st.booleans()),
)  # fmt: skip


@dataclass
class Row:
    """What the model knows of a file."""

    number: int
    seen: Seen
    due_s: float
    queued_s: float
    state: State = "queued"
    was: State = "queued"
    attempts: int = 0
    deaths: int = 0
    orphanings: int = 0
    owner: str = ""
    until_s: float = 0.0
    renewed_s: float = 0.0
    changed: bool = False
    content: str = ""
    hooks: int = 0

    def queue(self, now_s: float, due_s: float) -> None:
        self.state, self.queued_s, self.due_s = "queued", now_s, due_s

    def queue_afresh(self, now_s: float, due_s: float) -> None:
        self.queue(now_s, due_s)
        self.attempts = self.deaths = self.orphanings = 0
        self.changed = False

    def orphan(self, now_s: float) -> None:
        self.attempts -= 1
        self.orphanings += 1
        if self.changed:
            self.queue_afresh(now_s, now_s)
        else:
            self.queue(now_s, now_s + orphan_wait_s(self.orphanings))

    def is_held(self, job: Job) -> bool:
        return self.state == "running" and (
            (self.owner, self.attempts, self.deaths, self.orphanings)
            == (job.owner, job.attempts, job.deaths, job.orphanings)
        )

    def lives(self, now_s: float) -> bool:
        return now_s <= self.until_s and self.renewed_s <= now_s + SLACK_S


def file(number: int, version: int) -> Seen:
    return Seen(Path(f"film {number}.mp4"), version, version, version)


class JobsBesideAModel(RuleBasedStateMachine):
    """Every call gives what the model says, and the whole is the same after each."""

    held = Bundle("held")

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="vidsum-jobs-"))
        self.now_s = 2e9
        self.rows: dict[tuple[str, Path], Row] = {}
        path = self.folder / "watch.db"
        roots = {"ann": Path("/a"), "bob": Path("/a"), "elsewhere": Path("/b")}
        self.jobs = {
            owner: Jobs(path, root, owner, hooks=True, clock=lambda: self.now_s)
            for owner, root in roots.items()
        }

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    def mine(self, owner: str) -> dict[Path, Row]:
        """The rows of an owner's folder."""
        place = "there" if owner == "elsewhere" else "here"
        return {path: row for (where, path), row in self.rows.items() if where == place}

    def row_of(self, job: Job) -> Row:
        return next(row for row in self.rows.values() if row.number == job.id)

    @rule(seconds=st.sampled_from([0.0, 1.0, 7.0, 70.0, 1000.0, -30.0, -4000.0, -3e8]))
    def move_the_clock(self, seconds: float) -> None:
        self.now_s += seconds

    @rule(owner=OWNERS, numbers=FILES, version=VERSIONS)
    def add(self, owner: str, numbers: set[int], version: int) -> None:
        found = [file(number, version) for number in sorted(numbers)]
        fresh = sum(self.add_one(owner, one) for one in found)
        assert self.jobs[owner].add(found) == fresh

    def add_one(self, owner: str, seen: Seen) -> bool:
        row = self.mine(owner).get(seen.path)
        if row is None:
            place = "there" if owner == "elsewhere" else "here"
            number = len(self.rows) + 1
            self.rows[place, seen.path] = Row(number, seen, self.now_s, self.now_s)
            return True
        before = row.state
        if row.seen == seen:
            row.state = row.was if before == "gone" else before
            return before == "gone" and row.state == "queued"
        row.seen = seen
        if before == "running":
            row.changed = True
            return False
        row.queue_afresh(
            self.now_s, min(row.due_s, self.now_s) if before == "queued" else self.now_s
        )
        return before != "queued"

    @rule(owner=OWNERS, numbers=FILES)
    def lose(self, owner: str, numbers: set[int]) -> None:
        paths = [file(number, 1).path for number in numbers]
        rows = [row for path in paths if (row := self.mine(owner).get(path)) is not None
                and row.state not in ("running", "gone")]  # fmt: skip
        for row in rows:
            row.was, row.state = row.state, "gone"
        assert self.jobs[owner].gone(paths) == len(rows)

    @rule(target=held, owner=OWNERS, lease_s=st.sampled_from([20.0, 2000.0]))
    def claim(self, owner: str, lease_s: float) -> object:
        for row in self.mine(owner).values():
            if row.state == "queued" and row.queued_s > self.now_s + SLACK_S:
                row.queue(self.now_s, self.now_s)
        for row in self.mine(owner).values():
            if row.state == "running" and row.owner != owner and not row.lives(self.now_s):
                row.orphan(self.now_s)
        due = [row for row in self.mine(owner).values()
               if row.state == "queued" and row.due_s <= self.now_s]  # fmt: skip
        job = self.jobs[owner].claim(lease_s)
        if not due:
            assert job is None
            return multiple()
        row = min(due, key=lambda row: (row.due_s, row.number))
        row.state, row.owner, row.content, row.changed = "running", owner, "", False
        row.until_s, row.renewed_s = self.now_s + lease_s, self.now_s
        row.attempts += 1
        assert job == Job(row.number, row.seen, owner, row.attempts, row.deaths, row.orphanings)
        return job

    @rule(job=held, content=st.sampled_from(["aa", "bb"]))
    def identify(self, job: Job, content: str) -> None:
        row = self.row_of(job)
        shared = any(
            other.content == content and other.state == "running" and other.lives(self.now_s)
            for other in self.rows.values() if other is not row
        )  # fmt: skip
        fits = row.is_held(job) and not shared
        assert self.jobs[job.owner].identify(job, content) == fits
        if fits:
            row.content = content

    @rule(job=held, lease_s=st.sampled_from([20.0, 2000.0]))
    def renew(self, job: Job, lease_s: float) -> None:
        row = self.row_of(job)
        assert self.jobs[job.owner].renew(job, lease_s) == row.is_held(job)
        if row.is_held(job):
            row.until_s, row.renewed_s = self.now_s + lease_s, self.now_s

    @rule(job=consumes(held), outcome=OUTCOMES)
    def settle(self, job: Job, outcome: Outcome) -> None:
        row, jobs = self.row_of(job), self.jobs[job.owner]
        state = jobs.settle(job, outcome)
        if not row.is_held(job):
            assert state is None
            return
        if row.changed:
            row.queue_afresh(self.now_s, self.now_s)
        elif isinstance(outcome, Again):
            self.settle_again(row, outcome, jobs.due_s(job))
        else:
            row.state = "done" if isinstance(outcome, Done) else "quarantined"
            row.hooks += isinstance(outcome, Done)
        assert state == row.state

    def settle_again(self, row: Row, again: Again, due_s: float | None) -> None:
        charged = again.charged or again.died
        row.deaths += again.died
        if charged and (row.attempts == MOST_ATTEMPTS or row.deaths == MOST_DEATHS):
            row.state = "quarantined"
            assert due_s is None
            return
        assert due_s is not None
        most_s = backoff_s(row.attempts, 1.0) if charged else 0.0
        least_s = backoff_s(row.attempts, 0.0) if charged else 0.0
        if again.after_s is not None:
            least_s = most_s = again.after_s
        assert least_s <= due_s - self.now_s <= most_s
        row.attempts -= not charged
        row.queue(self.now_s, due_s)

    @rule(owner=OWNERS)
    def recover(self, owner: str) -> None:
        rows = [row for row in self.mine(owner).values()
                if row.state == "running" and row.owner != owner]  # fmt: skip
        for row in rows:
            row.orphan(self.now_s)
        assert self.jobs[owner].recover() == len(rows)

    @rule(owner=OWNERS)
    def release(self, owner: str) -> None:
        rows = [row for row in self.mine(owner).values()
                if row.state == "running" and row.owner == owner]  # fmt: skip
        for row in rows:
            row.attempts -= 1
            if row.changed:
                row.queue_afresh(self.now_s, self.now_s)
            else:
                row.queue(self.now_s, min(row.due_s, self.now_s))
        assert self.jobs[owner].release() == len(rows)

    @rule(owner=OWNERS)
    def retry(self, owner: str) -> None:
        rows = [row for row in self.mine(owner).values() if row.state == "quarantined"]
        for row in rows:
            row.queue_afresh(self.now_s, self.now_s)
        assert self.jobs[owner].retry() == len(rows)

    @rule(owner=OWNERS)
    def end_the_first_hook(self, owner: str) -> None:
        due = self.jobs[owner].hooks_due()
        if due:
            self.jobs[owner].hook_ended(due[0][0], "")
            next(row for row in self.rows.values() if row.number == due[0][0]).hooks -= 1

    @invariant()
    def the_whole_is_the_same(self) -> None:
        for owner in ("ann", "elsewhere"):
            jobs, rows = self.jobs[owner], self.mine(owner)
            states = [row.state for row in rows.values()]
            assert jobs.counts() == {state: states.count(state) for state in jobs.counts()}
            assert jobs.known() == {
                path: row.seen for path, row in rows.items() if row.state != "gone"
            }
            assert {path for _, path, _ in jobs.hooks_due()} == {
                path for path, row in rows.items() if row.hooks
            }
            queued = [row for row in rows.values() if row.state == "queued"]
            wrong = any(row.queued_s > self.now_s + SLACK_S for row in queued)
            due_s = self.now_s if wrong else min((row.due_s for row in queued), default=None)
            assert jobs.next_due_s() == due_s


TestJobs = JobsBesideAModel.TestCase
TestJobs.settings = settings(max_examples=25, stateful_step_count=40)
