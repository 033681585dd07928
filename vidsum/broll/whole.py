"""``vidsum VIDEO --broll``: every step with its defaults, in one run and under its caps."""

from __future__ import annotations

from dataclasses import replace

from vidsum.broll import estimating, sizes, steps
from vidsum.broll.engines.protocol import ImageRequest
from vidsum.broll.exporting import FORMATS
from vidsum.broll.folder import BrollFolder
from vidsum.broll.orders import check_able
from vidsum.broll.shots import Finish
from vidsum.data import BrollOutcome, Bundle, Summary
from vidsum.errors import BackendMissing, BudgetReached, OptionError, VidsumError
from vidsum.events import Noted
from vidsum.pipeline.extract import identify_video
from vidsum.pipeline.keeping import watch
from vidsum.pipeline.run import Run
from vidsum.wording import escaped, shown


def check(run: Run) -> None:
    """Find out, before anything is spent, whether pictures can be made and may be paid for.

    Raises: BackendMissing when nobody makes any, OptionError for a paid engine without a cap, for
    one that takes no references, and where the folder is that of another video.
    """
    folder = BrollFolder.of_video(run.path)
    if run.path.is_file() and folder.plan_file.is_file():
        watch(run)
        identify_video(run)
        _check_own(run, steps.opened(run.path))
    steps.with_upscaler(Finish(), run.options)
    engine = steps.engine_for(run.options)
    try:
        check_able(engine, steered=run.options.ref == "auto", steps=run.options.image_steps)
        size = sizes.size_for(1280, 720, engine.capabilities)
        request = ImageRequest("", *size, seed=None)
        if not run.meter.budget.caps.money and estimating.is_paid(run, engine, request):
            raise OptionError(
                f"Pictures of {escaped(engine.model)} would be paid for, and there is no cap.",
                "--max-usd USD sets one; it bounds summary and B-roll together.",
            )
    finally:
        engine.close()


def illustrate(run: Run, bundle: Bundle, summary: Summary) -> BrollOutcome | None:
    """Plan, make, pick, finish and export; return what the folder beside the video then holds.

    What is there already, by an earlier run or the user's hand, stays. A failure is written down
    in the run's ``failures``: the summary is not thrown away for it. None: there is no plan.
    """
    folder = BrollFolder.of_video(run.path)
    before = len(run.notices)
    exports: tuple[str, ...] = ()
    try:
        exports = _illustrated(run, folder, bundle, summary)
    except BudgetReached as exc:
        run.give_up(f"B-roll was not finished. {exc.message} {exc.hint}".strip())
    except VidsumError as exc:
        run.fail(exc)
    try:
        found = steps.outcome(folder)
    except VidsumError:
        return None
    return replace(found, exports=exports, notices=tuple(run.notices[before:]))


def _illustrated(
    run: Run, folder: BrollFolder, bundle: Bundle, summary: Summary
) -> tuple[str, ...]:
    """Do it all; return the timelines that were written. Raises: VidsumError."""
    if not folder.plan_file.is_file() or not folder.read_plan().scenes:
        steps.plan(run, folder, bundle, summary)
    _check_own(run, folder)
    if not folder.read_plan().scenes:
        return ()
    engine = steps.engine_for(run.options)
    try:
        steps.make(run, folder, engine)
    finally:
        engine.close()
    picked = steps.choose_nearest(folder)
    if picked:
        told = " ".join(f"{scene}={one}" for scene, one in picked.items())
        run.listen(Noted("picked", f"{told} (vidsum broll pick changes it)"))
    if not folder.read_made().picked:
        return ()
    steps.finish(run, folder)
    try:
        exported = steps.export(folder, FORMATS)
    except BackendMissing as exc:
        run.note("broll-export", f"No timeline was written: {exc.message} {exc.hint}".strip())
        return ()
    for note in exported.notes:
        run.inform(note)
    return tuple(map(str, exported.files))


def _check_own(run: Run, folder: BrollFolder) -> None:
    """Refuse to go on with a plan that is not this video's. Raises: OptionError."""
    plan = folder.read_plan()
    if plan.scenes and plan.video_sha256 != run.meter.book.identity.video_sha256:
        raise OptionError(f"{shown(folder.path)} is the B-roll of {escaped(plan.video)}, or of "
                          "what this video was before.",
                          "Plan anew with vidsum broll plan VIDEO --replace.")  # fmt: skip
