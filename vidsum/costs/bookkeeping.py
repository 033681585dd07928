"""The lines of one run: how stages and calls become entries of the ledger."""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime

import vidsum
from vidsum.costs.budget import Amount, Budget, dollars
from vidsum.costs.calls import Ending, OpenCall
from vidsum.costs.energy import Joules
from vidsum.costs.journal import Journal, Spent
from vidsum.costs.prices import PriceBook
from vidsum.costs.units import cu
from vidsum.data import (
    Entry,
    Kind,
    Modality,
    ModelRef,
    Origin,
    Phase,
    Price,
    Quantities,
    Saving,
    Spending,
)
from vidsum.errors import BudgetReached, OutputError


@dataclass(slots=True)
class Identity:
    """Which run it is, and of which video; its hash comes when it is known."""

    path: str | None = None
    video_sha256: str | None = None
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)


class Book:
    """Writes a run's lines to the journal and keeps those that have ended for the receipt.

    A journal that cannot be written to any more does not end the run: ``trouble`` says why, and
    the receipt that the ledger does not have it all.
    """

    def __init__(
        self, identity: Identity, journal: Journal | None, budget: Budget, prices: PriceBook
    ) -> None:
        self.identity, self.trouble = identity, ""
        self._journal, self._budget, self.price_book = journal, budget, prices
        self.past = journal
        """What earlier runs are known from."""
        self._lock = threading.Lock()
        self._lines: list[Entry] = []
        self._run_id = identity.run_id
        self._thread = threading.get_ident()
        self.writing_s = self.writing_cpu_s = 0.0
        """What writing lines took in the run's own thread, between its stages."""
        self._priced = False

    @property
    def recorded(self) -> bool:
        """Whether the ledger has every line so far."""
        return self._journal is not None and not self.trouble

    @property
    def prices_used(self) -> str | None:
        """Where prices came from; None when none was needed."""
        return self.price_book.describe() if self._priced else None

    def lines(self) -> Sequence[Entry]:
        """Return the lines that have ended, in the order in which they did."""
        with self._lock:
            return tuple(self._lines)

    def spending(self, given_up: tuple[str, ...]) -> Spending | None:
        """Return how the run kept to its caps; None without any."""
        caps = self._budget.caps
        if not caps and not given_up:
            return None
        usd = None if caps.usd_nano is None else dollars(caps.usd_nano)
        day_usd = None if caps.day.usd_nano is None else dollars(caps.day.usd_nano)
        return Spending(usd, caps.cu, caps.seconds, caps.allow_unpriced, given_up, day_usd,
                        caps.day.cu)  # fmt: skip

    def spent_today(self) -> Spent:
        """Return what the calls of today have spent, as far as the journal has them.

        Raises: OutputError.
        """
        return self.past.spent_today() if self.past is not None else Spent()

    def history(self) -> Iterator[Entry]:
        """Yield the newest lines of the journal; nothing when there is none."""
        return iter(()) if self.past is None else iter(self.past.newest(_HISTORY_LINES))

    def s_per_cu(self) -> Mapping[str, float]:
        """Return the seconds that a compute unit takes, by device; empty when nobody timed it."""
        timed = None if self.past is None else self.past.s_per_cu()
        return {} if timed is None else {"cpu": timed}

    def open_run(self) -> None:
        """Write that the run has begun."""
        self._write(self._line("reserve", "run", "run", "video", "vidsum", self._run_id))

    def close_run(self, wall_s: float, cpu_s: float, rss_bytes: int, measured: Joules | None,
                  status: str) -> None:  # fmt: skip
        """Write what the run as a whole took."""
        line = self._line("settle", "run", "run", "video", "vidsum", self._run_id)
        line = replace(line, wall_s=wall_s, cpu_s=cpu_s, peak_rss_bytes=rss_bytes, status=status,
                       time_origin="measured")  # fmt: skip
        self._end(_with_joules(line, measured))

    def close(self) -> None:
        """Let go of the journal; it opens by itself for what comes late."""
        if self.past is not None:
            self.past.close()

    def open_stage(self, stage: str, modality: Modality, backend: str, lane: str) -> Entry:
        """Write that a stage has begun, and return its line."""
        line = replace(
            self._line("reserve", "stage", stage, modality, backend, uuid.uuid4().hex), lane=lane
        )
        self._write(line)
        return line

    def close_stage(self, line: Entry, wall_s: float, cpu_s: float | None, joules: Joules | None,
                    counts: Mapping[str, float], error: str = "") -> None:  # fmt: skip
        """Write what a stage took, which an error may have ended."""
        ended = replace(self._now(line), phase="settle", wall_s=wall_s, cpu_s=cpu_s,
                        status="failed" if error else "ok", error_class=error or None,
                        counts=dict(counts), time_origin="measured")  # fmt: skip
        self._end(_with_joules(ended, joules))

    def call_line(self, stage: Entry, call_id: str, model: ModelRef, retry_of: str | None) -> Entry:
        """Return the line of a call within a stage."""
        return replace(
            self._now(stage), call_id=call_id, kind="call", phase="reserve", counts={},
            backend=model.backend, host=model.host, model_requested=model.requested,
            model_resolved=model.resolved, quant=model.shape.quant if model.shape else None,
            device=model.device, retry_of=retry_of,
        )  # fmt: skip

    def reserve(self, line: Entry, model: ModelRef, most: Quantities, most_flops: float | None, *,
                wait: bool) -> None:  # fmt: skip
        """Set the worst case of a call aside and write that. Raises: BudgetReached."""
        price = self.price(model, most)
        amount = Amount(price.usd_nano if price else None,
                        None if most_flops is None else cu(most_flops))  # fmt: skip
        self._budget.reserve(line.call_id, line.stage, amount, wait=wait)
        line = replace(line, reserved_usd_nano=amount.usd_nano, reserved_cu=amount.cu)
        try:
            self._write(line, paid=True)
        except BaseException:  # whoever waits for it would do so for ever
            self._budget.release(line.call_id)
            raise

    def end_call(self, stage: Entry, call: OpenCall, ending: Ending) -> None:
        """Write what came of a call."""
        model = replace(call.model, resolved=ending.resolved or call.model.resolved)
        line = self.call_line(stage, call.call_id, model, call.retry_of)
        line = replace(line, phase=ending.phase, status=_STATUS[ending.phase],
                       error_class=ending.error or None, queue_s=call.queue_s,
                       wall_s=call.wall_s, time_origin="measured",
                       model_load_s=ending.load_s)  # fmt: skip
        if ending.phase == "release":
            self._budget.release(call.call_id)
            self._end(line)
            return
        line = _with_flops(line, ending.flops, call.formula_id)
        line = self._with_money(_with_usage(line, ending), model, ending)
        self._budget.settle(call.call_id, Amount(line.usd_nano, line.cu), call.wall_s)
        self._end(line)

    def save(self, stage: str, modality: Modality, saving: Saving) -> None:
        """Write what was not done."""
        line = self._line("settle", "saving", stage, modality, "vidsum", uuid.uuid4().hex)
        self._end(replace(
            line, avoided_by=saving.by, baseline=saving.baseline, avoided_calls=saving.calls,
            avoided_s=saving.seconds, avoided_cu=saving.cu, avoided_usd_nano=saving.usd_nano,
            cache_hit=saving.by == "cache" or None, status="ok",
        ))  # fmt: skip

    def _with_money(self, line: Entry, model: ModelRef, ending: Ending) -> Entry:
        reported = self.price_book.reported(ending.cost_usd) if ending.cost_usd else None
        here = (model.base_url, model.host, model.provider) == (None, None, None)
        known = here or ending.phase == "settle"
        price = reported or (self.price(model, ending.used) if known else None)
        if price is None:
            return replace(line, usd_origin="unknown")
        origin: Origin = "estimated"  # seconds of sound are ours, not the provider's
        if reported is not None or ending.origin == "reported":
            origin = "reported"
        elif here:
            origin = "measured"
        return replace(line, usd_nano=price.usd_nano, price_source=price.source,
                       price_version=price.version or None, price_date=price.date or None,
                       usd_origin=origin)  # fmt: skip

    def price(self, model: ModelRef, used: Quantities) -> Price | None:
        """Return what a call costs; None when that is not known."""
        self._priced = self._priced or model.base_url is not None
        return self.price_book.price(model, used)

    def _line(self, phase: Phase, kind: Kind, stage: str, modality: Modality, backend: str,
              call_id: str) -> Entry:  # fmt: skip
        made = modality in ("image_gen", "video_gen")
        return self._now(Entry(
            call_id=call_id, phase=phase, kind=kind, ts_utc="", run_id=self._run_id, stage=stage,
            modality=modality, backend=backend, pid=os.getpid(), vidsum_version=vidsum.__version__,
            direction="generate" if made else "understand",
        ))  # fmt: skip

    def _now(self, line: Entry) -> Entry:
        return replace(
            line, ts_utc=datetime.now(UTC).isoformat(timespec="microseconds"),
            path=self.identity.path, video_sha256=self.identity.video_sha256,
        )  # fmt: skip

    def _end(self, line: Entry) -> None:
        with self._lock:  # the ledger has them in the same order
            self._lines.append(line)
            self._write(line)

    def _write(self, line: Entry, *, paid: bool = False) -> None:
        """Write a line, unless the journal failed before; a day's cap needs each that it takes."""
        journal, caps = self._journal, self._budget.caps
        if journal is None or (self.trouble and not caps.of_a_day):
            return
        started_s, cpu_s = time.perf_counter(), time.thread_time()
        try:
            if paid:
                journal.reserve(line, caps.day)
            else:
                journal.write(line)
        except (OutputError, ValueError) as exc:
            # ValueError: the journal lacks the reserve of this end, or a figure is absurd
            said, hint = (exc.message, exc.hint) if isinstance(exc, OutputError) else (str(exc), "")
            if paid and caps.of_a_day:
                raise BudgetReached(f"The day's spending is not known: {said}", hint) from exc
            self.trouble = self.trouble or said
        finally:
            if line.kind != "call" and threading.get_ident() == self._thread:
                self.writing_s += time.perf_counter() - started_s
                self.writing_cpu_s += time.thread_time() - cpu_s


