"""Totals of the ledger as cells of a table and as a sentence; text in aligned columns.

``~`` is estimated, ``≥`` says that some of it is not known, ``?`` that nothing is.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence, Set

from vidsum.data import Sum, Total
from vidsum.renderers.figures import amount, money, rounded, seconds, usd

NONE = "-"
"""There is nothing of this kind: that is known, unlike ``?``."""
COLUMNS = ("calls", "tokens in/out", "images", "sound", "wall", "CPU", "CU", "J", "USD")


def cells(total: Total) -> tuple[str, ...]:
    """Return a total's figures in the order of :data:`COLUMNS`."""
    calls = total.calls > 0
    return (
        f"{total.calls:,}" if calls else NONE,
        _tokens(total),
        f"{total.images:,}" if total.images else NONE,
        f"{rounded(total.audio_s)} s" if total.audio_s else NONE,
        seconds(total.wall_s) if any_of(total.wall_s) else NONE,
        seconds(total.cpu_s) if any_of(total.cpu_s) else NONE,
        amount(total.cu) if calls else NONE,
        amount(total.joules) if any_of(total.joules) else NONE,
        _money(total.usd_nano) if calls else NONE,
    )


def any_of(known: Sum) -> bool:
    """Return whether there is anything to say of a sum."""
    return bool(known.value or known.unknown)


def _tokens(total: Total) -> str:
    both = total.input_tokens, total.output_tokens
    return "/".join(map(amount, both)) if any(map(any_of, both)) else NONE


def _money(known: Sum) -> str:
    """Return money without how many calls are unpriced: :func:`sentence` says that."""
    if known.unknown and not known.value:
        return "?"
    mark = ("≥ " if known.unknown else "") + ("~" if known.estimated and known.value else "")
    return mark + usd(int(known.value))


def sentence(total: Total) -> str:
    """Return a total in words, with what is missing from it."""
    parts = [calls_text(total.calls)]
    if total.failed_calls:
        parts[0] += f" ({total.failed_calls:,} failed)"
    if _tokens(total) != NONE:
        told, given = amount(total.input_tokens), amount(total.output_tokens)
        one = told.lstrip("≥ ~") == "1"
        parts += [f"{told} {'token' if one else 'tokens'} in", f"{given} out"]
    if any_of(total.wall_s):
        parts.append(f"{seconds(total.wall_s)} wall")
    if any_of(total.cu):
        missing = f" ({calls_text(total.cu.unknown)} of unknown compute)"
        parts.append(f"{amount(total.cu, 'CU')}{missing if total.cu.unknown else ''}")
    if total.joules.value:
        parts.append(amount(total.joules, "J"))
    if total.usd_nano.unknown and not total.usd_nano.value:
        parts.append(f"API money unknown ({calls_text(total.usd_nano.unknown)} unpriced)")
    else:
        parts.append(f"{money(total.usd_nano)} of API money")
    return ", ".join(parts) + "."


def calls_text(number: int) -> str:
    """Return a number of calls in words."""
    return f"{number:,} call{'' if number == 1 else 's'}"


def width_of(text: str) -> int:
    """Return how many columns a terminal gives a text: two for Chinese and the like."""
    return sum(
        2 if unicodedata.east_asian_width(one) in "WF" else 0 if unicodedata.combining(one) else 1
        for one in text
    )


def columns(lines: Sequence[Sequence[str]], words: int, *, last_words: bool = False) -> str:
    """Return aligned columns for a pipe: the first ``words`` are text, figures stand right.

    ``last_words``: the last column is text too.
    """
    widths = [max(map(width_of, column)) for column in zip(*lines, strict=True)]
    left = {*range(words), *([len(widths) - 1] if last_words else [])}
    return "".join(f"{_line(line, widths, left)}\n" for line in lines)


def _line(line: Sequence[str], widths: Sequence[int], left: Set[int]) -> str:
    padded = []
    for place, (text, width) in enumerate(zip(line, widths, strict=True)):
        gap = " " * (width - width_of(text))
        padded.append(text + gap if place in left else gap + text)
    return "  ".join(padded).rstrip()
