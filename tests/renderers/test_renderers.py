"""What people and scripts read: golden pages, whole JSON, and nothing hostile gets through.

To renew the golden files after a change that is meant: VIDSUM_RENEW_GOLDEN=1 pytest tests/renderers
"""

from __future__ import annotations

import io
import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from vidsum.data import SCHEMA_VERSION, Claim, Result, TimelineEntry
from vidsum.errors import MediaError
from vidsum.renderers.json import many_to_json, to_json
from vidsum.renderers.markdown import markdown
from vidsum.renderers.page import page
from vidsum.renderers.terminal import show
from vidsum.renderers.text import text

GOLDEN = Path(__file__).parent / "golden"


def on_terminal(result: Result, width: int = 90) -> str:
    stream = io.StringIO()
    show(page(result, with_timeline=True), Console(file=stream, width=width, color_system=None))
    return "\n".join(line.rstrip() for line in stream.getvalue().split("\n"))


def rendered(result: Result, form: str) -> str:
    """Return a result in the form that the end of a golden file's name tells."""
    everything = page(result, with_timeline=True)
    return {
        "page.md": lambda: markdown(everything),
        "page.txt": lambda: text(everything),
        "terminal.txt": lambda: on_terminal(result),
        "result.json": lambda: to_json(result),
    }[form]()


RESULTS = ["result", "written", "answered", "untold", "bought"]
FORMS = ["page.md", "page.txt", "terminal.txt", "result.json"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("whose", RESULTS)
def test_golden(whose: str, form: str, request: pytest.FixtureRequest) -> None:
    name = form if whose == "result" else f"{whose}-{form}"
    found = rendered(request.getfixturevalue(whose), form)
    if os.environ.get("VIDSUM_RENEW_GOLDEN"):
        (GOLDEN / name).write_text(found, "utf-8")
    assert found == (GOLDEN / name).read_text("utf-8")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("whose", RESULTS)
def test_no_control_character_reaches_the_reader(
    whose: str, form: str, request: pytest.FixtureRequest
) -> None:
    found = rendered(request.getfixturevalue(whose), form)
    assert {c for c in found if not c.isprintable()} <= {"\n"}


@pytest.mark.parametrize("whose", RESULTS)
def test_ids_and_the_timeline_stand_on_the_page_only_when_asked(
    whose: str, request: pytest.FixtureRequest
) -> None:
    result = request.getfixturevalue(whose)
    short, whole = text(page(result)), text(page(result, with_timeline=True))
    assert re.search(r"\[[a-z]\d", whole)
    assert "Timeline" in whole
    assert not re.search(r"\[[a-z]\d", short)
    assert "Timeline" not in short


def test_json_is_one_object_that_holds_everything(result: Result) -> None:
    found = json.loads(to_json(result))
    assert found["schema_version"] == SCHEMA_VERSION
    assert [f["index"] for f in found["frames"]] == [0, 2]
    assert found["dropped"] == [
        {"index": 1, "target_s": 5.0, "time_s": 5.0, "pts_s": 4.96, "role": "grid",
         "reason": "duplicate", "same_as": 0}
    ]  # fmt: skip
    assert found["frames"][0]["caption"]["backend"] == "builtin"
    assert found["partial"] is True
    assert found["receipt"]["stages"][1]["cpu_s"] is None


def test_json_of_several_is_one_object(result: Result) -> None:
    failure = MediaError("x.mp4 is empty (0 bytes).", "Was the copy finished?")
    found = json.loads(many_to_json([result, result], [(Path("/x.mp4"), failure)]))
    assert len(found["results"]) == 2
    assert found["failed"] == [
        {
            "path": "/x.mp4",
            "error": "x.mp4 is empty (0 bytes).",
            "hint": "Was the copy finished?",
            "exit_code": 3,
        }
    ]


def test_json_holds_no_character_that_drives_a_terminal(result: Result) -> None:
    tags = {"title": "a\x9b31m\u202eb\x7f", "caf\\xe9": "x"}
    evidence = result.bundle.evidence
    hostile = replace(
        result,
        bundle=replace(
            result.bundle,
            evidence=replace(
                evidence,
                info=replace(evidence.info, tags={"title": tags["title"], "caf\udce9": "x"}),
            ),
        ),
    )
    written = to_json(hostile)
    assert {c for c in written if not c.isprintable()} == {"\n"}
    assert json.loads(written)["source"]["tags"] == tags


def test_a_page_does_not_repeat_a_caption_in_a_row(result: Result) -> None:
    times = [0.0, 10.0, 20.0, 30.0]
    words = ["Bright picture.", "Bright picture.", "Black picture.", "Bright picture."]
    timeline = tuple(
        TimelineEntry(f"c{i}", "caption", t, t + 10, text, "builtin")
        for i, (t, text) in enumerate(zip(times, words, strict=True))
    )
    told = replace(result, bundle=replace(result.bundle, timeline=timeline))
    assert _shown(told) == ["0:00", "0:20", "0:30"]
    assert "Left out: one picture that looks as the one before." in text(
        page(told, with_timeline=True)
    )
    assert len(json.loads(to_json(told))["timeline"]) == 4
    assert told.summary is not None
    points = (Claim("It is bright.", 10.0, 20.0, ("c1",)),)
    told = replace(told, summary=replace(told.summary, key_points=points))
    assert _shown(told) == ["0:00", "0:10", "0:20", "0:30"], "a reader must find what is named"


def _shown(result: Result) -> list[str]:
    lines = text(page(result, with_timeline=True)).split("\n")
    return [line.split()[0] for line in lines if " shown: " in line]
