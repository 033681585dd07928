"""The body of an answer, read with limits: a server may send anything, and for ever."""

from __future__ import annotations

import time
import zlib
from importlib import import_module
from typing import Any

from vidsum.backends.refusals import Kind

MOST_BYTES = 16 * 2**20
"""No answer in words needs as much: five minutes of speech with times of words have 0.2 MB,
OpenRouter's list of models 1 MB."""
_CODINGS = ("", "identity", "gzip", "x-gzip", "deflate")
_GZIP_OR_ZLIB = 47


class BodyRefused(Exception):
    """A body that was not read to its end, or cannot be unpacked."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(kind)
        self.kind = kind


def read_bounded(response: Any, seconds: float, most_bytes: int = MOST_BYTES) -> None:
    """Read the body of an HTTP library's response, and put it back as plain UTF-8.

    The library itself would read without end, unpack without end, and decode by whatever codec
    the server names. Raises: BodyRefused.
    """
    stream, coding = response.stream, response.headers.pop("content-encoding", "")
    try:
        content = _content(stream, coding.strip().lower(), time.monotonic() + seconds, most_bytes)
    finally:
        stream.close()
    library = import_module(type(response).__module__.partition(".")[0])
    response.stream = library.ByteStream(content)
    response.encoding = "utf-8"


def _content(stream: Any, coding: str, until_s: float, most_bytes: int) -> bytes:
    if coding not in _CODINGS:
        raise BodyRefused("garbled")
    unpacker = zlib.decompressobj(_GZIP_OR_ZLIB) if coding not in ("", "identity") else None
    content = bytearray()
    for chunk in stream:
        if unpacker is None:
            content += chunk
        else:
            try:
                content += unpacker.decompress(chunk, most_bytes + 1 - len(content))
            except zlib.error as exc:
                raise BodyRefused("garbled") from exc
        if len(content) > most_bytes:
            raise BodyRefused("garbled")
        if time.monotonic() > until_s:
            raise BodyRefused("timeout")
    return bytes(content)
