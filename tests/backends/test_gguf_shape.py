"""What is read from the head of a GGUF file is what llama.cpp finds when it loads it."""

from __future__ import annotations

import ctypes
import math
import shutil
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from models import MMPROJ, VLM
from models.bpe import Bpe
from models.gguf_file import Value, write_gguf
from models.qwen2vl import qwen2vl_pair
from models.smolvlm import (
    PRESETS,
    SPECIALS,
    TINY,
    Size,
    text_metadata,
    text_shapes,
    vision_shapes,
    write_random_pair,
)
from models.text_gguf import text_gguf

from vidsum.backends import gguf_shape
from vidsum.backends.gguf_shape import image_patches, image_tiles, image_tokens, shape_of
from vidsum.data import ModelShape

BPE = Bpe("Describe this frame. " * 3, 20, SPECIALS)


def known_shape(path: Path, mmproj: Path | None = None) -> ModelShape:
    found = shape_of(path, mmproj)
    assert found is not None
    return found


@contextmanager
def loaded(path: Path) -> Iterator[Any]:
    """llama.cpp's own view of a model."""
    import llama_cpp

    llama = llama_cpp.Llama(str(path), n_ctx=64, n_threads=1, verbose=False)
    try:
        yield llama.model
    finally:
        llama.close()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("gguf")
    untied = Size(replace(TINY.text, tied=False, width=128, heads=4, kv_heads=2), TINY.vision)
    return {
        "trained": VLM,
        "text": text_gguf(folder / "text.gguf"),
        "q8_0": text_gguf(folder / "q8.gguf", encoding="q8_0"),
        "qwen2vl": qwen2vl_pair(folder)[0],
        "untied": write_random_pair(folder, "untied", untied, BPE)[0],
    }


@pytest.mark.parametrize("name", ["trained", "text", "q8_0", "qwen2vl", "untied"])
def test_it_is_what_llama_cpp_finds(made: dict[str, Path], name: str) -> None:
    import llama_cpp

    found = known_shape(made[name])
    with loaded(made[name]) as model:
        vocabulary = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))
        assert found.layers == llama_cpp.llama_model_n_layer(model)
        assert found.width == llama_cpp.llama_model_n_embd(model)
        assert found.vocabulary == vocabulary
        looked_up = vocabulary * found.width if name == "untied" else 0
        assert found.parameters + looked_up == llama_cpp.llama_model_n_params(model)
    assert found.quant == ("Q8_0" if name == "q8_0" else "F16")
    assert found.encoder_parameters == 0


def test_an_encoder_is_counted_with_its_projector_by_share() -> None:
    found = known_shape(VLM, MMPROJ)
    size = TINY.vision
    weights = {name: math.prod(dimensions)
               for name, dimensions in vision_shapes(size, TINY.text.width).items()}  # fmt: skip
    projector = weights.pop("mm.model.fc.weight")
    assert found.encoder_parameters == sum(weights.values()) + projector // size.merge**2
    assert (found.encoder_layers, found.encoder_width) == (size.layers, size.width)
    assert (found.patch_px, found.merge, found.image_px) == (12, 2, 96)


@pytest.mark.parametrize(
    ("preset", "parameters"),
    [("smolvlm2-256m", 134.5e6), ("smolvlm2-500m", 361.8e6), ("smolvlm2-2.2b", 1_711e6)],
)
def test_a_head_of_true_size_without_its_weights(
    tmp_path: Path, preset: str, parameters: float
) -> None:
    """Published as 135 M, 360 M and 1.7 B: the embedding is tied, the file holds it twice."""
    size = PRESETS[preset].text
    path = tmp_path / "head.gguf"
    write_head(path, text_metadata(size, BPE, preset), text_shapes(size, size.vocabulary))
    found = known_shape(path)
    assert found.parameters == pytest.approx(parameters, rel=0.001)
    assert (found.layers, found.width) == (size.layers, size.width)
    assert found.vocabulary == size.vocabulary


def write_head(path: Path, metadata: dict[str, Value], shapes: dict[str, tuple[int, ...]],
               kind: int = 8) -> Path:  # fmt: skip
    """Write a file that ends where its weights would begin."""
    write_gguf(path, metadata, [])
    infos = b""
    for name, dimensions in shapes.items():
        raw = name.encode()
        infos += struct.pack("<Q", len(raw)) + raw + struct.pack("<I", len(dimensions))
        infos += struct.pack(f"<{len(dimensions)}QIQ", *dimensions[::-1], kind, 0)
    head = path.read_bytes()
    keys_end = _keys_end(path, metadata)
    path.write_bytes(head[:8] + struct.pack("<Q", len(shapes)) + head[16:keys_end] + infos)
    return path


