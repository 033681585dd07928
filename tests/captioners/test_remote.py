"""Captions over the network: true ones from the tiny VLM, in order, and nothing paid for lost."""

from __future__ import annotations

import gc
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chat_server import MODEL, ChatServer
from scenes import Scene, random_scenes
from scripted_provider import DROP, HANG, Answer, Call, ScriptedProvider, fails, says
from thinning import every_second

from vidsum.backends.retrying import Retrying
from vidsum.captioners import remote
from vidsum.captioners.protocol import CaptionRequest
from vidsum.captioners.remote import RemoteCaptioner
from vidsum.config import Options
from vidsum.data import Caption, Image, Sample
from vidsum.errors import BackendFailed, BackendMissing, DecodeStopped
from vidsum.media.picture import measure

QUICK = Retrying(base_s=0.001, cap_s=0.002)
KEY = "sk-proj-0123456789abcdefXYZ"


def requests_for(scenes: Iterable[Scene]) -> Iterator[CaptionRequest]:
    for number, scene in enumerate(scenes):
        yield request(number, scene.image(640, 360))


def request(number: int, image: Image | None = None, speech: str = "") -> CaptionRequest:
    picture = np.full((36, 64, 3), 9 * number % 250, np.uint8) if image is None else image
    sample = Sample(2 * number, 5.0 * number, 5.0 * number, 5.0 * number)
    return CaptionRequest(sample, measure(picture, None), None, picture, speech)


def captioner_at(url: str, requests: int = 4, **more: Any) -> RemoteCaptioner:
    named = {"api": url, "caption_model": MODEL, "api_requests": requests, "api_timeout_s": 20.0}
    return RemoteCaptioner(Options(**(named | more)), QUICK)


def until_it_fails(captions: Iterator[Caption]) -> tuple[list[Caption], BackendFailed]:
    got: list[Caption] = []
    with pytest.raises(BackendFailed) as caught:
        got.extend(captions)  # what came before the failure stays in the list
    return got, caught.value


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatServer]:
    with ChatServer(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.mark.parametrize("requests", [1, 4])
def test_true_captions_in_order(requests: int, server: ChatServer) -> None:
    scenes = random_scenes(88_001, 16)
    captioner = captioner_at(server.url, requests)
    captions = list(captioner.caption(requests_for(scenes)))
    captioner.close()
    assert [(c.index, c.time_s) for c in captions] == [(2 * n, 5.0 * n) for n in range(16)]
    assert [c.text for c in captions] == [scene.caption() for scene in scenes]
    assert {(c.backend, c.error) for c in captions} == {("remote", None)}
    counts = captioner.tally.counts
    assert counts["calls"] == 16
    assert counts["input_tokens"] > 16 * 40
    assert 16 * 4 < counts["output_tokens"] < 16 * 40
    assert set(counts) == {"calls", "input_tokens", "output_tokens"}


def test_a_server_that_is_killed_in_the_middle(tmp_path: Path) -> None:
    scenes = random_scenes(88_002, 12)
    pulled: list[int] = []

    with ChatServer(tmp_path) as doomed:

        def requests() -> Iterator[CaptionRequest]:
            for number, asked in enumerate(requests_for(scenes)):
                if number == 8:
                    doomed.kill()
                pulled.append(number)
                yield asked

        captioner = captioner_at(doomed.url)
        captions, error = until_it_fails(captioner.caption(requests()))
    captioner.close()
    assert error.message == f"Nothing answers at {doomed.url}."
    assert error.exit_code == 5
    assert [c.index for c in captions] == [2 * number for number in pulled]
    assert all(c.text == scenes[n].caption() for n, c in enumerate(captions) if not c.error)
    # Request 8 is only asked for when caption 4 is there; the server answers one at a time.
    assert [bool(c.error) for c in captions[:5]] == [False] * 5
    assert captions[8].error == error.message
    assert captioner.tally.counts["calls"] == sum(not c.error for c in captions)


def test_several_are_under_way_and_the_first_comes_first() -> None:
    together = threading.Barrier(4, timeout=20)

    def step(call: Call) -> Answer:
        together.wait()  # passes only when four requests are there at once
        return says(f"Picture {shade_of(call)}.")

    with ScriptedProvider(step) as provider:
        captioner = captioner_at(provider.url)
        captions = list(captioner.caption(request(n) for n in range(8)))
        captioner.close()
    assert [c.text for c in captions] == [f"Picture {n}." for n in range(8)]


def shade_of(call: Call) -> int:
    """Which picture of :func:`request` was sent."""
    import base64
    import io

    from PIL import Image as Pillow

    url: str = call.body["messages"][-1]["content"][-1]["image_url"]["url"]
    picture = Pillow.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))
    return round(float(np.asarray(picture).mean()) / 9)


