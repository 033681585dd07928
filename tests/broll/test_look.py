"""The look book of films painted here and of real clips: its frames, colours, words, and file."""

from __future__ import annotations

import io
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from footage import film, tone, write_wav
from gathered import Gathered
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw

from vidsum.broll.anchors import Seen, choose
from vidsum.broll.look import load, make_look, references_for, save, steered
from vidsum.broll.palette import cloud, gain
from vidsum.broll.style import NEUTRAL, colour_name
from vidsum.data import Anchor, LookBook, Scene
from vidsum.errors import MediaError, OptionError, OutputError

Picture = NDArray[np.uint8]
WARM, COLD, GREEN = (190, 110, 60), (50, 90, 160), (60, 140, 70)
QUICK = {"interval_s": 2.0, "transcriber": "none", "captioner": "builtin",
         "reasoner": "extractive"}  # fmt: skip


def scene(base: tuple[int, int, int], seed: int, *, sharp: bool = True) -> Picture:
    """A patchwork around a colour, with hard edges or washed out."""
    noise = np.random.default_rng(seed).integers(-55, 55, (18, 32, 3))
    small = Pillow.fromarray(np.clip(noise + np.array(base), 0, 255).astype(np.uint8))
    if not sharp:
        small = small.resize((8, 4), Pillow.Resampling.BOX)
    how = Pillow.Resampling.NEAREST if sharp else Pillow.Resampling.BICUBIC
    return np.asarray(small.resize((320, 180), how))


def slide(*lines: str) -> Picture:
    image = Pillow.new("RGB", (640, 360), (250, 250, 245))
    for row, line in enumerate(lines):
        ImageDraw.Draw(image).text((40, 40 + 60 * row), line, (20, 30, 90), font_size=32)
    return np.asarray(image)


def black() -> Picture:
    return np.zeros((180, 320, 3), np.uint8)


def look_of(path: Path, folder: Path, **options: object) -> tuple[LookBook, dict[str, str]]:
    """Make a look book; return it and the notices by code."""
    gathered = Gathered(path, **{**QUICK, "ocr": False, **options})
    look = make_look(gathered.run, gathered.evidence, folder)
    return look, {one.code: one.message for one in gathered.run.notices}


