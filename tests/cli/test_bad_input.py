"""Bad input: one line on stderr, the documented exit code, nothing on stdout, nothing written."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg
import pytest


@dataclass(frozen=True)
class Ended:
    """How a call of vidsum ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def folder(tmp_path: Path, talk: Path) -> Path:
    """A working folder with the sample video in it; nobody's own config reaches it."""
    shutil.copy(talk, tmp_path / "talk.mp4")
    return tmp_path


def bow_to_permissions() -> None:
    """Give up root's right to pass over file permissions, which a test as root would have."""
    pr_capbset_drop, dac_override, dac_read_search = 24, 1, 2
    if sys.platform == "linux" and os.geteuid() == 0:
        libc = ctypes.CDLL(None)
        libc.prctl(pr_capbset_drop, dac_override, 0, 0, 0)
        libc.prctl(pr_capbset_drop, dac_read_search, 0, 0, 0)


def vidsum(folder: Path, *arguments: str) -> Ended:
    env = {k: v for k, v in os.environ.items() if not k.startswith("VIDSUM_") or k == "VIDSUM_HOME"}
    done = subprocess.run(
        [sys.executable, "-m", "vidsum", *arguments],
        cwd=folder, env=env | {"XDG_CONFIG_HOME": str(folder / "none")},
        capture_output=True, text=True, timeout=120, check=False, preexec_fn=bow_to_permissions,
    )  # fmt: skip
    return Ended(done.returncode, done.stdout, done.stderr)


def refused(folder: Path, code: int, said: str, *arguments: str) -> None:
    before = sorted(folder.rglob("*"))
    ended = vidsum(folder, *arguments)
    assert ended.code == code, ended.err
    assert ended.out == ""
    lines = ended.err.splitlines()
    assert len(lines) == 1, ended.err
    assert lines[0].startswith("vidsum: error: ")
    assert said in lines[0]
    assert sorted(folder.rglob("*")) == before


def cut(source: Path, target: Path, size_bytes: int) -> None:
    target.write_bytes(source.read_bytes()[:size_bytes])


def test_missing_file(folder: Path) -> None:
    refused(folder, 3, "absent.mp4 does not exist", "absent.mp4")


def test_folder_in_place_of_a_file(folder: Path) -> None:
    (folder / "clips").mkdir()
    refused(folder, 3, "clips is a folder", "clips")


def test_empty_file(folder: Path) -> None:
    (folder / "empty.mp4").touch()
    refused(folder, 3, "empty.mp4 is empty", "empty.mp4")


def test_text_file_named_mp4(folder: Path) -> None:
    (folder / "notes.mp4").write_text("Dear diary,\nnothing happened.\n" * 30)
    refused(folder, 3, "notes.mp4 is a text file", "notes.mp4")


def test_playlist(folder: Path) -> None:
    (folder / "list.mp4").write_text("#EXTM3U\n#EXTINF:5,\nhttp://127.0.0.1:9/a.ts\n")
    refused(folder, 3, "list.mp4 is an HLS playlist", "list.mp4")


def test_random_bytes(folder: Path) -> None:
    (folder / "noise.mp4").write_bytes(bytes((i * 7919) % 251 for i in range(100_000)))
    refused(folder, 3, "noise.mp4 cannot be read", "noise.mp4")


