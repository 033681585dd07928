"""Speech recognition on this machine: only what is speech goes to Whisper, block by block."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from vidsum.backends.machine import usable_cores
from vidsum.catalog.entry import LocalModel
from vidsum.catalog.locate import find
from vidsum.config import Options
from vidsum.costs.tally import Tally
from vidsum.data import Forecast, Need, Segment, Transcript
from vidsum.errors import BackendMissing, OptionError
from vidsum.languages import language_name, two_letters
from vidsum.media.audio import RATE_HZ
from vidsum.registry import Readiness, Work
from vidsum.transcribers.gates import sift
from vidsum.transcribers.protocol import Heard, Transcriber, TranscriptRequest
from vidsum.transcribers.recogniser import BATCH, Device, Recogniser, choose_device, missing_files
from vidsum.transcribers.speech_windows import BLOCK_S, PASSAGE_S, Block, blocks
from vidsum.transcribers.tracks import chosen_track

_SURE = 0.8
"""A first passage that is this likely in one language settles it."""
_ASKED_PASSAGES, _ASKED_BLOCKS = 3, 6
"""Otherwise so many passages are asked, within so many blocks (five minutes)."""
_OTHER_CODES = {"jv": "jw", "nb": "no", "fil": "tl", "iw": "he", "in": "id", "ji": "yi"}
"""Whisper's own codes where they are not the ones in use."""


def build(options: Options) -> Transcriber:
    """Return the transcriber; its model is loaded at the first speech. Raises: BackendMissing."""
    return WhisperTranscriber(find("speech", options.speech_model), options)


def ready(options: Options) -> Readiness:
    """Return whether there is a model, and where it would run."""
    try:
        model = find("speech", options.speech_model)
    except BackendMissing as exc:
        return Readiness(False, exc.message, exc.hint)
    missing = missing_files(model.model)
    if missing:
        return Readiness(False, f"the speech model {model.name} lacks {', '.join(missing)}",
                         "Get it again: vidsum models pull speech")  # fmt: skip
    return Readiness(True, f"{model.name}, {choose_device(options.gpu_layers)}")


def forecast(options: Options, need: Need) -> Forecast:
    """Return what a need would use; loads nothing. Raises: BackendMissing, OptionError."""
    from vidsum.transcribers import forecasting

    return forecasting.whisper(options, need)


def block_s_on(options: Options) -> float:
    """Return how much sound is judged at once with these options."""
    return _block_s(choose_device(options.gpu_layers))


def _block_s(device: Device) -> float:
    """A GPU hears several passages at once: it gets longer blocks."""
    return BATCH * (PASSAGE_S - 2) if device.name == "cuda" else BLOCK_S


class WhisperTranscriber(Transcriber):
    """Finds speech by voice activity detection and recognises it with a local Whisper."""

    name = "whisper"

    def __init__(self, model: LocalModel, options: Options) -> None:
        self._local = model
        self._threads = options.threads or usable_cores()
        self._device: Device = choose_device(options.gpu_layers)
        self._recogniser: Recogniser | None = None
        self._closed = threading.Event()
        self.work: Work = "gpu" if self._device.name == "cuda" else "cores"
        self.tally = Tally()

    def close(self) -> None:
        """Let go of the model; whoever uses it stops after the window that it is at."""
        self._closed.set()
        self._recogniser = None

    def transcribe(self, request: TranscriptRequest) -> Transcript | None:
        """Return what was said; None for a file without sound.

        Raises: OptionError, MediaError, BackendMissing, BackendFailed.
        """
        track = chosen_track(request.info, request.audio_track)
        if track is None:
            return None
        state = _State(request, whisper_language(request.language))
        with request.open_decoder() as decoder:
            # From the start also to go on: resampling begun elsewhere gives other samples.
            windows = decoder.audio(track, request.start_s, request.stop_s)
            cut = blocks(windows, state.until_s, request.stop_s, _block_s(self._device))
            for block in self._with_language(cut, state):
                self._hear(block, state)
            damaged = decoder.broken_audio_packets > 0
        return Transcript(
            tuple(state.segments), self._source(state, damaged), self.name,
            state.language or track.language, state.speech_s, state.heard_s,
            tuple(state.rejected), self._local.name,
        )  # fmt: skip

    def _hear(self, block: Block, state: _State) -> None:
        """Take one block into the state, and report it."""
        candidates = []
        passages = [one for one in block.passages if state.request.hears(one.speech_s)]
        state.request.sending(sum(one.samples.size for one in passages) / RATE_HZ)
        if passages:
            language = state.language or "en"
            heard = self._loaded().hear(passages, language, state.request.word_times)
            for passage, found in zip(passages, heard, strict=True):
                candidates += [c for c in found if c.segment.text]
                state.advanced(passage.end_s)
        candidates.sort(key=lambda c: (c.segment.start_s, c.segment.end_s))
        sifted = sift(candidates, state.latest())
        state.settle(block, sifted.segments, sifted.rejected)

    def _with_language(self, cut: Iterator[Block], state: _State) -> Iterator[Block]:
        """Yield the blocks when the language is settled: by the first ones with speech.

        Raises: OptionError when the model does not know the language that was asked for.
        """
        for block in cut:
            if block.passages:
                break
            yield block
        else:
            return
        recogniser = self._loaded()
        if not recogniser.multilingual:
            _demand_english(state.language, self._local.name)
            state.language = "en"
        waiting = [block]
        if state.language is None:
            state.language = settle_language(waiting, cut, recogniser)
        yield from waiting
        yield from cut

    def _loaded(self) -> Recogniser:
        recogniser = self._recogniser
        if recogniser is None:
            recogniser = Recogniser(
                self._local.model, self._device, self._threads, self.tally, closed=self._closed,
                name=self._local.name,
            )  # fmt: skip
            self._recogniser = recogniser
        return recogniser

    def _source(self, state: _State, damaged: bool) -> str:
        if state.heard_s == 0:
            return "a sound track without readable sound"
        damage = " (the sound is partly damaged)" if damaged else ""
        if not (state.speech_s or state.segments or state.rejected):
            return f"no speech found{damage}"
        device = self._recogniser.device if self._recogniser else self._device
        return f"speech recognised by {self._local.name} ({device}){damage}"


