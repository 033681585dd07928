"""Chat models behind an OpenAI-compatible address: OpenAI, OpenRouter, Ollama, LM Studio, vLLM …"""

from __future__ import annotations

import math
import threading
from dataclasses import replace
from typing import Any

from vidsum import tokens
from vidsum.backends import bounds
from vidsum.backends.answers import (
    Completion,
    first_object,
    quantities,
    read_completion,
    read_usage,
    resolved,
)
from vidsum.backends.connection import Connection
from vidsum.backends.dialect import THINKING_TOKENS, Dialect, adapted, arguments, told_form
from vidsum.backends.pictures import FINE_SIDE_PX, SIDE_PX, data_url
from vidsum.backends.protocol import ChatBackend
from vidsum.backends.providers import RemoteTask
from vidsum.backends.refusals import Refusal
from vidsum.backends.retrying import Retrying
from vidsum.backends.served import connect, context_of, only_model
from vidsum.config import Options
from vidsum.costs.tally import Tally
from vidsum.data import ChatRequest, Origin, Quantities, Reply, Usage
from vidsum.errors import BackendFailed, RequestFailed
from vidsum.wording import escaped, safe


def build(
    options: Options,
    task: RemoteTask,
    *,
    tally: Tally | None = None,
    retrying: Retrying | None = None,
) -> RemoteChat:
    """Return the chat model that the options name for a task.

    Asks the endpoint which models it serves when the options name none, and for the context of a
    model that is to reason. ``tally`` takes in every call, answered or not.
    Raises: OptionError, BackendMissing, BackendFailed.
    """
    connection = connect(options, task, retrying=retrying)
    where, model = connection.asked.endpoint, connection.asked.model
    context_tokens = options.reason_context_tokens if task == "reason" else None
    try:
        if not model:
            only = only_model(connection)
            model, context_tokens = only.name, context_tokens or only.context_tokens
        elif task == "reason" and context_tokens is None and where.provider_name != "openai":
            context_tokens = context_of(connection, model)
    except BaseException:
        connection.close()
        raise
    connection.asked = replace(connection.asked, model=model)
    if context_tokens is None and where.provider is not None:
        context_tokens = where.provider.context_tokens
    side_px = FINE_SIDE_PX if options.tiles == "all" else SIDE_PX
    return RemoteChat(
        connection, model, context_tokens=context_tokens, side_px=side_px, tally=tally
    )


