"""Which subtitles are taken when there are several, and what happens to bad ones."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from clips import clip
from footage import Cue, ffmpeg, srt

from vidsum.data import Transcript
from vidsum.media.process import Decoder
from vidsum.transcribers.protocol import TranscriptRequest
from vidsum.transcribers.subtitles import SubtitleTranscriber

CUES: list[Cue] = [(1, 2, "one"), (3, 6, "two"), (7, 12, "three")]


NOT_IN = "There are no subtitles in "


@pytest.fixture
def plain(tmp_path: Path, clip_folder: Path) -> Path:
    """A video without text."""
    return Path(shutil.copy(clip("h264_gop2s", clip_folder).path, tmp_path / "film.mp4"))


def with_tracks(plain: Path, tracks: Sequence[tuple[str, str, str]]) -> Path:
    """The video with text tracks: each a language, a disposition and the one thing it says."""
    inputs: list[object] = ["-i", plain]
    options: list[object] = ["-map", 0]
    for number, (language, disposition, words) in enumerate(tracks):
        cue = plain.parent / f"track{number}.srt"
        cue.write_text(srt([(1, 2, words)]), "utf-8")
        inputs += ["-i", cue]
        options += ["-map", number + 1, f"-metadata:s:s:{number}", f"language={language}",
                    f"-disposition:s:{number}", disposition]  # fmt: skip
    path = plain.parent / "film.mkv"
    ffmpeg(*inputs, *options, "-c", "copy", path)
    return path


def beside(video: Path, name: str, content: str | bytes) -> None:
    (video.parent / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def told(
    path: Path,
    language: str | None = None,
    start_s: float = 0.0,
    stop_s: float | None = None,
    warned: list[str] | None = None,
) -> Transcript | None:
    """What the transcriber says of a file; a warning that nobody waits for is an error."""
    said: list[str] = []
    with Decoder(path) as decoder:
        info = decoder.probe()
    request = TranscriptRequest(
        info, lambda: Decoder(path), start_s, stop_s, language, warn=said.append
    )
    transcript = SubtitleTranscriber().transcribe(request)
    if warned is None:
        assert [text for text in said if not text.startswith(NOT_IN)] == []
    else:
        warned += said
    return transcript


def words(transcript: Transcript | None) -> list[str]:
    assert transcript is not None
    return [segment.text for segment in transcript.segments]


def test_no_subtitles_no_transcript(plain: Path) -> None:
    assert told(plain) is None


def test_the_talk_is_told_by_its_own_track(talk: Path, tmp_path: Path) -> None:
    truth = json.loads(talk.with_suffix(".truth.json").read_text("utf-8"))["cues"]
    transcript = told(Path(shutil.copy(talk, tmp_path)))
    assert transcript is not None
    assert [" ".join(text.split()) for text in words(transcript)] == [c["text"] for c in truth]
    for segment, cue in zip(transcript.segments, truth, strict=True):
        assert segment.start_s == pytest.approx(cue["start_s"], abs=0.1)
        assert segment.end_s == pytest.approx(cue["end_s"], abs=0.1)
    assert transcript.source == "embedded subtitles, track 1 (eng)"
    assert transcript.language == "eng"


def test_a_file_beside_the_video_beats_a_track_inside(plain: Path) -> None:
    video = with_tracks(plain, [("eng", "default", "from inside")])
    beside(video, "film.srt", srt([(1, 2, "from beside")]))
    transcript = told(video)
    assert words(transcript) == ["from beside"]
    assert transcript is not None
    assert (transcript.source, transcript.backend) == ("subtitle file film.srt", "subtitles")
    assert transcript.language is None


@pytest.mark.parametrize(
    ("language", "expected"),
    [(None, "plain"), ("de", "german"), ("ger", "german"), ("en-US", "english"), ("fr", "plain")],
)
def test_the_file_in_the_language_asked_for(
    language: str | None, expected: str, plain: Path
) -> None:
    beside(plain, "film.srt", srt([(1, 2, "plain")]))
    beside(plain, "film.de.srt", srt([(1, 2, "german")]))
    beside(plain, "film.en.vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\nenglish\n")
    assert words(told(plain, language)) == [expected]


def test_the_language_of_a_file_is_the_one_in_its_name(plain: Path) -> None:
    beside(plain, "film.de.srt", srt([(1, 2, "german")]))
    transcript = told(plain, "en")
    assert transcript is not None
    assert transcript.language == "de"


def test_a_file_of_forced_lines_comes_last(plain: Path) -> None:
    beside(plain, "film.forced.srt", srt([(1, 2, "forced")]))
    assert words(told(plain)) == ["forced"]
    beside(plain, "film.pl.srt", srt([(1, 2, "polish")]))
    assert words(told(plain)) == ["polish"]


TRACKS = [
    ("fra", "forced", "forced french"),
    ("deu", "0", "german"),
    ("eng", "default", "english"),
    ("fra", "0", "french"),
]


@pytest.mark.parametrize(
    ("language", "expected", "number"),
    [(None, "english", 3), ("de", "german", 2), ("fr", "french", 4), ("it", "english", 3)],
)
def test_the_track_in_the_language_asked_for(
    language: str | None, expected: str, number: int, plain: Path
) -> None:
    transcript = told(with_tracks(plain, TRACKS), language)
    assert words(transcript) == [expected]
    assert transcript is not None
    assert transcript.source.startswith(f"embedded subtitles, track {number} (")


def test_a_forced_track_comes_last_even_in_the_language_asked_for(plain: Path) -> None:
    """It holds only what is said in another language: not what was said."""
    assert words(told(with_tracks(plain, TRACKS[:2]), "fr")) == ["german"]
    assert words(told(with_tracks(plain, TRACKS[:1]), "de")) == ["forced french"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("film.srt", b"<html><body>404 Not Found</body></html>"),
        ("film.srt", bytes(range(256)) * 4),
        ("film.ass", b"[Events]\nFormat: Start, End\nDialogue: 1,2,3\n"),
        ("film.en.vtt", bytes(4000)),
    ],
)
def test_a_broken_file_is_named_and_the_track_inside_is_read(
    name: str, content: bytes, plain: Path
) -> None:
    video = with_tracks(plain, [("eng", "default", "from inside")])
    beside(video, name, content)
    warned: list[str] = []
    assert words(told(video, warned=warned)) == ["from inside"]
    (warning,) = warned
    assert name in warning
    assert warning.isprintable()


def test_a_broken_file_and_no_other_gives_no_transcript(plain: Path) -> None:
    beside(plain, "film.srt", bytes(4000))
    warned: list[str] = []
    assert told(plain, warned=warned) is None
    assert len(warned) == 1


def test_the_second_file_is_read_when_the_first_is_broken(plain: Path) -> None:
    beside(plain, "film.srt", b"\x00" * 4000)
    beside(plain, "film.en.srt", srt([(1, 2, "english")]))
    warned: list[str] = []
    assert words(told(plain, warned=warned)) == ["english"]
    assert len(warned) == 1


def test_an_empty_file_is_named_and_passed_by(plain: Path) -> None:
    video = with_tracks(plain, [("eng", "default", "from inside")])
    beside(video, "film.srt", b"")
    warned: list[str] = []
    assert words(told(video, warned=warned)) == ["from inside"]
    assert warned == ["The subtitle file film.srt holds no lines."]


def test_a_language_that_is_not_there_is_said(plain: Path) -> None:
    warned: list[str] = []
    assert words(told(with_tracks(plain, TRACKS), "it", warned=warned)) == ["english"]
    assert warned == ["There are no subtitles in Italian; used: embedded subtitles, track 3 (eng)."]


def test_a_track_in_the_language_beats_a_file_in_another(plain: Path) -> None:
    video = with_tracks(plain, [("fra", "0", "french inside")])
    beside(video, "film.en.srt", srt([(1, 2, "english beside")]))
    assert words(told(video, "fr")) == ["french inside"]
    assert words(told(video, "en")) == ["english beside"]
    assert words(told(video)) == ["english beside"]


def test_without_a_wish_the_language_of_the_sound_counts(talk: Path, tmp_path: Path) -> None:
    video = Path(shutil.copy(talk, tmp_path))
    beside(video, "talk.de.srt", srt([(1, 2, "deutsch")]))
    beside(video, "talk.en.srt", srt([(1, 2, "english")]))
    assert words(told(video)) == ["english"]


@pytest.mark.parametrize(
    ("start_s", "stop_s", "expected"),
    [
        (0.0, None, ["one", "two", "three"]),
        (2.5, None, ["two", "three"]),
        (5.0, 7.0, ["two"]),
        (5.0, 7.5, ["two", "three"]),
        (0.0, 3.0, ["one"]),
    ],
)
def test_the_part_that_was_asked_for(
    start_s: float, stop_s: float | None, expected: list[str], plain: Path
) -> None:
    beside(plain, "film.srt", srt(CUES))
    assert words(told(plain, None, start_s, stop_s)) == expected


def test_no_cue_in_the_part_that_was_asked_for(plain: Path) -> None:
    beside(plain, "film.srt", srt(CUES))
    assert told(plain, None, 13.0, None) is None


def test_a_cue_without_a_length_at_the_very_start_counts(plain: Path) -> None:
    beside(plain, "film.srt", srt([(0, 0, "first")]))
    assert words(told(plain)) == ["first"]
