"""Odd media from end to end: what each row of the issue's table gives at the command line.

Playlists under every name, and that nothing else is opened for them: tests/test_canary.py. Bit
flips: tests/media/test_bitflips.py. Permissions, pipes, folders, addresses, pictures:
tests/cli/test_bad_input.py. That each sampled picture is the one of its time, in 18 kinds of
file: tests/media/test_sampler.py; colours of HDR: tests/media/test_picture.py; clocks:
tests/media/test_clock.py; sound at its time: tests/media/test_audio.py. Real clips:
tests/test_real_media.py.
"""

from __future__ import annotations

import json
import random
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from clips import clip, read_counter
from footage import ffmpeg, remux, srt, tone, write_wav
from PIL import Image
from thinning import every_second

from vidsum.cli.main import run
from vidsum.media.plan import Grid
from vidsum.media.process import Decoder

FAST = ("--tier", "lite", "--no-ocr", "-q")
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-g", 10)


def pictures(size: str, seconds: float = 3, rate: int = 10) -> tuple[str, ...]:
    """The arguments that make ffmpeg draw a test film."""
    return ("-f", "lavfi", "-i", f"testsrc2=s={size}:r={rate}:d={seconds}")


def sine(seconds: float = 3, hz: int = 440) -> tuple[str, ...]:
    return ("-f", "lavfi", "-i", f"sine={hz}:d={seconds}")


@dataclass(frozen=True)
class Told:
    """How a call ended. ``result`` is the JSON, {} where there was none."""

    code: int
    result: dict[str, Any]
    err: str

    @property
    def warned(self) -> list[str]:
        return [warning["code"] for warning in self.result["warnings"]]

    @property
    def size(self) -> tuple[int, int]:
        video = self.result["source"]["video"]
        return video["width_px"], video["height_px"]


