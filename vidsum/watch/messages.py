"""The messages between the watcher and the worker that it starts for one file.

Pickles, for both sides are vidsum's own; the decode process, which a hostile file may take over,
is another one and speaks JSON (:mod:`vidsum.media.wire`).
"""

from __future__ import annotations

import pickle
import struct
from dataclasses import dataclass
from typing import IO, Final, Literal

from vidsum.errors import EXIT_UNEXPECTED
from vidsum.events import Event
from vidsum.watch.job import Job, Outcome
from vidsum.watch.settings import Settings

Cause = Literal["root", "room", "day", "blocked", "provider", "state"]
"""Why a folder pauses: it is not there; the disk is nearly full; the day's cap is reached;
something that every file needs is missing or refused; a provider fails for one file after the
other; vidsum's own files cannot be written."""

OTHER_VERSION: Final = 113
"""How a worker exits that finds itself to be of another version than its watcher: values may have
other fields there, so neither reads what the other has to say."""

_PREFIX: Final = struct.Struct("<I")
_MOST_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Order:
    """What a worker is to do. ``last``: it will not be tried again, so what there is is written."""

    settings: Settings
    job: Job
    last: bool = False


@dataclass(frozen=True, slots=True)
class Leave:
    """The answer to :class:`Identified`: nobody else works on that content, so go on."""


@dataclass(frozen=True, slots=True)
class Stop:
    """The worker is to end soon; what it has found so far is kept by itself."""


@dataclass(frozen=True, slots=True)
class Identified:
    """The worker knows the content, and waits for leave to spend anything on it."""

    sha256: str


@dataclass(frozen=True, slots=True)
class Alive:
    """The worker still reads, though it has nothing to tell."""


@dataclass(frozen=True, slots=True)
class Halt:
    """The whole folder had better wait: this is no fault of one file."""

    cause: Cause
    why: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """A worker's last message: what became of the file.

    ``exit_code`` and ``hint`` are those of the error; ``trace`` are its last words on stderr.
    ``provider``: one failed in a way that may pass, so that the file may not be to blame.
    """

    outcome: Outcome
    halt: Halt | None = None
    exit_code: int = EXIT_UNEXPECTED
    hint: str = ""
    trace: str = ""
    provider: bool = False


FromWorker = Identified | Alive | Event | Verdict
ToWorker = Order | Leave | Stop


def send(stream: IO[bytes], message: FromWorker | ToWorker) -> None:
    """Write one message. Raises: OSError when the other side is gone."""
    body = pickle.dumps(message)
    stream.write(_PREFIX.pack(len(body)) + body)
    stream.flush()


def receive(stream: IO[bytes]) -> object | None:
    """Return the next message; None when the other side has ended, also within a message."""
    prefix = stream.read(_PREFIX.size)
    if len(prefix) < _PREFIX.size:
        return None
    (size,) = _PREFIX.unpack(prefix)
    body = stream.read(size) if size <= _MOST_BYTES else b""
    if not body or len(body) < size:
        return None
    found: object = pickle.loads(body)
    return found
