"""The local image engine: real pictures by a model worked out by hand, in a real process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from recording_desk import RecordingDesk

from vidsum.broll.engines import local
from vidsum.broll.engines.local import LocalEngine
from vidsum.broll.engines.painting import Painter
from vidsum.broll.engines.protocol import ImageRequest, MadeImage
from vidsum.config import Options
from vidsum.costs.units import cu
from vidsum.errors import BackendFailed, BackendMissing, OptionError, RequestFailed, VidsumError

RED, BLUE = (220, 60, 20), (20, 60, 220)
PROMPT = "a red barn at dawn"


def options(model: Path) -> Options:
    return Options(image_model=str(model), image_steps=1, threads=1)


def asked(seed: int = 1, colour: tuple[int, int, int] | None = None, *, width: int = 64,
          height: int = 64, count: int = 1, references: int = 1) -> ImageRequest:  # fmt: skip
    one = () if colour is None else (np.full((48, 80, 3), colour, np.uint8),) * references
    return ImageRequest(PROMPT, width, height, seed, count, one)


@dataclass(frozen=True)
class Made:
    """What one engine made, and what it told meanwhile."""

    first: MadeImage
    again: MadeImage
    red: MadeImage
    blue: MadeImage
    desk: RecordingDesk
    steps: list[tuple[int, int]]
    flops: tuple[float | None, ...]


@pytest.fixture(scope="module")
def made(hand_made_model: Path) -> Made:
    engine, desk, steps = LocalEngine(options(hand_made_model)), RecordingDesk(), []
    engine.tally.bind(desk)

    def make(request: ImageRequest) -> MadeImage:
        (picture,) = engine.generate(request, lambda done, of: steps.append((done, of)))
        return picture

    pictures = [make(asked()), make(asked()), make(asked(colour=RED, width=80)),
                make(asked(colour=BLUE, width=80))]  # fmt: skip
    plain, steered = engine.flops_of(64, 64), engine.flops_of(80, 64, 1)
    engine.close()
    engine.close()
    return Made(*pictures, desk, steps, (plain, plain, steered, steered))


def test_the_same_seed_gives_the_same_bytes(made: Made) -> None:
    assert made.first.image.tobytes() == made.again.image.tobytes()
    assert made.first.image.std() > 10
    assert made.first.seed == made.again.seed == 1


def test_pictures_are_as_large_as_asked(made: Made) -> None:
    assert made.first.image.shape == (64, 64, 3)
    assert made.red.image.shape == made.blue.image.shape == (64, 80, 3)
    assert made.first.image.dtype == np.uint8


def test_a_reference_gives_the_picture_its_colour(made: Made) -> None:
    red, blue = (picture.image.mean((0, 1)) for picture in (made.red, made.blue))
    assert np.abs(red - RED).max() < 12
    assert np.abs(blue - BLUE).max() < 12
    assert np.abs(red - blue[::-1]).max() < 6  # as far one way as the other


def test_steps_are_told(made: Made) -> None:
    assert made.steps == [(1, 1)] * 4


def test_each_picture_is_reserved_and_booked(made: Made) -> None:
    desk = made.desk
    assert desk.phases == ["settle"] * 4
    for most, ending, flops in zip(desk.most, desk.endings, made.flops, strict=True):
        assert most == ending.used
        assert (most.calls, most.images, most.steps) == (1, 1, 1)
        assert ending.origin == "measured"
        assert ending.flops == flops
    assert [most.pixels for most in desk.most] == [64 * 64, 64 * 64, 80 * 64, 80 * 64]
    assert made.flops[2] > made.flops[0] > 0  # type: ignore[operator]
    assert desk.endings[0].load_s is not None
    assert [ending.load_s for ending in desk.endings[1:]] == [None] * 3
    assert made.first.cu == cu(made.flops[0] or 0)
    assert (made.first.cost_usd, made.first.cost_from) == ("0", "measured")
    assert made.first.wall_s > 0


def killed_while_it_paints(engine: LocalEngine, number: int) -> threading.Thread:
    """Send a signal to the painter that an engine is about to start, once its model is loaded."""
    before = engine._painter

    def kill() -> None:
        deadline_s = time.monotonic() + 120
        while time.monotonic() < deadline_s:
            painter = engine._painter
            if painter not in (None, before) and painter.load_s is not None:
                time.sleep(0.3)
                painter._process.send_signal(number)
                return
            time.sleep(0.02)

    thread = threading.Thread(target=kill)
    thread.start()
    return thread


def test_a_painter_that_dies_costs_one_picture(
    hand_made_model: Path, made: Made, capfd: pytest.CaptureFixture[str]
) -> None:
    engine, desk = LocalEngine(options(hand_made_model)), RecordingDesk()
    engine.tally.bind(desk)

    def lose(number: int) -> BackendFailed:
        thread = killed_while_it_paints(engine, number)
        with pytest.raises(BackendFailed) as failed:
            engine.generate(asked())
        thread.join()
        return failed.value

    crashed = lose(signal.SIGSEGV)
    assert type(crashed) is RequestFailed
    assert "SIGSEGV" in crashed.message
    assert "diffusion.safetensors" in crashed.message
    assert crashed.hint
    (picture,) = engine.generate(asked(seed=2))
    assert picture.image.tobytes() != made.first.image.tobytes()
    painter = engine._painter
    assert painter is not None
    painter.kill()
    painter._process.wait()  # between two pictures: the next one must not notice
    assert "for lack of memory" in lose(signal.SIGKILL).message
    again = lose(signal.SIGKILL)
    assert type(again) is BackendFailed
    assert "2 times in a row" in again.message
    engine.close()
    assert desk.phases == ["fail", "settle", "fail", "fail"]
    assert capfd.readouterr() == ("", "")
    with pytest.raises(BackendFailed, match="was closed"):
        engine.generate(asked())


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
    wait_for(lambda: engine._painter is not None)
    engine.close()
    thread.join()
    assert [str(exc) for exc in errors] == [f"The model {hand_made_model.name} was closed."]
    assert engine._painter is None


PARENT = """
import sys
from vidsum.broll.engines.local import LocalEngine
from vidsum.broll.engines.protocol import ImageRequest
from vidsum.config import Options
import threading, time
engine = LocalEngine(Options(image_model=sys.argv[1], image_steps=1, threads=1))
def tell():
    while engine._painter is None or engine._painter.load_s is None:
        time.sleep(0.02)
    print(engine._painter.pid, flush=True)
threading.Thread(target=tell, daemon=True).start()
try:
    engine.generate(ImageRequest("x", 64, 64, 1))
except KeyboardInterrupt:
    print("interrupted", engine._painter, flush=True)
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
    engine = LocalEngine(options(tmp_path))
    assert engine.model == tmp_path.name  # its files have been looked at
    os.truncate(tmp_path / "decoder.safetensors", 100_000)
    with pytest.raises(BackendFailed) as failed:
        engine.generate(asked())
    assert "decoder.safetensors" in failed.value.message + failed.value.hint
    assert failed.value.message.count("\n") == 0
    engine.close()


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
    assert engine._painter is None


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
