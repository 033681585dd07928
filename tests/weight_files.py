"""Files of weights with the given tensors, small enough to be written anew in each test."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Shapes = Mapping[str, tuple[int, ...]]
DIFFUSION: Shapes = {
    "img_in.weight": (8, 4), "double_blocks.0.img_attn.qkv.weight": (24, 8),
    "double_stream_modulation_img.lin.weight": (8, 8),
}  # fmt: skip
ENCODER: Shapes = {
    "model.embed_tokens.weight": (16, 8),
    "model.layers.0.mlp.up_proj.weight": (8, 8),
}
DECODER: Shapes = {"decoder.conv_in.weight": (8, 4, 3, 3), "encoder.conv_out.weight": (8, 4, 3, 3)}
CHECKPOINT: Shapes = {
    "model.diffusion_model.input_blocks.0.0.weight": (8, 4, 3, 3),
    "cond_stage_model.transformer.text_model.embeddings.weight": (16, 8),
    "first_stage_model.decoder.conv_in.weight": (8, 4, 3, 3),
}


def safetensors(shapes: Shapes, **metadata: str) -> bytes:
    """Return a safetensors file of 16-bit zeros."""
    header: dict[str, Any] = {"__metadata__": metadata} if metadata else {}
    at = 0
    for name, shape in shapes.items():
        end = at + 2 * math.prod(shape)
        header[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [at, end]}
        at = end
    return with_header(json.dumps(header).encode(), bytes(at))


def with_header(header: bytes, data: bytes = b"") -> bytes:
    """Return a safetensors file with this header and data."""
    return struct.pack("<Q", len(header)) + header + data


def gguf(shapes: Shapes, kind: int = 1, size_bytes: float = 2, **keys: str) -> bytes:
    """Return a GGUF file of zeros of one type, 16-bit floats unless another is given."""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(shapes), len(keys))
    for key, value in keys.items():
        head += _text(key.replace("__", ".")) + struct.pack("<I", 8) + _text(value)
    at = 0
    for name, shape in shapes.items():
        head += _text(name) + struct.pack("<I", len(shape))
        head += b"".join(struct.pack("<Q", side) for side in reversed(shape))
        head += struct.pack("<IQ", kind, at)
        at += -(-int(math.prod(shape) * size_bytes) // 32) * 32
    return head + bytes(-len(head) % 32) + bytes(at)


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()


def model_folder(folder: Path) -> Path:
    """Write the three files of a model, under names that tell nothing; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "a.safetensors").write_bytes(safetensors(DECODER))
    (folder / "b.gguf").write_bytes(gguf(DIFFUSION))
    (folder / "c.gguf").write_bytes(gguf({"token_embd.weight": (16, 8), "blk.0.x": (8, 8)}))
    return folder
