"""The picked pictures in the size of the source, and their clips; what is there stays."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from vidsum.broll import motion, sizes, upscaling
from vidsum.broll.folder import BrollFolder, finished_of
from vidsum.broll.marking import Marks, write_png
from vidsum.broll.shots import (
    Finish,
    film_wish,
    marks_of,
    size_of,
    stem_of,
    to_finish,
    unreadable,
)
from vidsum.costs.meter import WHOLE_PROCESS
from vidsum.data import FinishedShot, Saving
from vidsum.events import StageAdvanced, StageFinished, StageStarted
from vidsum.failpoints import failpoint
from vidsum.pipeline.run import Run
from vidsum.wording import number

if TYPE_CHECKING:
    from vidsum.broll.filming import FilmWish
    from vidsum.costs.meter import StageMeter
    from vidsum.data import Image, Scene, Variation

_SHOWN: Final = "finishing"


@dataclass(frozen=True, slots=True)
class FinishReport:
    """What came of it: shots that were finished now, and those that were already."""

    finished: tuple[FinishedShot, ...]
    kept: tuple[FinishedShot, ...]


def finish(
    run: Run, folder: BrollFolder, how: Finish, scenes: Collection[str] | None = None
) -> FinishReport:
    """Bring the picks into the source's shape and size, and make their clips.

    A Ken Burns clip has the source's frame rate; one by a model has what its provider gave. What
    is finished in the same way already stays.

    Raises: OptionError when nothing is picked or a picked picture is gone, OutputError,
    BackendMissing, BackendFailed, BudgetReached.
    """
    folder.read_plan()
    with folder.hold():
        folder.create()
        picks = to_finish(folder, scenes)
        return _Finisher(run, folder, how).finish(picks)


def unfinished(
    run: Run, folder: BrollFolder, how: Finish, scenes: Collection[str] | None = None
) -> list[tuple[Scene, Variation]]:
    """Return the picks that are not finished in this way. Raises: as :func:`to_finish`."""
    picks, finisher = to_finish(folder, scenes), _Finisher(run, folder, how)
    return [(scene, one) for scene, one in picks if finisher.there(scene, one) is None]


class _Finisher:
    def __init__(self, run: Run, folder: BrollFolder, how: Finish) -> None:
        self._run, self._folder, self._how = run, folder, how
        self._plan, self._made = folder.read_plan(), folder.read_made()
        self._rate = motion.rate_of(self._plan.fps)

    def finish(self, picks: list[tuple[Scene, Variation]]) -> FinishReport:
        """Finish them one after the other; each is kept at once."""
        for backend in (self._how.films, self._how.upscaler):
            if backend is not None:
                self._run.on_stop(backend.close)
        finished: list[FinishedShot] = []
        kept: list[FinishedShot] = []
        self._run.listen(StageStarted(_SHOWN, "pictures", len(picks)))
        for done, (scene, one) in enumerate(picks, 1):
            known = self.there(scene, one)
            if known is None:
                finished.append(self._one(scene, one))
            else:
                kept.append(known)
                self._tell_given_up(known)
            self._run.listen(StageAdvanced(_SHOWN, done, len(picks)))
        if kept:
            told = f"{number(len(kept))} finished by an earlier run"
            self._run.meter.saved("upscale", "image_gen", Saving("cache", told))
        told = f"{number(len(finished))} finished, {number(len(kept))} as before"
        self._run.listen(StageFinished(_SHOWN, told))
        return FinishReport(tuple(finished), tuple(kept))

    def _tell_given_up(self, known: FinishedShot) -> None:
        if known.error and self._how.clips == "ai":
            from vidsum.broll.filming import tell_given_up

            tell_given_up(self._run, known.scene, known.error)

    def there(self, scene: Scene, one: Variation) -> FinishedShot | None:
        """Return a shot that is finished in this very way, its files being there."""
        known = finished_of(self._made, scene.id)
        if known is None or known.number != one.number or not self._same_picture(known, one):
            return None
        if self._how.credentials is not None and not known.signed:
            return None
        return known if self._same_clip(scene, one, known) else None

    def _same_clip(self, scene: Scene, one: Variation, known: FinishedShot) -> bool:
        if self._how.clips == "none":
            return True
        if known.clip_from != self._how.clips:
            return False
        if self._how.clips == "ai":
            return self._same_film(scene, one, known)
        if not self._folder.place(known.clip).is_file():
            return False
        frames = max(1, round(self._how.clip_s(scene) * self._rate))
        return known.clip_s == float(frames / self._rate) and known.fps == float(self._rate)

    def _same_film(self, scene: Scene, one: Variation, known: FinishedShot) -> bool:
        from vidsum.broll.filming import to_do

        source = self._folder.picture(one.file)
        if source is None:
            return False
        size = known.width_px, known.height_px
        wish = film_wish(self._how, scene, one, source, size, source)
        film = None if wish is None else self._made.film(wish.key)
        if film is None or to_do(self._folder, film, retry=self._how.retry) != "nothing":
            return False
        return known.clip == (film.file if film.state == "made" else "")

    def _same_picture(self, known: FinishedShot, one: Variation) -> bool:
        image, source = self._folder.picture(known.file), self._folder.picture(one.file)
        by = self._how.upscaler.name if self._how.upscaler else upscaling.LANCZOS
        if image is None or source is None or known.upscaled_by not in ("", by):
            return False
        height, width = image.shape[:2]
        return (width, height) == size_of(self._plan, self._how, source)

    def _one(self, scene: Scene, one: Variation) -> FinishedShot:
        """Finish one pick. Raises: OptionError, OutputError, BackendMissing, BackendFailed."""
        source = self._folder.picture(one.file)
        if source is None:
            raise unreadable(one)
        name, marks = stem_of(scene, one), marks_of(scene, one)
        self._unsign(scene)
        with self._run.meter.stage("upscale", "image_gen", "vidsum", WHOLE_PROCESS) as account:
            sized = self._sized(scene, source, account)
            failpoint("broll.finished.before")
            write_png(self._folder.place(f"{name}.png"), sized.image, marks)
            account.add(pictures=1)
        height, width = sized.image.shape[:2]
        shot = FinishedShot(scene.id, one.number, f"{name}.png", width, height, sized.upscaled_by)
        if self._how.clips == "kenburns":
            shot = self._moved(scene, shot, sized.image, marks)
        elif self._how.clips == "ai":
            size = shot.width_px, shot.height_px
            wish = film_wish(self._how, scene, one, source, size, sized.image)
            shot = shot if wish is None else self._filmed(shot, wish)
        shot = self._signed(shot)
        self._made = self._folder.read_made().with_finished(shot)  # clips were written down there
        self._folder.write_made(self._made)
        failpoint("broll.finished.after")
        return shot

    def _sized(self, scene: Scene, source: Image, account: StageMeter) -> upscaling.Sized:
        """Return a picture cut to the source's shape, and in its size."""
        width, height = size_of(self._plan, self._how, source)
        cut, upscaler = sizes.fit(source, width, height), self._how.upscaler
        if upscaler is None:
            return upscaling.bring_to(cut, width, height)
        upscaler.tally.bind(account)
        account.reason, before_s = f"B-roll {scene.id}, enlarged", upscaler.cpu_s
        try:
            return upscaling.bring_to(cut, width, height, upscaler)
        finally:
            account.on_gpu = upscaler.work == "gpu"  # known once the model is loaded
            account.child_cpu_s += upscaler.cpu_s - before_s

    def _moved(self, scene: Scene, shot: FinishedShot, image: Image, marks: Marks) -> FinishedShot:
        """Return a shot with its clip."""
        name = f"{shot.file.removesuffix('.png')}.mp4"
        with self._run.meter.stage("motion", "video_gen", "ffmpeg", WHOLE_PROCESS) as account:
            clip = motion.write_clip(
                self._folder.place(name), image, seconds=self._how.clip_s(scene), fps=self._rate,
                move=motion.move_for(scene.id), marks=marks,
            )  # fmt: skip
            account.child_cpu_s += clip.cpu_s
            account.add(pictures=1, frames=clip.frames)
        return replace(shot, clip=name, clip_from="kenburns", clip_s=clip.seconds,
                       fps=float(clip.fps))  # fmt: skip

    def _filmed(self, shot: FinishedShot, wish: FilmWish) -> FinishedShot:
        """Return a shot with a clip by a model, or with why there is none.

        Raises: BackendFailed when none will do, BudgetReached, OptionError, OutputError.
        """
        from vidsum.broll.filming import filmed

        assert self._how.films is not None
        film = filmed(self._run, self._folder, self._how.films, wish, retry=self._how.retry)
        shot = replace(shot, clip_from="ai", cost_usd=film.cost_usd, cost_from=film.cost_from)
        if film.state != "made":
            return replace(shot, error=film.error)
        return replace(shot, clip=film.file, clip_s=film.seconds, fps=film.fps)

    def _unsign(self, scene: Scene) -> None:
        """Take note that a shot that is about to be replaced is not signed for now."""
        known = finished_of(self._made, scene.id)
        if known is not None and known.signed:
            self._made = self._made.with_finished(replace(known, signed=False))
            self._folder.write_made(self._made)

    def _signed(self, shot: FinishedShot) -> FinishedShot:
        """Return a shot whose files are signed. Raises: as signing.sign.

        A clip that its provider, or an earlier run, has signed stays as it is.
        """
        if self._how.credentials is None:
            return shot
        from vidsum.broll.signing import is_signed, sign

        for place in map(self._folder.place, filter(None, (shot.file, shot.clip))):
            if not is_signed(place):
                sign(place, self._how.credentials)
        return replace(shot, signed=True)
