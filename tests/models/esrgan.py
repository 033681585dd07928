"""An ESRGAN model whose weights are worked out by hand: it repeats pixels, and nothing else.

The net has the shape that stable-diffusion.cpp runs (RRDBNet, 64 features, 32 of growth) with one
block. Its first three features are red, green and blue, which each convolution passes on as they
are: so what comes out is the picture with each pixel repeated, and a test can tell that it came
through the net, whole and by the right factor.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.flux2 import Array, save

FEATURES, GROWTH = 64, 32
_OLD = {4: ("model.3", "model.6", "model.8", "model.10"), 2: ("model.3", "model.5", "model.7"),
        1: ("model.2", "model.4")}  # fmt: skip
"""Names of before BasicSR, of the convolutions behind the blocks."""
_NEW = {
    4: ("conv_up1", "conv_up2", "conv_hr", "conv_last"), 2: ("conv_up1", "conv_hr", "conv_last"),
    1: ("conv_hr", "conv_last"),
}  # fmt: skip


def write_upscaler(
    path: Path, factor: int = 4, *, old: bool = False, features: int = FEATURES
) -> Path:
    """Write a model that enlarges by 4, 2 or 1; under 2 MB. ``old``: by the older names."""
    tensors: dict[str, Array] = {}

    def put(name: str, inputs: int, outputs: int, carried: int = 0) -> None:
        kernel = np.zeros((outputs, inputs, 3, 3), np.float32)
        for channel in range(carried):
            kernel[channel, channel, 1, 1] = 1
        tensors[f"{name}.weight"], tensors[f"{name}.bias"] = kernel, np.zeros(outputs, np.float32)

    put("model.0" if old else "conv_first", 3, features, carried=3)
    for dense in (1, 2, 3):
        for number in range(1, 6):
            name = f"model.1.sub.0.RDB{dense}.conv{number}.0" if old else (
                f"body.0.rdb{dense}.conv{number}")  # fmt: skip
            put(name, features + (number - 1) * GROWTH, features if number == 5 else GROWTH)
    put("model.1.sub.1" if old else "conv_body", features, features)
    *through, last = (_OLD if old else _NEW)[factor]
    for name in through:
        put(name, features, features, carried=3)
    put(last, features, 3, carried=3)
    save(path, tensors)
    return path
