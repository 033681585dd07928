"""How much of the sound is speech: Silero voice activity detection, which faster-whisper ships."""

from __future__ import annotations

from collections.abc import Iterable

from vidsum.data import AudioWindow
from vidsum.media.audio import RATE_HZ
from vidsum.media.onnx import keep_onnx_quiet


def speech_seconds(windows: Iterable[AudioWindow]) -> tuple[float, float]:
    """Return the seconds of speech found and the seconds listened to.

    Each window is judged by itself; a pause of under half a second counts as speech.
    Source: Silero VAD v6, threshold 0.5.
    """
    keep_onnx_quiet()
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions(
        threshold=0.5, min_speech_duration_ms=250, min_silence_duration_ms=500, speech_pad_ms=0
    )
    speech = heard = 0
    for window in windows:
        heard += window.samples.size
        for part in get_speech_timestamps(window.samples, options):
            speech += part["end"] - part["start"]
    return speech / RATE_HZ, heard / RATE_HZ
