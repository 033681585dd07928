"""A run up to its evidence, and what it told on the way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vidsum import api
from vidsum.config import Options
from vidsum.events import Event


class Gathered:
    """A run that has gathered its evidence. ``hook`` is called with each event."""

    def __init__(self, path: Path, hook: Callable[[Event], None] | None = None,
                 **options: object) -> None:  # fmt: skip
        self.events: list[Event] = []
        self._hook = hook
        self.run = api.start(path, Options(**options), self._listen)  # type: ignore[arg-type]
        with api.finishing(self.run):
            self.evidence = api.extract(self.run)

    def _listen(self, event: Event) -> None:
        self.events.append(event)
        if self._hook is not None:
            self._hook(event)
