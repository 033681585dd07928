"""One run of the reasoner with a remote model that follows a script."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reasoner.factory import bundle, cues
from scripted_provider import Call, ScriptedProvider, Step

from vidsum import tokens
from vidsum.config import Options
from vidsum.data import Answer, Bundle, Summary
from vidsum.errors import BackendFailed
from vidsum.reasoner import remote
from vidsum.reasoner.protocol import Answers, Looker


def talk(minutes: int) -> Bundle:
    """A cue every four seconds, each with a number of its own."""
    texts = [f"Sentence {n} of a talk that goes on and on." for n in range(minutes * 15)]
    return bundle((), cues(*texts, length_s=3.8), language="en", video=False)


def size(call: Call) -> int:
    """Return the tokens that question and answer may have, as far as anybody knows."""
    told = "\n".join(message["content"] for message in call.body["messages"])
    return tokens.count(told, None)[0] + int(call.body["max_tokens"])


class Asked:
    """One summary, or the answer to a ``question``, by a remote model that follows a script."""

    def __init__(
        self, packed: Bundle, *script: Step, question: str = "", answers: Answers | None = None,
        unusable: Callable[[str], str | None] | None = None, looker: Looker | None = None,
        **more: Any,
    ) -> None:  # fmt: skip
        self.steps: list[tuple[int, int]] = []
        self.found: Summary | None = None
        self.answered: Answer | None = None
        self.failed: BackendFailed | None = None
        with ScriptedProvider(*script) as provider:
            named = {"api": provider.url, "reason_model": "m", "reason_context_tokens": 32_768}
            reasoner = remote.build(Options(**(named | more)))
            reasoner.answers, reasoner.unusable = answers, unusable
            try:
                if question:
                    self.answered = reasoner.answer(packed, question, self._advanced)
                else:
                    self.found = reasoner.summarize(packed, self._advanced, looker)
            except BackendFailed as exc:
                self.failed = exc
            finally:
                reasoner.close()
            self.counts, self.reused = reasoner.tally.counts, reasoner.reused
            self.calls = [call for call in provider.calls if call.method == "POST"]

    def _advanced(self, done: int, total: int) -> None:
        self.steps.append((done, total))

    @property
    def summary(self) -> Summary:
        assert self.found is not None, self.failed
        return self.found

    @property
    def answer(self) -> Answer:
        assert self.answered is not None, self.failed
        return self.answered

    @property
    def prompts(self) -> list[str]:
        return [call.prompt for call in self.calls]
