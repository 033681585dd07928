"""Remote chat: a real server with the tiny VLM, and providers that behave in every odd way."""

from __future__ import annotations

import gzip
import importlib.util
import json
import logging
import random
import threading
import time
import traceback
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chat_server import MODEL, ChatServer, free_port
from recording_desk import RecordingDesk
from scenes import random_scenes
from scripted_provider import DROP, HANG, Answer, Call, ScriptedProvider, Step, fails, says

from vidsum.backends import openai, served
from vidsum.backends.answers import first_object, read_usage, without_thoughts
from vidsum.backends.bodies import MOST_BYTES
from vidsum.backends.pictures import FINE_SIDE_PX, SIDE_PX, jpeg
from vidsum.backends.retrying import Retrying, wished_wait_s
from vidsum.config import Options
from vidsum.data import ChatRequest, Usage
from vidsum.errors import (
    BackendFailed,
    BackendMissing,
    OptionError,
    RequestFailed,
    RequestTooLong,
    VidsumError,
)

QUICK = Retrying(base_s=0.001, cap_s=0.002)
SCHEMA = {
    "type": "object",
    "properties": {"kind": {"enum": ["talk", "demo"]}},
    "required": ["kind"],
    "additionalProperties": False,
}
KEY = "sk-proj-0123456789abcdefXYZ"
PICTURE = np.full((90, 160, 3), 200, np.uint8)
QUESTION = ChatRequest("Be brief.", "What is this?", max_tokens=30)
LOOK = ChatRequest("", "Describe this video frame.", (PICTURE,), max_tokens=30)
FORMED = ChatRequest("", "What kind?", schema=SCHEMA, max_tokens=30)


def options(url: str, **more: Any) -> Options:
    named: dict[str, Any] = {"caption_model": MODEL, "reason_model": MODEL,
                             "reason_context_tokens": 2048, "api": url}  # fmt: skip
    return Options(**({"api_timeout_s": 20.0} | named | more))


def chat_at(url: str, *, desk: RecordingDesk | None = None, **more: Any) -> openai.RemoteChat:
    tally = (desk or RecordingDesk()).tally
    task = more.pop("task", "reason")
    retrying = more.pop("retrying", QUICK)
    return openai.build(options(url, **more), task, tally=tally, retrying=retrying)


class Conversation:
    """A scripted provider, and a chat with it."""

    def __init__(self, *script: Step, **more: Any) -> None:
        self.provider = ScriptedProvider(*script)
        self.desk = RecordingDesk()
        self.chat = chat_at(self.provider.url, desk=self.desk, **more)

    def __enter__(self) -> Conversation:
        self.provider.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.chat.close()
        self.provider.__exit__(*error)

    @property
    def asked(self) -> list[dict[str, Any]]:
        return [call.body for call in self.provider.calls]

    @property
    def phases(self) -> list[str]:
        """How the calls ended."""
        return self.desk.phases

    @property
    def used(self) -> list[tuple[int | None, int | None, str]]:
        """The tokens in and out of each call, and how they are known."""
        return [(e.used.input_tokens, e.used.output_tokens, e.origin) for e in self.desk.endings]

    def fails_with(self, kind: type[VidsumError], request: ChatRequest = QUESTION) -> VidsumError:
        with pytest.raises(BackendFailed) as caught:
            self.chat.complete(request)
        assert type(caught.value) is kind
        assert "\n" not in caught.value.message
        return caught.value


# The real server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatServer]:
    with ChatServer(tmp_path_factory.mktemp("server"), KEY) as running:
        yield running


