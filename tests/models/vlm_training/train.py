"""Trains the tiny VLM on drawn scenes and writes its two GGUF files. Needs torch.

PYTHONPATH=tests python -m models.vlm_training.train --minutes 55 --out DIR
"""

from __future__ import annotations

import argparse
import math
import random
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.vlm_training.network import TinyVlm
from models.vlm_training.prompts import tokenizer
from models.vlm_training.samples import IGNORED, Chunk, Pool, Sequences, draw_chunk

HELD_OUT_SEED = 1
POOL_SEED = 10_000_000
LOWEST_RATE = 2e-5
WARM_UP_STEPS = 200


def loss_and_exact(model: TinyVlm, images: Tensor, ids: Tensor, targets: Tensor) -> list[Tensor]:
    """Return the loss, and the share of captions with every token right (teacher forced)."""
    counted = targets != IGNORED
    logits = model.text.logits(model(images, ids)[counted])
    wrong = logits.argmax(-1) != targets[counted]
    exact = torch.ones(len(ids))
    exact[counted.nonzero()[:, 0][wrong]] = 0
    return [F.cross_entropy(logits, targets[counted]), exact.mean()]


def rate(highest: float, step: int, done: float) -> float:
    """Return the learning rate: a warm-up, then a cosine; ``done`` is the share of the run."""
    warm = min(1.0, (step + 1) / WARM_UP_STEPS)
    return max(LOWEST_RATE, highest * warm * (0.5 + 0.5 * math.cos(math.pi * min(1.0, done))))


class Trainer:
    """One run."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.model = TinyVlm(tokenizer())
        if options.start_from:
            self.model.load(options.start_from)
        self.sequences = Sequences(self.model.bpe)
        self.rng = random.Random(options.seed)
        parameters = self.model.parameters()
        self.optimizer = torch.optim.AdamW(
            parameters, options.rate, betas=(0.9, 0.98), weight_decay=0.02
        )
        self.held_out = draw_chunk((HELD_OUT_SEED, 512))

    def run(self) -> None:
        """Train until time or steps are up; what is there is written every 500 steps."""
        options, started = self.options, time.monotonic()
        pool = Pool(options.pool, POOL_SEED + options.seed * 1000)
        for step in range(options.steps):
            done = max(step / options.steps, (time.monotonic() - started) / (options.minutes * 60))
            if done >= 1:
                break
            chunk = pool.batch(self.rng, options.batch)
            loss, exact = self.step(chunk, step, done)
            if step % 50 == 0:
                print(f"step {step} loss {loss:.4f} exact {exact:.3f}", flush=True)
            if step % 500 == 499:
                self.report()
        pool.close()
        self.report()

    def step(self, chunk: Chunk, step: int, done: float) -> tuple[float, float]:
        """Learn from one batch. The first steps have no prompt, then few have none."""
        plain = step < self.options.plain_steps or self.rng.random() < 0.15
        longest = 96 if self.rng.random() < 0.8 else 260
        loss, exact = self._measure(chunk, self.rng, plain, longest)
        for group in self.optimizer.param_groups:
            group["lr"] = rate(self.options.rate, step, done)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return loss.item(), exact.item()

    def report(self) -> None:
        """Say how many held-out scenes are told exactly, with chance prompts; save the model."""
        exact, batch = [], 64
        with torch.no_grad():
            for start in range(0, len(self.held_out.captions), batch):
                rows = slice(start, start + batch)
                part = Chunk(self.held_out.images[rows], self.held_out.captions[rows])
                exact.append(self._measure(part, random.Random(start), False, 160)[1].item())
        print(f"held-out exact (teacher forced): {sum(exact) / len(exact):.4f}", flush=True)
        self.model.save(self.options.out)

    def _measure(self, chunk: Chunk, rng: random.Random, plain: bool, longest: int) -> list[Tensor]:
        ids, targets = map(
            torch.from_numpy, self.sequences.batch(rng, chunk.captions, plain, longest)
        )
        return loss_and_exact(self.model, torch.from_numpy(chunk.images), ids, targets)


def main() -> None:
    """Train as the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=55)
    parser.add_argument("--steps", type=int, default=8000, help="length of the rate's schedule")
    parser.add_argument("--plain-steps", type=int, default=1500, help="first steps, no prompt")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--pool", type=int, default=60_000, help="scenes")
    parser.add_argument("--threads", type=int, default=1, help="1 is fastest on a busy machine")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start-from", type=Path, help="folder with a pair to train on")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    Trainer(options).run()


if __name__ == "__main__":
    main()
