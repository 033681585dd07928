"""The account of a run, opened as its options say: caps, prices, and the ledger to write to."""

from __future__ import annotations

from pathlib import Path

from vidsum.config import Options
from vidsum.costs.bookkeeping import Identity
from vidsum.costs.budget import NANO, NO_LIMIT, Amount, Budget, Caps
from vidsum.costs.journal import DayCaps, Journal
from vidsum.costs.meter import Meter
from vidsum.costs.prices import PriceBook
from vidsum.errors import OutputError
from vidsum.home import state_folder
from vidsum.wording import path_text

PRICES_NAME = "prices.toml"
"""The user's own price table, in the state folder."""


def caps_of(options: Options) -> Caps:
    """Return the caps that a run's options set."""
    usd, day_usd = options.max_usd, options.max_usd_per_day
    return Caps(
        None if usd is None else int(usd * NANO),
        options.max_cu,
        options.max_seconds,
        options.allow_unpriced,
        DayCaps(None if day_usd is None else int(day_usd * NANO), options.max_cu_per_day),
    )


def open_meter(path: Path, options: Options, *, recorded: bool = True) -> Meter:
    """Return the account of one video's run; the ledger takes it down if ``recorded``.

    A ledger that cannot be opened does not end the run, which then says so, unless a cap a day
    rests on it. Raises: OptionError, OutputError.
    """
    from vidsum.costs.ledger import Ledger, default_path

    caps = caps_of(options)
    journal: Journal | None = None
    trouble = ""
    try:
        writes = recorded or caps.of_a_day
        journal = Ledger(default_path()) if writes else Ledger.reading(default_path())
    except OutputError as exc:
        if caps.of_a_day:
            raise OutputError(f"What was spent today is not known. {exc.message}",
                              exc.hint) from exc  # fmt: skip
        trouble = f"{exc.message} {exc.hint}".strip()
    identity = Identity(path_text(path.absolute()))
    budget = Budget(caps, _left_today(journal, caps.day))
    meter = Meter(identity, journal if recorded else None, budget, price_book(),
                  options.watts_per_core)  # fmt: skip
    meter.book.past = journal
    meter.book.trouble = meter.book.trouble or trouble
    return meter


def _left_today(journal: Journal | None, caps: DayCaps) -> Amount:
    """Return what the day's caps leave; no limit where there is none. Raises: OutputError."""
    if journal is None or not caps:
        return NO_LIMIT
    spent = journal.spent_today()
    return Amount(
        None if caps.usd_nano is None else max(0, caps.usd_nano - spent.usd_nano),
        None if caps.cu is None else max(0.0, caps.cu - spent.cu),
    )


def ledger_on_network() -> bool:
    """Return whether the ledger is in a folder that another machine serves."""
    from vidsum.costs.ledger import default_path
    from vidsum.db import on_network

    return on_network(default_path())


def price_book() -> PriceBook:
    """Return the price tables in force, the user's own first. Raises: OptionError."""
    return PriceBook(state_folder() / PRICES_NAME)
