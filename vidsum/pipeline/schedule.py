"""Who may work at the same time."""

from __future__ import annotations

from dataclasses import replace

from vidsum.backends.machine import usable_cores
from vidsum.config import Options
from vidsum.registry import Work

MANY_CORES = 8
"""From here on two models get half of the cores each; on fewer they would only be in each
other's way, and both models' memory would be taken at once."""


def must_wait(eyes: Work, ears: Work, cores: int) -> bool:
    """Say whether the eyes should wait until the ears are done."""
    if eyes == ears == "gpu":
        return True
    return eyes == ears == "cores" and cores < MANY_CORES


def with_threads(options: Options, one: Work, other: Work) -> Options:
    """Return the options for one of two that work side by side: half of the cores if both need
    them. A number of threads that the user gave stays."""
    cores = usable_cores()
    if options.threads is not None or cores < MANY_CORES or not one == other == "cores":
        return options
    return replace(options, threads=cores // 2)
