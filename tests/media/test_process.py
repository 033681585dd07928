"""The guarded decode process: what it tells, what it survives and what it never does."""

from __future__ import annotations

import ctypes
import io
import math
import os
import random
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import pytest
from clips import clip, read_counter
from clips.encode import Recipe, encode
from footage import child_pid, ffmpeg, remux, srt, tone, write_wav
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from vidsum.data import ChapterMark, MediaInfo
from vidsum.errors import DecodeStopped, MediaError
from vidsum.media import policy, wire
from vidsum.media.breakoff import how_it_ends
from vidsum.media.messages import FramesReport
from vidsum.media.opening import Refused, open_input
from vidsum.media.plan import Grid
from vidsum.media.policy import DecodePolicy
from vidsum.media.process import Decoder

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def probed(path: Path) -> MediaInfo:
    with Decoder(path) as decoder:
        return decoder.probe()


def refusal(path: Path) -> str:
    """Why a file is refused: one printable line that ends with a full stop."""
    with pytest.raises(MediaError) as caught, Decoder(path) as decoder:
        decoder.probe()
    message = caught.value.message
    assert caught.value.exit_code == 3
    assert message.isprintable()
    assert message.endswith(".")
    return message


def sampled(path: Path, interval_s: float = 1.0) -> tuple[list[float], FramesReport]:
    """The target times that got a picture, and the report."""
    with Decoder(path) as decoder:
        promised_s = decoder.probe().duration_s
        targets = [f.sample.target_s for f in decoder.frames(Grid(interval_s), 320, promised_s)]
        assert decoder.frames_report is not None
        return targets, decoder.frames_report


# What a container says of itself


@pytest.mark.parametrize(
    ("name", "container", "codec"),
    [
        ("h264_gop2s", "mov,mp4,m4a,3gp,3g2,mj2", "h264"),
        ("hevc", "mov,mp4,m4a,3gp,3g2,mj2", "hevc"),
        ("av1", "mov,mp4,m4a,3gp,3g2,mj2", "av1"),
        ("vp9", "matroska,webm", "vp9"),
        ("vp8", "matroska,webm", "vp8"),
        ("mpegts_late", "mpegts", "h264"),
        ("mpeg2_ts", "mpegts", "mpeg2video"),
        ("avi", "avi", "mpeg4"),
        ("all_intra", "matroska,webm", "mjpeg"),
        ("rotated", "mov,mp4,m4a,3gp,3g2,mj2", "h264"),
        ("anamorphic", "mov,mp4,m4a,3gp,3g2,mj2", "h264"),
    ],
)
def test_probe_tells_format_size_and_length(
    name: str, container: str, codec: str, clip_folder: Path
) -> None:
    made = clip(name, clip_folder)
    info = probed(made.path)
    assert info.path == made.path
    assert info.size_bytes == made.path.stat().st_size
    assert info.container == container
    assert info.duration_s == pytest.approx(made.duration_s, abs=0.1)
    assert info.video is not None
    assert info.video.codec == codec
    assert (info.video.width_px, info.video.height_px) == (made.width, made.height)
    assert info.cover_art is False


def test_a_container_that_names_no_duration(clip_folder: Path) -> None:
    info = probed(clip("no_duration", clip_folder).path)
    assert info.duration_s is None
    assert info.video is not None
    assert info.video.duration_s is None


CHAPTERS = ";FFMETADATA1\ntitle=On tides \u263e\nartist=A. Sailor\n" + "".join(
    f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={start}\nEND={end}\n{title}"
    for start, end, title in [(0, 2500, "title=Ebb\n"), (2500, 6000, "")]
)
MARKS = (ChapterMark(0.0, 2.5, "Ebb"), ChapterMark(2.5, 6.0, "Chapter 2"))


