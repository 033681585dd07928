"""Plain measurements on one picture: what its pixels are, never what they show.

Every function takes an RGB picture, uint8 [height, width, 3], of any size from 1×1 up, and gives
the same answer for the same pixels. Thresholds were set on 250 frames of thirteen clips that
were looked at one by one, so that no statement made from them was untrue.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from vidsum.data import Bars, Brightness, PictureFacts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidsum.data import Image

    Grey = NDArray[np.uint8]
    """uint8 [height, width], luma."""
    Detail = NDArray[np.uint8]
    """uint8 [height, width], luma, longest side 480."""
    Thumbnail = NDArray[np.float32]
    """float32 [32, 32], luma 0–255."""

BlankKind = Literal["black", "white", "plain"]

THUMBNAIL_PX = 32
_DETAIL_LONG_PX, _STRONG_CHANGE = 480, 40
BLACK_LUMA, WHITE_LUMA = 20, 240
"""Mean luma up to which a blank picture is called black, and from which on white."""
_BLOCKS = 8
_SHARPNESS_LONG_PX = 320
_BLANK_LONG_PX = 640
_BLANK_RANGE = 16
_MEASURE_LONG_PX = 320
_CONTENT_PX = (160, 90)
_CHANGE_PX = (96, 54)

_BAR_LUMA = 28
_BAR_SHARE, _BAR_SKEW = 0.12, 0.03
_CONTENT_SHARE, _CONTENT_LUMA, _CONTENT_REACH = 0.4, 35, 45

_LIT_VALUE, _LIT_SHARE = 60, 0.02
_GREY_CHROMA, _GREY_SATURATION = 12, 20
_COLOUR_SHARE, _COLOUR_CHROMA = 0.30, 45
_BROWN_VALUE = 180


def shrink(image: Image, long_px: int) -> Image:
    """Scale down, area-averaged, to ``long_px`` on the long side; a smaller picture stays."""
    height, width = image.shape[:2]
    scale = long_px / max(height, width)
    if scale >= 1:
        return image
    return _resize(image, (max(1, round(width * scale)), max(1, round(height * scale))))


def thumbnail(image: Image) -> Thumbnail:
    """Return the picture's luma, area-averaged. float32 [32, 32], 0–255."""
    return _grey(_resize(image, (THUMBNAIL_PX, THUMBNAIL_PX))).astype(np.float32)


def largest_block_difference(a: Thumbnail, b: Thumbnail) -> float:
    """Return the largest of 64 mean absolute differences, one a block of 4×4 cells. 0–255.

    A mean over the whole picture misses a new line on a slide; the worst block does not.
    Source: shared measurements, 83.3 % of a lecture's frames dropped at 8 where 83.3 % repeat,
    and none of two films sampled at 0.5 and 1 s.
    """
    side = THUMBNAIL_PX // _BLOCKS
    blocks = np.abs(a - b).reshape(_BLOCKS, side, _BLOCKS, side).mean(axis=(1, 3))
    return float(blocks.max())


def detail(image: Image) -> Detail:
    """Return the picture in grey, fine enough to see a line of text change."""
    return _grey(shrink(image, _DETAIL_LONG_PX))


def changed_pixels(a: Detail, b: Detail) -> int:
    """Return how many pixels differ by more than 40 levels; all of them if the sizes differ.

    Compression noise reaches 16 levels there, and a stroke of text 60 or more.
    """
    if a.shape != b.shape:
        return int(a.size)
    return int((np.abs(a.astype(np.int16) - b) > _STRONG_CHANGE).sum())


def sharpness(image: Image) -> float:
    """Return the variance of the Laplacian at 320 px on the long side; 0 for a plain picture."""
    import cv2

    grey = _grey(shrink(image, _SHARPNESS_LONG_PX))
    return float(cv2.Laplacian(grey, cv2.CV_32F).var())


def blank_kind(image: Image) -> BlankKind | None:
    """Tell a picture with nothing on it, and which; None when there is something to see.

    Nothing on it means that no pixel, at 640 px on the long side, is further than 16 levels from
    any other in any channel: a few small letters make a picture not blank.
    """
    pixels = shrink(image, _BLANK_LONG_PX)
    lines = pixels.reshape(len(pixels), -1)  # numpy is slow along an axis of three
    largest = lines.max(axis=0).reshape(-1, 3).max(axis=0)
    least = lines.min(axis=0).reshape(-1, 3).min(axis=0)
    if int((largest - least).max()) > _BLANK_RANGE:
        return None
    luma = float(_grey(pixels).mean())
    if luma <= BLACK_LUMA:
        return "black"
    return "white" if luma >= WHITE_LUMA else "plain"


def measure(image: Image, previous: Image | None) -> PictureFacts:
    """Return the facts of one picture; ``previous`` is the one described before it.

    Black bars are found first and left out of all other figures but the difference.
    """
    import cv2

    medium = shrink(image, _BLANK_LONG_PX)
    small = shrink(medium, _MEASURE_LONG_PX)
    bars, rows, columns = _find_bars(_grey(small))
    content = _resize(small[rows, columns], _CONTENT_PX)
    luma = float(_grey(content).mean())
    hsv = cv2.cvtColor(content, cv2.COLOR_RGB2HSV).reshape(-1, 3).astype(np.int16)
    monochrome = _is_monochrome(hsv)
    return PictureFacts(
        brightness=_brightness(luma),
        mean_luma=luma,
        monochrome=monochrome,
        blank=blank_kind(medium) is not None,
        bars=bars,
        flatness=_flatness(content),
        colour=None if monochrome else _dominant_colour(hsv),
        difference=_difference(image, previous),
    )


