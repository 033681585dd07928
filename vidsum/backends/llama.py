"""A language model in this process, through llama.cpp."""

from __future__ import annotations

import concurrent.futures
import functools
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from vidsum.backends.answers import quantities
from vidsum.backends.gguf_shape import shape_of
from vidsum.backends.grammar import grammar_of
from vidsum.backends.llama_model import Generated, GgufModel, Stopped
from vidsum.backends.native_log import native_log
from vidsum.backends.protocol import ChatBackend
from vidsum.backends.sampling import NoTokenFits
from vidsum.costs.calls import OpenCall
from vidsum.costs.tally import Tally
from vidsum.costs.units import CHAT, chat_flops
from vidsum.data import ChatRequest, ModelRef, ModelShape, Origin, Quantities, Reply, Usage
from vidsum.errors import BackendFailed, RequestFailed, RequestTooLong
from vidsum.wording import escaped

CONTEXT_TOKENS = 8192
"""When nobody says how many: half an hour of talk, and a small model's cache is below 1 GB."""
_LEAST_ANSWER_TOKENS = 64
_CLOSING_S = 1.0
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Question:
    """What the model has been told: its tokens, and how many of them the cache held already."""

    tokens: int
    cached_tokens: int


class Clock:
    """Adds up the seconds of each step of one call."""

    def __init__(self) -> None:
        self.started_s = time.perf_counter()
        self.steps_s: dict[str, float] = {}

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Count what is done inside as one step's."""
        before_s = time.perf_counter()
        try:
            yield
        finally:
            taken_s = time.perf_counter() - before_s
            self.steps_s[step] = self.steps_s.get(step, 0.0) + taken_s


@functools.cache
def _worker() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "llama")