@dataclass(slots=True)
class _State:
    """How far a transcript has come."""

    request: TranscriptRequest
    language: str | None
    until_s: float = 0.0
    segments: list[Segment] = field(default_factory=list)
    rejected: list[Segment] = field(default_factory=list)
    speech_s: float = 0.0
    heard_s: float = 0.0
    _done_s: float = 0.0

    def __post_init__(self) -> None:
        self.until_s = self.request.start_s
        earlier = self.request.resume
        if earlier is not None:
            self.until_s = earlier.until_s
            self.segments, self.rejected = list(earlier.segments), list(earlier.rejected)
            self.speech_s, self.heard_s = earlier.speech_s, earlier.heard_s
            self.language = earlier.language or self.language
            self.advanced(earlier.until_s)

    def advanced(self, time_s: float) -> None:
        """Report that everything before a time in the file is done."""
        self._done_s = max(self._done_s, time_s - self.request.start_s)
        self.request.advanced(self._done_s)

    def latest(self) -> list[Segment]:
        """Return the last few segments, believed or not."""
        return sorted([*self.segments[-9:], *self.rejected[-9:]], key=lambda s: s.start_s)

    def settle(self, block: Block, segments: Iterable[Segment],
               rejected: Iterable[Segment]) -> None:  # fmt: skip
        """Take in what a block gave, and report it."""
        self.segments += segments
        self.rejected += rejected
        self.speech_s += block.speech_s
        self.heard_s += block.heard_s
        self.until_s = block.end_s
        self.advanced(block.end_s)
        self.request.heard(Heard(
            self.until_s, tuple(self.segments), tuple(self.rejected), self.language,
            self.speech_s, self.heard_s,
        ))  # fmt: skip


def whisper_language(code: str | None) -> str | None:
    """Return Whisper's code for a language code. Raises: OptionError when it knows none."""
    if code is None:
        return None
    from faster_whisper.tokenizer import _LANGUAGE_CODES

    short = two_letters(code)
    short = _OTHER_CODES.get(short, short)
    if short not in _LANGUAGE_CODES:
        raise OptionError(f"Whisper knows no language {code}.",
                          "It takes codes such as en, de, fr, es, pt, ru, zh or ja; without "
                          "--language it finds out by itself.")  # fmt: skip
    return short


def settle_language(waiting: list[Block], cut: Iterator[Block], recogniser: Recogniser) -> str:
    """Return the language of the first passages; the blocks that it took wait in ``waiting``."""
    asked: list[tuple[float, dict[str, float]]] = []
    for number in range(_ASKED_BLOCKS):
        for passage in waiting[number].passages[: _ASKED_PASSAGES - len(asked)]:
            asked.append((passage.samples.size, recogniser.languages(passage)))
            likeliest = max(asked[0][1].values())
            if likeliest >= _SURE or len(asked) == _ASKED_PASSAGES:
                return likeliest_language(asked)
        following = next(cut, None)
        if following is None:
            break
        waiting.append(following)
    return likeliest_language(asked)


def likeliest_language(asked: Iterable[tuple[float, dict[str, float]]]) -> str:
    """Return the language with the highest mean probability, each passage by its weight."""
    sums: dict[str, float] = {}
    for weight, found in asked:
        for code, probability in found.items():
            sums[code] = sums.get(code, 0.0) + weight * probability
    return max(sums, key=lambda code: sums[code])


def _demand_english(language: str | None, model: str) -> None:
    if language not in (None, "en"):
        name = language_name(language) or language
        raise OptionError(f"The speech model {model} knows English only, not {name}.",
                          "Name a multilingual one with --speech-model.")  # fmt: skip
