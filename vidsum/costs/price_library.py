"""What genai-prices knows, and the care that it needs.

The library counts what it has no price for as nothing, or as plain text, and takes any address
that begins like a provider's for that provider's. Here a price is given only when every quantity
in use has one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal, localcontext
from functools import cache
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from vidsum.data import ModelRef, Quantities

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice, PriceCalculation

_ONE_PRICE: Final = re.compile(
    r"gemini-(2\.5-pro|3-pro-preview|3\.1-pro-preview|3\.5-flash(-lite)?|3\.8-flash)"
)
"""Google's models that take sound at the price of text: its page has one price for both.
Source: the Gemini API's price page, 2026-10-07."""
_DIGITS: Final = 60


@cache
def version() -> str:
    """Return the library's version, which is that of its prices too."""
    from importlib.metadata import version as installed

    return installed("genai-prices")


def cost(
    ref: ModelRef, names: Iterable[str], used: Quantities, when: datetime | None
) -> tuple[Decimal, str] | None:
    """Return US dollars, and the day since when the price holds (empty: not told).

    None when the model, its address, a quantity or the price of one is not known. Of several
    calls together each counts as the mean one: prices rise with the length of a call.
    """
    when = when or datetime.now(UTC)
    entry = _entry(ref, names, when)
    usage = _usage(entry, used) if entry is not None else None
    if entry is None or usage is None:
        return None
    from genai_prices import Usage

    calls = max(1, used.calls or 1)
    with localcontext(prec=_DIGITS):
        mean = {key: amount / calls for key, amount in usage.items()}
        try:
            found = entry.model.calc_price(Usage(**mean), entry.provider,
                                           genai_request_timestamp=when)  # fmt: skip
        except ValueError:
            return None  # more cached or audio tokens than tokens, or no telling them apart
        return found.total_price * calls, _since(entry)


def context_tokens(ref: ModelRef, names: Iterable[str]) -> int | None:
    """Return how many tokens a model takes at once; None when the library does not say."""
    entry = _entry(ref, names, datetime.now(UTC))
    return entry.model.context_window if entry is not None else None


def _entry(ref: ModelRef, names: Iterable[str], when: datetime) -> PriceCalculation | None:
    """Return the library's entry for the first name that it knows, as the price of nothing."""
    for name in names:
        for provider in dict.fromkeys((ref.provider or None, None)):
            found = _found(name, provider, ref.base_url, when)
            if found is not None:
                return found
    return None


def _found(
    name: str, provider: str | None, base_url: str | None, when: datetime
) -> PriceCalculation | None:
    from genai_prices import Usage, calc_price

    url = _plain(base_url) if base_url else None
    if provider is None and url is None:
        return None
    try:
        if provider is not None:
            found = calc_price(Usage(), name, provider_id=provider, genai_request_timestamp=when)
        else:
            found = calc_price(Usage(), name, provider_api_url=url, genai_request_timestamp=when)
    except LookupError:
        return None
    return found if url is None or _is_at(url, found.provider.api_pattern) else None


def _plain(base_url: str) -> str:
    """Return an address whose path cannot pass for a host: ``//a.example/b.openai.com``."""
    parts = urlsplit(base_url)
    return f"{parts.scheme}://{parts.netloc}{parts.path.replace('.', '_')}"


def _is_at(url: str, pattern: str) -> bool:
    """Say whether an address is a provider's, not one that only begins like it."""
    match = re.match(pattern, url)
    if match is None:
        return False
    return match.group().endswith("/") or url[match.end() : match.end() + 1] in ("", "/", ":")


def _usage(entry: PriceCalculation, used: Quantities) -> dict[str, Decimal] | None:
    """Return what is used under the library's names; None when part of it would cost nothing.

    Reasoning tokens are output, and picture tokens input, where they have no price of their own.
    Where pictures that are made have one, all that answers a request with pictures counts as such,
    less its reasoning: for one that only shows some that is too much, never too little.
    """
    price = entry.model_price
    by_tokens = _has(price, "input_mtok") or _has(price, "output_mtok")
    by_time = _has(price, "audio_hours") or _has(price, "input_audio_hours")
    if not (by_tokens or by_time) or used.video_s:
        return None
    found: dict[str, float | None] = {}
    if by_tokens:
        if not _tokens_are_priced(entry, used):
            return None
        found = {"input_tokens": used.input_tokens, "output_tokens": used.output_tokens,
                 "cache_read_tokens": used.cache_read_tokens,
                 "cache_write_tokens": used.cache_write_tokens}  # fmt: skip
        for name, key, amount in (
            ("input_audio_mtok", "input_audio_tokens", used.audio_tokens),
            ("input_image_mtok", "input_image_tokens", used.image_tokens),
            ("output_reasoning_mtok", "output_reasoning_tokens", used.reasoning_tokens),
        ):
            found |= {key: amount} if _has(price, name) else {}
        if used.images and _has(price, "output_image_mtok"):
            words = min(used.reasoning_tokens or 0, used.output_tokens or 0)
            found |= {"output_image_tokens": (used.output_tokens or 0) - words}
    elif used.audio_s is None:
        return None
    for name, key in (("audio_hours", "audio_seconds"),
                      ("input_audio_hours", "input_audio_seconds")):  # fmt: skip
        found |= {key: used.audio_s} if _has(price, name) else {}
    return {key: Decimal(repr(amount)) for key, amount in found.items() if amount}


def _tokens_are_priced(entry: PriceCalculation, used: Quantities) -> bool:
    """Say whether tokens are known, and whether all in use have a price."""
    price = entry.model_price
    if used.input_tokens is None or used.output_tokens is None:
        return False
    needed = {
        "input_mtok": used.input_tokens, "output_mtok": used.output_tokens,
        "cache_read_mtok": used.cache_read_tokens, "cache_write_mtok": used.cache_write_tokens,
    }  # fmt: skip
    if any(amount and not _has(price, name) for name, amount in needed.items()):
        return False
    if _has(price, "output_reasoning_mtok") and used.reasoning_tokens is None:
        return False
    if _has(price, "input_image_mtok") and used.images and used.image_tokens is None:
        return False
    return _sound_is_priced(entry, used)


def _sound_is_priced(entry: PriceCalculation, used: Quantities) -> bool:
    if entry.provider.id == "google" and _ONE_PRICE.fullmatch(entry.model.id):
        return True
    price = entry.model_price
    if used.audio_tokens:
        return _has(price, "input_audio_mtok")
    return not used.audio_s or _has(price, "audio_hours") or _has(price, "input_audio_hours")


def _has(price: ModelPrice, name: str) -> bool:
    return getattr(price, name, None) is not None


def _since(entry: PriceCalculation) -> str:
    """Return the day from which the price in force holds, where the library has one."""
    prices = entry.model.prices
    for one in prices if isinstance(prices, list) else ():
        if one.prices is entry.model_price:
            start = getattr(one.constraint, "start_date", None)
            return start.isoformat() if start is not None else ""
    return ""
