"""What an error, or a result, means for a file: done, again, given up; and for its folder."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vidsum.errors import (
    EXIT_UNEXPECTED,
    BackendFailed,
    BackendMissing,
    BudgetReached,
    DecodeStopped,
    MediaError,
    OptionError,
    OutputError,
    VidsumError,
)
from vidsum.watch.allowance import of_a_day
from vidsum.watch.job import Again, Done, GivenUp
from vidsum.watch.messages import Cause, Halt, Verdict
from vidsum.wording import safe

if TYPE_CHECKING:
    from vidsum.data import Result

_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_SHUT: Final = (errno.EROFS, errno.EACCES, errno.EPERM)
_AWAY: Final = (
    errno.ENOENT, errno.ESTALE, errno.ENOTCONN, errno.ENODEV, errno.ENXIO, errno.EHOSTDOWN,
    errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ETIMEDOUT,
)  # fmt: skip
"""How a place for results answers whose drive or share is away."""
_GONE: Final = (errno.ENOENT, errno.ENOTDIR)
_SAME_AGAIN_S: Final = 1.0
CHANGED: Final = "the file changed, or went away, while it was worked on"
MEMORY: Final = "Is there enough memory?"
ENDED: Final = "the watcher ends"


@dataclass(frozen=True, slots=True)
class Read:
    """What is known of the file after an error: is it unchanged, and can it be read whole?"""

    unchanged: bool = True
    readable: bool = True


def of_error(exc: Exception, file: Read) -> Verdict:
    """Return what an error means. ``file`` is asked only of errors about the video."""
    if not isinstance(exc, VidsumError):
        why = safe(f"{type(exc).__name__}: {exc}")[:300]
        if isinstance(exc, OSError) and exc.errno in _FULL:
            return _halted("room", why, OutputError(why))
        return Verdict(Again(why), exit_code=EXIT_UNEXPECTED,
                       hint="This looks like a bug of vidsum's, or of a library.")  # fmt: skip
    halt = _halt(exc)
    if halt is not None:
        return _halted(halt, exc.message, exc)
    if isinstance(exc, MediaError):
        return _of_media(exc, file)
    return Verdict(Again(exc.message), None, exc.exit_code, exc.hint, provider=_may_pass(exc))


def changed() -> Verdict:
    """Return what a file amounts to that is no longer what the scan found."""
    return Verdict(Again(CHANGED, after_s=_SAME_AGAIN_S, charged=False))


def ended() -> Verdict:
    """Return what a file amounts to when its worker was asked to end."""
    return Verdict(Again(ENDED, after_s=0.0, charged=False))


def shot_down() -> Verdict:
    """Return what a file amounts to when somebody else told its worker, and no other, to end.

    Who watches over memory does so (earlyoom, systemd-oomd), each time.
    """
    return Verdict(Again("the worker was told to end, not by the watcher", died=True),
                   hint=MEMORY)  # fmt: skip


def not_started(why: str) -> Verdict:
    """Return what a file amounts to whose worker ended before it had looked at it."""
    return Verdict(Again(why, charged=False), Halt("blocked", why),
                   hint="Was vidsum changed while it watched? Then start it again.")  # fmt: skip


def other_version(why: str) -> Verdict:
    """Return what a file amounts to whose worker was of another version than the watcher."""
    return Verdict(Again(why, after_s=0.0, charged=False))


def of_day(why: str) -> Verdict:
    """Return what a file amounts to from which the day's cap took something."""
    return _halted("day", why, BudgetReached(why))


def of_failures(result: Result, troubles: Sequence[VidsumError], *, last: bool) -> Verdict | None:
    """Return what to do about backends that gave up midway; None: write what there is.

    What was paid for is kept, so trying again asks for what is missing only.
    """
    for exc in troubles:
        halt = _halt(exc)
        if halt is not None:
            return _halted(halt, exc.message, exc)
    if not result.failures or last:
        return None
    code = troubles[0].exit_code if troubles else BackendFailed.exit_code
    return Verdict(Again(result.failures[0]), None, code, provider=any(map(_may_pass, troubles)))


def of_result(
    result: Result,
    results: tuple[Path, ...],
    sha256: str | None,
    troubles: Sequence[VidsumError] = (),
) -> Verdict:
    """Return that a result is on the disk; ``note`` says what is missing of it."""
    note = next(_missing(result), "")
    run_id = result.receipt.run_id or ""
    done = Done(results, run_id, sha256, partial=result.partial, note=note)
    return Verdict(done, exit_code=0, provider=any(map(_may_pass, troubles)))


def _missing(result: Result) -> Iterator[str]:
    yield from result.failures
    yield from (n.message for n in result.bundle.evidence.notices if n.partial)
    if result.receipt.spending is not None:
        yield from result.receipt.spending.given_up


def _halt(exc: VidsumError) -> Cause | None:
    """Return why every other file would end the same way; None when it may not."""
    if isinstance(exc, OptionError | BackendMissing):
        return "blocked"
    if isinstance(exc, BackendFailed):
        return "blocked" if exc.kind == "blocked" else None
    if isinstance(exc, BudgetReached):
        return "day" if of_a_day(exc.message) else None
    for cause in _causes(exc):
        code = getattr(cause, "errno", None)
        if code in _FULL or getattr(cause, "sqlite_errorname", "") == "SQLITE_FULL":
            return "room"
        if isinstance(exc, OutputError) and code in (*_SHUT, *_AWAY):
            return "blocked"
    return None


def _may_pass(exc: VidsumError) -> bool:
    """Say whether a provider failed in a way that may be over soon."""
    return isinstance(exc, BackendFailed) and exc.kind == "transient"


def _of_media(exc: MediaError, file: Read) -> Verdict:
    gone = any(getattr(cause, "errno", None) in _GONE for cause in _causes(exc))
    if gone or not file.unchanged:
        return changed()
    if isinstance(exc, DecodeStopped):
        return Verdict(Again(exc.message, died=True), None, exc.exit_code, exc.hint)
    if not file.readable or any(isinstance(cause, OSError) for cause in _causes(exc)):
        return Verdict(Again(exc.message), None, exc.exit_code, exc.hint)
    return Verdict(GivenUp(exc.message, exc.exit_code), None, exc.exit_code, exc.hint)


def _halted(cause: Cause, why: str, exc: VidsumError) -> Verdict:
    return Verdict(Again(why, charged=False), Halt(cause, why), exc.exit_code, exc.hint)


def _causes(exc: BaseException) -> Iterator[BaseException]:
    """Yield what led to an error, the nearest first."""
    cause = exc.__cause__
    while cause is not None:
        yield cause
        cause = cause.__cause__
