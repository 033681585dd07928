"""What is asked of a model, and what comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from vidsum.data.cost import Origin
from vidsum.data.evidence import Image

Finish = Literal["stop", "length", "filtered", "other"]


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call. None is unknown: the provider did not say.

    ``input_tokens`` includes the cached ones, ``output_tokens`` the reasoning ones, as OpenAI
    counts; ``audio_tokens`` are a part of the input. ``cost_usd`` is what the provider itself says
    that the call cost, a decimal number of US dollars. ``origin`` is ``measured`` for a model in
    this process, ``reported`` for a provider's own figures, ``unknown`` when it gave none.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    origin: Origin = "unknown"
    audio_tokens: int | None = None
    cost_usd: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ChatRequest:
    """One question to a model: instructions, text, pictures after it, and the form of the answer.

    ``system`` may be empty. ``schema`` is a JSON Schema that the answer must fit; None asks for
    plain text. ``max_tokens`` bounds the answer, ``temperature`` is 0–2.
    """

    system: str
    prompt: str
    images: tuple[Image, ...] = ()
    schema: Mapping[str, Any] | None = None
    max_tokens: int = 1024
    temperature: float = 0.0


@dataclass(frozen=True, slots=True)
class Reply:
    """A model's answer and what it took.

    ``finish`` is ``length`` when the answer was cut at ``max_tokens``: a structured answer is then
    not whole. ``wall_s`` covers retries; ``timings_s`` splits it where that is known.
    """

    text: str
    usage: Usage
    model: str
    finish: Finish = "stop"
    wall_s: float = 0.0
    attempts: int = 1
    timings_s: Mapping[str, float] = field(default_factory=dict)
