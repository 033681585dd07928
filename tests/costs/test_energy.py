"""Energy is what the machine's meters say; what nobody measured is None or marked as estimated."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsum.costs.energy import (
    WATTS_PER_CORE,
    EnergyMeter,
    Joules,
    Reading,
    estimate,
    joules_between,
)

RANGE_UJ = 262_143_328_850
"""A counter of 32 bits in units of 61 µJ, as Intel's processors have it."""


@dataclass
class Machine:
    """A powercap tree as Linux lays it out, with a clock of its own."""

    root: Path
    now_s: float = 1_000.0
    _folders: dict[str, Path] = field(default_factory=dict)

    def zone(self, zone: str, name: str, energy_uj: object, range_uj: object = RANGE_UJ) -> None:
        """Sub-zones lie beside their package, and once more in its folder."""
        folder = self.root / zone
        folder.mkdir()
        (folder / "name").write_text(f"{name}\n")
        (folder / "max_energy_range_uj").write_text(f"{range_uj}\n")
        self._folders[zone] = folder
        self.set(zone, energy_uj)

    def set(self, zone: str, energy_uj: object) -> None:
        (self._folders[zone] / "energy_uj").write_text(f"{energy_uj}\n")

    def meter(self) -> EnergyMeter:
        return EnergyMeter(self.root, gpus=False, clock=lambda: self.now_s)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    (tmp_path / "intel-rapl").mkdir()  # the control type, which has no counter
    return Machine(tmp_path)


def test_one_package(machine: Machine) -> None:
    machine.zone("intel-rapl:0", "package-0", 5_000_000)
    with machine.meter() as meter:
        before = meter.read()
        machine.set("intel-rapl:0", 12_500_000)
        machine.now_s += 1
        assert joules_between(before, meter.read()) == Joules(7.5, "rapl", "measured")


def test_packages_count_once_and_nothing_else_does(machine: Machine) -> None:
    zones = {
        "intel-rapl:0": "package-0", "intel-rapl:0:0": "core", "intel-rapl:0:1": "uncore",
        "intel-rapl:0:2": "dram", "intel-rapl:1": "package-1-die-0", "intel-rapl:2": "psys",
        "intel-rapl-mmio:0": "package-0",
    }  # fmt: skip
    for number, (zone, name) in enumerate(zones.items()):
        machine.zone(zone, name, 1_000_000 * number)
    with machine.meter() as meter:
        before = meter.read()
        for number, zone in enumerate(zones):
            machine.set(zone, 1_000_000 * number + 10**number)
        machine.now_s += 10
        assert joules_between(before, meter.read()) == Joules(0.010001, "rapl", "measured")


def test_a_counter_that_wraps_around(machine: Machine) -> None:
    machine.zone("intel-rapl:0", "package-0", RANGE_UJ - 3_000_000)
    with machine.meter() as meter:
        before = meter.read()
        machine.set("intel-rapl:0", 2_000_000)
        machine.now_s += 1
        assert joules_between(before, meter.read()) == Joules(5.0, "rapl", "measured")


@given(
    st.integers(0, RANGE_UJ - 1),
    st.lists(st.tuples(st.floats(0.0, 200.0), st.floats(0.0, 400.0)), min_size=1, max_size=40),
)
def test_no_joule_is_lost_however_often_it_wraps(
    tmp_path_factory: pytest.TempPathFactory, start_uj: int, load: list[tuple[float, float]]
) -> None:
    """load: seconds, and watts meanwhile."""
    machine = Machine(tmp_path_factory.mktemp("powercap"))
    machine.zone("intel-rapl:0", "package-0", start_uj)
    drawn_uj = 0
    with machine.meter() as meter:
        before = meter.read()
        for seconds, watts in load:
            drawn_uj += round(seconds * watts * 1e6)
            machine.now_s += seconds
            machine.set("intel-rapl:0", (start_uj + drawn_uj) % RANGE_UJ)
            after = meter.read()
        assert after == Reading(packages_uj=drawn_uj)
    found = joules_between(before, after)
    assert found == (Joules(drawn_uj / 1e6, "rapl", "measured") if drawn_uj else None)


