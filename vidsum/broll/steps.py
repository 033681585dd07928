"""The steps of generated B-roll, in reading order; each leaves the folder whole."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from vidsum import registry
from vidsum.broll import exporting, finishing, making, planning, rewriting, sheet
from vidsum.broll.estimating import check_capped
from vidsum.broll.folder import BrollFolder, pick
from vidsum.broll.keys import prompt_of
from vidsum.broll.made import Made
from vidsum.broll.replanning import check_own, former, still_picked, with_ids_of_their_own
from vidsum.broll.shots import Finish
from vidsum.data import BrollOutcome, BrollPlan, Bundle, LookBook, Summary, Variation
from vidsum.errors import BackendMissing, OptionError, VidsumError
from vidsum.events import Noted
from vidsum.pipeline.choosing import Choice
from vidsum.pipeline.choosing import pick as pick_engine
from vidsum.wording import escaped, path_text, shown

if TYPE_CHECKING:
    from vidsum.broll.engines.protocol import ImageEngine
    from vidsum.broll.finishing import FinishReport
    from vidsum.broll.items import Itemised
    from vidsum.broll.making import MakeReport
    from vidsum.broll.orders import Ref
    from vidsum.config import Options
    from vidsum.pipeline.run import Run

NONE: Final = "none"


def generator(options: Options) -> Choice:
    """Return who would make pictures. Raises: BackendMissing when nobody can, OptionError."""
    found = pick_engine("generator", options).choice
    if found.name == NONE or not found.readiness.ready:
        told = found.readiness.what or "no model is named"
        raise BackendMissing(f"Pictures for B-roll cannot be made yet ({told}).",
                             found.readiness.hint or _NAME_ONE)  # fmt: skip
    return found


_NAME_ONE: Final = (
    "Name a model: --image-model flux2-klein-4b on this machine (vidsum models pull gets it), or "
    "--image-api openai --image-model NAME at a provider."
)


def engine_for(options: Options) -> ImageEngine:
    """Return the engine that makes pictures; its model is not loaded yet. Raises: as generator."""
    return cast("ImageEngine", registry.load("generator", generator(options).name, options))


def plan(run: Run, folder: BrollFolder, bundle: Bundle, summary: Summary) -> BrollPlan:
    """Choose the scenes, write their prompts and the look book; return the plan, which is written.

    A plan that is there already is replaced, with its comments kept; picks of scenes that are
    others now are forgotten. Raises: OutputError, OptionError (also for the folder of another
    video), MediaError.
    """
    from vidsum.broll.look import make_look

    folder.create()
    with folder.hold():
        before, made = former(folder), folder.read_made()
        check_own(run, folder, before)
        found = planning.plan_scenes(run, bundle, summary, run.options.scenes)
        book = make_look(run, bundle.evidence, folder.path)
        found = rewriting.write_prompts(run, bundle, replace(found, style=book.style))
        found = with_ids_of_their_own(found, before, made)
        kept = still_picked(made, before, found)
        if kept != made:
            folder.write_made(kept)
        folder.write_plan(found)
        _refresh(folder, found, kept)
    return found


def make(
    run: Run, folder: BrollFolder, engine: ImageEngine, *, scenes: Collection[str] | None = None,
    retry: bool = False, refined: Mapping[str, str] | None = None,
) -> MakeReport:  # fmt: skip
    """Make the pictures, and first the prompts, that are missing. Raises: as making.make."""
    options = run.options
    if any(not scene.prompt for scene in folder.read_plan().scenes):
        told = estimate(run, folder, engine, scenes=scenes, retry=retry)
        check_capped(run, engine, told)  # before a text model is paid for
        run.listen(Noted("estimate", told.in_words))
        _write_missing_prompts(run, folder)
    with _refreshed(folder):
        return making.make(
            run, folder, engine, variations=options.variations, scenes=scenes, retry=retry,
            ref=cast("Ref", options.ref), refined=refined,
        )  # fmt: skip


def estimate(
    run: Run, folder: BrollFolder, engine: ImageEngine, *, scenes: Collection[str] | None = None,
    retry: bool = False,
) -> Itemised:  # fmt: skip
    """Return what :func:`make` would cost; nothing is written. Raises: as making.estimate."""
    options = run.options
    return making.estimate(run, folder, engine, variations=options.variations, scenes=scenes,
                           ref=cast("Ref", options.ref), retry=retry)  # fmt: skip


def choose(folder: BrollFolder, picks: Mapping[str, int | None]) -> Made:
    """Take note of the user's picks. Raises: as folder.pick."""
    found = pick(folder, picks)
    refresh(folder)
    return found


