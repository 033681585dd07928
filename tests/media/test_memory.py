"""Memory stays flat: an hour of video takes the decode process no more of it than two minutes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from footage import ffmpeg, peak_bytes

from vidsum.media.plan import Grid
from vidsum.media.process import Decoder

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]

MINUTES = (2, 60)
ALLOWED_BYTES = 60 * 1024**2
"""How much more the hour may take than the two minutes. Source: the project's design."""


@pytest.fixture(scope="module")
def looped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, Path]]:
    """Two minutes and an hour of one 20-second scene: 640x360, a keyframe every 2 s, AAC."""
    folder = tmp_path_factory.mktemp("looped")
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=640x360:r=25:d=20",
           "-f", "lavfi", "-i", "sine=440:r=48000:d=20",
           "-c:v", "libx264", "-preset", "ultrafast", "-crf", 45, "-g", 50, "-pix_fmt", "yuv420p",
           "-c:a", "aac", "-b:a", "64k", folder / "scene.mkv")  # fmt: skip
    films = {minutes: folder / f"{minutes}.mp4" for minutes in MINUTES}
    for minutes, path in films.items():
        ffmpeg("-stream_loop", minutes * 3 - 1, "-i", folder / "scene.mkv", "-map", 0,
               "-c", "copy", path)  # fmt: skip
    yield films
    for path in films.values():
        path.unlink()


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, Path]]:
    """Two minutes and an hour that each have one keyframe: 160x120, 10 fps."""
    folder = tmp_path_factory.mktemp("unbroken")
    films = {minutes: folder / f"{minutes}.mkv" for minutes in MINUTES}
    for minutes, path in films.items():
        ffmpeg("-f", "lavfi", "-i", f"testsrc2=s=160x120:r=10:d={minutes * 60}",
               "-c:v", "libx264", "-preset", "ultrafast", "-crf", 17, "-pix_fmt", "yuv420p",
               "-x264-params", "keyint=infinite:scenecut=0", path)  # fmt: skip
    yield films
    for path in films.values():
        path.unlink()


def peak_of_frames(path: Path, minutes: int) -> int:
    with Decoder(path) as decoder:
        info = decoder.probe()
        samples = sum(1 for _ in decoder.frames(Grid(5.0, 1.25), 640, info.duration_s))
        assert info.duration_s == pytest.approx(minutes * 60, abs=5)
        assert samples == pytest.approx(minutes * 12, abs=2)
        return peak_bytes(decoder)


def peak_of_audio(path: Path, minutes: int) -> int:
    with Decoder(path) as decoder:
        (track,) = decoder.probe().audio
        heard = sum(window.samples.size for window in decoder.audio(track)) / 16_000
        assert heard == pytest.approx(minutes * 60, abs=10)
        return peak_bytes(decoder)


def test_frames_of_an_hour(looped: dict[int, Path]) -> None:
    short, long = (peak_of_frames(looped[minutes], minutes) for minutes in MINUTES)
    assert looped[60].stat().st_size > 2 * ALLOWED_BYTES  # so it cannot have been held
    assert long - short < ALLOWED_BYTES


def test_sound_of_an_hour(looped: dict[int, Path]) -> None:
    short, long = (peak_of_audio(looped[minutes], minutes) for minutes in MINUTES)
    assert long < 3600 * 16_000 * 4  # so it cannot have been held
    assert long - short < ALLOWED_BYTES


def test_an_hour_with_one_keyframe(unbroken: dict[int, Path]) -> None:
    short, long = (peak_of_frames(unbroken[minutes], minutes) for minutes in MINUTES)
    assert unbroken[60].stat().st_size > 1.5 * ALLOWED_BYTES  # so it cannot have been held
    assert long - short < ALLOWED_BYTES
