"""Which backends there are: a name to a module that is imported only when it is asked for.

A backend's module has ``build(options)``, which returns the backend, and may have
``ready(options)``, which says without loading anything heavy whether it could work here, and
``forecast(options, need)``, which says what models it would use for some work.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

from vidsum.errors import BackendMissing

if TYPE_CHECKING:
    from vidsum.config import Options
    from vidsum.data import Forecast, Need

TIERS = ("lite", "local", "api")
Work = Literal["light", "cores", "gpu", "network"]
"""What a backend is busy with: next to nothing, this machine's cores, its GPU, or waiting."""


@dataclass(frozen=True, slots=True)
class Backend:
    """Where a backend's ``build`` is, in which tier it serves, and which extra it needs."""

    module: str
    tier: str = "lite"
    extra: str | None = None


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a backend could work on this machine, with these options.

    ``what`` says in a few words what would work (the model, where it runs) or what is missing;
    ``hint`` is the command or step that would make it ready, or better. Neither ends in a stop.
    """

    ready: bool
    what: str = ""
    hint: str = ""


STAGES: Mapping[str, Mapping[str, Backend]] = {
    "transcriber": {
        "subtitles": Backend("vidsum.transcribers.subtitles"),
        "whisper": Backend("vidsum.transcribers.whisper", "local"),
        "remote": Backend("vidsum.transcribers.remote", "api"),
        "none": Backend("vidsum.transcribers.silent"),
    },
    "reader": {"rapidocr": Backend("vidsum.ocr.rapid")},
    "captioner": {
        "local": Backend("vidsum.captioners.local", "local", "local"),
        "remote": Backend("vidsum.captioners.remote", "api"),
        "builtin": Backend("vidsum.captioners.builtin"),
    },
    "reasoner": {
        "local": Backend("vidsum.reasoner.local", "local", "local"),
        "remote": Backend("vidsum.reasoner.remote", "api"),
        "extractive": Backend("vidsum.reasoner.extractive"),
    },
    "generator": {
        "local": Backend("vidsum.broll.engines.local", "local", "broll"),
        "remote": Backend("vidsum.broll.engines.remote", "api"),
        "none": Backend("vidsum.broll.engines.none"),
    },
}
"""In each stage the better backend stands first, but the sources of words: there the cheapest
does, for subtitles cost nothing and beat every recogniser."""


def load(stage: str, name: str, options: Options) -> Any:
    """Return a new backend of a stage; it has not loaded its model yet.

    Raises: BackendMissing when its library or its model is not there.
    """
    return _module(stage, name).build(options)


def readiness(stage: str, name: str, options: Options) -> Readiness:
    """Return whether a backend could work here. Raises: BackendMissing for an unknown name."""
    try:
        check = getattr(_module(stage, name), "ready", None)
        found: Readiness = Readiness(True) if check is None else check(options)
    except (BackendMissing, ImportError) as exc:  # the module's own, or what ready() asks
        if name not in STAGES[stage]:
            raise
        why = f"it cannot be loaded: {exc.__cause__ or exc}"
        found = Readiness(False, why, _install_hint(stage, name))
    return Readiness(found.ready, _as_part(found.what), found.hint.rstrip("."))


def forecast(stage: str, name: str, options: Options, need: Need) -> Forecast | None:
    """Return what a backend would use for a need; None for one that asks no model.

    Loads no model and contacts nobody. Raises: BackendMissing, OptionError.
    """
    known = getattr(_module(stage, name), "forecast", None)
    found: Forecast | None = None if known is None else known(options, need)
    return found


def _as_part(what: str) -> str:
    """Return a sentence of an error as part of another one."""
    what = what.rstrip(".")
    return what[:1].lower() + what[1:] if what.startswith(("There ", "The ", "No ")) else what


def _module(stage: str, name: str) -> ModuleType:
    backends = STAGES[stage]
    if name not in backends:
        raise BackendMissing(f"There is no {stage} called {name}.",
                             f"Known: {', '.join(backends)}.")  # fmt: skip
    try:
        return importlib.import_module(backends[name].module)
    except ImportError as exc:
        raise BackendMissing(f"The {stage} {name} cannot be loaded: {exc}.",
                             _install_hint(stage, name)) from exc  # fmt: skip


def _install_hint(stage: str, name: str) -> str:
    extra = STAGES[stage][name].extra
    if extra:
        return f"Install it: pip install 'vidsum[{extra}]'"
    return "Install vidsum anew: pip install --force-reinstall vidsum"


def of_tier(stage: str, tier: str) -> tuple[str, ...]:
    """Return the names of a stage's backends that serve in one tier, the better first."""
    return tuple(name for name, backend in STAGES[stage].items() if backend.tier == tier)
