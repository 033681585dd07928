"""The program's side of the decode process, against a child that says what it should not."""

from __future__ import annotations

import json
import struct
import sys
import threading
from pathlib import Path

import pytest
from clips import clip

from vidsum.errors import BackendMissing, DecodeStopped
from vidsum.media import process
from vidsum.media.plan import Grid
from vidsum.media.process import Decoder


@pytest.fixture
def liar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An interpreter that runs ``says.py`` of this folder in place of the decode process."""
    script = tmp_path / "python"
    script.write_text(f"#!/bin/sh\nexec {sys.executable} {tmp_path}/says.py\n")
    script.chmod(0o755)
    monkeypatch.setattr(process.sys, "executable", str(script))
    return tmp_path / "says.py"


def says(*headers: object, blob: bytes = b"") -> str:
    parts = []
    for header in headers:
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        parts.append(struct.pack("<IQ", len(text), len(blob)) + text + blob)
    return f"import sys; sys.stdin.readline(); sys.stdout.buffer.write({b''.join(parts)!r})"


SAMPLE = {"index": 0, "target_s": 0, "time_s": 0, "pts_s": 0}


@pytest.mark.parametrize(
    "header",
    [
        {"sample": SAMPLE},
        {"sample": SAMPLE, "height": "tall", "width": 1},
        {"sample": SAMPLE, "height": -1, "width": -1},
        {"sample": SAMPLE, "height": 5, "width": 5},
        {"sample": {"index": "x"}, "height": 1, "width": 1},
        {"end": True},
        {"end": True, "cpu_s": 0, "report": "x"},
        {},
        b"[" * 50_000,
        b'{"sample": NaN}',
    ],
)
def test_nonsense_about_pictures_is_one_error(
    header: object, liar: Path, clip_folder: Path
) -> None:
    liar.write_text(says(header, blob=b"abc"))
    with Decoder(clip("short_03", clip_folder).path) as decoder, pytest.raises(DecodeStopped):
        list(decoder.frames(Grid(5.0), 320, None))


@pytest.mark.parametrize("info", ["x", 5, {}, {"size_bytes": "many"}, None])
def test_nonsense_about_the_file_is_one_error(info: object, liar: Path, clip_folder: Path) -> None:
    liar.write_text(says({"end": True, "cpu_s": 0, "info": info}))
    with Decoder(clip("short_03", clip_folder).path) as decoder, pytest.raises(DecodeStopped):
        decoder.probe()


def test_the_last_words_of_a_process_that_failed_are_in_the_message(
    liar: Path, clip_folder: Path
) -> None:
    liar.write_text("raise SystemExit('the moon was in the way')")
    with (
        Decoder(clip("short_03", clip_folder).path) as decoder,
        pytest.raises(DecodeStopped, match="the moon was in the way"),
    ):
        decoder.probe()


@pytest.mark.slow
def test_a_process_that_talks_without_end_on_stderr_is_not_waited_for(
    liar: Path, clip_folder: Path
) -> None:
    liar.write_text("import sys\nsys.stderr.write('x' * 5_000_000 + '\\nfinally')\nsys.exit(1)")
    with (
        Decoder(clip("short_03", clip_folder).path) as decoder,
        pytest.raises(DecodeStopped, match="finally"),
    ):
        decoder.probe()


def test_a_decoder_is_killed_from_another_thread(talk: Path) -> None:
    with Decoder(talk) as decoder:
        track = decoder.probe().audio[0]
        threading.Timer(0.1, decoder.kill).start()
        endless = (window for _ in range(100_000) for window in decoder.audio(track))
        with pytest.raises(DecodeStopped):
            list(endless)


def test_a_decoder_that_lacks_a_library_is_not_a_damaged_file(
    liar: Path, clip_folder: Path
) -> None:
    liar.write_text("import no_such_library")
    with (
        Decoder(clip("short_03", clip_folder).path) as decoder,
        pytest.raises(BackendMissing, match="no_such_library"),
    ):
        decoder.probe()
