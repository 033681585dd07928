"""Whether files have the form of a model: GGUF, or a folder in CTranslate2 form."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from vidsum.catalog.entry import Task
from vidsum.errors import BackendMissing
from vidsum.wording import shown

_GGUF_MAGIC: Final = b"GGUF"
_WHISPER_FILES: Final = ("model.bin", "config.json")


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


def check_form(task: Task, path: Path) -> None:
    """Refuse what is no model for a task. Raises: BackendMissing."""
    if task == "speech":
        if not is_whisper_folder(path):
            raise BackendMissing(f"{shown(path)} is no speech model in CTranslate2 form.",
                                 f"Name a folder with {' and '.join(_WHISPER_FILES)}.")  # fmt: skip
    elif not is_gguf(path):
        raise BackendMissing(f"{shown(path)} is no GGUF file, or its download is not finished.",
                             "Name a .gguf file.")  # fmt: skip


def encoder_beside(model: Path) -> Path:
    """Return the picture encoder in a model's folder. Raises: BackendMissing unless it is one."""
    try:
        found = [path for path in sorted(model.parent.iterdir())
                 if "mmproj" in path.name.lower() and path != model and is_gguf(path)]  # fmt: skip
    except OSError:
        found = []
    if len(found) == 1:
        return found[0]
    seen = "none" if not found else f"{len(found)} of them"
    raise BackendMissing(
        f"{shown(model)} needs its picture encoder (mmproj); beside it there is {seen}.",
        "Name it with --mmproj FILE.",
    )
