"""Makes a training pool: log-mel windows of synthetic speech, with word times. No torch.

    PYTHONPATH=tests python -m models.whisper_training.pool --out pool_0.npz --seed 0

Needs faster-whisper, and espeak-ng's library.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import numpy as np
from faster_whisper.feature_extractor import FeatureExtractor

from models.whisper_training.espeak import RATE_HZ, Espeak
from models.whisper_training.speech import Speech, composition, random_bank, random_noise


def random_window(bank: list[Speech], rng: random.Random, noise_rng: np.random.Generator) -> Speech:
    """Return 2 to 38 seconds of speech; now and then noise or silence alone."""
    if rng.random() >= 0.06:
        lengths_s = [rng.uniform(*span) for span in ((2, 12), (12, 30), (25, 38))]
        return composition(bank, rng, noise_rng, rng.choice(lengths_s))
    count = int(rng.uniform(0.5, 30) * RATE_HZ)
    if rng.random() >= 0.75:
        return Speech(np.zeros(count, np.float32), [])
    return Speech(random_noise(rng, noise_rng, count) * 10 ** rng.uniform(-4, -0.7), [])


def write_pool(path: Path, windows: int, phrases: int, seed: int) -> None:
    """Write arrays end to end: float16 log-mels [80, frames], words [n, 3], lengths of both."""
    rng, noise_rng = random.Random(seed), np.random.default_rng(seed)
    bank = random_bank(Espeak(), rng, phrases)
    extract = FeatureExtractor()
    features, words = [], []
    for _ in range(windows):
        speech = random_window(bank, rng, noise_rng)
        features.append(extract(speech.wave).astype(np.float16))
        words.append(np.array(speech.words, np.float32).reshape(-1, 3))
    np.savez(
        path,
        features=np.concatenate(features, 1),
        lengths=[one.shape[1] for one in features],
        words=np.concatenate(words),
        counts=[len(one) for one in words],
    )


def main() -> None:
    """Make one pool."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--windows", type=int, default=2200)
    parser.add_argument("--phrases", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    write_pool(options.out, options.windows, options.phrases, options.seed)


if __name__ == "__main__":
    main()
