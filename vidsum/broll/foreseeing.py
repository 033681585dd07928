"""What B-roll would cost before it is begun: all that ``--broll`` does, or finishing alone."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Final, cast

from vidsum.broll import anchors, estimating, finishing, making, sizes, steps
from vidsum.broll.engines.protocol import ImageRequest
from vidsum.broll.folder import BrollFolder, finished_of
from vidsum.broll.items import Finishing, Itemised, Parts
from vidsum.broll.orders import check_able
from vidsum.costs.budget import NANO
from vidsum.wording import number

if TYPE_CHECKING:
    from vidsum.broll.engines.protocol import ImageEngine
    from vidsum.broll.finishing import Finish
    from vidsum.broll.orders import Ref
    from vidsum.data import Image, MediaInfo
    from vidsum.pipeline.run import Run

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
            count = _unfinished(folder)
            left = Finishing(pictures=count, motion=count)
            return estimating.itemise(run, engine, missing, left)
    note = (f"For {number(options.scenes)} scenes (--scenes) with {number(options.variations)} "
            "pictures each (--variations); a video may have fewer scenes.")  # fmt: skip
    left = Finishing(pictures=options.scenes, motion=options.scenes)
    return estimating.itemise(run, engine, _anew(run, engine, info), left, note)


def foresee_finish(
    run: Run, folder: BrollFolder, how: Finish, scenes: Collection[str] | None = None
) -> Itemised:
    """Return what :func:`steps.finish` would cost with the same arguments; nothing is made.

    Raises: OptionError, BackendMissing.
    """
    count = len(finishing.unfinished(run, folder, how, scenes))
    clips = finishing.to_film(folder, how, scenes)
    return estimating.itemise_finishing(run, Finishing(
        pictures=count, motion=count if how.clips == "kenburns" else 0, clips=len(clips),
        clip_model=how.films.model if how.films else "", clip_usd_nano=_clip_usd_nano(how, clips),
    ))  # fmt: skip


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
