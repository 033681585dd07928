"""The tiny models are whole, say what is true, and are what the scripts beside them write."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scenes import KINDS, random_scenes
from spoken import speech

from models import HERE, MMPROJ, VLM, WHISPER
from models.bpe import Bpe
from models.gguf_file import read_gguf, write_gguf
from models.qwen2vl import qwen2vl_pair
from models.smolvlm import (
    PRESETS,
    SPECIALS,
    TINY,
    Shapes,
    text_metadata,
    text_shapes,
    vision_metadata,
    vision_shapes,
    write_random_pair,
)
from models.stock import open_stock, stock_answer, stock_caption
from models.text_gguf import text_gguf
from models.vlm_training.prompts import tokenizer
from models.whisper_training import export
from models.whisper_training.vocabulary import TOKENS

MOST_BYTES = 5_000_000
HELD_OUT_SEED = 99
"""No seed of the training pool. By this one all of 500 are told exactly, by others 498 or more."""
PICTURE_SIZES = ((320, 180), (640, 360), (1280, 720))
PUBLISHED_BYTES = {
    "smolvlm2-256m": (175_056_352, 103_771_680),
    "smolvlm2-500m": (436_808_704, 108_785_184),
}
"""Source: ggml-org/SmolVLM2-*-Video-Instruct-GGUF, Q8_0, text model and mmproj."""


def test_the_kept_files_are_those_that_were_measured() -> None:
    recorded = json.loads((HERE / "sha256.json").read_text())
    kept = [*VLM.parent.glob("*"), *WHISPER.glob("*")]
    found = {
        path.relative_to(HERE).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in kept
        if path.is_file()
    }
    assert found == recorded


def test_the_folder_stays_small() -> None:
    files = [path for path in HERE.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert sum(path.stat().st_size for path in files) < MOST_BYTES


def test_nothing_heavy_is_imported_on_collection() -> None:
    """What tests import must not cost seconds, nor need torch."""
    code = (
        "import sys, models, models.qwen2vl, models.smolvlm, models.stock, models.text_gguf, "
        "models.true_size, models.vlm_training.prompts, models.whisper_training.export\n"
        "print(*{'torch', 'llama_cpp', 'faster_whisper', 'ctranslate2'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_held_out_scenes_are_captioned_to_the_letter() -> None:
    drawn = random_scenes(HELD_OUT_SEED, 300)
    scenes = [scene for kind in KINDS for scene in [s for s in drawn if s.kind == kind][:5]]
    assert len(scenes) == 5 * len(KINDS)
    llama = open_stock(VLM, MMPROJ)
    try:
        said = [
            stock_caption(llama, scene.draw(*PICTURE_SIZES[number % len(PICTURE_SIZES)]))
            for number, scene in enumerate(scenes)
        ]
    finally:
        llama.close()
    assert said == [scene.caption() for scene in scenes]


@pytest.mark.slow
def test_nearly_all_of_500_held_out_scenes_are_told() -> None:
    from models.vlm_training.evaluate import SEED, score

    llama = open_stock(VLM, MMPROJ)
    try:
        exact = score(
            "clean", random_scenes(SEED, 500), lambda _, s: stock_caption(llama, s.draw())
        )
    finally:
        llama.close()
    assert exact >= 490


def test_speech_is_heard_where_it_is_and_silence_is_not() -> None:
    from faster_whisper import WhisperModel

    model = WhisperModel(str(WHISPER), device="cpu", compute_type="float32", cpu_threads=1)
    spoken = speech([(0.5, "show red circle"), (4.0, "move up and stop")], 8)
    heard = [(round(s.start, 1), s.text.split()) for s in model.transcribe(spoken, beam_size=1)[0]]
    assert heard == [(0.5, ["show", "red", "circle"]), (4.0, ["move", "up", "and", "stop"])]
    silence = np.zeros(16_000 * 10, np.float32)
    assert list(model.transcribe(silence, beam_size=1)[0]) == []


@pytest.mark.parametrize("path", [VLM, MMPROJ], ids=["text", "mmproj"])
def test_a_file_that_is_read_and_written_is_the_same(path: Path, tmp_path: Path) -> None:
    metadata, tensors = read_gguf(path)
    copy = write_gguf(tmp_path / "copy.gguf", metadata, tensors.items())
    assert copy.read_bytes() == path.read_bytes()


def test_the_scripts_write_the_kept_pair_but_for_its_weights(tmp_path: Path) -> None:
    """Tokenizer, sizes and metadata come out of the scripts; only weights had to be learnt."""
    bpe = tokenizer()
    _, text = read_gguf(VLM)
    _, vision = read_gguf(MMPROJ)
    assert {name: array.shape for name, array in text.items()} == text_shapes(
        TINY.text, len(bpe.tokens)
    )
    assert {name: array.shape for name, array in vision.items()} == vision_shapes(
        TINY.vision, TINY.text.width
    )
    metadata = text_metadata(TINY.text, bpe, "tinyvlm")
    again = write_gguf(tmp_path / "text.gguf", metadata, text.items())
    assert again.read_bytes() == VLM.read_bytes()
    metadata = vision_metadata(TINY.vision, TINY.text.width, "tinyvlm")
    again = write_gguf(tmp_path / "mmproj.gguf", metadata, vision.items())
    assert again.read_bytes() == MMPROJ.read_bytes()


def test_the_export_writes_the_kept_whisper_but_for_its_weights() -> None:
    assert json.loads((WHISPER / "tokenizer.json").read_text("utf-8")) == export.tokenizer()
    assert json.loads((WHISPER / "vocabulary.json").read_text("utf-8")) == TOKENS
    settings = json.loads((WHISPER / "preprocessor_config.json").read_text())
    assert settings == export.feature_settings()


def test_bpe_gives_back_what_it_took_and_agrees_with_llama_cpp() -> None:
    from llama_cpp import Llama

    text = "A small red circle, 42 Größe ☃\n\n  at the\ttop<end_of_utterance>\nAssistant:"
    bpe = tokenizer()
    ids = bpe.encode(text)
    assert bpe.decode(ids) == text.replace("<end_of_utterance>", "")
    ascii_text = "A small red circle, 42\n\nat the top<end_of_utterance>\nAssistant: it's"
    llama = Llama(str(VLM), vocab_only=True, verbose=False)
    try:
        theirs = llama.tokenize(ascii_text.encode(), add_bos=False, special=True)
    finally:
        llama.close()
    assert theirs == bpe.encode(ascii_text)


def test_a_text_model_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    first = text_gguf(tmp_path / "first.gguf", seed=1).read_bytes()
    assert text_gguf(tmp_path / "again.gguf", seed=1).read_bytes() == first
    assert text_gguf(tmp_path / "other.gguf", seed=2).read_bytes() != first
    assert len(first) < 300_000


def test_a_text_model_speaks_by_a_grammar_in_a_long_context(tmp_path: Path) -> None:
    import llama_cpp

    path = text_gguf(tmp_path / "text.gguf", context=32_768)
    rule = r'root ::= "{\"title\": \"" [a-z]{3,8} "\"}"'
    grammar = llama_cpp.LlamaGrammar.from_string(rule, verbose=False)
    llama = llama_cpp.Llama(str(path), n_ctx=4096, n_threads=1, n_threads_batch=1, verbose=False)
    long = "The speaker shows a slide with three bars. " * 100
    parts: Any = [{"type": "text", "text": long}]
    try:
        assert llama_cpp.llama_model_n_ctx_train(llama.model) == 32_768
        answers: list[Any] = [
            llama.create_chat_completion([{"role": "user", "content": content}],
                                         max_tokens=60, temperature=0, grammar=grammar)
            for content in (long, parts)
        ]  # fmt: skip
    finally:
        llama.close()
    plain, listed = answers
    assert plain["choices"][0] == listed["choices"][0]
    assert 3 <= len(json.loads(plain["choices"][0]["message"]["content"])["title"]) <= 8
    assert plain["usage"]["prompt_tokens"] > 1000


def test_the_other_kind_of_pair_takes_more_tokens_for_a_larger_picture(tmp_path: Path) -> None:
    scene = random_scenes(HELD_OUT_SEED, 1)[0]
    llama = open_stock(*qwen2vl_pair(tmp_path))
    try:
        small, large = (
            stock_answer(llama, scene.draw(*size), max_tokens=4)["usage"]["prompt_tokens"]
            for size in ((320, 180), (640, 480))
        )
    finally:
        llama.close()
    assert large > small


@pytest.mark.parametrize("preset", PUBLISHED_BYTES)
def test_a_true_size_is_that_of_the_published_files(preset: str) -> None:
    """Counted, not written: half a gigabyte is much for a test. The rest is the tokenizer."""
    size, (text, vision) = PRESETS[preset], PUBLISHED_BYTES[preset]
    rest = text - _q8_bytes(text_shapes(size.text, size.text.vocabulary))
    assert 0 < rest < 2_000_000
    assert 0 < vision - _q8_bytes(vision_shapes(size.vision, size.text.width)) < 20_000


def _q8_bytes(shapes: Shapes) -> int:
    return sum(
        int(np.prod(shape)) * 34 // 32 if len(shape) == 2 and "position" not in name
        else int(np.prod(shape)) * 4
        for name, shape in shapes.items()
    )  # fmt: skip


def test_q8_0_keeps_weights_to_within_half_a_step(tmp_path: Path) -> None:
    weights = np.random.default_rng(3).standard_normal((4, 64)).astype(np.float32)
    path = write_gguf(tmp_path / "one.gguf", {"general.name": "x"}, [("w", weights)], "q8_0")
    blocks = np.frombuffer(path.read_bytes()[-288:][: 8 * 34], np.int8).reshape(8, 34)
    scale = blocks[:, :2].copy().view("<f2").astype(np.float32)
    error = np.abs(blocks[:, 2:] * scale - weights.reshape(8, 32))
    assert (error <= scale * 0.51 + 0.01).all()
    assert error.max() > 0
    with pytest.raises(ValueError, match="quantised"):
        read_gguf(path)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "no.gguf").write_bytes(b"RIFF" + bytes(60))
    with pytest.raises(ValueError, match="not a GGUF file"):
        read_gguf(tmp_path / "no.gguf")


def test_a_random_pair_goes_through_the_stock_handler(tmp_path: Path) -> None:
    bpe = Bpe("Describe this frame. " * 3, 20, SPECIALS)
    llama = open_stock(*write_random_pair(tmp_path, "random", TINY, bpe))
    try:
        answer = stock_answer(llama, random_scenes(HELD_OUT_SEED, 1)[0].draw(), max_tokens=4)
    finally:
        llama.close()
    assert answer["usage"]["prompt_tokens"] > 2 * TINY.vision.tile_tokens
    assert answer["usage"]["completion_tokens"] >= 1
