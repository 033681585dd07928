"""What is known of image models behind OpenAI's protocol: sizes, references, parameters, tokens."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from vidsum.broll.engines.protocol import Capabilities

SeedAs = Literal["", "field", "prompt"]
"""How a seed is told: not at all, as a parameter, or inside the prompt."""
PictureTokens = Callable[[int, int], tuple[int, int]]
"""The likely and the most output tokens of a picture of so many pixels across and down."""

QUALITY: Final = "medium"
"""What is asked for where a model's price hangs on it: left open it may cost four times as much."""


@dataclass(frozen=True, slots=True)
class Family:
    """Models that take the same parameters.

    ``b64_json``: they must be told to send pictures, not addresses. ``quality`` is sent unless it
    is empty.
    """

    names: re.Pattern[str]
    capabilities: Capabilities
    seed_as: SeedAs
    b64_json: bool
    quality: str
    tokens: PictureTokens


def _of_first_kind(width_px: int, height_px: int) -> tuple[int, int]:
    """Three sizes, a count each, at medium quality. Source: OpenAI's image generation guide of
    2025-12, as remembered: it could not be read again here."""
    likely = 1056 if width_px == height_px else 1584
    return likely, likely + _WORDS


def _of_second_kind(width_px: int, height_px: int) -> tuple[int, int]:
    """A grid of 48 cells along the longer side, each worth more the larger the picture is.

    Source: the calculator in OpenAI's image generation guide, as worked out in its developers'
    forum ("Gpt-image-2 output pricing calculator", 2026); it gives 1,756 for 1024 × 1024. For
    later models nobody has published one: the most is four times as much, which is "high".
    """
    short, long = sorted((width_px, height_px))
    cells = 48 * math.floor(48 * short / long + 0.5)
    likely = math.ceil(cells * (2_000_000 + width_px * height_px) / 4_000_000)
    return likely, 4 * likely + _WORDS


def _of_any_kind(width_px: int, height_px: int) -> tuple[int, int]:
    """Half as much again as the dearest that is known: 7,024 for 1024 × 1024."""
    pixels = width_px * height_px
    return max(1_300, pixels // 400), max(2_600, pixels // 100) + _WORDS


_WORDS: Final = 1_000
"""What a model may think or write beside a picture."""
_THREE: Final = ((1024, 1024), (1536, 1024), (1024, 1536))
_ANY: Final = Capabilities(4, seed=True, most_images=4, usage=False, steps=False)

FAMILIES: Final = (
    Family(
        re.compile(r"gpt-image-1(\.5)?(-mini)?(-\d{4}.*)?|chatgpt-image-.*"),
        Capabilities(16, seed=False, most_images=10, usage=True, steps=False, sizes=_THREE),
        "", b64_json=False, quality=QUALITY, tokens=_of_first_kind,
    ),
    Family(
        re.compile(r"gpt-image-.*"),
        Capabilities(16, seed=False, most_images=4, usage=True, steps=False,
                     most_aspect=3.0, least_area_px=655_360, most_area_px=2560 * 1440),
        "", b64_json=False, quality=QUALITY, tokens=_of_second_kind,
    ),
    Family(
        re.compile(r"dall-e-3"),
        Capabilities(0, seed=False, most_images=1, usage=False, steps=False,
                     sizes=((1024, 1024), (1792, 1024), (1024, 1792))),
        "", b64_json=True, quality="", tokens=_of_any_kind,
    ),
    Family(
        re.compile(r"dall-e-2"),
        Capabilities(0, seed=False, most_images=10, usage=False, steps=False,
                     sizes=((256, 256), (512, 512), (1024, 1024))),
        "", b64_json=True, quality="", tokens=_of_any_kind,
    ),
    Family(
        re.compile(r"sd-cpp.*"),
        Capabilities(4, seed=True, most_images=4, usage=False, steps=True),
        "prompt", b64_json=False, quality="", tokens=_of_any_kind,
    ),
)  # fmt: skip
"""The first whose pattern is the whole name is meant; ``sd-cpp-local`` is what the server of
stable-diffusion.cpp calls every model. dall-e-2 only paints into masks, which is not asked for.
Sources: OpenAI's API reference of images as of the openai package 3.52 (sizes, counts, references),
and for the least area the forum's page above; api.md of stable-diffusion.cpp's server."""
ANY: Final = Family(
    re.compile(r".*"), _ANY, "field", b64_json=True, quality="", tokens=_of_any_kind
)
"""Hopes for the best: what turns out to be refused is not asked for again."""


def family_of(model: str) -> Family:
    """Return what is known of a model, by its name: after a maker's name and a slash."""
    name = model.lower().rsplit("/", 1)[-1]
    return next((one for one in FAMILIES if one.names.fullmatch(name)), ANY)
