"""What kinds of work cost beside each other, computed and measured, and the field's rule of thumb.

The rule is 1 : 100 : 10,000 and ten times that for 4K: a prompt of 200 tokens, a generated image,
a generated clip of about 5 s. It is about generation; to understand a picture costs far less.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final, Literal

from vidsum.costs.units import (
    Unet,
    chat_flops,
    cu,
    decode,
    diffusion,
    latent_tokens,
    picture_decoder,
    prefill,
    sampling,
    unet_pass,
    window_flops,
)
from vidsum.data import Direction, Entry, Modality, ModelShape

RULE: Final = {"prompt": 1.0, "image": 100.0, "clip": 10_000.0, "clip in 4K": 100_000.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class LawRow:
    """What one piece of work costs, in CU.

    ``rule_cu`` is what the rule of thumb says of it, None where it says nothing. A measured row is
    the mean of ``calls``, of which ``calls_without_cu`` more are known not at all; its ``cu`` is
    computed from measured tokens, ``time_cu`` is its seconds as this machine's units.
    """

    what: str
    per: str
    direction: Direction
    basis: Literal["computed", "measured"]
    cu: float | None
    rule_cu: float | None = None
    seconds: float | None = None
    time_cu: float | None = None
    calls: int = 0
    calls_without_cu: int = 0


def computed_law() -> tuple[LawRow, ...]:
    """Return what the formulas give for well-known models, understanding first."""
    return (*_texts(), *_looks(), *_minutes(), *_images(), *_clips())


def _row(what: str, per: str, direction: Direction, flops: float, rule: str = "") -> LawRow:
    return LawRow(what=what, per=per, direction=direction, basis="computed", cu=cu(flops),
                  rule_cu=RULE.get(rule))  # fmt: skip


_8B: Final = (8.0e9, 32, 4096)
"""Parameters, layers and width: the unit's own model, with Llama 3 8B's depth."""


def _texts() -> Iterable[LawRow]:
    parameters, layers, width = _8B
    read = prefill(parameters, 200, layers, width)
    yield _row("8B model", "prompt of 200 tokens", "understand", read, "prompt")
    written = decode(parameters, 200, layers, width, 300)
    yield _row("8B model", "answer of 200 tokens", "generate", written)


_PROMPT_TOKENS, _CAPTION_TOKENS = 36, 48
_SMOLVLM2_500M: Final = ModelShape(
    parameters=362_000_000, layers=32, width=960,
    encoder_parameters=87_000_000, encoder_layers=12, encoder_width=768,
)  # fmt: skip
_SMOLVLM2: Final = {
    "SmolVLM2-256M": replace(_SMOLVLM2_500M, parameters=134_500_000, layers=30, width=576),
    "SmolVLM2-500M": _SMOLVLM2_500M,
    "SmolVLM2-2.2B": ModelShape(
        parameters=1_711_000_000, layers=24, width=2048,
        encoder_parameters=414_000_000, encoder_layers=27, encoder_width=1152,
    ),
}  # fmt: skip
_SQUARES: Final = {"SmolVLM2-256M": (1024, 64), "SmolVLM2-500M": (1024, 64),
                   "SmolVLM2-2.2B": (729, 81)}  # fmt: skip
"""Patches and tokens of a tile. Source: config.json of HuggingFaceTB/SmolVLM2-*."""
_QWEN25_VL_3B: Final = ModelShape(
    parameters=3_086_000_000, layers=36, width=2048, encoder_parameters=640_000_000,
    encoder_layers=32, encoder_width=1280, window_patches=64, full_layers=4,
)  # fmt: skip
"""Source: config.json of Qwen/Qwen2.5-VL-3B-Instruct; arXiv:2502.13923."""


def _looks() -> Iterable[LawRow]:
    for name, shape in _SMOLVLM2.items():
        yield _look(name, "picture, one tile", shape, *_SQUARES[name])
    yield _look("SmolVLM2-500M", "picture, 17 tiles", _SMOLVLM2_500M, 1024, 64, tiles=17)
    for per, wide, high in (("picture of 512×288", 18, 10), ("picture of 720p", 46, 26),
                            ("picture of 4K", 137, 77)):  # fmt: skip
        yield _look("Qwen2.5-VL-3B", per, _QWEN25_VL_3B, 4 * wide * high, wide * high)


def _look(
    name: str, per: str, shape: ModelShape, patches: int, tokens: int, tiles: int = 1
) -> LawRow:
    flops = chat_flops(
        shape, input_tokens=_PROMPT_TOKENS + tiles * tokens, cached_tokens=0,
        output_tokens=_CAPTION_TOKENS, image_patches=tiles * patches, pictures=tiles,
    )  # fmt: skip
    return _row(name, per, "understand", flops)


WHISPERS: Final = {
    "tiny": (4, 4, 384, 51_865, 80), "base": (6, 6, 512, 51_865, 80),
    "small": (12, 12, 768, 51_865, 80), "medium": (24, 24, 1024, 51_865, 80),
    "large-v3": (32, 32, 1280, 51_866, 128), "turbo": (32, 4, 1280, 51_866, 128),
}  # fmt: skip
"""Layers of encoder and decoder, width, vocabulary, mels. Source: openai/whisper, config.json."""
_HOUR_TOKENS = 12_000
"""Of a talk's transcript: 150 words a minute at 1.33 tokens."""


