"""Whisper itself, through faster-whisper: a passage of speech in, scored segments out."""

from __future__ import annotations

import contextlib
import logging
import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from vidsum.costs.calls import OpenCall
from vidsum.costs.tally import Tally
from vidsum.costs.units import WHISPER, window_flops
from vidsum.data import ModelRef, Quantities, Segment, SpeechScores, Word
from vidsum.errors import BackendFailed, BackendMissing
from vidsum.media.audio import RATE_HZ
from vidsum.media.onnx import keep_onnx_quiet
from vidsum.transcribers.gates import Candidate, failed, loops
from vidsum.transcribers.placing import Placing
from vidsum.transcribers.speech_windows import Passage
from vidsum.transcribers.whisper_shape import whisper_shape

if TYPE_CHECKING:
    from vidsum.media.audio import Samples

BEAM_SIZE = 5
BATCH = 8
"""Passages that a GPU hears at once: 17 s instead of 63 s for 13 minutes with large-v2.
Source: faster-whisper's README. On two cores it did not pay (0.6 to 1.1 times as fast, tiny model),
and in a batch more words were lost."""
NEEDED: Final = ("model.bin", "config.json", "tokenizer.json")
"""Without its tokenizer.json faster-whisper would fetch one from the hub."""
VOCABULARY: Final = ("vocabulary.json", "vocabulary.txt")
_UNHEARD_S = 1.5
_NO_MEMORY = re.compile(r"out of memory|allocate memory|bad.alloc|enough memory", re.IGNORECASE)
_MOST_WINDOWS = 3
"""Windows that a passage is reserved for: where Whisper ends a segment early, it hears the rest
anew. More are possible; then as many are reserved from there on."""
_MOST_TOKENS = 224
"""Of a window; fluent speech has 150. Source: OpenAI's own limit, half of the decoder's room."""
MOST_HEARINGS = 9
"""A passage whole, and after at most four cuts in two its parts."""
_SETTINGS: Final[dict[str, Any]] = {
    "beam_size": BEAM_SIZE,
    "condition_on_previous_text": False,
    # One temperature: the higher ones draw lots, and a run that is taken up again must end the
    # same. What fails is heard again in halves instead, see hear().
    "temperature": [0.0],
    # Whisper's own gate would drop segments without a word; ours reject them with a reason.
    "no_speech_threshold": None,
    "max_new_tokens": _MOST_TOKENS,
    "vad_filter": False,
}


@dataclass(frozen=True, slots=True)
class Device:
    """Where a model runs and how its numbers are kept there."""

    name: str
    compute_type: str

    def __str__(self) -> str:
        return f"{self.compute_type}, {'GPU' if self.name == 'cuda' else 'CPU'}"


def choose_device(gpu_layers: int | None) -> Device:
    """Return the GPU unless there is none or it is not wanted (0 layers)."""
    import ctranslate2

    if gpu_layers == 0 or ctranslate2.get_cuda_device_count() == 0:
        return Device("cpu", "int8")
    half = "float16" in ctranslate2.get_supported_compute_types("cuda")
    return Device("cuda", "float16" if half else "float32")


def missing_files(folder: Path) -> list[str]:
    """Return what a folder lacks of a Whisper model in CTranslate2 form."""
    missing = [name for name in NEEDED if not (folder / name).is_file()]
    if not any((folder / name).is_file() for name in VOCABULARY):
        missing.append(VOCABULARY[0])
    return missing


class _Patience:
    """How often one passage may still be heard in two parts: what it may cost has a bound."""

    def __init__(self) -> None:
        self._left = (MOST_HEARINGS - 1) // 2

    def spend(self) -> bool:
        """Take one cut; return whether there was one left."""
        self._left -= 1
        return self._left >= 0


