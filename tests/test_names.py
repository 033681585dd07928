"""Hostile file names end to end: the right file is read and written, and nothing is shown raw.

The names are in tests/hostile_names.py, which folder mode goes through too.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from clips import clip
from footage import srt
from hostile_names import HOSTILE_NAMES

from vidsum.cli.main import run
from vidsum.media.subtitles import find_sidecars
from vidsum.wording import path_text

FAST = ("--tier", "lite", "--no-ocr")
DRIVING = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)
"""Controls, marks that turn the direction of writing or cannot be seen, and halves of letters."""
COMMANDS = {"watch", "ledger", "summarize"}


@pytest.fixture(
    params=[
        pytest.param(name, marks=[pytest.mark.slow] if number % 12 else [])
        for number, name in enumerate(HOSTILE_NAMES)
    ]
)
def video(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    clip_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    """A short film of such a name in a folder of its own, which is the working folder."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    folder = tmp_path / "films"
    folder.mkdir()
    monkeypatch.chdir(folder)
    name = os.fsdecode(HOSTILE_NAMES[request.param])
    shutil.copy(clip("short_03", clip_folder).path, folder / name)
    return name


def as_given(name: str) -> list[str]:
    """How a user has to write a name: plainly, but for options and commands."""
    if name in COMMANDS:
        return [f"./{name}"]
    return ["--", name] if name.startswith("-") else [name]


def held(told: str) -> None:
    """Check that nothing in a text drives a terminal."""
    assert not DRIVING.search(told), ascii(told)


def inside(folder: Path) -> list[bytes]:
    return sorted(os.fsencode(path.name) for path in folder.iterdir())


def names(found: dict[str, Any], name: str) -> bool:
    """Whether a result names this very file, and no other could be meant."""
    raw = found["path"].encode()
    if "path_hex" in found:
        raw = bytes.fromhex(found["path_hex"])
    return raw.rpartition(b"/")[2] == os.fsencode(name)


def write_beside(name: str) -> bool:
    """Write subtitles and facts beside a video; False where no name is left for them."""
    stem = Path(name).stem
    if len(os.fsencode(stem)) > 255 - len(".info.json"):
        return False
    Path.cwd().joinpath(f"{stem}.srt").write_text(srt([(0.0, 0.2, "The ebb")]), "utf-8")
    Path.cwd().joinpath(f"{stem}.info.json").write_text('{"title": "Ebb"}', "utf-8")
    return True


