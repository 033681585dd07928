"""True words at true times, through faster-whisper's own code and a model that really hears."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from clips import clip
from footage import ffmpeg, remux, write_wav
from models import WHISPER
from spoken import RATE_HZ, Line, Samples, noise, phrase_s, speech, spoken_video, spoken_wav
from thinning import every_second

from vidsum.config import Options
from vidsum.costs.tally import Tally
from vidsum.data import AudioWindow, Transcript
from vidsum.errors import BackendFailed, BackendMissing, MediaError, OptionError
from vidsum.media.process import Decoder
from vidsum.media.voice import Span
from vidsum.transcribers import whisper
from vidsum.transcribers.gates import Candidate, sift
from vidsum.transcribers.protocol import Heard, TranscriptRequest
from vidsum.transcribers.recogniser import Device, Recogniser
from vidsum.transcribers.speech_windows import Passage, Piece, blocks

OPTIONS = Options(speech_model=str(WHISPER), threads=1, gpu_layers=0)
LINES: list[Line] = [
    (2.0, "red circle and blue square"),
    (9.0, "move triangle up"),
    (17.5, "three"),
    (27.0, "open page five and show slide two"),
    (51.0, "stop video"),
    (66.0, "white star right"),
]
LENGTH_S = 75.0


def transcribed(path: Path, options: Options = OPTIONS, **asked: object) -> Transcript:
    transcript = whisper.build(options).transcribe(request_for(path, **asked))
    assert transcript is not None
    return transcript


def request_for(path: Path, **asked: object) -> TranscriptRequest:
    with Decoder(path) as decoder:
        info = decoder.probe()
    return replace(TranscriptRequest(info, lambda: Decoder(path)), **asked)


def lines_of(transcript: Transcript) -> list[tuple[float, str]]:
    return [(segment.start_s, segment.text) for segment in transcript.segments]


def assert_true(transcript: Transcript, lines: Sequence[Line]) -> None:
    """The words are these, in this order, and each line begins and ends where it was said."""
    said = " ".join(text for _, text in lines)
    assert " ".join(text for _, text in lines_of(transcript)) == said
    starts = dict(lines_of(transcript))
    for at_s, text in lines:
        near = min(starts, key=lambda start_s: abs(start_s - at_s))
        assert near == pytest.approx(at_s, abs=0.3)
        assert text.startswith(starts[near]) or starts[near].startswith(text)
    for segment in transcript.segments:
        assert any(
            at_s - 0.3 <= segment.start_s <= segment.end_s <= at_s + phrase_s(text) + 0.3
            for at_s, text in lines
        ), segment


def with_noise(lines: Sequence[Line], length_s: float) -> Samples:
    """Phrases in a quiet room, and two stretches of loud noise between them."""
    sound = speech(lines, length_s, loudness=0.8) + noise(length_s, 0.001)
    for start_s, stop_s in ((34.0, 46.0), (56.0, 62.0)):
        loud = noise(stop_s - start_s, 0.3, seed=2)
        sound[round(start_s * RATE_HZ) :][: loud.size] += loud
    return sound


SENTENCES = (
    "show red circle", "move triangle up", "open page five", "stop blue video", "yellow star left",
    "start slide seven", "close white square", "black page ten", "green circle down",
    "show two four eight",
)  # fmt: skip


def sentences(until_s: float, pause_s: float = 0.6) -> list[Line]:
    """Sentences in turn, with a pause after each."""
    lines: list[Line] = []
    at_s = 0.4
    while at_s < until_s:
        text = SENTENCES[len(lines) % len(SENTENCES)]
        lines.append((at_s, text))
        at_s += phrase_s(text) + pause_s
    return lines


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return spoken_wav(tmp_path_factory.mktemp("spoken") / "talk.wav", LINES, LENGTH_S)


def test_true_words_at_true_times(spoken: Path) -> None:
    transcript = transcribed(spoken)
    assert_true(transcript, LINES)
    assert transcript.rejected == ()
    assert transcript.backend == "whisper"
    assert transcript.source == "speech recognised by whisper (int8, CPU)"
    assert transcript.model == "whisper"
    assert transcript.language == "en"
    assert all(segment.scores is not None for segment in transcript.segments)
    assert all(segment.words == () for segment in transcript.segments)


def test_silence_is_not_transcribed_and_its_seconds_are_told(spoken: Path) -> None:
    transcriber = whisper.build(OPTIONS)
    transcript = transcriber.transcribe(request_for(spoken))
    assert transcript is not None
    assert transcript.heard_s == pytest.approx(LENGTH_S, abs=0.1)
    said_s = sum(phrase_s(text) for _, text in LINES)
    assert transcript.speech_s == pytest.approx(said_s, rel=0.15)
    assert transcriber.tally.counts["calls"] == 2  # a block of 54 s and the rest


def test_words_between_silence_and_noise_in_a_film(tmp_path: Path) -> None:
    film = spoken_video(tmp_path / "film.mp4", [], LENGTH_S, with_noise(LINES, LENGTH_S))
    assert_true(transcribed(film), LINES)


def test_the_sound_is_that_of_the_time_asked_for(spoken: Path, tmp_path: Path) -> None:
    film = spoken_video(tmp_path / "film.mp4", LINES, LENGTH_S)
    for path in (spoken, film):
        transcript = transcribed(path, start_s=8.0, stop_s=55.0)
        assert_true(transcript, LINES[1:5])
        assert transcript.heard_s == pytest.approx(47.0, abs=0.1)


def test_speech_over_every_border(tmp_path: Path) -> None:
    """The decoder gives out 30 s at once; words are spoken over each of its borders."""
    lines = sentences(115.0)
    for border_s in (30.0, 60.0, 90.0):
        assert any(at_s < border_s < at_s + phrase_s(text) for at_s, text in lines)
    assert_true(transcribed(spoken_wav(tmp_path / "talk.wav", lines, 120.0)), lines)


def test_a_hole_in_the_sound(tmp_path: Path) -> None:
    """A capture that lost half a minute: the clock says so, the samples do not."""
    lines = [(2.0, "red circle"), (7.0, "blue square"), (43.0, "open page two")]
    sound = spoken_wav(tmp_path / "talk.wav", lines, 50.0)
    path = tmp_path / "film.mkv"
    ffmpeg("-i", sound, "-af", "aselect='lt(t,10)+gt(t,40)'", "-c:a", "mp2", path)
    transcript = transcribed(path)
    assert transcript.heard_s == pytest.approx(20.0, abs=0.3)
    assert_true(transcript, lines)


def test_long_pauses_are_never_inside_a_segment(tmp_path: Path) -> None:
    lines = [(1.0 + 4 * n, text) for n, text in enumerate(["one two", "three four", "five six"])]
    transcript = transcribed(spoken_wav(tmp_path / "talk.wav", lines, 15.0))
    assert_true(transcript, lines)
    assert len(transcript.segments) == 3


def test_word_times_are_in_order_and_inside_their_segments(spoken: Path) -> None:
    transcript = transcribed(spoken, word_times=True)
    assert_true(transcript, LINES)
    for segment in transcript.segments:
        assert " ".join(word.text for word in segment.words) == segment.text
        edges = [(word.start_s, word.end_s) for word in segment.words]
        assert segment.start_s <= edges[0][0]
        assert edges[-1][1] <= segment.end_s
        assert all(a[0] <= a[1] and a[0] <= b[0] for a, b in pairwise(edges))
        assert all(0 < word.probability <= 1 for word in segment.words)


def test_words_begin_about_where_they_are_said(tmp_path: Path) -> None:
    lines: list[Line] = [(2.0, "red circle and blue square")]
    transcript = transcribed(spoken_wav(tmp_path / "talk.wav", lines, 8), word_times=True)
    words = [word for segment in transcript.segments for word in segment.words]
    before = ["red", "red circle", "red circle and", "red circle and blue"]
    said_s = [2.0, *(2.0 + phrase_s(text) for text in before)]
    assert [word.start_s for word in words] == pytest.approx(said_s, abs=0.3)


def test_progress_only_goes_up_and_to_the_end(spoken: Path) -> None:
    done: list[float] = []
    transcribed(spoken, start_s=8.0, advanced=done.append)
    assert done == sorted(done)
    assert len(set(done)) >= 3
    assert done[-1] == pytest.approx(LENGTH_S - 8.0, abs=0.1)


class Interrupted(Exception):
    """The user had enough."""


def interrupted(path: Path, blocks_done: int, **asked: object) -> Heard:
    """What a run that ended after some blocks has left behind."""
    left: list[Heard] = []

    def heard(state: Heard) -> None:
        left.append(state)
        if len(left) == blocks_done:
            raise Interrupted

    with pytest.raises(Interrupted):
        transcribed(path, heard=heard, **asked)
    return left[-1]


@pytest.fixture(scope="module")
def lecture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two minutes of sentences."""
    folder = tmp_path_factory.mktemp("lecture")
    return spoken_wav(folder / "talk.wav", sentences(115.0), 120.0)


