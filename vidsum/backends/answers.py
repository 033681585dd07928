"""What a chat completion says, read with care: providers fill its fields as they like."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vidsum.data import Finish, Usage

_THOUGHTS = re.compile(r"\A\s*(?:<think(?:ing)?>)?(?:(?!<think).)*?</think(?:ing)?>\s*", re.S)
_OPEN_THOUGHT = re.compile(r"\A\s*<think(?:ing)?>.*\Z", re.S)
_MOST_TOKENS = 10**12
_FINISHES: Mapping[str, Finish] = {"stop": "stop", "length": "length", "content_filter": "filtered"}


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer of a model. ``thought``: it spent tokens on thinking before it answered."""

    text: str
    finish: Finish
    usage: Usage
    refused: str = ""
    thought: bool = False


def read_completion(body: Mapping[str, Any]) -> Completion | None:
    """Return what a completion says; None when it is none."""
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
        return None
    message = choices[0].get("message")
    if not isinstance(message, Mapping):
        return None
    said = _joined(message.get("content"))
    text = without_thoughts(said)
    usage = read_usage(body.get("usage"), bool(text))
    thought = bool(
        usage.reasoning_tokens
        or message.get("reasoning_content")
        or message.get("reasoning")
        or text != said.strip()
    )
    finish = _FINISHES.get(str(choices[0].get("finish_reason") or "stop"), "other")
    return Completion(text, finish, usage, str(message.get("refusal") or ""), thought)


def without_thoughts(text: str) -> str:
    """Return an answer without the thinking that some models write before it."""
    return _OPEN_THOUGHT.sub("", _THOUGHTS.sub("", text, count=1)).strip()


def read_usage(usage: Any, answered: bool) -> Usage:
    """Return what a provider says that a call used; what it does not say is None.

    Nobody answers a question of 0 tokens: a 0 there is a field that was not filled in.
    """
    if not isinstance(usage, Mapping):
        return Usage()
    asked = token_count(usage.get("prompt_tokens")) or None
    given = token_count(usage.get("completion_tokens"))
    if asked is None or (given == 0 and answered):
        given = given or None
    if asked is None and given is None:
        return Usage()
    return Usage(
        asked,
        given,
        token_count(_part(usage, "prompt_tokens_details", "cached_tokens")),
        token_count(_part(usage, "completion_tokens_details", "reasoning_tokens")),
        "reported",
    )


def first_object(text: str) -> str | None:
    """Return the first JSON object in a text, whatever stands round it; None without one."""
    decoder, start = json.JSONDecoder(strict=False), text.find("{")
    while start >= 0:
        try:
            _, end = decoder.raw_decode(text, start)
        except RecursionError:
            return None
        except ValueError:
            start = text.find("{", start + 1)
        else:
            return text[start:end]
    return None


def _joined(content: Any) -> str:
    """Return the text of an answer; some providers give it in parts."""
    if isinstance(content, list):
        texts = (part.get("text") for part in content if isinstance(part, Mapping))
        return "".join(text for text in texts if isinstance(text, str))
    return content if isinstance(content, str) else ""


def _part(usage: Mapping[str, Any], group: str, name: str) -> Any:
    found = usage.get(group)
    return found.get(name) if isinstance(found, Mapping) else None


def token_count(value: Any) -> int | None:
    """Return a number of tokens; None for what cannot be one."""
    fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_TOKENS
    return value if fits else None
