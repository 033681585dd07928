"""Subtitles: files of every kind and encoding, tracks of every codec, on the video's clock."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from clips import clip, read_counter
from footage import Cue, child_pid, ffmpeg, remux, srt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vidsum.data import Segment
from vidsum.errors import MediaError
from vidsum.languages import same_language
from vidsum.media.plan import Grid
from vidsum.media.process import Decoder
from vidsum.media.subtitles import (
    SUFFIXES,
    clean,
    find_sidecars,
    read_file,
    read_track,
    sidecar_language,
)


def read(folder: Path, name: str, content: str | bytes) -> list[Segment]:
    """The cues of a file with this content."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_file(path)


def refusal(folder: Path, name: str, content: str | bytes) -> str:
    """Why a file is not read: one printable line."""
    with pytest.raises(MediaError) as caught:
        read(folder, name, content)
    assert caught.value.message.isprintable()
    return caught.value.message


ASS = """[Script Info]
; a comment
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, Bold, Italic, Alignment
Style: Default,Arial,20,&H00FFFFFF,0,0,2

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""
SSA = """[Script Info]
ScriptType: v4.00

[Events]
Format: Marked, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""
WORDS = "Gr\u00fc\u00dfe \u00e0 Zo\u00eb"
FILES = {
    ".srt": f"1\n00:00:01,000 --> 00:00:02,500\n{WORDS}\nsecond row\n",
    ".vtt": f"WEBVTT\n\n00:01.000 --> 00:00:02.500\n{WORDS}\nsecond row\n",
    ".ass": f"{ASS}Dialogue: 0,0:00:01.00,0:00:02.50,Default,,0,0,0,,{WORDS}\\Nsecond row\n",
    ".ssa": f"{SSA}Dialogue: Marked=0,0:00:01.00,0:00:02.50,D,,0,0,0,,{WORDS}\\Nsecond row\n",
}


# Files


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_file_of_any_kind_and_encoding(
    suffix: str, encoding: str, line_end: str, tmp_path: Path
) -> None:
    data = FILES[suffix].replace("\n", line_end).encode(encoding)
    assert read(tmp_path, f"talk{suffix}", data) == [Segment(1.0, 2.5, f"{WORDS}\nsecond row")]


def test_typographic_quotes_of_windows(tmp_path: Path) -> None:
    text = FILES[".srt"].replace(WORDS, "\u201eJa\u201c \u2013 5 \u20ac")
    assert read(tmp_path, "talk.srt", text.encode("cp1252"))[0].text.startswith("„Ja“ – 5 €")


def test_a_suffix_may_be_in_capitals(tmp_path: Path) -> None:
    assert len(read(tmp_path, "TALK.SRT", FILES[".srt"])) == 1


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("<i>Hello</i> <b>you</b>", "Hello you"),
        ('<font color="red">red</font>', "red"),
        ("{\\an8}up there", "up there"),
        ("AT&T &amp; Co", "AT&T & Co"),
        ("&lt;b&gt; is a tag", "<b> is a tag"),
        ("&amp;lt; is an entity", "&lt; is an entity"),
        ("it&#39;s &quot;so&quot;", 'it\'s "so"'),
        ("a&nbsp;b", "a b"),
        ("i <3 you", "i <3 you"),
        ("a \x1b[31mred\x07 bell", "a [31mred bell"),
        ("left\u202egnp", "leftgnp"),
        ("too   many\tblanks ", "too many blanks"),
    ],
)
@pytest.mark.parametrize("suffix", [".srt", ".vtt"])
def test_what_is_no_text_is_left_out(written: str, meant: str, suffix: str, tmp_path: Path) -> None:
    content = FILES[suffix].replace(WORDS, written).replace("\nsecond row", "")
    assert [cue.text for cue in read(tmp_path, f"talk{suffix}", content)] == [meant]


def test_web_cues_without_notes_names_and_settings(tmp_path: Path) -> None:
    content = """WEBVTT - How tides work
Kind: captions

STYLE
::cue { color: red }

NOTE who wrote this
and more of it

intro
00:01.000 --> 00:02.000 align:start position:0%
<v Fred>Good <c.loud>morning</c>

7d3f-42/12-0
01:00:03.000 --> 01:00:04.000
NOTE this is said

NOTE the end
"""
    assert read(tmp_path, "talk.vtt", content) == [
        Segment(1.0, 2.0, "Good morning"),
        Segment(3603.0, 3604.0, "NOTE this is said"),
    ]


