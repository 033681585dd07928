"""``vidsum doctor``: what would be used, what is missing, and the exit code that goes with it."""

from __future__ import annotations

import json

import pytest

from vidsum.cli.main import run
from vidsum.registry import STAGES


def test_it_says_what_each_stage_would_use(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--tier", "lite"]) == 0
    out, err = capfd.readouterr()
    assert err == ""
    for line in ("speech          subtitles, else not transcribed", "text on screen  rapidocr",
                 "pictures        builtin", "summary         extractive"):  # fmt: skip
        assert line in out
    assert "What would make it better" not in out
    assert "llama-cpp-python 0." in out.replace("\n", " ")


def test_auto_names_the_step_that_would_make_each_stage_better(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert run(["doctor"]) == 0
    out = " ".join(capfd.readouterr().out.split())
    assert ".." not in out
    for task in ("speech", "caption", "reason"):
        assert f"vidsum models pull small --for {task}" in out


def test_a_tier_that_would_not_work_ends_with_4(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--tier", "local"]) == 4
    assert "What is missing" in capfd.readouterr().out


def test_that_nothing_makes_pictures_is_no_fault(capfd: pytest.CaptureFixture[str]) -> None:
    """B-roll is optional, in every tier, until an option asks for it."""
    assert run(["doctor"]) == 0
    out = " ".join(capfd.readouterr().out.split())
    assert "B-roll none (optional)." in out
    assert "B-roll: local is not ready" not in out
    assert run(["doctor", "--tier", "lite", "--json"]) == 0
    stage = json.loads(capfd.readouterr().out)["stages"][-1]
    assert (stage["stage"], stage["optional"]) == ("generator", True)
    for asked in ("--generator=local", "--image-model=./none.gguf"):
        assert run(["doctor", asked]) == 4
        out = " ".join(capfd.readouterr().out.split())
        assert "B-roll local (not ready)" in out
        assert "B-roll: local is not ready: " in out


def test_json_holds_every_engine(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--tier", "api", "--json"]) == 4
    found = json.loads(capfd.readouterr().out)
    assert found["schema_version"]
    assert {s["stage"]: [e["name"] for e in s["engines"]] for s in found["stages"]} == {
        stage: list(backends) for stage, backends in STAGES.items()
    }
    assert found["machine"]["cores"] >= 1
    ready = {s["stage"]: s["ready"] for s in found["stages"]}
    assert ready["reader"]
    assert not ready["captioner"]


def test_without_text_on_screen(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--tier", "lite", "--no-ocr"]) == 0
    assert "text on screen  -" in capfd.readouterr().out
