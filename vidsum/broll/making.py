"""The pictures of a plan are made: each is paid for once, kept at once, and asked for no more."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from vidsum.broll import effect, estimating, rewriting
from vidsum.broll.engines.protocol import ImageEngine
from vidsum.broll.folder import BrollFolder
from vidsum.broll.items import Itemised, Parts
from vidsum.broll.made import Made
from vidsum.broll.maker import Maker, book_kept
from vidsum.broll.orders import Missing, Order, Ref, Studio, chosen, missing
from vidsum.data import BrollPlan, Scene, Variation
from vidsum.errors import EXIT_OK, EXIT_PARTIAL, BackendFailed, BudgetReached
from vidsum.events import Noted
from vidsum.pipeline.run import Run
from vidsum.wording import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeReport:
    """What came of it. ``kept`` were there already; ``left_out`` counts what was not made because
    of a cap or an engine that gave up. ``gains`` has the mean palette gain by scene, None where it
    was not measured."""

    made: tuple[Variation, ...] = ()
    kept: tuple[Variation, ...] = ()
    failed: tuple[Variation, ...] = ()
    unknown: tuple[Variation, ...] = ()
    left_out: int = 0
    capped: bool = False
    gave_up: bool = False
    gains: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """0; 5 or 6 when an engine or a cap ended it; 7 when pictures are missing."""
        if self.gave_up:
            return BackendFailed.exit_code
        if self.capped:
            return BudgetReached.exit_code
        return EXIT_PARTIAL if self.failed or self.unknown or self.left_out else EXIT_OK


def make(
    run: Run, folder: BrollFolder, engine: ImageEngine, *, variations: int,
    scenes: Collection[str] | None = None, ref: Ref = "auto", retry: bool = False,
    refined: Mapping[str, str] | None = None, measured: bool = True,
) -> MakeReport:  # fmt: skip
    """Make what is missing of each scene's variations, of all scenes or some; the caller closes
    the engine.

    What exists is not asked for again, nor what nobody answered unless ``retry``. ``refined`` has
    the user's notes by scene, to be kept with the pictures that follow from them (the prompts in
    the plan have them already). ``measured``: baselines are made. A request that fails loses one
    picture; a cap or an engine that gives up ends it, and what is there is kept.

    Raises: OptionError (references that the engine cannot use, a paid engine without a cap, a plan
    or record that cannot be used), OutputError (also when somebody else is at it), BackendFailed
    and BackendMissing when no picture was made yet.
    """
    folder.read_plan()  # before a lock is made in what is no such folder
    with folder.hold():
        folder.create()
        plan = folder.read_plan()
        wanted = chosen(plan, scenes)
        studio = _studio(run, folder, plan, engine, ref)
        made = promoted(folder, folder.read_made())
        lot = missing(studio, made, wanted, variations, retry=retry)
        extra = effect.baselines(run, studio, made, wanted) if measured else ()
        told = estimating.itemise(run, engine, _parts(studio, wanted, lot, extra))
        estimating.check_capped(run, engine, told)
        if told.items:
            run.listen(Noted("estimate", told.in_words))
        book_kept(run, lot.kept)
        _tell_unknown(run, lot)
        maker = Maker(run, studio, made, refined or {})
        if lot.orders or extra:
            maker.make(lot.orders, extra)
        measured_made, gains = effect.measured(run, studio, maker.made, wanted)
        if measured_made != maker.made:
            folder.write_made(measured_made)
    return _report(lot, maker, measured_made, gains)


def estimate(
    run: Run, folder: BrollFolder, engine: ImageEngine, *, variations: int,
    scenes: Collection[str] | None = None, ref: Ref = "auto", retry: bool = False,
    measured: bool = True,
) -> Itemised:  # fmt: skip
    """Return what :func:`make` would cost with the same arguments; nothing is written.

    The prompts of scenes that have none yet are part of it. Raises: OptionError, BackendMissing.
    """
    return estimating.itemise(run, engine, parts(
        run, folder, engine, variations=variations, scenes=scenes, ref=ref, retry=retry,
        measured=measured,
    ))  # fmt: skip


def parts(
    run: Run, folder: BrollFolder, engine: ImageEngine, *, variations: int,
    scenes: Collection[str] | None = None, ref: Ref = "auto", retry: bool = False,
    measured: bool = True,
) -> Parts:  # fmt: skip
    """Return what :func:`make` would have to make. Raises: OptionError, BackendMissing."""
    plan = folder.read_plan()
    bare = sum(not scene.prompt for scene in plan.scenes)
    plan = _with_templates(plan)
    wanted = chosen(plan, scenes)
    studio = _studio(run, folder, plan, engine, ref)
    made = _as_promoted(folder, folder.read_made())
    lot = missing(studio, made, wanted, variations, retry=retry)
    extra = effect.baselines(run, studio, made, wanted) if measured else ()
    return _parts(studio, wanted, lot, extra, prompts=bare)


def _tell_unknown(run: Run, lot: Missing) -> None:
    """Say what is missing and not asked for."""
    if lot.unknown:
        run.note("broll-unknown", f"{counted(len(lot.unknown), 'picture')} may have been paid for "
                 "and did not come: --retry asks again.", partial=True)  # fmt: skip


def _with_templates(plan: BrollPlan) -> BrollPlan:
    """Return a plan in which every scene has a prompt, about as long as a model would write it."""
    return replace(plan, scenes=tuple(
        one if one.prompt else replace(one, prompt=rewriting.template(one)) for one in plan.scenes
    ))  # fmt: skip


def promoted(folder: BrollFolder, made: Made) -> Made:
    """Return the record with the picture that was on its way when a run was killed, if it got
    there. Raises: OutputError."""
    after = _as_promoted(folder, made)
    if after is not made:
        folder.write_made(after)
    return after


def _as_promoted(folder: BrollFolder, made: Made) -> Made:
    if made.pending is None:
        return made
    there = folder.picture(made.pending.file) is not None
    return made.with_variation(made.pending) if there else replace(made, pending=None)


def _studio(
    run: Run, folder: BrollFolder, plan: BrollPlan, engine: ImageEngine, ref: Ref
) -> Studio:  # fmt: skip
    return Studio(folder, plan, folder.read_look(), engine, ref, run.options.image_steps,
                  run.options.image_side_px)  # fmt: skip


def _parts(
    studio: Studio, scenes: Sequence[Scene], lot: Missing, extra: Sequence[Order], prompts: int = 0
) -> Parts:
    orders = lot.orders or (studio.order(scenes[0], 1),)
    return Parts(
        picture=orders[0].request, baseline=studio.baseline(scenes[0]).request,
        pictures=len(lot.orders), baselines=len(extra), kept=len(lot.kept),
        unknown=len(lot.unknown), prompts=prompts,
    )  # fmt: skip


def _report(
    lot: Missing, maker: Maker, made: Made, gains: Mapping[str, float | None]
) -> MakeReport:  # fmt: skip
    """Return what came of a lot; baselines are none of it."""
    new = [made.find(one.scene, one.number) or one for one in maker.new if one.number]
    return MakeReport(
        made=tuple(one for one in new if one.state == "made"),
        kept=tuple(made.find(one.scene, one.number) or one for one in lot.kept),
        failed=tuple(one for one in new if one.state == "failed"),
        unknown=(*lot.unknown, *(one for one in new if one.state == "unknown")),
        left_out=maker.left_out, capped=maker.capped, gave_up=maker.gave_up, gains=gains,
    )  # fmt: skip
