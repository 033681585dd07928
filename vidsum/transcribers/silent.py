"""No transcript, honestly: says that there is sound, and how much of it is speech."""

from __future__ import annotations

from collections.abc import Iterator

from vidsum.data import AudioTrack, AudioWindow, MediaInfo, Transcript
from vidsum.errors import OptionError
from vidsum.media.audio import RATE_HZ
from vidsum.media.process import Decoder
from vidsum.media.voice import speech_seconds
from vidsum.transcribers.protocol import TranscriptRequest


class SpeechMeter:
    """Measures the share of speech by voice activity detection; transcribes nothing."""

    name = "none"

    def transcribe(self, request: TranscriptRequest) -> Transcript | None:
        """Return a transcript without words. Raises: OptionError, MediaError."""
        track = chosen_track(request.info, request.audio_track)
        if track is None:
            return Transcript((), "no sound track", self.name)
        with request.open_decoder() as decoder:
            windows = decoder.audio(track, request.start_s, request.stop_s)
            speech_s, heard_s = speech_seconds(_reporting(windows, request))
            source = _source(decoder, heard_s)
        return Transcript((), source, self.name, track.language, speech_s, heard_s)


def chosen_track(info: MediaInfo, number: int | None) -> AudioTrack | None:
    """Return the sound track asked for, else the default one, else the first.

    Raises: OptionError when there is no track of that number.
    """
    if number is None:
        return next((t for t in info.audio if t.default), info.audio[0] if info.audio else None)
    for track in info.audio:
        if track.number == number:
            return track
    count = len(info.audio)
    raise OptionError(f"There is no audio track {number}: the file has {count}.",
                      f"Use --audio-track 1 to {count}." if count else "")  # fmt: skip


def _reporting(windows: Iterator[AudioWindow], request: TranscriptRequest) -> Iterator[AudioWindow]:
    for window in windows:
        yield window
        end_s = window.start_s + window.samples.size / RATE_HZ
        request.advanced(end_s - request.start_s)


def _source(decoder: Decoder, heard_s: float) -> str:
    if heard_s == 0:
        return "a sound track without readable sound"
    if decoder.broken_audio_packets:
        return "audio present (partly damaged), not transcribed"
    return "audio present, not transcribed"
