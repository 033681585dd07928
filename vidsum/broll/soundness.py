"""Whether what an engine gave is a picture at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from vidsum.media.picture import BLACK_LUMA, WHITE_LUMA, shrink
from vidsum.media.plan import Moments

if TYPE_CHECKING:
    from vidsum.data import Image
    from vidsum.media.process import Decoder

_LONG_PX: Final = 128
_RANGE: Final = 8


def check(image: Image) -> str:
    """Return why a picture that was made counts as failed, "" when it is fine.

    NaN in a decoder comes out as all black or all one colour; a wrong latent as one colour with a
    little noise. At 128 px on the long side, where noise averages out, such a picture stays within
    8 levels in each channel.
    """
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        return f"the engine gave no 8-bit picture ({_kind(image)})"
    if image.ndim != 3 or image.shape[2] != 3 or not image.size:
        return f"the engine gave no RGB picture (shape {'×'.join(map(str, image.shape))})"
    colours = shrink(image, _LONG_PX).reshape(-1, 3)
    if int((colours.max(axis=0).astype(int) - colours.min(axis=0)).max()) > _RANGE:
        return ""
    level = float(colours.mean())
    if level <= BLACK_LUMA:
        return "the picture is all black"
    return "the picture is all white" if level >= WHITE_LUMA else "the picture is all one colour"


def check_clip(decoder: Decoder, length_s: float) -> str:
    """Return why a clip counts as failed, "" when a picture of it is fine.

    One near the beginning, one in the middle and one near the end are looked at: a clip may begin
    in black. Raises: MediaError.
    """
    moments = Moments(tuple(length_s * share for share in (0.1, 0.5, 0.9)))
    flaws = [check(frame.image) for frame in decoder.frames(moments, _LONG_PX, None)]
    return flaws[0] if flaws and all(flaws) else ""


def _kind(value: object) -> str:
    return str(value.dtype) if isinstance(value, np.ndarray) else type(value).__name__
