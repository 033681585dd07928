"""``vidsum broll`` and ``--broll`` from end to end, with the real engine and hand-made weights."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import opentimelineio as otio
import pytest
from footage import film
from models.flux2 import write_model
from PIL import Image as Pillow

from vidsum.broll.marking import read_marks

SMALL = ("--image-side", "64", "--image-steps", "1", "--threads", "2", "--no-ocr")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("image-model"))


def textured(colour: tuple[int, int, int], seed: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A sharp picture around a colour, as a camera gives and a slide does not. [180, 320, 3]"""
    rough = np.random.default_rng(seed).integers(-60, 60, (36, 64, 3)) + np.array(colour)
    small = Pillow.fromarray(np.clip(rough, 0, 255).astype(np.uint8))
    return np.asarray(small.resize((320, 180), Pillow.Resampling.BICUBIC))


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two shots in warm colours, and words that say what they show."""
    path = tmp_path_factory.mktemp("film") / "walk.mp4"
    film(path, [(10.0, textured((190, 110, 60), 1)), (10.0, textured((200, 140, 90), 2))])
    path.with_suffix(".srt").write_text(
        "1\n00:00:01,000 --> 00:00:06,000\nThe old barn stands on the hill since 1840.\n\n"
        "2\n00:00:11,000 --> 00:00:17,000\nIn the harbour the boats wait for the tide.\n"
    )
    return path


class Called:
    """A call of the program that has ended."""

    def __init__(self, *arguments: object, env: dict[str, str] | None = None) -> None:
        command = [sys.executable, "-m", "vidsum", *map(str, arguments)]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=os.environ | (env or {})
        )
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


class Whole:
    """``--broll`` done once, with a state folder of its own."""

    def __init__(self, video: Path, model: Path, home: Path) -> None:
        self.video, self.model, self.env = video, model, {"VIDSUM_HOME": str(home)}
        self.folder = video.with_suffix(".broll")
        self.first = self.again()

    def again(self) -> Called:
        return Called(self.video, "--broll", "--image-model", self.model, "--variations", "1",
                      "--scenes", "1", "--json", *SMALL, env=self.env)  # fmt: skip

    def call(self, *arguments: object) -> Called:
        return Called(*arguments, env=self.env)


@pytest.fixture(scope="module")
def whole(
    video: Path, model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Whole]:  # fmt: skip
    return Whole(video, model, tmp_path_factory.mktemp("home"))


def test_one_command_makes_it_all(whole: Whole) -> None:
    assert whole.first.code == 0, whole.first.err
    told = whole.first.json["broll"]
    [scene], [picture], [shot] = told["plan"]["scenes"], told["variations"], told["finished"]
    assert scene["evidence"]
    assert (picture["scene"], picture["state"], told["picks"]) == ("s01", "made", {"s01": 1})
    assert picture["references"]
    assert picture["palette_gain"] > 0
    image = np.asarray(Pillow.open(whole.folder / picture["file"]))
    assert image.shape[:2] == (picture["height_px"], picture["width_px"])
    red, green, blue = image.reshape(-1, 3).mean(0)
    assert red > green > blue  # the model paints in the colours of its references
    assert (shot["width_px"], shot["height_px"]) == (320, 180)
    for name in (picture["file"], shot["file"], shot["clip"]):
        marks = read_marks(whole.folder / name)
        assert marks is not None
        assert (marks.scene, marks.seed) == ("s01", picture["seed"])
    assert "sheet.html" in whole.first.err


def test_the_clip_is_as_the_source(whole: Whole) -> None:
    [shot] = whole.first.json["broll"]["finished"]
    with av.open(str(whole.folder / shot["clip"])) as clip, av.open(str(whole.video)) as source:
        made, of = clip.streams.video[0], source.streams.video[0]
        assert (made.width, made.height) == (of.width, of.height)
        assert made.average_rate == of.average_rate
        assert made.frames == round(shot["clip_s"] * float(of.average_rate or 0))


def test_timelines_lay_it_over_its_scene(whole: Whole) -> None:
    told = whole.first.json["broll"]
    [scene] = told["plan"]["scenes"]
    exports = {Path(name).suffix: name for name in told["exports"]}
    assert set(exports) == {".otio", ".fcpxml", ".xml", ".edl"}
    timeline = otio.adapters.read_from_file(exports[".otio"])
    [clip] = timeline.video_tracks()[1].find_clips()
    at = clip.range_in_parent().start_time.to_seconds()
    assert at == pytest.approx(scene["start_s"], abs=0.5 / 4)


def test_a_video_that_was_moved_is_told_of_and_can_be_named(whole: Whole) -> None:
    moved = whole.video.with_name("moved.mp4")
    asked = ("broll", "export", whole.folder, "--format", "edl", "--json")
    whole.video.rename(moved)
    try:
        gone, named = whole.call(*asked), whole.call(*asked, "--video", moved)
    finally:
        moved.rename(whole.video)
    assert (gone.code, named.code) == (0, 0)
    assert "walk.mp4 is not there" in gone.err
    assert any("--video" in one["message"] for one in gone.json["broll"]["notices"])
    assert "is not there" not in named.err
    assert [Path(one).name for one in named.json["broll"]["exports"]] == ["moved.edl"]


@pytest.mark.slow
def test_an_estimate_tells_what_is_missing(whole: Whole, tmp_path: Path) -> None:
    own = tmp_path / "own.mp4"
    own.symlink_to(whole.video)
    flags = ("--image-model", whole.model, "--variations", "2", "--scenes", "3", *SMALL)
    dry = whole.call(own, "--broll", "--dry-run", "--json", *flags)
    assert dry.code == 0, dry.err
    told = dry.json["broll"]
    assert [(one["part"], one["count"]) for one in told["items"]] == [
        ("pictures", 6), ("baselines", 3), ("upscale", 3), ("motion", 3)]  # fmt: skip
    assert told["items"][0]["each_cu"] > 0
    page = whole.call("estimate", own, "--broll", *flags)
    assert "6 pictures" in page.out
    assert "a video may have fewer scenes" in page.out
    assert whole.call("estimate", own, "--json", "--no-ocr").json["broll"] is None
    done = whole.call("estimate", whole.video, "--broll", "--json", "--scenes", "1",
                      "--variations", "1", *flags[:2], *SMALL)  # fmt: skip
    assert (done.json["broll"]["items"], done.json["broll"]["kept"]) == ([], 1)
    finished = whole.call("broll", "finish", whole.folder, "--dry-run", "--seconds", "1")
    assert finished.code == 0, finished.err
    assert "1 moving shot" in finished.out


def test_again_it_costs_nothing(whole: Whole) -> None:
    before = {one: one.stat().st_mtime_ns for one in (whole.folder / "images").iterdir()}
    again = whole.again()
    assert again.code == 0, again.err
    assert again.json["broll"]["variations"] == whole.first.json["broll"]["variations"]
    assert before == {one: one.stat().st_mtime_ns for one in (whole.folder / "images").iterdir()}
    kinds = {one["modality"]: one for one in again.json["receipt"]["modalities"]}
    assert "image_gen" not in kinds or not kinds["image_gen"]["total"]["calls"]


def test_the_ledger_knows_it_as_a_modality_of_its_own(whole: Whole) -> None:
    run = whole.first.json["receipt"]["run_id"]
    told = whole.call("ledger", "show", "--run", run[:12])
    assert "made pictures" in told.out
    law = whole.call("ledger", "law", "--json").json
    [row] = [one for one in law["rows"] if one["what"] == "images made"]
    calls = [one for one in whole.first.json["broll"]["variations"] if one["cu"]]
    assert row["calls"] == len(calls) + 1  # and the baseline
    assert row["cu"] > 0


def test_step_by_step(whole: Whole, tmp_path: Path) -> None:
    place = tmp_path / "own.broll"
    planned = whole.call("broll", "plan", whole.video, "-o", place, "--scenes", "2", "--no-ocr")
    assert planned.code == 0, planned.err
    assert f"vidsum broll make {place}" in " ".join(planned.out.split())
    again = whole.call("broll", "plan", whole.video, "-o", place, "--no-ocr")
    assert (again.code, again.out) == (2, "")
    assert "--replace" in again.err
    dry = whole.call("broll", "make", place, "--image-model", whole.model, "--dry-run",
                     "--variations", "2", "--json", *SMALL[:-1])  # fmt: skip
    parts = {one["part"]: one for one in dry.json["items"]}
    scenes = len(tomllib.loads((place / "plan.toml").read_text())["scene"])
    assert parts["pictures"]["count"] == 2 * scenes
    assert dry.json["total_usd_nano"] == 0
    assert not list((place / "images").iterdir())
    nothing = whole.call("broll", "finish", place, "--dry-run")
    assert (nothing.code, nothing.err.count("\n")) == (2, 1)
    nothing = whole.call("broll", "finish", place)
    assert (nothing.code, nothing.err.count("\n")) == (2, 1)
    assert "pick" in nothing.err


REFUSED = [
    (("make", "FOLDER"), 4, "--image-model"),
    (("make", "FOLDER", "--image-api", "openai", "--image-model", "gpt-image-1"), 2, "--max-usd"),
    (("pick", "FOLDER", "s01=9"), 2, "s01 has 1"),
    (("pick", "FOLDER", "s01:1"), 2, "s01=2"),
    (("refine", "FOLDER", "s07", "fog", "--image-model", "MODEL"), 2, "s01"),
    (("finish", "FOLDER", "--clips", "ai"), 2, "--clip-model"),
    (("finish", "FOLDER", "--clips", "ai", "--clip-model", "x"), 2, "--max-usd"),
    (("finish", "FOLDER", "--clips", "ai", "--clip-model", "x", "--max-usd", "1"), 2, "--yes"),
    (("export", "nowhere.broll"), 2, "vidsum broll plan"),
    (("make", "FOLDER", "--image-model", "nothing.gguf"), 4, "nothing.gguf"),
    (("refine", "FOLDER", "s01", "fog", "--image-api", "openai", "--image-model", "gpt-image-1"),
     2, "--max-usd"),
    (("refine", "FOLDER", "s01", "", "--image-model", "MODEL"), 2, "The note says nothing"),
    (("pick", "FOLDER", "s01=1", "s01=none"), 2, "twice"),
    (("export", "FOLDER", "--video", "nowhere.mp4", "--json"), 2, "nowhere.mp4"),
    (("export", "FOLDER", "--start", "noon", "--json"), 2, "01:00:00:00"),
    (("make", "EMPTY", "--image-model", "MODEL", "--json"), 2, "no scenes"),
    (("make", "EMPTY", "--image-model", "MODEL", "--dry-run", "--json"), 2, "no scenes"),
    (("plan", "VIDEO", "-o", "nowhere/own.broll", "--json"), 8, "nowhere"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "code", "told"), [
    pytest.param(*one, marks=[pytest.mark.slow] if place % 3 else [])
    for place, one in enumerate(REFUSED)
])  # fmt: skip
def test_what_cannot_be_done_is_one_line_with_the_next_step(
    whole: Whole, arguments: tuple[str, ...], code: int, told: str, tmp_path: Path
) -> None:
    (tmp_path / "plan.toml").write_text('title = "A plan without scenes"\n')
    names = {"FOLDER": str(whole.folder), "MODEL": str(whole.model), "EMPTY": str(tmp_path),
             "VIDEO": str(whole.video)}  # fmt: skip
    record = [whole.folder / name for name in ("made.json", "plan.toml")]
    before = [one.read_bytes() for one in record]
    found = Called("broll", *(names.get(one, one) for one in arguments),
                   env=whole.env | {"OPENAI_API_KEY": "sk-none-0000"})  # fmt: skip
    assert (found.code, found.out) == (code, ""), found.err
    assert found.err.startswith("vidsum: error: ")
    assert found.err.count("\n") == 1
    assert told in found.err
    assert [one.read_bytes() for one in record] == before


def test_without_a_generator_it_is_said_before_anything_is_done(video: Path) -> None:
    found = Called(video, "--broll", "--image-side", "64")
    assert (found.code, found.out) == (4, "")
    assert found.err.count("\n") == 1


@pytest.mark.slow
def test_of_several_videos_each_has_its_folder_and_one_object_holds_them(
    video: Path, model: Path, tmp_path: Path
) -> None:
    videos = [tmp_path / name for name in ("a b.mp4", "c.mp4")]
    for one in videos:
        one.write_bytes(video.read_bytes())
        one.with_suffix(".srt").write_bytes(video.with_suffix(".srt").read_bytes())
    done = Called(*videos, tmp_path / "none.mp4", "--broll", "--image-model", model, "--variations",
                  "1", "--scenes", "1", "--json", *SMALL,
                  env={"VIDSUM_HOME": str(tmp_path / "home")})  # fmt: skip
    assert done.code == 7, done.err
    told = [one["broll"] for one in done.json["results"]]
    assert [one["folder"] for one in told] == [str(one.with_suffix(".broll")) for one in videos]
    assert [one["variations"][0]["state"] for one in told] == ["made", "made"]
    assert [one["exit_code"] for one in done.json["failed"]] == [3]


def cpu_s(process: str) -> float:
    """CPU seconds of a process so far."""
    told = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.slow
def test_a_painter_that_is_killed_loses_one_picture_and_the_next_run_completes_the_set(
    video: Path, model: Path, tmp_path: Path
) -> None:
    env = {"VIDSUM_HOME": str(tmp_path / "home")}
    place = tmp_path / "walk.broll"
    assert (
        Called("broll", "plan", video, "-o", place, "--scenes", "1", "--no-ocr", env=env).code == 0
    )
    made = [sys.executable, "-m", "vidsum", "broll", "make", place, "--image-model", model,
            "--variations", "3", "--json", *SMALL[:-1]]  # fmt: skip
    process = subprocess.Popen(
        list(map(str, made)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | env,
    )  # fmt: skip
    first = place / "images" / "s01-v1.png"
    while not first.exists():
        assert process.poll() is None
        time.sleep(0.05)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    [painter] = [one for one in children if "painter" in Path(f"/proc/{one}/cmdline").read_text()]
    used_s = cpu_s(painter)
    while cpu_s(painter) < used_s + 0.5:  # then it is well into the second, which takes seconds
        assert process.poll() is None
        time.sleep(0.02)
    os.kill(int(painter), signal.SIGKILL)
    out, err = process.communicate(timeout=240)
    states = [one["state"] for one in json.loads(out)["broll"]["variations"]]
    assert sorted(states) == ["failed", "made", "made"]
    assert process.returncode == 7
    assert "killed" in err.lower() or "SIGKILL" in err
    kept = {one: one.stat().st_mtime_ns for one in (place / "images").iterdir()}
    again = Called(*made[3:], env=env)
    assert again.code == 0, again.err
    assert [one["state"] for one in again.json["broll"]["variations"]] == ["made"] * 3
    assert all(one.stat().st_mtime_ns == at for one, at in kept.items())
    calls = {one["modality"]: one for one in again.json["receipt"]["modalities"]}
    assert calls["image_gen"]["total"]["calls"] == 1
