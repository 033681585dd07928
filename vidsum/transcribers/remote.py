"""Speech recognition behind an OpenAI-compatible address: only what is speech is sent."""

from __future__ import annotations

import io
import math
import wave
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from vidsum.backends import served
from vidsum.backends.answers import quantities, resolved
from vidsum.backends.connection import Connection
from vidsum.backends.refusals import Refusal
from vidsum.backends.retrying import Retrying
from vidsum.config import Options
from vidsum.costs.tally import Tally
from vidsum.data import Forecast, Need, Quantities, Segment, Transcript
from vidsum.errors import BackendFailed, RequestFailed
from vidsum.languages import two_letters
from vidsum.media.audio import RATE_HZ
from vidsum.registry import Readiness, Work
from vidsum.transcribers.gates import Candidate, sift
from vidsum.transcribers.protocol import Heard, Transcriber, TranscriptRequest
from vidsum.transcribers.speech_windows import Block, Passage, blocks
from vidsum.transcribers.tracks import chosen_track
from vidsum.transcribers.verbose_json import candidates, language_of, usage_of
from vidsum.wording import escaped, safe

if TYPE_CHECKING:
    from vidsum.media.audio import Samples

BLOCK_S = 300.0
"""Sound that is sent at once: 9.6 MB as 16-bit WAV, where providers take 20 to 25 MB."""
_SETTLES_S = 20.0
"""So much speech settles the language: less is named at random, and would bind all that follows."""
_FRUITLESS = 3
"""So many requests that fail before any is answered are no matter of single passages."""
_SOUND_TOKENS_PER_S, _WORD_TOKENS_PER_S, _PROMPT_TOKENS = 12, 12, 64
_FORM_WORDS = ("response_format", "verbose_json", "timestamp")


def build(options: Options) -> Transcriber:
    """Return the transcriber; nothing is sent yet."""
    return RemoteTranscriber(options)


def ready(options: Options) -> Readiness:
    """Return whether a remote model could be asked. Raises: OptionError."""
    return served.ready(options, "speech")


def forecast(options: Options, need: Need) -> Forecast:
    """Return what a need would use; asks nobody. Raises: OptionError."""
    from vidsum.transcribers import forecasting

    return forecasting.remote(options, need)


class RemoteTranscriber(Transcriber):
    """Finds speech by voice activity detection here, and sends it to be recognised elsewhere.

    A model that tells times gets five minutes at once, or half a minute where that is too much
    for its server. One that does not gets half a minute, and each of these becomes a segment.

    Speech that it fails on stands in the transcript's ``rejected`` without words, and is no part
    of ``heard_s``; the rest goes on.
    """

    name = "remote"
    work: Work = "network"

    def __init__(self, options: Options, retrying: Retrying | None = None) -> None:
        self.tally = Tally()
        self._options, self._retrying = options, retrying
        self._connection: Connection | None = None
        self._closed = False
        self._tells_times = self._takes_blocks = True

    def close(self) -> None:
        """End what is under way and let go of the connections; may be called twice."""
        self._closed = True
        if self._connection is not None:
            self._connection.close()

    def transcribe(self, request: TranscriptRequest) -> Transcript | None:
        """Return what was said; None for a file without sound.

        Raises: OptionError, MediaError, BackendMissing, BackendFailed, also when no request was
        answered; what was recognised before a failure was told to ``request.heard``.
        """
        track = chosen_track(request.info, request.audio_track)
        if track is None:
            return None
        state = _State(request)
        with request.open_decoder() as decoder:
            windows = decoder.audio(track, state.until_s, request.stop_s)
            for block in blocks(windows, state.until_s, request.stop_s, BLOCK_S):
                self._hear(block, state)
            damaged = decoder.broken_audio_packets > 0
        state.demand_answers(1)
        return Transcript(
            tuple(state.segments), self._source(state, damaged), self.name,
            state.language or state.told or track.language, state.speech_s, state.heard_s,
            tuple(state.rejected), self._model or None,
        )  # fmt: skip

    @property
    def _model(self) -> str:
        """The model's name, empty as long as it was not needed."""
        return self._connection.asked.model if self._connection is not None else ""

    def _hear(self, block: Block, state: _State) -> None:
        """Take one block into the state, request by request. Raises: BackendFailed."""
        passages = [one for one in block.passages if state.request.hears(one.speech_s)]
        state.request.sending(sum(one.samples.size for one in passages) / RATE_HZ)
        if passages and self._tells_times and self._takes_blocks:
            pieces = tuple(piece for passage in passages for piece in passage.pieces)
            found = self._recognised(Passage(pieces), state, whole=len(passages) > 1)
            if found is not None:
                state.take(found, block.end_s, block.speech_s, block)
                return
        for passage in passages:
            found = self._recognised(passage, state) or []
            state.take(found, passage.end_s, passage.speech_s, block)
        state.settle(block.end_s, block)

    def _recognised(
        self, passage: Passage, state: _State, *, whole: bool = False
    ) -> list[Candidate] | None:
        """Return what is said in a passage; None for a ``whole`` block to be sent in parts."""
        try:
            body = self._sent(passage, state, whole)
        except RequestFailed as exc:
            if whole and not (self._tells_times and self._takes_blocks):
                return None
            state.miss(passage, exc)
            return []
        state.answers += 1
        if not isinstance(body.get("segments"), list):
            self._tells_times = False  # it took no notice of the form that was asked for
        state.told = state.told or language_of(body.get("language"))
        if passage.speech_s >= _SETTLES_S:
            state.language = state.language or language_of(body.get("language"))
        return candidates(body, passage)

    def _sent(self, passage: Passage, state: _State, whole: bool) -> Mapping[str, Any]:
        """Send a passage, and take in what the server knows and bears. Raises: BackendFailed."""
        connection, asked_for_times = self._open(), self._tells_times
        wav = as_wav(passage.samples)
        form: dict[str, Any] = {"model": connection.asked.model, "response_format": "json"}
        if state.language is not None:
            form["language"] = two_letters(state.language)
        if asked_for_times:
            form["response_format"] = "verbose_json"
            if state.request.word_times:
                form["timestamp_granularities"] = ["segment", "word"]

        def ask(client: Any) -> Any:
            create = client.audio.transcriptions.with_raw_response.create
            return create(file=("speech.wav", wav, "audio/wav"), **form)

        def adapt(refusal: Refusal) -> bool:
            if refusal.kind == "timeout" or refusal.status == 413 or refusal.too_long:
                self._takes_blocks = False
            elif (
                asked_for_times
                and refusal.status in (400, 422)
                and any(word in refusal.about for word in _FORM_WORDS)
            ):
                self._tells_times = False
                form["response_format"] = "json"
                form.pop("timestamp_granularities", None)
                return not whole  # what is short can be sent as it is
            return False

        seconds = passage.samples.size / RATE_HZ
        with self.tally.open(connection.model, most_for(seconds)) as call:
            try:
                body = connection.send(ask, adapt, call=call).body
            except BackendFailed as exc:
                call.release(type(exc).__name__)  # what may cost something was booked
                raise
            usage = usage_of(body)
            used = replace(quantities(usage), audio_s=seconds)
            call.settle(used, usage.origin, cost_usd=usage.cost_usd, resolved=resolved(body))
            return body

    def _open(self) -> Connection:
        if self._closed:
            raise BackendFailed("The remote transcriber was closed.")
        if self._connection is None:
            connection = served.connect(self._options, "speech", retrying=self._retrying)
            self._connection = connection
            if self._closed:
                connection.close()  # while it was made
            if not connection.asked.model:
                only = served.only_model(connection)
                connection.asked = replace(connection.asked, model=only.name)
        return self._connection

    def _source(self, state: _State, damaged: bool) -> str:
        if state.heard_s == 0:
            return "a sound track without readable sound"
        damage = " (the sound is partly damaged)" if damaged else ""
        if self._connection is None:
            return f"no speech found{damage}"
        where = self._connection.asked.endpoint.name
        return f"speech recognised by {safe(escaped(self._model))} at {where}{damage}"