def _resize(image: Image, size: tuple[int, int]) -> Image:
    """Scale to (width, height), area-averaged."""
    import cv2

    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _grey(image: Image) -> Grey:
    import cv2

    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)


def _difference(image: Image, previous: Image | None) -> float | None:
    """Return the mean absolute difference over all channels, 0–255; the sizes may differ.

    In colour, since a change of hue alone leaves luma as it was.
    """
    if previous is None:
        return None
    change = _resize(image, _CHANGE_PX).astype(np.int16) - _resize(previous, _CHANGE_PX)
    return float(np.abs(change).mean())


def _brightness(luma: float) -> Brightness:
    if luma < 30:
        return "very dark"
    if luma < 75:
        return "dark"
    return "bright" if luma > 165 else "medium"


def _find_bars(grey: Grey) -> tuple[Bars, slice, slice]:
    """Find black bars above and below, or left and right, and where the content is."""
    top, bottom = _dark_margins(grey.max(axis=1))
    if _are_bars(grey, top, bottom):
        return "letterbox", slice(top, len(grey) - bottom), slice(None)
    left, right = _dark_margins(grey.max(axis=0))
    if _are_bars(grey.T, left, right):
        return "pillarbox", slice(None), slice(left, grey.shape[1] - right)
    return "none", slice(None), slice(None)


def _dark_margins(brightest: Grey) -> tuple[int, int]:
    """Count the dark lines at either end. brightest: uint8 [n], the largest luma of each line."""
    lit = np.flatnonzero(brightest >= _BAR_LUMA)
    if not lit.size:
        return 0, 0
    return int(lit[0]), int(len(brightest) - 1 - lit[-1])


def _are_bars(grey: Grey, before: int, after: int) -> bool:
    """Say whether dark lines at both ends of axis 0 are bars and not a dark scene.

    Bars come in two of one size, and what is between them is a picture: large, not dark, and
    lit out to its edges, which white text on black is not.
    """
    lines, across = grey.shape
    if before + after <= _BAR_SHARE * lines or abs(before - after) >= _BAR_SKEW * lines:
        return False
    content = grey[before : lines - after]
    return (
        len(content) >= _CONTENT_SHARE * min(lines, across)
        and float(content.mean()) >= _CONTENT_LUMA
        and float(np.percentile(content.max(axis=0), 5)) >= _CONTENT_REACH
    )


def _is_monochrome(hsv: NDArray[np.int16]) -> bool:
    """Say whether what is lit has no colour. hsv: int16 [n, 3], OpenCV's ranges.

    In the dark no colour shows, so a picture with next to nothing lit is not called monochrome;
    one pixel in a thousand may err, which is what a compressed edge does.
    """
    lit = hsv[hsv[:, 2] >= _LIT_VALUE]
    if len(lit) < _LIT_SHARE * len(hsv):
        return False
    return bool(
        np.percentile(_chroma(lit), 99.9) <= _GREY_CHROMA
        and np.percentile(lit[:, 1], 98) <= _GREY_SATURATION
    )


def _chroma(hsv: NDArray[np.int16]) -> NDArray[np.floating]:
    """Return how far the largest channel is from the smallest. float [n], 0–255."""
    return hsv[:, 1] * (hsv[:, 2] / 255.0)


def _flatness(content: Image) -> float:
    """Return the share of pixels in the two commonest colours at 3 bits a channel. 0–1."""
    bits = content.reshape(-1, 3).astype(np.int32) // 32
    counts = np.bincount(bits @ np.array((64, 8, 1)), minlength=512)
    return float(np.sort(counts)[-2:].sum() / counts.sum())


def _dominant_colour(hsv: NDArray[np.int16]) -> str | None:
    """Name the hue that covers most, if it covers over 30 %. hsv: int16 [n, 3].

    Hues between two names, and pale or dark pixels, belong to no name: they are not stated.
    """
    vivid = hsv[_chroma(hsv) > _COLOUR_CHROMA]
    hue, saturation, value = vivid[:, 0], vivid[:, 1], vivid[:, 2]
    masks = {
        "red": ((hue <= 5) | (hue >= 173)) & (saturation >= 130),
        "orange": (hue >= 4) & (hue <= 20) & ((value < _BROWN_VALUE) | (saturation >= 120)),
        "yellow": (hue >= 24) & (hue <= 31) & (value >= 180),
        "green": (hue >= 36) & (hue <= 82),
        "turquoise": (hue >= 86) & (hue <= 97),
        "blue": (hue >= 100) & (hue <= 125),
        "purple": (hue >= 130) & (hue <= 150),
        "pink": (hue >= 153) & (hue <= 174) & (value >= 150) & (saturation < 200),
    }
    covers = {name: np.count_nonzero(mask) / len(hsv) for name, mask in masks.items()}
    name = max(covers, key=covers.__getitem__)
    if covers[name] <= _COLOUR_SHARE:
        return None
    if name == "orange" and float(np.median(value[masks[name]])) < _BROWN_VALUE:
        return "brown"  # which is what a dark orange is called
    return name
