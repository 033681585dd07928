"""A video as it is named in a command that is shown to the user."""

from __future__ import annotations

import shlex

from vidsum.data import Evidence
from vidsum.reasoner.overview import ends_whole
from vidsum.wording import safe


def as_arguments(evidence: Evidence) -> str:
    """Return the video's path, and the options for the stretch of it that was looked at."""
    return _path(str(evidence.info.path)) + _window(evidence)


def as_argument(text: str, instead: str) -> str:
    """Return text as one argument for a shell; ``instead`` where it cannot be shown as it is."""
    return shlex.quote(text) if text and safe(text) == text else instead


def _path(path: str) -> str:
    """Return a path as an argument; a bare name without a dot may be that of a command."""
    mistakable = path.startswith("-") or ("/" not in path and "." not in path)
    return as_argument(f"./{path}" if mistakable and path else path, "VIDEO")


def _window(evidence: Evidence) -> str:
    """Return the options for the stretch that was looked at, "" for a whole video."""
    options = f" --start {_plain(evidence.start_s)}" if evidence.start_s > 0 else ""
    if not ends_whole(evidence):
        options += f" --end {_plain(evidence.end_s)}"
    return options


def _plain(seconds: float) -> str:
    return f"{seconds:.3f}".rstrip("0").rstrip(".")