@dataclass(slots=True)
class _State:
    """How far a transcript has come."""

    request: TranscriptRequest
    language: str | None = None
    told: str | None = None
    """The language that the provider named first, as long as none is settled."""
    answers: int = 0
    until_s: float = 0.0
    segments: list[Segment] = field(default_factory=list)
    rejected: list[Segment] = field(default_factory=list)
    speech_s: float = 0.0
    heard_s: float = 0.0
    _missed: list[RequestFailed] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.until_s, self.language = self.request.start_s, self.request.language
        earlier = self.request.resume
        if earlier is not None:
            self.until_s = earlier.until_s
            self.segments, self.rejected = list(earlier.segments), list(earlier.rejected)
            self.speech_s, self.heard_s = earlier.speech_s, earlier.heard_s
            self.language = self.language or earlier.language
            self.request.advanced(self.until_s - self.request.start_s)

    def take(self, found: Iterable[Candidate], until_s: float, speech_s: float,
             block: Block) -> None:  # fmt: skip
        """Take in what was recognised before a time, and report it."""
        wordy = [segment for segment in self.rejected[-9:] if segment.text]
        latest = sorted([*self.segments[-9:], *wordy], key=lambda s: s.start_s)
        sifted = sift([one for one in found if one.segment.text], latest)
        self.segments += sifted.segments
        self.rejected += sifted.rejected
        self.speech_s += speech_s
        self.settle(until_s, block)

    def miss(self, passage: Passage, failure: RequestFailed) -> None:
        """Note speech that no answer came to. Raises: RequestFailed when none ever does."""
        self._missed.append(failure)
        self.demand_answers(_FRUITLESS)
        start_s, end_s = passage.pieces[0].start_s, passage.end_s
        doubt = f"not recognised: {failure.message}"
        self.rejected.append(Segment(round(start_s, 3), round(end_s, 3), "", doubt=doubt))
        self.heard_s -= end_s - start_s

    def demand_answers(self, fruitless: int) -> None:
        """Raises: RequestFailed when so many requests or more all failed."""
        if not self.answers and len(self._missed) >= fruitless:
            raise self._missed[-1]

    def settle(self, until_s: float, block: Block) -> None:
        """Report that everything before a time is done."""
        if until_s <= self.until_s:
            return
        self.heard_s += until_s - max(self.until_s, block.start_s)
        self.until_s = until_s
        self.request.advanced(until_s - self.request.start_s)
        self.request.heard(Heard(
            until_s, tuple(self.segments), tuple(self.rejected), self.language, self.speech_s,
            self.heard_s,
        ))  # fmt: skip


def most_for(seconds: float) -> Quantities:
    """Return the most that recognising so much sound may use.

    Models that count sound in tokens count 10 a second; nobody says more than 12 tokens' worth in
    one. Source: OpenAI's usage figures for its transcription models, which say 10 a second.
    """
    heard = math.ceil(seconds * _SOUND_TOKENS_PER_S) + _PROMPT_TOKENS
    return Quantities(
        calls=1, audio_s=seconds, input_tokens=heard, audio_tokens=heard,
        output_tokens=math.ceil(seconds * _WORD_TOKENS_PER_S) + _PROMPT_TOKENS,
    )  # fmt: skip


def as_wav(samples: Samples) -> bytes:
    """Return sound as a WAV file of 16 bits. samples: float32 [n], mono, 16 kHz, -1…1."""
    import numpy as np

    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return out.getvalue()
