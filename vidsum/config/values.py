"""Values of options: each function reads one from a flag, the environment or the config file.

They raise BadValue, whose message says what the option takes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit


class BadValue(ValueError):
    """A value that an option cannot take; the message says what it takes."""


class BadSecret(BadValue):
    """A value that may hold a key: no message may repeat it."""


def seconds(value: object) -> float:
    """Return seconds from a number, ``90``, ``90s``, ``1:30`` or ``1:02:03.5``."""
    text = str(value).strip().removesuffix("s")
    parts = text.split(":")
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    if not 1 <= len(numbers) <= 3 or not all(math.isfinite(n) and n >= 0 for n in numbers):
        raise BadValue("takes seconds (90) or a time (1:30, 1:02:03), not below 0")
    return sum((n * 60.0**i for i, n in enumerate(reversed(numbers))), 0.0)


def above_zero(value: object) -> float:
    """Return seconds above 0."""
    try:
        found = seconds(value)
    except BadValue:
        found = 0.0
    if found < 0.01:
        raise BadValue("takes seconds, 0.01 or more")
    return found


def counting(value: object) -> int:
    """Return a whole number from 1."""
    if isinstance(value, bool) or not re.fullmatch(r"[1-9]\d{0,3}", str(value).strip()):
        raise BadValue("takes a whole number from 1")
    return int(str(value))


def whole(value: object) -> int:
    """Return a whole number from 0."""
    if isinstance(value, bool) or not re.fullmatch(r"\d{1,4}", str(value).strip()):
        raise BadValue("takes a whole number from 0")
    return int(str(value))


def side(value: object) -> int:
    """Return the side of a picture in pixels."""
    text = str(value).strip()
    if isinstance(value, bool) or not re.fullmatch(r"\d{2,4}", text) or int(text) < 64:
        raise BadValue("takes a number of pixels, 64 to 9999")
    return int(text)


def context_size(value: object) -> int:
    """Return a number of tokens that a summary fits in."""
    text = str(value).strip().replace("_", "")
    if isinstance(value, bool) or not re.fullmatch(r"\d{4,8}", text) or int(text) < 2048:
        raise BadValue("takes a number of tokens, 2048 or more")
    return int(text)


def evidence_size(value: object) -> int:
    """Return a number of tokens that some of a timeline fits in."""
    text = str(value).strip().replace("_", "")
    if isinstance(value, bool) or not re.fullmatch(r"\d{3,8}", text) or int(text) < 200:
        raise BadValue("takes a number of tokens, 200 or more")
    return int(text)


def money(value: object) -> Decimal:
    """Return an amount in US dollars, exact."""
    text = str(value).strip().removeprefix("$").replace("_", "")
    if isinstance(value, bool) or not re.fullmatch(r"\d{1,9}(\.\d{1,9})?|\.\d{1,9}", text):
        raise BadValue("takes an amount in US dollars such as 0.25")
    return Decimal(text)


def amount(value: object) -> float:
    """Return a number that is not below 0."""
    try:
        found = float(str(value))
    except ValueError:
        found = -1.0
    if isinstance(value, bool) or not 0 <= found < 1e12:
        raise BadValue("takes a number from 0")
    return found


def words(value: object) -> str:
    """Return a name that is not empty."""
    text = str(value).strip()
    if not text:
        raise BadValue("takes a name")
    return text


def told(value: object) -> str:
    """Return words that somebody wrote, or the name of a file with them."""
    text = str(value).strip()
    if not text:
        raise BadValue("takes words, or the name of a text file")
    return text


def api_address(value: object) -> str:
    """Return a provider's name or the base URL of an OpenAI-compatible endpoint.

    Keys and passwords have no place in it: it is shown in results and logs.
    """
    text = str(value).strip().rstrip("/")
    if re.fullmatch(r"[a-z][a-z0-9-]*", text):
        return text
    wanted = "takes a provider's name or a base URL such as http://localhost:8080/v1"
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError as exc:
        raise BadValue(wanted) from exc
    if parts.scheme not in ("http", "https") or not host:
        raise BadValue(wanted)
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise BadSecret("takes a base URL without user name, password or query; "
                        "keys come from the environment")  # fmt: skip
    return text


def yes_no(value: object) -> bool:
    """Return a switch's state; in files and environment also yes/no, on/off, 1/0."""
    known = {"true": True, "yes": True, "on": True, "1": True,
             "false": False, "no": False, "off": False, "0": False}  # fmt: skip
    found = known.get(str(value).strip().lower())
    if found is None:
        raise BadValue("takes true or false")
    return found


def one_of(*choices: str) -> Callable[[object], str]:
    """Return a reader that takes one of some words."""

    def read(value: object) -> str:
        if value not in choices:
            raise BadValue(f"takes one of {', '.join(choices)}")
        return str(value)

    return read


def language_code(value: object) -> str:
    """Return a language code such as ``en`` or ``pt-BR``, in lower case."""
    text = str(value).strip().lower()
    if not re.fullmatch(r"[a-z]{2,3}(-[a-z0-9]{2,8})*", text):
        raise BadValue("takes a language code such as en, deu or pt-BR")
    return text


def folder(value: object) -> Path:
    """Return a folder that exists."""
    path = Path(str(value)).expanduser()
    if not path.is_dir():
        raise BadValue(f"names no folder: {value}")
    return path


def file(value: object) -> Path:
    """Return a file that exists."""
    path = Path(str(value)).expanduser()
    if not path.is_file():
        raise BadValue(f"names no file: {value}")
    return path
