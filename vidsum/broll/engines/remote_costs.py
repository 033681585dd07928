"""What a request for pictures may use, likely uses and did use, and what each picture cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from vidsum.broll.engines.protocol import ImageRequest
from vidsum.broll.engines.remote_models import family_of
from vidsum.costs.budget import dollars
from vidsum.costs.prices import PriceBook
from vidsum.data import ModelRef, Origin, Quantities, Usage

_FRAME_TOKENS: Final = 64
"""What a provider puts around a prompt."""
_LIKELY_LETTERS: Final = 4
"""Of a token of text."""
_REFERENCE_TOKENS: Final = (1_500, 8_192)
"""The likely and the most tokens of a reference of at most 1024 pixels. The most that is known is
6,827: a picture seen with high fidelity. Source: OpenAI's guide to images as inputs of
2025-12, as remembered: it could not be read again here."""


def most(request: ImageRequest, model: str) -> Quantities:
    """Return the most that a request may use, to reserve by.

    Several pictures of one request are billed as so many requests. A text has no more tokens than
    bytes of UTF-8.
    """
    text = len(request.prompt.encode("utf-8", "surrogatepass")) + _FRAME_TOKENS
    return _expected(request, model, text, at_most=True)


def likely(request: ImageRequest, model: str) -> Quantities:
    """Return what a request will about use; as in :func:`most`, tokens are those of any model."""
    text = len(request.prompt) // _LIKELY_LETTERS + _FRAME_TOKENS
    return _expected(request, model, text, at_most=False)


def _expected(request: ImageRequest, model: str, text: int, *, at_most: bool) -> Quantities:
    count, pixels = request.count, request.width_px * request.height_px
    seen = len(request.references) * _REFERENCE_TOKENS[at_most]
    made = family_of(model).tokens(request.width_px, request.height_px)[at_most]
    return Quantities(
        calls=1, input_tokens=count * (text + seen), image_tokens=count * seen,
        output_tokens=count * made, images=count, pixels=count * pixels, steps=request.steps,
    )  # fmt: skip


def used(
    usage: Usage, seen: int | None, steps: int | None, delivered: int, pixels: int | None
) -> tuple[Quantities, Origin]:
    """Return what a request used, as the ledger has it, and how that is known.

    Pictures and pixels are counted here; tokens are the provider's word, or not known.
    ``delivered`` pictures came, usable or not; ``pixels`` is None where those are not known.
    """
    counted = Quantities(calls=1, images=delivered, pixels=pixels, steps=steps)
    if usage.origin == "unknown":
        return counted, "measured"
    return replace(
        counted, input_tokens=usage.input_tokens, output_tokens=usage.output_tokens,
        reasoning_tokens=usage.reasoning_tokens, cache_read_tokens=usage.cached_tokens,
        image_tokens=seen,
    ), "reported"  # fmt: skip


def shares(
    prices: PriceBook, model: ModelRef, spent: Quantities, origin: Origin, cost_usd: str | None,
    pictures: int,
) -> tuple[Sequence[str | None], Origin]:  # fmt: skip
    """Return what each of so many pictures cost, in US dollars, and how that is known.

    They add up to the bill; what cannot be divided is in the first. None: no price is known.
    """
    price = prices.reported(cost_usd) if cost_usd else None
    how: Origin = "reported" if price or origin == "reported" else "estimated"
    price = price or prices.price(model, spent)
    if price is None:
        return [None] * pictures, "unknown"
    each, rest = divmod(price.usd_nano, pictures)
    return [dollars(each + (number < rest)) for number in range(pictures)], how
