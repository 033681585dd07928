"""When a request is worth repeating, and how long to wait before it is."""

from __future__ import annotations

import email.utils
import math
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Retrying:
    """How patient to be with a server that is busy or away.

    The wait before repetition n is a random share of ``base_s`` × 2ⁿ⁻¹, at most ``cap_s`` ("full
    jitter": many clients do not come back at once). A server's own wish counts instead, unless it
    is over ``longest_wish_s``: then the request is given up. ``total_s`` bounds a request with
    all its repetitions; ``attempts`` counts the first one too, and is ``first_attempts`` as long
    as the server never answered anything.
    Source: M. Brooker, "Exponential backoff and jitter", AWS Architecture Blog, 2015.
    """

    attempts: int = 6
    first_attempts: int = 3
    base_s: float = 1.0
    cap_s: float = 30.0
    longest_wish_s: float = 120.0
    total_s: float = 600.0

    def wait_s(self, failed: int, wish_s: float | None) -> float | None:
        """Return the seconds to wait after so many failures; None to give up."""
        if wish_s is None:
            return random.uniform(0, min(self.cap_s, self.base_s * 2 ** (failed - 1)))
        if wish_s > self.longest_wish_s:
            return None
        return wish_s + random.uniform(0, min(1.0, self.base_s))


def wished_wait_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a server asks to wait: ``Retry-After`` and its variant in ms.

    Source: RFC 9110, section 10.2.3; ``retry-after-ms`` is OpenAI's and Azure's.
    """
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        given = headers.get(name, "")
        try:
            wish_s = float(given) * unit_s
        except ValueError:
            continue
        if math.isfinite(wish_s) and wish_s >= 0:
            return wish_s
    try:
        date = email.utils.parsedate_to_datetime(headers.get("retry-after", ""))
        return max(0.0, date.timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return None
