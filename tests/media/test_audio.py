"""Sound: windows of 16 kHz mono whose samples are where they belong, and how much is speech."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import wave
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from clips import clip
from footage import Sound, beep, ffmpeg, remux, tone, write_wav
from thinning import every_second

from vidsum.data import AudioWindow, MediaInfo
from vidsum.media.audio import RATE_HZ, WINDOW_S
from vidsum.media.process import Decoder
from vidsum.media.voice import speech_seconds


def heard(
    path: Path, number: int = 1, start_s: float = 0.0, stop_s: float | None = None
) -> list[AudioWindow]:
    """All windows of one sound track."""
    with Decoder(path) as decoder:
        track = decoder.probe().audio[number - 1]
        return list(decoder.audio(track, start_s, stop_s))


def info_of(path: Path) -> MediaInfo:
    with Decoder(path) as decoder:
        return decoder.probe()


def length_s(windows: list[AudioWindow]) -> float:
    return sum(window.samples.size for window in windows) / RATE_HZ


def ends_s(window: AudioWindow) -> float:
    return window.start_s + window.samples.size / RATE_HZ


def loudest_s(windows: list[AudioWindow]) -> list[float]:
    """When each sound that stands out of the silence begins."""
    marks: list[float] = []
    for window in windows:
        loud = np.flatnonzero(np.abs(window.samples) > 0.1) / RATE_HZ + window.start_s
        for time_s in loud:
            if not marks or time_s - marks[-1] > 1:
                marks.append(float(time_s))
    return marks


def pitch_hz(samples: np.ndarray) -> float:
    """The strongest frequency."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(samples.size)))
    return float(np.argmax(spectrum) * RATE_HZ / samples.size)


def surround() -> Sound:
    """Six channels, the tone in the front ones only."""
    sound = np.zeros((6, 48_000 * 70), np.float32)
    sound[:3] = tone(440, 70, 48_000)
    return sound


SOUNDS = {
    "44.1 kHz stereo": (tone(440, 70, 44_100, channels=2), 44_100),
    "48 kHz 5.1": (surround(), 48_000),
    "8 kHz mono": (tone(440, 70, 8_000), 8_000),
    "16 kHz mono": (tone(440, 70, 16_000), 16_000),
}


# Windows


@pytest.mark.parametrize("kind", every_second(SOUNDS))
@pytest.mark.parametrize("suffix", every_second([".wav", ".flac", ".m4a", ".mkv"]))
def test_any_sound_becomes_windows_of_16_khz_mono(kind: str, suffix: str, tmp_path: Path) -> None:
    path = write_wav(tmp_path / "tone.wav", *SOUNDS[kind])
    if suffix != ".wav":
        ffmpeg("-i", path, *(["-c:a", "libopus"] if suffix == ".mkv" else []),
               tmp_path / f"tone{suffix}")  # fmt: skip
    windows = heard(tmp_path / f"tone{suffix}")
    assert [w.samples.size for w in windows][:-1] == [WINDOW_S * RATE_HZ] * 2
    assert windows[0].start_s == pytest.approx(0.0, abs=0.05)
    assert length_s(windows) == pytest.approx(70, abs=0.1)
    for window in windows:
        assert window.samples.dtype == np.float32
        assert window.samples.ndim == 1
        assert 0.05 < float(np.abs(window.samples).max()) <= 1.0
        assert pitch_hz(window.samples) == pytest.approx(440, abs=1)
    for one, other in pairwise(windows):
        assert other.start_s == pytest.approx(ends_s(one), abs=1e-6)


def test_the_seam_between_two_windows_is_no_seam(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "tone.wav", tone(440, 40, 44_100), 44_100)
    first, second = (window.samples for window in heard(path))
    joined = np.concatenate([first[-200:], second[:200]])
    steepest = 0.5 * 2 * np.pi * 440 / RATE_HZ
    assert float(np.abs(np.diff(joined)).max()) < 1.05 * steepest


def test_a_track_is_chosen_by_its_stream(tmp_path: Path, clip_folder: Path) -> None:
    low = write_wav(tmp_path / "low.wav", tone(300, 5, 48_000), 48_000)
    high = write_wav(tmp_path / "high.wav", tone(2000, 5, 48_000), 48_000)
    path = remux(tmp_path / "film.mkv", clip("h264_gop2s", clip_folder).path, low, high)
    assert pitch_hz(heard(path, 1)[0].samples) == pytest.approx(300, abs=2)
    assert pitch_hz(heard(path, 2)[0].samples) == pytest.approx(2000, abs=2)