@pytest.fixture(scope="module")
def rich(clip_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film with two sound tracks, two subtitle tracks, chapters and tags."""
    folder = tmp_path_factory.mktemp("rich")
    (folder / "tags.txt").write_text(CHAPTERS, "utf-8")
    (folder / "cues.srt").write_text(srt([(1, 2, "Hello")]), "utf-8")
    write_wav(folder / "mono.wav", tone(440, 6, 48_000), 48_000)
    write_wav(folder / "stereo.wav", tone(440, 6, 44_100, channels=2), 44_100)
    inputs = (clip("h264_gop2s", clip_folder).path, folder / "mono.wav", folder / "stereo.wav")
    given = [part for one in inputs for part in ("-i", one)]
    cues = ["-i", folder / "cues.srt", "-i", folder / "cues.srt", "-i", folder / "tags.txt"]
    named = ["-metadata:s:a:0", "language=deu", "-metadata:s:a:1", "language=eng",
             "-metadata:s:a:1", "title=Commentary", "-metadata:s:s:0", "language=fra",
             "-disposition:a:0", "0", "-disposition:a:1", "default",
             "-disposition:s:0", "forced", "-disposition:s:1", "default"]  # fmt: skip
    mapped = [part for number in range(5) for part in ("-map", number)]
    ffmpeg(*given, *cues, *mapped, "-map_metadata", 5, "-map_chapters", 5, "-t", 6,
           "-c", "copy", "-c:a:1", "aac", *named, folder / "rich.mkv")  # fmt: skip
    return folder / "rich.mkv"


def test_probe_lists_the_sound_tracks(rich: Path) -> None:
    first, second = probed(rich).audio
    assert (first.number, first.codec, first.language) == (1, "pcm_s16le", "deu")
    assert (first.channels, first.rate_hz, first.default) == (1, 48_000, False)
    assert (second.number, second.codec, second.language) == (2, "aac", "eng")
    assert (second.channels, second.rate_hz, second.default) == (2, 44_100, True)
    assert (first.title, second.title) == (None, "Commentary")


def test_probe_lists_the_subtitle_tracks(rich: Path) -> None:
    first, second = probed(rich).text
    assert (first.codec, first.language, first.readable) == ("subrip", "fra", True)
    assert (first.forced, first.default) == (True, False)
    assert (second.language, second.forced, second.default) == (None, False, True)


def test_probe_reads_tags_and_chapters(rich: Path) -> None:
    info = probed(rich)
    assert info.tags["title"] == "On tides \u263e"
    assert info.tags["artist"] == "A. Sailor"
    assert info.chapters == MARKS


def test_chapters_of_an_mp4(rich: Path, tmp_path: Path) -> None:
    made = remux(tmp_path / "film.mp4", rich, options=["-sn", "-c:a", "aac"])
    first, second = probed(made).chapters
    assert first == MARKS[0]
    assert (second.start_s, second.end_s) == pytest.approx((2.5, 6.0), abs=0.2)


def test_a_cover_picture_is_no_video(tmp_path: Path) -> None:
    write_wav(tmp_path / "tone.wav", tone(440, 2, 44_100), 44_100)
    Image.new("RGB", (64, 64), "navy").save(tmp_path / "cover.png")
    ffmpeg("-i", tmp_path / "tone.wav", "-i", tmp_path / "cover.png", "-map", 0, "-map", 1,
           "-disposition:v", "attached_pic", tmp_path / "song.mp3")  # fmt: skip
    info = probed(tmp_path / "song.mp3")
    assert info.cover_art is True
    assert info.video is None
    assert [track.codec for track in info.audio] == ["mp3"]


# The life of the process


def test_one_process_answers_request_after_request(clip_folder: Path) -> None:
    made = clip("video_late", clip_folder)
    with Decoder(made.path) as decoder:
        pid = child_pid(decoder)
        info = decoder.probe()
        after_probe_s = decoder.cpu_s
        pictures = list(decoder.frames(Grid(5.0), 320, info.duration_s))
        after_frames_s = decoder.cpu_s
        windows = list(decoder.audio(info.audio[0]))
        again = list(decoder.frames(Grid(5.0), 320, info.duration_s))
        assert child_pid(decoder) == pid
    assert [f.sample for f in pictures] == [f.sample for f in again]
    assert [read_counter(f.image) for f in pictures] == [read_counter(f.image) for f in again]
    assert sum(w.samples.size for w in windows) > 10 * 16_000
    assert 0 < after_probe_s < after_frames_s < decoder.cpu_s


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_leaving_half_way_ends_the_process(clip_folder: Path) -> None:
    with Decoder(clip("h264_gop2s", clip_folder).path) as decoder:
        pid = child_pid(decoder)
        next(decoder.frames(Grid(0.1), 1280, None))
        assert not gone(pid)
    assert gone(pid)


def test_an_error_in_the_program_ends_the_process(clip_folder: Path) -> None:
    pids = []

    def fail(decoder: Decoder) -> None:
        with decoder:
            pids.append(child_pid(decoder))
            next(decoder.frames(Grid(0.1), 1280, None))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail(Decoder(clip("h264_gop2s", clip_folder).path))
    assert gone(*pids)


def test_a_killed_process_is_one_line_of_error(clip_folder: Path) -> None:
    with Decoder(clip("h264_gop2s", clip_folder).path) as decoder:
        frames = decoder.frames(Grid(0.1), 1280, None)
        first = next(frames)
        os.kill(child_pid(decoder), signal.SIGKILL)
        with pytest.raises(DecodeStopped, match="the decoder was killed") as caught:
            list(frames)
        with pytest.raises(DecodeStopped):
            decoder.probe()
    assert read_counter(first.image) == 0
    assert caught.value.message.isprintable()
    assert caught.value.exit_code == 3


def test_a_process_that_says_nothing_is_given_up(clip_folder: Path) -> None:
    path = clip("h264_gop2s", clip_folder).path
    with Decoder(path, DecodePolicy(stall_s=1.0)) as decoder:
        pid = child_pid(decoder)
        frames = decoder.frames(Grid(0.1), 1280, None)
        next(frames)
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(DecodeStopped, match="did nothing for 1 s"):
            list(frames)
    assert gone(pid)


@on_linux
def test_the_process_gets_no_secrets(clip_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("VIDSUM_API_KEY", "sk-secret")
    with Decoder(clip("short_03", clip_folder).path) as decoder:
        decoder.probe()
        environment = Path(f"/proc/{child_pid(decoder)}/environ").read_bytes()
    names = {line.split(b"=")[0] for line in environment.split(b"\0")}
    assert b"PATH" in names
    assert not {name for name in names if b"KEY" in name or b"TOKEN" in name}
    assert b"secret" not in environment


def limits_of(decoder: Decoder) -> dict[str, tuple[str, str]]:
    """The soft and the hard limit by name, as the kernel has them."""
    lines = Path(f"/proc/{child_pid(decoder)}/limits").read_text("ascii").splitlines()
    return {line[:25].strip(): (line[26:46].strip(), line[47:67].strip()) for line in lines[1:]}


@on_linux
def test_the_limits_are_in_force(clip_folder: Path) -> None:
    made = clip("h264_gop2s", clip_folder)
    with Decoder(made.path) as decoder:
        decoder.probe()
        limits = limits_of(decoder)
    wanted = DecodePolicy()
    assert limits["Max file size"] == ("0", "0")
    assert limits["Max core file size"] == ("0", "0")
    assert limits["Max address space"] == (str(wanted.address_space_bytes),) * 2
    assert limits["Max open files"] == (str(wanted.open_files),) * 2
    cpu_s = wanted.cpu_base_s + wanted.cpu_per_video_s * made.duration_s
    assert int(limits["Max cpu time"][0]) == pytest.approx(cpu_s, abs=10)


@on_linux
def test_limits_that_are_stricter_already_stay(clip_folder: Path) -> None:
    """On a cluster the job's own limits are often lower than ours."""
    path = clip("h264_gop2s", clip_folder).path
    code = (
        "import sys, pathlib, vidsum.media.process as process\n"
        "with process.Decoder(pathlib.Path(sys.argv[1])) as decoder:\n"
        "    decoder.probe()\n"
        "    print(open(f'/proc/{decoder._process.pid}/limits').read())\n"
    )

    def stricter() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (200, 200))
        resource.setrlimit(resource.RLIMIT_AS, (4 * 1024**3,) * 2)

    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        preexec_fn=stricter, capture_output=True, text=True, check=True,
    )  # fmt: skip
    rows = {line[:25].strip(): line[26:46].strip() for line in done.stdout.splitlines()}
    assert rows["Max cpu time"] == "200"
    assert rows["Max address space"] == str(4 * 1024**3)