@pytest.fixture
def chat(server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[openai.RemoteChat]:
    monkeypatch.setenv("VIDSUM_API_KEY", KEY)
    with_key = chat_at(server.url, task="caption")
    yield with_key
    with_key.close()


def test_the_tiny_model_sees_through_the_server(chat: openai.RemoteChat) -> None:
    for scene in random_scenes(77_001, 4):
        request = ChatRequest("", "Describe this video frame.", (scene.image(1280, 720),),
                              max_tokens=32)  # fmt: skip
        reply = chat.complete(request)
        assert reply.text == scene.caption()
        assert (reply.model, reply.finish, reply.attempts) == (MODEL, "stop", 1)
        assert reply.usage.origin == "reported"
        assert reply.usage.input_tokens is not None
        assert reply.usage.input_tokens > 40
        assert reply.usage.output_tokens is not None
        assert 4 < reply.usage.output_tokens <= 32
        assert (reply.usage.cached_tokens, reply.usage.reasoning_tokens) == (None, None)


def test_a_schema_on_a_server_that_knows_no_json_schema(chat: openai.RemoteChat) -> None:
    first, second = chat.complete(FORMED), chat.complete(FORMED)
    assert json.loads(first.text)["kind"] in ("talk", "demo")
    assert (first.attempts, second.attempts) == (2, 1)


def test_an_answer_that_is_cut(chat: openai.RemoteChat) -> None:
    scene = random_scenes(77_002, 1)[0]
    request = ChatRequest("", "Describe this video frame.", (scene.image(),), max_tokens=2)
    reply = chat.complete(request)
    assert reply.finish == "length"
    assert scene.caption().startswith(reply.text)


def test_a_question_that_is_too_long(chat: openai.RemoteChat) -> None:
    with pytest.raises(RequestFailed, match=r"too long for tinyvlm: .*2048"):
        chat.complete(ChatRequest("", "word " * 3000, (PICTURE,)))


def test_the_only_model_of_a_server_needs_no_name(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDSUM_API_KEY", KEY)
    unnamed = chat_at(server.url, task="caption", caption_model=None)
    assert unnamed.model == MODEL
    assert unnamed.complete(LOOK).text
    unnamed.close()


@pytest.mark.parametrize(("key", "said"), [
    ("", "wants an API key"),
    ("sk-wrong", "does not accept the key from VIDSUM_API_KEY"),
])  # fmt: skip
def test_a_real_server_that_wants_a_key(
    key: str, said: str, server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDSUM_API_KEY", key)
    locked_out = chat_at(server.url)
    with pytest.raises(BackendFailed, match=said) as caught:
        locked_out.complete(QUESTION)
    assert caught.value.hint == (
        f"Set VIDSUM_API_KEY, or run: keyring set vidsum 127.0.0.1:{server.port}"
    )
    locked_out.close()


def test_many_threads_on_one_chat(chat: openai.RemoteChat) -> None:
    scenes = random_scenes(77_003, 12)
    requests = [ChatRequest("", "Describe this video frame.", (scene.image(),), max_tokens=32)
                for scene in scenes]  # fmt: skip
    with ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(chat.complete, requests))
    assert [reply.text for reply in replies] == [scene.caption() for scene in scenes]


def test_a_server_that_is_killed_and_comes_back(tmp_path: Path) -> None:
    scene = random_scenes(77_004, 1)[0]
    request = ChatRequest("", "Describe this video frame.", (scene.image(),), max_tokens=32)
    doomed = ChatServer(tmp_path)
    patient = Retrying(base_s=0.2, cap_s=1.0, attempts=60)
    chat = chat_at(doomed.url, task="caption", retrying=patient)
    with doomed:
        assert chat.complete(request).text == scene.caption()
        doomed.kill()
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(chat.complete, request)
            with doomed:
                reply = waiting.result()
    assert reply.text == scene.caption()
    assert reply.attempts > 1
    chat.close()


# Patience


def test_a_limit_on_requests_is_waited_out() -> None:
    busy = fails(429, "Rate limit reached", retry_after_ms="20")
    with Conversation(busy, busy, says("Fine.")) as talk:
        reply = talk.chat.complete(QUESTION)
    assert (reply.text, reply.attempts) == ("Fine.", 3)
    assert talk.phases == ["settle"]


def test_a_wait_that_is_too_long_is_not_begun() -> None:
    with Conversation(fails(429, "Come back tomorrow", retry_after="86400")) as talk:
        error = talk.fails_with(BackendFailed)
        assert "too many requests: Come back tomorrow" in error.message
        assert "--api-requests" in error.hint
        assert len(talk.asked) == 1


def test_an_empty_account_is_not_asked_again() -> None:
    broke = fails(429, "You exceeded your current quota", "insufficient_quota")
    for refusal in (broke, fails(402, "Insufficient credits")):
        with Conversation(refusal) as talk:
            assert "no credit left" in talk.fails_with(BackendFailed).message
            assert len(talk.asked) == 1


@pytest.mark.parametrize("status", [408, 409, 500, 502, 503, 529])
def test_a_server_that_stumbles_twice(status: int) -> None:
    bad = fails(status, "oops")
    with Conversation(bad, bad, says("Fine.")) as talk:
        reply = talk.chat.complete(QUESTION)
    assert (reply.text, reply.attempts) == ("Fine.", 3)
    assert talk.phases == (["fail", "fail", "settle"] if status >= 500 else ["settle"])


def test_a_request_that_the_server_fails_on_ends_alone() -> None:
    with Conversation(fails(500, "oops")) as talk:
        error = talk.fails_with(RequestFailed)
        assert "(status 500): oops" in error.message
        assert len(talk.asked) == QUICK.attempts
        talk.fails_with(RequestFailed)
        assert "keeps failing" in talk.fails_with(BackendFailed).message


def test_a_gateway_without_its_server_is_final() -> None:
    with Conversation(Answer(503, "<html>Service Unavailable</html>")) as talk:
        error = talk.fails_with(BackendFailed)
        assert error.message.endswith("keeps failing (status 503).")
        assert len(talk.asked) == QUICK.attempts


def test_a_line_that_is_cut() -> None:
    with Conversation(says("One."), DROP, says("Two.")) as talk:
        assert talk.chat.complete(QUESTION).text == "One."
        assert talk.chat.complete(QUESTION).text == "Two."
        assert talk.phases == ["settle", "fail", "settle"]
    with Conversation(says("One."), DROP) as talk:
        talk.chat.complete(QUESTION)
        assert "breaks the connection" in talk.fails_with(BackendFailed).message
        assert len(talk.asked) == 1 + QUICK.attempts


def test_a_server_that_hangs_is_asked_twice_and_may_have_been_paid() -> None:
    with Conversation(HANG, api_timeout_s=0.3) as talk:
        error = talk.fails_with(RequestFailed)
        assert "no answer within 0.3 s" in error.message
        assert "--api-timeout" in error.hint
        assert talk.provider.wait_for(2)
        assert len(talk.asked) == 2
        assert talk.phases == ["fail", "fail"]
        talk.fails_with(RequestFailed)
        assert "several requests in a row" in talk.fails_with(BackendFailed).message


def test_nothing_there() -> None:
    url = f"http://127.0.0.1:{free_port()}/v1"
    chat = chat_at(url)
    with pytest.raises(BackendFailed) as caught:
        chat.complete(QUESTION)
    assert caught.value.message == f"Nothing answers at {url}."
    assert caught.value.hint == "Is a server such as ollama or llama-server running there?"
    chat.close()


def test_calling_off_ends_what_hangs() -> None:
    with Conversation(HANG, HANG, says("Fine."), api_timeout_s=60.0, api_requests=2) as talk:
        with ThreadPoolExecutor(2) as pool:
            waiting = [pool.submit(talk.chat.complete, QUESTION) for _ in range(2)]
            assert talk.provider.wait_for(2)
            talk.chat.call_off()
            errors = [future.exception(timeout=20) for future in waiting]
        assert [type(error) for error in errors] == [BackendFailed] * 2
        assert talk.chat.complete(QUESTION).text == "Fine."


def test_calling_off_ends_what_waits() -> None:
    far = Retrying(base_s=1000, cap_s=1000, total_s=10_000, longest_wish_s=2000)
    busy = fails(429, "later", retry_after="1000")
    with Conversation(busy, retrying=far) as talk, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(talk.chat.complete, QUESTION)
        assert talk.provider.wait_for(1)
        while not waiting.done():
            talk.chat.call_off()  # it may not have begun to wait
            time.sleep(0.01)
        assert isinstance(waiting.exception(), BackendFailed)
    assert talk.provider.calls != []


def test_a_closed_chat_says_so() -> None:
    with Conversation(says("Fine.")) as talk:
        talk.chat.complete(QUESTION)
        talk.chat.close()
        talk.chat.close()
        assert "was closed" in talk.fails_with(BackendFailed).message


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "-3"}, None),
        ({}, None),
    ],
)
def test_how_long_a_server_wants_us_to_wait(headers: dict[str, str], wait_s: float | None) -> None:
    assert wished_wait_s(headers) == wait_s


