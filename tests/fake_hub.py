"""A model hub on loopback: as much of its protocol as huggingface_hub asks for, and its faults.

Large files (.gguf, .bin) are forwarded to a second host name, as the hub forwards them to its
storage, and are named by their sha256; small ones are served directly and named as git names them.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

_RESOLVE = re.compile(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)")
_ENDLESS_BYTES = 100 << 20
_STORED = re.compile(r"/stored/([^/]+/[^/]+)/([0-9a-f]{40})/(.+)")


def commit_named(word: str) -> str:
    """Return a commit's id made from a word."""
    return hashlib.sha1(word.encode(), usedforsecurity=False).hexdigest()


def content(seed: str, size: int, head: bytes = b"GGUF") -> bytes:
    """Return bytes that are always the same for a seed, and never the same for two."""
    return head + hashlib.shake_128(seed.encode()).digest(size - len(head))


@dataclass
class Served:
    """One request as it was answered."""

    method: str
    path: str
    range: str | None
    authorization: str | None
    agent: str
    status: int = 0
    sent_bytes: int = 0


@dataclass
class FakeHub:
    """Repositories, and what goes wrong with their files (by file name)."""

    repos: dict[str, dict[str, dict[str, bytes]]] = field(default_factory=dict)
    main: dict[str, str] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    cut_once_after: dict[str, int] = field(default_factory=dict)
    stall_after: dict[str, int] = field(default_factory=dict)
    other_bytes: dict[str, bytes] = field(default_factory=dict)
    claimed_size: dict[str, int] = field(default_factory=dict)
    endless: set[str] = field(default_factory=set)
    ignore_range: bool = False
    status: int | None = None
    go_on: threading.Event = field(default_factory=threading.Event)
    log: list[Served] = field(default_factory=list)
    port: int = 0

    @property
    def address(self) -> str:
        """What HF_ENDPOINT is set to."""
        return f"http://127.0.0.1:{self.port}"

    def put(self, repo: str, word: str, files: dict[str, bytes]) -> str:
        """Commit files to a repository's main branch; return the commit."""
        commit = commit_named(word)
        self.repos.setdefault(repo, {})[commit] = files
        self.main[repo] = commit
        return commit

    def gets(self, name: str) -> list[Served]:
        """Return the requests that brought bytes of one file."""
        return [served for served in self.log
                if served.method == "GET" and served.path.endswith(f"/{name}")
                and served.status in (200, 206)]  # fmt: skip


