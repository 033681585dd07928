"""Which models are on this machine, and which of them is meant. Nothing is hashed or loaded."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterator
from pathlib import Path

from vidsum.catalog import cache, trust
from vidsum.catalog.catalogue import best_first, catalogue, named, of_class, to_pull, unknown
from vidsum.catalog.entry import (
    SIZE_CLASSES,
    FileRole,
    LocalModel,
    ModelEntry,
    SizeClass,
    Task,
)
from vidsum.catalog.forms import (
    check_form,
    encoder_beside,
    is_gguf,
    is_whisper_folder,
    parts_of,
)
from vidsum.catalog.machine import fits, total_memory_bytes
from vidsum.catalog.neighbours import in_lmstudio, in_ollama
from vidsum.errors import BackendFailed, BackendMissing, OptionError
from vidsum.wording import escaped, shown

Place = tuple[ModelEntry, str]
"""What an entry has in one repository, and the commit at which it is here."""


def find(task: Task, asked: str | None, mmproj: Path | None = None) -> LocalModel:
    """Return the model that was asked for; None asks for the best one that is here and fits.

    ``asked`` is the name of a catalogue entry, a size class, the path of a GGUF file or of a
    folder in CTranslate2 form, ``ollama:NAME[:TAG]`` or ``lmstudio:NAME``. ``mmproj`` is the
    picture encoder that goes with the model; without it the one beside the file is taken.
    A name or class of the catalogue comes before a file that is called so: ``./small`` is a file.
    Raises: BackendMissing, which names the command that would get it, also for a damaged record
    of what was pulled; OptionError for a broken catalog.toml, or an encoder without a model.
    """
    try:
        return _found(task, asked, mmproj)
    except BackendFailed as exc:  # the record: no model is to be trusted then
        raise BackendMissing(exc.message, exc.hint) from exc


def _found(task: Task, asked: str | None, mmproj: Path | None) -> LocalModel:
    if asked is None:
        if mmproj is not None:
            raise OptionError("--mmproj goes with a model: name it with --caption-model.")
        return _best(task)
    if asked in SIZE_CLASSES:
        return _with_encoder(_of_class(asked, task), mmproj)
    if any(entry.name == asked for entry in catalogue()):
        return _with_encoder(_named(task, asked), mmproj)
    place, _, rest = asked.partition(":")
    if place == "ollama" and rest:
        return _with_encoder(in_ollama(task, rest), mmproj)
    if place == "lmstudio" and rest:
        return _with_encoder(in_lmstudio(task, rest), mmproj)
    if is_path(asked):
        return _at(task, Path(asked), mmproj)
    raise unknown(asked)


def is_path(asked: str) -> bool:
    """Return whether what was asked for is meant as a path, if it is no name of the catalogue."""
    return os.sep in asked or asked.endswith((".gguf", ".safetensors")) or _exists(Path(asked))


def _exists(path: Path) -> bool:
    """Return whether there is a file or folder; one that cannot be looked at is none."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def present(task: Task) -> tuple[LocalModel, ...]:
    """Return a task's catalogue models that are here: good, then small, then tiny."""
    return tuple(model for entry in best_first(task) if (model := here(entry)) is not None)


def here(entry: ModelEntry) -> LocalModel | None:
    """Return an entry's model if it is here and whole, else None."""
    found = parts_here(entry)
    if found is None:
        return None
    paths: dict[FileRole, Path] = {}
    for part, commit in found:
        folder = cache.snapshot(part.repo, commit)
        paths |= {file.role: folder / file.name for file in part.files if file.role != "part"}
    model = paths.get("model")
    if model is None:
        return None
    return LocalModel(
        entry.name, entry.task, model.parent if entry.task == "speech" else model,
        paths.get("mmproj"), "pulled" if all(map(_was_pulled, found)) else "hub cache", entry,
        paths.get("encoder"), paths.get("decoder"),
    )  # fmt: skip


def parts_here(entry: ModelEntry) -> tuple[Place, ...] | None:
    """Return the parts of an entry, each with the commit at which its files are all here and
    whole; None unless every part is.

    What was pulled counts for more than what the catalogue says, and where neither names a
    commit, any that another program downloaded will do.
    """
    found = []
    for part in entry.parts:
        known = trust.known(part)
        commit = next((at for at in _eligible(part, known) if _whole(part, at, known)), None)
        if commit is None:
            return None
        found.append((part, commit))
    return tuple(found)


def _was_pulled(place: Place) -> bool:
    part, commit = place
    known = trust.known(part)
    return known is not None and known.commit == commit


def was_pulled_but_is_not_whole(entry: ModelEntry) -> bool:
    """Return whether a model that vidsum pulled is here in part, or damaged."""
    pulled = all(trust.known(part) is not None for part in entry.parts)
    if not pulled or parts_here(entry) is not None:
        return False
    return cache.holds(entry, needed_by_others([entry]))  # those tell nothing of this one


