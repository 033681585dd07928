"""Ken Burns clips read back: length, size, rate, colours, marks, and whether they move smoothly."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import imageio_ffmpeg
import numpy as np
import pytest
from footage import ffmpeg
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vidsum.broll import ffmpeg_program, motion
from vidsum.broll.ffmpeg_program import Program, find_program
from vidsum.broll.marking import SOURCE_TYPE, Marks, read_marks
from vidsum.broll.motion import MOVES, Move, finer, move_for, rate_of, write_clip
from vidsum.data import Image
from vidsum.errors import BackendFailed, BackendMissing, OptionError, OutputError

Pixels = NDArray[np.float32]
MARKS = Marks("100% fog; a = b\n'quay' \"ships\" 霧", "flux2-klein", "local", "s01", 7)
PAL = Fraction(25)
NTSC = Fraction(30_000, 1001)
SHIPPED = imageio_ffmpeg.get_ffmpeg_exe()
MOST_JERK_PX = 0.8
"""A step that is so much longer than the one before it is seen as a jerk. No move here changes
its speed by a tenth of that from frame to frame, and whole pixels make it over 1."""
_SIDE_PX = 64


def texture(width: int, height: int) -> Image:
    """Soft random spots: every part can be told from its neighbours, by less than a pixel."""
    random = np.random.default_rng(7)
    spots = random.random((height // 24 + 2, width // 24 + 2, 3)).astype(np.float32)
    colours = cv2.resize(spots, (width, height), interpolation=cv2.INTER_CUBIC)
    grain = cv2.GaussianBlur(random.random((height, width)).astype(np.float32), (0, 0), 1.5)
    grain = (grain - grain.min()) / (grain.max() - grain.min())
    mixed = 0.4 * colours + 0.6 * grain[:, :, None]
    return np.asarray(20 + 215 * (mixed - mixed.min()) / (mixed.max() - mixed.min()), np.uint8)


def frames_of(path: Path) -> NDArray[np.uint8]:
    with av.open(str(path)) as container:
        found = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return np.stack(found)


def jerk_px(path: Path) -> float:
    """How much the step from frame to frame changes at most, over five parts of the picture."""
    frames = [cv2.cvtColor(one, cv2.COLOR_RGB2GRAY).astype(np.float32) for one in frames_of(path)]
    height, width = frames[0].shape
    right, bottom = width - _SIDE_PX - 6, height - _SIDE_PX - 6
    places = [(6, 6), (right, 6), (6, bottom), (right, bottom), (right // 2, bottom // 2)]
    steps = np.array([[step_px(a, b, place) for a, b in pairwise(frames)] for place in places])
    return float(np.abs(np.diff(steps, axis=1)).max())


def step_px(before: Pixels, after: Pixels, place: tuple[int, int]) -> tuple[float, float]:
    """How far a part of the picture has moved, to a few hundredths of a pixel.

    It is registered by the correlation of its brightness (ECC), begun where nothing has moved.
    """
    x, y = place
    part = np.s_[y : y + _SIDE_PX, x : x + _SIDE_PX]
    _, found = cv2.findTransformECC(
        np.ascontiguousarray(before[part]), np.ascontiguousarray(after[part]),
        np.eye(2, 3, dtype=np.float32), cv2.MOTION_TRANSLATION, (3, 50, 1e-5), None, 1,
    )  # fmt: skip
    return float(found[0, 2]), float(found[1, 2])


@pytest.mark.parametrize("program", [find_program(), Program(SHIPPED, "libx264"),
                                     Program(SHIPPED, "libopenh264")], ids=str)  # fmt: skip
def test_a_clip_has_the_length_size_rate_and_colours_that_were_asked(
    tmp_path: Path, program: Program
) -> None:
    path = tmp_path / "s01.mp4"
    made = write_clip(path, texture(322, 181), seconds=1.5, fps=NTSC, move=MOVES[0], marks=MARKS,
                      program=program)  # fmt: skip
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        assert (stream.width, stream.height) == (322, 180) == (made.width_px, made.height_px)
        assert stream.average_rate == NTSC == made.fps
        assert context.name == "h264"
        assert context.pix_fmt == "yuv420p"
        assert (context.colorspace, context.color_primaries, context.color_trc) == (1, 1, 1)
        assert context.color_range == 1
        assert len(container.streams) == 1
        times = [frame.pts * frame.time_base for frame in container.decode(video=0)]
    assert len(times) == made.frames == 45
    assert times[0] == 0
    assert {b - a for a, b in pairwise(times)} == {1 / NTSC}
    assert made.seconds == pytest.approx(1.5, abs=0.5 / NTSC)
    content = path.read_bytes()
    assert 0 < content.index(b"moov") < content.index(b"mdat")
    assert list(tmp_path.iterdir()) == [path]


def test_a_clip_carries_its_marks_twice(tmp_path: Path) -> None:
    path = tmp_path / "s01.mp4"
    write_clip(path, texture(64, 48), seconds=0.2, fps=PAL, move=MOVES[0], marks=MARKS)
    assert read_marks(path) == MARKS
    with av.open(str(path), options={"export_xmp": "1"}) as container:
        told = container.metadata
        assert told["xmp"].count(SOURCE_TYPE) == 1
    assert told["prompt"] == told["description"] == MARKS.prompt
    assert (told["seed"], told["model"], told["scene"]) == ("7", "flux2-klein", "s01")
    assert told["digital_source_type"] == SOURCE_TYPE
    assert SOURCE_TYPE in told["comment"]


@pytest.mark.parametrize("move", [MOVES[n] for n in (1, 3, 4, 6)], ids=lambda move: move.name)
def test_no_move_jerks(tmp_path: Path, move: Move) -> None:
    path = tmp_path / "clip.mp4"
    write_clip(path, texture(240, 180), seconds=1.2, fps=PAL, move=move, marks=MARKS)
    assert jerk_px(path) < MOST_JERK_PX


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1280, 720)])
def test_no_move_jerks_at_full_size(tmp_path: Path, width: int, height: int) -> None:
    path = tmp_path / "clip.mp4"
    write_clip(path, texture(width, height), seconds=8.0, fps=PAL, move=MOVES[2], marks=MARKS)
    assert jerk_px(path) < MOST_JERK_PX


@pytest.mark.parametrize("move", [MOVES[0], MOVES[7]], ids=lambda move: move.name)
def test_the_measure_finds_a_clip_that_jerks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, move: Move
) -> None:
    """The same clip without the larger picture before the filter."""
    monkeypatch.setattr(motion, "finer", lambda width, height: 1.0)
    path = tmp_path / "clip.mp4"
    write_clip(path, texture(240, 180), seconds=1.2, fps=PAL, move=move, marks=MARKS)
    assert jerk_px(path) > MOST_JERK_PX


def view_of(image: Image, framing: tuple[float, float, float]) -> Image:
    """The part of a picture that a framing shows, cut out and enlarged by another library."""
    zoom, across, down = framing
    height, width = image.shape[:2]
    left, top = (width - width / zoom) * across, (height - height / zoom) * down
    matrix = np.array([[zoom, 0, -left * zoom], [0, zoom, -top * zoom]])
    found = cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_CUBIC,
                           borderMode=cv2.BORDER_REPLICATE)  # fmt: skip
    return np.asarray(found, np.uint8)


@pytest.mark.parametrize("move", MOVES, ids=lambda move: move.name)
def test_a_clip_goes_from_the_first_framing_to_the_last_and_the_colours_stay(
    tmp_path: Path, move: Move
) -> None:
    path, image = tmp_path / "clip.mp4", texture(160, 120)
    write_clip(path, image, seconds=0.4, fps=PAL, move=move, marks=MARKS)
    frames = frames_of(path).astype(int)
    for frame, framing in ((frames[0], move.start), (frames[-1], move.end)):
        others = [m.start for m in MOVES] + [m.end for m in MOVES]
        apart = {other: np.abs(frame - view_of(image, other))[8:-8, 8:-8].mean()
                 for other in others}  # fmt: skip
        assert min(apart, key=lambda other: apart[other]) == framing
        assert apart[framing] < 5


def test_moves_differ_from_scene_to_scene_and_not_from_run_to_run() -> None:
    assert {move_for(f"s{n:02}").name for n in range(1, 60)} == {move.name for move in MOVES}
    assert move_for("s01") is move_for("s01")
    assert move_for("\udcff").name  # a name from outside may be anything


@given(st.integers(16, 8000), st.integers(16, 8000))
def test_the_larger_picture_is_fine_enough_and_fits_into_memory(width: int, height: int) -> None:
    times = finer(width, height)
    assert 1 <= times <= 6
    assert times >= 3 or width * height * 9 > 100_000_000
    assert width * height * times**2 <= 100_000_001


@pytest.mark.parametrize(("told", "meant"), [
    (29.97002997002997, NTSC), (29.97, NTSC), (23.976, Fraction(24_000, 1001)), (25.0, PAL),
    (59.94, Fraction(60_000, 1001)), (30.0, Fraction(30)), (12.5, Fraction(25, 2)), (None, PAL),
    (90_000.0, PAL), (0.0, PAL), (float("nan"), PAL), (float("inf"), PAL),
])  # fmt: skip
def test_a_rate_is_the_fraction_that_it_stands_for(told: float | None, meant: Fraction) -> None:
    assert rate_of(told) == meant


@given(st.floats(1, 240))
def test_any_rate_is_kept_to_a_thousandth(told: float) -> None:
    assert abs(rate_of(told) - told) <= told / 1000


@pytest.mark.parametrize(
    "name", ["-y.mp4", "%d 100%.mp4", "a'b\"c\n.mp4", "concat:x|y.mp4", "\udcff\udcfe.mp4",
             "x" * 251 + ".mp4", "$(id).mp4"], ids=ascii,
)  # fmt: skip
def test_any_name_will_do(tmp_path: Path, name: str) -> None:
    folder = tmp_path / f"-{name[:200]}"
    folder.mkdir()
    write_clip(folder / name, texture(32, 32), seconds=0.1, fps=PAL, move=MOVES[0], marks=MARKS)
    assert [one.name for one in folder.iterdir()] == [name]
    assert read_marks(folder / name) == MARKS
    assert [one.name for one in tmp_path.iterdir()] == [folder.name]


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
def test_a_clip_without_a_length_is_refused(tmp_path: Path, seconds: float) -> None:
    with pytest.raises(OptionError, match="seconds long"):
        write_clip(tmp_path / "a.mp4", texture(32, 32), seconds=seconds, fps=PAL, move=MOVES[0],
                   marks=MARKS)  # fmt: skip
    with pytest.raises(OptionError, match="too small"):
        write_clip(tmp_path / "a.mp4", texture(32, 8), seconds=1, fps=PAL, move=MOVES[0],
                   marks=MARKS)  # fmt: skip


def test_a_clip_shorter_than_a_frame_has_one(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    made = write_clip(path, texture(32, 32), seconds=0.01, fps=PAL, move=MOVES[2], marks=MARKS)
    assert made.frames == len(frames_of(path)) == 1


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_the_machines_own_program_goes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = script(tmp_path / "ffmpeg", f'exec "{SHIPPED}" "$@"')
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert find_program() == Program(own, "libx264")


@pytest.mark.parametrize("lacks", ["zoompan", "libx264", "everything"])
def test_a_program_that_lacks_something_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lacks: str
) -> None:
    text = "exit 1" if lacks == "everything" else f'"{SHIPPED}" "$@" | /bin/grep -v {lacks}'
    script(tmp_path / "ffmpeg", text)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_program() == Program(SHIPPED, "libx264")


def test_without_a_program_the_next_step_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "none"))
    with pytest.raises(BackendMissing, match="no zoompan filter") as lacking:
        find_program()
    assert "Install ffmpeg" in lacking.value.hint
    script(tmp_path / "ffmpeg", f'"{SHIPPED}" "$@" | /bin/grep -v 264')
    with pytest.raises(BackendMissing, match=r"no H\.264 encoder"):
        find_program()


def test_a_program_that_fails_leaves_nothing_and_its_word_is_passed_on(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"the one before")
    bad = replace(find_program(), path=script(tmp_path / "bad", "cat > /dev/null; "
                  "for last; do :; done; echo half; echo 'no such thing' >&2; exit 3"))  # fmt: skip
    with pytest.raises(BackendFailed, match="made no clip: no such thing"):
        write_clip(path, texture(64, 64), seconds=1, fps=PAL, move=MOVES[0], marks=MARKS,
                   program=bad)  # fmt: skip
    killed = replace(bad, path=script(tmp_path / "killed", "kill -9 $$"))
    with pytest.raises(BackendFailed, match="SIGKILL"):
        write_clip(path, texture(64, 64), seconds=1, fps=PAL, move=MOVES[0], marks=MARKS,
                   program=killed)  # fmt: skip
    full = replace(
        bad, path=script(tmp_path / "full", "echo 'No space left on device' >&2; exit 1")
    )
    with pytest.raises(OutputError, match="disk is full"):
        write_clip(path, texture(64, 64), seconds=1, fps=PAL, move=MOVES[0], marks=MARKS,
                   program=full)  # fmt: skip
    assert path.read_bytes() == b"the one before"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["bad", "clip.mp4", "full", "killed"]


def test_a_program_that_is_gone_is_missing(tmp_path: Path) -> None:
    with pytest.raises(BackendMissing, match="cannot be started"):
        write_clip(tmp_path / "a.mp4", texture(32, 32), seconds=1, fps=PAL, move=MOVES[0],
                   marks=MARKS, program=Program(str(tmp_path / "gone"), "libx264"))  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_ends_the_program_and_leaves_nothing(tmp_path: Path) -> None:
    """A minute of film is begun, and Ctrl-C comes once the program writes."""
    code = textwrap.dedent(f"""
        import numpy as np
        from fractions import Fraction
        from pathlib import Path
        from vidsum.broll.motion import MOVES, write_clip
        from vidsum.broll.marking import Marks
        image = np.zeros((360, 640, 3), np.uint8)
        write_clip(Path({str(tmp_path / "out" / "a.mp4")!r}), image, seconds=600,
                   fps=Fraction(60), move=MOVES[0], marks=Marks("p", "m", "e", "s"))
    """)
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    try:
        child = wait_for(lambda: running(children))
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert b"KeyboardInterrupt" in said
    assert not Path(f"/proc/{child}").exists()
    assert list((tmp_path / "out").iterdir()) == []


def running(children: Path) -> str:
    """The process id of a child that writes a clip; empty as long as there is none."""
    for child in children.read_text().split():
        if b"zoompan" in Path(f"/proc/{child}/cmdline").read_bytes():
            return child
    return ""


def wait_for(look: Callable[[], str]) -> str:
    """Look until there is something to see."""
    until_s = time.monotonic() + 60
    while not (found := look()):
        assert time.monotonic() < until_s
        time.sleep(0.02)
    return found


def test_nothing_of_the_environment_reaches_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("FFREPORT", f"file={tmp_path}/report.log")
    told = tmp_path / "told"
    ffmpeg_program.run([script(tmp_path / "env", f"/usr/bin/env > '{told}'; cat > /dev/null")], b"")
    assert "SECRET" not in told.read_text().upper()
    assert "FFREPORT" not in told.read_text()


def test_a_clip_is_what_another_program_takes(tmp_path: Path) -> None:
    """ffmpeg itself reads all of it without a complaint, the box at its end included."""
    path = tmp_path / "a.mp4"
    write_clip(path, texture(64, 48), seconds=0.4, fps=PAL, move=MOVES[1], marks=MARKS)
    ffmpeg("-xerror", "-i", path, "-f", "null", "-")
