"""Picks are brought to the source's shape and size, and move; what is finished stays."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from broll.brush import Brush, filled

from vidsum.broll.finishing import FinishReport, finish
from vidsum.broll.folder import BrollFolder, pick
from vidsum.broll.making import make
from vidsum.broll.marking import Marks, read_marks, write_png
from vidsum.broll.shots import Finish
from vidsum.config import Options
from vidsum.costs.tally import Tally
from vidsum.data import Image
from vidsum.errors import OptionError, RequestFailed
from vidsum.pipeline.run import Run
from vidsum.registry import Work


class Doubling:
    """Enlarges by two, and counts."""

    name, cpu_s = "doubling-x2", 0.0
    work: Work = "light"

    def __init__(self) -> None:
        self.tally = Tally()
        self.asked = 0

    def enlarge(self, image: Image) -> Image:
        self.asked += 1
        return np.repeat(np.repeat(image, 2, axis=0), 2, axis=1)

    def close(self) -> None:
        """Nothing is held."""


@pytest.fixture
def folder(tmp_path: Path) -> BrollFolder:
    """Two scenes with two pictures each, of the first one the second is picked."""
    found = BrollFolder(tmp_path / "film.broll")
    filled(found)
    run = Run(Path("/films/a.mp4"), Options())
    make(run, found, Brush(tmp_path / "log"), variations=2, measured=False)
    run.finish()
    pick(found, {"s01": 2, "s02": None})
    return found


def finished(
    folder: BrollFolder, scenes: Collection[str] | None = None, **more: Any
) -> FinishReport:
    run = Run(Path("/films/a.mp4"), Options())
    try:
        return finish(run, folder, Finish(**more), scenes)
    finally:
        run.finish()


def test_a_pick_comes_in_the_size_of_the_source_and_moves(folder: BrollFolder) -> None:
    (shot,) = finished(folder, seconds=0.4).finished
    assert (shot.scene, shot.number, shot.file) == ("s01", 2, "finished/s01-v2.png")
    assert (shot.width_px, shot.height_px, shot.upscaled_by) == (320, 180, "lanczos")
    picture = folder.picture(shot.file)
    assert picture is not None
    assert picture.shape == (180, 320, 3)
    assert (shot.clip, shot.clip_from, shot.clip_s, shot.fps) == (
        "finished/s01-v2.mp4", "kenburns", 0.4, 25.0)  # fmt: skip
    for name in (shot.file, shot.clip):
        marks = read_marks(folder.place(name))
        assert marks is not None
        assert (marks.scene, marks.model) == ("s01", "brush-1")
    assert folder.read_made().finished == (shot,)


def test_what_ffmpeg_used_is_in_the_account(folder: BrollFolder) -> None:
    run = Run(Path("/films/a.mp4"), Options())
    finish(run, folder, Finish(seconds=1.0))
    run.finish()
    [motion] = [one for one in run.meter.book.lines() if one.stage == "motion" and one.cpu_s]
    assert motion.cpu_s is not None
    assert motion.cpu_s > 0.1, "this process alone takes a tenth of that"


class Blind(Doubling):
    """Enlarges, and what comes out is black, as of weights that give no numbers."""

    def enlarge(self, image: Image) -> Image:
        return np.zeros_like(super().enlarge(image))


def test_an_enlargement_that_is_no_picture_is_not_taken_for_one(folder: BrollFolder) -> None:
    with pytest.raises(RequestFailed, match="no picture: the picture is all black"):
        finished(folder, upscaler=Blind())
    assert folder.read_made().finished == ()
    assert not folder.place("finished/s01-v2.png").exists()


def test_a_pick_of_another_shape_is_cut_and_not_stretched(folder: BrollFolder) -> None:
    checks = np.indices((64, 64)).sum(0) // 8 % 2 * 200 + np.arange(64)[None, :] // 2
    picture = np.repeat(checks.astype(np.uint8)[:, :, None], 3, axis=2)
    write_png(folder.place("images/s01-v2.png"), picture, Marks("", "brush-1", "", "s01"))
    (shot,) = finished(folder, clips="none").finished
    found = folder.picture(shot.file)
    assert found is not None
    assert found.shape == (180, 320, 3)
    # five times as large in both directions: the middle 36 rows of 64
    wanted = cv2.resize(picture[14:50], (320, 180), interpolation=cv2.INTER_LANCZOS4)
    assert np.abs(found.astype(int) - wanted).mean() < 4


def test_what_is_finished_in_the_same_way_stays(folder: BrollFolder) -> None:
    (shot,) = finished(folder, seconds=0.4).finished
    before = {one: one.stat().st_mtime_ns for one in folder.place("finished").iterdir()}
    again = finished(folder, seconds=0.4)
    assert (again.finished, again.kept) == ((), (shot,))
    assert before == {one: one.stat().st_mtime_ns for one in folder.place("finished").iterdir()}
    assert finished(folder, clips="none").kept == (shot,)
    (longer,) = finished(folder, seconds=0.6).finished
    assert longer.clip_s == pytest.approx(0.6)
    folder.place(shot.clip).unlink()
    assert len(finished(folder, seconds=0.6).finished) == 1


def test_another_pick_is_finished_in_its_place(folder: BrollFolder) -> None:
    finished(folder, clips="none")
    pick(folder, {"s01": 1, "s02": 2})
    report = finished(folder, clips="none")
    assert [(one.scene, one.number) for one in report.finished] == [("s01", 1), ("s02", 2)]
    assert [one.number for one in folder.read_made().finished] == [1, 2]
    pick(folder, {"s01": 2})
    assert [one.scene for one in finished(folder, clips="none", scenes=["s02"]).kept] == ["s02"]


def test_each_step_may_be_left_out(folder: BrollFolder) -> None:
    made = folder.read_made().find("s01", 2)
    assert made is not None
    (shot,) = finished(folder, upscale=False, clips="none").finished
    assert (shot.clip, shot.upscaled_by) == ("", "")
    assert shot.width_px <= made.width_px
    assert shot.width_px / shot.height_px == pytest.approx(320 / 180, rel=0.03)
    assert finished(folder, upscale=False, clips="none").kept == (shot,)
    (larger,) = finished(folder, clips="none").finished
    assert larger.width_px == 320


def test_a_model_may_enlarge(folder: BrollFolder) -> None:
    finished(folder, clips="none")
    model = Doubling()
    (shot,) = finished(folder, clips="none", upscaler=model).finished
    assert (shot.upscaled_by, model.asked, shot.width_px) == ("doubling-x2", 1, 320)
    assert finished(folder, clips="none", upscaler=model).kept == (shot,)
    assert model.asked == 1


def test_nothing_stands_in_for_a_picture_that_is_gone(folder: BrollFolder) -> None:
    folder.place("images/s01-v2.png").unlink()
    with pytest.raises(OptionError, match=r"images/s01-v2\.png that was picked cannot be read"):
        finished(folder)
    assert list(folder.place("finished").iterdir()) == []


def test_without_a_pick_there_is_nothing_to_do(folder: BrollFolder) -> None:
    pick(folder, {"s01": None})
    with pytest.raises(OptionError, match="Nothing is picked"):
        finished(folder)
    with pytest.raises(OptionError, match="no scene s09"):
        finished(folder, scenes=["s09"])


def test_a_source_without_a_picture_gets_a_usual_size(folder: BrollFolder) -> None:
    folder.write_plan(replace(folder.read_plan(), width_px=0, height_px=0, fps=None))
    (shot,) = finished(folder, clips="none").finished
    assert (shot.width_px, shot.height_px) == (1920, 1080)
