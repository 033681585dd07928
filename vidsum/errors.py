"""Everything that can go wrong, each class with its exit code and a hint.

VidsumError
├── OptionError        2  an option, a config file or a prompt folder is wrong
├── MediaError         3  the input cannot be read, or is refused
│   └── DecodeStopped  3  the decoder died or hung after it had started
├── BackendMissing     4  a model, an extra or a program is not there
├── BackendFailed      5  a backend or provider failed
│   └── RequestFailed  5  one request failed; the next one may do better
│       └── RequestTooLong  5  it had more tokens than the model takes
├── BudgetReached      6  a cap allows no more
├── OutputError        8  the result could not be written
└── FolderHeld        75  another watcher has the folder

Exit codes 0, 1, 7 and 130 belong to no class: all went well, a bug of ours, some of it is
missing (see :data:`EXIT_PARTIAL`), and interrupted.
"""

from __future__ import annotations

from typing import Literal

FailureKind = Literal["blocked", "transient", "other"]
"""Whether trying again helps. ``blocked``: no request will do until somebody changes something (a
key that is not accepted or has no credit, a wrong address, a model that is not there).
``transient``: it was the moment's fault (too many requests, 5xx, no answer in time, no
connection). ``other``: this request's own fault, or nobody knows."""

EXIT_OK = 0
EXIT_UNEXPECTED = 1
EXIT_PARTIAL = 7
EXIT_INTERRUPTED = 130


def interrupt_behind(exc: BaseException) -> KeyboardInterrupt | None:
    """Return the interrupt that an error is, or came of; None where there was none.

    A library that Ctrl-C hits while it cleans up may raise an error of its own in its place.
    """
    behind: list[BaseException | None] = [exc]
    seen: set[int] = set()
    while behind:
        one = behind.pop()
        if isinstance(one, KeyboardInterrupt):
            return one
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            behind += one.__cause__, one.__context__
    return None


class VidsumError(Exception):
    """An error with a one-line message and, where one is known, the user's next step.

    ``exit_code`` is what the program ends with when this error reaches the top.
    """

    exit_code = EXIT_UNEXPECTED

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class OptionError(VidsumError):
    """An option, a config file or a prompt folder is wrong."""

    exit_code = 2


class MediaError(VidsumError):
    """The input cannot be read as video or sound, or is refused for safety."""

    exit_code = 3


class DecodeStopped(MediaError):
    """The decode process died or hung in the middle; what came before it is good."""


class BackendMissing(VidsumError):
    """A model, an extra or a program that was asked for is not on this machine."""

    exit_code = 4


class BackendFailed(VidsumError):
    """A backend that is there did not do its work. ``kind`` tells whether trying again helps."""

    exit_code = 5

    def __init__(self, message: str, hint: str = "", *, kind: FailureKind = "other") -> None:
        super().__init__(message, hint)
        self.kind: FailureKind = kind


class RequestFailed(BackendFailed):
    """A backend could not answer one request; the next one may do better.

    ``received`` is what came in place of an answer, where something did.
    """

    def __init__(
        self, message: str, hint: str = "", received: str = "", *, kind: FailureKind = "other"
    ) -> None:
        super().__init__(message, hint, kind=kind)
        self.received = received


class RequestTooLong(RequestFailed):
    """A request had more tokens than the model takes: it may do in smaller pieces."""


class BudgetReached(VidsumError):
    """A cap on money, compute or time allows no more; what was done before it is good."""

    exit_code = 6


class OutputError(VidsumError):
    """The result could not be written."""

    exit_code = 8


class FolderHeld(VidsumError):
    """Another watcher has the folder; the message says who."""

    exit_code = 75
