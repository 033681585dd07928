"""A desk that lets every call be made and writes down how each began and ended."""

from __future__ import annotations

import threading

from vidsum.costs.calls import Desk, Ending, OpenCall
from vidsum.costs.tally import Tally
from vidsum.data import ModelRef, Quantities


class RecordingDesk(Desk):
    """``most`` has the worst case of each call, ``endings`` what came of it, in their order."""

    def __init__(self) -> None:
        self.most: list[Quantities] = []
        self.endings: list[Ending] = []
        self.retries: list[str | None] = []
        self._lock = threading.Lock()
        self._open: set[str] = set()

    @property
    def phases(self) -> list[str]:
        """How the calls ended."""
        return [ending.phase for ending in self.endings]

    @property
    def tally(self) -> Tally:
        """A new tally whose calls come here."""
        tally = Tally()
        tally.bind(self)
        return tally

    def begin(
        self, call_id: str, model: ModelRef, most: Quantities, most_flops: float | None, *,
        retry_of: str | None, wait: bool,
    ) -> float:  # fmt: skip
        with self._lock:
            self._open.add(call_id)
            self.most.append(most)
            self.retries.append(retry_of)
        return 0.0

    def end(self, call: OpenCall, ending: Ending) -> None:
        with self._lock:
            self._open.remove(call.call_id)  # each ends once
            self.endings.append(ending)
