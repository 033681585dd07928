"""The parts that B-roll costs are made of, and what they come to together.

What is not known is None and makes a total a lower bound: it is never counted as nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from vidsum.costs.budget import dollars
from vidsum.wording import number

if TYPE_CHECKING:
    from vidsum.broll.engines.protocol import ImageRequest

Part = Literal["scenes", "prompts", "pictures", "baselines", "upscale", "motion", "clips"]
WORDS: Final[dict[Part, tuple[str, str]]] = {
    "scenes": ("plan", "plans"), "prompts": ("prompt", "prompts"),
    "pictures": ("picture", "pictures"),
    "baselines": ("picture without references", "pictures without references"),
    "upscale": ("finished picture", "finished pictures"), "motion": ("moving shot", "moving shots"),
    "clips": ("generated clip", "generated clips"),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One part: so many of it at so much each. None is unknown.

    ``model`` is "" where none is asked; ``price_source`` as in :class:`vidsum.data.Price`.
    """

    part: Part
    count: int
    model: str = ""
    each_usd_nano: int | None = 0
    each_cu: float | None = 0.0
    each_s: float | None = None
    price_source: str = ""
    note: str = ""

    @property
    def what(self) -> str:
        """It in words: ``12 pictures``."""
        return f"{number(self.count)} {WORDS[self.part][self.count != 1]}"

    @property
    def usd_nano(self) -> int | None:
        """All of it in billionths of a US dollar; nothing costs nothing."""
        return None if self.count and self.each_usd_nano is None else (
            self.count * (self.each_usd_nano or 0))  # fmt: skip

    @property
    def cu(self) -> float | None:
        """All of it in compute units."""
        return _times(self.count, self.each_cu)

    @property
    def seconds(self) -> float | None:
        """All of it in seconds, one after the other."""
        return _times(self.count, self.each_s)


@dataclass(frozen=True, slots=True)
class Itemised:
    """What B-roll would cost. ``kept`` pictures are there already and cost nothing; ``unknown``
    ones may have been paid for, did not come and are not asked for.

    ``prices`` says where prices come from, None when none was needed; ``note`` what was assumed.
    """

    items: tuple[Item, ...]
    kept: int = 0
    unknown: int = 0
    prices: str | None = None
    note: str = ""

    @property
    def usd(self) -> str:
        """The total in words: ``$0.48``, ``≥ $0.48`` when parts are unknown, or ``unknown``."""
        return self._total([item.usd_nano for item in self.items], lambda sum_: _usd(int(sum_)))

    @property
    def cu(self) -> str:
        """The total of compute units in words."""
        return self._total([item.cu for item in self.items], lambda sum_: f"{sum_:.3g} CU")

    @property
    def seconds(self) -> str:
        """The total of seconds in words."""
        return self._total([item.seconds for item in self.items], lambda sum_: f"{sum_:.0f} s")

    @property
    def in_words(self) -> str:
        """Parts and totals on one line."""
        return f"{', '.join(item.what for item in self.items)}: {self.totals}"

    @property
    def totals(self) -> str:
        """The totals on one line."""
        told = {"cost": self.usd, "compute": self.cu, "time": self.seconds}
        return ", ".join(f"{name} {one}" if one == "unknown" else one for name, one in told.items())

    @property
    def usd_nano(self) -> int | None:
        """The total in billionths of a US dollar; None when a part is unknown."""
        parts = [item.usd_nano for item in self.items]
        return None if None in parts else sum(filter(None, parts))

    def _total(self, parts: Sequence[float | None], say: Callable[[float], str]) -> str:
        known = [one for one in parts if one is not None]
        if len(known) == len(parts):
            return say(sum(known))
        return f"≥ {say(sum(known))}" if any(known) else "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """How much there is to make: so many pictures like ``picture``, baselines like ``baseline``.

    ``scenes`` counts plans that a text model writes, ``prompts`` the prompts that it does.
    """

    picture: ImageRequest
    baseline: ImageRequest
    pictures: int
    baselines: int = 0
    kept: int = 0
    unknown: int = 0
    scenes: int = 0
    prompts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finishing:
    """How much there is to finish. An ``upscaler`` takes ``enlarge_cu`` a picture, "" for none;
    ``clips`` by ``clip_model`` cost ``clip_usd_nano`` each, None where nobody knows."""

    pictures: int = 0
    upscaler: str = ""
    enlarge_cu: float = 0.0
    motion: int = 0
    clips: int = 0
    clip_model: str = ""
    clip_usd_nano: int | None = None


def _times(count: int, each: float | None) -> float | None:
    if not count:
        return 0
    return None if each is None else count * each


def _usd(usd_nano: int) -> str:
    """Return money in three figures: an estimate is no truer than that."""
    return f"${dollars(int(float(f'{usd_nano:.3g}')))}" if usd_nano else "$0"
