"""Bytes of a text file as text, whatever it was written in."""

from __future__ import annotations

import re
from typing import Final

_GUESS_BYTES: Final = 20_000
_ACCENTED: Final = re.compile("[\u00c0-\u00ff]")
_LETTER: Final = re.compile(r"[^\W\d_]")


def text_of(data: bytes) -> str:
    """Return text from UTF-16 with its mark, UTF-8, or a guessed 8-bit encoding.

    Windows-1252 is the guess for western text. Read so, other scripts come out as a run of
    accented letters; then charset-normalizer guesses.
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        western = data.decode("cp1252", "replace")
    accented = len(_ACCENTED.findall(western))
    if accented <= 0.4 * len(_LETTER.findall(western)):
        return western
    import charset_normalizer

    best = charset_normalizer.from_bytes(data[:_GUESS_BYTES]).best()
    return data.decode(best.encoding, "replace") if best is not None else western
