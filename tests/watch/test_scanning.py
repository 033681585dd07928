"""What a scan finds in real folders, and what it says when it cannot look."""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from vidsum.broll.folder import BrollFolder
from vidsum.config import Options
from vidsum.watch.holding import hold
from vidsum.watch.scanning import Scan, folders, scan
from vidsum.watch.settings import Settings


def put(root: Path, *names: str, text: str = "x") -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def look(root: Path, *, expected: bool = False, **given: Any) -> Scan:
    return scan(Settings(root, Options(), **given), expected=expected)


def found(root: Path, **given: Any) -> list[str]:
    done = look(root, **given)
    assert done.trouble == ""
    return [str(seen.path) for seen in done.files]


def test_videos_in_all_subfolders_are_found_with_what_tells_them_apart(tmp_path: Path) -> None:
    put(tmp_path, "b.mp4", "a/c.MKV", "a/deep/er/d.wav", "note.txt", "a/e.srt")
    os.utime(tmp_path / "b.mp4", ns=(5, 7))
    done = look(tmp_path)
    assert [str(seen.path) for seen in done.files] == ["a/c.MKV", "a/deep/er/d.wav", "b.mp4"]
    seen = done.files[2]
    assert (seen.size_bytes, seen.mtime_ns) == (1, 7)
    assert seen.inode == (tmp_path / "b.mp4").stat().st_ino
    assert (done.passed, done.problems, done.unread) == (2, (), ())
    assert found(tmp_path, subfolders=False) == ["b.mp4"]


def test_what_is_hidden_half_there_or_our_own_is_passed_over(tmp_path: Path) -> None:
    put(tmp_path, "talk.mp4", "talk.mp4.vidsum.md", ".hidden/a.mp4", "@eaDir/a.mp4", "a.mp4.part",
        "vidsum-quarantine/a.mp4/report.txt", "vidsum-quarantine/b.mp4", ".a.mp4.X1Y2Z3",
        "b/$RECYCLE.BIN/c.mp4", "b/lost+found/c.mp4")  # fmt: skip
    assert found(tmp_path) == ["talk.mp4"]
    assert found(tmp_path, include=("*",)) == ["talk.mp4"]


def test_patterns_choose(tmp_path: Path) -> None:
    put(tmp_path, "a.mp4", "b.mkv", "c.dat", "draft/d.dat")
    assert found(tmp_path, include=("*.dat",)) == ["c.dat", "draft/d.dat"]
    assert found(tmp_path, exclude=("A*",)) == ["b.mkv"]


def test_names_are_bytes(tmp_path: Path) -> None:
    names = [b"caf\xe9.mp4", b"a\nb.mp4", b"-y.mp4", b"\xff" * 251 + b".mp4", b"%s;$(x)'\".mp4",
             "\u202egpm.mp4".encode()]  # fmt: skip
    folder = os.fsencode(tmp_path) + b"/\xe9"
    os.mkdir(folder)  # noqa: PTH102  (a Path is made of text)
    for name in names:
        os.close(os.open(folder + b"/" + name, os.O_CREAT))
    done = look(tmp_path)
    got = [os.fsencode(seen.path) for seen in done.files]
    assert got == sorted(b"\xe9/" + name for name in names)


