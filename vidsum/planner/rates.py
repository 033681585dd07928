"""How long work takes on this machine, from what the ledger says that it took before.

A forecast, not a bound: the same work can take twice as long while something else runs.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from vidsum.data import Entry, Span

UNITS: Final[Mapping[str, str]] = {
    "decode": "frames", "dedupe": "seen", "measure": "frames", "ocr": "frames",
}  # fmt: skip
"""What the seconds of a stage without a model are counted by, as its line in the ledger has it."""
_BUILT_IN: Final[Mapping[str, tuple[str, str | None]]] = {
    "describe": ("builtin", "captions"), "reason": ("extractive", None),
}  # fmt: skip
"""The engine of a stage that needs no model, and what its seconds are counted by; None: once."""
_LEAST_SAMPLES: Final = 3
"""Of fewer lines, the slowest and the fastest stand for the tenth parts."""
_Key = tuple[str, str | None, str | None]


@dataclass(frozen=True, slots=True)
class Rates:
    """Seconds a unit, by stage, model and device.

    ``known`` has spans of seconds a unit: the 10th percentile, the median, the 90th. ``s_per_cu``
    is what a compute unit takes on a device of this machine, from a calibration.
    """

    known: Mapping[_Key, Span] = field(default_factory=dict)
    s_per_cu: Mapping[str, float] = field(default_factory=dict)

    def seconds(
        self, stage: str, units: Span, *, model: str | None = None, device: str | None = None,
        cu: Span | None = None,
    ) -> Span | None:  # fmt: skip
        """Return the seconds that so many units take; None when nobody knows.

        Units are those of :func:`unit_of`. ``cu`` is what they take in compute units, for the
        calibration when the ledger has nothing alike.
        """
        if units.most == 0:
            return Span(0.0, 0.0, 0.0)
        rate = self.known.get((stage, model, device))
        if rate is not None:
            return Span(units.least * rate.least, units.likely * rate.likely,
                        units.most * rate.most)  # fmt: skip
        speed = self.s_per_cu.get(device or "")
        if cu is None or speed is None:
            return None
        return Span(cu.least * speed, cu.likely * speed, cu.most * speed)


def unit_of(stage: str) -> str:
    """Return what the time of a stage's model goes by: a second of sound, or a call."""
    return "audio_s" if stage == "transcript" else "calls"


def rates(entries: Iterable[Entry], s_per_cu: Mapping[str, float] | None = None) -> Rates:
    """Return what lines of the ledger tell; only what has ended well counts."""
    found: dict[_Key, list[float]] = {}
    for entry in entries:
        units = _units(entry)
        if units and entry.wall_s is not None and entry.phase == "settle":
            key = (entry.stage, entry.model_requested, entry.device)
            found.setdefault(key, []).append(entry.wall_s / units)
    spans = {key: _span(sorted(values)) for key, values in found.items()}
    return Rates(spans, dict(s_per_cu or {}))


def _units(entry: Entry) -> float:
    """Return how many units a line is about, 0 for one that tells no rate."""
    if entry.kind == "stage" and entry.stage in UNITS:
        return entry.counts.get(UNITS[entry.stage], 0.0)
    if entry.kind == "stage" and entry.backend == _BUILT_IN.get(entry.stage, ("", None))[0]:
        unit = _BUILT_IN[entry.stage][1]
        return entry.counts.get(unit, 0.0) if unit else 1.0
    if entry.kind != "call" or entry.model_requested is None:
        return 0.0
    if unit_of(entry.stage) == "audio_s":
        return entry.audio_s or 0.0
    return float(entry.calls or 0)


def _span(values: list[float]) -> Span:
    middle = statistics.median(values)
    if len(values) < _LEAST_SAMPLES:
        return Span(values[0], middle, values[-1])
    tenths = statistics.quantiles(values, n=10, method="inclusive")
    return Span(tenths[0], middle, tenths[-1])