# The messages


@given(st.dictionaries(st.text(), st.integers() | st.text()), st.binary())
def test_a_message_comes_out_as_it_went_in(header: dict[str, int | str], blob: bytes) -> None:
    stream = io.BytesIO()
    wire.write(stream, header, blob)
    stream.seek(0)
    assert wire.read(stream.read) == (header, blob)
    assert wire.read(stream.read) is None


@given(st.binary(min_size=1) | st.binary().map(lambda b: struct.pack("<IQ", len(b), 0) + b))
def test_nonsense_on_the_wire_is_a_bad_message(data: bytes) -> None:
    try:
        message = wire.read(io.BytesIO(data).read)
    except wire.BadMessage:
        return
    assert message is not None
    assert isinstance(message[0], dict)


# Files that are no video


def write(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


NO_VIDEO = {
    "empty": (b"", "is empty (0 bytes)"),
    "16 bytes": (bytes(range(200, 216)), "nothing that vidsum knows"),
    "zeros": (bytes(1000), "only zero bytes"),
    "64 KiB of zeros": (bytes(65_536), "nothing that vidsum knows"),
    "random": (random.Random(7).randbytes(65_536), "nothing that vidsum knows"),
    "text": (b"Dear diary, no video today.\n" * 300, "is a text file"),
    "short text": (b"?", "is a text file"),
    "UTF-16 text": ("Dear diary".encode("utf-16"), "nothing that vidsum knows"),
}


@pytest.mark.parametrize("kind", NO_VIDEO)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ""])
def test_what_is_no_video_is_refused_with_the_cause(kind: str, suffix: str, tmp_path: Path) -> None:
    data, cause = NO_VIDEO[kind]
    assert cause in refusal(write(tmp_path, f"film{suffix}", data))


