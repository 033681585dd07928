"""What a catalogue knows of a model, and what was found of it on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Task = Literal["caption", "speech", "reason"]
"""What a model is for: the option that names one is ``--caption-model``, ``--speech-model`` or
``--reason-model``."""
TASKS: tuple[Task, ...] = ("caption", "speech", "reason")
SizeClass = Literal["tiny", "small", "good"]
SIZE_CLASSES: tuple[SizeClass, ...] = ("tiny", "small", "good")
FileRole = Literal["model", "mmproj", "part"]
"""``part`` is any further file that the model needs (a tokenizer, a configuration)."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file in a hub repository. ``sha256`` None: nobody could verify it from here."""

    name: str
    role: FileRole
    size_bytes: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One model of the catalogue.

    ``revision`` is a commit of the repository, None where it could not be verified: then it is
    pinned at the first pull. ``memory_bytes`` is what it takes to run it, files and caches
    together, with ``context_tokens`` of context; the model itself may take more of them. Models
    for speech have no context.
    """

    name: str
    task: Task
    size_class: SizeClass
    repo: str
    revision: str | None
    files: tuple[ModelFile, ...]
    licence: str
    memory_bytes: int
    context_tokens: int | None = None
    note: str = ""

    @property
    def size_bytes(self) -> int | None:
        """What a pull downloads; None unless every file's size is known."""
        sizes = [file.size_bytes for file in self.files]
        return None if None in sizes else sum(size for size in sizes if size is not None)

    @property
    def pinned(self) -> bool:
        """Whether the catalogue itself says exactly which bytes it means."""
        return self.revision is not None and all(file.sha256 for file in self.files)

    def file_of(self, role: FileRole) -> ModelFile | None:
        """Return the file with a role, None where the model has none."""
        return next((file for file in self.files if file.role == role), None)


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model that is on this machine.

    ``model`` is a GGUF file or, for speech, a folder in CTranslate2 form. ``origin`` says where
    it was found: a path given by the user, vidsum's own downloads, the hub cache, Ollama …
    ``entry`` is None for files that are not in the catalogue.
    """

    name: str
    task: Task
    model: Path
    mmproj: Path | None = None
    origin: str = "path"
    entry: ModelEntry | None = None
