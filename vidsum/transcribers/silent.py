"""No transcript, honestly: says that there is sound, and how much of it is speech."""

from __future__ import annotations

from collections.abc import Iterator

from vidsum.config import Options
from vidsum.costs.tally import Tally
from vidsum.data import AudioWindow, Transcript
from vidsum.media.audio import RATE_HZ
from vidsum.media.process import Decoder
from vidsum.media.voice import speech_seconds
from vidsum.registry import Work
from vidsum.transcribers.protocol import Transcriber, TranscriptRequest
from vidsum.transcribers.tracks import chosen_track


def build(options: Options) -> Transcriber:
    """Return the transcriber; it takes no options."""
    return SpeechMeter()


class SpeechMeter(Transcriber):
    """Measures the share of speech by voice activity detection; transcribes nothing."""

    name = "none"
    work: Work = "light"

    def __init__(self) -> None:
        self.tally = Tally()

    def close(self) -> None:
        """Nothing is held."""

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
