"""The program that is run for each finished video.

At least once: it is run again when the watcher ended before it could note that it had run. One that
takes longer than 10 minutes is ended, and has failed. What went wrong is kept with the video's job,
and told by ``vidsum watch status``; the video stays done.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vidsum.failpoints import failpoint
from vidsum.wording import escaped, safe

TIMEOUT_S: Final = 600.0
"""So long a hook may take."""
_PLACEHOLDER: Final = re.compile(r"\{(video|result|status|json|md|txt)\}")
_SAID_BYTES: Final = 2048
_SAID_LETTERS: Final = 200


@dataclass(frozen=True, slots=True)
class Finished:
    """What a hook is told. ``results`` are absolute paths, the first one is *the* result."""

    job_id: int
    video: Path
    results: tuple[Path, ...]
    partial: bool = False

    @property
    def status(self) -> str:
        """``done`` or ``partial``."""
        return "partial" if self.partial else "done"

    @property
    def words(self) -> Mapping[str, str]:
        """What stands for each placeholder; a format that was not written is empty."""
        written = {path.suffix[1:]: str(path) for path in self.results}
        result = str(self.results[0]) if self.results else ""
        forms = {form: written.get(form, "") for form in ("json", "md", "txt")}
        return {"video": str(self.video), "result": result, "status": self.status, **forms}


def filled_in(command: tuple[str, ...], finished: Finished) -> list[str]:
    """Return the arguments with names in the place of ``{video}``, ``{result}``, ``{status}``,
    ``{json}``, ``{md}`` and ``{txt}``: each argument stays one, whatever is in a name.
    """
    words = finished.words
    return [_PLACEHOLDER.sub(lambda found: words[found[1]], argument) for argument in command]


class Hook:
    """One run of the program; :meth:`kill` ends it from another thread."""

    def __init__(self, command: tuple[str, ...], timeout_s: float = TIMEOUT_S) -> None:
        self._command, self._timeout_s = command, timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self._killed = False

    def run(self, finished: Finished) -> str:
        """Run it to its end; return what went wrong, empty for nothing.

        No shell; stdin is empty; a session of its own. In its environment are VIDSUM_VIDEO,
        VIDSUM_RESULT and VIDSUM_STATUS (``done`` or ``partial``).
        """
        words = finished.words
        told = {f"VIDSUM_{name.upper()}": words[name] for name in ("video", "result", "status")}
        try:
            self._process = subprocess.Popen(
                filled_in(self._command, finished), stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True,
                env=os.environ | told,
            )  # fmt: skip
        except (OSError, ValueError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) else str(exc)
            return f"{escaped(self._command[0])} cannot be started: {reason}"
        if self._killed:
            self._kill()
        return self._end_of(self._process)

    def kill(self) -> None:
        """End it and all that it has started."""
        self._killed = True
        self._kill()

    def _end_of(self, process: subprocess.Popen[bytes]) -> str:
        listener = _Listener(process)
        try:
            code = process.wait(self._timeout_s)
        except subprocess.TimeoutExpired:
            self._kill()
            process.wait()
            return f"the hook took more than {self._timeout_s:g} s and was ended"
        said = listener.last_words() if code else ""
        if code < 0:
            return f"the hook was ended by signal {-code}"
        return f"the hook ended with exit code {code}{said}" if code else ""

    def _kill(self) -> None:
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)


class _Listener:
    """Keeps the last that a program says on stderr; it never waits for us, nor we for it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stderr is not None
        self._stream = process.stderr
        self._said = b""
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def last_words(self) -> str:
        """Return the end of what it said, on one line."""
        self._thread.join(1.0)  # what it has left behind may still hold the pipe
        said = safe(self._said.decode("utf-8", "replace"))[-_SAID_LETTERS:]
        return f": {said}" if said else ""

    def _listen(self) -> None:
        with self._stream:
            while part := os.read(self._stream.fileno(), _SAID_BYTES):
                self._said = (self._said + part)[-_SAID_BYTES:]


@dataclass(frozen=True, slots=True)
class Ran:
    """A hook has run. ``trouble`` is empty when all went well."""

    finished: Finished
    trouble: str


class Hooks:
    """Runs hooks one after the other, in a thread of their own. For one thread."""

    def __init__(self, command: tuple[str, ...], post: Callable[[Ran], None]) -> None:
        self._command, self._post = command, post
        self._hook: Hook | None = None
        self._thread: threading.Thread | None = None

    @property
    def busy(self) -> bool:
        """Whether one runs, or its end was not taken note of."""
        return self._thread is not None

    def start(self, finished: Finished) -> None:
        """Begin with one."""
        self._hook = Hook(self._command)
        self._thread = threading.Thread(target=self._run, args=(self._hook, finished), daemon=True)
        self._thread.start()

    def ended(self) -> None:
        """Take note that it has ended."""
        self._thread = None

    def kill(self) -> None:
        """End the one that runs: it is run again by the next watcher."""
        if self._hook is not None:
            self._hook.kill()

    def _run(self, hook: Hook, finished: Finished) -> None:
        try:
            trouble = hook.run(finished)
            failpoint("hook.ran")
        except Exception as exc:  # noqa: BLE001 - a thread that died would be waited for for ever
            trouble = f"the hook could not be run: {safe(str(exc))}"[:_SAID_LETTERS]
        self._post(Ran(finished, trouble))
