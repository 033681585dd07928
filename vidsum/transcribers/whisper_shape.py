"""A Whisper model's dimensions, read from its CTranslate2 file without loading it.

The file is a list of variables: name, dimensions, type, number of bytes, then the bytes, which
are stepped over. Source: CTranslate2, python/ctranslate2/specs/model_spec.py, binary version 6.
"""

from __future__ import annotations

import math
import re
import struct
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from vidsum.data import ModelShape

_VERSIONS: Final = range(4, 7)
"""Those that write a variable in this way: before 4 its type stood as an item's size."""
_TYPES: Final = ("float32", "int8", "int16", "int32", "float16", "bfloat16")
_MOST_VARIABLES: Final = 1 << 14
_MOST_DIMENSIONS: Final = 4
_MOST_PARAMETERS: Final = 10**12
_LAYER: Final = re.compile(r"(encoder|decoder)/layer_(\d+)/")


class _Unreadable(Exception):
    """This is no model in CTranslate2 form, or a damaged one."""


@dataclass(frozen=True, slots=True)
class _Variable:
    name: str
    dimensions: tuple[int, ...]
    kind: int

    @property
    def weights(self) -> int:
        """How many of its numbers are weights: a scale of quantisation or a setting is none."""
        scale = self.name.endswith(("_scale", "_zero"))
        return math.prod(self.dimensions) if self.dimensions and not scale else 0


def whisper_shape(folder: Path) -> ModelShape | None:
    """Return the dimensions of the model in a folder; None if its file is not understood.

    ``parameters`` are the decoder's: the output layer is its embedding, so that none is merely
    looked up but for the positions.
    """
    path = folder / "model.bin"
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            variables = _variables(file, path.stat().st_size)
    except (_Unreadable, OSError, ValueError):
        return None
    return _shape(variables)


def _variables(file: BinaryIO, size_bytes: int) -> list[_Variable]:
    """Return what the file holds. Raises: _Unreadable."""
    if _number(file, "<I") not in _VERSIONS or _text(file) != "WhisperSpec":
        raise _Unreadable
    _number(file, "<I")  # the specification's revision
    count = _number(file, "<I")
    if count > _MOST_VARIABLES:
        raise _Unreadable
    variables = []
    for _ in range(count):
        name, rank = _text(file), _number(file, "<B")
        if rank > _MOST_DIMENSIONS:
            raise _Unreadable
        dimensions = tuple(_number(file, "<I") for _ in range(rank))
        kind, content_bytes = _number(file, "<B"), _number(file, "<I")
        if file.seek(content_bytes, 1) > size_bytes:
            raise _Unreadable
        variables.append(_Variable(name, dimensions, kind))
    return variables


def _number(file: BinaryIO, form: str) -> Any:
    size = struct.calcsize(form)
    raw = file.read(size)
    if len(raw) < size:
        raise _Unreadable
    return struct.unpack(form, raw)[0]


def _text(file: BinaryIO) -> str:
    """Return a text: its length as 16 bits, and a zero byte at its end."""
    size = _number(file, "<H")
    raw = file.read(size)
    if len(raw) < size or not raw.endswith(b"\0"):
        raise _Unreadable
    return raw[:-1].decode()


def _shape(variables: list[_Variable]) -> ModelShape | None:
    dimensions = {variable.name: variable.dimensions for variable in variables}
    layers = {"encoder": 0, "decoder": 0}
    weights = {"encoder": 0, "decoder": 0}
    kinds: Counter[int] = Counter()
    for variable in variables:
        part = variable.name.split("/", 1)[0]
        if part in weights:
            weights[part] += variable.weights
            kinds[variable.kind] += variable.weights
        if found := _LAYER.match(variable.name):
            layers[found[1]] = max(layers[found[1]], int(found[2]) + 1)
    vocabulary, width = (*dimensions.get("decoder/embeddings/weight", ()), 0, 0)[:2]
    encoder_width, mels = (*dimensions.get("encoder/conv1/weight", ()), 0, 0)[:2]
    if not all((vocabulary, width, encoder_width, mels, *layers.values())):
        return None
    if sum(weights.values()) > _MOST_PARAMETERS or max(layers.values()) > len(variables):
        return None
    kind = kinds.most_common(1)[0][0]
    return ModelShape(
        parameters=weights["decoder"], layers=layers["decoder"], width=width,
        encoder_parameters=weights["encoder"], encoder_layers=layers["encoder"],
        encoder_width=encoder_width, quant=_TYPES[kind] if kind < len(_TYPES) else None,
        vocabulary=vocabulary, mels=mels,
    )  # fmt: skip