@pytest.fixture(scope="module")
def whole(lecture: Path) -> Transcript:
    """The lecture, heard in one go."""
    return transcribed(lecture)


@pytest.mark.parametrize("blocks_done", every_second([1, 2]))
def test_going_on_ends_as_a_run_in_one_go(
    lecture: Path, whole: Transcript, blocks_done: int
) -> None:
    state = interrupted(lecture, blocks_done)
    assert 20 < state.until_s < 120
    assert state.segments == whole.segments[: len(state.segments)]
    assert all(segment.end_s <= state.until_s for segment in state.segments)
    assert transcribed(lecture, resume=state) == whole


@pytest.mark.slow
def test_going_on_in_the_middle_of_compressed_sound(lecture: Path, tmp_path: Path) -> None:
    film = tmp_path / "film.m4a"
    ffmpeg("-i", lecture, "-c:a", "aac", "-b:a", "64k", "-ar", 44_100, film)
    asked = {"start_s": 13.0, "stop_s": 90.0}
    whole = transcribed(film, **asked)
    assert transcribed(film, resume=interrupted(film, 1, **asked), **asked) == whole


def test_what_was_heard_already_is_not_heard_again(lecture: Path) -> None:
    state = interrupted(lecture, 2)
    transcriber = whisper.build(OPTIONS)
    done: list[float] = []
    transcriber.transcribe(request_for(lecture, resume=state, advanced=done.append))
    assert done[0] == pytest.approx(state.until_s)
    assert transcriber.tally.counts["calls"] <= 2  # of some 25 s


