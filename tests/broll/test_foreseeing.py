"""What B-roll would cost is known before anything is there, and asks nobody."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from broll.brush import ABLE, Brush, filled, scene
from footage import film

from vidsum.broll.clips import RemoteClips
from vidsum.broll.finishing import finish
from vidsum.broll.folder import BrollFolder, pick
from vidsum.broll.foreseeing import foresee, foresee_finish
from vidsum.broll.items import Itemised
from vidsum.broll.making import make
from vidsum.broll.shots import Finish
from vidsum.config import Options
from vidsum.data import ModelRef
from vidsum.errors import OptionError
from vidsum.pipeline.extract import prepare
from vidsum.pipeline.run import Run

NOBODY = "http://127.0.0.1:9/v1"
PRICES = (
    '[[price]]\nhost = "127.0.0.1"\nmodel = "brush-1"\nimage_usd = 0.04\n'
    '[[price]]\nhost = "127.0.0.1"\nmodel = "mover"\nvideo_usd_per_s = 0.10\n'
)
PAID = ModelRef(backend="openai", requested="brush-1", base_url=NOBODY, host="127.0.0.1:9")
THREE = Options(tier="lite", scenes=3, variations=2, image_api=NOBODY, image_model="brush-1",
                max_usd=Decimal(9))  # fmt: skip


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder of its own, with prices and a ledger without a past."""
    found = tmp_path / "home"
    found.mkdir()
    (found / "prices.toml").write_text(PRICES)
    monkeypatch.setenv("VIDSUM_HOME", str(found))
    return found


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "talk.mp4"
    film(path, [(2.0, np.full((180, 320, 3), 90, np.uint8))])
    return path


def counts(found: Itemised) -> list[tuple[str, int]]:
    return [(one.part, one.count) for one in found.items]


def foreseen(video: Path, brush: Brush, options: Options = THREE) -> Itemised:
    run = Run(video, options)
    try:
        return foresee(run, brush, prepare(run, identify=False))
    finally:
        run.finish()


def test_without_a_plan_as_many_scenes_as_are_asked_for(video: Path, tmp_path: Path) -> None:
    free, log = Brush(tmp_path / "log"), tmp_path / "log"
    assert counts(foreseen(video, free)) == [
        ("pictures", 6), ("baselines", 3), ("upscale", 3), ("motion", 3)]  # fmt: skip
    paid = foreseen(video, Brush(log, ref=PAID, work="network"))
    assert counts(paid) == [("pictures", 6), ("baselines", 1), ("upscale", 3), ("motion", 3)]
    assert paid.usd == "$0.28"
    assert "3 scenes" in paid.note
    unsteered = foreseen(video, free, replace(THREE, ref="none"))
    assert counts(unsteered) == [("pictures", 6), ("upscale", 3), ("motion", 3)]
    assert not log.exists()
    assert not BrollFolder.of_video(video).path.exists()


def test_an_engine_that_takes_no_frames_is_told_of_now(video: Path, tmp_path: Path) -> None:
    blind = Brush(tmp_path / "log", able=replace(ABLE, most_references=0))
    with pytest.raises(OptionError, match="takes no reference pictures") as caught:
        foreseen(video, blind)
    assert "--ref none" in caught.value.hint


def test_with_a_plan_what_is_missing_of_it(video: Path, tmp_path: Path) -> None:
    folder = BrollFolder.of_video(video)
    filled(folder, *map(scene, (1, 2, 3)), video=str(video))
    brush = Brush(tmp_path / "log")
    assert counts(foreseen(video, brush)) == [
        ("pictures", 6), ("baselines", 3), ("upscale", 3), ("motion", 3)]  # fmt: skip
    run = Run(video, THREE)
    make(run, folder, brush, variations=2)
    pick(folder, {"s01": 2, "s02": None})
    finish(run, folder, Finish(seconds=0.2))
    run.finish()
    after = foreseen(video, brush)
    assert (counts(after), after.kept) == ([("upscale", 1), ("motion", 1)], 6)
    assert after.items[1].each_s is not None


def test_finishing_has_its_own(video: Path, tmp_path: Path) -> None:
    folder = BrollFolder.of_video(video)
    filled(folder, *map(scene, (1, 2, 3)), video=str(video))
    run = Run(video, THREE)
    make(run, folder, Brush(tmp_path / "log"), variations=1, measured=False)
    pick(folder, {"s01": 1, "s02": 1})
    still, films = Finish(clips="none"), RemoteClips(THREE, "mover")
    assert counts(foresee_finish(run, folder, Finish())) == [("upscale", 2), ("motion", 2)]
    assert counts(foresee_finish(run, folder, still, ["s01"])) == [("upscale", 1)]
    told = foresee_finish(run, folder, Finish(clips="ai", films=films))
    assert counts(told) == [("upscale", 2), ("clips", 2)]
    assert (told.usd, told.items[1].model) == ("$1.00", "mover")  # five seconds each
    nameless = RemoteClips(THREE, "nobody-knows-it")
    unknown = foresee_finish(run, folder, Finish(clips="ai", films=nameless))
    assert (unknown.usd, unknown.items[1].each_usd_nano) == ("unknown", None)
    finish(run, folder, still)
    run.finish()
    assert foresee_finish(run, folder, still).items == ()
