"""One model call from its reservation to its end."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from types import TracebackType
from typing import Protocol

from vidsum.data import ModelRef, Origin, Phase, Quantities


class Desk(Protocol):
    """Where calls are reserved and booked: a stage of a run."""

    def begin(
        self, call_id: str, model: ModelRef, most: Quantities, most_flops: float | None, *,
        retry_of: str | None, wait: bool,
    ) -> float:  # fmt: skip
        """Reserve the worst case of a call; return the seconds it had to wait.

        Raises: BudgetReached when it must not be made.
        """
        ...

    def end(self, call: OpenCall, ending: Ending) -> None:
        """Book what came of a call."""
        ...


class Ending:
    """What came of a call. ``phase`` is ``settle``, ``release`` (it cost nothing) or ``fail``."""

    def __init__(
        self, phase: Phase, used: Quantities, origin: Origin, *, flops: float | None = None,
        cost_usd: str | None = None, resolved: str | None = None, load_s: float | None = None,
        gpu: bool = False, error: str = "",
    ) -> None:  # fmt: skip
        self.phase, self.used, self.origin = phase, used, origin
        self.flops, self.cost_usd, self.resolved = flops, cost_usd, resolved
        self.load_s, self.gpu, self.error = load_s, gpu, error


class OpenCall:
    """A call that may be made: its worst case is reserved. A context manager.

    It ends once: settled with what it used, released when it cost nothing, failed when what it
    cost is not known. Left without an end it failed.
    """

    def __init__(
        self, desk: Desk, model: ModelRef, most: Quantities, most_flops: float | None = None, *,
        formula_id: str | None = None, wait: bool = True,
    ) -> None:  # fmt: skip
        """Reserve. Raises: BudgetReached."""
        self.model, self.most, self.most_flops = model, most, most_flops
        self.formula_id, self._wait, self._desk = formula_id, wait, desk
        self.ended = True
        self._begin(None)

    def _begin(self, retry_of: str | None) -> None:
        self.retry_of, self.call_id = retry_of, uuid.uuid4().hex
        self.queue_s = self._desk.begin(
            self.call_id, self.model, self.most, self.most_flops,
            retry_of=retry_of, wait=self._wait,
        )  # fmt: skip
        self._started_s, self.ended = time.perf_counter(), False
        self.wall_s = 0.0

    def settle(
        self, used: Quantities, origin: Origin, *, flops: float | None = None,
        cost_usd: str | None = None, resolved: str | None = None, load_s: float | None = None,
    ) -> None:  # fmt: skip
        """Book what the call used. ``cost_usd`` is what the provider says that it cost."""
        self._end(Ending("settle", used, origin, flops=flops, cost_usd=cost_usd,
                         resolved=resolved, load_s=load_s))  # fmt: skip

    def release(self, error: str = "") -> None:
        """Book that the call cost nothing: it was refused, or never reached anybody."""
        self._end(Ending("release", Quantities(), "measured", error=error))

    def fail(self, error: str) -> None:
        """Book that nobody knows what the call cost."""
        self._end(Ending("fail", Quantities(calls=1), "unknown", error=error))

    def again(self) -> None:
        """Reserve anew if the call has ended: it is repeated. Raises: BudgetReached."""
        if self.ended:
            self._begin(self.call_id)

    def _end(self, ending: Ending) -> None:
        if self.ended:
            return
        self.ended, self.wall_s = True, time.perf_counter() - self._started_s
        self._desk.end(self, ending)

    def __enter__(self) -> OpenCall:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None,
                 trace: TracebackType | None) -> None:  # fmt: skip
        self.fail("no ending" if kind is None else kind.__name__)


def counts_of(ending: Ending) -> Mapping[str, float]:
    """Return what an ending adds to a stage's counts; a key that does not apply is not there."""
    if ending.phase != "settle":
        return {"failed_calls": 1} if ending.error else {}
    used = ending.used
    counts: dict[str, float] = {"calls": used.calls or 1}
    if ending.origin == "unknown":
        counts["calls_without_usage"] = used.calls or 1
    for key, value in (
        ("input_tokens", used.input_tokens), ("output_tokens", used.output_tokens),
        ("cached_tokens", used.cache_read_tokens), ("reasoning_tokens", used.reasoning_tokens),
    ):  # fmt: skip
        if value:
            counts[key] = value
    return counts