def test_a_state_at_the_end_is_the_whole(spoken: Path) -> None:
    told: list[Heard] = []
    whole = transcribed(spoken, heard=told.append)
    assert told[-1].until_s == pytest.approx(LENGTH_S)
    again = transcribed(spoken, resume=told[-1])
    assert again.segments == whole.segments
    assert (again.speech_s, again.heard_s) == (whole.speech_s, whole.heard_s)


def test_the_same_file_twice_is_the_same_transcript(lecture: Path, whole: Transcript) -> None:
    assert transcribed(lecture) == whole


def test_loud_noise_has_no_words(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "noise.wav", noise(70.0, 0.3)[None], RATE_HZ)
    transcript = transcribed(path)
    assert transcript.segments == ()
    assert transcript.source == "no speech found"
    assert (transcript.speech_s, transcript.heard_s) == (0.0, 70.0)


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    return Recogniser(WHISPER, Device("cpu", "int8"), 1, Tally())


def believed_to_be_speech(*sounds: Samples) -> Passage:
    """A passage of sounds that voice activity detection took for speech from end to end."""
    return Passage(tuple(
        Piece(100.0 * n, sound, (Span(0, sound.size),)) for n, sound in enumerate(sounds)
    ))  # fmt: skip


def heard(recogniser: Recogniser, passage: Passage) -> list[Candidate]:
    (found,) = recogniser.hear([passage], "en", False)
    return found


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("loudness", [0.2, 0.5, 0.9])
def test_noise_that_gets_to_the_model_is_not_believed(
    recogniser: Recogniser, loudness: float, seed: int
) -> None:
    found = heard(recogniser, believed_to_be_speech(noise(20.0, loudness, seed)))
    assert any("up up up up" in candidate.segment.text for candidate in found)
    sifted = sift(found)
    assert sifted.rejected != ()
    assert all(segment.doubt for segment in (*sifted.segments, *sifted.rejected))


