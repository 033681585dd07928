"""The real RapidOCR on pictures that are painted here, and on real clips."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from vidsum.data import Frame, Sample
from vidsum.ocr.rapid import RapidReader

Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]

INK, PAPER = (20, 30, 60), (250, 250, 248)
TITLE = "Coefficient of Performance"
BODY = ["Heat delivered / electricity used", "Typical at 7 degrees: 3.5 to 4.5"]


@pytest.fixture(scope="module")
def reader() -> RapidReader:
    """One reader for the module: its models take half a second to load."""
    return RapidReader()


def page(
    rows: Sequence[tuple[str, int, int, int]],
    size: tuple[int, int] = (1280, 720),
    ink: Colour = INK,
    paper: Colour = PAPER,
) -> Picture:
    """rows: text, left and top in pixels, type size in pixels."""
    canvas = Pillow.new("RGB", size, paper)
    draw = ImageDraw.Draw(canvas)
    for text, left, top, px in rows:
        draw.text((left, top), text, fill=ink, font=ImageFont.load_default(size=px))
    return np.asarray(canvas)


def slide(*body: str) -> Picture:
    rows = [(f"• {text}", 90, 220 + 90 * row, 36) for row, text in enumerate(body or BODY)]
    return page([(TITLE, 70, 50, 60), *rows])


def frame(image: Picture, index: int = 0) -> Frame:
    return Frame(Sample(index, index * 5.0, index * 5.0, index * 5.0), image)


def words(reader: RapidReader, image: Picture) -> list[str]:
    return [line.text for line in reader.read(frame(image)).lines]


def test_a_slide_is_read_with_its_title(reader: RapidReader) -> None:
    text = reader.read(frame(slide(), 7))
    assert [line.text for line in text.lines] == [TITLE, *BODY]
    assert text.title == TITLE
    assert (text.index, text.time_s) == (7, 35.0)
    heading = text.lines[0]
    assert 0.75 <= heading.confidence <= 1
    assert heading.left == pytest.approx(70 / 1280, abs=0.02)
    assert heading.top == pytest.approx(60 / 720, abs=0.03)
    assert heading.bottom == pytest.approx(110 / 720, abs=0.03)


@pytest.mark.parametrize("size", [(640, 360), (1280, 720), (2560, 1440)])
def test_places_are_shares_of_the_picture_at_any_size(
    reader: RapidReader, size: tuple[int, int]
) -> None:
    unit = size[0] // 640
    image = page([("Right below", 400 * unit, 280 * unit, 24 * unit)], size)
    (line,) = reader.read(frame(image)).lines
    assert line.text == "Right below"
    assert (line.left, line.top) == pytest.approx((400 / 640, 285 / 360), abs=0.03)


@pytest.mark.usefixtures("reader")  # what is loaded once for all is loaded
def test_an_interrupt_while_its_models_load_is_an_interrupt() -> None:
    image = slide()
    RapidReader().read(frame(image))

    def read(interrupt_s: float = 0.0) -> None:
        signal.setitimer(signal.ITIMER_REAL, interrupt_s)
        RapidReader().read(frame(image))

    begun = time.monotonic()
    read()
    whole_s = time.monotonic() - begun
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        for share in (0.01, 0.02, 0.04, 0.08, 0.12, 0.16, 0.2, 0.3):
            with pytest.raises(KeyboardInterrupt):
                read(share * whole_s)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_light_text_on_dark_is_read(reader: RapidReader) -> None:
    image = page([("Payback Example", 100, 300, 60)], ink=(255, 200, 80), paper=(24, 28, 44))
    assert words(reader, image) == ["Payback Example"]


def test_the_colours_are_not_swapped(reader: RapidReader) -> None:
    """Blue on black is nearly lost in luma when red and blue change places."""
    image = page([("Deep red words", 100, 300, 70)], ink=(255, 0, 0), paper=(0, 0, 110))
    assert words(reader, image) == ["Deep red words"]


def test_a_wide_title_comes_as_one_line(reader: RapidReader) -> None:
    long = "Air source heat pumps compared with ground source heat pumps"
    image = page([(long, 60, 300, 40)])
    assert words(reader, image) == [long]


def frame_at(path: Path, time_s: float) -> Picture:
    with av.open(path) as container:
        for found in container.decode(video=0):
            if found.time is not None and found.time >= time_s:
                return np.asarray(found.to_ndarray(format="rgb24"), np.uint8)
    raise AssertionError(f"{path} ends before {time_s}")


def test_two_tight_lines_of_a_title_card_are_read_as_two(
    reader: RapidReader, real_media: Path
) -> None:
    found = words(reader, frame_at(real_media / "bbb_30s.webm", 27.0))
    assert [word.replace(" ", "") for word in found] == ["BigBuck", "BUNNY"]


def test_a_picture_without_text_has_none(reader: RapidReader, real_media: Path) -> None:
    text = reader.read(frame(frame_at(real_media / "rabbit.mp4", 0.0)))
    assert (text.lines, text.title) == ((), None)


def test_faint_noise_is_not_read_as_text(reader: RapidReader) -> None:
    image = np.random.default_rng(5).integers(90, 160, (360, 640, 3), dtype=np.uint8)
    assert words(reader, image) == []


def test_blank_pictures_do_not_reach_the_model() -> None:
    reader = RapidReader()
    assert words(reader, np.zeros((720, 1280, 3), np.uint8)) == []
    assert reader.calls == 0


def test_a_nearly_equal_picture_gets_the_last_answer(reader: RapidReader) -> None:
    image = slide()
    first = reader.read(frame(image, 1))
    calls = reader.calls
    noise = np.random.default_rng(0).integers(-2, 3, image.shape)
    again = reader.read(frame(np.clip(image + noise, 0, 255).astype(np.uint8), 2))
    assert reader.calls == calls
    assert (again.lines, again.index) == (first.lines, 2)


def test_one_changed_word_is_read_anew(reader: RapidReader) -> None:
    reader.read(frame(slide()))
    calls = reader.calls
    assert words(reader, slide(BODY[0], BODY[1].replace("3.5", "2.5")))[-1].endswith("2.5 to 4.5")
    assert reader.calls == calls + 1


def test_one_changed_digit_in_small_type_is_read_anew(reader: RapidReader) -> None:
    assert words(reader, page([("Reading 46.1 at noon", 300, 300, 18)])) == ["Reading 46.1 at noon"]
    assert words(reader, page([("Reading 48.1 at noon", 300, 300, 18)])) == ["Reading 48.1 at noon"]


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (1, 900), (900, 1), (31, 700)])
def test_odd_shapes_are_read(reader: RapidReader, shape: tuple[int, int]) -> None:
    image = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert reader.read(frame(image)).title is None


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    reader = RapidReader()
    reader.read(frame(slide()))
    reader.read(frame(page([("Other", 90, 300, 50)])))
    reader.read(frame(np.random.default_rng(2).integers(0, 256, (90, 160, 3), dtype=np.uint8)))
    assert reader.calls == 3
    assert capfd.readouterr() == ("", "")


# ---- what is missing ------------------------------------------------------------------------

READ_ONE = """
import numpy as np
from vidsum.data import Frame, Sample
from vidsum.errors import VidsumError
from vidsum.ocr.rapid import RapidReader
image = np.arange(90 * 160 * 3, dtype=np.uint8).reshape(90, 160, 3)
try:
    RapidReader().read(Frame(Sample(0, 0.0, 0.0, 0.0), image))
