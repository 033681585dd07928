"""One lot of pictures is made: each asked for once, kept on the disk, and only then told of."""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Final, TypeVar

from vidsum.broll import effect, soundness
from vidsum.broll.engines.protocol import ImageEngine, MadeImage, Unanswered
from vidsum.broll.made import Made
from vidsum.broll.marking import Marks, write_png
from vidsum.broll.orders import Order, Studio
from vidsum.costs.budget import NANO, dollars
from vidsum.costs.meter import WHOLE_PROCESS, StageMeter
from vidsum.costs.totals import total
from vidsum.data import Saving, Variation, VariationState
from vidsum.errors import (
    BackendFailed,
    BackendMissing,
    BudgetReached,
    OutputError,
    RequestFailed,
)
from vidsum.events import StageAdvanced, StageFinished, StageStarted
from vidsum.failpoints import failpoint
from vidsum.pipeline.run import Run
from vidsum.wording import number

if TYPE_CHECKING:
    from vidsum.data import Image

STAGE: Final = "generate"
"""As the ledger calls it."""
_SHOWN: Final = "making pictures"
_Figure = TypeVar("_Figure", float, Decimal)


class Maker:
    """Makes one lot of pictures, one after the other.

    ``made`` is the record as it is on the disk by then, ``new`` what became of each order so far;
    ``left_out`` counts pictures that were not made because of a cap (``capped``) or of an engine
    that gave up (``gave_up``).
    """

    def __init__(self, run: Run, studio: Studio, made: Made, refined: Mapping[str, str]) -> None:
        self.made = made
        self.new: list[Variation] = []
        self.left_out, self.capped, self.gave_up = 0, False, False
        self._run, self._studio, self._refined = run, studio, refined
        self._sizes_told: set[tuple[int, int]] = set()

    def make(self, orders: Sequence[Order], baselines: Sequence[Order]) -> None:
        """Make pictures, then baselines, unless a cap or the engine ends it before.

        Raises: BackendFailed and BackendMissing when none was made, OptionError, OutputError.
        """
        engine, run = self._studio.engine, self._run
        run.on_stop(engine.close)
        # Nothing else runs meanwhile: the process's CPU is the engine's.
        with run.meter.stage(STAGE, "image_gen", engine.name, WHOLE_PROCESS) as account:
            engine.tally.bind(account)
            before_s = _cpu_s(engine)
            try:
                self.left_out = self._all(orders, account, "pictures")
                if not (self.capped or self.gave_up):
                    self._all(baselines, account, "pictures without references")
            finally:
                account.on_gpu = engine.work == "gpu"  # known once the model is loaded
                account.child_cpu_s += _cpu_s(engine) - before_s
                account.add(**engine.tally.counts,
                            pictures=sum(one.state == "made" for one in self.new))  # fmt: skip

    def _all(self, orders: Sequence[Order], account: StageMeter, what: str) -> int:
        """Make pictures until they are all there, or a cap or the engine ends it; return how many
        are left."""
        if not orders:
            return 0
        total_, before = len(orders), len(self.new)
        self._run.listen(StageStarted(_SHOWN, "pictures", total_))
        left = 0
        for done, order in enumerate(orders):
            account.reason = order.reason
            try:
                self._one(order, done, total_)
            except BudgetReached as exc:
                self.capped, left = True, total_ - done
                told = f"Not made: {number(left)} of {number(total_)} {what}."
                self._run.give_up(f"{told} {exc.message} {exc.hint}".strip())
                break
            except (BackendFailed, BackendMissing) as exc:
                self.gave_up, left = True, total_ - done
                self._run.go_on_without(exc)
                break
            self._run.listen(StageAdvanced(_SHOWN, done + 1, total_))
        good = sum(one.state == "made" for one in self.new[before:])
        self._run.listen(StageFinished(_SHOWN, f"{number(good)} of {number(total_)} {what}"))
        return left

    def _one(self, order: Order, done: int, total_: int) -> None:
        """Make one picture and keep it, or what became of it.

        Raises: BudgetReached, BackendFailed (not for this picture alone), BackendMissing.
        """
        mark = len(self._run.meter.book.lines())

        def stepped(step: int, steps: int) -> None:
            self._run.listen(StageAdvanced(_SHOWN, done + step / max(1, steps), total_))

        self._studio.folder.check_room(order.wish.width_px, order.wish.height_px)
        failpoint("broll.asked.before")
        try:
            pictures = self._studio.engine.generate(order.request, stepped)
        except Unanswered as exc:
            self._keep(self._variation(order, mark, None, "unknown", exc.message))
            told = "Whether it was paid for is not known; --retry asks for it again."
            self._run.note("broll-unknown", f"{order.reason}: {exc.message} {told}", partial=True)
        except RequestFailed as exc:
            self._fail(order, mark, None, exc.message)
        else:
            self._run.answered()
            self._take(order, mark, pictures)

    def _take(self, order: Order, mark: int, pictures: Sequence[MadeImage]) -> None:
        """Keep a picture that was made; one that is none counts as failed, at its cost."""
        if not pictures:
            self._fail(order, mark, None, "The engine gave no picture.")
            return
        one = pictures[0]
        flaw = soundness.check(one.image)
        if flaw:
            self._fail(order, mark, one, f"{flaw[:1].upper()}{flaw[1:]}.")
            return
        self._check_size(order, one.image)
        self._commit(order, one.image, self._variation(order, mark, one))

    def _fail(self, order: Order, mark: int, one: MadeImage | None, error: str) -> None:
        self._keep(self._variation(order, mark, one, "failed", error))
        self._run.note("broll-failed", f"{order.reason} failed: {error}", partial=True)

    def _commit(self, order: Order, image: Image, variation: Variation) -> None:
        """Have a picture and its line on the disk, in this order. Raises: OutputError.

        What it cost is written down before: a run that is killed in between has paid for it.
        """
        self._remove(variation.file)
        self._studio.folder.write_made(replace(self.made, pending=variation))
        marks = Marks(prompt=variation.prompt, model=variation.model, engine=variation.engine,
                      scene=order.scene.id, seed=variation.seed)  # fmt: skip
        failpoint("broll.picture.before")
        write_png(self._studio.folder.place(variation.file), image, marks)
        failpoint("broll.picture.after")
        self._keep(variation)

    def _remove(self, name: str) -> None:
        """Remove an older picture of a name: it is not to be taken for the one on its way."""
        try:
            self._studio.folder.place(name).unlink(missing_ok=True)
        except OSError as exc:
            raise OutputError(f"{name} cannot be replaced: {exc.strerror}.") from exc

    def _keep(self, variation: Variation) -> None:
        self.made = self.made.with_variation(variation)
        self._studio.folder.write_made(self.made)
        self.new.append(variation)

    def _check_size(self, order: Order, image: Image) -> None:
        """Tell, once for each size, that an engine gave another one than it was asked for."""
        height, width = image.shape[:2]
        asked = order.wish.width_px, order.wish.height_px
        if (width, height) != asked and (width, height) not in self._sizes_told:
            self._sizes_told.add((width, height))
            self._run.note("broll-size", f"{self._studio.engine.model} gave {width} × {height} "
                           f"pixels instead of {asked[0]} × {asked[1]}.")  # fmt: skip

    def _variation(
        self, order: Order, mark: int, one: MadeImage | None, state: VariationState = "made",
        error: str = "",
    ) -> Variation:  # fmt: skip
        """Return what is known of a picture, or of what became of it."""
        engine, wish = self._studio.engine, order.wish
        known = Variation(
            scene=order.scene.id, number=order.number, key=wish.key, state=state, error=error,
            prompt=wish.prompt, seed=wish.seed if order.seeded else None, model=engine.model,
            engine=engine.name, width_px=wish.width_px, height_px=wish.height_px,
            references=order.references, steps=wish.steps,
            refined=self._refined.get(order.scene.id, ""),
        )  # fmt: skip
        if one is not None:
            known = replace(known, wall_s=one.wall_s, seed=one.seed, steps=one.steps or wish.steps)
        if one is not None and state == "made":
            height, width = one.image.shape[:2]
            known = replace(known, file=order.file, width_px=width, height_px=height,
                            palette_distance=effect.distance(order, one.image))  # fmt: skip
        return self._with_cost(known, mark, one)

    def _with_cost(self, known: Variation, mark: int, one: MadeImage | None) -> Variation:
        """Add what the calls since ``mark`` cost by the ledger, else what the engine says."""
        calls = [line for line in self._run.meter.book.lines()[mark:] if line.kind == "call"]
        spent = total(calls)
        usd, origin = spent.usd_nano, next((line.usd_origin for line in reversed(calls)), None)
        cu = None if spent.cu.unknown or not calls else spent.cu.value
        if one is not None and cu is None:
            cu = one.cu
        if calls and not usd.unknown:
            return replace(known, cu=cu, cost_usd=dollars(int(usd.value)) if usd.value else "0",
                           cost_from=origin or "measured")  # fmt: skip
        if one is not None:
            return replace(known, cu=cu, cost_usd=one.cost_usd, cost_from=one.cost_from)
        return replace(known, cu=cu)


def _cpu_s(engine: ImageEngine) -> float:
    """Return the CPU seconds that an engine's own process has used; 0 where it has none."""
    return float(getattr(engine, "cpu_s", 0.0))


def book_kept(run: Run, kept: Sequence[Variation]) -> None:
    """Write down what did not have to be made again."""
    if not kept:
        return
    told = "1 picture" if len(kept) == 1 else f"{number(len(kept))} pictures"
    usd = _sum([None if one.cost_usd is None else Decimal(one.cost_usd) for one in kept])
    run.meter.saved(STAGE, "image_gen", Saving(
        "cache", f"{told} kept from an earlier run", len(kept),
        _sum([one.wall_s for one in kept]), _sum([one.cu for one in kept]),
        None if usd is None else int(usd * NANO),
    ))  # fmt: skip


def _sum(figures: Sequence[_Figure | None]) -> _Figure | None:
    """Return a sum; None when a part is unknown, or there is none."""
    known = [one for one in figures if one is not None]
    return functools.reduce(operator.add, known) if len(known) == len(figures) and known else None
