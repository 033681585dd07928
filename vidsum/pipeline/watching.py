"""A stage's desk, watched: what its calls took, and which of them a cap refused."""

from __future__ import annotations

import threading

from vidsum.costs.budget import Amount
from vidsum.costs.calls import Desk, Ending, OpenCall
from vidsum.costs.units import cu
from vidsum.data import ModelRef, Quantities
from vidsum.errors import BudgetReached
from vidsum.pipeline.run import Run


class WatchedDesk(Desk):
    """Passes calls on to a stage, first come, first served. May be used from several threads.

    Where a call has to wait for room, those after it wait behind it: they are about what tells
    less.
    ``refusals`` are the messages of calls that were not made: by them, what a cap left no room
    for can be told from what a model failed on.
    """

    def __init__(self, run: Run, desk: Desk) -> None:
        self.refusals: set[str] = set()
        self._run, self._desk = run, desk
        self._lock = threading.Lock()
        self._usd_nano, self._cu = 0, 0.0
        self._ended, self._wall_s = 0, 0.0
        self._turns = threading.Condition()
        self._came = self._served = 0

    def begin(
        self, call_id: str, model: ModelRef, most: Quantities, most_flops: float | None, *,
        retry_of: str | None, wait: bool,
    ) -> float:  # fmt: skip
        """See :class:`Desk`."""
        price = self._run.meter.book.price(model, most)
        with self._lock:
            self._usd_nano = max(self._usd_nano, price.usd_nano if price else 0)
            self._cu = max(self._cu, cu(most_flops or 0.0))
        with self._turns:
            place, self._came = self._came, self._came + 1
            self._turns.wait_for(lambda: self._served == place)
        try:
            return self._desk.begin(call_id, model, most, most_flops, retry_of=retry_of, wait=wait)
        except BudgetReached as exc:
            self.refusals.add(exc.message)
            raise
        finally:
            with self._turns:
                self._served += 1
                self._turns.notify_all()

    def end(self, call: OpenCall, ending: Ending) -> None:
        """See :class:`Desk`."""
        with self._lock:
            self._ended += 1
            self._wall_s += call.wall_s
        self._desk.end(call, ending)

    @property
    def dearest(self) -> Amount:
        """The largest worst case of a call so far; what is unknown counts as nothing."""
        with self._lock:
            return Amount(self._usd_nano, self._cu)

    @property
    def ended(self) -> int:
        """How many calls have ended so far."""
        return self._ended

    @property
    def wall_s(self) -> float:
        """The seconds that they took together."""
        return self._wall_s
