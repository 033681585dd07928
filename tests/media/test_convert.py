"""Pictures as a viewer sees them: colours, high dynamic range, odd sizes."""

from __future__ import annotations

import av
import numpy as np
import pytest
from av.video.reformatter import ColorTrc

from vidsum.media.convert import Converter


def pq_code(nits: float) -> float:
    """The PQ signal (0-1) of a luminance. Source: SMPTE ST 2084."""
    m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
    y = (nits / 10_000) ** m1
    return ((c1 + c2 * y) / (1 + c3 * y)) ** m2


def hdr_frame(levels: list[float], trc: int) -> av.VideoFrame:
    """A 10-bit BT.2020 picture of grey bars with the given signal levels (0-1)."""
    picture = np.repeat(np.array(levels), 40)[None, :, None] * np.ones((64, 1, 3))
    rgb = av.VideoFrame.from_ndarray((picture * 65535).astype(np.uint16), format="rgb48le")
    frame = rgb.reformat(format="yuv420p10le", dst_colorspace=9)
    frame.color_trc, frame.color_primaries, frame.colorspace = trc, 9, 9
    frame.color_range = 1
    return frame


def bars(frame: av.VideoFrame, count: int) -> list[int]:
    image = Converter(1280).image(frame)
    return [int(image[32, 20 + 40 * i].mean()) for i in range(count)]


def test_pq_reference_white_is_white_and_greys_keep_their_order() -> None:
    levels = [pq_code(n) for n in (0, 10, 50, 100, 203, 1000)]
    black, dark, mid, light, white, bright = bars(hdr_frame(levels, int(ColorTrc.SMPTE2084)), 6)
    assert black <= 2
    assert 50 < dark < mid < light < white
    assert white >= 245
    assert bright == 255


def test_hlg_reference_white_is_bright() -> None:
    found = bars(hdr_frame([0.0, 0.3, 0.5, 0.75], int(ColorTrc.ARIB_STD_B67)), 4)
    assert found == sorted(found)
    assert found[0] <= 2
    assert found[3] >= 230


def test_standard_range_pictures_are_left_as_they_are() -> None:
    grey = np.full((48, 64, 3), 120, np.uint8)
    frame = av.VideoFrame.from_ndarray(grey, format="rgb24").reformat(format="yuv420p")
    assert abs(int(Converter(64).image(frame).mean()) - 120) <= 2


@pytest.mark.parametrize(("height", "code"), [(576, 5), (720, 1)])
def test_unnamed_colours_follow_the_height(height: int, code: int) -> None:
    """Red is coded by BT.601 (5) or BT.709 (1); read by the right one it is red again."""
    red = np.zeros((height, 64, 3), np.uint8)
    red[..., 0] = 200
    frame = av.VideoFrame.from_ndarray(red, format="rgb24").reformat(
        format="yuv444p", dst_colorspace=code
    )
    frame.colorspace = 2
    assert Converter(2000).image(frame).reshape(-1, 3).mean(0) == pytest.approx([200, 0, 0], abs=4)


@pytest.mark.parametrize(
    ("width", "height", "side", "expected"),
    [(1, 1, 512, (1, 1)), (641, 359, 512, (287, 512)), (8000, 10, 1280, (2, 1280)),
     (320, 240, 512, (240, 320))],
)  # fmt: skip
def test_any_size_fits(width: int, height: int, side: int, expected: tuple[int, int]) -> None:
    frame = av.VideoFrame(width, height, "rgb24")
    assert Converter(side).image(frame).shape == (*expected, 3)
