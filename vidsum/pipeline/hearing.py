"""The ears of a run: the first source of a transcript that has one."""

from __future__ import annotations

from vidsum import registry
from vidsum.data import MediaInfo, Transcript
from vidsum.errors import MediaError
from vidsum.events import StageAdvanced, StageFinished, StageStarted
from vidsum.media.process import Decoder
from vidsum.pipeline.run import Run
from vidsum.transcribers.protocol import Transcriber, TranscriptRequest


def hear(run: Run, info: MediaInfo) -> Transcript:
    """Return the transcript, or an honest empty one. Sound that cannot be read is only noted."""
    run.listen(StageStarted("listening", "s", info.duration_s))
    found: Transcript | None = None
    for name in registry.candidates("transcriber", run.options.tier):
        transcriber: Transcriber = registry.load("transcriber", name)
        try:
            found = _ask(run, info, transcriber)
        except MediaError as exc:
            if info.video is None or run.stopped:
                raise
            run.note("sound-unreadable", f"The sound is not used: {exc.message}")
        if found is not None:
            break
    run.inform(f"speech: {name}")
    transcript = found or Transcript((), "sound that could not be read", "none")
    run.listen(StageFinished("listening", transcript.source))
    return transcript


def _ask(run: Run, info: MediaInfo, transcriber: Transcriber) -> Transcript | None:
    options = run.options
    opened: list[Decoder] = []

    def open_decoder() -> Decoder:
        opened.append(run.open_decoder())
        return opened[-1]

    request = TranscriptRequest(
        info,
        open_decoder,
        options.start_s,
        options.end_s,
        options.language,
        options.audio_track,
        lambda done_s: run.listen(StageAdvanced("listening", done_s)),
        lambda message: run.note("subtitles", message),
    )
    with run.meter.stage("transcript", "audio", transcriber.name) as account:
        found = transcriber.transcribe(request)
        account.child_cpu_s = sum(decoder.cpu_s for decoder in opened)
        account.add(segments=len(found.segments) if found else 0)
        if found is not None and found.heard_s is not None:
            account.add(audio_s=found.heard_s, speech_s=found.speech_s or 0.0)
    return found
