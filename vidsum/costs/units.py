"""The compute unit, and the floating-point operations (FLOP) of a piece of work.

One multiply-accumulate is 2 FLOP. What is counted is matrix products and attention; norms,
activations, softmax and sampling are not (about 1 %). All results are in FLOP.

A formula's id names the unit's version and the formula: figures of one id may be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from vidsum.data import ModelShape

UNIT: Final = "cu-1"
CU_FLOPS: Final = 3.2e12
"""FLOP in one CU: the weights' part of a 200-token prompt to a dense model of 8.0e9 parameters."""
CHAT: Final = f"{UNIT}:chat"
WHISPER: Final = f"{UNIT}:whisper"
DIFFUSION: Final = f"{UNIT}:diffusion"
CONVOLUTION: Final = f"{UNIT}:convolution"

WINDOW_POSITIONS: Final = 1500
"""Positions of Whisper's encoder for a window of 30 s. Source: arXiv:2212.04356, section 2.2."""
_MOST_MELS: Final = 128
_DECODER_POSITIONS: Final = 448


def cu(flops: float) -> float:
    """Return FLOP as compute units."""
    return flops / CU_FLOPS


def prefill(
    parameters: float, tokens: float, layers: int, width: int, cached_tokens: float = 0
) -> float:
    """Return what it takes to read ``tokens`` after ``cached_tokens`` of context: 2NT + 2LdT².

    Each token sees those before it and, of its own batch, half on average; with c of them
    cached the attention is 2LdT² + 4LdcT.
    Source: J. Kaplan et al., arXiv:2001.08361, section 2.1.
    """
    weights = 2 * parameters * tokens
    return weights + 2 * layers * width * tokens * (tokens + 2 * cached_tokens)


def decode(
    parameters: float, new_tokens: float, layers: int, width: int, context: float
) -> float:  # fmt: skip
    """Return what it takes to write ``new_tokens``: 2Nm + 4LdCm.

    ``context`` is the mean number of tokens that each of them sees. Source: as for prefill.
    """
    return 2 * parameters * new_tokens + 4 * layers * width * context * new_tokens


def image_encoder(
    parameters: float, patches: float, layers: int, width: int, *,
    window_patches: int = 0, full_layers: int = 0,
) -> float:  # fmt: skip
    """Return what one picture or tile takes in a vision transformer: 2NP + 4LdP².

    With ``window_patches`` only ``full_layers`` of the layers attend to the whole picture, and
    the others to windows of so many patches.
    Source: A. Dosovitskiy et al., arXiv:2010.11929; windows: arXiv:2502.13923, section 2.1.1.
    """
    seen = layers * patches
    if window_patches:
        windowed = layers - full_layers
        seen = full_layers * patches + windowed * min(window_patches, patches)
    return 2 * parameters * patches + 4 * width * patches * seen


def whisper_encoder(
    layers: int, width: int, positions: int = WINDOW_POSITIONS, mels: int = 80
) -> float:  # fmt: skip
    """Return what one 30-s window takes: L(24d²T + 4T²d) and the two convolutions.

    The convolutions look at three frames each: the first at all 2T frames of the spectrum, the
    second at every other one. Source: A. Radford et al., arXiv:2212.04356, section 2.2.
    """
    blocks = layers * (24 * width**2 * positions + 4 * positions**2 * width)
    convolutions = 2 * 3 * width * (mels * 2 * positions + width * positions)
    return float(blocks + convolutions)


def whisper_decoder(
    layers: int, width: int, vocabulary: int, tokens: float, beam: int, *,
    windows: int = 1, positions: int = WINDOW_POSITIONS,
) -> float:  # fmt: skip
    """Return what it takes to write ``tokens`` in all, over ``windows``, in ``beam`` beams.

    A token in a beam: 14d² weights a layer (4d² self-attention, 2d² cross attention, 8d²
    feed-forward), the output layer, attention to the encoder's positions and to what the window
    has written so far. Once a window: keys and values of the encoder's output, 2d² a layer.
    Source: A. Radford et al., arXiv:2212.04356, section 2.2; openai/whisper, model.py.
    """
    own = tokens / max(windows, 1) / 2
    token = 28 * layers * width**2 + 2 * vocabulary * width + 4 * layers * width * (positions + own)
    return tokens * beam * token + windows * layers * 4 * width**2 * positions


