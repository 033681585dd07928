"""The tiny models behind a real OpenAI-compatible server on loopback: llama-cpp-python's own."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from models import MMPROJ, VLM

MODEL = "tinyvlm"


class ChatServer:
    """``python -m llama_cpp.server`` with the tiny VLM; use it as a context manager.

    ``text_model``: another model in its place, that takes text only and ``context`` tokens.
    """

    def __init__(self, folder: Path, key: str | None = None, *, text_model: Path | None = None,
                 context: int = 2048) -> None:  # fmt: skip
        self._model = (
            ["--model", str(VLM), "--clip_model_path", str(MMPROJ), "--chat_format", "mtmd"]
            if text_model is None else ["--model", str(text_model)]
        )  # fmt: skip
        self._context = context
        self._log = folder / "chat_server.log"
        self._key = key
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> Self:
        key = ["--api_key", self._key] if self._key else []
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "llama_cpp.server", *self._model, "--model_alias", MODEL,
                 "--host", "127.0.0.1", "--port", str(self.port), "--n_ctx", str(self._context),
                 "--n_threads", "1", "--n_threads_batch", "1", "--interrupt_requests", "false",
                 "--verbose", "false", *key],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        while not answers(self.port):
            if self._process.poll() is not None:
                raise RuntimeError(f"the server did not start: {self.log()[-2000:]}")
            time.sleep(0.05)
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:  # fmt: skip
        self.kill()

    def kill(self) -> None:
        """End it at once, in the middle of whatever it does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def log(self) -> str:
        """Return what it has said."""
        return self._log.read_text("utf-8", "replace")


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    """Say whether somebody listens on a port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
