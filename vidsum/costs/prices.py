"""What a call to a model costs in API money, and where that is known from.

Unknown is None, never 0: unknown usage, a model or an address that no table has, or a quantity
in use without a price of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from decimal import ROUND_CEILING, Decimal, localcontext
from functools import cache
from pathlib import Path
from typing import Final

from vidsum.costs import price_library, price_tables
from vidsum.costs.price_tables import Rate
from vidsum.data import ModelRef, Price, Quantities

_SHIPPED: Final = Path(__file__).resolve().with_name("prices.toml")
_NANO: Final = Decimal(1_000_000_000)
_STEP: Final = Decimal("1e-9")
"""Of a billionth of a dollar: what may be left of a division counts as nothing below this."""
_AMOUNT: Final = re.compile(r"\d{1,20}(\.\d{1,40})?([eE][+-]?\d{1,2})?", re.ASCII)
_MOST_REPORTED_USD: Final = 10_000
"""More than any single call costs: what says so is not a price in dollars."""


class PriceBook:
    """Looks prices up: the user's own table, vidsum's, then genai-prices.

    May be used from any thread. ``own`` is the user's table, which need not exist; it is read
    at once. Raises: OptionError, for a table that is not valid.
    """

    def __init__(self, own: Path | None = None) -> None:
        self._own = price_tables.read(own) if own is not None else ()

    def price(
        self, model: ModelRef, used: Quantities, when: datetime | None = None
    ) -> Price | None:
        """Return what a call that used this much costs; None when that is not known.

        ``when`` is the time of the call, now by default: some prices have a first day. With
        ``calls`` above 1, ``used`` is the sum of as many calls, and each counts as the mean one.
        """
        if model.base_url is None and model.host is None and not model.provider:
            return Price(0, "local")
        names = _names(model)
        for rates, source in ((self._own, "local"), (_shipped(), "override")):
            rate = price_tables.find(rates, model, names, used)
            if rate is not None:
                with localcontext(prec=60):
                    usd = price_tables.charge(rate, used)
                    return None if usd is None else Price(_nano(usd), source, date=rate.date)
        found = price_library.cost(model, names, used, when)
        if found is None:
            return None
        usd, since = found
        return Price(_nano(usd), "genai-prices", price_library.version(), since)

    @staticmethod
    def reported(cost_usd: str) -> Price | None:
        """Return what a provider itself says that a call cost; None when that is no price."""
        text = cost_usd.strip()
        if not _AMOUNT.fullmatch(text) or Decimal(text) > _MOST_REPORTED_USD:
            return None
        return Price(_nano(Decimal(text)), "provider")

    def context_tokens(self, model: ModelRef) -> int | None:
        """Return how many tokens a remote model takes at once; None when nobody says."""
        return price_library.context_tokens(model, _names(model))

    def describe(self) -> str:
        """Return where prices come from, for a receipt."""
        newest = max(rate.date for rate in _shipped())
        parts = [f"genai-prices {price_library.version()}", f"vidsum's table of {newest}"]
        if self._own:
            parts.insert(0, "your prices.toml")
        return ", ".join(parts)


@cache
def _shipped() -> tuple[Rate, ...]:
    return price_tables.read(_SHIPPED)


def _names(model: ModelRef) -> Sequence[str]:
    """Return the names to look a model up by: what answered, then what was asked for.

    Google's own names begin with ``models/``.
    """
    named = [name for name in (model.resolved, model.requested) if name]
    return list(dict.fromkeys([*named, *(name.removeprefix("models/") for name in named)]))


def _nano(usd: Decimal) -> int:
    """Return billionths of a dollar, rounded up: no call counts as nothing by rounding."""
    with localcontext(prec=60):
        exact = usd * _NANO
        whole = int(exact.quantize(_STEP).to_integral_value(ROUND_CEILING))
    return max(whole, 1) if usd > 0 else 0
