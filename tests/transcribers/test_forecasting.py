"""What recognising would take: never less than a run then takes at its most."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from footage import write_wav
from hypothesis import given
from hypothesis import strategies as st
from models import WHISPER
from planner.accounts import Account, ordered
from scripted_provider import ScriptedProvider
from speech_server import MODEL, transcribes
from spoken import RATE_HZ, Samples, noise, speech
from thinning import every_second

from vidsum.backends.retrying import Retrying
from vidsum.config import Options
from vidsum.data import Need, Span
from vidsum.media.process import Decoder
from vidsum.transcribers import forecasting, whisper
from vidsum.transcribers.protocol import TranscriptRequest
from vidsum.transcribers.remote import BLOCK_S, RemoteTranscriber
from vidsum.transcribers.speech_windows import blocks

HERE = Options(speech_model=str(WHISPER), threads=1, gpu_layers=0)
LINES = [(1.0, "red circle and blue square"), (6.0, "move triangle up"), (13.5, "three"),
         (18.0, "open page five and show slide two"), (41.0, "stop video")]  # fmt: skip
LENGTH_S = 50.0


def sounds() -> dict[str, Samples]:
    plain = speech(LINES, LENGTH_S)
    babble = np.concatenate([speech([(0.0, "three")], 2.0)] * 25)
    return {
        "phrases": plain, "noisy": (plain + noise(LENGTH_S, 0.25)).clip(-1, 1),
        "looping": babble.astype(np.float32), "silent": np.zeros(800_000, np.float32),
    }  # fmt: skip


def exactly(count: float) -> Span:
    return Span(count, count, count)


def needed(path: Path, block_s: float) -> Need:
    with Decoder(path) as decoder:
        cut = list(blocks(decoder.audio(decoder.probe().audio[0]), block_s=block_s))
    return Need(
        audio_s=sum(block.heard_s for block in cut),
        speech_s=exactly(sum(block.speech_s for block in cut)),
        passages=exactly(sum(len(block.passages) for block in cut)),
    )


def request(path: Path) -> TranscriptRequest:
    with Decoder(path) as decoder:
        info = decoder.probe()
    return TranscriptRequest(info, lambda: Decoder(path))


@pytest.mark.parametrize("name", every_second(["phrases", "noisy", "looping", "silent"]))
def test_whisper_stays_within_its_forecast(name: str, tmp_path: Path) -> None:
    path = write_wav(tmp_path / "sound.wav", sounds()[name][None], RATE_HZ)
    account = Account()
    transcriber = whisper.build(HERE)
    transcriber.tally.bind(account)
    transcriber.transcribe(request(path))
    transcriber.close()
    found = whisper.forecast(HERE, needed(path, 54.0))
    account.assert_within(found)
    assert ordered(found)
    assert (account.calls > 0) == (name != "silent")
    assert (found.most.calls == 0) == (name == "silent")


@pytest.mark.parametrize("times", [True, False])
def test_a_provider_stays_within_its_forecast(times: bool, tmp_path: Path) -> None:
    path = write_wav(tmp_path / "sound.wav", sounds()["phrases"][None], RATE_HZ)
    account = Account()
    usage = {"input_tokens": 300, "output_tokens": 40, "total_tokens": 340, "type": "tokens"}
    with ScriptedProvider(transcribes(usage, times=times)) as provider:
        options = Options(api=provider.url, speech_model=MODEL, api_timeout_s=20)
        transcriber = RemoteTranscriber(options, Retrying(base_s=0.001, cap_s=0.002))
        transcriber.tally.bind(account)
        transcriber.transcribe(request(path))
        transcriber.close()
    found = forecasting.remote(options, needed(path, BLOCK_S))
    assert ordered(found)
    account.assert_within(found, reserved=times)
    assert account.calls >= 1


def test_a_model_of_unknown_dimensions_has_no_flops(tmp_path: Path) -> None:
    for part in WHISPER.iterdir():
        content = b"what is this" if part.name == "model.bin" else part.read_bytes()
        (tmp_path / part.name).write_bytes(content)
    asked = Need(audio_s=60, speech_s=exactly(40), passages=exactly(2))
    found = forecasting.whisper(Options(speech_model=str(tmp_path), gpu_layers=0), asked)
    assert (found.model.shape, found.most_flops) == (None, None)
    assert found.most.calls


@given(st.integers(0, 200), st.floats(0, 1), st.floats(0, 1))
def test_ranges_are_in_order(passages: int, speech: float, sure: float) -> None:
    speech_s = 29.0 * passages * speech
    asked = Need(audio_s=30.0 * passages, passages=Span(int(passages * sure), passages, passages),
                 speech_s=Span(sure * speech_s, speech_s, speech_s))  # fmt: skip
    remote = forecasting.remote(Options(api="openai", speech_model="whisper-1"), asked)
    assert ordered(remote)
    assert remote.most.audio_s == pytest.approx(29.0 * passages)
    here = forecasting.whisper(HERE, asked)
    assert (here.least_flops or 0) <= (here.most_flops or 0)
    assert (here.most.calls or 0) >= passages


def test_less_is_heard_again_where_less_pauses_fit() -> None:
    dense = Need(audio_s=290, speech_s=exactly(280), passages=exactly(10))
    sparse = Need(audio_s=900, speech_s=exactly(60), passages=exactly(10))
    assert forecasting.most_hearings(dense) < forecasting.most_hearings(sparse)
    one_word = Need(audio_s=9, speech_s=exactly(0.3), passages=exactly(1))
    assert 3 <= forecasting.most_hearings(one_word) <= 15
