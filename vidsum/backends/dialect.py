"""How to put a request to a provider, and how to put it otherwise when it is not understood."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vidsum.backends.providers import LimitName
from vidsum.backends.refusals import Refusal
from vidsum.data import ChatRequest

FORMS = ("json_schema", "json_object", "prompt")
"""Ways to ask for an answer that fits a schema, the strictest first."""
THINKING_TOKENS = 2048
_AS_JSON = "Answer with one JSON object that fits this JSON Schema, and nothing else:"

_FORM_WORDS = re.compile(
    r"response_?format|json_?schema|json_?object|schema|structured|grammar|guided|json mode"
    r"|requested parameters", re.I
)  # fmt: skip
_LIMIT_WORDS = re.compile(r"max_(completion_)?tokens")


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a provider was found to understand.

    ``form`` is an index of :data:`FORMS`. ``thinking_tokens`` come on top of the answer's own
    limit, for models that think before they answer and count that in.
    """

    form: int = 0
    temperature: bool = True
    limit_name: LimitName = "max_tokens"
    swapped: bool = False
    thinking_tokens: int = 0


def arguments(dialect: Dialect, request: ChatRequest, model: str,
              pictures: Sequence[str]) -> dict[str, Any]:  # fmt: skip
    """Return a request as ``chat.completions.create`` takes it. pictures: data URLs."""
    prompt = request.prompt
    if request.schema is not None and FORMS[dialect.form] != "json_schema":
        schema = json.dumps(request.schema, ensure_ascii=False)
        prompt += f"\n\n{_AS_JSON}\n{schema}"
    found: dict[str, Any] = {
        "model": model,
        "messages": _messages(request.system, prompt, pictures),
        dialect.limit_name: request.max_tokens + dialect.thinking_tokens,
    }
    if dialect.temperature:
        found["temperature"] = request.temperature
    if request.schema is not None and FORMS[dialect.form] != "prompt":
        found["response_format"] = _response_format(FORMS[dialect.form], request.schema)
    return found


def adapted(dialect: Dialect, request: ChatRequest, refusal: Refusal) -> Dialect | None:
    """Return another way to ask, if the refusal was about the way; None if it was not."""
    if refusal.kind != "status" or refusal.too_long:
        return None
    if refusal.status in (400, 422):
        if dialect.temperature and "temperature" in refusal.about:
            return replace(dialect, temperature=False)
        if not dialect.swapped and _LIMIT_WORDS.search(refusal.about):
            other: LimitName = (
                "max_completion_tokens" if dialect.limit_name == "max_tokens" else "max_tokens"
            )
            return replace(dialect, limit_name=other, swapped=True)
    last = dialect.form == len(FORMS) - 1
    if request.schema is None or last or not (told_form(refusal) or blames_nothing(refusal)):
        return None
    return replace(dialect, form=dialect.form + 1)


def told_form(refusal: Refusal) -> bool:
    """Say whether a refusal names the form of the answer as its reason."""
    return refusal.status in (400, 404, 415, 422, 500, 501) and bool(
        _FORM_WORDS.search(refusal.about)
    )


def blames_nothing(refusal: Refusal) -> bool:
    """Say whether a refusal may be about the form or about a server that fails: 500 is both."""
    return refusal.status in (500, 501)


def _messages(system: str, prompt: str, pictures: Sequence[str]) -> list[dict[str, Any]]:
    """Return the messages: with pictures one list of parts, else plain strings.

    Some servers for text know nothing but strings. With pictures the instructions go before the
    question: llama-cpp-python takes them as a string only, which SmolVLM's template drops.
    """
    if not pictures:
        asked = [{"role": "user", "content": prompt}]
        return [{"role": "system", "content": system}, *asked] if system else asked
    text = f"{system}\n\n{prompt}" if system else prompt
    parts: list[dict[str, Any]] = [{"type": "text", "text": text}]
    parts += [{"type": "image_url", "image_url": {"url": url}} for url in pictures]
    return [{"role": "user", "content": parts}]


def _response_format(form: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    if form == "json_object":
        return {"type": form, "schema": schema}  # llama.cpp enforces it, the others ignore it
    named = {"name": "answer", "schema": schema, "strict": _is_strict(schema)}
    return {"type": form, "json_schema": named}


def _is_strict(schema: Any) -> bool:
    """Say whether every object of a schema lists all it has and nothing else may be in it.

    OpenAI refuses ``strict`` for any other. Source: its guide to structured outputs.
    """
    if isinstance(schema, list | tuple):
        return all(map(_is_strict, schema))
    if not isinstance(schema, Mapping):
        return True
    if isinstance(properties := schema.get("properties"), Mapping):
        closed = schema.get("additionalProperties") is False
        if not closed or set(schema.get("required", ())) != set(properties):
            return False
    return all(map(_is_strict, schema.values()))
