"""What files of weights say they hold; damaged and hostile heads are refused in one line."""

from __future__ import annotations

import ctypes
import json
import os
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from weight_files import DIFFUSION, ENCODER, gguf, safetensors, with_header

from vidsum.catalog.gguf_tensors import _TYPES
from vidsum.catalog.tensors import read_weights
from vidsum.errors import BackendMissing

shared = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_both_forms_say_the_same_of_the_same_tensors(tmp_path: Path) -> None:
    one, two = tmp_path / "a.safetensors", tmp_path / "b.gguf"
    one.write_bytes(safetensors(DIFFUSION, format="pt"))
    two.write_bytes(gguf(DIFFUSION, general__architecture="flux"))
    found = [read_weights(path) for path in (one, two)]
    assert [file.form for file in found] == ["safetensors", "gguf"]
    assert [file.metadata for file in found] == [
        {"format": "pt"}, {"general.architecture": "flux"},
    ]  # fmt: skip
    for file in found:
        assert {name: tensor.shape for name, tensor in file.tensors.items()} == DIFFUSION
        assert {tensor.dtype for tensor in file.tensors.values()} == {"F16"}
        assert file.parameters == 8 * 4 + 24 * 8 + 8 * 8
        assert all(t.end - t.start == 2 * t.weights for t in file.tensors.values())
        assert file.whole
        assert file.needed_bytes <= file.size_bytes == file.path.stat().st_size


