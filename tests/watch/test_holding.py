"""Locks of folders between real processes: taken, refused, taken over, lost."""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from vidsum.errors import FolderHeld, OptionError, OutputError
from vidsum.home import state_folder
from vidsum.watch import holders, holding
from vidsum.watch.holding import hold, holder

HOLD = """
import sys, time
from pathlib import Path
from vidsum.watch.holding import hold
with hold(Path(sys.argv[1])) as held:
    print(held.path, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "videos"
    root.mkdir()
    return root


def bow_to_permissions() -> None:
    """Give up root's right to pass over file permissions, which a test as root would have."""
    if sys.platform == "linux" and os.geteuid() == 0:
        for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
            ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP


@contextmanager
def another(root: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A process that holds a folder until the block is left, and where its lock is."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, root], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True, preexec_fn=bow_to_permissions,
    )  # fmt: skip
    with process:
        try:
            assert process.stdout is not None
            yield process, Path(process.stdout.readline().strip())
        finally:
            process.kill()


def refusal(root: Path) -> FolderHeld:
    with pytest.raises(FolderHeld) as caught, hold(root):
        pass
    assert caught.value.exit_code == 75
    assert caught.value.hint
    return caught.value


def test_a_second_watcher_is_told_who_has_the_folder(folder: Path) -> None:
    with another(folder) as (process, lock):
        assert lock == folder / ".vidsum.lock"
        message = refusal(folder).message
        assert f"{folder} is watched by process {process.pid} on {os.uname().nodename}" in message
        found = holder(folder)
        assert found is not None
        assert (found.pid, found.alive, found.this_host) == (process.pid, True, True)
        assert found.since_s is not None
        assert abs(found.since_s - time.time()) < 300
        process.communicate()
        assert process.returncode == 0
    assert holder(folder) is None
    assert list(folder.iterdir()) == []


def test_the_lock_of_a_killed_watcher_is_taken_over(folder: Path) -> None:
    with another(folder) as (process, lock):
        process.send_signal(signal.SIGKILL)
        process.wait()
    found = holder(folder)
    assert found is not None
    assert (found.pid, found.alive) == (process.pid, False)
    with hold(folder) as held:
        assert held.path == lock
        assert held.beat()
        found = holder(folder)
        assert found is not None
        assert (found.pid, found.alive) == (os.getpid(), True)


def test_two_in_one_process_are_two_as_well_and_after_the_end_it_is_free(folder: Path) -> None:
    with hold(folder):
        assert f"process {os.getpid()}" in refusal(folder).message
    with hold(folder):
        pass


def test_a_lock_can_be_read_by_others_and_is_not_handed_to_children(folder: Path) -> None:
    with hold(folder) as held:
        assert stat.S_IMODE(held.path.stat().st_mode) & 0o644 == 0o644
        child = subprocess.Popen(
            [sys.executable, "-c", "import sys; sys.stdin.read()"],
            stdin=subprocess.PIPE, close_fds=False,
        )  # fmt: skip
    with child:
        with hold(folder):
            pass
        child.kill()


def test_all_names_of_a_folder_are_one_lock(folder: Path) -> None:
    link = folder.with_name("link")
    link.symlink_to(folder)
    with hold(link):
        refusal(folder)
        refusal(folder / ".." / "videos")
        refusal(link)


def test_a_folder_within_a_watched_one_is_refused_but_not_its_neighbour(folder: Path) -> None:
    inner = folder / "a" / "b"
    inner.mkdir(parents=True)
    with another(folder):
        message = refusal(inner).message
        assert f"{folder} is watched by process" in message
        assert f"{inner} is in it" in message
        assert list(inner.iterdir()) == []
        with hold(folder.parent):
            pass
    with hold(inner):
        pass


def test_a_lock_that_is_removed_or_replaced_is_lost(folder: Path) -> None:
    with hold(folder) as held:
        assert held.beat()
        held.path.unlink()
        assert not held.beat()
        with hold(folder) as other:
            assert not held.beat()
            assert other.beat()
    with hold(folder) as held:
        folder.rename(folder.with_name("away"))
        assert not held.beat()
        folder.mkdir()
        assert not held.beat()
        with hold(folder) as other:
            assert other.beat()


def test_leaving_removes_nobody_elses_lock(folder: Path) -> None:
    with hold(folder) as held:
        held.path.unlink()
        held.path.write_text("theirs")
    assert (folder / ".vidsum.lock").read_text() == "theirs"


