"""How much speech there is, cut as a recogniser would cut it, without recognising any."""

from __future__ import annotations

from vidsum.config import Options
from vidsum.costs.tally import Tally
from vidsum.data import Transcript
from vidsum.registry import Work
from vidsum.transcribers.protocol import Transcriber, TranscriptRequest
from vidsum.transcribers.speech_windows import BLOCK_S, blocks
from vidsum.transcribers.tracks import chosen_track


def block_s(engine: str, options: Options) -> float:
    """Return how much sound an engine judges at once: what is speech depends on it a little."""
    if engine == "remote":
        from vidsum.transcribers.remote import BLOCK_S as REMOTE_BLOCK_S

        return REMOTE_BLOCK_S
    if engine == "whisper":
        from vidsum.transcribers.whisper import block_s_on

        return block_s_on(options)
    return BLOCK_S


class SpeechSurvey(Transcriber):
    """Finds the speech; afterwards it knows in how many passages a recogniser would hear it."""

    name = "survey"
    work: Work = "light"

    def __init__(self, block_s: float = BLOCK_S) -> None:
        self.tally = Tally()
        self.passages = 0
        self._block_s = block_s

    def close(self) -> None:
        """Nothing is held."""

    def transcribe(self, request: TranscriptRequest) -> Transcript | None:
        """Return a transcript without words. Raises: OptionError, MediaError."""
        track = chosen_track(request.info, request.audio_track)
        if track is None:
            return None
        speech_s = heard_s = 0.0
        with request.open_decoder() as decoder:
            windows = decoder.audio(track, request.start_s, request.stop_s)
            for block in blocks(windows, request.start_s, request.stop_s, self._block_s):
                speech_s += block.speech_s
                heard_s += block.heard_s
                self.passages += len(block.passages)
                request.advanced(block.end_s - request.start_s)
        return Transcript((), "speech found, not recognised", self.name, track.language,
                          speech_s, heard_s)  # fmt: skip
