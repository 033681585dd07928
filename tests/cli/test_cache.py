"""``vidsum cache``: what is kept, and making room, as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vidsum.cli.cache import _CALLED
from vidsum.cli.main import run
from vidsum.pipeline import remembering
from vidsum.store import answers, blocks


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "state"
    monkeypatch.setenv("VIDSUM_HOME", str(folder))
    return folder


def test_a_run_is_listed_and_cleared_away(
    talk: Path, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["cache", "list"]) == 0
    assert "Nothing is kept" in capfd.readouterr().out
    assert run(["cache", "clear"]) == 2
    assert capfd.readouterr().err == "vidsum: error: Nobody is there to say yes. Give --yes.\n"
    assert run(["cache", "clear", "-y"]) == 0
    assert "nothing was removed" in capfd.readouterr().err
    assert not home.exists()

    seen = [str(talk), "--no-ocr", "--end", "20", "-q", "--json"]
    assert run(seen) == 0
    capfd.readouterr()
    assert run(["cache", "list", "--json"]) == 0
    [video] = json.loads(capfd.readouterr().out)["videos"]
    assert (video["name"], video["evidence"], video["answers"]) == ("talk.mp4", 1, 0)
    assert run(["cache", "list"]) == 0
    assert "talk.mp4" in capfd.readouterr().out

    assert run(["cache", "prune", "--unused", "1d"]) == 0
    assert "nothing was removed" in capfd.readouterr().err
    assert run(["cache", "prune", "--max-size", "1kb"]) == 0
    assert "removed 1 result" in capfd.readouterr().err
    assert run(seen) == 0
    found = json.loads(capfd.readouterr().out)
    assert "decode" in {stage["stage"] for stage in found["receipt"]["stages"]}


def test_its_size_is_told_by_kind(
    talk: Path, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["cache", "size"]) == 0
    assert "Nothing is kept" in capfd.readouterr().out
    assert run(["cache", "size", "--json"]) == 0
    nothing = json.loads(capfd.readouterr().out)
    assert (nothing["path"], nothing["bytes"], nothing["kinds"]) == (
        str(home / "cache.db"), 0, [],
    )  # fmt: skip
    assert run([str(talk), "--end", "12", "-q", "--json"]) == 0
    frames = len(json.loads(capfd.readouterr().out)["frames"])
    assert run(["cache", "size", "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    things = {one["kind"]: one["things"] for one in told["kinds"]}
    assert (things["evidence"], things["reading"]) == (1, frames)
    assert 0 < sum(one["stored_bytes"] for one in told["kinds"]) < told["bytes"]
    assert run(["cache", "size"]) == 0
    page = capfd.readouterr().out
    assert "pictures read" in page
    assert "cache.db" in page
    assert run(["cache", "list"]) == 0
    assert "pieces" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Nothing says what to remove"),
        (["--unused", "soon"], "'soon' is no length of time"),
        (["--unused", "2026-01-01"], "is no length of time"),
        (["--unused", "99999999999999999999d"], "--unused"),
        (["--max-size", "much"], "'much' is no size"),
        (["--max-size", "-1MB"], "is no size"),
    ],
)
def test_what_cannot_be_meant(
    arguments: list[str], message: str, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["cache", "prune", *arguments]) == 2
    out, err = capfd.readouterr()
    assert (out, "Traceback" in err) == ("", False)
    assert message in err


def test_a_file_that_is_no_cache_is_said(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    home.mkdir()
    (home / "cache.db").write_text("not a database" * 100)
    assert run(["cache", "list"]) == 8
    assert "is not a database" in capfd.readouterr().err


def test_every_kind_that_is_kept_has_a_name() -> None:
    assert set(_CALLED) == {
        answers.KIND, answers.CAPTION, answers.READING, answers.SPEECH, blocks.KIND,
        remembering.KIND,
    }  # fmt: skip
