"""What captions would take: never less than a run then takes at its most, whatever is said."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from models import MMPROJ, VLM
from planner.accounts import Account, ordered
from scenes import random_scenes
from scripted_provider import Answer, Call, ScriptedProvider, says

from vidsum.backends.foreseeing import thinking
from vidsum.backends.retrying import Retrying
from vidsum.captioners import forecasting, local
from vidsum.captioners.protocol import CaptionRequest
from vidsum.captioners.remote import RemoteCaptioner
from vidsum.config import Options
from vidsum.data import Image, ModelRef, Need, Sample, Span
from vidsum.errors import BackendMissing
from vidsum.media.picture import measure

HERE = Options(caption_model=str(VLM), mmproj=MMPROJ, threads=1, gpu_layers=0)
TALK = "\U00020000" * 900
"""More than goes into a prompt, in letters that take the most bytes."""


def exactly(count: float) -> Span:
    return Span(count, count, count)


def need(captions: int, **more: float) -> Need:
    return Need(captions=exactly(captions), speech_s=exactly(60), audio_s=60, **more)  # type: ignore[arg-type]


def requests(images: list[Image], speech: str, question: str = "") -> list[CaptionRequest]:
    found, before = [], None
    for number, image in enumerate(images):
        sample = Sample(number, 5.0 * number, 5.0 * number, 5.0 * number)
        facts = measure(image, before)
        found.append(CaptionRequest(sample, facts, None, image, speech, question=question))
        before = image
    return found


@pytest.mark.parametrize("speech", ["", "today we learn how it works " * 5, TALK])
def test_local_captions_stay_within_their_forecast(speech: str) -> None:
    images = [scene.image(512, 288) for scene in random_scenes(515, 9)]
    account = Account()
    with closing(local.build(HERE)) as captioner:
        captioner.tally.bind(account)
        captions = list(captioner.caption(requests(images, speech)))
    assert [caption.error for caption in captions if caption.error] == []
    account.assert_within(local.forecast(HERE, need(9)))


PLAIN_QUESTION, LONG_QUESTION = "What colour is it?", "\U00020000" * 500


def looks(count: float, speech_s: float = 60) -> Need:
    return Need(looks=Span(0, count, count), speech_s=exactly(speech_s), audio_s=60)


@pytest.mark.parametrize(("speech", "question"), [
    ("", PLAIN_QUESTION), (TALK, PLAIN_QUESTION), ("", LONG_QUESTION),
])  # fmt: skip
def test_local_looks_stay_within_their_forecast(speech: str, question: str) -> None:
    """Each is asked by itself; plain pictures, for which captions would be checked."""
    images = [np.full((288, 512, 3), 255 * (number % 2), np.uint8) for number in range(4)]
    account = Account()
    with closing(local.build(HERE)) as captioner:
        captioner.tally.bind(account)
        said = [c for one in requests(images, speech, question) for c in captioner.caption([one])]
    assert [caption.error for caption in said if caption.error] == []
    assert account.calls == 4
    found = local.forecast(HERE, looks(4))
    assert (found.least.calls, found.likely.calls, found.most.calls) == (0, 4, 4)
    account.assert_within(found)
    assert found.most.output_tokens == 4 * local.LOOK_TOKENS


@pytest.mark.parametrize("question", [PLAIN_QUESTION, LONG_QUESTION])
def test_remote_looks_stay_within_their_forecast(question: str) -> None:
    account, options = remote_run("anything", lambda _: says("A red circle. " * 90), 3, TALK,
                                  question)  # fmt: skip
    assert account.calls == 3
    account.assert_within(forecasting.remote(options, looks(3)))


def test_captions_that_are_checked_stay_within_their_forecast() -> None:
    """Plain pictures of black and white that get the same caption again and again."""
    images = [np.full((288, 512, 3), 255 * (number % 2), np.uint8) for number in range(9)]
    account = Account()
    model = local.build(HERE)
    with closing(model) as captioner:
        captioner.tally.bind(account)
        said = [c.text for c in captioner.caption(requests(images, ""))]
    assert len(said) == 9
    account.assert_within(local.forecast(HERE, need(9)))
    assert local.forecast(HERE, need(9)).most.calls == 15


@pytest.mark.parametrize(("name", "expected"), [
    ("gpt-4o-mini", "never"), ("openai/gpt-4.1-nano", "never"), ("gpt-5-mini", "usually"),
    ("o4-mini", "usually"), ("nobody-knows-it", "perhaps"), ("", "perhaps"),
    ("nvidia/llama-3.3-nemotron-super-49b", "usually"), ("meta-llama/llama-3.2-11b", "never"),
    ("claude-sonnet-4", "perhaps"), ("Qwen/Qwen2.5-VL-3B", "never"),
])  # fmt: skip
def test_which_models_think(name: str, expected: str) -> None:
    assert thinking(ModelRef(backend="openai", requested=name)) == expected


def test_no_model_no_forecast() -> None:
    with pytest.raises(BackendMissing):
        local.forecast(Options(caption_model="/nowhere/model.gguf"), need(3))


def test_an_encoder_of_unknown_dimensions_has_no_flops(tmp_path: Path) -> None:
    broken = tmp_path / "encoder.gguf"
    broken.write_bytes(MMPROJ.read_bytes()[:200])
    found = local.forecast(replace(HERE, mmproj=broken), need(3))
    assert found.model.shape is None
    assert (found.least_flops, found.likely_flops, found.most_flops) == (None, None, None)
    assert found.most.calls == 5


@given(st.integers(0, 400), st.integers(0, 400), st.sampled_from(["overview", "all"]),
       st.floats(0.2, 5.0))  # fmt: skip
def test_ranges_are_in_order_and_more_pictures_take_more(
    one: int, other: int, tiles: str, aspect: float
) -> None:
    few, many = sorted((one, other))
    asked = Need(captions=Span(few, few, many), side_px=1280, aspect=aspect, speech_s=exactly(9))
    options = replace(HERE, tiles=tiles)
    remote = Options(api="openai", caption_model="gpt-4o-mini", tiles=tiles)
    for found in (forecasting.local(options, asked), forecasting.remote(remote, asked)):
        assert ordered(found)
        assert (found.least.calls, found.likely.calls) == (few, few)
    fewer = forecasting.local(options, replace(asked, captions=exactly(few)))
    more = forecasting.local(options, replace(asked, captions=exactly(many)))
    assert (fewer.most_flops or 0) <= (more.most_flops or 0)


def remote_run(
    model: str, step: object, count: int, speech: str, question: str = ""
) -> tuple[Account, Options]:
    account = Account()
    with ScriptedProvider(step) as provider:  # type: ignore[arg-type]
        options = Options(api=provider.url, caption_model=model, api_requests=3, api_timeout_s=20)
        captioner = RemoteCaptioner(options, Retrying(base_s=0.001, cap_s=0.002))
        captioner.tally.bind(account)
        images = [scene.image(640, 360) for scene in random_scenes(616, count)]
        list(captioner.caption(requests(images, speech, question)))
        captioner.close()
    return account, options


@pytest.mark.parametrize("speech", ["", TALK])
def test_remote_captions_stay_within_their_forecast(speech: str) -> None:
    account, options = remote_run("anything", lambda _: says("A red circle. " * 40), 7, speech)
    found = forecasting.remote(options, need(7))
    assert account.calls == 7
    account.assert_within(found)
    plain = forecasting.remote(replace(options, caption_model="gpt-4o-mini"), need(7))
    assert (plain.most.calls, plain.most.output_tokens) == (7, 7 * 80)


def test_a_model_that_thinks_stays_within_its_forecast() -> None:
    def thinks(call: Call) -> Answer:
        if int(call.body["max_tokens"]) < 1000:
            return says("", "length", (90, 80), reasoning_content="Let me see")
        return says("A circle.", usage=(90, 1800))

    account, options = remote_run("thinker", thinks, 7, "so we see")
    assert account.calls > 7
    account.assert_within(forecasting.remote(options, need(7)))