@contextmanager
def running(hub: FakeHub) -> Iterator[FakeHub]:
    """Serve a hub on loopback."""

    class Handler(_Handler):
        pass

    Handler.hub = hub
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hub.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield hub
    finally:
        hub.go_on.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: FakeHub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing on stderr."""

    def _answer(self) -> None:
        self.served = Served(
            self.command, self.path, self.headers.get("Range"),
            self.headers.get("Authorization"), self.headers.get("User-Agent", ""),
        )  # fmt: skip
        self.hub.log.append(self.served)
        if self.hub.status is not None:
            self._fail(self.hub.status, "")
        elif found := _RESOLVE.fullmatch(unquote(self.path)):
            self._resolve(*found.groups())
        elif found := _STORED.fullmatch(unquote(self.path)):
            self._send_file(found[3], self.hub.repos[found[1]][found[2]][found[3]], {})
        else:
            self._fail(404, "")

    def _resolve(self, repo: str, revision: str, name: str) -> None:
        hub = self.hub
        commit = hub.main.get(repo, "") if revision == "main" else revision
        files = hub.repos.get(repo, {}).get(commit, {})
        if repo in hub.gated and self.headers.get("Authorization") != "Bearer hf_allowed":
            self._fail(401, "GatedRepo")
        elif repo not in hub.repos:
            self._fail(404, "RepoNotFound")
        elif commit not in hub.repos[repo]:
            self._fail(404, "RevisionNotFound")
        elif name not in files:
            self._fail(404, "EntryNotFound")
        else:
            self._offer(repo, commit, name, files[name])

    def _offer(self, repo: str, commit: str, name: str, data: bytes) -> None:
        hub = self.hub
        size = hub.claimed_size.get(name, len(data))
        headers = {"X-Repo-Commit": commit}
        if PurePosixPath(name).suffix not in (".gguf", ".bin"):
            git = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False)
            self._send_file(name, data, headers | {"ETag": f'"{git.hexdigest()}"'})
            return
        headers |= {
            "X-Linked-Etag": f'"{hashlib.sha256(data).hexdigest()}"',
            "X-Linked-Size": str(size),
            "Location": f"http://localhost:{hub.port}/stored/{repo}/{commit}/{name}",
        }
        self._head(302, headers, 0)

    def _send_file(self, name: str, data: bytes, headers: dict[str, str]) -> None:
        hub = self.hub
        data = hub.other_bytes.get(name, data)
        start = 0
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if asked and not hub.ignore_range:
            start = int(asked[1])
            headers |= {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
        length = None if name in hub.endless else len(data) - start
        self._head(206 if start else 200, headers | {"Accept-Ranges": "bytes"}, length)
        if self.command == "GET":
            self._send_bytes(name, data[start:])

    def _send_bytes(self, name: str, data: bytes) -> None:
        hub = self.hub
        cut = hub.cut_once_after.pop(name, None)
        stall = hub.stall_after.get(name)
        first = data[: min(n for n in (cut, stall, len(data)) if n is not None)]
        try:
            self.wfile.write(first)
            self.served.sent_bytes = len(first)
            if cut is not None:
                self.close_connection = True
                return
            if stall is not None:
                hub.go_on.wait(60)
            self.wfile.write(data[len(first) :])
            self.served.sent_bytes = len(data)
            while name in hub.endless and self.served.sent_bytes < _ENDLESS_BYTES:
                self.served.sent_bytes += self.wfile.write(bytes(1 << 20))
        except OSError:
            self.close_connection = True  # whoever asked has gone away

    def _fail(self, status: int, code: str) -> None:
        self._head(status, {"X-Error-Code": code} if code else {}, 2)
        if self.command == "GET":
            self.wfile.write(json.dumps({}).encode())

    def _head(self, status: int, headers: dict[str, str], length: int | None) -> None:
        """``length`` None: the body ends when the connection does."""
        self.served.status = status
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        if length is None:
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(length))
        self.end_headers()


@dataclass
class Machine:
    """A machine with folders of its own, on which vidsum is run as a user runs it."""

    folder: Path
    hub: FakeHub | None = None

    @property
    def cache(self) -> Path:
        """The hub's cache."""
        return self.folder / "hf" / "hub"

    @property
    def state(self) -> Path:
        """vidsum's state folder."""
        return self.folder / "vidsum"

    @property
    def env(self) -> dict[str, str]:
        """The environment: nothing of this process's own hub settings."""
        kept = {k: v for k, v in os.environ.items()
                if not k.startswith(("HF_", "VIDSUM_", "XDG_", "OLLAMA_"))}  # fmt: skip
        return kept | {
            "HOME": str(self.folder), "HF_HOME": str(self.folder / "hf"),
            "VIDSUM_HOME": str(self.state), "HF_HUB_DOWNLOAD_TIMEOUT": "2",
            "HF_ENDPOINT": self.hub.address if self.hub else "http://127.0.0.1:9",
        }  # fmt: skip

    def catalogue(self, *models: str) -> None:
        """Write the user's own catalogue."""
        self.state.mkdir(parents=True, exist_ok=True)
        (self.state / "catalog.toml").write_text("\n".join(models), "utf-8")

    def start(self, *arguments: str, **more: Any) -> subprocess.Popen[str]:
        """Start ``vidsum models …``."""
        env = self.env | more.pop("env", {})
        return subprocess.Popen(
            [sys.executable, "-m", "vidsum", "models", *arguments], env=env, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more,
        )  # fmt: skip

    def run(self, *arguments: str, **more: Any) -> tuple[int, str, str]:
        """Run ``vidsum models …``; return its exit code, stdout and stderr."""
        process = self.start(*arguments, **more)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def python(self, code: str) -> str:
        """Run Python code on this machine; return what it prints. The hub library reads its
        settings once a process, so they need a process of their own."""
        return subprocess.run(
            [sys.executable, "-c", code], env=self.env, text=True, check=True, capture_output=True
        ).stdout


def entry(name: str, task: str, size_class: str, repo: str, files: dict[str, str],
          **more: str | int) -> str:  # fmt: skip
    """Return a model as it stands in catalog.toml; ``files`` maps names to roles."""
    lines = ["[[model]]", f'name = "{name}"', f'for = "{task}"', f'class = "{size_class}"',
             f'repo = "{repo}"']  # fmt: skip
    lines += [f"{key} = {json.dumps(value)}" for key, value in more.items()]
    for file, role in files.items():
        lines += ["[[model.files]]", f'name = "{file}"', f'role = "{role}"']
    return "\n".join(lines) + "\n"
