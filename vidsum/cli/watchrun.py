"""A folder watched from the command line: signals in, lines out, an exit code at the end."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vidsum.errors import EXIT_INTERRUPTED, EXIT_OK, OptionError, VidsumError
from vidsum.watch.reports import Progress, Report, Standing, Summary

if TYPE_CHECKING:
    from vidsum.watch.settings import Settings
    from vidsum.watch.watcher import Watcher

_COUNT_EVERY_S: Final = 1.0
_LEAVE_S: Final = 40.0
"""So much longer than workers a watcher may take to end: its own files may keep it waiting."""


def watch_folder(settings: Settings, *, as_json: bool, quiet: bool, verbose: bool) -> int:
    """Watch a folder until a signal comes, or nothing is left; return the exit code.

    Raises: VidsumError when it cannot begin, ReaderGone.
    """
    from vidsum.cli.showing import on_terminal
    from vidsum.cli.watchjson import JsonLines
    from vidsum.cli.watchprogress import say_stamped, show
    from vidsum.cli.watchsignals import told_by_signals
    from vidsum.watch.watcher import Watcher

    lines = JsonLines(settings) if as_json else None
    plain = as_json and on_terminal()  # a display would be torn by what is written below it
    counts = Counts(settings.root)
    with show(settings, counts, quiet=quiet, verbose=verbose, plain=plain) as shown:

        def tell(told: Report | Progress | Standing) -> None:
            shown(told)
            if lines is not None and isinstance(told, Report) and not lines.take(told):
                watcher.stop()

        watcher: Watcher = Watcher(settings, tell)
        within_s = settings.grace_s + _LEAVE_S
        with told_by_signals(watcher.stop, watcher.abort, within_s=within_s) as came:
            summary = watcher.run()
    if settings.once and not quiet:
        say_stamped(tally(summary))
    if lines is not None and lines.trouble is not None:
        raise lines.trouble
    if signal.SIGINT in came:
        return EXIT_INTERRUPTED
    return summary.exit_code if settings.once else EXIT_OK


def tally(summary: Summary) -> str:
    """Return what a watcher did in one line, as :func:`vidsum.cli.watchpage.status_page` has it."""
    from vidsum.wording import escaped, number

    done = number(summary.done) + " done"
    if summary.partial:
        done += f" ({number(summary.partial)} partial)"
    told = [done] if summary.done else []
    for count, words in ((summary.quarantined, "quarantined"), (summary.left, "left")):
        told += [f"{number(count)} {words}"] if count else []
    why = escaped(summary.paused).rstrip(".")
    return ": ".join(filter(None, [", ".join(told) or "nothing was to be done", why]))


def retry_videos(folder: Path, names: tuple[Path, ...], *, done: bool = False) -> None:
    """Queue quarantined videos again, and with ``done`` those that are done.

    Raises: OptionError for a name that is neither.
    """
    import uuid

    from vidsum.cli.report import say
    from vidsum.cli.watchstatus import known_folder
    from vidsum.watch.jobs import Jobs, default_path
    from vidsum.wording import number, shown

    root = known_folder(folder).root
    with contextlib.closing(Jobs(default_path(), root, uuid.uuid4().hex)) as jobs:
        finished = jobs.in_state("done")
        there = jobs.in_state("quarantined") | (finished if done else frozenset())
        wanted = [_inside(root, name, there | finished) for name in names]
        for name in wanted:
            if name not in there:
                hint = "vidsum watch status FOLDER lists what is."
                raise OptionError(
                    f"{shown(name)} is not quarantined.",
                    "It is done: --done does it anew." if name in finished else hint,
                )
        count = jobs.retry(wanted or None, done=done)
    what = "quarantined or done" if done else "quarantined"
    say(f"queued again: {number(count)}" if count else f"nothing is {what}")


def _inside(root: Path, name: Path, known: frozenset[Path]) -> Path:
    """Return a name as it is known: relative to the folder; it may also be a path to there."""
    path = Path(os.path.normpath(name.absolute()))
    places = (path, path.parent.resolve() / path.name)
    inside = [place.relative_to(root) for place in places if place.is_relative_to(root)]
    return next((one for one in (name, *inside) if one in known), name)


class Counts:
    """How many videos are in which state, looked up again after a second."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._found: dict[str, int] = {}
        self._looked_s = float("-inf")

    def __call__(self) -> dict[str, int]:
        """Return the counts of the states that a display shows."""
        from vidsum.watch import status
        from vidsum.watch.jobs import default_path

        if time.monotonic() - self._looked_s >= _COUNT_EVERY_S:
            self._looked_s = time.monotonic()
            with contextlib.suppress(VidsumError):
                known = status.folder(default_path(), self._root)
                counts = {} if known is None else dict(known.counts)
                self._found = {
                    name: counts.get(name, 0) for name in ("queued", "done", "quarantined")
                }
                hooks = 0 if known is None else known.totals.hooks_due
                if hooks:
                    self._found["hook to run" if hooks == 1 else "hooks to run"] = hooks
        return self._found
