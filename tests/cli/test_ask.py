"""Questions, styles and what each modality bought, of a video that was looked at already."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from footage import film
from models import MMPROJ, VLM
from reasoner.writers import honest
from scenes import random_scenes
from scripted_provider import Answer, Call, ScriptedProvider, fails

from vidsum.cli.main import run
from vidsum.costs.ledger import Ledger
from vidsum.data import Entry

SEES = ["--captioner", "local", "--caption-model", str(VLM), "--mmproj", str(MMPROJ),
        "--threads", "1", "--no-ocr"]  # fmt: skip
LOOKS_OR_LISTENS = {"decode", "dedupe", "measure", "ocr", "describe", "vad", "transcript"}
PRICE = """
[[price]]
host = "127.0.0.1"
model = "m"
input_usd_per_mtok = 1000000
output_usd_per_mtok = 1000000
"""
SAID = """1
00:00:01,000 --> 00:00:09,000
Today we look at shapes and at their colours.

2
00:00:11,000 --> 00:00:19,000
A circle has no corner at all, says Kelvin.

3
00:00:21,000 --> 00:00:28,000
Nobody knows why the square was painted red.
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder of the test's own, in which results are kept."""
    folder = tmp_path / "state"
    monkeypatch.setenv("VIDSUM_HOME", str(folder))
    monkeypatch.delenv("VIDSUM_CACHE", raising=False)
    return folder


@pytest.fixture
def shapes(tmp_path: Path) -> Path:
    """Six scenes of five seconds with subtitles beside them."""
    scenes = [s for s in random_scenes(seed=11, count=20) if s.kind != "blank"][:6]
    video = film(tmp_path / "shapes.mp4", [(5.0, s.image(640, 360)) for s in scenes])
    video.with_suffix(".srt").write_text(SAID)
    return video


@pytest.fixture
def provider() -> Iterator[ScriptedProvider]:
    with ScriptedProvider(writer) as found:
        yield found


def writer(call: Call) -> Answer:
    """A provider that writes, and lists no models."""
    return honest(call) if call.method == "POST" else fails(404)


def questions(provider: ScriptedProvider) -> list[Call]:
    """What the provider was asked to write."""
    return [call for call in provider.calls if call.method == "POST"]


def writes_at(provider: ScriptedProvider) -> list[str]:
    return ["--reasoner", "remote", "--reason-api", provider.url, "--reason-model", "m"]