def test_a_file_that_is_no_regular_one_is_never_taken(tmp_path: Path, monkeypatch: Any) -> None:
    put(tmp_path, "a.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "folder.mp4").mkdir()
    monkeypatch.chdir(tmp_path)  # a socket's path may have 107 bytes only
    with socket.socket(socket.AF_UNIX) as plug:
        plug.bind("plug.mp4")
    assert found(tmp_path) == ["a.mp4"]


def test_nothing_in_the_folder_is_opened(tmp_path: Path) -> None:
    put(tmp_path, "a.mp4", "b/c.mp4")
    script = """
import sys
from pathlib import Path
from vidsum.config import Options
from vidsum.watch.scanning import scan
from vidsum.watch.settings import Settings
opened = []
sys.addaudithook(lambda event, args: opened.append(args[0]) if event == "open" else None)
count = len(scan(Settings(Path(sys.argv[1]), Options())).files)
opened = [one for one in opened if isinstance(one, (str, bytes))]
print(count, [one for one in opened if sys.argv[1] in str(one)])
"""
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["2", "[]"]


def test_links_are_left_alone_unless_asked_for(tmp_path: Path) -> None:
    root, away = tmp_path / "root", tmp_path / "away"
    put(root, "sub/a.mp4")
    put(away, "b.mp4", "more/c.mp4")
    (root / "link.mp4").symlink_to(away / "b.mp4")
    (root / "zlink").symlink_to(away)
    assert found(root) == ["sub/a.mp4"]
    assert found(root, follow_links=True) == ["sub/a.mp4", "zlink/b.mp4", "zlink/more/c.mp4"]


def test_loops_end_and_each_file_has_one_path(tmp_path: Path) -> None:
    put(tmp_path, "a/b/real.mp4", "a/twin.mp4")
    (tmp_path / "a" / "b" / "up").symlink_to(tmp_path)
    (tmp_path / "0first").symlink_to("a/b")
    (tmp_path / "0name.mp4").symlink_to("a/b/real.mp4")
    (tmp_path / "self").symlink_to("self")
    (tmp_path / "self.mp4").symlink_to("self.mp4")
    (tmp_path / "nowhere.mp4").symlink_to("nothing.mp4")
    os.link(tmp_path / "a" / "twin.mp4", tmp_path / "twin2.mp4")
    done = look(tmp_path, follow_links=True)
    assert [str(seen.path) for seen in done.files] == ["a/b/real.mp4", "a/twin.mp4", "twin2.mp4"]
    assert done.problems == ()


def test_the_output_folder_inside_is_passed_over(tmp_path: Path) -> None:
    put(tmp_path, "a.mp4", "out/b.mp4", "out/c/d.mp4")
    assert found(tmp_path, output=tmp_path / "out") == ["a.mp4"]
    assert found(tmp_path, output=tmp_path) == ["a.mp4", "out/b.mp4", "out/c/d.mp4"]
    assert found(tmp_path, output=tmp_path / "none") == ["a.mp4", "out/b.mp4", "out/c/d.mp4"]


def test_clips_that_were_generated_are_no_videos_of_the_users(tmp_path: Path) -> None:
    put(tmp_path, "talk.mp4", "my.broll/rushes.mp4")
    for name in ("talk.broll", "of my own"):
        folder = BrollFolder(tmp_path / name)
        folder.create()
        with folder.hold():
            put(folder.path, "finished/s01-v1.mp4")
    assert found(tmp_path) == ["my.broll/rushes.mp4", "talk.mp4"]
    assert look(tmp_path).passed == 2
    assert set(folders(tmp_path, follow_links=False)) == {tmp_path, tmp_path / "my.broll"}


def test_a_sentinel_is_waited_for_and_a_file_without_one_is_not_gone(tmp_path: Path) -> None:
    put(tmp_path, "a.mp4", "a.mp4.done", "b.mp4", "sub/c.mp4", "sub/c.mp4.done")
    done = look(tmp_path, sentinel=True)
    assert [str(seen.path) for seen in done.files] == ["a.mp4", "sub/c.mp4"]
    assert (done.problems, done.unread) == ((), (Path("b.mp4"),))


@pytest.mark.parametrize("beside", ["a.mp4.aria2", "a.mp4.part", "a.mp4.ytdl"])
def test_a_file_that_is_being_downloaded_waits_and_says_so(tmp_path: Path, beside: str) -> None:
    put(tmp_path, "a.mp4", beside, "b.mp4")
    done = look(tmp_path)
    assert [str(seen.path) for seen in done.files] == ["b.mp4"]
    assert done.problems == (f"a.mp4 waits: {beside} is beside it, so it is not whole.",)
    assert done.unread == (Path("a.mp4"),)


def test_a_root_that_is_away_is_trouble_and_comes_back(tmp_path: Path) -> None:
    root = tmp_path / "root"
    assert look(root).trouble == f"{root} is not there."
    root.write_text("x")
    assert look(root).trouble == f"{root} is no folder."
    root.unlink()
    put(root, "a.mp4")
    assert found(root) == ["a.mp4"]
    shutil.rmtree(root)
    assert look(root).files == ()
    assert look(root).trouble


def test_an_empty_root_is_trouble_only_when_files_are_expected(tmp_path: Path) -> None:
    (tmp_path / ".vidsum.lock").touch()
    (tmp_path / "lost+found").mkdir()
    assert look(tmp_path).trouble == ""
    empty = look(tmp_path, expected=True)
    assert empty.trouble.startswith(f"{tmp_path} is empty")
    assert empty.empty
    assert not look(tmp_path / "none", expected=True).empty
    put(tmp_path, "a.mp4.vidsum.md")
    assert look(tmp_path, expected=True) == Scan(passed=3)


def test_a_subfolder_that_somebody_watches_is_passed_over(tmp_path: Path) -> None:
    put(tmp_path, "a.mp4", "theirs/b.mp4", "left/c.mp4")
    (tmp_path / "left" / ".vidsum.lock").write_text('{"pid": 1, "host": "x", "since": 1}')
    with hold(tmp_path / "theirs"):
        done = look(tmp_path)
    assert [str(seen.path) for seen in done.files] == ["a.mp4", "left/c.mp4"]
    assert done.unread == (Path("theirs"),)
    (problem,) = done.problems
    assert problem.startswith(f"theirs is passed over: it is watched by process {os.getpid()} on ")
    assert found(tmp_path) == ["a.mp4", "left/c.mp4", "theirs/b.mp4"]


def test_a_folder_without_permission_is_a_problem_and_its_files_are_not_gone(
    tmp_path: Path,
) -> None:
    put(tmp_path, "a.mp4", "shut/b.mp4")
    (tmp_path / "shut").chmod(0)
    script = """
import sys
from pathlib import Path
from vidsum.config import Options
from vidsum.watch.scanning import scan
from vidsum.watch.settings import Settings
for root in ("", "shut"):
    done = scan(Settings(Path(sys.argv[1], root), Options()))
    print([str(s.path) for s in done.files], done.problems, done.unread, done.trouble)
"""
    try:
        done = subprocess.run(
            [sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=True,
            preexec_fn=bow_to_permissions,
        )  # fmt: skip
    finally:
        (tmp_path / "shut").chmod(0o700)
    first, second = done.stdout.splitlines()
    why = "may not be read: permission denied."
    assert first == f"['a.mp4'] ('shut {why}',) ({Path('shut')!r},) "
    assert second == f"[] () () {tmp_path}/shut {why}"


def bow_to_permissions() -> None:
    """Give up root's right to pass over file permissions, which a test as root would have."""
    if sys.platform == "linux" and os.geteuid() == 0:
        for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
            ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP


def test_a_tree_too_deep_for_a_path_is_a_problem_not_the_end(tmp_path: Path) -> None:
    put(tmp_path, "a.mp4")
    folder = os.open(tmp_path, os.O_RDONLY)
    for _ in range(25):  # 25 names of 200 bytes: more than the 4,096 bytes of a path
        os.mkdir("d" * 200, dir_fd=folder)
        deeper = os.open("d" * 200, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = deeper
    os.close(folder)
    done = look(tmp_path)
    assert [str(seen.path) for seen in done.files] == ["a.mp4"]
    assert len(done.unread) == 1
    assert "File name too long" in done.problems[0]
    subprocess.run(["rm", "-rf", tmp_path / ("d" * 200)], check=True)


def test_a_deep_tree_needs_no_recursion(tmp_path: Path) -> None:
    for depth in range(1, 1201):
        os.mkdir(f"{tmp_path}{'/d' * depth}")  # noqa: PTH102  (pathlib itself is recursive)
    Path(f"{tmp_path}{'/d' * 1200}/a.mp4").touch()
    assert len(found(tmp_path)) == 1
    subprocess.run(["rm", "-rf", tmp_path / "d"], check=True)  # so is what clears up after a test


def test_two_thousand_files_are_each_found_once(tmp_path: Path) -> None:
    wanted = [f"{number % 40:02}/{number}.mp4" for number in range(2000)]
    put(tmp_path, *wanted)
    done = look(tmp_path)
    assert sorted(str(seen.path) for seen in done.files) == sorted(wanted)


def test_the_folders_to_watch_are_those_that_are_scanned(tmp_path: Path) -> None:
    put(tmp_path, "a/b/x.mp4", ".git/x.mp4", "vidsum-quarantine/x.mp4", "c/x.mp4")
    (tmp_path / "c" / "up").symlink_to(tmp_path)
    away = tmp_path.parent / f"{tmp_path.name}-away"
    away.mkdir()
    (tmp_path / "out").symlink_to(away)
    own = {tmp_path, tmp_path / "a", tmp_path / "a" / "b", tmp_path / "c"}
    assert set(folders(tmp_path, follow_links=False)) == own
    assert set(folders(tmp_path, follow_links=True)) == own | {tmp_path / "out"}
