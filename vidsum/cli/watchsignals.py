"""Signals to a program that watches: the first asks it to end, a second one ends it."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from types import FrameType
from typing import Final

from vidsum.errors import EXIT_INTERRUPTED

AT_ONCE_S: Final = 20.0
"""How long the end may take that a second signal asks for."""
_HANGS: Final = b"it hangs, perhaps in a share that does not answer: it is ended\n"


@contextlib.contextmanager
def told_by_signals(
    stop: Callable[[], None], abort: Callable[[], None], *, within_s: float
) -> Iterator[list[int]]:
    """Call ``stop`` at the first SIGTERM, SIGINT or SIGHUP and ``abort`` at the second.

    Both are called in a thread of their own: a handler could meet a lock that the interrupted code
    holds. Yields the signals that came, in order. A SIGHUP that is ignored (nohup) stays ignored.
    When the block was not left ``within_s`` seconds after the first, or :data:`AT_ONCE_S` after the
    second, the process ends where it is: its thread may wait for a share that is away.
    """
    came: list[int] = []
    queue: SimpleQueue[int] = SimpleQueue()
    timers: list[threading.Timer] = []

    def take(number: int, frame: FrameType | None) -> None:
        queue.put(number)

    def tell() -> None:
        while number := queue.get():
            came.append(number)
            _leave_after(within_s if len(came) == 1 else AT_ONCE_S)
            (stop if len(came) == 1 else abort)()

    def _leave_after(seconds: float) -> None:
        timer = threading.Timer(seconds, _leave)
        timer.daemon = True
        timer.start()
        timers.append(timer)

    caught = [signal.SIGTERM, signal.SIGINT]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        caught.append(signal.SIGHUP)
    before = {number: signal.signal(number, take) for number in caught}
    thread = threading.Thread(target=tell, name="signals", daemon=True)
    thread.start()
    try:
        yield came
    finally:
        queue.put(0)
        thread.join()
        for timer in timers:
            timer.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave() -> None:
    with contextlib.suppress(OSError):
        os.write(2, _HANGS)
    os._exit(EXIT_INTERRUPTED)
