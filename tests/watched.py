"""A watched folder for tests of the whole program: films, a provider that counts, and the books.

Everything is real: ``python -m vidsum watch`` in a process of its own, and an HTTP server on
loopback that answers each picture with words of its own and writes a summary.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from footage import film
from scenes import random_scenes
from scripted_provider import Answer, Call, ScriptedProvider, Step, says

USAGE = (100, 20)
PRICES = """
[[price]]
host = "127.0.0.1"
model = "m"
input_usd_per_mtok = 0.10
output_usd_per_mtok = 0.40
"""
CALL_NANO = USAGE[0] * 100 + USAGE[1] * 400
"""What one answered call costs at these prices, in nano-dollars."""
SUMMARY = {
    "chapters": [], "key_points": [], "quotes": [], "names": [],
    "overview": [{"text": "Shapes come one after the other.", "evidence": ["c0001"]}],
    "title": "Shapes", "caveats": [],
}  # fmt: skip
RESULT = re.compile(rb"\.vidsum\.(md|json|txt)$")


def small_film(path: Path, seed: int, shots: int = 3, shot_s: float = 5.0) -> Path:
    """Write a film of scenes that no film of another seed shows, 160 × 90."""
    drawn = [s for s in random_scenes(seed, shots * 3 + 20) if s.kind == "shape"][:shots]
    return film(path, [(shot_s, scene.image(160, 90)) for scene in drawn])


@dataclass
class Books:
    """What a provider has answered: the other side of the ledger.

    ``asked`` counts the requests by their content: a repeated one stands for a call that was paid
    for twice.
    """

    answered: int = 0
    asked: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, call: Call) -> None:
        """Write down a call that is about to be answered."""
        body = call.body
        key = json.dumps([body["messages"], body.get("response_format")], sort_keys=True)
        key = re.sub(r"==+[0-9A-Za-z]+==+", "==", key)  # a run's own mark
        with self._lock:
            self.answered += 1
            self.asked[hashlib.sha256(key.encode()).hexdigest()] += 1

    @property
    def repeated(self) -> int:
        """How many calls were made for what had been answered before."""
        return sum(times - 1 for times in self.asked.values())


def pictured(call: Call) -> bool:
    """Say whether a request shows a picture."""
    content = call.body["messages"][-1]["content"]
    return not isinstance(content, str) and any(part["type"] == "image_url" for part in content)


def model(books: Books, wait_s: float = 0.0, first: Callable[[Call], Answer | None] | None = None
          ) -> Step:  # fmt: skip
    """Answer each picture with words of its own, anything else with a summary, and count.

    ``first`` may answer in its place; what it answers is not counted.
    """

    def step(call: Call) -> Answer:
        if call.method != "POST":
            return Answer(body={"object": "list", "data": [{"id": "m", "object": "model"}]})
        other = first(call) if first is not None else None
        if other is not None:
            return other
        time.sleep(wait_s)
        books.take(call)
        if not pictured(call):
            return says(json.dumps(SUMMARY), usage=USAGE)
        shown = json.dumps(call.body["messages"][-1]["content"])
        return says(f"Picture {hashlib.sha256(shown.encode()).hexdigest()[:12]}.", usage=USAGE)

    return step


@dataclass(frozen=True)
class Watched:
    """A folder, a state folder, and a provider; ``more`` are flags for every call."""

    root: Path
    home: Path
    provider: ScriptedProvider
    books: Books
    more: tuple[str, ...] = ()

    def command(self, *arguments: object) -> list[str]:
        """Return the command that watches the folder."""
        url = self.provider.url
        engines = ["--captioner", "remote", "--caption-api", url, "--caption-model", "m",
                   "--reasoner", "remote", "--reason-api", url, "--reason-model", "m",
                   "--reason-context", "32768", "--no-ocr", "--second-look", "0",
                   "--settle", "0.2", "--rescan", "0.2", "--api-timeout", "5"]  # fmt: skip
        return [sys.executable, "-m", "vidsum", "watch", str(self.root), *engines, *self.more,
                *map(str, arguments)]  # fmt: skip

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment of the command."""
        return dict(os.environ) | {"VIDSUM_HOME": str(self.home), "VIDSUM_API_KEY": "none"}

    def start(self, *arguments: object, **environment: str) -> subprocess.Popen[bytes]:
        """Start to watch, in a process group of its own; stderr goes to watch.log."""
        self.home.mkdir(exist_ok=True)
        prices = self.home / "prices.toml"
        if not prices.exists():
            prices.write_text(PRICES, "utf-8")
        with self.log_path.open("ab") as log:
            return subprocess.Popen(
                self.command(*arguments), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=log, env=self.environment | environment, start_new_session=True,
            )  # fmt: skip

    def once(self, *arguments: object, timeout_s: float = 240, **environment: str) -> int:
        """Do all that there is to do; return the exit code."""
        return self.start("--once", *arguments, **environment).wait(timeout_s)

    @property
    def log_path(self) -> Path:
        """Where stderr goes."""
        return self.home / "watch.log"

    def log(self) -> str:
        """Return what was said so far."""
        return self.log_path.read_text("utf-8", "replace")

    def results(self, place: Path | None = None) -> Iterator[Path]:
        """Yield every result that is there."""
        for folder, _, names in os.walk(place or self.root):
            yield from (Path(folder, name) for name in names if RESULT.search(os.fsencode(name)))

    def leftovers(self) -> list[str]:
        """Return temporary files that a reader of the folder could stumble over."""
        return [name for _, _, names in os.walk(self.root) for name in names
                if name.startswith(".vidsum-")]  # fmt: skip

    def jobs(self) -> Counter[str]:
        """Return how many jobs are in which state."""
        with closing(sqlite3.connect(self.home / "watch.db")) as db:
            return Counter(dict(db.execute("SELECT state, count(*) FROM jobs GROUP BY state")))

    def ledger(self) -> Ledger:
        """Return what the ledger says of calls."""
        with closing(sqlite3.connect(self.home / "ledger.db")) as db:
            rows = db.execute(
                "SELECT call_id, phase, usd_nano FROM entries WHERE kind = 'call'"
            ).fetchall()
        ends = Counter(call for call, phase, _ in rows if phase != "reserve")
        settled = [usd for _, phase, usd in rows if phase == "settle"]
        return Ledger(
            len({call for call, phase, _ in rows if phase == "reserve"}), len(settled),
            sum(usd for usd in settled if usd is not None), max(ends.values(), default=0),
        )  # fmt: skip


