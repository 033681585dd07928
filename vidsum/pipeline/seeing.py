"""The eyes of a run: sample, drop near-duplicates, measure, read, describe."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from vidsum import registry
from vidsum.captioners.protocol import Captioner, CaptionRequest
from vidsum.costs.meter import OWN_THREAD, WHOLE_PROCESS, StageMeter, Turns
from vidsum.data import (
    Caption,
    DroppedSample,
    Frame,
    Image,
    MediaInfo,
    Observation,
    Sample,
    ScreenText,
)
from vidsum.errors import BackendFailed, BackendMissing, DecodeStopped, MediaError, OptionError
from vidsum.events import StageAdvanced, StageFinished, StageStarted
from vidsum.media.dedupe import keep_distinct
from vidsum.media.messages import FramesReport
from vidsum.media.picture import measure
from vidsum.media.plan import Grid
from vidsum.media.process import Decoder
from vidsum.ocr.overlay import constant_overlay, without
from vidsum.ocr.protocol import TextReader
from vidsum.pipeline.hearing import Hearing
from vidsum.pipeline.run import Run
from vidsum.pipeline.schedule import with_threads
from vidsum.registry import Work
from vidsum.wording import clock, shown

TEXT_SIDE_PX = 1280
PICTURE_SIDE_PX = 512
"""Longest side of a sample: what reading text wants, and what describing alone wants."""
_TRIED = 5
"""When so many pictures in the beginning could not be described, none will be."""
_TOLD_WAIT_S = 0.05


@dataclass(frozen=True, slots=True)
class Seen:
    """What the eyes found. ``stopped``: the decoder died before it was through."""

    observations: tuple[Observation, ...]
    dropped: tuple[DroppedSample, ...]
    overlay: tuple[str, ...]
    report: FramesReport
    stopped: bool = False

    @property
    def samples(self) -> list[Sample]:
        """Every sample, in order of time."""
        both = [o.sample for o in self.observations] + [d.sample for d in self.dropped]
        return sorted(both, key=lambda s: s.index)


def see(run: Run, info: MediaInfo, hearing: Hearing | None = None) -> Seen:
    """Look at the video as the options say; ``hearing`` tells what is said meanwhile.

    Raises: MediaError when nothing could be seen, BackendMissing, BackendFailed.
    """
    captioner = _captioner(run, hearing)
    run.on_stop(captioner.close)
    try:
        return _Eyes(run, info, captioner, hearing).look()
    finally:
        captioner.close()


def eyes_work(run: Run) -> Work:
    """Return what the captioner of a run is busy with. Raises: BackendMissing."""
    captioner: Captioner = registry.load("captioner", run.engines.captioner.name, run.options)
    return captioner.work


def _captioner(run: Run, hearing: Hearing | None) -> Captioner:
    """Return the captioner of a run, once the ears leave it the cores that it needs."""
    name, options = run.engines.captioner.name, run.options
    captioner: Captioner = registry.load("captioner", name, options)
    if hearing is None:
        return captioner
    ears = hearing.wait_for_turn(captioner.work)
    sharing = with_threads(options, captioner.work, ears)
    return captioner if sharing == options else registry.load("captioner", name, sharing)


class _Eyes:
    """One pass over the samples; pictures are let go as soon as they were read and described."""

    def __init__(
        self, run: Run, info: MediaInfo, captioner: Captioner, hearing: Hearing | None
    ) -> None:
        options = run.options
        self._run, self._info, self._captioner, self._hearing = run, info, captioner, hearing
        self._grid = Grid(options.interval_s, options.near_s, options.start_s,
                          math.inf if options.end_s is None else options.end_s)  # fmt: skip
        reader = run.engines.reader
        self._reader: TextReader | None = (
            None if reader is None else registry.load("reader", reader.name, options)
        )
        self._alone = hearing is None or hearing.done
        self._own_threads = captioner.work in ("cores", "gpu")
        whole = self._own_threads and self._alone
        self._turns = Turns(WHOLE_PROCESS if whole else OWN_THREAD)
        self._decode_cpu_s = 0.0
        self._previous: Image | None = None
        self._observations: list[Observation] = []
        self._captions: dict[int, Caption] = {}
        self._dropped: list[DroppedSample] = []
        self._report = FramesReport()
        self._stopped = False

    def look(self) -> Seen:
        """Return what was seen. A decoder that dies halfway leaves what came before."""
        length_s = min(self._info.duration_s or 0.0, self._grid.stop_s) - self._grid.start_s
        total = math.ceil(max(0.0, length_s) / self._run.options.interval_s) or None
        self._run.listen(StageStarted("looking", "samples", total))
        with self._run.open_decoder() as decoder:
            requests = self._requests(decoder)
            if self._captioner.needs_pixels:
                self._describe(requests)
            for _ in requests:
                pass  # what is left: all of it for a captioner without eyes, nothing otherwise
            self._decode_cpu_s = decoder.cpu_s
        if not self._observations:
            self._explain_nothing()
        overlay = constant_overlay([o.text for o in self._observations if o.text is not None])
        self._observations = [_clean(o, overlay) for o in self._observations]
        if not self._captioner.needs_pixels:
            # Only now is it known what is a constant overlay.
            self._describe(CaptionRequest(o.sample, o.facts, o.text) for o in self._observations)
        observations = tuple(self._described())
        self._account()
        told = f"{len(observations)} kept, {len(self._dropped)} dropped"
        self._run.listen(StageFinished("looking", told))
        return Seen(observations, tuple(self._dropped), tuple(sorted(overlay)), self._report,
                    self._stopped)  # fmt: skip

    def _requests(self, decoder: Decoder) -> Iterator[CaptionRequest]:
        """Yield each kept picture as soon as it was measured and read."""
        try:
            for frame in self._kept(decoder):
                yield self._observe(frame)
        except DecodeStopped as exc:
            if self._run.stopped or not (self._observations or self._dropped):
                raise
            self._stopped = True
            self._run.note("decode-stopped", f"{exc.message} What came before it is used.",
                           partial=True)  # fmt: skip
        self._report = decoder.frames_report or self._report_so_far()

    def _kept(self, decoder: Decoder) -> Iterator[Frame]:
        side_px = TEXT_SIDE_PX if self._reader is not None else PICTURE_SIDE_PX
        frames = decoder.frames(self._grid, side_px, promised_end_s(self._info))
        verdicts = keep_distinct(self._timed(frames))
        while (verdict := self._next(verdicts)) is not None:
            if isinstance(verdict, DroppedSample):
                self._dropped.append(verdict)
            else:
                yield verdict
            done = len(self._observations) + len(self._dropped)
            self._run.listen(StageAdvanced("looking", done))

    def _next(self, verdicts: Iterator[Frame | DroppedSample]) -> Frame | DroppedSample | None:
        with self._turns.running("dedupe"):
            return next(verdicts, None)

    def _timed(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        while True:
            with self._turns.running("decode"):
                frame = next(frames, None)
            if frame is None:
                return
            yield frame

    def _observe(self, frame: Frame) -> CaptionRequest:
        with self._turns.running("measure"):
            facts = measure(frame.image, self._previous)
        self._previous = frame.image
        text = self._read(frame)
        self._observations.append(Observation(frame.sample, facts, text))
        return CaptionRequest(frame.sample, facts, text, frame.image, self._said(frame.sample))

    def _read(self, frame: Frame) -> ScreenText | None:
        if self._reader is None:
            return None
        with self._turns.running("ocr"):
            return self._reader.read(frame)

    def _said(self, sample: Sample) -> str:
        if self._hearing is None or not self._captioner.wants_speech:
            return ""
        with self._turns.running("waiting"):
            return self._hearing.words_around(sample.time_s)

    def _describe(self, requests: Iterator[CaptionRequest]) -> None:
        """Take captions as they come.

        Raises: BackendFailed, BackendMissing, as long as no model has answered anything.
        """
        captions = self._captioner.caption(requests)
        try:
            while (caption := self._next_caption(captions)) is not None:
                self._take(caption)
                if len(self._captions) == _TRIED:
                    self._check_some()
            self._check_some()
        except (BackendFailed, BackendMissing) as exc:
            self._run.go_on_without(exc)
            self._captioner.close()

    def _take(self, caption: Caption) -> None:
        self._captions[caption.index] = caption
        if caption.error is None and self._captioner.needs_pixels:
            self._run.answered()

    def _check_some(self) -> None:
        """Raises: BackendFailed when all pictures so far could not be described."""
        errors = [caption.error for caption in self._captions.values()]
        if errors and all(errors):
            raise BackendFailed(f"No picture could be described: {errors[0]}",
                                "--captioner builtin needs no model.")  # fmt: skip

    def _next_caption(self, captions: Iterator[Caption]) -> Caption | None:
        with self._turns.running("describe"):
            return next(captions, None)

    def _described(self) -> Iterator[Observation]:
        """Yield the observations with their captions; say which have none, and why."""
        failed = [c for c in self._captions.values() if c.error is not None]
        if 0 < len(failed) < len(self._captions):
            times = ", ".join(clock(c.time_s) for c in failed[:5])
            more = " …" if len(failed) > 5 else ""
            text = (
                f"{len(failed)} of {len(self._captions)} pictures could not be described "
                f"(at {times}{more}): {failed[0].error}"
            )
            self._run.note("captions-failed", text, partial=True)
        for seen in self._observations:
            yield replace(seen, caption=self._captions.get(seen.sample.index))

    def _explain_nothing(self) -> None:
        """Tell damage from a stretch that has no pictures. Raises: MediaError, OptionError."""
        if self._report.lost:
            raise MediaError(f"{shown(self._run.path)}: no picture could be decoded.",
                             "The file may be damaged.")  # fmt: skip
        start_s, end_s = self._grid.start_s, self._report.end_s
        if self._info.duration_s is None and start_s >= end_s:
            raise OptionError(f"--start ({start_s:g} s) is past the end of the video "
                              f"({end_s:.1f} s).")  # fmt: skip
        self._run.note("no-pictures", "There are no pictures in the time that was asked for.")

    def _report_so_far(self) -> FramesReport:
        times = [o.sample.time_s for o in self._observations]
        times += [d.sample.time_s for d in self._dropped]
        return FramesReport(end_s=max(times), file_end_s=max(times))

    def _account(self) -> None:
        """Write down what each step took."""
        kept, dropped = len(self._observations), len(self._dropped)
        decode = StageMeter("decode", "video", "pyav")
        decode.add(frames=kept + dropped, packets=self._report.packets,
                   decoded=self._report.decoded)  # fmt: skip
        self._record(decode, "decode", self._decode_cpu_s)
        dedupe = StageMeter("dedupe", "image", "blocks")
        dedupe.add(seen=kept + dropped, kept=kept, dropped=dropped)
        self._record(dedupe, "dedupe")
        facts = StageMeter("measure", "image", "builtin")
        facts.add(frames=kept)
        self._record(facts, "measure")
        if self._reader is not None:
            ocr = StageMeter("ocr", "image", self._reader.name)
            ocr.add(frames=kept, calls=self._reader.calls)
            self._record(ocr, "ocr")
        describe = StageMeter("describe", "image", self._captioner.name)
        captions = sum(1 for c in self._captions.values() if c.error is None)
        describe.add(captions=captions, **self._captioner.tally.counts)
        describe.paid = self._captioner.work == "network" and bool(self._captioner.tally.counts)
        # A model has threads of its own: beside the ears their share cannot be told.
        told = self._alone or not self._own_threads
        self._record(describe, "describe", 0.0 if told else None)
        if self._turns.taken("waiting")[0] >= _TOLD_WAIT_S:
            self._record(StageMeter("wait", "audio", "hearing"), "waiting")

    def _record(self, account: StageMeter, watch: str, child_cpu_s: float | None = 0.0) -> None:
        wall_s, cpu_s = self._turns.taken(watch)
        known = None if child_cpu_s is None else cpu_s + child_cpu_s
        self._run.meter.record(account, wall_s, known)


def promised_end_s(info: MediaInfo) -> float | None:
    """Return where the pictures should end by what the header says, None if it says nothing."""
    if info.video is not None and info.video.duration_s is not None:
        return info.video.duration_s
    return info.duration_s


def _clean(seen: Observation, overlay: frozenset[str]) -> Observation:
    if seen.text is None or not overlay:
        return seen
    return replace(seen, text=without(seen.text, overlay))
