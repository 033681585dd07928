"""Times, sizes and untrusted text in words."""

from __future__ import annotations

import re
from pathlib import Path

_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]+")


def clock(time_s: float) -> str:
    """Return a time as ``0:05``, ``12:34`` or ``1:02:03``, rounded down to the second."""
    whole = int(time_s + 1e-6)
    hours, rest = divmod(whole, 3600)
    minutes, secs = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{secs:02d}" if hours else f"{minutes}:{secs:02d}"


def safe(text: str) -> str:
    """Return text from a video on one line, without control and direction characters.

    Escape sequences could otherwise drive the reader's terminal.
    """
    text = text.encode("utf-8", "backslashreplace").decode()
    cleaned = _CONTROL.sub(" ", _ESCAPE.sub("", text))
    return " ".join(cleaned.split())


def file_name(path: Path) -> str:
    """Return a file's name for people: bytes that are no UTF-8 as ``\\xNN``."""
    raw = path.name.encode("utf-8", "surrogateescape")
    return safe(raw.decode("utf-8", "backslashreplace"))


def number(value: float) -> str:
    """Return 1234.0 as ``1,234`` and 12.345 as ``12.3``."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"
