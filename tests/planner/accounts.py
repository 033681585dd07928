"""What calls reserved and used, added up: a desk for backends that work by themselves."""

from __future__ import annotations

import threading

from vidsum.costs.calls import Desk, Ending, OpenCall
from vidsum.data import Forecast, ModelRef, Quantities


class Account(Desk):
    """Books every call; none is refused."""

    def __init__(self) -> None:
        self.used: list[Quantities] = []
        self.flops: list[float | None] = []
        self.reserved: list[Quantities] = []
        self.reserved_flops: list[float | None] = []
        self._lock = threading.Lock()

    def begin(self, call_id: str, model: ModelRef, most: Quantities, most_flops: float | None, *,
              retry_of: str | None, wait: bool) -> float:  # fmt: skip
        with self._lock:
            self.reserved.append(most)
            self.reserved_flops.append(most_flops)
        return 0.0

    def end(self, call: OpenCall, ending: Ending) -> None:
        with self._lock:
            if ending.phase == "settle":
                self.used.append(ending.used)
                self.flops.append(ending.flops)

    @property
    def calls(self) -> int:
        return sum(one.calls or 1 for one in self.used)

    def assert_within(self, found: Forecast, *, reserved: bool = True) -> None:
        """What was used, and what was set aside for it, lies between least and most."""
        for name in ("calls", "input_tokens", "output_tokens", "audio_s"):
            most = getattr(found.most, name)
            spent = _sum(self.used, name)
            if most is not None:
                assert spent <= most, name
                assert not reserved or _sum(self.reserved, name) <= most, name
            assert spent >= (getattr(found.least, name) or 0), name
        if found.most_flops is not None:
            flops = [one for one in self.flops if one is not None]
            assert len(flops) == len(self.flops)
            assert found.least_flops is not None
            assert found.least_flops <= sum(flops) <= found.most_flops
            if reserved:
                assert sum(one or 0.0 for one in self.reserved_flops) <= found.most_flops


def _sum(every: list[Quantities], name: str) -> float:
    return sum(getattr(one, name) or 0 for one in every)


def ordered(found: Forecast) -> bool:
    """Say whether least, likely and most come in this order, in every quantity that is known."""
    for name in ("calls", "input_tokens", "output_tokens", "audio_s", "images", "image_tokens"):
        values = [getattr(one, name) for one in (found.least, found.likely, found.most)]
        if None not in values and not values[0] <= values[1] <= values[2]:
            return False
    flops = (found.least_flops, found.likely_flops, found.most_flops)
    return None in flops or flops[0] <= flops[1] <= flops[2]  # type: ignore[operator]
