"""The seam that every image generator fits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from vidsum.costs.tally import Tally
from vidsum.data import Image
from vidsum.errors import RequestFailed
from vidsum.registry import Work

Stepped = Callable[[int, int], None]
"""Told how many sampling steps are done, and of how many."""


def ignore(done: int, total: int) -> None:
    """Nobody listens."""


class Unanswered(RequestFailed):
    """Nobody answered in time: what it cost is not known, and it is not asked again by itself."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an engine can do. What it cannot is refused, never dropped silently.

    ``most_references`` pictures of the source may steer a request (0: none). ``seed``: the same
    seed gives the same picture. ``most_images`` a request. ``sizes`` are the only ones that it
    makes; empty where any will do whose sides are multiples of ``multiple_px``, one at most
    ``most_aspect`` times the other, and whose area is within ``least_area_px`` and
    ``most_area_px``. ``usage``: it reports what a request used.
    ``steps``: the number of sampling steps can be chosen.
    """

    most_references: int
    seed: bool
    most_images: int
    usage: bool
    steps: bool
    sizes: tuple[tuple[int, int], ...] = ()
    multiple_px: int = 16
    most_aspect: float = 4.0
    least_area_px: int = 64 * 64
    most_area_px: int = 2048 * 2048


@dataclass(frozen=True, slots=True, eq=False)
class ImageRequest:
    """What is to be made. ``references``: uint8 [h, w, 3] RGB each.

    ``seed`` of the first picture; further ones of the same request count on from it. ``steps``
    None: the engine's own number. ``reason`` goes into the ledger: which scene, which variation.
    """

    prompt: str
    width_px: int
    height_px: int
    seed: int | None
    count: int = 1
    references: tuple[Image, ...] = ()
    steps: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class MadeImage:
    """A picture: uint8 [h, w, 3] RGB, in the size that the engine really gave.

    ``cost_usd`` is this picture's share, as decimal text, None where it is not known;
    ``cost_from`` its origin; ``cu`` compute units, None where nobody knows the model's.
    """

    image: Image
    seed: int | None
    wall_s: float
    steps: int | None = None
    cost_usd: str | None = None
    cost_from: str = "unknown"
    cu: float | None = None


class ImageEngine(Protocol):
    """Makes pictures with one model. One request at a time.

    ``model`` is its name as a user knows it; ``identity`` what tells it from any other model and
    way of running it (hashes of weights, address and name), for keys of what was made.
    """

    name: str
    tally: Tally
    work: Work

    @property
    def model(self) -> str:
        """The model's name. Raises: BackendMissing, OptionError."""
        ...

    @property
    def identity(self) -> str:
        """What the model is known by, on one line."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What it can do. Raises: BackendMissing, OptionError."""
        ...

    def generate(self, request: ImageRequest, stepped: Stepped = ignore) -> tuple[MadeImage, ...]:
        """Return the pictures that were made; fewer than asked for is possible.

        Reserves before it begins, and books what it used. Raises: RequestFailed for this request
        alone, Unanswered, BackendFailed when no request will do, BackendMissing, OptionError,
        BudgetReached.
        """
        ...

    def close(self) -> None:
        """Let go of the model or the connections; may be called twice."""
        ...
