"""Speech recognised over the network: true words at true times, and nothing paid for lost."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from footage import write_wav
from scripted_provider import DROP, HANG, Answer, Call, ScriptedProvider, Step, fails
from speech_server import MODEL, form_of, sound_of, transcribes
from spoken import RATE_HZ, Line, phrase_s, speech, spoken_wav
from thinning import every_second

from vidsum.backends.retrying import Retrying
from vidsum.config import Options
from vidsum.data import Transcript, Usage
from vidsum.errors import BackendFailed, BackendMissing, RequestFailed
from vidsum.media.audio import WINDOW_S
from vidsum.media.process import Decoder
from vidsum.transcribers import remote
from vidsum.transcribers.protocol import Heard, TranscriptRequest
from vidsum.transcribers.remote import BLOCK_S, RemoteTranscriber, as_wav
from vidsum.transcribers.verbose_json import language_of, usage_of

QUICK = Retrying(base_s=0.001, cap_s=0.002)
KEY = "sk-proj-0123456789abcdefXYZ"
NEAR_S = 0.35


class Listening:
    """A transcriber, the provider it asks, and all that it reported."""

    def __init__(self, url: str, **more: Any) -> None:
        named = {"api": url, "speech_model": MODEL, "api_timeout_s": 20.0}
        self.transcriber = RemoteTranscriber(Options(**(named | more)), QUICK)
        self.heard: list[Heard] = []
        self.done: list[float] = []

    def to(self, path: Path, start_s: float = 0.0, stop_s: float | None = None,
           **more: Any) -> Transcript | None:  # fmt: skip
        with Decoder(path) as decoder:
            info = decoder.probe()
        request = TranscriptRequest(
            info, lambda: Decoder(path), start_s, stop_s, advanced=self.done.append,
            heard=self.heard.append, **more,
        )  # fmt: skip
        try:
            return self.transcriber.transcribe(request)
        finally:
            self.transcriber.close()


def said_at(transcript: Transcript | None) -> list[Line]:
    assert transcript is not None
    return [(s.start_s, s.text.lower().strip(".")) for s in transcript.segments]


def assert_true(found: list[Line], lines: list[Line]) -> None:
    assert [text for _, text in found] == [text for _, text in lines]
    for (start_s, _), (true_s, _) in zip(found, lines, strict=True):
        assert start_s == pytest.approx(true_s, abs=NEAR_S)


LINES = [(4.0, "red circle left"), (12.0, "open blue square"), (41.0, "move up two")]


@pytest.fixture(scope="module")
def talk_of_words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return spoken_wav(tmp_path_factory.mktemp("spoken") / "talk.wav", LINES, 50.0)


def test_true_words_at_true_times(talk_of_words: Path) -> None:
    with ScriptedProvider(transcribes()) as provider:
        listening = Listening(provider.url)
        transcript = listening.to(talk_of_words)
    assert transcript is not None
    assert_true(said_at(transcript), LINES)
    assert (transcript.backend, transcript.model, transcript.language) == ("remote", MODEL, "en")
    host = provider.url.split("/")[2]
    assert transcript.source == f"speech recognised by {MODEL} at {host}"
    assert transcript.heard_s == pytest.approx(50.0, abs=0.1)
    spoken_s = sum(phrase_s(text) for _, text in LINES)
    assert transcript.speech_s == pytest.approx(spoken_s, rel=0.25)
    assert all(s.scores is not None and s.words == () for s in transcript.segments)
    assert listening.done[-1] == pytest.approx(50.0, abs=0.1)
    assert listening.transcriber.tally.counts == {"calls": 1, "calls_without_usage": 1}


def test_silence_is_not_sent(talk_of_words: Path) -> None:
    with ScriptedProvider(transcribes()) as provider:
        Listening(provider.url).to(talk_of_words)
    (call,) = provider.calls
    sent_s = sound_of(call).size / RATE_HZ
    spoken_s = sum(phrase_s(text) for _, text in LINES)
    assert spoken_s < sent_s < spoken_s + 3 * 2.5


def test_a_part_of_the_file(talk_of_words: Path) -> None:
    with ScriptedProvider(transcribes()) as provider:
        transcript = Listening(provider.url).to(talk_of_words, 10.0, 20.0)
    assert transcript is not None
    assert_true(said_at(transcript), LINES[1:2])
    assert transcript.heard_s == pytest.approx(10.0, abs=0.1)


def test_words_with_times(talk_of_words: Path) -> None:
    with ScriptedProvider(transcribes()) as provider:
        transcript = Listening(provider.url).to(talk_of_words, word_times=True)
    assert transcript is not None
    for segment, (_, text) in zip(transcript.segments, LINES, strict=True):
        assert [word.text.lower().strip(".") for word in segment.words] == text.split()
        # The tiny model's word times are rough; segment times are what it is good at.
        times = [time_s for word in segment.words for time_s in (word.start_s, word.end_s)]
        assert times == sorted(times)
        assert times[0] == pytest.approx(segment.start_s, abs=1.0)
        assert {word.probability for word in segment.words} == {None}  # the provider gives none


DENSE = [
    (at_s + offset, text)
    for at_s, text in [(4.0, "red circle left"), (33.0, "open blue square"), (64.0, "move up two")]
    for offset in (0.0, 5.0, 10.0, 15.0)
]


@pytest.fixture(scope="module")
def dense_talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One block, which is more than one passage."""
    return spoken_wav(tmp_path_factory.mktemp("dense") / "talk.wav", DENSE, 90.0)


