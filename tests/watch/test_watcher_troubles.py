"""The watcher when something is wrong with the folder, the disk, the lock or a worker."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
from pathlib import Path

import pytest
from watching import jobs, once, row, running, settings, small_film, workers_of

import vidsum
from vidsum.cli.main import run
from vidsum.errors import BackendFailed, FolderHeld
from vidsum.watch import status, watcher
from vidsum.watch.jobs import Jobs, default_path
from vidsum.watch.names import LOCK, QUARANTINE
from vidsum.watch.reports import Report

pytestmark = [pytest.mark.usefixtures("impatient"), pytest.mark.slow]
AT_NIGHT = 10**18


@pytest.fixture
def beating(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lock and leases are looked after all the time."""
    monkeypatch.setattr(watcher, "_BEAT_S", 0.1)
    monkeypatch.setattr(watcher, "_TICK_S", 0.1)


@pytest.mark.usefixtures("beating")
def test_a_lock_that_was_removed_is_taken_again(root: Path, films: list[Path]) -> None:
    with running(settings(root)) as watch:
        watch.until_told("watching")
        (root / LOCK).unlink()
        watch.until((root / LOCK).exists)
        with pytest.raises(FolderHeld):
            once(settings(root))
        shutil.copy(films[0], root / "a.mp4")
        watch.until_told("done", "a.mp4")
    assert not (root / LOCK).exists()