def read(folder: Path, anchor: Anchor) -> Picture:
    with Pillow.open(folder / anchor.file) as opened:
        return np.asarray(opened.convert("RGB"))


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds each: warm, black, washed out, cold, green."""
    pictures = [scene(WARM, 1), black(), scene(WARM, 2, sharp=False), scene(COLD, 3),
                scene(GREEN, 4)]  # fmt: skip
    return film(tmp_path_factory.mktemp("film") / "a.mp4", [(4, one) for one in pictures])


def test_anchors_are_sharp_lit_and_of_different_shots(shots: Path, tmp_path: Path) -> None:
    look, notices = look_of(shots, tmp_path)
    assert [int(one.time_s // 4) for one in look.anchors] == [0, 3, 4]
    assert "broll-no-anchors" not in notices
    for anchor, painted in zip(look.anchors, (scene(WARM, 1), scene(COLD, 3), scene(GREEN, 4)),
                               strict=True):  # fmt: skip
        away = np.abs(read(tmp_path, anchor).astype(int) - painted).mean()
        assert away < 6
        assert anchor.sharpness > 100
        assert anchor.text_share is None
    assert len(look.palette) == 5
    assert load(tmp_path) == look


def seen(number: int, *, blurred: bool = False, text_share: float | None = None) -> Seen:
    """A frame of a shot of its own, in the colours of all, ten seconds after the one before."""
    image = scene(WARM, 20 + number)
    if blurred:
        image = cv2.GaussianBlur(image, (0, 0), 6)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    sharpness = float(cv2.Laplacian(grey, cv2.CV_32F).var())
    return Seen(10.0 * number, image, sharpness, text_share, True, cloud([image]))


@pytest.mark.parametrize("odd", [0, 2, 4])
def test_of_five_shots_the_blurred_one_stays_behind(odd: int) -> None:
    frames = [seen(number, blurred=number == odd) for number in range(5)]
    assert [one.time_s for one in choose(frames)] == [10.0 * n for n in range(5) if n != odd]


@pytest.mark.parametrize("odd", [0, 2, 4])
def test_of_five_shots_the_one_with_text_stays_behind(odd: int) -> None:
    frames = [seen(number, text_share=0.09 if number == odd else 0.0) for number in range(5)]
    assert [one.time_s for one in choose(frames)] == [10.0 * n for n in range(5) if n != odd]


def test_the_same_video_gives_the_same_look(shots: Path, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    first, _ = look_of(shots, tmp_path)
    again, _ = look_of(shots, tmp_path / "b")
    assert first == again
    assert [(tmp_path / one.file).read_bytes() for one in first.anchors] == [
        (tmp_path / "b" / one.file).read_bytes() for one in again.anchors
    ]
    assert sorted(path.name for path in (tmp_path / "b").rglob("*.png")) == sorted(
        Path(one.file).name for one in again.anchors
    )


def test_one_shot_gives_one_anchor_and_two_where_it_changes(tmp_path: Path) -> None:
    still = scene(WARM, 1)
    moved = still.copy()
    moved[60:140, 40:160] = scene(WARM, 8)[60:140, 40:160]
    look, _ = look_of(film(tmp_path / "a.mp4", [(8, still)]), tmp_path)
    assert len(look.anchors) == 1
    look, _ = look_of(film(tmp_path / "b.mp4", [(4, still), (4, moved)]), tmp_path)
    assert len(look.anchors) == 2


def test_black_bars_are_no_part_of_the_look(tmp_path: Path) -> None:
    picture = np.zeros((240, 320, 3), np.uint8)
    picture[40:200] = scene(WARM, 1)[:160]
    look, _ = look_of(film(tmp_path / "a.mp4", [(4, picture)]), tmp_path)
    [anchor] = look.anchors
    height, width = read(tmp_path, anchor).shape[:2]
    assert (abs(height - 160) <= 2, width) == (True, 320)
    assert "#000000" not in [one.hex for one in look.palette]


def test_a_video_of_black_has_a_neutral_look_and_says_so(tmp_path: Path) -> None:
    look, notices = look_of(film(tmp_path / "a.mp4", [(6, black())]), tmp_path)
    assert look.anchors == ()
    assert look.palette == NEUTRAL
    assert look.style == "Natural light, balanced contrast, natural colours, wide 16:9 frame."
    assert "nothing to see" in notices["broll-no-anchors"]


def test_sound_alone_has_a_neutral_look_and_says_so(tmp_path: Path) -> None:
    sound = write_wav(tmp_path / "a.wav", tone(440, 2, 16000), 16000)
    look, notices = look_of(sound, tmp_path)
    assert (look.anchors, look.palette) == ((), NEUTRAL)
    assert look.style == "Natural light, balanced contrast, natural colours."
    assert "no moving pictures" in notices["broll-no-anchors"]
    assert load(tmp_path) == look


def test_slides_give_their_colours_but_no_anchors(tmp_path: Path) -> None:
    pages = [slide("Harbour traffic", "ships a day", "cargo by year"),
             slide("Results of spring", "more than planned", "less than hoped")]  # fmt: skip
    path = film(tmp_path / "a.mp4", [(4, one) for one in pages])
    look, notices = look_of(path, tmp_path, ocr=True)
    assert look.anchors == ()
    assert "slides and titles only" in notices["broll-no-anchors"]
    assert look.palette[0].oklab[0] > 0.9
    assert not (tmp_path / "anchors").exists()


def test_pictures_between_slides_are_the_anchors(tmp_path: Path) -> None:
    page = slide("Harbour traffic", "ships a day", "cargo by year")
    large = [np.asarray(Pillow.fromarray(scene(*one)).resize((640, 360)))
             for one in ((WARM, 1), (COLD, 2))]  # fmt: skip
    path = film(tmp_path / "a.mp4", [(4, page), (4, large[0]), (4, page), (4, large[1])])
    look, _ = look_of(path, tmp_path, ocr=True)
    assert [int(one.time_s // 4) for one in look.anchors] == [1, 3]
    assert [one.text_share for one in look.anchors] == [0.0, 0.0]


def test_the_style_says_what_was_measured(shots: Path, tmp_path: Path) -> None:
    look, _ = look_of(shots, tmp_path)
    assert look.style.endswith("crisp detail, wide 16:9 frame.")
    assert "colours of" in look.style
    grey = [np.repeat(scene((128, 128, 128), seed)[..., :1], 3, axis=2) for seed in (1, 2)]
    look, _ = look_of(film(tmp_path / "b.mp4", [(4, one) for one in grey]), tmp_path)
    assert "black and white" in look.style


@pytest.mark.parametrize(
    ("colour", "name"),
    [((0.1, 0.0, 0.0), "black"), ((0.98, 0.0, 0.0), "white"), ((0.6, 0.0, 0.0), "grey"),
     ((0.63, 0.22, 0.13), "red"), ((0.87, -0.23, 0.18), "pale green"), ((0.3, 0.0, -0.1),
     "dark blue"), ((0.45, 0.06, 0.06), "brown"), ((0.5, -0.02, 0.08), "olive"),
     ((0.89, 0.03, 0.005), "pale pink")],
)  # fmt: skip
def test_colours_have_plain_names(colour: tuple[float, float, float], name: str) -> None:
    assert colour_name(colour) == name


BOOK = LookBook(
    tuple(Anchor(time_s, f"anchors/a{n}.png", 100.0) for n, time_s in enumerate((5, 40, 90), 1)),
    NEUTRAL, "Plain.",
)  # fmt: skip


@pytest.mark.parametrize(
    ("start_s", "end_s", "most", "times"),
    [(0, 10, 4, [5, 40, 90]), (80, 85, 2, [90, 40]), (30, 95, 3, [40, 90, 5]), (39, 41, 1, [40]),
     (0, 10, 0, [])],
)  # fmt: skip
def test_references_are_those_nearest_in_time(
    start_s: float, end_s: float, most: int, times: list[float]
) -> None:
    found = references_for(BOOK, Scene("s01", start_s, end_s, "a brief"), most)
    assert [one.time_s for one in found] == times


def test_noise_is_not_steering() -> None:
    anchors = [scene(WARM, 1), scene(WARM, 2)]
    without = scene(COLD, 3)
    packed = io.BytesIO()
    Pillow.fromarray(without).save(packed, "JPEG", quality=75)
    assert not steered(gain(without, np.asarray(Pillow.open(packed)), anchors))
    assert not steered(gain(without, without, anchors))
    assert steered(gain(without, scene(WARM, 4), anchors))


def test_a_look_book_comes_back_as_it_was(tmp_path: Path) -> None:
    save(tmp_path, BOOK)
    assert load(tmp_path) == BOOK


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"form": "something"}, "not written by vidsum"),
        ({"schema_version": 2}, "newer vidsum"),
        ({"style": 3}, "style"),
        ({"palette": None}, "palette"),
        (
            {"anchors": [{"time_s": 1.0, "file": "anchors/../../x.png", "sharpness": 1.0}]},
            "no file",
        ),
        ({"anchors": [{"time_s": 1.0, "file": "/etc/passwd", "sharpness": 1.0}]}, "no file"),
    ],
)
def test_a_spoiled_look_book_is_refused_with_the_next_step(
    tmp_path: Path, change: dict[str, object], told: str
) -> None:
    save(tmp_path, BOOK)
    raw = json.loads((tmp_path / "look.json").read_text("utf-8"))
    (tmp_path / "look.json").write_text(json.dumps(raw | change), "utf-8")
    with pytest.raises(OptionError, match=told) as caught:
        load(tmp_path)
    assert caught.value.hint


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_is_refused(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "look.json").write_bytes(body)
    with pytest.raises(OptionError, match=r"look\.json"):
        load(tmp_path)


def test_a_folder_without_a_look_book_says_so(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="has no look book"):
        load(tmp_path)


def test_anchors_that_cannot_be_written_are_an_error(shots: Path, tmp_path: Path) -> None:
    (tmp_path / "anchors").write_text("in the way", "utf-8")
    with pytest.raises(OutputError, match="cannot be written"):
        look_of(shots, tmp_path)
    assert not (tmp_path / "look.json").exists()


def test_a_run_that_was_given_up_ends_it(shots: Path, tmp_path: Path) -> None:
    gathered = Gathered(shots, **QUICK, ocr=False)
    gathered.run.stop()
    with pytest.raises(MediaError):
        make_look(gathered.run, gathered.evidence, tmp_path)


@pytest.mark.slow
def test_real_clips(real_media: Path, tmp_path: Path) -> None:
    """As they were judged by eye: no fade, no half-blank sky, each anchor of another shot."""
    bunny, _ = look_of(real_media / "bbb_30s.webm", tmp_path)
    starts_s = (8, 11, 15, 23, 31)  # meadow, stream, bird, title over the burrow
    assert [sum(one.time_s >= start_s for start_s in starts_s) for one in bunny.anchors] == [
        1, 2, 3, 4]  # fmt: skip
    plane, _ = look_of(real_media / "failing_audio.mp4", tmp_path)
    assert {1 < one.time_s < 7 for one in plane.anchors} == {True}
    chaplin, _ = look_of(real_media / "chaplin.mp4", tmp_path)
    assert "black and white" in chaplin.style
    assert {read(tmp_path, one).shape[1] < 500 for one in chaplin.anchors} == {True}
