"""Canaries: a web server and files that tell whether anybody touched them. Linux only."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path

_IN_OPEN, _IN_CREATE, _IN_MOVED_TO = 0x20, 0x100, 0x80


class _Perch(socketserver.BaseRequestHandler):
    """Notes that somebody connected, and what the first bytes were; answers nothing useful."""

    def handle(self) -> None:
        self.request.settimeout(2)
        with contextlib.suppress(OSError):
            asked = self.request.recv(500)
            self.server.sung.append(asked)  # type: ignore[attr-defined]
            self.request.sendall(b"HTTP/1.0 404 Not Found\r\n\r\n")
            return
        self.server.sung.append(b"")  # type: ignore[attr-defined]


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@contextlib.contextmanager
def canary_server() -> Iterator[tuple[int, list[bytes]]]:
    """A server on a port of this machine, and what it was asked: one entry a connection."""
    with _Server(("127.0.0.1", 0), _Perch) as server:
        sung: list[bytes] = []
        server.sung = sung  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server.server_address[1], sung
        server.shutdown()


class Watched:
    """Tells which files of a folder anybody on this machine has opened, by inotify."""

    def __init__(self, folder: Path) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._events = self._libc.inotify_init1(os.O_NONBLOCK)
        kinds = _IN_OPEN | _IN_CREATE | _IN_MOVED_TO
        assert self._libc.inotify_add_watch(self._events, os.fsencode(folder), kinds) > 0

    def __enter__(self) -> Watched:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._events)

    def touched(self) -> set[bytes]:
        """The names of what was opened or made since the last call; the folder itself is b""."""
        data = b""
        with contextlib.suppress(BlockingIOError):
            while True:
                data += os.read(self._events, 1 << 16)
        names = set()
        while data:
            length = int.from_bytes(data[12:16], "little")
            names.add(data[16 : 16 + length].rstrip(b"\0"))
            data = data[16 + length :]
        return names
