"""What recognising speech would take, before any is heard: bounds that hold, and a likely figure.

A recogniser is given passages of at most 29 s, and hears each in windows of 30 s.
"""

from __future__ import annotations

import math
from typing import Final

from vidsum.backends.foreseeing import remote_model
from vidsum.config import Options
from vidsum.data import Forecast, ModelRef, Need, Quantities, Span

_AROUND_S: Final = 1.5
"""Sound kept around each piece of speech, lead and tail together; a cut may take it away at one
end of a passage, or at both. See :mod:`vidsum.transcribers.speech_windows`."""
_WORD_S: Final = 0.18
_TOKENS_PER_S: Final = 4.0
"""Of fluent talk: 150 words a minute in 1.3 tokens each, and two time stamps a segment."""
_LIKELY_FULL: Final = 0.85
_LIKELY_HEARINGS, _LIKELY_WINDOWS = 1.25, 1.1
"""How often a passage is heard, and in how many windows. Measured on the spoken clips: 1.0–1.5."""


def whisper(options: Options, need: Need) -> Forecast:
    """Return what Whisper on this machine would use. Raises: BackendMissing.

    The most: every passage is cut at each of its pauses and what is left heard again in halves,
    each time in as many windows, of as many tokens, as the recogniser reserves for it.
    """
    from vidsum.catalog.locate import find
    from vidsum.costs.units import window_flops
    from vidsum.transcribers.recogniser import (
        _MOST_TOKENS,
        _MOST_WINDOWS,
        BEAM_SIZE,
        choose_device,
    )
    from vidsum.transcribers.speech_windows import PASSAGE_S
    from vidsum.transcribers.whisper import _ASKED_PASSAGES
    from vidsum.transcribers.whisper_shape import whisper_shape

    found = find("speech", options.speech_model)
    shape = whisper_shape(found.model)
    together = choose_device(options.gpu_layers).name == "cuda"
    model = ModelRef(backend="faster-whisper", requested=found.name, shape=shape,
                     device="gpu" if together else "cpu")  # fmt: skip
    passages = _whole(need.passages)
    asked = 0 if options.language is not None else _ASKED_PASSAGES
    hearings = most_hearings(need) + (passages[2] if together else 0)
    calls = (passages[0], round(passages[1] * _LIKELY_HEARINGS), hearings)
    extra = (0, min(1, asked, passages[1]), min(asked, passages[2]))
    windows = (calls[0], round(calls[1] * _LIKELY_WINDOWS), calls[2] * _MOST_WINDOWS)
    tokens = (0, round(need.speech_s.likely * _TOKENS_PER_S * _LIKELY_HEARINGS),
              windows[2] * _MOST_TOKENS)  # fmt: skip
    heard_s = (need.speech_s.least, sound_s(need).likely * _LIKELY_HEARINGS,
               (hearings + extra[2]) * PASSAGE_S)  # fmt: skip
    used = [
        Quantities(
            calls=calls[n] + extra[n], audio_s=heard_s[n], output_tokens=tokens[n] + extra[n]
        )
        for n in range(3)
    ]  # fmt: skip
    flops = [
        None if shape is None else window_flops(
            shape, windows=windows[n] + extra[n], tokens=tokens[n] + extra[n], beam=BEAM_SIZE)
        for n in range(3)
    ]  # fmt: skip
    return Forecast(model=model, least=used[0], likely=used[1], most=used[2],
                    least_flops=flops[0], likely_flops=flops[1], most_flops=flops[2])  # fmt: skip


def remote(options: Options, need: Need) -> Forecast:
    """Return what a provider's model would use. Raises: OptionError.

    Each passage is sent once: with its block, or alone. What is sent and fails is no part of it.
    """
    from vidsum.transcribers.remote import BLOCK_S, most_for

    model = remote_model(options, "speech")
    sound, passages = sound_s(need), _whole(need.passages)
    blocks = math.ceil(need.audio_s / BLOCK_S)
    likely_calls = min(passages[1], blocks) if _tells_times(model) else passages[1]
    each = most_for(0.0).output_tokens or 0
    whole = most_for(sound.most)
    return Forecast(
        model=model,
        least=Quantities(calls=min(passages[0], math.ceil(need.speech_s.least / BLOCK_S)),
                         audio_s=sound.least, input_tokens=0, audio_tokens=0, output_tokens=0),
        likely=Quantities(
            calls=likely_calls, audio_s=sound.likely, input_tokens=round(10 * sound.likely),
            audio_tokens=round(10 * sound.likely),
            output_tokens=round(_TOKENS_PER_S * need.speech_s.likely),
        ),
        most=Quantities(
            calls=passages[2], audio_s=sound.most,
            input_tokens=(whole.input_tokens or 0) + passages[2] * (each + 1),
            audio_tokens=(whole.audio_tokens or 0) + passages[2] * (each + 1),
            output_tokens=(whole.output_tokens or 0) + passages[2] * (each + 1),
        ),
    )  # fmt: skip


def most_hearings(need: Need) -> int:
    """Return how often passages can be heard at most, all hearings of all passages together.

    A passage of k pieces is cut at most k − 1 times, which makes 2k − 1 hearings; what fails of
    the uncut ones is heard again in halves, and these are cut in turn: at most 2k more. Pieces
    have a pause of 1.5 s around them, so a passage with s seconds of speech has at most
    (30.5 − s) / 1.5 of them, all of the sound has no more, and there are no more than words, and
    two a passage that were cut. Whatever it has, the recogniser gives up cutting after so many.
    """
    from vidsum.transcribers.recogniser import MOST_HEARINGS
    from vidsum.transcribers.speech_windows import PASSAGE_S

    passages = math.ceil(need.passages.most)
    if not passages:
        return 0
    least_s = min(need.speech_s.least, PASSAGE_S * passages)
    by_pause = ((PASSAGE_S + _AROUND_S) * passages - least_s) / _AROUND_S
    by_sound = (need.audio_s + _AROUND_S * passages - least_s) / _AROUND_S
    by_words = need.speech_s.most / _WORD_S + 2 * passages
    pieces = max(passages, math.floor(min(by_pause, by_sound, by_words)))
    return min(4 * pieces - passages, MOST_HEARINGS * passages)


def sound_s(need: Need) -> Span:
    """Return how many seconds of sound all passages have together, each counted once."""
    from vidsum.transcribers.speech_windows import PASSAGE_S

    most = min(need.passages.most * PASSAGE_S, need.audio_s)
    least = min(need.speech_s.least, most)
    likely = max(need.speech_s.likely, need.passages.likely * PASSAGE_S * _LIKELY_FULL)
    return Span(least, min(max(likely, least), most), most)


def _whole(span: Span) -> tuple[int, int, int]:
    return math.floor(span.least), round(span.likely), math.ceil(span.most)


def _tells_times(model: ModelRef) -> bool:
    """Say whether a model is likely to take five minutes at once: OpenAI's newer ones do not."""
    return "transcribe" not in model.requested.lower()