def choose_nearest(folder: BrollFolder) -> Mapping[str, int | None]:
    """Pick, where nobody has, the variation whose palette is nearest to the source's frames.

    Pictures of what a scene's prompt was before are none of them. Where no palette was measured
    that is the first one. Returns what was picked now.
    """
    made, plan = folder.read_made(), folder.read_plan()
    new: dict[str, int | None] = {}
    for scene in plan.scenes:
        good = [one for one in made.of(scene.id)
                if one.state == "made" and one.prompt == prompt_of(scene, plan.style)]  # fmt: skip
        if good and scene.id not in made.picks:
            nearest = min(good, key=_distance)
            new[scene.id] = nearest.number
    if new:
        choose(folder, new)
    return new


def _distance(one: Variation) -> tuple[float, int]:
    """Return what pictures of a scene are ranked by; one that was not measured comes last."""
    known = one.palette_distance
    return math.inf if known is None else known, one.number


def refine(run: Run, folder: BrollFolder, scene_id: str, note: str) -> BrollPlan:
    """Take a user's note into a scene's prompt; return the plan, which is written.

    Raises: OptionError, OutputError, BackendMissing.
    """
    folder.read_plan()
    with folder.hold():
        found = folder.read_plan()
        scene = rewriting.refine_prompt(run, found, scene_id, note)
        found = replace(found, scenes=tuple(
            scene if one.id == scene.id else one for one in found.scenes
        ))  # fmt: skip
        folder.write_plan(found)
    return found


def finish(
    run: Run, folder: BrollFolder, how: Finish | None = None, scenes: Collection[str] | None = None
) -> FinishReport:
    """Bring picks to the source's size and make their clips. Raises: as finishing.finish."""
    how = with_upscaler(how or Finish(), run.options)
    with _refreshed(folder):
        try:
            return finishing.finish(run, folder, how, scenes)
        finally:
            if how.upscaler is not None:
                how.upscaler.close()


def with_upscaler(how: Finish, options: Options) -> Finish:
    """Return how to finish, with the model that options name, which is not loaded yet.

    Raises: BackendMissing, BackendFailed.
    """
    if options.upscaler is None or not how.upscale:
        return how
    from vidsum.broll.engines.enlarging import ModelUpscaler

    return replace(how, upscaler=ModelUpscaler(options.upscaler, options))


def export(
    folder: BrollFolder, formats: Sequence[str], start: str = "", video: Path | None = None
) -> exporting.Exported:
    """Write timelines of the finished picks. Raises: as exporting.export."""
    found, made = folder.read_plan(), folder.read_made()
    return exporting.export(folder.path, found, made.variations, made.picks, made.finished,
                            video or Path(found.video), formats, start=start)  # fmt: skip


def outcome(folder: BrollFolder, exports: Sequence[Path] = ()) -> BrollOutcome:
    """Return all that a folder holds. Raises: OptionError, OutputError."""
    made = folder.read_made()
    return BrollOutcome(
        path_text(folder.path), folder.read_plan(), _look(folder), made.variations, made.picks,
        made.finished, tuple(map(path_text, exports)),
    )  # fmt: skip


def opened(place: Path) -> BrollFolder:
    """Return the B-roll folder that a path means: itself, its plan, or a video's.

    Raises: OptionError when there is none, or only that of another video of the same stem.
    """
    if place.name == "plan.toml" and place.is_file():
        return BrollFolder(place.parent)
    if place.is_dir():
        return BrollFolder(place)
    folder = BrollFolder.of_video(place)
    if folder.plan_file.is_file():
        named = Path(folder.read_plan().video).name
        if named and path_text(named) != path_text(place.name):
            raise OptionError(f"{shown(folder.path)} is the B-roll of {escaped(named)}.",
                              "Give the folder itself if that is meant.")  # fmt: skip
        return folder
    if place.exists():
        raise OptionError(f"{shown(place)} has no B-roll yet.",
                          "vidsum broll plan VIDEO makes a plan.")  # fmt: skip
    raise OptionError(f"There is no B-roll folder {shown(place)}.",
                      "vidsum broll plan VIDEO makes one.")  # fmt: skip


@contextmanager
def _refreshed(folder: BrollFolder) -> Iterator[None]:
    """Write the contact sheet anew after a block; an error of the block goes first."""
    try:
        yield
    except BaseException:
        with suppress(VidsumError):
            refresh(folder)
        raise
    refresh(folder)


def refresh(folder: BrollFolder) -> None:
    """Write the contact sheet anew. Raises: OutputError."""
    _refresh(folder, folder.read_plan(), folder.read_made())


def _refresh(folder: BrollFolder, found: BrollPlan, made: Made) -> None:
    sheet.write_sheet(folder.path, found, _look(folder), made.variations, made.picks,
                      made.finished)  # fmt: skip


def _look(folder: BrollFolder) -> LookBook | None:
    try:
        return folder.read_look()
    except OptionError:
        return None  # damaged: whoever makes pictures says so


def _write_missing_prompts(run: Run, folder: BrollFolder) -> None:
    """Have prompts written for scenes that the user added or whose brief was changed."""
    with folder.hold():
        found = folder.read_plan()
        folder.write_plan(rewriting.write_prompts(run, None, found))
