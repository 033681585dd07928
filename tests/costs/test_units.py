"""The formulas give the reference figures from the models' own dimensions, and add up."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsum.costs.units import (
    CU_FLOPS,
    Unet,
    chat_flops,
    cu,
    decode,
    diffusion,
    image_encoder,
    latent_tokens,
    picture_decoder,
    prefill,
    sampling,
    transformer_pass,
    unet_pass,
    whisper_decoder,
    whisper_encoder,
    window_flops,
)
from vidsum.data import ModelShape

BAND = 0.25
"""LEDGER.md's tolerance for its reference figures."""
PROMPT_TOKENS, CAPTION_TOKENS = 36, 48
HOUR_TOKENS, HOUR_WINDOWS, BEAM = 12_000, 120, 5


@dataclass(frozen=True)
class Decoder:
    """A language model of llama's kind: gated feed-forward, output layer tied to the embedding."""

    layers: int
    width: int
    keys: int
    hidden: int
    vocabulary: int

    @property
    def parameters(self) -> int:
        attention = 2 * self.width**2 + 2 * self.width * self.keys
        return self.vocabulary * self.width + self.layers * (
            attention + 3 * self.width * self.hidden
        )


@dataclass(frozen=True)
class Encoder:
    """A vision transformer: ``matrices`` of width × hidden, ``projector`` is on merged patches."""

    layers: int
    width: int
    hidden: int
    matrices: int
    patch_px: int
    merge: int
    projector: int
    frames: int = 1

    @property
    def parameters(self) -> int:
        block = 4 * self.width**2 + self.matrices * self.width * self.hidden
        patch = 3 * self.frames * self.patch_px**2 * self.width
        return self.layers * block + patch + self.projector // self.merge**2


# Source of the dimensions: config.json of each model's repository.
SMOLLM2_135M = Decoder(layers=30, width=576, keys=192, hidden=1536, vocabulary=49_280)
SMOLLM2_360M = Decoder(layers=32, width=960, keys=320, hidden=2560, vocabulary=49_280)
SMOLLM2_1B7 = Decoder(layers=24, width=2048, keys=2048, hidden=8192, vocabulary=49_280)
QWEN25_3B = Decoder(layers=36, width=2048, keys=256, hidden=11_008, vocabulary=151_936)


def siglip_base(text_width: int) -> Encoder:
    return Encoder(layers=12, width=768, hidden=3072, matrices=2, patch_px=16, merge=4,
                   projector=768 * 16 * text_width)  # fmt: skip


SIGLIP_SO400M = Encoder(layers=27, width=1152, hidden=4304, matrices=2, patch_px=14, merge=3,
                        projector=1152 * 9 * 2048)  # fmt: skip
QWEN25_VIT = Encoder(layers=32, width=1280, hidden=3420, matrices=3, patch_px=14, merge=2,
                     projector=5120 * 5120 + 5120 * 2048, frames=2)  # fmt: skip


def shape(decoder: Decoder, encoder: Encoder, *, window: int = 0, full: int = 0) -> ModelShape:
    return ModelShape(
        parameters=decoder.parameters, layers=decoder.layers, width=decoder.width,
        encoder_parameters=encoder.parameters, encoder_layers=encoder.layers,
        encoder_width=encoder.width, patch_px=encoder.patch_px, merge=encoder.merge,
        window_patches=window, full_layers=full,
    )  # fmt: skip


def caption_cu(model: ModelShape, patches: int, tiles: int = 1) -> float:
    """A picture (or its tiles), 36 tokens of prompt, and a caption of 48."""
    tokens = tiles * patches // model.merge**2
    return cu(chat_flops(model, input_tokens=PROMPT_TOKENS + tokens, cached_tokens=0,
                         output_tokens=CAPTION_TOKENS, image_patches=tiles * patches,
                         pictures=tiles))  # fmt: skip


def near(figure: float) -> object:
    return pytest.approx(figure, rel=BAND)


def test_a_unit_is_a_prompt_of_200_tokens_to_8_billion_weights() -> None:
    assert prefill(8.0e9, 200, layers=0, width=0) == CU_FLOPS
    assert cu(prefill(8.0e9, 200, layers=32, width=4096)) == pytest.approx(1, rel=0.01)


