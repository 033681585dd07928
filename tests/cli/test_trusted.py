"""Summaries by real models through the whole program: whatever they write, it is checked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from chat_server import MODEL, ChatServer
from footage import film
from models import VLM
from models.text_gguf import text_gguf
from scenes import random_scenes

from vidsum.cli.main import run
from vidsum.costs.ledger import Ledger

CONTEXT = 16_384
SAID = """1
00:00:01,000 --> 00:00:09,000
Today we look at shapes and at their colours.

2
00:00:11,000 --> 00:00:19,000
A circle has no corner at all, says Kelvin.
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "state"
    monkeypatch.setenv("VIDSUM_HOME", str(folder))
    return folder


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    scenes = [s for s in random_scenes(seed=11, count=20) if s.kind != "blank"][:4]
    folder = tmp_path_factory.mktemp("shapes")
    video = film(folder / "shapes.mp4", [(5.0, s.image(640, 360)) for s in scenes])
    video.with_suffix(".srt").write_text(SAID)
    return video


@pytest.fixture(scope="module")
def nonsense(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with random weights: it says anything that the grammar lets it say."""
    return text_gguf(tmp_path_factory.mktemp("text") / "text.gguf", context=CONTEXT)


@pytest.fixture(scope="module")
def server(nonsense: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatServer]:
    folder = tmp_path_factory.mktemp("server")
    with ChatServer(folder, text_model=nonsense, context=CONTEXT) as found:
        yield found


@pytest.fixture(params=["in this process", "behind a server"])
def engine(request: pytest.FixtureRequest, nonsense: Path) -> list[str]:
    context = ["--reason-context", str(CONTEXT), "--threads", "1"]
    if request.param == "in this process":
        return ["--reasoner", "local", "--reason-model", str(nonsense), *context]
    url = request.getfixturevalue("server").url
    return ["--reasoner", "remote", "--reason-api", url, "--reason-model", MODEL, *context]


def told(capfd: pytest.CaptureFixture[str], *arguments: str) -> Any:
    """The JSON that a call prints."""
    assert run([*arguments, "--no-ocr", "--json", "-q"]) == 0, capfd.readouterr().err
    return json.loads(capfd.readouterr().out)


def reason_calls(home: Path) -> int:
    with Ledger.reading(home / "ledger.db") as ledger:
        lines = list(ledger.entries(run_id=ledger.find_run("last")))
    return sum(e.kind == "call" and e.phase == "settle" and e.stage == "reason" for e in lines)


def claims(summary: Any) -> list[Any]:
    gists = [chapter["gist"] for chapter in summary["chapters"] if chapter["gist"]]
    return [*summary["overview_claims"], *summary["key_points"], *summary["quotes"], *gists]


def test_whatever_a_model_writes_stands_up_to_the_timeline_or_is_marked(
    shapes: Path, engine: list[str], home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    found = told(capfd, str(shapes), *engine)
    summary, entries = found["summary"], {e["id"]: e for e in found["timeline"]}
    assert reason_calls(home) >= 1
    assert summary["model"] in ("text.gguf", MODEL)
    assert summary["title"]
    assert summary["overview"]
    for claim in claims(summary):
        assert set(claim["evidence"]) <= set(entries)
        assert claim["supported"] is bool(claim["evidence"])
        if claim["quoted"]:
            assert (
                claim["text"].casefold()
                in " ".join(entries[one]["text"] for one in claim["evidence"]).casefold()
            )
    for before, after in pairwise(summary["chapters"]):
        assert before["end_s"] <= after["start_s"]
    grounding = summary["grounding"]
    told_once = {claim["text"].casefold() for claim in claims(summary)}
    assert grounding["claims"] == len(told_once) + len(summary["names"]) > 0
    assert grounding["claims"] == grounding["supported"] + grounding["unsupported"]
    assert grounding["unsupported"] or grounding["removed"]  # nonsense does not go unnoticed


def test_what_cannot_be_used_twice_is_kept_and_the_summary_is_quoted(
    shapes: Path, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The tiny vision model fills the form with dots, and says no more when it is asked again."""
    dots = ["--reasoner", "local", "--reason-model", str(VLM), "--threads", "1"]
    assert run([str(shapes), *dots, "--no-ocr", "--json", "-q"]) == 5
    out, err = capfd.readouterr()
    assert reason_calls(home) == 2
    found = json.loads(out)
    assert found["summary"]["model"] is None
    assert found["summary"]["key_points"]
    [kept] = (home / "unusable").iterdir()
    assert str(kept) in err
    assert str(kept) in found["failures"][0]
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.read_text().count("{") >= 2
