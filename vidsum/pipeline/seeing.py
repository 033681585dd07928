"""The eyes of a run: sample, drop near-duplicates, measure, read, describe."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from vidsum import registry
from vidsum.captioners.protocol import Captioner, CaptionRequest
from vidsum.costs.meter import StageMeter, Stopwatch
from vidsum.data import (
    DroppedSample,
    Frame,
    Image,
    MediaInfo,
    Observation,
    Sample,
    ScreenText,
)
from vidsum.errors import DecodeStopped, MediaError, OptionError
from vidsum.events import StageAdvanced, StageFinished, StageStarted
from vidsum.media.dedupe import keep_distinct
from vidsum.media.messages import FramesReport
from vidsum.media.picture import measure
from vidsum.media.plan import Grid
from vidsum.media.process import Decoder
from vidsum.ocr.overlay import constant_overlay, without
from vidsum.ocr.protocol import TextReader
from vidsum.pipeline.run import Run
from vidsum.wording import shown

TEXT_SIDE_PX = 1280
PICTURE_SIDE_PX = 512
"""Longest side of a sample: what reading text wants, and what describing alone wants."""


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


def see(run: Run, info: MediaInfo) -> Seen:
    """Look at the video as the options say. Raises: MediaError when nothing could be seen."""
    eyes = _Eyes(run, info)
    total = math.ceil(max(0.0, eyes.length_s) / run.options.interval_s) or None
    run.listen(StageStarted("looking", "samples", total))
    eyes.look()
    overlay = constant_overlay([o.text for o in eyes.observations if o.text is not None])
    cleaned = [_clean(o, overlay) for o in eyes.observations]
    observations = tuple(eyes.described(cleaned))
    eyes.account()
    run.listen(StageFinished("looking", f"{len(observations)} kept, {len(eyes.dropped)} dropped"))
    return Seen(
        observations, tuple(eyes.dropped), tuple(sorted(overlay)), eyes.report, eyes.stopped
    )


_STEPS = ("decode", "dedupe", "measure", "ocr", "describe")


class _Eyes:
    """One pass over the samples; pictures are let go as soon as they were read."""

    def __init__(self, run: Run, info: MediaInfo) -> None:
        options = run.options
        self._run, self._info = run, info
        self._grid = Grid(options.interval_s, options.near_s, options.start_s,
                          math.inf if options.end_s is None else options.end_s)  # fmt: skip
        self._reader: TextReader | None = (
            registry.load("reader", registry.choose("reader", "auto")) if options.ocr else None
        )
        self.captioner: Captioner = registry.load(
            "captioner", registry.choose("captioner", options.tier)
        )
        reader = self._reader.name if self._reader is not None else "nobody reads text"
        run.inform(f"pictures: {reader}, {self.captioner.name} (--tier {options.tier})")
        self._watch = {name: Stopwatch() for name in _STEPS}
        self._decode_cpu_s = 0.0
        self._previous: Image | None = None
        self.observations: list[Observation] = []
        self.dropped: list[DroppedSample] = []
        self.report = FramesReport()
        self.stopped = False

    @property
    def length_s(self) -> float:
        end_s = self._info.duration_s or 0.0
        return min(end_s, self._grid.stop_s) - self._grid.start_s

    def look(self) -> None:
        """Fill in what was seen. A decoder that dies halfway leaves what came before."""
        with self._run.open_decoder() as decoder:
            try:
                self._watch_frames(decoder)
            except DecodeStopped as exc:
                if not self.observations and not self.dropped:
                    raise
                self.stopped = True
                self._run.note("decode-stopped", f"{exc.message} What came before it is used.",
                               partial=True)  # fmt: skip
            self.report = decoder.frames_report or self._report_so_far()
            self._decode_cpu_s = decoder.cpu_s
        if not self.observations:
            self._explain_nothing()

    def _explain_nothing(self) -> None:
        """Tell damage from a stretch that has no pictures. Raises: MediaError, OptionError."""
        if self.report.lost:
            raise MediaError(f"{shown(self._run.path)}: no picture could be decoded.",
                             "The file may be damaged.")  # fmt: skip
        start_s, end_s = self._grid.start_s, self.report.end_s
        if self._info.duration_s is None and start_s >= end_s:
            raise OptionError(f"--start ({start_s:g} s) is past the end of the video "
                              f"({end_s:.1f} s).")  # fmt: skip
        self._run.note("no-pictures", "There are no pictures in the time that was asked for.")

    def _watch_frames(self, decoder: Decoder) -> None:
        side_px = TEXT_SIDE_PX if self._reader is not None else PICTURE_SIDE_PX
        promised_s = promised_end_s(self._info)
        frames = self._timed(decoder.frames(self._grid, side_px, promised_s))
        verdicts = keep_distinct(frames)
        while (verdict := self._next(verdicts)) is not None:
            if isinstance(verdict, DroppedSample):
                self.dropped.append(verdict)
            else:
                self.observations.append(self._observe(verdict))
            done = len(self.observations) + len(self.dropped)
            self._run.listen(StageAdvanced("looking", done))

    def _observe(self, frame: Frame) -> Observation:
        with self._watch["measure"].running():
            facts = measure(frame.image, self._previous)
        self._previous = frame.image
        text = self._read(frame)
        caption = None
        if self.captioner.needs_pixels:
            request = CaptionRequest(frame.sample, facts, text, frame.image)
            with self._watch["describe"].running():
                caption = next(iter(self.captioner.caption([request])))
        return Observation(frame.sample, facts, text, caption)

    def _next(self, verdicts: Iterator[Frame | DroppedSample]) -> Frame | DroppedSample | None:
        before_s = self._watch["decode"].wall_s, self._watch["decode"].cpu_s
        dedupe = self._watch["dedupe"]
        with dedupe.running():
            verdict = next(verdicts, None)
        dedupe.wall_s -= self._watch["decode"].wall_s - before_s[0]
        dedupe.cpu_s -= self._watch["decode"].cpu_s - before_s[1]
        return verdict

    def _timed(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        while True:
            with self._watch["decode"].running():
                frame = next(frames, None)
            if frame is None:
                return
            yield frame

    def _read(self, frame: Frame) -> ScreenText | None:
        if self._reader is None:
            return None
        with self._watch["ocr"].running():
            return self._reader.read(frame)

    def _report_so_far(self) -> FramesReport:
        times = [o.sample.time_s for o in self.observations]
        times += [d.sample.time_s for d in self.dropped]
        return FramesReport(end_s=max(times), file_end_s=max(times))

    def described(self, observations: list[Observation]) -> list[Observation]:
        """Return the observations with captions, for captioners that need no pixels.

        They wait until all text was read: only then is it known what is a constant overlay.
        """
        if self.captioner.needs_pixels:
            return observations
        requests = [CaptionRequest(o.sample, o.facts, o.text) for o in observations]
        with self._watch["describe"].running():
            captions = list(self.captioner.caption(requests))
        return [replace(o, caption=c) for o, c in zip(observations, captions, strict=True)]

    def account(self) -> None:
        """Write down what each step took."""
        kept, dropped = len(self.observations), len(self.dropped)
        decode = StageMeter("decode", "video", "pyav")
        decode.add(frames=kept + dropped, packets=self.report.packets,
                   decoded=self.report.decoded)  # fmt: skip
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
        describe = StageMeter("describe", "image", self.captioner.name)
        describe.add(captions=kept)
        self._record(describe, "describe")

    def _record(self, account: StageMeter, watch: str, child_cpu_s: float = 0.0) -> None:
        taken = self._watch[watch]
        self._run.meter.record(account, taken.wall_s, taken.cpu_s + child_cpu_s)


def promised_end_s(info: MediaInfo) -> float | None:
    """Return where the pictures should end by what the header says, None if it says nothing."""
    if info.video is not None and info.video.duration_s is not None:
        return info.video.duration_s
    return info.duration_s


def _clean(seen: Observation, overlay: frozenset[str]) -> Observation:
    if seen.text is None or not overlay:
        return seen
    return replace(seen, text=without(seen.text, overlay))
