"""Sound in windows of 16 kHz mono, so that ten hours take no more memory than a minute.

Runs in the decode process.
"""

from __future__ import annotations

from collections.abc import Iterator

import av
import numpy as np
from av.audio.resampler import AudioResampler
from av.container import InputContainer
from numpy.typing import NDArray

from vidsum.data import AudioWindow
from vidsum.media.opening import Beat, packets, quiet

RATE_HZ = 16_000
WINDOW_S = 30
Samples = NDArray[np.float32]
_NOTHING: Samples = np.zeros(0, np.float32)
_FULL_SCALE = np.float32(32_768)
_JUMP_S = 0.2
"""A larger step of the sound's own clock than this starts a new window: captures have holes."""

_UNUSABLE = (ValueError, av.error.FFmpegError)


class _Windows:
    """Collects resampled sound and cuts it into windows."""

    def __init__(self) -> None:
        self._parts: list[Samples] = []
        self._start_s = 0.0
        self._count = 0

    @property
    def next_s(self) -> float:
        """The time at which the next sample belongs."""
        return self._start_s + self._count / RATE_HZ

    def restart(self, at_s: float) -> Iterator[AudioWindow]:
        """Give out what there is, and go on at another time."""
        yield from self._cut(self._count)
        self._start_s = at_s

    def add(self, samples: Samples) -> Iterator[AudioWindow]:
        """Take samples; give out each window that is full."""
        self._parts.append(samples)
        self._count += samples.size
        while self._count >= WINDOW_S * RATE_HZ:
            yield from self._cut(WINDOW_S * RATE_HZ)

    def _cut(self, count: int) -> Iterator[AudioWindow]:
        if not count:
            return
        joined = np.concatenate(self._parts)
        yield AudioWindow(self._start_s, np.ascontiguousarray(joined[:count]))
        self._parts, self._count = [joined[count:]], self._count - count
        self._start_s += count / RATE_HZ


def windows(container: InputContainer, stream: av.AudioStream, origin_s: float,
            start_s: float, stop_s: float | None,
            beat: Beat = quiet) -> Iterator[AudioWindow | int]:  # fmt: skip
    """Yield the sound between two times, and the number of broken packets so far, as an int.

    Windows are float32, mono, 16 kHz, at most 30 s long, in order; each says when it starts, so
    a hole in the sound is a jump between two windows.
    """
    out, pump, broken = _Windows(), _Pump(), 0
    running = False
    for packet in packets(container, stream, beat):
        try:
            frames = stream.codec_context.decode(packet)
        except av.error.FFmpegError:
            broken += 1
            yield broken
            continue
        for frame in frames:
            at_s = out.next_s if frame.time is None else frame.time - origin_s
            end_s = at_s + frame.samples / frame.sample_rate
            if end_s <= start_s or (stop_s is not None and at_s >= stop_s):
                continue
            if running and at_s < out.next_s - _JUMP_S:
                continue  # a damaged clock went ahead before; this stretch was given out
            if not running or at_s > out.next_s + _JUMP_S:
                yield from out.add(pump.rest())
                yield from out.restart(at_s)
                running = True
            try:
                samples = pump.through(frame)
            except _UNUSABLE:
                broken += 1
                yield broken
                continue
            yield from out.add(samples)
        if stop_s is not None and running and out.next_s >= stop_s:
            break
    yield from out.add(pump.rest())
    yield from out.restart(0.0)


class _Pump:
    """Resamples frame by frame; copes with a format that changes on the way."""

    def __init__(self) -> None:
        self._resampler: AudioResampler | None = None

    def through(self, frame: av.AudioFrame) -> Samples:
        """Return what one frame becomes: float32 [n]. Raises: ValueError, FFmpegError."""
        frame.pts = None  # the clock is ours: a resampler would fill or drop by pts
        try:
            return self._resample(frame)
        except _UNUSABLE:
            self._resampler = None  # perhaps the format has changed, and no more
        try:
            return self._resample(frame)
        except _UNUSABLE:
            self._resampler = None
            raise

    def rest(self) -> Samples:
        """Return what the resampler still holds, and forget it."""
        left = _NOTHING if self._resampler is None else self._resample(None)
        self._resampler = None
        return left

    def _resample(self, frame: av.AudioFrame | None) -> Samples:
        if self._resampler is None:
            # Mixed to whole numbers the channels cannot add up to more than 1; to floats they do.
            self._resampler = AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
        pieces = [p.to_ndarray().reshape(-1) for p in self._resampler.resample(frame)]
        joined = np.concatenate(pieces) if pieces else _NOTHING
        return joined.astype(np.float32) / _FULL_SCALE
