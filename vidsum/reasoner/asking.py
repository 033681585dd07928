"""Questions to a model that are put again, once, when the answer cannot be used.

An answer that was accepted is kept, where somebody keeps them, before anything is done with it: a
run that was cut short, or is made again with another style, asks only what is new.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from vidsum.backends.protocol import ChatBackend
from vidsum.data import ChatRequest, Reply
from vidsum.errors import BackendFailed, RequestFailed, RequestTooLong
from vidsum.reasoner.forms import Malformed
from vidsum.reasoner.prompting import SYSTEM
from vidsum.reasoner.protocol import Advanced, Answers
from vidsum.reasoner.schemas import Limits, without_text_bounds
from vidsum.reasoner.wording import shortened
from vidsum.wording import escaped, safe

T = TypeVar("T")

_SHOWN_LETTERS: Final = 200
_SHORTER: Final = 0.5
_TURN_TOKENS: Final = 64
"""What a chat template puts around instructions and question."""
_ESTIMATE_MARGIN: Final = 1.1
_FOREIGN_MARGIN: Final = 0.5
"""What is added for text without ASCII letters: a small model's own tokenizer may cut other
scripts into letters, and some servers cut what does not fit without a word."""
_READ_SHARE: Final = 0.6
"""A server that counts less than this of a long prompt has cut it: estimates are 22 % too high
at most on most languages, see :func:`vidsum.tokens.count`."""
_LONG_TOKENS: Final = 1_000
_ASCII: Final = bytes(range(128))
_FILE_NAME: Final = re.compile(
    r'^(\{"id": "[a-z]+\d+", .*"source": "file name", "fact": ).*$', re.M
)
"""The line of a prompt that tells the file's name. No text in a video can look like it: there is no
end of a line within a string of JSON."""
_ANY_NAME: Final = r'\1"ANY NAME"}'
_ANY_FENCE: Final = "=====TIMELINE====="
"""Stands for a run's random mark where a prompt is to be known again."""


class TooLong(BackendFailed):
    """A request had more tokens than the model takes at once: it may do in smaller pieces."""


class NoRoom(BackendFailed):
    """Instructions and answer alone have more tokens than the model is said to take at once."""


@dataclass(frozen=True, slots=True)
class Question(Generic[T]):
    """What is asked: a prompt for limits and a fault, the schema, and how to read the answer.

    ``fault`` is "" at first, else what was wrong with the last answer; ``read`` raises Malformed.
    ``room_tokens`` bounds the answer.
    """

    prompt: Callable[[Limits, str], str]
    schema: Callable[[Limits], Mapping[str, Any]]
    read: Callable[[str], T]
    limits: Limits
    room_tokens: int


@dataclass(frozen=True, slots=True)
class _Accepted(Generic[T]):
    """An answer as it was written, and its content. ``kept``: by an earlier run."""

    text: str
    content: T
    kept: bool = False


