"""What is said of an image model's files before the native library sees them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models.flux2 import Array, save, zeros
from stable_diffusion_cpp import StableDiffusion

from vidsum.broll.engines.compute import TEXT_TOKENS, Work, picture_flops, shape_of, tiny_decoder
from vidsum.broll.engines.painter import _plain
from vidsum.broll.engines.painter_wire import (
    Order,
    files_in,
    load_message,
    order_in,
    paint_message,
    painted_in,
    steps_in,
)
from vidsum.broll.engines.weights import look_at
from vidsum.catalog.pictures import ImageModel
from vidsum.costs.units import Unet, picture_decoder, prefill, transformer_pass, unet_pass
from vidsum.errors import BackendFailed, BackendMissing, OptionError
from vidsum.media.wire import BadMessage

PARTS = ("diffusion", "encoder", "decoder")


def model(diffusion: Path, encoder: Path | None, decoder: Path | None) -> ImageModel:
    return ImageModel("tiny", diffusion, encoder, decoder, 4, 1.0, "path")


def of(folder: Path) -> ImageModel:
    return model(*(folder / f"{part}.safetensors" for part in PARTS))


def checkpoint(path: Path, text_width: int) -> Path:
    """Write the head of a whole Stable Diffusion checkpoint."""
    own = "model.diffusion_model.input_blocks."
    save(path, {
        f"{own}0.0.weight": zeros(8, 4, 3, 3),
        f"{own}1.1.transformer_blocks.0.attn2.to_k.weight": zeros(8, text_width),
        "first_stage_model.decoder.conv_in.weight": zeros(8, 4, 3, 3),
        "cond_stage_model.transformer.text_model.final_layer_norm.weight": zeros(8),
    })  # fmt: skip
    return path


def test_the_parts_are_told_apart(hand_made_model: Path, tmp_path: Path) -> None:
    weights = look_at(of(hand_made_model))
    assert (weights.family, weights.tiny, weights.quant) == ("flux2", True, "F16")
    assert set(weights.native_paths) == {"diffusion_model_path", "llm_path", "taesd_path"}
    full = tmp_path / "vae.safetensors"
    save(full, {"decoder.conv_in.weight": zeros(8, 32, 3, 3)})
    files = of(hand_made_model)
    weights = look_at(model(files.diffusion, files.encoder, full))
    assert weights.native_paths["vae_path"] == full
    assert not weights.tiny


@pytest.mark.parametrize(("width", "family"), [(768, "sd1"), (1024, "sd2"), (2048, "sdxl")])
def test_a_whole_checkpoint_needs_no_other_file(tmp_path: Path, width: int, family: str) -> None:
    path = checkpoint(tmp_path / "all.safetensors", width)
    weights = look_at(model(path, None, None))
    assert weights.family == family
    assert weights.native_paths == {"model_path": path}


def test_an_autoencoder_comes_before_that_of_a_checkpoint(
    hand_made_model: Path, tmp_path: Path
) -> None:
    path, files = checkpoint(tmp_path / "all.safetensors", 768), of(hand_made_model)
    weights = look_at(model(path, None, files.decoder))
    assert weights.native_paths == {"model_path": path, "taesd_path": files.decoder}
    assert weights.paths == (path, files.decoder)
    with pytest.raises(BackendFailed, match="is no autoencoder"):
        look_at(model(path, None, files.encoder))
    with pytest.raises(OptionError, match="has a text encoder in it") as refused:
        look_at(model(path, files.encoder, None))
    assert refused.value.hint == "Leave out --image-encoder."


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_a_file_that_is_cut_off_is_refused_by_name(
    hand_made_model: Path, tmp_path: Path, part: str, share: float
) -> None:
    whole = (hand_made_model / f"{part}.safetensors").read_bytes()
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(whole[: int(len(whole) * share)])
    files = {name: hand_made_model / f"{name}.safetensors" for name in PARTS} | {part: cut}
    with pytest.raises((BackendFailed, BackendMissing), match=r"cut\.safetensors") as refused:
        look_at(model(files["diffusion"], files["encoder"], files["decoder"]))
    assert refused.value.hint


@settings(max_examples=30)
@given(st.binary(max_size=200))
def test_garbage_is_no_model(tmp_path_factory: pytest.TempPathFactory, blob: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "garbage.gguf"
    for head in (b"", b"GGUF\x03\0\0\0", len(blob).to_bytes(8, "little") + b"{"):
        path.write_bytes(head + blob)
        with pytest.raises((BackendFailed, BackendMissing), match=r"garbage\.gguf"):
            look_at(model(path, path, path))


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (("encoder", "encoder", "decoder"), "encoder.safetensors has no diffusion weights"),
        (("diffusion", "decoder", "decoder"), "decoder.safetensors is no text encoder"),
        (("diffusion", "encoder", "encoder"), "encoder.safetensors is no autoencoder"),
        (("diffusion", None, "decoder"), "has no text encoder in it"),
        (("diffusion", "encoder", None), "has no autoencoder in it"),
    ],
)
def test_parts_in_the_wrong_place_are_refused(
    hand_made_model: Path, parts: tuple[str | None, ...], words: str
) -> None:
    diffusion, encoder, decoder = (
        None if part is None else hand_made_model / f"{part}.safetensors" for part in parts
    )
    assert diffusion is not None
    with pytest.raises(BackendFailed, match=words) as refused:
        look_at(model(diffusion, encoder, decoder))
    assert refused.value.hint


def test_a_text_encoder_of_another_model_is_refused(hand_made_model: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.safetensors"
    save(other, {"model.embed_tokens.weight": zeros(10, 24),
                 "model.layers.0.mlp.up_proj.weight": zeros(24, 24)})  # fmt: skip
    files = of(hand_made_model)
    with pytest.raises(BackendFailed, match="it is 24 wide, and 16 are needed"):
        look_at(model(files.diffusion, other, files.decoder))


def test_of_heads_that_make_no_sense_nothing_is_said(hand_made_model: Path, tmp_path: Path) -> None:
    diffusion, encoder = tmp_path / "odd.safetensors", tmp_path / "deep.safetensors"
    save(diffusion, {"double_stream_modulation_img.lin.weight": zeros(4, 4),
                     "single_blocks.0.linear1.weight": zeros(4, 4),
                     "img_in.weight": zeros(), "txt_in.weight": zeros()})  # fmt: skip
    save(encoder, {"model.embed_tokens.weight": zeros(4, 4),
                   f"model.layers.{'9' * 600}.mlp.up_proj.weight": zeros(4, 4)})  # fmt: skip
    files = of(hand_made_model)
    assert shape_of(look_at(model(diffusion, encoder, files.decoder))) is None
    save(diffusion, dict.fromkeys(
        ("double_stream_modulation_img.lin.weight", "single_blocks.0.linear1.weight",
         "img_in.weight"), zeros(4, 4)))  # fmt: skip
    weights = look_at(model(diffusion, encoder, files.decoder))
    shape = shape_of(weights)
    assert shape is not None
    assert shape.encoder_layers == 1
    assert picture_flops(weights, shape, Work(64, 64, 1)) is not None


def test_compute_follows_the_dimensions_in_the_files(hand_made_model: Path) -> None:
    weights = look_at(of(hand_made_model))
    shape = shape_of(weights)
    assert shape is not None
    assert (shape.layers, shape.width, shape.encoder_layers, shape.encoder_width) == (
        2, 256, 28, 16)  # fmt: skip
    block = 3 * 256 * 256 + 256 * 256 + 9 * 256 * 256 + 2 * 128  # of one stream, as in flux2.py
    single = (3 * 256 + 6 * 256) * 256 + 256 * (256 + 768) + 2 * 128
    assert shape.parameters == block + single + 2 * 256 * 128
    tokens = 4 * 8 + TEXT_TOKENS  # 64 × 128 px in squares of 16
    read = prefill(shape.encoder_parameters, TEXT_TOKENS, 28, 16)
    one = transformer_pass(shape.parameters, tokens, 2, 256)
    found = picture_flops(weights, shape, Work(128, 64, 3))
    assert found == pytest.approx(3 * one + read + tiny_decoder(128, 64))
    more = transformer_pass(shape.parameters, tokens + 2 * 32, 2, 256)
    found = picture_flops(weights, shape, Work(128, 64, 3, references=2, guided=True))
    assert found == pytest.approx(6 * more + 2 * read + 3 * tiny_decoder(128, 64))


def test_compute_of_a_checkpoint_is_that_of_its_family(tmp_path: Path) -> None:
    weights = look_at(model(checkpoint(tmp_path / "all.safetensors", 768), None, None))
    net = Unet((320, 640, 1280, 1280), (1, 1, 1, 0), 1, side=64, context_width=768)
    found = picture_flops(weights, shape_of(weights), Work(512, 512, 25, guided=True))
    assert found == pytest.approx(50 * unet_pass(net) + picture_decoder(512, 512))
    weights = replace(weights, tiny=True)
    found = picture_flops(weights, None, Work(512, 512, 25, guided=True))
    assert found == pytest.approx(50 * unet_pass(net) + tiny_decoder(512, 512))


@settings(max_examples=50)
@given(st.text(alphabet="<lora:/a1.>\0é\ud800", max_size=60), st.text(max_size=20))
def test_no_prompt_opens_a_file(noise: str, words: str) -> None:
    prompt = _plain(f"{noise}<lora:/etc/hostname:1>{words}")
    found, _, loras, _ = StableDiffusion._extract_and_build_loras(None, prompt, "")
    assert (found, loras) == (prompt, 0)
    assert "\0" not in prompt
    assert prompt.encode()


_NATIVE_ORDER = re.compile(r"\\\(|(\(|\[|\\|:[+-]?[.\d]+\)|BREAK\b)")
"""What the library takes for more than words, but for its escaped bracket; see painter."""


@given(st.lists(st.sampled_from(["(", ")", "[", "]", "\\", ":", "1", ".", "-", "BREAK", "b", " "])))
def test_no_prompt_weighs_its_words(parts: list[str]) -> None:
    prompt = _plain("".join(parts))
    assert not any(found[1] for found in _NATIVE_ORDER.finditer(prompt))


def test_words_in_brackets_stay() -> None:
    assert _plain(r"a clock (at 10:30) [dawn] \(o/ BREAK: TEA") == (
        r"a clock \(at 10:30 ) \(dawn) /\(o/ Break: TEA"
    )
    assert _plain("BREAKFAST at 6:30, a red barn") == "BREAKFAST at 6:30, a red barn"


def image(width: int, height: int) -> Array:
    return np.arange(3 * width * height).reshape(height, width, 3).astype(np.uint8)


def test_what_is_sent_is_what_arrives() -> None:
    order = Order("x\ny", 64, 32, 7, 4, 1.0)
    pictures = [image(5, 3), image(2, 7)[::-1]]
    found, references = order_in(*paint_message(order, pictures))
    assert found == order
    assert all(map(np.array_equal, references, pictures))
    files = {"llm_path": Path("/a/caf\udce9\n")}
    message = load_message(files, 2)
    assert (files_in(message), message["threads"]) == (files, 2)


@pytest.mark.parametrize(
    "answer",
    [
        {}, {"width_px": 2, "height_px": 2}, {"width_px": -1, "height_px": -4},
        {"width_px": True, "height_px": 4}, {"width_px": 1 << 40, "height_px": 1 << 40},
        {"width_px": 3, "height_px": 2, "paint_s": 1},
        {"width_px": 2, "height_px": 2, "paint_s": -1},
        {"width_px": 2, "height_px": 2, "paint_s": 10**400},
    ],
)  # fmt: skip
def test_nonsense_from_a_painter_is_no_picture(answer: dict[str, object]) -> None:
    with pytest.raises(BadMessage):
        painted_in(answer, bytes(12))


@pytest.mark.parametrize("step", ["1", 0, True, 3, 10**400], ids=["1", "0", "yes", "3", "many"])
def test_nonsense_from_a_painter_is_no_step(step: object) -> None:
    with pytest.raises(BadMessage):
        steps_in({"step": step, "of": 2})
    with pytest.raises(BadMessage):
        steps_in({"step": 1, "of": 10**400})
    assert steps_in({"step": 1, "of": 2}) == (1, 2)
