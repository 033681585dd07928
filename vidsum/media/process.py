"""The program's side of the decode process."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

import vidsum
from vidsum.data import AudioTrack, AudioWindow, Frame, MediaInfo, TextTrack
from vidsum.errors import BackendFailed, BackendMissing, DecodeStopped, MediaError
from vidsum.media import wire
from vidsum.media.messages import (
    End,
    FramesReport,
    TextPacket,
    as_end,
    as_frame_header,
    as_image,
    as_info,
    as_span,
)
from vidsum.media.plan import Moments, Times
from vidsum.media.policy import DecodePolicy
from vidsum.media.sniff import check_input
from vidsum.wording import shown


class Decoder:
    """One decode process for one file; use it as a context manager.

    Calls are answered one after the other. Leaving an iterator half read is fine: closing kills
    the process. ``cpu_s`` is what the process has used for the calls that it finished.
    """

    def __init__(self, path: Path, policy: DecodePolicy | None = None) -> None:
        self._path = path
        self._policy = policy or DecodePolicy()
        self._process: subprocess.Popen[bytes] | None = None
        self._last_words: deque[bytes] = deque(maxlen=20)
        self._listener: threading.Thread | None = None
        self._killed = False
        self.cpu_s = 0.0
        self.frames_report: FramesReport | None = None
        self.broken_audio_packets = 0

    def __enter__(self) -> Self:
        check_input(self._path)
        root = str(Path(vidsum.__file__).resolve().parent.parent)
        env = {k: v for k, v in os.environ.items() if k in _KEPT_ENV}
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "vidsum.media.child"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
                env=env | {"PYTHONPATH": root, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            )  # fmt: skip
        except OSError as exc:
            raise BackendFailed(f"The decode process cannot be started: {exc.strerror}.") from exc
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        if self._killed:
            self._process.kill()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:  # fmt: skip
        self.close()

    def kill(self) -> None:
        """End the process from any thread; whoever reads from it gets DecodeStopped."""
        self._killed = True
        if self._process is not None:
            self._process.kill()

    def close(self) -> None:
        """End the process, whatever it is doing. For the thread that entered."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        if self._listener is not None:
            self._listener.join()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        self._process = None

    def _listen(self) -> None:
        """Keep the last lines that the process says on stderr, and let it never wait for us."""
        assert self._process is not None
        assert self._process.stderr is not None
        while line := self._process.stderr.readline(4096):
            self._last_words.append(line)

    def probe(self) -> MediaInfo:
        """Return what the container says of itself. Raises: MediaError."""
        for answer in self._ask("probe"):
            if isinstance(answer, End) and answer.info is not None:
                info = as_info(answer.info)
                return replace(info, path=self._path)
        raise self._stopped("it gave no answer")

    def frames(self, times: Times, side_px: int, promised_s: float | None) -> Iterator[Frame]:
        """Yield the samples of a grid, or of given moments, in order of time.

        ``frames_report`` is there when the iterator ends.
        ``promised_s`` is the duration that the container claims: the report then tells a cut-off
        file from one whose pictures end before its sound. Raises: MediaError, DecodeStopped.
        """
        asked = _as_sent(times)
        for answer in self._ask("frames", **asked, side_px=side_px, promised_s=promised_s):
            if isinstance(answer, End):
                self.frames_report = answer.report
                return
            header, blob = as_frame_header(answer[0]), answer[1]
            yield Frame(header.sample, as_image(header, blob))

    def audio(self, track: AudioTrack, start_s: float = 0.0,
              stop_s: float | None = None) -> Iterator[AudioWindow]:  # fmt: skip
        """Yield one audio stream as windows of 16 kHz mono. Raises: MediaError."""
        for answer in self._ask("audio", stream=track.index, start_s=start_s, stop_s=stop_s):
            if isinstance(answer, End):
                self.broken_audio_packets = answer.broken_packets
                return
            samples = np.frombuffer(answer[1][: len(answer[1]) // 4 * 4], np.float32)
            yield AudioWindow(as_span(answer[0]).start_s, samples)

    def text_packets(self, track: TextTrack) -> tuple[list[TextPacket], bytes]:
        """Return a subtitle stream's packets and its codec header. Raises: MediaError."""
        packets: list[TextPacket] = []
        for answer in self._ask("text", stream=track.index):
            if isinstance(answer, End):
                return packets, bytes.fromhex(answer.header_hex)
            span = as_span(answer[0])
            packets.append(TextPacket(span.start_s, span.duration_s, answer[1]))
        raise self._stopped(None)

    def _ask(self, what: str, **arguments: Any) -> Iterator[tuple[wire.Header, bytes] | End]:
        """Send a request and yield its messages, the closing one last."""
        assert self._process is not None, "use the decoder as a context manager"
        assert self._process.stdin is not None
        path = os.fsencode(os.path.realpath(self._path))  # /dev/stdin is another file in the child
        request = {"do": what, "path_hex": path.hex()} | arguments
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
        except BrokenPipeError as exc:
            raise self._stopped(None) from exc
        while True:
            header, blob = self._next_message()
            if "refused" in header:
                raise MediaError(f"{shown(self._path)} cannot be read: {header['refused']}.",
                                 "Does a player open it?")  # fmt: skip
            if "end" in header:
                end = as_end({k: v for k, v in header.items() if k != "end"})
                self.cpu_s += end.cpu_s
                yield end
                return
            if "alive" not in header:
                yield header, blob

    def _next_message(self) -> tuple[wire.Header, bytes]:
        try:
            message = wire.read(self._read_bytes)
        except wire.BadMessage as exc:
            raise self._stopped(None if self._died() else f"the decoder broke off ({exc})") from exc
        if message is None:
            raise self._stopped(None)
        return message

    def _died(self) -> bool:
        """Whether a signal ended the process: its last message is then cut off."""
        assert self._process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(timeout=1) < 0
        return False

    def _read_bytes(self, count: int) -> bytes:
        """Return ``count`` bytes from the process, fewer if it ended. Raises: DecodeStopped."""
        assert self._process is not None
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        ready = select.poll()
        ready.register(descriptor, select.POLLIN)
        taken = bytearray()
        while len(taken) < count:
            if not ready.poll(self._policy.stall_s * 1000):
                self._process.kill()
                raise self._stopped(f"the decoder did nothing for {self._policy.stall_s:.0f} s")
            chunk = os.read(descriptor, min(count - len(taken), _READ_BYTES))
            if not chunk:
                break
            taken += chunk
        return bytes(taken)

    def _stopped(self, why: str | None) -> DecodeStopped:
        """Make the error for a process that died; its last words go into the message."""
        assert self._process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=5)
        code = self._process.poll()
        if why is None and code is not None and code < 0:
            name = signal.Signals(-code).name
            why = _SIGNALS.get(name, f"the decoder crashed ({name})")
        if why is None and code is not None and self._listener is not None:
            self._listener.join(timeout=5)
        last = b"".join(self._last_words).decode("utf-8", "replace").strip().splitlines()
        if last and last[-1].startswith(("ImportError", "ModuleNotFoundError")):
            raise BackendMissing(f"The decoder cannot start: {last[-1][:300]}.",
                                 "Reinstall vidsum.")  # fmt: skip
        why = why or (f"the decoder failed ({last[-1][:300]})" if last else "the decoder failed")
        return DecodeStopped(f"{shown(self._path)}: {why}.", "The file may be damaged.")


def _as_sent(times: Times) -> dict[str, object]:
    """Return times as the process is asked for them: JSON knows no infinity."""
    if isinstance(times, Moments):
        return {"moments": times.times_s}
    grid = {"interval_s": times.interval_s, "tolerance_s": times.tolerance_s,
            "start_s": times.start_s}  # fmt: skip
    if times.stop_s != float("inf"):
        grid["stop_s"] = times.stop_s
    return {"grid": grid}


_READ_BYTES = 1 << 20

_KEPT_ENV = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
             "VIRTUAL_ENV", "PYTHONHOME")  # fmt: skip
"""The decode process gets no secrets: API keys live in the environment."""

_SIGNALS = {
    "SIGXCPU": "decoding used more CPU time than a video of its length may",
    "SIGKILL": "the decoder was killed, perhaps for lack of memory",
}
