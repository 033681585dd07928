"""Where models lie on this machine: the hub's cache, Ollama's and LM Studio's folders."""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType
from typing import Final
from urllib.parse import urlsplit

from vidsum.errors import OptionError

_HUB_SWITCHES: Final = {
    "HF_HUB_DISABLE_TELEMETRY": "1",  # else it names this machine's software, and asks for a list
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",  # progress is ours to draw
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",
    "HF_HUB_DISABLE_XET": "1",  # its transfers take a way of their own, past our checks
}


def _hub_constants() -> ModuleType:
    # The library reads its switches once, when this module is imported first.
    os.environ.update(_HUB_SWITCHES)
    try:
        from huggingface_hub import constants
    except ValueError as exc:
        raise OptionError(f"A setting of the model hub's library is wrong: {exc}.",
                          "Look at the variables that begin with HF_.") from exc  # fmt: skip
    return constants


def hub_cache() -> Path:
    """Return the hub's cache, shared by all programs; HF_HOME and HF_HUB_CACHE move it."""
    return Path(_hub_constants().HF_HUB_CACHE)


def hub_address() -> str:
    """Return the address that models come from; HF_ENDPOINT names a mirror."""
    return str(_hub_constants().ENDPOINT)


def check_hub_address() -> None:
    """Find out before the hub library does: it prints on stdout. Raises: OptionError."""
    try:
        parts = urlsplit(hub_address())
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        good = None
    if not good:
        raise OptionError("HF_ENDPOINT is no address of a model hub.",
                          "It begins with https://.")  # fmt: skip


def hub_is_offline() -> bool:
    """Return whether HF_HUB_OFFLINE forbids downloads."""
    return bool(_hub_constants().HF_HUB_OFFLINE)


def ollama_folders() -> tuple[Path, ...]:
    """Return the folders in which Ollama keeps models, the user's own first."""
    given = os.environ.get("OLLAMA_MODELS")
    usual = (Path.home() / ".ollama/models", Path("/usr/share/ollama/.ollama/models"))
    return (Path(given).expanduser(),) if given else usual


def lmstudio_folders() -> tuple[Path, ...]:
    """Return the folders in which LM Studio keeps models, the newer first."""
    return (Path.home() / ".lmstudio/models", Path.home() / ".cache/lm-studio/models")
