"""OKLab, palettes and palette distance: known colours, axioms, and steadiness under re-encoding."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image as Pillow

from vidsum.broll.palette import cloud, distance, gain, palette, to_hex, to_oklab

Picture = NDArray[np.uint8]
pictures = hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3)))


def scene(base: tuple[int, int, int], seed: int, width: int = 640, height: int = 360) -> Picture:
    """A soft patchwork around a colour, other patches by seed: one look, another picture."""
    noise = np.random.default_rng(seed).integers(-60, 60, (9, 16, 3))
    small = np.clip(noise + np.array(base), 0, 255).astype(np.uint8)
    return np.asarray(Pillow.fromarray(small).resize((width, height), Pillow.Resampling.BICUBIC))


WARM, COLD = (190, 110, 60), (50, 90, 160)


def plain(*colour: int) -> Picture:
    return np.full((6, 8, 3), colour, np.uint8)


@pytest.mark.parametrize(
    ("rgb", "oklab"),
    [
        ((255, 255, 255), (1.0, 0.0, 0.0)),
        ((0, 0, 0), (0.0, 0.0, 0.0)),
        ((255, 0, 0), (0.62796, 0.22486, 0.12585)),
        ((0, 255, 0), (0.86644, -0.23389, 0.17950)),
        ((0, 0, 255), (0.45201, -0.03246, -0.31153)),
    ],
)
def test_oklab_is_what_its_author_publishes(
    rgb: tuple[int, int, int], oklab: tuple[float, float, float]
) -> None:
    assert to_oklab(np.array([rgb], np.uint8))[0] == pytest.approx(oklab, abs=2e-4)


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_hex_is_the_way_back(rgb: tuple[int, int, int]) -> None:
    lab = tuple(to_oklab(np.array([rgb], np.uint8))[0].tolist())
    assert to_hex(lab) == "#" + bytes(rgb).hex()  # type: ignore[arg-type]


def test_what_no_screen_shows_is_clipped() -> None:
    assert to_hex((0.7, 0.3, 0.1)) == "#ff004a"
    assert to_hex((1.4, 0.0, 0.0)) == "#ffffff"


@settings(max_examples=30)
@given(pictures, pictures, pictures)
def test_distance_is_one(a: Picture, b: Picture, c: Picture) -> None:
    x, y, z = cloud([a]), cloud([b]), cloud([c])
    assert distance(x, x) == 0
    assert distance(x, y) == distance(y, x) >= 0
    assert distance(x, z) <= distance(x, y) + distance(y, z) + 1e-9


@settings(max_examples=30)
@given(pictures, st.integers(2, 5))
def test_only_shares_count_not_how_many_pixels(picture: Picture, times: int) -> None:
    points = cloud([picture])
    assert distance(points, np.repeat(points, times, axis=0)) == pytest.approx(0, abs=1e-9)


@settings(max_examples=30)
@given(pictures)
def test_turning_a_picture_over_changes_nothing(picture: Picture) -> None:
    points = cloud([picture])
    for turned in (picture[::-1], picture[:, ::-1], np.rot90(picture)):
        flipped = np.ascontiguousarray(turned)
        assert distance(points, cloud([flipped])) == pytest.approx(0, abs=1e-9)
        assert palette([flipped]) == palette([picture])


@settings(max_examples=30)
@given(st.integers(0, 230), st.integers(5, 25))
def test_a_step_that_all_colours_make_counts_half(level: int, step: int) -> None:
    before, after = cloud([plain(level, level, level)]), cloud([plain(*[level + step] * 3)])
    moved = float(np.linalg.norm(after[0] - before[0]))
    assert distance(before, after) == pytest.approx(50 * moved, rel=0.02)


def test_the_prototype_s_figures() -> None:
    warm, other, cold = (cloud([scene(*one)]) for one in ((WARM, 0), (WARM, 1), (COLD, 50)))
    assert distance(warm, other) == pytest.approx(0.6, abs=0.1)
    assert distance(warm, cold) == pytest.approx(12.7, abs=1.0)
    assert distance(cloud([plain(0, 0, 0)]), cloud([plain(255, 255, 255)])) == pytest.approx(
        50, abs=0.5
    )


@pytest.mark.parametrize("size", [(320, 180), (500, 300), (1280, 720)])
def test_coding_and_scaling_hardly_count(size: tuple[int, int]) -> None:
    picture = scene(WARM, 3)
    packed = io.BytesIO()
    Pillow.fromarray(picture).resize(size).save(packed, "JPEG", quality=75)
    again = np.asarray(Pillow.open(packed))
    assert again.shape[:2] == (size[1], size[0])
    assert distance(cloud([picture]), cloud([again])) < 0.3


def test_gain_says_which_reference_was_followed() -> None:
    warm, cold = [scene(WARM, 1), scene(WARM, 2)], [scene(COLD, 3), scene(COLD, 4)]
    without = scene((128, 128, 128), 5)
    to_warm, to_cold = scene(WARM, 6), scene(COLD, 7)
    assert gain(without, to_warm, warm) > 2
    assert gain(without, to_cold, cold) > 2
    assert gain(without, to_warm, cold) < 0
    assert gain(without, without, warm) == 0


def test_a_palette_has_the_colours_by_share() -> None:
    picture = np.zeros((10, 10, 3), np.uint8)
    for rows, colour in ((4, (200, 30, 30)), (7, (20, 160, 60)), (9, (30, 60, 200))):
        picture[rows:] = colour
    found = palette([picture])
    assert [one.hex for one in found] == ["#000000", "#c81e1e", "#14a03c", "#1e3cc8"]
    assert [one.share for one in found] == pytest.approx([0.4, 0.3, 0.2, 0.1])
    assert palette([plain(1, 2, 3)])[0].hex == "#010203"
    assert palette([]) == ()


@settings(max_examples=30)
@given(st.lists(pictures, min_size=1, max_size=3))
def test_palettes_are_firm_and_whole(given_pictures: list[Picture]) -> None:
    found = palette(given_pictures)
    turned = palette(given_pictures[::-1])  # shares are sums: their last digit hangs on the order
    assert [one.hex for one in turned] == [one.hex for one in found]
    assert [one.share for one in turned] == pytest.approx([one.share for one in found])
    assert 1 <= len(found) <= 5
    assert sum(one.share for one in found) == pytest.approx(1)
    assert [one.share for one in found] == sorted((one.share for one in found), reverse=True)


def test_a_small_vivid_thing_is_part_of_the_palette() -> None:
    picture = scene((120, 120, 122), 9, 96, 96)
    picture = (picture // 3 + 85).astype(np.uint8)
    picture[40:60, 40:60] = (200, 30, 30)
    strongest = max(palette([picture]), key=lambda one: abs(one.oklab[1]))
    assert strongest.oklab[1] > 0.12
    assert strongest.share == pytest.approx(400 / 96**2, abs=0.02)
