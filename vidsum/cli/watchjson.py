"""What folder mode tells programs: names as text, and in hex where that is not what they are."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidsum.errors import VidsumError
from vidsum.watch.reports import Report
from vidsum.wording import escape_controls, path_text

if TYPE_CHECKING:
    from vidsum.watch.settings import Settings


def with_hex(value: Any) -> Any:
    """Return dicts and lists with a key ``NAME_hex`` beside each path that is no UTF-8.

    Beside a list of paths with such a one in it, it is the list of all of them in hex.
    """
    if isinstance(value, Mapping):
        plain: dict[str, Any] = {}
        for name, one in value.items():
            plain[name] = with_hex(one)
            if (raw := _hex(one)) is not None:
                plain[f"{name}_hex"] = raw
        return plain
    if isinstance(value, list | tuple):
        return [with_hex(one) for one in value]
    return path_text(value) if isinstance(value, str | Path) else value


def _hex(value: object) -> str | list[str] | None:
    """Return the bytes of one path or several in hex; None: their text has them all."""
    several = isinstance(value, list | tuple)
    paths = [one for one in (value if isinstance(value, list | tuple) else [value])
             if isinstance(one, Path)]  # fmt: skip
    if all(path_text(one).encode() == os.fsencode(one) for one in paths):
        return None
    found = [os.fsencode(one).hex() for one in paths]
    return found if several else found[0]


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
                       "report": report_of(self._settings, path)}  # fmt: skip
        return fields


def report_of(settings: Settings, path: Path) -> Path | None:
    """Return the report on a quarantined video, for people; None: there is none."""
    from vidsum.watch.placing import quarantine_folder
    from vidsum.watch.quarantine import REPORT

    place = quarantine_folder(settings, path) / REPORT
    return place if place.is_file() else None


def _line(fields: dict[str, Any]) -> str:
    from vidsum.data import SCHEMA_VERSION

    told = {"schema_version": SCHEMA_VERSION} | with_hex(fields)
    return escape_controls(json.dumps(told, ensure_ascii=False)) + "\n"