def test_a_beat_shows_in_the_files_time(folder: Path) -> None:
    with hold(folder) as held:
        os.utime(held.path, (1, 1))
        assert held.beat()
        assert time.time() - held.path.stat().st_mtime < 300


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\0", b"[1]", b'{"pid": "x", "host": 3}', b"{" * 5000, b"[" * 4000,
     b'{"pid": -1, "since": 1e400}', b'{"pid": true}', b'{"pid": NaN, "since": NaN}'],
)  # fmt: skip
def test_whatever_is_written_in_a_lock_it_is_not_believed(folder: Path, content: bytes) -> None:
    lock = folder / ".vidsum.lock"
    lock.write_bytes(content)
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert "is watched by another watcher" in refusal(folder).message
    with hold(folder):
        pass


def test_a_host_name_cannot_drive_a_terminal(folder: Path) -> None:
    lock = folder / ".vidsum.lock"
    lock.write_text(json.dumps({"pid": 5, "host": "a\x1b[31m\nb", "since": 1}))
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        error = refusal(folder)
    assert "process 5 on a b, since 1970-01-01" in error.message
    assert "wait 90 s" in error.hint


def test_a_link_or_a_pipe_in_the_place_of_the_lock_is_refused(folder: Path) -> None:
    lock, precious = folder / ".vidsum.lock", folder.with_name("precious")
    precious.write_text("mine")
    lock.symlink_to(precious)
    with pytest.raises(OutputError, match="cannot be used as a lock"), hold(folder):
        pass
    assert precious.read_text() == "mine"
    lock.unlink()
    os.mkfifo(lock)
    with pytest.raises(OutputError, match="no regular file"), hold(folder):
        pass
    assert holder(folder) is None


def test_a_folder_that_is_not_there_is_refused(folder: Path) -> None:
    (folder / "file").touch()
    for root in (folder / "none", folder / "file"):
        with pytest.raises(OptionError, match="cannot be watched"), hold(root):
            pass


def test_a_folder_that_cannot_be_written_to_is_locked_in_the_state_folder(folder: Path) -> None:
    inner = folder / "inner"
    inner.mkdir()
    folder.chmod(0o555)
    try:
        with another(folder) as (process, lock):
            assert lock.parent == state_folder() / "watch"
            link = folder.with_name("link")
            link.symlink_to(folder)
            for root in (folder, link, inner):
                assert f"process {process.pid}" in refusal(root).message
            found = holder(folder)
            assert found is not None
            assert found.pid == process.pid
    finally:
        folder.chmod(0o755)


def test_many_at_once_give_one_holder(folder: Path) -> None:
    script = HOLD.replace("sys.stdin.read()", "time.sleep(30)")
    racers = [
        subprocess.Popen([sys.executable, "-c", script, folder],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]  # fmt: skip
    try:
        lost = 0
        while lost < 3:
            lost = sum(racer.poll() is not None for racer in racers)
            time.sleep(0.02)
        assert sum(racer.poll() is None for racer in racers) == 1
    finally:
        for racer in racers:
            racer.kill()
        said = [racer.communicate() for racer in racers]
    assert sum("FolderHeld" in err for _, err in said) == 3
    assert sum(".vidsum.lock" in out for out, _ in said) == 1


def other_machines(folder: Path, age_s: float) -> Path:
    lock = folder / ".vidsum.lock"
    lock.write_text(json.dumps({"pid": os.getpid(), "host": "elsewhere", "since": 1}))
    os.utime(lock, (time.time() - age_s,) * 2)
    return lock


def on_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no network folder to test with: the question alone is answered for the code."""
    for module in (holders, holding):
        monkeypatch.setattr(module, "on_network", lambda path: True)


def test_on_a_network_another_machines_fresh_lock_is_believed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other_machines(folder, 60)
    with hold(folder):  # on a disk of this machine, the system tells
        pass
    on_the_network(monkeypatch)
    other_machines(folder, 60)
    error = refusal(folder)
    assert "on elsewhere" in error.message
    found = holder(folder)
    assert found is not None
    assert (found.alive, found.this_host) == (True, False)
    other_machines(folder, 120)
    assert holder(folder) != found
    with hold(folder) as held:
        assert held.beat()
    assert list(folder.iterdir()) == []


def test_on_a_network_a_lock_kept_for_a_dead_machine_is_replaced(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_the_network(monkeypatch)
    lock = other_machines(folder, 120)
    with lock.open() as theirs:
        fcntl.flock(theirs, fcntl.LOCK_EX)
        with hold(folder) as held:
            assert held.beat()
            os.utime(held.path, (1, 1))  # our own, however old, is no dead machine's
            assert "process" in refusal(folder).message


def test_where_there_are_no_locks_the_content_is_believed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: object, how: int) -> None:
        raise OSError(95, "not supported")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with hold(folder) as held:
        assert f"process {os.getpid()}" in refusal(folder).message
        assert held.beat()
        other_machines(folder, 0)
        assert not held.beat()
        refusal(folder)
        os.utime(held.path, (1, 1))
        with hold(folder) as other:
            assert other.beat()
    assert holder(folder) is None
