"""A provider that truly recognises speech: the tiny Whisper behind /v1/audio/transcriptions."""

from __future__ import annotations

import io
import wave
from collections.abc import Callable
from email.parser import BytesParser
from functools import cache
from typing import Any

import numpy as np
from models import WHISPER
from scripted_provider import Answer, Call, fails

MODEL = "tiny-whisper"


@cache
def _model() -> Any:
    from faster_whisper import WhisperModel

    return WhisperModel(str(WHISPER), device="cpu", compute_type="int8", cpu_threads=1,
                        local_files_only=True)  # fmt: skip


def form_of(call: Call) -> dict[str, Any]:
    """The fields of a multipart form; a field that ends in [] is a list, a file is bytes."""
    head = f"Content-Type: {call.headers['content-type']}\r\n\r\n".encode()
    fields: dict[str, Any] = {}
    for part in BytesParser().parsebytes(head + call.raw).get_payload():
        assert not isinstance(part, str)
        name = str(part.get_param("name", header="content-disposition"))
        value = part.get_payload(decode=True)
        assert isinstance(value, bytes)
        if part.get_filename():
            fields[name] = value
        elif name.endswith("[]"):
            fields.setdefault(name[:-2], []).append(value.decode())
        else:
            fields[name] = value.decode()
    return fields


def sound_of(call: Call) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The sound that was sent: float32 [n], mono, 16 kHz."""
    with wave.open(io.BytesIO(form_of(call)["file"])) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16_000)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32767


def transcribes(usage: object = None, times: bool = True) -> Callable[[Call], Answer]:
    """A step that recognises what was sent, as whisper-1 does; without ``times`` as its successor,
    which knows no verbose_json."""

    def step(call: Call) -> Answer:
        form = form_of(call)
        wordy = form["response_format"] == "verbose_json"
        if wordy and not times:
            return fails(400, "response_format 'verbose_json' is not compatible with this model. "
                              "Use 'json' or 'text' instead.")  # fmt: skip
        asked = form.get("timestamp_granularities", [])
        found, _ = _model().transcribe(
            sound_of(call), language="en", beam_size=1, condition_on_previous_text=False,
            word_timestamps="word" in asked,
        )  # fmt: skip
        segments = list(found)
        body: dict[str, Any] = {"text": "".join(one.text for one in segments).strip()}
        if usage is not None:
            body["usage"] = usage
        if wordy:
            body |= {"language": "english", "task": "transcribe", "segments": [
                {"start": one.start, "end": one.end, "text": one.text,
                 "avg_logprob": one.avg_logprob, "no_speech_prob": one.no_speech_prob,
                 "compression_ratio": one.compression_ratio} for one in segments
            ]}  # fmt: skip
        if "word" in asked:
            body["words"] = [{"word": word.word, "start": word.start, "end": word.end}
                             for one in segments for word in one.words]  # fmt: skip
        return Answer(body=body)

    return step
