"""Where the reports on given-up files lie: the files themselves stay where they are."""

from __future__ import annotations

import base64
import contextlib
import json
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import vidsum
from vidsum.errors import EXIT_UNEXPECTED
from vidsum.failpoints import failpoint
from vidsum.outputs import write_whole
from vidsum.watch import folders
from vidsum.watch.job import Seen
from vidsum.watch.placing import quarantine_folder
from vidsum.watch.settings import Settings
from vidsum.wording import path_text, shown

SCHEMA_VERSION: Final = 1
REPORT, ERROR = "report.txt", "error.json"
_STEPS: Final = {
    3: "Play the file, or copy it again from where it came.",
    5: "See that the provider answers: vidsum doctor tells who is asked.",
    8: "See that there is room, and that the folder can be written to.",
}
_STEP: Final = "Try it alone, which says more: vidsum VIDEO --verbose"


@dataclass(frozen=True, slots=True)
class Case:
    """Why a file was given up. Times are Unix times in seconds; None is unknown."""

    seen: Seen
    error: str
    exit_code: int = EXIT_UNEXPECTED
    hint: str = ""
    attempts: int = 1
    deaths: int = 0
    sha256: str | None = None
    first_s: float | None = None
    last_s: float | None = None
    trace: str = ""


def write(settings: Settings, case: Case) -> Path:
    """Write the report and return its folder. Raises: OutputError."""
    folder = quarantine_folder(settings, case.seen.path)
    folders.make(settings, folder)
    write_whole(folder / ERROR, _json(settings, case), follow=False)
    write_whole(folder / REPORT, _text(settings, case), follow=False)
    failpoint("quarantine.written")
    return folder


def remove(settings: Settings, relative: Path) -> None:
    """Take a report away: the file was done after all, or will be tried again."""
    folder = quarantine_folder(settings, relative)
    if folders.leads_out(settings, folder):
        return
    for name in (REPORT, ERROR):
        with contextlib.suppress(OSError):
            (folder / name).unlink()
    for place in (folder, *folder.parents):
        if place == settings.place:
            return
        try:
            place.rmdir()
        except OSError:
            return  # there are others, or there never was one


def _text(settings: Settings, case: Case) -> str:
    """Return the report that people read."""
    video = settings.root / case.seen.path
    lines = [
        f"vidsum could not summarise {shown(video)}",
        "",
        f"Why:        {_one_line(case.error)}",
        f"Next step:  {_one_line(case.hint) or _STEPS.get(case.exit_code, _STEP)}",
        "",
        f"The video:  {shown(video)}",
        "            It stays where it is, untouched.",
        f"Size:       {case.seen.size_bytes:,} bytes, changed {_time(case.seen.mtime_ns / 1e9)}",
        f"Tries:      {case.attempts}{_deaths(case.deaths)}",
        f"First seen: {_time(case.first_s)}",
        f"Last try:   {_time(case.last_s)}",
        f"vidsum:     {vidsum.__version__}",
        "",
        f"To try it again: vidsum watch retry {_quoted(settings.root)}{_argument(case.seen.path)}",
        "It is also tried again by itself when the file changes.",
    ]
    return "\n".join(lines) + "\n"


def _json(settings: Settings, case: Case) -> str:
    """Return the report that programs read."""
    raw = os.fsencode(case.seen.path)
    told: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "path": path_text(case.seen.path),
        "path_bytes_base64": None if _is_utf8(raw) else base64.b64encode(raw).decode("ascii"),
        "folder": path_text(settings.root),
        "sha256": case.sha256,
        "size_bytes": case.seen.size_bytes,
        "mtime_ns": case.seen.mtime_ns,
        "exit_code": case.exit_code,
        "error": path_text(case.error),
        "hint": path_text(case.hint),
        "attempts": case.attempts,
        "deaths": case.deaths,
        "first_at": _stamp(case.first_s),
        "last_at": _stamp(case.last_s),
        "vidsum_version": vidsum.__version__,
        "stderr": path_text(case.trace),
    }
    return json.dumps(told, indent=2, ensure_ascii=False) + "\n"


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _one_line(text: str) -> str:
    return " ".join(path_text(text).split())


def _argument(path: Path) -> str:
    """Return a name for a command line; nothing, which stands for all, where it cannot be shown."""
    return f" {_quoted(path)}" if shown(path) == str(path) else ""


def _quoted(path: Path) -> str:
    import shlex

    return shlex.quote(path_text(path))


def _deaths(deaths: int) -> str:
    return f"; the worker died {deaths} times" if deaths > 1 else ""


def _time(unix_s: float | None) -> str:
    stamp = _stamp(unix_s)
    return "unknown" if stamp is None else stamp.replace("T", " ")


def _stamp(unix_s: float | None) -> str | None:
    """Return a local time with its zone; None for one that no calendar has."""
    if unix_s is None:
        return None
    try:
        return datetime.fromtimestamp(unix_s).astimezone().isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return None