def test_a_recording_without_its_index_says_so(clip_folder: Path, tmp_path: Path) -> None:
    data = clip("h264_gop2s", clip_folder).path.read_bytes()
    cut = data[: data.rindex(b"moov") - 4]
    assert "the moov atom) is missing" in refusal(write(tmp_path, "film.mp4", cut))


# Playlists: one file must never make the program open another


class Counter(BaseHTTPRequestHandler):
    """Counts the requests that reach it."""

    def do_GET(self) -> None:
        self.server.paths.append(self.path)  # type: ignore[attr-defined]
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def requests_seen() -> Iterator[tuple[str, list[str]]]:
    """The address of a web server on this machine, and the paths that it was asked for."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Counter) as server:
        server.paths = []  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", server.paths  # type: ignore[attr-defined]
        server.shutdown()


class OpenedFile:
    """Tells whether anybody on this machine has opened a file: inotify, Linux only."""

    def __init__(self, path: Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._events = libc.inotify_init1(os.O_NONBLOCK)
        open_event = 0x20
        assert libc.inotify_add_watch(self._events, os.fsencode(path), open_event) > 0

    def __enter__(self) -> OpenedFile:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._events)

    def opened(self) -> bool:
        try:
            return bool(os.read(self._events, 4096))
        except BlockingIOError:
            return False


PLAYLISTS = {
    "m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{http}/a.ts\n#EXT-X-ENDLIST\n",
    "m3u8 of a file": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{near}\n#EXT-X-ENDLIST\n",
    "ffconcat": "ffconcat version 1.0\nfile '{near}'\n",
    "ffconcat of an address": "ffconcat version 1.0\nfile '{http}/a.ts'\n",
    "mpd": (
        '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'profiles="urn:mpeg:dash:profile:isoff-live:2011" mediaPresentationDuration="PT9S">'
        "<Period><BaseURL>{http}/</BaseURL><AdaptationSet><Representation "
        'id="1" mimeType="video/mp4" codecs="avc1.42c01e" bandwidth="1"><BaseURL>a.mp4</BaseURL>'
        "</Representation></AdaptationSet></Period></MPD>\n"
    ),
    "sdp": (
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
        "m=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n"
    ),
    "pls": "[playlist]\nFile1={http}/a.mp3\nNumberOfEntries=1\nVersion=2\n",
    "xspf": (
        '<?xml version="1.0"?>\n<playlist version="1" xmlns="http://xspf.org/ns/0/"><trackList>'
        "<track><location>{http}/a.mp4</location></track></trackList></playlist>\n"
    ),
    "asx": '<asx version="3.0"><entry><ref href="{http}/a.wmv"/></entry></asx>\n',
}


def write_playlist(kind: str, suffix: str, folder: Path, http: str, near: str) -> Path:
    text = PLAYLISTS[kind].replace("{http}", http).replace("{near}", near)
    return write(folder, f"film{suffix}", text.encode())


@on_linux
@pytest.mark.parametrize("kind", PLAYLISTS)
@pytest.mark.parametrize("suffix", [".mp4", ".ts", ".mkv"])
def test_a_playlist_is_refused_and_nothing_else_is_opened(
    kind: str,
    suffix: str,
    tmp_path: Path,
    clip_folder: Path,
    requests_seen: tuple[str, list[str]],
) -> None:
    http, paths = requests_seen
    near = shutil.copy(clip("h264_gop2s", clip_folder).path, tmp_path / "near.mp4")
    path = write_playlist(kind, suffix, tmp_path, http, near.name)
    with OpenedFile(near) as watch:
        assert "vidsum opens only the file that it is given" in refusal(path)
        assert not watch.opened()
    assert paths == []


@on_linux
@pytest.mark.parametrize("kind", PLAYLISTS)
@pytest.mark.parametrize("suffix", [".mp4", ".ts", ".mkv", "natural"])
def test_ffmpeg_itself_refuses_playlists(
    kind: str,
    suffix: str,
    tmp_path: Path,
    clip_folder: Path,
    requests_seen: tuple[str, list[str]],
) -> None:
    """The second wall, without the look at the first bytes: FFmpeg's own white lists."""
    http, paths = requests_seen
    near = shutil.copy(clip("h264_gop2s", clip_folder).path, tmp_path / "near.mp4")
    suffix = f".{kind.split()[0]}" if suffix == "natural" else suffix
    path = write_playlist(kind, suffix, tmp_path, http, near.name)
    with OpenedFile(near) as watch:
        with pytest.raises(Refused):
            open_input(path)
        assert not watch.opened()
    assert paths == []


