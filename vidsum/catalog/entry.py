"""What a catalogue knows of a model, and what was found of it on this machine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

Task = Literal["caption", "speech", "reason", "image"]
"""What a model is for: the option that names one is ``--caption-model``, ``--speech-model``,
``--reason-model`` or ``--image-model``."""
TASKS: tuple[Task, ...] = ("caption", "speech", "reason")
"""What every run has a model do; a class without a task means one for each of these."""
ALL_TASKS: tuple[Task, ...] = (*TASKS, "image")
SizeClass = Literal["tiny", "small", "good"]
SIZE_CLASSES: tuple[SizeClass, ...] = ("tiny", "small", "good")
FileRole = Literal["model", "mmproj", "encoder", "decoder", "part"]
"""``mmproj`` encodes pictures for a model that describes them. One that makes pictures has an
``encoder`` for text and a ``decoder``, its autoencoder. ``part`` is any further file that a model
needs (a tokenizer, a configuration)."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file in a hub repository. ``sha256`` None: nobody could verify it from here.

    ``repo`` and ``revision`` are those of its entry, unless they are given: a model may be put
    together from several repositories.
    """

    name: str
    role: FileRole
    size_bytes: int | None = None
    sha256: str | None = None
    repo: str | None = None
    revision: str | None = None


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One model of the catalogue.

    ``revision`` is a commit of the repository, None where it could not be verified: then it is
    pinned at the first pull. ``memory_bytes`` is what it takes to run it, files and caches
    together, with ``context_tokens`` of context; the model itself may take more of them. Models
    for speech and for pictures have no context. ``steps`` and ``guidance`` are what a model for
    pictures wants; None where nobody said.
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
    steps: int | None = None
    guidance: float | None = None

    @property
    def size_bytes(self) -> int | None:
        """What a pull downloads; None unless every file's size is known."""
        sizes = [file.size_bytes for file in self.files]
        return None if None in sizes else sum(size for size in sizes if size is not None)

    @property
    def pinned(self) -> bool:
        """Whether the catalogue itself says exactly which bytes it means."""
        return all(part.revision is not None for part in self.parts) and all(
            file.sha256 for file in self.files
        )

    @property
    def parts(self) -> tuple[ModelEntry, ...]:
        """The entry once for each repository that its files lie in, with those files alone.

        The entry's own repository comes first; most entries have no other.
        """
        places = dict.fromkeys((self.repo, *(file.repo or self.repo for file in self.files)))
        if len(places) == 1:
            return (self,)
        return tuple(self._in(repo) for repo in places)

    def _in(self, repo: str) -> ModelEntry:
        files = tuple(file for file in self.files if (file.repo or self.repo) == repo)
        revision = self.revision if repo == self.repo else files[0].revision
        return replace(self, repo=repo, revision=revision, files=files)

    def file_of(self, role: FileRole) -> ModelFile | None:
        """Return the file with a role, None where the model has none."""
        return next((file for file in self.files if file.role == role), None)


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model that is on this machine.

    ``model`` is a GGUF file or, for speech, a folder in CTranslate2 form; for pictures it may be a
    safetensors file, with ``encoder`` and ``decoder``. ``origin`` says where it was found: a path
    given by the user, vidsum's own downloads, the hub cache, Ollama … ``entry`` is None for files
    that are not in the catalogue.
    """

    name: str
    task: Task
    model: Path
    mmproj: Path | None = None
    origin: str = "path"
    entry: ModelEntry | None = None
    encoder: Path | None = None
    decoder: Path | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """What it consists of: the model, then what goes with it."""
        every = (self.model, self.mmproj, self.encoder, self.decoder)
        return tuple(path for path in every if path is not None)
