"""What one run knows of the store between runs."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from vidsum.data import ModalityCost
from vidsum.store.content import Store, default_path


@dataclass(frozen=True, slots=True)
class Gathered:
    """What some evidence cost when it was gathered, in which run, and when (UTC, ISO 8601)."""

    costs: tuple[ModalityCost, ...]
    run_id: str
    made_at: str


@dataclass(slots=True)
class Memory:
    """The store, and what is to be kept of this run.

    ``key`` is that of the evidence, None where nothing can be kept. ``mark`` is the file as it was
    before it was read. ``told``: the user knows that nothing can be kept. Making one raises
    OptionError.
    """

    store: Store = field(default_factory=lambda: Store(default_path()))
    key: str | None = None
    mark: tuple[int, ...] | None = None
    gathered: Gathered | None = None
    told: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def must_tell(self) -> bool:
        """Say, once and to one thread alone, that the user is to be told of the store's trouble."""
        with self._lock:
            first, self.told = not self.told, self.told or bool(self.store.trouble)
            return first and self.told
