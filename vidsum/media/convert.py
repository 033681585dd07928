"""A decoded picture to an upright RGB array of the size that the run needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import numpy as np
from av.video.reformatter import ColorPrimaries, Colorspace, ColorTrc, VideoReformatter

if TYPE_CHECKING:
    from vidsum.data import Image

_UNSPECIFIED_COLORSPACE = 2
_HIGH_RANGE = frozenset({int(ColorTrc.SMPTE2084), int(ColorTrc.ARIB_STD_B67)})
"""PQ and HLG pictures are mapped to BT.709: reference white (203 nits) comes out white, what is
brighter is clipped. Without that an HDR video looks grey and dim."""
_HD_HEIGHT_PX = 720
"""Pictures of this height and more that do not name their colours use BT.709, smaller ones
BT.601. Source: what players do; ITU-R BT.709 is the HD standard."""


class Converter:
    """Scales by area, makes pixels square and turns the picture upright."""

    def __init__(self, side_px: int, pixel_aspect: float = 1.0) -> None:
        self._side_px = side_px
        self._aspect = pixel_aspect if pixel_aspect > 0 else 1.0
        self._scaler = VideoReformatter()
        self._rotation = 0

    def image(self, frame: av.VideoFrame) -> Image:
        """Return the picture: uint8 [height, width, 3] RGB, longest side at most ``side_px``."""
        shown_w, shown_h = frame.width * self._aspect, float(frame.height)
        scale = min(1.0, self._side_px / max(shown_w, shown_h))
        high_range = int(frame.color_trc) in _HIGH_RANGE
        small = self._scaler.reformat(
            frame,
            width=max(1, round(shown_w * scale)),
            height=max(1, round(shown_h * scale)),
            format="rgb24",
            interpolation="AREA",
            src_colorspace=_colorspace(frame),
            dst_color_trc=ColorTrc.BT709 if high_range else None,
            dst_color_primaries=ColorPrimaries.BT709 if high_range else None,
            threads=1,
        )
        array = small.to_ndarray()
        if frame.rotation:
            self._rotation = frame.rotation
        # The first picture of a GOP that is decoded on its own carries the rotation, the
        # stream does not; so the last one seen holds.
        return np.ascontiguousarray(np.rot90(array, round(self._rotation / 90) % 4))


def _colorspace(frame: av.VideoFrame) -> int | None:
    if int(frame.colorspace) != _UNSPECIFIED_COLORSPACE:
        return None
    return int(Colorspace.ITU709 if frame.height >= _HD_HEIGHT_PX else Colorspace.ITU601)
