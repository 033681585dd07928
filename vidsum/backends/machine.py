"""What this machine lends to a model: cores and a GPU."""

from __future__ import annotations

import math
import os
from pathlib import Path

from vidsum.backends.native_log import native_log

_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def usable_cores(quota: Path = _QUOTA) -> int:
    """Return how many cores this process may keep busy, at least 1.

    A container's share counts: threads beyond it wait for each other, which costs far more than
    they bring. ``quota`` is the control group's file. Source: Linux, cgroup-v2.rst, cpu.max.
    """
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    try:
        allowed, period = quota.read_text("ascii").split()
        cores = min(cores, math.ceil(int(allowed) / int(period)))
    except (OSError, ValueError, ZeroDivisionError):
        pass  # no such file, or "max": no limit
    return max(1, cores)


def layers_on_gpu(asked: int | None) -> int:
    """Return how many layers go to the GPU; -1 is all of them, 0 none.

    None asks for all when llama.cpp was built for a GPU and sees one. Needs llama_cpp.
    """
    import llama_cpp

    native_log()  # a build for GPUs tells of each that it finds
    if not llama_cpp.llama_supports_gpu_offload():
        return 0
    return -1 if asked is None else asked
