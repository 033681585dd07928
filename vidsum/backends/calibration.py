"""How many seconds a compute unit takes on this machine, so that seconds can be read as units."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vidsum.backends.gguf_shape import shape_of
from vidsum.backends.llama import LlamaChat
from vidsum.costs.units import chat_flops, cu
from vidsum.data import ChatRequest, Reply
from vidsum.errors import BackendFailed
from vidsum.wording import shown

PROMPT_TOKENS: Final = 200
"""The unit's own prompt."""
LLAMA: Final = "llama.cpp: prefill of a prompt"
STAND_IN: Final = "stand-in without a model: numpy float32 matrix products of an 8B model's sizes"
_REPEATS: Final = 5
_LONGEST_S: Final = 60.0
"""After this no further repeat is begun; a large model on few cores takes that long for one."""
_WORD: Final = " seven"
_8B_WIDTH, _8B_KEYS, _8B_HIDDEN = 4096, 1024, 14_336
"""Source: Llama 3 8B, config.json."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Seconds per CU, by what, and how sure.

    ``model`` is the file's name, None for the stand-in. ``tokens`` are those of a prompt,
    ``flops`` what one repeat took. ``spread`` is (slowest − fastest) / median of the repeats.
    """

    s_per_cu: float
    method: str
    model: str | None
    tokens: int
    flops: float
    repeats: int
    spread: float


def calibrate(model: Path | None = None, threads: int | None = None) -> Calibration:
    """Time a prompt of about 200 tokens to a GGUF file, or without one the stand-in.

    ``threads`` None takes every core; the stand-in always has as many as numpy was given.
    Raises: BackendMissing, BackendFailed when the model cannot be used.
    """
    return matrix_products() if model is None else prefill_of(model, threads)


def prefill_of(model: Path, threads: int | None, repeats: int = _REPEATS) -> Calibration:
    """Time the reading of a prompt by a model, its cache emptied each time."""
    shape = shape_of(model)
    if shape is None:
        raise BackendFailed(f"The dimensions of the model {shown(model)} cannot be read.",
                            "Name a GGUF file of a language model.")  # fmt: skip
    with contextlib.closing(LlamaChat(model, model.name, threads=threads)) as chat:
        prompt = _prompt(chat)
        warm_up = _read(chat, prompt)  # it pages the weights in
        times_s = _repeated(lambda: _read(chat, prompt).timings_s["prefill"], repeats)
    tokens = warm_up.usage.input_tokens or 0
    flops = chat_flops(shape, input_tokens=tokens, cached_tokens=0, output_tokens=0)
    return _calibration(LLAMA, model.name, tokens, flops, times_s)


def _prompt(chat: LlamaChat) -> str:
    """Return a prompt that is about :data:`PROMPT_TOKENS` long with what the template adds."""
    around = (_read(chat, _WORD).usage.input_tokens or 0) - chat.count_tokens(_WORD)[0]
    in_ten = max(1, chat.count_tokens(_WORD * 10)[0])
    return _WORD * max(1, (PROMPT_TOKENS - around) * 10 // in_ten)


def _read(chat: LlamaChat, prompt: str) -> Reply:
    """Have a prompt read anew, nothing of it from the cache. Raises: BackendFailed."""
    chat.forget()
    return chat.complete(ChatRequest("", prompt, max_tokens=1))


def matrix_products(
    tokens: int = PROMPT_TOKENS, width: int = _8B_WIDTH, keys: int = _8B_KEYS,
    hidden: int = _8B_HIDDEN, repeats: int = 3,
) -> Calibration:  # fmt: skip
    """Time the matrix products of one layer, in the sizes of an 8B model unless told otherwise.

    Each size is multiplied once: width × width (queries), × keys, × hidden and back. Takes about
    500 MB and a few seconds. What llama.cpp makes of quantised weights can be much faster or
    slower.
    """
    import numpy as np

    rng = np.random.default_rng(0)
    sizes = ((width, width), (width, keys), (width, hidden), (hidden, width))
    matrices = [rng.random(size, np.float32) for size in sizes]
    inputs = [rng.random((tokens, rows), np.float32) for rows, _ in sizes]

    def products() -> float:
        begun_s = time.perf_counter()
        for left, right in zip(inputs, matrices, strict=True):
            np.matmul(left, right)
        return time.perf_counter() - begun_s

    products()  # a warm-up: threads start, memory is there
    flops = 2.0 * tokens * sum(rows * columns for rows, columns in sizes)
    return _calibration(STAND_IN, None, tokens, flops, _repeated(products, repeats))


def _repeated(timed: Callable[[], float], repeats: int) -> list[float]:
    """Return what a few repeats took, in seconds; fewer when they take long."""
    times_s: list[float] = []
    while len(times_s) < max(1, repeats) and sum(times_s) < _LONGEST_S:
        times_s.append(timed())
    return times_s


def _calibration(
    method: str, model: str | None, tokens: int, flops: float, times_s: list[float]
) -> Calibration:  # fmt: skip
    median_s = statistics.median(times_s)
    return Calibration(
        s_per_cu=median_s / cu(flops), method=method, model=model, tokens=tokens, flops=flops,
        repeats=len(times_s), spread=(max(times_s) - min(times_s)) / median_s,
    )  # fmt: skip