def test_the_header_tells_the_format_not_the_suffix(tmp_path: Path) -> None:
    expected = [Segment(1.0, 2.5, f"{WORDS}\nsecond row")]
    assert read(tmp_path, "a.srt", FILES[".vtt"]) == expected
    assert read(tmp_path, "a.vtt", FILES[".srt"]) == expected


def test_script_cues_without_styles_comments_and_drawings(tmp_path: Path) -> None:
    content = ASS + (
        "Dialogue: 0,0:00:03.00,0:00:04.00,Default,,0,0,0,,{\\pos(9,9)\\b1}Ebb{\\b0}, flow\\hon\n"
        "Comment: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,not said\n"
        "Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,{\\p1}m 0 0 l 9 0 9 9{\\p0}\n"
        "Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,First\n"
    )
    assert read(tmp_path, "talk.ass", content) == [
        Segment(1.0, 2.0, "First"),
        Segment(3.0, 4.0, "Ebb, flow on"),
    ]


def test_automatic_captions_that_roll_up_say_each_line_once(tmp_path: Path) -> None:
    """The way YouTube writes them: each line twice more, word times inside."""
    content = """WEBVTT
Kind: captions
Language: en

00:00:00.160 --> 00:00:02.470 align:start position:0%
\x20
hello<00:00:00.400><c> and</c><00:00:00.560><c> welcome</c>

00:00:02.470 --> 00:00:02.480 align:start position:0%
hello and welcome
\x20

00:00:02.480 --> 00:00:05.110 align:start position:0%
hello and welcome
to<00:00:02.720><c> the</c><00:00:02.879><c> show</c>

00:00:05.110 --> 00:00:05.120 align:start position:0%
to the show
\x20

00:00:05.120 --> 00:00:07.000 align:start position:0%
to the show
it&#39;s<00:00:05.360><c> good</c>
"""
    assert read(tmp_path, "talk.vtt", content) == [
        Segment(0.16, 2.48, "hello and welcome"),
        Segment(2.48, 5.12, "to the show"),
        Segment(5.12, 7.0, "it's good"),
    ]


def test_the_same_words_said_again_later_stay(tmp_path: Path) -> None:
    cues = [(1, 2, "No."), (9, 10, "No."), (10, 11, "No. No.")]
    assert [cue.text for cue in read(tmp_path, "talk.srt", srt(cues))] == ["No.", "No.", "No. No."]


def test_cues_come_in_order_with_an_end(tmp_path: Path) -> None:
    cues = [(5, 6, "second"), (1, 2, "first"), (9, 8, "backwards")]
    assert read(tmp_path, "talk.srt", srt(cues)) == [
        Segment(1, 2, "first"),
        Segment(5, 6, "second"),
        Segment(9, 9, "backwards"),
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("page.srt", "<html><body>404 Not Found</body></html>"),
        ("page.vtt", "<html><body>404 Not Found</body></html>"),
        ("noise.srt", bytes(range(256)) * 9),
        ("noise.ass", bytes(range(256)) * 9),
        ("zeros.vtt", bytes(5000)),
        ("times.srt", "1\nsoon --> later\nHello\n"),
        ("broken.ass", "[Events]\nFormat: Start, End\nDialogue: \x1b[31m1,2,3\n"),
    ],
)
def test_what_is_no_subtitle_file_is_refused(
    name: str, content: str | bytes, tmp_path: Path
) -> None:
    assert str(tmp_path / name) in refusal(tmp_path, name, content)


@pytest.mark.parametrize("content", ["", "\n\n", "WEBVTT\n", ASS])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_without_cues_is_empty(content: str, suffix: str, tmp_path: Path) -> None:
    assert read(tmp_path, f"talk{suffix}", content) == []


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "folder.srt").mkdir()
    with pytest.raises(MediaError, match="Is a directory"):
        read_file(tmp_path / "folder.srt")
    with pytest.raises(MediaError, match="No such file"):
        read_file(tmp_path / "missing.srt")
    with (tmp_path / "huge.srt").open("wb") as file:
        file.truncate(60_000_000)
    with pytest.raises(MediaError, match="too large"):
        read_file(tmp_path / "huge.srt")


