"""Speech in parts: what a cap has room for, spread evenly over the time."""

from __future__ import annotations

from vidsum.pipeline.run import Run
from vidsum.planner.ranking import Share
from vidsum.wording import number

_STAGE = "transcript"
_MARGIN = 1.25
"""What a second of speech may take more than those before it did."""


class Thinned:
    """Decides stretch by stretch which speech is recognised.

    Without a plan that thins speech, all of it is. The share follows what recognising really
    takes: it begins with what certainly fits and grows as calls settle below their worst case.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        plan = run.plan
        self._total_s = run.speech_s if plan is not None and plan.speech_share < 1 else None
        self._share = None if self._total_s is None else Share(self._total_s)
        self._passed_s = self._heard_s = 0.0

    def hears(self, speech_s: float) -> bool:
        """Say whether the next stretch of speech is recognised."""
        if self._share is None or self._total_s is None:
            return True
        last = self._passed_s + speech_s >= self._total_s - _ROUNDING_S
        found = self._share.hears(speech_s, self._now(), last=last)
        self._passed_s += speech_s
        self._heard_s += speech_s if found else 0.0
        return found

    def tell(self) -> None:
        """Say how much was left out, once all is done."""
        left_s = self._passed_s - self._heard_s
        if left_s > _ROUNDING_S:
            self._run.give_up(
                f"{number(round(left_s))} of {number(round(self._passed_s))} s of speech were not "
                "recognised; what was is spread over the whole time."
            )
        self._passed_s = self._heard_s = 0.0

    def _now(self) -> float:
        """Return the share (0–1) of all speech that fits by what is known now."""
        assert self._run.plan is not None
        assert self._total_s is not None
        if not self._heard_s:
            return self._run.plan.speech_share
        budget = self._run.meter.budget
        spent, left = budget.spent_by(_STAGE), budget.left(_STAGE)
        more_s = min(_seconds(spent.usd_nano, left.usd_nano, self._heard_s),
                     _seconds(spent.cu, left.cu, self._heard_s))  # fmt: skip
        return min(1.0, (self._heard_s + more_s) / self._total_s)


_ROUNDING_S = 0.05


def _seconds(spent: float | None, left: float | None, heard_s: float) -> float:
    """Return how many seconds more what is left is enough for, at the price of those so far."""
    if left is None or not spent:
        return float("inf")
    return max(0.0, left) / (spent / heard_s * _MARGIN)
