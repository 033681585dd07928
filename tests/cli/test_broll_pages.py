"""What ``vidsum broll`` prints: a next step that can be copied, and JSON that any program reads."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vidsum.cli.batch import Batch, Wish
from vidsum.cli.brollpages import broll_json, broll_page, next_step
from vidsum.config import Options
from vidsum.data import BrollOutcome, BrollPlan, FinishedShot, Notice, Scene, Variation
from vidsum.errors import OptionError, OutputError
from vidsum.renderers.text import text

SCENES = (Scene("s01", 0.0, 4.0, "A mill"), Scene("mine", 5.0, 9.0, "A barn"))
PLAN = BrollPlan("talk.mp4", None, 60.0, 64, 36, 25.0, "A talk", "Soft.", SCENES, "user")
FOLDER = Path("/films/a talk/it's $HOME.broll")


def picture(scene: str, number: int, state: Any = "made") -> Variation:
    return Variation(scene, number, "k", state, "p", 1, "m", "local", 64, 64, "images/x.png")


def shot(scene: str, number: int) -> FinishedShot:
    return FinishedShot(scene, number, "finished/x.png", 64, 36)


def outcome(*made: Variation, **more: Any) -> BrollOutcome:
    told: dict[str, Any] = {"plan": PLAN, "picks": {}, "finished": ()} | more
    return BrollOutcome("f", look=None, variations=made, **told)


@pytest.mark.parametrize(("found", "step"), [
    (outcome(), ["make", FOLDER]),
    (outcome(picture("s01", 1, "failed")), ["make", FOLDER]),
    (outcome(picture("gone", 1)), ["make", FOLDER]),
    (outcome(picture("s01", 1, "unknown"), picture("s01", 2)), ["pick", FOLDER, "s01=2"]),
    (outcome(picture("mine", 1), picture("s01", 1), picks={"s01": None}),
     ["pick", FOLDER, "mine=1"]),
    (outcome(picture("s01", 1), picks={"s01": None}),
     ["refine", FOLDER, "s01", "what is to be different"]),
    (outcome(picture("s01", 1, "unknown")), ["make", FOLDER, "--retry"]),
    (outcome(picture("s01", 1), picture("mine", 1), picks={"s01": 1}), ["pick", FOLDER, "mine=1"]),
    (outcome(picture("s01", 1), picks={"s01": 1}), ["finish", FOLDER]),
    (outcome(picture("s01", 1), picks={"s01": 1, "mine": 2}, finished=(shot("s01", 1),)),
     ["finish", FOLDER]),
    (outcome(picture("s01", 1), picks={"s01": 1, "gone": 3}, finished=(shot("s01", 1),)),
     ["export", FOLDER]),
])  # fmt: skip
def test_the_next_step_is_one_line_that_a_shell_takes(
    found: BrollOutcome, step: list[object]
) -> None:
    last = next_step(found, FOLDER).splitlines()[-1]
    assert last.startswith("Next: ")
    assert shlex.split(last.removeprefix("Next: ")) == ["vidsum", "broll", *map(str, step)]


def test_without_scenes_the_next_step_is_to_write_one() -> None:
    told = next_step(outcome(plan=replace(PLAN, scenes=())), Path("/films/talk.broll"))
    assert told == ("Next: write a scene into /films/talk.broll/plan.toml, then: "
                    "vidsum broll make /films/talk.broll\n")  # fmt: skip


@pytest.mark.parametrize("name", ["caf\udce9.broll", "a\nb.broll", "\x1b[31m.broll"])
def test_a_folder_that_cannot_be_copied_is_not_named_as_another_one(name: str) -> None:
    told = next_step(outcome(picture("s01", 1)), Path("/films") / name)
    assert told.endswith("\nNext: vidsum broll pick FOLDER s01=1\n")
    assert told.count("\n") == 2
    told.encode()
    assert told.isascii()


def test_the_page_says_what_is_no_picture_of_its_scene() -> None:
    good = replace(picture("s01", 1), prompt="A mill. Soft.")
    lost = replace(picture("s01", 3, "failed"), error="The painter was killed. " * 20)
    plan = replace(PLAN, scenes=(replace(SCENES[0], prompt="A mill."), SCENES[1]))
    told = text(broll_page(outcome(good, picture("s01", 2), lost, plan=plan, picks={"s01": None},
                                   finished=(shot("s01", 1),))))  # fmt: skip
    assert "2: of an earlier prompt: p" in told
    assert "1: of an earlier prompt" not in told
    assert "None of them is wanted." in told
    assert "Finished" not in told, "it is not wanted any more"
    assert "3: The painter was killed." in told
    assert max(map(len, told.splitlines())) <= 100


def test_json_takes_any_name_and_rounds_no_figure() -> None:
    made = replace(picture("s01", 1), error="\udcff\x1b", cu=0.0004, references=("\ud800",))
    found = outcome(made, plan=replace(PLAN, video="/caf\udce9.mp4"), picks={"\udc80": 1},
                    notices=(Notice("broll", "\udcfe"),))  # fmt: skip
    told = broll_json(found, failures=["\udcfd"])
    told.encode()
    assert "\x1b" not in told
    read = json.loads(told)
    assert read["broll"]["variations"][0]["cu"] == 0.0004
    assert read["broll"]["plan"]["video"] == "/caf\\xe9.mp4"
    assert read["failures"] == ["\\xfd"]


def test_two_videos_whose_broll_would_share_a_folder_are_refused(tmp_path: Path) -> None:
    def batch(*names: str) -> Batch:
        videos = tuple(tmp_path / name for name in names)
        return Batch(Options(), videos, None, True, False, Wish(broll=True))

    with pytest.raises(OptionError, match=r"talk\.mp4 and .*talk\.mkv .*talk\.broll") as told:
        batch("talk.mp4", "other.mp4", "talk.mkv").check()
    assert "vidsum broll plan VIDEO -o FOLDER" in told.value.hint
    batch("talk.mp4", "other.mp4", "talk.mp4", "sub/talk.mp4").check()


def test_a_folder_that_cannot_be_made_is_told_before_the_video_is_looked_at(tmp_path: Path) -> None:
    video = tmp_path / "talk.mp4"
    video.write_bytes(b"no video")
    (tmp_path / "talk.broll").write_text("a file")
    with pytest.raises(OutputError, match=r"talk\.broll cannot be made"):
        Wish(broll=True).result(video, Options(), lambda event: None)
