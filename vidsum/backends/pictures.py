"""Pictures as remote endpoints take them: JPEG in a data URL."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vidsum.data import Image

SIDE_PX = 512
FINE_SIDE_PX = 768
"""Longest side: what describing needs (OpenAI's tile), and what small detail wants."""
QUALITY = 85


def jpeg(image: Image, side_px: int = SIDE_PX) -> bytes:
    """Return a picture as JPEG, its longest side at most ``side_px``."""
    import numpy as np
    from PIL import Image as Pillow

    picture = Pillow.fromarray(np.ascontiguousarray(image))
    scale = side_px / max(picture.size)
    if scale < 1:
        width, height = (max(1, round(side * scale)) for side in picture.size)
        picture = picture.resize((width, height), Pillow.Resampling.LANCZOS)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


def data_url(image: Image, side_px: int = SIDE_PX) -> str:
    """Return a picture as a ``data:image/jpeg`` URL."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg(image, side_px)).decode("ascii")
