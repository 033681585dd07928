"""Makes the test speech: the 35 words that the tiny Whisper in tests/models knows, one a second.

Run `python tests/media/make_spoken.py` from anywhere. It needs espeak-ng on the PATH and the
project's own dependencies, no network. It reads spoken/words.txt and writes spoken/words.opus:
word number k begins at second k. tests/spoken.py cuts them out again and puts them where a test
wants them. Opus, because it has 70 kB and the same words in FLAC 270.
"""

from __future__ import annotations

import subprocess
import tempfile
import wave
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

FOLDER = Path(__file__).resolve().parent / "spoken"
OUT_PATH = FOLDER / "words.opus"
WORDS = (FOLDER / "words.txt").read_text("utf-8").split()
VOICE = "en"
AUDIBLE = 0.01


def said(word: str, folder: Path) -> tuple[NDArray[np.float32], int]:
    """Return a word without the silence around it, -1…1, and its sample rate."""
    path = folder / "word.wav"
    subprocess.run(["espeak-ng", "-v", VOICE, "-w", str(path), word], check=True)
    with wave.open(str(path)) as file:
        rate_hz = file.getframerate()
        raw = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    samples = raw.astype(np.float32) / 32768
    (loud,) = np.nonzero(np.abs(samples) > AUDIBLE)
    return samples[loud[0] : loud[-1] + 1], rate_hz


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seconds = []
        for word in WORDS:
            samples, rate_hz = said(word, folder)
            second = np.zeros(rate_hz, np.float32)
            second[: samples.size] = samples
            seconds.append(second)
        joined = folder / "words.wav"
        with wave.open(str(joined), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(rate_hz)
            file.writeframes((np.concatenate(seconds) * 32767).astype("<i2").tobytes())
        subprocess.run(
            [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-i", joined, "-c:a", "libopus",
             "-b:a", "24k", "-map_metadata", "-1", "-fflags", "+bitexact", OUT_PATH],
            check=True,
        )  # fmt: skip


if __name__ == "__main__":
    main()
