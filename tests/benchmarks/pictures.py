"""What it costs to keep the image engine in a process of its own, and what smooth motion costs.

    PYTHONPATH=tests python tests/benchmarks/pictures.py

Pictures: the local engine against stable-diffusion-cpp-python in this process, both with weights
worked out by hand (tests/models/flux2.py), the same prompt, seed and reference, 2 steps. Clips: our
move against ffmpeg's zoompan on the picture as it is, 5 s of 720p at 25 frames a second: seconds,
and how the view jerks (tests/broll/test_motion.py), in pixels of the clip. Rounds alternate; the
median is printed.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from broll.test_motion import jerk_px, texture
from models.flux2 import write_model
from PIL import Image

from vidsum.broll import motion
from vidsum.broll.engines.local import LocalEngine
from vidsum.broll.engines.protocol import ImageRequest
from vidsum.broll.marking import Marks
from vidsum.config import Options

Pixels = np.ndarray[Any, Any]
ROUNDS, PICTURES, THREADS = 3, 3, 2
PROMPT = "a barn on a hill at dawn, seen from far away"


def ours(engine: LocalEngine, reference: Pixels) -> float:
    """Return the seconds of some pictures by our engine, the model being loaded."""
    started_s = time.perf_counter()
    for seed in range(PICTURES):
        engine.generate(ImageRequest(PROMPT, 256, 144, seed, references=(reference,), steps=2))
    return time.perf_counter() - started_s


def theirs(model: Any, reference: Pixels) -> float:
    """Return the same for the library in this process."""
    started_s = time.perf_counter()
    for seed in range(PICTURES):
        model.generate_image(prompt=PROMPT, width=256, height=144, seed=seed, sample_steps=2,
                             cfg_scale=1.0, sample_method="euler",
                             ref_images=[Image.fromarray(reference)])  # fmt: skip
    return time.perf_counter() - started_s


def pictures(folder: Path, rounds: int) -> None:
    """Print the ratio of pictures."""
    import stable_diffusion_cpp

    files = write_model(folder / "model")
    reference = np.full((144, 256, 3), (200, 120, 60), np.uint8)
    engine = LocalEngine(Options(image_model=str(files), threads=THREADS, gpu_layers=0))
    model = stable_diffusion_cpp.StableDiffusion(
        diffusion_model_path=str(files / "diffusion.safetensors"),
        llm_path=str(files / "encoder.safetensors"), taesd_path=str(files / "decoder.safetensors"),
        n_threads=THREADS, verbose=False,
    )  # fmt: skip
    ours(engine, reference), theirs(model, reference)
    both = [(ours(engine, reference), theirs(model, reference)) for _ in range(rounds)]
    engine.close()
    mine, other = (statistics.median(column) / PICTURES for column in zip(*both, strict=True))
    print(f"a picture: ours {mine:.2f} s, in this process {other:.2f} s, ratio {mine / other:.2f}")


def clip(path: Path, picture: Pixels, times: float) -> tuple[float, float]:
    """Return the seconds of a clip whose picture is enlarged so often, and how it jerks."""
    move = next(one for one in motion.MOVES if one.name == "right")
    started_s = time.perf_counter()
    with patch.object(motion, "finer", lambda *_: times):
        motion.write_clip(path, picture, seconds=5.0, fps=Fraction(25), move=move,
                          marks=Marks("", "", "", ""))  # fmt: skip
    took_s = time.perf_counter() - started_s
    return took_s, jerk_px(path)


def clips(folder: Path, rounds: int) -> None:
    """Print seconds and jerks of our clips and of plain ones."""
    picture = texture(1280, 720)
    finer = motion.finer(1280, 720)
    both = [(clip(folder / "ours.mp4", picture, finer), clip(folder / "plain.mp4", picture, 1.0))
            for _ in range(rounds)]  # fmt: skip
    for name, times, column in zip(("ours", "plain"), (finer, 1.0), zip(*both, strict=True),
                                   strict=True):  # fmt: skip
        took_s = statistics.median(seconds for seconds, _ in column)
        print(f"a clip: {name} (enlarged {times:g} times) {took_s:.1f} s, "
              f"jerk {column[0][1]:.2f} px")  # fmt: skip


def main() -> None:
    """Run both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        pictures(Path(folder), rounds)
        clips(Path(folder), rounds)


if __name__ == "__main__":
    main()
