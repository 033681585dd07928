"""What every source of a transcript promises, whichever it is."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from clips import clip
from footage import ffmpeg, remux, srt, tone, write_wav
from models import WHISPER
from scripted_provider import ScriptedProvider
from speech_server import MODEL, transcribes
from thinning import every_second

from vidsum.config import Options
from vidsum.data import Transcript
from vidsum.media.process import Decoder
from vidsum.registry import STAGES, load
from vidsum.transcribers.protocol import Transcriber, TranscriptRequest

Maker = Callable[[Path, Path, Path], Path]
"""A file from a new folder, the talk and the clips."""


def narrated(folder: Path, talk: Path, clips: Path) -> Path:
    path = folder / "talk.mp4"
    ffmpeg("-i", talk, "-map", "0", "-c", "copy", "-t", 35, path)  # more takes recognisers long
    return path


def mute(folder: Path, talk: Path, clips: Path) -> Path:
    return Path(shutil.copy(clip("h264_gop2s", clips).path, folder / "film.mp4"))


def humming(folder: Path, talk: Path, clips: Path) -> Path:
    sound = write_wav(folder / "tone.wav", tone(440, 17, 16_000), 16_000)
    return remux(folder / "film.mkv", clip("h264_gop2s", clips).path, sound)


def subtitled(folder: Path, talk: Path, clips: Path) -> Path:
    cues = [(1, 2, "one"), (3, 6, "two"), (7, 12, "three"), (16, 99, "past the end")]
    (folder / "film.srt").write_text(srt(cues), "utf-8")
    return mute(folder, talk, clips)


def sound_only(folder: Path, talk: Path, clips: Path) -> Path:
    return write_wav(folder / "tone.wav", tone(440, 9, 16_000), 16_000)


FILES: dict[str, Maker] = {
    maker.__name__: maker for maker in (narrated, mute, humming, subtitled, sound_only)
}
SPANS = [(0.0, None), pytest.param(4.0, 9.0, marks=pytest.mark.slow), (500.0, None)]


@pytest.fixture(scope="module")
def provider() -> Iterator[ScriptedProvider]:
    with ScriptedProvider(transcribes()) as found:
        yield found


@pytest.fixture
def options(name: str, provider: ScriptedProvider) -> Options:
    if name == "whisper":
        return Options(speech_model=str(WHISPER), threads=1)
    return Options(speech_api=provider.url, speech_model=MODEL) if name == "remote" else Options()


@pytest.mark.parametrize("name", STAGES["transcriber"])
@pytest.mark.parametrize("file", every_second(FILES))
@pytest.mark.parametrize(("start_s", "stop_s"), SPANS)
def test_a_transcript_or_none(
    name: str,
    options: Options,
    file: str,
    start_s: float,
    stop_s: float | None,
    talk: Path,
    tmp_path: Path,
    clip_folder: Path,
) -> None:
    path = FILES[file](tmp_path, talk, clip_folder)
    with Decoder(path) as decoder:
        info = decoder.probe()
    warned: list[str] = []
    done: list[float] = []
    request = TranscriptRequest(
        info, lambda: Decoder(path), start_s, stop_s, advanced=done.append, warn=warned.append
    )
    transcriber: Transcriber = load("transcriber", name, options)
    transcript = transcriber.transcribe(request)
    transcriber.close()
    transcriber.close()
    assert transcriber.name == name
    assert warned == []
    assert done == sorted(done)
    if transcript is not None:
        keeps_its_promises(transcript, name, start_s, float("inf") if stop_s is None else stop_s)


def keeps_its_promises(transcript: Transcript, name: str, start_s: float, stop_s: float) -> None:
    assert transcript.backend == name
    assert transcript.source.strip()
    assert transcript.source.isprintable()
    starts = [segment.start_s for segment in transcript.segments]
    assert starts == sorted(starts)
    for segment in transcript.segments:
        assert segment.text.strip() == segment.text != ""
        assert 0 <= segment.start_s <= segment.end_s
        assert segment.end_s >= start_s
        assert segment.start_s < stop_s
    assert (transcript.speech_s is None) == (transcript.heard_s is None)
    if transcript.speech_s is not None and transcript.heard_s is not None:
        assert 0 <= transcript.speech_s <= transcript.heard_s


@pytest.mark.parametrize("file", FILES)
def test_some_source_always_answers(
    file: str, talk: Path, tmp_path: Path, clip_folder: Path
) -> None:
    path = FILES[file](tmp_path, talk, clip_folder)
    with Decoder(path) as decoder:
        request = TranscriptRequest(decoder.probe(), lambda: Decoder(path))
    lite = [name for name, backend in STAGES["transcriber"].items() if backend.tier == "lite"]
    answers = [load("transcriber", name, Options()).transcribe(request) for name in lite]
    assert any(answer is not None for answer in answers)
    words = [answer for answer in answers if answer is not None and answer.segments]
    assert bool(words) == (file in ("narrated", "subtitled"))
