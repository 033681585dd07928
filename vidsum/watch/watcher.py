"""The watcher of one folder: it looks, decides, and has workers do the work.

All is decided in one thread. Others look at the folder, listen to workers and run hooks; they put
what they find into one queue.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final

from vidsum.errors import BackendFailed, OptionError, OutputError
from vidsum.events import Event
from vidsum.failpoints import failpoint
from vidsum.watch import folders, quarantine
from vidsum.watch.holding import Hold, hold
from vidsum.watch.hooks import Finished, Hooks, Ran
from vidsum.watch.job import MOST_ATTEMPTS, Again, GivenUp, Job
from vidsum.watch.jobs import Jobs, default_path
from vidsum.watch.lookout import Lookout
from vidsum.watch.messages import Alive, Halt, Identified
from vidsum.watch.outcomes import CHANGED
from vidsum.watch.pauses import Pause, Pauses
from vidsum.watch.prerequisites import check
from vidsum.watch.problems import Problems
from vidsum.watch.readiness import Changes, Readiness, still
from vidsum.watch.reports import Kind, Progress, Report, Standing, Summary, Tell
from vidsum.watch.scanning import Scan
from vidsum.watch.settings import Settings
from vidsum.watch.settling import Ended, Settling
from vidsum.watch.workers import Said, Workers
from vidsum.wording import shown

LEASE_S: Final = 120.0
_BEAT_S: Final = 20.0
_TICK_S: Final = 5.0
_NOTE_S: Final = 5.0
"""So often the status is told how far a worker is."""
_ONCE_WAITS_S: Final = 60.0
"""With ``once``, so long a file that is to be tried again is waited for."""
_KILLED_S: Final = 10.0


class Watcher:
    """Watches one folder until :meth:`stop`, or with ``once`` until all is dealt with."""

    def __init__(self, settings: Settings, tell: Tell) -> None:
        self._settings, self._tell = settings, tell
        self._inbox: SimpleQueue[object] = SimpleQueue()
        self._workers = Workers(settings, self._inbox.put)
        self._hooks = Hooks(settings.hook, self._inbox.put)
        self._pauses = Pauses(settings, self._say_pause)
        self._problems = Problems(lambda line: self._say("problem", line))
        self._readiness = Readiness(settings.settle_s, once=settings.once)
        self._lock = contextlib.ExitStack()
        self._held: Hold | None = None
        self._scan: Scan | None = None
        self._changes: Changes | None = None
        self._ran: Ran | None = None
        self._hook_of: Path | None = None
        self._standing = Standing()
        self._gone = 0
        self._empty = ""
        self._beaten_s = self._noted_s = 0.0
        self._stopping = self._aborting = self._outdated = False

    def stop(self) -> None:
        """Begin nothing new and end soon: may be called from a signal handler or any thread."""
        self._stopping = True
        self._inbox.put(None)

    def abort(self) -> None:
        """End at once: may be called from a signal handler or any thread."""
        self._aborting = True
        self.stop()
        self._workers.kill()
        self._hooks.kill()

    def run(self) -> Summary:
        """Watch.

        Raises: FolderHeld, OptionError, BackendMissing, OutputError; BackendFailed when vidsum was
        replaced by another version meanwhile.
        """
        check(self._settings)
        with self._lock:
            self._held = self._lock.enter_context(hold(self._settings.root))
            self._jobs = Jobs(default_path(), self._settings.root, uuid.uuid4().hex,
                              hooks=bool(self._settings.hook),
                              place=self._settings.place)  # fmt: skip
            self._settling = Settling(self._settings, self._jobs, self._pauses, self._say)
            self._jobs.recover()
            self._jobs.say("watching")
            self._say("watching")
            try:
                expected = bool(self._jobs.known())
                with Lookout(self._settings, self._inbox.put, expected=expected) as self._lookout:
                    while not self._is_over():
                        self._take_all(self._wait_s())
                        self._advance()
                    self._say("stopping", self._empty)
                    self._end()
            finally:
                self._let_go()
            if self._outdated and not self._stopping:
                raise BackendFailed("vidsum was changed while it watched, so it ends.",
                                    "Start it again.", kind="blocked")  # fmt: skip
            return self._summary()

    _jobs: Jobs
    _settling: Settling
    _lookout: Lookout

    def _is_over(self) -> bool:
        if self._stopping or self._outdated or not self._settings.once:
            return self._stopping or self._outdated
        try:
            return self._all_done()
        except OutputError as exc:
            self._pauses.halt(Halt("state", exc.message))
            return False

    def _all_done(self) -> bool:
        """Say whether nothing is left to do now. Raises: OutputError."""
        if len(self._workers) or self._settling.pending or self._hooks.busy:
            return False
        if self._pauses.current is not None or self._empty:
            return True
        if self._changes is None or self._changes.waiting or self._jobs.hooks_due():
            return False
        due_s = self._jobs.next_due_s()
        return due_s is None or due_s - time.time() > _ONCE_WAITS_S

    def _wait_s(self) -> float:
        """Return how long to wait for anything to happen."""
        most_s = min(_TICK_S, self._settings.rescan_s)
        with contextlib.suppress(OutputError):
            due_s = self._jobs.next_due_s()
            if due_s is not None and self._workers.free and self._pauses.current is None:
                most_s = min(most_s, max(0.01, due_s - time.time()))
        return most_s

    def _take_all(self, most_s: float) -> None:
        """Take in what has come, until something is to be decided, or the time is over."""
        end_s = time.monotonic() + most_s
        decide = False
        while not decide:
            try:
                message = self._inbox.get(timeout=max(0.0, end_s - time.monotonic()))
            except Empty:
                return
            decide = self._take(message)

    def _take(self, message: object) -> bool:
        """Take in one message; return whether it asks for a decision."""
        match message:
            case Scan():
                self._scan = message
            case Ran():
                self._ran = message
            case Said(worker, None):
                self._workers.drop(worker)
                self._outdated |= worker.outdated
                worker.asked_to_end |= self._stopping  # whoever ends us may end all of us
                self._settling.add(Ended(worker.job, worker.verdict(), worker.sha256))
            case Said(worker, Identified(sha256)):
                worker.ask(sha256)
            case Said(_, Alive()):
                return False
            case Said(worker, event) if isinstance(event, Event):
                worker.note(event)
                self._tell(Progress(worker.job.seen.path, event))
                return False
        return True

    def _advance(self) -> None:
        """Do what is to be done now; what vidsum's own files do not take is done later."""
        try:
            self._keep()
            self._settling.settle()
            self._look()
            self._grant()
            self._run_hooks()
            self._claim()
        except OutputError as exc:
            self._pauses.halt(Halt("state", exc.message))
        stands = Standing(0 if self._changes is None else self._changes.waiting, self._hook_of)
        if stands != self._standing:
            self._standing = stands
            self._tell(stands)

    def _keep(self) -> None:
        """Keep lock and leases, and end workers that are stuck or have lost theirs."""
        self._workers.end_stalled()
        now_s = time.monotonic()
        if now_s - self._noted_s >= _NOTE_S:
            self._noted_s = now_s
            for worker in self._workers:
                self._jobs.progress(worker.job, worker.stage)
        if now_s - self._beaten_s < _BEAT_S:
            return
        self._keep_lock()
        for worker in self._workers:
            if not self._jobs.renew(worker.job, LEASE_S):
                worker.kill()  # settling will find that it is not ours
        # what was claimed although the claim seemed to fail, as on a full disk, is nobody's
        self._jobs.release(but=[*self._settling.pending, *(one.job for one in self._workers)])
        self._note_state()
        self._beaten_s = now_s

    def _keep_lock(self) -> None:
        """Have the lock still, or again: it goes where the folder goes. Raises: FolderHeld."""
        if self._held is not None and self._held.beat():
            return
        self._held = None
        self._lock.close()
        try:
            self._held = self._lock.enter_context(hold(self._settings.root))
        except (OptionError, OutputError) as exc:
            if not self._pauses.has("root"):
                self._pauses.begin(Pause("root", exc.message))
        finally:
            if self._held is None:
                self._workers.kill()

    def _look(self) -> None:
        """Do what follows from a scan, once."""
        scan = self._scan
        if scan is None:
            return
        self._empty = scan.trouble if scan.empty and self._settings.once else ""
        if scan.trouble and not self._empty:
            self._pauses.begin(Pause("root", scan.trouble))
        elif not scan.trouble:
            self._look_closely(scan)
        known = self._jobs.known()
        changes = self._readiness.take(scan, known)
        if changes.ready:
            self._jobs.add(changes.ready)
        noted = self._jobs.in_state("quarantined") if changes.gone else frozenset()
        if changes.gone:
            self._gone += self._jobs.gone(changes.gone)
        for seen in changes.ready:
            self._say("found", path=seen.path)
        for path in changes.gone:
            if path in noted:
                quarantine.remove(self._settings, path)
            self._say("gone", path=path)
        self._problems.take("empty", map(_left, changes.left))
        self._scan, self._changes = None, changes
        within_s = self._settings.rescan_s
        if changes.next_s is not None:
            within_s = min(within_s, changes.next_s)
        self._lookout.again(within_s, expected=bool(known))

    def _look_closely(self, scan: Scan) -> None:
        """Go on with a folder that is there, and tell what is wrong in it. Raises: FolderHeld."""
        if self._pauses.has("root"):
            self._keep_lock()
            if self._held is not None:
                self._pauses.end("root")
        self._problems.take("scan", scan.problems)
        self._problems.take("events", filter(None, [self._lookout.trouble]))

    def _grant(self) -> None:
        """Let workers go on whose content nobody else works on."""
        for worker in self._workers:
            if worker.asks is not None and self._jobs.identify(worker.job, worker.asks):
                worker.grant()

    def _run_hooks(self) -> None:
        ran = self._ran
        if ran is not None:
            self._jobs.hook_ended(ran.finished.job_id, ran.trouble)
            self._ran = None
            self._hooks.ended()
            self._hook_of = None
            if ran.trouble:
                path = ran.finished.video.relative_to(self._settings.root)
                self._say("hook-failed", ran.trouble, path)
        if not self._settings.hook or self._hooks.busy:
            return
        for job_id, path, done in self._jobs.hooks_due()[:1]:
            video = self._settings.root / path
            self._hook_of = path
            self._hooks.start(Finished(job_id, video, done.results, done.partial))

    def _claim(self) -> None:
        """Start workers while there are jobs, and nothing speaks against it."""
        while self._workers.free > 0 and not self._stopping and not self._empty:
            due_s = self._jobs.next_due_s()
            if self._pauses.look() is not None or due_s is None or due_s > time.time():
                return
            job = self._jobs.claim(LEASE_S)
            if job is None:
                return
            failpoint("watcher.claimed")
            if not self._start(job):
                return  # where a whole tree went away, there is more to do in between

    def _start(self, job: Job) -> bool:
        """Start a worker for a job; return whether there is one."""
        twins = [one for one in self._workers if one.job.seen.path == job.seen.path]
        for twin in twins:
            twin.kill()  # it holds a job of a watch.db that was taken away
        if twins or not still(self._settings.root, job.seen):  # a scan will say what it is now
            later = Again(CHANGED, after_s=self._settings.rescan_s, charged=False)
            self._jobs.settle(job, later)
            return False
        others = self._jobs.others_of_place(job)
        taken = folders.taken(self._settings, others, job.seen.path)
        if taken is not None:
            self._jobs.settle(job, GivenUp(taken, OptionError.exit_code))
            return False
        quarantine.remove(self._settings, job.seen.path)
        try:
            self._workers.start(job, last=job.attempts >= MOST_ATTEMPTS)
        except BackendFailed as exc:
            self._jobs.settle(job, Again(exc.message, charged=False))
            self._pauses.halt(Halt("blocked", exc.message))
            return False
        self._say("started", path=job.seen.path)
        return True

    def _end(self) -> None:
        """Have everybody end, within the time that is given for it."""
        self._settling.stopping = True
        self._workers.ask_to_end()
        end_s = time.monotonic() + self._settings.grace_s
        while self._busy() and time.monotonic() < end_s and not self._aborting:
            self._take_all(min(1.0, end_s - time.monotonic()))
            with contextlib.suppress(OutputError):
                self._settling.settle()
        if self._hooks.busy and self._ran is None:
            self._hooks.kill()
        with contextlib.suppress(OutputError):
            if self._ran is not None and not self._aborting:
                self._jobs.hook_ended(self._ran.finished.job_id, self._ran.trouble)

    def _busy(self) -> bool:
        return bool(len(self._workers)) or (self._hooks.busy and self._ran is None)

    def _let_go(self) -> None:
        """End what is left at once, and put its jobs back."""
        self._workers.kill()
        self._hooks.kill()
        end_s = time.monotonic() + _KILLED_S
        while len(self._workers) and time.monotonic() < end_s:
            self._take_all(0.5)
        with contextlib.suppress(OutputError):
            self._settling.settle()
        with contextlib.suppress(OutputError):
            self._jobs.release()
            self._jobs.say("stopped")

    def _summary(self) -> Summary:
        left = 0
        with contextlib.suppress(OutputError):
            left = self._jobs.counts()["queued"]
        counts, pause = self._settling.counts, self._pauses.current
        return Summary(counts["done"], counts["partial"], counts["quarantined"], counts["again"],
                       self._gone, left, "" if pause is None else pause.why,
                       bool(self._empty))  # fmt: skip

    def _say(self, kind: Kind, message: str = "", path: Path | None = None) -> None:
        self._tell(Report(kind, message, path))

    def _say_pause(self, pause: Pause | None) -> None:
        self._say("resumed" if pause is None else "paused", "" if pause is None else pause.why)
        with contextlib.suppress(OutputError):
            self._note_state()

    def _note_state(self) -> None:
        pause = self._pauses.current
        if pause is None:
            self._jobs.say("watching")
        else:
            self._jobs.say("paused", pause.why, pause.until_s)


def _left(path: Path) -> str:
    return f"{shown(path)} is empty and new: it is left for the next call"
