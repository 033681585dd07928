"""Disks that are full, read-only, broken or gone, before a run and in the middle of it."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from faults.disks import Disk, mounting
from faults.killing import Books, Ended, books, ended, leftovers, vidsum
from faults.sites import PRICES, Faulty, options_for, site_of, video_for
from scripted_provider import Answer, Call, ScriptedProvider

pytestmark = pytest.mark.slow
"""With the others of their kind in the default run these would take it over ten minutes."""

ASKED = 6
needs_mounts = pytest.mark.skipif(mounting() is None, reason="nothing may be mounted here")


class Desk:
    """A video, a provider, a state folder and an output folder, of which one may be on a disk."""

    def __init__(self, folder: Path, clips: Path) -> None:
        self.home, self.out, self.inputs = folder / "state", folder / "out", folder / "in"
        for one in (self.home, self.out, self.inputs):
            one.mkdir()
        self.video = video_for("look", clips, self.inputs)
        self.then: Callable[[], None] | None = None
        """Done once, while the second caption is asked for."""
        self._script = Faulty("look", None)
        self.provider = ScriptedProvider(self._answer)

    def _answer(self, call: Call) -> Answer:
        answer = self._script(call)
        if site_of(call) == "caption" and self._script.counts["caption"] == 2 and self.then:
            self.then()
            self.then = None
        return answer

    @property
    def asked(self) -> int:
        return sum(self._script.counts.values())

    def run(self, *more: object, disk: Disk | None = None, fail_at: str = "",
            before: Sequence[str] = (), **environment: str) -> Ended:  # fmt: skip
        """Run the program; ``disk`` is there for it then. ``before`` is put before its command."""
        command = [*before, *vidsum(self.video, "-o", self.out / "result.json",
                                    *options_for("look", self.provider.url), *more)]  # fmt: skip
        if disk is not None:
            command = disk.command(command)
        return ended(command, self.home, fail_at=fail_at, environment=environment)

    def whole(self, folder: Path | None = None) -> bool:
        """Return whether there is a result, which is then whole, and nothing else of ours."""
        place = self.out if folder is None else folder
        if not place.exists():
            return False
        assert leftovers(place) == []
        path = place / "result.json"
        if not path.exists():
            return False
        return bool(json.loads(path.read_text())["summary"]["overview"])


@pytest.fixture
def desk(tmp_path: Path, clip_folder: Path) -> Iterator[Desk]:
    found = Desk(tmp_path, clip_folder)
    with found.provider:
        yield found


def error_of(found: Ended) -> str:
    """Return the one error that a run told."""
    [line] = [line for line in found.err.splitlines() if "error: " in line]
    assert "bug in vidsum" not in line
    return line


def books_on(disk: Disk, desk: Desk) -> Books:
    """Return the books on a disk; SQLite does not open files in a namespace from outside."""
    copy = Path(shutil.copytree(disk.outside, desk.inputs / "copied"))
    return books(copy)


def check_rerun(desk: Desk, disk: Disk | None = None, *, asks: int = 0) -> None:
    """Made again with room, a run asks only what was not kept."""
    before = desk.asked
    again = desk.run("-q", disk=disk)
    assert (again.code, again.err) == (0, "")
    assert desk.asked - before == asks
    place = disk.outside if disk is not None and disk.inside == desk.out else desk.out
    assert desk.whole(place)


# Where the result goes


@needs_mounts
@pytest.mark.parametrize("midway", [pytest.param(False, marks=pytest.mark.slow), True])
def test_an_output_folder_that_is_full(desk: Desk, midway: bool) -> None:
    with Disk(desk.out) as disk:
        if midway:
            desk.then = disk.fill
        else:
            disk.fill()
        found = desk.run("-q", disk=disk)
        assert found.code == 8
        assert "result.json cannot be written: No space left on device" in error_of(found)
        assert not desk.whole(disk.outside)
        disk.empty()
        check_rerun(desk, disk)
    assert books(desk.home).settled == ASKED


@pytest.mark.slow
@needs_mounts
def test_a_result_that_is_there_survives_a_full_disk(desk: Desk) -> None:
    with Disk(desk.out) as disk:
        assert desk.run("-q", disk=disk).code == 0
        old = (disk.outside / "result.json").read_bytes()
        disk.fill()
        assert desk.run("-q", disk=disk).code == 8
        assert (disk.outside / "result.json").read_bytes() == old


@needs_mounts
def test_an_output_folder_that_becomes_read_only(desk: Desk) -> None:
    with Disk(desk.out) as disk:
        desk.then = lambda: disk.remount("ro")
        found = desk.run("-q", disk=disk)
        assert found.code == 8
        assert "Read-only file system" in error_of(found)
        early = desk.run("-q", disk=disk)
        assert early.code == 8
        assert "cannot be written to" in error_of(early)
        disk.remount("rw")
        check_rerun(desk, disk)


def test_an_output_folder_where_nothing_can_be_made(desk: Desk) -> None:
    desk.out = Path("/proc/self")
    found = desk.run("-q")
    assert found.code == 8
    assert "The folder /proc/self cannot be written to" in error_of(found)
    assert desk.asked == 0


@pytest.mark.slow
@pytest.mark.parametrize("parent", [False, True])
def test_an_output_folder_that_is_removed_meanwhile(desk: Desk, parent: bool) -> None:
    """It is made again, but the folders above it are not: a disk that is gone has none."""
    folder = desk.out
    desk.out = folder / "deeper"
    desk.out.mkdir()
    desk.then = lambda: shutil.rmtree(folder if parent else desk.out)
    found = desk.run("-q")
    if parent:
        assert found.code == 8
        assert "No such file or directory" in error_of(found)
        assert not folder.exists()
        desk.out.mkdir(parents=True)
        check_rerun(desk)
    else:
        assert (found.code, found.err) == (0, "")
        assert desk.whole()


@pytest.mark.slow
def test_stdout_on_a_full_disk(desk: Desk) -> None:
    command = vidsum(desk.video, "--json", *options_for("look", desk.provider.url))
    found = ended(["sh", "-c", 'exec "$@" > /dev/full', "sh", *command], desk.home)
    assert found.code == 8
    assert "No space left" in error_of(found)


def test_files_that_may_not_grow(desk: Desk) -> None:
    """The limit of a process stands for a full disk where nothing can be mounted."""
    limited = ("import os, resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (2048, 2048));"
               "os.execv(sys.argv[1], sys.argv[1:])")  # fmt: skip
    found = desk.run("-q", before=(sys.executable, "-c", limited))
    assert found.code == 8
    assert "result.json cannot be written: File too large" in error_of(found)
    assert not desk.whole()
    check_rerun(desk, asks=ASKED)  # nothing could be kept either


# Where vidsum keeps what it remembers


@needs_mounts
@pytest.mark.slow
@pytest.mark.parametrize("midway", [False, True])
def test_a_state_folder_that_is_full(desk: Desk, midway: bool) -> None:
    """The run goes on, says that it is not recorded and that nothing is kept, each once."""
    with Disk(desk.home, "size=1m") as disk:
        if midway:
            desk.then = disk.fill
        else:
            disk.fill()
        found = desk.run(disk=disk)
        assert found.code == 0
        assert "error: " not in found.err
        assert found.err.count("not wholly in the ledger") == 1
        assert found.err.count("is not kept for later") == 1
        assert desk.whole()
        receipt = json.loads((desk.out / "result.json").read_text())["receipt"]
        assert receipt["recorded"] is False
        assert receipt["total"]["calls"] == desk.asked == ASKED
        disk.empty()
        books_on(disk, desk)
        check_rerun(desk, disk, asks=ASKED - 1 if midway else ASKED)


@needs_mounts
@pytest.mark.slow
@pytest.mark.parametrize("midway", [False, True])
def test_a_state_folder_that_is_full_under_a_cap_a_day(desk: Desk, midway: bool) -> None:
    """What a day spent cannot be known then: nothing more is asked."""
    cap = ("-q", "--max-usd-per-day", "5")
    with Disk(desk.home, "size=1m") as disk:
        (disk.outside / "prices.toml").write_text(PRICES)
        if midway:
            desk.then = disk.fill
        else:
            disk.fill()
        found = desk.run(*cap, disk=disk)
        assert found.code == (6 if midway else 8)
        if not midway:
            assert "What was spent today is not known" in error_of(found)
        assert desk.asked == (2 if midway else 0)
        disk.empty()
        again = desk.run(*cap, disk=disk)
        assert again.code == 0
        assert desk.whole()
        assert books_on(disk, desk).reserved >= ASKED - 1


@pytest.mark.slow
@needs_mounts
def test_a_full_folder_for_temporary_files(desk: Desk, tmp_path: Path) -> None:
    with Disk(tmp_path / "tmp") as disk:
        disk.fill()
        found = desk.run("-q", disk=disk, TMPDIR=str(disk.inside))
        assert (found.code, found.err) == (0, "")
        assert desk.whole()