@pytest.mark.usefixtures("beating")
def test_a_lock_that_another_watcher_took_ends_this_one(
    root: Path, films: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDSUM_FAIL_AT", "worker.identified=hang")
    shutil.copy(films[0], root / "a.mp4")
    theirs = root.parent / "theirs"
    with theirs.open("w") as file, running(settings(root)) as watch:
        watch.until_told("started", "a.mp4")
        fcntl.flock(file, fcntl.LOCK_EX)
        theirs.replace(root / LOCK)
        Jobs(default_path(), root, "the other").say("watching")
        watch.thread.join(60)
        assert isinstance(watch.error, FolderHeld)
        watch.error = None
        assert workers_of(os.getpid()) == []
    told = status.folder(default_path(), root)
    assert told is not None
    assert (told.state, told.owner) == ("watching", "the other")
    assert (row(root, "state"), row(root, "attempts")) == (["queued"], [0])


@pytest.mark.usefixtures("beating")
def test_a_job_without_a_worker_is_put_back(
    root: Path, films: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a claim was written and the disk then said that it was not."""
    monkeypatch.setenv("VIDSUM_FAIL_AT", "worker.identified=hang")
    shutil.copy(films[0], root / "a.mp4")
    with running(settings(root)) as watch:
        watch.until_told("started", "a.mp4")
        shutil.copy(films[1], root / "b.mp4")
        watch.until_told("found", "b.mp4")
        [told] = status.folders(default_path())
        assert Jobs(default_path(), root, told.owner).claim(1000.0) is not None
        watch.until(lambda: row(root, "state") == ["running", "queued"])
        assert row(root, "attempts") == [1, 0]
        assert len(workers_of(os.getpid())) == 1


def test_what_cannot_be_looked_at_is_told_once(root: Path, films: list[Path]) -> None:
    shutil.copy(films[0], root / "a.mp4")
    (root / "a.mp4.part").touch()
    (root / "b.mp4").touch()
    os.utime(root / "b.mp4", ns=(AT_NIGHT, AT_NIGHT))
    with running(settings(root)) as watch:
        watch.until_told("problem")
        for _ in range(4):  # some scans
            small_film(root / "c.mp4", 1, shots=1)
            watch.until_told("found", "c.mp4")
            (root / "c.mp4").unlink()
            watch.until_told("gone", "c.mp4")
            watch.told[:] = [
                one for one in watch.told if getattr(one, "path", None) != Path("c.mp4")
            ]
    assert watch.count("problem") == 1
    assert watch.message("problem").startswith("a.mp4 waits: a.mp4.part is beside it")


def test_an_empty_file_is_left_by_once_until_it_is_a_minute_old(root: Path) -> None:
    (root / "a.mp4").touch()
    for _ in range(2):
        summary, told = once(settings(root, settle_s=5.0))
        assert (summary.exit_code, row(root, "path")) == (0, [])
        problems = [
            one.message for one in told if isinstance(one, Report) and one.kind == "problem"
        ]
        assert problems == ["a.mp4 is empty and new: it is left for the next call"]
    os.utime(root / "a.mp4", ns=(AT_NIGHT, AT_NIGHT))
    summary, told = once(settings(root))
    assert (summary.quarantined, summary.exit_code) == (1, 7)


def test_a_retry_is_taken_up_by_a_watcher_that_runs(
    root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.mp4", "b.mp4"):
        (root / name).write_bytes(b"no film, " + name.encode())
    with running(settings(root)) as watch:
        watch.until_told("quarantined", times=2)
        assert run(["watch", "retry", str(root), "a.mp4"]) == 0
        assert "queued again: 1" in capfd.readouterr().err
        watch.until_told("quarantined", "a.mp4", times=2)
        assert run(["watch", "retry", str(root)]) == 0
        assert "queued again: 2" in capfd.readouterr().err
        watch.until_told("quarantined", times=5)
    assert (watch.count("started", "a.mp4"), watch.count("started", "b.mp4")) == (3, 2)
    assert (root / QUARANTINE / "a.mp4" / "report.txt").exists()


def test_a_report_that_cannot_be_written_pauses_and_is_said_once(
    root: Path, films: list[Path], tmp_path: Path
) -> None:
    """Somebody has put a link where the reports go."""
    (tmp_path / "elsewhere").mkdir()
    (root / QUARANTINE).symlink_to(tmp_path / "elsewhere")
    (root / "bad.mp4").write_bytes(b"no film")
    with running(settings(root)) as watch:
        watch.until_told("paused")
        assert "leads out of" in watch.message("paused")
        shutil.copy(films[0], root / "a.mp4")
        with pytest.raises(AssertionError):
            watch.until(lambda: watch.count("started") > 1 or watch.count("paused") > 1, 1.5)
        assert watch.count("quarantined") == 0
        (root / QUARANTINE).unlink()
        watch.until_told("quarantined", "bad.mp4")
        watch.until_told("done", "a.mp4")
        assert (watch.count("paused"), watch.count("resumed")) == (1, 1)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_later_watcher_reports_all_that_is_known(
    root: Path, films: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (root / QUARANTINE).symlink_to(tmp_path / "elsewhere")
    (root / "bad.mp4").write_bytes(b"no film")
    assert once(settings(root))[0].paused
    (root / QUARANTINE).unlink()
    assert once(settings(root))[0].quarantined == 1
    told = json.loads((root / QUARANTINE / "bad.mp4" / "error.json").read_text())
    assert (told["exit_code"], len(told["sha256"])) == (3, 64)
    assert told["hint"]
    assert told["first_at"] <= told["last_at"]


def test_a_planted_link_is_replaced_by_the_result(
    root: Path, films: list[Path], tmp_path: Path
) -> None:
    (tmp_path / ".bashrc").write_text("precious")
    (root / "a.mp4.vidsum.md").symlink_to(tmp_path / ".bashrc")
    shutil.copy(films[0], root / "a.mp4")
    assert once(settings(root))[0].done == 1
    assert (tmp_path / ".bashrc").read_text() == "precious"
    assert "# " in (root / "a.mp4.vidsum.md").read_text()
    assert not (root / "a.mp4.vidsum.md").is_symlink()


def test_a_disk_that_takes_no_more_pauses_the_folder(
    root: Path, films: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(films[0], root / "a.mp4")
    monkeypatch.setenv("VIDSUM_FAIL_AT", "output.before@*=ENOSPC")  # for the workers
    with running(settings(root)) as watch:
        watch.until_told("paused")
        assert "No space left on device" in watch.message("paused")
        watch.until_told("again", "a.mp4")
        assert watch.message("again").endswith("; again when there is room")
        watch.until_told("started", "a.mp4", times=2)
    assert (row(root, "state"), row(root, "attempts")) == (["queued"], [0])
    assert sorted(path.name for path in root.iterdir()) == ["a.mp4"]
    monkeypatch.delenv("VIDSUM_FAIL_AT")
    assert once(settings(root))[0].done == 1
    assert row(root, "attempts") == [1]


def test_a_worker_that_somebody_else_ends_is_charged(
    root: Path, films: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDSUM_FAIL_AT", "worker.summarized=hang")
    shutil.copy(films[0], root / "a.mp4")
    with running(settings(root)) as watch:
        watch.until(lambda: watch.heard("a.mp4"))
        monkeypatch.delenv("VIDSUM_FAIL_AT")
        os.kill(workers_of(os.getpid())[0], signal.SIGTERM)
        watch.until_told("again", "a.mp4")
        assert watch.message("again").startswith("the worker was told to end, not by the watcher")
        watch.until_told("done", "a.mp4")
    assert (row(root, "attempts"), row(root, "deaths")) == ([2], [1])


def test_a_watcher_that_ends_says_when_it_goes_on(
    root: Path, films: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDSUM_FAIL_AT", "worker.identified=hang")
    shutil.copy(films[0], root / "a.mp4")
    with running(settings(root)) as watch:
        watch.until_told("started", "a.mp4")
    assert watch.message("again") == (
        "the watcher ends; it goes on when the folder is watched again"
    )
    assert (row(root, "state"), row(root, "attempts")) == (["queued"], [0])


def test_a_file_that_changes_while_it_is_worked_on(
    root: Path, films: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDSUM_FAIL_AT", "worker.summarized=hang")
    shutil.copy(films[0], root / "a.mp4")
    with running(settings(root)) as watch:
        watch.until(lambda: watch.heard("a.mp4"))
        monkeypatch.delenv("VIDSUM_FAIL_AT")
        shutil.copy(films[1], root / "a.mp4")
        watch.until(lambda: row(root, "changed") == [1])
        os.kill(workers_of(os.getpid())[0], signal.SIGKILL)
        watch.until_told("again", "a.mp4")
        assert watch.message("again").endswith("; what is there is looked at again")
        watch.until_told("done", "a.mp4")
    assert row(root, "attempts") == [1]
    assert jobs(root).counts()["done"] == 1


def test_a_place_for_results_that_is_away_pauses_and_no_file_pays(
    root: Path, films: list[Path], tmp_path: Path
) -> None:
    out, away = tmp_path / "out", tmp_path / "away"
    with running(settings(root, output=out)) as watch:
        watch.until_told("watching")
        out.rename(away)
        shutil.copy(films[0], root / "a.mp4")
        watch.until_told("paused")
        assert "out cannot be made: it is not there" in watch.message("paused")
        watch.until_told("started", times=2)
        away.rename(out)
        watch.until_told("done", "a.mp4")
    assert not away.exists()
    assert (out / "a.mp4.vidsum.md").exists()
    assert (row(root, "attempts"), watch.count("quarantined")) == ([1], 0)


def test_a_report_that_has_no_place_holds_nobody_up(root: Path, films: list[Path]) -> None:
    (root / QUARANTINE).mkdir()
    (root / QUARANTINE / "bad.mp4").write_text("the user's own")
    (root / "bad.mp4").write_bytes(b"no film")
    with running(settings(root)) as watch:
        watch.until_told("quarantined", "bad.mp4")
        assert "There is no report: " in watch.message("quarantined")
        shutil.copy(films[0], root / "a.mp4")
        watch.until_told("done", "a.mp4")
        assert (watch.count("paused"), watch.count("quarantined")) == (0, 1)
    assert (root / QUARANTINE / "bad.mp4").read_text() == "the user's own"
    [bad] = jobs(root).quarantined()
    assert bad.exit_code == 3


def test_no_folder_replaces_the_results_of_another(
    root: Path, films: list[Path], tmp_path: Path
) -> None:
    other, out = tmp_path / "other", tmp_path / "out"
    other.mkdir()
    for folder, number in ((other, 0), (root, 1)):
        shutil.copy(films[number], folder / "a.mp4")
    assert once(settings(other, output=out))[0].done == 1
    theirs = (out / "a.mp4.vidsum.md").read_bytes()
    assert once(settings(root, output=out))[0].quarantined == 1
    assert (out / "a.mp4.vidsum.md").read_bytes() == theirs
    report = (out / QUARANTINE / "a.mp4" / "report.txt").read_text()
    assert f"Its results would replace those of {other / 'a.mp4'}" in report
    (other / "a.mp4").unlink()  # as when a folder is given another name
    assert jobs(root).retry() == 1
    assert once(settings(root, output=out))[0].done == 1
    assert (out / "a.mp4.vidsum.md").read_bytes() != theirs


def test_a_watcher_that_was_replaced_by_another_version_ends(
    root: Path, films: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(films[0], root / "a.mp4")
    with monkeypatch.context() as older:
        older.setattr(vidsum, "__version__", "0.0.0")
        with pytest.raises(BackendFailed, match="was changed while it watched"):
            once(settings(root))
    assert (row(root, "state"), row(root, "attempts")) == (["queued"], [0])
    assert not (root / LOCK).exists()
    assert once(settings(root))[0].done == 1
