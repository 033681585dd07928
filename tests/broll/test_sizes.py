"""What size an engine is asked for, and the cut to the source's shape."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsum.broll.engines.protocol import Capabilities
from vidsum.broll.sizes import SMALL_AREA_PX, USUAL_AREA_PX, fit, size_for
from vidsum.errors import OptionError

FREE = Capabilities(4, seed=True, most_images=1, usage=False, steps=True)
FEW = Capabilities(4, seed=False, most_images=1, usage=True, steps=False,
                   sizes=((1024, 1024), (1536, 1024), (1024, 1536)))  # fmt: skip
sides = st.integers(1, 10_000)


@pytest.mark.parametrize(
    ("source", "size"),
    [
        ((1920, 1080), (1360, 768)),
        ((1080, 1920), (768, 1360)),
        ((3840, 1644), (1568, 672)),
        ((1440, 1080), (1168, 880)),
        ((1100, 1100), (1024, 1024)),
        ((0, 0), (1360, 768)),
    ],
)
def test_usual_sources(source: tuple[int, int], size: tuple[int, int]) -> None:
    found = size_for(*source, FREE)
    assert abs(math.log(found[0] / found[1] * size[1] / size[0])) < 0.02
    assert found[0] * found[1] == pytest.approx(size[0] * size[1], rel=0.06)
    assert found[0] * found[1] <= USUAL_AREA_PX


@given(sides, sides, st.sampled_from([8, 16, 32, 64]), st.booleans())
def test_every_source_gets_a_size_that_the_engine_makes(
    width: int, height: int, step: int, small: bool
) -> None:
    most = SMALL_AREA_PX if small else USUAL_AREA_PX
    engine = Capabilities(1, seed=True, most_images=1, usage=False, steps=True, multiple_px=step)
    wide, high = size_for(width, height, engine, most)
    assert wide % step == high % step == 0
    assert engine.least_area_px <= wide * high <= most
    assert 1 / 4 <= wide / high <= 4
    wanted = min(4.0, max(0.25, width / height))
    assert abs(math.log(wide / high / wanted)) < 0.13
    assert (wide, high) == size_for(width, height, engine, most)


@given(st.sampled_from([(9, 16), (2, 3), (3, 4), (4, 3), (3, 2), (16, 9), (64, 27)]),
       st.integers(10, 60))  # fmt: skip
def test_little_of_a_usual_shape_is_cut_off(shape: tuple[int, int], times: int) -> None:
    source = shape[0] * times, shape[1] * times
    wide, high = size_for(*source, FREE)
    assert abs(math.log(wide / high * shape[1] / shape[0])) < 0.03
    assert wide * high >= 0.8 * min(USUAL_AREA_PX, max(source[0] * source[1], SMALL_AREA_PX))


def test_turning_a_source_turns_its_size() -> None:
    assert size_for(1920, 1080, FREE) == size_for(1080, 1920, FREE)[::-1]


def test_a_small_source_gets_a_small_picture_but_no_coarse_one() -> None:
    wide, high = size_for(160, 90, FREE)
    assert 0.85 * SMALL_AREA_PX < wide * high <= SMALL_AREA_PX


@pytest.mark.parametrize(
    ("source", "size"),
    [((1920, 1080), (1536, 1024)), ((720, 1280), (1024, 1536)), ((500, 480), (1024, 1024))],
)
def test_the_nearest_of_few_sizes(source: tuple[int, int], size: tuple[int, int]) -> None:
    assert size_for(*source, FEW) == size


def test_of_sizes_of_one_shape_the_cheaper_near_the_area_asked_for() -> None:
    engine = Capabilities(0, seed=False, most_images=1, usage=False, steps=False,
                          sizes=((256, 256), (512, 512), (1024, 1024), (2048, 2048)))  # fmt: skip
    assert size_for(2000, 2000, engine) == (1024, 1024)
    assert size_for(2000, 2000, engine, SMALL_AREA_PX) == (512, 512)


def test_the_engine_s_bounds_hold() -> None:
    tiny = Capabilities(1, seed=True, most_images=1, usage=False, steps=True, multiple_px=16,
                        least_area_px=64 * 64, most_area_px=64 * 64)  # fmt: skip
    assert size_for(1000, 1000, tiny) == (64, 64)
    large = Capabilities(1, seed=True, most_images=1, usage=False, steps=True, multiple_px=64,
                         least_area_px=2048 * 2048, most_area_px=4096 * 4096)  # fmt: skip
    wide, high = size_for(1920, 1080, large)
    assert wide * high >= 2048 * 2048
    none = Capabilities(1, seed=True, most_images=1, usage=False, steps=True, multiple_px=64,
                        least_area_px=10, most_area_px=20)  # fmt: skip
    with pytest.raises(OptionError, match="no size"):
        size_for(100, 100, none)


@given(st.integers(1, 300), st.integers(1, 300), sides, sides)
def test_a_cut_has_the_shape_to_half_a_pixel_and_is_from_the_middle(
    wide: int, high: int, width: int, height: int
) -> None:
    image = np.zeros((high, wide, 3), np.uint16)
    image[..., 0], image[..., 1] = np.arange(wide), np.arange(high)[:, None]
    cut = fit(image, width, height)  # type: ignore[arg-type]
    rows, columns = cut.shape[:2]
    assert columns == wide or rows == high
    near_width = abs(columns - rows * width / height) <= 0.5 or columns == 1
    near_height = abs(rows - columns * height / width) <= 0.5 or rows == 1
    assert near_width or near_height
    left, top = int(cut[0, 0, 0]), int(cut[0, 0, 1])
    assert 0 <= wide - columns - 2 * left <= 1
    assert 0 <= high - rows - 2 * top <= 1


def test_a_picture_of_the_right_shape_stays_whole() -> None:
    image = np.zeros((1080, 1920, 3), np.uint8)
    assert fit(image, 1280, 720).shape == (1080, 1920, 3)
    assert fit(image, 1080, 1080).shape == (1080, 1080, 3)
    assert fit(image, 1, 10_000).shape == (1080, 1, 3)
