"""Which size to ask an engine for, and the cut that gives a picture the source's shape."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from vidsum.broll.engines.protocol import Capabilities
from vidsum.errors import OptionError

if TYPE_CHECKING:
    from vidsum.data import Image

Size = tuple[int, int]
"""Width and height in pixels."""

USUAL_AREA_PX: Final = 1024 * 1024
"""What FLUX.2-klein and most models of today were made for."""
SMALL_AREA_PX: Final = 512 * 512
"""For a quick or cheap set; below it pictures come out coarse."""
UNKNOWN: Final[Size] = (1920, 1080)
"""What a source without a picture counts as."""


def size_for(
    width_px: int, height_px: int, capabilities: Capabilities, most_area_px: int = USUAL_AREA_PX
) -> Size:
    """Return the size to ask for: the source's shape as nearly as the engine can, not too large.

    ``width_px`` × ``height_px`` is the source as displayed, 0 where it has no picture. The area is
    at most ``most_area_px``, and no larger than the source's as long as that is no coarser than
    :data:`SMALL_AREA_PX`, within the engine's bounds.
    Raises: OptionError for an engine whose bounds leave no size.
    """
    width_px, height_px = (width_px, height_px) if width_px and height_px else UNKNOWN
    area_px = min(most_area_px, max(width_px * height_px, SMALL_AREA_PX))
    longest = capabilities.most_aspect
    shape = math.log(min(longest, max(1 / longest, width_px / height_px)))

    def cost(size: Size) -> tuple[float, float, Size]:
        """What is cut off, an eighth of an octave of area counting as 1 %, then a firm order."""
        lost = abs(math.log(size[0] / size[1]) - shape)
        coarse = abs(math.log2(size[0] * size[1] / area_px))
        return lost + 0.08 * coarse, coarse, size

    sizes = capabilities.sizes or tuple(_multiples(capabilities, area_px))
    if not sizes:
        raise OptionError("The image engine's bounds leave no size that it could make.",
                          "Its smallest area must hold a multiple of its step.")  # fmt: skip
    return min(sizes, key=cost)


def area_of(width_px: int, height_px: int, side_px: int | None) -> int:
    """Return the area of a picture in a source's shape whose longest side is ``side_px``.

    None: :data:`USUAL_AREA_PX`.
    """
    if side_px is None:
        return USUAL_AREA_PX
    width_px, height_px = (width_px, height_px) if width_px and height_px else UNKNOWN
    return round(side_px**2 * min(width_px, height_px) / max(width_px, height_px))


def picture_size(
    width_px: int, height_px: int, capabilities: Capabilities, side_px: int | None = None
) -> Size:  # fmt: skip
    """Return the size to ask for; ``side_px`` as in :func:`area_of`. Raises: as size_for."""
    return size_for(width_px, height_px, capabilities, area_of(width_px, height_px, side_px))


def baseline_size(
    width_px: int, height_px: int, capabilities: Capabilities, side_px: int | None = None
) -> Size:  # fmt: skip
    """Return the same for a picture of which only the colours are looked at."""
    most_area_px = min(SMALL_AREA_PX, area_of(width_px, height_px, side_px))
    return size_for(width_px, height_px, capabilities, most_area_px)


def _multiples(capabilities: Capabilities, area_px: int) -> Iterator[Size]:
    """Yield the sizes that an engine makes, no larger than ``area_px`` where it can."""
    step, least, longest = (
        capabilities.multiple_px, capabilities.least_area_px, capabilities.most_aspect
    )  # fmt: skip
    most = min(capabilities.most_area_px, max(area_px, least + 4 * step * math.isqrt(least)))
    for width in range(step, math.isqrt(round(most * longest)) + step, step):
        highest = min(most // width, round(width * longest)) // step * step
        lowest = max(-(-least // width), math.ceil(width / longest))
        for height in range(highest, max(lowest, step) - 1, -step):
            yield width, height


def fitted(size: Size, shape: Size) -> Size:
    """Return the size of the largest part of a size that has a shape, to half a pixel."""
    wide = max(1, min(size[0], round(size[1] * shape[0] / shape[1])))
    high = max(1, min(size[1], round(size[0] * shape[1] / shape[0])))
    return wide, high


def fit(image: Image, width_px: int, height_px: int) -> Image:
    """Return the largest middle part of a picture that has a size's shape, to half a pixel.

    Nothing is scaled: enlarged, it gives exactly that size without being stretched. image and
    result: uint8 [h, w, 3].
    """
    height, width = image.shape[:2]
    wide, high = fitted((width, height), (width_px, height_px))
    left, top = (width - wide) // 2, (height - high) // 2
    return image[top : top + high, left : left + wide]
