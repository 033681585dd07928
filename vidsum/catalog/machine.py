"""What this machine has room for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from vidsum.catalog.entry import ModelEntry

_SHARE: Final = 0.85
"""The part of the memory that one model may take; the system and the decoder need the rest."""
_CGROUP_LIMITS: Final = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def total_memory_bytes() -> int:
    """Return this machine's memory, or a container's limit where that is less."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for path in _CGROUP_LIMITS:
        try:
            total = min(total, int(path.read_text("ascii")))
        except (OSError, ValueError):
            continue  # no such limit, or the word max
    return total


def fits(entry: ModelEntry) -> bool:
    """Return whether a model's memory need fits into this machine's memory."""
    return entry.memory_bytes <= total_memory_bytes() * _SHARE
