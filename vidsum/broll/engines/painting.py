"""The program's side of the painter, see :mod:`vidsum.broll.engines.painter`."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import vidsum
from vidsum.broll.engines.painter_wire import (
    Order,
    Painted,
    enlarge_message,
    load_message,
    paint_message,
    painted_in,
    seconds_in,
    steps_in,
    text_in,
)
from vidsum.broll.engines.protocol import Stepped, ignore
from vidsum.data import Image
from vidsum.errors import BackendFailed
from vidsum.media import wire
from vidsum.wording import escaped

_READ_BYTES: Final = 1 << 20
_WORDS, _LINES = 300, 50
_ENDING_S: Final = 5.0
_MORE: Final = re.compile(r"^[\w.]+:\d+ +- +")
"""Where in its own source the library says something."""
_KEPT_ENV: Final = (
    "PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
    "VIRTUAL_ENV", "PYTHONHOME", "CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES",
    "GGML_VK_VISIBLE_DEVICES", "STABLE_DIFFUSION_CPP_LIB",
)  # fmt: skip
"""The painter gets no secrets: API keys live in the environment."""
_HIDDEN_GPUS: Final = {"CUDA_VISIBLE_DEVICES": "", "HIP_VISIBLE_DEVICES": "-1",
                       "GGML_VK_VISIBLE_DEVICES": ""}  # fmt: skip
_SIGNALS: Final = {
    "SIGKILL": "was killed, perhaps for lack of memory",
    "SIGABRT": "gave up (SIGABRT)",
}


class PainterDied(Exception):
    """The process ended in the middle of something; the text says how (``was killed``), ``words``
    what it said last, or nothing."""

    def __init__(self, how: str, words: str) -> None:
        super().__init__(how)
        self.words = words


class Refused(Exception):
    """The process lives, or ended in order, but did not do what it was asked; the text says why."""


class Painter:
    """One painter process with one model. One picture at a time; ``kill`` works from any thread.

    ``load_s`` is what loading took, ``device`` (``cpu`` or ``gpu``) where the model works; both
    are known after :meth:`load`. ``cpu_s`` is what the process has used, as it told last.
    """

    def __init__(self, *, hide_gpus: bool = False) -> None:
        """Start the process. Raises: BackendFailed."""
        self.load_s: float | None = None
        self.cpu_s = 0.0
        self.device = "cpu"
        self._last_words: deque[bytes] = deque(maxlen=_LINES)
        root = str(Path(vidsum.__file__).resolve().parent.parent)
        env = {k: v for k, v in os.environ.items() if k in _KEPT_ENV} | {"PYTHONPATH": root}
        env["GGML_NO_BACKTRACE"] = "1"  # it would look for a debugger
        if hide_gpus:
            env |= _HIDDEN_GPUS
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "vidsum.broll.engines.painter"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env,
            )  # fmt: skip
        except OSError as exc:
            raise BackendFailed(f"The painter cannot be started: {exc.strerror}.") from exc
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        """Keep the last lines that the process says on stderr, and let it never wait for us."""
        assert self._process.stderr is not None
        while line := self._process.stderr.readline(4096):
            self._last_words.append(line)

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def load(self, files: Mapping[str, Path], threads: int) -> None:
        """Have the model loaded. Raises: PainterDied, Refused."""
        self._send(load_message(files, threads))
        with self._understood():
            header, _ = self._next()
            self.load_s = seconds_in(header, "load_s")
        self.device = "gpu" if text_in(header, "device") == "gpu" else "cpu"

    def paint(self, order: Order, references: Sequence[Image], stepped: Stepped) -> Painted:
        """Return a picture; tell ``stepped`` how far it is. Raises: PainterDied, Refused."""
        return self._answered(*paint_message(order, references), stepped)

    def enlarge(self, image: Image) -> Painted:
        """Return a picture, uint8 [h, w, 3] RGB, enlarged. Raises: PainterDied, Refused."""
        return self._answered(*enlarge_message(image), ignore)

    def _answered(self, header: wire.Header, pixels: bytes, stepped: Stepped) -> Painted:
        self._last_words.clear()
        self._send(header, pixels)
        with self._understood():
            while True:
                header, pixels = self._next()
                if "painted" in header:
                    return painted_in(header, pixels)
                stepped(*steps_in(header))

    def kill(self) -> None:
        """End the process at once; whoever waits for it gets PainterDied."""
        self._process.kill()

    def close(self) -> None:
        """End the process and let go of its pipes; may be called twice."""
        self._process.kill()
        self._process.wait()
        self._listener.join()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):  # what it did not read any more
                    pipe.close()

    def last_words(self) -> str:
        """Return what the library complained of, on one line; or nothing.

        That is the first line since the request: what went wrong, before what came of it.
        """
        lines = b"".join(list(self._last_words)).decode("utf-8", "replace").split("\n")
        said = [escaped(_MORE.sub("", line.strip())) for line in lines if line.strip()]
        return said[0][:_WORDS].rstrip(" .") if said else ""

    def _send(self, header: wire.Header, blob: bytes = b"") -> None:
        assert self._process.stdin is not None
        try:
            wire.write(self._process.stdin, header, blob)  # type: ignore[arg-type]
        except BrokenPipeError as exc:
            raise self._died() from exc

    @contextlib.contextmanager
    def _understood(self) -> Iterator[None]:
        """End a process that talks nonsense: a signal cut its message off, or weights took it over.

        Raises: PainterDied.
        """
        try:
            yield
        except wire.BadMessage as exc:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=1)  # a signal's number says more, where there was one
            self._process.kill()
            raise self._died() from exc

    def _next(self) -> tuple[wire.Header, bytes]:
        """Return the next message. Raises: PainterDied, Refused, wire.BadMessage."""
        message = wire.read(self._read_bytes)
        if message is None:
            raise self._died()
        self.cpu_s = seconds_in(message[0], "cpu_s")
        if "failed" in message[0]:
            why = escaped(text_in(message[0], "failed"))[:_WORDS].rstrip(" .")
            words = self.last_words()
            raise Refused(f"{why} ({words})" if words else why)
        return message

    def _read_bytes(self, count: int) -> bytes:
        """Return ``count`` bytes from the process, fewer if it ended."""
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        ready = select.poll()
        ready.register(descriptor, select.POLLIN)
        taken = bytearray()
        while len(taken) < count:
            ready.poll()  # unlike read(2), Ctrl-C ends it in any case
            chunk = os.read(descriptor, min(count - len(taken), _READ_BYTES))
            if not chunk:
                break
            taken += chunk
        return bytes(taken)

    def _died(self) -> PainterDied:
        """Make the error for a process that ended."""
        try:
            code = self._process.wait(timeout=_ENDING_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._listener.join(timeout=_ENDING_S)
        name = next((one.name for one in signal.Signals if one == -code), "")
        how = _SIGNALS.get(name, f"crashed ({name})" if name else f"ended with code {code}")
        return PainterDied(how, self.last_words())
