"""``vidsum watch``, as a user, cron and systemd meet it: real processes on tiny films."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import footage
import numpy as np
import pytest

from vidsum.cli.main import run
from vidsum.cli.options import BROLL
from vidsum.cli.watchoptions import WATCH_OPTIONS
from vidsum.config import option_table
from vidsum.data import SCHEMA_VERSION

FAST = ("--tier", "lite", "--no-ocr", "--settle", "0.2", "--rescan", "0.2")
STAMPED = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S")


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDSUM_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    shades = [np.full((48, 64, 3), shade, np.uint8) for shade in (40, 200)]
    shades[0][:, 20:40] = 250
    return footage.film(path, [(1, shade) for shade in shades]).read_bytes()


@pytest.fixture
def inbox(tmp_path: Path, film: bytes) -> Path:
    folder = tmp_path / "inbox"
    (folder / "sub").mkdir(parents=True)
    (folder / "talk.mp4").write_bytes(film)
    return folder


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "vidsum", "watch", *map(str, arguments)]


def watch(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=120)


@contextlib.contextmanager
def watching(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A watcher that has said that it watches."""
    process = subprocess.Popen(
        command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        heard(process, "watching ")
        yield process
    finally:
        process.kill()
        process.communicate()


def heard(process: subprocess.Popen[str], words: str) -> str:
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return line
    raise AssertionError(f"it never said {words!r}")


def status(capfd: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    capfd.readouterr()
    assert run(["watch", "status", *map(str, arguments), "--json"]) == 0
    told: dict[str, Any] = json.loads(capfd.readouterr().out)
    return told


def in_state(state: str, capfd: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The one folder, once it is in a state: what is said is written down a moment later."""
    for _ in range(500):
        folder: dict[str, Any] = status(capfd)["folders"][0]
        assert folder["state"] != "stopped"
        if folder["state"] == state:
            return folder
    raise AssertionError(f"it was never {state}")


def page(capfd: pytest.CaptureFixture[str], *arguments: object) -> str:
    capfd.readouterr()
    assert run(["watch", "status", *map(str, arguments)]) == 0
    return capfd.readouterr().out


def test_once_from_end_to_end(inbox: Path, film: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    (inbox / "sub" / "odd\nname.mp4").write_bytes(film + b"\0")
    (inbox / "bad.mp4").write_bytes(b"\0" * 16)
    done = watch(inbox, "--once", "--json", *FAST)
    assert done.returncode == 7, done.stderr
    told = {line["path"]: line for line in map(json.loads, done.stdout.splitlines())}
    assert {path: line["status"] for path, line in told.items()} == {
        "talk.mp4": "done", "sub/odd\nname.mp4": "done", "bad.mp4": "quarantined"
    }  # fmt: skip
    assert {line["schema_version"] for line in told.values()} == {SCHEMA_VERSION}
    assert told["talk.mp4"]["results"] == [str(inbox / "talk.mp4.vidsum.md")]
    assert (inbox / "talk.mp4.vidsum.md").read_text("utf-8").startswith("# ")
    assert (told["bad.mp4"]["exit_code"], told["bad.mp4"]["error"] != "") == (3, True)
    assert told["talk.mp4"]["sha256"] == hashlib.sha256(film).hexdigest()
    assert told["bad.mp4"]["sha256"] == hashlib.sha256(b"\0" * 16).hexdigest()
    assert (told["talk.mp4"]["run_id"] is None, told["bad.mp4"]["run_id"]) == (False, None)
    assert Path(told["bad.mp4"]["report"]) == inbox / "vidsum-quarantine/bad.mp4/report.txt"
    assert done.stderr.splitlines()[-1].endswith(" 2 done, 1 quarantined")
    assert all(STAMPED.match(line) for line in done.stderr.splitlines())
    assert re.search(
        r" talk\.mp4: done in \d+ s, talk\.mp4\.vidsum\.md$", done.stderr, re.MULTILINE
    )
    assert "odd\\nname.mp4: done" in done.stderr

    [folder] = status(capfd, inbox)["folders"]
    assert folder["counts"] == {
        "queued": 0, "running": 0, "done": 2, "quarantined": 1, "gone": 0
    }  # fmt: skip
    assert (folder["root"], folder["state"], folder["holder"]) == (str(inbox), "stopped", None)
    [bad] = folder["quarantined"]
    assert Path(bad["report"]) == inbox / "vidsum-quarantine" / "bad.mp4" / "report.txt"
    shown = page(capfd)
    assert "2 done, 1 quarantined." in shown
    assert "vidsum-quarantine/bad.mp4/report.txt" in shown

    (inbox / "bad.mp4").write_bytes(film + b"\0\0")
    again = watch(inbox, "--once", *FAST)
    assert (again.returncode, again.stdout) == (0, ""), again.stderr
    assert "talk.mp4" not in again.stderr
    assert not (inbox / "vidsum-quarantine").exists()


def test_a_running_watcher_is_seen_keeps_others_out_and_ends_well_at_sigterm(
    inbox: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with watching(inbox, *FAST) as watcher:
        heard(watcher, "talk.mp4: done")
        second = watch(inbox, "--once", *FAST)
        assert second.returncode == 75
        assert len(second.stderr.splitlines()) == 1
        assert f"process {watcher.pid}" in second.stderr
        from_cron = watch(inbox, "--once", "-q", *FAST)
        assert (from_cron.returncode, from_cron.stderr) == (75, "")
        assert f"process {watcher.pid}" in watch(inbox, "-q", *FAST).stderr
        [folder] = status(capfd, inbox)["folders"]
        assert (folder["state"], folder["holder"]["pid"]) == ("watching", watcher.pid)
        assert f"process {watcher.pid}" in page(capfd, inbox)
        watcher.send_signal(signal.SIGTERM)
        out, _ = watcher.communicate(timeout=60)
    assert (watcher.returncode, out) == (0, "")
    [folder] = status(capfd)["folders"]
    assert (folder["state"], folder["holder"], folder["counts"]["done"]) == ("stopped", None, 1)


def test_ctrl_c_ends_with_130_and_a_dead_watcher_is_not_taken_for_a_living_one(
    inbox: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with watching(inbox, *FAST) as watcher:
        watcher.send_signal(signal.SIGINT)
        watcher.communicate(timeout=60)
    assert watcher.returncode == 130
    with watching(inbox, *FAST) as watcher:
        watcher.kill()
        watcher.wait()
    [folder] = status(capfd)["folders"]
    assert (folder["state"], folder["why"]) == ("stopped", "the watcher ended without saying so")


def test_a_watcher_whose_folder_is_away_lives(
    inbox: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with watching(inbox, *FAST) as watcher:
        heard(watcher, "talk.mp4: done")
        inbox.rename(tmp_path / "away")
        heard(watcher, "paused: ")
        assert in_state("paused", capfd)["holder"] is None
        assert "Paused: " in " ".join(page(capfd).split())
        (tmp_path / "away").rename(inbox)
        heard(watcher, "resumed")
        assert in_state("watching", capfd)["holder"]["pid"] == watcher.pid


@pytest.mark.slow
def test_names_that_are_no_utf8_are_told_in_hex(
    inbox: Path, film: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    (inbox / "talk.mp4").rename(inbox / "two  spaces.mp4")
    good, bad = inbox / "caf\udce9.mp4", inbox / "bad\udcff.mp4"
    good.write_bytes(film)
    bad.write_bytes(b"no film")
    done = watch(inbox, "--once", "--json", *FAST)
    told = {line.get("path_hex"): line for line in map(json.loads, done.stdout.splitlines())}
    assert set(told) == {None, os.fsencode(good.name).hex(), os.fsencode(bad.name).hex()}
    line = told[os.fsencode(good.name).hex()]
    assert [os.fsdecode(bytes.fromhex(raw)) for raw in line["results_hex"]] == [
        str(inbox / "caf\udce9.mp4.vidsum.md")
    ]
    assert not [name for name in told[None] if name.endswith("_hex")]
    report = bytes.fromhex(told[os.fsencode(bad.name).hex()]["report_hex"])
    assert Path(os.fsdecode(report)).is_file()
    [folder] = status(capfd)["folders"]
    assert folder["quarantined"][0]["path_hex"] == os.fsencode(bad.name).hex()
    assert bytes.fromhex(folder["quarantined"][0]["report_hex"]) == report
    assert sorted("path_hex" in one for one in folder["last_done"]) == [False, True]
    assert "root_hex" not in folder
    assert r"two \x20spaces.mp4" in page(capfd)


def test_what_was_quarantined_is_taken_up_again(
    inbox: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (inbox / "talk.mp4").write_bytes(b"no film")
    assert watch(inbox, "--once", "-q", *FAST).returncode == 7
    assert run(["watch", "retry", str(inbox), "other.mp4"]) == 2
    assert "other.mp4 is not quarantined" in capfd.readouterr().err
    assert run(["watch", "retry", str(inbox), "talk.mp4"]) == 0
    assert "queued again: 1" in capfd.readouterr().err
    [folder] = status(capfd)["folders"]
    assert (folder["counts"]["queued"], folder["counts"]["quarantined"]) == (1, 0)
    assert run(["watch", "retry", str(inbox)]) == 0
    assert "nothing is quarantined" in capfd.readouterr().err


@pytest.mark.slow
def test_a_video_is_named_by_a_path_that_leads_there(
    inbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (inbox / "talk.mp4").write_bytes(b"no film")
    assert watch(inbox, "--once", "-q", *FAST).returncode == 7
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(inbox)
    for name in ("inbox/talk.mp4", "./link/talk.mp4", inbox / "talk.mp4"):
        assert run(["watch", "retry", "inbox", str(name)]) == 0
        assert watch(inbox, "--once", "-q", *FAST).returncode == 7  # it is given up once more
    assert run(["watch", "retry", "inbox", "talk.mp4/.."]) == 2


@pytest.mark.slow
def test_a_lost_result_is_made_again_for_who_asks(
    inbox: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert watch(inbox, "--once", "-q", *FAST).returncode == 0
    result = inbox / "talk.mp4.vidsum.md"
    result.unlink()
    assert watch(inbox, "--once", "-q", *FAST).returncode == 0
    assert not result.exists()  # whoever removed it had a reason
    assert run(["watch", "retry", str(inbox), "talk.mp4"]) == 2
    assert "talk.mp4 is not quarantined. It is done: --done does it anew" in (
        " ".join(capfd.readouterr().err.split())
    )
    assert run(["watch", "retry", str(inbox), "--done"]) == 0
    done = watch(inbox, "--once", "-q", "--format", "json", "--format", "md", *FAST)
    assert done.returncode == 0
    assert result.exists()
    assert (inbox / "talk.mp4.vidsum.json").exists()


def test_a_report_elsewhere_is_found(
    inbox: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (inbox / "talk.mp4").write_bytes(b"no film")
    assert watch(inbox, "--once", "-q", "-o", tmp_path / "out", *FAST).returncode == 7
    [folder] = status(capfd)["folders"]
    assert folder["place"] == str(tmp_path / "out")
    [bad] = folder["quarantined"]
    assert Path(bad["report"]) == tmp_path / "out/vidsum-quarantine/talk.mp4/report.txt"


def workers_of(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += (task / "children").read_text().split()
    return sorted({int(child) for child in found})


@pytest.mark.slow
def test_a_second_signal_ends_it_though_a_worker_hangs(
    inbox: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VIDSUM_FAIL_AT", "worker.identified=hang")
    with watching(inbox, *FAST) as watcher:
        heard(watcher, "talk.mp4: started")
        [worker] = workers_of(watcher.pid)
        os.kill(worker, signal.SIGSTOP)  # it hears no request
        watcher.send_signal(signal.SIGINT)
        heard(watcher, "stopping")
        with pytest.raises(subprocess.TimeoutExpired):
            watcher.wait(1)
        watcher.send_signal(signal.SIGINT)
        _, err = watcher.communicate(timeout=15)
    assert watcher.returncode == 130, err
    assert "the watcher ends; it goes on when the folder is watched again" in err
    assert not Path(f"/proc/{worker}").exists()
    [folder] = status(capfd)["folders"]
    assert (folder["state"], folder["counts"]["queued"]) == ("stopped", 1)
    monkeypatch.delenv("VIDSUM_FAIL_AT")
    assert watch(inbox, "--once", "-q", *FAST).returncode == 0
    assert (inbox / "talk.mp4.vidsum.md").exists()


@pytest.mark.slow
def test_a_worker_that_hangs_is_ended_and_tried_again(
    inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDSUM_FAIL_AT", "worker.identified=hang")
    with watching(inbox, "--stall", "2", *FAST) as watcher:
        line = heard(watcher, "talk.mp4: the worker said nothing for 2 s and was ended; again in ")
        assert line.endswith("attempt 1 of 6\n")
        heard(watcher, "talk.mp4: started")
        watcher.terminate()
        assert watcher.wait(60) == 0
    monkeypatch.delenv("VIDSUM_FAIL_AT")
    assert watch(inbox, "--once", "-q", *FAST).returncode == 0
    assert (inbox / "talk.mp4.vidsum.md").exists()


def test_a_hook_several_formats_another_place_and_the_config_file(
    inbox: Path, tmp_path: Path
) -> None:
    hook = tmp_path / "hook.py"
    hook.write_text("import sys\nopen(sys.argv[1], 'a').write(repr(sys.argv[2:]))\n")
    config = tmp_path / "config.toml"
    told, output = tmp_path / "told", tmp_path / "results"
    parts = [sys.executable, str(hook), str(told), "{video}", "{json}", "{status}"]
    config.write_text(
        f"tier = 'lite'\nocr = false\n[watch]\nsettle = 0.2\nrescan = 0.2\nformat = ['md']\n"
        f"hook = {json.dumps(parts)}\noutput = {json.dumps(str(output))}\n"
    )
    arguments = (inbox, "--once", "-q", "--config", config, "--format", "json", "--format", "txt")
    done = watch(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    names = sorted(path.name for path in output.iterdir())
    assert names == ["talk.mp4.vidsum.json", "talk.mp4.vidsum.txt"]
    expected = [str(inbox / "talk.mp4"), str(output / "talk.mp4.vidsum.json"), "done"]
    assert told.read_text() == repr(expected)
    assert sorted(path.name for path in inbox.iterdir()) == ["sub", "talk.mp4"]


BAD: list[tuple[Sequence[str], str]] = [
    ([], "Which folder? vidsum watch FOLDER"),
    (["{tmp}/none"], "There is no folder"),
    (["{inbox}/talk.mp4"], "is no folder"),
    (["{inbox}", "-o", "{inbox}/talk.mp4"], "is no folder"),
    (["{inbox}", "-o", "{inbox}/.hidden"], "hidden place"),
    (["{inbox}", "-o", "{inbox}/vidsum-quarantine/x"], "hidden place"),
    (["{inbox}", "--hook", "no-such-program {{video}}"], "no-such-program"),
    (["{inbox}", "--hook", "true {{vidoe}}"], "{vidoe}"),
    (["{inbox}", "--hook", "true {{json}}"], "{json}, which is not written"),
    (["{inbox}", "--hook", "true 'open"], "No closing quotation"),
    (["{inbox}", "--hook", ""], "--hook takes a program"),
    (["{inbox}", "--workers", "0"], "--workers takes a whole number from 1"),
    (["{inbox}", "--min-free", "much"], "--min-free takes a size"),
    (["{inbox}", "--rescan", "0"], "--rescan takes seconds"),
    (["{inbox}", "--exclude", ""], "--exclude takes a file name pattern"),
    (["{inbox}", "--format", "pdf"], "'pdf' is not one of"),
    (["{inbox}", "--interval", "0"], "--interval takes seconds"),
    (["/"], "/ is all that this system has"),
    (["{inbox}", "more"], "unexpected extra argument"),
    (["statsu"], "Did you mean status?"),
    (["status", "{inbox}"], "was never watched"),
    (["retry", "{inbox}"], "was never watched"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[" ".join(a) for a, _ in BAD])
def test_what_cannot_be_meant_is_one_line(
    arguments: Sequence[str], message: str, inbox: Path, tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    places = {"tmp": tmp_path, "inbox": inbox}
    assert run(["watch", *(word.format(**places) for word in arguments)]) == 2
    out, err = capfd.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    assert message in err
    assert not list(inbox.glob("**/.vidsum*"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("settel = 1", "Did you mean settle?"),
        ("once = true", "unknown key: once"),
        ("hook = []", "hook in [watch] of the config file takes a program"),
        ("hook = ['true', 1]", "hook in [watch] of the config file takes a program"),
        ("workers = true", "workers in [watch] of the config file takes a whole number"),
        ("sentinel = 'maybe'", "sentinel in [watch] of the config file takes true or false"),
        ("output = 7", "output in [watch] of the config file takes a folder"),
    ],
)
def test_a_wrong_config_file_is_named(
    line: str, message: str, inbox: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f"[watch]\n{line}\n")
    assert run(["watch", str(inbox), "--config", str(config)]) == 2
    assert message in capfd.readouterr().err


@pytest.mark.parametrize("words", [["watch", "--help"], ["watch", "anything", "--help"]])
def test_the_help_names_everything(words: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert run(words) == 0
    out = capfd.readouterr().out
    flags = [option.flag for option in WATCH_OPTIONS] + ["--once", "--json", "--config"]
    flags += [entry.flag for entry in option_table() if entry.name not in BROLL]
    assert [flag for flag in flags if flag not in out] == []
    assert re.search(r"^  status +\S", out, re.MULTILINE)
    assert re.search(r"^  retry +\S", out, re.MULTILINE)


def test_a_folder_may_have_the_name_of_a_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "status").mkdir()
    (tmp_path / "-dash").mkdir()
    once = ["--once", "-q", *FAST]
    assert run(["watch", "./status", *once]) == 0
    assert run(["watch", *once, "--", "-dash"]) == 0
    told = status(capfd)
    assert {folder["root"] for folder in told["folders"]} == {
        str(tmp_path / "status"), str(tmp_path / "-dash")
    }  # fmt: skip


def test_status_of_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    assert status(capfd)["folders"] == []
    assert "No folder was ever watched" in page(capfd)


def test_a_reader_that_goes_away_ends_it_well(inbox: Path) -> None:
    reading, writing = os.pipe()
    process = subprocess.Popen(
        command(inbox, "--json", *FAST), stdout=writing, stderr=subprocess.PIPE, text=True
    )
    os.close(writing)
    os.close(reading)
    _, err = process.communicate(timeout=120)
    assert (process.returncode, "Traceback" in err) == (0, False), err


@pytest.mark.slow
def test_a_closed_stderr_costs_nothing(inbox: Path) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" 2>&-', "sh", *command(inbox, "--once", *FAST)], timeout=120,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, b"")
