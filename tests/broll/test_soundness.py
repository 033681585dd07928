"""What counts as no picture, and dark, foggy and plain ones that are pictures all the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw

from vidsum.broll.soundness import check
from vidsum.media.plan import Moments
from vidsum.media.process import Decoder

Picture = NDArray[np.uint8]
RANDOM = np.random.default_rng(0)


def plain(level: int, height: int = 192, width: int = 336) -> Picture:
    return np.full((height, width, 3), level, np.uint8)


def noisy(level: int, sigma: float) -> Picture:
    noise = RANDOM.normal(0, sigma, (768, 1344, 3))
    return np.clip(level + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("image", "why"),
    [
        (plain(0), "all black"),
        (plain(255), "all white"),
        (plain(127), "all one colour"),
        (plain(0, 1, 1), "all black"),
        (noisy(127, 1), "all one colour"),
        (noisy(127, 5), "all one colour"),
        (noisy(2, 3), "all black"),
        (np.tile(np.array((200, 30, 40), np.uint8), (64, 64, 1)), "all one colour"),
    ],
)
def test_a_flat_picture_counts_as_failed(image: Picture, why: str) -> None:
    assert why in check(image)


def test_nan_out_of_a_decoder_counts_as_failed() -> None:
    with np.errstate(invalid="ignore"):
        lost = np.nan_to_num(np.full((64, 64, 3), np.nan) * 255).astype(np.uint8)
    assert check(lost) == "the picture is all black"


@pytest.mark.parametrize(
    "value",
    [None, np.zeros((8, 8, 3), np.float32), np.zeros((8, 8), np.uint8),
     np.zeros((8, 8, 4), np.uint8), np.zeros((0, 8, 3), np.uint8)],
)  # fmt: skip
def test_what_is_no_rgb_picture_counts_as_failed(value: object) -> None:
    assert check(value).startswith("the engine gave no")  # type: ignore[arg-type]


def night() -> Picture:
    """A black sky with a few stars and one window."""
    image = plain(1, 768, 1344)
    for y, x in ((40, 90), (200, 1100), (310, 640)):
        image[y : y + 3, x : x + 3] = 200
    image[600:612, 700:708] = (90, 70, 20)
    return image


def fog() -> Picture:
    """White on white: a gradient of twenty levels, and nothing else."""
    column = np.linspace(205, 225, 768).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(column[:, None, None], (768, 1344, 3)))


def title() -> Picture:
    """One short word on white."""
    image = Pillow.new("RGB", (1344, 768), "white")
    ImageDraw.Draw(image).text((600, 380), "Fin", "black")
    return np.asarray(image)


def dusk() -> Picture:
    """A picture so dark that none of it is above level 20."""
    small = RANDOM.integers(0, 20, (9, 16, 3)).astype(np.uint8)
    return np.asarray(Pillow.fromarray(small).resize((1344, 768), Pillow.Resampling.BICUBIC))


@pytest.mark.parametrize("image", [night(), fog(), title(), dusk()], ids=["night", "fog", "title",
                         "dusk"])  # fmt: skip
def test_dark_foggy_and_plain_pictures_are_fine(image: Picture) -> None:
    assert check(image) == ""


@pytest.mark.parametrize(
    ("name", "times_s"),
    [("failing_audio.mp4", (0.0, 9.5, 10.8)), ("bbb_30s.webm", (1.5, 29.0)),
     ("chaplin.mp4", (5.0,)), ("corridor_people.mp4", (60.0,))],
)  # fmt: skip
def test_frames_of_real_clips_are_fine(
    real_media: Path, name: str, times_s: tuple[float, ...]
) -> None:
    """Among them a grey sky with a small plane, and the last dark picture of a fade."""
    with Decoder(real_media / name) as decoder:
        found = [check(one.image) for one in decoder.frames(Moments(times_s), 1024, None)]
    assert found == [""] * len(times_s)


def test_plain_pictures_of_a_real_clip_count_as_failed(real_media: Path) -> None:
    with Decoder(real_media / "fades.mp4") as decoder:
        [frame] = decoder.frames(Moments((0.0,)), 1024, None)
    assert check(frame.image)