@pytest.mark.parametrize("data", [safetensors(ENCODER), gguf(ENCODER)], ids=["safetensors", "gguf"])
def test_data_that_is_cut_off_shows(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(data[:-1] if data[:4] != b"GGUF" else data[:-33])
    found = read_weights(path)
    assert not found.whole
    assert set(found.tensors) == set(ENCODER)


def test_where_a_tensor_lies_is_where_its_bytes_are(tmp_path: Path) -> None:
    data = bytearray(safetensors(ENCODER))
    path = tmp_path / "x.safetensors"
    path.write_bytes(data)
    place = read_weights(path).tensors["model.layers.0.mlp.up_proj.weight"]
    assert (place.start, place.end) == (len(data) - 128, len(data))


def test_quantised_blocks_have_the_size_that_ggml_gives_them(tmp_path: Path) -> None:
    """Every type, by the library that the language models are run with."""
    import llama_cpp

    [library] = Path(llama_cpp.__file__).parent.glob("lib/libggml-base.so")
    ggml = ctypes.CDLL(str(library))
    ggml.ggml_type_size.restype = ctypes.c_size_t
    ggml.ggml_blck_size.restype = ctypes.c_int64
    ggml.ggml_type_name.restype = ctypes.c_char_p
    for kind, (name, numbers, size) in _TYPES.items():
        assert ggml.ggml_type_name(kind).decode().upper() == name
        assert (ggml.ggml_blck_size(kind), ggml.ggml_type_size(kind)) == (numbers, size)
    path = tmp_path / "q.gguf"
    path.write_bytes(gguf({"blk.0.w": (4, 64)}, kind=2, size_bytes=18 / 32))
    [tensor] = read_weights(path).tensors.values()
    assert (tensor.dtype, tensor.end - tensor.start) == ("Q4_0", 4 * 64 // 32 * 18)


def test_a_type_of_the_future_is_named_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "q.gguf"
    path.write_bytes(gguf({"blk.0.w": (4, 64)}, kind=99))
    [tensor] = read_weights(path).tensors.values()
    assert (tensor.dtype, tensor.weights, tensor.end) == ("?99", 256, tensor.start)


def header(**tensors: object) -> bytes:
    return with_header(json.dumps(tensors).encode(), bytes(64))


def place(dtype: object = "F16", shape: object = (4, 4), offsets: object = (0, 32)) -> object:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "it ends before its header"),
        (b"\x02\0\0", "it ends before its header"),
        (b"\xff" * 64, "no header that could be one"),
        (struct.pack("<Q", 5000) + b"{}", "it ends within its header"),
        (with_header(b"{}x"), "its header is damaged"),
        (with_header(b"[]"), "its header is damaged"),
        (with_header(b"[" * 100_000), "its header is damaged"),
        (with_header(b"\xff\xff\xff"), "its header is damaged"),
        (with_header(b'{"a": 1' + b"0" * 5000 + b"}"), "its header is damaged"),
        (with_header(b'{"a": 1, "a": 2}'), "a name twice"),
        (header(a=5), "its header is damaged"),
        (header(__metadata__=5), "its header is damaged"),
        (header(a=place("X9")), "unknown type"),
        (header(a=place(["F16"])), "unknown type"),
        (header(a=place(shape=4)), "without a shape or place"),
        (header(a=place(shape=[4.0])), "without a shape or place"),
        (header(a=place(shape=[True])), "without a shape or place"),
        (header(a=place(shape=[-4, -4])), "without a shape or place"),
        (header(a=place(offsets=[0])), "without a shape or place"),
        (header(a=place(offsets=[0, 31])), "does not fit its place"),
        (header(a=place(offsets=[32, 0])), "does not fit its place"),
        (header(a=place(shape=[4, 4] + [1] * 9)), "does not fit its place"),
        (header(a=place(), b=place(offsets=[16, 48])), "two tensors in one place"),
        (b"GGUF", "it ends within its head"),
        (b"GGUF" + struct.pack("<IQQ", 9, 0, 0), "a version that is not known"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 0), "too many tensors or keys"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1 << 60), "too many tensors or keys"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1 << 63), "its head is too long"),
        (b"GGUF" + struct.pack("<IQQQIIQ", 3, 0, 1, 0, 9, 8, 1 << 63), "it ends within its head"),
        (b"GGUF" + struct.pack("<IQQQIIQ", 3, 0, 1, 0, 9, 4, 1 << 63), "its head is too long"),
        (b"GGUF" + struct.pack("<IQQQI", 3, 0, 1, 0, 77), "a key of an unknown type"),
        (b"GGUF" + struct.pack("<IQQQI", 3, 1, 0, 0, 9), "without a name or shape"),
        (gguf({"a": (1 << 40, 1 << 40)}, size_bytes=0), "a tensor that is too large"),
        (gguf({"a": (2,), "b": (2,)}).replace(b"b", b"a"), "a name twice"),
    ],
)  # fmt: skip
def test_a_damaged_head_is_refused_in_one_line(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "line\nbreak.safetensors"
    path.write_bytes(data)
    with pytest.raises(BackendMissing) as raised:
        read_weights(path)
    assert said in raised.value.message
    assert "line\\nbreak.safetensors is no file of weights" in raised.value.message
    assert "\n" not in raised.value.message


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.gguf")
    for name, said in (("pipe.gguf", "is no file"), (".", "is no file"), ("none", "is no file")):
        with pytest.raises(BackendMissing) as raised:
            read_weights(tmp_path / name)
        assert said.replace("is no file", "") in raised.value.message
    with pytest.raises(BackendMissing, match="There is no file"):
        read_weights(tmp_path / "none")
    with pytest.raises(BackendMissing, match="There is no file"):
        read_weights(Path("a\0b"))


@shared
@given(
    st.sampled_from([
        safetensors(DIFFUSION, format="pt"), gguf(DIFFUSION, general__architecture="flux"),
    ]),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=6),
    st.integers(0, 1000),
)  # fmt: skip
def test_a_changed_file_is_read_or_refused_and_nothing_else(
    tmp_path: Path, good: bytes, changes: list[tuple[int, int]], length: int
) -> None:
    changed = bytearray(good)
    for at, byte in changes:
        changed[at % len(changed)] = byte
    check(tmp_path, bytes(changed[:length]))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["dtype", "shape", "data_offsets", "__metadata__", "x"]), inner, max_size=4
    ),
    max_leaves=12,
)  # fmt: skip


@shared
@given(
    st.dictionaries(
        st.text(max_size=6) | st.just("__metadata__"),
        _JSON | st.fixed_dictionaries({
            "dtype": st.sampled_from(["F16", "F32", "F4", "I64"]),
            "shape": st.lists(st.integers(0, 9), max_size=3),
            "data_offsets": st.lists(st.integers(0, 99), min_size=2, max_size=2),
        }),
        max_size=3,
    )
)  # fmt: skip
def test_any_header_is_read_or_refused(tmp_path: Path, said: dict[str, object]) -> None:
    check(tmp_path, with_header(json.dumps(said).encode(), bytes(99)))


@shared
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(tmp_path: Path, data: bytes) -> None:
    check(tmp_path, data)
    check(tmp_path, b"GGUF\x03\0\0\0" + data)


def check(folder: Path, data: bytes) -> None:
    """What is read holds together; anything else is one line of words."""
    path = folder / "x"
    path.write_bytes(data)
    refused = None
    try:
        found = read_weights(path)
    except BackendMissing as exc:
        refused = exc.message
    if refused is not None:
        assert refused.isprintable()
        return
    assert found.size_bytes == len(data)
    assert found.parameters >= 0
    for tensor in found.tensors.values():
        assert 0 <= tensor.start <= tensor.end
    assert found.whole == all(tensor.end <= len(data) for tensor in found.tensors.values())
