"""Synthetic video frames with exact captions: the world that the tiny trained VLM knows.

``random_scene(rng)`` gives a Scene, ``scene.caption()`` its one true sentence, ``scene.draw()`` a
picture of it. The model was trained on exactly these drawings and these words: whoever changes
either, or the order in which random numbers are drawn, has to train it again.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from numpy.typing import NDArray

Rgb = tuple[int, ...]

COLORS: Mapping[str, Rgb] = {
    "red": (220, 30, 35),
    "green": (30, 160, 60),
    "blue": (35, 70, 210),
    "yellow": (245, 215, 40),
    "orange": (245, 130, 25),
    "purple": (130, 45, 165),
    "white": (245, 245, 245),
    "black": (15, 15, 15),
}
SIZES: Mapping[str, float] = {"small": 0.14, "large": 0.27}
"""Half the height of a shape as a share of the picture's height."""
POSITIONS: Mapping[str, tuple[float, float]] = {
    "center": (0.50, 0.50),
    "left": (0.20, 0.50),
    "right": (0.80, 0.50),
    "top": (0.50, 0.28),
    "bottom": (0.50, 0.72),
    "top left": (0.20, 0.28),
    "top right": (0.80, 0.28),
    "bottom left": (0.20, 0.72),
    "bottom right": (0.80, 0.72),
}
"""The centre of a shape as shares of width and height."""
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six")
KINDS = ("shape", "pair", "bars", "lines", "blank")
_KIND_WEIGHTS = (50, 22, 14, 10, 4)
_SLIDE_BACKGROUNDS = ("white", "white", "black", "blue")
_BAR_COLORS = ("red", "green", "orange", "purple")
_SMALL_PX = 400
"""Below this width a picture is drawn at twice its size and scaled down, for smooth edges."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What one picture shows.

    ``color2`` and ``shape2`` are the right-hand shape of a pair; ``count`` is how many bars or
    lines of text a slide has. ``seed`` moves all that the caption does not mention.
    """

    kind: str
    background: str = "white"
    color: str = "red"
    shape: str = "circle"
    size: str = "large"
    position: str = "center"
    color2: str = "green"
    shape2: str = "square"
    count: int = 3
    seed: int = 0

    def caption(self) -> str:
        """Return the true sentence, word for word as the model was taught it."""
        if self.kind == "shape":
            where = "in the center" if self.position == "center" else f"at the {self.position}"
            return (f"A {self.size} {self.color} {self.shape} {where} of "
                    f"{_a(self.background)} background.")  # fmt: skip
        if self.kind == "pair":
            return (f"{_a(self.color).capitalize()} {self.shape} next to {_a(self.color2)} "
                    f"{self.shape2} on {_a(self.background)} background.")  # fmt: skip
        plural = "s" if self.count > 1 else ""
        number = NUMBERS[self.count]
        if self.kind == "bars":
            return f"A slide with a title and {number} {self.color} bar{plural}."
        if self.kind == "lines":
            return f"A slide with a title and {number} line{plural} of text."
        return f"A blank {self.background} screen."

    def draw(self, width: int = 320, height: int = 180) -> Image.Image:
        """Return an RGB picture of the scene."""
        rng = random.Random(self.seed)
        scale = 2 if width < _SMALL_PX else 1
        paint = {name: _shaded(rgb, rng) for name, rgb in COLORS.items()}
        picture = Image.new("RGB", (width * scale, height * scale), paint[self.background])
        draw_kind = _DRAW.get(self.kind)
        if draw_kind is not None:
            draw_kind(self, _Canvas(ImageDraw.Draw(picture), *picture.size), paint, rng)
        if scale == 1:
            return picture
        return picture.resize((width, height), Image.Resampling.LANCZOS)

    def image(self, width: int = 320, height: int = 180) -> NDArray[np.uint8]:
        """Return the picture as vidsum's stages pass it: uint8 [height, width, 3], RGB."""
        return np.asarray(self.draw(width, height))


def random_scene(rng: random.Random) -> Scene:
    """Return a scene of any kind, the commoner kinds more often."""
    kind = rng.choices(KINDS, _KIND_WEIGHTS)[0]
    background = rng.choice(list(COLORS))
    others = [color for color in COLORS if color != background]
    return Scene(
        kind=kind,
        background=rng.choice(_SLIDE_BACKGROUNDS) if kind in ("bars", "lines") else background,
        color=rng.choice(_BAR_COLORS) if kind == "bars" else rng.choice(others),
        shape=rng.choice(tuple(_SHAPES)),
        size=rng.choice(list(SIZES)),
        position=rng.choice(list(POSITIONS)),
        color2=rng.choice(others),
        shape2=rng.choice(tuple(_SHAPES)),
        count=rng.randint(2, 6) if kind == "bars" else rng.randint(1, 6),
        seed=rng.getrandbits(30),
    )


def random_scenes(seed: int, count: int) -> list[Scene]:
    """Return scenes by a seed; training drew from the seeds 10,000,000 and above."""
    rng = random.Random(seed)
    return [random_scene(rng) for _ in range(count)]


def _a(color: str) -> str:
    return f"{'an' if color == 'orange' else 'a'} {color}"