def words_of(transcript: Transcript | None) -> list[str]:
    words = " ".join(text for _, text in said_at(transcript))
    return words.replace(".", "").replace(",", "").split()


def test_a_model_that_tells_no_times_is_sent_less_at_once(dense_talk: Path) -> None:
    usage = {"type": "tokens", "input_tokens": 50, "output_tokens": 7, "total_tokens": 57}
    with ScriptedProvider(transcribes(usage, times=False)) as provider:
        listening = Listening(provider.url)
        transcript = listening.to(dense_talk)
    assert transcript is not None
    forms = [form_of(call)["response_format"] for call in provider.calls]
    assert forms[0] == "verbose_json"
    assert set(forms[1:]) == {"json"}
    assert len(transcript.segments) == len(forms) - 1 > 1
    assert words_of(transcript) == " ".join(text for _, text in DENSE).split()
    assert transcript.segments[0].start_s == pytest.approx(4.0, abs=0.6)
    assert all(segment.scores is None for segment in transcript.segments)
    calls = len(forms) - 1
    counts = dict(listening.transcriber.tally.counts)
    counts.pop("failed_calls", None)
    assert counts == {"calls": calls, "input_tokens": 50 * calls, "output_tokens": 7 * calls}


def test_the_language_is_told_once_it_is_known(talk_of_words: Path) -> None:
    with ScriptedProvider(transcribes()) as provider:
        Listening(provider.url).to(talk_of_words, language="eng")
        assert form_of(provider.calls[0])["language"] == "en"
        Listening(provider.url).to(talk_of_words)
        assert "language" not in form_of(provider.calls[1])


LONG = [
    (2.0, "red circle left"),
    (BLOCK_S + 20, "open blue square"),
    (2 * BLOCK_S - 30, "stop video and slide page"),
    (2 * BLOCK_S + 30, "close slide two"),
]


@pytest.fixture(scope="module")
def long_talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return spoken_wav(tmp_path_factory.mktemp("long") / "talk.wav", LONG, 3 * BLOCK_S - 60)


@pytest.mark.slow
def test_long_sound_goes_block_by_block(long_talk: Path) -> None:
    with ScriptedProvider(transcribes()) as provider:
        listening = Listening(provider.url)
        transcript = listening.to(long_talk)
    assert transcript is not None
    assert_true(said_at(transcript), LONG)
    assert len(provider.calls) == 3
    assert listening.done == sorted(listening.done)
    assert [len(state.segments) for state in listening.heard] == [1, 3, 4]


@pytest.mark.parametrize("end", every_second([fails(401, "revoked"), DROP]))
def test_what_was_heard_before_a_failure_is_kept(end: Answer, long_talk: Path) -> None:
    with ScriptedProvider(transcribes(), end) as provider:
        listening = Listening(provider.url)
        with pytest.raises(BackendFailed):
            listening.to(long_talk)
    (state,) = listening.heard
    assert [segment.text.lower().strip(".") for segment in state.segments] == ["red circle left"]
    assert BLOCK_S / 2 < state.until_s <= BLOCK_S

    with ScriptedProvider(transcribes()) as provider:
        going_on = Listening(provider.url)
        transcript = going_on.to(long_talk, resume=state)
    assert transcript is not None
    assert_true(said_at(transcript), LONG)
    assert len(provider.calls) == 2
    assert transcript.heard_s == pytest.approx(3 * BLOCK_S - 60, abs=0.2)
    assert going_on.done[0] == pytest.approx(state.until_s)


def fails_on(number: int, how: Answer) -> Step:
    """A provider that recognises, but for one request, counted from 0."""
    count = iter(range(1000))
    good = transcribes()
    return lambda call: how if next(count) == number else good(call)


