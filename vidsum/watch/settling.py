"""What is done when a worker has ended: its job's new state, what is said, the report on it."""

from __future__ import annotations

import contextlib
import errno
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from vidsum.errors import EXIT_UNEXPECTED, OutputError
from vidsum.failpoints import failpoint
from vidsum.watch import quarantine
from vidsum.watch.job import MOST_ATTEMPTS, Again, Done, Job, Seen, State, Told
from vidsum.watch.jobs import Jobs, Quarantined
from vidsum.watch.messages import Cause, Halt, Verdict
from vidsum.watch.outcomes import CHANGED
from vidsum.watch.pauses import Pauses
from vidsum.watch.reports import Kind
from vidsum.watch.settings import Settings

_AGAIN: Final[dict[Cause, str]] = {
    "day": "again when the cap of the day allows",
    "room": "again when there is room",
}
Say = Callable[[Kind, str, Path | None], None]
_NO_PLACE: Final = (errno.ENAMETOOLONG, errno.ENOTDIR, errno.EEXIST, errno.EISDIR)
"""Errors that are one name's: too long, or something else has it."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A job whose worker has ended. ``sha256`` is its content, where that was found out."""

    job: Job
    verdict: Verdict
    sha256: str | None = None


class Settling:
    """Settles jobs, as soon as vidsum's own files can be written. For one thread.

    ``counts`` are how many were done, partial, quarantined or put back. ``stopping``: the watcher
    ends, so nothing is done again by it.
    """

    def __init__(self, settings: Settings, jobs: Jobs, pauses: Pauses, say: Say) -> None:
        self.counts: Counter[str] = Counter()
        self.stopping = False
        self._settings, self._jobs, self._pauses, self._say = settings, jobs, pauses, say
        self._ended: deque[Ended] = deque()
        self._blocked: dict[int, int] = {}
        self._let_down: set[int] = set()

    @property
    def pending(self) -> tuple[Job, ...]:
        """The jobs that could not be settled yet."""
        return tuple(ended.job for ended in self._ended)

    def add(self, ended: Ended) -> None:
        """Take note of an ended worker."""
        self._ended.append(ended)

    def settle(self) -> None:
        """Settle what there is, and write the reports that are due. Raises: OutputError."""
        while self._ended:
            ended = self._fair(self._ended[0])
            failpoint("watcher.settling")
            state = self._jobs.settle(ended.job, ended.verdict.outcome, _told(ended))
            failpoint("watcher.settled")
            self._ended.popleft()
            self._after(ended, state)
        self.report()

    def report(self) -> None:
        """Write the reports that are due, also those that an earlier watcher owed.

        Raises: OutputError.
        """
        due = self._jobs.due_reports()
        known = self._jobs.known() if due else {}
        for one in due:
            seen = known.get(one.path)
            if seen is None:
                continue  # it has just been taken up again
            trouble = self._reported(_case(one, seen))
            self._jobs.reported(one.job_id)
            self.counts["quarantined"] += 1
            self._say("quarantined", f"{one.why}{trouble}", one.path)

    def _reported(self, case: quarantine.Case) -> str:
        """Write a report; return why there can never be one, empty when there is.

        One file's name must not hold up the others. Raises: OutputError for what may pass.
        """
        try:
            quarantine.write(self._settings, case)
        except OutputError as exc:
            if getattr(exc.__cause__, "errno", None) not in _NO_PLACE:
                raise
            return f" (There is no report: {exc.message})"
        return ""

    def _fair(self, ended: Ended) -> Ended:
        """Return what is to be settled: what blocks one file, and no other, is its own fault.

        Such a file goes behind the others, which are tried when the pause is over. When one of
        those was done meanwhile and this one is still blocked, the error counts as an attempt.
        """
        verdict, job_id = ended.verdict, ended.job.id
        if verdict.halt is None or verdict.halt.cause != "blocked":
            self._blocked.pop(job_id, None)
            return self._patient(ended)
        done = self.counts["done"]
        if done > self._blocked.setdefault(job_id, done):
            own = Again(verdict.halt.why)
            return replace(ended, verdict=replace(verdict, outcome=own, halt=None))
        behind = Again(verdict.halt.why, after_s=self._pauses.next_s("blocked") + 1.0,
                       charged=False)  # fmt: skip
        return replace(ended, verdict=replace(verdict, outcome=behind))

    def _patient(self, ended: Ended) -> Ended:
        """Return what is to be settled: a provider that fails for a second file is itself at fault.

        The folder pauses then, and until a file is done no file is charged for such a failure, each
        goes behind the others. What fails for one file only is charged to it, as long as others are
        done in between or there are none: what a provider never manages comes to an end.
        """
        verdict, outcome = ended.verdict, ended.verdict.outcome
        if not verdict.provider or not isinstance(outcome, Again):
            return ended
        self._let_down.add(ended.job.id)
        if len(self._let_down) == 1:
            return ended
        halt = None  # several workers that meet the same outage make one pause
        if not self._pauses.has("provider"):
            why = f"a provider fails for one video after the other: {outcome.why}"
            halt = Halt("provider", why)
        behind = Again(outcome.why, after_s=self._pauses.next_s("provider") + 1.0, charged=False)
        return replace(ended, verdict=replace(verdict, outcome=behind, halt=halt))

    def _after(self, ended: Ended, state: State | None) -> None:
        outcome, path = ended.verdict.outcome, ended.job.seen.path
        if ended.verdict.halt is not None:
            self._pauses.halt(ended.verdict.halt)
        if state == "done" and isinstance(outcome, Done):
            self.counts["done"] += 1
            self.counts["partial"] += outcome.partial
            self._pauses.done()
            if not ended.verdict.provider:
                self._let_down.clear()
            quarantine.remove(self._settings, path)
            self._say("done", f"partial: {outcome.note}" if outcome.partial else "", path)
        elif state != "quarantined":
            self.counts["again"] += 1
            why = "somebody else has taken it over" if state is None else self._when(ended)
            self._say("again", why, path)

    def _when(self, ended: Ended) -> str:
        """Say why a job is done again, and when."""
        job, outcome = ended.job, ended.verdict.outcome
        due_s = self._jobs.due_s(job)
        if due_s is None or not isinstance(outcome, Again) or outcome.why == CHANGED:
            return f"{CHANGED}; what is there is looked at again"
        why = outcome.why.rstrip(".")
        tries = f", attempt {job.attempts} of {MOST_ATTEMPTS}" if _is_charged(outcome) else ""
        if self.stopping:
            return f"{why}; it goes on when the folder is watched again{tries}"
        cause = self._paused_for(ended)
        if cause is not None:
            return f"{why}; {_AGAIN.get(cause, 'again after the pause')}{tries}"
        return f"{why}; again in {max(0.0, due_s - time.time()):.0f} s{tries}"

    def _paused_for(self, ended: Ended) -> Cause | None:
        """Return what the job waits for besides its own time; None: for nothing that is known."""
        if ended.verdict.halt is not None:
            return ended.verdict.halt.cause
        pause = self._pauses.current
        with contextlib.suppress(OutputError):
            pause = self._pauses.look()  # else it would be said right after what is said now
        return None if pause is None else pause.cause


def _is_charged(outcome: Again) -> bool:
    return outcome.charged or outcome.died


def _told(ended: Ended) -> Told:
    verdict = ended.verdict
    return Told(verdict.exit_code, verdict.hint, verdict.trace, ended.sha256)


def _case(one: Quarantined, seen: Seen) -> quarantine.Case:
    """Return why a file was given up."""
    return quarantine.Case(
        seen, one.why, EXIT_UNEXPECTED if one.exit_code is None else one.exit_code, one.hint,
        one.attempts, one.deaths, one.sha256, one.first_seen_s, one.when_s, one.trace,
    )  # fmt: skip
