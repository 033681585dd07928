"""The messages of the decode process: whatever comes, it is a message or BadMessage."""

from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsum.media import wire


def read(data: bytes) -> tuple[wire.Header, bytes] | None:
    return wire.read(io.BytesIO(data).read)


def raw(header: bytes, blob: bytes = b"") -> bytes:
    return struct.pack("<IQ", len(header), len(blob)) + header + blob


def test_what_is_written_is_read() -> None:
    stream = io.BytesIO()
    wire.write(stream, {"a": [1, 2.5, None]}, b"\x00\xff")
    assert read(stream.getvalue()) == ({"a": [1, 2.5, None]}, b"\x00\xff")


def test_the_end_is_no_message() -> None:
    assert read(b"") is None


@pytest.mark.parametrize(
    "data",
    [
        b"\x01",
        raw(b'{"a": 1}', b"blob")[:-1],
        raw(b'{"a": 1')[:-1] + b"x",
        raw(b"[1]"),
        raw(b"\xff\xfe"),
        raw(b'{"t": NaN}'),
        raw(b'{"t": Infinity}'),
        raw(b'{"t": 1e999}'),
        raw(b"[" * 100_000),
        struct.pack("<IQ", 2**32 - 1, 0),
        struct.pack("<IQ", 2, 2**63),
    ],
)
def test_nonsense_is_refused(data: bytes) -> None:
    with pytest.raises(wire.BadMessage):
        read(data)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_refused(data: bytes) -> None:
    try:
        found = read(data)
    except wire.BadMessage:
        return
    assert found is None or isinstance(found[0], dict)
