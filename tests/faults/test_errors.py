"""An error of the disk at each fail point: what becomes of the run, its result and its books."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from faults.killing import books, leftovers
from faults.sites import PRICES, Faulty, options_for, video_for
from scripted_provider import ScriptedProvider

from vidsum import failpoints
from vidsum.cli.main import run

pytestmark = pytest.mark.slow
"""With the others of their kind in the default run these would take it over ten minutes."""

ASKED = 6
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "state"
    folder.mkdir()
    (folder / "prices.toml").write_text(PRICES)
    monkeypatch.setenv("VIDSUM_HOME", str(folder))
    return folder


@pytest.fixture
def provider() -> ScriptedProvider:
    return ScriptedProvider(Faulty("look", None))


@pytest.fixture
def again(
    tmp_path: Path, clip_folder: Path, home: Path, provider: ScriptedProvider,
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str],
) -> Iterator[Run]:  # fmt: skip
    """Run the program with what is to fail; each time the same video and state folder."""
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    video = video_for("look", clip_folder, tmp_path / "in")

    def once(fail_at: str, *more: str) -> tuple[int, str]:
        monkeypatch.setattr(failpoints, "_PLANNED", failpoints._planned(fail_at))
        monkeypatch.setattr(failpoints, "_reached", Counter())
        code = run([str(video), "-o", str(tmp_path / "out" / "result.json"),
                    *options_for("look", provider.url), *more])  # fmt: skip
        return code, capfd.readouterr().err

    with provider:
        yield once


def asked(provider: ScriptedProvider) -> int:
    return sum(call.method == "POST" for call in provider.calls)


def result(folder: Path) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = json.loads((folder / "out" / "result.json").read_text())
    return found


@pytest.mark.parametrize(("name", "error"), [
    ("output.begun", "ENOSPC"), ("output.before", "EIO"), ("output.replaced", "EIO"),
])  # fmt: skip
def test_an_output_that_fails(
    again: Run, tmp_path: Path, home: Path, provider: ScriptedProvider, name: str, error: str
) -> None:
    """The result is not there, or whole; what was paid for is kept."""
    code, said = again(f"{name}={error}", "-q")
    [line] = said.splitlines()
    assert code == 8
    assert "result.json cannot be written" in line
    assert leftovers(tmp_path) == []
    assert (tmp_path / "out" / "result.json").exists() == (name == "output.replaced")
    assert again("", "-q") == (0, "")
    assert asked(provider) == books(home).settled == ASKED
    assert result(tmp_path)["summary"]


@pytest.mark.parametrize("name", ["store.put.before", "store.put.before@2", "store.put.after@3"])
def test_a_store_that_fails(
    again: Run, tmp_path: Path, home: Path, provider: ScriptedProvider, name: str
) -> None:
    """It never fails a run, and is told once."""
    code, said = again(f"{name}=EIO")
    assert (code, said.count("is not kept for later")) == (0, 1)
    assert result(tmp_path)["receipt"]["recorded"] is True
    assert asked(provider) == books(home).settled == ASKED
    code, _ = again("")
    assert code == 0
    assert asked(provider) < 2 * ASKED or name == "store.put.before"


DAILY = ("reserve.before", "settle.after", "close_run.before")
STEPS = ("open_run", "open_stage", "reserve", "settle", "close_stage", "close_run")


@pytest.mark.parametrize("step", [
    pytest.param(f"{step}.{when}", marks=() if f"{step}.{when}" in DAILY else pytest.mark.slow)
    for step in STEPS for when in ("before", "after")
])  # fmt: skip
def test_a_ledger_that_fails(
    again: Run, tmp_path: Path, home: Path, provider: ScriptedProvider, step: str
) -> None:
    """Without a cap for a day the run goes on and says so; the receipt has it all."""
    code, said = again(f"ledger.{step}=EIO")
    assert code == 0
    assert said.count("not wholly in the ledger") == 1
    assert "Input/output error" in said
    receipt = result(tmp_path)["receipt"]
    assert receipt["recorded"] is False or step.startswith("close_run")
    assert receipt["total"]["calls"] == asked(provider) == ASKED  # type: ignore[index]
    kept = books(home)
    assert kept.settled <= ASKED
    assert kept.open <= 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_under_a_cap_a_day_a_ledger_that_fails_allows_no_call(
    again: Run, home: Path, provider: ScriptedProvider, when: str
) -> None:
    code, said = again(f"ledger.reserve.{when}@*=EIO", "--max-usd-per-day", "5")
    assert code == 6
    assert "The day's spending is not known" in said
    assert asked(provider) == 0
    assert books(home).settled == 0
    code, said = again("", "-q", "--max-usd-per-day", "5")
    assert (code, said) == (0, "")
    assert asked(provider) == ASKED


@pytest.mark.parametrize(("more", "expected"), [((), 0), (("--max-usd-per-day", "5"), 8)])
def test_a_ledger_that_cannot_be_made(
    again: Run, home: Path, provider: ScriptedProvider, more: tuple[str, ...], expected: int
) -> None:
    code, said = again("db.migrate.before@*=ENOSPC", *more)
    assert code == expected
    assert f"The disk is full: {home / 'ledger.db'} takes no more." in said
    assert asked(provider) == (0 if expected else ASKED)
