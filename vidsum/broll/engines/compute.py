"""What a picture takes to compute, by the dimensions in a model's files."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final

from vidsum.broll.engines.weights import (
    ENCODER_LAYERS,
    Weights,
    diffusion_tensors,
    embeddings_of,
)
from vidsum.catalog.tensors import WeightsFile
from vidsum.costs.units import (
    Unet,
    latent_tokens,
    picture_decoder,
    prefill,
    sampling,
    transformer_pass,
    unet_pass,
)
from vidsum.data import ModelShape

TEXT_TOKENS: Final = 512
"""A prompt is filled up to so many. Source: stable-diffusion.cpp, src/conditioner.hpp."""
_MOST_REFERENCE_TOKENS: Final = latent_tokens(1024, 1024)
"""A reference is scaled to the picture's area, but to 1024 × 1024 at most. Source:
stable-diffusion.cpp, src/stable-diffusion.cpp, ``auto_resize_ref_image``."""
_BLOCK: Final = re.compile(r"(double|single)_blocks\.(\d+)\.")
_UNETS: Final = {
    "sd1": ((320, 640, 1280, 1280), (1, 1, 1, 0), 1, 768),
    "sd2": ((320, 640, 1280, 1280), (1, 1, 1, 0), 1, 1024),
    "sdxl": ((320, 640, 1280), (0, 2, 10), 10, 2048),
}
"""Channels, depths, middle depth and width of the text. Source: the published configurations."""
_UNET_LATENTS, _FLUX2_LATENTS = 4, 32


@dataclass(frozen=True, slots=True)
class Work:
    """What is asked of a model. ``guided``: two passes a step."""

    width_px: int
    height_px: int
    steps: int
    references: int = 0
    guided: bool = False


def shape_of(weights: Weights) -> ModelShape | None:
    """Return a diffusion transformer's dimensions, with those of its text encoder; else None.

    ``parameters`` are those that a token meets: half of the blocks in which text and picture have
    weights of their own; what is computed once a step is none of them.
    """
    if weights.family != "flux2" or weights.encoder is None:
        return None
    tensors = diffusion_tensors(weights.diffusion)
    blocks: set[str] = set()
    twice = once = 0
    for name, tensor in tensors.items():
        block = _BLOCK.search(name)
        if block is not None:
            blocks.add(block[0])
        if block is not None and block[1] == "double":
            twice += tensor.weights
        elif block is not None or name in ("img_in.weight", "final_layer.linear.weight"):
            once += tensor.weights
    table = embeddings_of(weights.encoder)
    entry = tensors.get("img_in.weight")
    if table is None or entry is None or not entry.shape or not blocks:
        return None
    layers, parameters = _language_model(weights.encoder)
    return ModelShape(
        parameters=once + twice // 2, layers=len(blocks), width=entry.shape[0],
        encoder_parameters=parameters, encoder_layers=layers, encoder_width=table.shape[1],
        quant=weights.quant,
    )  # fmt: skip


def _language_model(encoder: WeightsFile) -> tuple[int, int]:
    """Return a language model's layers, and the weights in them."""
    numbers, parameters = set(), 0
    for name, tensor in encoder.tensors.items():
        found = ENCODER_LAYERS.search(name)
        if found is not None:
            numbers.add(found[1])
            parameters += tensor.weights
    return len(numbers), parameters


def picture_flops(weights: Weights, shape: ModelShape | None, work: Work) -> float | None:
    """Return what a picture takes, in FLOP; None where the model's dimensions are not known.

    The text encoder reads the prompt, once more when guided; each reference is encoded, which
    counts as much as decoding one (it is less), and adds its tokens to each step. The text encoder
    of a UNet is left out: 77 tokens of a small model.
    """
    guided = work.guided
    if weights.family in _UNETS:
        channels, depths, middle, text = _UNETS[weights.family]
        side = round(math.sqrt(work.width_px * work.height_px) / 8)
        one = unet_pass(Unet(channels, depths, middle, side=side, context_width=text))
        return sampling(one, work.steps, guided, _autoencoder(weights.tiny, work, _UNET_LATENTS))
    if shape is None:
        return None
    own = latent_tokens(work.width_px, work.height_px)
    tokens = own + work.references * min(own, _MOST_REFERENCE_TOKENS) + TEXT_TOKENS
    one = transformer_pass(shape.parameters, tokens, shape.layers, shape.width)
    read = prefill(shape.encoder_parameters, TEXT_TOKENS, shape.encoder_layers,
                   shape.encoder_width)  # fmt: skip
    pictures = (1 + work.references) * _autoencoder(weights.tiny, work, _FLUX2_LATENTS)
    return sampling(one, work.steps, guided, (2 if guided else 1) * read + pictures)


def _autoencoder(tiny: bool, work: Work, latents: int) -> float:
    if not tiny:
        return picture_decoder(work.width_px, work.height_px, latent_channels=latents)
    return tiny_decoder(work.width_px, work.height_px)


def tiny_decoder(width_px: int, height_px: int, width: int = 64) -> float:
    """Return what a tiny autoencoder (TAESD) takes for a picture.

    Three levels of three blocks with three convolutions each and one after them, at an eighth, a
    quarter and half of the size, and one block at its full size, all of ``width`` channels; first
    and last convolutions to a few channels are left out. Source: madebyollin/taesd, taesd.py.
    """
    area = width_px * height_px
    seen = sum(10 * area / side**2 for side in (8, 4, 2)) + 3 * area
    return 2.0 * 9 * width**2 * seen
