"""Measurements on pictures that are painted here, or taken from real clips."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFilter, ImageFont

from vidsum.data import PictureFacts
from vidsum.media import picture

Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]

GREEN, SKY, PAPER = (40, 160, 60), (90, 140, 220), (250, 250, 248)


def plain(colour: Colour, width: int = 320, height: int = 180) -> Picture:
    return np.full((height, width, 3), colour, np.uint8)


def noise(seed: int = 0, width: int = 320, height: int = 180, low: int = 40) -> Picture:
    """Coarse coloured noise, as a busy scene is."""
    cells = np.random.default_rng(seed).integers(low, 256, (18, 32, 3), dtype=np.uint8)
    return np.asarray(Pillow.fromarray(cells).resize((width, height), Pillow.Resampling.NEAREST))


def framed(inner: Picture, height: int, width: int) -> Picture:
    """The picture in the middle of black."""
    outer = plain((0, 0, 0), width, height)
    top, left = (height - len(inner)) // 2, (width - inner.shape[1]) // 2
    outer[top : top + len(inner), left : left + inner.shape[1]] = inner
    return outer


def written(text: str, size: int, colour: Colour, paper: Colour, width: int = 1280) -> Picture:
    page = Pillow.new("RGB", (width, width * 9 // 16), paper)
    font = ImageFont.load_default(size=size)
    ImageDraw.Draw(page).text((width // 3, width // 4), text, fill=colour, font=font)
    return np.asarray(page)


def facts(image: Picture, previous: Picture | None = None) -> PictureFacts:
    return picture.measure(image, previous)


def frame_at(path: Path, time_s: float) -> Picture:
    with av.open(path) as container:
        for frame in container.decode(video=0):
            if frame.time is not None and frame.time >= time_s:
                return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    raise AssertionError(f"{path} ends before {time_s}")


# ---- thumbnails ------------------------------------------------------------------------


def test_a_thumbnail_is_the_mean_luma_of_each_cell() -> None:
    image = plain((0, 0, 0), 64, 64)
    image[:, ::2] = 200  # every other column: no cell of 2×2 pixels can show them apart
    found = picture.thumbnail(image)
    assert found.shape == (32, 32)
    assert found.dtype == np.float32
    assert np.all(found == 100)


def test_the_worst_block_counts_and_not_the_mean() -> None:
    page, more = plain(PAPER, 640, 360), plain(PAPER, 640, 360)
    more[40:60, 40:200] = 0  # a line of text is 1.4 % of the picture
    a, b = picture.thumbnail(page), picture.thumbnail(more)
    assert picture.largest_block_difference(a, b) > 30
    assert float(np.abs(a - b).mean()) < 4


def test_block_difference_is_the_mean_over_one_block_of_four_by_four_cells() -> None:
    a = np.zeros((32, 32), np.float32)
    b = a.copy()
    b[4:8, 8:12] = 16
    assert picture.largest_block_difference(a, b) == 16
    b[4:6, 8:12] = 0
    assert picture.largest_block_difference(a, b) == 8
    assert picture.largest_block_difference(b, b) == 0


def test_blur_lowers_sharpness_and_a_plain_picture_has_none() -> None:
    sharp = Pillow.fromarray(noise())
    soft = np.asarray(sharp.filter(ImageFilter.GaussianBlur(6)))
    assert picture.sharpness(soft) < 0.2 * picture.sharpness(np.asarray(sharp))
    assert picture.sharpness(plain(SKY)) == 0


# ---- blank -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("colour", "kind"),
    [
        ((0, 0, 0), "black"),
        ((16, 16, 16), "black"),
        ((255, 255, 255), "white"),
        ((128, 128, 128), "plain"),
        ((30, 30, 30), "plain"),
        ((0, 0, 160), "black"),
        ((200, 30, 30), "plain"),
    ],
)
def test_blank_kinds(colour: Colour, kind: str) -> None:
    assert picture.blank_kind(plain(colour)) == kind


def test_compression_noise_on_black_is_still_black() -> None:
    grain = np.random.default_rng(3).integers(0, 14, (360, 640, 3), dtype=np.uint8)
    assert picture.blank_kind(grain) == "black"


@pytest.mark.parametrize("paper", [(0, 0, 0), (255, 255, 255), (20, 30, 90)])
def test_two_small_letters_make_a_picture_not_blank(paper: Colour) -> None:
    ink = (200, 200, 200) if sum(paper) < 300 else (60, 60, 60)
    assert picture.blank_kind(written("Hi", 18, ink, paper)) is None
    assert picture.blank_kind(written("", 18, ink, paper)) is not None


def test_faint_words_make_a_picture_not_blank() -> None:
    assert picture.blank_kind(written("Draft", 60, (215, 215, 215), (255, 255, 255))) is None


def test_a_change_of_hue_alone_is_something_to_see() -> None:
    image = plain((178, 0, 0))  # luma 53 on both sides
    image[:, 160:] = (0, 91, 0)
    assert picture.blank_kind(image) is None


# ---- facts -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "word"), [(10, "very dark"), (50, "dark"), (120, "medium"), (220, "bright")]
)
def test_brightness_words(level: int, word: str) -> None:
    found = facts(plain((level, level, level)))
    assert (found.brightness, found.mean_luma) == (word, level)


def test_letterbox_and_pillarbox_are_told_and_left_out_of_the_figures() -> None:
    scene = noise(low=120)
    wide, tall = framed(scene, 300, 320), framed(scene, 180, 480)
    assert (facts(wide).bars, facts(tall).bars, facts(scene).bars) == (
        "letterbox",
        "pillarbox",
        "none",
    )
    assert facts(wide).mean_luma == pytest.approx(facts(scene).mean_luma, abs=8)
    assert facts(tall).mean_luma == pytest.approx(facts(scene).mean_luma, abs=8)


def test_what_only_looks_like_bars_is_not_called_so() -> None:
    title_card = written("THE END", 90, (255, 255, 255), (0, 0, 0))
    assert facts(title_card).bars == "none"
    night = plain((8, 8, 8), 320, 300)
    night[70:240:80] = 200  # lit from edge to edge here and there, and dark by and large
    assert facts(night).bars == "none"
    block = plain((0, 0, 0))
    block[40:140, 100:220] = 255  # not lit out to its edges, whichever way
    assert facts(block).bars == "none"
    uneven = np.vstack([noise(low=120), plain((0, 0, 0), 320, 90)])  # black at one end only
    assert facts(uneven).bars == "none"
    lamp = plain((0, 0, 0))
    lamp[70:110, 140:180] = 255
    assert facts(lamp).bars == "none"


def test_black_and_white_needs_light_to_be_told() -> None:
    grey = noise().mean(axis=2, keepdims=True).astype(np.uint8).repeat(3, axis=2)
    assert facts(grey).monochrome
    assert not facts(noise()).monochrome
    assert not facts(noise(low=0) // 24).monochrome  # in colour, and too dark to see it
    grey[90:] = (3, 2, 2)  # what an encoder makes of black
    assert facts(grey).monochrome


def test_a_small_red_dot_makes_a_picture_not_black_and_white() -> None:
    image = written("Big words", 140, (255, 255, 255), (0, 0, 0))
    assert facts(image).monochrome
    dotted = image.copy()
    dotted[40:80, 40:80] = (230, 20, 20)
    assert not facts(dotted).monochrome


@pytest.mark.parametrize(
    ("colour", "name"),
    [
        ((200, 20, 20), "red"),
        ((240, 140, 20), "orange"),
        ((120, 80, 40), "brown"),
        ((240, 230, 40), "yellow"),
        ((40, 160, 60), "green"),
        ((30, 190, 190), "turquoise"),
        ((90, 140, 220), "blue"),
        ((140, 60, 190), "purple"),
        ((240, 120, 180), "pink"),
        ((150, 140, 30), None),  # olive: neither yellow nor green
        ((225, 210, 205), None),  # pale
        ((20, 30, 24), None),  # dark
    ],
)
def test_colour_names(colour: Colour, name: str | None) -> None:
    assert facts(plain(colour)).colour == name


def test_a_colour_is_named_above_thirty_percent_only() -> None:
    image = plain((200, 200, 200))
    image[:50] = GREEN
    assert facts(image).colour is None
    image[:60] = GREEN
    assert facts(image).colour == "green"


def test_flatness_is_the_share_of_the_two_commonest_colours() -> None:
    image = plain((250, 250, 250))
    image[:, :80] = (10, 10, 10)
    image[:18, 80:] = (120, 120, 120)
    assert facts(image).flatness == pytest.approx(0.925, abs=0.005)
    assert facts(noise()).flatness < 0.2


def test_difference_is_measured_in_colour() -> None:
    red, green = plain((178, 0, 0)), plain((0, 91, 0))  # of one luma
    assert facts(red).difference is None
    assert facts(red, red).difference == 0
    assert facts(green, red).difference == pytest.approx((178 + 91) / 3)


def test_difference_bears_a_change_of_size() -> None:
    assert facts(plain(SKY, 640, 360), plain(SKY, 320, 180)).difference == 0


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 70), st.integers(1, 70), st.integers(0, 2**32 - 1))
def test_pictures_of_any_size_are_measured(width: int, height: int, seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    found = facts(image, image)
    assert 0 <= found.mean_luma <= 255
    assert 0 < found.flatness <= 1
    assert found.difference == 0
    assert found.blank == (picture.blank_kind(image) is not None)
    assert picture.thumbnail(image).shape == (32, 32)


def test_nothing_is_written_to_the_picture() -> None:
    image = noise()
    image.flags.writeable = False
    assert facts(image, image).difference == 0


# ---- real clips ----------------------------------------------------------------------------


def test_an_old_film_is_black_and_white_between_bars(real_media: Path) -> None:
    found = facts(frame_at(real_media / "chaplin.mp4", 4.0))
    assert (found.bars, found.monochrome, found.colour) == ("pillarbox", True, None)
    assert not found.blank


def test_a_wooden_floor_is_brown_and_a_camera_picture_not_flat(real_media: Path) -> None:
    found = facts(frame_at(real_media / "corridor_people.mp4", 30.0))
    assert (found.colour, found.bars, found.monochrome) == ("brown", "none", False)
    assert found.flatness < 0.5


def test_fades_are_blank_throughout(real_media: Path) -> None:
    kinds = {
        time_s: picture.blank_kind(frame_at(real_media / "fades.mp4", time_s))
        for time_s in (0.0, 1.0, 5.0)
    }
    assert kinds == {0.0: "black", 1.0: "plain", 5.0: "white"}


def test_a_small_plane_in_a_grey_sky_is_not_blank(real_media: Path) -> None:
    image = frame_at(real_media / "failing_audio.mp4", 3.0)
    assert picture.blank_kind(image) is None
    assert not facts(image).monochrome
