"""The tiny Whisper's dimensions, shared by training (torch) and export (CTranslate2)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

WIDTH, HEADS, HIDDEN = 96, 4, 288
ENCODER_LAYERS, DECODER_LAYERS = 2, 3
MELS = 80
AUDIO_POSITIONS, TEXT_POSITIONS = 1500, 448
ALIGNMENT_HEADS = [[DECODER_LAYERS - 1, 0], [DECODER_LAYERS - 1, 1]]
"""Layer and head of the cross-attention that word times are read from."""
LONGEST_PERIOD = 10_000


def sinusoids(length: int, width: int) -> NDArray[np.float32]:
    """Return Whisper's fixed positions, [length, width]: all sines, then all cosines."""
    step = math.log(LONGEST_PERIOD) / (width // 2 - 1)
    angle = np.arange(length)[:, None] * np.exp(-step * np.arange(width // 2))[None]
    return np.concatenate([np.sin(angle), np.cos(angle)], 1).astype(np.float32)
