"""The most tokens that a request may have, found before it is sent: no reservation is too small.

Each token of a byte-level tokenizer stands for a byte at least, so a text has no more tokens than
bytes. What a provider adds around a message is a few tokens.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from vidsum.costs.picture_tokens import picture_tokens
from vidsum.data import ChatRequest, ModelRef, Quantities

if TYPE_CHECKING:
    from vidsum.data import Image

_FRAME_TOKENS = 64
"""What a chat template puts around instructions and question."""
_SCHEMA_FACTOR = 2
"""A schema may be sent as a parameter and, where that is refused, as text."""


def most(request: ChatRequest, model: ModelRef, side_px: int) -> Quantities:
    """Return the most input that a request may have; pictures are sent with ``side_px``."""
    text = len(f"{request.system}\n{request.prompt}".encode("utf-8", "replace")) + _FRAME_TOKENS
    if request.schema is not None:
        text += _SCHEMA_FACTOR * len(json.dumps(request.schema, ensure_ascii=False).encode())
    shown = [scaled(image, side_px) for image in request.images]
    seen = sum(
        int(picture_tokens(model.requested, model.provider, width, height).most)
        for width, height in shown
    )
    return Quantities(
        calls=1, input_tokens=text + seen, image_tokens=seen or None, images=len(shown) or None
    )


def scaled(image: Image, side_px: int) -> tuple[int, int]:
    """Return width and height of a picture when its longest side is at most ``side_px``."""
    height, width = image.shape[:2]
    scale = min(1.0, side_px / max(width, height, 1))
    return max(1, round(width * scale)), max(1, round(height * scale))
