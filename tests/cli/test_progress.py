"""Progress in plain lines: what is said, and that long silence is broken."""

from __future__ import annotations

import threading

import pytest

from vidsum.cli import progress
from vidsum.cli.progress import PlainProgress
from vidsum.events import Noted, StageAdvanced, StageFinished, StageStarted


def test_a_stage_that_says_nothing_is_seen_to_be_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    told = threading.Event()

    def say(line: str) -> None:
        lines.append(line)
        if len(lines) >= 3:
            told.set()

    monkeypatch.setattr(progress, "say", say)
    with PlainProgress(every_s=0.01) as listen:
        listen(StageStarted("summarizing", "calls"))
        assert told.wait(20)
        listen(StageFinished("summarizing", "small"))
    assert lines[0].startswith("summarizing: ")
    assert lines[0].endswith(" s so far")
    assert lines[-1] == "summarizing: small"


def test_lines_say_how_far_a_stage_is(capfd: pytest.CaptureFixture[str]) -> None:
    with PlainProgress(every_s=0.01) as listen:
        listen(StageStarted("looking", "samples", 40))
        listen(StageAdvanced("looking", 12))
        listen(StageStarted("summarizing", "calls"))
        listen(StageAdvanced("summarizing", 1, 5))
        seen = ""
        while "looking: 12 of 40 samples, " not in seen or "1 of 5 calls, " not in seen:
            seen += capfd.readouterr().err
        listen(StageFinished("looking", "9 kept"))
    assert "vidsum: looking: 9 kept" in capfd.readouterr().err


def test_only_verbose_tells_what_is_for_information(capfd: pytest.CaptureFixture[str]) -> None:
    for verbose in (False, True):
        with PlainProgress(verbose=verbose) as listen:
            listen(Noted("info", "an aside"))
            listen(Noted("warning", "beware"))
        err = capfd.readouterr().err
        assert "warning: beware" in err
        assert ("an aside" in err) == verbose