@dataclass(frozen=True)
class Ledger:
    """Calls that were begun and settled, what the settled ones cost, and the most ends of one."""

    begun: int
    settled: int
    usd_nano: int
    most_ends: int


@contextmanager
def watched(folder: Path, *more: str, wait_s: float = 0.0,
            first: Callable[[Call], Answer | None] | None = None) -> Iterator[Watched]:  # fmt: skip
    """Yield a folder to watch in ``folder``, with a provider that runs meanwhile."""
    root = folder / "in"
    root.mkdir()
    books = Books()
    with ScriptedProvider(model(books, wait_s, first)) as provider:
        yield Watched(root, folder / "home", provider, books, more)


def wait_until(true: Callable[[], bool], timeout_s: float = 60.0) -> bool:
    """Wait until something is so; False if it never was."""
    end_s = time.monotonic() + timeout_s
    while time.monotonic() < end_s:
        if true():
            return True
        time.sleep(0.05)
    return true()


def whole(result: Path) -> dict[str, Any]:
    """Return a JSON result. Raises: ValueError when it is not whole."""
    found: dict[str, Any] = json.loads(result.read_text("utf-8"))
    assert found["summary"]["title"]
    return found


def kill_all(process: subprocess.Popen[bytes]) -> None:
    """End a watcher and all that it has started, as when the machine is switched off."""
    for pid in [*descendants(process.pid), process.pid]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.wait()


def descendants(pid: int) -> list[int]:
    """Return the processes below one."""
    below: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = [int(child) for child in task.read_text().split()]
        except OSError:
            continue
        for child in children:
            below += [child, *descendants(child)]
    return below
