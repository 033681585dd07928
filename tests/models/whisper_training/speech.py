"""Random phrases and compositions of them, with the truth: which word is where."""

from __future__ import annotations

import random
from typing import NamedTuple

import numpy as np

from models.whisper_training.espeak import RATE_HZ, Espeak, Mark, Wave
from models.whisper_training.vocabulary import WORD_IDS, WORDS

VOICES = ("en", "en-us", "en", "en-us", "en-gb-x-rp", "en-gb-scotland")
VARIANTS = ("m1", "m2", "m3", "m4", "m5", "m6", "m7", "f1", "f2", "f3", "f4", "f5")
AUDIBLE = 0.02
_STEP = RATE_HZ // 100


class Word(NamedTuple):
    """A spoken word: from, to (seconds) and its token."""

    start_s: float
    end_s: float
    token: int


class Speech(NamedTuple):
    """A wave and the words in it."""

    wave: Wave
    words: list[Word]


def random_phrase(espeak: Espeak, rng: random.Random) -> Speech | None:
    """Return one to eight words at full loudness, or None where espeak-ng's marks are unclear."""
    count = rng.choices(range(1, 9), (4, 5, 6, 5, 4, 3, 2, 2))[0]
    words = [rng.choice(WORDS) for _ in range(count)]
    text = _punctuated(words, rng)
    wave, marks = espeak.say(text, *_voice(rng))
    starts = _starts(text, words, marks)
    loudest = np.abs(wave).max()
    if len(starts) != len(words) or loudest < AUDIBLE:
        return None
    wave = wave / loudest
    total_s = len(wave) / RATE_HZ
    spoken = [
        Word(start, min(_audible_until(wave, start, end), end), WORD_IDS[word])
        for word, start, end in zip(words, starts, [*starts[1:], total_s], strict=True)
    ]
    kept_s = min(total_s, spoken[-1].end_s + 0.05)
    return Speech(wave[: int(kept_s * RATE_HZ)], spoken)


def random_bank(espeak: Espeak, rng: random.Random, count: int) -> list[Speech]:
    """Return that many phrases, none longer than seven seconds."""
    bank: list[Speech] = []
    while len(bank) < count:
        phrase = random_phrase(espeak, rng)
        if phrase is not None and len(phrase.wave) < 7 * RATE_HZ:
            bank.append(phrase)
    return bank


def composition(
    bank: list[Speech], rng: random.Random, noise_rng: np.random.Generator, seconds: float
) -> Speech:
    """Return phrases with pauses of 0.3 to 9 s between them, mostly with some noise."""
    wave = np.zeros(int(seconds * RATE_HZ), np.float32)
    words: list[Word] = []
    at = rng.choice([0.0, 0.05, rng.uniform(0, 0.6), rng.uniform(0, 0.6), rng.uniform(0.6, 4)])
    loudness = 10 ** rng.uniform(-1.2, -0.05)
    while True:
        phrase = bank[rng.randrange(len(bank))]
        length_s = len(phrase.wave) / RATE_HZ
        if at + length_s > seconds - 0.02:
            break
        first = int(at * RATE_HZ)
        varied = loudness * 10 ** rng.uniform(-0.15, 0.15)
        wave[first : first + len(phrase.wave)] += phrase.wave * varied
        words += [Word(at + word.start_s, at + word.end_s, word.token) for word in phrase.words]
        at += length_s + _pause_s(rng)
    if rng.random() < 0.65:
        wave += random_noise(rng, noise_rng, len(wave)) * loudness * 10 ** rng.uniform(-3.5, -1)
    return Speech(wave / max(1, np.abs(wave).max()), words)


def random_noise(rng: random.Random, noise_rng: np.random.Generator, count: int) -> Wave:
    """Return white or dull noise, or a hum in noise, at full loudness."""
    kind = rng.random()
    noise = noise_rng.standard_normal(count).astype(np.float32)
    if kind < 0.4:
        noise = np.convolve(noise, np.full(8, 1 / 8), "same").astype(np.float32)
    elif kind < 0.55:
        angle = 2 * np.pi * rng.uniform(50, 2000) * np.arange(count) / RATE_HZ
        noise = 0.3 * noise + np.sin(angle).astype(np.float32)
    return (noise / (np.abs(noise).max() + 1e-9)).astype(np.float32)


def _punctuated(words: list[str], rng: random.Random) -> str:
    """Join words. After a full stop there must be a capital: else espeak-ng reads on."""
    text, separator = "", ""
    for number, word in enumerate(words):
        text += word.capitalize() if separator == ". " else word
        last = number == len(words) - 1
        separator = "" if last else rng.choices([" ", ", ", ". "], [85, 8, 7])[0]
        text += separator
    if rng.random() < 0.5:
        text = text[0].upper() + text[1:] + rng.choice([".", ".", ""])
    return text


def _voice(rng: random.Random) -> tuple[str, int, int]:
    """Return a voice, its speed and its pitch: often a plain one, else a variant."""
    if rng.random() < 0.45:
        voice = rng.choice(VOICES[:2])
        return voice, rng.randint(120, 190), rng.choice([50, 50, rng.randint(35, 65)])
    voice = f"{rng.choice(VOICES)}+{rng.choice(VARIANTS)}"
    return voice, rng.randint(110, 200), rng.randint(30, 75)


def _starts(text: str, words: list[str], marks: list[Mark]) -> list[float]:
    """Return where each word begins (seconds), as far as a mark was found for it."""
    places, at = [], 0
    for word in words:
        at = text.lower().index(word, at)
        places.append(at + 1)
        at += len(word)
    starts: list[float] = []
    for second, place in marks:
        if len(starts) < len(words) and place == places[len(starts)]:
            starts.append(second)
    return starts


def _audible_until(wave: Wave, start_s: float, end_s: float) -> float:
    """Return the last second of a span at which the wave is audible."""
    part = wave[int(start_s * RATE_HZ) : int(end_s * RATE_HZ)]
    if len(part) < _STEP:
        return start_s + 0.01
    peaks = np.abs(part[: len(part) // _STEP * _STEP]).reshape(-1, _STEP).max(1)
    loud = np.nonzero(peaks > AUDIBLE)[0]
    return start_s + (float(loud[-1] + 1) * _STEP / RATE_HZ if len(loud) else 0.05)


def _pause_s(rng: random.Random) -> float:
    pauses = [rng.uniform(*span) for span in ((0.3, 0.6), (0.6, 1.5), (1.5, 4), (4, 9))]
    return rng.choices(pauses, (40, 40, 17, 3))[0]