def transformer_pass(parameters: float, tokens: float, layers: int, width: int) -> float:
    """Return one pass of a diffusion transformer: 2NT + 4LdT². Every token sees all others.

    ``parameters`` are those that a token meets: where text and picture have weights of their own
    that is about half, and what is computed once a step (modulation) is none of them.
    Source: W. Peebles and S. Xie, arXiv:2212.09748; P. Esser et al., arXiv:2403.03206.
    """
    return 2 * parameters * tokens + 4 * layers * width * tokens**2


def sampling(
    pass_flops: float, steps: int, guided: bool, decoder_flops: float = 0
) -> float:  # fmt: skip
    """Return steps × (2 when guided) × one pass + decoder, whatever a pass is made of.

    ``guided``: classifier-free guidance makes two passes a step (arXiv:2207.12598); models with
    distilled guidance make one.
    """
    return steps * (2 if guided else 1) * pass_flops + decoder_flops


def diffusion(
    parameters: float, tokens: float, layers: int, width: int, steps: int, guided: bool,
    decoder_flops: float = 0,
) -> float:  # fmt: skip
    """Return what a diffusion transformer takes for a picture or a clip. ``tokens``: see below."""
    one = transformer_pass(parameters, tokens, layers, width)
    return sampling(one, steps, guided, decoder_flops)


