"""What makes the evidence of two runs the same: a key of all that may change it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from vidsum import prompts
from vidsum.backends.providers import RemoteTask, endpoint
from vidsum.backends.retrying import Retrying
from vidsum.catalog.entry import LocalModel
from vidsum.catalog.forms import parts_of
from vidsum.catalog.locate import find
from vidsum.config import Options
from vidsum.data import MediaInfo
from vidsum.media.identity import sha256_of
from vidsum.media.subtitles import find_sidecars
from vidsum.pipeline.choosing import Engines

FORM: Final = 1
"""Counts up whenever vidsum looks or listens in another way: what was kept before is then too old.
That the form of the evidence itself has changed is noticed by itself."""
CHANGES: Final = frozenset((
    "interval_s", "tolerance_s", "language", "start_s", "end_s", "audio_track", "tiles",
    "word_times",
))  # fmt: skip
"""Options that change what is found."""
THROUGH_ENGINES: Final = frozenset((
    "tier", "ocr", "transcriber", "captioner", "caption_model", "mmproj", "speech_model", "api",
    "caption_api", "speech_api", "prompts_dir",
))  # fmt: skip
"""Options that decide who looks and listens, and what is asked of them: that itself is in the key,
so that a name and a path of the same model are the same."""
NEVER: Final = frozenset((
    "format", "timeline", "reasoner", "reason_model", "reason_context_tokens", "reason_api",
    "length", "style", "context", "max_evidence_tokens", "second_look", "cache", "threads",
    "gpu_layers", "api_requests", "api_timeout_s", "max_usd", "max_cu", "max_seconds",
    "allow_unpriced", "max_usd_per_day", "max_cu_per_day", "watts_per_core", "generator",
    "image_model", "image_encoder", "image_decoder", "image_api", "image_timeout_s", "image_steps",
    "image_side_px", "upscaler", "scenes", "variations", "ref",
))  # fmt: skip
"""Options that do not: what comes of the evidence, how fast it is gathered, pictures that are made,
and caps, for evidence from which a cap took anything is not kept."""
_ONCE: Final = Retrying(attempts=1, first_attempts=1)
_LIBRARIES: Final[Mapping[str, tuple[str, ...]]] = {
    "local": ("llama-cpp-python",), "whisper": ("faster-whisper", "ctranslate2"),
    "rapidocr": ("rapidocr",),
}  # fmt: skip
"""What computes in this process: another version of it may see and hear something else."""
_END_BYTES: Final = 65_536


def evidence_key(video_sha256: str, info: MediaInfo, engines: Engines, options: Options) -> str:
    """Return the key of the evidence that a run would gather of a video, in hex.

    Where the file is and what it is called is not in it. Raises: VidsumError where a model or a
    prompt is missing, or an endpoint does not say which model it serves.
    """
    heard = [choice.name for choice in engines.transcribers]
    captioner = engines.captioner.name
    told = {
        "form": FORM,
        "video": video_sha256,
        "options": {name: getattr(options, name) for name in sorted(CHANGES)},
        "transcribers": [[name, model_identity("speech", name, options)] for name in heard],
        "reader": engines.reader and [engines.reader.name, libraries(engines.reader.name)],
        "captioner": [captioner, model_identity("caption", captioner, options)],
        "prompt": None if captioner == "builtin" else _prompt(options),
        "subtitles": list(_sidecars(info.path)) if "subtitles" in heard else [],
    }
    return hashed(told)


def model_identity(task: RemoteTask, engine: str, options: Options) -> list[Any]:
    """Return what tells the model of an engine from any other; empty for one without a model.

    A local one is known by the names, sizes, times and ends of its files, which are too large to be
    hashed whole for each run, and by the library that computes with it. A remote one is known by
    its address and name; what is served under that name may change, and nobody can tell.
    Raises: VidsumError.
    """
    if engine in ("local", "whisper"):
        mmproj = options.mmproj if task == "caption" else None
        files = _files(find(task, getattr(options, f"{task}_model"), mmproj))
        return [*libraries(engine), *map(_file, files)]
    if engine == "remote":
        name = getattr(options, f"{task}_model") or _served(task, options)
        return [endpoint(options.api_for(task)).base_url, name]
    return []


def hashed(told: object) -> str:
    """Return the SHA-256 of something that JSON can hold, in hex."""
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _files(model: LocalModel) -> list[Path]:
    if model.task == "speech":
        return sorted(path for path in model.model.iterdir() if path.is_file())
    encoder = [] if model.mmproj is None else [model.mmproj]
    return [*parts_of(model.model), *encoder]


def _file(path: Path) -> list[Any]:
    """Return a file's name, size, time and the hash of its ends; None for what cannot be found out.

    Some ways to install give all files one time, and two trainings of a network have one size: the
    last weights tell them apart.
    """
    try:
        found = path.stat()
        with path.open("rb") as file:
            ends = hashlib.sha256(file.read(_END_BYTES))
            file.seek(max(0, found.st_size - _END_BYTES))
            ends.update(file.read(_END_BYTES))
    except OSError:
        return [path.name, None, None, None]
    return [path.name, found.st_size, found.st_mtime_ns, ends.hexdigest()]


def libraries(engine: str) -> list[str | None]:
    """Return the versions of what an engine computes with; None for what is not installed."""
    return [_version(name) for name in _LIBRARIES.get(engine, ())]


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None


def _served(task: RemoteTask, options: Options) -> str:
    """Return the one model that an endpoint serves; asks it. Raises: VidsumError."""
    from vidsum.backends.served import connect, only_model

    connection = connect(options, task, retrying=_ONCE)
    try:
        return only_model(connection).name
    finally:
        connection.close()


def _prompt(options: Options) -> str | None:
    """Return the hash of the prompt for captions. Raises: OptionError."""
    return sha256_of(prompts.find("caption", options.prompts_dir))


def _sidecars(video: Path) -> Iterator[list[str | None]]:
    """Yield the subtitle files beside a video: what follows its own name, and their hash."""
    for path in find_sidecars(video):
        yield [path.name[len(video.stem) :], sha256_of(path)]
