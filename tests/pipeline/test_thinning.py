"""Speech in parts: never over what there is, and from the whole time."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsum import api
from vidsum.config import Options
from vidsum.costs.budget import Amount
from vidsum.costs.tally import Tally
from vidsum.costs.units import CU_FLOPS
from vidsum.data import ModelRef, Quantities
from vidsum.errors import BudgetReached
from vidsum.pipeline.run import Run
from vidsum.pipeline.thinning import Thinned
from vidsum.planner.fit import Plan
from vidsum.planner.lines import Line

EAR = ModelRef(backend="ear", requested="ear")
NOTHING = Line(Amount(), Amount())
BLOCK_S = 10.0


def plan(share: float = 1.0, *, fits: bool = False) -> Plan:
    return Plan(fits=fits, write=False, hold=NOTHING, speech_share=share, captions=0)


def run_of(
    plan: Plan | None, speech_s: float | None, *, recorded: bool = False, **caps: object
) -> Run:
    options: dict[str, object] = {"max_cu": 100.0} | caps
    run = api.start(Path("said.wav"), Options(**options), recorded=recorded)  # type: ignore[arg-type]
    run.plan, run.speech_s, run.passage_s = plan, speech_s, BLOCK_S
    return run


class Ears:
    """Recognises block after block; each takes ``cost`` compute units, ``most`` at worst."""

    def __init__(self, run: Run, most: float) -> None:
        self.thinned = Thinned(run, alone=True)
        self._most, self._tally = most, Tally()
        self._tally.bind(self.thinned.watch(run.meter.open("transcript", "audio", "ear")))

    def hear(self, cost: float) -> bool:
        if not self.thinned.hears(BLOCK_S):
            return False
        with self._tally.open(EAR, Quantities(calls=1), self._most * CU_FLOPS) as call:
            call.settle(Quantities(calls=1, audio_s=BLOCK_S), "measured", flops=cost * CU_FLOPS)
        return True


@given(st.integers(4, 60), st.floats(0.02, 1.5), st.floats(1.0, 6.0), st.integers(0, 10**6))
def test_no_call_is_refused_and_both_ends_are_heard(
    blocks: int, share: float, worst: float, seed: int
) -> None:
    """Blocks cost about 1 CU each, and so much is left that ``share`` of them fits."""
    rng = random.Random(seed)
    cap = worst + max(2.5, share * blocks)
    run = run_of(plan(), blocks * BLOCK_S, max_cu=cap)
    ears = Ears(run, worst)
    heard = [ears.hear(rng.uniform(0.9, 1.0)) for _ in range(blocks)]  # no BudgetReached
    spent = run.meter.budget.spent.cu
    assert spent is not None
    assert spent <= cap
    assert heard[0]
    places = [place for place, yes in enumerate(heard) if yes]
    if share * blocks >= 4:
        assert heard[-1]
        widest = max(b - a for a, b in pairwise(places))
        assert widest <= 4 * blocks / len(places) + 2
    if share >= 1.4:
        assert all(heard)
    ears.thinned.tell()
    assert bool(run.meter.given_up) == (not all(heard))


def test_all_is_heard_where_all_is_sure_to_fit() -> None:
    for run in (run_of(None, None), run_of(plan(fits=True), 100.0), run_of(plan(0.1), None)):
        thinned = Thinned(run)
        assert all(thinned.hears(BLOCK_S) for _ in range(50))
        thinned.tell()
        assert run.meter.given_up == []


def test_nothing_is_heard_where_nothing_fits() -> None:
    run = run_of(plan(0.0), 100.0)
    thinned = Thinned(run)
    assert not any(thinned.hears(BLOCK_S) for _ in range(10))
    thinned.tell()
    assert run.meter.given_up == ["No speech was recognised: the cap leaves no room for it."]


def test_what_is_said_of_speech_that_was_left_out() -> None:
    run = run_of(plan(), 400.0, max_cu=8.0)
    ears = Ears(run, 2.0)
    heard = [ears.hear(1.0) for _ in range(40)]
    ears.thinned.tell()
    left = heard.count(False)
    assert run.meter.given_up == [f"{10 * left} of 400 s of speech were not recognised; what was "
                                  "is spread over the whole time."]  # fmt: skip


def test_what_is_said_of_speech_after_a_refusal() -> None:
    run = run_of(plan(), 400.0, max_cu=1.5)
    ears = Ears(run, 1.4)
    assert ears.hear(1.4)
    ears.thinned.tell("The cap is reached.", 61.0)
    assert run.meter.given_up == ["Speech after 1:01 was not recognised. The cap is reached."]
    run = run_of(plan(), 400.0, max_cu=1.0)
    ears = Ears(run, 1.4)
    with pytest.raises(BudgetReached):
        ears.hear(1.4)
    ears.thinned.tell("The cap is reached.")
    assert run.meter.given_up == ["No speech was recognised. The cap is reached."]


def test_what_is_held_for_pictures_is_left_alone() -> None:
    run = run_of(plan(), 400.0, max_cu=20.0)
    run.meter.budget.hold("describe", Amount(0, 12.0))
    ears = Ears(run, 1.0)
    heard = [ears.hear(1.0) for _ in range(40)]
    assert 3 <= heard.count(True) <= 8
    assert run.meter.budget.left("describe").cu == pytest.approx(20.0 - heard.count(True))


def test_a_days_cap_thins_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDSUM_HOME", str(tmp_path))
    run = run_of(plan(), 400.0, recorded=True, max_cu=None, max_cu_per_day=12.0)
    ears = Ears(run, 1.0)
    heard = [ears.hear(1.0) for _ in range(40)]
    assert 8 <= heard.count(True) <= 12
    assert heard[0]
    assert heard[-1]


def test_time_thins_speech() -> None:
    """One call has taken a tenth of the time that there is for listening."""
    run = run_of(plan(), 400.0, max_cu=None, max_seconds=1000.0)
    tally, thinned = Tally(), Thinned(run, alone=True)
    desk = thinned.watch(run.meter.open("transcript", "audio", "ear"))
    tally.bind(desk)
    heard = []
    for _ in range(40):
        heard.append(thinned.hears(BLOCK_S))
        if heard[-1]:
            with tally.open(EAR, Quantities(calls=1)) as call:
                call._started_s -= 90.0  # what it took is said, not waited for
                call.settle(Quantities(calls=1, audio_s=BLOCK_S), "measured")
    assert heard[0]
    assert heard[-1]
    assert heard.count(True) < 20
