"""Speech in parts: what the caps have room for, spread evenly over the time."""

from __future__ import annotations

from vidsum.costs.calls import Desk
from vidsum.pipeline.run import Run
from vidsum.pipeline.watching import WatchedDesk
from vidsum.planner.ranking import Share
from vidsum.transcribers.speech_windows import PASSAGE_S
from vidsum.wording import clock, number

_STAGE = "transcript"
_MARGIN = 1.1
"""What a second of speech may take more than those before it did."""
_ROUNDING_S = 0.05
_LATE_SHARE = 2 / 3
"""Where the last of what was recognised must lie for it to be from the whole time."""
_TIME_SHARE, _TIME_SHARE_ALONE = 0.5, 0.9
"""Of the seconds that a cap leaves, what listening may take: beside pictures, and without any."""


class Thinned:
    """Decides stretch by stretch which speech is recognised.

    Where all of it is sure to fit under the caps, all of it is. The share follows what recognising
    really takes: it begins with what the plan says and changes as calls end.
    """

    def __init__(self, run: Run, *, alone: bool = False) -> None:
        """``alone``: there are no pictures that want time as well."""
        self._run = run
        plan, budget = run.plan, run.meter.budget
        unsure = plan is not None and (not plan.fits or budget.caps.seconds is not None)
        self._total_s = run.speech_s if unsure else None
        self._longest_s = run.passage_s or PASSAGE_S
        self._share = Share(self._total_s, self._longest_s) if self._total_s else None
        left_s, share = budget.left_s or 0.0, _TIME_SHARE_ALONE if alone else _TIME_SHARE
        self._ends_at_s = left_s * (1 - share)
        self._desk: WatchedDesk | None = None
        self._ended = 0
        self._passed_s = self._heard_s = self._done_s = self._latest_s = self._kept_s = 0.0

    def skip(self, kept_s: float) -> None:
        """Take note, before any is heard, of speech that an earlier run recognised: what the caps
        leave is for the rest alone."""
        self._kept_s = kept_s
        if self._total_s is not None and self._share is not None:
            self._total_s = max(_ROUNDING_S, self._total_s - kept_s)
            self._share = Share(self._total_s, self._longest_s)

    def watch(self, desk: Desk) -> WatchedDesk:
        """Return the desk at which a recogniser books: its calls tell what speech takes."""
        self._desk, self._ended = WatchedDesk(self._run, desk), 0
        return self._desk

    def hears(self, speech_s: float) -> bool:
        """Say whether the next stretch of speech is recognised."""
        found = True
        if self._share is not None and self._total_s is not None:
            last = self._passed_s + speech_s >= self._total_s - _ROUNDING_S
            found = self._share.hears(speech_s, self._now(self._total_s), last=last)
        self._passed_s += speech_s
        if found:
            self._heard_s += speech_s
            self._latest_s = self._passed_s
        return found

    def tell(self, refusal: str = "", until_s: float = 0.0) -> None:
        """Say how much was left out, once all is done.

        ``refusal``: why no more was recognised from a time on.
        """
        left_s = self._passed_s - self._heard_s
        if refusal:
            told = f"Speech after {clock(until_s)} was not recognised. {refusal}"
            some = self._kept_s or (self._desk is not None and self._desk.ended > 0)
            self._run.give_up(told if some else f"No speech was recognised. {refusal}")
        elif left_s > _ROUNDING_S and not (self._heard_s or self._kept_s):
            self._run.give_up("No speech was recognised: the cap leaves no room for it.")
        elif left_s > _ROUNDING_S:
            all_s = self._kept_s + self._passed_s
            late = self._latest_s > _LATE_SHARE * self._passed_s
            spread = "; what was is spread over the whole time" if late else " to keep to the cap"
            self._run.give_up(
                f"{number(round(left_s, 1))} of {number(round(all_s, 1))} s of speech "
                f"were not recognised{spread}."
            )
        self._passed_s = self._heard_s = self._latest_s = self._kept_s = 0.0

    def _now(self, total_s: float) -> float:
        """Return the share (0–1) of all speech that fits by what is known now."""
        assert self._run.plan is not None
        desk = self._desk
        if desk is not None and desk.ended > self._ended:
            # Speech is asked for by the block: all before this one was recognised.
            self._ended, self._done_s = desk.ended, self._heard_s
        if desk is None or not self._done_s:
            # The plan's share is of all speech there is: what is kept costs nothing.
            return min(1.0, self._run.plan.speech_share * (total_s + self._kept_s) / total_s)
        more_s = min(self._paid_s(desk), self._timely_s(desk))
        return min(1.0, (self._done_s + more_s) / total_s)

    def _paid_s(self, desk: WatchedDesk) -> float:
        """Return how many seconds more fit under caps on money and compute.

        One call's worst case must still be there: it is set aside before the last one is made.
        """
        budget = self._run.meter.budget
        spent, left = budget.spent_by(_STAGE), budget.left(_STAGE)
        return min(self._seconds(spent.usd_nano, left.usd_nano, desk.dearest.usd_nano),
                   self._seconds(spent.cu, left.cu, desk.dearest.cu))  # fmt: skip

    def _timely_s(self, desk: WatchedDesk) -> float:
        """Return how many seconds more fit under a cap on time."""
        left_s = self._run.meter.budget.left_s
        return self._seconds(desk.wall_s, None if left_s is None else left_s - self._ends_at_s, 0)

    def _seconds(self, spent: float | None, left: float | None, kept: float | None) -> float:
        """Return how many seconds more what is left is enough for, at the price of those so far."""
        if left is None or not spent:
            return float("inf")
        return max(0.0, left - (kept or 0.0)) / (spent / self._done_s * _MARGIN)
