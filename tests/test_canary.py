"""One file must never make the program open another, nor the network.

A server counts every connection to it, and inotify tells of every canary that is opened. Each
trick goes through the whole command line; the last tests prove that the canaries would sing.
The white lists of FFmpeg alone, without the look at a file's first bytes, are tested in
tests/media/test_process.py.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg
import pytest
from canaries import Watched, canary_server
from clips import clip
from footage import ffmpeg
from thinning import every_second
from tricks import (
    NAMES,
    PLAYLISTS,
    SIDECARS,
    SUFFIXES,
    external_mov,
    film_of,
    gab2_avi,
    linked_mkv,
)

from vidsum.cli.main import run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")

FAST = ("--tier", "lite", "--no-ocr", "-q", "--json")
CANARIES = (
    "canary.mp4", "canary.ts", "canary.mkv", "canary.mov", "canary.txt", "canary.ttf", "canary.png",
    "canary1.mp4", "frame001.jpg", "film.idx", "film.sub", "film.m3u8", "film.url", "film.xml",
)  # fmt: skip


@dataclass(frozen=True)
class Perch:
    """A folder with canaries in it, and a server: what they have sung."""

    folder: Path
    port: int
    requests: list[bytes]
    watch: Watched

    def filled(self, text: str) -> str:
        """A trick's text with the server's address in it."""
        return text.format(http=f"http://127.0.0.1:{self.port}", port=self.port)

    @property
    def opened(self) -> set[str]:
        """The canaries that were opened, or made, since the last look."""
        return {name.decode() for name in self.watch.touched()} & set(CANARIES)

    def quiet(self) -> bool:
        """Whether no canary was opened and nobody connected."""
        return (self.opened, self.requests) == (set(), [])


@pytest.fixture
def perch(tmp_path: Path, clip_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Perch]:
    """The working folder, with a real film under the name of each canary."""
    folder = tmp_path / "films"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in CANARIES:
        shutil.copy(clip("short_03", clip_folder).path, folder / name)
    with canary_server() as (port, requests), Watched(folder) as watch:
        yield Perch(folder, port, requests, watch)


@pytest.mark.parametrize("kind", every_second(PLAYLISTS))
def test_a_playlist_under_any_name_is_refused(
    kind: str, perch: Perch, capfd: pytest.CaptureFixture[str]
) -> None:
    text = perch.filled(PLAYLISTS[kind])
    ways = [(suffix, text.encode()) for suffix in SUFFIXES]
    ways += [(".mp4", b"\xef\xbb\xbf\n\n" + text.encode()), (".mp4", text.encode("utf-16")),
             (".mkv", b" " * 5000 + text.encode()),
             (".ts", bytes(400) + text.encode())]  # fmt: skip
    for suffix, data in ways:
        path = perch.folder / f"trick{suffix}"
        path.write_bytes(data)
        assert run([*FAST, path.name]) == 3
        told = capfd.readouterr()
        assert told.out == ""
        assert len(told.err.splitlines()) == 1
        path.unlink()
    assert perch.quiet()


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_a_name(name: str, perch: Perch, capfd: pytest.CaptureFixture[str]) -> None:
    assert run([*FAST, perch.filled(name)]) == 3
    assert len(capfd.readouterr().err.splitlines()) == 1
    assert perch.quiet()


def test_a_picture_of_a_sequence_is_one_picture(perch: Perch) -> None:
    from PIL import Image

    Image.new("RGB", (64, 48), "red").save(perch.folder / "frame%03d.jpg", "JPEG")
    assert run([*FAST, "frame%03d.jpg"]) == 3
    assert perch.quiet()


@pytest.mark.parametrize("kind", every_second(["url", "alias", "urn"]))
def test_a_film_whose_samples_lie_elsewhere(kind: str, perch: Perch) -> None:
    film = film_of(perch.folder / "film.mov")
    for target in ("canary.mov", f"http://127.0.0.1:{perch.port}/a.mov"):
        external_mov(perch.folder / "film.mov", film, kind, target[:63])
        assert run([*FAST, "film.mov"]) in (0, 3, 7)
    assert perch.quiet()


def test_a_film_that_goes_on_in_another(perch: Perch, capfd: pytest.CaptureFixture[str]) -> None:
    linked_mkv(perch.folder / "film.mkv", film_of(perch.folder / "film.mkv"))
    assert run([*FAST, "film.mkv"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert [frame["time_s"] for frame in found["frames"]] == [0.0, 0.5]  # it is still read
    assert perch.quiet()


def test_files_that_are_attached_are_not_written(perch: Perch, tmp_path: Path) -> None:
    film_of(tmp_path / "plain.mkv")
    (tmp_path / "font").write_bytes(b"x" * 100)
    ffmpeg("-i", tmp_path / "plain.mkv", "-attach", tmp_path / "font", "-metadata:s:t",
           "mimetype=application/x-truetype-font", "-metadata:s:t", "filename=../canary.ttf",
           "-c", "copy", perch.folder / "film.mkv")  # fmt: skip
    before = sorted(tmp_path.rglob("*.ttf"))
    assert run([*FAST, "film.mkv"]) == 0
    assert sorted(tmp_path.rglob("*.ttf")) == before
    assert perch.quiet()


@pytest.mark.parametrize("kind", ["hls", "hls of files", "ffconcat", "sdp"])
def test_subtitles_in_an_avi_that_are_a_playlist(kind: str, perch: Perch) -> None:
    gab2_avi(perch.folder / "film.avi", perch.filled(PLAYLISTS[kind]).encode())
    assert run([*FAST, "film.avi"]) in (0, 7)
    assert perch.quiet()


@pytest.mark.parametrize("kind", SIDECARS)
def test_a_file_beside_a_film_is_read_and_nothing_that_it_names(
    kind: str, perch: Perch, capfd: pytest.CaptureFixture[str]
) -> None:
    film_of(perch.folder / "film.mp4")
    suffix, text = SIDECARS[kind]
    beside = perch.folder / f"film{suffix}"
    beside.write_text(perch.filled(text), "utf-8")
    perch.watch.touched()
    assert run([*FAST, "film.mp4"]) == 0
    assert beside.name.encode() in {name for name in perch.watch.touched() if b"canary" not in name}
    found = json.loads(capfd.readouterr().out)
    said = {line["text"] for line in found["transcript"]["segments"]}
    assert all("Ebb" in line for line in said)
    assert len(json.dumps(found)) < 200_000
    assert perch.quiet()


def test_a_link_beside_a_film_that_leads_out_of_its_folder(perch: Perch, tmp_path: Path) -> None:
    film_of(perch.folder / "film.mp4")
    outside = tmp_path / "secrets"
    outside.mkdir()
    for suffix in (".nfo", ".info.json", ".txt"):
        (outside / f"canary{suffix}").write_text("secret")
        (perch.folder / f"film{suffix}").symlink_to(outside / f"canary{suffix}")
    with Watched(outside) as watch:
        assert run([*FAST, "film.mp4"]) == 0
        assert not {name for name in watch.touched() if name}
    assert perch.quiet()


# The canaries would sing


def test_the_server_hears_a_connection(perch: Perch) -> None:
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(f"http://127.0.0.1:{perch.port}/a", timeout=5)
    assert perch.requests[0].startswith(b"GET /a ")
    assert not perch.quiet()


def careless(*arguments: object) -> None:
    """What the ffmpeg program does with a trick when its doors are open."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "quiet", *map(str, arguments)]
    subprocess.run([*command, "-f", "null", "-"], check=False, timeout=30)


def test_a_careless_program_makes_the_canaries_sing(perch: Perch) -> None:
    doors = ("-protocol_whitelist", "file,http,tcp,subfile,concat")
    for kind, name in (("hls", "a.m3u8"), ("ffconcat", "a.ffconcat")):
        (perch.folder / name).write_text(perch.filled(PLAYLISTS[kind]))
    careless(*doors, "-i", "a.m3u8")
    assert perch.requests
    careless(*doors, "-safe", 0, "-i", "a.ffconcat")
    assert "canary.mp4" in perch.opened
    careless("-i", "concat:canary.mp4|canary.ts")
    assert perch.opened >= {"canary.mp4", "canary.ts"}


def test_a_film_whose_samples_lie_elsewhere_is_one(perch: Perch) -> None:
    film = film_of(perch.folder / "film.mov")
    external_mov(perch.folder / "film.mov", film, "alias", "canary.mov")
    careless("-enable_drefs", 1, "-use_absolute_path", 1, "-i", "film.mov")
    assert "canary.mov" in perch.opened
