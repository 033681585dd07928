"""What the machine's own meters say a run drew, and an estimate where there are none.

Measured is the whole machine: everything that the processor packages and the GPUs did meanwhile,
other programs and idling included. What two stages that run side by side drew cannot be told
apart. Nothing here ever raises: what cannot be measured is None.
"""

from __future__ import annotations

import contextlib
import importlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from vidsum.data import Origin

POWERCAP: Final = Path("/sys/class/powercap")
WATTS_PER_CORE: Final = 3.5
"""A hardware thread at full load, with its part of the server around it: 1.7 to 8.6 by processor.
A laptop's or a desktop's may differ more. Source: Cloud Carbon Footprint, Methodology, "Compute",
read in November 2026: average maximum watts of a vCPU at AWS, from SPECpower_ssj2008 results (at
Azure 3.76, at GCP 4.26); its table by processor goes from AMD EPYC 2nd generation to Sandy Bridge.
"""

_EVERY_S: Final = 30.0
_MOST_W: Final = 1_000.0
"""More than any processor package draws: the largest are sold for 500 W."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the meters stood at: microjoules and millijoules since they were first read.

    None where there is no such meter, or where it was lost on the way.
    """

    packages_uj: int | None = None
    gpus_mj: int | None = None


@dataclass(frozen=True, slots=True)
class Joules:
    """An amount of energy. ``method``: ``rapl``, ``nvml``, ``rapl+nvml`` or ``cpu_s×W``.

    What the method does not name is not in it: ``nvml`` is the GPUs without the processor.
    """

    joules: float
    method: str
    origin: Origin


def joules_between(before: Reading, after: Reading) -> Joules | None:
    """Return what was drawn between two readings of one meter, None if nobody measured it.

    A meter that did not move did not measure: some virtual machines have such.
    """
    measured: dict[str, float] = {}
    if before.packages_uj is not None and after.packages_uj is not None:
        measured["rapl"] = (after.packages_uj - before.packages_uj) / 1e6
    if before.gpus_mj is not None and after.gpus_mj is not None:
        measured["nvml"] = (after.gpus_mj - before.gpus_mj) / 1e3
    moved = {method: joules for method, joules in measured.items() if joules > 0}
    return Joules(sum(moved.values()), "+".join(moved), "measured") if moved else None


def estimate(
    cpu_s: float | None, watts_per_core: float = WATTS_PER_CORE, *, gpu_work: bool = False
) -> Joules | None:
    """Return what so many CPU seconds take by a published average: see :data:`WATTS_PER_CORE`.

    None when the seconds are not known, and for work that a GPU did: nobody knows what it drew.
    """
    if cpu_s is None or gpu_work:
        return None
    return Joules(cpu_s * watts_per_core, "cpu_s×W", "estimated")


class EnergyMeter:
    """Reads the energy counters of the processor packages (RAPL) and of NVIDIA's GPUs (NVML).

    RAPL's are those of Linux, by Intel and AMD alike, and since Linux 5.10 only root may read
    them. Each package counts once: not its parts (core, uncore), which are in it, not the memory,
    which has a counter of its own on servers, and not the platform's (psys). They wrap around
    after a few minutes to an hour, so a thread reads them every ``every_s`` seconds until
    :meth:`close`. A counter that nobody read for so long that it may have wrapped more than once
    (the machine slept), or that moved faster than any processor draws (it was reset), is given up.

    GPUs are read if ``gpus`` and if the package nvidia-ml-py and a driver are there: all of them
    that have a counter (Volta, 2017, and later). Leave ``gpus`` out for work without a GPU:
    asking wakes one that sleeps.
    Source: Linux, Documentation/power/powercap/powercap.rst; NVML API reference.
    """

    def __init__(
        self, powercap: Path = POWERCAP, *, gpus: bool = True, every_s: float = _EVERY_S,
        clock: Callable[[], float] | None = None,
    ) -> None:  # fmt: skip
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._packages = _Packages(powercap, clock or _since_boot_s)
        self._gpus = _Gpus() if gpus else None
        self._thread: threading.Thread | None = None
        if self._packages.total_uj is not None:
            self._thread = threading.Thread(
                target=self._keep_reading, args=(every_s,), name="energy", daemon=True
            )
            self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None,
                 trace: TracebackType | None) -> None:  # fmt: skip
        self.close()

    def read(self) -> Reading:
        """Return what the meters stand at. From any thread; takes well below a millisecond."""
        with self._lock:
            self._packages.read()
            return Reading(self._packages.total_uj, self._gpus.read() if self._gpus else None)

    def close(self) -> None:
        """Stop reading. May be called twice."""
        self._done.set()
        if self._thread is not None:
            self._thread.join()
        with self._lock:
            if self._gpus is not None:
                self._gpus.close()

    def _keep_reading(self, every_s: float) -> None:
        while not self._done.wait(every_s):
            with self._lock:
                self._packages.read()


