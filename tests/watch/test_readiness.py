"""When a file counts as whole, on a clock that the tests turn."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from still_clock import Clock

from vidsum.watch.job import Seen
from vidsum.watch.readiness import Changes, Readiness, still
from vidsum.watch.scanning import Scan

TALK = Seen(Path("talk.mp4"), 10, 1_000, 7)
SETTLE_S = 5.0


@pytest.fixture
def clock() -> Clock:
    return Clock(100.0)


@pytest.fixture
def readiness(clock: Clock) -> Readiness:
    return Readiness(SETTLE_S, clock)


def of(*files: Seen, unread: tuple[str, ...] = ()) -> Scan:
    return Scan(files, unread=tuple(map(Path, unread)))


def test_a_file_is_ready_after_two_scans_and_the_settling_time(
    readiness: Readiness, clock: Clock
) -> None:
    assert readiness.take(of(TALK), {}) == Changes(waiting=1, next_s=5.0)
    clock.now_s += 4.9
    assert readiness.take(of(TALK), {}).ready == ()
    clock.now_s += 0.2
    assert readiness.take(of(TALK), {}) == Changes(ready=(TALK,))
    clock.now_s += 60
    assert readiness.take(of(TALK), {TALK.path: TALK}) == Changes()


def test_one_scan_is_never_enough_however_late(clock: Clock) -> None:
    readiness = Readiness(0.0, clock)
    assert readiness.take(of(TALK), {}).ready == ()
    assert readiness.take(of(TALK), {}).ready == (TALK,)


@pytest.mark.parametrize(("age_s", "left"), [(0, True), (59, True), (61, False), (-1000, True)])
def test_once_leaves_an_empty_file_that_is_new(clock: Clock, age_s: float, left: bool) -> None:
    today_s = 1_800_000_000.0
    readiness = Readiness(SETTLE_S, clock, once=True, today=lambda: today_s)
    empty = replace(TALK, size_bytes=0, mtime_ns=int((today_s - age_s) * 1e9))
    for _ in range(3):
        changes = readiness.take(of(empty), {})
        clock.now_s += SETTLE_S
    assert changes.left == ((TALK.path,) if left else ())
    assert changes.waiting == (0 if left else 1) - len(changes.ready)
    assert readiness.take(of(empty), {}).ready == (() if left else (empty,))
    assert readiness.take(of(empty), {empty.path: empty}) == Changes()


@pytest.mark.parametrize("change", [{"size_bytes": 11}, {"mtime_ns": 999}, {"inode": 8}])
def test_any_change_begins_the_wait_anew(
    readiness: Readiness, clock: Clock, change: dict[str, int]
) -> None:
    other = replace(TALK, **change)
    readiness.take(of(TALK), {})
    clock.now_s += 4
    assert readiness.take(of(other), {}).next_s == 5.0
    clock.now_s += 4
    assert readiness.take(of(other), {}).ready == ()
    clock.now_s += 1
    assert readiness.take(of(other), {}).ready == (other,)


def test_a_known_file_that_changed_settles_again(readiness: Readiness, clock: Clock) -> None:
    known = {TALK.path: TALK}
    new = replace(TALK, size_bytes=20)
    assert readiness.take(of(new), known).waiting == 1
    clock.now_s += 5
    assert readiness.take(of(TALK), known) == Changes()
    clock.now_s += 5
    assert readiness.take(of(new), known).ready == ()
    clock.now_s += 5
    assert readiness.take(of(new), known).ready == (new,)


@pytest.mark.parametrize("mtime_ns", [0, -5, 4_000_000_000 * 10**9])
def test_what_the_mtime_says_is_of_no_account(
    readiness: Readiness, clock: Clock, mtime_ns: int
) -> None:
    odd = replace(TALK, mtime_ns=mtime_ns)
    readiness.take(of(odd), {})
    clock.now_s += 5
    assert readiness.take(of(odd), {}).ready == (odd,)


def test_an_empty_file_waits_for_a_minute(readiness: Readiness, clock: Clock) -> None:
    empty = replace(TALK, size_bytes=0)
    assert readiness.take(of(empty), {}).next_s == 60.0
    clock.now_s += 59
    assert readiness.take(of(empty), {}).ready == ()
    clock.now_s += 1
    assert readiness.take(of(empty), {}).ready == (empty,)


def test_gone_is_what_two_good_scans_in_a_row_miss(readiness: Readiness) -> None:
    known = {TALK.path: TALK}
    assert readiness.take(of(), known).gone == ()
    assert readiness.take(Scan(trouble="away"), known) == Changes()
    assert readiness.take(of(), known).gone == ()
    assert readiness.take(of(TALK), known).gone == ()
    assert readiness.take(of(), known).gone == ()
    assert readiness.take(of(), known).gone == (TALK.path,)
    assert readiness.take(of(), {}).gone == ()


@pytest.mark.parametrize("unread", ["a", "a/b", "a/b/talk.mp4"])
def test_what_could_not_be_read_is_not_gone(readiness: Readiness, unread: str) -> None:
    deep = replace(TALK, path=Path("a/b/talk.mp4"))
    other = replace(TALK, path=Path("ab/talk.mp4"))
    known = {deep.path: deep, other.path: other}
    for _ in range(3):
        changes = readiness.take(of(unread=(unread,)), known)
    assert changes.gone == (other.path,)


def test_a_file_out_of_sight_waits_without_a_hurry(readiness: Readiness, clock: Clock) -> None:
    deep = replace(TALK, path=Path("a/talk.mp4"))
    readiness.take(of(deep), {})
    clock.now_s += 50
    assert readiness.take(of(unread=("a",)), {}) == Changes(waiting=1)
    assert readiness.take(Scan(trouble="away"), {}) == Changes(waiting=1)
    assert readiness.take(of(deep), {}).ready == (deep,)
    assert readiness.take(of(), {}) == Changes()


def test_a_rename_is_one_gone_and_one_new(readiness: Readiness, clock: Clock) -> None:
    known = {TALK.path: TALK}
    new = replace(TALK, path=Path("other.mp4"))
    assert readiness.take(of(new), known) == Changes(waiting=1, next_s=5.0)
    clock.now_s += 5
    assert readiness.take(of(new), known) == Changes(ready=(new,), gone=(TALK.path,))


def test_a_file_is_still_the_same_only_while_nothing_of_it_changed(tmp_path: Path) -> None:
    path = tmp_path / "talk.mp4"
    path.write_text("x")
    state = path.stat()
    seen = Seen(Path("talk.mp4"), 1, state.st_mtime_ns, state.st_ino)
    assert still(tmp_path, seen)
    path.write_text("xy")
    os.utime(path, ns=(state.st_mtime_ns, state.st_mtime_ns))
    assert not still(tmp_path, seen)
    path.write_text("y")
    os.utime(path, ns=(1, 1))
    assert not still(tmp_path, seen)
    path.write_text("x")
    os.utime(path, ns=(state.st_mtime_ns, state.st_mtime_ns))
    assert still(tmp_path, seen)
    path.rename(tmp_path / "old.mp4")
    assert not still(tmp_path, seen)
    path.write_text("x")
    os.utime(path, ns=(state.st_mtime_ns, state.st_mtime_ns))
    assert not still(tmp_path, seen)
    path.unlink()
    os.mkfifo(path)
    assert not still(tmp_path, replace(seen, inode=path.stat().st_ino, size_bytes=0))


NAMES = [Path("a.mp4"), Path("b.mp4"), Path("sub/c.mp4")]


class Folder(RuleBasedStateMachine):
    """Files come, change, go and come back; each is to be ready once for each thing it was."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock(100.0)
        self.readiness = Readiness(SETTLE_S, self.clock)
        self.there: dict[Path, Seen] = {}
        self.known: dict[Path, Seen] = {}
        self.touched_s: dict[Path, float] = {}
        self.unseen: dict[Path, int] = {}
        self.number = 0

    @rule(path=st.sampled_from(NAMES), empty=st.booleans())
    def write(self, path: Path, empty: bool) -> None:
        self.number += 1
        self.there[path] = Seen(path, 0 if empty else self.number, self.number, self.number)
        self.touched_s[path] = self.clock.now_s
        self.unseen[path] = 0

    @rule(path=st.sampled_from(NAMES))
    def remove(self, path: Path) -> None:
        self.there.pop(path, None)

    @rule(past_s=st.sampled_from([0.1, 2.0, 4.9, 5.0, 61.0]))
    def pass_time(self, past_s: float) -> None:
        self.clock.now_s += past_s

    @rule(away=st.sampled_from(["", "sub", "root"]))
    def scan(self, away: str) -> None:
        if away == "root":
            assert not self.readiness.take(Scan(trouble="away"), self.known).ready
            self.unseen = dict.fromkeys(self.unseen, 0)
            return
        hidden = [path for path in NAMES if away and path.parts[0] == away]
        files = [seen for path, seen in self.there.items() if path not in hidden]
        changes = self.readiness.take(of(*files, unread=(away,) if away else ()), self.known)
        for seen in changes.ready:
            quiet_s = self.clock.now_s - self.touched_s[seen.path]
            assert seen in files
            assert self.known.get(seen.path) != seen
            assert quiet_s >= (SETTLE_S if seen.size_bytes else 12 * SETTLE_S)
            self.known[seen.path] = seen
        for path in NAMES:
            missed = path not in self.there and path not in hidden
            self.unseen[path] = self.unseen.get(path, 0) + 1 if missed else 0
        for path in changes.gone:
            assert self.unseen[path] >= 2
            del self.known[path]
        assert changes.waiting >= sum(self.known.get(seen.path) != seen for seen in files)

    @precondition(lambda self: self.there)
    @rule()
    def be_quiet(self) -> None:
        for _ in range(3):
            self.scan("")
            self.clock.now_s += 12 * SETTLE_S
        self.scan("")
        assert self.known == self.there

    @invariant()
    def nothing_is_known_that_never_was(self) -> None:
        assert all(seen.mtime_ns <= self.number for seen in self.known.values())


TestFolder = Folder.TestCase
TestFolder.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
