"""Which names are passed over, and which may be videos."""

from __future__ import annotations

import subprocess

import imageio_ffmpeg
import pytest

from vidsum.config import FORMATS
from vidsum.media.policy import CONTAINERS
from vidsum.watch.names import MEDIA_SUFFIXES, is_candidate, passed_over

FILES = (
    ".hidden.mp4", "._talk.mp4", ".vidsum.lock", ".talk.mp4.A1b2C3", ".syncthing.talk.mp4.tmp",
    "~syncthing~talk.mp4.tmp", "~$talk.mp4", "talk.mp4.part", "talk.f137.mp4.part",
    "talk.f137.mp4", "talk.f140-drc.m4a", "talk.fhls-1080.mp4", "talk.temp.mp4",
    "talk.mp4.part-Frag12", "talk.mp4.ytdl", "talk.mp4.partial", "talk.mp4.crdownload",
    "Unconfirmed 12.crdownload", "talk.mp4.opdownload", "talk.mp4.!qB", "talk.mp4.!ut",
    "talk.mp4.aria2", "talk.mp4.filepart", "talk.mp4.TMP", "talk.mp4~", "talk.mp4.done",
    ".~lock.talk.mp4#", "~uTorrentPartFile_1A2B.dat", "Thumbs.db", "DESKTOP.INI", "Icon\r",
    "talk.mp4.vidsum.md", "talk.mp4.vidsum.json", "TALK.MP4.VIDSUM.TXT", "talk.mp4.bc!",
    ".talk.mp4.crdownload", ".nfs000000000012", ".goutputstream-1A2B", ".talk.mp4~RF12.TMP",
)  # fmt: skip
FOLDERS = (
    ".git", ".Trash-1000", "@eaDir", "#recycle", "$RECYCLE.BIN", "System Volume Information",
    "lost+found", "vidsum-quarantine", ".dropbox.cache", "talk.mp4.download", ".~tmp~",
)  # fmt: skip
WANTED = (
    "talk.mp4", "TALK.MOV", "-talk.mp4", "a\nb.mkv", "party.webm", "notes.done.mp4", "100%.avi",
    "my.template.mp4", "f137.mp4", "formula.f1.mp4", "part.mp4", "~holiday.mp4", "tmp.mp4",
    "vidsum.md.mp4", "talk.mp4.vidsum.mp4", "x" * 251 + ".mp4", "\N{CLAPPER BOARD}.mp4", "a..mp4",
)  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_files_of_other_programs_and_of_our_own_are_passed_over(name: str) -> None:
    assert passed_over(name, folder=False)
    assert passed_over(name.encode(), folder=False)


@pytest.mark.parametrize("name", FOLDERS)
def test_folders_of_systems_are_passed_over(name: str) -> None:
    assert passed_over(name.encode(), folder=True)


@pytest.mark.parametrize("name", WANTED)
def test_videos_are_taken_whatever_they_are_called(name: str) -> None:
    assert not passed_over(name, folder=False)
    assert is_candidate(name.encode(), (), ())


@pytest.mark.parametrize("name", ["2024", "Season.1", "done", "talk.mp4", "a~", "parts", "x.old"])
def test_ordinary_folders_are_entered(name: str) -> None:
    assert not passed_over(name, folder=True)


@pytest.mark.parametrize(
    "name", ["talk.srt", "talk.txt", "talk", "mp4", ".mp4", "list.m3u8", "a.mpd", "a.sdp", "x.jpg"]
)
def test_what_has_no_suffix_of_a_container_is_no_candidate(name: str) -> None:
    assert not is_candidate(name, (), ())


def test_bytes_that_are_not_utf8_are_names_like_others() -> None:
    assert is_candidate(b"caf\xe9.MP4", (), ())
    assert is_candidate(b"caf\xe9.dat", ("caf?.dat",), ())
    assert not is_candidate(b"caf\xe9.mp4", (), ("*\udce9*",))
    assert passed_over(b"caf\xe9.mp4.part", folder=False)


def test_patterns_choose_and_the_excluded_have_the_last_word() -> None:
    assert is_candidate("raw.DAT", ("*.dat", "*.mp4"), ())
    assert not is_candidate("talk.mkv", ("*.dat", "*.mp4"), ())
    assert is_candidate("a\nb.mp4", ("*.mp4",), ())
    assert not is_candidate("Draft-1.mp4", (), ("draft*",))
    assert not is_candidate("draft.mp4", ("*.mp4",), ("draft*",))


def test_results_in_every_format_are_passed_over() -> None:
    assert all(passed_over(f"x.vidsum.{form}", folder=False) for form in FORMATS)


def test_every_suffix_belongs_to_a_container_that_is_opened() -> None:
    """FFmpeg itself says which muxers and demuxers go by a suffix; some have names of their own."""
    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    told = {
        suffix
        for container in CONTAINERS
        for kind in ("demuxer", "muxer")
        for suffix in _suffixes(ffmpeg, f"{kind}={container}")
    }
    more = {"qt", "divx", "3gpp", "mk3d", "weba", "evo", "m1v", "m2v", "m2p", "mpe", "mpv", "trp",
            "tp", "ogm", "ogx", "m4r", "gif", "vob", "f4v", "opus", "spx", "oga", "ogv", "mp2",
            "3gp", "3g2", "mka", "m4v", "adts"}  # fmt: skip
    assert told > {"mp4", "mkv", "avi", "mpg", "flv", "ogg", "mp3", "wav", "flac", "aac", "asf"}
    assert MEDIA_SUFFIXES - told <= more
    assert not MEDIA_SUFFIXES & {"m3u8", "mpd", "sdp", "txt", "ffconcat", "jpg", "png", "json"}


def _suffixes(ffmpeg: str, what: str) -> list[str]:
    done = subprocess.run(
        [ffmpeg, "-hide_banner", "-h", what], capture_output=True, text=True, check=False
    )
    line = next((row for row in done.stdout.splitlines() if "Common extensions:" in row), "")
    return line.partition(":")[2].strip(" .").split(",") if line else []
