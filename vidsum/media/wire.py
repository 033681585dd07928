"""The messages between the program and its decode process.

A message is a header (one JSON object) and a block of raw bytes. JSON, not pickle: a decoder
that a hostile file has taken over must not be able to run code in the program.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable
from typing import Any, BinaryIO

_PREFIX = struct.Struct("<IQ")
_MAX_HEADER_BYTES = 64 * 1024 * 1024
_MAX_BLOB_BYTES = 1024**3

Header = dict[str, Any]


class BadMessage(Exception):
    """The other side sent something that is no message."""


def write(stream: BinaryIO, header: Header, blob: bytes | memoryview = b"") -> None:
    """Write one message and flush it."""
    text = json.dumps(header, separators=(",", ":")).encode()
    stream.write(_PREFIX.pack(len(text), len(blob)))
    stream.write(text)
    stream.write(blob)
    stream.flush()


def read(read_bytes: Callable[[int], bytes]) -> tuple[Header, bytes] | None:
    """Return the next message, None when the stream ended. Raises: BadMessage.

    ``read_bytes(n)`` gives n bytes, fewer only at the end of the stream.
    """
    prefix = read_bytes(_PREFIX.size)
    if not prefix:
        return None
    if len(prefix) < _PREFIX.size:
        raise BadMessage("cut off in a prefix")
    header_bytes, blob_bytes = _PREFIX.unpack(prefix)
    if header_bytes > _MAX_HEADER_BYTES or blob_bytes > _MAX_BLOB_BYTES:
        raise BadMessage(f"too large: {header_bytes} + {blob_bytes} bytes")
    text, blob = read_bytes(header_bytes), read_bytes(blob_bytes)
    if len(text) < header_bytes or len(blob) < blob_bytes:
        raise BadMessage("cut off in a message")
    try:
        header = json.loads(text, parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError) as exc:
        raise BadMessage("header is not JSON, or holds numbers that are none") from exc
    if not isinstance(header, dict):
        raise BadMessage("header is not an object")
    return header, blob


def _finite(text: str) -> float:
    """Return a number of a header; nothing that is measured is infinite or no number."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number
