"""Times, numbers, names of files and words from outside, made fit to show, or to send on."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from vidsum.data import TimelineEntry

_TERMINAL: Final = re.compile(
    r"""\x1b(?: \[ [0-?]*+ [ -/]*+ [@-~]                         # CSI: colours, the cursor
              | []PX^_] [^\x07\x1b\r\n]*+ (?: \x07 | \x1b\\ ) )""",  # strings, titles, links
    re.VERBOSE,
)
"""Escape sequences that are more than one letter; a string must end on its line to be one."""
_HIDING: Final = (
    "\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f"
)
"""Marks that turn the direction of writing, what has no width, and tag characters.

The joiners U+200C and U+200D are not among them: Persian, Indian scripts and emoji need them.
"""
_UNSEEN: Final = re.compile(f"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f{_HIDING}]+")
"""What is hiding, and controls but for those that are white space."""
_DRIVING: Final = re.compile(f"[\x7f-\x9f\u2028\u2029{_HIDING}]")
"""What is hiding, and controls that JSON lets stand as they are."""
_TURN: Final = re.compile(r"<|\[(?=/?[gs]?[A-Z_]{3,}\])")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_SPELLED: Final = "no one two three four five six seven eight nine ten eleven twelve"
_NUMBERS: Final = _SPELLED.split()


def clock(seconds: float) -> str:
    """Return a time as a player shows it: 0:07, 4:31, 1:02:03.

    Part seconds are cut off, but 14.96 is 0:15: a few hundredths are the container's rounding.
    """
    whole = int(seconds + 0.05) if math.isfinite(seconds) and seconds > 0 else 0
    hours, minutes = whole // 3600, whole // 60 % 60
    if hours:
        return f"{hours}:{minutes:02}:{whole % 60:02}"
    return f"{minutes}:{whole % 60:02}"


def number(value: float) -> str:
    """Return 1234.0 as ``1,234`` and 12.345 as ``12.3``."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return "one part", "three parts", "41 parts", "no parts"."""
    return f"{spelled(number)} {noun if number == 1 else plural or noun + 's'}"


def spelled(number: int) -> str:
    """Return "no", "one" … "twelve", "13" … "1,300"."""
    return _NUMBERS[number] if 0 <= number < len(_NUMBERS) else f"{number:,}"


def safe(text: str) -> str:
    """Return text on one line, without what could drive a terminal or hide or turn words.

    Runs of white space become one space. Bytes that were no UTF-8 are shown as ``\\xNN``.
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    visible = _UNSEEN.sub("", _TERMINAL.sub("", path_text(text)))
    return " ".join(visible.split())


def file_name(path: Path) -> str:
    """Return a file's name for people, on one line: bytes that are no UTF-8 as ``\\xNN``."""
    return safe(path.name)


def shown(path: Path) -> str:
    """Return a path for one line of a message, with nothing left out: see :func:`escaped`."""
    return escaped(str(path))


def escaped(text: str) -> str:
    """Return text on one line with all that cannot be seen as an escape: ``\\n``, ``\\x1b``."""
    return "".join(map(_escaped, path_text(text)))


def path_text(path: Path | str) -> str:
    """Return a path as text that any encoder takes: bytes that are no UTF-8 as ``\\xNN``."""
    return _SURROGATE.sub(_byte, str(path))


def _byte(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"


def _escaped(character: str) -> str:
    plain = character.isprintable() or character in "\u200c\u200d\u00a0\u202f\u3000"
    return character if plain else character.encode("unicode_escape").decode()


def escape_controls(text: str) -> str:
    """Return JSON in which what could drive a terminal, or hides, is written ``\\uXXXX``."""
    return _DRIVING.sub(lambda m: _as_json(m.group()), text)


def _as_json(character: str) -> str:
    """Return a character as an escape of JSON: two of them beyond the first 65,536."""
    units = character.encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def as_line(entry: TimelineEntry) -> str:
    """Return one timeline entry as a line of JSON, see :func:`json_line`."""
    return json_line(
        {
            "id": entry.id,
            "kind": entry.kind,
            "start": round(entry.start_s, 1),
            "end": round(entry.end_s, 1),
        }
        | source_of(entry)
        | {"text": path_text(entry.text)}
    )


def source_of(entry: TimelineEntry) -> dict[str, str]:
    """Return, as fields of a line, where a fact stands: whose word it is depends on that."""
    return {"source": path_text(entry.source)} if entry.kind == "fact" else {}


def json_line(fields: Mapping[str, Any]) -> str:
    """Return an object as one line of JSON, for a prompt.

    Characters that drive a terminal or hide, and what a chat template could take for a mark of its
    own (``<|im_end|>``, ``[/INST]``, ``[gMASK]``), are escapes in it.
    """
    text = json.dumps(fields, ensure_ascii=False)
    return escape_controls(_TURN.sub(lambda m: f"\\u{ord(m.group()):04x}", text))