def test_speech_beside_noise_is_rescued(recogniser: Recogniser) -> None:
    """Heard with the noise it would be lost, so the two halves are heard again."""
    said = speech([(0.5, "red circle and blue square")], 4.0)
    passage = believed_to_be_speech(said, noise(12.0, 0.5))
    sifted = sift(heard(recogniser, passage))
    assert [segment.text for segment in sifted.segments if not segment.doubt] == [
        "red circle and blue square"
    ]
    assert all("up" in segment.text for segment in sifted.rejected)
    assert all(segment.start_s >= 100 for segment in sifted.rejected)


@pytest.mark.slow
def test_a_batch_hears_the_same(recogniser: Recogniser, lecture: Path) -> None:
    """As a GPU does it: several passages at once."""
    sound = np.frombuffer(lecture.read_bytes()[44:], "<i2").astype(np.float32) / 32768
    (block,) = blocks([AudioWindow(0.0, sound)], block_s=130.0)
    assert len(block.passages) > 3
    tally = Tally()
    batching = Recogniser(WHISPER, Device("cpu", "int8"), 1, tally, batch=3)
    alone = [c.segment for found in recogniser.hear(block.passages, "en", False) for c in found]
    heard = list(batching.hear(block.passages, "en", False))
    assert len(heard) == len(block.passages) <= tally.counts["calls"]
    together = [c.segment for found in heard for c in found]
    assert [s.start_s for s in together] == pytest.approx([s.start_s for s in alone], abs=0.1)
    differing = [(a.text, b.text) for a, b in zip(alone, together, strict=True) if a.text != b.text]
    assert len(differing) <= len(alone) // 20  # whole numbers add up otherwise in a batch


def test_no_speech_loads_no_model(tmp_path: Path) -> None:
    """A file of silence is answered even if the model is broken: nobody asks it."""
    broken = tmp_path / "model"
    shutil.copytree(WHISPER, broken)
    (broken / "model.bin").write_bytes(b"no model")
    silence = spoken_wav(tmp_path / "silence.wav", [], 61.0)
    transcript = transcribed(silence, replace(OPTIONS, speech_model=str(broken)))
    assert transcript.source == "no speech found"
    assert transcript.heard_s == pytest.approx(61.0)


def test_no_sound_track_is_for_the_next_source(clip_folder: Path) -> None:
    made = clip("h264_gop2s", clip_folder)
    assert whisper.build(OPTIONS).transcribe(request_for(made.path)) is None


def test_sound_that_holds_nothing(spoken: Path) -> None:
    transcript = transcribed(spoken, start_s=500.0)
    assert transcript.source == "a sound track without readable sound"
    assert (transcript.speech_s, transcript.heard_s) == (0.0, 0.0)


def test_sound_that_cannot_be_read(tmp_path: Path, spoken: Path, clip_folder: Path) -> None:
    made = clip("h264_gop2s", clip_folder).path
    path = remux(tmp_path / "film.mkv", made, spoken, options=["-c:a", "tta"])
    with pytest.raises(MediaError, match="tta"):
        transcribed(path)


def test_a_language_that_the_model_does_not_know(spoken: Path) -> None:
    with pytest.raises(OptionError, match="whisper knows English only, not German"):
        transcribed(spoken, language="de")
    assert transcribed(spoken, language="en-GB", stop_s=12.0).language == "en"


@pytest.mark.parametrize(
    ("code", "short"),
    [("pt-BR", "pt"), ("deu", "de"), ("en", "en"), ("jv", "jw"), ("nb", "no"), ("yue", "yue")],
)
def test_language_codes(code: str, short: str) -> None:
    assert whisper.whisper_language(code) == short


def test_a_language_that_no_whisper_knows(spoken: Path) -> None:
    with pytest.raises(OptionError, match="no language xx") as caught:
        transcribed(spoken, language="xx")
    assert "en, de" in caught.value.hint


