"""What this machine offers, and what each stage would use: nothing is loaded, nothing contacted."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from vidsum import registry, tokens
from vidsum.backends.machine import usable_cores
from vidsum.catalog.machine import total_memory_bytes
from vidsum.config import Options
from vidsum.home import state_folder
from vidsum.pipeline.choosing import WORDS, Choice, pick, sources
from vidsum.wording import path_text

_LIBRARIES = ("av", "rapidocr", "faster-whisper", "ctranslate2", "llama-cpp-python", "openai",
              "huggingface-hub", "stable-diffusion-cpp-python")  # fmt: skip
_OPTIONAL = {"generator": ("generator", "image_model", "image_api")}
"""Stages that no run needs, each with the options that ask for it all the same."""


@dataclass(frozen=True, slots=True)
class StageReport:
    """One stage: what it would use, whether that can work, and every engine that there is.

    ``better`` are engines that would be preferred, were they ready. ``optional``: no run needs it,
    and no option asks for it.
    """

    stage: str
    words: str
    used: tuple[Choice, ...]
    ready: bool
    better: tuple[Choice, ...]
    engines: tuple[Choice, ...]
    optional: bool = False


def stages(options: Options) -> tuple[StageReport, ...]:
    """Return what each stage would use with these options. Raises: OptionError."""
    return tuple(_stage(stage, options) for stage in registry.STAGES)


def _stage(stage: str, options: Options) -> StageReport:
    found = pick(stage, options)
    used = sources(found.choice, options) if stage == "transcriber" else (found.choice,)
    if stage == "reader" and not options.ocr:
        used = ()
    engines = tuple(
        Choice(stage, name, registry.readiness(stage, name, options))
        for name in registry.STAGES[stage]
    )
    asked = any(getattr(options, name) is not None for name in _OPTIONAL.get(stage, ()))
    return StageReport(
        stage, WORDS[stage], used, found.choice.readiness.ready, found.better, engines,
        stage in _OPTIONAL and not asked,
    )  # fmt: skip


def machine() -> dict[str, object]:
    """Return what there is on this machine, as plain values; what is unknown is None."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": usable_cores(),
        "memory_bytes": total_memory_bytes(),
        "libraries": {name: _version(name) for name in _LIBRARIES},
        "state_folder": path_text(state_folder()),
        "tokens_counted_by": "tiktoken" if tokens.cached_table().exists() else None,
        "executable": path_text(sys.executable),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
