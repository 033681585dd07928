"""Where something was recorded: a point as ISO 6709 writes it, put so that people can read it."""

from __future__ import annotations

import re
from typing import Final

_POINT: Final = re.compile(
    r"([+-]\d{1,6}(?:\.\d{1,12})?)([+-]\d{1,7}(?:\.\d{1,12})?)"
    r"([+-]\d{1,6}(?:\.\d{1,6})?)?(?:CRS[\w:]{1,40})?/?"
)
_ALTITUDE_SHORTEST: Final = re.compile(r"([+-])0*(\d+?)(?:\.0*|(\.\d*?[1-9])0*)?")


def place(written: str) -> str | None:
    """Return ``+35.6581+139.7017+044.000/`` as ``35.6581° N, 139.7017° E, altitude 44 m``.

    No figure is rounded or made finer. None for what is no point on the globe, and for the very
    point 0, 0, which a device without a fix writes.

    Source: ISO 6709:2022, the compact form: two digits before the point are degrees of latitude,
    four degrees and minutes, six seconds too; one more for longitude. Android writes fewer.
    """
    found = _POINT.fullmatch(written.strip())
    if found is None:
        return None
    latitude, longitude = _angle(found[1], 2, 90), _angle(found[2], 3, 180)
    if latitude is None or longitude is None or not re.search("[1-9]", found[1] + found[2]):
        return None
    parts = [
        f"{latitude} {'S' if found[1][0] == '-' else 'N'}",
        f"{longitude} {'W' if found[2][0] == '-' else 'E'}",
    ]
    if found[3]:
        parts.append(f"altitude {_altitude(found[3])} m")
    return ", ".join(parts)


def _angle(written: str, degree_digits: int, most: int) -> str | None:
    """Return an angle without its sign; None if it is out of range or of no known form."""
    whole, point, fraction = written[1:].partition(".")
    end = point + fraction
    if len(whole) <= degree_digits:
        fits = float(whole + end) <= most
        return f"{int(whole)}{end}°" if fits else None
    degrees, rest = int(whole[:degree_digits]), whole[degree_digits:]
    if len(rest) not in (2, 4) or degrees > most or float(rest[-2:] + end) >= 60:
        return None
    if len(rest) == 2:
        return f"{degrees}°{int(rest)}{end}′"
    if int(rest[:2]) >= 60:
        return None
    return f"{degrees}°{int(rest[:2])}′{int(rest[2:])}{end}″"


def _altitude(written: str) -> str:
    found = _ALTITUDE_SHORTEST.fullmatch(written)
    if found is None:
        return written.removeprefix("+")
    sign = "-" if found[1] == "-" and re.search("[1-9]", written) else ""
    return f"{sign}{found[2]}{found[3] or ''}"
