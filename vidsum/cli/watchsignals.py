"""Signals to a program that watches: the first asks it to end, a second one ends it."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from types import FrameType


@contextlib.contextmanager
def told_by_signals(stop: Callable[[], None], abort: Callable[[], None]) -> Iterator[list[int]]:
    """Call ``stop`` at the first SIGTERM, SIGINT or SIGHUP and ``abort`` at the second.

    Both are called in a thread of their own: a handler could meet a lock that the interrupted code
    holds. Yields the signals that came, in order. A SIGHUP that is ignored (nohup) stays ignored.
    """
    came: list[int] = []
    queue: SimpleQueue[int] = SimpleQueue()

    def take(number: int, frame: FrameType | None) -> None:
        queue.put(number)

    def tell() -> None:
        while number := queue.get():
            came.append(number)
            (stop if len(came) == 1 else abort)()

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
        for number, handler in before.items():
            signal.signal(number, handler)