def _minutes() -> Iterable[LawRow]:
    for name, (encoder_layers, layers, width, vocabulary, mels) in WHISPERS.items():
        shape = ModelShape(
            parameters=0, layers=layers, width=width, encoder_layers=encoder_layers,
            encoder_width=width, vocabulary=vocabulary, mels=mels,
        )  # fmt: skip
        flops = window_flops(shape, windows=2, tokens=_HOUR_TOKENS / 60, beam=5)
        yield _row(f"Whisper {name}", "minute of speech", "understand", flops)


_SD15: Final = Unet((320, 640, 1280, 1280), (1, 1, 1, 0), 1, side=64, context_width=768)
_SDXL: Final = Unet((320, 640, 1280), (0, 2, 10), 10, side=128, context_width=2048)


def _images() -> Iterable[LawRow]:
    large = picture_decoder(1024, 1024)
    for what, flops in (
        ("SD 1.5, 25 steps", sampling(unet_pass(_SD15), 25, True, picture_decoder(512, 512))),
        ("SDXL, 30 steps", sampling(unet_pass(_SDXL), 30, True, large)),
        ("SD 3.5 Large, 28 steps", _transformed(_SD35_LARGE, 28, True, large)),
        ("FLUX.1 schnell, 4 steps", _transformed(_FLUX, 4, False, large)),
        ("FLUX.1 dev, 50 steps", _transformed(_FLUX, 50, False, large)),
    ):
        yield _row(what, "image", "generate", flops, "image")


_Transformer = tuple[float, int, int, int]
"""Weights that a token meets, layers, width, tokens of text beside those of the picture."""
_SD35_LARGE: Final[_Transformer] = (2.70e9, 38, 2432, 333)
_FLUX: Final[_Transformer] = (6.46e9, 57, 3072, 512)
_WAN_1B: Final[_Transformer] = (1.25e9, 30, 1536, 0)
_WAN_14B: Final[_Transformer] = (11.96e9, 40, 5120, 0)
_HUNYUAN: Final[_Transformer] = (6.79e9, 60, 3072, 256)
"""Source: the models' config.json; arXiv:2403.03206, arXiv:2503.20314, arXiv:2412.03603. Blocks of
12d² weights a stream (SD 3.5, FLUX, HunyuanVideo), 6d² + 2 × d × feed-forward (Wan)."""


def _transformed(
    model: _Transformer, steps: int, guided: bool, decoder_flops: float = 0,
    tokens: int = latent_tokens(1024, 1024),
) -> float:  # fmt: skip
    parameters, layers, width, text = model
    return diffusion(parameters, tokens + text, layers, width, steps, guided, decoder_flops)


def _clips() -> Iterable[LawRow]:
    """5 s: 81 frames at 16 a second (Wan), 129 at 24 (HunyuanVideo); 4K is computed as it would be
    without any trick. The video autoencoder is left out."""
    for what, model, guided, frames, wide, high, rule in (
        ("Wan 1.3B, 480p", _WAN_1B, True, 81, 832, 480, "clip"),
        ("Wan 14B, 480p", _WAN_14B, True, 81, 832, 480, "clip"),
        ("HunyuanVideo, 720p", _HUNYUAN, False, 129, 1280, 720, "clip"),
        ("Wan 1.3B, 4K", _WAN_1B, True, 81, 3840, 2160, "clip in 4K"),
    ):
        tokens = latent_tokens(wide, high, frames)
        flops = _transformed(model, 50, guided, tokens=tokens)
        yield _row(f"{what}, 50 steps", "clip of 5 s", "generate", flops, rule)


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of call that is measured, and how many units of it an entry is."""

    modality: Modality
    direction: Direction
    what: str
    per: str
    units: Callable[[Entry], float | None]
    rule: str = ""


_KINDS: Final = (
    _Kind("text", "understand", "text", "call", lambda entry: entry.calls),
    _Kind("image", "understand", "pictures", "picture", lambda entry: entry.images),
    _Kind("audio", "understand", "sound", "minute", lambda entry: _minutes_of(entry.audio_s)),
    _Kind("image_gen", "generate", "images made", "image", lambda entry: entry.images, "image"),
    _Kind("video_gen", "generate", "clips made", "clip", lambda entry: entry.calls, "clip"),
)


def _minutes_of(seconds: float | None) -> float | None:
    return None if seconds is None else seconds / 60


def measured_law(entries: Iterable[Entry], s_per_cu: float | None = None) -> tuple[LawRow, ...]:
    """Return what the calls that this ledger has settled took, a row for each kind there is.

    ``s_per_cu`` is this machine's calibration: with it, seconds are told in units as well. Only
    calls of known compute count, so not those of a provider.
    """
    settled = [entry for entry in entries if entry.kind == "call" and entry.phase == "settle"]
    rows = (_measured(kind, settled, s_per_cu) for kind in _KINDS)
    return tuple(row for row in rows if row is not None)


def _measured(kind: _Kind, settled: Iterable[Entry], s_per_cu: float | None) -> LawRow | None:
    own = [entry for entry in settled
           if (entry.modality, entry.direction) == (kind.modality, kind.direction)]  # fmt: skip
    if not own:
        return None
    known = [entry for entry in own if entry.cu is not None and kind.units(entry)]
    units = sum(kind.units(entry) or 0 for entry in known)
    seconds = None
    if known and all(entry.wall_s is not None for entry in known):
        seconds = sum(entry.wall_s or 0 for entry in known) / units
    return LawRow(
        what=kind.what, per=kind.per, direction=kind.direction, basis="measured",
        cu=sum(entry.cu or 0 for entry in known) / units if known else None,
        rule_cu=RULE.get(kind.rule), seconds=seconds,
        time_cu=seconds / s_per_cu if seconds is not None and s_per_cu else None,
        calls=len(known), calls_without_cu=len(own) - len(known),
    )  # fmt: skip
