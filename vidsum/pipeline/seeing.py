"""The eyes of a run: sample, drop near-duplicates, measure, read, describe."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from vidsum import registry
from vidsum.captioners.protocol import Captioner, CaptionRequest
from vidsum.costs.meter import OWN_THREAD, WHOLE_PROCESS, StageMeter, Turns
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
from vidsum.media.album import Album
from vidsum.media.dedupe import keep_distinct
from vidsum.media.messages import FramesReport
from vidsum.media.picture import measure
from vidsum.media.plan import Grid
from vidsum.media.process import Decoder
from vidsum.ocr.overlay import constant_overlay, without
from vidsum.ocr.protocol import TextReader
from vidsum.pipeline import pieces
from vidsum.pipeline.describing import Describer
from vidsum.pipeline.hearing import Hearing
from vidsum.pipeline.planning import Held, hold_for_summary, in_ranked_order, reading_ends_at
from vidsum.pipeline.run import Run
from vidsum.pipeline.schedule import with_threads
from vidsum.planner.facts import PICTURE_SIDE_PX, TEXT_SIDE_PX
from vidsum.planner.ranking import candidates, rank
from vidsum.registry import Work
from vidsum.wording import shown

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
    with run.meter.stage("wait", "image", "captioner"):
        captioner = _captioner(run, hearing)
        pieces.lend_notebook(run, captioner)
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
        self._reader: TextReader | None = None
        if reader is not None:
            loaded: TextReader = registry.load("reader", reader.name, options)
            self._reader = pieces.with_memory(run, loaded)
        self._ranked = in_ranked_order(run, captioner.needs_pixels, reader is not None)
        self._reads_later = self._ranked and reader is not None and options.max_seconds is not None
        self._album: Album | None = None
        self._alone = hearing is None or hearing.done
        self._own_threads = captioner.work in ("cores", "gpu")
        whole = self._own_threads and self._alone
        self._turns = Turns(WHOLE_PROCESS if whole else OWN_THREAD)
        self._accounts = self._opened()
        self._describer = Describer(run, captioner, self._turns, self._accounts["describe"])
        self._decode_cpu_s = 0.0
        self._previous: Image | None = None
        self._observations: list[Observation] = []
        self._dropped: list[DroppedSample] = []
        self._report = FramesReport()
        self._stopped = False

    def look(self) -> Seen:
        """Return what was seen. A decoder that dies halfway leaves what came before."""
        length_s = min(self._info.duration_s or 0.0, self._grid.stop_s) - self._grid.start_s
        total = math.ceil(max(0.0, length_s) / self._run.options.interval_s) or None
        self._run.listen(StageStarted("looking", "samples", total))
        try:
            overlay = self._look()
        except BaseException as exc:
            for account in self._accounts.values():
                account.error = type(exc).__name__
            raise
        finally:
            self._account()
        told = f"{len(self._observations)} kept, {len(self._dropped)} dropped"
        self._run.listen(StageFinished("looking", told))
        pieces.tell(self._run, self._captioner, self._reader)
        return Seen(tuple(self._observations), tuple(self._dropped), tuple(sorted(overlay)),
                    self._report, self._stopped)  # fmt: skip

    def _look(self) -> frozenset[str]:
        """Take every sample, read and describe; return the text that stays on screen."""
        with contextlib.ExitStack() as stack:
            if self._ranked:
                self._album = stack.enter_context(Album())
            self._sample()
            if not self._observations:
                self._explain_nothing()
            if self._album is not None:
                self._look_closer(self._album)
        overlay = constant_overlay([o.text for o in self._observations if o.text is not None])
        self._observations = [_clean(o, overlay) for o in self._observations]
        if not self._captioner.needs_pixels:
            # Only now is it known what is a constant overlay.
            self._describer.describe(
                CaptionRequest(o.sample, o.facts, o.text) for o in self._observations
            )
        self._observations = list(self._describer.of(self._observations))
        return overlay

    def _sample(self) -> None:
        """Take every sample; describe the kept ones meanwhile, unless that is for later."""
        with contextlib.ExitStack() as stack:
            with self._turns.running("decode"):
                decoder = stack.enter_context(self._run.open_decoder())
            requests = self._requests(decoder)
            if self._captioner.needs_pixels and self._album is None:
                self._describer.describe(requests)
            for _ in requests:
                pass  # what is left: all of it for a captioner without eyes, nothing otherwise
            with self._turns.running("decode"):
                stack.close()
            self._decode_cpu_s = decoder.cpu_s

    def _look_closer(self, album: Album) -> None:
        """Read and describe the kept pictures in order of information, as far as the caps allow.

        Wherever it ends, what was looked at is spread over the whole time.
        """
        order = rank(candidates(self._observations))
        if self._reads_later:
            self._read_later(album, order)
        if self._captioner.needs_pixels:
            held = hold_for_summary(self._run, self._info, self._observations, self._dropped,
                                    self._hearing)  # fmt: skip
            # In order of time each is told the caption before.
            order = list(range(len(order))) if held.all_fit else order
            self._describer.describe(self._chosen(album, order, held), ranked=not held.all_fit)

    def _chosen(self, album: Album, order: list[int], held: Held) -> Iterator[CaptionRequest]:
        """Yield pictures in an order; what the summary needs is kept back after the first few."""
        ahead = self._run.options.api_requests if self._captioner.work == "network" else 0
        first = 0 if held.all_fit else held.floor + ahead
        for number, position in enumerate(order):
            if number == first:
                held.keep()
            seen = self._observations[position]
            yield CaptionRequest(
                seen.sample, seen.facts, seen.text, album.get(seen.sample.index),
                self._said(seen.sample), alone=not held.all_fit,
            )  # fmt: skip

    def _read_later(self, album: Album, order: list[int]) -> None:
        """Read the text on pictures until the time that a cap leaves for it is over."""
        done, budget = 0, self._run.meter.budget
        ends_at = reading_ends_at(self._run, self._captioner.needs_pixels)
        for position in order:
            if ends_at is not None and (budget.left_s or 0.0) <= ends_at:
                break
            seen = self._observations[position]
            frame = Frame(seen.sample, album.get(seen.sample.index))
            self._observations[position] = replace(seen, text=self._read(frame))
            done += 1
        if done < len(order):
            self._run.give_up(
                f"The text on {len(order) - done} of {len(order)} pictures was not read: the cap "
                f"of {self._run.options.max_seconds:g} seconds left no time for it."
            )

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
        large = self._run.sampled_for_reading
        large = self._reader is not None if large is None else large
        side_px = TEXT_SIDE_PX if large else PICTURE_SIDE_PX
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
        if self._album is not None:
            with self._turns.running("measure"):
                self._album.put(frame.sample.index, frame.image)
        text = None if self._reads_later else self._read(frame)
        self._observations.append(Observation(frame.sample, facts, text))
        if self._album is not None:
            return CaptionRequest(frame.sample, facts, text)
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

    def _opened(self) -> dict[str, StageMeter]:
        """Open the accounts of what the eyes do, which take turns in one thread."""
        meter = self._run.meter
        accounts = {
            "decode": meter.open("decode", "video", "pyav"),
            "dedupe": meter.open("dedupe", "image", "blocks"),
            "measure": meter.open("measure", "image", "builtin"),
        }
        if self._reader is not None:
            accounts["ocr"] = meter.open("ocr", "image", self._reader.name)
        describe = meter.open("describe", "image", self._captioner.name)
        describe.on_gpu = self._captioner.work == "gpu"
        return accounts | {"describe": describe}

    def _account(self) -> None:
        """Write down what each step took."""
        kept, dropped = len(self._observations), len(self._dropped)
        counts: dict[str, Mapping[str, float]] = {
            "decode": {"frames": kept + dropped, "packets": self._report.packets,
                       "decoded": self._report.decoded},
            "dedupe": {"seen": kept + dropped, "kept": kept, "dropped": dropped},
            "measure": {"frames": kept},
            "ocr": {"frames": max(0, kept - pieces.readings_reused(self._reader)),
                    "calls": self._reader.calls if self._reader else 0},
            "describe": {"captions": self._describer.described, **self._captioner.tally.counts},
        }  # fmt: skip
        self._record(counts)
        pieces.book(self._run, self._captioner, self._reader)

    def _record(self, counts: Mapping[str, Mapping[str, float]]) -> None:
        for name, account in self._accounts.items():
            account.add(**counts[name])
            wall_s, cpu_s = self._turns.taken(name)
            told: float | None = cpu_s + (self._decode_cpu_s if name == "decode" else 0.0)
            if name == "describe" and self._own_threads and not self._alone:
                told = None  # a model's threads: beside the ears their share cannot be told
            self._run.meter.record(account, wall_s, told)
        wall_s, cpu_s = self._turns.taken("waiting")
        if wall_s >= _TOLD_WAIT_S:
            waited = self._run.meter.open("wait", "audio", "hearing")
            self._run.meter.record(waited, wall_s, cpu_s)


def promised_end_s(info: MediaInfo) -> float | None:
    """Return where the pictures should end by what the header says, None if it says nothing."""
    if info.video is not None and info.video.duration_s is not None:
        return info.video.duration_s
    return info.duration_s


def _clean(seen: Observation, overlay: frozenset[str]) -> Observation:
    if seen.text is None or not overlay:
        return seen
    return replace(seen, text=without(seen.text, overlay))
