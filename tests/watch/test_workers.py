"""A worker's process, whatever ends it: what that means for its file."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue

import pytest
from watching import alive, settings

from vidsum.watch import workers
from vidsum.watch.job import Again, Job, Seen
from vidsum.watch.messages import Alive, Identified, Order, Verdict
from vidsum.watch.workers import Said, Worker


@pytest.fixture
def order(root: Path, films: list[Path]) -> Order:
    shutil.copy(films[0], root / "a.mp4")
    state = (root / "a.mp4").stat()
    seen = Seen(Path("a.mp4"), state.st_size, state.st_mtime_ns, state.st_ino)
    return Order(settings(root), Job(1, seen, "the test"))


@pytest.fixture
def inbox() -> SimpleQueue[Said]:
    return SimpleQueue()


@pytest.fixture
def worker(order: Order, inbox: SimpleQueue[Said]) -> Iterator[Worker]:
    """A worker that waits for leave."""
    found = Worker(order, inbox.put)
    try:
        assert isinstance(heard(inbox, Alive), Alive)
        heard(inbox, Identified)
        yield found
    finally:
        found.kill()


def heard(inbox: SimpleQueue[Said], kind: type) -> object:
    """Return the next message of a kind."""
    while True:
        said = inbox.get(timeout=60)
        assert said.message is not None, said.worker.verdict()
        if isinstance(said.message, kind):
            return said.message


def end(inbox: SimpleQueue[Said]) -> Verdict:
    """Return how a worker ended."""
    while True:
        said = inbox.get(timeout=60)
        if said.message is None:
            return said.worker.verdict()


def test_a_worker_that_is_asked_ends_uncharged(worker: Worker, inbox: SimpleQueue[Said]) -> None:
    worker.ask_to_end()
    outcome = end(inbox).outcome
    assert isinstance(outcome, Again)
    assert (outcome.charged, outcome.died) == (False, False)


@pytest.mark.slow
def test_a_signal_to_a_worker_alone_counts(worker: Worker, inbox: SimpleQueue[Said]) -> None:
    os.kill(worker.pid, signal.SIGTERM)
    verdict = end(inbox)
    assert verdict.outcome == Again("the worker was told to end, not by the watcher", died=True)
    assert verdict.hint


def test_a_signal_to_all_is_the_end_of_the_watcher(
    worker: Worker, inbox: SimpleQueue[Said]
) -> None:
    """As when systemd ends a unit: the worker may have it before the watcher asks for an end."""
    os.kill(worker.pid, signal.SIGTERM)
    time.sleep(0.3)
    worker.ask_to_end()
    outcome = end(inbox).outcome
    assert isinstance(outcome, Again)
    assert (outcome.charged, outcome.died) == (False, False)


def test_a_worker_that_is_killed_counts(worker: Worker, inbox: SimpleQueue[Said]) -> None:
    os.kill(worker.pid, signal.SIGKILL)
    assert end(inbox).outcome == Again("the worker died (SIGKILL)", died=True)


def test_a_worker_that_cannot_begin_is_no_fault_of_the_file(
    order: Order, inbox: SimpleQueue[Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDSUM_FAIL_AT", "nonsense")  # as when vidsum was changed meanwhile
    Worker(order, inbox.put)
    verdict = end(inbox)
    assert isinstance(verdict.outcome, Again)
    assert (verdict.outcome.charged, verdict.outcome.died) == (False, False)
    assert verdict.halt is not None
    assert verdict.halt.cause == "blocked"
    assert "before it had begun: ValueError: VIDSUM_FAIL_AT has 'nonsense'" in verdict.halt.why
    assert "start it again" in verdict.hint


@pytest.mark.slow
def test_who_was_frozen_with_its_watcher_is_not_taken_for_stuck(
    order: Order, inbox: SimpleQueue[Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDSUM_FAIL_AT", "worker.identified=hang")
    monkeypatch.setattr(workers, "_ASLEEP_S", 0.5)
    crew = workers.Workers(replace(order.settings, stall_s=1.0), inbox.put)
    worker = crew.start(order.job, last=False)
    heard(inbox, Alive)
    crew.end_stalled()
    time.sleep(1.2)  # nobody looks, as when the machine stands still
    crew.end_stalled()
    assert alive(worker.pid)
    while inbox.empty():
        crew.end_stalled()
        time.sleep(0.05)
    outcome = end(inbox).outcome
    assert outcome == Again("the worker said nothing for 1 s and was ended")


@pytest.mark.slow
def test_where_children_are_not_waited_for_a_worker_still_ends(
    root: Path, films: list[Path]
) -> None:
    """A parent that ignores SIGCHLD hands that on."""
    shutil.copy(films[0], root / "a.mp4")
    code = (
        "import signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
        "sys.path.insert(0, sys.argv[1]); from pathlib import Path\n"
        "from watching import once, settings\n"
        "print(once(settings(Path(sys.argv[2])))[0].done)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(Path(__file__).parent.parent), str(root)],
        capture_output=True, text=True, timeout=120,
        env=os.environ | {"VIDSUM_HOME": str(root.parent / "state")},
    )  # fmt: skip
    assert done.stdout == "1\n", done.stderr
