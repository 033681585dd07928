"""A folder watched from the command line: signals in, lines out, an exit code at the end."""

from __future__ import annotations

import contextlib
import json
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vidsum.errors import EXIT_INTERRUPTED, EXIT_OK, OptionError, VidsumError
from vidsum.watch.reports import Progress, Report

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
    from vidsum.cli.watchprogress import show
    from vidsum.cli.watchsignals import told_by_signals
    from vidsum.watch.watcher import Watcher

    lines = JsonLines(settings) if as_json else None
    plain = as_json and on_terminal()  # a display would be torn by what is written below it
    counts = Counts(settings.root)
    with show(settings, counts, quiet=quiet, verbose=verbose, plain=plain) as shown:

        def tell(told: Report | Progress) -> None:
            shown(told)
            if lines is not None and isinstance(told, Report) and not lines.take(told):
                watcher.stop()

        watcher: Watcher = Watcher(settings, tell)
        within_s = settings.grace_s + _LEAVE_S
        with told_by_signals(watcher.stop, watcher.abort, within_s=within_s) as came:
            summary = watcher.run()
    if lines is not None and lines.trouble is not None:
        raise lines.trouble
    if signal.SIGINT in came:
        return EXIT_INTERRUPTED
    return summary.exit_code if settings.once else EXIT_OK


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
        wanted = [_inside(root, name) for name in names]
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


def _inside(root: Path, name: Path) -> Path:
    """Return a name as it is known: relative to the folder."""
    return name.relative_to(root) if name.is_relative_to(root) else Path(name)


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
        return self._found


class JsonLines:
    """One JSON object a line on stdout for each video that is done or quarantined."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.trouble: Exception | None = None
        """Why stdout takes no more."""

    def take(self, told: Report) -> bool:
        """Write the line of a report that has one; return whether stdout takes more of them."""
        from vidsum.cli.output import ReaderGone, write_stdout

        if told.path is not None and told.kind in ("done", "quarantined") and not self.trouble:
            try:
                write_stdout(_line(self._fields(told.path, told.kind)))
            except (ReaderGone, VidsumError) as exc:
                self.trouble = exc
        return self.trouble is None

    def _fields(self, path: Path, kind: str) -> dict[str, Any]:
        """Return what is known of a video; the jobs have it, for it was just settled."""
        from vidsum.watch import status
        from vidsum.watch.jobs import default_path
        from vidsum.watch.placing import quarantine_folder

        known = status.folder(default_path(), self._settings.root)
        done = next((d for d in known.last_done if d.path == path), None) if known else None
        bad = next((q for q in known.quarantined if q.path == path), None) if known else None
        fields: dict[str, Any] = {
            "folder": self._settings.root, "path": path, "status": kind, "results": [],
            "note": "", "run_id": None, "sha256": None, "error": None, "exit_code": None,
            "report": None,
        }  # fmt: skip
        if kind == "done" and done is not None:
            fields |= {"status": "partial" if done.partial else "done", "note": done.note,
                       "results": list(done.results), "run_id": done.run_id,
                       "sha256": done.video_sha256}  # fmt: skip
        elif kind == "quarantined" and bad is not None:
            fields |= {"error": bad.why, "exit_code": bad.exit_code, "sha256": bad.sha256,
                       "report": quarantine_folder(self._settings, path)}  # fmt: skip
        return fields


def _line(fields: dict[str, Any]) -> str:
    from vidsum.data import SCHEMA_VERSION
    from vidsum.wording import escape_controls, path_text

    def plain(value: Any) -> Any:
        if isinstance(value, list):
            return [plain(one) for one in value]
        return path_text(value) if isinstance(value, str | Path) else value

    told = {"schema_version": SCHEMA_VERSION} | {k: plain(v) for k, v in fields.items()}
    return escape_controls(json.dumps(told, ensure_ascii=False)) + "\n"
