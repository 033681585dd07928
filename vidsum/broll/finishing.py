"""The picked pictures in the size of the source, and their clips; what is there stays."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from vidsum.broll import motion, sizes, upscaling
from vidsum.broll.folder import BrollFolder, checked_id, finished_of, picked
from vidsum.broll.made import Made
from vidsum.broll.marking import Marks, write_png
from vidsum.broll.orders import chosen
from vidsum.costs.meter import WHOLE_PROCESS
from vidsum.data import FinishedShot, Saving
from vidsum.errors import OptionError
from vidsum.events import StageAdvanced, StageFinished, StageStarted
from vidsum.failpoints import failpoint
from vidsum.pipeline.run import Run
from vidsum.wording import number

if TYPE_CHECKING:
    from vidsum.broll.upscaling import Upscaler
    from vidsum.data import BrollPlan, Image, Scene, Variation

LONGEST_S: Final = 8.0
"""A still that moves gets dull after so long; a scene that lasts longer gets a clip of this."""
_SHOWN: Final = "finishing"


@dataclass(frozen=True, slots=True)
class FinishReport:
    """What came of it: shots that were finished now, and those that were already."""

    finished: tuple[FinishedShot, ...]
    kept: tuple[FinishedShot, ...]


@dataclass(frozen=True, slots=True)
class _Finish:
    """How picks are to be finished."""

    upscale: bool
    moving: bool
    seconds: float | None
    upscaler: Upscaler | None

    def clip_s(self, scene: Scene) -> float:
        """Return how long a scene's clip is to be: as long as the scene unless one said."""
        return self.seconds or min(LONGEST_S, scene.end_s - scene.start_s)


def finish(
    run: Run, folder: BrollFolder, *, upscale: bool = True, moving: bool = True,
    seconds: float | None = None, upscaler: Upscaler | None = None,
    scenes: Collection[str] | None = None,
) -> FinishReport:  # fmt: skip
    """Bring the picks into the source's shape and size, and make their clips.

    ``upscale`` False leaves the size as it was made, in the source's shape; ``moving`` makes a Ken
    Burns clip of ``seconds`` (the scene's own length by default, at most 8 s) at the source's frame
    rate. What is finished in the same way already stays.

    Raises: OptionError when nothing is picked or a picked picture is gone, OutputError,
    BackendMissing, BackendFailed.
    """
    folder.read_plan()
    with folder.hold():
        folder.create()
        plan, made = folder.read_plan(), folder.read_made()
        picks = [(scene, one) for scene in chosen(plan, scenes)
                 if (one := picked(made, scene.id)) is not None]  # fmt: skip
        if not picks:
            raise OptionError("Nothing is picked yet.", "vidsum broll pick FOLDER s01=2 picks.")
        how = _Finish(upscale, moving, seconds, upscaler)
        return _Finisher(run, folder, plan, made, how).finish(picks)


class _Finisher:
    def __init__(
        self, run: Run, folder: BrollFolder, plan: BrollPlan, made: Made, how: _Finish
    ) -> None:
        self._run, self._folder, self._plan, self._made = run, folder, plan, made
        self._how = how
        self._rate = motion.rate_of(plan.fps)

    def finish(self, picks: list[tuple[Scene, Variation]]) -> FinishReport:
        """Finish them one after the other; each is kept at once."""
        finished: list[FinishedShot] = []
        kept: list[FinishedShot] = []
        self._run.listen(StageStarted(_SHOWN, "pictures", len(picks)))
        for done, (scene, one) in enumerate(picks, 1):
            known = self._there(scene, one)
            if known is None:
                finished.append(self._one(scene, one))
            else:
                kept.append(known)
            self._run.listen(StageAdvanced(_SHOWN, done, len(picks)))
        if kept:
            told = f"{number(len(kept))} finished by an earlier run"
            self._run.meter.saved("upscale", "image_gen", Saving("cache", told))
        self._run.listen(StageFinished(_SHOWN, f"{number(len(finished))} new"))
        return FinishReport(tuple(finished), tuple(kept))

    def _there(self, scene: Scene, one: Variation) -> FinishedShot | None:
        """Return a shot that is finished in this very way, its files being there."""
        known = finished_of(self._made, scene.id)
        if known is None or known.number != one.number or not self._same_picture(known, one):
            return None
        if not self._how.moving:
            return known
        frames = max(1, round(self._how.clip_s(scene) * self._rate))
        same = known.clip_from == "kenburns" and known.clip_s == float(frames / self._rate)
        same = same and known.fps == float(self._rate)
        return known if same and self._folder.place(known.clip).is_file() else None

    def _same_picture(self, known: FinishedShot, one: Variation) -> bool:
        image, source = self._folder.picture(known.file), self._folder.picture(one.file)
        by = self._how.upscaler.name if self._how.upscaler else upscaling.LANCZOS
        if image is None or source is None or known.upscaled_by not in ("", by):
            return False
        height, width = image.shape[:2]
        return (width, height) == self._size(source)

    def _one(self, scene: Scene, one: Variation) -> FinishedShot:
        """Finish one pick. Raises: OptionError, OutputError, BackendMissing, BackendFailed."""
        source = self._folder.picture(one.file)
        if source is None:
            raise OptionError(f"The picture {one.file} that was picked cannot be read.",
                              "vidsum broll make makes it anew, or pick another one.")  # fmt: skip
        name = f"finished/{checked_id(scene.id)}-v{one.number}"
        marks = Marks(prompt=one.prompt, model=one.model, engine=one.engine, scene=scene.id,
                      seed=one.seed)  # fmt: skip
        with self._run.meter.stage("upscale", "image_gen", "vidsum", WHOLE_PROCESS) as account:
            sized = self._sized(source)
            failpoint("broll.finished.before")
            write_png(self._folder.place(f"{name}.png"), sized.image, marks)
            account.add(pictures=1)
        height, width = sized.image.shape[:2]
        shot = FinishedShot(scene.id, one.number, f"{name}.png", width, height, sized.upscaled_by)
        if self._how.moving:
            shot = self._moved(scene, shot, sized.image, marks)
        self._made = self._made.with_finished(shot)
        self._folder.write_made(self._made)
        failpoint("broll.finished.after")
        return shot

    def _size(self, source: Image) -> tuple[int, int]:
        """Return the width and height that a picture is brought to."""
        whole = (self._plan.width_px, self._plan.height_px)
        whole = whole if all(whole) else sizes.UNKNOWN
        if self._how.upscale:
            return whole
        height, width = sizes.fit(source, *whole).shape[:2]
        return width, height

    def _sized(self, source: Image) -> upscaling.Sized:
        """Return a picture cut to the source's shape, and in its size."""
        width, height = self._size(source)
        cut = sizes.fit(source, width, height)
        return upscaling.bring_to(cut, width, height, self._how.upscaler)

    def _moved(self, scene: Scene, shot: FinishedShot, image: Image, marks: Marks) -> FinishedShot:
        """Return a shot with its clip."""
        name = f"{shot.file.removesuffix('.png')}.mp4"
        with self._run.meter.stage("motion", "video_gen", "ffmpeg", WHOLE_PROCESS) as account:
            clip = motion.write_clip(
                self._folder.place(name), image, seconds=self._how.clip_s(scene), fps=self._rate,
                move=motion.move_for(scene.id), marks=marks,
            )  # fmt: skip
            account.add(pictures=1, frames=clip.frames)
        return replace(shot, clip=name, clip_from="kenburns", clip_s=clip.seconds,
                       fps=float(clip.fps))  # fmt: skip
