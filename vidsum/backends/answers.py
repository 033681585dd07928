"""What a chat completion says, read with care: providers fill its fields as they like."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vidsum.data import Finish, Quantities, Usage
from vidsum.wording import escaped

if TYPE_CHECKING:
    from vidsum.data import Image

_THOUGHTS = re.compile(r"\A\s*(?:<think(?:ing)?>)?(?:(?!<think).)*?</think(?:ing)?>\s*", re.S)
_OPEN_THOUGHT = re.compile(r"\A\s*<think(?:ing)?>.*\Z", re.S)
_MOST_TOKENS = 10**12
_MOST_USD = 10**6
_NAME_LETTERS = 200
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
    cost_usd = _cost(usage.get("cost"))
    if asked is None and given is None:
        return Usage(cost_usd=cost_usd)
    return Usage(
        asked,
        given,
        token_count(_part(usage, "prompt_tokens_details", "cached_tokens")),
        token_count(_part(usage, "completion_tokens_details", "reasoning_tokens")),
        "reported",
        token_count(_part(usage, "prompt_tokens_details", "audio_tokens")),
        cost_usd,
    )


def quantities(usage: Usage, images: Sequence[Image] = ()) -> Quantities:
    """Return what a call used, as the ledger has it."""
    return Quantities(
        calls=1,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        cache_read_tokens=usage.cached_tokens,
        audio_tokens=usage.audio_tokens,
        images=len(images) or None,
        pixels=sum(image.shape[0] * image.shape[1] for image in images) or None,
    )


def resolved(body: Mapping[str, Any]) -> str | None:
    """Return which model answered, as the provider names it."""
    name = body.get("model")
    return escaped(name)[:_NAME_LETTERS] if isinstance(name, str) and name.strip() else None


def _cost(value: Any) -> str | None:
    """Return what OpenRouter and others say that a call cost, in US dollars."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _MOST_USD:
        return None
    return repr(value)


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
