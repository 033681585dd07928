"""A second look: moments that a reasoner asked to see again, each with its question."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from vidsum import prompts, registry
from vidsum.captioners.protocol import Captioner, CaptionRequest, most_looks
from vidsum.costs.meter import WHOLE_PROCESS, StageMeter
from vidsum.data import Bundle, Caption, Image, Sample, Saving, SecondLook, TimelineEntry
from vidsum.errors import VidsumError
from vidsum.events import StageAdvanced, StageFinished, StageStarted
from vidsum.media.album import Album
from vidsum.media.identity import sha256_of
from vidsum.media.picture import measure
from vidsum.media.plan import Moments
from vidsum.pipeline import keeping
from vidsum.pipeline.hearing import AFTER_S, BEFORE_S
from vidsum.pipeline.run import Run
from vidsum.pipeline.sameness import FORM, hashed
from vidsum.planner.facts import PICTURE_SIDE_PX, TEXT_SIDE_PX
from vidsum.reasoner.basis import captioned_by_model
from vidsum.reasoner.protocol import Looker, Wanted
from vidsum.wording import clock, counted, safe

_STAGE: Final = "looking again"
_REASON_LETTERS: Final = 160
_PLAIN: Final = "What does the picture show?"


def looker_for(run: Run, bundle: Bundle) -> Looker | None:
    """Return who shows a reasoner moments of the video again; None where nobody can.

    That is so where no model described the pictures, where the captioner of this run does not look
    at any, and with ``--second-look 0``.
    """
    most, evidence = most_looks(run.options), bundle.evidence
    if not most or evidence.info.video is None or not captioned_by_model(evidence):
        return None
    try:
        captioner: Captioner = registry.load("captioner", run.engines.captioner.name, run.options)
    except VidsumError:
        return None
    captioner.close()
    return LookingAgain(run, bundle, most) if captioner.needs_pixels else None


@dataclass(frozen=True, slots=True)
class _Moment:
    """A time within the part of the video that is looked at, and what is to be found out."""

    time_s: float
    question: str

    @property
    def reason(self) -> str:
        """Why it is looked at, as the ledger has it: one line."""
        told = safe(f"second look at {clock(self.time_s)}: {self.question}")
        return told if len(told) <= _REASON_LETTERS else f"{told[: _REASON_LETTERS - 1]}…"

    def refused(self, why: str) -> SecondLook:
        """Return it as one that was not seen."""
        return SecondLook(self.time_s, self.question, refused=why)


def _side_px(run: Run) -> int:
    """Return how large the pictures of a run are: as they were at the first look."""
    read = run.sampled_for_reading
    large = run.engines.reader is not None if read is None else read
    return TEXT_SIDE_PX if large else PICTURE_SIDE_PX


class _Kept:
    """What a captioner said of moments in earlier runs. ``said``: the words around a moment."""

    def __init__(self, run: Run, said: Callable[[float], str]) -> None:
        captioner, self._run, self._said = run.engines.captioner.name, run, said
        self._video_sha256 = run.meter.book.identity.video_sha256
        self._answers = self._video_sha256 and keeping.answers_for(run, captioner, "caption")
        prompt = sha256_of(prompts.find("look", run.options.prompts_dir))
        self._same = ["look", FORM, self._video_sha256, run.options.tiles, _side_px(run), prompt]

    def get(self, moment: _Moment) -> Caption | None:
        """Return the caption of a moment, None where there is none that can be read."""
        return self._answers.get_record(Caption, self._key(moment)) if self._answers else None

    def put(self, moment: _Moment, caption: Caption) -> None:
        """Keep a caption, unless it is none or may be of another video than the run began with."""
        if self._answers and caption.error is None and keeping.unchanged(self._run):
            self._answers.put_record(self._key(moment), caption)

    def _key(self, moment: _Moment) -> str:
        told = [f"{moment.time_s:.3f}", moment.question, self._said(moment.time_s)]
        return hashed([*self._same, *told])


class LookingAgain(Looker):
    """Samples moments in a new decode process, and asks the run's captioner about each picture.

    A model that was closed after the pictures were described is loaded again, beside that of the
    reasoner, and closed afterwards. ``most`` moments are shown in all, however often it is asked.
    """

    def __init__(self, run: Run, bundle: Bundle, most: int) -> None:
        self.most = most
        self._run, self._evidence = run, bundle.evidence
        self._left, self._seen = most, 0
        taken = [one.sample.time_s for one in bundle.evidence.observations]
        self._sampled_s = sorted(taken + [d.sample.time_s for d in bundle.evidence.dropped])

    def look(self, wanted: Sequence[Wanted]) -> tuple[SecondLook, ...]:
        """See :class:`Looker`: each look is booked by itself, with its reason."""
        moments = [self._moment(one) for one in wanted]
        chosen, others = moments[: self._left], moments[self._left :]
        self._left -= len(chosen)
        why = f"no more than {counted(self.most, 'moment')} may be looked at again"
        found = [one.refused(why) for one in others]
        if chosen:
            self._run.listen(StageStarted(_STAGE, "moments", len(chosen)))
            looks = self._look(sorted(chosen, key=lambda one: one.time_s))
            seen = sum(one.entry is not None for one in looks)
            self._run.listen(StageFinished(_STAGE, f"{seen} of {len(chosen)} seen"))
            found += looks
        return tuple(sorted(found, key=lambda one: one.time_s))

    def _moment(self, wanted: Wanted) -> _Moment:
        time_s = max(self._evidence.start_s, min(wanted.time_s, self._evidence.end_s))
        return _Moment(time_s, safe(wanted.question) or _PLAIN)

    def _look(self, moments: Sequence[_Moment]) -> list[SecondLook]:
        """Return what came of each moment, in their order; they are in order of time."""
        kept = _Kept(self._run, self._said)
        found: dict[_Moment, Caption | str] = {
            one: caption for one in moments if (caption := kept.get(one)) is not None
        }
        left = [one for one in moments if one not in found]
        if left:
            found |= self._looked_at(left, kept)
        if len(left) < len(moments):
            told = f"{counted(len(moments) - len(left), 'second look')} kept from an earlier run"
            saving = Saving("cache", told, len(moments) - len(left))
            self._run.meter.saved("look", "image", saving)
        return [self._told(one, found[one]) for one in moments]

    def _looked_at(
        self, moments: Sequence[_Moment], kept: _Kept
    ) -> Mapping[_Moment, Caption | str]:  # fmt: skip
        """Return the caption of each moment, or why it has none."""
        try:
            with Album() as album:
                samples, missing = self._sampled(moments, album)
                if samples:
                    return self._asked(moments, samples, missing, album, kept)
        except VidsumError as exc:
            missing = exc.message
        return dict.fromkeys(moments, missing)

    def _sampled(
        self, moments: Sequence[_Moment], album: Album
    ) -> tuple[Mapping[float, Sample], str]:
        """Put the picture of each time into the album; return which it is, and why some lack."""
        samples: dict[float, Sample] = {}
        run = self._run
        times = Moments(tuple(one.time_s for one in moments))
        try:
            with (
                run.meter.stage("look_decode", "video", "pyav") as account,
                run.open_decoder() as decoder,
            ):
                for frame in decoder.frames(times, _side_px(run), None):
                    album.put(frame.sample.index, frame.image)
                    samples[frame.sample.target_s] = frame.sample
                account.child_cpu_s = decoder.cpu_s
                account.add(frames=len(samples))
        except VidsumError as exc:
            return samples, exc.message
        return samples, "no picture could be decoded there"

    def _asked(
        self, moments: Sequence[_Moment], samples: Mapping[float, Sample], missing: str,
        album: Album, kept: _Kept,
    ) -> Mapping[_Moment, Caption | str]:  # fmt: skip
        """Return what came of each moment; what ends a captioner ends it for all that follow."""
        run, name = self._run, self._run.engines.captioner.name
        captioner: Captioner = registry.load("captioner", name, run.options)
        run.on_stop(captioner.close)
        done: dict[_Moment, Caption | str] = {}
        failure = ""
        try:
            # Nothing else works by now, so the process's CPU is the captioner's.
            with run.meter.stage("look", "image", name, WHOLE_PROCESS) as account:
                account.on_gpu = captioner.work == "gpu"
                captioner.tally.bind(account)
                for moment in moments:
                    sample = samples.get(moment.time_s)
                    if sample is None or failure:
                        done[moment] = failure or missing
                        continue
                    try:
                        caption = self._caption(captioner, account, moment, sample, album)
                        kept.put(moment, caption)
                        done[moment] = caption.error or caption
                    except VidsumError as exc:
                        done[moment] = failure = exc.message
                    run.listen(StageAdvanced(_STAGE, len(done), len(moments)))
                account.add(**captioner.tally.counts)
        finally:
            captioner.close()
        return done

    def _caption(
        self, captioner: Captioner, account: StageMeter, moment: _Moment, sample: Sample,
        album: Album,
    ) -> Caption:  # fmt: skip
        """Ask about one picture. Raises: BudgetReached, BackendFailed and others."""
        image: Image = album.get(sample.index)
        account.reason = moment.reason
        said = self._said(sample.time_s) if captioner.wants_speech else ""
        request = CaptionRequest(sample, measure(image, None), None, image, said, alone=True,
                                 question=moment.question)  # fmt: skip
        [caption] = captioner.caption(iter((request,)))
        return caption

    def _told(self, moment: _Moment, found: Caption | str) -> SecondLook:
        if isinstance(found, str):
            return moment.refused(found)
        self._seen += 1
        start_s = found.time_s
        ends_s = [start_s + self._evidence.interval_s, self._evidence.end_s]
        ends_s += [time_s for time_s in self._sampled_s if time_s > start_s][:1]
        who = found.model or found.backend
        entry = TimelineEntry(f"l{self._seen}", "caption", start_s, max(start_s, min(ends_s)),
                              found.text, f"second look, {who}")  # fmt: skip
        return SecondLook(moment.time_s, moment.question, entry)

    def _said(self, time_s: float) -> str:
        """Return what is said around a moment, as far as it is believed."""
        segments = self._evidence.transcript.segments
        return " ".join(
            one.text for one in segments
            if one.doubt is None and one.end_s >= time_s - BEFORE_S
            and one.start_s <= time_s + AFTER_S
        )  # fmt: skip