def in_order(cues: list[Segment]) -> bool:
    starts = [cue.start_s for cue in cues]
    return starts == sorted(starts) and all(
        cue.start_s >= 0 and cue.end_s >= cue.start_s and cue.text.strip() for cue in cues
    )


pieces = st.sampled_from(
    ["\n", "\r\n", "1\n", "00:00:01,000 --> 00:00:02,500", "00:01.5 --> 99:99:99.999", "WEBVTT",
     "[Events]", "[Script Info]", "Format: Start, End, Text", "Dialogue: 0,0:00:01.00,", "Comment:",
     "{\\p1}", "{", "}", "<i>", "</i>", "<00:00:01.000>", "&#27;", "&#x110000;", "NOTE", "\ufeff",
     "\x00", "\u202e", "words", "{1}{2}", "-->"]
)  # fmt: skip
contents = (
    st.binary(max_size=400)
    | st.text(max_size=400).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | st.lists(pieces | st.text(max_size=5), max_size=40).map(
        lambda p: "".join(p).encode(errors="replace")
    )
    | st.lists(pieces, max_size=40).map(lambda p: "\n".join(p).encode("utf-16"))
)


@pytest.mark.parametrize("suffix", SUFFIXES)
@given(content=contents)
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_content_gives_cues_or_a_refusal(suffix: str, content: bytes, tmp_path: Path) -> None:
    cues: list[Segment] = []
    refused = ""
    try:
        cues = read(tmp_path, f"fuzz{suffix}", content)
    except MediaError as exc:
        refused = exc.message
    assert refused.isprintable()
    assert in_order(cues)


@given(
    st.lists(
        st.builds(
            Segment,
            st.floats(-5, 100),
            st.floats(-5, 100),
            st.lists(st.sampled_from(["a", "b", "", " "]), max_size=4).map("\n".join),
        )
    )
)
def test_cleaned_cues_are_in_order_and_say_something(cues: list[Segment]) -> None:
    kept = clean(cues)
    assert in_order(kept)
    said = {line for cue in cues for line in cue.text.split("\n") if line.strip()}
    assert {line for cue in kept for line in cue.text.split("\n")} == said


def test_cues_of_very_many_rows_take_no_time_to_compare() -> None:
    """Compared row by row in every way, these would take hours, and the suite's time is limited."""
    rows = "\n".join(["row"] * 200_000)
    kept = clean([Segment(0, 1, f"{rows}\nend"), Segment(1, 2, f"{rows}\nother end")])
    assert len(kept) == 2


# Files beside a video


def test_which_files_belong_to_a_video(tmp_path: Path) -> None:
    belong = ["talk.srt", "talk.ASS", "talk.en.vtt", "talk.pt-BR.srt", "talk.forced.ssa"]
    others = ["talk.txt", "talk2.srt", "talk 2.srt", "other.srt", "talk.en.old.srt", "Talk.srt"]
    for name in [*belong, *others]:
        (tmp_path / name).touch()
    (tmp_path / "talk.de.srt").mkdir()
    found = find_sidecars(tmp_path / "talk.mp4")
    assert sorted(path.name for path in found) == sorted(belong)


def test_a_name_with_dots_and_a_folder_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "talk.v2.srt").touch()
    assert [p.name for p in find_sidecars(tmp_path / "talk.v2.mp4")] == ["talk.v2.srt"]
    assert find_sidecars(tmp_path / "nowhere" / "talk.mp4") == []


@pytest.mark.parametrize(
    ("sidecar", "language"),
    [
        ("talk.srt", None),
        ("talk.en.srt", "en"),
        ("talk.EN.srt", "en"),
        ("talk.deu.vtt", "deu"),
        ("talk.pt-BR.srt", "pt-br"),
        ("talk.forced.srt", None),
        ("talk.directors cut.srt", None),
    ],
)
def test_the_language_in_a_name(sidecar: str, language: str | None) -> None:
    assert sidecar_language(Path("talk.mp4"), Path(sidecar)) == language


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("en", "en", True),
        ("en", "eng", True),
        ("en-GB", "eng", True),
        ("ger", "deu", True),
        ("DE", "deu", True),
        ("pt", "pt-BR", True),
        ("en", "de", False),
        ("xx", "xx", True),
        (None, "en", False),
        (None, None, False),
    ],
)
def test_two_codes_for_one_language(one: str | None, other: str | None, same: bool) -> None:
    assert same_language(one, other) is same
    assert same_language(other, one) is same