except VidsumError as exc:
    print(type(exc).__name__, exc.message, exc.hint, sep="|")
"""


def read_with(packages: Path) -> list[str]:
    """Read one picture in a Python that finds ``packages`` first."""
    root = Path(__file__).parents[2]
    path = f"import sys; sys.path[:0] = [{str(packages)!r}, {str(root)!r}]"
    done = subprocess.run(
        [sys.executable, "-c", path + READ_ONE], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout.strip().split("|")


def installed() -> Path:
    spec = find_spec("rapidocr")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def test_a_missing_model_is_told_and_not_downloaded(tmp_path: Path) -> None:
    copy = tmp_path / "rapidocr"
    shutil.copytree(installed(), copy, ignore=shutil.ignore_patterns("*.onnx", "__pycache__"))
    kind, message, hint = read_with(tmp_path)
    assert kind == "BackendMissing"
    assert "_det_" in message
    assert "pip install" in hint
    assert not list(copy.rglob("*.onnx"))


def test_a_broken_model_is_a_failed_backend(tmp_path: Path) -> None:
    copy = tmp_path / "rapidocr"
    shutil.copytree(installed(), copy, ignore=shutil.ignore_patterns("*.onnx", "__pycache__"))
    for model in (installed() / "models").glob("*.onnx"):
        (copy / "models" / model.name).write_bytes(model.read_bytes()[:5000])
    kind, message, _ = read_with(tmp_path)
    assert kind == "BackendFailed"
    assert "RapidOCR" in message
    assert all(path.stat().st_size == 5000 for path in copy.rglob("*.onnx"))
