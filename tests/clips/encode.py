"""Encoding of numbered frames: what a test clip is made of and what is then true of it."""

import subprocess
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

import av
import imageio_ffmpeg
import numpy as np
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from .counter import draw

_AUDIO_RATE = 48_000
_AUDIO_FRAME = 1024  # what AAC takes at a time


@dataclass(frozen=True)
class Clip:
    """A video file whose every frame shows its number, and the truth about its timing.

    Times are in seconds as a viewer sees them: 0 is where the file starts to play. The video
    may start later (then nothing is on screen at 0), and the first number shown may be above 0
    (then the file holds earlier frames that must not be shown).
    """

    name: str
    path: Path
    frame_times_s: tuple[float, ...]
    duration_s: float
    width: int
    height: int
    first_number: int = 0
    notes: str = ""

    def frame_on_screen(self, t_s: float) -> int:
        """The number that is on screen at `t_s`."""
        shown = bisect_right(self.frame_times_s, t_s + 1e-6)
        if not shown:
            raise ValueError(f"{self.name}: nothing is on screen at {t_s} s")
        return self.first_number + shown - 1

    def counter_time(self, number: int) -> float:
        """The time at which `number` comes on screen."""
        index = number - self.first_number
        if not 0 <= index < len(self.frame_times_s):
            raise ValueError(f"{self.name}: number {number} is never shown")
        return self.frame_times_s[index]


