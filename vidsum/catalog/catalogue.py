"""All entries there are, the user's own first, and how they are asked for."""

from __future__ import annotations

import difflib

from vidsum.catalog.entries import ENTRIES
from vidsum.catalog.entry import SIZE_CLASSES, ModelEntry, SizeClass, Task
from vidsum.catalog.machine import fits
from vidsum.catalog.own import own_entries
from vidsum.errors import BackendMissing
from vidsum.wording import escaped


def catalogue(task: Task | None = None) -> tuple[ModelEntry, ...]:
    """Return the entries, own ones first; an own one hides the built-in one of its name.

    Raises: OptionError when the user's own catalogue cannot be read.
    """
    own = own_entries()
    names = {entry.name for entry in own}
    every = (*own, *(entry for entry in ENTRIES if entry.name not in names))
    return tuple(entry for entry in every if task in (None, entry.task))


def best_first(task: Task) -> tuple[ModelEntry, ...]:
    """Return a task's entries: good, then small, then tiny."""
    order = list(reversed(SIZE_CLASSES))
    return tuple(sorted(catalogue(task), key=lambda entry: order.index(entry.size_class)))


def of_class(size_class: SizeClass, task: Task) -> tuple[ModelEntry, ...]:
    """Return a task's entries of one class, the better first."""
    return tuple(entry for entry in catalogue(task) if entry.size_class == size_class)


def to_pull(size_class: SizeClass, task: Task) -> ModelEntry:
    """Return the entry that a class means: its best that fits into this machine's memory.

    Where none fits it is the one that needs least. Raises: BackendMissing for an empty class.
    """
    entries = of_class(size_class, task)
    if not entries:
        raise BackendMissing(f"The catalogue has no {size_class} model for {task}.")
    fitting = [entry for entry in entries if fits(entry)]
    return fitting[0] if fitting else min(entries, key=lambda entry: entry.memory_bytes)


def named(name: str) -> ModelEntry:
    """Return one entry by name. Raises: BackendMissing, with a near name where there is one."""
    entries = {entry.name: entry for entry in catalogue()}
    if name in entries:
        return entries[name]
    raise unknown(name)


def unknown(name: str) -> BackendMissing:
    """Return the error for a name that no entry has, with a near name where there is one."""
    if name in SIZE_CLASSES:
        return BackendMissing(f"{name} is a class of models, not a model.",
                              "Name one of: vidsum models list")  # fmt: skip
    near = difflib.get_close_matches(name, [entry.name for entry in catalogue()], n=1)
    return BackendMissing(
        f"There is no model called {escaped(name)} in the catalogue.",
        f"Did you mean {near[0]}?" if near else "See: vidsum models list",
    )
