"""Marks in pictures: written, read back by this code and by others, whatever a prompt holds."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

import vidsum
from vidsum.broll.marking import (
    SOURCE_TYPE,
    XMP_BOX,
    Marks,
    png_bytes,
    read_marks,
    write_png,
    xmp_box,
    xmp_packet,
)
from vidsum.errors import MediaError, OutputError

PICTURE = np.arange(6 * 9 * 3, dtype=np.uint8).reshape(6, 9, 3)
MARKS = Marks("fog over <a> \"quay\" & 'ships'\r\nat dawn 霧", "flux2-klein", "local", "s01", 1234)
EXT = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"


def packet_of(png: bytes) -> ElementTree.Element:
    """The XMP packet as another reader finds it: Pillow takes the chunks apart."""
    with Pillow.open(io.BytesIO(png)) as picture:
        picture.load()
        found = picture.info["XML:com.adobe.xmp"]
    assert isinstance(found, str)
    return ElementTree.fromstring(found.lstrip("\ufeff"))


def mp4(*boxes: bytes) -> bytes:
    ftyp = struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 0)
    return ftyp + b"".join(boxes)


def test_a_picture_comes_back_with_its_marks_and_its_pixels(tmp_path: Path) -> None:
    path = tmp_path / "s01-v1.png"
    write_png(path, PICTURE, MARKS)
    assert read_marks(path) == MARKS
    with Pillow.open(path) as picture:
        assert np.array_equal(np.asarray(picture), PICTURE)
        told = picture.text  # type: ignore[attr-defined]
    assert told["prompt"] == MARKS.prompt
    assert (told["seed"], told["model"], told["scene"]) == ("1234", "flux2-klein", "s01")
    assert told["engine"] == "local"
    assert told["Software"] == f"vidsum {vidsum.__version__}" == told["software"]
    assert told["digital_source_type"] == SOURCE_TYPE
    assert list(tmp_path.iterdir()) == [path]


def test_the_packet_says_what_the_standards_call_it() -> None:
    root = packet_of(png_bytes(PICTURE, MARKS))
    said = {one.tag: one.text for one in root.iter() if one.text}
    assert said[f"{EXT}DigitalSourceType"] == SOURCE_TYPE
    assert SOURCE_TYPE.endswith("/trainedAlgorithmicMedia")
    assert said[f"{EXT}AIPromptInformation"] == MARKS.prompt
    assert said[f"{EXT}AISystemUsed"] == "flux2-klein"
    assert said["{http://ns.adobe.com/xap/1.0/}CreatorTool"].startswith("vidsum ")


def test_the_same_picture_and_marks_give_the_same_bytes() -> None:
    assert png_bytes(PICTURE, MARKS) == png_bytes(PICTURE.copy(), MARKS)
    other = Marks(MARKS.prompt, MARKS.model, MARKS.engine, MARKS.scene, 1235)
    assert png_bytes(PICTURE, MARKS) != png_bytes(PICTURE, other)


def test_an_unknown_seed_is_left_out_and_stays_unknown(tmp_path: Path) -> None:
    marks = Marks("p", "m", "remote", "s02")
    path = tmp_path / "a.png"
    write_png(path, PICTURE, marks)
    assert read_marks(path) == marks
    assert "seed" not in xmp_packet(marks)
    with Pillow.open(path) as picture:
        assert "seed" not in picture.text  # type: ignore[attr-defined]


@given(
    prompt=st.text(st.characters(exclude_categories=())),
    model=st.text(st.characters(exclude_categories=()), max_size=30),
    seed=st.none() | st.integers(0, 2**63),
)
def test_hostile_words_come_back_the_same_from_every_reader(
    tmp_path_factory: pytest.TempPathFactory, prompt: str, model: str, seed: int | None
) -> None:
    marks = Marks(prompt, model, "e", "s", seed)
    png = png_bytes(PICTURE, marks)
    path = tmp_path_factory.mktemp("marks") / "x"
    path.write_bytes(png)
    assert read_marks(path) == marks
    path.write_bytes(mp4(xmp_box(marks)))
    assert read_marks(path) == marks
    said = {one.tag: one.text or "" for one in packet_of(png).iter()}
    assert said[f"{EXT}AIPromptInformation"] == marks.prompt
    with Pillow.open(io.BytesIO(png)) as picture:
        assert picture.text.get("prompt", "") == marks.prompt  # type: ignore[attr-defined]


@pytest.mark.parametrize("bad", ["\0", "\x1b", "\ud800", "\ufffe"])
def test_what_xml_cannot_carry_is_replaced_and_the_rest_kept(bad: str) -> None:
    assert Marks(f"a{bad}b", "m", "e", "s").prompt == "a\ufffdb"


def test_an_endless_prompt_is_cut() -> None:
    cut = Marks("x" * 30_000, "m", "e", "s").prompt
    assert len(cut) == 20_000
    assert cut.endswith("x…")


def test_a_file_without_marks_has_none(tmp_path: Path) -> None:
    path = tmp_path / "plain"
    Pillow.fromarray(PICTURE).save(path, "PNG")
    assert read_marks(path) is None
    for content in (b"", b"\x89PNG\r\n\x1a\n", b"no picture at all", mp4(), mp4(b"\0\0\0\x02junk")):
        path.write_bytes(content)
        assert read_marks(path) is None


def test_a_packet_that_says_something_else_is_no_mark(tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    said = xmp_packet(MARKS).replace("trainedAlgorithmicMedia", "digitalCapture").encode()
    path.write_bytes(mp4(struct.pack(">I4s", 24 + len(said), b"uuid") + XMP_BOX + said))
    assert read_marks(path) is None


def test_a_packet_with_entities_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    bomb = b'<!DOCTYPE a [<!ENTITY b "bb">]>' + xmp_packet(MARKS).encode()
    path.write_bytes(mp4(struct.pack(">I4s", 24 + len(bomb), b"uuid") + XMP_BOX + bomb))
    assert read_marks(path) is None


def test_every_cut_of_a_marked_file_is_read_without_trouble(tmp_path: Path) -> None:
    path = tmp_path / "x"
    for whole in (png_bytes(PICTURE, MARKS), mp4(xmp_box(MARKS))):
        for length in range(0, len(whole), 7):
            path.write_bytes(whole[:length])
            assert read_marks(path) in (None, MARKS)


def test_no_file_and_no_folder_are_said_so(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"nothing\.png cannot be read"):
        read_marks(tmp_path / "nothing.png")
    with pytest.raises(OutputError, match="cannot be written"):
        write_png(tmp_path / "a" / "b" / "c.png", PICTURE, MARKS)