def test_the_language_is_the_likeliest_of_all_that_was_asked() -> None:
    unsure = (10.0, {"nl": 0.5, "de": 0.45})
    sure = (20.0, {"de": 0.7, "nl": 0.2})
    assert whisper.likeliest_language([unsure]) == "nl"
    assert whisper.likeliest_language([unsure, sure]) == "de"


def copied(folder: Path) -> Path:
    return Path(shutil.copytree(WHISPER, folder / "model"))


def without_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def without_vocabulary(folder: Path) -> None:
    (folder / "vocabulary.json").unlink()


def cut_short(folder: Path) -> None:
    data = (folder / "model.bin").read_bytes()
    (folder / "model.bin").write_bytes(data[: len(data) // 2])


def no_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{}")


def no_vocabulary(folder: Path) -> None:
    (folder / "vocabulary.json").write_text("[1, 2")


def no_configuration(folder: Path) -> None:
    (folder / "config.json").write_text("{")


@pytest.mark.parametrize(
    "damage",
    [without_tokenizer, without_vocabulary, cut_short, no_tokenizer, no_vocabulary,
     no_configuration],
)  # fmt: skip
def test_a_damaged_model(
    spoken: Path, tmp_path: Path, damage: Callable[[Path], None], capfd: pytest.CaptureFixture[str]
) -> None:
    folder = copied(tmp_path)
    damage(folder)
    with pytest.raises(BackendFailed) as caught:
        transcribed(spoken, replace(OPTIONS, speech_model=str(folder)))
    assert str(folder) in caught.value.message
    assert "\n" not in caught.value.message
    assert "--speech-model" in caught.value.hint
    assert capfd.readouterr() == ("", "")


def test_nothing_is_said_on_the_way(spoken: Path, capfd: pytest.CaptureFixture[str]) -> None:
    transcribed(spoken, word_times=True)
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger("faster_whisper").level == logging.WARNING


def test_whether_it_could_work(tmp_path: Path) -> None:
    found = whisper.ready(OPTIONS)
    assert (found.ready, found.what) == (True, "whisper, int8, CPU")
    folder = copied(tmp_path)
    without_tokenizer(folder)
    lacking = whisper.ready(replace(OPTIONS, speech_model=str(folder)))
    assert not lacking.ready
    assert "tokenizer.json" in lacking.what
    missing = whisper.ready(replace(OPTIONS, speech_model=str(tmp_path / "nothing")))
    assert not missing.ready
    assert missing.hint


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BackendMissing):
        whisper.build(replace(OPTIONS, speech_model=str(tmp_path / "nothing")))


def test_closing_ends_what_is_under_way_and_may_be_done_twice(spoken: Path) -> None:
    transcriber = whisper.build(OPTIONS)
    request = request_for(spoken, advanced=lambda done_s: transcriber.close())
    with pytest.raises(BackendFailed, match="was closed"):
        transcriber.transcribe(request)
    assert transcriber.tally.counts["calls"] == 1
    transcriber.close()


def test_a_refrain_is_heard_again_in_halves(tmp_path: Path) -> None:
    """Four times the same fills a window that packs like a loop; each half of it does not."""
    lines = [(4.0 + 6 * i, "open red circle move left and stop show page seven") for i in range(4)]
    transcript = transcribed(spoken_wav(tmp_path / "refrain.wav", lines, 30.0))
    assert_true(transcript, lines)
    assert [segment.doubt for segment in transcript.segments] == [None] * 4


def test_a_real_narration_is_no_speech_of_known_words_and_still_answers(talk: Path) -> None:
    """The model knows 35 words, the talk has hundreds: whatever it makes of them is in order."""
    truth = json.loads(talk.with_suffix(".truth.json").read_text("utf-8"))
    transcript = transcribed(talk, stop_s=60.0)
    told_s = sum(min(60.0, c["end_s"]) - c["start_s"] for c in truth["cues"] if c["start_s"] < 60)
    assert transcript.speech_s == pytest.approx(told_s, rel=0.1)
    everything = [*transcript.segments, *transcript.rejected]
    assert everything
    assert all(0 <= segment.start_s <= segment.end_s <= 60.05 for segment in everything)
    starts = [segment.start_s for segment in transcript.segments]
    assert starts == sorted(starts)
