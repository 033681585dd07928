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
from vidsum.backends.providers import endpoint
from vidsum.backends.refusals import Refusal
from vidsum.backends.retrying import Retrying
from vidsum.config import Options
from vidsum.costs.tally import Tally
from vidsum.data import Forecast, Need, Quantities, Segment, Transcript
from vidsum.errors import BackendFailed, RequestFailed
from vidsum.languages import two_letters
from vidsum.media.audio import RATE_HZ
from vidsum.registry import Readiness, Work
from vidsum.transcribers.earlier import Earlier, Lack, tells_words
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
        if request.resume is not None:
            self._tells_times &= request.resume.tells_times
            self._takes_blocks &= request.resume.takes_blocks
        with request.open_decoder() as decoder:
            # From the start also to go on: resampling begun elsewhere gives other samples.
            windows = decoder.audio(track, request.start_s, request.stop_s)
            for block in blocks(windows, state.until_s, request.stop_s, BLOCK_S):
                self._hear(block, state)
            damaged = decoder.broken_audio_packets > 0
        state.demand_answers(1)
        return Transcript(
            tuple(state.segments), self._source(state, damaged), self.name,
            state.language or state.told or track.language, state.speech_s, state.heard_s,
            tuple(state.rejected), state.model,
        )  # fmt: skip

    def _hear(self, block: Block, state: _State) -> None:
        """Take one block into the state, request by request. Raises: BackendFailed."""
        passages = [one for one in block.passages if state.request.hears(one.speech_s)]
        if passages and self._tells_times and self._takes_blocks:
            pieces = tuple(piece for passage in passages for piece in passage.pieces)
            found = self._recognised(Passage(pieces), state, whole=len(passages) > 1)
            if found is not None:
                state.take(found, block.speech_s)
                self._settle(block.end_s, block, state, ends=True)
                return
        for passage in passages:
            state.take(self._recognised(passage, state) or [], passage.speech_s)
            self._settle(passage.end_s, block, state)
        self._settle(block.end_s, block, state, ends=True)

    def _settle(self, until_s: float, block: Block, state: _State, *, ends: bool = False) -> None:
        """Report that everything before a time is done; ``ends``: all of a block."""
        state.settle(until_s, block)
        state.request.heard(Heard(
            state.until_s, tuple(state.segments), tuple(state.rejected), state.language,
            state.speech_s, state.heard_s, ends, state.model, state.answers, state.told,
            self._tells_times, self._takes_blocks,
        ))  # fmt: skip

    def _recognised(
        self, passage: Passage, state: _State, *, whole: bool = False
    ) -> list[Candidate] | None:
        """Return what is said in a passage; None for a ``whole`` block to be sent in parts."""
        connection, wav = self._open(), as_wav(passage.samples)
        state.model = connection.asked.model
        form = self._form(connection, state)
        earlier = Earlier(state.request.answers, wav, form)
        seconds = passage.samples.size / RATE_HZ
        body = earlier.body
        if body is not None:
            state.request.reused(seconds)
        elif whole and earlier.declined:
            self._learn(earlier.declined)
            return None
        else:
            try:
                body = self._sent(connection, wav, seconds, form, whole)
            except RequestFailed as exc:
                if whole and not (self._tells_times and self._takes_blocks):
                    earlier.decline("times" if not self._tells_times else "blocks")
                    return None
                state.request.sending(seconds)
                state.miss(passage, exc)
                return []
            earlier.keep(body)
            state.request.sending(seconds)
        return self._told(body, passage, state)

    def _told(
        self, body: Mapping[str, Any], passage: Passage, state: _State
    ) -> list[Candidate]:  # fmt: skip
        """Take in what an answer says besides its words, and return these."""
        state.answers += 1
        if not isinstance(body.get("segments"), list):
            self._learn("times")  # it took no notice of the form that was asked for
        state.told = state.told or language_of(body.get("language"))
        if passage.speech_s >= _SETTLES_S:
            state.language = state.language or language_of(body.get("language"))
        return candidates(body, passage)

    def _learn(self, lacks: Lack) -> None:
        """Take in what a server does not know, or does not bear."""
        if lacks == "times":
            self._tells_times = False
        else:
            self._takes_blocks = False

    def _form(self, connection: Connection, state: _State) -> dict[str, Any]:
        """Return what is asked of a server, besides the sound."""
        form: dict[str, Any] = {"model": connection.asked.model, "response_format": "json"}
        if state.language is not None:
            form["language"] = two_letters(state.language)
        if self._tells_times:
            form["response_format"] = "verbose_json"
            if state.request.word_times:
                form["timestamp_granularities"] = ["segment", "word"]
        return form

    def _sent(
        self, connection: Connection, wav: bytes, seconds: float, form: dict[str, Any], whole: bool
    ) -> Mapping[str, Any]:
        """Send a passage, and take in what the server knows and bears. Raises: BackendFailed."""
        asked_for_times = self._tells_times

        def ask(client: Any) -> Any:
            create = client.audio.transcriptions.with_raw_response.create
            return create(file=("speech.wav", wav, "audio/wav"), **form)

        def adapt(refusal: Refusal) -> bool:
            if refusal.kind == "timeout" or refusal.status == 413 or refusal.too_long:
                self._learn("blocks")
            elif (
                asked_for_times
                and refusal.status in (400, 422)
                and any(word in refusal.about for word in _FORM_WORDS)
            ):
                self._learn("times")
                form["response_format"] = "json"
                form.pop("timestamp_granularities", None)
                return not whole  # what is short can be sent as it is
            return False

        with self.tally.open(connection.model, most_for(seconds)) as call:
            try:
                body = connection.send(ask, adapt, call=call).body
            except BackendFailed as exc:
                call.release(type(exc).__name__)  # what may cost something was booked
                raise
            usage = usage_of(body)
            used = replace(quantities(usage), audio_s=seconds)
            call.settle(used, usage.origin, cost_usd=usage.cost_usd, resolved=resolved(body))
            if not tells_words(body):
                raise RequestFailed(f"{connection.asked.endpoint.name} sent an answer without a "
                                    "transcript.", kind="transient")  # fmt: skip
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
        if state.model is None:
            return f"no speech found{damage}"
        where = endpoint(self._options.api_for("speech")).name
        return f"speech recognised by {safe(escaped(state.model))} at {where}{damage}"


@dataclass(slots=True)
class _State:
    """How far a transcript has come."""

    request: TranscriptRequest
    language: str | None = None
    told: str | None = None
    """The language that the provider named first, as long as none is settled."""
    model: str | None = None
    """The model that is asked, None as long as it was not needed."""
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
            self.told, self.model, self.answers = earlier.told, earlier.model, earlier.answers
            self.request.advanced(self.until_s - self.request.start_s)

    def take(self, found: Iterable[Candidate], speech_s: float) -> None:
        """Take in what was recognised."""
        wordy = [segment for segment in self.rejected[-9:] if segment.text]
        latest = sorted([*self.segments[-9:], *wordy], key=lambda s: s.start_s)
        sifted = sift([one for one in found if one.segment.text], latest)
        self.segments += sifted.segments
        self.rejected += sifted.rejected
        self.speech_s += speech_s

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
        """Note that everything before a time is done, and report it."""
        self.heard_s += max(0.0, until_s - max(self.until_s, block.start_s))
        self.until_s = until_s
        self.request.advanced(until_s - self.request.start_s)


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
