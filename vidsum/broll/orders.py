"""What is still to be made of a plan: which pictures, in which order, and what is there already."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from vidsum.broll import look, sizes
from vidsum.broll.engines.protocol import Capabilities, ImageEngine, ImageRequest
from vidsum.broll.folder import BrollFolder, checked_id, picture_name
from vidsum.broll.keys import Wish, prompt_of, seed_of
from vidsum.broll.made import Made
from vidsum.errors import OptionError
from vidsum.store.answers import picture_sha256
from vidsum.wording import escaped, shown

if TYPE_CHECKING:
    from vidsum.data import BrollPlan, Image, LookBook, Scene, Variation

Ref = Literal["auto", "none"]
BASELINE: int = 0
"""The number of a picture without references that others are measured against."""


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """A picture that is to be made. ``references`` are files of the folder, ``pictures`` theirs."""

    scene: Scene
    number: int
    wish: Wish
    references: tuple[str, ...]
    pictures: tuple[Image, ...]
    seeded: bool

    @property
    def file(self) -> str:
        """Where its picture goes, as a name in the folder."""
        return picture_name(self.scene.id, self.number)

    @property
    def reason(self) -> str:
        """What it is for, for the ledger."""
        return (f"B-roll {self.scene.id}, variation {self.number}" if self.number else
                f"B-roll {self.scene.id}, what references change")  # fmt: skip

    @property
    def request(self) -> ImageRequest:
        """It as an engine takes it."""
        return ImageRequest(
            prompt=self.wish.prompt, width_px=self.wish.width_px, height_px=self.wish.height_px,
            seed=self.wish.seed if self.seeded else None, references=self.pictures,
            steps=self.wish.steps, reason=self.reason,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Missing:
    """What is there already, what is to be made, in order, and what nobody knows the fate of.

    ``unknown`` ones stand in the place of a picture; those whose place another has are left out.
    """

    kept: tuple[Variation, ...]
    unknown: tuple[Variation, ...]
    orders: tuple[Order, ...]


@dataclass(frozen=True)
class Studio:
    """A folder, a plan and an engine together: what any picture of them is asked for with.

    ``steps`` None: the model's own number; ``side_px`` None: about a megapixel. Raises:
    OptionError for references that the engine cannot use.
    """

    folder: BrollFolder
    plan: BrollPlan
    look: LookBook | None
    engine: ImageEngine
    ref: Ref = "auto"
    steps: int | None = None
    side_px: int | None = None
    _loaded: dict[str, tuple[Image, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what would have to be dropped silently. Raises: OptionError."""
        if self.ref == "auto" and self.look is None:
            raise OptionError(
                f"{shown(self.folder.path)} has no look book: nothing can steer its pictures.",
                "vidsum broll plan VIDEO --replace makes one; --ref none goes without.",
            )
        check_able(self.engine, steered=self._anchored, steps=self.steps)

    @property
    def _anchored(self) -> bool:
        return self.ref == "auto" and self.look is not None and bool(self.look.anchors)

    @property
    def steered(self) -> bool:
        """Whether frames of the source steer the pictures."""
        return self._anchored

    @cached_property
    def size(self) -> tuple[int, int]:
        """The width and height to ask for. Raises: OptionError."""
        return sizes.picture_size(*self._asked_size)

    @cached_property
    def small_size(self) -> tuple[int, int]:
        """The width and height of a baseline: only its colours are looked at."""
        return sizes.baseline_size(*self._asked_size)

    @property
    def _asked_size(self) -> tuple[int, int, Capabilities, int | None]:
        return self.plan.width_px, self.plan.height_px, self.engine.capabilities, self.side_px

    def order(self, scene: Scene, number: int) -> Order:
        """Return the order for a variation of a scene. Raises: OptionError."""
        return self._order(scene, number, self.size, self._references(scene))

    def baseline(self, scene: Scene) -> Order:
        """Return the order for a scene's picture without references, with its first seed."""
        return self._order(scene, BASELINE, self.small_size, ())

    def anchors(self, scene: Scene) -> tuple[Image, ...]:
        """Return the frames that steer a scene's pictures, uint8 [h, w, 3] RGB each."""
        return tuple(self._anchor(name)[0] for name in self._references(scene))

    def _anchor(self, name: str) -> tuple[Image, str]:
        """Return a frame of the look book and what it is known by. Raises: OptionError."""
        if name not in self._loaded:
            picture = self.folder.picture(name)
            if picture is None:
                raise OptionError(f"The reference {escaped(name)} cannot be read.",
                                  "vidsum broll plan VIDEO --replace makes it anew.")  # fmt: skip
            self._loaded[name] = picture, picture_sha256(picture)
        return self._loaded[name]

    def _references(self, scene: Scene) -> tuple[str, ...]:
        if not self._anchored or self.look is None:
            return ()
        most = self.engine.capabilities.most_references
        return tuple(one.file for one in look.references_for(self.look, scene, most))

    def _order(
        self, scene: Scene, number: int, size: tuple[int, int], references: tuple[str, ...]
    ) -> Order:
        checked_id(scene.id)
        if not scene.prompt:
            raise OptionError(f"The scene {scene.id} has no prompt.", "Write one in plan.toml.")
        loaded = [self._anchor(name) for name in references]
        wish = Wish(
            prompt=prompt_of(scene, self.plan.style),
            seed=seed_of(self.plan, scene, number or 1), width_px=size[0], height_px=size[1],
            steps=self.steps, references=tuple(known for _, known in loaded),
            identity=self.engine.identity,
        )  # fmt: skip
        return Order(scene, number, wish, references, tuple(picture for picture, _ in loaded),
                     self.engine.capabilities.seed)  # fmt: skip