def latent_tokens(
    width_px: int, height_px: int, frames: int = 1, *, side_px: int = 16, frame_step: int = 4
) -> int:
    """Return a diffusion transformer's tokens for a picture or a clip, without those of text.

    A token is a square of ``side_px``: 8 of the autoencoder's scale × 2 of the patch. The first
    frame of a clip stands alone, then ``frame_step`` frames share their latent.
    Source: arXiv:2403.03206 (pictures), arXiv:2412.03603 and arXiv:2503.20314 (clips).
    """
    return ((frames - 1) // frame_step + 1) * (width_px // side_px) * (height_px // side_px)


@dataclass(frozen=True, slots=True)
class Unet:
    """Dimensions of a latent diffusion UNet, a value per level from the finest to the coarsest.

    ``channels``, and ``depths``: transformer blocks after each residual block. ``side`` is that
    of the latent picture; ``context_tokens`` × ``context_width`` is the text.
    Source: R. Rombach et al., arXiv:2112.10752; D. Podell et al., arXiv:2307.01952, table 1.
    """

    channels: tuple[int, ...]
    depths: tuple[int, ...]
    middle_depth: int
    side: int
    context_width: int
    context_tokens: int = 77
    latent_channels: int = 4
    blocks: int = 2


def unet_pass(net: Unet) -> float:
    """Return one pass of a UNet: its convolutions, and its transformers on the way.

    Way down: ``blocks`` residual blocks a level; way up: one more, each with the channels of its
    counterpart joined on.
    """
    last = len(net.channels) - 1
    area, now = net.side**2, net.channels[0]
    flops = _conv(net.latent_channels, now, area)
    kept = [now]
    for level, channels in enumerate(net.channels):
        for _ in range(net.blocks):
            flops += _residual(now, channels, area) + _spatial(net, channels, level, area)
            now = channels
            kept.append(now)
        if level < last:
            area //= 4
            flops += _conv(now, now, area)
            kept.append(now)
    flops += 2 * _residual(now, now, area) + _transformer(net, now, net.middle_depth, area)
    for level in range(last, -1, -1):
        channels = net.channels[level]
        for _ in range(net.blocks + 1):
            flops += _residual(now + kept.pop(), channels, area)
            flops += _spatial(net, channels, level, area)
            now = channels
        if level:
            area *= 4
            flops += _conv(now, now, area)
    return flops + _conv(now, net.latent_channels, area)


def picture_decoder(
    width_px: int, height_px: int, *, latent_channels: int = 4,
    channels: Sequence[int] = (512, 512, 256, 128),
) -> float:  # fmt: skip
    """Return what it takes to turn latents into a picture: the decoder of Stable Diffusion's
    autoencoder, which its successors and FLUX have kept; ``channels`` from coarse to fine.

    Source: R. Rombach et al., arXiv:2112.10752, and the published configuration (three residual
    blocks a level, one attention layer at the coarsest).
    """
    area = (width_px // 8) * (height_px // 8)
    now = channels[0]
    flops = _conv(latent_channels, now, area) + 2 * _residual(now, now, area)
    flops += 8 * now**2 * area + 4 * area**2 * now
    for level, wide in enumerate(channels):
        for _ in range(3):
            flops += _residual(now, wide, area)
            now = wide
        if level < len(channels) - 1:
            area *= 4
            flops += _conv(now, now, area)
    return flops + _conv(now, 3, area)


def _conv(inputs: int, outputs: int, area: int) -> float:
    return 2.0 * 9 * inputs * outputs * area


def _residual(inputs: int, outputs: int, area: int) -> float:
    """Two convolutions, and one of 1 × 1 for the way around them where channels change."""
    around = 2.0 * inputs * outputs * area if inputs != outputs else 0.0
    return _conv(inputs, outputs, area) + _conv(outputs, outputs, area) + around


def _spatial(net: Unet, channels: int, level: int, area: int) -> float:
    return _transformer(net, channels, net.depths[level], area)


def _transformer(net: Unet, channels: int, depth: int, area: int) -> float:
    """In and out (2d²), and blocks of 18d² weights: 4 self, 2 cross, 12 gated feed-forward."""
    if not depth:
        return 0.0
    weights = 36 * channels**2 * area
    attention = 4 * channels * area * (area + net.context_tokens)
    text = 4 * net.context_tokens * net.context_width * channels
    return float(4 * channels**2 * area + depth * (weights + attention + text))


def chat_flops(
    shape: ModelShape, *, input_tokens: float, cached_tokens: float, output_tokens: float,
    image_patches: float = 0, pictures: int = 1,
) -> float:  # fmt: skip
    """Return what one call to a language model takes, by :data:`CHAT`.

    ``input_tokens`` include the cached ones and those of pictures. ``image_patches`` are those of
    all ``pictures`` (or tiles) together, which the encoder takes one by one.
    """
    cached = min(cached_tokens, input_tokens)
    flops = prefill(
        shape.parameters, input_tokens - cached, shape.layers, shape.width, cached
    )  # fmt: skip
    mean_context = input_tokens + output_tokens / 2
    flops += decode(shape.parameters, output_tokens, shape.layers, shape.width, mean_context)
    if image_patches and pictures:
        flops += pictures * image_encoder(
            shape.encoder_parameters, image_patches / pictures, shape.encoder_layers,
            shape.encoder_width, window_patches=shape.window_patches,
            full_layers=shape.full_layers,
        )  # fmt: skip
    return flops


def window_flops(shape: ModelShape, *, windows: int, tokens: float, beam: int) -> float:
    """Return what Whisper takes for ``windows`` of 30 s with ``tokens`` in all, by
    :data:`WHISPER`.

    A shape without its mels counts as one of 128; without its vocabulary, all weights that the
    blocks do not have (16d² a layer) and the 448 positions are taken for it.
    """
    width, layers = shape.width, shape.layers
    vocabulary = shape.vocabulary
    if not vocabulary and width:
        rest = shape.parameters - 16 * layers * width**2
        vocabulary = max(0, rest // width - _DECODER_POSITIONS)
    encoder = whisper_encoder(
        shape.encoder_layers, shape.encoder_width, mels=shape.mels or _MOST_MELS
    )
    decoder = whisper_decoder(layers, width, vocabulary, tokens, beam, windows=windows)
    return windows * encoder + decoder
