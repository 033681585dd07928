"""What B-roll would cost before it is begun: all that ``--broll`` does, or finishing alone."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Final, Protocol, cast, runtime_checkable

from vidsum.broll import anchors, estimating, finishing, making, sizes, steps
from vidsum.broll.engines.protocol import ImageRequest
from vidsum.broll.folder import BrollFolder, finished_of
from vidsum.broll.items import Finishing, Itemised, Parts
from vidsum.broll.orders import check_able
from vidsum.broll.shots import Finish, to_film
from vidsum.costs.budget import NANO
from vidsum.costs.units import cu
from vidsum.wording import number

if TYPE_CHECKING:
    from vidsum.broll.engines.protocol import ImageEngine
    from vidsum.broll.orders import Ref
    from vidsum.data import Image, MediaInfo
    from vidsum.pipeline.run import Run


@runtime_checkable
class Enlarging(Protocol):
    """A model that enlarges pictures and knows what that takes to compute."""

    name: str

    def flops_of(self, width_px: int, height_px: int) -> float:
        """Return it for a picture of a size."""
        ...


_PROMPT: Final = " " * 900
"""As long as a prompt with the style sentence may be: 700 letters and 200."""


def foresee(run: Run, engine: ImageEngine, info: MediaInfo) -> Itemised:
    """Return what ``vidsum VIDEO --broll`` would cost besides the summary; nothing is made.

    Where there is a plan, what is missing of it; else as many scenes as are asked for, of which
    a video may have fewer. Raises: BackendMissing, BackendFailed, OptionError.
    """
    options = run.options
    if BrollFolder.of_video(run.path).plan_file.is_file():
        folder = steps.opened(run.path)
        if folder.read_plan().scenes:
            missing = making.parts(run, folder, engine, variations=options.variations,
                                   ref=cast("Ref", options.ref))  # fmt: skip
            left = _to_finish(run, info, missing, _unfinished(folder))
            return estimating.itemise(run, engine, missing, left)
    note = (f"For {number(options.scenes)} scenes (--scenes) with {number(options.variations)} "
            "pictures each (--variations); a video may have fewer scenes.")  # fmt: skip
    new = _anew(run, engine, info)
    return estimating.itemise(run, engine, new, _to_finish(run, info, new, options.scenes), note)


def foresee_finish(
    run: Run, folder: BrollFolder, how: Finish, scenes: Collection[str] | None = None
) -> Itemised:
    """Return what :func:`steps.finish` would cost with the same arguments; nothing is made.

    Raises: OptionError, BackendMissing.
    """
    how = steps.with_upscaler(how, run.options)
    left = finishing.unfinished(run, folder, how, scenes)
    clips = to_film(folder, how, scenes)
    made = (left[0][1].width_px, left[0][1].height_px) if left else sizes.UNKNOWN
    plan = folder.read_plan()
    upscaler, enlarge_cu = _enlarging(how, made, (plan.width_px, plan.height_px))
    return estimating.itemise_finishing(run, Finishing(
        pictures=len(left), upscaler=upscaler, enlarge_cu=enlarge_cu,
        motion=len(left) if how.clips == "kenburns" else 0, clips=len(clips),
        clip_model=how.films.model if how.films else "", clip_usd_nano=_clip_usd_nano(how, clips),
    ))  # fmt: skip


def _to_finish(run: Run, info: MediaInfo, parts: Parts, count: int) -> Finishing:
    """Return what finishing so many pictures with defaults is."""
    made = parts.picture.width_px, parts.picture.height_px
    source = (info.video.width_px, info.video.height_px) if info.video else (0, 0)
    upscaler, enlarge_cu = _enlarging(steps.with_upscaler(Finish(), run.options), made, source)
    return Finishing(pictures=count, motion=count, upscaler=upscaler, enlarge_cu=enlarge_cu)


def _enlarging(how: Finish, made: sizes.Size, source: sizes.Size) -> tuple[str, float]:
    """Return the model that enlarges pictures of a size to a source's, and the compute units of
    each; "" and 0 where none has to."""
    source = source if all(source) else sizes.UNKNOWN
    model = how.upscaler
    if not isinstance(model, Enlarging) or (made[0] >= source[0] and made[1] >= source[1]):
        return "", 0.0
    return model.name, cu(model.flops_of(*sizes.fitted(made, source)))


def _clip_usd_nano(how: Finish, clips: list[tuple[int, int, int]]) -> int | None:
    """Return the mean price of clips, given as width, height and seconds; None is unknown."""
    if how.films is None or not clips:
        return None
    width_px, height_px, _ = clips[0]
    seconds = float(sum(one[2] for one in clips))
    price = how.films.price(seconds, width_px, height_px)
    return None if price is None else round(float(price) * NANO / len(clips))


def _unfinished(folder: BrollFolder) -> int:
    """Return how many scenes are to be finished, those without a pick among them."""
    made, count = folder.read_made(), 0
    for scene in folder.read_plan().scenes:
        shot, pick = finished_of(made, scene.id), made.picks.get(scene.id)
        wanted = pick is not None or scene.id not in made.picks
        count += wanted and (shot is None or shot.number != pick)
    return count


def _anew(run: Run, engine: ImageEngine, info: MediaInfo) -> Parts:
    """Return all that is to be made where there is nothing yet."""
    options, able = run.options, engine.capabilities
    steered = options.ref == "auto" and info.video is not None
    check_able(engine, steered=steered, steps=options.image_steps)
    source = (info.video.width_px, info.video.height_px) if info.video else (0, 0)
    size = sizes.picture_size(*source, able, options.image_side_px)
    small = sizes.baseline_size(*source, able, options.image_side_px)
    frames = _frames(min(able.most_references, anchors.MOST)) if steered else ()
    picture = ImageRequest(_PROMPT, *size, None, references=frames, steps=options.image_steps)
    baseline = ImageRequest(_PROMPT, *small, None, steps=options.image_steps)
    once = estimating.is_paid(run, engine, baseline)
    return Parts(
        picture=picture, baseline=baseline, pictures=options.scenes * options.variations,
        baselines=(1 if once else options.scenes) if steered else 0, scenes=1,
        prompts=options.scenes,
    )  # fmt: skip


def _frames(count: int) -> tuple[Image, ...]:
    """Return so many frames of nothing, uint8 [1, 1, 3]: only how many there are is looked at."""
    import numpy as np

    return (np.zeros((1, 1, 3), np.uint8),) * count