@on_linux
def test_the_watchers_of_the_two_tests_above_do_see_an_open_door(
    tmp_path: Path, clip_folder: Path, requests_seen: tuple[str, list[str]]
) -> None:
    http, paths = requests_seen
    near = shutil.copy(clip("h264_gop2s", clip_folder).path, tmp_path / "near.mp4")
    with OpenedFile(near) as watch:
        local = write_playlist("ffconcat", ".ffconcat", tmp_path, http, near.name)
        av.open(str(local)).close()
        assert watch.opened()
    remote = write_playlist("m3u8", ".m3u8", tmp_path, http, near.name)
    with pytest.raises(av.error.FFmpegError):
        av.open(str(remote), options={"protocol_whitelist": "file,http,tcp"})
    assert "/a.ts" in paths


# Names and places


NAMES = {
    "not UTF-8": b"caf\xe9.mp4",
    "newline": b"one\ntwo.mp4",
    "leading dash": b"-y.mp4",
    "number pattern": b"%d.mp4",
    "glob pattern": b"[a-z]*?.mp4",
    "protocol": b"concat:x.mp4",
    "address": b"http:x.mp4",
    "pipes": b"a|b.mp4",
    "quotes": b'it\'s "so".mp4',
    "backslash": b"a\\n$HOME`id`.mp4",
    "emoji": "\U0001f30a.mp4".encode(),
    "right to left": "\u202egpj.mp4".encode(),
    "escape": b"\x1b[31mred.mp4",
    "255 bytes": b"n" * 251 + b".mp4",
    "255 bytes of umlauts": "\u00fc".encode() * 125 + b"x.mp4",
    "no suffix": b"film",
    "blank": b" .mp4",
}


@pytest.mark.parametrize("kind", NAMES)
def test_any_file_name_is_a_plain_name(kind: str, tmp_path: Path, clip_folder: Path) -> None:
    made = clip("short_03", clip_folder)
    path = tmp_path / os.fsdecode(NAMES[kind])
    shutil.copy(made.path, path)
    with Decoder(path) as decoder:
        assert decoder.probe().path == path
        (frame,) = decoder.frames(Grid(5.0), 320, None)
    assert read_counter(frame.image) == 0


