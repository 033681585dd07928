"""Where in the sound there is speech: Silero VAD, which faster-whisper ships."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vidsum.data import AudioWindow
from vidsum.media.audio import RATE_HZ
from vidsum.media.onnx import keep_onnx_quiet

if TYPE_CHECKING:
    from vidsum.media.audio import Samples

_SILENT = 1e-4
"""Nothing under this amplitude (-80 dB) can be heard; digital silence is not worth a model."""


@dataclass(frozen=True, slots=True)
class Span:
    """Speech between two samples of a stretch of sound, the second not included."""

    start: int
    stop: int

    @property
    def size(self) -> int:
        """How many samples it has."""
        return self.stop - self.start


def speech_spans(samples: Samples, shortest_s: float = 0.25) -> list[Span]:
    """Return where there is speech, in order. samples: float32 [n], mono, 16 kHz, -1…1.

    A pause of under half a second counts as speech, a sound of under ``shortest_s`` does not.
    Source: Silero VAD v6, threshold 0.5.
    """
    if not samples.size or max(float(samples.max()), -float(samples.min())) < _SILENT:
        return []
    keep_onnx_quiet()
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions(
        threshold=0.5, min_speech_duration_ms=round(shortest_s * 1000),
        min_silence_duration_ms=500, speech_pad_ms=0,
    )  # fmt: skip
    return [Span(part["start"], part["end"]) for part in get_speech_timestamps(samples, options)]


def speech_seconds(windows: Iterable[AudioWindow]) -> tuple[float, float]:
    """Return the seconds of speech found and the seconds listened to.

    Each window is judged by itself, see :func:`speech_spans`.
    """
    speech = heard = 0
    for window in windows:
        heard += window.samples.size
        speech += sum(span.size for span in speech_spans(window.samples))
    return speech / RATE_HZ, heard / RATE_HZ