# Time


SUFFIXES = [".mp4", ".mkv", ".ts"]


def film(folder: Path, suffix: str, video: Path, sound: Path, offset_s: float = 0.0) -> Path:
    """Pictures with sound that starts later than they do."""
    codec = "mp2" if suffix == ".ts" else "aac"
    path = folder / f"film{suffix}"
    ffmpeg("-i", video, "-itsoffset", offset_s, "-i", sound, "-map", "0:v", "-map", "1:a",
           "-c:v", "copy", "-c:a", codec, path)  # fmt: skip
    return path


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("at_s", [0.5, 7.25, 31.4])
def test_a_beep_is_where_it_is(suffix: str, at_s: float, tmp_path: Path, clip_folder: Path) -> None:
    sound = write_wav(tmp_path / "beep.wav", beep(at_s, 35, 48_000), 48_000)
    path = film(tmp_path, suffix, clip("h264_gop2s", clip_folder).path, sound)
    assert loudest_s(heard(path)) == [pytest.approx(at_s, abs=0.05)]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_sound_that_starts_late_is_late(suffix: str, tmp_path: Path, clip_folder: Path) -> None:
    sound = write_wav(tmp_path / "beep.wav", beep(1, 10, 48_000), 48_000)
    path = film(tmp_path, suffix, clip("h264_gop2s", clip_folder).path, sound, offset_s=3.5)
    windows = heard(path)
    assert windows[0].start_s == pytest.approx(3.5, abs=0.06)
    assert loudest_s(windows) == [pytest.approx(4.5, abs=0.06)]


def test_sound_of_a_recording_whose_clock_starts_at_1000(tmp_path: Path, clip_folder: Path) -> None:
    """The sound of the clip starts with its pictures, at 1000 s of its own clock."""
    made = clip("mpegts_late", clip_folder)
    windows = heard(made.path)
    assert windows[0].start_s == pytest.approx(0.0, abs=0.1)
    assert length_s(windows) == pytest.approx(made.duration_s, abs=0.2)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(("start_s", "stop_s"), [(5.0, None), (5.0, 9.0), (0.0, 9.0), (8.0, 12.0)])
def test_a_part_of_the_sound_keeps_its_times(
    suffix: str, start_s: float, stop_s: float | None, tmp_path: Path, clip_folder: Path
) -> None:
    sound = write_wav(tmp_path / "beep.wav", beep(8.5, 20, 48_000), 48_000)
    path = film(tmp_path, suffix, clip("h264_gop2s", clip_folder).path, sound)
    windows = heard(path, 1, start_s, stop_s)
    assert loudest_s(windows) == [pytest.approx(8.5, abs=0.05)]
    assert windows[0].start_s == pytest.approx(start_s, abs=0.1)
    end_s = 20.0 if stop_s is None else stop_s
    assert length_s(windows) == pytest.approx(end_s - start_s, abs=0.2)


def test_a_part_without_sound_gives_no_windows(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "tone.wav", tone(440, 5, 48_000), 48_000)
    assert heard(path, start_s=60.0) == []
    assert heard(path, start_s=0.0, stop_s=0.0) == []


@pytest.mark.parametrize("suffix", [".mkv", ".ts"])
def test_after_a_hole_the_sound_is_still_in_time(suffix: str, tmp_path: Path) -> None:
    """A capture that lost twelve seconds: the clock says so, the samples do not."""
    sound = write_wav(tmp_path / "beep.wav", beep(25, 30, 48_000), 48_000)
    path = tmp_path / f"film{suffix}"
    ffmpeg("-i", sound, "-af", "aselect='lt(t,5)+gt(t,17)'", "-c:a", "mp2", path)
    windows = heard(path)
    assert loudest_s(windows) == [pytest.approx(25, abs=0.05)]
    first, second = windows
    assert ends_s(first) == pytest.approx(5, abs=0.1)
    assert second.start_s == pytest.approx(17, abs=0.1)
    assert ends_s(second) == pytest.approx(30, abs=0.1)


