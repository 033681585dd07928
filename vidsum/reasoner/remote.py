"""The reasoner with a model behind an OpenAI-compatible address."""

from __future__ import annotations

from vidsum.backends.protocol import ChatBackend
from vidsum.backends.providers import endpoint
from vidsum.config import Options
from vidsum.costs.tally import Tally
from vidsum.data import Forecast, Need
from vidsum.reasoner.protocol import Reasoner
from vidsum.registry import Readiness

_OPENAI_CONTEXT_TOKENS = 128_000
"""OpenAI does not list a model's context. Its chat models since 2024 have this many or more."""
_USUAL_CONTEXT_TOKENS = 8_192
_PLAIN_STRICT = ("openai", "openrouter")
"""Providers that refuse a strict schema with lengths of texts in it."""


def build(options: Options) -> Reasoner:
    """Return the reasoner; nothing is sent yet. Raises: OptionError."""
    from vidsum.reasoner.model import ModelReasoner

    where = endpoint(options.api_for("reason"))
    tally = Tally()

    def open_backend(enough_tokens: int) -> ChatBackend:
        from vidsum.backends import openai

        return openai.build(options, "reason", tally=tally)

    known = where.provider_name == "openai"
    return ModelReasoner(
        "remote",
        open_backend,
        options,
        where=f"at {where.name}",
        tally=tally,
        assumed_context_tokens=_OPENAI_CONTEXT_TOKENS if known else _USUAL_CONTEXT_TOKENS,
        bounded=where.provider_name not in _PLAIN_STRICT,
    )


def ready(options: Options) -> Readiness:
    """Return whether a remote model could be asked; asks nobody. Raises: OptionError."""
    from vidsum.backends import served

    return served.ready(options, "reason")


def forecast(options: Options, need: Need) -> Forecast:
    """Return what a need would use; asks nobody. Raises: OptionError."""
    from vidsum.reasoner import forecasting

    return forecasting.remote(options, need)
