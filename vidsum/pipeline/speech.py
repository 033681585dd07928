"""What there is to hear, before anybody recognises it."""

from __future__ import annotations

from dataclasses import dataclass

from vidsum.data import MediaInfo
from vidsum.events import StageAdvanced, StageFinished, StageStarted
from vidsum.media.process import Decoder
from vidsum.pipeline.choosing import Engines
from vidsum.pipeline.run import Run
from vidsum.transcribers.protocol import TranscriptRequest
from vidsum.wording import number

RECOGNISERS = ("whisper", "remote")
_FINDING = "finding speech"


@dataclass(frozen=True, slots=True)
class Speech:
    """What there is to recognise: seconds of speech, in so many passages."""

    speech_s: float
    heard_s: float
    passages: int


def find_speech(run: Run, info: MediaInfo, engines: Engines) -> Speech | None:
    """Return how much speech the recogniser of a run would hear; None when none would.

    Raises: OptionError, MediaError.
    """
    from vidsum.transcribers.survey import SpeechSurvey, block_s

    found = [choice.name for choice in engines.transcribers if choice.name in RECOGNISERS]
    if not found or not info.audio:
        return None
    surveyor = SpeechSurvey(block_s(found[0], run.options))
    run.listen(StageStarted(_FINDING, "s", info.duration_s))
    with run.meter.stage("vad", "audio", "silero") as account:
        request, opened = request_for(run, info, _FINDING)
        heard = surveyor.transcribe(request)
        account.child_cpu_s = sum(decoder.cpu_s for decoder in opened)
        if heard is None:
            return None
        found_s = Speech(heard.speech_s or 0.0, heard.heard_s or 0.0, surveyor.passages)
        account.add(audio_s=found_s.heard_s, speech_s=found_s.speech_s)
    run.listen(StageFinished(_FINDING, f"{number(round(found_s.speech_s))} s"))
    return found_s


def request_for(
    run: Run, info: MediaInfo, stage: str = "listening"
) -> tuple[TranscriptRequest, list[Decoder]]:
    """Return the request for a run's words, and the decoders that are opened for it.

    ``stage`` is the one whose progress is told.
    """
    options, opened = run.options, list[Decoder]()

    def open_decoder() -> Decoder:
        opened.append(run.open_decoder())
        return opened[-1]

    return TranscriptRequest(
        info, open_decoder, options.start_s, options.end_s, options.language, options.audio_track,
        advanced=lambda done_s: run.listen(StageAdvanced(stage, done_s)),
        word_times=options.word_times,
    ), opened  # fmt: skip
