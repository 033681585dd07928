"""What a watcher says while it runs: lines for journals, a display on a terminal, and its page."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from rich.cells import cell_len
from rich.console import Console

from vidsum.cli.watchdisplay import Display
from vidsum.cli.watchnames import shortened
from vidsum.cli.watchpage import _spending, status_page
from vidsum.cli.watchprogress import Lines, StampedLines
from vidsum.cli.watchrun import tally
from vidsum.cli.watchsignals import told_by_signals
from vidsum.cli.watchstatus import Doubt, Today, Watched, doubts
from vidsum.config import Options
from vidsum.costs.journal import DayCaps, Spent, stamp
from vidsum.costs.ledger import Ledger
from vidsum.data import Entry
from vidsum.events import Noted, StageAdvanced, StageFinished, StageStarted
from vidsum.renderers.blocks import Page
from vidsum.renderers.text import text
from vidsum.watch import status
from vidsum.watch.job import Again, Done, GivenUp, Seen
from vidsum.watch.jobs import Jobs
from vidsum.watch.reports import Progress, Report, Standing, Summary
from vidsum.watch.settings import Settings
from vidsum.watch.stages import Stages

Phase = Literal["reserve", "settle", "release", "fail"]
HOSTILE = Path("\x1b[2J\u202egpj.\n\udcff%s{}.mp4")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path, Options(), formats=("md", "json"))


def test_every_line_has_its_time_and_no_name_drives_the_terminal(
    settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    with StampedLines(Lines(settings)) as show:
        for told in (
            Report("watching"), Report("started", path=HOSTILE), Report("done", path=HOSTILE),
            Report("again", "busy\x07; again in 5 s", HOSTILE),
            Report("quarantined", "it is empty", HOSTILE),
            Progress(HOSTILE, Noted("warning", "no\x1b]0;sound")),
            Report("paused", "the day's cap is reached"),
        ):  # fmt: skip
            show(told)
    lines = capfd.readouterr().err.splitlines()
    name = r"\x1b[2J\u202egpj.\n\xff%s{}.mp4"
    said = [re.sub(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ", "", line) for line in lines]
    assert said[1] == f"{name}: started"
    assert re.fullmatch(re.escape(name) + r": done in \d+ s, .*vidsum\.md, .*vidsum\.json", said[2])
    assert said[3:] == [
        f"{name}: busy\\x07; again in 5 s", f"{name}: quarantined: it is empty",
        f"{name}: warning: no\\x1b]0;sound", "paused: the day's cap is reached",
    ]  # fmt: skip
    assert all(line.isprintable() for line in lines)


def test_quiet_and_verbose(settings: Settings, capfd: pytest.CaptureFixture[str]) -> None:
    path = Path("a.mp4")
    told = (
        Report("found", path=path), Report("done", path=path),
        Report("hook-failed", "no", path), Progress(path, StageFinished("looking", "9 kept")),
    )  # fmt: skip
    counted = []
    for quiet, verbose in ((True, False), (False, False), (False, True)):
        show = StampedLines(Lines(settings), quiet=quiet, verbose=verbose)
        for one in told:
            show(one)
        counted.append(len(capfd.readouterr().err.splitlines()))
    assert counted == [1, 2, 4]


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_the_display_fits_the_terminal(
    columns: int, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    display = Display(Lines(settings), lambda: {"queued": 1234, "done": 5, "quarantined": 0})
    names = [HOSTILE, Path("sub") / ("日本語" * 60 + "end.mp4"), Path("short.mp4")]
    for path in names:
        display(Report("started", path=path))
        display(Progress(path, StageStarted("reading", "pictures", 40)))
        display(Progress(path, StageAdvanced("reading", 10)))
    display(Report("paused", "far too little room " * 20))

    def lines() -> list[str]:
        stream = io.StringIO()
        Console(file=stream, width=columns).print(display.rendered())
        return stream.getvalue().splitlines()

    shown = lines()
    assert len(shown) == 5
    assert all(cell_len(line) <= columns and line.isprintable() for line in shown)
    assert "d.mp4 " in shown[1]
    assert "short.mp4" in shown[2]
    assert "1,234 queued" in shown[-1]
    if columns >= 80:
        assert "reading 25%" in shown[2]
    for path in names:
        display(Progress(path, StageFinished("reading")))
        display(Report("done", path=path))
    display(Report("resumed"))
    assert len([line for line in lines() if line.strip()]) == 1
    display(Standing(2, names[1]))
    shown = lines()
    assert shown[0].startswith("hook: sub/")
    assert shown[1:-1] == ["2 waiting until copied"]


@pytest.mark.parametrize("name", ["a" * 50 + ".mp4", "日本語" * 20 + ".mp4", "👩‍👩‍👧" * 20])
def test_long_names_lose_their_middle(name: str) -> None:
    for cells in (12, 13, 30):
        short = shortened(name, cells)
        assert cell_len(short) <= cells
        assert short.endswith(name[-4:])
        assert short.startswith(name[0])
    assert shortened("talk.mp4", 8) == "talk.mp4"


def test_escapes_and_letters_are_not_cut_apart() -> None:
    for cells in range(8, 40):
        for piece in (r"\x1b", r"\u202e", "e\u0301"):
            head, _, tail = shortened(piece * 40, cells).partition("…")
            assert re.fullmatch(f"({re.escape(piece)})*e?", head)
            assert re.fullmatch(f"({re.escape(piece)})*", tail)


def test_a_stage_beyond_its_total_is_counted_and_the_last_one_stays() -> None:
    stages = Stages()
    assert stages.words() == ""
    said = []
    for event in (
        StageStarted("looking", "samples", 10), StageAdvanced("looking", 4),
        StageAdvanced("looking", 10), StageAdvanced("looking", 15),
        StageStarted("summing up", "calls"), StageFinished("looking"),
        StageAdvanced("summing up", 2), StageFinished("summing up"),
    ):  # fmt: skip
        stages.take(event)
        said.append(stages.words())
    assert said == [
        "looking 0%", "looking 40%", "looking 100%", "looking 15 samples",
        "looking 15 samples, summing up", "summing up", "summing up 2 calls", "summing up done",
    ]  # fmt: skip


def test_the_tally_of_once() -> None:
    assert tally(Summary()) == "nothing was to be done"
    whole = Summary(done=3, partial=1, quarantined=1, left=5, paused="the day's cap is reached.")
    assert tally(whole) == (
        "3 done (1 partial), 1 quarantined, 5 left: the day's cap is reached"
    )  # fmt: skip
    assert tally(Summary(paused="x")) == "nothing was to be done: x"


def test_a_table_in_a_pipe_has_a_hundred_columns(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path / "watch.db", tmp_path, "owner")
    for name in ("n" * 251 + ".mp4", "two  spaces \u3000.mp4"):
        jobs.add([Seen(Path(name), 1, 1, 1)])
        job = jobs.claim(100.0)
        assert job is not None
        jobs.settle(job, GivenUp("it is " + "very " * 60 + "empty", 3))
    known = status.folder(tmp_path / "watch.db", tmp_path)
    assert known is not None
    page = text(status_page([Watched(known, "stopped", "", None, {})], Today(Spent(), DayCaps())))
    lines = page.splitlines()
    assert max(map(len, lines)) <= 100
    [long] = [line for line in lines if line.startswith("nnn")]
    assert "n.mp4  it is very" in long
    assert re.search(r"^two \\x20spaces \\u3000\.mp4 +  it is very", page, re.MULTILINE)


def test_a_worst_case_is_not_called_spent(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")

    def call(name: str, most: int | None, phase: Phase = "reserve", **more: Any) -> None:
        ledger.write(Entry(call_id=name, phase=phase, kind="call", ts_utc=stamp(), run_id="run",
                           stage="looking", modality="image", backend="remote",
                           reserved_usd_nano=most if phase == "reserve" else None,
                           **more))  # fmt: skip

    call("known", 500_000_000)
    call("known", None, "settle", usd_nano=100_000_000, usd_origin="estimated", cu=0.0)
    call("failed", 700_000_000)
    call("failed", None, "fail", cu=0.0)
    call("free", 900_000_000)
    call("free", None, "release")
    usd, cu = doubts(ledger)
    assert (usd, cu) == (Doubt(at_most=1, estimated=1), Doubt())
    spent = ledger.spent_today()
    page = " ".join(text(Page("", tuple(_spending(Today(spent, DayCaps(), usd, cu))))).split())
    assert "Spent" not in page
    assert (
        "Counted against today --------------------- $0.80 (at most: the cost of 1 call is "
        "unknown, and it counts as the dearest it can be), all runs together."
    ) in page
    call("unpriced", None)
    call("unpriced", None, "settle", usd_origin="unknown")
    assert doubts(ledger)[0].uncounted == 1


def test_the_first_signal_asks_and_the_second_one_ends() -> None:
    came = threading.Semaphore(0)
    calls: list[str] = []

    def noted(name: str) -> Callable[[], None]:
        def call() -> None:
            calls.append(name)
            came.release()

        return call

    before = signal.getsignal(signal.SIGTERM)
    hangup = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may run under nohup
    with told_by_signals(noted("stop"), noted("abort"), within_s=60) as signals:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            os.kill(os.getpid(), number)
            assert came.acquire(timeout=20)
    assert calls == ["stop", "abort", "abort"]
    assert signals == [signal.SIGTERM, signal.SIGHUP, signal.SIGINT]
    assert signal.getsignal(signal.SIGTERM) is before
    signal.signal(signal.SIGHUP, hangup)


@pytest.mark.parametrize("signals", [1, 2])
def test_who_hangs_in_a_share_is_ended_all_the_same(signals: int) -> None:
    """Its thread never comes back: neither stop nor abort helps."""
    code = (
        "import os, signal, sys, time; from vidsum.cli import watchsignals\n"
        "watchsignals.AT_ONCE_S = 0.2\n"
        f"within_s = {0.2 if signals == 1 else 1000}\n"
        "with watchsignals.told_by_signals(int, int, within_s=within_s):\n"
        f"    for _ in range({signals}): os.kill(os.getpid(), signal.SIGTERM)\n"
        "    time.sleep(1000)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "it hangs, perhaps in a share that does not answer: it is ended\n"


def test_the_page_of_a_folder_with_everything(tmp_path: Path) -> None:
    now = [1_800_000_000.0]
    jobs = Jobs(tmp_path / "watch.db", tmp_path, "owner", clock=lambda: now[0])
    for name in ("a.mp4", "b.mp4", "c\x1b.mp4", "d.mp4"):
        jobs.add([Seen(Path(name), 1, 1, 1)])
        now[0] += 1
    first, second, third, fourth = filter(None, [jobs.claim(100.0) for _ in range(4)])
    jobs.settle(first, Done((tmp_path / "a.mp4.vidsum.md",), "run", None, True, "cut off"))
    jobs.settle(second, Again("the provider is busy", after_s=30.0))
    jobs.settle(third, GivenUp("it is empty", 3))
    jobs.progress(fourth, "reading 25%")
    jobs.say("paused", "the day's cap is reached", now[0] + 60)
    known = status.folder(tmp_path / "watch.db", tmp_path, now_s=now[0])
    assert known is not None
    report = tmp_path / "vidsum-quarantine" / "c" / "report.txt"
    watched = Watched(known, "paused", known.why, None, {Path("c\x1b.mp4"): report})
    today = Today(Spent(250_000_000, 1.5), DayCaps(1_000_000_000, None))
    page = " ".join(text(status_page([watched], today, now_s=now[0] + 5)).split())
    for words in (
        "Paused: the day's cap is reached, until ",
        "1 done (1 partial), 1 running, 1 queued, 1 quarantined.",
        "d.mp4 reading 25% 0:05",
        "b.mp4 the provider is busy ",
        r"c\x1b.mp4 it is empty vidsum-quarantine/c/report.txt",
        "a.mp4.vidsum.md (partial: cut off)",
        "$0.25 of $1.00, 1.5 CU, all runs together.",
    ):
        assert words in page
    later = status.folder(tmp_path / "watch.db", tmp_path, now_s=now[0] + 600)
    assert later is not None
    dead = Watched(later, "stopped", "the watcher ended without saying so", None, {})
    page = " ".join(text(status_page([dead], today, now_s=now[0] + 600)).split())
    assert "Stopped: the watcher ended without saying so; last heard of 10 min ago." in page
    assert "reading 25%" not in page
