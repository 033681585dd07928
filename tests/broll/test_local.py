"""The local image engine: real pictures by a model worked out by hand, in a real process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from recording_desk import RecordingDesk

from vidsum.broll.engines import local
from vidsum.broll.engines.local import LocalEngine
from vidsum.broll.engines.painting import Painter
from vidsum.broll.engines.protocol import ImageRequest, MadeImage
from vidsum.broll.palette import gain
from vidsum.config import Options
from vidsum.costs.units import cu
from vidsum.errors import BackendFailed, BackendMissing, OptionError, RequestFailed, VidsumError

RED, BLUE = (220, 60, 20), (20, 60, 220)
PROMPT = r"a red barn (at 6:30) [dawn] (well:.) BREAK \("
"""As anybody may write it: the library would take some of it for orders, and end at one of them."""


def options(model: Path) -> Options:
    return Options(image_model=str(model), image_steps=1, threads=1, gpu_layers=0)


def asked(seed: int = 1, colour: tuple[int, int, int] | None = None, *, width: int = 64,
          height: int = 64, count: int = 1, references: int = 1) -> ImageRequest:  # fmt: skip
    one = () if colour is None else (np.full((48, 80, 3), colour, np.uint8),) * references
    return ImageRequest(PROMPT, width, height, seed, count, one)


@dataclass(frozen=True)
class Made:
    """What one engine made, and what it told meanwhile."""

    red: MadeImage
    again: MadeImage
    blue: MadeImage
    desk: RecordingDesk
    steps: list[tuple[int, int]]
    flops: float | None
    cpu_s: list[float]
    environment: bytes
    device: str


@pytest.fixture(scope="module")
def made(hand_made_model: Path) -> Made:
    engine, desk, steps = LocalEngine(options(hand_made_model)), RecordingDesk(), []
    engine.tally.bind(desk)
    cpu_s = [engine.cpu_s]

    def make(colour: tuple[int, int, int]) -> MadeImage:
        request = asked(colour=colour, width=80)
        (picture,) = engine.generate(request, lambda done, of: steps.append((done, of)))
        cpu_s.append(engine.cpu_s)
        return picture

    red, again, blue = (make(colour) for colour in (RED, RED, BLUE))
    assert engine._host.painter is not None
    environment = Path(f"/proc/{engine._host.painter.pid}/environ").read_bytes()
    device = engine._host.painter.device
    engine.close()
    engine.close()
    cpu_s.append(engine.cpu_s)
    flops = engine.flops_of(80, 64, 1)
    return Made(red, again, blue, desk, steps, flops, cpu_s, environment, device)


def test_the_same_seed_gives_the_same_bytes(made: Made) -> None:
    assert made.red.image.tobytes() == made.again.image.tobytes()
    assert made.red.image.tobytes() != made.blue.image.tobytes()
    assert made.red.seed == made.again.seed == 1


def test_pictures_are_as_large_as_asked(made: Made) -> None:
    assert made.red.image.shape == made.blue.image.shape == (64, 80, 3)
    assert made.red.image.dtype == np.uint8


def test_a_reference_gives_the_picture_its_colour(made: Made) -> None:
    red, blue = (picture.image.mean((0, 1)) for picture in (made.red, made.blue))
    assert np.abs(red - RED).max() < 12
    assert np.abs(blue - BLUE).max() < 12
    assert np.abs(red - blue[::-1]).max() < 6  # as far one way as the other


def test_steps_are_told(made: Made) -> None:
    assert made.steps == [(1, 1)] * 3


def test_what_its_process_used_is_told(made: Made) -> None:
    none, *after_each, closed = made.cpu_s
    assert none == 0
    assert after_each == sorted({*after_each})
    assert closed == after_each[-1]


def test_a_gpu_is_hidden_where_no_layer_is_to_be_on_it(made: Made) -> None:
    assert b"\0CUDA_VISIBLE_DEVICES=\0" in b"\0" + made.environment
    assert made.device == "cpu"  # as the library says


def test_each_picture_is_reserved_and_booked(made: Made) -> None:
    desk = made.desk
    assert desk.phases == ["settle"] * 3
    for most, ending in zip(desk.most, desk.endings, strict=True):
        assert most == ending.used
        assert (most.calls, most.images, most.steps, most.pixels) == (1, 1, 1, 80 * 64)
        assert ending.origin == "measured"
        assert ending.flops == made.flops
    assert desk.endings[0].load_s is not None
    assert [ending.load_s for ending in desk.endings[1:]] == [None] * 2
    assert made.red.cu == cu(made.flops or 0) > 0
    assert (made.red.cost_usd, made.red.cost_from) == ("0", "measured")
    assert made.red.wall_s > 0


def test_references_take_compute(hand_made_model: Path) -> None:
    engine = LocalEngine(options(hand_made_model))
    assert (engine.flops_of(64, 64, 1) or 0) > (engine.flops_of(64, 64) or 0) > 0
    assert engine._host.painter is None


def killed_while_it_paints(engine: LocalEngine, number: int) -> threading.Thread:
    """Send a signal to the painter that an engine is about to start, once its model is loaded."""
    before = engine._host.painter

    def kill() -> None:
        deadline_s = time.monotonic() + 120
        while time.monotonic() < deadline_s:
            painter = engine._host.painter
            if painter not in (None, before) and painter.load_s is not None:
                time.sleep(0.3)
                painter._process.send_signal(number)
                return
            time.sleep(0.02)

    thread = threading.Thread(target=kill)
    thread.start()
    return thread


def lost(engine: LocalEngine, number: int) -> BackendFailed:
    """Return what is said of a picture whose painter got a signal."""
    thread = killed_while_it_paints(engine, number)
    with pytest.raises(BackendFailed) as failed:
        engine.generate(asked())
    thread.join()
    return failed.value


def test_a_painter_that_dies_is_told_of(
    hand_made_model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    engine, desk = LocalEngine(options(hand_made_model)), RecordingDesk()
    engine.tally.bind(desk)
    crashed = lost(engine, signal.SIGSEGV)
    assert type(crashed) is RequestFailed
    assert "SIGSEGV" in crashed.message
    assert "diffusion.safetensors" in crashed.message
    assert crashed.hint
    loading_s = engine.cpu_s
    assert loading_s > 0
    again = lost(engine, signal.SIGKILL)
    assert type(again) is BackendFailed
    assert "for lack of memory" in again.message
    assert "2 times in a row" in again.message
    assert engine.cpu_s > loading_s
    engine.close()
    assert desk.phases == ["fail", "fail"]
    assert capfd.readouterr() == ("", "")
    with pytest.raises(BackendFailed, match="was closed"):
        engine.generate(asked())


@pytest.mark.slow
def test_references_move_a_picture_as_far_to_either_side_and_another_seed_is_another(
    made: Made, hand_made_model: Path
) -> None:
    engine = LocalEngine(options(hand_made_model))
    try:
        (plain,) = engine.generate(asked(width=80))
        (other,) = engine.generate(asked(2, RED, width=80))
    finally:
        engine.close()
    assert not np.array_equal(other.image, made.red.image)
    red, blue = ([np.full((48, 80, 3), colour, np.uint8)] for colour in (RED, BLUE))
    to_red, to_blue = (gain(plain.image, one, near) for one, near in (
        (made.red.image, red), (made.blue.image, blue)))  # fmt: skip
    assert min(to_red, to_blue) > 5
    assert max(to_red, to_blue) < 1.5 * min(to_red, to_blue)
    assert gain(plain.image, made.red.image, blue) < 0
    assert gain(plain.image, made.blue.image, red) < 0


@pytest.mark.slow
def test_a_painter_that_dies_costs_one_picture(hand_made_model: Path) -> None:
    engine, desk = LocalEngine(options(hand_made_model)), RecordingDesk()
    engine.tally.bind(desk)
    assert type(lost(engine, signal.SIGSEGV)) is RequestFailed
    (first,), (second,) = (engine.generate(asked(seed=seed)) for seed in (1, 2))
    assert first.image.shape == (64, 64, 3)
    assert first.image.std() > 10
    assert second.image.tobytes() != first.image.tobytes()
    painter = engine._host.painter
    assert painter is not None
    painter.kill()
    painter._process.wait()  # between two pictures: the next one must not notice
    assert type(lost(engine, signal.SIGKILL)) is RequestFailed  # the first in a row
    engine.close()
    assert desk.phases == ["fail", "settle", "settle", "fail"]


def test_close_ends_a_picture_that_another_thread_waits_for(hand_made_model: Path) -> None:
    engine = LocalEngine(options(hand_made_model))
    errors: list[BaseException] = []

    def make() -> None:
        try:
            engine.generate(asked())
        except BackendFailed as exc:
            errors.append(exc)

    thread = threading.Thread(target=make)
    thread.start()
    wait_for(lambda: engine._host.painter is not None)
    engine.close()
    thread.join()
    assert [str(exc) for exc in errors] == [f"The model {hand_made_model.name} was closed."]
    assert engine._host.painter is None


PARENT = """
import sys
from vidsum.broll.engines.local import LocalEngine
from vidsum.broll.engines.protocol import ImageRequest
from vidsum.config import Options
import threading, time
engine = LocalEngine(Options(image_model=sys.argv[1], image_steps=1, threads=1))
def tell():
    while engine._host.painter is None or engine._host.painter.load_s is None:
        time.sleep(0.02)
    print(engine._host.painter.pid, flush=True)
