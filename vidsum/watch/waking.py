"""Waiting for the next scan: by the clock, and shorter where the system tells of events.

Events only hint. They do not come for what other machines do on a network folder, some are lost,
and for names that are not UTF-8 they are errors: whatever goes wrong, the clock goes on.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import select
import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from vidsum.db import on_network
from vidsum.watch.names import passed_over
from vidsum.watch.scanning import folders
from vidsum.wording import safe, shown

if TYPE_CHECKING:
    from watchfiles._rust_notify import RustNotify

_EVENT, _WOKEN = b"e", b"w"
_DEBOUNCE_MS: Final = 1000
"""So long events are gathered at most, while one follows on the other."""
_STEP_MS: Final = 100
_LOOK_MS: Final = 2000
"""So often it is looked whether the root is still the same folder."""
_BACK_S: Final = 2.0
"""So often it is looked whether a root that went away is back."""
_AGAIN_S: Final = 60.0
"""How long to go by the clock alone when events cannot be had for another reason."""
_REST_S, _FOLDERS_PER_S, _LONGEST_REST_S = 0.25, 2000, 5.0
"""The rest between two watches: a tree that is copied in makes folders all the time, and each watch
begins with a walk through all of it."""
_MOST_FOLDERS: Final = 8192
"""How many folders are watched: a system has room for a limited number, for all programs."""
_DELETED: Final = 3


class Waker:
    """Wait for something to happen in a folder; use it as a context manager.

    ``poll``: go by the clock alone; None: where the folder is on the network. ``trouble`` says, in
    one line, why there are no events although there should be; empty when there are.
    """

    def __init__(self, root: Path, *, poll: bool | None, follow_links: bool) -> None:
        self.trouble = ""
        self._root = root
        self._poll = poll
        self._follow_links = follow_links
        self._rest_s = _REST_S
        self._over = threading.Event()
        self._ends: tuple[int, int] | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._ends = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        if not (on_network(self._root) if self._poll is None else self._poll):
            self._thread = threading.Thread(target=self._listen, name="waker", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:  # fmt: skip
        self.close()

    def close(self) -> None:
        """Listen no more."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        ends, self._ends = self._ends, None
        for end in ends or ():
            os.close(end)

    def wake(self) -> None:
        """End a wait at once, or the next one: from any thread, or from a signal handler."""
        self._say(_WOKEN)

    def wait(self, most_s: float) -> bool:
        """Wait until something happens; return whether that was an event of the folder's.

        Not when ``most_s`` seconds are over, and not when somebody called :meth:`wake`. Events that
        came since the last call count. For one thread at a time.
        """
        if self._ends is None:
            return False
        ready = select.poll()
        ready.register(self._ends[0], select.POLLIN)
        ready.poll(max(0.0, min(most_s, 86400.0)) * 1000)
        said = b""
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(self._ends[0], 4096):
                said += chunk
        return _EVENT in said

    def _say(self, what: bytes) -> None:
        ends = self._ends
        if ends is not None:
            with contextlib.suppress(BlockingIOError):  # it is full of wakings as it is
                os.write(ends[1], what)

    def _listen(self) -> None:
        """Tell of events for as long as there are any to be had, and try again when not."""
        while not self._over.is_set():
            try:
                self._watch()
            except Exception as exc:  # noqa: BLE001  (events are never worth an error)
                if not self._passes(exc):
                    there = self._root.is_dir()  # if not, the next scan says so
                    self.trouble = _trouble(self._root, exc) if there else ""
                    self._over.wait(_AGAIN_S if there else _BACK_S)
                    continue
            self._say(_EVENT)
            self._over.wait(self._rest_s)

    def _passes(self, exc: Exception) -> bool:
        """Return whether an error only says that something happens, so that the next watch does.

        That is a file whose name is not UTF-8, or a subfolder that went away meanwhile.
        """
        went = isinstance(exc, FileNotFoundError) and self._root.is_dir()
        return went or str(exc).startswith("Unable to decode path")

    def _watch(self) -> None:
        """Tell of events until the folders themselves change. Raises: whatever watchfiles does."""
        from watchfiles._rust_notify import RustNotify

        watched, identity = self._folders(), _identity(self._root)
        self._rest_s = min(_LONGEST_REST_S, _REST_S + len(watched) / _FOLDERS_PER_S)
        notify = RustNotify([str(one) for one in watched], False, False, 0, False, False)
        with contextlib.closing(notify):
            self.trouble = ""
            self._say(_EVENT)  # what was put there before it could be watched
            while not self._over.is_set() and _identity(self._root) == identity:
                if self._told(notify, watched):
                    break

    def _told(self, notify: RustNotify, watched: set[Path]) -> bool:
        """Wait for events and tell of them; return whether a folder came or went."""
        changes = notify.watch(_DEBOUNCE_MS, _STEP_MS, _LOOK_MS, self._over)
        if not isinstance(changes, set):
            return False
        events = [(change, Path(path)) for change, path in changes]
        if any(not passed_over(path.name, folder=False) for _, path in events):
            self._say(_EVENT)
        return any(
            path in watched if change == _DELETED else _new_folder(path, watched)
            for change, path in events
        )

    def _folders(self) -> set[Path]:
        """Return the folders to watch: those whose names an event can tell of."""
        found: Iterable[Path] = folders(self._root, follow_links=self._follow_links)
        named = (path for path in found if path == self._root or _is_text(path))
        return set(itertools.islice(named, _MOST_FOLDERS))


def _new_folder(path: Path, watched: set[Path]) -> bool:
    if path in watched or passed_over(path.name, folder=True):
        return False
    return path.is_dir() and not path.is_symlink()


def _identity(root: Path) -> tuple[int, int]:
    """Return which folder a name stands for now. Raises: OSError."""
    state = root.stat()
    return state.st_dev, state.st_ino


def _is_text(path: Path) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def _trouble(root: Path, exc: Exception) -> str:
    if isinstance(exc, UnicodeEncodeError):
        why = "its name is not UTF-8"
    elif isinstance(exc, OSError) and exc.strerror:
        why = exc.strerror
    else:
        why = safe(str(exc))[:200] or type(exc).__name__
    return f"{shown(root)} is looked at by the clock only: no events of it can be had ({why})."
