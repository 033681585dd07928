"""Which model of which endpoint a run's options mean, found out before anything is asked of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vidsum.backends.bodies import MOST_BYTES
from vidsum.backends.connection import Connection
from vidsum.backends.keys import find_key, key_for, key_hint
from vidsum.backends.providers import Endpoint, RemoteTask, endpoint
from vidsum.backends.refusals import Asked
from vidsum.backends.retrying import Retrying
from vidsum.config import Options
from vidsum.errors import BackendFailed, BackendMissing
from vidsum.registry import Readiness
from vidsum.wording import escaped

_SHOWN = 8
PICTURES_BYTES = 64 * 2**20
"""Of an answer with pictures: ten PNGs of 1536 × 1024 have 42 MB at 2 bytes a pixel, in base64."""


@dataclass(frozen=True, slots=True)
class Served:
    """A model that an endpoint lists. ``context_tokens``: what it takes at once, if it says."""

    name: str
    context_tokens: int | None = None


def connect(
    options: Options,
    task: RemoteTask,
    *,
    retrying: Retrying | None = None,
) -> Connection:
    """Return the connection that the options name for a task; nothing is sent yet.

    Raises: OptionError, BackendMissing.
    """
    where = endpoint(options.api_for(task))
    model: str = getattr(options, f"{task}_model") or ""
    if not model and where.needs_key:
        raise BackendMissing(f"No model at {where.name} was named.", _model_hint(task))
    pictures = task == "image"
    timeout_s = options.image_timeout_s if pictures else options.api_timeout_s
    asked = Asked(where, task, model, key_for(where), timeout_s)
    return Connection(
        asked, connections=options.api_requests, retrying=retrying,
        most_bytes=PICTURES_BYTES if pictures else MOST_BYTES,
    )  # fmt: skip


def ready(options: Options, task: RemoteTask) -> Readiness:
    """Return whether a remote model could be asked; asks nobody. Raises: OptionError."""
    where = endpoint(options.api_for(task))
    model: str = getattr(options, f"{task}_model") or ""
    if not model and where.needs_key:
        return Readiness(False, f"no model at {where.name} was named", _model_hint(task))
    if where.needs_key:
        try:
            found = find_key(where)
        except BackendMissing as exc:
            return Readiness(False, exc.message, key_hint(where))
        if found is None:
            return Readiness(False, f"there is no API key for {where.name}", key_hint(where))
    return Readiness(True, f"{escaped(model) or 'the model served'} at {where.name}")


def only_model(connection: Connection) -> Served:
    """Return the one model that an endpoint serves. Raises: BackendMissing, BackendFailed."""
    asked = connection.asked
    found = _listed(connection)
    if len(found) == 1:
        return found[0]
    if not found:
        raise BackendMissing(f"{asked.endpoint.name} serves no model.", _start(asked.endpoint))
    shown = ", ".join(model.name for model in found[:_SHOWN]) + (
        " …" if len(found) > _SHOWN else ""
    )
    raise BackendMissing(f"{asked.endpoint.name} has {len(found)} models: {escaped(shown)}.",
                         _model_hint(asked.task))  # fmt: skip


def _listed(connection: Connection) -> list[Served]:
    answer = connection.send(lambda client: client.models.with_raw_response.list())
    entries = answer.body.get("data")
    if not isinstance(entries, list):
        return []
    return [
        Served(entry["id"], _context(entry))
        for entry in entries
        if isinstance(entry, Mapping) and isinstance(entry.get("id"), str)
    ]


def context_of(connection: Connection, model: str) -> int | None:
    """Return a model's context as its endpoint lists it; a list that fails tells nothing."""
    try:
        listed = _listed(connection)
    except BackendFailed:
        return None
    return next((found.context_tokens for found in listed if found.name == model), None)


def _context(entry: Mapping[str, Any]) -> int | None:
    """Read vLLM's ``max_model_len`` and the ``context_length`` of OpenRouter and others."""
    for name in ("max_model_len", "context_length"):
        value = entry.get(name)
        if isinstance(value, int) and value > 0:
            return value
    return None


def _model_hint(task: RemoteTask) -> str:
    return f"Name one with --{task}-model."


def _start(where: Endpoint) -> str:
    return f"Load one: {where.provider.start}" if where.provider and where.provider.start else ""
