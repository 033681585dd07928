"""The reports on given-up files, whatever the files are called."""

from __future__ import annotations

import base64
import json
import os
import shlex
from pathlib import Path

import pytest

from vidsum.config import Options
from vidsum.errors import OutputError
from vidsum.watch import quarantine
from vidsum.watch.job import Seen
from vidsum.watch.names import QUARANTINE
from vidsum.watch.quarantine import Case
from vidsum.watch.settings import Settings

NAMES = [b"a.mp4", b"sub/deep/b.mp4", b"\xff\xfe.mp4", b"two\nlines.mp4", b"-y.mp4", b"%s.mp4",
         "\u202egpj.mp4".encode(), "🎬.mp4".encode(), b"x" * 251 + b".mp4"]  # fmt: skip


def case(raw: bytes, **more: object) -> Case:
    given: dict[str, object] = {"error": "It is a playlist.", "exit_code": 3, "last_s": 1e9}
    return Case(Seen(Path(os.fsdecode(raw)), 12, 10**18, 1), **(given | more))  # type: ignore[arg-type]


@pytest.mark.parametrize("raw", NAMES)
def test_any_name_has_its_report(tmp_path: Path, raw: bytes) -> None:
    settings = Settings(root=tmp_path, options=Options())
    folder = quarantine.write(settings, case(raw))
    told = json.loads((folder / "error.json").read_bytes())
    assert (told["exit_code"], told["error"]) == (3, "It is a playlist.")
    try:
        raw.decode()
        assert told["path_bytes_base64"] is None
        assert told["path"] == raw.decode()
    except UnicodeDecodeError:
        assert base64.b64decode(told["path_bytes_base64"]) == raw
    report = (folder / "report.txt").read_text("utf-8")
    assert report.splitlines()[2] == "Why:        It is a playlist."
    assert "\u202e" not in report
    plain = raw.isascii() and raw.decode().isprintable()
    command = f"vidsum watch retry {tmp_path}"
    assert (f"{command} {shlex.quote(raw.decode())}\n" if plain else command) in report
    quarantine.remove(settings, Path(os.fsdecode(raw)))
    assert list(tmp_path.iterdir()) == []


def test_only_the_own_report_is_removed(tmp_path: Path) -> None:
    settings = Settings(root=tmp_path, options=Options())
    quarantine.write(settings, case(b"sub/a.mp4"))
    other = quarantine.write(settings, case(b"sub/b.mp4"))
    quarantine.remove(settings, Path("sub/a.mp4"))
    quarantine.remove(settings, Path("sub/never.mp4"))
    assert [path.name for path in (tmp_path / QUARANTINE / "sub").iterdir()] == ["b.mp4"]
    assert len(list(other.iterdir())) == 2


def test_a_place_that_is_away_is_not_made(tmp_path: Path) -> None:
    settings = Settings(root=tmp_path / "in", options=Options())
    with pytest.raises(OutputError, match="cannot be made"):
        quarantine.write(settings, case(b"a.mp4"))
    assert list(tmp_path.iterdir()) == []


def test_what_is_unknown_is_said_so(tmp_path: Path) -> None:
    settings = Settings(root=tmp_path, options=Options())
    folder = quarantine.write(settings, case(b"a.mp4", last_s=None, hint="", exit_code=1))
    told = json.loads((folder / "error.json").read_text())
    assert (told["first_at"], told["last_at"], told["sha256"]) == (None, None, None)
    report = (folder / "report.txt").read_text()
    assert "Last try:   unknown" in report
    assert "Next step:  Try it alone" in report
