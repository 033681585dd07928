"""Events wake early; whatever goes wrong with them, the clock goes on. Limits here are no timings:
a wait of a minute that ends at all within the test was ended by an event."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from vidsum.watch.waking import Waker

LONG_S = 60.0


def told(waker: Waker) -> bool:
    return waker.wait(LONG_S)


def quiet(waker: Waker, for_s: float = 0.5) -> None:
    """Wait until what has happened so far was told."""
    while waker.wait(for_s):
        pass


def threads_and_files() -> tuple[int, int]:
    tasks, files = (list(Path("/proc/self", kind).iterdir()) for kind in ("task", "fd"))
    return len(tasks), len(files)


def settled(wanted: tuple[int, int]) -> bool:
    """The system's side of watching ends a moment after it was told to."""
    pause = threading.Event()
    return any(threads_and_files() == wanted or pause.wait(0.05) for _ in range(200))


def test_files_that_come_move_and_go_wake_and_results_do_not(tmp_path: Path) -> None:
    root = tmp_path / "videos"
    (root / "sub").mkdir(parents=True)
    before = threads_and_files()
    with Waker(root, poll=False, follow_links=False) as waker:
        assert told(waker)  # what was there before it was watched
        quiet(waker)
        (root / "sub" / "a.mp4").write_text("x")
        assert told(waker)
        quiet(waker)
        (root / "sub" / "a.mp4").rename(root / "b.mp4")
        assert told(waker)
        quiet(waker)
        (root / "b.mp4").unlink()
        assert told(waker)
        quiet(waker, 1.5)
        (root / ".vidsum.lock").touch()
        (root / "a.mp4.vidsum.md").write_text("x")
        assert not waker.wait(1.0)
        assert waker.trouble == ""
    assert settled(before)


def test_folders_that_come_later_are_watched_too(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "deep").mkdir(parents=True)
    (tmp_path / "videos").mkdir()
    with Waker(tmp_path / "videos", poll=False, follow_links=False) as waker:
        quiet(waker)
        tree.rename(tmp_path / "videos" / "tree")
        assert told(waker)
        quiet(waker)
        (tmp_path / "videos" / "tree" / "deep" / "a.mp4").write_text("x")
        assert told(waker)


@pytest.mark.slow
def test_what_lies_behind_links_is_watched_only_if_they_are_followed(tmp_path: Path) -> None:
    root, away = tmp_path / "videos", tmp_path / "away"
    root.mkdir()
    away.mkdir()
    (root / "link").symlink_to(away)
    (away / "up").symlink_to(tmp_path)
    with Waker(root, poll=False, follow_links=False) as waker:
        quiet(waker, 1.5)
        (away / "a.mp4").write_text("x")
        assert not waker.wait(1.0)
    with Waker(root, poll=False, follow_links=True) as waker:
        quiet(waker)
        (away / "b.mp4").write_text("x")
        assert told(waker)


def test_names_that_are_not_utf8_wake_and_end_nothing(tmp_path: Path) -> None:
    os.mkdir(os.fsencode(tmp_path) + b"/\xe9")  # noqa: PTH102  (a Path is made of text)
    with Waker(tmp_path, poll=False, follow_links=False) as waker:
        quiet(waker)
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp4")).touch()
        assert told(waker)
        quiet(waker)
        (tmp_path / "a.mp4").touch()
        assert told(waker)
        assert waker.trouble == ""


@pytest.mark.slow
def test_a_root_that_is_away_is_picked_up_again(tmp_path: Path) -> None:
    root = tmp_path / "videos"
    root.mkdir()
    with Waker(root, poll=False, follow_links=False) as waker:
        quiet(waker)
        shutil.rmtree(root)
        told(waker)
        quiet(waker)
        assert waker.trouble == ""  # that it is away is for the scan to say
        root.mkdir()
        assert told(waker)
        quiet(waker)
        assert waker.trouble == ""
        (root / "a.mp4").touch()
        assert told(waker)


def test_a_root_whose_name_is_not_utf8_goes_by_the_clock_and_says_so(tmp_path: Path) -> None:
    root = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xe9"))
    root.mkdir()
    with Waker(root, poll=False, follow_links=False) as waker:
        assert not waker.wait(0.5)
        assert "its name is not UTF-8" in waker.trouble


@pytest.mark.parametrize(
    ("limit", "said"),
    [("max_inotify_watches 3", "watch limit"), ("max_inotify_instances 0", "Too many open files")],
)
def test_at_the_limit_of_the_system_the_clock_goes_on(
    tmp_path: Path, limit: str, said: str
) -> None:
    for number in range(6):
        (tmp_path / str(number)).mkdir()
    script = """
import sys
from pathlib import Path
from vidsum.watch.waking import Waker
name, value = sys.argv[2].split()
Path("/proc/sys/user", name).write_text(value)
with Waker(Path(sys.argv[1]), poll=False, follow_links=False) as waker:
    woken = waker.wait(1.0)
    print(woken, waker.trouble)
"""
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", sys.executable, "-c", script, tmp_path, limit],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "unshare" in done.stderr:
        pytest.skip("this system lets nobody have a user namespace, which the limits belong to")
    assert done.stdout.startswith(f"False {tmp_path} is looked at by the clock only"), done.stderr
    assert said in done.stdout


def test_by_the_clock_alone_nothing_is_listened_to(tmp_path: Path) -> None:
    tasks, files = threads_and_files()
    with Waker(tmp_path, poll=True, follow_links=False) as waker:
        assert threads_and_files() == (tasks, files + 2)
        (tmp_path / "a.mp4").touch()
        assert not waker.wait(0.2)
    assert threads_and_files() == (tasks, files)
    assert not waker.wait(LONG_S)
    waker.wake()


@pytest.mark.parametrize("how", ["thread", "signal", "before"])
def test_a_wait_is_ended_from_a_thread_and_from_a_signal(tmp_path: Path, how: str) -> None:
    with Waker(tmp_path, poll=True, follow_links=False) as waker:
        ways: dict[str, Callable[[], object]] = {
            "thread": waker.wake, "signal": lambda: os.kill(os.getpid(), signal.SIGUSR1),
        }  # fmt: skip
        before = signal.signal(signal.SIGUSR1, lambda *_: waker.wake())
        try:
            if how == "before":
                for _ in range(100_000):
                    waker.wake()
                assert not waker.wait(LONG_S)
            else:
                timer = threading.Timer(0.2, ways[how])
                timer.start()
                assert not waker.wait(LONG_S)
                timer.join()
            assert not waker.wait(0.0)
        finally:
            signal.signal(signal.SIGUSR1, before)
