"""Errors of a provider tell whether trying again helps."""

from __future__ import annotations

import pytest
from scripted_provider import DROP, HANG, Answer, ScriptedProvider, Step, fails, says

from vidsum.backends import openai
from vidsum.backends.retrying import Retrying
from vidsum.config import Options
from vidsum.data import ChatRequest
from vidsum.errors import BackendFailed

QUICK = Retrying(attempts=2, first_attempts=2, base_s=0.001, cap_s=0.002)
BLOCKED: list[Step] = [
    fails(401, "who are you?"), fails(402, "no money"), fails(403, "not for you"),
    fails(429, "You exceeded your current quota", "insufficient_quota"),
    fails(404, "The model m does not exist", "model_not_found"), fails(404, "no such page"),
    fails(307, location="http://127.0.0.1:9/"), Answer(body="<html>Log in</html>"),
]  # fmt: skip
TRANSIENT: list[Step] = [
    fails(429, "slow down"), fails(429, "slow down", retry_after="9999"), fails(500, "oops"),
    fails(503, "later"), fails(529, "overloaded"), fails(408, "slow"), DROP, HANG,
    Answer(body={"id": "c", "choices": []}),
]  # fmt: skip
OTHER: list[Step] = [
    fails(400, "no such parameter: voice"), fails(422, "what?"),
    fails(400, "flagged by the content filter", "content_filter"),
    fails(400, "maximum context length is 8 tokens", "context_length_exceeded"), says(""),
]  # fmt: skip


def error(*script: Step, url: str | None = None) -> BackendFailed:
    with ScriptedProvider(*script) as provider:
        options = Options(api=url or provider.url, reason_model="m", reason_context_tokens=2048,
                          api_timeout_s=0.2)  # fmt: skip
        chat = openai.build(options, "reason", retrying=QUICK)
        try:
            with pytest.raises(BackendFailed) as caught:
                chat.complete(ChatRequest("", "What is this?", max_tokens=9))
        finally:
            chat.close()
    return caught.value


@pytest.mark.parametrize("step", BLOCKED)
def test_what_only_somebody_else_can_change(step: Step) -> None:
    assert error(step).kind == "blocked"


@pytest.mark.parametrize("step", TRANSIENT)
def test_what_passes(step: Step) -> None:
    assert error(step).kind == "transient"


@pytest.mark.parametrize("step", OTHER)
def test_what_is_one_requests_fault(step: Step) -> None:
    assert error(step).kind == "other"


def test_nobody_there_may_pass() -> None:
    assert error(says("hm"), url="http://127.0.0.1:9/v1").kind == "transient"


def test_an_error_that_says_nothing_of_it_is_of_another_kind() -> None:
    assert BackendFailed("It broke.").kind == "other"
