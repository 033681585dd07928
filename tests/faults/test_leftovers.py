"""Temporary files of writers that were killed go; those of writers that live stay."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from faults.killing import ended, leftovers

from vidsum import outputs
from vidsum.errors import OutputError
from vidsum.outputs import remove_leftovers, write_whole

WRITES = "import sys; from pathlib import Path; from vidsum.outputs import write_whole\n" \
         "write_whole(Path(sys.argv[1]), 'new')"  # fmt: skip


def writer(place: Path, fail_at: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", WRITES, str(place)],
                            env={**os.environ, "VIDSUM_FAIL_AT": fail_at,
                                 "VIDSUM_FAIL_LOG": str(place.parent.parent / "log")})  # fmt: skip


def killed(place: Path, name: str) -> None:
    done = ended([sys.executable, "-c", WRITES, str(place)], place.parent, fail_at=f"{name}=kill")
    assert done.killed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "out"
    made.mkdir()
    return made


@pytest.mark.parametrize("name", ["output.begun", "output.before"])
def test_what_a_killed_writer_leaves_goes_with_the_next_one(folder: Path, name: str) -> None:
    place = folder / "a.md"
    killed(place, name)
    assert not place.exists()
    assert len(leftovers(folder)) == 1
    write_whole(folder / "b.md", "b")
    assert [path.name for path in folder.iterdir()] == ["b.md"]


def test_a_writer_that_lives_keeps_its_file(folder: Path) -> None:
    place = folder / "a.md"
    process = writer(place, "output.before=hang")
    try:
        while (
            not (folder.parent / "log").exists()
            or "before" not in (folder.parent / "log").read_text()
        ):
            assert process.poll() is None
        assert remove_leftovers(folder) == 0
        assert len(leftovers(folder)) == 1
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert remove_leftovers(folder) == 1
    assert list(folder.iterdir()) == []


def test_nothing_else_is_removed(folder: Path) -> None:
    mark = "0123456789abcdef"
    names = (".vidsum.lock", ".vidsum-notes", f".vidsum-{mark}0", f"a.vidsum-{mark}", f"x{mark}")
    for name in names:
        (folder / name).write_text("mine")
    (folder / f".vidsum-{mark}").symlink_to(folder / ".vidsum-notes")
    (folder / ".vidsum-aaaaaaaaaaaaaaaa").mkdir()
    os.mkfifo(folder / ".vidsum-bbbbbbbbbbbbbbbb")
    before = sorted(folder.iterdir())
    assert remove_leftovers(folder) == 0
    assert sorted(folder.iterdir()) == before


def test_on_a_network_folder_only_what_is_old_goes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "on_network", lambda path: True)
    new, old = (folder / f".vidsum-{digit * 16}" for digit in "12")
    for path in (new, old):
        path.write_text("half")
    os.utime(old, (1, 1))
    assert remove_leftovers(folder) == 1
    assert new.exists()


def _write_often(folder: str, number: int) -> None:
    for turn in range(40):
        remove_leftovers(Path(folder))
        write_whole(Path(folder, f"{turn % 3}.md"), f"{number} " * 999)


def test_many_writers_and_cleaners_at_once_lose_nothing(folder: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_write_often, args=(str(folder), n)) for n in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert sorted(path.name for path in folder.iterdir()) == ["0.md", "1.md", "2.md"]
    for path in folder.iterdir():
        assert path.read_text() in {f"{n} " * 999 for n in range(3)}


def test_text_that_cannot_be_written_leaves_nothing(folder: Path) -> None:
    with pytest.raises(UnicodeEncodeError):
        write_whole(folder / "a.md", "x" * 10_000 + "\udcff")
    assert list(folder.iterdir()) == []
    with pytest.raises(OutputError, match=r"a\.md cannot be written"):
        write_whole(folder / "none" / "deeper" / "a.md", "a")