def test_how_long_we_wait() -> None:
    rules = Retrying(base_s=1.0, cap_s=8.0, longest_wish_s=60.0)
    for failed in range(1, 9):
        waits = [rules.wait_s(failed, None) or 0.0 for _ in range(300)]
        ceiling_s = min(8.0, 2.0 ** (failed - 1))
        assert all(0 <= wait_s <= ceiling_s for wait_s in waits)
        assert max(waits) - min(waits) > ceiling_s / 2, "no jitter"
    assert 5 <= (rules.wait_s(1, 5.0) or 0) <= 6
    assert rules.wait_s(1, 61.0) is None


# The form of the answer


def speaks_only(form: str, status: int, message: str) -> Step:
    """A provider that refuses each form of structured answer but one."""

    def step(call: Call) -> Answer:
        given = call.body.get("response_format", {"type": "prompt"})["type"]
        return says('{"kind": "talk"}') if given == form else fails(status, message)

    return step


@pytest.mark.parametrize(
    ("form", "status", "message", "attempts"),
    [
        ("json_schema", 400, "", 1),
        ("json_object", 400, "Invalid parameter: 'response_format' of type 'json_schema'", 2),
        ("json_object", 422, "response_format.type: unexpected value", 2),
        ("prompt", 400, "This model does not support response_format", 3),
        ("prompt", 404, "No endpoints found that can handle the requested parameters.", 3),
        ("prompt", 500, "", 3),
    ],
)
def test_forms_are_tried_and_remembered(
    form: str, status: int, message: str, attempts: int
) -> None:
    with Conversation(speaks_only(form, status, message)) as talk:
        replies = [talk.chat.complete(FORMED) for _ in range(4)]
        assert {reply.text for reply in replies} == {'{"kind": "talk"}'}
        assert replies[0].attempts == attempts
        assert replies[3].attempts == 1
        prompt = talk.provider.calls[-1].prompt
        assert ("JSON Schema" in prompt) == (form != "json_schema")


