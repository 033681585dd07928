"""What a run did cost, added up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from vidsum.data.cost import Direction, Modality, Origin


@dataclass(frozen=True, slots=True)
class Sum:
    """The sum of what is known. ``unknown`` counts the figures that are missing from it.

    ``estimated``: at least one of them was estimated or computed, not measured or reported.
    """

    value: float
    unknown: int = 0
    estimated: bool = False


NOTHING = Sum(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """Several lines of the ledger together.

    ``calls`` are those of models; ``usd_nano`` is in billionths of a US dollar. Wall seconds of
    stages that ran side by side are both in ``wall_s``.
    """

    calls: int = 0
    failed_calls: int = 0
    input_tokens: Sum = NOTHING
    output_tokens: Sum = NOTHING
    images: int = 0
    audio_s: float = 0.0
    wall_s: Sum = NOTHING
    cpu_s: Sum = NOTHING
    joules: Sum = NOTHING
    cu: Sum = NOTHING
    usd_nano: Sum = NOTHING


@dataclass(frozen=True, slots=True)
class StageCost:
    """What one stage took. ``counts`` are its own units (frames, calls, seconds …).

    ``cpu_s`` covers this stage's threads and its child process; None where nothing measured it.
    ``lane`` is the thread that it ran in: the stages of a lane follow one another.
    """

    stage: str
    modality: Modality
    backend: str
    wall_s: float
    cpu_s: float | None
    counts: Mapping[str, float] = field(default_factory=dict)
    origin: Origin = "measured"
    lane: str = "main"


@dataclass(frozen=True, slots=True)
class ModalityCost:
    """What all work of one kind took."""

    modality: Modality
    direction: Direction
    total: Total


@dataclass(frozen=True, slots=True)
class Saving:
    """What was not done, and what it would have taken: never part of a total.

    ``by`` is dedupe, vad, subtitles, cache or resume. None is unknown.
    """

    by: str
    baseline: str
    calls: int | None = None
    seconds: float | None = None
    cu: float | None = None
    usd_nano: int | None = None


@dataclass(frozen=True, slots=True)
class Spending:
    """How a run kept to its caps. ``given_up`` says in words what was left out for them."""

    max_usd: str | None = None
    max_cu: float | None = None
    max_seconds: float | None = None
    allow_unpriced: bool = False
    given_up: tuple[str, ...] = ()
    max_usd_per_day: str | None = None
    max_cu_per_day: float | None = None

    @property
    def reached(self) -> bool:
        """Whether anything was left out because of a cap."""
        return bool(self.given_up)


@dataclass(frozen=True, slots=True)
class Quoted:
    """What was estimated before the run: least, likely and most; None is unknown."""

    depth: str
    calls: tuple[float, float, float]
    cu: tuple[float, float, float] | None
    usd: tuple[str, str, str] | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What finding out did cost.

    ``wall_s`` and ``cpu_s`` are the whole run's. ``main_s`` are the wall seconds of the stages of
    the main lane together: what is missing from ``wall_s`` lies between stages. ``joules`` is what
    was measured for the whole run, else the sum of the stages' estimates; ``joules_method`` says
    which. ``recorded`` tells whether the ledger has it. ``api_usd`` is None when any part is
    unknown: then ``total.usd_nano`` says what is known, and how many calls are not in it.
    """

    stages: tuple[StageCost, ...]
    wall_s: float
    cpu_s: float
    api_usd: str | None = "0"
    modalities: tuple[ModalityCost, ...] = ()
    total: Total = Total()
    savings: tuple[Saving, ...] = ()
    main_s: float = 0.0
    joules: Sum | None = None
    joules_method: str | None = None
    run_id: str | None = None
    recorded: bool = False
    prices: str | None = None
    spending: Spending | None = None
    quoted: Quoted | None = None
