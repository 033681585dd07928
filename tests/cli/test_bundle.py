"""``vidsum bundle``: the evidence as a prompt, by whoever is to write the summary elsewhere."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from vidsum.cli.main import run
from vidsum.cli.options import BROLL
from vidsum.config import option_table

FAST = ["--no-ocr", "--interval", "10"]


def lines(prompt: str) -> list[dict[str, object]]:
    """The timeline in a prompt."""
    return [json.loads(line) for line in prompt.splitlines() if line.startswith('{"id": ')]


def test_max_evidence_bounds_the_timeline_and_says_what_gave_way(
    talk: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["bundle", str(talk), *FAST]) == 0
    whole, err = capfd.readouterr()
    assert "left out" not in err
    assert run(["bundle", str(talk), *FAST, "--max-evidence", "700"]) == 0
    bounded, err = capfd.readouterr()
    [told] = [line for line in err.splitlines() if "left out for --max-evidence 700" in line]
    counts = [int(count) for count in re.findall(r"(\d+) of (?:speech|text|pictures|facts)", told)]
    all_of_it, some = lines(whole), lines(bounded)
    assert sum(counts) == len(all_of_it) - len(some) > 0
    assert f"Of the timeline {sum(counts)} entries are left out" in bounded
    assert "entries are left out" not in whole
    assert {line["source"] for line in some if line["kind"] == "fact"} >= {"file name"}
    ids = [line["id"] for line in some]
    assert ids == [line["id"] for line in all_of_it if line["id"] in ids]
    first, *_, last = [line["id"] for line in some if line["kind"] == "speech"]
    spoken = [line["id"] for line in all_of_it if line["kind"] == "speech"]
    assert (first, last) == (spoken[0], spoken[-1])  # evenly over the video: no end gives way


def test_no_option_is_offered_that_does_nothing_there(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["bundle", "--help"]) == 0
    offered = set(re.findall(r"--[a-z-]+", capfd.readouterr().out))
    missing = {entry.flag for entry in option_table() if entry.name not in BROLL} - offered
    assert missing == {
        "--format", "--timeline", "--reasoner", "--reason-model", "--reason-context",
        "--reason-api", "--second-look",
    }  # fmt: skip
    assert not offered & {entry.flag for entry in option_table() if entry.name in BROLL}


@pytest.mark.parametrize("arguments", [["--style", "lecture"], ["--length", "long"],
                                       ["--context", "Filmed in Lisbon."]])  # fmt: skip
def test_what_is_offered_changes_the_prompt(
    talk: Path, arguments: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    prompts = []
    for more in ([], arguments):
        assert run(["bundle", str(talk), "-q", *FAST, *more]) == 0
        prompts.append(re.sub("TIMELINE-[0-9a-f]+", "", capfd.readouterr().out))
    assert prompts[0] != prompts[1]


def test_nobody_has_to_be_there_to_write(
    talk: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A config file or the environment may name a writer for summaries."""
    monkeypatch.setenv("VIDSUM_REASONER", "local")
    monkeypatch.setenv("VIDSUM_REASON_MODEL", "/nowhere/model.gguf")
    assert run([str(talk), *FAST, "-q"]) == 4
    capfd.readouterr()
    assert run(["bundle", str(talk), *FAST]) == 0
    out, err = capfd.readouterr()
    assert len(lines(out)) > 20
    assert "model.gguf" not in out + err
