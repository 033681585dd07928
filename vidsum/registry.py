"""Which backends there are: a name to a class that is imported only when it is used."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vidsum.errors import BackendMissing

TIERS = ("lite", "local", "api")


@dataclass(frozen=True, slots=True)
class Backend:
    """Where a backend's class is, in which tier it serves, and which extra it needs."""

    target: str
    tier: str = "lite"
    extra: str | None = None


STAGES: Mapping[str, Mapping[str, Backend]] = {
    "transcriber": {
        "subtitles": Backend("vidsum.transcribers.subtitles:SubtitleTranscriber"),
        "none": Backend("vidsum.transcribers.silent:SpeechMeter"),
    },
    "reader": {"rapidocr": Backend("vidsum.ocr.rapid:RapidReader")},
    "captioner": {"builtin": Backend("vidsum.captioners.builtin:BuiltinCaptioner")},
    "reasoner": {"extractive": Backend("vidsum.reasoner.extractive:ExtractiveReasoner")},
}


def load(stage: str, name: str) -> Any:
    """Return a new backend of a stage. Raises: BackendMissing."""
    backends = STAGES[stage]
    if name not in backends:
        raise BackendMissing(f"There is no {stage} called {name}.",
                             f"Known: {', '.join(backends)}.")  # fmt: skip
    module_name, _, class_name = backends[name].target.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ImportError as exc:
        extra = backends[name].extra
        hint = f"Install it: pip install 'vidsum[{extra}]'" if extra else "Reinstall vidsum."
        raise BackendMissing(f"The {stage} {name} cannot be loaded: {exc}.", hint) from exc
    return getattr(module, class_name)()


def candidates(stage: str, tier: str) -> tuple[str, ...]:
    """Return the backends that may be asked in a tier, in the order to ask them in.

    Those of the lite tier serve in every tier, and stand where the table has them: subtitles
    cost nothing and beat every recogniser, so they come before it.
    """
    return tuple(name for name, b in STAGES[stage].items() if b.tier in ("lite", tier))


def choose(stage: str, tier: str) -> str:
    """Return the name of the backend that serves a stage in a tier.

    ``auto`` takes the best that is there. Raises: BackendMissing when the tier has none.
    """
    wanted = "lite" if tier == "auto" else tier
    for name, backend in STAGES[stage].items():
        if backend.tier == wanted:
            return name
    raise BackendMissing(f"This version of vidsum has no {stage} for --tier {tier} yet.",
                         "Use --tier lite, which needs no model.")  # fmt: skip
