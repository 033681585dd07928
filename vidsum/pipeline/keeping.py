"""Where a run keeps what it finds: whether it may, under which key, and for which file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from vidsum.backends.providers import RemoteTask
from vidsum.errors import VidsumError
from vidsum.events import Noted
from vidsum.home import state_folder
from vidsum.pipeline.run import Run
from vidsum.pipeline.sameness import FORM, hashed, model_identity
from vidsum.store import answers
from vidsum.store.answers import KeptAnswers
from vidsum.store.unusable import keep_unusable
from vidsum.wording import file_name, shown


def watch(run: Run) -> None:
    """Take note, once, of the file as it is before it is read: see :func:`unchanged`."""
    run.memory.mark = run.memory.mark or _mark(run.path)


def unchanged(run: Run) -> bool:
    """Say whether the file is still what it was when :func:`watch` took note of it."""
    return run.memory.mark is not None and run.memory.mark == _mark(run.path)


def answers_for(
    run: Run, engine: str, task: RemoteTask = "reason", *, kind: str = answers.KIND
) -> KeptAnswers | None:  # fmt: skip
    """Return where the answers of an engine's model are kept; None where they are not.

    Those of a ``kind`` of its own are too old when vidsum looks or listens in another way.
    """
    if not (run.options.cache and run.recorded):
        return None
    try:
        identity = model_identity(task, engine, run.options)
    except (VidsumError, OSError):
        return None  # whoever asks that model will say what is missing
    if not identity:
        return None
    forms = [] if kind == answers.KIND else [FORM]
    return keeper(run, kind, [*forms, engine, identity])


def keeper(run: Run, kind: str, scope: Sequence[object]) -> KeptAnswers | None:
    """Return where a run keeps things of a kind; None where it keeps nothing.

    ``scope``: what tells whoever makes these things from any other.
    """
    if not (run.options.cache and run.recorded):
        return None
    return KeptAnswers(run.memory.store, hashed(scope), run.meter.book.identity.video_sha256,
                       file_name(run.path), lambda: tell_trouble(run), kind=kind)  # fmt: skip


def unusable(run: Run) -> Callable[[str], str | None]:
    """Return what keeps texts that could not be used, and says in which file (None: nowhere)."""
    name = f"{datetime.now().astimezone():%Y-%m-%d}-{run.meter.book.identity.run_id}"

    def keep(text: str) -> str | None:
        path = keep_unusable(state_folder() / "unusable", name, text)
        return None if path is None else shown(path)

    return keep


def tell_trouble(run: Run) -> None:
    """Say once that nothing can be kept, and why."""
    if run.memory.must_tell():
        told = run.memory.store.trouble
        run.listen(Noted("warning", f"What is found is not kept for later: {told}"))


def _mark(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_size, found.st_mtime_ns, found.st_ino)
