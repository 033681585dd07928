"""The process that works on one file: ``python -m vidsum.watch.worker``.

It does what ``vidsum VIDEO`` does, and writes the results. Its order comes on stdin, and what it
has to say goes to what was stdout, see :mod:`vidsum.watch.messages`. When stdin ends, the watcher
is dead and the worker ends at once; its decode process ends with it, for their pipe closes.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import BinaryIO, Final

import vidsum
from vidsum.data import Result
from vidsum.errors import EXIT_INTERRUPTED, MediaError, VidsumError
from vidsum.failpoints import failpoint
from vidsum.pipeline.run import Run
from vidsum.watch import folders, outcomes
from vidsum.watch.allowance import better_tomorrow
from vidsum.watch.messages import (
    OTHER_VERSION,
    Alive,
    FromWorker,
    Identified,
    Leave,
    Order,
    Stop,
    Verdict,
    receive,
    send,
)

_LOOK_EVERY_S: Final = 5.0
_SIGN_OF_LIFE_BYTES: Final = 1_000_000
_STOP_S: Final = 3.0
"""After a signal, so long the watcher has to say that it ends, too: a system that goes down tells
all processes at once."""
_IO: Final = Path("/proc/self/io")


class _Changed(VidsumError):
    """The file is not what the scan found."""


@dataclass(slots=True)
class Line:
    """The line to the watcher, for all threads."""

    source: BinaryIO
    sink: BinaryIO
    leave: SimpleQueue[Leave] = field(default_factory=SimpleQueue)
    stop: threading.Event = field(default_factory=threading.Event)
    """Set when the watcher has asked for an end."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def tell(self, message: FromWorker) -> None:
        """Send a message; without a watcher the process ends."""
        with self._lock:
            try:
                send(self.sink, message)
            except OSError:
                os._exit(EXIT_INTERRUPTED)

    def listen(self) -> None:
        """Take in what the watcher says, in a thread of its own, until it ends."""
        try:
            while (message := receive(self.source)) is not None:
                if isinstance(message, Leave):
                    self.leave.put(message)
                elif isinstance(message, Stop):
                    self.stop.set()
                    main = threading.main_thread().ident
                    assert main is not None
                    signal.pthread_kill(main, signal.SIGINT)  # wakes it from a wait, too
        finally:
            os._exit(EXIT_INTERRUPTED)

    def show_life(self) -> None:
        """Say now and then that there is progress that no event tells of: a long file is read."""
        told_bytes = 0
        while not _OVER.wait(_LOOK_EVERY_S):
            read_bytes = _read_bytes()
            if read_bytes - told_bytes >= _SIGN_OF_LIFE_BYTES:
                told_bytes = read_bytes
                self.tell(Alive())


_OVER: Final = threading.Event()


def work(order: Order, line: Line) -> Verdict:
    """Return what became of a file. Raises: KeyboardInterrupt when the watcher wants an end."""
    path = order.settings.root / order.job.seen.path
    try:
        return _worked(order, line, path)
    except _Changed:
        return outcomes.changed()
    except Exception as exc:  # noqa: BLE001 - one file's trouble ends no watcher
        if not isinstance(exc, VidsumError):
            traceback.print_exc()
        file = outcomes.Read()
        if isinstance(exc, MediaError):
            file = outcomes.Read(_unchanged(order), _readable(path))
        return outcomes.of_error(exc, file)


def _worked(order: Order, line: Line, path: Path) -> Verdict:
    from vidsum import api

    if not _unchanged(order):
        raise _Changed(outcomes.CHANGED)
    run = api.start(path, order.settings.options, line.tell)
    with api.finishing(run):
        sha256 = api.identify(run)
        _check(order, run)
        failpoint("worker.identified")
        if sha256 is not None:  # else opening it says why it cannot be read
            line.tell(Identified(sha256))
            line.leave.get()
        result = api.summarized(run)
    failpoint("worker.summarized")
    _check(order, run)
    put_off = _put_off(order, run, result)
    if put_off is not None:
        return put_off
    _go_on()  # all results or none: this takes no time
    return outcomes.of_result(result, _written(order, result), sha256, run.troubles)


def _put_off(order: Order, run: Run, result: Result) -> Verdict | None:
    """Return why a result is not written: another time there will be more of it."""
    failed = outcomes.of_failures(result, run.troubles, last=order.last)
    if failed is not None:
        return failed
    why = better_tomorrow(run.meter)
    return None if why is None else outcomes.of_day(why)


def _written(order: Order, result: Result) -> tuple[Path, ...]:
    """Write a result in every format. Raises: OutputError."""
    from vidsum.outputs import write_whole
    from vidsum.renderers.rendered import rendered
    from vidsum.watch.placing import result_path

    settings = order.settings
    texts = {
        result_path(settings, order.job.seen.path, form): rendered(
            result, form, timeline=settings.options.timeline
        )
        for form in settings.formats
    }
    for path, text in texts.items():
        folders.make(settings, path.parent)
        write_whole(path, text, follow=False)
        failpoint("worker.written")
    return tuple(texts)


def _check(order: Order, run: Run) -> None:
    """Raises: _Changed when the file is no regular file, or not the one that the scan found."""
    if not _unchanged(order):
        run.finish("file changed")
        raise _Changed(outcomes.CHANGED)


def _unchanged(order: Order) -> bool:
    from vidsum.watch.readiness import still

    return still(order.settings.root, order.job.seen)


def _readable(path: Path) -> bool:
    """Say whether a file can be read to its end: where it cannot, its content is not to blame."""
    from vidsum.media.identity import sha256_of

    return sha256_of(path) is not None


def _go_on() -> None:
    """Hear no request to end any more."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _read_bytes() -> int:
    """Return how much this process has read so far; 0 where nobody tells."""
    try:
        text = _IO.read_text("ascii")
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in text.splitlines() if line[:6] == "rchar:"), 0)


def _own_line() -> Line:
    """Return the line to the watcher; what libraries say on stdout goes to stderr from now on."""
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return Line(os.fdopen(os.dup(0), "rb"), sink)


def main() -> None:
    """Work on one file, and end."""
    for number in (signal.SIGINT, signal.SIGTERM):  # the watcher may have ignored them
        signal.signal(number, signal.default_int_handler)
    if sys.argv[1:] != [vidsum.__version__]:  # it was replaced while it watched
        os._exit(OTHER_VERSION)
    line = _own_line()
    try:
        order = receive(line.source)
        if not isinstance(order, Order):
            os._exit(EXIT_INTERRUPTED)
        for task in (line.listen, line.show_life):
            threading.Thread(target=task, daemon=True).start()
        line.tell(Alive())  # what goes wrong from now on has to do with the file
        verdict = work(order, line)
        _go_on()
    except KeyboardInterrupt:
        _go_on()
        verdict = outcomes.ended() if line.stop.wait(_STOP_S) else outcomes.shot_down()
    line.tell(verdict)
    sys.stderr.flush()
    os._exit(0)  # a model's library may still compute; it is of no use to wait for it


if __name__ == "__main__":
    main()
