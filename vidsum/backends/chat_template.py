"""A conversation as the one text that a model was trained to continue."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

PICTURE = "<__media__>"
"""Where a picture goes in a text. Source: mtmd.h, mtmd_default_marker."""
_PROBE_SYSTEM, _PROBE_PROMPT = "first\n'line'", "second\n'line'"
_PAIR = re.compile(r"\S(?=\S)")
Messages = list[dict[str, Any]]


class ChatTemplate:
    """A model's own template, with the form of the messages that it understands.

    Templates differ: some drop a message that is a plain string without a word, some print a list
    of parts as Python would, some refuse instructions of their own. What a probe comes through
    whole in is used. ``marks`` are the texts of the model's control tokens: where they turn up in
    what was asked, they are broken, so that no text from outside can end a turn.
    ``adds_bos`` says that the tokenizer begins a text with ``bos`` by itself.
    Raises: ValueError when nothing comes through.
    """

    def __init__(
        self, template: str, bos: str, eos: str, marks: Iterable[str], *, adds_bos: bool
    ) -> None:
        import jinja2
        from llama_cpp.llama_chat_format import Jinja2ChatFormatter

        try:
            self._formatter = Jinja2ChatFormatter(template, eos_token=eos, bos_token=bos)
        except jinja2.TemplateError as exc:
            raise ValueError(f"its chat template cannot be read: {exc}") from exc
        self._added = bos if adds_bos else ""
        known = sorted({PICTURE, *filter(_PAIR.search, marks)}, key=len, reverse=True)
        self._marks = re.compile("|".join(map(re.escape, known)))
        self._form = self._working_form()

    def render(self, system: str, prompt: str, pictures: int = 0) -> str:
        """Return the text up to where the answer begins, one PICTURE a picture after the prompt.

        It does not begin with a mark that the tokenizer adds: two would be one too many.
        Raises: ValueError when the template fails, or loses or doubles a picture.
        """
        text = self._apply(self._form, self._broken(system), self._broken(prompt), pictures)
        if text.count(PICTURE) != pictures:
            raise ValueError("its chat template loses pictures")
        return text

    def _working_form(self) -> Callable[[str, str, int], Messages]:
        problem = "its chat template loses what it is given"
        for form in (_parts, _plain, _parts_in_one, _plain_in_one):
            try:
                text = self._apply(form, _PROBE_SYSTEM, _PROBE_PROMPT, 1)
            except ValueError as exc:
                problem = str(exc)
                continue
            if _PROBE_SYSTEM in text and _PROBE_PROMPT in text and text.count(PICTURE) == 1:
                return form
        raise ValueError(problem)

    def _apply(
        self, form: Callable[[str, str, int], Messages], system: str, prompt: str, pictures: int
    ) -> str:
        import jinja2

        messages: Any = form(system, prompt, pictures)
        try:
            # No hidden thinking: the answer is bounded, and thoughts would use it up.
            text = str(self._formatter(messages=messages, enable_thinking=False).prompt)
        except (jinja2.TemplateError, ArithmeticError, AttributeError, LookupError, MemoryError,
                RuntimeError, TypeError, ValueError) as exc:  # fmt: skip
            raise ValueError(f"its chat template fails: {exc}") from exc
        return text.removeprefix(self._added)

    def _broken(self, text: str) -> str:
        """Put a space into all that the tokenizer would take for a control token."""
        while (broken := self._marks.sub(lambda m: _PAIR.sub(_apart, m[0], 1), text)) != text:
            text = broken
        return text


def _apart(found: re.Match[str]) -> str:
    return f"{found[0]} "


def _parts(system: str, prompt: str, pictures: int) -> Messages:
    """Texts as lists of parts. A picture's mark is text too: libmtmd puts what belongs round it."""
    before = [{"role": "system", "content": [_text(system)]}] if system else []
    content = [_text(prompt), *(_text(PICTURE) for _ in range(pictures))]
    return [*before, {"role": "user", "content": content}]


def _plain(system: str, prompt: str, pictures: int) -> Messages:
    before = [{"role": "system", "content": system}] if system else []
    return [*before, {"role": "user", "content": prompt + PICTURE * pictures}]


def _parts_in_one(system: str, prompt: str, pictures: int) -> Messages:
    """For templates that know no system message."""
    return _parts("", _joined(system, prompt), pictures)


def _plain_in_one(system: str, prompt: str, pictures: int) -> Messages:
    return _plain("", _joined(system, prompt), pictures)


def _joined(system: str, prompt: str) -> str:
    return f"{system}\n\n{prompt}" if system else prompt


def _text(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}
