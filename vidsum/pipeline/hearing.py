"""The ears of a run: the first source of a transcript that has one."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from vidsum import registry
from vidsum.backends.machine import usable_cores
from vidsum.costs.meter import OWN_THREAD, WHOLE_PROCESS, Clock
from vidsum.data import MediaInfo, Segment, Transcript
from vidsum.errors import (
    BackendFailed,
    BackendMissing,
    BudgetReached,
    DecodeStopped,
    MediaError,
    VidsumError,
)
from vidsum.events import StageFinished, StageStarted
from vidsum.media.process import Decoder
from vidsum.pipeline.resuming import KeptSpeech
from vidsum.pipeline.run import Run
from vidsum.pipeline.schedule import must_wait, with_threads
from vidsum.pipeline.speech import request_for
from vidsum.pipeline.thinning import Thinned
from vidsum.registry import Work
from vidsum.transcribers.protocol import Heard, Transcriber, TranscriptRequest
from vidsum.wording import clock

LANE = "hearing"
BEFORE_S, AFTER_S = 8.0, 4.0
"""How much of what is said before and after a picture goes with it to a captioner."""


class Hearing:
    """Listens in a thread of its own, while the eyes may ask what is being said.

    ``eyes`` is what these are busy with, ``light`` for a file without pictures.
    """

    def __init__(self, run: Run, info: MediaInfo, eyes: Work = "light") -> None:
        self._run, self._info, self._eyes = run, info, eyes
        self._changed = threading.Condition()
        self._heard = Heard(0.0)
        self._done = False
        self._work: Work | None = None
        self._thinned = Thinned(run, alone=info.video is None)
        self._found = Transcript((), "nothing was heard", "none")

    def listen(self) -> Transcript:
        """Return the transcript, or an honest empty one.

        Sound that cannot be read is only noted. What ends the ears ends the run: the eyes may have
        hours of work before them. Raises: OptionError, BackendFailed, BackendMissing, MediaError.
        """
        try:
            transcript = self._found = self._first_source()
            self._tell(Heard(float("inf"), transcript.segments))
            return transcript
        except BaseException as exc:
            self._run.stop(exc)
            raise
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

    def transcript(self) -> Transcript:
        """Return all that was heard; waits for it."""
        with self._changed:
            self._changed.wait_for(lambda: self._done)
            return self._found

    def words_around(self, time_s: float) -> str:
        """Return what is said around a moment; waits until that much was heard."""
        with self._changed:
            self._changed.wait_for(lambda: self._done or self._heard.until_s >= time_s + AFTER_S)
            near = [s for s in self._heard.segments if s.doubt is None
                    and s.end_s >= time_s - BEFORE_S and s.start_s <= time_s + AFTER_S]  # fmt: skip
        return " ".join(segment.text for segment in near)

    def _tell(self, heard: Heard) -> None:
        with self._changed:
            self._heard = heard
            self._changed.notify_all()

    def _recognised(self, heard: Heard) -> None:
        if heard.segments or heard.rejected:
            self._run.answered()
        self._tell(heard)

    def _first_source(self) -> Transcript:
        self._run.listen(StageStarted("listening", "s", self._length_s()))
        found = next(filter(None, self._answers()), None)
        only_subtitles = {choice.name for choice in self._run.engines.transcribers} <= {"subtitles"}
        nothing = "no subtitles" if only_subtitles else "sound that could not be read"
        transcript = found or Transcript((), nothing, "none")
        self._run.listen(StageFinished("listening", transcript.source))
        return transcript

    def _length_s(self) -> float | None:
        """Return how much sound there is to hear, None if the file does not say."""
        options, end_s = self._run.options, self._info.duration_s
        if options.end_s is not None:
            end_s = options.end_s if end_s is None else min(end_s, options.end_s)
        return None if end_s is None else max(0.0, end_s - options.start_s)

    def _answers(self) -> Iterator[Transcript | None]:
        # A recogniser may have to share the cores.
        options = with_threads(self._run.options, self._eyes, "cores")
        for choice in self._run.engines.transcribers:
            try:
                with self._run.meter.stage("prepare", "audio", choice.name, lane=LANE):
                    transcriber: Transcriber = registry.load("transcriber", choice.name, options)
            except BackendMissing as exc:
                yield self._half(exc, choice.name)
                return
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
                code = "sound-stopped" if isinstance(exc, DecodeStopped) else "sound-unreadable"
                self._run.note(code, f"The sound is not used: {exc.message}")
            finally:
                transcriber.close()

    def _ask(self, transcriber: Transcriber) -> Transcript | None:
        run = self._run
        kept = KeptSpeech(run, transcriber, LANE)
        request, opened = self._request(kept)
        clock = self._cpu_clock(transcriber.work)
        stage = run.meter.stage("transcript", "audio", transcriber.name, clock, LANE)
        with stage as account:
            transcriber.tally.bind(self._thinned.watch(account))
            account.on_gpu = transcriber.work == "gpu"
            request = replace(request, sending=lambda seconds: account.add(sent_s=seconds))
            found: Transcript | None = None
            try:
                found = self._believed(transcriber.transcribe(request))
                self._thinned.tell()
            except (BackendFailed, BackendMissing) as exc:
                found = self._believed(self._half(exc, transcriber.name))
            except BudgetReached as exc:
                found = self._believed(self._cut_short(exc, transcriber.name))
            except MediaError as exc:
                found = self._believed(self._broken_off(exc, transcriber.name))
            finally:
                account.child_cpu_s = sum(decoder.cpu_s for decoder in opened)
                account.add(
                    segments=len(found.segments) if found else 0, **transcriber.tally.counts
                )
                if found is not None and found.heard_s is not None:
                    heard_s, speech_s = kept.new_s(found.heard_s, found.speech_s or 0.0)
                    account.add(audio_s=heard_s, speech_s=speech_s)
        kept.book()
        return found

    def _request(self, kept: KeptSpeech) -> tuple[TranscriptRequest, list[Decoder]]:
        """Return what to ask for: only what no earlier run has heard."""
        request, opened = request_for(self._run, self._info)
        if kept.resume is not None:
            kept.tell()
            self._thinned.skip(kept.resume.speech_s)
            self._recognised(kept.resume)

        def take(heard: Heard) -> None:
            kept.take(heard)
            self._recognised(heard)

        def hears(speech_s: float) -> bool:
            found = self._thinned.hears(speech_s)
            if not found:
                kept.stop()
            return found

        return replace(
            request, warn=lambda message: self._run.note("subtitles", message), heard=take,
            hears=hears, resume=kept.resume, answers=kept.answers, reused=kept.reuse,
        ), opened  # fmt: skip

    def _cpu_clock(self, work: Work) -> Clock | None:
        """Return what to measure by: a recogniser has threads of its own."""
        if work in ("light", "network"):
            return OWN_THREAD
        alone = self._info.video is None or must_wait(self._eyes, work, usable_cores())
        return WHOLE_PROCESS if alone else None

    def _half(self, exc: VidsumError, name: str) -> Transcript:
        """Return what was heard before a recogniser gave up.

        Raises: the failure, if nothing is lost by that: see :meth:`Run.go_on_without`.
        """
        self._run.go_on_without(exc)
        if not self._heard.until_s:
            return Transcript((), f"{name} failed before it had recognised any speech", name)
        return self._so_far(name, f"{name} failed")

    def _cut_short(self, exc: BudgetReached, name: str) -> Transcript:
        """Return what was heard before a cap was reached."""
        self._thinned.tell(exc.message, self._heard.until_s)
        return self._so_far(name, "a cap was reached")

    def _broken_off(self, exc: MediaError, name: str) -> Transcript:
        """Return what was heard before the sound broke off. Raises: the error, if nothing."""
        if self._run.stopped or not (self._heard.segments or self._heard.rejected):
            raise exc
        self._run.note("sound-stopped", f"{exc.message} What was heard before it is used.",
                       partial=True)  # fmt: skip
        return self._so_far(name, "the sound could not be read")

    def _so_far(self, name: str, end: str) -> Transcript:
        heard = self._heard
        source = f"speech recognised up to {clock(heard.until_s)}, then {end}"
        return Transcript(heard.segments, source, name, heard.language, heard.speech_s,
                          heard.heard_s, heard.rejected)  # fmt: skip

    def _believed(self, found: Transcript | None) -> Transcript | None:
        """Leave out what there is any doubt about: it must not get into a summary; and say so."""
        if found is None:
            return None
        doubted = [s for s in found.segments if s.doubt is not None]
        rejected = sorted([*found.rejected, *doubted], key=lambda s: s.start_s)
        self._note_gaps([s for s in rejected if not s.text])
        self._note_disbelieved([s for s in rejected if s.text])
        kept = tuple(s for s in found.segments if s.doubt is None)
        return replace(found, segments=kept, rejected=tuple(rejected))

    def _note_gaps(self, gaps: Sequence[Segment]) -> None:
        """Say where speech was found and not recognised at all."""
        if gaps:
            times = ", ".join(f"{clock(s.start_s)}–{clock(s.end_s)}" for s in gaps[:5])
            reason = (gaps[0].doubt or "").removeprefix("not recognised: ")
            self._run.note(
                "speech-unheard",
                f"Speech was not recognised at {times}{' …' if len(gaps) > 5 else ''}: {reason}",
                partial=True,
            )

    def _note_disbelieved(self, rejected: Sequence[Segment]) -> None:
        if rejected:
            lost_s = sum(s.end_s - s.start_s for s in rejected)
            count = len(rejected)
            self._run.note(
                "speech-rejected",
                f"{count} passage{'' if count == 1 else 's'} ({lost_s:.0f} s) of what the "
                f"recogniser gave {'is' if count == 1 else 'are'} not believed and left out"
                f"{_mostly(rejected)}.",
            )


def _mostly(rejected: Sequence[Segment]) -> str:
    """Return the commonest reason; figures in it are of one segment and say nothing of others."""
    reasons = Counter((s.doubt or "").partition(" (")[0] for s in rejected)
    (reason, times), *others = reasons.most_common()
    return f" ({'mostly: ' if others and times > 1 else ''}{reason})" if reason else ""