def _keys_end(path: Path, metadata: dict[str, Value]) -> int:
    """Return where the keys end: before the padding, which one key more moves by its own size."""
    marked = write_gguf(path.with_suffix(".marked"), {**metadata, "end.mark": True}, [])
    return marked.read_bytes().rindex(struct.pack("<Q", 8) + b"end.mark")


def moe(used: int, experts: int = 8) -> tuple[dict[str, Value], dict[str, tuple[int, ...]]]:
    metadata: dict[str, Value] = {
        "general.architecture": "qwen3moe", "general.file_type": 15,
        "qwen3moe.block_count": 2, "qwen3moe.embedding_length": 64,
        "qwen3moe.expert_count": experts, "qwen3moe.expert_used_count": used,
    }  # fmt: skip
    shapes: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (100, 64),
        "output.weight": (100, 64),
    }
    for block in ("blk.0.", "blk.1."):
        shapes |= {
            f"{block}attn_q.weight": (64, 64),
            f"{block}ffn_gate_inp.weight": (experts, 64),
            f"{block}ffn_up_exps.weight": (experts, 32, 64),
            f"{block}ffn_up_shexp.weight": (32, 64),
        }
    return metadata, shapes


def test_of_a_mixture_of_experts_the_ones_that_are_asked_count(tmp_path: Path) -> None:
    found = known_shape(write_head(tmp_path / "moe.gguf", *moe(used=2)))
    block = 64 * 64 + 8 * 64 + 2 * 32 * 64 + 32 * 64
    assert found.parameters == 100 * 64 + 2 * block
    assert found.quant == "Q4_K_M"
    dense = known_shape(write_head(tmp_path / "all.gguf", *moe(used=8)))
    assert dense.parameters == found.parameters + 2 * 6 * 32 * 64


def test_a_table_of_rows_for_each_layer_is_no_work(tmp_path: Path) -> None:
    metadata, shapes = moe(used=2)
    with_table = shapes | {"per_layer_token_embd.weight": (100, 640)}
    plain = known_shape(write_head(tmp_path / "a.gguf", metadata, shapes))
    assert known_shape(write_head(tmp_path / "b.gguf", metadata, with_table)) == plain


def test_a_model_in_parts_is_counted_whole(tmp_path: Path) -> None:
    metadata, shapes = moe(used=2)
    whole = known_shape(write_head(tmp_path / "whole.gguf", metadata, shapes))
    first, second = (tmp_path / f"m-0000{n}-of-00002.gguf" for n in (1, 2))
    names = list(shapes)
    write_head(first, metadata, {name: shapes[name] for name in names[:5]})
    write_head(second, {"split.no": 1}, {name: shapes[name] for name in names[5:]})
    assert shape_of(first) == shape_of(second) == whole
    second.unlink()
    assert shape_of(first) is None


def test_every_way_to_keep_weights_has_llama_cpps_name() -> None:
    import llama_cpp

    prefix = "LLAMA_FTYPE_"
    theirs = {value: name.removeprefix(prefix).removeprefix("MOSTLY_").removeprefix("ALL_")
              for name, value in vars(llama_cpp).items() if name.startswith(prefix)}  # fmt: skip
    del theirs[llama_cpp.LLAMA_FTYPE_GUESSED]
    shared = theirs.keys() & gguf_shape._FILE_TYPES.keys()
    assert len(shared) > 25
    assert {key: gguf_shape._FILE_TYPES[key] for key in shared} == {
        key: theirs[key] for key in shared
    }  # fmt: skip


def test_without_a_word_of_it_most_weights_tell_how_they_are_kept(tmp_path: Path) -> None:
    metadata, shapes = moe(used=2)
    metadata.pop("general.file_type")
    assert known_shape(write_head(tmp_path / "a.gguf", metadata, shapes, kind=12)).quant == "Q4_K"
    assert known_shape(write_head(tmp_path / "b.gguf", metadata, shapes, kind=99)).quant is None


def vision_keys(**more: Value) -> dict[str, Value]:
    """The keys of Qwen2.5-VL's encoder."""
    return {
        "general.architecture": "clip", "clip.projector_type": "qwen2.5vl_merger",
        "clip.vision.block_count": 32, "clip.vision.embedding_length": 1280,
        "clip.vision.patch_size": 14, "clip.vision.image_size": 560, **more,
    }  # fmt: skip


