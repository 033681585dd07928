"""Whether files have the form of a model: GGUF, or a folder in CTranslate2 form."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from vidsum.catalog.entry import Task
from vidsum.errors import BackendMissing
from vidsum.wording import escaped, shown

_GGUF_MAGIC: Final = b"GGUF"
_WHISPER_FILES: Final = ("model.bin", "config.json")
_PART: Final = re.compile(r"(.+)-\d{5}-of-(\d{5})\.gguf", re.DOTALL)
"""Source: llama.cpp, ``llama_split_path``; it opens the first and finds the others itself."""
_MOST_PARTS: Final = 1000


def is_gguf(path: Path) -> bool:
    """Return whether a file begins as a GGUF file does."""
    try:
        with path.open("rb") as file:
            return file.read(len(_GGUF_MAGIC)) == _GGUF_MAGIC
    except OSError:
        return False


def is_whisper_folder(path: Path) -> bool:
    """Return whether a folder holds a recogniser in CTranslate2 form."""
    try:
        return all((path / name).stat().st_size > 0 for name in _WHISPER_FILES)
    except OSError:
        return False


def parts_of(path: Path) -> list[Path]:
    """Return the files of the model that a GGUF file belongs to; most are one."""
    found = _PART.fullmatch(path.name)
    if found is None or not 0 < int(found[2]) <= _MOST_PARTS:
        return [path]
    return [path.with_name(f"{found[1]}-{number:05}-of-{found[2]}.gguf")
            for number in range(1, int(found[2]) + 1)]  # fmt: skip


def check_form(task: Task, path: Path) -> None:
    """Refuse what is no model for a task. Raises: BackendMissing."""
    if task == "speech":
        if not is_whisper_folder(path):
            raise BackendMissing(f"{shown(path)} is no speech model in CTranslate2 form.",
                                 f"Name a folder with {' and '.join(_WHISPER_FILES)}.")  # fmt: skip
        return
    for part in parts_of(path):
        if not is_gguf(part):
            raise BackendMissing(f"{shown(part)} is no GGUF file, or its download is not finished.",
                                 "Name a .gguf file." if part == path else
                                 "It is a part of the model.")  # fmt: skip


def encoder_beside(model: Path) -> Path:
    """Return the picture encoder in a model's folder. Raises: BackendMissing unless it is one."""
    try:
        found = [path for path in sorted(model.parent.iterdir())
                 if "mmproj" in path.name.lower() and path != model and is_gguf(path)]  # fmt: skip
    except OSError:
        found = []
    if len(found) == 1:
        return found[0]
    names = ", ".join(escaped(path.name) for path in found[:4])
    seen = "is none" if not found else f"are {len(found)}: {names}"
    raise BackendMissing(
        f"{shown(model)} needs its picture encoder (mmproj); beside it there {seen}.",
        "Name it with --mmproj FILE.",
    )
