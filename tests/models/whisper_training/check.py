"""Word error rate and time errors of a tiny Whisper on held-out speech, through faster-whisper.

    PYTHONPATH=tests python -m models.whisper_training.check [--model DIR] [--windows 20]

Needs espeak-ng's library.
"""

from __future__ import annotations

import argparse
import random
import statistics
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from faster_whisper import WhisperModel

from models import WHISPER
from models.whisper_training.espeak import RATE_HZ, Espeak, Wave
from models.whisper_training.speech import Speech, composition, random_bank
from models.whisper_training.vocabulary import WORDS

SEED = 777
"""No seed of a training pool."""
LENGTHS_S = {"3-12 s": (3, 12), "12-29 s": (12, 29), "40-75 s": (40, 75)}
MODES: dict[str, dict[str, Any]] = {
    "beam 1": {"beam_size": 1},
    "beam 5": {"beam_size": 5},
    "beam 1, no previous text": {"beam_size": 1, "condition_on_previous_text": False},
    "the same, VAD": {"beam_size": 1, "condition_on_previous_text": False, "vad_filter": True},
}


class Match(NamedTuple):
    """Edit distance in words, and the words that agree, by their numbers in both."""

    errors: int
    pairs: list[tuple[int, int]]


def align(truth: list[str], heard: list[str]) -> Match:
    """Compare two texts word by word."""
    cost = np.zeros((len(truth) + 1, len(heard) + 1), int)
    cost[:, 0], cost[0] = range(len(truth) + 1), range(len(heard) + 1)
    for i, word in enumerate(truth, 1):
        for j, other in enumerate(heard, 1):
            swapped = cost[i - 1, j - 1] + (word != other)
            cost[i, j] = min(cost[i - 1, j] + 1, cost[i, j - 1] + 1, swapped)
    i, j, pairs = len(truth), len(heard), []
    while i and j:
        same = truth[i - 1] == heard[j - 1]
        if cost[i, j] == cost[i - 1, j - 1] + (not same):
            i, j = i - 1, j - 1
            if same:
                pairs.append((i, j))
        elif cost[i, j] == cost[i - 1, j] + 1:
            i -= 1
        else:
            j -= 1
    return Match(int(cost[-1, -1]), pairs)


def score(model: WhisperModel, name: str, speeches: list[Speech], mode: dict[str, Any]) -> None:
    """Print the word error rate, and how far the starts of segments are off."""
    errors = total = 0
    off_s = []
    for speech in speeches:
        truth = [WORDS[word.token - 1] for word in speech.words]
        heard: list[str] = []
        starts: dict[int, float] = {}
        for segment in model.transcribe(speech.wave, **mode)[0]:
            starts[len(heard)] = segment.start
            heard += segment.text.split()
        match = align(truth, heard)
        errors, total = errors + match.errors, total + len(truth)
        off_s += [abs(starts[j] - speech.words[i].start_s) for i, j in match.pairs if j in starts]
    median, p95 = statistics.median(off_s), np.percentile(off_s, 95)
    print(f"{name:34} WER {errors / total:.3f} ({errors} of {total}), segment starts off by "
          f"{median:.2f} s, p95 {p95:.2f} s", flush=True)  # fmt: skip


def quiet_things() -> dict[str, Wave]:
    """Return sounds without words."""
    noise = np.random.default_rng(SEED).standard_normal(20 * RATE_HZ).astype(np.float32)
    second = np.arange(12 * RATE_HZ) / RATE_HZ
    return {
        "silence, 10 s": np.zeros(10 * RATE_HZ, np.float32),
        "silence, 65 s": np.zeros(65 * RATE_HZ, np.float32),
        "noise at 0.01": noise * np.float32(0.01),
        "noise at 0.2": noise * np.float32(0.2),
        "440 Hz": 0.3 * np.sin(2 * np.pi * 440 * second).astype(np.float32),
    }


def main() -> None:
    """Score a model on three lengths in some modes, then on sounds without words."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, default=WHISPER)
    parser.add_argument("--windows", type=int, default=20)
    parser.add_argument("--compute-type", default="float32")
    options = parser.parse_args()
    model = WhisperModel(
        str(options.model), device="cpu", compute_type=options.compute_type, cpu_threads=1
    )
    rng, noise_rng = random.Random(SEED), np.random.default_rng(SEED)
    bank = random_bank(Espeak(), rng, 150)
    speeches = {
        name: [composition(bank, rng, noise_rng, rng.uniform(*span)) for _ in range(count)]
        for (name, span), count in zip(
            LENGTHS_S.items(), (options.windows, options.windows, options.windows // 3), strict=True
        )
    }
    for mode, settings in MODES.items():
        for name, items in speeches.items():
            score(model, f"{mode}, {name}", items, settings)
    for name, wave in quiet_things().items():
        for vad in (False, True):
            texts = [segment.text for segment in model.transcribe(wave, vad_filter=vad)[0]]
            print(f"{name}, {'VAD' if vad else 'no VAD'}: {''.join(texts)!r}")


if __name__ == "__main__":
    main()
