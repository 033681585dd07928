"""Named places at which tests make a process die or a disk fail; in use they do nothing.

``VIDSUM_FAIL_AT`` is read once: ``NAME=WHAT`` or ``NAME@N=WHAT`` for the Nth time that the place
is reached in a process, several with commas. WHAT is ``kill`` (SIGKILL, as when the machine is
switched off) or the name of an error of the operating system (``EIO``, ``ENOSPC``), raised as such.
"""

from __future__ import annotations

import errno
import os
import signal
from collections import Counter
from typing import Final


def _planned(text: str) -> dict[str, tuple[int, str]]:
    """Return what is to happen where, and at which time. Raises: ValueError."""
    planned = {}
    for part in filter(None, text.split(",")):
        place, _, what = part.partition("=")
        name, _, time = place.partition("@")
        if not (what == "kill" or what in vars(errno)) or not (time or "1").isdecimal():
            raise ValueError(f"VIDSUM_FAIL_AT has {part!r}; it takes NAME@N=kill or =EIO")
        planned[name] = (int(time or "1"), what)
    return planned


_PLANNED: Final = _planned(os.environ.get("VIDSUM_FAIL_AT", ""))
_reached: Counter[str] = Counter()


def failpoint(name: str) -> None:
    """Fail here if a test wants it so. Raises: OSError."""
    if name not in _PLANNED:
        return
    _reached[name] += 1
    time, what = _PLANNED[name]
    if _reached[name] != time:
        return
    if what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    code = getattr(errno, what)
    raise OSError(code, os.strerror(code))
