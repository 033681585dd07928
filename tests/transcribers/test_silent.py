"""The sound that nobody transcribes: how much there is, and how much of it is speech."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from clips import clip
from footage import ffmpeg, remux, tone, write_wav

from vidsum.data import Transcript
from vidsum.errors import MediaError, OptionError
from vidsum.media.process import Decoder
from vidsum.transcribers.protocol import TranscriptRequest
from vidsum.transcribers.silent import SpeechMeter


def measured(
    path: Path, start_s: float = 0.0, stop_s: float | None = None, track: int | None = None
) -> tuple[Transcript, list[float]]:
    """What the meter says, and the seconds that it reported on the way."""
    done: list[float] = []
    with Decoder(path) as decoder:
        info = decoder.probe()
    request = TranscriptRequest(
        info, lambda: Decoder(path), start_s, stop_s, audio_track=track, advanced=done.append
    )
    transcript = SpeechMeter().transcribe(request)
    assert transcript is not None
    assert transcript.segments == ()
    return transcript, done


def test_a_narration_is_mostly_speech(talk: Path) -> None:
    truth = json.loads(talk.with_suffix(".truth.json").read_text("utf-8"))
    told_s = sum(cue["end_s"] - cue["start_s"] for cue in truth["cues"])
    transcript, done = measured(talk)
    assert transcript.heard_s == pytest.approx(truth["duration_s"], abs=0.2)
    assert transcript.speech_s == pytest.approx(told_s, rel=0.1)
    assert transcript.source == "audio present, not transcribed"
    assert transcript.language == "eng"
    assert len(done) == 6
    assert done[-1] == pytest.approx(truth["duration_s"], abs=0.2)


def test_a_part_of_a_narration(talk: Path) -> None:
    transcript, done = measured(talk, 60.0, 100.0)
    assert transcript.heard_s == pytest.approx(40, abs=0.2)
    assert transcript.speech_s is not None
    assert 20 < transcript.speech_s < 40
    assert done[-1] == pytest.approx(40, abs=0.2)


@pytest.fixture
def bilingual(talk: Path, tmp_path: Path) -> Path:
    """Track 1: a tone; track 2, the default: the narration."""
    hum = write_wav(tmp_path / "hum.wav", tone(440, 20, 16_000), 16_000)
    path = tmp_path / "film.mkv"
    ffmpeg("-i", talk, "-i", hum, "-map", "0:v", "-map", "1:a", "-map", "0:a", "-c", "copy",
           "-disposition:a:0", 0, "-disposition:a:1", "default", "-t", 20, path)  # fmt: skip
    return path


def test_the_track_that_was_asked_for(bilingual: Path) -> None:
    tone_heard, _ = measured(bilingual, track=1)
    narration, _ = measured(bilingual, track=2)
    assert tone_heard.heard_s == pytest.approx(20, abs=0.2)
    assert tone_heard.speech_s is not None
    assert tone_heard.speech_s < 0.5
    assert narration.speech_s is not None
    assert narration.speech_s > 10


def test_without_a_wish_it_is_the_default_track(bilingual: Path) -> None:
    by_default, _ = measured(bilingual)
    by_number, _ = measured(bilingual, track=2)
    assert by_default == by_number


def test_a_track_that_is_not_there(bilingual: Path, clip_folder: Path) -> None:
    with pytest.raises(OptionError, match="no audio track 3: the file has 2") as caught:
        measured(bilingual, track=3)
    assert caught.value.hint == "Use --audio-track 1 to 2."
    with pytest.raises(OptionError, match="no audio track 1: the file has 0"):
        measured(clip("h264_gop2s", clip_folder).path, track=1)


def test_no_sound_track(clip_folder: Path) -> None:
    transcript, done = measured(clip("h264_gop2s", clip_folder).path)
    assert transcript.source == "no sound track"
    assert (transcript.speech_s, transcript.heard_s) == (None, None)
    assert done == []


def test_sound_that_holds_nothing(bilingual: Path) -> None:
    transcript, _ = measured(bilingual, start_s=60.0)
    assert transcript.source == "a sound track without readable sound"
    assert (transcript.speech_s, transcript.heard_s) == (0.0, 0.0)


def test_a_codec_that_is_not_listed(tmp_path: Path, clip_folder: Path) -> None:
    hum = write_wav(tmp_path / "hum.wav", tone(440, 5, 16_000), 16_000)
    made = clip("h264_gop2s", clip_folder).path
    path = remux(tmp_path / "film.mkv", made, hum, options=["-c:a", "tta"])
    with pytest.raises(MediaError, match="tta"):
        measured(path)


def test_damaged_sound_is_said_to_be_damaged(tmp_path: Path, talk: Path) -> None:
    path = tmp_path / "film.mkv"
    ffmpeg("-i", talk, "-map", "0:a", "-c", "copy", "-t", 30, path)
    data = bytearray(path.read_bytes())
    for place in range(len(data) // 4, len(data) // 2, 61):
        data[place] ^= 0x10
    path.write_bytes(data)
    transcript, _ = measured(path)
    assert transcript.source == "audio present (partly damaged), not transcribed"
    assert transcript.speech_s is not None
    assert transcript.speech_s > 10
