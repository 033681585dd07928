"""An image model of the FLUX.2 kind whose weights are worked out by hand, not trained.

It runs through the real engine and does one thing: a picture takes on the colours of the
references, and is a mixture of its own noise without any. So a test can tell that a reference
reached the picture, and with which colour. Everything else about it is as in the real model,
at the least size that stable-diffusion.cpp takes: 28 layers of 16 heads in the text encoder (it
knows no other, and reads 512 tokens for each prompt: that is most of a picture's 4 s), 128 numbers
in a head, 32 latent channels in patches of 2 × 2.

How the colour gets across:

- The autoencoder keeps a pixel of each 8 × 8 (no convolution looks to its sides): channels 0 to 2
  are red, green and blue, scaled by ``SPREAD`` around 0; channel 3 is the constant ``MARK``, which
  noise has not: it marks a reference.
- The transformer's state holds a patch's 128 numbers (channel × 4 + place in the patch) in its
  first half. Line 255 is made constant by the modulation.
- Its one working block attends by the mark: each query asks for it, and the keys are its sum, so
  references get nearly all the attention where there are any. Values are the 12 numbers of
  colour; the mean that comes back goes to lines 128 to 139.
- The output is the velocity, state − attended colour, so that one step leads from the noise to
  the colour.
- The text encoder passes its embeddings on untouched, and the prompt only disturbs the attention.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
SPREAD, MARK = 2.0, 4.0
LATENTS, PATCH, COLOURS = 32, 4, 12
HEAD, WIDTH = 128, 256
MLP = 3 * WIDTH
TEXT, VOCABULARY, TEXT_LAYERS, TEXT_HEADS, KEY_HEADS = 16, 151_936, 28, 16, 8
TINY = 64
CONSTANT, ASK, ALWAYS = 255, 62, 94
"""Line of the state that is constant, and two lines of a head."""
STRENGTH = 20.0


def write_model(folder: Path) -> Path:
    """Write diffusion.safetensors, encoder.safetensors and decoder.safetensors; 24 MB in all."""
    folder.mkdir(parents=True, exist_ok=True)
    save(folder / "diffusion.safetensors", transformer())
    save(folder / "encoder.safetensors", language_model())
    save(folder / "decoder.safetensors", autoencoder())
    return folder


def save(path: Path, tensors: Mapping[str, Array]) -> None:
    """Write tensors as safetensors: matrices in half precision, the others in single."""
    header, blobs, at = {}, [], 0
    for name, tensor in tensors.items():
        half = tensor.ndim > 1
        blob = tensor.astype(np.float16 if half else np.float32).tobytes()
        header[name] = {"dtype": "F16" if half else "F32", "shape": tensor.shape,
                        "data_offsets": [at, at + len(blob)]}  # fmt: skip
        at += len(blob)
        blobs.append(blob)
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(head)) + head)
        file.writelines(blobs)


def zeros(*shape: int) -> Array:
    return np.zeros(shape, np.float32)


def ones(size: int) -> Array:
    return np.ones(size, np.float32)


def language_model() -> dict[str, Array]:
    """A Qwen3 text encoder whose layers add nothing to the embeddings."""
    random = np.random.default_rng(0)
    found = {"model.embed_tokens.weight":
             random.standard_normal((VOCABULARY, TEXT), dtype=np.float32)}  # fmt: skip
    for layer in range(TEXT_LAYERS):
        own = f"model.layers.{layer}."
        found |= {
            f"{own}self_attn.q_proj.weight": zeros(TEXT_HEADS * HEAD, TEXT),
            f"{own}self_attn.k_proj.weight": zeros(KEY_HEADS * HEAD, TEXT),
            f"{own}self_attn.v_proj.weight": zeros(KEY_HEADS * HEAD, TEXT),
            f"{own}self_attn.o_proj.weight": zeros(TEXT, TEXT_HEADS * HEAD),
            f"{own}self_attn.q_norm.weight": ones(HEAD),
            f"{own}self_attn.k_norm.weight": ones(HEAD),
            f"{own}mlp.gate_proj.weight": zeros(TEXT, TEXT),
            f"{own}mlp.up_proj.weight": zeros(TEXT, TEXT),
            f"{own}mlp.down_proj.weight": zeros(TEXT, TEXT),
            f"{own}input_layernorm.weight": ones(TEXT),
            f"{own}post_attention_layernorm.weight": ones(TEXT),
        }
    return found | {"model.norm.weight": ones(TEXT)}


def transformer() -> dict[str, Array]:
    """One block that does nothing, and one that attends to references."""
    channels = LATENTS * PATCH
    random = np.random.default_rng(0)
    found = {
        "img_in.weight": np.eye(WIDTH, channels, dtype=np.float32),
        "txt_in.weight": zeros(WIDTH, 3 * TEXT),
        "time_in.in_layer.weight": zeros(WIDTH, 256),
        "time_in.out_layer.weight": zeros(WIDTH, WIDTH),
    }
    found["txt_in.weight"][:COLOURS] = random.standard_normal((COLOURS, 3 * TEXT)) / 7
    found["time_in.in_layer.weight"][0, 127] = 10  # a cosine that is about 1 at any time
    found["time_in.out_layer.weight"][0, 0] = 1
    for stream in ("img", "txt"):
        own = f"double_blocks.0.{stream}_"
        found |= {
            f"{own}attn.qkv.weight": zeros(3 * WIDTH, WIDTH),
            f"{own}attn.proj.weight": zeros(WIDTH, WIDTH),
            f"{own}attn.norm.query_norm.scale": ones(HEAD),
            f"{own}attn.norm.key_norm.scale": ones(HEAD),
            f"{own}mlp.0.weight": zeros(2 * MLP, WIDTH),
            f"{own}mlp.2.weight": zeros(WIDTH, MLP),
            f"double_stream_modulation_{stream}.lin.weight": zeros(6 * WIDTH, WIDTH),
        }
    return found | _attending_block() | _output(channels)


def _attending_block() -> dict[str, Array]:
    into, out = zeros(3 * WIDTH + 2 * MLP, WIDTH), zeros(WIDTH, WIDTH + MLP)
    for head in range(0, WIDTH, HEAD):
        into[head + ASK, CONSTANT] = 1  # the query
        into[WIDTH + head + ASK, COLOURS : COLOURS + PATCH] = 1  # the key: the mark …
        into[WIDTH + head + ALWAYS, CONSTANT] = 10 / STRENGTH  # … against what everybody has
    for line in range(COLOURS):
        into[2 * WIDTH + line, [line, CONSTANT]] = 1, 0.125 / STRENGTH  # the value
        out[WIDTH // 2 + line, line] = MARK / 8
    modulation = zeros(3 * WIDTH, WIDTH)
    modulation[CONSTANT, 0] = STRENGTH / 10
    modulation[2 * WIDTH + WIDTH // 2 : 2 * WIDTH + WIDTH // 2 + COLOURS, 0] = 1 / 10
    own = "single_blocks.0."
    return {
        f"{own}linear1.weight": into, f"{own}linear2.weight": out,
        f"{own}norm.query_norm.scale": ones(HEAD), f"{own}norm.key_norm.scale": ones(HEAD),
        "single_stream_modulation.lin.weight": modulation,
    }  # fmt: skip


def _output(channels: int) -> dict[str, Array]:
    scale = np.sqrt(0.5)  # undoes the last normalisation
    linear = np.eye(channels, WIDTH, dtype=np.float32) * scale
    for line in range(COLOURS):
        linear[line, WIDTH // 2 + line] = -scale
    return {"final_layer.linear.weight": linear,
            "final_layer.adaLN_modulation.1.weight": zeros(2 * WIDTH, WIDTH)}  # fmt: skip


def autoencoder() -> dict[str, Array]:
    """A tiny autoencoder (TAESD) that keeps the colour of a pixel of each square."""
    return dict(_encoder()) | dict(_decoder())


def _encoder() -> Iterator[tuple[str, Array]]:
    own = "encoder.layers."
    yield from _convolution(f"{own}0", TINY, 3, keeps=3, biases={})
    yield from _block(f"{own}1")
    layer = 2
    for level in range(3):
        yield from _convolution(f"{own}{layer}", TINY, TINY, keeps=TINY)
        for _ in range(3):
            layer += 1
            yield from _block(f"{own}{layer}", pooled=level == 2)
        layer += 1
    centred = {0: -SPREAD / 2, 1: -SPREAD / 2, 2: -SPREAD / 2, 3: MARK}
    yield from _convolution(f"{own}{layer}", LATENTS, TINY, 3, SPREAD, centred)


def _decoder() -> Iterator[tuple[str, Array]]:
    own = "decoder.layers."
    yield from _convolution(f"{own}0", TINY, LATENTS, 3, 1 / SPREAD, {0: 0.5, 1: 0.5, 2: 0.5})
    layer = 2  # a ReLU stands before it
    for level in range(3):
        for _ in range(3):
            yield from _block(f"{own}{layer}", pooled=level == 0)
            layer += 1
        layer += 1  # enlarging has no weights
        yield from _convolution(f"{own}{layer}", TINY, TINY, keeps=TINY)
        layer += 1
    yield from _block(f"{own}{layer}")
    yield from _convolution(f"{own}{layer + 1}", 3, TINY, keeps=3, biases={})


def _convolution(
    name: str, out: int, into: int, keeps: int, gain: float = 1.0,
    biases: Mapping[int, float] | None = None,
) -> Iterator[tuple[str, Array]]:  # fmt: skip
    """A 3 × 3 convolution that passes the first channels on, times ``gain``."""
    weight = zeros(out, into, 3, 3)
    for channel in range(keeps):
        weight[channel, channel, 1, 1] = gain
    yield f"{name}.weight", weight
    if biases is not None:
        bias = zeros(out)
        for channel, value in biases.items():
            bias[channel] = value
        yield f"{name}.bias", bias


def _block(name: str, *, pooled: bool = False) -> Iterator[tuple[str, Array]]:
    """A residual block that adds nothing."""
    for place in (0, 2, 4):
        yield from _convolution(f"{name}.conv.{place}", TINY, TINY, keeps=0, biases={})
    if pooled:
        yield f"{name}.pool.0.weight", zeros(4 * TINY, TINY, 1, 1)
        yield f"{name}.pool.1.weight", ones(4 * TINY)
        yield f"{name}.pool.1.bias", zeros(4 * TINY)
        yield f"{name}.pool.3.weight", zeros(TINY, 4 * TINY, 1, 1)
