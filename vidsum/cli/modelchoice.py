"""Which models a command means, and what the user is asked before it does anything."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

import click

from vidsum.cli.report import say
from vidsum.errors import EXIT_OK, BackendMissing, OptionError
from vidsum.wording import escaped, path_text

if TYPE_CHECKING:
    from vidsum.catalog.entry import LocalModel, ModelEntry, Task
    from vidsum.catalog.locate import Place
    from vidsum.events import Listener


def size_text(size_bytes: int | None) -> str:
    """Return a size as people say it: ``545 MB``, ``2.5 GB``, ``unknown``."""
    if size_bytes is None:
        return "unknown"
    if size_bytes < 1_000_000:
        return f"{size_bytes / 1e3:.0f} kB"
    return f"{size_bytes / 1e6:.0f} MB" if size_bytes < 1e9 else f"{size_bytes / 1e9:.1f} GB"


def entries(names: Sequence[str], task: Task | None) -> list[ModelEntry]:
    """Return the entries that names and classes mean, each once.

    Raises: BackendMissing for an unknown name, OptionError for one that is for another task.
    """
    from vidsum.catalog.catalogue import named, to_pull
    from vidsum.catalog.entry import SIZE_CLASSES, TASKS

    found: dict[str, ModelEntry] = {}
    for name in names:
        if name in SIZE_CLASSES:
            meant = [to_pull(name, each) for each in ([task] if task else TASKS)]
        else:
            meant = [named(name)]
        for entry in meant:
            if task not in (None, entry.task):
                raise OptionError(f"{name} is a model for {entry.task}, not for {task}.")
            found[entry.name] = entry
    return list(found.values())


def task_of(name: str) -> Task:
    """Return the task of a model of the catalogue.

    Raises: BackendMissing for an unknown name, OptionError for what may be for any task.
    """
    from vidsum.catalog.catalogue import catalogue, unknown
    from vidsum.catalog.entry import SIZE_CLASSES
    from vidsum.catalog.locate import is_path

    for entry in catalogue():
        if entry.name == name:
            return entry.task
    if name in SIZE_CLASSES or name.startswith(("ollama:", "lmstudio:")) or is_path(name):
        raise OptionError(f"{escaped(name)} may be for any task.",
                          "Say which: --for caption, speech, reason or image.")  # fmt: skip
    raise unknown(name)


@contextlib.contextmanager
def told_how_to_go_on() -> Iterator[None]:
    """Say at an interruption that nothing is lost."""
    try:
        yield
    except KeyboardInterrupt:
        say("what has come is kept: the same command goes on from there")
        raise


def confirm_pull(found: Sequence[ModelEntry], *, yes: bool, quiet: bool, anew: bool) -> None:
    """Say what will come, and ask on a terminal. ``anew``: what is here may come again.

    Raises: click.Abort for a no.
    """
    from vidsum.catalog.locate import here
    from vidsum.catalog.machine import fits

    coming = [entry for entry in found if anew or here(entry) is None]
    for entry in coming:
        if not fits(entry):
            say(f"warning: {entry.name} needs {size_text(entry.memory_bytes)} of memory: "
                "too large for this machine")  # fmt: skip
    if not coming:
        return
    if not quiet:
        for entry in coming:
            repos = ", ".join(part.repo for part in entry.parts)
            say(f"{entry.name} ({entry.task}): size {size_text(entry.size_bytes)}, licence "
                f"{entry.licence}, from {repos}")  # fmt: skip
        sizes = [entry.size_bytes for entry in coming if entry.size_bytes is not None]
        more = "" if len(sizes) == len(coming) else " and models of unknown size"
        say(f"to download: {size_text(sum(sizes))}{more}" if sizes else "to download: size unknown")
    ask("Download?", yes=yes, default=True)


def confirm_removal(found: Sequence[ModelEntry], kept: Collection[tuple[str, str]],
                    *, yes: bool) -> None:  # fmt: skip
    """Ask on a terminal whether to remove all but the files that are ``kept`` for other models.

    Raises: BackendMissing; as :func:`ask`.
    """
    from vidsum.catalog.cache import holds

    for entry in found:
        if not holds(entry, kept):
            raise BackendMissing(f"{entry.name} is not here.", "See: vidsum models list")
    ask(f"Remove {', '.join(entry.name for entry in found)}?", yes=yes, default=False)


def ask(question: str, *, yes: bool, default: bool, alone: bool = True) -> None:
    """Ask before something is done; a no ends the program with nothing done.

    ``alone``: it is done where nobody can answer, too. Raises: OptionError otherwise.
    """
    if yes:
        return
    streams = (sys.stdin, sys.stderr)
    if all(stream is not None and stream.isatty() for stream in streams):
        if not click.confirm(question, default=default, err=True):
            say("nothing was done")
            raise click.exceptions.Exit(EXIT_OK)
    elif not alone:
        raise OptionError("Nobody is there to say yes.", "Give --yes.")


def path_lines(model: LocalModel) -> str:
    """Return a model's path, and those of the files that go with it, each on a line."""
    return "".join(f"{path_text(path)}\n" for path in model.files)


def paths(task: Task, name: str) -> str:
    """Return the paths of the model that an option would find, each on a line.

    Raises: BackendMissing, OptionError.
    """
    if task != "image":
        from vidsum.catalog.locate import find

        return path_lines(find(task, name))
    from vidsum.catalog.pictures import find_image_model
    from vidsum.config import Options

    model = find_image_model(Options(image_model=name))
    every = (model.diffusion, model.encoder, model.decoder)
    return "".join(f"{path_text(path)}\n" for path in every if path)


def here(names: Sequence[str]) -> list[tuple[ModelEntry, tuple[Place, ...]]]:
    """Return the named entries, or all, that are here, each with the commits of its parts.

    Raises: BackendMissing for a named one that is not here.
    """
    from vidsum.catalog.catalogue import catalogue, named
    from vidsum.catalog.locate import parts_here

    wanted = [named(name) for name in names] or list(catalogue())
    found = [(entry, parts_here(entry)) for entry in wanted]
    for entry, parts in found:
        if parts is None and names:
            raise BackendMissing(f"{entry.name} is not here, or not whole.",
                                 f"Get it: vidsum models pull {entry.name}")  # fmt: skip
    return [(entry, parts) for entry, parts in found if parts is not None]


def not_whole(names: Sequence[str]) -> list[ModelEntry]:
    """Return the entries that were pulled and are no longer whole; only asked without names."""
    from vidsum.catalog.catalogue import catalogue
    from vidsum.catalog.locate import was_pulled_but_is_not_whole

    return [] if names else [entry for entry in catalogue() if was_pulled_but_is_not_whole(entry)]


def verdict(entry: ModelEntry, parts: Sequence[Place], listen: Listener) -> tuple[str, bool]:
    """Hash an entry's files; return a line about it, and whether it is damaged."""
    from vidsum.catalog.verify import verify
    from vidsum.events import StageFinished, StageStarted

    listen(StageStarted(entry.name))
    found = [verify(part, commit) for part, commit in parts]
    damaged = [name for one in found for name in one.damaged]
    unknown = [name for one in found for name in one.unknown]
    if damaged:
        line = f"{entry.name}: damaged: {', '.join(damaged)}"
    elif unknown:
        line = f"{entry.name}: no checksum known of {', '.join(unknown)}; the rest is right"
    else:
        line = f"{entry.name}: right"
    listen(StageFinished(entry.name, "damaged" if damaged else "checked"))
    return line, bool(damaged)