def check_able(engine: ImageEngine, *, steered: bool, steps: int | None) -> None:
    """Refuse what would have to be dropped silently: pictures that steer, a number of steps.

    Raises: OptionError.
    """
    able = engine.capabilities
    if steered and not able.most_references:
        raise OptionError(
            f"{escaped(engine.model)} takes no reference pictures.",
            "--ref none makes pictures without them; they then share only the style sentence.",
        )
    if steps is not None and not able.steps:
        raise OptionError(f"{escaped(engine.model)} has no choice of sampling steps.",
                          "Leave out --image-steps.")  # fmt: skip


def chosen(plan: BrollPlan, scenes: Collection[str] | None) -> tuple[Scene, ...]:
    """Return the scenes of a plan that are asked for, None for all. Raises: OptionError."""
    known = [scene.id for scene in plan.scenes]
    if not known:
        raise OptionError("The plan has no scenes.", "Add some to plan.toml, or plan anew.")
    for wanted in scenes or ():
        if wanted not in known:
            raise OptionError(f"There is no scene {escaped(wanted)}.",
                              f"Scenes: {', '.join(known)}.")  # fmt: skip
    return tuple(scene for scene in plan.scenes if scenes is None or scene.id in scenes)


def missing(
    studio: Studio, made: Made, scenes: Sequence[Scene], variations: int, *, retry: bool = False
) -> Missing:
    """Return what is there and what is to be made so that each scene has its variations.

    Every scene gets its first variation before any gets its second: a cap, or a kill, leaves a
    balanced set. Pictures that were made with another prompt, look or model stay as they are and
    count as none; their numbers are not used again. ``unknown`` ones take the place of one unless
    ``retry``. Raises: OptionError.
    """
    kept: list[Variation] = []
    unknown: list[Variation] = []
    ranked: list[tuple[int, int, Order]] = []
    for place, scene in enumerate(scenes):
        one = _of_scene(studio, made, scene, variations, retry=retry)
        kept += one.kept
        unknown += one.unknown
        there = len(one.kept) + len(one.unknown)
        ranked += [(there + rank, place, order) for rank, order in enumerate(one.orders)]
    ranked.sort(key=lambda entry: entry[:2])
    return Missing(tuple(kept), tuple(unknown), tuple(order for _, _, order in ranked))


def _of_scene(
    studio: Studio, made: Made, scene: Scene, variations: int, *, retry: bool
) -> Missing:  # fmt: skip
    """Return the same for one scene."""
    kept: list[Variation] = []
    unknown: list[Variation] = []
    again: list[Order] = []
    for one in made.of(scene.id):
        order = studio.order(scene, one.number)
        if one.key != order.wish.key:
            continue
        if one.state == "unknown":
            unknown.append(one)
        elif one.state == "made" and studio.folder.picture(one.file) is not None:
            kept.append(one)
        elif one.state == "made" or (one.wall_s is None and one.cost_usd == "0"):
            again.append(order)  # not what came out wrong: the same would; nor what has its price
    unknown = [] if retry else unknown[: max(0, variations - len(kept))]
    wanted = variations - len(kept) - len(unknown)
    orders = again[: max(0, wanted)]
    # A file that nobody wrote down may be somebody's: nothing is written over it.
    taken = {*(one.number for one in made.of(scene.id)), *studio.folder.numbers_on_disk(scene.id)}
    number = max(taken, default=0)
    while len(orders) < wanted:
        number += 1
        orders.append(studio.order(scene, number))
    return Missing(tuple(kept), tuple(unknown), tuple(orders))
