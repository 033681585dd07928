"""Plans of a run under caps: what is held back, what is coarser, and who is refused."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from models import MMPROJ, VLM, WHISPER
from spoken import spoken_video

from vidsum import api
from vidsum.config import Options
from vidsum.costs.budget import NOTHING, Amount
from vidsum.costs.journal import stamp
from vidsum.costs.ledger import Ledger, default_path
from vidsum.data import Entry, MediaInfo
from vidsum.errors import BudgetReached, OptionError
from vidsum.pipeline.extract import prepare
from vidsum.pipeline.planning import (
    in_ranked_order,
    plan,
    reading_ends_at,
    summary_fits,
)
from vidsum.pipeline.run import Run

SEES = {"captioner": "local", "caption_model": str(VLM), "mmproj": MMPROJ, "threads": 1}
HEARS = {"transcriber": "whisper", "speech_model": str(WHISPER)}
ASKS = {"captioner": "remote", "caption_api": "http://127.0.0.1:9/v1", "caption_model": "gpt-4o"}
WRITES = {"reasoner": "remote", "reason_api": "http://127.0.0.1:9/v1", "reason_model": "gpt-4o",
          "reason_context_tokens": 16_000}  # fmt: skip
PRICE = """
[[price]]
host = "127.0.0.1"
model = "gpt-4o"
input_usd_per_mtok = 1
output_usd_per_mtok = 4
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VIDSUM_HOME", str(tmp_path))
    (tmp_path / "prices.toml").write_text(PRICE)
    return tmp_path


def planned(video: Path, **options: object) -> tuple[Run, MediaInfo]:
    run = api.start(video, Options(**({"ocr": False} | options)))  # type: ignore[arg-type]
    info = prepare(run, identify=False)
    plan(run, info)
    return run, info


def past(stage: str, wall_s: float, **counts: float) -> None:
    """Write to the ledger what a stage took in an earlier run."""
    line = Entry(call_id=stage, phase="reserve", kind="stage", ts_utc=stamp(), run_id="earlier",
                 stage=stage, modality="image", backend="pyav")  # fmt: skip
    ledger = Ledger(default_path())
    ledger.write(line)
    ledger.write(replace(line, phase="settle", wall_s=wall_s, counts=counts, status="ok",
                         time_origin="measured"))  # fmt: skip


def spend(cu: float) -> None:
    """Write a call of today to the ledger."""
    line = Entry(call_id=f"call{cu}", phase="reserve", kind="call", ts_utc=stamp(),
                 run_id="earlier", stage="describe", modality="image", backend="llama.cpp",
                 reserved_cu=cu)  # fmt: skip
    Ledger(default_path()).write(line)


def test_without_caps_there_is_no_plan(talk: Path) -> None:
    run, _ = planned(talk, **SEES)
    assert run.plan is None
    assert run.meter.given_up == []
    assert not in_ranked_order(run, needs_pixels=True, reads=True)
    assert reading_ends_at(run, describes=True) is None


@pytest.mark.parametrize(
    ("caps", "ranked"),
    [({"max_cu": 1e6}, False), ({"max_cu": 1e-4}, True), ({"max_cu_per_day": 1e-4}, True),
     ({"max_cu_per_day": 1e6}, False), ({"max_seconds": 600.0}, True)],
)  # fmt: skip
def test_pictures_are_ranked_when_a_cap_may_bind(
    talk: Path, caps: dict[str, object], ranked: bool
) -> None:
    run, _ = planned(talk, **SEES, **caps)
    assert in_ranked_order(run, needs_pixels=True, reads=False) is ranked
    assert in_ranked_order(run, needs_pixels=False, reads=True) is ("max_seconds" in caps)
    assert not in_ranked_order(run, needs_pixels=False, reads=False)
    assert run.meter.given_up == []  # a plan is no promise: what is left out is said when it is


