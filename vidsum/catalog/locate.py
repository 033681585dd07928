"""Where models lie on this machine."""

from __future__ import annotations

from pathlib import Path

from vidsum.catalog.entry import LocalModel, Task
from vidsum.errors import BackendMissing
from vidsum.wording import shown


def find(task: Task, asked: str | None, mmproj: Path | None = None) -> LocalModel:
    """Return the model that was asked for; None asks for the best one that is here.

    ``asked`` is a path, the name of a catalogue entry or a size class. ``mmproj`` is the picture
    encoder that goes with a GGUF file given by path.
    Raises: BackendMissing, which names the command that would get it.
    """
    if asked is None or not Path(asked).exists():
        raise BackendMissing(f"There is no {task} model on this machine.",
                             f"Get one: vidsum models pull {task}")  # fmt: skip
    path = Path(asked).absolute()
    return LocalModel(shown(Path(path.name)), task, path, mmproj)
