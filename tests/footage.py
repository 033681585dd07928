"""Small files with known pictures, sound and cues, and a look at the decode process.

Made at test time, with the ffmpeg program that imageio-ffmpeg ships: it is another build than
the one inside PyAV, so that what is written here was not written by the code under test.
"""

from __future__ import annotations

import subprocess
import wave
from collections.abc import Sequence
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from vidsum.media.process import Decoder

Sound = NDArray[np.float32]
"""float32 [channels, n], -1…1."""
Cue = tuple[float, float, str]
"""From, to (seconds) and the text."""


def ffmpeg(*arguments: object, data: bytes = b"") -> None:
    """Run the ffmpeg program, which reads ``data`` as ``-``; its complaint becomes the test's."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y"]
    done = subprocess.run([*command, *map(str, arguments)], capture_output=True, input=data)
    assert done.returncode == 0, done.stderr.decode()


def remux(path: Path, *inputs: Path, options: Sequence[object] = ()) -> Path:
    """Put all streams of some files into one, without encoding."""
    given = [part for one in inputs for part in ("-i", one)]
    mapped = [part for number in range(len(inputs)) for part in ("-map", number)]
    ffmpeg(*given, *mapped, "-c", "copy", *options, path)
    return path


def film(
    path: Path,
    shots: Sequence[tuple[float, NDArray[np.uint8]]],
    fps: int = 4,
    sound: Path | None = None,
) -> Path:
    """Write pictures (uint8 [height, width, 3], all of one size), each for so many seconds."""
    height, width = shots[0][1].shape[:2]
    raw = b"".join(picture.tobytes() * round(seconds * fps) for seconds, picture in shots)
    heard = [] if sound is None else ["-i", sound, "-c:a", "aac", "-b:a", "64k"]
    pictures = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", fps]
    coding = ["-c:v", "libx264", "-crf", 18, "-pix_fmt", "yuv420p", "-threads", 1]
    ffmpeg(*pictures, "-i", "-", *heard, *coding, path, data=raw)
    return path


def tone(hz: float, seconds: float, rate_hz: int, channels: int = 1) -> Sound:
    """A sine that is half as loud as can be, the same in each channel."""
    angle = np.arange(round(seconds * rate_hz)) * (2 * np.pi * hz / rate_hz)
    return np.tile((0.5 * np.sin(angle)).astype(np.float32), (channels, 1))


def beep(at_s: float, seconds: float, rate_hz: int) -> Sound:
    """Silence with a tenth of a second of 1 kHz in it."""
    sound = np.zeros((1, round(seconds * rate_hz)), np.float32)
    start = round(at_s * rate_hz)
    mark = tone(1000, 0.1, rate_hz)
    sound[:, start : start + mark.shape[1]] = mark
    return sound


def write_wav(path: Path, sound: Sound, rate_hz: int) -> Path:
    """Write sound as a 16-bit WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(sound.shape[0])
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes((sound.T * 32767).astype("<i2").tobytes())
    return path


def srt(cues: Sequence[Cue]) -> str:
    """The text of a SubRip file."""
    blocks = (
        f"{number}\n{_clock(start)} --> {_clock(end)}\n{text}\n"
        for number, (start, end, text) in enumerate(cues, start=1)
    )
    return "\n".join(blocks)


def _clock(time_s: float) -> str:
    seconds, thousandths = divmod(round(time_s * 1000), 1000)
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02},{thousandths:03}"


def child_pid(decoder: Decoder) -> int:
    """The process id of a decoder's process."""
    process = decoder._process
    assert process is not None
    return process.pid


def peak_bytes(decoder: Decoder) -> int:
    """The most memory that a decoder's process has had so far. Linux only."""
    status = Path(f"/proc/{child_pid(decoder)}/status").read_text("ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024