def test_a_strict_schema_is_called_strict() -> None:
    loose = {"type": "object", "properties": {"a": SCHEMA, "b": {}}, "required": ["a"]}
    with Conversation(says('{"kind": "talk"}')) as talk:
        talk.chat.complete(FORMED)
        talk.chat.complete(ChatRequest("", "?", schema=loose))
        formats = [asked["response_format"]["json_schema"] for asked in talk.asked]
        assert [given["strict"] for given in formats] == [True, False]
        assert formats[0]["schema"] == SCHEMA


def test_a_500_that_is_asked_otherwise_may_have_been_paid() -> None:
    with Conversation(speaks_only("prompt", 500, "")) as talk:
        assert talk.chat.complete(FORMED).attempts == 3
        assert talk.phases == ["fail", "fail", "settle"]


def test_a_single_500_does_not_cost_the_strict_form() -> None:
    with Conversation(fails(500, "oops"), says('{"kind": "talk"}')) as talk:
        assert talk.chat.complete(FORMED).attempts == 2
        talk.chat.complete(FORMED)
        types = [asked["response_format"]["type"] for asked in talk.asked]
    assert types == ["json_schema", "json_object", "json_schema"]


def test_a_dead_server_is_not_a_matter_of_form() -> None:
    with Conversation(says('{"kind": "talk"}'), fails(503, "down")) as talk:
        talk.chat.complete(FORMED)
        talk.fails_with(BackendFailed, FORMED)
        assert {asked["response_format"]["type"] for asked in talk.asked} == {"json_schema"}


@pytest.mark.parametrize(
    "text",
    [
        '{"kind": "talk"}',
        '```json\n{"kind": "talk"}\n```',
        'Sure! Here {it} is:\n{"kind": "talk"} Anything else? {"kind": "demo"}',
        '<think>{"kind": "demo"}? No.</think>\n{"kind": "talk"}',
    ],
)
def test_the_first_object_is_the_answer(text: str) -> None:
    with Conversation(says(text)) as talk:
        assert json.loads(talk.chat.complete(FORMED).text) == {"kind": "talk"}


def test_no_object_at_all() -> None:
    with Conversation(says("It is a talk.", usage=(40, 6)), says('{"kind": "ta', "length")) as talk:
        error = talk.fails_with(RequestFailed, FORMED)
        assert "gave no JSON object" in error.message
        assert talk.used == [(40, 6, "reported")]
        cut = talk.chat.complete(FORMED)
        assert (cut.finish, cut.text) == ("length", '{"kind": "ta')


def test_first_object_takes_anything() -> None:
    assert first_object("") is None
    assert first_object("{" * 5000) is None
    assert first_object("[1, {}]") == "{}"
    rng = random.Random(3)
    for _ in range(200):
        found = first_object("".join(rng.choices('{}[]":,a1 \\', k=40)))
        assert found is None or isinstance(json.loads(found), dict)


# What providers do not know


def test_parameters_that_a_model_refuses() -> None:
    def picky(call: Call) -> Answer:
        if "temperature" in call.body:
            return fails(400, "Unsupported value: 'temperature' does not support 0.0")
        if "max_tokens" in call.body:
            return fails(400, "Unsupported parameter: 'max_tokens' is not supported. "
                              "Use 'max_completion_tokens' instead.")  # fmt: skip
        return says("Fine.")

    with Conversation(picky) as talk:
        assert talk.chat.complete(QUESTION).attempts == 3
        assert talk.chat.complete(QUESTION).attempts == 1
        assert talk.asked[-1]["max_completion_tokens"] == 30


