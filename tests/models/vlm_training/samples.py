"""What the tiny VLM learns from: damaged pictures, and token sequences round them."""

from __future__ import annotations

import io
import multiprocessing
import random
import threading
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scenes import random_scene

from models.bpe import Bpe
from models.smolvlm import EOS, TINY
from models.vlm_training.prompts import IMAGE, random_conversation

SIDE = TINY.vision.tile_px
SIZES = ((160, 90), (256, 144), (320, 180), (320, 180), (426, 240), (320, 240), (240, 240))
CHUNK = 500
IGNORED = -100
"""A target that does not count."""
_PLAIN = f"<|im_start|>User: {IMAGE}<end_of_utterance>\nAssistant:"


class Chunk(NamedTuple):
    """Scenes as the model sees them: uint8 [n, SIDE, SIDE, 3], RGB, and their captions."""

    images: NDArray[np.uint8]
    captions: list[str]


def draw_chunk(seed_and_count: tuple[int, int]) -> Chunk:
    """Draw random scenes in several sizes, damage them as video does, scale them to one tile."""
    seed, count = seed_and_count
    rng = random.Random(seed)
    images = np.empty((count, SIDE, SIDE, 3), np.uint8)
    captions = []
    for number in range(count):
        scene = random_scene(rng)
        picture = _damaged(scene.draw(*rng.choice(SIZES)), rng)
        if rng.random() < 0.5:
            images[number] = as_libmtmd(picture)
        else:  # with image_max_tokens libmtmd scales straight to one tile
            square = _scaled(picture, (SIDE, SIDE), Image.Resampling.BICUBIC)
            images[number] = np.asarray(square)
        captions.append(scene.caption())
    return Chunk(images, captions)


def as_libmtmd(picture: Image.Image) -> NDArray[np.uint8]:
    """Scale as libmtmd's idefics3 preprocessor does; its Lanczos agrees with Pillow's to the bit.

    First the longest edge at the true aspect ratio, then stretched to whole tiles.
    """
    width, height = picture.size
    longest = TINY.vision.longest_px
    if width >= height:
        short = int(longest / (width / height))
        size = (longest, short + short % 2)
    else:
        short = int(longest * (width / height))
        size = (short + short % 2, longest)
    scaled = _scaled(picture, size, Image.Resampling.LANCZOS)
    return np.asarray(_scaled(scaled, (SIDE, SIDE), Image.Resampling.LANCZOS))


def _scaled(picture: Image.Image, size: tuple[int, int], kernel: Image.Resampling) -> Image.Image:
    return picture if picture.size == size else picture.resize(size, kernel)


def _damaged(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Blur some a little by scaling down and up; give most of them JPEG's blocks and colours."""
    if rng.random() < 0.2:
        width, height = picture.size
        share = rng.uniform(0.5, 0.9)
        small = _scaled(
            picture, (int(width * share), int(height * share)), Image.Resampling.BILINEAR
        )
        picture = _scaled(small, (width, height), Image.Resampling.BILINEAR)
    if rng.random() < 0.7:
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=rng.randint(35, 95))
        picture = Image.open(file).convert("RGB")
    return picture


class Pool:
    """Drawn scenes; a child process draws more while training goes on."""

    def __init__(self, scenes: int, first_seed: int) -> None:
        self._chunks: list[Chunk] = []
        self._workers = multiprocessing.get_context("spawn").Pool(1)
        jobs = [(first_seed + number, CHUNK) for number in range(max(1, scenes // CHUNK))]
        self._chunks.append(self._workers.apply(draw_chunk, jobs[:1]))
        threading.Thread(target=self._fill, args=(jobs[1:],), daemon=True).start()

    def _fill(self, jobs: list[tuple[int, int]]) -> None:
        for chunk in self._workers.imap(draw_chunk, jobs):
            self._chunks.append(chunk)

    def batch(self, rng: random.Random, count: int) -> Chunk:
        """Return random scenes out of what is there."""
        images, captions = [], []
        for _ in range(count):
            chunk = self._chunks[rng.randrange(len(self._chunks))]
            at = rng.randrange(len(chunk.captions))
            images.append(chunk.images[at])
            captions.append(chunk.captions[at])
        return Chunk(np.stack(images), captions)

    def close(self) -> None:
        """Stop drawing."""
        self._workers.terminate()


@dataclass(frozen=True, slots=True)
class Sequences:
    """Makes token sequences: -1 where a token of the image is, then the caption to predict."""

    bpe: Bpe

    def batch(
        self, rng: random.Random, captions: list[str], plain: bool, longest: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return inputs and targets, int64 [batch, tokens].

        ``plain`` leaves the prompt out. Prompts are drawn again while they have more than
        ``longest`` tokens, in the end left out.
        """
        pairs = [
            (self._prompt(rng, plain, longest), [*self.bpe.encode(f" {caption}"), EOS])
            for caption in captions
        ]
        tokens = max(len(prompt) + len(answer) for prompt, answer in pairs)
        ids = np.zeros((len(pairs), tokens), np.int64)
        targets = np.full((len(pairs), tokens), IGNORED, np.int64)
        for row, (prompt, answer) in enumerate(pairs):
            end = len(prompt) + len(answer)
            ids[row, :end] = prompt + answer
            targets[row, len(prompt) - 1 : end - 1] = answer
        return ids, targets

    def _prompt(self, rng: random.Random, plain: bool, longest: int) -> list[int]:
        for _ in range(8):
            ids = self._one_prompt(rng, plain)
            if len(ids) <= longest:
                return ids
        return self._one_prompt(rng, plain=True)

    def _one_prompt(self, rng: random.Random, plain: bool) -> list[int]:
        before, after = (_PLAIN if plain else random_conversation(rng)).split(IMAGE)
        tiled = not plain and rng.random() >= 0.6
        return [*self.bpe.encode(before), *self._image(tiled), *self.bpe.encode(after)]

    def _image(self, tiled: bool) -> list[int]:
        """The overview alone; or as llama.cpp feeds a 1 x 1 grid: the tile, then the overview."""
        encode = self.bpe.encode
        image = [-1] * TINY.vision.tile_tokens
        mark = encode("<fake_token_around_image>")
        overview = [*mark, *encode("<global-img>"), *image, *mark]
        if not tiled:
            return overview
        return [*mark, *encode("<row_1_col_1>"), *image, *encode("\n\n"), *overview]
