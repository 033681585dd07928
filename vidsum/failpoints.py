"""Named places at which tests make a process die, hang or a disk fail; in use they do nothing.

``VIDSUM_FAIL_AT`` is read once: ``NAME=WHAT`` or ``NAME@N=WHAT`` for the Nth time that the place
is reached in a process, ``NAME@*=WHAT`` for each time, several with commas. WHAT is ``kill``
(SIGKILL, as when the machine is switched off), ``kill-group`` (the same for all of the process
group), ``hang`` (nothing ever again), or the name of an error of the operating system (``EIO``,
``ENOSPC``), raised as such. ``VIDSUM_FAIL_LOG`` names a file that gets a line with the name of each
place that is reached, so that a test can go through them.
"""

from __future__ import annotations

import errno
import os
import signal
import time
from collections import Counter
from typing import Final, NoReturn

_EACH_TIME: Final = 0


def _planned(text: str) -> dict[str, dict[int, str]]:
    """Return what is to happen where, by which time it is. Raises: ValueError."""
    planned: dict[str, dict[int, str]] = {}
    for part in filter(None, text.split(",")):
        place, _, what = part.partition("=")
        name, _, when = place.partition("@")
        known = what in ("kill", "kill-group", "hang") or what in vars(errno)
        if not known or not (when or "1").replace("*", "0").isdecimal():
            raise ValueError(f"VIDSUM_FAIL_AT has {part!r}; it takes NAME@N=kill or =EIO")
        planned.setdefault(name, {})[int((when or "1").replace("*", "0"))] = what
    return planned


_PLANNED: Final = _planned(os.environ.get("VIDSUM_FAIL_AT", ""))
_LOG: Final = os.environ.get("VIDSUM_FAIL_LOG", "")
_reached: Counter[str] = Counter()


def failpoint(name: str) -> None:
    """Fail here if a test wants it so. Raises: OSError."""
    if _LOG:
        _note(name)
    if name not in _PLANNED:
        return
    _reached[name] += 1
    times = _PLANNED[name]
    what = times.get(_reached[name], times.get(_EACH_TIME))
    if what is not None:
        _fail(what)


def _fail(what: str) -> NoReturn:
    if what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "kill-group":
        os.killpg(0, signal.SIGKILL)
    while what in ("hang", "kill", "kill-group"):  # a signal takes a moment
        time.sleep(3600)
    code = getattr(errno, what)
    raise OSError(code, os.strerror(code))


def _note(name: str) -> None:
    """Write one line at once, whatever other processes write."""
    descriptor = os.open(_LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, f"{name}\n".encode())
    finally:
        os.close(descriptor)