def test_an_encoders_windows_are_read(tmp_path: Path) -> None:
    keys = vision_keys(**{"clip.vision.n_wa_pattern": 8})
    shapes: dict[str, tuple[int, ...]] = {"v.blk.0.attn_q.weight": (1280, 1280),
                                          "mm.0.weight": (5120, 5120)}  # fmt: skip
    found = known_shape(VLM, write_head(tmp_path / "mmproj.gguf", keys, shapes))
    assert (found.window_patches, found.full_layers, found.merge) == (64, 4, 2)
    assert found.encoder_parameters == 1280**2 + 5120**2 // 4
    sound = shapes | {"a.blk.0.attn_q.weight": (512, 512), "mm.a.mlp.1.weight": (512, 512)}
    assert shape_of(VLM, write_head(tmp_path / "both.gguf", keys, sound)) == found


def tokens_by_libmtmd(model: Path, mmproj: Path, sizes: list[tuple[int, int]],
                      most_tokens: int | None = None) -> list[list[int]]:  # fmt: skip
    """Return what each picture is cut into by libmtmd: the tokens of each piece."""
    import llama_cpp
    from llama_cpp import mtmd_cpp

    from vidsum.backends.native_log import native_log

    native_log()
    llama = llama_cpp.Llama(str(model), n_ctx=64, n_threads=1, verbose=False)
    wanted = mtmd_cpp.mtmd_context_params_default()
    wanted.use_gpu, wanted.warmup, wanted.n_threads = False, False, 1
    if most_tokens is not None:
        wanted.image_max_tokens = most_tokens
    encoder = mtmd_cpp.mtmd_init_from_file(str(mmproj).encode(), llama.model, wanted)
    try:
        return [_pieces(encoder, *size) for size in sizes]
    finally:
        mtmd_cpp.mtmd_free(encoder)
        llama.close()


def _pieces(encoder: Any, width_px: int, height_px: int) -> list[int]:
    from llama_cpp import mtmd_cpp

    pixels = np.zeros((height_px, width_px, 3), np.uint8)
    raw = pixels.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))
    bitmap = mtmd_cpp.mtmd_bitmap_init(width_px, height_px, raw)
    chunks = mtmd_cpp.mtmd_input_chunks_init()
    text = mtmd_cpp.mtmd_default_marker()
    whole = mtmd_cpp.mtmd_input_text(text, len(text), True, True)
    array = (mtmd_cpp.mtmd_bitmap_p_ctypes * 1)(bitmap)
    assert mtmd_cpp.mtmd_tokenize(encoder, chunks, ctypes.byref(whole), array, 1) == 0
    pieces = []
    for number in range(mtmd_cpp.mtmd_input_chunks_size(chunks)):
        chunk = mtmd_cpp.mtmd_input_chunks_get(chunks, number)
        if mtmd_cpp.mtmd_input_chunk_get_type(chunk) != mtmd_cpp.MTMD_INPUT_CHUNK_TYPE_TEXT:
            pieces.append(mtmd_cpp.mtmd_input_chunk_get_n_tokens(chunk))
    mtmd_cpp.mtmd_bitmap_free(bitmap)
    mtmd_cpp.mtmd_input_chunks_free(chunks)
    return pieces


SIZES = [(512, 288), (288, 512), (320, 180), (640, 480), (1280, 720), (28, 28), (30, 500), (9, 9),
         (42, 70), (1000, 126), (511, 513)]  # fmt: skip


@pytest.mark.parametrize("most_tokens", [None, 256])
def test_pictures_that_keep_their_shape_take_as_many_tokens_as_libmtmd_says(
    tmp_path: Path, most_tokens: int | None
) -> None:
    pair = qwen2vl_pair(tmp_path)
    found = known_shape(*pair)
    for size, pieces in zip(SIZES, tokens_by_libmtmd(*pair, SIZES, most_tokens), strict=True):
        patches = image_patches(found, *size, most_tokens=most_tokens)
        assert patches is not None
        assert [image_tokens(found, patches)] == pieces, size


def test_pictures_that_are_cut_into_tiles_give_as_many_as_libmtmd_cuts(tmp_path: Path) -> None:
    size = Size(TINY.text, replace(TINY.vision, longest_px=4 * 96))
    pair = write_random_pair(tmp_path, "tiles", size, BPE)
    found = known_shape(*pair)
    patches = image_patches(found, 512, 288)
    assert patches == 64
    sizes = [(512, 288), (288, 512), (400, 400), (96, 96), (1280, 720), (500, 60), (384, 200)]
    for picture, pieces in zip(sizes, tokens_by_libmtmd(*pair, sizes), strict=True):
        assert pieces == [image_tokens(found, patches)] * image_tiles(found, *picture), picture


