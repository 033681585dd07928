"""Price tables in TOML: the user's own, and the small one that comes with vidsum.

The user's is ``prices.toml`` in the state folder::

    [[price]]
    host = "localhost:8080"          # or "localhost", any port; or: provider = "openai"
    model = "my-model"               # a name, or a pattern with *; a name goes before a pattern
    input_usd_per_mtok = 0.10        # US dollars for a million tokens
    output_usd_per_mtok = 0.40
    cached_usd_per_mtok = 0.01       # input tokens that came from a cache
    cache_write_usd_per_mtok = 0.12
    audio_usd_per_mtok = 1.00        # input tokens that are sound
    audio_usd_per_min = 0.006        # a minute of sound
    image_usd = 0.04                 # a picture that is made, or shown at a price of its own
    video_usd_per_s = 0.10           # a second of video
    up_to_px = 1_048_576             # only for pictures that are no larger
    date = "2026-11-20"              # when the price was read

What is left out has no price: a call that uses it costs an unknown amount. Pictures shown to a
model that is paid by the token are in its input tokens; what is paid by the minute, the picture
or the second alone charges no tokens. A price may be 0.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from vidsum.data import ModelRef, Quantities
from vidsum.errors import OptionError
from vidsum.wording import escaped, shown

_HOST: Final = re.compile(r"(\[[0-9a-f:.]+\]|[0-9a-z._-]+)(:\d{1,5})?", re.ASCII | re.IGNORECASE)
_MOST_USD: Final = Decimal(1_000_000)
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
_MILLION: Final = Decimal(1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """One entry of a table. None has no price; ``date`` is ISO 8601 or empty."""

    model: str
    host: str | None = None
    provider: str | None = None
    input_usd_per_mtok: Decimal | None = field(default=None, metadata={"price": True})
    output_usd_per_mtok: Decimal | None = field(default=None, metadata={"price": True})
    cached_usd_per_mtok: Decimal | None = field(default=None, metadata={"price": True})
    cache_write_usd_per_mtok: Decimal | None = field(default=None, metadata={"price": True})
    audio_usd_per_mtok: Decimal | None = field(default=None, metadata={"price": True})
    audio_usd_per_min: Decimal | None = field(default=None, metadata={"price": True})
    image_usd: Decimal | None = field(default=None, metadata={"price": True})
    video_usd_per_s: Decimal | None = field(default=None, metadata={"price": True})
    up_to_px: int | None = None
    date: str = ""

    @property
    def by_tokens(self) -> bool:
        """True when tokens are what is paid for."""
        return self.input_usd_per_mtok is not None or self.output_usd_per_mtok is not None


_PRICES: Final = tuple(item.name for item in fields(Rate) if item.metadata.get("price"))
_KEYS: Final = {item.name for item in fields(Rate)}


def read(path: Path) -> tuple[Rate, ...]:
    """Return the entries of a table; none when there is no such file.

    Raises: OptionError, which names the file, the entry and the key at fault.
    """
    try:
        found = tomllib.loads(path.read_text("utf-8"), parse_float=Decimal)
    except FileNotFoundError:
        return ()
    except OSError as exc:
        raise OptionError(f"The price table {shown(path)} cannot be read: {exc.strerror}.") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise OptionError(f"The price table {shown(path)} is not valid TOML: {exc}.") from exc
    try:
        return _rates(found)
    except _Wrong as exc:
        raise OptionError(f"{shown(path)}: {exc}.", exc.hint) from exc


def find(rates: Sequence[Rate], ref: ModelRef, names: Iterable[str], used: Quantities
         ) -> Rate | None:  # fmt: skip
    """Return the entry that is for a model: the first of its names goes before the others.

    A whole name goes before a pattern, a host with a port before one without, that before a
    provider, and of patterns the longest. Entries for smaller pictures than were made are not
    for it, nor are any with a size when the size is not known.
    """
    asked = [name.lower() for name in names]
    fitting = [rate for rate in rates if _place(rate, ref) and _fits(rate, used)]
    best: tuple[tuple[int, ...], Rate] | None = None
    for rate in fitting:
        rank = _name_rank(rate.model.lower(), asked)
        if rank is None:
            continue
        key = (*rank, -_place(rate, ref), -len(rate.model), rate.up_to_px or 2**62)
        if best is None or key < best[0]:
            best = (key, rate)
    return best[1] if best else None


def charge(rate: Rate, used: Quantities) -> Decimal | None:
    """Return what a call costs in US dollars; None when part of it has no price or is not known."""
    terms = [_tokens(rate, used)] if rate.by_tokens else []
    terms += [_sound(rate, used), _pictures(rate, used),
              _times(rate.video_usd_per_s, used.video_s)]  # fmt: skip
    known = [term for term in terms if term is not None]
    if len(known) < len(terms) or not (rate.by_tokens or _measured(rate, used)):
        return None
    return sum(known, Decimal(0))


def _measured(rate: Rate, used: Quantities) -> bool:
    """Say whether anything is known of what is paid for by another unit than tokens."""
    pairs = ((rate.audio_usd_per_min, used.audio_s), (rate.image_usd, used.images),
             (rate.video_usd_per_s, used.video_s))  # fmt: skip
    return any(price is not None and amount is not None for price, amount in pairs)


def _tokens(rate: Rate, used: Quantities) -> Decimal | None:
    if used.input_tokens is None or used.output_tokens is None:
        return None
    cached, written = used.cache_read_tokens or 0, used.cache_write_tokens or 0
    sound = used.audio_tokens or 0
    rest = used.input_tokens - cached - written - sound
    terms = [
        _times(rate.input_usd_per_mtok, rest), _times(rate.output_usd_per_mtok, used.output_tokens),
        _times(rate.cached_usd_per_mtok, cached), _times(rate.cache_write_usd_per_mtok, written),
        _times(rate.audio_usd_per_mtok, sound),
    ]  # fmt: skip
    known = [term for term in terms if term is not None]
    return sum(known, Decimal(0)) / _MILLION if len(known) == len(terms) else None


def _sound(rate: Rate, used: Quantities) -> Decimal | None:
    """Return what sound costs by the minute; nothing more where it is paid as tokens."""
    if rate.audio_usd_per_min is None and rate.by_tokens and used.audio_tokens:
        return Decimal(0)
    cost = _times(rate.audio_usd_per_min, used.audio_s)
    return None if cost is None else cost / 60


def _pictures(rate: Rate, used: Quantities) -> Decimal | None:
    if rate.image_usd is None and rate.by_tokens:
        return Decimal(0)
    return _times(rate.image_usd, used.images)


def _times(price: Decimal | None, amount: float | None) -> Decimal | None:
    """Return a product: nothing used costs nothing; what has no price, or cannot be, is unknown."""
    if not amount:
        return Decimal(0)
    return None if price is None or not 0 < amount < float("inf") else price * Decimal(repr(amount))


def _place(rate: Rate, ref: ModelRef) -> int:
    """Return how exactly an entry names where a model is: 0 for another place, up to 3."""
    if rate.provider is not None:
        return int(rate.provider == ref.provider)
    parts = urlsplit(ref.base_url or "")
    name = (parts.hostname or "").lower()
    name = f"[{name}]" if ":" in name else name
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    host = (rate.host or "").lower()
    return 3 if host == f"{name}:{port}" else 2 * int(host == name)


def _fits(rate: Rate, used: Quantities) -> bool:
    if rate.up_to_px is None:
        return True
    if used.pixels is None:
        return False
    return used.pixels <= rate.up_to_px * max(1, used.images or 1)


def _name_rank(model: str, asked: Sequence[str]) -> tuple[int, int] | None:
    """Return (0, n) when an entry names the n-th name, (1, n) when its pattern does."""
    if "*" not in model:
        return (0, asked.index(model)) if model in asked else None
    form = re.compile(".*".join(map(re.escape, model.split("*"))), re.DOTALL)
    return next(((1, n) for n, name in enumerate(asked) if form.fullmatch(name)), None)


class _Wrong(ValueError):
    """What is wrong with a table, in words."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def _rates(found: dict[str, Any]) -> tuple[Rate, ...]:
    _only({"price"}, found, "the table")
    tables = found.get("price", [])
    if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
        raise _Wrong("price must be written as [[price]]")
    rates = tuple(_rate(table, f"price {n}") for n, table in enumerate(tables, 1))
    seen = [(rate.host, rate.provider, rate.model.lower(), rate.up_to_px) for rate in rates]
    for key, rate in zip(seen, rates, strict=True):
        if seen.count(key) > 1:
            raise _Wrong(f"two prices are for the same model, {escaped(rate.model)}")
    return rates


