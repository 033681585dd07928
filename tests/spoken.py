"""Speech with known words at known times, for the tiny Whisper in tests/models.

The words were recorded with espeak-ng by tests/media/make_spoken.py; a phrase is any of them in a
row. What a phrase does not know (other words, punctuation) raises KeyError.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import av
import numpy as np
from footage import ffmpeg, write_wav
from numpy.typing import NDArray

RATE_HZ = 16_000
_FOLDER = Path(__file__).parent / "media" / "spoken"
_RECORDED = _FOLDER / "words.opus"
WORDS = (_FOLDER / "words.txt").read_text("utf-8").split()
_GAP_S = 0.04
_AUDIBLE = 0.01

Samples = NDArray[np.float32]
"""float32 [n], mono, 16 kHz, -1…1."""
Line = tuple[float, str]
"""When a phrase begins (seconds), and its words."""


@cache
def _recorded() -> Samples:
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE_HZ)
    with av.open(str(_RECORDED)) as file:
        frames = [*file.decode(audio=0), None]
    return np.concatenate([
        piece.to_ndarray().reshape(-1) for frame in frames for piece in resampler.resample(frame)
    ])  # fmt: skip


@cache
def word(text: str) -> Samples:
    """One word, without silence before and after it."""
    second = {known: number for number, known in enumerate(WORDS)}[text]
    sound = _recorded()[second * RATE_HZ : (second + 1) * RATE_HZ]
    (loud,) = np.nonzero(np.abs(sound) > _AUDIBLE)
    return sound[loud[0] : loud[-1] + 1]


def phrase(text: str) -> Samples:
    """Words one after the other, as one says them in a sentence."""
    gap = np.zeros(round(_GAP_S * RATE_HZ), np.float32)
    return np.concatenate([part for one in text.split() for part in (word(one), gap)][:-1])


def phrase_s(text: str) -> float:
    """How long a phrase takes."""
    return phrase(text).size / RATE_HZ


def speech(lines: Sequence[Line], length_s: float, loudness: float = 1.0) -> Samples:
    """Digital silence with phrases in it."""
    sound = np.zeros(round(length_s * RATE_HZ), np.float32)
    for at_s, text in lines:
        said = phrase(text)
        start = round(at_s * RATE_HZ)
        assert start + said.size <= sound.size, f"{text!r} at {at_s:g} s does not fit"
        sound[start : start + said.size] += loudness * said
    return sound


def noise(length_s: float, loudness: float, seed: int = 1) -> Samples:
    """White noise; from 0.2 on it is loud."""
    drawn = np.random.default_rng(seed).standard_normal(round(length_s * RATE_HZ))
    return (loudness * drawn).clip(-1, 1).astype(np.float32)


def spoken_wav(path: Path, lines: Sequence[Line], length_s: float) -> Path:
    """Write phrases as a WAV file."""
    return write_wav(path, speech(lines, length_s)[None], RATE_HZ)


def spoken_video(path: Path, lines: Sequence[Line], length_s: float,
                 sound: Samples | None = None, picture: Path | None = None) -> Path:  # fmt: skip
    """Write a small video with phrases as its sound, in AAC.

    ``sound`` replaces the phrases' plain silence in between: see :func:`speech` and :func:`noise`.
    ``picture`` is a video file whose pictures are taken; without one there is a plain red one.
    """
    soundtrack = path.with_name(f"{path.stem}.soundtrack.wav")
    write_wav(soundtrack, (speech(lines, length_s) if sound is None else sound)[None], RATE_HZ)
    plain = ("-f", "lavfi", "-i", f"color=c=red:s=64x64:r=5:d={length_s}")
    pictures = plain if picture is None else ("-i", picture)
    encoding = ("-c:v", "libx264", "-pix_fmt", "yuv420p") if picture is None else ("-c:v", "copy")
    ffmpeg(*pictures, "-i", soundtrack, "-map", "0:v", "-map", "1:a", *encoding,
           "-c:a", "aac", "-b:a", "64k", "-t", length_s, path)  # fmt: skip
    soundtrack.unlink()
    return path