# Tracks inside a video


CUES: list[Cue] = [
    (1.0, 2.5, "Gr\u00fc\u00dfe & <i>K\u00fcsse</i>\nzwei \u2014 Zeilen"),
    (3.25, 4.0, "\u65e5\u672c\u8a9e \U0001f30a"),
    (5.0, 6.0, "plain, with comma"),
]
EXPECTED = [
    (1.0, 2.5, "Gr\u00fc\u00dfe & K\u00fcsse\nzwei \u2014 Zeilen"),
    (3.25, 4.0, "\u65e5\u672c\u8a9e \U0001f30a"),
    (5.0, 6.0, "plain, with comma"),
]


def track_of(path: Path) -> tuple[str, list[tuple[float, float, str]]]:
    """The codec and the cues of a file's one text track."""
    with Decoder(path) as decoder:
        (track,) = decoder.probe().text
        packets, header = decoder.text_packets(track)
    assert track.readable
    cues = [(c.start_s, c.end_s, c.text) for c in read_track(track, packets, header)]
    return track.codec, cues


def assert_cues(
    cues: list[tuple[float, float, str]],
    expected: list[tuple[float, float, str]],
    later_s: float = 0.0,
) -> None:
    assert [text for *_, text in cues] == [text for *_, text in expected]
    for (start_s, end_s, _), (from_s, to_s, _) in zip(cues, expected, strict=True):
        assert start_s == pytest.approx(from_s + later_s, abs=0.02)
        assert end_s == pytest.approx(to_s + later_s, abs=0.02)


@pytest.mark.parametrize(
    ("video", "name", "codec"),
    [
        ("h264_gop2s", "film.mkv", "subrip"),
        ("h264_gop2s", "film.mkv", "ass"),
        ("h264_gop2s", "film.mkv", "webvtt"),
        ("vp8", "film.webm", "webvtt"),
        ("h264_gop2s", "film.mp4", "mov_text"),
        ("h264_gop2s", "film.mov", "mov_text"),
    ],
)
def test_a_track_gives_its_words_at_their_times(
    video: str, name: str, codec: str, tmp_path: Path, clip_folder: Path
) -> None:
    (tmp_path / "cues.srt").write_text(srt(CUES), "utf-8")
    path = remux(tmp_path / name, clip(video, clip_folder).path, tmp_path / "cues.srt",
                 options=["-c:s", codec])  # fmt: skip
    found, cues = track_of(path)
    assert found == codec
    assert_cues(cues, EXPECTED)


def test_a_script_track_without_comments_and_drawings(tmp_path: Path, clip_folder: Path) -> None:
    events = (
        "Dialogue: 0,0:00:03.00,0:00:04.00,Default,,0,0,0,,{\\b1}Ebb{\\b0}, flow\n"
        "Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,{\\p1}m 0 0 l 9 0 9 9{\\p0}\n"
    )
    (tmp_path / "cues.ass").write_text(ASS + events, "utf-8")
    path = remux(tmp_path / "film.mkv", clip("h264_gop2s", clip_folder).path, tmp_path / "cues.ass")
    assert_cues(track_of(path)[1], [(3.0, 4.0, "Ebb, flow")])


def test_cues_are_on_the_clock_of_the_pictures(tmp_path: Path, clip_folder: Path) -> None:
    """A recording whose own clock starts at 1000 s: the cue is on while frame 50 is."""
    (tmp_path / "cues.srt").write_text(srt(CUES), "utf-8")
    path = tmp_path / "film.mkv"
    made = clip("mpegts_late", clip_folder)
    with Decoder(made.path) as decoder:
        origin_s = decoder.probe().origin_s
    ffmpeg("-copyts", "-i", made.path, "-itsoffset", origin_s, "-i", tmp_path / "cues.srt",
           "-map", 0, "-map", 1, "-c", "copy", path)  # fmt: skip
    with Decoder(path) as decoder:
        info = decoder.probe()
        (frame,) = decoder.frames(Grid(60.0, start_s=2.0, stop_s=2.01), 320, None)
    assert info.origin_s == pytest.approx(origin_s, abs=0.1)
    assert made.counter_time(read_counter(frame.image)) == pytest.approx(2.0, abs=0.05)
    assert_cues(track_of(path)[1], EXPECTED)