def test_a_thread_reads_while_nobody_asks(machine: Machine) -> None:
    """Each look at the clock lets half a minute pass at 600 W; 15 of them are a wrap."""
    machine.zone("intel-rapl:0", "package-0", 0)
    looks = 0

    def clock() -> float:
        nonlocal looks
        looks += 1
        machine.set("intel-rapl:0", looks * 18_000_000_000 % RANGE_UJ)
        return looks * 30.0

    with EnergyMeter(machine.root, gpus=False, every_s=0.001, clock=clock) as meter:
        before, first = meter.read(), looks
        while looks < 50:
            time.sleep(0.001)
        after = meter.read()
    found = joules_between(before, after)
    assert found is not None
    assert found.joules % 18_000 == 0
    assert found.joules >= (50 - first) * 18_000


def test_a_meter_that_slept_through_a_wrap_is_given_up(machine: Machine) -> None:
    machine.zone("intel-rapl:0", "package-0", 5_000_000)
    with machine.meter() as meter:
        before = meter.read()
        machine.now_s += 3_600
        machine.set("intel-rapl:0", 6_000_000)
        assert joules_between(before, meter.read()) is None
        machine.now_s += 1
        machine.set("intel-rapl:0", 7_000_000)
        assert meter.read() == Reading()


def test_a_counter_that_was_reset_is_given_up(machine: Machine) -> None:
    machine.zone("intel-rapl:0", "package-0", 100_000_000_000)
    with machine.meter() as meter:
        before = meter.read()
        machine.now_s += 30
        machine.set("intel-rapl:0", 1_000_000)
        assert joules_between(before, meter.read()) is None


def test_a_package_that_goes_away_takes_the_sum_with_it(machine: Machine) -> None:
    machine.zone("intel-rapl:0", "package-0", 0)
    machine.zone("intel-rapl:1", "package-1", 0)
    with machine.meter() as meter:
        before = meter.read()
        machine.set("intel-rapl:0", 1_000_000)
        (machine.root / "intel-rapl:1" / "energy_uj").unlink()
        assert joules_between(before, meter.read()) is None


def test_a_counter_that_stands_still_measured_nothing(machine: Machine) -> None:
    machine.zone("intel-rapl:0", "package-0", 0)
    with machine.meter() as meter:
        before = meter.read()
        machine.now_s += 60
        assert joules_between(before, meter.read()) is None


@pytest.mark.parametrize("found", ["", "many", "-5", "1e6", "\xff", "9" * 5_000])
@pytest.mark.parametrize("file", ["energy_uj", "max_energy_range_uj"])
def test_garbage_is_no_meter(machine: Machine, file: str, found: str) -> None:
    machine.zone("intel-rapl:0", "package-0", 5)
    (machine.root / "intel-rapl:0" / file).write_text(found, "latin-1")
    with machine.meter() as meter:
        assert meter.read() == Reading()


@pytest.mark.parametrize("file", ["energy_uj", "max_energy_range_uj", "name"])
def test_a_file_that_is_not_there_is_no_meter(machine: Machine, file: str) -> None:
    machine.zone("intel-rapl:0", "package-0", 5)
    (machine.root / "intel-rapl:0" / file).unlink()
    with machine.meter() as meter:
        assert meter.read() == Reading()


def test_a_machine_without_counters(tmp_path: Path) -> None:
    for root in (tmp_path, tmp_path / "absent"):
        with EnergyMeter(root, gpus=False) as meter:
            assert meter.read() == Reading()


def bow_to_permissions() -> None:
    """Give up root's right to pass over file permissions, which a test as root would have."""
    if sys.platform == "linux" and os.geteuid() == 0:
        libc = ctypes.CDLL(None)
        for power in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
            libc.prctl(24, power, 0, 0, 0)  # PR_CAPBSET_DROP


def test_counters_that_only_root_may_read(machine: Machine) -> None:
    machine.zone("intel-rapl:0", "package-0", 5)
    script = (
        "import sys\nfrom pathlib import Path\nfrom vidsum.costs.energy import EnergyMeter\n"
        "with EnergyMeter(Path(sys.argv[1]), gpus=False) as meter: print(meter.read().packages_uj)"
    )

    def read() -> str:
        done = subprocess.run(
            [sys.executable, "-c", script, str(machine.root)],
            capture_output=True, text=True, check=True, preexec_fn=bow_to_permissions,
        )  # fmt: skip
        return done.stdout.strip()

    assert read() == "0"
    (machine.root / "intel-rapl:0" / "energy_uj").chmod(0)
    assert read() == "None"