class _Packages:
    """The counters of all processor packages, added up; all of them or none."""

    def __init__(self, powercap: Path, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.total_uj: int | None = None
        try:
            self._zones = [_Zone(folder, clock()) for folder in _package_folders(powercap)]
        except (OSError, ValueError):
            return
        if self._zones:
            self.total_uj = 0

    def read(self) -> None:
        """Bring the total up to date; it is None for good once a counter is lost."""
        if self.total_uj is None:
            return
        try:
            self.total_uj += sum([zone.moved_uj(self._clock()) for zone in self._zones])
        except (OSError, ValueError):
            self.total_uj = None


class _Zone:
    """One package's counter. Raises: OSError, ValueError when it is no good, here and later."""

    def __init__(self, folder: Path, now_s: float) -> None:
        self._counter = folder / "energy_uj"
        self._range_uj = _number(folder / "max_energy_range_uj")
        self._at_s, self._stood_uj = now_s, _number(self._counter)

    def moved_uj(self, now_s: float) -> int:
        """Return what it counted since it was last asked."""
        stands_uj, elapsed_s = _number(self._counter), now_s - self._at_s
        moved_uj = stands_uj - self._stood_uj
        if moved_uj < 0:
            moved_uj += self._range_uj
        if elapsed_s * _MOST_W * 1e6 > self._range_uj:
            raise ValueError("it may have wrapped more than once")
        if not 0 <= moved_uj <= (elapsed_s + 1) * _MOST_W * 1e6:
            raise ValueError("it was reset")
        self._at_s, self._stood_uj = now_s, stands_uj
        return moved_uj


def _package_folders(powercap: Path) -> Iterator[Path]:
    """Parts of a package lie beside it, with names of their own."""
    for folder in sorted(powercap.glob("intel-rapl:*")):
        if (folder / "name").read_text("ascii").startswith("package-"):
            yield folder


def _number(file: Path) -> int:
    found = int(file.read_text("ascii"))
    if found < 0:
        raise ValueError(f"{file} is negative")
    return found


def _since_boot_s() -> float:
    """Return seconds that also pass while the machine sleeps, where it has such a clock."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class _Gpus:
    """The energy counters of all GPUs that have one."""

    def __init__(self) -> None:
        self._nvml: Any = None
        self._devices: list[Any] = []
        self._first_mj: int | None = None
        try:
            nvml = importlib.import_module("pynvml")
            nvml.nvmlInit()
        except Exception:  # noqa: BLE001 - whatever a driver or a foreign pynvml does: no meter
            return
        self._nvml = nvml
        with contextlib.suppress(Exception):
            for index in range(nvml.nvmlDeviceGetCount()):
                device = nvml.nvmlDeviceGetHandleByIndex(index)
                with contextlib.suppress(nvml.NVMLError):  # an old one has no counter
                    self._energy_mj(device)
                    self._devices.append(device)
        self._first_mj = self._sum_mj()

    def read(self) -> int | None:
        """Return the millijoules since the beginning; None if there is no counter any more."""
        if self._first_mj is None or not self._devices:
            return None
        sum_mj = self._sum_mj()
        return None if sum_mj is None else sum_mj - self._first_mj

    def close(self) -> None:
        """Let the driver go."""
        if self._nvml is not None:
            with contextlib.suppress(Exception):
                self._nvml.nvmlShutdown()
        self._nvml, self._devices = None, []

    def _sum_mj(self) -> int | None:
        try:
            return sum([self._energy_mj(device) for device in self._devices])
        except Exception:  # noqa: BLE001 - the driver was reloaded or a GPU fell off the bus
            return None

    def _energy_mj(self, device: Any) -> int:
        return int(self._nvml.nvmlDeviceGetTotalEnergyConsumption(device))