def test_cues_keep_their_time_when_the_video_starts_late(tmp_path: Path, clip_folder: Path) -> None:
    """Sound from 0 s, pictures from 2 s."""
    (tmp_path / "cues.srt").write_text(srt(CUES), "utf-8")
    made = clip("video_late", clip_folder)
    path = remux(tmp_path / "film.mkv", made.path, tmp_path / "cues.srt")
    with Decoder(path) as decoder:
        (frame,) = decoder.frames(Grid(60.0, start_s=5.0, stop_s=5.01), 320, None)
    assert made.counter_time(read_counter(frame.image)) == pytest.approx(5.0, abs=0.06)
    assert_cues(track_of(path)[1], EXPECTED)


def test_one_process_reads_several_tracks(tmp_path: Path, clip_folder: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"{number}.srt").write_text(srt([(number, 9, f"track {number}")]), "utf-8")
    path = remux(tmp_path / "film.mkv", clip("h264_gop2s", clip_folder).path,
                 tmp_path / "1.srt", tmp_path / "2.srt")  # fmt: skip
    with Decoder(path) as decoder:
        pid = child_pid(decoder)
        tracks = decoder.probe().text
        texts = [read_track(t, *decoder.text_packets(t))[0].text for t in tracks]
        assert child_pid(decoder) == pid
    assert texts == ["track 1", "track 2"]


def test_a_picture_track_is_listed_and_not_readable(tmp_path: Path, clip_folder: Path) -> None:
    (tmp_path / "cues.srt").write_text(srt([(1, 2, "Hello")]), "utf-8")
    made = clip("h264_gop2s", clip_folder).path
    text = remux(tmp_path / "text.mkv", made, tmp_path / "cues.srt")
    data = text.read_bytes()
    path = tmp_path / "pictures.mkv"
    path.write_bytes(data.replace(b"S_TEXT/UTF8", b"S_HDMV/PGS\0"))
    with Decoder(path) as decoder:
        (track,) = decoder.probe().text
    assert track.codec == "hdmv_pgs_subtitle"
    assert not track.readable


def test_cyrillic_in_an_8_bit_encoding_is_guessed(tmp_path: Path) -> None:
    words = "Привет всем, сегодня мы говорим о том, как работают приливы и отливы."
    cues = read(tmp_path, "a.srt", f"1\n00:00:01,000 --> 00:00:04,000\n{words}\n".encode("cp1251"))
    assert [cue.text for cue in cues] == [words]


def test_the_content_counts_and_not_the_suffix(tmp_path: Path) -> None:
    cues = read(tmp_path, "a.vtt", "1\n00:00:01,000 --> 00:00:04,000\nhello\n")
    assert [(c.start_s, c.text) for c in cues] == [(1.0, "hello")]
    script = "[Script Info]\n\n[Events]\nDialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,hi\n"
    assert [c.text for c in read(tmp_path, "a.srt", script)] == ["hi"]


def test_numbers_between_cues_are_no_text(tmp_path: Path) -> None:
    text = "1\n00:00:01,000 --> 00:00:02,000\none\n2\n00:00:03,000 --> 00:00:04,000\n1984\n"
    assert [c.text for c in read(tmp_path, "a.srt", text)] == ["one", "1984"]


@pytest.mark.timeout(30)
@pytest.mark.parametrize("piece", ["\n", "< ", "{}", "{\\p1}", "{", "<", "&", "-->"])
@pytest.mark.parametrize("suffix", ["srt", "vtt", "ass"])
def test_a_hostile_cue_takes_no_minutes(tmp_path: Path, piece: str, suffix: str) -> None:
    body = piece * (100_000 // len(piece))
    text = {
        "srt": f"1\n00:00:01,000 --> 00:00:02,000\n{body}\n",
        "vtt": f"WEBVTT\n\n00:01.000 --> 00:02.000\n{body}\n",
        "ass": f"[Events]\nDialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,{body}\n",
    }[suffix]
    with contextlib.suppress(MediaError):  # one that holds no text is refused
        assert len(read(tmp_path, f"a.{suffix}", text)) <= 2
