"""Colours as the eye sees them: five that stand for pictures, and how far pictures are apart.

All of it is in OKLab, where equal steps look about equal: L (0-1) is lightness, a and b (about
±0.4) green to red and blue to yellow. Source: Björn Ottosson, "A perceptual color space for image
processing", 2020, with the matrices of 2021-01-25.
"""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from vidsum.data import PaletteColour
from vidsum.media.picture import shrink

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidsum.data import Image

    Points = NDArray[np.float64]
    """float64 [n, 3], OKLab."""
    Counts = NDArray[np.float64]
    """float64 [n]."""

COLOURS: Final = 5
_LONG_PX: Final = 96
"""Colours are looked at in pictures of this long side: measured, 192 px moves the distance between
two frames of the real clips by 0.05 at most, JPEG at quality 75 a frame by 0.12 at most."""
_DIRECTIONS: Final = 64
_RESTARTS, _ROUNDS = 3, 30
_PALETTE_PX: Final = 64
_VIVID: Final = 10.0
"""A colour of chroma 0.1 counts twice as much as a grey when colours are chosen: a small red boat
on a grey sea is part of the palette. Shares are of the area all the same."""
_STILL: Final = 5e-4
"""Centres that move no further than this, a fortieth of what an eye sees, have arrived."""

_TO_LMS: Final = np.array((
    (0.4122214708, 0.5363325363, 0.0514459929),
    (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
))  # fmt: skip
_TO_LAB: Final = np.array((
    (0.2104542553, 0.7936177850, -0.0040720468),
    (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
))  # fmt: skip
_FROM_LAB: Final = np.array((
    (1.0, 0.3963377774, 0.2158037573),
    (1.0, -0.1055613458, -0.0638541728),
    (1.0, -0.0894841775, -1.2914855480),
))  # fmt: skip
_FROM_LMS: Final = np.array((
    (4.0767416621, -3.3077115913, 0.2309699292),
    (-1.2684380046, 2.6097574011, -0.3413193965),
    (-0.0041960863, -0.7034186147, 1.7076147010),
))  # fmt: skip


def to_oklab(colours: NDArray[np.uint8]) -> Points:
    """Return sRGB colours in OKLab. colours: uint8 [n, 3]."""
    levels = np.arange(256) / 255  # Source: IEC 61966-2-1, the sRGB curve
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    return np.asarray(np.cbrt(linear[colours] @ _TO_LMS.T) @ _TO_LAB.T)


def to_hex(oklab: tuple[float, float, float]) -> str:
    """Return an OKLab colour as ``#rrggbb``; what no screen can show is clipped, per channel."""
    linear = np.clip(_FROM_LMS @ (_FROM_LAB @ np.array(oklab)) ** 3, 0, 1)
    levels = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return "#" + "".join(f"{round(level * 255):02x}" for level in levels.tolist())


def cloud(images: Sequence[Image]) -> Points:
    """Return the colours of pictures together, each at 96 px on the long side.

    images: uint8 [h, w, 3] RGB each, one at least.
    """
    return to_oklab(np.concatenate([shrink(one, _LONG_PX).reshape(-1, 3) for one in images]))


def distance(a: Points, b: Points) -> float:
    """Return how far two clouds of colours are apart, whatever is where in their pictures.

    Sliced Wasserstein-1: along each of 64 fixed directions, how far the colours of one have to move
    on average to become those of the other; the mean of these, times 100. So 0 for equal
    clouds, symmetric, no detour is shorter, and where all colours move by a ΔE of 2 in OKLab (0.02)
    it is 1, since a direction sees half of a step on average. Two frames of one shot are mostly
    below 3, two films 5 to 18, black and white 50.
    Source: Bonneel et al., "Sliced and Radon Wasserstein barycenters of measures", 2015.
    """
    widths, of_a, of_b = _steps(len(a), len(b))
    total = 0.0
    for along in _directions():
        apart = np.abs(np.sort(_along(a, along))[of_a] - np.sort(_along(b, along))[of_b])
        total += float((apart * widths).sum())
    return 100 * total / _DIRECTIONS


def gain(without: Image, with_: Image, anchors: Sequence[Image]) -> float:
    """Return how much nearer to its anchors a picture came by being made with them.

    In the units of :func:`distance`; below 0 where it came out further away.
    """
    target = cloud(anchors)
    return distance(cloud([without]), target) - distance(cloud([with_]), target)


def palette(images: Sequence[Image]) -> tuple[PaletteColour, ...]:
    """Return the five colours that stand for pictures best, the one with most area first.

    Fewer where there are fewer, none without a picture. The same for the same pictures in whatever
    order: k-means with k-means++ from fixed seeds, the best of three.
    """
    if not images:
        return ()
    points, weights = _counted(images)
    count = min(COLOURS, len(points))
    vivid = weights * (1 + _VIVID * np.hypot(points[:, 1], points[:, 2]))
    found = [_clustered(points, vivid, count, random.Random(seed)) for seed in range(_RESTARTS)]
    _, centres = min(found, key=lambda one: one[0])
    shares = np.bincount(_nearness(points, centres).argmax(1), weights, count)
    colours = [
        PaletteColour((lab[0], lab[1], lab[2]), to_hex((lab[0], lab[1], lab[2])), share)
        for lab, share in zip(np.round(centres, 4).tolist(), shares.tolist(), strict=True)
        if share > 0
    ]
    return tuple(sorted(colours, key=lambda one: (-one.share, one.oklab)))


def _along(points: Points, direction: tuple[float, float, float]) -> NDArray[np.float64]:
    """Return where points lie on a line; by element, since BLAS rounds by a point's place."""
    x, y, z = direction
    return points[:, 0] * x + points[:, 1] * y + points[:, 2] * z


@functools.cache
def _directions() -> tuple[tuple[float, float, float], ...]:
    """Return unit vectors that cover half a sphere evenly, a Fibonacci lattice."""
    turn = math.pi * (3 - math.sqrt(5))
    found = []
    for number in range(_DIRECTIONS):
        z = (number + 0.5) / _DIRECTIONS
        flat = math.sqrt(1 - z * z)
        found.append((flat * math.cos(number * turn), flat * math.sin(number * turn), z))
    return tuple(found)


def _steps(
    n: int, m: int
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:  # fmt: skip
    """Return where the quantiles of n and of m sorted values both stay the same.

    The widths of these stretches (they add up to 1), and which of the n, and of the m, values.
    """
    ends = np.union1d(np.arange(1, n + 1) * m, np.arange(1, m + 1) * n)  # in units of 1 / nm
    return np.diff(ends, prepend=0) / (n * m), (ends - 1) // m, (ends - 1) // n


def _counted(images: Sequence[Image]) -> tuple[Points, Counts]:
    """Return the different colours of pictures and their weights; each picture weighs the same."""
    packed, weights = [], []
    for image in images:
        colours = shrink(image, _PALETTE_PX).reshape(-1, 3).astype(np.int64)
        packed.append(colours @ np.array((65536, 256, 1)))
        weights.append(np.full(len(colours), 1 / len(colours) / len(images)))
    found, place = np.unique(np.concatenate(packed), return_inverse=True)
    rgb = np.stack((found >> 16, found >> 8 & 255, found & 255), axis=1).astype(np.uint8)
    return to_oklab(rgb), np.bincount(place, np.concatenate(weights)).astype(np.float64)


def _clustered(
    points: Points, weights: Counts, count: int, draw: random.Random
) -> tuple[float, Points]:
    """Return the remaining error of k-means, and the centres."""
    centres = _seeded(points, weights, count, draw)
    for _ in range(_ROUNDS):
        nearest = _nearness(points, centres).argmax(1)
        shares = np.bincount(nearest, weights, count)
        sums = np.stack([np.bincount(nearest, weights * points[:, i], count) for i in range(3)], 1)
        moved = np.where(shares[:, None] > 0, sums / np.maximum(shares, 1e-12)[:, None], centres)
        step, centres = float(np.abs(moved - centres).max()), moved
        if step <= _STILL:
            break
    missed = ((points - centres[_nearness(points, centres).argmax(1)]) ** 2).sum(1)
    return float((missed * weights).sum()), centres


def _nearness(points: Points, centres: Points) -> NDArray[np.float64]:
    """Return what is largest for the nearest centre. float64 [points, centres]."""
    return np.asarray(points @ centres.T - (centres**2).sum(1) / 2)


def _seeded(points: Points, weights: Counts, count: int, draw: random.Random) -> Points:
    """Choose first centres far from each other, by k-means++ (Arthur and Vassilvitskii, 2007)."""
    chosen = [_drawn(weights, draw)]
    for _ in range(count - 1):
        apart = ((points[:, None] - points[chosen][None]) ** 2).sum(-1).min(1)
        chosen.append(_drawn(apart * weights, draw))
    return points[chosen]


def _drawn(weights: Counts, draw: random.Random) -> int:
    sums = np.cumsum(weights)
    return min(int(np.searchsorted(sums, draw.random() * sums[-1], "right")), len(weights) - 1)
