"""A machine's seconds per unit, by a tiny model through llama.cpp and by numpy."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path

import pytest
from models import MMPROJ, VLM
from models.text_gguf import text_gguf

from vidsum.backends import calibration
from vidsum.backends.calibration import (
    LLAMA,
    STAND_IN,
    Calibration,
    calibrate,
    matrix_products,
    prefill_of,
)
from vidsum.backends.gguf_shape import shape_of
from vidsum.backends.llama import LlamaChat
from vidsum.costs.units import prefill
from vidsum.data import ChatRequest
from vidsum.errors import BackendFailed, VidsumError


def check(found: Calibration) -> None:
    assert math.isfinite(found.s_per_cu)
    assert found.s_per_cu > 0
    assert 0 <= found.spread < math.inf


@pytest.mark.parametrize("name", ["text", "vlm"])
def test_a_model_reads_a_prompt_of_the_units_length(tmp_path: Path, name: str) -> None:
    path = VLM if name == "vlm" else text_gguf(tmp_path / "text.gguf")
    found = calibrate(path, threads=1)
    check(found)
    assert (found.method, found.model, found.repeats) == (LLAMA, path.name, 5)
    assert found.tokens == pytest.approx(200, abs=10)
    shape = shape_of(path)
    assert shape is not None
    assert found.flops == prefill(shape.parameters, found.tokens, shape.layers, shape.width)


def test_every_repeat_reads_the_whole_prompt(tmp_path: Path) -> None:
    """From the cache all but one token would be free, and no seconds were left."""
    with contextlib.closing(LlamaChat(text_gguf(tmp_path / "text.gguf"), "tiny")) as chat:
        prompt = " seven" * 20
        first, second = calibration._read(chat, prompt), calibration._read(chat, prompt)
        cached = chat.complete(ChatRequest("", prompt, max_tokens=1)).usage.cached_tokens
    assert first.usage == second.usage
    assert (first.usage.cached_tokens, first.usage.input_tokens) == (0, (cached or 0) + 1)


def test_without_a_model_a_stand_in_says_that_it_is_one() -> None:
    found = matrix_products(tokens=8, width=64, keys=16, hidden=96, repeats=2)
    check(found)
    assert (found.method, found.model, found.repeats) == (STAND_IN, None, 2)
    assert "stand-in" in found.method
    weights = 64 * 64 + 64 * 16 + 64 * 96 + 96 * 64
    assert found.flops == prefill(weights, 8, layers=0, width=0)


def test_repeats_are_told(tmp_path: Path) -> None:
    assert prefill_of(text_gguf(tmp_path / "text.gguf"), 1, repeats=2).repeats == 2


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackendFailed, match="dimensions") as caught:
        calibrate(MMPROJ, 1)
    assert caught.value.hint
    with pytest.raises(VidsumError):
        calibrate(tmp_path / "missing.gguf", 1)
