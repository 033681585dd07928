"""The tensors that a GGUF file holds, from its head alone.

Source: ggml, docs/gguf.md (the format); ggml.c, ``type_traits`` (blocks; compared with 0.25.3).
"""

from __future__ import annotations

import math
import struct
from typing import Any, BinaryIO, Final

from vidsum.catalog.tensors import MOST_TENSORS, MOST_WEIGHTS, Tensor, Unreadable

_MOST_HEAD_BYTES: Final = 64 << 20
"""A vocabulary of 262,000 tokens with its merges takes 16 MB."""
_MOST_KEYS: Final = 1 << 14
_MOST_DIMENSIONS: Final = 5
_MOST_TEXT_BYTES: Final = 1 << 10
_ALIGNMENT_BYTES: Final = 32
_MOST_ALIGNMENT_BYTES: Final = 1 << 20
_BLOCK_BYTES: Final = 1 << 20

_U32, _U64 = struct.Struct("<I"), struct.Struct("<Q")
_SIZES: Final = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Bytes of a key's value, by the number of its type."""
_KEY_U32, _TEXT, _ARRAY = 4, 8, 9
_TYPES: Final = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22), 7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 9: ("Q8_1", 32, 36),
    10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110), 12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210), 15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50), 20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136), 24: ("I8", 1, 1), 25: ("I16", 1, 2),
    26: ("I32", 1, 4), 27: ("I64", 1, 8), 28: ("F64", 1, 8), 29: ("IQ1_M", 256, 56),
    30: ("BF16", 1, 2), 34: ("TQ1_0", 256, 54), 35: ("TQ2_0", 256, 66), 39: ("MXFP4", 32, 17),
    40: ("NVFP4", 64, 36), 41: ("Q1_0", 128, 18), 42: ("Q2_0", 64, 18),
}  # fmt: skip
"""Name, numbers in a block, and bytes that a block takes."""


class _Head:
    """A file's beginning, read in order and no further than a limit."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.at = file, file.tell()

    def bytes(self, size: int) -> bytes:
        self.at += size
        if self.at > _MOST_HEAD_BYTES:
            raise Unreadable("its head is too long")
        found = self._file.read(size)
        if len(found) < size:
            raise Unreadable("it ends within its head")
        return found

    def number(self, form: struct.Struct) -> int:
        return int(form.unpack(self.bytes(form.size))[0])

    def text(self) -> str | None:
        """Return a text, or None for a long one, which is stepped over."""
        size = self.number(_U64)
        if size <= _MOST_TEXT_BYTES:
            return self.bytes(size).decode("utf-8", "replace")
        self.skip(size)
        return None

    def skip(self, size: int) -> None:
        if self.at + size > _MOST_HEAD_BYTES:
            raise Unreadable("its head is too long")
        while size:
            size -= len(self.bytes(min(size, _BLOCK_BYTES)))

    def value(self) -> Any:
        """Return a key's value where it is a short text or a 32-bit number; else None."""
        kind = self.number(_U32)
        if kind == _TEXT:
            return self.text()
        if kind == _KEY_U32:
            return self.number(_U32)
        if kind == _ARRAY:
            self._skip_array()
        else:
            self.skip(_size(kind))
        return None

    def _skip_array(self) -> None:
        inner, count = self.number(_U32), self.number(_U64)
        if inner != _TEXT:
            self.skip(count * _size(inner))
            return
        self._skip_texts(count)

    def _skip_texts(self, count: int) -> None:
        """Step over texts: the loop that a vocabulary goes through, so it does as little as can be.

        It stops where the bytes do, so a count without texts behind it costs nothing.
        """
        at, read, seek, unpack = self.at, self._file.read, self._file.seek, _U64.unpack
        for _ in range(count):
            length = read(8)
            if len(length) < 8:
                raise Unreadable("it ends within its head")
            at += 8 + unpack(length)[0]
            if at > _MOST_HEAD_BYTES:
                raise Unreadable("its head is too long")
            seek(at)
        self.at = at


def _size(kind: int) -> int:
    if kind not in _SIZES:
        raise Unreadable("it has a key of an unknown type")
    return _SIZES[kind]


def read_gguf(file: BinaryIO) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors and the short texts of a GGUF file; its first four bytes are read already.

    Raises: Unreadable, OSError.
    """
    head = _Head(file)
    if head.number(_U32) not in (2, 3):
        raise Unreadable("it is of a version that is not known")
    n_tensors, n_keys = head.number(_U64), head.number(_U64)
    if n_tensors > MOST_TENSORS or n_keys > _MOST_KEYS:
        raise Unreadable("it has too many tensors or keys")
    keys: dict[str, Any] = {}
    for _ in range(n_keys):
        key, value = head.text(), head.value()
        if key is not None and value is not None:
            keys[key] = value
    said = [_described(head) for _ in range(n_tensors)]
    start = _aligned(head.at, keys.get("general.alignment", _ALIGNMENT_BYTES))
    tensors = {name: _placed(shape, kind, start + offset) for name, shape, kind, offset in said}
    if len(tensors) < len(said):
        raise Unreadable("it has a name twice")
    return tensors, {key: value for key, value in keys.items() if isinstance(value, str)}


def _described(head: _Head) -> tuple[str, tuple[int, ...], int, int]:
    """Return the next tensor's name, shape (outermost first), type and offset."""
    name, count = head.text(), head.number(_U32)
    if name is None or count > _MOST_DIMENSIONS:
        raise Unreadable("it has a tensor without a name or shape")
    shape = tuple(head.number(_U64) for _ in range(count))[::-1]
    if math.prod(shape) > MOST_WEIGHTS:
        raise Unreadable("it has a tensor that is too large")
    return name, shape, head.number(_U32), head.number(_U64)


def _aligned(at: int, alignment: Any) -> int:
    if not (isinstance(alignment, int) and 0 < alignment <= _MOST_ALIGNMENT_BYTES):
        raise Unreadable("its alignment is damaged")
    return -(-at // alignment) * alignment


def _placed(shape: tuple[int, ...], kind: int, start: int) -> Tensor:
    name, numbers, size = _TYPES.get(kind, (f"?{kind}", 1, 0))
    return Tensor(name, shape, start, start + -(-math.prod(shape) // numbers) * size)