@dataclass(frozen=True)
class Recipe:
    """How to encode a clip. `width` x `height` is the display size, after turning and SAR."""

    file: str
    codec: str
    frames: int
    rate: int = 20
    options: Mapping[str, str] = field(default_factory=dict)
    width: int = 320
    height: int = 240
    pix_fmt: str = "yuv420p"
    rotation: int = 0
    pixel_aspect: Fraction = Fraction(1)
    hidden: int = 0  # frames in front of time 0, which are stored and not shown
    times_ms: tuple[int, ...] = ()  # one per frame; without them the rate is constant
    start_s: int = 0  # the clock of the file at time 0
    video_delay_s: int = 0  # from time 0 to the first frame
    audio: bool = False
    seekable: bool = True

    @property
    def time_base(self) -> Fraction:
        return Fraction(1, 1000 if self.times_ms else self.rate)

    @property
    def ticks(self) -> tuple[int, ...]:
        """When each frame comes, in `time_base` from time 0, and at last when the video ends."""
        if self.times_ms:
            return (*self.times_ms, self.times_ms[-1] + 1000 // self.rate)
        first = self.video_delay_s * self.rate - self.hidden
        return tuple(range(first, first + self.frames + 1))


def encode(folder: Path, recipe: Recipe, notes: str) -> Clip:
    """Encode a recipe in `folder` and state what is true of the file."""
    path = folder / recipe.file
    with path.open("wb") as file:
        _write(file if recipe.seekable else _Pipe(file), recipe)
    *times, end = (float(tick * recipe.time_base) for tick in recipe.ticks)
    return Clip(
        name=path.stem,
        path=path,
        frame_times_s=tuple(times[recipe.hidden :]),
        duration_s=end,
        width=recipe.width,
        height=recipe.height,
        first_number=recipe.hidden,
        notes=notes,
    )


def encode_two_pass(folder: Path, recipe: Recipe, notes: str) -> Clip:
    """Like `encode`, in two passes, without which libvpx makes no hidden frames.

    PyAV cannot hand the statistics of the first pass to the second, so this takes the program.
    """
    source_recipe = replace(
        recipe, file="source.mkv", codec="mjpeg", pix_fmt="yuvj420p", options={"qmax": "3"}
    )
    path = folder / recipe.file
    with TemporaryDirectory() as work:
        source = encode(Path(work), source_recipe, notes)
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-i", str(source.path)]
        command += ["-fps_mode", "passthrough", "-pix_fmt", recipe.pix_fmt, "-c:v", recipe.codec]
        command += [part for key, value in recipe.options.items() for part in (f"-{key}", value)]
        command += ["-threads", "1", "-passlogfile", f"{work}/log"]
        subprocess.run([*command, "-pass", "1", "-f", "null", "-"], check=True)
        subprocess.run([*command, "-pass", "2", str(path)], check=True)
    return replace(source, name=path.stem, path=path)


class _Pipe:
    """An output that cannot seek, so that a muxer cannot go back to fill in its header."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, data: bytes) -> int:
        return self._file.write(data)


_FORMATS = {".mp4": "mp4", ".mkv": "matroska", ".webm": "webm", ".ts": "mpegts", ".avi": "avi"}


def _write(file: BinaryIO | _Pipe, recipe: Recipe) -> None:
    form = _FORMATS[Path(recipe.file).suffix]
    with av.open(file, "w", format=form) as output:
        packets: list[Packet[Any]] = list(_video_packets(_add_video(output, recipe), recipe))
        if recipe.audio:
            packets += _audio_packets(output, recipe)
        # Decoding order over all streams: what a muxer expects of a live recording.
        packets.sort(key=lambda packet: (packet.dts or 0) * packet.time_base)
        for packet in packets:
            output.mux(packet)


def _add_video(output: OutputContainer, recipe: Recipe) -> VideoStream:
    stream = output.add_stream(recipe.codec, rate=recipe.rate, options=dict(recipe.options))
    assert isinstance(stream, VideoStream)
    stored = (round(recipe.width / recipe.pixel_aspect), recipe.height)
    stream.width, stream.height = stored[::-1] if recipe.rotation % 180 else stored
    stream.pix_fmt = recipe.pix_fmt
    stream.codec_context.time_base = recipe.time_base
    stream.codec_context.thread_count = 1
    if recipe.pixel_aspect != 1:
        stream.codec_context.sample_aspect_ratio = recipe.pixel_aspect
    if recipe.rotation:
        stream.set_display_rotation(-recipe.rotation)
    return stream


def _video_packets(stream: VideoStream, recipe: Recipe) -> "Iterator[Packet[VideoStream]]":
    stored_width = round(recipe.width / recipe.pixel_aspect)
    start = int(recipe.start_s / recipe.time_base)
    ticks = recipe.ticks
    for number in range(recipe.frames):
        picture = draw(number, stored_width, recipe.height, recipe.rotation)
        frame = av.VideoFrame.from_ndarray(picture).reformat(format=recipe.pix_fmt)
        frame.time_base = recipe.time_base
        frame.pts = start + ticks[number]
        frame.duration = ticks[number + 1] - ticks[number]
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _audio_packets(output: OutputContainer, recipe: Recipe) -> "Iterator[Packet[av.AudioStream]]":
    """A quiet tone from time 0 to the end of the video.

    The encoder puts one packet of priming in front of what it is given, so the tone starts one
    packet late to make the stream itself start at time 0.
    """
    stream = output.add_stream("aac", rate=_AUDIO_RATE, layout="mono")
    assert isinstance(stream, av.AudioStream)
    count = int(recipe.ticks[-1] * recipe.time_base * _AUDIO_RATE) // _AUDIO_FRAME
    for index in range(1, count):
        angle = np.arange(_AUDIO_FRAME, dtype=np.float32) + index * _AUDIO_FRAME
        tone = 0.1 * np.sin(angle * (2 * np.pi * 440 / _AUDIO_RATE))
        frame = av.AudioFrame.from_ndarray(tone[np.newaxis], format="fltp", layout="mono")
        frame.sample_rate = _AUDIO_RATE
        frame.time_base = Fraction(1, _AUDIO_RATE)
        frame.pts = recipe.start_s * _AUDIO_RATE + index * _AUDIO_FRAME
        yield from stream.encode(frame)
    yield from stream.encode(None)
