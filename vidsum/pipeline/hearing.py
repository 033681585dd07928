"""The ears of a run: the first source of a transcript that has one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

from vidsum import registry
from vidsum.backends.machine import usable_cores
from vidsum.config import Options
from vidsum.costs.meter import OWN_THREAD, WHOLE_PROCESS, Clock
from vidsum.data import MediaInfo, Segment, Transcript
from vidsum.errors import BackendFailed, MediaError
from vidsum.events import StageAdvanced, StageFinished, StageStarted
from vidsum.media.process import Decoder
from vidsum.pipeline.run import Run
from vidsum.pipeline.schedule import must_wait, with_threads
from vidsum.registry import Work
from vidsum.transcribers.protocol import Heard, Transcriber, TranscriptRequest

BEFORE_S, AFTER_S = 8.0, 4.0
"""How much of what is said before and after a picture goes with it to a captioner."""


class Hearing:
    """Listens in a thread of its own, while the eyes may ask what is being said."""

    def __init__(self, run: Run, info: MediaInfo) -> None:
        self._run, self._info = run, info
        self._changed = threading.Condition()
        self._segments: tuple[Segment, ...] = ()
        self._until_s = 0.0
        self._done = False
        self._work: Work | None = None

    def listen(self) -> Transcript:
        """Return the transcript, or an honest empty one.

        Sound that cannot be read is only noted. Raises: BackendFailed, BackendMissing, MediaError.
        """
        try:
            transcript = self._first_source()
            self._tell(Heard(float("inf"), transcript.segments))
            return transcript
        finally:
            with self._changed:
                self._done = True
                self._changed.notify_all()

    def wait_for_turn(self, eyes: Work) -> Work:
        """Return when the eyes may begin, and what the ears are busy with from then on."""
        if eyes in ("light", "network"):
            return self._work or "light"
        with self._changed:
            self._changed.wait_for(lambda: self._done or self._lets_begin(eyes))
            return "light" if self._done or self._work is None else self._work

    def _lets_begin(self, eyes: Work) -> bool:
        return self._work is not None and not must_wait(eyes, self._work, usable_cores())

    @property
    def done(self) -> bool:
        """Whether there is nothing more to hear."""
        return self._done

    def words_around(self, time_s: float) -> str:
        """Return what is said around a moment; waits until that much was heard."""
        with self._changed:
            self._changed.wait_for(lambda: self._done or self._until_s >= time_s + AFTER_S)
            near = [s for s in self._segments
                    if s.end_s >= time_s - BEFORE_S and s.start_s <= time_s + AFTER_S]  # fmt: skip
        return " ".join(segment.text for segment in near)

    def _tell(self, heard: Heard) -> None:
        with self._changed:
            self._segments = tuple(s for s in heard.segments if s.doubt is None)
            self._until_s = heard.until_s
            self._changed.notify_all()

    def _first_source(self) -> Transcript:
        self._run.listen(StageStarted("listening", "s", self._info.duration_s))
        found = next(filter(None, self._answers()), None)
        transcript = found or Transcript((), "sound that could not be read", "none")
        self._run.listen(StageFinished("listening", transcript.source))
        return transcript

    def _options(self) -> Options:
        """Return the options for a recogniser, which may have to share the cores."""
        local_eyes = self._info.video is not None and self._run.engines.captioner.name == "local"
        return with_threads(self._run.options, "cores" if local_eyes else "light", "cores")

    def _answers(self) -> Iterator[Transcript | None]:
        for choice in self._run.engines.transcribers:
            transcriber: Transcriber = registry.load("transcriber", choice.name, self._options())
            self._run.on_stop(transcriber.close)
            with self._changed:
                # Subtitles are read in no time: whoever waits for the cores waits for what follows.
                self._work = None if choice.name == "subtitles" else transcriber.work
                self._changed.notify_all()
            try:
                yield self._ask(transcriber)
            except MediaError as exc:
                if self._info.video is None or self._run.stopped:
                    raise
                self._run.note("sound-unreadable", f"The sound is not used: {exc.message}")
            finally:
                transcriber.close()

    def _ask(self, transcriber: Transcriber) -> Transcript | None:
        run, options = self._run, self._run.options
        opened: list[Decoder] = []

        def open_decoder() -> Decoder:
            opened.append(run.open_decoder())
            return opened[-1]

        request = TranscriptRequest(
            self._info,
            open_decoder,
            options.start_s,
            options.end_s,
            options.language,
            options.audio_track,
            advanced=lambda done_s: run.listen(StageAdvanced("listening", done_s)),
            warn=lambda message: run.note("subtitles", message),
            heard=self._tell,
            word_times=options.word_times,
        )
        clock = self._cpu_clock(transcriber.work)
        with run.meter.stage("transcript", "audio", transcriber.name, clock) as account:
            found: Transcript | None = None
            try:
                found = transcriber.transcribe(request)
            except BackendFailed as exc:
                found = self._half(exc, transcriber)
            finally:
                account.child_cpu_s = sum(decoder.cpu_s for decoder in opened)
                account.add(
                    segments=len(found.segments) if found else 0, **transcriber.tally.counts
                )
                account.paid = transcriber.work == "network" and bool(transcriber.tally.counts)
                if found is not None and found.heard_s is not None:
                    account.add(audio_s=found.heard_s, speech_s=found.speech_s or 0.0)
        return None if found is None else self._believed(found)

    def _cpu_clock(self, work: Work) -> Clock | None:
        """Return what to measure by: a recogniser has threads of its own."""
        if work != "cores":
            return OWN_THREAD
        local_eyes = self._info.video is not None and self._run.engines.captioner.name == "local"
        alone = local_eyes and must_wait("cores", "cores", usable_cores())
        return WHOLE_PROCESS if alone or self._info.video is None else None

    def _half(self, exc: BackendFailed, transcriber: Transcriber) -> Transcript:
        """Return what was heard before a recogniser gave up. Raises: the failure, if nothing."""
        segments = self._segments
        if not segments or self._run.stopped:
            raise exc
        self._run.fail(exc)
        until_s = segments[-1].end_s
        source = f"speech recognised up to {until_s:.0f} s, then {transcriber.name} failed"
        return Transcript(segments, source, transcriber.name)

    def _believed(self, found: Transcript) -> Transcript:
        """Leave out what there is any doubt about: it must not get into a summary; and say so."""
        doubted = [s for s in found.segments if s.doubt is not None]
        rejected = sorted([*found.rejected, *doubted], key=lambda s: s.start_s)
        if rejected:
            lost_s = sum(s.end_s - s.start_s for s in rejected)
            count = len(rejected)
            self._run.note(
                "speech-rejected",
                f"{count} passage{'' if count == 1 else 's'} ({lost_s:.0f} s) of what the "
                f"recogniser gave {'is' if count == 1 else 'are'} not believed and left out "
                f"({rejected[0].doubt}).",
            )
        kept = tuple(s for s in found.segments if s.doubt is None)
        return replace(found, segments=kept, rejected=tuple(rejected))
