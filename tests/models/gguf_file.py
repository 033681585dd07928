"""Reads and writes GGUF files, version 3, as far as the tests' models need it.

The `gguf` package does this as well; this is here so that tests can make a model without it.

Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Value = bool | int | float | str | list[str] | list[int] | list[float]
Encoding = Literal["f32", "f16", "q8_0"]

ALIGNMENT = 32
Q8_BLOCK = 32
_UINT32, _INT32, _FLOAT32, _BOOL, _STRING, _ARRAY = 4, 5, 6, 7, 8, 9
_FORMATS = {_UINT32: "<I", _INT32: "<i", _FLOAT32: "<f", _BOOL: "<?"}
_TENSOR_TYPES: dict[str, int] = {"f32": 0, "f16": 1, "q8_0": 8}
_DTYPES: dict[int, np.dtype[Any]] = {0: np.dtype("<f4"), 1: np.dtype("<f2")}


def write_gguf(
    path: Path,
    metadata: Mapping[str, Value],
    tensors: Iterable[tuple[str, Array]],
    encoding: Encoding = "f16",
) -> Path:
    """Write a model. Vectors, patches and positions stay f32, as in published files.

    A whole number is written as uint32, a list of whole numbers as int32: what llama.cpp expects
    of every key in use here. All data is held in memory until it is written.
    """
    infos, blobs, offset = [], [], 0
    for name, array in tensors:
        kept = "f32" if array.ndim != 2 or "position_embd" in name else encoding
        if kept == "q8_0" and array.shape[-1] % Q8_BLOCK:
            kept = "f16"
        blob = _encoded(array, kept)
        shape = array.shape[::-1]
        infos.append(_text(name) + struct.pack("<I", len(shape)))
        infos.append(struct.pack(f"<{len(shape)}QIQ", *shape, _TENSOR_TYPES[kept], offset))
        blobs.append(_padded(blob, len(blob)))
        offset += len(blobs[-1])
    head = b"GGUF" + struct.pack("<IQQ", 3, len(blobs), len(metadata))
    head += b"".join(_text(key) + _value(value) for key, value in metadata.items())
    head += b"".join(infos)
    with path.open("wb") as file:
        file.write(_padded(head, len(head)))
        for blob in blobs:
            file.write(blob)
    return path


def read_gguf(path: Path) -> tuple[dict[str, Value], dict[str, Array]]:
    """Return a model's metadata, and its tensors by name as they are stored (f32 or f16).

    Raises:
        ValueError: the file is no GGUF 3, or holds quantised tensors.
    """
    with path.open("rb") as file:
        magic, version, n_tensors, n_values = struct.unpack("<4sIQQ", file.read(24))
        if magic != b"GGUF" or version != 3:
            raise ValueError(f"{path} is not a GGUF file of version 3")
        metadata = {_read_text(file): _read_value(file) for _ in range(n_values)}
        infos = [_read_info(file) for _ in range(n_tensors)]
        start = math.ceil(file.tell() / ALIGNMENT) * ALIGNMENT
        tensors = {}
        for name, shape, kind, offset in infos:
            if kind not in _DTYPES:
                raise ValueError(f"{path}: {name} is quantised (type {kind})")
            file.seek(start + offset)
            size = _DTYPES[kind].itemsize * math.prod(shape)
            tensors[name] = np.frombuffer(file.read(size), _DTYPES[kind]).reshape(shape)
    return metadata, tensors


def _encoded(array: Array, encoding: str) -> bytes:
    if encoding == "f16":
        return array.astype("<f2").tobytes()
    if encoding == "q8_0":
        return _q8(array.astype(np.float32))
    return array.astype("<f4").tobytes()


def _q8(array: NDArray[np.float32]) -> bytes:
    """Quantise to blocks of 32: a scale (f16), then 32 int8."""
    blocks = array.reshape(-1, Q8_BLOCK)
    scale = np.abs(blocks).max(1, keepdims=True) / 127
    inverse = np.divide(1, scale, out=np.zeros_like(scale), where=scale > 0)
    whole = np.rint(blocks * inverse).astype(np.int8)
    return np.hstack([scale.astype("<f2").view(np.int8), whole]).tobytes()


def _padded(data: bytes, size: int) -> bytes:
    return data + b"\0" * (-size % ALIGNMENT)


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _kind(value: Value) -> int:
    """Return GGUF's number for a value's type. A bool is an int: it comes first."""
    for python_type, kind in ((bool, _BOOL), (int, _UINT32), (float, _FLOAT32), (str, _STRING)):
        if isinstance(value, python_type):
            return kind
    return _ARRAY


def _value(value: Value) -> bytes:
    kind = _kind(value)
    if not isinstance(value, list):
        return struct.pack("<I", kind) + _scalar(kind, value)
    inner = _INT32 if _kind(value[0]) == _UINT32 else _kind(value[0])
    head = struct.pack("<IIQ", _ARRAY, inner, len(value))
    return head + b"".join(_scalar(inner, one) for one in value)


def _scalar(kind: int, value: bool | int | float | str) -> bytes:
    return _text(value) if isinstance(value, str) else struct.pack(_FORMATS[kind], value)


def _read_text(file: BinaryIO) -> str:
    (size,) = struct.unpack("<Q", file.read(8))
    return file.read(size).decode()


def _read_value(file: BinaryIO) -> Any:
    (kind,) = struct.unpack("<I", file.read(4))
    if kind != _ARRAY:
        return _read_scalar(file, kind)
    inner, count = struct.unpack("<IQ", file.read(12))
    return [_read_scalar(file, inner) for _ in range(count)]


def _read_scalar(file: BinaryIO, kind: int) -> bool | int | float | str:
    if kind == _STRING:
        return _read_text(file)
    form = _FORMATS[kind]
    return struct.unpack(form, file.read(struct.calcsize(form)))[0]  # type: ignore[no-any-return]


def _read_info(file: BinaryIO) -> tuple[str, tuple[int, ...], int, int]:
    name = _read_text(file)
    (dimensions,) = struct.unpack("<I", file.read(4))
    *shape, kind, offset = struct.unpack(f"<{dimensions}QIQ", file.read(8 * dimensions + 12))
    return name, tuple(shape[::-1]), kind, offset
