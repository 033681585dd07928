"""What a file of weights says it holds, from its head alone: safetensors and GGUF.

The engines that load such files end with a signal at damaged ones, so they are looked at first.
Weights are not read, and nothing that a file claims is believed before it was checked.

Source: safetensors, README "Format".
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal, TypeGuard

from vidsum.errors import BackendMissing
from vidsum.wording import shown

MOST_TENSORS: Final = 1 << 16
MOST_WEIGHTS: Final = 10**14
"""No model has more, in one tensor or together."""
_MOST_HEADER_BYTES: Final = 8 << 20
"""The largest image models take less than one of them."""
_MOST_DIMENSIONS: Final = 8
_MOST_NAME: Final = 1 << 10
_LENGTH: Final = struct.Struct("<Q")
_BITS: Final = {
    "F64": 64, "F32": 32, "F16": 16, "BF16": 16, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8,
    "I64": 64, "I32": 32, "I16": 16, "I8": 8, "U64": 64, "U32": 32, "U16": 16, "U8": 8,
    "BOOL": 8, "F4": 4, "C64": 64,
}  # fmt: skip
"""Bits a number. Source: safetensors, ``enum Dtype``."""


class Unreadable(ValueError):
    """This is no file of weights, or a damaged one; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor. ``shape``: outermost dimension first, in GGUF files too.

    ``dtype`` as the file has it (``F16``, ``BF16``, ``Q4_0``); ``?41`` for a GGUF type that is not
    known here. ``start`` and ``end`` are bytes from the file's beginning; a GGUF tensor of an
    unknown type ends at its start.
    """

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int

    @property
    def weights(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True, eq=False)
class WeightsFile:
    """What a file holds. ``metadata``: its short texts (``general.architecture``, ``format``).

    ``whole``: all the bytes that the tensors need are there; more may follow.
    """

    path: Path
    form: Literal["safetensors", "gguf"]
    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str]
    size_bytes: int

    @property
    def needed_bytes(self) -> int:
        """The least size that holds every tensor."""
        return max((tensor.end for tensor in self.tensors.values()), default=0)

    @property
    def whole(self) -> bool:
        """Whether the data is all there."""
        return self.size_bytes >= self.needed_bytes

    @property
    def parameters(self) -> int:
        """How many numbers all tensors have together."""
        return sum(tensor.weights for tensor in self.tensors.values())


def read_weights(path: Path) -> WeightsFile:
    """Return what a file of weights holds. Reads at most 64 MiB of it, and none of the weights.

    Raises: BackendMissing for what is not there, is no file, is neither safetensors nor GGUF, or
    has a damaged head. Data that is cut off is no error: see ``whole``.
    """
    try:
        if not path.exists():
            raise BackendMissing(f"There is no file {shown(path)}.")
        if not path.is_file():  # to open a pipe would wait for its other end
            raise BackendMissing(f"{shown(path)} is no file.", "Name a .gguf or .safetensors file.")
        with path.open("rb") as file:
            return _read(path, file)
    except Unreadable as exc:
        raise BackendMissing(
            f"{shown(path)} is no file of weights, or its download is not finished: {exc}.",
            "Name a .gguf or .safetensors file.",
        ) from exc
    except OSError as exc:
        raise BackendMissing(f"{shown(path)} cannot be read: {exc.strerror}.") from exc
    except ValueError as exc:  # a null byte in a name
        raise BackendMissing(f"There is no file {shown(path)}.") from exc


def _read(path: Path, file: BinaryIO) -> WeightsFile:
    size = file.seek(0, 2)
    file.seek(0)
    if file.read(4) == b"GGUF":
        from vidsum.catalog.gguf_tensors import read_gguf

        tensors, metadata = read_gguf(file)
        return WeightsFile(path, "gguf", tensors, metadata, size)
    file.seek(0)
    tensors, metadata = _read_safetensors(file, size)
    return WeightsFile(path, "safetensors", tensors, metadata, size)


def _read_safetensors(file: BinaryIO, size: int) -> tuple[dict[str, Tensor], dict[str, str]]:
    head = file.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise Unreadable("it ends before its header")
    (length,) = _LENGTH.unpack(head)
    if not 2 <= length <= _MOST_HEADER_BYTES:
        raise Unreadable("it has no header that could be one")
    if length > size - _LENGTH.size:
        raise Unreadable("it ends within its header")
    found = _parsed(file.read(length))
    metadata = found.pop("__metadata__", {})
    if not isinstance(metadata, dict):
        raise Unreadable("its header is damaged")
    if len(found) > MOST_TENSORS:
        raise Unreadable("it has too many tensors")
    tensors = {name: _tensor(name, said, _LENGTH.size + length) for name, said in found.items()}
    _refuse_overlaps(tensors)
    texts = {key: text for key, text in metadata.items() if isinstance(text, str)}
    return tensors, {key: text for key, text in texts.items() if len(text) <= _MOST_NAME}


def _parsed(header: bytes) -> dict[str, Any]:
    """Return a header as JSON. Raises: Unreadable, also for a name that it has twice."""
    try:
        found = json.loads(header.decode("utf-8"), object_pairs_hook=_named_once)
    except Unreadable:
        raise
    except (ValueError, RecursionError) as exc:
        raise Unreadable("its header is damaged") from exc
    if not isinstance(found, dict):
        raise Unreadable("its header is damaged")
    return found


def _named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Unreadable("its header has a name twice")
    return found


def _tensor(name: str, said: Any, data_start: int) -> Tensor:
    """Return a tensor as the header has it. Raises: Unreadable."""
    if len(name) > _MOST_NAME or not isinstance(said, dict):
        raise Unreadable("its header is damaged")
    dtype, shape, offsets = said.get("dtype"), said.get("shape"), said.get("data_offsets")
    if not isinstance(dtype, str) or dtype not in _BITS:
        raise Unreadable("it has a tensor of an unknown type")
    if not (_are_counts(shape) and _are_counts(offsets) and len(offsets) == 2):
        raise Unreadable("it has a tensor without a shape or place")
    start, end = offsets
    if len(shape) > _MOST_DIMENSIONS or (end - start) * 8 != math.prod(shape) * _BITS[dtype]:
        raise Unreadable("it has a tensor that does not fit its place")
    return Tensor(dtype, tuple(shape), data_start + start, data_start + end)


def _are_counts(found: Any) -> TypeGuard[list[int]]:
    return isinstance(found, list) and all(
        type(number) is int and 0 <= number <= 8 * MOST_WEIGHTS for number in found
    )


def _refuse_overlaps(tensors: Mapping[str, Tensor]) -> None:
    """Refuse bytes that two tensors share. Raises: Unreadable."""
    at = 0
    for tensor in sorted(tensors.values(), key=lambda tensor: (tensor.start, tensor.end)):
        if tensor.start < at:
            raise Unreadable("it has two tensors in one place")
        at = tensor.end
