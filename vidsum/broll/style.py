"""One plain sentence about how a source looks, by rule from what was measured."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from vidsum.data import PaletteColour

if TYPE_CHECKING:
    from vidsum.data import Evidence

NEUTRAL_STYLE: Final = "Natural light, balanced contrast, natural colours."
NEUTRAL: Final = tuple(
    PaletteColour((lightness, 0.0, 0.0), code, 0.2)
    for lightness, code in ((0.25, "#222222"), (0.4, "#484848"), (0.55, "#717171"),
                            (0.7, "#9e9e9e"), (0.85, "#cecece"))
)  # fmt: skip
"""What counts as the palette of a source without pictures: even greys."""

_LIGHT: Final = {
    "very dark": "very dark, low-key light",
    "dark": "low-key light",
    "medium": "balanced light",
    "bright": "bright, high-key light",
}
_SHAPES: Final = (
    (9, 16, "vertical 9:16"), (2, 3, "vertical 2:3"), (3, 4, "vertical 3:4"),
    (4, 5, "vertical 4:5"), (1, 1, "square"), (4, 3, "4:3"), (3, 2, "3:2"), (16, 9, "wide 16:9"),
    (1.85, 1, "wide 1.85:1"), (2, 1, "wide 2:1"), (64, 27, "very wide 21:9"),
)  # fmt: skip
_HUES: Final = (
    (10, "pink"), (42, "red"), (82, "orange"), (116, "yellow"), (160, "green"), (220, "teal"),
    (285, "blue"), (325, "purple"), (360, "pink"),
)  # fmt: skip
"""Up to which hue angle in OKLab (degrees) a colour has a name; by eye, on a wheel of 72 hues at
three lightnesses."""
_GREY_CHROMA, _DARK_GREY_CHROMA, _MUTED_CHROMA, _VIVID_CHROMA = 0.018, 0.03, 0.045, 0.09
_SOFT, _STRONG = 0.45, 0.70
_CRISP, _BLURRED = 250.0, 60.0
_LEAST_SHARE: Final = 0.05


def style_sentence(
    evidence: Evidence, palette: Sequence[PaletteColour], lightness: tuple[float, float],
    sharpness: Sequence[float],
) -> str:  # fmt: skip
    """Return how the source looks: light, contrast, colours, detail, shape of the frame.

    ``lightness`` are the 5th and the 95th percentile of L over the anchors, ``sharpness`` those of
    the anchors. What is neither one nor the other is not said.
    """
    facts = [one.facts for one in evidence.observations if not one.facts.blank]
    grey = bool(facts) and sum(one.monochrome for one in facts) > 0.8 * len(facts)
    typical = statistics.mode([one.brightness for one in facts]) if facts else "medium"
    colours = "black and white" if grey else _colours(palette)
    parts = [_LIGHT[typical], _contrast(*lightness), colours, _detail(sharpness)]
    sentence = ", ".join(filter(None, [*parts, shape_of(evidence)]))
    return sentence[0].upper() + sentence[1:] + "."


def neutral_sentence(evidence: Evidence) -> str:
    """Return the style of a source that has none to show."""
    shape = shape_of(evidence)
    return NEUTRAL_STYLE if not shape else f"{NEUTRAL_STYLE[:-1]}, {shape}."


def shape_of(evidence: Evidence) -> str:
    """Return the shape of the frame in words, "" for a source without a picture."""
    video = evidence.info.video
    if video is None or not video.width_px or not video.height_px:
        return ""
    aspect = video.width_px / video.height_px
    off, name = min((abs(math.log(aspect / (w / h))), name) for w, h, name in _SHAPES)
    if off <= 0.03:
        return f"{name} frame"
    return "vertical frame" if aspect < 0.9 else "wide frame" if aspect > 1.1 else "square frame"


def colour_name(oklab: tuple[float, float, float]) -> str:
    """Return a plain English name of a colour: ``dark green``, ``pale blue``, ``light grey``."""
    lightness, a, b = oklab
    chroma = math.hypot(a, b)
    if lightness < 0.2 and chroma < 0.05:
        return "black"
    if lightness > 0.95 and chroma < _GREY_CHROMA:
        return "white"
    shade = "dark " if lightness < 0.4 else "pale " if lightness > 0.82 else ""
    if not _has_hue(oklab):
        return f"{shade.replace('pale', 'light')}grey"
    hue = math.degrees(math.atan2(b, a)) % 360
    name = next(name for up_to, name in _HUES if hue <= up_to)
    if name == "red" and lightness > 0.7:
        name = "pink"
    if name == "orange" and (lightness < 0.62 or chroma < 0.08):
        return f"{shade}brown" if lightness < 0.75 else "beige"
    if name == "red" and chroma < 0.09 and lightness < 0.6:
        return f"{shade}reddish brown"
    if name == "yellow" and chroma < 0.07 and lightness > 0.6:
        return "cream" if lightness > 0.85 else "beige"
    if name == "yellow" and lightness < 0.7:
        return f"{shade}olive"
    return f"{shade or ('greyish ' if chroma < _MUTED_CHROMA else '')}{name}"


def _has_hue(oklab: tuple[float, float, float]) -> bool:
    """Say whether a colour is seen as one and not as a grey, which takes more in the dark."""
    lightness, a, b = oklab
    return math.hypot(a, b) >= (_GREY_CHROMA if lightness >= 0.4 else _DARK_GREY_CHROMA)


def _names(palette: Sequence[PaletteColour]) -> list[str]:
    """Return the names of up to three colours, by share, each once; greys for want of others."""
    large = [one for one in palette if one.share >= _LEAST_SHARE] or list(palette)
    vivid = [one for one in large if _has_hue(one.oklab)] or large
    names = list(dict.fromkeys(colour_name(one.oklab) for one in vivid))
    return ([name for name in names if name != "black"] or names)[:3]


def _colours(palette: Sequence[PaletteColour]) -> str:
    chroma = sum(math.hypot(*one.oklab[1:]) * one.share for one in palette)
    warmth = sum(one.oklab[2] * one.share for one in palette)
    tone = "warm " if warmth > 0.03 else "cool " if warmth < -0.012 else ""
    depth = "muted " if chroma < _MUTED_CHROMA else "vivid " if chroma > _VIVID_CHROMA else ""
    *first, last = _names(palette)
    listed = f"{', '.join(first)} and {last}" if first else last
    return f"{tone}{depth}colours of {listed}"


def _contrast(low: float, high: float) -> str:
    reach = high - low
    return "soft contrast" if reach < _SOFT else "strong contrast" if reach > _STRONG else ""


def _detail(sharpness: Sequence[float]) -> str:
    if not sharpness:
        return ""
    typical = statistics.median(sharpness)
    return "crisp detail" if typical > _CRISP else "soft detail" if typical < _BLURRED else ""
