"""The thread that looks at the folder: a share that hangs must not hold up anything else."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from types import TracebackType
from typing import Final, Self

from vidsum.watch.scanning import Scan, scan
from vidsum.watch.settings import Settings
from vidsum.watch.waking import Waker
from vidsum.wording import safe

_REST_S: Final = 0.1
"""The least time between two looks: a file that is being copied makes many events a second."""
_SHARE: Final = 20.0
"""Of a processor's time looking takes so small a part: a hundred thousand files take a second."""
_LEAVE_S: Final = 2.0


class Lookout:
    """Scans when the folder's events wake it, and when it is time; use it as a context manager.

    After each scan it waits for :meth:`again`. Where a scan takes long, they are rarer.
    """

    def __init__(self, settings: Settings, post: Callable[[Scan], None], *, expected: bool) -> None:
        """``expected``: files are known to have been there, see :func:`scan`."""
        self._settings, self._post, self._expected = settings, post, expected
        self._orders: SimpleQueue[float] = SimpleQueue()
        self._over = threading.Event()
        self._waker = Waker(settings.root, poll=settings.poll, follow_links=settings.follow_links)
        self._thread = threading.Thread(target=self._watch, name="lookout", daemon=True)

    def __enter__(self) -> Self:
        self._waker.__enter__()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:  # fmt: skip
        self._over.set()
        self._orders.put(0.0)
        self._waker.wake()
        self._thread.join(_LEAVE_S)  # a share that hangs does so for ever
        if not self._thread.is_alive():
            self._waker.__exit__(kind, value, trace)

    @property
    def trouble(self) -> str:
        """Why the folder is looked at by the clock only; empty when that is as it should be."""
        return self._waker.trouble

    def again(self, within_s: float, *, expected: bool) -> None:
        """Have it look again in so many seconds, or as soon as something happens."""
        self._expected = expected
        self._orders.put(within_s)

    def _scanned(self) -> Scan:
        try:
            return scan(self._settings, expected=self._expected)
        except Exception as exc:  # noqa: BLE001 - a thread that died would never look again
            return Scan(trouble=f"The folder cannot be looked at: {safe(str(exc))}.")

    def _watch(self) -> None:
        while not self._over.is_set():
            started_s, computed_s = time.monotonic(), time.thread_time()
            self._post(self._scanned())
            took_s = time.monotonic() - started_s
            least_s = _SHARE * (time.thread_time() - computed_s)
            within_s = max(self._orders.get(), least_s)
            self._over.wait(min(within_s, max(_REST_S, took_s)))
            if not self._over.is_set():
                self._waker.wait(within_s)