def test_a_block_that_fails_is_a_gap_and_the_rest_goes_on(long_talk: Path) -> None:
    with ScriptedProvider(fails_on(1, fails(400, "could not decode"))) as provider:
        listening = Listening(provider.url)
        transcript = listening.to(long_talk)
    assert transcript is not None
    assert_true(said_at(transcript), [LONG[0], LONG[3]])
    (gap,) = transcript.rejected
    assert gap.text == ""
    assert gap.doubt is not None
    assert "not recognised" in gap.doubt
    assert "could not decode" in gap.doubt
    assert gap.start_s <= LONG[1][0]
    assert LONG[2][0] < gap.end_s < LONG[3][0]
    whole_s = 3 * BLOCK_S - 60
    assert transcript.heard_s == pytest.approx(whole_s - (gap.end_s - gap.start_s), abs=0.2)
    assert [len(state.rejected) for state in listening.heard] == [0, 1, 1]
    assert listening.done[-1] == pytest.approx(whole_s, abs=0.2)


@pytest.mark.parametrize("path", ["talk_of_words", "long_talk"])
def test_a_provider_that_never_answers_is_a_failure(
    path: str, request: pytest.FixtureRequest
) -> None:
    with ScriptedProvider(fails(400, "could not decode")) as provider:
        with pytest.raises(RequestFailed, match="could not decode"):
            Listening(provider.url).to(request.getfixturevalue(path))
        assert len(provider.calls) <= 3


@pytest.mark.parametrize("refusal", every_second([fails(413, "Request Entity Too Large"), HANG]))
def test_a_server_that_takes_less_at_once_is_sent_less(refusal: Answer, dense_talk: Path) -> None:
    def step(call: Call) -> Answer:
        return refusal if sound_of(call).size > 29 * RATE_HZ else transcribes()(call)

    with ScriptedProvider(step) as provider:
        transcript = Listening(provider.url, api_timeout_s=12.0).to(dense_talk)
    assert transcript is not None
    assert words_of(transcript) == " ".join(text for _, text in DENSE).split()
    assert len(transcript.segments) > 3, "it is still asked for times"
    assert transcript.rejected == ()


def test_short_sound_for_a_model_that_knows_no_times_either(dense_talk: Path) -> None:
    def step(call: Call) -> Answer:
        if sound_of(call).size > 29 * RATE_HZ:
            return fails(413, "too large")
        return transcribes(times=False)(call)

    with ScriptedProvider(step) as provider:
        transcript = Listening(provider.url).to(dense_talk, word_times=True)
    assert words_of(transcript) == " ".join(text for _, text in DENSE).split()


def test_a_language_named_for_a_word_or_two_binds_nobody(long_talk: Path) -> None:
    def step(call: Call) -> Answer:
        told = "welsh" if call is provider.calls[0] else "english"
        return Answer(body={"text": "x", "segments": [], "language": told})

    with ScriptedProvider(step) as provider:
        transcript = Listening(provider.url).to(long_talk)
    assert transcript is not None
    assert transcript.language == "cy"
    assert ["language" in form_of(call) for call in provider.calls] == [False] * 3


def test_segments_come_in_order(talk_of_words: Path) -> None:
    first = scored(0.5, "one two three", -0.1, 0.1, 1.0)
    second = scored(2.8, "four five six", -0.1, 0.1, 1.0)
    with ScriptedProvider(answering(second, first)) as provider:
        transcript = Listening(provider.url).to(talk_of_words)
    assert [text for _, text in said_at(transcript)] == ["one two three", "four five six"]


def answering(*segments: dict[str, Any], **more: Any) -> Step:
    return Answer(body={"text": "x", "segments": list(segments), **more})


def scored(start: float, text: str, logprob: float, silent: float, packed: float) -> dict[str, Any]:
    return {"start": start, "end": start + 2.0, "text": text, "avg_logprob": logprob,
            "no_speech_prob": silent, "compression_ratio": packed}  # fmt: skip


@pytest.mark.parametrize(
    ("bad", "doubt"),
    [
        (scored(0.5, "up " * 20, -0.2, 0.1, 4.5), "repeats"),
        (scored(0.5, "so it goes", -1.1, 0.7, 1.0), "no speech"),
    ],
)
def test_what_is_not_believed_is_rejected(
    bad: dict[str, Any], doubt: str, talk_of_words: Path
) -> None:
    with ScriptedProvider(answering(bad)) as provider:
        transcript = Listening(provider.url).to(talk_of_words)
    assert transcript is not None
    assert transcript.segments == ()
    (rejected,) = transcript.rejected
    assert rejected.doubt is not None
    assert doubt in rejected.doubt


