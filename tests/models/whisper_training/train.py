"""Trains the tiny Whisper on pools of synthetic speech. Needs torch.

    PYTHONPATH=tests python -m models.whisper_training.train --pools pool_*.npz --out weights.npz

Early steps see crops of up to 8 s at random places of the 30-s window, later ones whole windows
as well. Three losses: the next token; the word at each position, on the encoder; and where some
heads of the cross-attention look.
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

from models.whisper_training.crops import read_pools
from models.whisper_training.network import TinyWhisper
from models.whisper_training.samples import IGNORED, Batch, random_batch
from models.whisper_training.vocabulary import END, FIRST_TIME

REPORT_S, SAVE_S = 15.0, 60.0
HELD_OUT = 60
"""Windows at the end of the pools that are not trained on."""


def look_loss(truth: Tensor, looks: Tensor) -> Tensor:
    """Return how far a head looks from where it should (a divergence), a token on average."""
    rows = truth.sum().clamp(min=1)
    found = (truth * looks.clamp(min=-30)).sum()
    best = (truth * truth.clamp(min=1e-9).log()).sum()
    return (best - found) / rows


def losses(model: TinyWhisper, batch: list[Tensor], hear: bool) -> dict[str, Tensor]:
    """Return the losses, and the shares of words and of times (within 0.06 s) that are right.

    ``hear`` False leaves the encoder as it is.
    """
    mels, positions, inputs, labels, now, following, words = batch
    with torch.set_grad_enabled(hear):
        memory = model.encode(mels, positions)
    scores, looks = model.decode(inputs, memory)
    best = scores.argmax(-1)
    is_word, is_time = (labels > 0) & (labels < END), labels >= FIRST_TIME
    last = looks[-1]
    return {
        "token": F.cross_entropy(scores.flatten(0, 1), labels.flatten(), ignore_index=IGNORED),
        "word": F.cross_entropy(model.aux(memory).flatten(0, 1), words.flatten()),
        "now": look_loss(now, looks[0][:, 0]),
        "next": sum(look_loss(following, one) for one in (last[:, 0], last[:, 1], looks[1][:, 0])),
        "words right": (best == labels)[is_word].float().mean(),
        "times right": ((best - labels).abs() <= 3)[is_time].float().mean(),
    }


class Trainer:
    """One run."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.rng = random.Random(options.seed)
        self.windows = read_pools(options.pools)[:-HELD_OUT]
        self.model = TinyWhisper()
        if options.start_from:
            self.model.load(options.start_from)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), options.rate, betas=(0.9, 0.98), weight_decay=0.01
        )

    def run(self) -> None:
        """Train until the time is up; the weights are written every minute and at the end."""
        started = reported = saved = time.monotonic()
        step = 0
        while (done := (time.monotonic() - started) / (self.options.minutes * 60)) < 1:
            found = self.step(step, done)
            step += 1
            if time.monotonic() - reported > REPORT_S:
                reported = time.monotonic()
                figures = " ".join(f"{name} {value:.3f}" for name, value in found.items())
                print(f"{done:.0%} step {step} {figures}", flush=True)
            if time.monotonic() - saved > SAVE_S:
                saved = time.monotonic()
                self.model.save(self.options.out)
        self.model.save(self.options.out)

    def step(self, step: int, done: float) -> dict[str, float]:
        """Learn from one batch."""
        found = losses(self.model, self._batch(done), self.rng.random() >= self.options.deaf_share)
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate(step, done)
        looks = self.options.look_weight * (found["now"] + found["next"])
        self.optimizer.zero_grad(set_to_none=True)
        (found["token"] + found["word"] + looks).backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return {name: value.item() for name, value in found.items()}

    def _batch(self, done: float) -> list[Tensor]:
        options = self.options
        first, last = options.whole_share
        whole = done > options.whole_from and self.rng.random() < first + (last - first) * done
        count = options.wholes if whole else options.crops
        batch: Batch = random_batch(self.windows, self.rng, whole, count)
        return [torch.from_numpy(array) for array in batch]

    def _rate(self, step: int, done: float) -> float:
        warm = min(1.0, (step + 1) / self.options.warm_up)
        return float(
            self.options.rate * warm * (0.03 + 0.97 * 0.5 * (1 + math.cos(math.pi * done)))
        )


def main() -> None:
    """Train as the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pools", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start-from", type=Path, help="weights to train on")
    parser.add_argument("--minutes", type=float, default=18)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--warm-up", type=int, default=150, help="steps")
    parser.add_argument("--crops", type=int, default=24, help="crops in a batch")
    parser.add_argument("--wholes", type=int, default=6, help="whole windows in a batch")
    parser.add_argument("--whole-from", type=float, default=0.6, help="share of the time")
    parser.add_argument("--whole-share", type=float, nargs=2, default=[0.3, 0.8],
                        help="share of steps with whole windows, first and last")  # fmt: skip
    parser.add_argument("--deaf-share", type=float, default=0.0,
                        help="share of steps that train the decoder only")  # fmt: skip
    parser.add_argument("--look-weight", type=float, default=0.15)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    Trainer(options).run()


if __name__ == "__main__":
    main()
