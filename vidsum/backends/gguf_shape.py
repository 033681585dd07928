"""A model's dimensions, read from the head of its GGUF file without loading it.

Nothing but the head is read: a vocabulary is stepped over, weights are not touched.

Source: ggml, docs/gguf.md (the format); llama.cpp, gguf-py/gguf/constants.py (the keys).
"""

from __future__ import annotations

import math
import re
import struct
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, Final

from vidsum.data import ModelShape

_MOST_HEAD_BYTES: Final = 64 << 20
"""What is read of a model at most. A vocabulary of 262,000 tokens with its merges takes 16 MB."""
_FIRST_READ_BYTES: Final = 1 << 18
_MOST_TENSORS: Final = 1 << 16
_MOST_KEYS: Final = 1 << 14
_MOST_DIMENSIONS: Final = 4
_MOST_TEXT_BYTES: Final = 1 << 10
_MOST_PARAMETERS: Final = 10**14
_MOST_PARTS: Final = 1000
_PART: Final = re.compile(r"(.+)-\d{5}-of-(\d{5})\.gguf", re.DOTALL)

_U32, _U64 = struct.Struct("<I"), struct.Struct("<Q")
_NUMBERS: Final = {
    0: struct.Struct("<B"), 1: struct.Struct("<b"), 2: struct.Struct("<H"), 3: struct.Struct("<h"),
    4: _U32, 5: struct.Struct("<i"), 6: struct.Struct("<f"), 7: struct.Struct("<?"),
    10: _U64, 11: struct.Struct("<q"), 12: struct.Struct("<d"),
}  # fmt: skip
_TEXT, _ARRAY = 8, 9

_FILE_TYPES: Final = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K",
    11: "Q3_K_S", 12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S",
    17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS",
    23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S", 29: "IQ2_M",
    30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4_MOE",
}  # fmt: skip
"""Source: llama.cpp, enum llama_ftype."""
_TENSOR_TYPES: Final = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 10: "Q2_K",
    11: "Q3_K", 12: "Q4_K", 13: "Q5_K", 14: "Q6_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS",
    19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 29: "IQ1_M", 30: "BF16",
    34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4",
}  # fmt: skip
"""Source: ggml, enum ggml_type."""

_MERGES: Final = {"qwen2vl_merger": 2, "qwen2.5vl_merger": 2, "qwen3vl_merger": 2, "gemma3": 4}
"""Patches of a side that become one token, where the file need not say."""
_SQUARE: Final = ("idefics3", "gemma3")
_ANY_SIZE: Final = ("qwen2vl_merger", "qwen2.5vl_merger", "qwen3vl_merger")
_ANY_SIZE_TOKENS: Final = (8, 4096)
"""The least and the most tokens of a picture that keeps its shape. Source: llama.cpp, clip.cpp."""
_WINDOW_PX: Final = 112
"""Side of an attention window in Qwen2.5-VL. Source: arXiv:2502.13923, section 2.1.1."""


class _Unreadable(Exception):
    """This is no GGUF file, or a damaged one."""


class _Head:
    """The beginning of a file, read as far as is asked for, but no further than a limit."""

    def __init__(self, file: BinaryIO, most_bytes: int) -> None:
        self._file, self._most_bytes = file, most_bytes
        self._data, self.at = bytearray(), 0

    def _have(self, end: int) -> None:
        """Read on until ``end`` bytes are there. Raises: _Unreadable when they never will be."""
        if end > self._most_bytes:
            raise _Unreadable
        while len(self._data) < end:
            more = self._file.read(max(_FIRST_READ_BYTES, len(self._data), end - len(self._data)))
            if not more:
                raise _Unreadable
            self._data += more

    def number(self, form: struct.Struct) -> Any:
        at = self.at
        self.skip(form.size)
        return form.unpack_from(self._data, at)[0]

    def text(self) -> str | None:
        """Return a text, or None for a long one, which is stepped over."""
        size = self.number(_U64)
        start = self.at
        self.skip(size)
        if size > _MOST_TEXT_BYTES:
            return None
        return self._data[start : self.at].decode("utf-8", "replace")

    def skip(self, size: int) -> None:
        self.at += size
        self._have(self.at)

    def skip_texts(self, count: int) -> None:
        """Step over texts: the loop that a vocabulary goes through, so it does as little as can be.

        It stops where the bytes do, so a count without texts behind it costs nothing.
        """
        at, data, unpack, there = self.at, self._data, _U64.unpack_from, len(self._data)
        for _ in range(count):
            if at + 8 > there:
                self._have(at + 8)
                there = len(data)
            at += 8 + unpack(data, at)[0]
        self.at = at
        self._have(at)

    def value(self) -> Any:
        """Return a key's value, a number or a short text; None for any other."""
        kind = self.number(_U32)
        if kind == _TEXT:
            return self.text()
        if kind == _ARRAY:
            inner, count = self.number(_U32), self.number(_U64)
            if inner == _TEXT:
                self.skip_texts(count)
            else:
                self.skip(count * _number(inner).size)
            return None
        return self.number(_number(kind))

    def tensor(self) -> _Tensor:
        """Return the next tensor's name, dimensions and type. Raises: _Unreadable."""
        name = self.text()
        count = self.number(_U32)
        if name is None or count > _MOST_DIMENSIONS:
            raise _Unreadable
        dimensions = tuple(self.number(_U64) for _ in range(count))
        kind = self.number(_U32)
        self.skip(_U64.size)  # where its data begin
        return _Tensor(name, dimensions, kind)