def test_a_run_reads_the_right_file_and_writes_the_right_one(
    video: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A page into a folder, then JSON to stdout; with words beside the video that are found."""
    out, words = tmp_path / "out", write_beside(video)
    before = inside(Path.cwd())
    assert run([*FAST, "-o", f"{out}/", *as_given(video)]) == 0
    told = capfd.readouterr()
    assert told.out == ""
    held(told.err)
    (written,) = inside(out)
    stem = os.fsencode(Path(video).stem)
    assert len(written) <= 255
    assert written == stem + b".md" or re.fullmatch(
        re.escape(stem[:200]) + rb".*-[0-9a-f]{8}\.md", written, re.DOTALL
    )
    page = (out / os.fsdecode(written)).read_text("utf-8")
    held(page)
    assert ("The ebb" in page) == words

    assert run([*FAST, "--json", *as_given(video)]) == 0
    told = capfd.readouterr()
    held(told.out + told.err)
    found = json.loads(told.out)
    assert len(found["frames"]) == 1
    assert names(found["source"], video), found["source"]
    said = [line["text"] for line in found["transcript"]["segments"]]
    titles = [fact["value"] for fact in found["facts"] if fact["name"] == "Title"]
    assert (said, titles) == ((["The ebb"], ["Ebb"]) if words else ([], []))
    assert inside(Path.cwd()) == before


def test_an_error_names_a_missing_file_in_one_line(
    video: str, capfd: pytest.CaptureFixture[str]
) -> None:
    (Path.cwd() / video).unlink()
    given = as_given(video)
    if video in ("-", "status"):  # a pipe, and a slip of the hand for a command
        given = [f"{Path.cwd()}/{video}"]
    assert run([*FAST, *given]) == 3
    told = capfd.readouterr().err
    held(told)
    (line,) = told.splitlines()
    assert "does not exist" in line


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_all_of_them_in_one_call(
    tmp_path: Path, clip_folder: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """As ``vidsum -o OUT -- *`` does it: a result each, though some stems are the same."""
    folder, out = tmp_path / "films", tmp_path / "out"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for number, name in enumerate(sorted(HOSTILE_NAMES.values())):
        made = Path(shutil.copy(clip("short_03", clip_folder).path, folder / os.fsdecode(name)))
        with made.open("ab") as file:
            file.write(b"\0\0\0\x0cfree" + number.to_bytes(4, "big"))  # no two have one content
    given = sorted(path.name for path in folder.iterdir())
    assert run([*FAST, "--format", "json", "-o", f"{out}/", "--", *given]) == 0
    held(capfd.readouterr().err)
    sources = [json.loads(path.read_text("utf-8"))["source"] for path in out.iterdir()]
    assert len(sources) == len(given)
    for name in given:
        assert sum(names(source, name) for source in sources) == 1, ascii(name)


def test_the_list_is_long_and_has_no_name_twice() -> None:
    assert len(set(HOSTILE_NAMES.values())) == len(HOSTILE_NAMES) >= 60
    assert all(0 < len(name) <= 255 for name in HOSTILE_NAMES.values())
    assert not any(b"/" in name or b"\0" in name for name in HOSTILE_NAMES.values())


@pytest.mark.parametrize(
    ("one", "other"), [("\u00e9.mp4", "e\u0301.mp4"), ("I.mp4", "i.mp4"), ("a.mp4", "a .mp4")]
)
def test_twins_keep_their_own_subtitles(one: str, other: str, tmp_path: Path) -> None:
    for name in (one, other):
        (tmp_path / name).touch()
        (tmp_path / name).with_suffix(".srt").write_text(srt([(0, 1, ascii(name))]))
    if len([*tmp_path.iterdir()]) < 4:
        pytest.skip("this file system takes the two for one name")
    for name in (one, other):
        (found,) = find_sidecars(tmp_path / name)
        assert ascii(name) in found.read_text()


@pytest.mark.parametrize("name", ["-y.mp4", "--json.mp4", "--json"])
def test_an_option_like_name_without_dashes_before_it_is_an_option(
    name: str, tmp_path: Path, clip_folder: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """As everywhere: ``./-y.mp4`` is the file, and ``-y.mp4`` a mistake that is said to be one."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(clip("short_03", clip_folder).path, tmp_path / name)
    assert run([*FAST, name]) == 2
    told = capfd.readouterr()
    assert told.out == ""
    assert "Traceback" not in told.err
    assert run([*FAST, "-q", "--json", f"./{name}"]) == 0


def test_a_byte_and_what_is_shown_for_it_are_two_names(tmp_path: Path, clip_folder: Path) -> None:
    """In words they look the same; for a script there is ``path_hex``."""
    made = clip("short_03", clip_folder).path
    given = [tmp_path / os.fsdecode(name) for name in (b"caf\xe9.mp4", b"caf\\xe9.mp4")]
    assert path_text(given[0]) == path_text(given[1])
    found = []
    for number, video in enumerate(given):
        shutil.copy(made, video)
        out = tmp_path / f"{number}.json"
        assert run([*FAST, "-q", "-o", str(out), str(video)]) == 0
        found.append(json.loads(out.read_text("utf-8"))["source"])
    assert found[0]["path"] == found[1]["path"]
    assert bytes.fromhex(found[0]["path_hex"]) == os.fsencode(given[0])
    assert "path_hex" not in found[1]


def test_a_file_that_is_named_like_an_address_is_a_file(
    tmp_path: Path, clip_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("http:/127.0.0.1").mkdir(parents=True)
    shutil.copy(clip("short_03", clip_folder).path, "http:/127.0.0.1/film.mp4")
    assert run([*FAST, "-q", "--json", "http://127.0.0.1/film.mp4"]) == 0
    assert run([*FAST, "-q", "--json", "http://127.0.0.1/other.mp4"]) == 3
