"""Models that Ollama and LM Studio have on this machine. They are taken only when asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from vidsum.catalog.entry import LocalModel, Task
from vidsum.catalog.forms import check_form, encoder_beside, parts_of
from vidsum.catalog.places import lmstudio_folders, ollama_folders
from vidsum.errors import BackendMissing
from vidsum.wording import escaped

_REGISTRY: Final = "registry.ollama.ai"
_PART: Final = re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII)
_MODEL_LAYER: Final = "application/vnd.ollama.image.model"
_ENCODER_LAYER: Final = "application/vnd.ollama.image.projector"
_DIGEST: Final = re.compile(r"sha256:([0-9a-f]{64})")


def in_ollama(task: Task, name: str) -> LocalModel:
    """Return a model of Ollama's: ``NAME``, ``NAME:TAG`` or ``hf.co/ORG/NAME:TAG``.

    Raises: BackendMissing.
    """
    asked = f"ollama:{escaped(name)}"
    for folder in ollama_folders():
        layers = _layers(folder, name)
        if layers is None:
            continue
        model = _blob(folder, layers.get(_MODEL_LAYER))
        encoder = _blob(folder, layers.get(_ENCODER_LAYER))
        if model is None or (task == "caption" and encoder is None):
            what = "whole" if model is None else "a model that sees: it has no picture encoder"
            raise BackendMissing(f"{asked} is not {what}.", f"Try: ollama pull {escaped(name)}")
        check_form(task, model)
        return LocalModel(asked, task, model, encoder if task == "caption" else None, "Ollama")
    raise BackendMissing(f"Ollama has no model {escaped(name)} here.", "See: ollama list")


def _layers(folder: Path, name: str) -> dict[str, dict[str, Any]] | None:
    """Return what a manifest lists, by media type; None where there is no such manifest."""
    bare, _, tag = name.partition(":")
    parts = bare.split("/")
    if not all(_PART.fullmatch(part) for part in (*parts, tag or "latest")) or len(parts) > 3:
        return None
    full = [*[_REGISTRY, "library"][: 3 - len(parts)], *parts]
    try:
        found = json.loads(folder.joinpath("manifests", *full, tag or "latest").read_text("utf-8"))
        return {layer["mediaType"]: layer for layer in found["layers"]}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _blob(folder: Path, layer: dict[str, Any] | None) -> Path | None:
    """Return a layer's file if it is whole."""
    digest = _DIGEST.fullmatch(str((layer or {}).get("digest")))
    if layer is None or digest is None:
        return None
    path = folder / "blobs" / f"sha256-{digest[1]}"
    try:
        return path if path.stat().st_size == layer.get("size") else None
    except OSError:
        return None


def in_lmstudio(task: Task, name: str) -> LocalModel:
    """Return a model of LM Studio's: its file's or folder's name, or the path below its folder.

    Raises: BackendMissing, also when several models match.
    """
    asked = f"lmstudio:{escaped(name)}"
    matching = (path for folder in lmstudio_folders() for path in _matching(folder, name))
    # The older folder may be a link to the newer one.
    firsts = (parts_of(path)[0] for path in matching)
    seen: dict[Path, Path] = {}
    for first in firsts:
        seen.setdefault(first.resolve(), first)
    found = list(seen.values())
    if len(found) != 1:
        names = ", ".join(escaped(path.name) for path in found[:4])
        raise BackendMissing(
            f"LM Studio has {'several models that match' if found else 'no model'} "
            f"{escaped(name)}{f': {names}' if found else ' here'}.",
            "Name one file: lmstudio:PUBLISHER/MODEL/FILE.gguf",
        )
    check_form(task, found[0])
    encoder = encoder_beside(found[0]) if task == "caption" else None
    return LocalModel(asked, task, found[0], encoder, "LM Studio")


def _matching(folder: Path, name: str) -> Iterator[Path]:
    for path in sorted(folder.glob("*/*/*.gguf")):
        below = path.relative_to(folder)
        names = {below.as_posix(), below.parent.as_posix(), below.parent.name, path.name, path.stem}
        if name in names and "mmproj" not in path.name.lower():
            yield path
