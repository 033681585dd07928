"""What a backend's calls used so far, added up from any thread."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from vidsum.data import Usage

_KEYS = ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens")


class Tally:
    """Adds up calls and tokens. A call whose usage is unknown is counted as such, never as 0."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, float] = {}

    def add(self, usage: Usage, *, calls: int = 1) -> None:
        """Take in one answered call."""
        with self._lock:
            self._add("calls", calls)
            if usage.input_tokens is None or usage.output_tokens is None:
                self._add("calls_without_usage", calls)
            for key in _KEYS:
                value = getattr(usage, key)
                if value:
                    self._add(key, value)

    def add_calls(self, calls: int = 1) -> None:
        """Take in answered calls of a model that counts no tokens."""
        with self._lock:
            self._add("calls", calls)

    def add_failure(self, *, calls: int = 1) -> None:
        """Take in a call that gave no answer; what it used is not known."""
        with self._lock:
            self._add("failed_calls", calls)

    def _add(self, key: str, value: float) -> None:
        self._counts[key] = self._counts.get(key, 0) + value

    @property
    def counts(self) -> Mapping[str, float]:
        """Return what is known so far; a key that never came up is not there."""
        with self._lock:
            return dict(self._counts)
