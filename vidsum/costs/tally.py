"""The calls of one backend, from any thread: reserved and booked where it is at work."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from vidsum.costs.calls import Desk, Ending, OpenCall, counts_of
from vidsum.data import ModelRef, Quantities


class Tally(Desk):
    """Opens calls, and adds up what they used.

    A run binds it to the stage that the backend works for; a backend that is used by itself has
    no cap and no ledger. A call whose usage is unknown is counted as such, never as 0.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, float] = {}
        self._desk: Desk | None = None

    def bind(self, desk: Desk) -> None:
        """Have the calls from now on reserved and booked at a desk."""
        self._desk = desk

    def open(
        self, model: ModelRef, most: Quantities, most_flops: float | None = None, *,
        formula_id: str | None = None, wait: bool = True,
    ) -> OpenCall:  # fmt: skip
        """Return a call that may be made. Raises: BudgetReached."""
        return OpenCall(self, model, most, most_flops, formula_id=formula_id, wait=wait)

    def refused(self, error: str) -> None:
        """Count a request that was not made at all: it cost nothing and is in no ledger."""
        with self._lock:
            self._counts["failed_calls"] = self._counts.get("failed_calls", 0) + bool(error)

    def begin(
        self, call_id: str, model: ModelRef, most: Quantities, most_flops: float | None, *,
        retry_of: str | None, wait: bool,
    ) -> float:  # fmt: skip
        """See :class:`Desk`."""
        if self._desk is None:
            return 0.0
        return self._desk.begin(call_id, model, most, most_flops, retry_of=retry_of, wait=wait)

    def end(self, call: OpenCall, ending: Ending) -> None:
        """See :class:`Desk`."""
        with self._lock:
            for key, value in counts_of(ending).items():
                self._counts[key] = self._counts.get(key, 0) + value
        if self._desk is not None:
            self._desk.end(call, ending)

    @property
    def counts(self) -> Mapping[str, float]:
        """Return what is known so far; a key that never came up is not there."""
        with self._lock:
            return dict(self._counts)