class Asker:
    """Asks one model, and tells how far it has come.

    ``bounded``: the server takes the length of a text in a schema. ``expected`` is how many
    answers are needed in all, ``calls`` how many requests were made for them so far.
    ``context_tokens`` is what the model is believed to take, ``shrunk`` whether it was more before.
    ``answers`` keeps answers between runs, ``reused`` are those that were not asked for again;
    ``fence`` is this run's mark in prompts. ``unusable``: see :class:`Reasoner`.
    """

    def __init__(
        self, backend: ChatBackend, context_tokens: int, *, bounded: bool = True,
        advanced: Advanced, fence: str = "", answers: Answers | None = None,
        unusable: Callable[[str], str | None] | None = None,
    ) -> None:  # fmt: skip
        self.context_tokens, self.calls, self.reused = context_tokens, 0, 0
        self.shrunk = False
        self._refused_tokens = 0
        self.cut: tuple[int, int] | None = None
        """Tokens that a prompt had, and that the server read of it, when that was much less."""
        self._backend = backend
        self._bounded, self._advanced = bounded, advanced
        self._fence, self._answers, self._unusable = fence, answers, unusable
        self._done = 0
        self._expected = 1

    @property
    def model(self) -> str:
        """The model's name."""
        return self._backend.model

    def expect(self, answers: int) -> None:
        """Tell how many answers are needed from now on."""
        self._expected = self._done + answers
        self._advanced(self._done, self._expected)

    def take_less(self) -> None:
        """Believe, after a refusal, that the model takes half of what was refused."""
        self.context_tokens = min(self.context_tokens, self._refused_tokens) // 2
        self.shrunk = True

    def count(self, text: str) -> int:
        """Return how many tokens a text may have; an estimate is rounded up."""
        tokens, origin = self._backend.count_tokens(text)
        if origin == "measured":
            return tokens
        raw = text.encode("utf-8", "replace")
        foreign = len(raw.translate(None, _ASCII)) / max(1, len(raw))
        return int(tokens * (_ESTIMATE_MARGIN + _FOREIGN_MARGIN * foreign)) + 1

    def room(self, prompt: str) -> int:
        """Return how many tokens are left for the answer to a prompt."""
        return self.context_tokens - self.count(f"{SYSTEM}\n{prompt}") - _TURN_TOKENS

    def ask(self, question: Question[T]) -> T:
        """Return the answer's content. Raises: TooLong, BackendFailed, BackendMissing."""
        prompt = question.prompt(question.limits, "")
        key = self._key(question, prompt) if self._answers is not None else ""
        found = self._kept(key, question) or self._asked(question, prompt)
        if self._answers is not None and not found.kept:
            self._answers.put(key, found.text)
        self._done += 1
        self._expected = max(self._expected, self._done)
        self._advanced(self._done, self._expected)
        return found.content

    def _key(self, question: Question[T], prompt: str) -> str:
        """Return what a question is known by: its prompt and its form.

        The run's mark does not count, nor does what the file is called: the same video under
        another name is not paid for again.
        """
        if self._fence:
            prompt = prompt.replace(self._fence, _ANY_FENCE)
        prompt = _FILE_NAME.sub(_ANY_NAME, prompt)
        told = json.dumps([SYSTEM, prompt, question.schema(question.limits)])
        return hashlib.sha256(told.encode()).hexdigest()

    def _kept(self, key: str, question: Question[T]) -> _Accepted[T] | None:
        """Return an answer that was kept; None without one that can be read."""
        text = self._answers.get(key) if self._answers is not None else None
        if text is None:
            return None
        try:
            found = question.read(text)
        except Malformed:
            return None  # an older form, or damaged: it is asked for again
        self.reused += 1
        return _Accepted(text, found, kept=True)

    def _asked(self, question: Question[T], prompt: str) -> _Accepted[T]:
        """Return what the model wrote."""
        reply: Reply | None = None
        try:
            reply = self._complete(prompt, question.schema(question.limits), question.room_tokens)
            return _Accepted(reply.text, question.read(reply.text))
        except Malformed as exc:
            assert reply is not None
            cut = reply.finish == "length"
            return self._again(question, str(exc), [reply.text], cut=cut)
        except RequestFailed as exc:
            return self._again(question, "It held no JSON object.", _instead(exc), cut=False)

    def _again(
        self, question: Question[T], fault: str, received: list[str], *, cut: bool
    ) -> _Accepted[T]:
        """Ask once more; ``received`` is what came the first time."""
        limits, room = question.limits, question.room_tokens
        if cut:
            limits, room = limits * _SHORTER, 2 * room
            fault = "It was too long and broke off: write less."
        prompt = question.prompt(limits, fault)
        room = max(min(room, self.room(prompt)), question.room_tokens // 2)
        try:
            reply = self._complete(prompt, question.schema(limits), room)
        except RequestFailed as exc:
            received += _instead(exc)
            raise RequestFailed(f"{exc.message}{self._put_by(received)}", exc.hint,
                                kind=exc.kind) from exc  # fmt: skip
        try:
            return _Accepted(reply.text, question.read(reply.text))
        except Malformed as exc:
            why = "It broke off." if reply.finish == "length" else str(exc)
            began = shortened(safe(reply.text[: 4 * _SHOWN_LETTERS]), _SHOWN_LETTERS)
            raise BackendFailed(
                f"{escaped(self.model)} did not answer in the form that was asked for. {why} "
                f"Its answer: {began or 'nothing'}{self._put_by([*received, reply.text])}",
                "Another model may do better (--reason-model), or --reasoner extractive.",
            ) from exc

    def _put_by(self, received: list[str]) -> str:
        """Hand on what came and cannot be used; return where it is, in words to end a message."""
        file = self._unusable("\n\n".join(received)) if self._unusable and received else None
        return f" (all that came is in {escaped(file)})" if file else ""

    def _complete(self, prompt: str, schema: Mapping[str, Any], room_tokens: int) -> Reply:
        """Return the model's reply. Raises: TooLong, BackendFailed, BackendMissing."""
        if not self._bounded:
            schema = without_text_bounds(schema)
        self.calls += 1
        try:
            reply = self._backend.complete(
                ChatRequest(SYSTEM, prompt, schema=schema, max_tokens=room_tokens)
            )
        except BackendFailed as exc:
            if isinstance(exc, RequestTooLong):
                self._refused_tokens = self.context_tokens - self.room(prompt) + room_tokens
                hint = exc.hint or "Say how much it takes at once: --reason-context TOKENS."
                raise TooLong(exc.message, hint) from exc
            raise
        self._check_read(prompt, reply)
        return reply

    def _check_read(self, prompt: str, reply: Reply) -> None:
        """Note a server that read much less than it was sent; some cut prompts silently."""
        sent, _ = self._backend.count_tokens(prompt)
        read = reply.usage.input_tokens
        if read is not None and sent > _LONG_TOKENS and read < _READ_SHARE * sent:
            self.cut = (sent, read)


def _instead(exc: RequestFailed) -> list[str]:
    """Return what came instead of an answer, where something did."""
    received = getattr(exc, "received", "")
    return [received] if received else []