def test_the_caption_before_is_the_same_however_fast_answers_come() -> None:
    """With three at a time picture n is told what picture n - 3 shows."""

    def step(call: Call) -> Answer:
        if shade_of(call) in (0, 3):
            slow.wait(0.2)
        return says(f"Shade {shade_of(call)}.")

    for _ in range(2):
        slow = threading.Event()
        with ScriptedProvider(step) as provider:
            captioner = captioner_at(provider.url, 3)
            list(captioner.caption(request(n) for n in range(9)))
            captioner.close()
        told = {shade_of(call): call.prompt for call in provider.calls}
        for number in range(9):
            shades = {n for n in range(9) if f"Shade {n}." in told[number]}
            assert shades == ({number - 3} if number >= 3 else set())


def test_a_failed_caption_is_not_told_as_the_one_before() -> None:
    def step(call: Call) -> Answer:
        number = shade_of(call)
        return fails(400, "Could not process image") if number == 2 else says(f"Shade {number}.")

    with ScriptedProvider(step) as provider:
        captioner = captioner_at(provider.url, 1)
        captions = list(captioner.caption(request(n) for n in range(4)))
        captioner.close()
    assert [c.text for c in captions] == ["Shade 0.", "Shade 1.", "", "Shade 3."]
    assert captions[2].error is not None
    assert "Could not process image" in captions[2].error
    assert "Shade 1." in provider.calls[-1].prompt


def test_speech_is_told_and_words_are_cleaned() -> None:
    with ScriptedProvider(says('**Caption:** "A cat\n sleeps."')) as provider:
        captioner = captioner_at(provider.url)
        (caption,) = captioner.caption([request(0, speech="and here is the cat")])
        captioner.close()
    assert caption.text == "A cat sleeps."
    assert "and here is the cat" in provider.calls[0].prompt


def test_what_gives_no_words_is_an_error_of_one_picture() -> None:
    with ScriptedProvider(says("  "), says("***"), says("A cat.")) as provider:
        captioner = captioner_at(provider.url, 1)
        captions = list(captioner.caption(request(n) for n in range(3)))
        captioner.close()
    assert [bool(c.error) for c in captions] == [True, True, False]
    assert captions[1].error == "the model gave no words"
    assert captioner.tally.counts["calls"] == 3, "empty answers are billed, too"


def test_what_is_paid_for_is_kept() -> None:
    """The second of four requests ends it: all that was asked by then is still yielded."""
    four = threading.Barrier(4, timeout=20)

    def step(call: Call) -> Answer:
        number = shade_of(call)
        if number < 4:
            four.wait()
        return fails(401, "key revoked") if number == 1 else says(f"Shade {number}.", usage=None)

    with ScriptedProvider(step) as provider:
        captioner = captioner_at(provider.url)
        captions, error = until_it_fails(captioner.caption(request(n) for n in range(40)))
        captioner.close()
    assert "key revoked" in error.message
    assert [c.text for c in captions] == [
        "Shade 0.", "", "Shade 2.", "Shade 3.", "Shade 4.",
    ]  # fmt: skip
    assert captions[1].error == error.message
    assert len(provider.calls) == 5
    assert captioner.tally.counts == {
        "calls": 4, "calls_without_usage": 4, "failed_calls": 1,
    }  # fmt: skip


def test_calls_that_may_have_been_billed_are_counted() -> None:
    with ScriptedProvider(DROP, fails(500), fails(429), says("A cat.")) as provider:
        captioner = captioner_at(provider.url, 1)
        (caption,) = captioner.caption([request(0)])
        captioner.close()
    assert caption.text == "A cat."
    assert captioner.tally.counts == {
        "calls": 1, "failed_calls": 2, "input_tokens": 100, "output_tokens": 20,
    }  # fmt: skip


@pytest.mark.slow
def test_no_more_pictures_are_held_than_requests() -> None:
    alive: list[weakref.ref[Any]] = []
    most = 0

    def requests() -> Iterator[CaptionRequest]:
        nonlocal most
        for number in range(9):
            gc.collect()
            most = max(most, sum(ref() is not None for ref in alive))
            image = np.full((36, 64, 3), number, np.uint8)
            alive.append(weakref.ref(image))
            yield replace(request(number), image=image)
            del image

    with ScriptedProvider(says("A cat.")) as provider:
        captioner = captioner_at(provider.url, 3)
        assert len(list(captioner.caption(requests()))) == 9
        captioner.close()
    # One more than the others under way: the generator's own, until it is asked for the next.
    assert most <= 3