@pytest.mark.parametrize("kind", NAMES)
def test_ffmpeg_itself_takes_any_name_for_a_plain_name(
    kind: str, tmp_path: Path, clip_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also a relative one, which could begin like a protocol."""
    name = os.fsdecode(NAMES[kind])
    shutil.copy(clip("short_03", clip_folder).path, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    with open_input(Path(name)) as container:
        assert len(container.streams.video) == 1


@pytest.mark.parametrize("kind", NAMES)
def test_a_message_shows_any_file_name_in_one_line(kind: str, tmp_path: Path) -> None:
    path = write(tmp_path, os.fsdecode(NAMES[kind]), b"")
    assert "is empty" in refusal(path)  # which also checks that it is one printable line


def test_a_relative_path_is_read_from_here(
    tmp_path: Path, clip_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(clip("short_03", clip_folder).path, tmp_path / "-i.mp4")
    monkeypatch.chdir(tmp_path)
    assert probed(Path("-i.mp4")).video is not None


def test_places_that_hold_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    write(tmp_path, "file.mp4", b"x")
    (tmp_path / "link.mp4").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop.mp4").symlink_to(tmp_path / "loop.mp4")
    assert "is a folder" in refusal(tmp_path)
    assert "is not a regular file" in refusal(tmp_path / "pipe.mp4")
    assert "is not a regular file" in refusal(Path("/dev/null"))
    assert "does not exist" in refusal(tmp_path / "missing.mp4")
    assert "does not exist" in refusal(tmp_path / "link.mp4")
    assert "symbolic links" in refusal(tmp_path / "loop.mp4")
    assert "Not a directory" in refusal(tmp_path / "file.mp4" / "inside.mp4")
    assert "File name too long" in refusal(tmp_path / ("n" * 256))
    assert "null" in refusal(tmp_path / "a\0b.mp4")


@pytest.mark.skipif(
    os.geteuid() == 0, reason="root may read everything: tests/cli/test_bad_input.py bows to it"
)
def test_a_file_that_may_not_be_read(tmp_path: Path, clip_folder: Path) -> None:
    path = Path(shutil.copy(clip("short_03", clip_folder).path, tmp_path / "film.mp4"))
    path.chmod(0)
    assert "permission denied" in refusal(path)


# Codecs that are not on the list


STRANGE_VIDEO = {
    "snow": Recipe("film.avi", "snow", 20, options={"strict": "-2"}),
    "zmbv": Recipe("film.avi", "zmbv", 20, pix_fmt="bgr0"),
    "jpeg2000": Recipe("film.mkv", "jpeg2000", 20),
}


@pytest.mark.parametrize("codec", STRANGE_VIDEO)
def test_a_video_codec_that_is_not_listed_is_refused(codec: str, tmp_path: Path) -> None:
    path = encode(tmp_path, STRANGE_VIDEO[codec], "").path
    assert codec not in policy.VIDEO_CODECS
    assert f"its video codec ({codec}) is not on vidsum's list" in refusal(path)
    with Decoder(path) as decoder, pytest.raises(MediaError, match=f"codec \\({codec}\\)"):
        list(decoder.frames(Grid(1.0), 320, None))


@pytest.mark.parametrize("codec", ["snow", "zmbv"])
def test_a_decoder_that_is_not_listed_never_runs(codec: str, tmp_path: Path) -> None:
    """FFmpeg decodes a little while it opens a file: it may not do so with every decoder."""
    path = encode(tmp_path, STRANGE_VIDEO[codec], "").path
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.pix_fmt is not None  # needs a decoder
    with open_input(path) as container:
        assert container.streams.video[0].codec_context.pix_fmt is None


def test_a_sound_codec_that_is_not_listed_leaves_the_pictures(
    tmp_path: Path, clip_folder: Path
) -> None:
    write_wav(tmp_path / "tone.wav", tone(440, 5, 48_000), 48_000)
    ffmpeg("-i", clip("h264_gop2s", clip_folder).path, "-i", tmp_path / "tone.wav",
           "-c:v", "copy", "-c:a", "tta", "-t", 5, tmp_path / "film.mkv")  # fmt: skip
    with Decoder(tmp_path / "film.mkv") as decoder:
        (track,) = decoder.probe().audio
        assert track.codec == "tta"
        with pytest.raises(MediaError, match=r"its sound codec \(tta\) is not on vidsum's list"):
            list(decoder.audio(track))
        frames = list(decoder.frames(Grid(1.0), 320, None))
    assert [read_counter(f.image) for f in frames][:5] == [0, 20, 40, 60, 80]


# Damaged files


WHOLE = {"film.mkv": (), "film.ts": (), "film.mp4": ("-movflags", "+faststart")}


@pytest.mark.parametrize("name", ["film.mkv", "film.mp4"])
def test_a_cut_off_file_gives_what_it_has(name: str, tmp_path: Path, clip_folder: Path) -> None:
    made = clip("h264_gop2s", clip_folder)
    path = remux(tmp_path / name, made.path, options=WHOLE[name])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert probed(path).duration_s == pytest.approx(made.duration_s, abs=0.1)
    targets, report = sampled(path)
    assert len(targets) >= 7
    assert targets == [float(k) for k in range(len(targets))]
    assert len(targets) - 1 <= report.end_s <= report.file_end_s
    assert report.file_end_s < 0.7 * made.duration_s
    assert report.lost == []


def test_a_cut_off_transport_stream_ends_where_it_ends(tmp_path: Path, clip_folder: Path) -> None:
    """It has no header that could promise more: the length is measured."""
    made = clip("h264_gop2s", clip_folder)
    path = remux(tmp_path / "film.ts", made.path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    targets, report = sampled(path)
    info = probed(path)
    assert info.duration_s is not None
    assert info.duration_s < 0.7 * made.duration_s
    assert len(targets) >= 7
    assert report.end_s == pytest.approx(info.duration_s, abs=0.2)


def test_sound_that_goes_on_is_no_cut(tmp_path: Path, clip_folder: Path) -> None:
    """Pictures that end before the sound are told from a file that was cut off."""
    write_wav(tmp_path / "tone.wav", tone(440, 30, 48_000), 48_000)
    path = remux(tmp_path / "film.mkv", clip("h264_gop2s", clip_folder).path, tmp_path / "tone.wav")
    _, report = sampled(path)
    assert report.end_s == pytest.approx(17.3, abs=0.1)
    assert report.file_end_s == pytest.approx(30.0, abs=0.1)


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("seed", range(3))
def test_no_sample_of_a_damaged_file_is_silently_missing(
    name: str, seed: int, tmp_path: Path, clip_folder: Path
) -> None:
    made = clip("h264_gop2s", clip_folder)
    path = remux(tmp_path / name, made.path, options=WHOLE[name])
    data = bytearray(path.read_bytes())
    dice = random.Random(seed)
    for place in range(len(data) * 4 // 10, len(data) * 6 // 10, 97):
        data[place] ^= 1 << dice.randrange(8)
    path.write_bytes(data)
    targets, report = sampled(path)
    assert sorted(targets + report.lost) == [float(k) for k in range(18)]
    assert report.end_s == pytest.approx(made.duration_s, abs=0.1)


def test_recordings_that_were_joined_are_seen_to_their_end(
    tmp_path: Path, clip_folder: Path
) -> None:
    """The clock starts again in the middle; the times that are given go on."""
    made = clip("h264_gop2s", clip_folder)
    part = remux(tmp_path / "part.ts", made.path).read_bytes()
    path = write(tmp_path, "film.ts", part + part)
    with Decoder(path) as decoder:
        frames = list(decoder.frames(Grid(1.0), 320, decoder.probe().duration_s))
        report = decoder.frames_report
    assert report is not None
    assert report.end_s == pytest.approx(2 * made.duration_s, abs=0.5)
    targets = [f.sample.target_s for f in frames if f.sample.role == "grid"]
    assert targets == [float(k) for k in range(35)]
    for frame in frames[20:]:
        again_s = frame.sample.pts_s - made.duration_s
        assert made.counter_time(read_counter(frame.image)) == pytest.approx(again_s, abs=0.5)


def test_a_stream_that_begins_in_the_middle_of_a_file(tmp_path: Path) -> None:
    """As broadcasts do it; PyAV trips over it when the file ends."""
    parts = []
    for name, sound in (("mute", ()), ("loud", ("-f", "lavfi", "-i", "sine=440:d=4"))):
        part = tmp_path / f"{name}.ts"
        ffmpeg("-f", "lavfi", "-i", "testsrc2=s=160x120:r=10:d=4", *sound, "-c:v", "mpeg2video",
               "-output_ts_offset", 4 * len(parts), part)  # fmt: skip
        parts.append(part.read_bytes())
    path = write(tmp_path, "film.ts", parts[0] * 12 + parts[1])
    _, report = sampled(path)
    assert report.end_s > 3


# Pictures that are too large


def write_png_film(path: Path, width_px: int, height_px: int) -> Path:
    """A film of three grey pictures, of a few kilobytes whatever their size."""
    picture = io.BytesIO()
    Image.new("L", (width_px, height_px)).save(picture, "PNG")
    with av.open(str(path), "w") as output:
        stream = output.add_stream("png", rate=1)
        stream.width, stream.height = width_px, height_px
        stream.pix_fmt = "gray"
        for number in range(3):
            packet = av.Packet(picture.getvalue())
            packet.stream, packet.is_keyframe = stream, True
            packet.pts = packet.dts = number
            packet.time_base = Fraction(1)
            output.mux(packet)
    return path


@pytest.mark.parametrize("name", ["film.mov", "film.avi"])
def test_an_enormous_picture_is_not_decoded(name: str, tmp_path: Path) -> None:
    side_px = math.isqrt(policy.MAX_PIXELS) + 1
    assert side_px**2 == 64_000_000  # the first that is refused
    path = write_png_film(tmp_path / name, side_px, side_px)
    with open_input(path) as container:
        assert container.streams.video[0].codec_context.pix_fmt is None  # nor while it is opened
    assert "its pictures are too large (8000x8000 pixels" in refusal(path)
    with Decoder(path) as decoder:  # and where nobody probes first
        pid = child_pid(decoder)
        assert list(decoder.frames(Grid(1.0), 320, 3.0)) == []
        report = decoder.frames_report
        assert child_pid(decoder) == pid
        assert not gone(pid)
    assert report is not None
    assert report.lost == [0.0, 1.0, 2.0]
    assert report.decoded == 0


def test_the_largest_picture_is_decoded(tmp_path: Path) -> None:
    path = write_png_film(tmp_path / "film.mov", 8000, 7999)
    with Decoder(path) as decoder:
        (first,) = decoder.frames(Grid(9.0, stop_s=0.5), 320, None)
    assert first.image.shape == (320, 320, 3)


# Files that end before their container does


def test_a_transport_stream_that_breaks_off_is_told(tmp_path: Path, clip_folder: Path) -> None:
    whole = clip("mpeg2_ts", clip_folder).path.read_bytes()
    assert not sampled(write(tmp_path, "film.ts", whole))[1].breaks_off
    for size_bytes in (len(whole) // 2 // 188 * 188 + 61, len(whole) // 2 // 188 * 188):
        report = sampled(write(tmp_path, "film.ts", whole[:size_bytes]))[1]
        assert (report.breaks_off, report.missing_share) == (True, None)


def test_a_recording_with_times_in_front_of_its_packets(tmp_path: Path, clip_folder: Path) -> None:
    path = remux(tmp_path / "film.m2ts", clip("mpeg2_ts", clip_folder).path)
    data = path.read_bytes()
    assert not how_it_ends(path, "mpegts").breaks_off
    assert how_it_ends(write(tmp_path, "cut.m2ts", data[:-100]), "mpegts").breaks_off
    assert not how_it_ends(write(tmp_path, "late.m2ts", data[192:]), "mpegts").breaks_off


def test_how_much_of_an_avi_is_missing_is_told(tmp_path: Path, clip_folder: Path) -> None:
    whole = clip("avi", clip_folder).path.read_bytes()
    assert not sampled(write(tmp_path, "film.avi", whole))[1].breaks_off
    assert not sampled(write(tmp_path, "film.avi", whole + b"more"))[1].breaks_off
    report = sampled(write(tmp_path, "film.avi", whole[: len(whole) * 3 // 4]))[1]
    assert report.breaks_off
    assert report.missing_share == pytest.approx(0.25, abs=0.001)


@given(st.binary(max_size=2000), st.sampled_from(["mpegts", "avi", "mov,mp4,m4a,3gp,3g2,mj2"]))
def test_how_a_file_ends_can_be_asked_of_any_bytes(data: bytes, container: str) -> None:
    with tempfile.NamedTemporaryFile() as file:
        for head in (b"", b"RIFF", b"G" + bytes(187)):
            file.write(head * 9 + data)
            file.flush()
            ended = how_it_ends(Path(file.name), container)
            assert ended.missing_share is None or 0 < ended.missing_share < 1