def _shaded(rgb: Iterable[int], rng: random.Random) -> Rgb:
    return tuple(max(0, min(255, value + rng.randint(-14, 14))) for value in rgb)


@dataclass(frozen=True, slots=True)
class _Canvas:
    """A picture in the making; ``width`` and ``height`` in pixels."""

    pen: ImageDraw.ImageDraw
    width: int
    height: int

    @property
    def unit(self) -> float:
        """The height of the largest 16:9 picture that fits in, at full width."""
        return min(self.height, self.width * 9 / 16)

    def box(self, left: float, top: float, right: float, bottom: float, fill: Rgb) -> None:
        """Fill a box; the edges are shares of the picture."""
        edges = (self.width * left, self.height * top, self.width * right, self.height * bottom)
        self.pen.rectangle(edges, fill=fill)

    def shape(self, name: str, x: float, y: float, half: float, fill: Rgb) -> None:
        """Draw a shape round a point; all in pixels, ``half`` is half its height."""
        _SHAPES[name](self.pen, x, y, half, fill)


Paint = Mapping[str, Rgb]


def _draw_shape(scene: Scene, canvas: _Canvas, paint: Paint, rng: random.Random) -> None:
    x, y = POSITIONS[scene.position]
    canvas.shape(
        scene.shape,
        canvas.width * (x + rng.uniform(-0.03, 0.03)),
        canvas.height * (y + rng.uniform(-0.02, 0.02)),
        canvas.unit * SIZES[scene.size] * rng.uniform(0.93, 1.07),
        paint[scene.color],
    )


def _draw_pair(scene: Scene, canvas: _Canvas, paint: Paint, rng: random.Random) -> None:
    pair = ((0.28, scene.shape, scene.color), (0.72, scene.shape2, scene.color2))
    for x, shape, color in pair:
        canvas.shape(
            shape,
            canvas.width * (x + rng.uniform(-0.03, 0.03)),
            canvas.height * (0.5 + rng.uniform(-0.08, 0.08)),
            canvas.unit * rng.uniform(0.19, 0.25),
            paint[color],
        )


def _draw_bars(scene: Scene, canvas: _Canvas, paint: Paint, rng: random.Random) -> None:
    _draw_title(scene, canvas, paint, rng)
    slot = 0.84 / scene.count
    wide = min(slot, 0.25)
    for number in range(scene.count):
        left = 0.08 + slot * (number + 0.5) - wide * 0.3
        top = 0.94 - rng.uniform(0.22, 0.64)
        canvas.box(left, top, left + wide * 0.6, 0.94, paint[scene.color])


def _draw_lines(scene: Scene, canvas: _Canvas, paint: Paint, rng: random.Random) -> None:
    _draw_title(scene, canvas, paint, rng)
    for number in range(scene.count):
        top = 0.27 + number * 0.115
        canvas.box(0.12, top, rng.uniform(0.5, 0.92), top + 0.05, _ink(scene, paint))


def _draw_title(scene: Scene, canvas: _Canvas, paint: Paint, rng: random.Random) -> None:
    """Draw the title: one thick line on top."""
    canvas.box(0.08, 0.07, 0.08 + rng.uniform(0.35, 0.7), 0.17, _ink(scene, paint))


def _ink(scene: Scene, paint: Paint) -> Rgb:
    return paint["black"] if sum(paint[scene.background]) > 380 else paint["white"]


_DRAW: Mapping[str, Callable[[Scene, _Canvas, Paint, random.Random], None]] = {
    "shape": _draw_shape,
    "pair": _draw_pair,
    "bars": _draw_bars,
    "lines": _draw_lines,
}


def _circle(pen: ImageDraw.ImageDraw, x: float, y: float, half: float, fill: Rgb) -> None:
    pen.ellipse((x - half, y - half, x + half, y + half), fill=fill)


def _square(pen: ImageDraw.ImageDraw, x: float, y: float, half: float, fill: Rgb) -> None:
    half *= 0.88
    pen.rectangle((x - half, y - half, x + half, y + half), fill=fill)


def _triangle(pen: ImageDraw.ImageDraw, x: float, y: float, half: float, fill: Rgb) -> None:
    base = y + half * 0.8
    pen.polygon([(x, y - half), (x + half, base), (x - half, base)], fill=fill)


def _star(pen: ImageDraw.ImageDraw, x: float, y: float, half: float, fill: Rgb) -> None:
    points = []
    for corner in range(10):
        reach = half * (1.1 if corner % 2 == 0 else 0.45)
        angle = math.pi * (corner / 5 - 0.5)
        points.append((x + reach * math.cos(angle), y + reach * math.sin(angle)))
    pen.polygon(points, fill=fill)


def _cross(pen: ImageDraw.ImageDraw, x: float, y: float, half: float, fill: Rgb) -> None:
    thick = half * 0.33
    pen.rectangle((x - thick, y - half, x + thick, y + half), fill=fill)
    pen.rectangle((x - half, y - thick, x + half, y + thick), fill=fill)


_SHAPES: Mapping[str, Callable[[ImageDraw.ImageDraw, float, float, float, Rgb], None]] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "cross": _cross,
}