def test_thinking_gets_room_once_and_is_stripped() -> None:
    def thinks(call: Call) -> Answer:
        room = call.body["max_tokens"] > 1000
        used = {"prompt_tokens": 9, "completion_tokens": 30,
                "prompt_tokens_details": {"cached_tokens": 4},
                "completion_tokens_details": {"reasoning_tokens": 25}}  # fmt: skip
        if room:
            return says("<think>Hm.</think> A cat.", usage=used)
        return says("<think>Hm", "length", used)

    with Conversation(thinks) as talk:
        first, second = talk.chat.complete(QUESTION), talk.chat.complete(QUESTION)
    assert (first.text, first.attempts) == ("A cat.", 2)
    assert (second.text, second.attempts) == ("A cat.", 1)
    assert first.usage == Usage(9, 30, 4, 25, "reported")
    assert talk.used == [(9, 30, "reported")] * 3
    assert [e.used.cache_read_tokens for e in talk.desk.endings] == [4] * 3
    assert [e.used.reasoning_tokens for e in talk.desk.endings] == [25] * 3


def test_thinking_without_end() -> None:
    with Conversation(says("", "length", reasoning_content="Hm. " * 9)) as talk:
        assert "all its tokens on thinking" in talk.fails_with(RequestFailed).message
        assert len(talk.asked) == 2
        assert talk.phases == ["settle"] * 2


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("plain", "plain"),
        ("<think>a\nb</think>\n\nplain", "plain"),
        ("a b</think>plain", "plain"),
        ("<thinking>a</thinking>plain", "plain"),
        ("<think>never ends", ""),
        ("plain <think>a</think>", "plain <think>a</think>"),
    ],
)
def test_thoughts(text: str, left: str) -> None:
    assert without_thoughts(text) == left


@pytest.mark.parametrize("usage", [
    None, {}, {"prompt_tokens": None, "completion_tokens": None}, "many", (0, 0),
    {"prompt_tokens": "12", "completion_tokens": True},
    {"prompt_tokens": 10**400, "completion_tokens": 10**400},
])  # fmt: skip
def test_usage_that_nobody_told_is_unknown(usage: object) -> None:
    with Conversation(says("Fine.", usage=usage)) as talk:
        assert talk.chat.complete(QUESTION).usage == Usage()


def test_usage_in_part() -> None:
    assert read_usage({"prompt_tokens": 5}, True) == Usage(5, None, None, None, "reported")
    details = {"prompt_tokens": 5, "completion_tokens": 0, "prompt_tokens_details": None}
    assert read_usage(details, False) == Usage(5, 0, None, None, "reported")


@pytest.mark.parametrize(
    "refusal",
    [
        fails(400, "Invalid content type. image_url is only supported by certain models."),
        fails(404, "No endpoints found that support image input"),
        fails(400, "this model does not support image input"),
        fails(500, "image input is not supported - hint: you may need to provide the mmproj"),
        fails(400, "At most 0 image(s) may be provided in one request."),
        fails(422, "Failed to deserialize: unknown variant `image_url`, expected `text`"),
        fails(400, "messages.0.content: Input should be a valid string"),
    ],
)
def test_a_model_that_sees_nothing(refusal: Answer) -> None:
    with Conversation(refusal, task="caption") as talk:
        error = talk.fails_with(BackendFailed, LOOK)
        assert "takes no pictures" in error.message
        assert error.hint == "Name a vision model with --caption-model."


def test_a_picture_that_is_not_understood_ends_alone() -> None:
    with Conversation(fails(400, "Could not process image"), says("Fine.")) as talk:
        assert "Could not process image" in talk.fails_with(RequestFailed, LOOK).message
        assert talk.chat.complete(LOOK).text == "Fine."


@pytest.mark.parametrize(
    "refusal",
    [
        fails(400, "This model's maximum context length is 8192 tokens", "context_length_exceeded"),
        fails(400, "the request exceeds the available context size (4096 tokens)"),
        fails(400, "'max_tokens' is too large: 9. This model's maximum context length is 512"),
        fails(413, "Prompt is too long"),
        fails(500, "Prompt exceeds n_ctx: 3008 > 2048"),
    ],
)
def test_too_long_is_said_and_not_repeated(refusal: Answer) -> None:
    with Conversation(refusal) as talk:
        error = talk.fails_with(RequestTooLong, FORMED)
        assert "too long for tinyvlm" in error.message
        assert len(talk.asked) == 1


def test_filters() -> None:
    held = says(None, "content_filter")
    refused = says(None, refusal="I can't help with that.")
    with Conversation(fails(400, "Blocked", "content_policy_violation"), held, refused,
                      says("Part of it", "content_filter"), fails(403, "Flagged by moderation"),
                      ) as talk:  # fmt: skip
        assert "content filter" in talk.fails_with(RequestFailed).message
        assert "held the answer back" in talk.fails_with(RequestFailed).message
        assert "refused: I can't help" in talk.fails_with(RequestFailed).message
        assert talk.chat.complete(QUESTION).finish == "filtered"
        assert "content filter" in talk.fails_with(RequestFailed).message