@pytest.mark.parametrize(
    ("decoder", "encoder", "side_px", "tiles", "figure"),
    [
        (SMOLLM2_135M, siglip_base(576), 512, 1, 0.08),
        (SMOLLM2_360M, siglip_base(960), 512, 1, 0.10),
        (SMOLLM2_1B7, SIGLIP_SO400M, 384, 1, 0.39),
        (SMOLLM2_360M, siglip_base(960), 512, 17, 1.4),
    ],
    ids=["256M", "500M", "2.2B", "500M, 17 tiles"],
)
def test_smolvlm2(
    decoder: Decoder, encoder: Encoder, side_px: int, tiles: int, figure: float
) -> None:
    patches = (side_px // encoder.patch_px) ** 2
    assert caption_cu(shape(decoder, encoder), patches, tiles) == near(figure)


QWEN_PICTURES = {(512, 288): 0.8, (1280, 720): 4.7, (3840, 2160): 55.0}


@pytest.mark.parametrize(("size", "figure"), QWEN_PICTURES.items(), ids=str)
def test_qwen25_vl_3b(size: tuple[int, int], figure: float) -> None:
    """Sides go to the nearest multiple of 28 px; 28 of 32 layers see windows of 8 × 8 patches."""
    patches = 4 * round(size[0] / 28) * round(size[1] / 28)
    model = shape(QWEN25_3B, QWEN25_VIT, window=64, full=4)
    assert caption_cu(model, patches) == near(figure)


def test_without_its_windows_qwens_4k_figure_would_be_far_off() -> None:
    patches = 4 * round(3840 / 28) * round(2160 / 28)
    assert caption_cu(shape(QWEN25_3B, QWEN25_VIT), patches) > 2 * QWEN_PICTURES[3840, 2160]


@pytest.mark.parametrize(
    ("encoder_layers", "layers", "width", "vocabulary", "mels", "figure"),
    [
        (4, 4, 384, 51_865, 80, 2.8),
        (6, 6, 512, 51_865, 80, 5.8),
        (12, 12, 768, 51_865, 80, 21),
        (24, 24, 1024, 51_865, 80, 66),
        (32, 32, 1280, 51_866, 128, 132),
        (32, 4, 1280, 51_866, 128, 93),
    ],
    ids=["tiny", "base", "small", "medium", "large-v3", "turbo"],
)
def test_an_hour_of_whisper(
    encoder_layers: int, layers: int, width: int, vocabulary: int, mels: int, figure: float
) -> None:
    """12,000 tokens in 120 windows, five beams."""
    encoder = HOUR_WINDOWS * whisper_encoder(encoder_layers, width, mels=mels)
    decoder = whisper_decoder(layers, width, vocabulary, HOUR_TOKENS, BEAM, windows=HOUR_WINDOWS)
    assert cu(encoder + decoder) == near(figure)
    parameters = width * (vocabulary + 448) + layers * 16 * width**2
    model = ModelShape(parameters=parameters, layers=layers, width=width, mels=mels,
                       encoder_layers=encoder_layers, encoder_width=width,
                       vocabulary=vocabulary)  # fmt: skip
    hour = window_flops(model, windows=HOUR_WINDOWS, tokens=HOUR_TOKENS, beam=BEAM)
    assert hour == encoder + decoder


SD15 = Unet((320, 640, 1280, 1280), (1, 1, 1, 0), middle_depth=1, side=64, context_width=768)
SDXL = Unet((320, 640, 1280), (0, 2, 10), middle_depth=10, side=128, context_width=2048)


@pytest.mark.parametrize(
    ("net", "side_px", "steps", "figure"), [(SD15, 512, 25, 13), (SDXL, 1024, 30, 130)],
    ids=["SD1.5", "SDXL"],
)  # fmt: skip
def test_stable_diffusion_with_a_unet(net: Unet, side_px: int, steps: int, figure: float) -> None:
    decoder = picture_decoder(side_px, side_px)
    assert cu(sampling(unet_pass(net), steps, True, decoder)) == near(figure)


@pytest.mark.parametrize(
    ("blocks", "width", "text_tokens", "steps", "guided", "figure"),
    [(38, 2432, 333, 28, True, 545), (57, 3072, 512, 4, False, 93),
     (57, 3072, 512, 50, False, 1162), (57, 3072, 256, 4, False, 93)],
    ids=["SD3.5-L", "FLUX-schnell", "FLUX-dev", "FLUX-schnell, short text"],
)  # fmt: skip
def test_image_transformers(
    blocks: int, width: int, text_tokens: int, steps: int, guided: bool, figure: float
) -> None:
    """A token meets 12d² weights a block: those of its own stream, or of a single one (FLUX)."""
    tokens = latent_tokens(1024, 1024)
    assert tokens == 4096
    decoder = picture_decoder(1024, 1024, latent_channels=16)
    flops = diffusion(blocks * 12 * width**2, tokens + text_tokens, blocks, width, steps, guided,
                      decoder)  # fmt: skip
    assert cu(flops) == near(figure)


@pytest.mark.parametrize(
    ("layers", "width", "hidden", "figure"), [(30, 1536, 8960, 8_800), (40, 5120, 13_824, 56_000)],
    ids=["Wan-1.3B", "Wan-14B"],
)  # fmt: skip
def test_wan_480p(layers: int, width: int, hidden: int, figure: float) -> None:
    """81 frames at 16 a second; 4d² self-attention, 2d² cross attention, feed-forward."""
    tokens = latent_tokens(832, 480, 81)
    assert tokens == 21 * 52 * 30
    parameters = layers * (6 * width**2 + 2 * width * hidden)
    assert cu(diffusion(parameters, tokens, layers, width, 50, True)) == near(figure)


def test_hunyuan_720p() -> None:
    """129 frames at 24 a second; guidance is distilled: one pass a step."""
    blocks, width, tokens = 20 + 40, 3072, latent_tokens(1280, 720, 129) + 256
    assert tokens == 33 * 80 * 45 + 256
    flops = diffusion(blocks * 12 * width**2, tokens, blocks, width, 50, False)
    assert cu(flops) == near(189_000)


counts = st.integers(0, 100_000)


@given(counts, counts)
def test_what_is_cached_was_paid_for_before(cached: int, new: int) -> None:
    def read(tokens: int, cached_tokens: int = 0) -> float:
        return prefill(5e8, tokens, 32, 960, cached_tokens)

    assert read(cached) + read(new, cached) == pytest.approx(read(cached + new))


@given(counts, st.integers(0, 5_000))
def test_to_write_costs_what_it_would_cost_to_read(context: int, new: int) -> None:
    written = decode(5e8, new, 32, 960, context + new / 2)
    assert written == pytest.approx(prefill(5e8, new, 32, 960, context))


MODEL = shape(SMOLLM2_360M, siglip_base(960))


@given(st.integers(0, 8_000), st.integers(0, 8_000), st.integers(0, 500), st.integers(1, 20))
def test_a_call_costs_less_with_a_cache_and_more_with_pictures(
    tokens: int, cached: int, output: int, pictures: int
) -> None:
    plain = chat_flops(MODEL, input_tokens=tokens, cached_tokens=0, output_tokens=output)
    saved = chat_flops(MODEL, input_tokens=tokens, cached_tokens=cached, output_tokens=output)
    assert 0 <= saved <= plain
    assert saved < plain or 0 in (tokens, cached)
    seen = chat_flops(MODEL, input_tokens=tokens, cached_tokens=0, output_tokens=output,
                      image_patches=pictures * 1024, pictures=pictures)  # fmt: skip
    one = image_encoder(MODEL.encoder_parameters, 1024, 12, 768)
    assert seen - plain == pytest.approx(pictures * one, rel=1e-6)


@given(st.integers(1, 20_000))
def test_windows_save_attention_and_nothing_else(patches: int) -> None:
    full = image_encoder(6e8, patches, 32, 1280)
    windowed = image_encoder(6e8, patches, 32, 1280, window_patches=64, full_layers=4)
    assert 2 * 6e8 * patches < windowed <= full
    assert (windowed == full) == (patches <= 64)


def test_a_whisper_of_unknown_vocabulary_costs_no_less() -> None:
    parameters = 384 * (51_865 + 448) + 4 * 16 * 384**2 + 20_000
    unknown = ModelShape(parameters=parameters, layers=4, width=384, encoder_layers=4,
                         encoder_width=384)  # fmt: skip
    known = replace(unknown, vocabulary=51_865, mels=80)
    least, most = (window_flops(one, windows=3, tokens=300, beam=5) for one in (known, unknown))
    assert least < most < 1.05 * least


def test_guidance_doubles_the_steps_but_not_the_decoder() -> None:
    one = transformer_pass(1e9, 4096, 30, 1536)
    assert sampling(one, 10, True, 5.0) - 5.0 == 2 * (sampling(one, 10, False, 5.0) - 5.0)


def test_the_first_frame_of_a_clip_is_a_picture() -> None:
    assert latent_tokens(832, 480, 1) == latent_tokens(832, 480)
    assert latent_tokens(832, 480, 5) == 2 * latent_tokens(832, 480)