def test_no_thread_is_left(machine: Machine) -> None:
    machine.zone("intel-rapl:0", "package-0", 5)
    before = threading.active_count()
    meter = machine.meter()
    assert threading.active_count() == before + 1
    meter.close()
    meter.close()
    assert threading.active_count() == before


def test_this_machine_whatever_it_has() -> None:
    with EnergyMeter() as meter:
        before = meter.read()
        until_s = time.monotonic() + 0.3
        while time.monotonic() < until_s:
            pass
        found = joules_between(before, meter.read())
    assert found is None or (found.joules > 0 and found.origin == "measured")


SCRIPTED_NVML = '''
"""Stands in for NVIDIA's package: three GPUs, the second too old for a counter."""
from pathlib import Path
HERE = Path(__file__).parent
class NVMLError(Exception): pass
def nvmlInit():
    if not (HERE / "driver").exists(): raise NVMLError("Driver Not Loaded")
def nvmlShutdown(): (HERE / "closed").touch()
def nvmlDeviceGetCount(): return 3
def nvmlDeviceGetHandleByIndex(index): return index
def nvmlDeviceGetTotalEnergyConsumption(device):
    if device == 1: raise NVMLError("Not Supported")
    try: return int((HERE / f"gpu{device}").read_text())
    except OSError as exc: raise NVMLError("GPU is lost") from exc
'''


@pytest.fixture
def gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "nvml"
    folder.mkdir()
    (folder / "pynvml.py").write_text(SCRIPTED_NVML)
    (folder / "gpu0").write_text("7000")
    (folder / "gpu2").write_text("500")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "pynvml", raising=False)
    yield folder
    sys.modules.pop("pynvml", None)


def test_gpus_with_a_counter_are_added_to_the_packages(machine: Machine, gpus: Path) -> None:
    (gpus / "driver").touch()
    machine.zone("intel-rapl:0", "package-0", 1_000_000)
    with EnergyMeter(machine.root, clock=lambda: machine.now_s) as meter:
        before = meter.read()
        (gpus / "gpu0").write_text("7400")
        (gpus / "gpu2").write_text("600")
        only_gpus = meter.read()
        machine.set("intel-rapl:0", 3_000_000)
        both = meter.read()
        (gpus / "gpu2").unlink()
        lost = meter.read()
    assert joules_between(before, only_gpus) == Joules(0.5, "nvml", "measured")
    assert joules_between(before, both) == Joules(2.5, "rapl+nvml", "measured")
    assert joules_between(before, lost) == Joules(2.0, "rapl", "measured")
    assert (gpus / "closed").exists()


def test_gpus_are_left_alone_unless_asked_for(tmp_path: Path, gpus: Path) -> None:
    (gpus / "driver").touch()
    with EnergyMeter(tmp_path, gpus=False) as meter:
        assert meter.read() == Reading()
    assert not (gpus / "closed").exists()


def test_the_package_without_a_driver(tmp_path: Path, gpus: Path) -> None:
    with EnergyMeter(tmp_path) as meter:
        assert meter.read() == Reading()


def test_something_else_of_the_same_name(tmp_path: Path, gpus: Path) -> None:
    (gpus / "pynvml.py").write_text("def nvmlInit(): pass")
    with EnergyMeter(tmp_path) as meter:
        assert meter.read() == Reading()


def test_what_nobody_measured_is_estimated_or_unknown() -> None:
    assert estimate(10.0) == Joules(35.0, "cpu_s×W", "estimated")
    assert estimate(10.0, 2.0) == Joules(20.0, "cpu_s×W", "estimated")
    assert estimate(0.0) == Joules(0.0, "cpu_s×W", "estimated")
    assert estimate(None) is None
    assert estimate(10.0, gpu_work=True) is None
    assert WATTS_PER_CORE == 3.5


@pytest.mark.gpu
def test_a_gpu_at_work_is_measured() -> None:
    pytest.importorskip("pynvml", reason="nvidia-ml-py is not installed")
    with EnergyMeter() as meter:
        before = meter.read()
        if before.gpus_mj is None:
            pytest.skip("no GPU here has an energy counter")
        time.sleep(1.0)
        found = joules_between(before, meter.read())
    assert found is not None
    assert found.method in ("nvml", "rapl+nvml")
    assert 1 < found.joules < 20_000