@pytest.fixture
def told(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that runs vidsum on a file and returns how it ended."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))

    def call(path: Path, *more: str) -> Told:
        code = run([*FAST, "--json", *more, str(path)])
        said = capfd.readouterr()
        assert "Traceback" not in said.err
        return Told(code, json.loads(said.out) if said.out else {}, said.err)

    return call


# Nothing in it


NOTHING = {
    "empty": (b"", "is empty"),
    "16 bytes": (bytes(range(200, 216)), "holds nothing that vidsum knows"),
    "zeros": (bytes(3000), "holds only zero bytes"),
    "more zeros": (bytes(300_000), "holds nothing that vidsum knows"),
    "random": (random.Random(6).randbytes(100_000), "holds nothing that vidsum knows"),
    "text": ("Tag 1: Ebbe und Flüt\n".encode() * 99, "is a text file"),
    "UTF-16 text": (("Dear diary\n" * 99).encode("utf-16"), "nothing that vidsum knows"),
    "m3u8": (b"#EXTM3U\n#EXTINF:9,\na.ts\n", "is an HLS playlist"),
    "ffconcat": (b"ffconcat version 1.0\nfile a.mp4\n", "is an ffconcat playlist"),
    "mpd": (b'<?xml version="1.0"?>\n<MPD/>', "is a DASH manifest"),
    "sdp": (b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n", "is an SDP session description"),
}


@pytest.mark.parametrize("suffix", [".mp4", ".mp3", ".ts", ".m3u8", ""])
@pytest.mark.parametrize("kind", NOTHING)
def test_what_is_no_media_is_one_line_with_the_cause(
    kind: str, suffix: str, tmp_path: Path, told: Any
) -> None:
    data, cause = NOTHING[kind]
    path = tmp_path / f"film{suffix}"
    path.write_bytes(data)
    ended = told(path)
    assert (ended.code, ended.result) == (3, {})
    (line,) = ended.err.splitlines()
    assert cause in line
    assert f"film{suffix}" in line


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_a_recording_whose_index_is_missing(
    suffix: str, tmp_path: Path, clip_folder: Path, told: Any
) -> None:
    path = remux(tmp_path / f"film{suffix}", clip("h264_gop2s", clip_folder).path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 9 // 10])
    ended = told(path)
    assert ended.code == 3
    assert "its index (the moov atom) is missing" in ended.err


# Cut off


CUT = {
    "film.mkv": (),
    "film.webm": ("-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", 8, "-c:a", "libopus"),
    "film.mp4": ("-movflags", "+faststart"),
    "film.mov": ("-movflags", "+faststart"),
    "film.flv": (),
    "film.avi": ("-c:v", "mpeg4", "-c:a", "pcm_s16le"),
}


@pytest.mark.parametrize("share", every_second([0.3, 0.6]))
@pytest.mark.parametrize("name", CUT)
def test_a_file_that_is_cut_off(
    name: str, share: float, tmp_path: Path, clip_folder: Path, told: Any
) -> None:
    path, made = tmp_path / name, clip("h264_gop2s", clip_folder)
    codecs = ("-c:v", "copy", "-c:a", "aac")
    ffmpeg("-i", made.path, *sine(17), "-map", 0, "-map", 1, *codecs, *CUT[name], path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    ended = told(path)
    assert ended.code == 7
    assert ended.result["partial"] is True
    assert ended.result["frames"]
    (warning,) = [w for w in ended.result["warnings"] if w["code"] == "cut-off"]
    missing_s = ended.result["coverage"]["missing_s"]
    assert missing_s == pytest.approx(made.duration_s * (1 - share), abs=3)
    assert re.search(rf"{missing_s:.0f} s of 1[5-9] s are missing", warning["message"])
    assert ended.result["coverage"]["covered_share"] < share + 0.25
    times = [frame["time_s"] for frame in ended.result["frames"]]
    assert max(times) <= made.duration_s * share + 2


@pytest.mark.parametrize("odd_bytes", [0, 77])
def test_a_transport_stream_that_is_cut_off(
    odd_bytes: int, tmp_path: Path, clip_folder: Path, told: Any
) -> None:
    """It promises no length: that it breaks off can be seen, and how much is missing cannot."""
    whole = clip("mpeg2_ts", clip_folder).path
    assert told(whole).code == 0
    data = whole.read_bytes()
    path = tmp_path / "film.ts"
    path.write_bytes(data[: len(data) // 2 // 188 * 188 + odd_bytes])
    ended = told(path)
    assert ended.code == 7
    (warning,) = [w for w in ended.result["warnings"] if w["partial"]]
    assert warning["code"] == "cut-off"
    assert "breaks off at 0:0" in warning["message"]
    assert "how much is missing it does not say" in warning["message"]
    assert ended.result["frames"]


# Without sound, without pictures


def test_a_film_without_sound(tmp_path: Path, told: Any) -> None:
    ffmpeg(*pictures("96x64"), *H264, tmp_path / "film.mp4")
    ended = told(tmp_path / "film.mp4")
    assert ended.code == 0
    assert ended.result["transcript"]["source"] == "no sound track"
    assert ended.result["frames"]


@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.m4a", "a.flac", "a.ogg", "a.mka", "a.mp4"])
def test_sound_alone(name: str, tmp_path: Path, told: Any) -> None:
    ffmpeg(*sine(), tmp_path / name)
    ended = told(tmp_path / name)
    assert ended.code == 0
    assert ended.warned == ["no-video"]
    assert ended.result["coverage"] is None
    assert ended.result["transcript"]["source"] == "audio present, not transcribed"
    assert ended.result["transcript"]["heard_s"] == pytest.approx(3, abs=0.2)


@pytest.mark.parametrize("name", ["song.mp3", "song.m4a", "song.flac"])
def test_sound_with_a_cover_picture(name: str, tmp_path: Path, told: Any) -> None:
    Image.new("RGB", (64, 64), "navy").save(tmp_path / "cover.png")
    ffmpeg(*sine(), "-i", tmp_path / "cover.png", "-map", 0, "-map", 1, "-c:v", "copy",
           "-disposition:v", "attached_pic", tmp_path / name)  # fmt: skip
    ended = told(tmp_path / name)
    assert ended.code == 0
    assert ended.result["source"]["video"] is None
    assert ended.result["source"]["cover_art"] is True
    assert "a cover picture and sound" in ended.result["warnings"][0]["message"]


def test_an_enormous_cover_picture_costs_nothing_but_itself(tmp_path: Path, told: Any) -> None:
    Image.new("L", (9000, 8000)).save(tmp_path / "cover.png")
    ffmpeg(*sine(), "-i", tmp_path / "cover.png", "-map", 0, "-map", 1, "-c:v", "copy",
           "-disposition:v", "attached_pic", tmp_path / "song.mp3")  # fmt: skip
    ended = told(tmp_path / "song.mp3")
    assert (ended.code, ended.warned) == (0, ["no-video"])


# Odd clocks


@pytest.mark.parametrize(
    "name", ["no_duration", "vfr_holes", "mpegts_late", "video_late", "edit_list", "short_03"]
)
def test_an_odd_clock_gives_true_times(name: str, clip_folder: Path, told: Any) -> None:
    made = clip(name, clip_folder)
    ended = told(made.path)
    assert (ended.code, ended.warned) == (0, [])
    coverage = ended.result["coverage"]
    assert coverage["covered_share"] == 1.0
    assert coverage["video_end_s"] == pytest.approx(made.duration_s, abs=0.1)
    times = [frame["time_s"] for frame in ended.result["frames"] + ended.result["dropped"]]
    assert made.frame_times_s[0] - 0.05 <= min(times) <= made.frame_times_s[0] + 1.25
    assert max(times) <= made.duration_s
    with Decoder(made.path) as decoder:
        for frame in decoder.frames(Grid(5.0), 320, None):
            on_screen = made.frame_on_screen(frame.sample.pts_s)
            assert read_counter(frame.image) == on_screen


@pytest.mark.parametrize("frames", [1, 2])
def test_a_fifth_of_a_second(frames: int, tmp_path: Path, told: Any) -> None:
    ffmpeg(*pictures("96x64", frames / 10), *H264, tmp_path / "film.mp4")
    ended = told(tmp_path / "film.mp4")
    assert ended.code == 0
    assert ended.result["source"]["duration_s"] == pytest.approx(frames / 10)
    assert len(ended.result["frames"]) == 1


# Odd pictures


HEVC = ("-c:v", "libx265", "-preset", "ultrafast")
HDR = ("-x265-params", "log-level=none:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc",
       "-pix_fmt", "yuv420p10le", "-color_trc", "smpte2084", "-color_primaries", "bt2020",
       "-colorspace", "bt2020nc")  # fmt: skip
PICTURES = {
    "interlaced.mkv": ("160x128", (*H264, "-x264opts", "tff=1"), (160, 128)),
    "interlaced.ts": ("160x128", ("-c:v", "mpeg2video", "-flags", "+ildct+ilme"), (160, 128)),
    "ten_bit.mkv": ("96x64", (*HEVC, "-x265-params", "log-level=none", "-pix_fmt", "yuv420p10le"),
                    (96, 64)),
    "ten_bit_vp9.webm": ("96x64", ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-pix_fmt",
                                   "yuv420p10le"), (96, 64)),
    "hdr.mp4": ("96x64", (*HEVC, *HDR), (96, 64)),
    "odd.mkv": ("102x58", ("-vf", "scale=101:57,setsar=1", "-c:v", "ffv1", "-pix_fmt", "yuv444p"),
                (101, 57)),
    "odd_subsampled.mkv": ("102x58", ("-vf", "scale=101:57,setsar=1", "-c:v", "ffv1", "-pix_fmt",
                                      "yuv420p"), (101, 57)),
    "wide.mkv": ("2000x4", ("-c:v", "ffv1"), (2000, 4)),
    "tall.mkv": ("4x2000", ("-c:v", "ffv1"), (4, 2000)),
    "one_pixel.mp4": ("2x2", ("-vf", "scale=1:1", "-pix_fmt", "yuv444p", *H264), (1, 1)),
    "one_pixel.avi": ("2x2", ("-vf", "scale=1:1", "-pix_fmt", "yuv444p", "-c:v", "ffv1"), (1, 1)),
    "anamorphic.mkv": ("72x58", (*H264, "-vf", "setsar=16/11"), (105, 58)),
    "alpha.mov": ("96x64", ("-c:v", "qtrle", "-pix_fmt", "argb"), (96, 64)),
    "grey.mkv": ("96x64", ("-c:v", "ffv1", "-pix_fmt", "gray16le"), (96, 64)),
}  # fmt: skip


@pytest.mark.parametrize("name", every_second(PICTURES))
def test_odd_pictures_are_seen_in_their_size(name: str, tmp_path: Path, told: Any) -> None:
    size, options, shown = PICTURES[name]
    ffmpeg(*pictures(size), "-threads", 1, *options, tmp_path / name)
    ended = told(tmp_path / name)
    assert (ended.code, ended.warned) == (0, [])
    assert ended.size == shown
    looks = ended.result["frames"] + ended.result["dropped"]
    first, last = (look["time_s"] for look in looks)
    assert first == 0.0
    assert 1.5 < last < 3
    assert ended.result["source"]["duration_s"] == pytest.approx(3, abs=0.1)


@pytest.mark.parametrize("name", ["rotated", "anamorphic"])
def test_turned_and_stretched_pictures(name: str, clip_folder: Path, told: Any) -> None:
    made = clip(name, clip_folder)
    ended = told(made.path)
    assert (ended.code, ended.warned) == (0, [])
    assert ended.size == (made.width, made.height)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("film.mp4", H264),
        ("film.ts", H264),
        ("film.mkv", ("-c:v", "mjpeg")),
    ],
)
def test_pictures_of_64_megapixels_are_refused_with_the_reason(
    name: str, options: tuple[object, ...], tmp_path: Path, told: Any
) -> None:
    """Also where there is sound that could be heard: it is said, and nothing is passed over."""
    ffmpeg("-f", "lavfi", "-i", "color=red:s=8000x8000:r=1:d=1", *sine(1), *options,
           "-pix_fmt", "yuvj420p" if "mjpeg" in options else "yuv420p",
           tmp_path / name)  # fmt: skip
    ended = told(tmp_path / name)
    assert (ended.code, ended.result) == (3, {})
    (line,) = ended.err.splitlines()
    assert "its pictures are too large (8000x8000 pixels" in line


# Several tracks


@pytest.fixture(scope="module")
def tracks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film with two sound tracks (silence is the first, a tone the default) and two texts."""
    folder = tmp_path_factory.mktemp("tracks")
    write_wav(folder / "one.wav", tone(440, 3, 16_000) * 0, 16_000)
    write_wav(folder / "two.wav", tone(440, 6, 16_000), 16_000)
    for number, word in enumerate(("Ebbe", "Ebb"), start=1):
        (folder / f"{number}.srt").write_text(srt([(0.5, 2, word)]))
    given = [part for name in ("one.wav", "two.wav", "1.srt", "2.srt")
             for part in ("-i", folder / name)]  # fmt: skip
    mapped = [part for number in range(5) for part in ("-map", number)]
    ffmpeg(*pictures("96x64", 6), *given, *mapped, *H264, "-c:a", "aac", "-c:s", "srt",
           "-metadata:s:a:0", "language=deu", "-metadata:s:a:1", "language=eng",
           "-metadata:s:s:0", "language=deu", "-metadata:s:s:1", "language=eng",
           "-disposition:a:0", 0, "-disposition:a:1", "default", "-disposition:s:0", "default",
           folder / "film.mkv")  # fmt: skip
    return folder / "film.mkv"


def test_the_default_sound_decides_which_words_are_read(tracks: Path, told: Any) -> None:
    ended = told(tracks)
    assert ended.code == 0
    assert [t["language"] for t in ended.result["source"]["audio"]] == ["deu", "eng"]
    assert ended.result["transcript"]["source"] == "embedded subtitles, track 2 (eng)"
    assert [s["text"] for s in ended.result["transcript"]["segments"]] == ["Ebb"]


@pytest.mark.parametrize(("more", "word"), [(("--language", "de"), "Ebbe"),
                                            (("--audio-track", "1"), "Ebbe"),
                                            (("--audio-track", "2"), "Ebb")])  # fmt: skip
def test_another_track_is_taken_when_it_is_asked_for(
    more: tuple[str, ...], word: str, tracks: Path, told: Any
) -> None:
    ended = told(tracks, *more)
    assert [s["text"] for s in ended.result["transcript"]["segments"]] == [word]


@pytest.mark.parametrize(("more", "heard_s"), [((), 6), (("--audio-track", "1"), 3)])
def test_the_chosen_sound_is_heard(
    more: tuple[str, ...], heard_s: float, tracks: Path, tmp_path: Path, told: Any
) -> None:
    plain = remux(tmp_path / "film.mkv", tracks, options=("-sn",))
    ended = told(plain, *more)
    assert ended.result["transcript"]["heard_s"] == pytest.approx(heard_s, abs=0.2)


def test_a_track_that_is_not_there_is_an_error_that_names_those_that_are(
    tracks: Path, told: Any
) -> None:
    ended = told(tracks, "--audio-track", "3")
    assert (ended.code, ended.result) == (2, {})
    assert "no audio track 3" in ended.err


# Wrong suffix


@pytest.mark.parametrize(
    "kind", every_second(["mkv", "mp4", "ts", "avi", "webm", "flv", "mov", "mpg", "wav"])
)
def test_the_suffix_means_nothing(kind: str, tmp_path: Path, told: Any) -> None:
    right = tmp_path / f"film.{kind}"
    video = () if kind == "wav" else pictures("96x64")
    ffmpeg(*video, *sine(), *(("-ar", "44100") if kind in ("flv", "mpg") else ()),
           *(("-r", 25) if kind == "mpg" else ()), right)  # fmt: skip
    found = told(right)
    assert found.code == 0
    for suffix in (".mp3", ".jpg", ""):
        wrong = tmp_path / f"wrong{suffix}"
        shutil.copy(right, wrong)
        ended = told(wrong)
        assert ended.code == 0
        assert ended.result["source"]["container"] == found.result["source"]["container"]
        assert ended.result["source"]["video"] == found.result["source"]["video"]
        assert len(ended.result["frames"]) == len(found.result["frames"])