class RemoteChat(ChatBackend):
    """Answers requests with one remote model, from several threads at once.

    What the provider refuses (a form of structured answer, a parameter) is asked for in another
    way, and that is remembered for the requests after it.
    """

    def __init__(
        self, connection: Connection, model: str, *, context_tokens: int | None = None,
        side_px: int = SIDE_PX, tally: Tally | None = None,
    ) -> None:  # fmt: skip
        self.model = model
        self._tally = tally or Tally()
        self._underrated = 1.0
        self.context_tokens = context_tokens
        self._connection, self._side_px = connection, side_px
        provider = connection.asked.endpoint.provider
        limit_name = provider.limit_name if provider else "max_tokens"
        self._lock = threading.Lock()
        self._dialect = Dialect(limit_name=limit_name)
        self._doubts = 0

    def complete(self, request: ChatRequest) -> Reply:
        """Return the answer. Raises: RequestFailed, BackendFailed."""
        pictures = [data_url(image, self._side_px) for image in request.images]
        with self._lock:
            dialect = self._dialect
        done, reply = self._ask(request, pictures, dialect)
        if (
            not done.text
            and done.finish == "length"
            and done.thought
            and not dialect.thinking_tokens
        ):
            with self._lock:
                self._dialect = replace(self._dialect, thinking_tokens=THINKING_TOKENS)
                dialect = self._dialect
            first, (done, reply) = reply, self._ask(request, pictures, dialect)
            reply = replace(reply, wall_s=first.wall_s + reply.wall_s,
                            attempts=first.attempts + reply.attempts)  # fmt: skip
        return replace(reply, text=self._usable(done, request))

    def _ask(
        self, request: ChatRequest, pictures: list[str], dialect: Dialect
    ) -> tuple[Completion, Reply]:
        """Send a request in one dialect after another until one is understood."""
        spoken, certain = dialect, True

        def ask(client: Any) -> Any:
            with_all = arguments(spoken, request, self.model, pictures)
            return client.chat.completions.with_raw_response.create(**with_all)

        def adapt(refusal: Refusal) -> bool:
            nonlocal spoken, certain
            other = adapted(spoken, request, refusal)
            if other is None:
                return False
            if other.form != spoken.form:
                certain = certain and told_form(refusal)
            spoken = other
            return True

        seems, most = self._most(request, dialect)
        with self._tally.open(self._connection.model, most) as call:
            try:
                answer = self._connection.send(ask, adapt, pictures=bool(pictures), call=call)
            except BackendFailed as exc:
                call.release(type(exc).__name__)  # an attempt that may cost something was booked
                raise
            self._learn(dialect, spoken, certain)
            done = read_completion(answer.body)
            usage = done.usage if done else read_usage(answer.body.get("usage"), answered=False)
            used = quantities(usage, request.images)
            call.settle(used, usage.origin, cost_usd=usage.cost_usd,
                        resolved=resolved(answer.body))  # fmt: skip
        self._check_bound(seems, usage)
        if done is None:
            raise RequestFailed(f"{self._where} sent an answer without a message.",
                                kind="transient")  # fmt: skip
        return done, Reply(done.text, done.usage, self.model, done.finish, answer.wall_s,
                           answer.attempts)  # fmt: skip

    def _most(self, request: ChatRequest, dialect: Dialect) -> tuple[int, Quantities]:
        """Return the most tokens that what is sent should have, and what to reserve.

        That is as much as may be answered, too, and more where a provider counts otherwise.
        """
        most = bounds.most(request, self._connection.model, self._side_px)
        assert most.input_tokens is not None
        with self._lock:
            input_tokens = math.ceil(most.input_tokens * self._underrated)
        return most.input_tokens, replace(
            most,
            input_tokens=input_tokens,
            output_tokens=request.max_tokens + dialect.thinking_tokens,
        )

    def _check_bound(self, seems: int, usage: Usage) -> None:
        """Expect more from now on when a provider counted more tokens than seemed possible."""
        with self._lock:
            self._underrated = max(self._underrated, (usage.input_tokens or 0) / seems)

    def _learn(self, before: Dialect, after: Dialect, certain: bool) -> None:
        """Remember how a request was understood.

        A 500 that did not say why may have been chance: it takes two to give up a form.
        """
        if before == after:
            return
        with self._lock:
            if not certain:
                self._doubts += 1
            known = self._dialect
            keeps_form = not certain and self._doubts < 2
            self._dialect = Dialect(
                known.form if keeps_form else max(known.form, after.form),
                known.temperature and after.temperature,
                after.limit_name if after.swapped else known.limit_name,
                known.swapped or after.swapped,
                max(known.thinking_tokens, after.thinking_tokens),
            )

    def _usable(self, done: Completion, request: ChatRequest) -> str:
        """Return the text of an answer that is one. Raises: RequestFailed."""
        if not done.text:
            raise RequestFailed(*self._why_empty(done))
        if request.schema is None:
            return done.text
        found = first_object(done.text)
        if found is not None:
            return found
        if done.finish == "length":
            return done.text  # cut off: the caller sees that by ``finish``
        raise RequestFailed(f"{self._where} gave no JSON object.",
                            "Another model may keep to the form.", done.text)  # fmt: skip

    def _why_empty(self, done: Completion) -> tuple[str, str]:
        if done.finish == "filtered":
            return f"The content filter of {self._where} held the answer back.", ""
        if done.refused:
            return f"{self._where} refused: {escaped(safe(done.refused))[:200]}", ""
        if done.finish == "length" and done.thought:
            return (f"{self._where} spent all its tokens on thinking.",
                    "Name a model that does not think first, or less.")  # fmt: skip
        return f"{self._where} gave an empty answer.", ""

    @property
    def _where(self) -> str:
        return f"{escaped(self.model)} at {self._connection.asked.endpoint.name}"

    def count_tokens(self, text: str) -> tuple[int, Origin]:
        """Return how many tokens a text has: by OpenAI's tokenizer for its models, else a guess."""
        own = self._connection.asked.endpoint.provider_name == "openai"
        return tokens.count(text, tokens.cached_encoder() if own else None)

    def call_off(self) -> None:
        """End what is under way, from any thread; requests sent afterwards are answered."""
        self._connection.call_off()

    def close(self) -> None:
        """End what is under way and let go of the connections; may be called twice."""
        self._connection.close()