_HISTORY_LINES = 5_000
"""Enough to know how long things take, and read in a tenth of a second."""
_STATUS = {"settle": "ok", "release": "not made", "fail": "unknown cost"}


def _with_usage(line: Entry, ending: Ending) -> Entry:
    used = {name: value for name, value in asdict(ending.used).items() if value is not None}
    return replace(line, **{"calls": 1, **used}, usage_origin=ending.origin)


def _with_flops(line: Entry, flops: float | None, formula_id: str | None) -> Entry:
    """Computed from dimensions and counted tokens: an estimate of what the machine really did."""
    if flops is None:
        return replace(line, cu_origin="unknown")
    return replace(line, est_flops=flops, cu=cu(flops), formula_id=formula_id,
                   cu_origin="estimated")  # fmt: skip


def _with_joules(line: Entry, joules: Joules | None) -> Entry:
    if joules is None:
        return replace(line, joules_method="none", joules_origin="unknown")
    return replace(line, joules=joules.joules, joules_method=joules.method,
                   joules_origin=joules.origin)  # fmt: skip


def priced(book: Book, model: ModelRef, used: Quantities) -> int | None:
    """Return what something would cost in billionths of a US dollar; None is unknown."""
    price = book.price(model, used)
    return price.usd_nano if price else None
