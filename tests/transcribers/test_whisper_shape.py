"""A Whisper model's dimensions are those that it was made with, and damage never raises."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from models import WHISPER
from models.whisper_training import size as made_with

from vidsum.data import ModelShape
from vidsum.transcribers.whisper_shape import whisper_shape

HEAD_BYTES = 60_000
"""More than the first variables: settings, and the beginning of the embedding."""


def known_shape(folder: Path) -> ModelShape:
    found = whisper_shape(folder)
    assert found is not None
    return found


def test_it_has_the_dimensions_that_it_was_made_with() -> None:
    found = known_shape(WHISPER)
    assert (found.layers, found.encoder_layers) == (
        made_with.DECODER_LAYERS, made_with.ENCODER_LAYERS
    )  # fmt: skip
    assert found.width == found.encoder_width == made_with.WIDTH
    assert found.mels == made_with.MELS
    assert found.vocabulary == len(json.loads((WHISPER / "vocabulary.json").read_text("utf-8")))
    assert found.quant == "float16"


def test_all_weights_are_counted() -> None:
    """By the architecture: biases everywhere, two norms a layer and one at the end, 3 in cross."""
    width, hidden = made_with.WIDTH, made_with.HIDDEN
    norm, attention = 2 * width, 4 * width**2 + 4 * width
    feed_forward = 2 * width * hidden + hidden + width
    found = known_shape(WHISPER)
    layer = attention + feed_forward + 2 * norm
    convolutions = 3 * made_with.MELS * width + 3 * width**2 + 2 * width
    assert found.encoder_parameters == (
        convolutions + made_with.AUDIO_POSITIONS * width + found.encoder_layers * layer + norm
    )
    assert found.parameters == (
        (found.vocabulary + made_with.TEXT_POSITIONS) * width
        + found.layers * (layer + attention + norm) + norm
    )  # fmt: skip


def test_it_is_what_ctranslate2_loads() -> None:
    from faster_whisper import WhisperModel

    model = WhisperModel(str(WHISPER), device="cpu", compute_type="float32", cpu_threads=1)
    assert known_shape(WHISPER).mels == model.model.n_mels


Variable = tuple[bytes, tuple[int, ...], int, bytes]


def read(raw: bytes) -> tuple[bytes, list[Variable], bytes]:
    """Return a model file's head (without the count), its variables, and what follows them."""
    at = 4 + 2 + len(b"WhisperSpec\0") + 4
    head, count = raw[:at], struct.unpack_from("<I", raw, at)[0]
    at += 4
    variables = []
    for _ in range(count):
        (length,) = struct.unpack_from("<H", raw, at)
        name, rank = raw[at + 2 : at + 1 + length], raw[at + 2 + length]
        at += 3 + length
        dimensions = struct.unpack_from(f"<{rank}I", raw, at)
        kind, size = struct.unpack_from("<BI", raw, at + 4 * rank)
        at += 4 * rank + 5
        variables.append((name, dimensions, kind, raw[at : at + size]))
        at += size
    return head, variables, raw[at:]


def write(folder: Path, head: bytes, variables: list[Variable], rest: bytes = b"") -> Path:
    folder.mkdir(exist_ok=True)
    raw = head + struct.pack("<I", len(variables))
    for name, dimensions, kind, content in variables:
        raw += struct.pack("<H", len(name) + 1) + name + b"\0" + bytes([len(dimensions)])
        raw += struct.pack(f"<{len(dimensions)}I", *dimensions)
        raw += struct.pack("<BI", kind, len(content)) + content
    (folder / "model.bin").write_bytes(raw + rest)
    return folder


def in_int8(variables: list[Variable]) -> Iterator[Variable]:
    for name, dimensions, kind, content in variables:
        if len(dimensions) < 2 or not name.endswith(b"weight"):
            yield name, dimensions, kind, content
            continue
        yield name, dimensions, 1, content[::2]
        yield name + b"_scale", dimensions[:1], 0, bytes(4 * dimensions[0])


def test_scales_of_quantised_weights_are_no_weights(tmp_path: Path) -> None:
    head, variables, rest = read((WHISPER / "model.bin").read_bytes())
    same = write(tmp_path / "same", head, variables, rest)
    assert (same / "model.bin").read_bytes() == (WHISPER / "model.bin").read_bytes()
    quantised = known_shape(write(tmp_path / "int8", head, list(in_int8(variables)), rest))
    whole = known_shape(WHISPER)
    assert quantised.quant == "int8"
    assert quantised.parameters == whole.parameters
    assert quantised.encoder_parameters == whole.encoder_parameters


def test_other_files_are_not_understood(tmp_path: Path) -> None:
    head, variables, _ = read((WHISPER / "model.bin").read_bytes())
    assert whisper_shape(tmp_path) is None
    (tmp_path / "model.bin").mkdir()
    assert whisper_shape(tmp_path) is None
    other = head.replace(b"WhisperSpec", b"Whisker\0pec")
    assert whisper_shape(write(tmp_path / "other", other, variables)) is None
    old = struct.pack("<I", 3) + head[4:]
    assert whisper_shape(write(tmp_path / "old", old, variables)) is None
    without = [variable for variable in variables if b"conv1" not in variable[0]]
    assert whisper_shape(write(tmp_path / "without", head, without)) is None
    assert whisper_shape(write(tmp_path / "none", head, [])) is None


def test_absurd_dimensions_are_not_believed(tmp_path: Path) -> None:
    head, variables, _ = read((WHISPER / "model.bin").read_bytes())
    wide = [*variables, (b"decoder/x/weight", (2**32 - 1, 2**32 - 1), 0, b"")]
    assert whisper_shape(write(tmp_path / "wide", head, wide)) is None
    deep = [*variables, (b"decoder/layer_999999999/x", (1,), 0, b"")]
    assert whisper_shape(write(tmp_path / "deep", head, deep)) is None


@pytest.mark.parametrize("kept", [0, 3, 20, 26, 40, 5_000, 300_000, 1_900_000])
def test_a_file_that_is_cut_off_is_not_understood(tmp_path: Path, kept: int) -> None:
    raw = (WHISPER / "model.bin").read_bytes()
    (tmp_path / "model.bin").write_bytes(raw[:kept])
    assert whisper_shape(tmp_path) is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.lists(st.tuples(st.integers(0, HEAD_BYTES), st.binary(min_size=1, max_size=9)),
                min_size=1, max_size=4))  # fmt: skip
def test_damage_never_raises(tmp_path: Path, damage: list[tuple[int, bytes]]) -> None:
    path = shutil.copy(WHISPER / "model.bin", tmp_path / "model.bin")
    with path.open("r+b") as file:
        for at, blob in damage:
            file.seek(at % 700 if at % 2 else at)
            file.write(blob)
    found = whisper_shape(tmp_path)
    assert found is None or (found.parameters > 0 and found.layers > 0 and found.mels > 0)
