"""The watcher and the servers that it asks: refused, overloaded, paid once, over the day's cap."""

from __future__ import annotations

import json
import shutil
import threading
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from scripted_provider import Answer, Call, ScriptedProvider, fails, says
from watched import PRICES, SUMMARY
from watching import once, row, running, settings, small_film

from vidsum.config import Options
from vidsum.costs.ledger import Ledger
from vidsum.costs.ledger import default_path as ledger_path
from vidsum.watch import status
from vidsum.watch.jobs import default_path
from vidsum.watch.reports import Report

pytestmark = [pytest.mark.usefixtures("impatient"), pytest.mark.slow]


def remote(url: str, **more: Any) -> Options:
    given: dict[str, Any] = {
        "tier": "auto", "ocr": False, "captioner": "builtin", "transcriber": "none",
        "reasoner": "remote", "reason_api": url, "reason_model": "m",
        "reason_context_tokens": 32_768, "second_look": 0, "api_timeout_s": 5.0,
    }  # fmt: skip
    return Options(**(given | more))


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDSUM_API_KEY", "sk-nobody-may-see-this")


def writes(call: Call) -> Answer:
    """A summary with next to nothing in it."""
    return says(json.dumps(SUMMARY))


@pytest.mark.usefixtures("key")
def test_a_key_that_is_not_accepted_pauses_the_folder(root: Path, films: list[Path]) -> None:
    open_now = threading.Event()

    def step(call: Call) -> Answer:
        return writes(call) if open_now.is_set() else fails(401, "Incorrect API key")

    shutil.copy(films[0], root / "a.mp4")
    with (
        ScriptedProvider(step) as provider,
        running(settings(root, options=remote(provider.url))) as watch,
    ):
        watch.until_told("paused")
        assert "does not accept the key" in watch.message("paused")
        watch.until_told("again", "a.mp4")
        assert not (root / "a.mp4.vidsum.md").exists()
        open_now.set()
        watch.until_told("done", "a.mp4")
    assert row(root, "attempts") == [1]
    assert b"nobody-may-see" not in default_path().read_bytes()


@pytest.mark.usefixtures("key")
def test_a_provider_that_is_down_is_asked_again(root: Path, films: list[Path]) -> None:
    down = fails(503, "overloaded", retry_after="0")
    shutil.copy(films[0], root / "a.mp4")
    with ScriptedProvider(*[down] * 6, writes) as provider:
        summary, told = once(settings(root, options=remote(provider.url)))
    assert summary.done == 1
    assert summary.again >= 1
    assert row(root, "attempts")[0] >= 2
    assert all(one.kind != "paused" for one in told if isinstance(one, Report))


@pytest.mark.usefixtures("key")
def test_a_provider_that_is_down_for_all_pauses_the_folder(root: Path, films: list[Path]) -> None:
    up_again = threading.Event()

    def step(call: Call) -> Answer:
        return writes(call) if up_again.is_set() else fails(503, "down", retry_after="9999")

    for number, made in enumerate(films[:2]):
        shutil.copy(made, root / f"{number}.mp4")
    with (
        ScriptedProvider(step) as provider,
        running(settings(root, options=remote(provider.url))) as watch,
    ):
        watch.until_told("paused")
        why = watch.message("paused")
        assert why.startswith("a provider fails for one video after the other: ")
        watch.until(lambda: (told := status.folder(default_path(), root)) is not None
                    and (told.state, told.why) == ("paused", why))  # fmt: skip
        watch.until_told("started", times=3)
        up_again.set()
        watch.until_told("done", times=2)
    assert sorted(row(root, "attempts")) == [1, 2]  # who met it first could not know
    assert watch.count("quarantined") == 0


@pytest.mark.usefixtures("key")
def test_the_same_content_twice_is_one_bill(root: Path, films: list[Path]) -> None:
    def slow(call: Call) -> Answer:
        time.sleep(0.5)  # the other worker is there by then
        return writes(call)

    for name in ("lesson.mp4", "talk.mp4"):
        shutil.copy(films[0], root / name)
    with ScriptedProvider(slow) as provider:
        assert once(settings(root, options=remote(provider.url), workers=2))[0].done == 2
        assert len(provider.calls) == 1


@pytest.mark.usefixtures("key")
def test_the_day_is_over_when_its_cap_is_reached(root: Path, films: list[Path]) -> None:
    folder = default_path().parent
    folder.mkdir()
    (folder / "prices.toml").write_text(PRICES)
    shutil.copy(films[0], root / "a.mp4")
    with ScriptedProvider(writes) as provider:
        free = remote(provider.url)
        assert once(settings(root, options=free))[0].done == 1
        with Ledger.reading(ledger_path()) as ledger:
            spent = ledger.spent_today().usd_nano
            most = max(line.reserved_usd_nano or 0 for line in ledger.entries())
        assert spent > 0
        capped = replace(free, max_usd_per_day=Decimal(spent + most // 2) / 10**9)
        small_film(root / "b.mp4", 1, shots=3)  # what is asked of it is asked of no other
        with running(settings(root, options=capped)) as watch:
            watch.until_told("paused")
            assert "a day is reached" in watch.message("paused")
            watch.until_told("again", "b.mp4")
        assert row(root, "state") == ["done", "queued"]
        assert row(root, "attempts") == [1, 0]
        assert not (root / "b.mp4.vidsum.md").exists()
        capped = replace(free, max_usd_per_day=Decimal(spent) / 10**9)
        summary, told = once(settings(root, options=capped))
        assert (summary.done, summary.left, summary.exit_code) == (0, 1, 7)
        assert all(one.kind != "started" for one in told if isinstance(one, Report))
        summary, _ = once(settings(root, options=free))
        assert (summary.done, summary.left) == (1, 0)