def test_requests_are_pulled_in_the_thread_that_asks() -> None:
    pulled: set[int] = set()

    def requests() -> Iterator[CaptionRequest]:
        for number in range(6):
            pulled.add(threading.get_ident())
            yield request(number)

    with ScriptedProvider(says("A cat.")) as provider:
        captioner = captioner_at(provider.url, 3)
        list(captioner.caption(requests()))
        captioner.close()
    assert pulled == {threading.get_ident()}


def names_of_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("vidsum-caption")]


@pytest.mark.parametrize("kind", ["closed", "interrupted"])
def test_leaving_early_ends_the_threads(kind: str) -> None:
    def step(call: Call) -> Answer:
        return says("A cat.") if shade_of(call) == 0 else HANG

    with ScriptedProvider(step) as provider:
        captioner = captioner_at(provider.url, 3, api_timeout_s=1000.0)
        captions = captioner.caption(request(n) for n in range(9))
        assert isinstance(captions, Iterator)
        assert next(captions).text == "A cat."
        assert provider.wait_for(3)
        assert len(names_of_threads()) == 2
        if kind == "closed":
            captions.close()  # type: ignore[attr-defined]
        else:
            with pytest.raises(KeyboardInterrupt):
                captions.throw(KeyboardInterrupt)  # type: ignore[attr-defined]
        assert names_of_threads() == []
        captioner.close()


@pytest.mark.parametrize("requests", every_second([4, 1]))
def test_an_interruption_does_not_wait_for_answers(
    requests: int, talk: Path, tmp_path: Path
) -> None:
    with ScriptedProvider(HANG) as provider, (tmp_path / "said").open("w") as said:
        run = subprocess.Popen(
            [sys.executable, "-m", "vidsum", str(talk), "--no-ocr", "--captioner", "remote",
             "--api", provider.url, "--caption-model", "m", "--api-requests", str(requests),
             "--api-timeout", "1000"], stdout=said, stderr=said,
        )  # fmt: skip
        try:
            assert provider.wait_for(requests)
            run.send_signal(signal.SIGINT)
            assert run.wait(timeout=60) == 130
        finally:
            run.kill()
            run.wait()
    assert "Traceback" not in (tmp_path / "said").read_text()


def test_closing_from_another_thread_ends_a_caption_that_hangs() -> None:
    with ScriptedProvider(HANG) as provider:
        captioner = captioner_at(provider.url, 2, api_timeout_s=1000.0)

        def close() -> None:
            provider.wait_for(2)
            captioner.close()

        closer = threading.Thread(target=close)
        closer.start()
        captions, _ = until_it_fails(captioner.caption(request(n) for n in range(9)))
        closer.join()
        assert [bool(c.error) for c in captions] == [True, True]
        with pytest.raises(BackendFailed, match="was closed"):
            next(iter(captioner.caption([request(0)])))


def test_pictures_that_stop_coming_lose_no_caption() -> None:
    def requests() -> Iterator[CaptionRequest]:
        for number in range(3):
            yield request(number)
        raise DecodeStopped("the file is cut off")

    with ScriptedProvider(says("A cat.")) as provider:
        captioner = captioner_at(provider.url, 4)
        got: list[Caption] = []
        with pytest.raises(DecodeStopped):
            got.extend(captioner.caption(requests()))
        captioner.close()
    assert [c.text for c in got] == ["A cat."] * 3


def test_nothing_to_describe_asks_nobody() -> None:
    with ScriptedProvider(says("A cat.")) as provider:
        captioner = captioner_at(provider.url)
        assert list(captioner.caption([])) == []
        captioner.close()
        captioner.close()
    assert provider.calls == []


def test_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert not remote.ready(Options()).ready
    assert remote.ready(Options(caption_api="ollama")).ready
    captioner = remote.build(Options(caption_model="gpt"))
    assert (captioner.name, captioner.needs_pixels, captioner.wants_speech, captioner.work) == (
        "remote", True, True, "network",
    )  # fmt: skip
    with pytest.raises(BackendMissing, match="no API key for openai"):
        list(captioner.caption([request(0)]))
    with pytest.raises(BackendMissing, match="No model at openai was named") as caught:
        list(remote.build(Options()).caption([request(0)]))
    assert caught.value.hint == "Name one with --caption-model."


def test_no_key_in_captions_or_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDSUM_API_KEY", KEY)

    def step(call: Call) -> Answer:
        told = f"you sent {call.headers['authorization']}"
        return fails(400, told) if shade_of(call) < 2 else fails(403, told)

    with ScriptedProvider(step) as provider:
        captioner = captioner_at(provider.url, 1)
        captions, error = until_it_fails(captioner.caption(request(n) for n in range(5)))
        captioner.close()
    assert len(captions) == 3
    shown = f"{captions!r} {error!r} {error.hint} {captioner.tally.counts} {vars(captioner)}"
    assert "you sent Bearer ***" in shown
    assert KEY not in shown