def needed_by_others(removed: Collection[ModelEntry]) -> frozenset[tuple[str, str]]:
    """Return the files, by repository and name, that other models that are here need."""
    names = {entry.name for entry in removed}
    return frozenset(
        (part.repo, file.name)
        for entry in catalogue() if entry.name not in names
        for part, _ in parts_here(entry) or () for file in part.files
    )  # fmt: skip


def _eligible(entry: ModelEntry, known: trust.Pulled | None) -> Iterator[str]:
    if known is not None:
        yield known.commit
    if entry.revision is not None:
        yield entry.revision
    elif known is None:
        yield from cache.commits(entry.repo)


def _whole(entry: ModelEntry, commit: str, known: trust.Pulled | None) -> bool:
    """Return whether all files of a commit are here, of the right size and form.

    A catalogued size counts only where the bytes are pinned with it; the hub's cache shows no
    file that is not whole, unless something damaged it.
    """
    folder = cache.snapshot(entry.repo, commit)
    for file in entry.files:
        path = folder / file.name
        pulled = known.file(file) if known is not None and known.commit == commit else None
        size = pulled.size_bytes if pulled else file.size_bytes if file.sha256 else None
        try:
            real = path.stat().st_size
        except OSError:
            return False
        if real == 0 or (size is not None and real != size):
            return False
        if path.suffix == ".gguf" and not is_gguf(path):
            return False
    return True


def _best(task: Task) -> LocalModel:
    found = present(task)
    fitting = [model for model in found if model.entry is not None and fits(model.entry)]
    if fitting:
        return fitting[0]
    if found:
        raise BackendMissing(
            f"The {task} models that are here need more memory than this machine has "
            f"({total_memory_bytes() / 1e9:.1f} GB).",
            f"Get a smaller one: vidsum models pull tiny --for {task}; or ask for "
            f"--{task}-model {found[-1].name} by name.",
        )
    for entry in best_first(task):
        if was_pulled_but_is_not_whole(entry):
            raise _damaged(entry)
    pull = f"Get one: vidsum models pull small --for {task}"
    if task == "image":  # no run needs one: it is not among those that one command gets
        pull = f"Get it: vidsum models pull {to_pull('small', task).name}"
    raise BackendMissing(f"There is no {task} model on this machine.", pull)


def _damaged(entry: ModelEntry) -> BackendMissing:
    return BackendMissing(f"The {entry.task} model {entry.name} is not whole any more.",
                          f"Get it again: vidsum models pull {entry.name}")  # fmt: skip


def _of_class(size_class: SizeClass, task: Task) -> LocalModel:
    for entry in of_class(size_class, task):
        model = here(entry)
        if model is not None:
            return model
    raise BackendMissing(f"There is no {size_class} {task} model on this machine.",
                         f"Get one: vidsum models pull {size_class} --for {task}")  # fmt: skip


def _named(task: Task, name: str) -> LocalModel:
    entry = named(name)
    if entry.task != task:
        raise BackendMissing(f"{name} is a model for {entry.task}, not for {task}.",
                             f"See: vidsum models list --for {task}")  # fmt: skip
    model = here(entry)
    if model is None and was_pulled_but_is_not_whole(entry):
        raise _damaged(entry)
    if model is None:
        raise BackendMissing(f"{name} is not on this machine.",
                             f"Get it: vidsum models pull {name}")  # fmt: skip
    return model


def _at(task: Task, path: Path, mmproj: Path | None) -> LocalModel:
    with contextlib.suppress(RuntimeError):  # the home of a user who is not here
        path = path.expanduser()
    path = path.absolute()
    if not _exists(path):
        raise BackendMissing(f"There is no model at {shown(path)}.", "See: vidsum models list")
    if task == "speech" and path.name == "model.bin" and is_whisper_folder(path.parent):
        path = path.parent
    elif task != "speech":
        path = parts_of(path)[0]
    check_form(task, path)
    found = LocalModel(escaped(path.name), task, path)
    if task == "caption" and mmproj is None:
        mmproj = encoder_beside(path)
    return _with_encoder(found, mmproj)


def _with_encoder(model: LocalModel, mmproj: Path | None) -> LocalModel:
    """Return a model for captions with the picture encoder that was asked for."""
    if mmproj is None or model.task != "caption":
        return model
    if not is_gguf(mmproj):
        raise BackendMissing(f"{shown(mmproj)} is no GGUF file.", "Name the one that came with "
                             "the model: --mmproj FILE.")  # fmt: skip
    return LocalModel(model.name, model.task, model.model, mmproj.absolute(), model.origin,
                      model.entry)  # fmt: skip
