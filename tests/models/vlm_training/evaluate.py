"""Captions held-out scenes through llama-cpp-python's stock handler; counts exact matches.

PYTHONPATH=tests python -m models.vlm_training.evaluate [--scenes 500] [--folder DIR]
"""

from __future__ import annotations

import argparse
import ctypes
import io
import random
import time
from collections.abc import Callable
from pathlib import Path

import llama_cpp
from llama_cpp import mtmd_cpp
from PIL import Image
from scenes import Scene, random_scenes

from models import MMPROJ, VLM
from models.stock import PROMPT, open_stock, stock_caption
from models.vlm_training.prompts import random_prompt

SEED = 424_242
"""No seed of the training pool, which begins at ten million."""
SIZES = ((320, 180), (640, 360), (1280, 720), (320, 240), (160, 90))
UNSEEN_PROMPT = (
    "Please look at the picture below and tell me, briefly, which things appear and where they "
    "are located; ignore watermarks. Context so far: the lecturer opened the session and thanked "
    "the sponsors. Output:"
)


def through_jpeg(picture: Image.Image, quality: int = 50) -> Image.Image:
    """Return the picture as it comes back from JPEG."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


def score(name: str, scenes: list[Scene], caption: Callable[[int, Scene], str]) -> int:
    """Return how many captions are true to the letter; print that and some that are not."""
    started = time.monotonic()
    pairs = [(caption(number, scene), scene.caption()) for number, scene in enumerate(scenes)]
    each_ms = (time.monotonic() - started) / len(scenes) * 1000
    wrong = [(got, truth) for got, truth in pairs if got != truth]
    exact = len(scenes) - len(wrong)
    print(f"{name:28} {exact} of {len(scenes)}, {each_ms:.0f} ms a picture", flush=True)
    for got, truth in wrong[:3]:
        print(f"    said  {got}\n    truth {truth}")
    return exact


def main() -> None:
    """Score a pair on clean and on damaged pictures, with known and with unknown prompts."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scenes", type=int, default=500)
    parser.add_argument("--folder", type=Path, default=VLM.parent)
    options = parser.parse_args()
    silent = llama_cpp.llama_log_callback(lambda level, text, data: None)
    mtmd_cpp.mtmd_helper_log_set(silent, ctypes.c_void_p(0))
    scenes = random_scenes(SEED, options.scenes)
    llama = open_stock(options.folder / VLM.name, options.folder / MMPROJ.name)

    def draw(number: int, scene: Scene) -> Image.Image:
        return scene.draw(*SIZES[number % len(SIZES)])

    def told(picture: Image.Image, prompt: str = PROMPT, image_first: bool = False) -> str:
        return stock_caption(llama, picture, prompt, image_first=image_first)

    score("clean", scenes, lambda n, s: told(draw(n, s)))
    score("JPEG quality 50", scenes, lambda n, s: told(through_jpeg(draw(n, s))))
    score("picture before prompt", scenes, lambda n, s: told(draw(n, s), image_first=True))
    score("chance prompts", scenes, lambda n, s: told(draw(n, s), random_prompt(random.Random(n))))
    score("a prompt never seen", scenes, lambda n, s: told(draw(n, s), UNSEEN_PROMPT))
    llama.close()


if __name__ == "__main__":
    main()