threading.Thread(target=tell, daemon=True).start()
try:
    engine.generate(ImageRequest("x", 64, 64, 1))
except KeyboardInterrupt:
    print("interrupted", engine._host.painter, flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_no_painter_outlives_its_program(hand_made_model: Path, number: int) -> None:
    command = [sys.executable, "-c", PARENT, str(hand_made_model)]
    pipe = subprocess.PIPE
    parent = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert not has_ended(pid)
    parent.send_signal(number)
    said, complaints = parent.communicate(timeout=60)
    assert said == ("interrupted None\n" if number == signal.SIGINT else "")
    assert complaints == ""
    wait_for(lambda: has_ended(pid))


def has_ended(pid: int) -> bool:
    """Say whether a process has ended, also when nobody has asked how yet."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text("utf-8")
    except FileNotFoundError:
        return True
    return status.rpartition(")")[2].split()[0] == "Z"


def wait_for(true: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def test_weights_that_are_cut_off_behind_our_back_end_the_painter_only(
    hand_made_model: Path, tmp_path: Path
) -> None:
    for file in hand_made_model.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    engine, desk = LocalEngine(options(tmp_path)), RecordingDesk()
    engine.tally.bind(desk)
    assert engine.model == tmp_path.name  # its files have been looked at
    os.truncate(tmp_path / "decoder.safetensors", 100_000)
    with pytest.raises(BackendFailed) as failed:
        engine.generate(asked())
    assert "decoder.safetensors" in failed.value.message + failed.value.hint
    assert failed.value.message.count("\n") == 0
    assert [(one.phase, one.error) for one in desk.endings] == [
        ("release", type(failed.value).__name__)
    ]  # fmt: skip
    engine.close()


def test_a_painter_that_cannot_be_started_costs_nothing(
    hand_made_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, desk = LocalEngine(options(hand_made_model)), RecordingDesk()
    engine.tally.bind(desk)
    monkeypatch.setattr(sys, "executable", "/dev/null/python")
    with pytest.raises(BackendFailed, match="painter cannot be started"):
        engine.generate(asked())
    assert [(one.phase, one.error) for one in desk.endings] == [("release", "BackendFailed")]


def test_a_model_may_have_any_name(hand_made_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9 ")
    folder.mkdir()
    files = {}
    for role, part in (("diffusion_model_path", "diffusion"), ("llm_path", "encoder"),
                       ("taesd_path", "decoder")):  # fmt: skip
        files[role] = folder / os.fsdecode(b"\n%d " + part.encode())
        os.link(hand_made_model / f"{part}.safetensors", files[role])
    painter = Painter()
    painter.load(files, 1)
    assert painter.load_s is not None
    painter.close()
    painter.close()


def test_the_painter_gets_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    painter = Painter()
    environment = Path(f"/proc/{painter.pid}/environ").read_bytes()
    painter.close()
    assert b"sk-secret" not in environment


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (asked(width=100, height=56), "no pictures of 100×56"),
        (asked(width=32, height=64), "no pictures of 32×64"),
        (asked(width=4096, height=4096), "no pictures of 4096×4096"),
        (asked(colour=RED, references=5), "takes 4 reference pictures, and there are 5"),
        (asked(count=2), "one picture at a time"),
        (replace(asked(), prompt="mist " * 2001), "prompt of 10,005 characters is too long"),
    ],
)
def test_what_the_model_cannot_do_is_refused_before_anything_is_spent(
    hand_made_model: Path, request_: ImageRequest, words: str
) -> None:
    engine, desk = LocalEngine(options(hand_made_model)), RecordingDesk()
    engine.tally.bind(desk)
    with pytest.raises(OptionError, match=words) as refused:
        engine.generate(request_)
    assert refused.value.exit_code == 2
    assert desk.most == []
    assert engine._host.painter is None


def test_identity_is_that_of_the_bytes(hand_made_model: Path, tmp_path: Path) -> None:
    for file in hand_made_model.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    first = LocalEngine(options(hand_made_model)).identity
    assert LocalEngine(options(tmp_path)).identity == first
    assert LocalEngine(Options(image_model=str(tmp_path), image_steps=2)).identity != first
    changed = tmp_path / "decoder.safetensors"
    blob = bytearray(changed.read_bytes())
    blob[-1] ^= 1
    changed.write_bytes(blob)
    assert LocalEngine(options(tmp_path)).identity != first
    assert "\n" not in first


def test_without_the_extra_it_says_how_to_get_it(
    hand_made_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "stable_diffusion_cpp", None)
    with pytest.raises(BackendMissing) as missing:
        local.build(options(hand_made_model))
    assert "pip install 'vidsum[broll]'" in missing.value.hint
    assert not local.ready(options(hand_made_model)).ready


def test_readiness_names_the_model_or_what_is_wrong(hand_made_model: Path, tmp_path: Path) -> None:
    assert local.ready(options(hand_made_model)).what == hand_made_model.name
    for file in hand_made_model.iterdir():
        blob = file.read_bytes()
        (tmp_path / file.name).write_bytes(blob[: len(blob) // 2])
    found = local.ready(options(tmp_path))
    assert not found.ready
    assert "is cut off" in found.what
    assert found.hint
    with pytest.raises(VidsumError, match="cut off"):
        LocalEngine(options(tmp_path)).generate(asked())
