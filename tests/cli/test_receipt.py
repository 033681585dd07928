"""The receipt of the sample video beside the ledger: the same figures, and all of the time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from models import MMPROJ, VLM, WHISPER

from vidsum.cli.main import run
from vidsum.costs.ledger import Ledger
from vidsum.data import Entry

ENGINES = {
    "lite": ["--end", "60"],
    "local": ["--captioner", "local", "--caption-model", str(VLM), "--mmproj", str(MMPROJ),
              "--transcriber", "whisper", "--speech-model", str(WHISPER), "--threads", "1",
              "--end", "60"],
}  # fmt: skip


@pytest.fixture(scope="module", params=list(ENGINES))
def told(
    request: pytest.FixtureRequest, talk: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[str]]:
    """A state folder of its own, and the options of the run in it."""
    return tmp_path_factory.mktemp("state"), ENGINES[request.param]


@pytest.fixture
def receipt(
    told: tuple[Path, list[str]], talk: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Any:  # fmt: skip
    state, options = told
    monkeypatch.setenv("VIDSUM_HOME", str(state))
    kept = state / "receipt.json"
    if not kept.exists():
        assert run([str(talk), *options, "--json", "-q"]) == 0, capfd.readouterr().err
        kept.write_text(json.dumps(json.loads(capfd.readouterr().out)["receipt"]))
    return json.loads(kept.read_text())


def lines(state: Path) -> list[Entry]:
    with Ledger.reading(state / "ledger.db") as ledger:
        return list(ledger.entries(run_id=ledger.find_run("last")))


def test_every_stage_and_call_is_settled(told: tuple[Path, list[str]], receipt: Any) -> None:
    found = lines(told[0])
    begun = {e.call_id for e in found if e.phase == "reserve"}
    settled = {e.call_id: e for e in found if e.phase == "settle"}
    assert begun == {call_id for call_id, e in settled.items() if e.kind != "saving"}
    stages = {e.stage for e in settled.values() if e.kind == "stage"}
    assert stages >= {"prepare", "probe", "identify", "decode", "dedupe", "measure", "ocr",
                      "describe", "transcript", "bundle", "reason", "ledger"}  # fmt: skip
    calls = [e for e in settled.values() if e.kind == "call"]
    assert {e.stage for e in calls} == (
        {"describe", "transcript"} if "--captioner" in told[1] else set()
    )
    assert all(e.wall_s is not None and e.cu is not None and e.usd_nano == 0 for e in calls)
    assert len({e.video_sha256 for e in calls}) == (1 if calls else 0)
    assert receipt["run_id"] == found[0].run_id
    assert receipt["recorded"] is True


def test_the_ledger_shows_the_same_totals_to_the_last_digit(
    told: tuple[Path, list[str]], receipt: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["ledger", "show", "--run", "last", "--by", "modality", "--json"]) == 0
    shown = json.loads(capfd.readouterr().out)
    by_ledger = {(one["key"], one["direction"]): one["total"] for one in shown["groups"]}
    by_receipt = {(m["modality"], m["direction"]): m["total"] for m in receipt["modalities"]}
    assert by_ledger == by_receipt
    assert sum(total["calls"] for total in by_receipt.values()) == receipt["total"]["calls"]


def test_the_stages_explain_the_time(told: tuple[Path, list[str]], receipt: Any) -> None:
    main = [stage for stage in receipt["stages"] if stage["lane"] == "main"]
    beside = [stage for stage in receipt["stages"] if stage["lane"] == "hearing"]
    assert sum(stage["wall_s"] for stage in main) == pytest.approx(receipt["main_s"])
    assert receipt["main_s"] <= receipt["wall_s"]
    assert receipt["main_s"] > 0.95 * receipt["wall_s"]
    assert {stage["stage"] for stage in beside} == {"prepare", "transcript"}
    run_line = next(e for e in lines(told[0]) if e.kind == "run" and e.phase == "settle")
    assert (run_line.wall_s, run_line.cpu_s) == (receipt["wall_s"], receipt["cpu_s"])


def test_what_was_not_spent_is_in_no_total(told: tuple[Path, list[str]], receipt: Any) -> None:
    saved = {saving["by"]: saving for saving in receipt["savings"]}
    local = "--captioner" in told[1]
    assert saved.keys() == ({"dedupe", "vad", "cache"} if local else {"dedupe", "subtitles"})
    assert saved["dedupe"]["seconds"] > 0
    if local:
        [image] = [m["total"] for m in receipt["modalities"] if m["modality"] == "image"]
        kept, dropped = image["calls"], saved["dedupe"]["calls"]
        assert kept + dropped == 60 / 5 + 1  # the last look
        assert saved["dedupe"]["cu"] == pytest.approx(image["cu"]["value"] * dropped / kept)
