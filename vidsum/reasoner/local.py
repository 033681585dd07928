"""The reasoner with a GGUF model on this machine, through llama.cpp."""

from __future__ import annotations

from importlib.util import find_spec

from vidsum.backends.llama_model import INSTALL_HINT, require_llama
from vidsum.backends.protocol import ChatBackend
from vidsum.catalog.locate import find
from vidsum.config import Options
from vidsum.costs.tally import Tally
from vidsum.data import Forecast, Need
from vidsum.errors import BackendMissing
from vidsum.reasoner.protocol import Reasoner
from vidsum.registry import Readiness

MOST_CONTEXT_TOKENS = 16_384
"""For a model that the catalogue does not know: an hour of talk, and its cache takes 0.5 to 2.5 GB
where the model has 1.5 to 4 billion weights."""


def build(options: Options) -> Reasoner:
    """Return the reasoner; the model is loaded when a summary is asked for.

    Raises: BackendMissing when llama.cpp or the model is not there.
    """
    from vidsum.reasoner.model import ModelReasoner

    require_llama()
    found = find("reason", options.reason_model)
    known = found.entry.context_tokens if found.entry else None
    tally = Tally()

    def open_backend(enough_tokens: int) -> ChatBackend:
        from vidsum.backends.llama import LlamaChat

        most = known or MOST_CONTEXT_TOKENS
        return LlamaChat(
            found.model,
            found.name,
            threads=options.threads,
            gpu_layers=options.gpu_layers,
            context_tokens=options.reason_context_tokens or min(most, enough_tokens),
            tally=tally,
        )

    return ModelReasoner("local", open_backend, options, where="on this machine", tally=tally)


def ready(options: Options) -> Readiness:
    """Return whether a model could be run here; loads nothing."""
    if find_spec("llama_cpp") is None:
        return Readiness(False, "llama-cpp-python is not installed", INSTALL_HINT)
    try:
        found = find("reason", options.reason_model)
    except BackendMissing as exc:
        return Readiness(False, exc.message.rstrip("."), exc.hint)
    return Readiness(True, found.name)


def forecast(options: Options, need: Need) -> Forecast:
    """Return what a need would use; loads nothing. Raises: BackendMissing, OptionError."""
    from vidsum.reasoner import forecasting

    return forecasting.local(options, need)