class LlamaChat(ChatBackend):
    """Answers questions of text with a GGUF file. The model is loaded when it is first needed.

    ``context_tokens`` is what was asked for; once loaded, what is in force: no more than the model
    was trained for. ``threads`` None takes every core, ``gpu_layers`` None all when there is a GPU.

    All native work is done by one thread, the same for every model (each thread that works with
    a model costs memory that never comes back). Python delivers an interruption (Ctrl-C) in the
    main thread only: in a function that C called back it would be lost, and while C computes it
    would wait.
    """

    def __init__(
        self,
        path: Path,
        model: str,
        *,
        threads: int | None = None,
        gpu_layers: int | None = None,
        context_tokens: int | None = None,
        tally: Tally | None = None,
    ) -> None:
        self.path, self.model = path, model
        self._tally = tally or Tally()
        self._call: OpenCall | None = None
        self._pictures = 1
        """Pictures that are encoded for the question at hand, tiles of one included."""
        self.context_tokens: int | None = context_tokens or CONTEXT_TOKENS
        self._threads, self._gpu_layers = threads, gpu_layers
        self._loaded: GgufModel | None = None
        self._closed = False

    def complete(self, request: ChatRequest) -> Reply:
        """Return the answer, one request at a time.

        Raises: RequestFailed when the prompt does not fit or the schema is not understood;
        BackendFailed when the file does not load, BackendMissing when llama.cpp or it is not there.
        """
        grammar = self._grammar(request.schema)
        return self._by_worker(lambda: self._complete(request, grammar))

    def _complete(self, request: ChatRequest, grammar: str | None) -> Reply:
        clock = Clock()
        model = self._ready(clock)
        native_log().forget()
        self._call = None
        try:
            return self._answer(model, request, grammar, clock)
        except BaseException as exc:
            if self._call is not None:
                self._call.fail(type(exc).__name__)
            elif isinstance(exc, RequestFailed):
                self._tally.refused(type(exc).__name__)
            raise

    def _answer(
        self, model: GgufModel, request: ChatRequest, grammar: str | None, clock: Clock
    ) -> Reply:
        try:
            question = self._ask(model, request, clock)
            with clock.timed("generate"):
                room = model.context_tokens - question.tokens
                said = model.generate(min(request.max_tokens, room), request.temperature, grammar)
        except (RuntimeError, ValueError, NoTokenFits) as exc:
            model.forget()
            raise self._failed(exc) from exc
        except Stopped as exc:
            raise self._was_closed() from exc
        except BaseException:
            model.forget()
            raise
        reply = self._reply(question, said, clock)
        self._settle(request, reply)
        return reply

    def _reserve(self, model: GgufModel, request: ChatRequest, tokens: int) -> None:
        """Set aside what the answer may take, now that the question's tokens are counted.

        Raises: RequestTooLong, BudgetReached.
        """
        self._check_room(model, tokens, request.max_tokens)
        output_tokens = min(request.max_tokens, model.context_tokens - tokens)
        most = Quantities(calls=1, input_tokens=tokens, output_tokens=output_tokens)
        flops = self._flops(request, tokens, 0, output_tokens)
        self._call = self._tally.open(self.ref, most, flops, formula_id=CHAT)

    def _settle(self, request: ChatRequest, reply: Reply) -> None:
        assert self._call is not None
        usage = reply.usage
        flops = self._flops(request, usage.input_tokens or 0, usage.cached_tokens or 0,
                            usage.output_tokens or 0)  # fmt: skip
        self._call.settle(quantities(usage, request.images), usage.origin, flops=flops,
                          load_s=reply.timings_s.get("load"))  # fmt: skip

    def _flops(self, request: ChatRequest, input_tokens: int, cached_tokens: int,
               output_tokens: int) -> float | None:  # fmt: skip
        patches = self._patches(request)
        if self._shape is None or patches is None:
            return None
        return chat_flops(
            self._shape, input_tokens=input_tokens, cached_tokens=cached_tokens,
            output_tokens=output_tokens, image_patches=patches,
            pictures=self._pictures,
        )  # fmt: skip

    def _patches(self, request: ChatRequest) -> int | None:
        """Return how many patches of pictures are encoded for a request; None is unknown."""
        return 0

    @functools.cached_property
    def _shape(self) -> ModelShape | None:
        return shape_of(self.path)

    @property
    def ref(self) -> ModelRef:
        """The model as the ledger knows it."""
        device = None
        if self._loaded is not None:
            device = "gpu" if self._loaded.gpu_layers else "cpu"
        return ModelRef(backend="llama.cpp", requested=self.model, device=device,
                        shape=self._shape)  # fmt: skip

    def count_tokens(self, text: str) -> tuple[int, Origin]:
        """Return how many tokens a text has, by the model's own tokenizer; loads the model."""
        count = self._by_worker(lambda: len(self._ready(Clock()).tokens_of(text)))
        return count, "measured"

    def forget(self) -> None:
        """Count on nothing of earlier calls: the next one evaluates all anew."""
        loaded = self._loaded
        if loaded is not None:
            self._by_worker(loaded.forget)

    def close(self) -> None:
        """Stop what is under way and let go of the model; may be called twice.

        A native call that is under way is waited for a second; the model goes when it ends.
        """
        if self._closed:
            return  # to wait again would bring nothing
        self._closed = True
        loaded = self._loaded
        if loaded is not None:
            loaded.stopping.set()
            concurrent.futures.wait([_worker().submit(self._let_go)], _CLOSING_S)

    def _let_go(self) -> None:
        if self._loaded is not None:
            self._loaded.close()
            self._loaded = None

    def _by_worker(self, work: Callable[[], Answer]) -> Answer:
        """Return what a piece of work returns, done in the thread of the native library."""
        if self._closed:
            raise self._was_closed()
        return _worker().submit(work).result()

    def _ready(self, clock: Clock) -> GgufModel:
        if self._closed:
            raise self._was_closed()
        if self._loaded is None:
            with clock.timed("load"):
                self._loaded = self._load()
            self.context_tokens = self._loaded.context_tokens
            if self._closed:  # meanwhile, by a thread that found nothing to stop yet
                self._let_go()
                raise self._was_closed()
        return self._loaded

    def _was_closed(self) -> BackendFailed:
        return BackendFailed(f"The model {self.model} was closed.")

    def _load(self) -> GgufModel:
        assert self.context_tokens is not None
        return GgufModel(self.path, self.context_tokens, self._threads, self._gpu_layers)

    def _ask(self, model: GgufModel, request: ChatRequest, clock: Clock) -> Question:
        """Have the model read the question. Raises: RequestFailed, ValueError, RuntimeError."""
        if request.images:
            raise RequestFailed(f"The model {self.model} takes no pictures.")
        text = model.template.render(request.system, request.prompt)
        tokens = model.tokens_of(text, whole=True)
        self._reserve(model, request, len(tokens))
        with clock.timed("prefill"):
            return Question(len(tokens), model.begin(tokens))

    def _check_room(self, model: GgufModel, tokens: int, max_tokens: int) -> None:
        """Refuse what leaves no room for an answer. Raises: RequestFailed."""
        room = model.context_tokens - tokens
        if room < min(max_tokens, _LEAST_ANSWER_TOKENS):
            raise RequestTooLong(
                f"The prompt has {tokens:,} tokens and leaves no room for an answer: the model "
                f"{self.model} takes {model.context_tokens:,} in all."
            )

    def _grammar(self, schema: Mapping[str, Any] | None) -> str | None:
        try:
            return None if schema is None else grammar_of(schema)
        except (ValueError, TypeError, AttributeError, RecursionError) as exc:
            raise RequestFailed(f"The form of the answer is not understood: {exc}.") from exc

    def _failed(self, exc: Exception) -> RequestFailed:
        reason = native_log().reason() or escaped(str(exc)).rstrip(".")
        if isinstance(exc, NoTokenFits):
            reason = "none of its words fits the form of the answer"
        return RequestFailed(f"The model {self.model} gave no answer: {reason}.")

    def _reply(self, question: Question, said: Generated, clock: Clock) -> Reply:
        usage = Usage(
            question.tokens, said.tokens, question.cached_tokens, said.thought_tokens, "measured"
        )
        return Reply(
            said.text,
            usage,
            self.model,
            "length" if said.cut else "stop",
            time.perf_counter() - clock.started_s,
            timings_s=clock.steps_s,
        )