@pytest.mark.parametrize(
    "body",
    [
        {"text": 3, "segments": []},
        {"text": "", "segments": "none"},
        {"segments": [3, {}, {"start": "a", "end": 1, "text": "x"}, {"start": 0, "end": 1}]},
        {"segments": [{"start": 10**400, "end": 10**401, "text": "x"}]},
        {"segments": [{"start": float(10**9), "end": -1, "text": " "}], "words": [1, {"word": 2}]},
    ],
)
def test_odd_answers_are_no_words(body: dict[str, Any], talk_of_words: Path) -> None:
    with ScriptedProvider(Answer(body=body)) as provider:
        transcript = Listening(provider.url).to(talk_of_words)
    assert transcript is not None
    assert transcript.segments == ()


@pytest.mark.parametrize("body", [{}, {"text": None}, {"text": 3, "segments": "none"}])
def test_an_answer_without_a_transcript_is_none(body: dict[str, Any], talk_of_words: Path) -> None:
    with (
        ScriptedProvider(Answer(body=body)) as provider,
        pytest.raises(BackendFailed, match=r"sent an answer without a transcript\.") as caught,
    ):
        Listening(provider.url).to(talk_of_words)
    assert caught.value.kind == "transient"


def test_without_speech_nothing_is_sent(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "quiet.wav", np.zeros((1, 16_000 * WINDOW_S), np.float32), 16_000)
    with ScriptedProvider(transcribes()) as provider:
        transcript = Listening(provider.url).to(path)
    assert transcript is not None
    assert (transcript.segments, transcript.source) == ((), "no speech found")
    assert (transcript.speech_s, transcript.heard_s) == (0.0, pytest.approx(WINDOW_S))
    assert provider.calls == []


def test_a_server_without_speech(talk_of_words: Path) -> None:
    with ScriptedProvider(Answer(404, {"detail": "Not Found"})) as provider:
        with pytest.raises(BackendFailed, match="transcribes no speech") as caught:
            Listening(provider.url).to(talk_of_words)
        assert "--speech-api" in caught.value.hint
        assert "/audio/transcriptions" in provider.calls[0].path


def test_the_model_that_is_served(talk_of_words: Path) -> None:
    one = Answer(body={"data": [{"id": MODEL}]})
    with ScriptedProvider(one, transcribes()) as provider:
        transcript = Listening(provider.url, speech_model=None).to(talk_of_words)
    assert transcript is not None
    assert transcript.model == MODEL
    assert form_of(provider.calls[1])["model"] == MODEL


def test_what_it_needs(monkeypatch: pytest.MonkeyPatch, talk_of_words: Path) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert not remote.ready(Options(speech_model="whisper-1")).ready
    assert remote.ready(Options(speech_api="http://localhost:9/v1")).ready
    with pytest.raises(BackendMissing, match="no API key for openai"):
        Listening("openai").to(talk_of_words)


def test_no_key_in_any_error(monkeypatch: pytest.MonkeyPatch, talk_of_words: Path) -> None:
    monkeypatch.setenv("VIDSUM_API_KEY", KEY)

    def step(call: Call) -> Answer:
        return fails(401, f"you sent {call.headers['authorization']}")

    with ScriptedProvider(step) as provider:
        with pytest.raises(BackendFailed) as caught:
            Listening(provider.url).to(talk_of_words)
        assert provider.calls[0].headers["authorization"] == f"Bearer {KEY}"
    shown = "".join(traceback.format_exception(caught.value)) + caught.value.hint
    assert "you sent Bearer ***" in shown
    assert KEY not in shown


def test_a_wav_that_anybody_reads() -> None:
    import io
    import wave

    sound = np.concatenate((speech([(0.1, "red")], 1.0), np.array([2.0, -2.0], np.float32)))
    with wave.open(io.BytesIO(as_wav(sound))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16_000, 1, 2)
        read = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    assert np.abs(read[:-2] / 32767 - sound[:-2]).max() < 1e-4
    assert read[-2:].tolist() == [32767, -32767]
    assert len(as_wav(np.zeros(round(BLOCK_S * RATE_HZ), np.float32))) < 20_000_000


@pytest.mark.parametrize(("told", "code"), [
    ("english", "en"), ("en", "en"), ("Portuguese", "pt"), ("haitian creole", "ht"), ("", None),
    (None, None), (3, None), ("klingon", None),
])  # fmt: skip
def test_languages_by_name(told: object, code: str | None) -> None:
    assert language_of(told) == code


def test_usage_by_the_second_is_no_tokens() -> None:
    assert usage_of({"usage": {"type": "duration", "seconds": 9}}) == Usage()
    assert usage_of({}) == Usage()
    assert usage_of({"usage": {"input_tokens": -3, "output_tokens": True}}) == Usage()
    assert usage_of({"usage": {"input_tokens": 10**400, "output_tokens": 1}}) == Usage()