@pytest.mark.parametrize(("task", "option"), [
    ("caption", "--caption-model"), ("reason", "--reason-model"),
])  # fmt: skip
def test_a_model_that_is_not_there(task: str, option: str) -> None:
    missing = fails(404, "The model `tinyvlm` does not exist", "model_not_found")
    with Conversation(missing, task=task) as talk:
        error = talk.fails_with(BackendFailed)
        assert "has no model called tinyvlm" in error.message
        assert option in error.hint


def test_an_address_that_is_not_the_protocols() -> None:
    for page in (Answer(404, {"detail": "Not Found"}), Answer(200, "<html>Welcome</html>"),
                 Answer(200, "[1]")):  # fmt: skip
        with Conversation(page) as talk:
            assert "/v1" in talk.fails_with(BackendFailed).hint


def test_an_error_in_the_form_of_an_answer() -> None:
    error = {"error": {"message": "Provider returned error", "code": 502}}
    with Conversation(Answer(200, error), says("Fine.")) as talk:
        assert talk.chat.complete(QUESTION).attempts == 2
    with Conversation(Answer(200, {"choices": []})) as talk:
        assert "without a message" in talk.fails_with(RequestFailed).message
        assert talk.used == [(None, None, "unknown")]
    billed = {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 0}}
    with Conversation(Answer(200, billed)) as talk:
        talk.fails_with(RequestFailed)
        assert talk.used == [(7, 0, "reported")]


# Bodies


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def for_ever(_: Call) -> Answer:
    def pieces() -> Iterator[bytes]:
        yield HEAD + b'\r\n{"a": "'
        while True:
            yield b"a" * 65536

    return Answer(raw=pieces())


@cache
def bomb() -> bytes:
    return gzip.compress(b" " * 200_000_000, 1)


def bursts(_: Call) -> Answer:
    packed = bomb()
    length = f"Content-Length: {len(packed)}\r\n\r\n".encode()
    return Answer(raw=[HEAD + b"Content-Encoding: gzip\r\n" + length, packed])


@pytest.mark.parametrize("step", [for_ever, bursts])
def test_a_body_without_measure_takes_little_memory(step: Step) -> None:
    bomb()  # made before memory is measured
    with Conversation(says("Fine."), step) as talk:
        talk.chat.complete(QUESTION)
        tracemalloc.start()
        try:
            error = talk.fails_with(RequestFailed)
            assert tracemalloc.get_traced_memory()[1] < 4 * MOST_BYTES
        finally:
            tracemalloc.stop()
        assert "cannot be read" in error.message
        assert talk.phases == ["settle", "fail"]


def test_a_body_that_comes_in_drops_is_not_waited_for() -> None:
    def drips(_: Call) -> Answer:
        def pieces() -> Iterator[bytes]:
            yield HEAD + b"\r\n"
            while True:
                time.sleep(0.05)
                yield b" "

        return Answer(raw=pieces())

    with Conversation(drips, api_timeout_s=0.3) as talk:
        assert "no answer within 0.3 s" in talk.fails_with(RequestFailed).message
        assert talk.phases == ["fail", "fail"]