def test_unpriced_models_are_refused_under_a_cap(talk: Path, home: Path) -> None:
    (home / "prices.toml").unlink()
    with pytest.raises(OptionError, match="No price is known for gpt-4o") as refusal:
        planned(talk, **ASKS, max_usd=1)
    assert "--allow-unpriced" in refusal.value.hint
    assert "prices.toml" in refusal.value.hint
    run, _ = planned(talk, **ASKS, max_usd=1, allow_unpriced=True)
    assert run.plan is not None
    planned(talk, **ASKS)


def test_what_a_day_has_spent_counts(talk: Path) -> None:
    spend(2.0)
    run, _ = planned(talk, **SEES, max_cu_per_day=3.0, max_cu=50.0)
    budget = run.meter.budget
    budget.hold("describe", NOTHING)
    assert budget.left("describe").cu == pytest.approx(1.0)
    budget.hold("reason", Amount(0, 0.75))
    assert budget.left("describe").cu == pytest.approx(0.25)
    assert budget.left("describe").usd_nano is None
    with pytest.raises(BudgetReached, match="cap of 3 CU a day"):
        budget.reserve("call", "describe", Amount(0, 0.5))
    spend(4.0)
    later, _ = planned(talk, **SEES, max_cu_per_day=3.0, max_cu=50.0)
    assert later.meter.budget.left("describe").cu == 0.0


def test_looking_gets_coarser_to_keep_to_a_cap_on_seconds(talk: Path) -> None:
    for stage, wall_s in (("decode", 100.0), ("dedupe", 1.0), ("measure", 1.0)):
        past(stage, wall_s, frames=100, seen=100)
    run, info = planned(talk, tier="lite", max_seconds=30.0)
    assert info.duration_s is not None
    assert run.options.interval_s > 5.0
    assert 0.2 * 30 < info.duration_s / run.options.interval_s < 0.6 * 30
    [told] = run.meter.given_up
    assert told == (f"A picture is looked at every {run.options.interval_s:g} s, not every 5 s, "
                    "to keep to 30 s.")  # fmt: skip
    ample, _ = planned(talk, tier="lite", max_seconds=3000.0)
    assert ample.options.interval_s == 5.0
    assert ample.meter.given_up == []


def test_text_is_given_up_when_there_is_no_time_for_it(talk: Path) -> None:
    for stage, wall_s in (("decode", 5.0), ("dedupe", 1.0), ("measure", 1.0), ("ocr", 5000.0)):
        past(stage, wall_s, frames=100, seen=100)
    run, _ = planned(talk, tier="lite", ocr=True, max_seconds=30.0)
    assert run.engines.reader is None
    assert run.meter.given_up[-1] == "Text on screen is not read, to keep to 30 s."


def test_speech_is_found_first_when_it_may_not_fit(tmp_path: Path) -> None:
    lines = [(4.0 + 20 * i, "open red circle") for i in range(5)]
    video = spoken_video(tmp_path / "said.mp4", lines, 100)
    run, _ = planned(video, **HEARS, max_cu=0.006)
    assert run.speech_s == pytest.approx(6.0, abs=2.0)
    assert run.plan is not None
    assert not run.plan.fits
    assert "vad" in {stage.stage for stage in run.meter.receipt().stages}
    ample, _ = planned(video, **HEARS, max_cu=1e6)
    assert ample.plan is not None
    assert ample.plan.fits
    assert "vad" not in {stage.stage for stage in ample.meter.receipt().stages}


def test_the_summary_is_held_back_and_decided_by_what_it_will_be_told(talk: Path) -> None:
    for cap, fits in (("0.0001", False), ("0.5", True)):
        run = api.start(talk, Options(ocr=False, max_usd=Decimal(cap),
                                      **WRITES))  # type: ignore[arg-type]  # fmt: skip
        packed = api.bundle(run, api.extract(run))
        left = run.meter.budget.left("describe").usd_nano
        assert left is not None
        held = run.meter.budget.left("reason").usd_nano != left
        assert held is fits
        assert summary_fits(run, packed) is fits
    run = api.start(talk, Options(ocr=False, **WRITES))  # type: ignore[arg-type]
    assert summary_fits(run, packed)