class Recogniser:
    """A loaded model. ``tally`` counts the windows that it heard."""

    def __init__(
        self, folder: Path, device: Device, threads: int, tally: Tally,
        batch: int | None = None, closed: threading.Event | None = None, name: str = "",
    ) -> None:  # fmt: skip
        """Load the model. ``batch`` is how many passages it hears at once; by default what pays
        on the device. Once ``closed`` is set no further window is heard: one takes a large model
        half a minute. Raises: BackendMissing, BackendFailed."""
        self._closed, self._name = closed or threading.Event(), name or folder.name
        self._folder = folder
        self._threads = threads
        self._tally = tally
        self._shape = whisper_shape(folder)
        self._most_windows = _MOST_WINDOWS
        self.device = device
        self._model = self._load(device)
        if device.name == "cuda":
            self._try_gpu()
        self._batch = batch or (BATCH if self.device.name == "cuda" else 1)

    @property
    def multilingual(self) -> bool:
        """False for a model that knows English only."""
        return bool(self._model.model.is_multilingual)

    def languages(self, passage: Passage) -> dict[str, float]:
        """Return how likely (0–1) each language is. Raises: BackendFailed."""
        with self._call([passage], 1) as call, self._guarded():
            _, _, found = self._model.detect_language(passage.samples)
            call.settle(Quantities(calls=1, output_tokens=1), "measured",
                        flops=self._flops(self._model.windows, 1))  # fmt: skip
        return dict(found)

    def hear(self, passages: Sequence[Passage], language: str,
             word_times: bool) -> Iterator[list[Candidate]]:  # fmt: skip
        """Yield what is said in each passage, in order of time. Raises: BackendFailed."""
        if self._batch > 1 and len(passages) > 1:
            together = self._together(passages, language, word_times)
            for passage, found in zip(passages, together, strict=True):
                yield self._checked(passage, found, language, word_times)
        else:
            for passage in passages:
                yield self._whole(passage, language, word_times)

    def _together(self, passages: Sequence[Passage], language: str,
                  word_times: bool) -> list[list[Any]]:  # fmt: skip
        """Return faster-whisper's segments of several passages that are heard at once."""
        from faster_whisper import BatchedInferencePipeline

        joined = np.concatenate([passage.samples for passage in passages])
        ends = np.cumsum([passage.samples.size for passage in passages]) / RATE_HZ
        starts = np.concatenate(([0.0], ends[:-1]))
        clips = [{"start": float(a), "end": float(b)} for a, b in zip(starts, ends, strict=True)]
        with self._call(passages, _MOST_TOKENS) as call, self._guarded():
            found, _ = BatchedInferencePipeline(self._model).transcribe(
                joined, language=language, clip_timestamps=clips, batch_size=self._batch,
                without_timestamps=False, word_timestamps=word_times, **_SETTINGS,
            )  # fmt: skip
            segments = list(found)
            self._settle(call, passages, sum(len(segment.tokens) for segment in segments))
        return [
            [_moved(s, -float(a)) for s in segments if a <= s.start < b]
            for a, b in zip(starts, ends, strict=True)
        ]

    def _whole(
        self, passage: Passage, language: str, word_times: bool, again: bool = True,
        patience: _Patience | None = None,
    ) -> list[Candidate]:  # fmt: skip
        patience = patience or _Patience()
        found = self._alone(passage, language, word_times)
        placing = Placing(passage)
        for segment in found:
            place = placing.segment(segment.start, segment.end)
            if place.first != place.last and patience.spend():
                # It runs over a pause that was cut short: its words are on both sides of it.
                parts = passage.cut(place.first + 1)
                return [
                    c for part in parts
                    for c in self._whole(part, language, word_times, again, patience)
                ]  # fmt: skip
        candidates = _beside_loops(_candidates(found, passage, placing))
        if again and any(map(failed, candidates)):
            halves = passage.parts()
            if len(halves) > 1 and patience.spend():
                return [
                    c for half in halves
                    for c in self._whole(half, language, word_times, False, patience)
                ]  # fmt: skip
        return candidates

    def _checked(self, passage: Passage, found: list[Any], language: str,
                 word_times: bool) -> list[Candidate]:  # fmt: skip
        """Return the candidates of a batched passage; heard again by itself where that failed."""
        placing = Placing(passage)
        places = [placing.segment(segment.start, segment.end) for segment in found]
        candidates = _candidates(found, passage, placing)
        # In a batch an unfinished last segment is lost.
        unheard_s = placing.speech_after(found[-1].end if found else 0.0)
        if (unheard_s > _UNHEARD_S or any(p.first != p.last for p in places)
                or any(map(failed, candidates))):  # fmt: skip
            return self._whole(passage, language, word_times)
        return candidates

    def _alone(self, passage: Passage, language: str, word_times: bool) -> list[Any]:
        with self._call([passage], _MOST_TOKENS) as call, self._guarded():
            found, _ = self._model.transcribe(
                passage.samples, language=language, word_timestamps=word_times, **_SETTINGS
            )
            segments = list(found)
            self._settle(call, [passage], sum(len(segment.tokens) for segment in segments))
        return segments

    @property
    def ref(self) -> ModelRef:
        """The model as the ledger knows it."""
        device = "gpu" if self.device.name == "cuda" else "cpu"
        shape = self._shape and replace(self._shape, quant=self.device.compute_type)
        return ModelRef(backend="faster-whisper", requested=self._name, device=device, shape=shape)

    def _call(self, passages: Sequence[Passage], tokens: int) -> OpenCall:
        """Reserve for hearing some passages. Raises: BudgetReached."""
        windows = len(passages) * (self._most_windows if tokens > 1 else 1)
        most = Quantities(calls=len(passages), audio_s=_seconds(passages),
                          output_tokens=windows * tokens)  # fmt: skip
        call = self._tally.open(self.ref, most, self._flops(windows, windows * tokens),
                                formula_id=WHISPER)  # fmt: skip
        self._model.windows = 0
        return call

    def _settle(self, call: OpenCall, passages: Sequence[Passage], tokens: int) -> None:
        windows = self._model.windows
        self._most_windows = max(self._most_windows, -(-windows // len(passages)))
        used = Quantities(calls=len(passages), audio_s=_seconds(passages), output_tokens=tokens)
        call.settle(used, "measured", flops=self._flops(windows, tokens))

    def _flops(self, windows: int, tokens: int) -> float | None:
        if self._shape is None:
            return None
        return window_flops(self._shape, windows=windows, tokens=tokens, beam=BEAM_SIZE)

    def _load(self, device: Device) -> Any:
        missing = missing_files(self._folder)
        if missing:
            raise BackendFailed(f"The speech model {self._folder} lacks {', '.join(missing)}.",
                                "Get it again with vidsum models pull, or name another with "
                                "--speech-model.")  # fmt: skip
        keep_onnx_quiet()
        try:
            import ctranslate2
            from faster_whisper import WhisperModel
        except ImportError as exc:
            raise BackendMissing(f"faster-whisper cannot be loaded: {exc}.",
                                 "Install it: pip install faster-whisper") from exc  # fmt: skip
        ctranslate2.set_log_level(logging.ERROR)
        _quieten(logging.getLogger("faster_whisper"))

        class CountingModel(WhisperModel):  # type: ignore[misc, unused-ignore]
            """Counts the windows that it encodes; a passage can take more than one."""

            windows = 0

            def encode(self, features: Any) -> Any:
                self.windows += features.shape[0] if features.ndim == 3 else 1
                return super().encode(features)

        with self._guarded("loaded"):
            return CountingModel(
                str(self._folder), device=device.name, compute_type=device.compute_type,
                cpu_threads=self._threads, local_files_only=True,
            )  # fmt: skip

    def _try_gpu(self) -> None:
        """Go on without the GPU when its libraries are not there: only work shows that."""
        try:
            self._model.encode(np.zeros((self._model.model.n_mels, 3000), np.float32))
        except RuntimeError as exc:
            if "cannot be loaded" not in str(exc):
                raise self._failed(exc, "loaded") from exc
            self.device = Device("cpu", "int8")
            self._model = self._load(self.device)

    @contextlib.contextmanager
    def _guarded(self, what: str = "used") -> Iterator[None]:
        if self._closed.is_set():
            raise BackendFailed(f"The speech model {self._folder} was closed.")
        try:
            yield
        except (RuntimeError, MemoryError, ValueError, OSError) as exc:
            raise self._failed(exc, what) from exc
        except Exception as exc:
            # The tokenizers library raises bare Exceptions for a file that is no tokenizer.
            if type(exc) is not Exception:
                raise
            raise self._failed(exc, what) from exc

    def _failed(self, exc: Exception, what: str) -> BackendFailed:
        reason = " ".join(str(exc).split()) or type(exc).__name__
        if isinstance(exc, MemoryError) or _NO_MEMORY.search(reason):
            place = "GPU memory" if self.device.name == "cuda" else "memory"
            return BackendFailed(f"There is not enough {place} for the speech model "
                                 f"{self._folder}.",
                                 "Use a smaller one with --speech-model, or --gpu-layers 0."
                                 if self.device.name == "cuda"
                                 else "Use a smaller one with --speech-model.")  # fmt: skip
        return BackendFailed(f"The speech model {self._folder} cannot be {what}: {reason}.",
                             "Get it again with vidsum models pull, or name another with "
                             "--speech-model.")  # fmt: skip


def _quieten(logger: logging.Logger) -> None:
    """Let warnings go where the program sends its log, and nowhere if it has none."""
    logger.setLevel(logging.WARNING)
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())


def _moved(segment: Any, by_s: float) -> Any:
    segment.start, segment.end = segment.start + by_s, segment.end + by_s
    for word in segment.words or ():
        word.start, word.end = word.start + by_s, word.end + by_s
    return segment


def _candidates(found: Iterable[Any], passage: Passage, placing: Placing) -> list[Candidate]:
    """Return segments of faster-whisper's as ours, in the file's time."""
    samples = passage.samples
    candidates = []
    for one in found:
        place = placing.segment(one.start, one.end)
        start_s, end_s = round(place.start_s, 3), round(max(place.start_s, place.end_s), 3)
        segment = Segment(
            start_s, end_s, one.text.strip(),
            tuple(_words(one.words or (), placing, start_s, end_s)),
            SpeechScores(one.avg_logprob, one.no_speech_prob, one.compression_ratio),
        )  # fmt: skip
        sound = samples[int(one.start * RATE_HZ) : int(one.end * RATE_HZ)]
        candidates.append(Candidate(segment, place.speech_share, _loudness_db(sound)))
    return candidates


def _beside_loops(candidates: list[Candidate]) -> list[Candidate]:
    """Mark all that was heard in one window when some of it is a loop: Whisper had lost its way."""
    if not any(map(loops, candidates)):
        return candidates
    return [replace(candidate, beside_loop=True) for candidate in candidates]


def _words(found: Iterable[Any], placing: Placing, start_s: float, end_s: float) -> Iterator[Word]:
    """Yield the words inside a segment's time, none before the one that it follows."""
    for word in found:
        begin_s, stop_s = placing.word(word.start, word.end)
        begin_s = min(max(round(begin_s, 3), start_s), end_s)
        stop_s = min(max(round(stop_s, 3), begin_s), end_s)
        start_s = begin_s
        text = word.word.strip()
        if text:
            yield Word(begin_s, stop_s, text, min(1.0, float(word.probability)))


def _seconds(passages: Iterable[Passage]) -> float:
    return sum(passage.samples.size for passage in passages) / RATE_HZ


def _loudness_db(samples: Samples) -> float | None:
    if not samples.size:
        return None
    power = float(np.mean(np.square(samples, dtype=np.float64)))
    return float(10 * np.log10(max(power, 1e-12)))
