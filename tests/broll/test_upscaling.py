"""A picked picture in the source's size: exact, and honest about how."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as Pillow

from vidsum.broll.upscaling import Upscaler, bring_to
from vidsum.data import Image
from vidsum.errors import RequestFailed


def smooth(width: int, height: int) -> Image:
    """A picture that says at each place where it is: red grows to the right, green downwards."""
    across = np.broadcast_to(np.linspace(20, 230, width), (height, width))
    down = np.broadcast_to(np.linspace(20, 230, height)[:, None], (height, width))
    return np.stack([across, down, np.full((height, width), 90.0)], 2).round().astype(np.uint8)


class Repeating(Upscaler):
    """Makes four pixels of each."""

    name = "twice"

    def enlarge(self, image: Image) -> Image:
        return image.repeat(2, 0).repeat(2, 1)


class Idle(Upscaler):
    name = "idle"

    def enlarge(self, image: Image) -> Image:
        return image


def test_a_small_picture_is_enlarged_by_lanczos_and_says_the_same() -> None:
    done = bring_to(smooth(64, 36), 192, 108)
    assert done.image.shape == (108, 192, 3)
    assert done.image.dtype == np.uint8
    assert done.upscaled_by == "lanczos"
    assert np.abs(done.image.astype(int) - smooth(192, 108)).max() <= 3


def test_lanczos_keeps_more_than_other_ways() -> None:
    """A wave just below what the small picture can hold comes back nearer than by bilinear."""
    wave = (127 + 100 * np.sin(np.arange(240) * 2 * np.pi / 12)).astype(np.uint8)
    large = np.repeat(np.repeat(wave[None, :, None], 60, 0), 3, 2)
    small = np.asarray(Pillow.fromarray(large).resize((60, 15), Pillow.Resampling.BOX))
    linear = np.asarray(Pillow.fromarray(small).resize((240, 60), Pillow.Resampling.BILINEAR))
    inner = slice(20, -20)
    ours = np.abs(bring_to(small, 240, 60).image.astype(int) - large)[:, inner].mean()
    theirs = np.abs(linear.astype(int) - large)[:, inner].mean()
    assert ours < theirs


def test_the_right_size_stays_as_it_is() -> None:
    picture = smooth(64, 36)
    done = bring_to(picture, 64, 36, Idle())
    assert np.array_equal(done.image, picture)
    assert done.upscaled_by == ""


def test_a_larger_picture_is_made_smaller_and_nobody_enlarged_it() -> None:
    done = bring_to(smooth(128, 72), 64, 36, Idle())
    assert done.image.shape == (36, 64, 3)
    assert done.upscaled_by == ""


@pytest.mark.parametrize("size", [(120, 68), (160, 90)])
def test_a_model_is_asked_and_the_rest_is_brought_to_size(size: tuple[int, int]) -> None:
    done = bring_to(smooth(64, 36), *size, Repeating())
    assert done.image.shape == (size[1], size[0], 3)
    assert done.upscaled_by == "twice"


def test_a_model_that_enlarges_nothing_has_failed() -> None:
    with pytest.raises(RequestFailed, match="idle did not enlarge"):
        bring_to(smooth(64, 36), 192, 108, Idle())
