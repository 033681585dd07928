"""Pictures are enlarged by a real ESRGAN net, worked out by hand, in a real process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from broll.brush import ABLE, Brush, filled, scene
from models.esrgan import FEATURES, GROWTH, write_upscaler
from recording_desk import RecordingDesk

from vidsum.broll import sizes, steps
from vidsum.broll.engines.enlarging import ModelUpscaler
from vidsum.broll.folder import BrollFolder, pick
from vidsum.broll.foreseeing import foresee_finish
from vidsum.broll.making import make
from vidsum.broll.shots import Finish
from vidsum.config import Options
from vidsum.costs.units import cu
from vidsum.data import Entry
from vidsum.errors import BackendFailed, BackendMissing, RequestFailed
from vidsum.pipeline.run import Run

CPU = Options(threads=1, gpu_layers=0)
SMALL = replace(ABLE, most_area_px=48 * 48, least_area_px=256)
NOISE = np.random.default_rng(3).integers(0, 256, (24, 40, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def by_four(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_upscaler(tmp_path_factory.mktemp("x4") / "repeat-x4.safetensors")


@pytest.mark.parametrize(("factor", "old"), [(4, False), (2, True), (4, True), (2, False)])
def test_the_net_enlarges_and_books_what_it_took(tmp_path: Path, factor: int, old: bool) -> None:
    model = ModelUpscaler(write_upscaler(tmp_path / "net.safetensors", factor, old=old), CPU)
    desk = RecordingDesk()
    model.tally.bind(desk)
    try:
        larger = model.enlarge(NOISE)
        assert model.cpu_s > 0
    finally:
        model.close()
    repeated = NOISE.repeat(factor, 0).repeat(factor, 1)
    assert np.abs(larger.astype(int) - repeated).max() <= 1
    [ending] = desk.endings
    assert ending.flops == model.flops_of(40, 24)
    assert model.name.startswith("net ")


def test_what_it_takes_is_counted_by_its_weights(by_four: Path) -> None:
    dense = 9 * GROWTH * sum(FEATURES + n * GROWTH for n in range(4))
    dense += 9 * FEATURES * (FEATURES + 4 * GROWTH)
    square = 9 * FEATURES**2
    small, once = 9 * 3 * FEATURES + 3 * dense + square, 24 * 40
    own = 2.0 * once * (small + 4 * square + 16 * (2 * square + 9 * 3 * FEATURES))
    model = ModelUpscaler(by_four, CPU)
    assert model.flops_of(40, 24) == own
    # 1024 × 576 in tiles of 128, one every 96: 11 × 6 of them
    assert model.flops_of(1024, 576) == own / once * 128**2 * 11 * 6


@pytest.mark.parametrize(("body", "error", "told"), [
    (b"", BackendMissing, "is no file of weights"),
    (None, BackendFailed, "is cut off"),
])  # fmt: skip
def test_a_damaged_file_is_told_of_before_it_is_loaded(
    by_four: Path, tmp_path: Path, body: bytes | None, error: type[BackendFailed], told: str
) -> None:
    path = tmp_path / "net.safetensors"
    path.write_bytes(by_four.read_bytes()[:-9] if body is None else body)
    with pytest.raises(error, match=told):
        ModelUpscaler(path, CPU)


def test_a_net_of_another_kind_is_told_of(tmp_path: Path, hand_made_model: Path) -> None:
    with pytest.raises(BackendFailed, match="no model that enlarges"):
        ModelUpscaler(hand_made_model / "diffusion.safetensors", CPU)
    with pytest.raises(BackendFailed, match="no model that enlarges"):
        ModelUpscaler(write_upscaler(tmp_path / "thin.safetensors", features=32), CPU)
    with pytest.raises(BackendFailed, match="does not enlarge"):
        ModelUpscaler(write_upscaler(tmp_path / "one.safetensors", 1), CPU)
    with pytest.raises(BackendMissing, match="no file"):
        ModelUpscaler(tmp_path / "nowhere.safetensors", CPU)


def test_a_process_that_dies_is_told_of(by_four: Path) -> None:
    model = ModelUpscaler(by_four, CPU)
    model.enlarge(NOISE[:8, :8])
    assert model._host.painter is not None
    model._host.painter.kill()
    model._host.painter._process.wait()
    model.enlarge(NOISE[:8, :8])  # that it ended was seen before it was asked
    large = np.zeros((512, 512, 3), np.uint8)
    painter = model._host.painter
    assert painter is not None
    real = painter._send

    def killed(*message: object) -> None:
        real(*message)  # type: ignore[arg-type]
        painter.kill()

    painter._send = killed  # type: ignore[method-assign]
    with pytest.raises(RequestFailed, match="was killed") as caught:
        model.enlarge(large)
    assert "--upscaler" in caught.value.hint
    model.close()
    with pytest.raises(BackendFailed, match="was closed"):
        model.enlarge(NOISE)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BrollFolder:
    monkeypatch.setenv("VIDSUM_HOME", str(tmp_path / "home"))
    found = BrollFolder(tmp_path / "film.broll")
    filled(found, scene(1))
    run = Run(Path("/films/a.mp4"), Options())
    make(run, found, Brush(tmp_path / "log", able=SMALL), variations=1, measured=False)
    run.finish()
    pick(found, {"s01": 1})
    return found


def finished(folder: BrollFolder, upscaler: Path | None) -> tuple[str, list[Entry]]:
    run = Run(Path("/films/a.mp4"), replace(CPU, upscaler=upscaler), recorded=True)
    try:
        report = steps.finish(run, folder, Finish(clips="none"))
    finally:
        run.finish()
    [shot] = (*report.finished, *report.kept)
    return shot.upscaled_by, [one for one in run.meter.book.lines() if one.kind == "call"]


def test_a_pick_is_enlarged_by_the_model_that_is_named(folder: BrollFolder, by_four: Path) -> None:
    run = Run(Path("/films/a.mp4"), replace(CPU, upscaler=by_four))
    told = foresee_finish(run, folder, Finish(clips="none"))
    run.finish()
    name, calls = finished(folder, by_four)
    assert name.startswith("repeat-x4 ")
    [call] = [one for one in calls if one.phase == "settle"]
    assert (call.modality, call.model_requested, call.images) == ("image_gen", name, None)
    assert (told.items[0].model, told.items[0].each_cu) == (name, call.cu)
    picture = folder.picture("finished/s01-v1.png")
    made = folder.picture("images/s01-v1.png")
    assert picture is not None
    assert made is not None
    assert picture.shape == (180, 320, 3)
    cut = sizes.fit(made, 320, 180)
    assert call.cu == cu(ModelUpscaler(by_four, CPU).flops_of(*cut.shape[1::-1]))
    assert finished(folder, by_four) == (name, [])
    assert finished(folder, None) == ("lanczos", [])
