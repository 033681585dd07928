"""A provider that behaves as a test wants it to: a real HTTP server on loopback.

A script is a list of steps. Each request takes the next one, the last is repeated for ever. A
step is an :class:`Answer`, or a function from the :class:`Call` to one.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True)
class Call:
    """One request that came in."""

    method: str
    path: str
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> dict[str, Any]:
        """What it asks, as JSON."""
        found: dict[str, Any] = json.loads(self.raw)
        return found

    @property
    def prompt(self) -> str:
        """All text of its last message."""
        content = self.body["messages"][-1]["content"]
        if isinstance(content, str):
            return content
        return "\n".join(part["text"] for part in content if part["type"] == "text")


@dataclass(frozen=True)
class Answer:
    """What to send back. ``drop``: cut the line instead; ``hang``: say nothing until the end.

    ``raw``: send these pieces instead, head and all, until the reader leaves.
    """

    status: int = 200
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    drop: bool = False
    hang: bool = False
    raw: Iterable[bytes] | None = None


Step = Answer | Callable[[Call], Answer]
DROP, HANG = Answer(drop=True), Answer(hang=True)


def says(
    text: str | None, finish: str = "stop", usage: object = (100, 20), **message: object
) -> Answer:
    """A chat completion. usage: tokens in and out, or the whole field as it is sent."""
    if isinstance(usage, tuple):
        usage = {"prompt_tokens": usage[0], "completion_tokens": usage[1],
                 "total_tokens": sum(usage)}  # fmt: skip
    body: dict[str, object] = {
        "id": "c", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "finish_reason": finish,
                     "message": {"role": "assistant", "content": text, **message}}],
    }  # fmt: skip
    if usage is not None:
        body["usage"] = usage
    return Answer(body=body)


def fails(status: int, message: str = "", code: str | None = None, **headers: str) -> Answer:
    """An error as OpenAI words it. headers: retry_after and the like."""
    error = {"message": message, "type": "error", "param": None, "code": code}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {"error": error}, named)


class ScriptedProvider:
    """Follows a script; use it as a context manager. ``calls`` are the requests that came in."""

    def __init__(self, *script: Step) -> None:
        self.calls: list[Call] = []
        self._script: Sequence[Step] = script
        self._lock = threading.Lock()
        self._arrived = threading.Condition(self._lock)
        self._over = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.owner = self  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:  # fmt: skip
        self._over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def wait_for(self, count: int) -> bool:
        """Wait until so many requests have come in; False if they do not."""
        with self._arrived:
            return self._arrived.wait_for(lambda: len(self.calls) >= count, timeout=30)

    def answer(self, call: Call) -> Answer:
        """Return what the script says to a request."""
        with self._arrived:
            step = self._script[min(len(self.calls), len(self._script) - 1)]
            self.calls.append(call)
            self._arrived.notify_all()
        answer = step if isinstance(step, Answer) else step(call)
        if answer.hang:
            self._over.wait()
        return answer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else a body waits 40 ms for its head to be acknowledged

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        call = Call(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, raw)
        owner: ScriptedProvider = self.server.owner  # type: ignore[attr-defined]
        answer = owner.answer(call)
        if answer.drop or answer.hang:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        if answer.raw is not None:
            self.close_connection = True
            with suppress(OSError):
                for piece in answer.raw:
                    self.connection.sendall(piece)
            return
        text = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
        data = text.encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