def told(capfd: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    """The JSON that a call prints."""
    assert run([*arguments, "--json", "-q"]) == code, capfd.readouterr().err
    return json.loads(capfd.readouterr().out)


def last_run(home: Path) -> list[Entry]:
    with Ledger.reading(home / "ledger.db") as ledger:
        return list(ledger.entries(run_id=ledger.find_run("last")))


def worked(home: Path) -> set[str]:
    """The stages of the last run."""
    return {line.stage for line in last_run(home) if line.kind in ("stage", "call")}


def calls(home: Path) -> list[str]:
    """The stage of each model call that the last run made."""
    return [e.stage for e in last_run(home) if e.kind == "call" and e.phase == "reserve"]


def test_a_question_about_a_video_that_was_seen_costs_one_call_of_the_model(
    shapes: Path, home: Path, provider: ScriptedProvider, capfd: pytest.CaptureFixture[str]
) -> None:
    first = told(capfd, str(shapes), *SEES, *writes_at(provider), "--second-look", "0")
    assert calls(home).count("describe") == len(first["frames"]) > 4
    provider.calls.clear()

    asked = ["--ask", "What did Kelvin say?"]
    found = told(capfd, str(shapes), *SEES, *writes_at(provider), *asked)
    assert calls(home) == ["reason"]
    assert not worked(home) & LOOKS_OR_LISTENS
    assert [e.avoided_by for e in last_run(home) if e.stage == "describe"] == ["cache"]
    [call] = questions(provider)
    assert "What did Kelvin say?" in call.prompt
    assert "A circle has no corner at all" in call.prompt
    known = {entry["id"] for entry in found["timeline"]}
    assert found["timeline"] == first["timeline"]
    assert found["summary"] is None
    assert found["answer"]["question"] == "What did Kelvin say?"
    assert found["answer"]["claims"]
    assert all(known.issuperset(claim["evidence"]) for claim in found["answer"]["claims"])

    again = told(capfd, str(shapes), *SEES, *writes_at(provider), *asked)
    assert calls(home) == []
    assert again["answer"]["claims"] == found["answer"]["claims"]
    assert len(questions(provider)) == 1


def test_another_style_pays_for_the_last_answer_only(
    shapes: Path, home: Path, provider: ScriptedProvider, capfd: pytest.CaptureFixture[str]
) -> None:
    usual = [str(shapes), *SEES, *writes_at(provider), "--second-look", "0"]
    told(capfd, *usual)
    found = told(capfd, *usual, "--style", "archive", "--length", "short")
    assert calls(home) == ["reason"]
    usual_prompt, other_prompt = [call.prompt for call in questions(provider)]
    assert "archive" in other_prompt.lower()
    assert "archive" not in usual_prompt.lower()
    assert found["summary"]["title"]


def test_without_the_cache_everything_is_looked_at_again(
    shapes: Path, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    first = told(capfd, str(shapes), *SEES)
    told(capfd, str(shapes), *SEES, "--no-cache")
    assert calls(home).count("describe") == len(first["frames"])
    told(capfd, str(shapes), *SEES)
    assert calls(home) == []


def test_a_question_without_any_model_is_answered_with_quotations(
    talk: Path, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    told(capfd, str(talk), "--no-ocr")
    found = told(capfd, str(talk), "--no-ocr", "--ask", "Who pulls harder, the Sun or the Moon?")
    assert not worked(home) & LOOKS_OR_LISTENS
    answer = found["answer"]
    assert answer["found"]
    assert answer["model"] is None
    words = " ".join(entry["text"] for entry in found["timeline"] if entry["kind"] == "speech")
    assert any("Sun pulls on us" in claim["text"] for claim in answer["claims"])
    assert all(claim["quoted"] and claim["text"] in words for claim in answer["claims"])
    assert answer["grounding"]["claims"] == len(answer["claims"])
    nothing = told(capfd, str(talk), "--no-ocr", "--ask", "Does a llama like jazz?")
    assert not nothing["answer"]["found"]


def test_a_question_to_an_engine_that_fails_is_answered_with_quotations_and_exits_5(
    shapes: Path, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuses(call: Call) -> Answer:
        return fails(400 if call.method == "POST" else 404, "no")

    with ScriptedProvider(refuses) as gone:
        question = ["--ask", "What did Kelvin say?"]
        found = told(capfd, str(shapes), "--no-ocr", *writes_at(gone), *question, code=5)
    assert found["answer"]["model"] is None
    assert any("Kelvin" in claim["text"] for claim in found["answer"]["claims"])
    assert len(found["failures"]) == 1
    assert found["partial"]


def test_a_question_that_does_not_fit_under_a_cap_is_answered_with_quotations_and_exits_6(
    shapes: Path, home: Path, provider: ScriptedProvider, capfd: pytest.CaptureFixture[str]
) -> None:
    home.mkdir()
    (home / "prices.toml").write_text(PRICE)
    capped = [str(shapes), "--no-ocr", *writes_at(provider), "--ask", "What did Kelvin say?",
              "--max-usd", "0.01"]  # fmt: skip
    for _ in range(2):  # the second time with what was seen and heard at the first
        found = told(capfd, *capped, code=6)
        assert found["answer"]["model"] is None
        assert found["answer"]["claims"]
        assert questions(provider) == []
    assert not worked(home) & LOOKS_OR_LISTENS


@pytest.mark.slow
def test_a_cut_off_file_is_cut_off_on_every_day(
    talk: Path, tmp_path: Path, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    part = tmp_path / "part.mp4"
    part.write_bytes(talk.read_bytes()[:400_000])
    first = told(capfd, str(part), "--no-ocr", code=7)
    for question in (["--ask", "Who pulls?"], ["--what-did-vision-buy"], []):
        again = told(capfd, str(part), "--no-ocr", *question, code=7)
        assert not worked(home) & LOOKS_OR_LISTENS
        assert again["warnings"] == first["warnings"]
        assert again["partial"]


def test_what_was_kept_is_said_in_a_line_and_the_options_are_those_that_were_asked_for(
    talk: Path, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    usual = [str(talk), "--no-ocr", "--json"]
    assert run(usual) == 0
    assert "kept:" not in capfd.readouterr().err
    assert run([*usual, "--length", "short", "--context", "Seen in Lisbon."]) == 0
    out, err = capfd.readouterr()
    [line] = [line for line in err.splitlines() if line.startswith("vidsum: kept: ")]
    assert "--no-cache" in line
    savings = [line for line in err.splitlines() if "Not spent" in line]
    assert all(", kept by run " in one for one in savings)
    assert not any("descriptions" in one for one in savings)  # measured in a hundredth of a second
    options = json.loads(out)["options"]
    assert (options["length"], options["context"]) == ("short", "Seen in Lisbon.")
    assert (options["ocr"], options["cache"], options["interval_s"]) == (False, True, 5.0)


def test_what_each_modality_bought_and_cost(
    shapes: Path, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    first = told(capfd, str(shapes), *SEES)
    found = told(capfd, str(shapes), *SEES, "--what-did-vision-buy")
    assert calls(home) == []
    bought = found["bought"]
    frames, speech = bought["modalities"]
    assert (frames["basis"], speech["basis"]) == ("frames", "speech")
    kinds = [entry["kind"] for entry in found["timeline"]]
    assert frames["entries"] == kinds.count("caption") + kinds.count("text")
    assert speech["entries"] == kinds.count("speech")
    for part, letters in ((frames, "ctb"), (speech, "s")):
        for claim in part["only"]:
            assert {one[0] for one in claim["evidence"]} <= {*letters, "f"}
    assert len(frames["only"]) == bought["by_basis"]["frames"] > 0
    assert len(speech["only"]) == bought["by_basis"]["speech"] > 0
    [image] = [m for m in first["receipt"]["modalities"] if m["modality"] == "image"]
    assert frames["cost"]["total"]["calls"] == image["total"]["calls"] == len(first["frames"])
    assert frames["gathered_run"] == first["receipt"]["run_id"]
    told_without = json.dumps(frames["without"])
    assert all(claim["text"] not in told_without for claim in frames["only"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--ask", " ?"], "--ask takes a question"),
        (["--ask", "Who?", "--what-did-vision-buy"], "do not go together"),
        (["--ask", "Who?", "--dry-run"], "--dry-run estimates summaries, and their B-roll, only"),
        (["--style", "limerick"], "limerick"),
        (["--style", "../summary"], "../summary"),
        (["--context", "no/such/notes.txt"], "no/such/notes.txt"),
        (["--length", "huge"], "huge"),
        (["--second-look", "-1"], "--second-look"),
    ],
)
def test_what_cannot_be_meant_is_said_at_once(
    arguments: list[str], message: str, talk: Path, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run([str(talk), *arguments]) == 2
    out, err = capfd.readouterr()
    assert message in err
    assert "Traceback" not in err
    assert out == ""
    assert not (home / "ledger.db").exists()


def test_options_that_only_a_model_follows_are_said_to_do_nothing(
    talk: Path, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    usual = [str(talk), "--no-ocr", "--end", "20", "--format", "md"]
    assert run([*usual, "--style", "lecture", "--max-evidence", "20000"]) == 0
    assert "--style and --max-evidence changed nothing" in capfd.readouterr().err
    assert run(usual) == 0
    assert "changed nothing" not in capfd.readouterr().err


def test_chapters_that_a_file_beside_it_tells_of(
    shapes: Path, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    usual = [str(shapes), "--no-ocr", "--captioner", "builtin"]
    told(capfd, *usual)
    chapters = [{"start_time": 0, "end_time": 12, "title": "Round things"},
                {"start_time": 12, "end_time": 30, "title": "Square things"}]  # fmt: skip
    beside = shapes.with_suffix(".info.json")
    beside.write_text(json.dumps({"title": "Shapes", "upload_date": "20260502",
                                  "chapters": chapters}))  # fmt: skip
    found = told(capfd, *usual)  # what was seen is kept; what lies beside it is read anew
    assert not worked(home) & LOOKS_OR_LISTENS
    named = [(c["title"], c["start_s"], c["end_s"]) for c in found["summary"]["chapters"]]
    assert named == [("Round things", 0.0, 12.0), ("Square things", 12.0, 30.0)]
    assert {"name": "Title", "value": "Shapes", "source": "shapes.info.json"} in found["facts"]


def test_an_estimate_says_what_is_kept_already(
    shapes: Path, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def estimated(*more: str) -> Any:
        assert run(["estimate", str(shapes), *SEES, *more, "--json"]) == 0
        return json.loads(capfd.readouterr().out)["kept"]

    assert estimated() is None
    first = told(capfd, str(shapes), *SEES)
    assert estimated()["run_id"] == first["receipt"]["run_id"]
    assert estimated("--interval", "2") is None
    assert estimated("--no-cache") is None
    assert run(["estimate", str(shapes), *SEES]) == 0
    page = " ".join(capfd.readouterr().out.split())
    assert f"kept from run {first['receipt']['run_id'][:8]}" in page
