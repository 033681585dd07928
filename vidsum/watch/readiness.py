"""Whether a file is whole: nothing tells, but one that has stopped changing mostly is."""

from __future__ import annotations

import stat
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vidsum.watch.job import Seen
from vidsum.watch.scanning import Scan

_EMPTY_TIMES: Final = 12
"""An empty file waits so many times as long: it is mostly a copy that begins. A minute, where
others wait for five seconds."""
_OLD_S: Final = 60.0
_MISSING_SCANS: Final = 2


@dataclass(frozen=True, slots=True)
class Changes:
    """What a scan has shown.

    ``ready``: new or changed files that have stopped changing. ``gone``: known files that are not
    there any more. ``waiting``: how many may yet become ready, the first of them in ``next_s``
    seconds; None when there is none that can be seen now. ``left``: the empty files that are not
    waited for, see ``once`` below.
    """

    ready: tuple[Seen, ...] = ()
    gone: tuple[Path, ...] = ()
    waiting: int = 0
    next_s: float | None = None
    left: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class _Wait:
    seen: Seen
    since_s: float


class Readiness:
    """What was seen in the scans before, so that two of them can be compared.

    A file is ready when two scans found the same size, mtime and inode, with ``settle_s`` seconds
    of ``clock`` between the first and the last that did. What its mtime says is of no account: a
    copy keeps an old one, and a camera's clock may be set to any year. An empty file needs twelve
    times as long. With ``once`` there is no time for that: one that is a minute old, by ``today``,
    needs no longer than any other, and a newer one is left for the next call.
    """

    def __init__(
        self,
        settle_s: float,
        clock: Callable[[], float] = time.monotonic,
        *,
        once: bool = False,
        today: Callable[[], float] = time.time,
    ) -> None:
        self._settle_s, self._once = settle_s, once
        self._clock, self._today = clock, today
        self._waiting: dict[Path, _Wait] = {}
        self._missing: dict[Path, int] = {}

    def take(self, scan: Scan, known: Mapping[Path, Seen]) -> Changes:
        """Return what follows from one more scan.

        ``known`` is what was dealt with already or is in the queue, as it was when it became
        ready; files that are gone are not in it. What is ready, or gone, is said again after
        later scans until ``known`` has it, or has it no more. After a scan with trouble nothing is
        ready or gone.
        """
        now_s = self._clock()
        if scan.trouble:
            self._missing.clear()
            return Changes(waiting=len(self._waiting))
        there = {seen.path: seen for seen in scan.files}
        unread = frozenset(scan.unread)
        self._waiting = {
            path: wait for path, wait in self._waiting.items()
            if path in there or _within(path, unread)
        }  # fmt: skip
        ready = [seen for seen in scan.files if self._settled(seen, known.get(seen.path), now_s)]
        gone = self._gone(known, there, unread)
        left_s = [
            wait.since_s + self._needed_s(wait.seen) - now_s
            for path, wait in self._waiting.items() if path in there
        ]  # fmt: skip
        next_s = max(0.0, min(left_s)) if left_s else None
        left = [seen.path for seen in scan.files
                if seen != known.get(seen.path) and self._is_left(seen)]  # fmt: skip
        return Changes(tuple(ready), tuple(gone), len(self._waiting), next_s, tuple(left))

    def _settled(self, seen: Seen, known: Seen | None, now_s: float) -> bool:
        """Return whether a file that needs something done has been the same for long enough."""
        if seen == known or self._is_left(seen):
            self._waiting.pop(seen.path, None)
            return False
        wait = self._waiting.get(seen.path)
        if wait is None or wait.seen != seen:
            self._waiting[seen.path] = _Wait(seen, now_s)
            return False
        if now_s - wait.since_s < self._needed_s(seen):
            return False
        del self._waiting[seen.path]
        return True

    def _gone(
        self, known: Mapping[Path, Seen], there: Mapping[Path, Seen], unread: frozenset[Path]
    ) -> list[Path]:
        """Return the known files that this scan and the one before it did not find."""
        self._missing = {
            path: min(_MISSING_SCANS, self._missing.get(path, 0) + 1)
            for path in known if path not in there and not _within(path, unread)
        }  # fmt: skip
        return [path for path, scans in self._missing.items() if scans == _MISSING_SCANS]

    def _needed_s(self, seen: Seen) -> float:
        return self._settle_s * (1 if seen.size_bytes or self._once else _EMPTY_TIMES)

    def _is_left(self, seen: Seen) -> bool:
        """Return whether a file may be a copy that has just begun, for which nobody waits."""
        new = self._today() - seen.mtime_ns / 1e9 < _OLD_S
        return self._once and not seen.size_bytes and new


def still(root: Path, seen: Seen) -> bool:
    """Return whether a file is what a scan saw: the check after it was hashed, and decoded."""
    try:
        state = (root / seen.path).stat()
    except OSError:
        return False
    found = Seen(seen.path, state.st_size, state.st_mtime_ns, state.st_ino)
    return stat.S_ISREG(state.st_mode) and found == seen


def _within(path: Path, folders: frozenset[Path]) -> bool:
    return bool(folders) and (path in folders or any(one in folders for one in path.parents))