@pytest.mark.parametrize("coding", ["gzip", "deflate", "gzip, gzip", "br"])
def test_bodies_that_were_not_to_be_packed(coding: str) -> None:
    import zlib

    data = json.dumps(says("Fine.").body).encode()
    packed = zlib.compress(data) if coding == "deflate" else gzip.compress(data)
    head = f"Content-Encoding: {coding}\r\nContent-Length: {len(packed)}\r\n\r\n".encode()
    with Conversation(lambda _: Answer(raw=[HEAD + head + packed])) as talk:
        if coding in ("gzip", "deflate"):
            assert talk.chat.complete(QUESTION).text == "Fine."
        else:
            assert "OpenAI protocol" in talk.fails_with(BackendFailed).message
        assert talk.provider.calls[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("charset", ["hex", "zlib", "idna", "nonsense", "utf-16"])
def test_the_server_chooses_no_codec(charset: str) -> None:
    head = f"HTTP/1.1 400 No\r\nContent-Type: text/plain; charset={charset}\r\n".encode()
    with Conversation(Answer(raw=[head + b"Content-Length: 4\r\n\r\n\xffabc"])) as talk:
        assert "(status 400): \ufffdabc" in talk.fails_with(RequestFailed).message


def test_letters_that_are_none() -> None:
    data = b'{"choices": [{"message": {"content": "caf\xc3 \\ud800"}}]}'
    length = f"Content-Length: {len(data)}\r\n\r\n".encode()
    with Conversation(Answer(raw=[HEAD + length + data])) as talk:
        assert talk.chat.complete(QUESTION).text == "caf\ufffd \ufffd"


def test_one_spoilt_answer_among_good_ones() -> None:
    with Conversation(says("One."), Answer(200, "<html>"), says("Two."), Answer(200, "[")) as talk:
        talk.chat.complete(QUESTION)
        assert "an answer that cannot be read" in talk.fails_with(RequestFailed).message
        assert talk.chat.complete(QUESTION).text == "Two."
        talk.fails_with(RequestFailed)
        talk.fails_with(RequestFailed)
        assert "several requests in a row" in talk.fails_with(BackendFailed).message


@pytest.mark.parametrize(("name", "value", "said"), [
    ("ALL_PROXY", "socks5://u:hush@127.0.0.1:9", "package socksio"),
    ("HTTPS_PROXY", "gopher://u:hush@x", "proxy that ALL_PROXY"),
    ("SSL_CERT_FILE", "/nowhere/at-all.pem", "SSL_CERT_FILE"),
])  # fmt: skip
def test_an_environment_that_the_http_library_does_not_take(
    name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "socks" in value and importlib.util.find_spec("socksio"):
        pytest.skip("socksio is installed")
    monkeypatch.setenv(name, value)
    chat = chat_at("https://llm.example.org/v1")
    with pytest.raises(BackendFailed, match=said) as caught:
        chat.complete(QUESTION)
    assert "hush" not in caught.value.message
    chat.close()


# Models and their context


def serves(*models: dict[str, Any]) -> Answer:
    return Answer(200, {"object": "list", "data": list(models)})


def test_which_model_there_is() -> None:
    with ScriptedProvider(serves({"id": "one"}, {"id": "two"})) as provider:
        with pytest.raises(BackendMissing, match="has 2 models: one, two") as caught:
            chat_at(provider.url, reason_model=None)
        assert "--reason-model" in caught.value.hint
    with ScriptedProvider(serves()) as provider, pytest.raises(BackendMissing, match="no model"):
        chat_at(provider.url, reason_model=None)


@pytest.mark.parametrize(("entry", "context"), [
    ({"id": MODEL, "max_model_len": 8192}, 8192),
    ({"id": MODEL, "context_length": 4000}, 4000),
    ({"id": MODEL}, None),
    ({"id": "another", "max_model_len": 8192}, None),
])  # fmt: skip
def test_how_much_a_model_takes(entry: dict[str, Any], context: int | None) -> None:
    with ScriptedProvider(serves(entry)) as provider:
        chat = chat_at(provider.url, reason_context_tokens=None)
        assert chat.context_tokens == context
        chat.close()
        told = chat_at(provider.url, reason_context_tokens=3000)
        assert told.context_tokens == 3000
        told.close()


def test_what_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    lacking = served.ready(Options(caption_model="gpt"), "caption")
    assert not lacking.ready
    assert "no API key for openai" in lacking.what
    assert "OPENAI_API_KEY" in lacking.hint
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert served.ready(Options(caption_model="gpt"), "caption").what == "gpt at openai"
    assert not served.ready(Options(caption_model="gpt"), "reason").ready
    assert "--reason-model" in served.ready(Options(caption_model="gpt"), "reason").hint
    assert served.ready(Options(api="ollama"), "reason").ready
    with pytest.raises(OptionError, match="no provider called nobody"):
        served.ready(Options(api="nobody"), "reason")


def test_counting_tokens() -> None:
    with Conversation(says("Fine.")) as talk:
        count, origin = talk.chat.count_tokens("Four words of text.")
    assert origin == "estimated"
    assert 4 <= count <= 10


# Pictures


@pytest.mark.parametrize(("size", "side_px", "sent"), [
    ((720, 1280), SIDE_PX, (512, 288)),
    ((1280, 720), FINE_SIDE_PX, (432, 768)),
    ((90, 160), SIDE_PX, (160, 90)),
    ((1, 3000), SIDE_PX, (512, 1)),
])  # fmt: skip
def test_pictures_are_sent_no_larger_than_needed(
    size: tuple[int, int], side_px: int, sent: tuple[int, int]
) -> None:
    import io

    from PIL import Image as Pillow

    data = jpeg(np.zeros((*size, 3), np.uint8), side_px)
    assert Pillow.open(io.BytesIO(data)).size == sent
    assert data[:2] == b"\xff\xd8"


# Keys


def echoes(call: Call) -> Answer:
    """A careless provider: its error quotes the key that it was sent."""
    sent = call.headers["authorization"]
    return fails(401, f"Incorrect key. You sent {sent}, that is {sent[7:]}", "invalid_api_key")


def all_that_shows(error: BaseException) -> str:
    """Everything that anybody could print of an error."""
    lines = [repr(error), str(error), *traceback.format_exception(error)]
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    lines += shown.format()
    link: BaseException | None = error
    while link is not None:
        lines += [repr(link), str(link), repr(link.args), repr(vars(link))]
        link = link.__cause__ or link.__context__
    return "\n".join(lines)


@pytest.mark.parametrize(
    "step",
    [
        echoes,
        lambda call: Answer(400, f"bad request: {call.headers}"),
        lambda call: Answer(500, {"error": f"trace: {call.headers}"}),
        lambda call: Answer(200, {"error": {"message": str(call.headers), "code": 403}}),
        lambda call: fails(404, "model", call.headers["authorization"]),
        DROP,
        HANG,
    ],
)
def test_no_key_in_anything_that_is_shown(
    step: Step, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("VIDSUM_API_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    with Conversation(step, api_timeout_s=0.5) as talk:
        with pytest.raises(BackendFailed) as caught:
            talk.chat.complete(FORMED)
        assert talk.provider.calls[0].headers["authorization"] == f"Bearer {KEY}"
        state = repr(vars(talk.chat)) + repr(vars(talk.chat._connection))
    logged = "\n".join(repr(vars(record)) + record.getMessage() for record in caplog.records)
    assert caplog.records != []
    for shown in (all_that_shows(caught.value), caught.value.hint, state, logged):
        assert [line for line in shown.splitlines() if KEY in line] == []


def careless(kind: str) -> Answer:
    """What a server says that repeats, in one way or another, the key that it was sent."""
    match kind:
        case "answer":
            return says(f"You sent {KEY}.")
        case "refusal":
            return says(None, refusal=f"You sent {KEY}.")
        case "escaped":
            return Answer(200, json.dumps(says(KEY).body).replace(KEY, KEY.replace("p", r"\u0070")))
        case "hidden":
            return fails(400, f"You sent {KEY[:3]}\u200b{KEY[3:]}")
    return fails(401, f"You sent {KEY[:22]}… and …{KEY[-14:]}")


@pytest.mark.parametrize("kind", ["answer", "refusal", "escaped", "hidden", "part"])
def test_no_key_out_of_what_a_careless_server_says(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDSUM_API_KEY", KEY)
    with Conversation(lambda _: careless(kind)) as talk:
        try:
            shown = talk.chat.complete(QUESTION).text
        except BackendFailed as exc:
            shown = all_that_shows(exc)
    assert "***" in shown
    assert KEY not in shown
    assert KEY[:12] not in shown
    assert KEY[-12:] not in shown


def test_no_key_out_of_a_redirects_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDSUM_API_KEY", KEY)

    def step(call: Call) -> Answer:
        return Answer(302, {}, {"Location": f"http://x/{call.headers['authorization']}"})

    with Conversation(step) as talk:
        error = talk.fails_with(BackendFailed)
    assert "redirect: to http://x/Bearer ***" in error.message
    assert KEY not in all_that_shows(error)


def test_no_key_follows_a_redirect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDSUM_API_KEY", KEY)
    for status in (301, 302, 307, 308):
        with ScriptedProvider(says("Got it.")) as thief:
            to = {"Location": f"{thief.url}/chat/completions"}
            with Conversation(Answer(status, {}, to)) as talk:
                error = talk.fails_with(BackendFailed)
                assert f"redirect: to {thief.url}" in error.message
                assert len(talk.asked) == 1
        assert thief.calls == []


def test_nothing_of_the_users_openai_account_goes_to_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("VIDSUM_API_KEY", raising=False)
    secrets = {
        "OPENAI_API_KEY": KEY,
        "OPENAI_ORG_ID": "org-private",
        "OPENAI_ADMIN_KEY": "adm-1",
        "OPENAI_PROJECT_ID": "proj-private",
        "OPENAI_CUSTOM_HEADERS": "X-Mine: gateway-key\nAuthorization: Bearer mine",
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    with Conversation(says("Fine.")) as talk:
        assert talk.chat.complete(QUESTION).text == "Fine."
        headers = talk.provider.calls[0].headers
    assert set(headers) <= {"host", "accept", "accept-encoding", "connection", "user-agent",
                            "content-length", "content-type",
                            "x-stainless-raw-response"}  # fmt: skip


def test_threads_learn_from_each_other() -> None:
    both = threading.Barrier(2, timeout=20)

    def picky(call: Call) -> Answer:
        if "temperature" in call.body:
            both.wait()
            return fails(400, "Unsupported value: 'temperature'")
        return says("Fine.")

    with Conversation(picky, api_requests=2, task="caption") as talk, ThreadPoolExecutor(2) as pool:
        replies = list(pool.map(talk.chat.complete, [QUESTION] * 2))
        assert [reply.attempts for reply in replies] == [2, 2]
        assert talk.chat.complete(QUESTION).attempts == 1