def _number(kind: int) -> struct.Struct:
    if kind not in _NUMBERS:
        raise _Unreadable
    return _NUMBERS[kind]


@dataclass(frozen=True, slots=True)
class _Tensor:
    """``dimensions`` as the file has them: rows of a matrix stand last, and so do experts."""

    name: str
    dimensions: tuple[int, ...]
    kind: int

    @property
    def weights(self) -> int:
        return math.prod(self.dimensions)


@dataclass(slots=True)
class _Contents:
    """What a file's head says. ``keys`` hold numbers and short texts; of a list, None."""

    keys: dict[str, Any] = field(default_factory=dict)
    tensors: list[_Tensor] = field(default_factory=list)

    def whole(self, key: str) -> int:
        """Return a whole number above 0, or 0."""
        value = self.keys.get(key)
        return value if type(value) is int and 0 < value < 1 << 31 else 0

    def text(self, key: str) -> str:
        value = self.keys.get(key)
        return value if isinstance(value, str) else ""

    def quant(self) -> str | None:
        """Return how the weights are kept: as the file says, else as most of them are."""
        said = self.keys.get("general.file_type")
        if isinstance(said, int) and said in _FILE_TYPES:
            return _FILE_TYPES[said]
        found: Counter[str | None] = Counter()
        for tensor in self.tensors:
            found[_TENSOR_TYPES.get(tensor.kind)] += tensor.weights
        return found.most_common(1)[0][0] if found else None


def shape_of(model: Path, mmproj: Path | None = None) -> ModelShape | None:
    """Return a model's dimensions, with those of its picture encoder; None if a file is not
    understood. Reads at most 64 MiB of the model and of the encoder.

    ``parameters`` leaves out tables that a token only takes a row of (its embedding, unless the
    output layer is the same), and of a mixture of experts those that are not asked.
    ``encoder_parameters`` counts what works on merged patches by its share of a patch.
    """
    try:
        contents = _read(_parts_of(model))
        shape = _text_shape(contents)
        if shape is not None and mmproj is not None:
            return _with_encoder(shape, _read([mmproj]))
        return shape
    except (_Unreadable, OSError, ValueError):
        return None


def _parts_of(path: Path) -> list[Path]:
    """Return the files of a model, the first one first. Source: llama.cpp, ``llama_split_path``."""
    found = _PART.fullmatch(path.name)
    if found is None or not 0 < int(found[2]) <= _MOST_PARTS:
        return [path]
    return [path.with_name(f"{found[1]}-{number:05}-of-{found[2]}.gguf")
            for number in range(1, int(found[2]) + 1)]  # fmt: skip


def _read(parts: Iterable[Path]) -> _Contents:
    """Return what the heads of a model's files say, the keys of the first one."""
    contents, most_bytes = _Contents(), _MOST_HEAD_BYTES
    for number, path in enumerate(parts):
        if not path.is_file():
            raise _Unreadable  # to open a pipe would wait for its other end
        with path.open("rb", buffering=0) as file:
            head = _Head(file, most_bytes)
            keys = _read_part(head, contents.tensors)
            most_bytes -= head.at
        if number == 0:
            contents.keys = keys
        if len(contents.tensors) > _MOST_TENSORS:
            raise _Unreadable
    return contents


def _read_part(head: _Head, tensors: list[_Tensor]) -> dict[str, Any]:
    if head.number(_U32) != 0x46554747 or head.number(_U32) not in (2, 3):  # "GGUF"
        raise _Unreadable
    n_tensors, n_keys = head.number(_U64), head.number(_U64)
    if n_tensors > _MOST_TENSORS or n_keys > _MOST_KEYS:
        raise _Unreadable
    keys: dict[str, Any] = {}
    for _ in range(n_keys):
        key = head.text()
        value = head.value()
        if key is not None:
            keys[key] = value
    tensors += [head.tensor() for _ in range(n_tensors)]
    return keys


