"""The processes that work on files: started, listened to, and ended, whatever they do."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Final

import vidsum
from vidsum.errors import BackendFailed
from vidsum.events import Event
from vidsum.watch import outcomes
from vidsum.watch.job import Again, Job
from vidsum.watch.messages import (
    OTHER_VERSION,
    Leave,
    Order,
    Stop,
    ToWorker,
    Verdict,
    receive,
    send,
)
from vidsum.watch.settings import Settings
from vidsum.watch.stages import Stages
from vidsum.wording import escaped

_LAST_WORDS_BYTES: Final = 4096
_KEPT_LETTERS: Final = 1024
_LINE_LETTERS: Final = 200
_ASLEEP_S: Final = 60.0
"""Who has not looked at the workers for so long was stopped, or frozen, and they with it."""
_ENDING_S: Final = 10.0
"""How long a process may take to end after its last message."""
_SECRETS: Final = re.compile(
    r"(?i)(?<=://)[^/\s@]+@|\?[^\s\"']+|\b(?:bearer|basic)\s+\S+|\b(?:sk|key|pk)-[\w-]{8,}"
    r"|(?<=key=)\S+|(?<=token=)\S+|(?<=password=)\S+"
)
"""What may be a key: user names in addresses, their queries, headers, and what looks like one."""


@dataclass(frozen=True, slots=True)
class Said:
    """A worker has told something. ``message`` is None when it has ended."""

    worker: Worker
    message: object | None


Post = Callable[[Said], None]


class Worker:
    """One process for one job. ``post`` is called from a thread of the worker's own."""

    def __init__(self, order: Order, post: Post) -> None:
        """Start it. Raises: BackendFailed when the system starts no more processes."""
        self.job = order.job
        self._stages = Stages()
        self.stage = ""
        """What it is doing, for people."""
        self.sha256: str | None = None
        """The content, once it has found that out."""
        self.asks: str | None = None
        """The same, while it waits for leave."""
        self.heard_s = time.monotonic()
        """When it last said anything."""
        self.asked_to_end = False
        self._stalled_s: float | None = None
        self._spoke = False
        self._verdict: Verdict | None = None
        self._post = post
        self._last_words = b""
        self._reaping = threading.RLock()
        self._process = _started()
        self._ear = threading.Thread(target=self._overhear, daemon=True)
        try:
            self._ear.start()
            threading.Thread(target=self._listen, daemon=True).start()
        except RuntimeError as exc:  # there are no more threads to be had
            self.kill()
            raise _unstarted(str(exc)) from exc
        self.tell(order)

    @property
    def pid(self) -> int:
        """The process id, which is that of its group, too."""
        return self._process.pid

    def tell(self, message: ToWorker) -> None:
        """Send a message; one that has died does not hear it."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            send(self._process.stdin, message)

    def ask(self, sha256: str) -> None:
        """Take note that it waits for leave to work on this content."""
        self.sha256 = self.asks = sha256

    def grant(self) -> None:
        """Let it go on: nobody else works on what it has."""
        self.asks, self.heard_s = None, time.monotonic()
        self.tell(Leave())

    def note(self, event: Event) -> None:
        """Take note of how far it is."""
        self._stages.take(event)
        self.stage = self._stages.words()

    def ask_to_end(self) -> None:
        """Have it end soon; what it has found is kept."""
        if not self.asked_to_end:
            self.asked_to_end = True
            self.tell(Stop())

    def kill(self, stalled_s: float | None = None) -> None:
        """End it and its decode process at once; ``stalled_s``: it said nothing for so long."""
        self._stalled_s = self._stalled_s or stalled_s
        with self._reaping:  # once it is waited for, its number may be somebody else's
            if self._process.returncode is None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, signal.SIGKILL)

    @property
    def outdated(self) -> bool:
        """Whether it ended because it is of another version of vidsum than this process."""
        return not self._spoke and self._process.returncode == OTHER_VERSION

    def verdict(self) -> Verdict:
        """Return what became of the file; for a process that has ended."""
        found = self._verdict or self._broken_off()
        return replace(found, trace=found.trace or self._trace())

    def _broken_off(self) -> Verdict:
        """Return what a death without a last message means."""
        if self._stalled_s is not None:
            why = f"the worker said nothing for {self._stalled_s:g} s and was ended"
            return Verdict(Again(why), hint="--stall changes how long it may take.")
        if self.asked_to_end:
            return outcomes.ended()
        if self.outdated:
            return outcomes.other_version("vidsum was changed while it watched")
        code = self._process.returncode
        why = f"the worker died ({_how(code)})"
        if code is not None and code > 0 and not self._spoke:
            return outcomes.not_started(f"{why} before it had begun: {self._last_line()}")
        return Verdict(Again(why, died=True), hint=outcomes.MEMORY)

    def _trace(self) -> str:
        """Return the end of what it said on stderr, without what may be a key."""
        said = self._last_words.decode("utf-8", "replace")
        lines = (escaped(_SECRETS.sub("…", line)) for line in said.splitlines())
        return "\n".join(lines)[-_KEPT_LETTERS:]

    def _last_line(self) -> str:
        """Return what an error would be named in, if it said one."""
        return self._trace().rpartition("\n")[2][:_LINE_LETTERS] or "it said nothing"

    def _listen(self) -> None:
        assert self._process.stdout is not None
        try:
            for message in _messages(self._process.stdout):
                self.heard_s, self._spoke = time.monotonic(), True
                if isinstance(message, Verdict):
                    self._verdict = message
                else:
                    self._post(Said(self, message))
            self._end()
        finally:
            self._post(Said(self, None))

    def _overhear(self) -> None:
        """Keep the last that it says on stderr, and let it never wait for us."""
        assert self._process.stderr is not None
        with self._process.stderr as stream:
            while said := os.read(stream.fileno(), _LAST_WORDS_BYTES):
                self._last_words = (self._last_words + said)[-_LAST_WORDS_BYTES:]

    def _end(self) -> None:
        """Wait for a process that has no more to say, and let go of its pipes."""
        end_s = time.monotonic() + _ENDING_S
        while not _has_ended(self._process.pid) and time.monotonic() < end_s:
            time.sleep(0.01)
        self.kill()  # and what is left of its group
        _wait(self._process.pid)
        with self._reaping:
            self._process.wait()
        self._ear.join(_ENDING_S)  # what it left behind may have its stderr still
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


class Workers:
    """Those that are at work now. For one thread, but for :meth:`kill`."""

    def __init__(self, settings: Settings, post: Post) -> None:
        self._settings, self._post = settings, post
        self._all: list[Worker] = []
        self._looked_s = time.monotonic()

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Worker]:
        return iter(tuple(self._all))

    @property
    def free(self) -> int:
        """How many more may be started."""
        return self._settings.workers - len(self._all)

    def start(self, job: Job, *, last: bool) -> Worker:
        """Start one for a job. Raises: BackendFailed."""
        worker = Worker(Order(self._settings, job, last), self._post)
        self._all.append(worker)
        return worker

    def drop(self, worker: Worker) -> None:
        """Forget one that has ended."""
        self._all.remove(worker)

    def end_stalled(self) -> None:
        """End those that have said nothing for too long; to be called every few seconds."""
        now_s, most_s = time.monotonic(), self._settings.stall_s
        asleep = now_s - self._looked_s > _ASLEEP_S
        self._looked_s = now_s
        for worker in self:
            if asleep:
                worker.heard_s = now_s
            if worker.asks is None and now_s - worker.heard_s > most_s:
                worker.kill(most_s)

    def ask_to_end(self) -> None:
        """Have all of them end soon."""
        for worker in self:
            worker.ask_to_end()

    def kill(self) -> None:
        """End all of them at once; from any thread, and from a signal handler."""
        for worker in self:
            worker.asked_to_end = True
            worker.kill()


def _started() -> subprocess.Popen[bytes]:
    """Return a process of a session of its own: a key pressed at a terminal does not reach it."""
    root = str(Path(vidsum.__file__).resolve().parent.parent)
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "vidsum.watch.worker", vidsum.__version__],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": root}, start_new_session=True,
        )  # fmt: skip
    except OSError as exc:
        raise _unstarted(str(exc.strerror)) from exc


def _unstarted(why: str) -> BackendFailed:
    return BackendFailed(f"A worker cannot be started: {why}.", "Are there too many processes?",
                         kind="transient")  # fmt: skip


def _messages(stream: IO[bytes]) -> Iterator[object]:
    """Yield what comes until the stream ends, or what comes is no message."""
    try:
        while (message := receive(stream)) is not None:
            yield message
    except Exception:  # noqa: BLE001 - a dying process may have written anything
        return


def _has_ended(pid: int) -> bool:
    """Say whether a child has ended, without taking note of it for good."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:  # where SIGCHLD is ignored, nobody need take note
        return True


def _wait(pid: int) -> None:
    """Wait until a child has ended, without taking note of it for good."""
    with contextlib.suppress(ChildProcessError):
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def _how(code: int | None) -> str:
    """Say how a process ended."""
    if code is not None and code < 0:
        try:
            return signal.Signals(-code).name
        except ValueError:
            return f"signal {-code}"
    return f"exit code {code}"