def test_index_missing(folder: Path, clip_folder: Path) -> None:
    from clips import clip

    source = clip("h264_gop2s", clip_folder).path
    cut(source, folder / "cut.mp4", source.stat().st_size // 2)
    refused(folder, 3, "moov atom", "cut.mp4")


def test_not_a_regular_file(folder: Path) -> None:
    os.mkfifo(folder / "pipe.mp4")
    refused(folder, 3, "pipe.mp4 is not a regular file", "pipe.mp4")


def test_unreadable_by_permission(folder: Path) -> None:
    (folder / "talk.mp4").chmod(0)
    refused(folder, 3, "talk.mp4 may not be read", "talk.mp4")


def test_neither_pictures_nor_sound(folder: Path) -> None:
    (folder / "words.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nhello\n")
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", "words.srt", "words.mkv"]
    subprocess.run(command, cwd=folder, check=True)
    refused(folder, 3, "words.mkv cannot be read: it has neither pictures nor sound", "words.mkv")


def test_start_past_the_end(folder: Path) -> None:
    refused(folder, 2, "--start (400 s) is past the end", "talk.mp4", "--start", "400", "-q")


@pytest.mark.parametrize("value", ["0", "-1", "x"])
def test_bad_interval(folder: Path, value: str) -> None:
    refused(folder, 2, "--interval takes seconds", "talk.mp4", f"--interval={value}")


def test_unknown_prompt_folder(folder: Path) -> None:
    refused(folder, 2, "--prompts names no folder: nowhere", "talk.mp4", "--prompts", "nowhere")


def test_unknown_option(folder: Path) -> None:
    refused(folder, 2, "No such option", "talk.mp4", "--intervall", "3")


def test_unknown_format(folder: Path) -> None:
    refused(folder, 2, "docx", "talk.mp4", "--format", "docx")


def test_unknown_config_file(folder: Path) -> None:
    refused(folder, 2, "no config file no.toml", "talk.mp4", "--config", "no.toml")


def test_no_such_audio_track(folder: Path) -> None:
    refused(folder, 2, "no audio track 7", "talk.mp4", "--audio-track", "7", "-q")


def test_tier_without_engines(folder: Path) -> None:
    refused(folder, 4, "--tier local", "talk.mp4", "--tier", "local", "-q")


def test_output_folder_missing(folder: Path) -> None:
    refused(folder, 8, "does not exist", "talk.mp4", "-o", "nowhere/out.md")


def test_output_folder_not_writable(folder: Path) -> None:
    (folder / "locked").mkdir(mode=0o555)
    refused(folder, 8, "cannot be written to", "talk.mp4", "-o", "locked/out.md")


def test_output_that_cannot_be_written_even_by_root(folder: Path) -> None:
    refused(folder, 8, "/proc", "talk.mp4", "-o", "/proc/out.md", "--end", "4", "--no-ocr", "-q")


def test_several_videos_into_one_page(folder: Path) -> None:
    refused(folder, 2, "one file", "talk.mp4", "talk.mp4", "-o", "all.md")


def test_broken_prompt_in_the_prompt_folder(folder: Path) -> None:
    (folder / "own").mkdir()
    (folder / "own" / "summary.md").write_text("{{ nonsense }}")
    arguments = ("bundle", "talk.mp4", "--prompts", "own", "--end", "4", "--no-ocr", "-q")
    refused(folder, 2, "'nonsense' is undefined", *arguments)


def test_a_message_stays_on_one_line_whatever_the_name(folder: Path) -> None:
    refused(folder, 3, "a\\nb\\x1b[31m.mp4 does not exist", "a\nb\x1b[31m.mp4")


def test_the_video_itself_as_output(folder: Path) -> None:
    before = (folder / "talk.mp4").read_bytes()
    refused(folder, 2, "does not end in", "talk.mp4", "-o", "talk.mp4")
    refused(folder, 8, "does not look like a result", "talk.mp4", "-o", "talk.mp4", "--json")
    assert (folder / "talk.mp4").read_bytes() == before


def test_a_link_to_the_video_as_output(folder: Path) -> None:
    (folder / "sly.md").symlink_to("talk.mp4")
    refused(folder, 2, "is the video itself", "talk.mp4", "-o", "sly.md")


def test_an_output_whose_suffix_says_nothing(folder: Path) -> None:
    refused(folder, 2, "--format", "talk.mp4", "-o", "out.html")


def test_bare_vidsum_shows_the_help_and_exits_2(folder: Path) -> None:
    ended = vidsum(folder)
    assert ended.code == 2
    assert ended.out == ""
    assert "\\n" not in ended.err
    assert "Usage: vidsum [OPTIONS] VIDEO..." in ended.err.splitlines()[0]


def test_an_address_is_not_fetched(folder: Path) -> None:
    refused(folder, 3, "http://127.0.0.1:9/talk.mp4 is an address", "http://127.0.0.1:9/talk.mp4")


def test_stdin_is_said_not_to_work(folder: Path) -> None:
    refused(folder, 3, "cannot be read from a pipe", "-")


def test_a_misspelt_command_is_not_taken_for_a_file(folder: Path) -> None:
    refused(folder, 2, "Did you mean bundle?", "bundel", "talk.mp4")


def test_bundle_into_a_folder(folder: Path) -> None:
    (folder / "out").mkdir()
    refused(folder, 2, "out is a folder", "bundle", "talk.mp4", "-o", "out")


def test_a_picture_is_no_video(folder: Path) -> None:
    from PIL import Image

    for suffix in ("png", "jpg", "webp", "bmp", "tiff"):
        Image.new("RGB", (64, 48), "red").save(folder / f"holiday.{suffix}")
        refused(folder, 3, "is a picture, not a video", f"holiday.{suffix}")