def test_what_the_file_does_not_tell_is_unknown(tmp_path: Path) -> None:
    keys = vision_keys() | {"clip.projector_type": "resampler"}
    shapes: dict[str, tuple[int, ...]] = {"v.blk.0.attn_q.weight": (1280, 1280)}
    found = known_shape(VLM, write_head(tmp_path / "mmproj.gguf", keys, shapes))
    assert image_patches(found, 512, 288) is None
    assert image_tokens(found, 100) is None
    assert image_patches(known_shape(VLM), 512, 288) is None
    assert image_patches(known_shape(VLM, MMPROJ), 0, 288) is None


def test_files_of_other_kinds_are_not_understood(tmp_path: Path) -> None:
    (tmp_path / "empty.gguf").write_bytes(b"")
    (tmp_path / "text.gguf").write_text("Not a model.\n" * 1000)
    assert shape_of(tmp_path / "empty.gguf") is None
    assert shape_of(tmp_path / "text.gguf") is None
    assert shape_of(tmp_path) is None
    assert shape_of(tmp_path / "missing.gguf") is None
    assert shape_of(MMPROJ) is None
    assert shape_of(VLM, VLM) is None
    assert shape_of(VLM, tmp_path / "missing.gguf") is None


HUGE = 2**64 - 1
HOSTILE = {
    "tensors": struct.pack("<IQQ", 3, HUGE, 0),
    "keys": struct.pack("<IQQ", 3, 0, HUGE),
    "version": struct.pack("<IQQ", 3 << 24, 0, 0),
    "key": struct.pack("<IQQQ", 3, 0, 1, HUGE) + b"a" * 99,
    "texts": struct.pack("<IQQQ", 3, 0, 1, 1) + b"a" + struct.pack("<IIQ", 9, 8, HUGE) + bytes(999),
    "numbers": struct.pack("<IQQQ", 3, 0, 1, 1) + b"a" + struct.pack("<IIQ", 9, 4, HUGE),
    "lists": struct.pack("<IQQQ", 3, 0, 1, 1) + b"a" + struct.pack("<IIQ", 9, 9, 1) + bytes(99),
    "kind": struct.pack("<IQQQ", 3, 0, 1, 1) + b"a" + struct.pack("<IQ", 77, 0),
    "dimensions": struct.pack("<IQQQ", 3, 1, 0, 1) + b"a" + struct.pack("<I", 2**32 - 1),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_head_is_not_understood(tmp_path: Path, name: str) -> None:
    path = tmp_path / "hostile.gguf"
    path.write_bytes(b"GGUF" + HOSTILE[name])
    assert shape_of(path) is None


def test_absurd_dimensions_are_not_believed(tmp_path: Path) -> None:
    metadata, shapes = moe(used=2)
    absurd = shapes | {"blk.0.attn_k.weight": (2**62, 2**62)}
    assert shape_of(write_head(tmp_path / "a.gguf", metadata, absurd)) is None
    assert shape_of(write_head(tmp_path / "b.gguf", {**metadata, "qwen3moe.block_count": True},
                               shapes)) is None  # fmt: skip


def test_a_file_that_is_cut_off_in_its_head_is_not_understood(tmp_path: Path) -> None:
    metadata, shapes = moe(used=2)
    whole = write_head(tmp_path / "whole.gguf", metadata, shapes)
    raw, cut = whole.read_bytes(), tmp_path / "cut.gguf"
    for length in range(0, len(raw), 7):
        cut.write_bytes(raw[:length])
        assert shape_of(cut) is None
    cut.write_bytes(raw)
    assert shape_of(cut) == shape_of(whole)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 1500), st.binary(min_size=1, max_size=9)), max_size=4))
def test_damage_never_raises(tmp_path: Path, damage: list[tuple[int, bytes]]) -> None:
    path = tmp_path / "damaged.gguf"
    if not path.exists():
        shutil.copy(write_head(tmp_path / "whole.gguf", *moe(used=2)), path)
    raw = bytearray((tmp_path / "whole.gguf").read_bytes())
    for at, blob in damage:
        raw[at : at + len(blob)] = blob
    path.write_bytes(raw)
    found = shape_of(path)
    assert found is None or (found.parameters > 0 and found.layers > 0 and found.width > 0)


@pytest.mark.parametrize(("list_bytes", "understood"), [(1 << 20, True), (1 << 26, False)])
def test_no_more_than_64_mib_are_read(tmp_path: Path, list_bytes: int, understood: bool) -> None:
    """A list of nothing (a hole in the file) between the counts and the other keys."""
    raw = write_head(tmp_path / "whole.gguf", *moe(used=2)).read_bytes()
    path = tmp_path / "long.gguf"
    with path.open("wb") as file:
        file.write(
            raw[:16] + struct.pack("<QQ", 7, 1) + b"x" + struct.pack("<IIQ", 9, 0, list_bytes)
        )
        file.seek(list_bytes, 1)
        file.write(raw[24:])
    assert (shape_of(path) is not None) == understood