def _text_shape(contents: _Contents) -> ModelShape | None:
    architecture = contents.text("general.architecture")
    layers = contents.whole(f"{architecture}.block_count")
    width = contents.whole(f"{architecture}.embedding_length")
    experts = contents.whole(f"{architecture}.expert_count")
    used = contents.whole(f"{architecture}.expert_used_count")
    names = {tensor.name for tensor in contents.tensors}
    rows_only = {"per_layer_token_embd.weight"}
    if "output.weight" in names:
        rows_only.add("token_embd.weight")
    parameters = vocabulary = 0
    for tensor in contents.tensors:
        if tensor.name == "token_embd.weight" and tensor.dimensions:
            vocabulary = tensor.dimensions[-1]
        if tensor.name in rows_only:
            continue
        if "_exps." in tensor.name and 0 < used <= experts:
            parameters += tensor.weights * used // experts
        else:
            parameters += tensor.weights
    if not (layers and width and 0 < parameters <= _MOST_PARAMETERS):
        return None
    return ModelShape(parameters=parameters, layers=layers, width=width, quant=contents.quant(),
                      vocabulary=vocabulary)  # fmt: skip


def _with_encoder(shape: ModelShape, contents: _Contents) -> ModelShape | None:
    layers = contents.whole("clip.vision.block_count")
    width = contents.whole("clip.vision.embedding_length")
    patch_px = contents.whole("clip.vision.patch_size")
    projector = contents.text("clip.vision.projector_type") or contents.text("clip.projector_type")
    merge = (
        contents.whole("clip.vision.projector.scale_factor")
        or contents.whole("clip.vision.spatial_merge_size")
        or _MERGES.get(projector, 0)
    )
    parameters = 0
    for tensor in contents.tensors:
        if tensor.name.startswith(("mm.a.", "a.")):
            continue  # of an encoder for sound
        on_merged = tensor.name.startswith(("mm.", "v.deepstack."))
        parameters += tensor.weights // (merge**2 if on_merged and merge else 1)
    if not (layers and width and patch_px and 0 < parameters <= _MOST_PARAMETERS):
        return None
    pattern = contents.whole("clip.vision.n_wa_pattern")
    return replace(
        shape, encoder_parameters=parameters, encoder_layers=layers, encoder_width=width,
        patch_px=patch_px, merge=merge,
        image_px=contents.whole("clip.vision.image_size") if projector in _SQUARE else 0,
        longest_px=contents.whole("clip.vision.preproc_image_size") if projector in _SQUARE else 0,
        most_image_tokens=_ANY_SIZE_TOKENS[1] if projector in _ANY_SIZE else 0,
        window_patches=(_WINDOW_PX // patch_px) ** 2 if pattern else 0,
        full_layers=layers // pattern if pattern else 0,
    )  # fmt: skip


def image_patches(
    shape: ModelShape, width_px: int, height_px: int, *, most_tokens: int | None = None
) -> int | None:
    """Return how many patches the encoder sees of a picture, or of each tile that it is cut into.

    None where the file does not tell. ``most_tokens`` is a limit that somebody set for encoders
    that leave a picture its shape. Source: llama.cpp, tools/mtmd.
    """
    if min(shape.patch_px, width_px, height_px) < 1:
        return None
    if shape.image_px:
        return (shape.image_px // shape.patch_px) ** 2
    if not (shape.most_image_tokens and shape.merge):
        return None
    most = min(most_tokens or shape.most_image_tokens, shape.most_image_tokens)
    return _tokens_of(width_px, height_px, shape.patch_px * shape.merge, most) * shape.merge**2


def image_tokens(shape: ModelShape, patches: int) -> int | None:
    """Return how many places in the context so many patches take; None where it is not known."""
    return patches // shape.merge**2 if shape.merge else None


def image_tiles(shape: ModelShape, width_px: int, height_px: int) -> int:
    """Return how many squares an encoder that tiles makes of a picture, the overview included.

    Others make 1. The longest side is scaled to ``longest_px``, and both up to whole squares.
    """
    if not shape.image_px or shape.longest_px <= shape.image_px or min(width_px, height_px) < 1:
        return 1
    scale = shape.longest_px / max(width_px, height_px)
    sides = (math.ceil(int(side * scale) / shape.image_px) for side in (width_px, height_px))
    return math.prod(max(1, side) for side in sides) + 1


def _tokens_of(width_px: int, height_px: int, side_px: int, most: int) -> int:
    """Return into how many squares of ``side_px`` a picture goes that is scaled to fit a limit."""
    least = min(_ANY_SIZE_TOKENS[0], most)
    wide, high = (max(1, math.floor(s / side_px + 0.5)) for s in (width_px, height_px))
    area = width_px * height_px / side_px**2
    if wide * high > most:
        scale = math.sqrt(most / area)
        wide, high = (max(1, math.floor(s * scale / side_px)) for s in (width_px, height_px))
    elif wide * high < least:
        scale = math.sqrt(least / area)
        wide, high = (math.ceil(s * scale / side_px) for s in (width_px, height_px))
    return wide * high