def test_a_format_that_changes_on_the_way_is_followed(tmp_path: Path) -> None:
    """As broadcasts do it: stereo at 48 kHz, then mono at 44.1 kHz, in one stream."""
    parts = []
    for number, (rate_hz, channels) in enumerate([(48_000, 2), (44_100, 1)]):
        path = write_wav(tmp_path / f"{number}.wav", tone(440, 5, rate_hz, channels), rate_hz)
        ffmpeg("-i", path, "-c:a", "mp2", path.with_suffix(".mp2"))
        parts.append(path.with_suffix(".mp2").read_bytes())
    (tmp_path / "film.mp3").write_bytes(b"".join(parts))
    windows = heard(tmp_path / "film.mp3")
    assert length_s(windows) == pytest.approx(10, abs=0.3)
    samples = np.concatenate([window.samples for window in windows])
    assert pitch_hz(samples[: 4 * RATE_HZ]) == pytest.approx(440, abs=1)
    assert pitch_hz(samples[-4 * RATE_HZ :]) == pytest.approx(440, abs=1)


def test_damaged_sound_is_counted_and_the_rest_is_in_time(tmp_path: Path) -> None:
    sound = write_wav(tmp_path / "beep.wav", beep(25, 30, 48_000), 48_000)
    path = tmp_path / "film.mkv"
    ffmpeg("-i", sound, "-f", "lavfi", "-i", "anoisesrc=d=20:a=0.05:seed=5", "-filter_complex",
           "amix=2:normalize=0", "-c:a", "aac", "-fflags", "+bitexact", path)  # fmt: skip
    data = bytearray(path.read_bytes())
    dice = random.Random(3)
    for place in range(len(data) // 4, len(data) // 2, 61):
        data[place] ^= 1 << dice.randrange(8)
    path.write_bytes(data)
    with Decoder(path) as decoder:
        windows = list(decoder.audio(decoder.probe().audio[0]))
        assert decoder.broken_audio_packets > 0
    assert loudest_s(windows)[-1] == pytest.approx(25, abs=0.25)
    for one, other in pairwise(windows):
        assert other.start_s >= ends_s(one) - 0.25, "two windows overlap"


def test_channels_that_nobody_can_mix_are_counted_as_broken(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "many.wav", tone(440, 1, 8_000, channels=30), 8_000)
    with Decoder(path) as decoder:
        (track,) = decoder.probe().audio
        assert track.channels == 30
        assert list(decoder.audio(track)) == []
        assert decoder.broken_audio_packets > 0


# Speech


def window_of(samples: np.ndarray) -> AudioWindow:
    return AudioWindow(0.0, samples.astype(np.float32))


def test_silence_tones_and_noise_are_no_speech() -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, 20 * RATE_HZ)
    sounds = [np.zeros(20 * RATE_HZ), tone(440, 20, RATE_HZ)[0], noise]
    speech_s, heard_s = speech_seconds(window_of(sound) for sound in sounds)
    assert heard_s == 60.0
    assert speech_s < 1.0


def test_nothing_heard_is_no_speech() -> None:
    assert speech_seconds([]) == (0.0, 0.0)
    assert speech_seconds([window_of(np.zeros(10))]) == (0.0, 10 / RATE_HZ)


def test_a_narration_is_speech(talk: Path) -> None:
    """The share must be near what the subtitles say, which were made with the narration."""
    truth = json.loads(talk.with_suffix(".truth.json").read_text("utf-8"))
    told_s = sum(cue["end_s"] - cue["start_s"] for cue in truth["cues"])
    speech_s, heard_s = speech_seconds(heard(talk))
    assert heard_s == pytest.approx(truth["duration_s"], abs=0.2)
    assert speech_s == pytest.approx(told_s, rel=0.1)


def test_the_black_part_of_a_narration_is_silent(talk: Path) -> None:
    truth = json.loads(talk.with_suffix(".truth.json").read_text("utf-8"))
    start_s, end_s = truth["black"]["start_s"], truth["black"]["end_s"]
    speech_s, heard_s = speech_seconds(heard(talk, 1, start_s, end_s))
    assert heard_s == pytest.approx(end_s - start_s, abs=0.2)
    assert speech_s < 0.3


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="needs espeak-ng")
def test_a_sentence_between_two_silences_is_found(tmp_path: Path) -> None:
    words = "The tide comes in and goes out again, twice a day, on most coasts of the world."
    subprocess.run(["espeak-ng", "-w", str(tmp_path / "words.wav"), words], check=True)
    with wave.open(str(tmp_path / "words.wav")) as file:
        said_s = file.getnframes() / file.getframerate()
    ffmpeg("-i", tmp_path / "words.wav", "-af", "adelay=6000:all=1,apad=pad_dur=8",
           tmp_path / "film.mka")  # fmt: skip
    speech_s, heard_s = speech_seconds(heard(tmp_path / "film.mka"))
    assert heard_s == pytest.approx(said_s + 14, abs=0.2)
    assert speech_s == pytest.approx(said_s, abs=1.0)