def _rate(table: dict[str, Any], where: str) -> Rate:
    _only(_KEYS, table, where)
    model = _word(table, "model", where)
    where = f"{where} ({escaped(model)})"
    if ("host" in table) == ("provider" in table):
        raise _Wrong(f"{where} needs either host or provider",
                     'host = "localhost:8080", or provider = "openai".')  # fmt: skip
    host = _word(table, "host", where) if "host" in table else None
    if host is not None and not _HOST.fullmatch(host):
        raise _Wrong(f"{where}: host is no host's name",
                     "It is the part of the base URL between // and the next /.")  # fmt: skip
    prices = {key: _usd(table[key], key, where) for key in _PRICES if key in table}
    if not prices:
        raise _Wrong(f"{where} has no price", f"Known: {', '.join(_PRICES)}.")
    provider = _word(table, "provider", where) if "provider" in table else None
    return Rate(model=model, host=host, provider=provider, up_to_px=_pixels(table, where),
                date=_day(table.get("date", ""), where), **prices)  # fmt: skip


def _only(known: set[str], table: dict[str, Any], where: str) -> None:
    unknown = sorted(table.keys() - known)
    if unknown:
        raise _Wrong(f"{where} has an unknown key: {escaped(unknown[0])}",
                     f"Known: {', '.join(sorted(known))}.")  # fmt: skip


def _word(table: dict[str, Any], key: str, where: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise _Wrong(f"{where}: {key} must be a name")
    return value.strip()


def _usd(value: Any, key: str, where: str) -> Decimal:
    if not isinstance(value, bool) and isinstance(value, int | Decimal):
        amount = Decimal(value)
        if amount.is_finite() and 0 <= amount <= _MOST_USD:
            return amount
    raise _Wrong(f"{where}: {key} must be US dollars, a number from 0")


def _pixels(table: dict[str, Any], where: str) -> int | None:
    value = table.get("up_to_px")
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise _Wrong(f"{where}: up_to_px must be a whole number of pixels, above 0")
    return value


def _day(value: Any, where: str) -> str:
    if type(value) is date:
        return value.isoformat()
    try:
        return date.fromisoformat(value).isoformat() if value != "" else ""
    except (TypeError, ValueError) as exc:
        raise _Wrong(f'{where}: date must be a day such as "2026-11-20"') from exc
