"""The watcher with real workers on tiny films: what is dropped is done, whatever goes wrong."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from thinning import every_second
from watching import alive, jobs, once, row, running, settings, workers_of

from vidsum.events import Event
from vidsum.watch.job import MOST_DEATHS
from vidsum.watch.names import QUARANTINE
from vidsum.watch.reports import Progress, Report, Summary

pytestmark = pytest.mark.usefixtures("impatient")


def test_what_is_dropped_is_done(root: Path, films: list[Path]) -> None:
    with running(settings(root)) as watch:
        (root / "deep" / "er").mkdir(parents=True)
        shutil.copy(films[0], root / "deep" / "er" / "a.mp4")
        watch.until_told("done", "deep/er/a.mp4")
    assert "# " in (root / "deep" / "er" / "a.mp4.vidsum.md").read_text()
    assert watch.summary == Summary(done=1)
    assert any(isinstance(one, Progress) and isinstance(one.event, Event) for one in watch.told)
    before = (root / "deep" / "er" / "a.mp4.vidsum.md").stat().st_mtime_ns
    summary, _ = once(settings(root))
    assert summary == Summary()
    assert (root / "deep" / "er" / "a.mp4.vidsum.md").stat().st_mtime_ns == before


def test_results_mirror_the_tree_in_every_format(
    root: Path, films: list[Path], tmp_path: Path
) -> None:
    (root / "sub").mkdir()
    shutil.copy(films[0], root / "sub" / "a b.mp4")
    out = tmp_path / "out"
    summary, _ = once(settings(root, output=out, formats=("md", "json", "txt")))
    assert (summary.done, summary.exit_code) == (1, 0)
    names = sorted(path.name for path in (out / "sub").iterdir())
    assert names == [f"a b.mp4.vidsum.{form}" for form in ("json", "md", "txt")]
    result = json.loads((out / "sub" / "a b.mp4.vidsum.json").read_text())
    assert result["source"]["path"] == str(root / "sub" / "a b.mp4")
    assert [path.name for path in (root / "sub").iterdir()] == ["a b.mp4"]


def test_a_playlist_is_quarantined_and_retried(root: Path, films: list[Path]) -> None:
    playlist = b"#EXTM3U\nhttp://127.0.0.1:9/x.ts\n"
    (root / "talk.mp4").write_bytes(playlist)
    shutil.copy(films[0], root / "good.mp4")
    summary, _ = once(settings(root))
    assert (summary.done, summary.quarantined, summary.exit_code) == (1, 1, 7)
    assert (root / "talk.mp4").read_bytes() == playlist
    folder = root / QUARANTINE / "talk.mp4"
    told = json.loads((folder / "error.json").read_text())
    assert (told["schema_version"], told["exit_code"], told["path"]) == (1, 3, "talk.mp4")
    assert told["path_bytes_base64"] is None
    assert "playlist" in told["error"]
    assert told["hint"]
    assert len(told["sha256"]) == 64
    assert told["size_bytes"] == len(playlist)
    report = (folder / "report.txt").read_text()
    assert "playlist" in report
    assert f"vidsum watch retry {root}" in report
    assert once(settings(root))[0] == Summary()  # nothing is tried again by itself
    assert jobs(root).retry() == 1
    shutil.copy(films[1], root / "talk.mp4")
    summary, _ = once(settings(root))
    assert (summary.done, summary.exit_code) == (1, 0)
    assert not (root / QUARANTINE).exists()


@pytest.mark.slow
def test_the_note_on_a_file_goes_and_comes_back_with_it(root: Path, tmp_path: Path) -> None:
    for name in ("bad.mp4", "worse.mp4"):
        (root / name).write_bytes(b"no film, " + name.encode())
    note = root / QUARANTINE / "bad.mp4" / "report.txt"
    with running(settings(root)) as watch:
        watch.until_told("quarantined", times=2)
        (root / "bad.mp4").rename(tmp_path / "bad.mp4")
        watch.until_told("gone", "bad.mp4")
        assert not note.parent.exists()
        assert (root / QUARANTINE / "worse.mp4" / "report.txt").exists()
        (tmp_path / "bad.mp4").rename(root / "bad.mp4")
        watch.until_told("quarantined", "bad.mp4", times=2)
        assert note.exists()
    assert watch.count("started", "bad.mp4") == 1


@pytest.mark.parametrize("state", every_second(["done", "queued"]))
def test_once_has_nothing_to_do_in_an_empty_folder(
    root: Path, films: list[Path], state: str
) -> None:
    shutil.copy(films[0], root / "a.mp4")
    assert once(settings(root))[0].done == 1
    if state == "queued":
        assert jobs(root).retry(done=True) == 1
    shutil.rmtree(root)
    root.mkdir()
    summary, told = once(settings(root))
    assert (summary.empty, summary.paused, summary.gone, summary.exit_code) == (True, "", 0, 0)
    reports = [one for one in told if isinstance(one, Report)]
    assert [one.kind for one in reports] == ["watching", "stopping"]
    assert reports[-1].message == f"{root} is empty: is what belongs there mounted?"
    assert row(root, "state") == [state]
    with running(settings(root)) as watch:
        watch.until_told("paused")
        shutil.copy(films[1], root / "b.mp4")
        watch.until_told("done", "b.mp4")


@pytest.mark.slow
def test_a_growing_file_is_done_once(root: Path, films: list[Path]) -> None:
    whole = films[0].read_bytes()
    with running(settings(root, settle_s=0.5)) as watch:
        with (root / "a.mp4").open("wb") as file:
            for start in range(0, len(whole), len(whole) // 8 + 1):
                file.write(whole[start : start + len(whole) // 8 + 1])
                file.flush()
                time.sleep(0.15)
        watch.until_told("done", "a.mp4")
    assert (watch.count("started"), watch.count("done")) == (1, 1)


@pytest.mark.slow
def test_renamed_and_removed_in_mid_run(
    root: Path, films: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(films[0], root / "a.mp4")
    shutil.copy(films[1], root / "b.mp4")
    with running(settings(root, workers=2)) as watch:
        watch.until_told("started", times=2)
        (root / "a.mp4").rename(root / "renamed.mp4")
        (root / "b.mp4").unlink()
        watch.until_told("done", "renamed.mp4")
        watch.until_told("gone", "b.mp4")
    assert (root / "renamed.mp4.vidsum.md").exists()
    assert not (root / QUARANTINE).exists()
    assert jobs(root).counts()["queued"] == 0


@pytest.mark.slow
def test_a_root_that_vanishes_and_comes_back(root: Path, films: list[Path]) -> None:
    shutil.copy(films[0], root / "a.mp4")
    away = root.with_name("away")
    with running(settings(root)) as watch:
        watch.until_told("done", "a.mp4")
        root.rename(away)
        watch.until_told("paused")
        time.sleep(0.6)  # some scans
        assert not root.exists()
        assert jobs(root).counts()["done"] == 1
        away.rename(root)
        watch.until_told("resumed")
        shutil.copy(films[1], root / "b.mp4")
        watch.until_told("done", "b.mp4")
    assert (watch.count("gone"), watch.count("done")) == (0, 2)


def test_a_worker_that_dies_each_time_is_quarantined(
    root: Path, films: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(films[0], root / "a.mp4")
    shutil.copy(films[1], root / "b.mp4")
    with running(settings(root)) as watch:
        for death in range(MOST_DEATHS):
            watch.until_told("started", "a.mp4", death + 1)
            watch.until(lambda: bool(workers_of(os.getpid())))
            os.kill(workers_of(os.getpid())[0], signal.SIGKILL)
            if death == 0:
                watch.until_told("done", "b.mp4")
        watch.until_told("quarantined", "a.mp4")
    told = json.loads((root / QUARANTINE / "a.mp4" / "error.json").read_text())
    assert (told["attempts"], told["deaths"]) == (3, 3)
    assert told["error"] == "the worker died (SIGKILL)"
    assert (root / "b.mp4.vidsum.md").exists()


def test_a_killed_watcher_leaves_no_worker_and_nothing_undone(
    root: Path, films: list[Path], tmp_path: Path
) -> None:
    for number, made in enumerate(films):
        shutil.copy(made, root / f"{number}.mp4")
    code = (
        "import sys; from pathlib import Path; from vidsum.config import Options\n"
        "from vidsum.watch.settings import Settings; from vidsum.watch.watcher import Watcher\n"
        "s = Settings(root=Path(sys.argv[1]), options=Options(tier='lite', ocr=False),\n"
        "             settle_s=0.2, rescan_s=0.2, workers=2)\n"
        "Watcher(s, lambda told: None).run()"
    )
    watcher = subprocess.Popen([sys.executable, "-c", code, str(root)])
    end_s = time.monotonic() + 30
    while len(workers := workers_of(watcher.pid)) < 2 and time.monotonic() < end_s:
        time.sleep(0.01)
    assert len(workers) == 2
    watcher.kill()
    watcher.wait()
    while any(map(alive, workers)) and time.monotonic() < end_s:
        time.sleep(0.01)
    assert not any(map(alive, workers))
    summary, told = once(settings(root))
    assert summary.left == 0
    assert sorted(path.name for path in root.glob("*.vidsum.md")) == [
        f"{number}.mp4.vidsum.md" for number in range(3)
    ]
    done = [one.path for one in told if isinstance(one, Report) and one.kind == "done"]
    assert len(done) == len(set(done))
    assert row(root, "attempts") == [1, 1, 1]
    assert set(row(root, "state")) == {"done"}


def test_stopping_puts_a_job_back_uncharged(root: Path, films: list[Path]) -> None:
    shutil.copy(films[0], root / "a.mp4")
    with running(settings(root)) as watch:
        watch.until(lambda: bool(workers_of(os.getpid())))
        [worker] = workers_of(os.getpid())
        watch.watcher.stop()
        watch.until(lambda: watch.summary is not None)
        assert not alive(worker)
    if watch.summary != Summary(done=1):  # it may just have been through
        assert (row(root, "state"), row(root, "attempts")) == (["queued"], [0])
    assert once(settings(root))[0].left == 0
    assert (root / "a.mp4.vidsum.md").exists()


def test_a_second_signal_ends_at_once(root: Path, films: list[Path]) -> None:
    shutil.copy(films[0], root / "a.mp4")
    with running(settings(root, grace_s=1000)) as watch:
        watch.until(lambda: bool(workers_of(os.getpid())))
        [worker] = workers_of(os.getpid())
        os.kill(worker, signal.SIGSTOP)  # it hears no request
        watch.watcher.stop()
        watch.until_told("stopping")
        watch.watcher.abort()
        watch.until(lambda: watch.summary is not None)
        assert not alive(worker)
    assert (row(root, "state"), row(root, "attempts")) == (["queued"], [0])


@pytest.mark.slow
def test_a_stuck_worker_is_ended_and_charged(root: Path, films: list[Path]) -> None:
    shutil.copy(films[0], root / "a.mp4")
    with running(settings(root, stall_s=3)) as watch:
        watch.until(lambda: bool(workers_of(os.getpid())))
        os.kill(workers_of(os.getpid())[0], signal.SIGSTOP)
        watch.until_told("again", "a.mp4")
        assert "said nothing for 3 s" in watch.message("again")
        watch.until_told("done", "a.mp4")
    assert row(root, "attempts") == [2]


def test_the_hook_gets_a_list_and_no_shell(root: Path, films: list[Path], tmp_path: Path) -> None:
    name = 'it\'s "$(touch x)" {status} -y;.mp4'
    shutil.copy(films[0], root / name)
    code = (
        "import json, os, sys; json.dump([sys.argv[1:], sys.stdin.read(), "
        "{k: v for k, v in os.environ.items() if k in ('VIDSUM_VIDEO', 'VIDSUM_RESULT', "
        "'VIDSUM_STATUS')}], open(sys.argv[1], 'w'))"
    )
    seen = tmp_path / "seen.json"
    hook = (sys.executable, "-c", code, str(seen), "{video}", "x{result}x", "{status}", "{json}")
    summary, _ = once(settings(root, hook=hook))
    assert summary == Summary(done=1)
    video, result = str(root / name), str(root / f"{name}.vidsum.md")
    arguments, stdin, environment = json.loads(seen.read_text())
    assert arguments == [str(seen), video, f"x{result}x", "done", ""]
    assert stdin == ""
    assert environment == {
        "VIDSUM_VIDEO": video, "VIDSUM_RESULT": result, "VIDSUM_STATUS": "done"
    }  # fmt: skip
    assert not list(tmp_path.rglob("x"))


def test_a_hook_that_fails_undoes_nothing(root: Path, films: list[Path]) -> None:
    shutil.copy(films[0], root / "a.mp4")
    hook = (sys.executable, "-c", "import sys; sys.exit('it fell over')")
    summary, told = once(settings(root, hook=hook))
    assert summary == Summary(done=1)
    [failed] = [one for one in told if isinstance(one, Report) and one.kind == "hook-failed"]
    assert failed == Report(
        "hook-failed", "the hook ended with exit code 1: it fell over", Path("a.mp4")
    )
    assert row(root, "hook_trouble") == [failed.message]
    assert jobs(root).hooks_due() == ()


def test_too_little_room_pauses_and_goes_on(root: Path, films: list[Path], tmp_path: Path) -> None:
    ballast = tmp_path / "ballast"
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, 600_000_000)
    state = os.statvfs(root)
    free_bytes = state.f_bavail * state.f_frsize
    shutil.copy(films[0], root / "a.mp4")
    with running(settings(root, min_free_bytes=free_bytes + 300_000_000)) as watch:
        watch.until_told("paused")
        assert "MB are free at" in watch.message("paused")
        watch.until_told("found")
        assert watch.count("started") == 0
        ballast.unlink()
        watch.until_told("done", "a.mp4")
        assert watch.count("resumed") == 1
    assert row(root, "attempts") == [1]
