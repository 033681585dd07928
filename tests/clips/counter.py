"""A picture that carries its own number, to prove which frame of a video a sample really is.

The number is painted as a grid of big black and white cells: 16 bits of the number and an
8-bit checksum. Cells are placed in proportions of the picture, so the code survives scaling,
non-square pixels and lossy compression; the checksum makes a torn, mixed or turned picture an
error instead of a wrong number.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]

SCENES: tuple[Colour, ...] = ((60, 90, 150), (150, 80, 60), (70, 140, 80), (140, 120, 50))
SCENE_FRAMES = 80

_ROWS, _COLUMNS = 4, 6
_NUMBER_BITS, _CHECK_BITS = 16, 8
_MARGIN = 0.08
_DARK, _LIGHT = 95, 160


def draw(
    number: int, width: int = 320, height: int = 240, rotation: int = 0, scene: Colour | None = None
) -> Picture:
    """Paint `number` in a picture of `width` x `height`, then turn it `rotation` degrees.

    The turn is anticlockwise in steps of 90, so 90 makes a picture `height` wide. Without a
    `scene` colour the background changes every `SCENE_FRAMES` numbers, like cuts in a film.
    """
    if not 0 <= number < 1 << _NUMBER_BITS:
        raise ValueError(f"{number} does not fit in {_NUMBER_BITS} bits")
    if rotation % 90:
        raise ValueError(f"cannot turn a picture by {rotation} degrees")
    colour = np.array(scene or SCENES[number // SCENE_FRAMES % len(SCENES)], np.uint8)
    picture = np.empty((height, width, 3), np.uint8)
    picture[:] = colour
    # A bar that moves with the number gives the encoder motion to predict; it goes behind the
    # cells and shows in the margins and gaps only.
    left = number * max(1, width // 80) % width
    picture[:, left : left + width // 8] = 255 - colour
    code = number << _CHECK_BITS | _checksum(number)
    for index, cell in enumerate(_cells(width, height, shrink=0.06)):
        picture[cell] = 255 * (code >> index & 1)
    return np.ascontiguousarray(np.rot90(picture, rotation // 90))


def read_counter(image: Picture) -> int:
    """Read the number in an upright picture of any size; ValueError if there is none."""
    if image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"not an RGB picture: shape {image.shape}")
    height, width = image.shape[:2]
    code = 0
    for index, cell in enumerate(_cells(width, height, shrink=0.25)):
        level = float(image[cell].mean()) if image[cell].size else float("nan")
        if not (level <= _DARK or level >= _LIGHT):
            raise ValueError(f"cell {index} is neither black nor white: {level:.0f}")
        code |= (level >= _LIGHT) << index
    number = code >> _CHECK_BITS
    if code & ((1 << _CHECK_BITS) - 1) != _checksum(number):
        raise ValueError(f"checksum of {number} does not fit")
    return number


def _cells(width: int, height: int, shrink: float) -> Iterator[tuple[slice, slice]]:
    """The area of each cell, less a share `shrink` of its size on every side."""
    step_x, step_y = (1 - 2 * _MARGIN) / _COLUMNS, (1 - 2 * _MARGIN) / _ROWS
    for index in range(_ROWS * _COLUMNS):
        row, column = divmod(index, _COLUMNS)
        yield (
            _span(_MARGIN + row * step_y, step_y, shrink, height),
            _span(_MARGIN + column * step_x, step_x, shrink, width),
        )


def _span(start: float, step: float, shrink: float, size: int) -> slice:
    return slice(
        round((start + shrink * step) * size), round((start + step - shrink * step) * size)
    )


def _checksum(number: int) -> int:
    """CRC-8 of the number, started from all ones so that a blank picture is not a valid code."""
    crc = 0xFF
    for byte in number.to_bytes(2, "big"):
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ (0x07 if crc & 0x80 else 0)) & 0xFF
    return crc
