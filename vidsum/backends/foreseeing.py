"""What can be known of a model before it is asked anything: nothing is loaded, nobody contacted."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, Literal

from vidsum.backends.providers import RemoteTask, endpoint
from vidsum.config import Options
from vidsum.data import ModelRef

Thinking = Literal["never", "perhaps", "usually"]

_NEVER: Final = re.compile(
    r"(chatgpt-4o|gpt-4o|gpt-4\.1|gpt-4-|gpt-3\.5|whisper"
    r"|llama-?[34]|gemma-?[123]|pixtral|smolvlm|qwen-?2|claude-3-)"
)
"""Families whose makers offer no reasoning with them, or only when it is asked for."""
_USUALLY: Final = re.compile(
    r"(o[134](-|$)|gpt-5|gpt-oss|gemini-(2\.5|3)|qwen-?3|qwq|qvq|deepseek-r|magistral|glm-4\.[5-9])"
)
"""Families that think before they answer unless they are told not to."""

_SAID: Final = re.compile(r"think|reason|nemotron|distill")
"""What tells of thinking in the name of a model that was made from another one."""


def remote_model(options: Options, task: RemoteTask) -> ModelRef:
    """Return the remote model that the options name for a task, as the price tables know it.

    Its name is empty where an endpoint is to be asked which one it serves. Raises: OptionError.
    """
    where = endpoint(options.api_for(task))
    name: str = getattr(options, f"{task}_model") or ""
    return ModelRef(backend="openai", requested=name, base_url=where.base_url,
                    provider=where.provider_name or None, host=where.host)  # fmt: skip


def thinking(model: ModelRef) -> Thinking:
    """Return whether a remote model thinks before it answers, as far as its name tells.

    A name that nobody knows may be anything: it thinks ``perhaps``.
    """
    name = model.requested.lower().rsplit("/", 1)[-1]
    if _USUALLY.match(name) or _SAID.search(name):
        return "usually"
    return "never" if _NEVER.match(name) else "perhaps"


def device_of(gpu_layers: int | None) -> str | None:
    """Return where llama.cpp would run a model, ``cpu`` or ``gpu``; None where it is not there."""
    if gpu_layers == 0:
        return "cpu"
    try:
        from vidsum.backends.machine import layers_on_gpu

        return "gpu" if layers_on_gpu(gpu_layers) else "cpu"
    except ImportError:
        return None


def trained_tokens(path: Path) -> int | None:
    """Return the context that a GGUF model was trained for; None if its file does not say."""
    from vidsum.backends.gguf_shape import _parts_of, _read, _Unreadable

    try:
        contents = _read(_parts_of(path)[:1])
    except (_Unreadable, OSError, ValueError):
        return None
    return contents.whole(f"{contents.text('general.architecture')}.context_length") or None
