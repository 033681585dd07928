"""Seconds a caption against llama-cpp-python's own handler, as ratios within one run.

    PYTHONPATH=tests python -m models.true_size --preset smolvlm2-500m --out /tmp/smol
    python tests/benchmarks/captions.py --model /tmp/smol/smolvlm2-500m-q8_0.gguf \\
        --mmproj /tmp/smol/mmproj-smolvlm2-500m-q8_0.gguf

On busy cores one thread is faster than two, several times: give --threads 1 there. Random weights
do: they take as long as true ones, whatever they say. Every way is asked the same:
vidsum's own prompt with 300 letters of speech and the caption before, a 1280x720 picture of its
own, 48 tokens out. The rounds alternate; the median is printed.
"""

from __future__ import annotations

import argparse
import base64
import io
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vidsum.backends.llama_model import llama_class
from vidsum.backends.llama_vision import LlamaVision
from vidsum.backends.machine import layers_on_gpu, usable_cores
from vidsum.captioners.local import ANSWER_TOKENS, OVERVIEW_SIDE_PX
from vidsum.captioners.prompting import CaptionPrompt, caption_prompt, new_fence
from vidsum.captioners.protocol import CaptionRequest
from vidsum.config import Options
from vidsum.data import Caption, ChatRequest, PictureFacts, Reply, Sample
from vidsum.media.picture import shrink

ROUNDS = 3
FACTS = PictureFacts("bright", 200.0, False, False, "none", 0.3)
SPEECH = "so if you look at the graph on the left you see how the model learns from the data and "
CAPTION = "A man stands before a white board and points at a graph with three lines."
FENCE = new_fence()
Way = Callable[[CaptionPrompt, "np.ndarray[Any, Any]"], str]


def question(number: int) -> CaptionPrompt:
    """Return what is asked about one picture: the speech is another each time."""
    sample = Sample(number, 5.0 * number, 5.0 * number, 5.0 * number)
    said = f"{number} things to say, " + SPEECH * 5
    before = Caption(number - 1, sample.time_s - 5, f"{CAPTION} It is {number}.", "local")
    return caption_prompt(CaptionRequest(sample, FACTS, speech=said), before, Options(), FENCE)


def picture(number: int) -> np.ndarray[Any, Any]:
    """Return a picture like no other: uint8 [720, 1280, 3]."""
    rng = np.random.default_rng(number)
    coarse = Image.fromarray(rng.integers(0, 256, (18, 32, 3), dtype=np.uint8))
    return np.asarray(coarse.resize((1280, 720), Image.Resampling.BICUBIC))


def ours(vision: LlamaVision, *, overview: bool, keep: bool) -> Way:
    """Return the way that vidsum goes, with or without what is in the cache."""

    def ask(asked: CaptionPrompt, image: np.ndarray[Any, Any]) -> str:
        if not keep:
            vision.forget()
        seen = shrink(image, OVERVIEW_SIDE_PX) if overview else image
        return steps_of(vision.complete(
            ChatRequest(asked.system, asked.prompt, (seen,), max_tokens=ANSWER_TOKENS)
        ))  # fmt: skip

    return ask


def steps_of(reply: Reply) -> str:
    """Return a reply's figures on one line."""
    usage = reply.usage
    steps = " ".join(f"{step} {taken_s:.2f}" for step, taken_s in reply.timings_s.items())
    tokens = f"{usage.input_tokens} in ({usage.cached_tokens} cached), {usage.output_tokens} out"
    return f"{tokens}; {steps}"


def stock(model: Path, mmproj: Path, threads: int, gpu_layers: int) -> Way:
    """Return the way that llama-cpp-python documents."""
    from llama_cpp.llama_chat_format import MTMDChatHandler

    handler = MTMDChatHandler(str(mmproj))
    llama = llama_class()(
        str(model), chat_handler=handler, n_ctx=4096, n_threads=threads, n_threads_batch=threads,
        n_gpu_layers=gpu_layers, verbose=False,
    )  # fmt: skip

    def ask(asked: CaptionPrompt, image: np.ndarray[Any, Any]) -> str:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=90)
        url = "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
        parts: list[Any] = [{"type": "text", "text": asked.prompt},
                            {"type": "image_url", "image_url": {"url": url}}]  # fmt: skip
        system: Any = [{"type": "text", "text": asked.system}]
        messages: list[Any] = [{"role": "system", "content": system},
                               {"role": "user", "content": parts}]  # fmt: skip
        answer: Any = llama.create_chat_completion(
            messages, max_tokens=ANSWER_TOKENS, temperature=0
        )
        usage = answer["usage"]
        return f"{usage['prompt_tokens']} in, {usage['completion_tokens']} out"

    return ask


def main() -> None:
    """Ask every way in turn and print seconds a caption."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--mmproj", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=usable_cores())
    parser.add_argument("--gpu-layers", type=int, default=None)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    common: Any = {"threads": options.threads, "gpu_layers": options.gpu_layers}
    overview = LlamaVision(options.model, options.mmproj, "overview", **common)
    tiles = LlamaVision(options.model, options.mmproj, "all", tiles="all", **common)
    layers = layers_on_gpu(options.gpu_layers)
    ways: dict[str, Way] = {
        "overview": ours(overview, overview=True, keep=True),
        "overview, empty cache": ours(overview, overview=True, keep=False),
        "all tiles": ours(tiles, overview=False, keep=True),
        "stock handler": stock(options.model, options.mmproj, options.threads, layers),
    }
    taken_s: dict[str, list[float]] = {name: [] for name in ways}
    last: dict[str, str] = {}
    for number in range(options.rounds + 1):  # the first loads the models and does not count
        for name, ask in ways.items():
            before_s = time.perf_counter()
            last[name] = ask(question(number), picture(number))
            taken_s[name].append(time.perf_counter() - before_s)
    slowest_s = statistics.median(taken_s["stock handler"][1:])
    for name, seconds in taken_s.items():
        median_s = statistics.median(seconds[1:])
        print(f"{name:24} {median_s:7.2f} s a caption  {slowest_s / median_s:5.1f}x  {last[name]}")
    overview.close()
    tiles.close()


if __name__ == "__main__":
    main()
