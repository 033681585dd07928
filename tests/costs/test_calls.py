"""A call from its reservation to its one end."""

from __future__ import annotations

import pytest
from recording_desk import RecordingDesk

from vidsum.costs.budget import Budget, Caps
from vidsum.costs.calls import OpenCall
from vidsum.costs.journal import Memory
from vidsum.costs.meter import Meter
from vidsum.costs.tally import Tally
from vidsum.data import ModelRef, Quantities
from vidsum.errors import BudgetReached

HERE = ModelRef(backend="test", requested="tiny")
MOST = Quantities(calls=1, input_tokens=100, output_tokens=50)
USED = Quantities(calls=1, input_tokens=80, output_tokens=9, cache_read_tokens=5,
                  reasoning_tokens=3)  # fmt: skip
CU_FLOPS = 3.2e12


@pytest.mark.parametrize("first", ["settle", "release", "fail"])
def test_a_call_ends_once(first: str) -> None:
    desk = RecordingDesk()
    with desk.tally.open(HERE, MOST) as call:
        if first == "settle":
            call.settle(USED, "measured")
        elif first == "release":
            call.release("refused")
        else:
            call.fail("timeout")
        call.settle(USED, "measured")
        call.release()
        call.fail("again")
    assert desk.phases == [first]
    assert call.ended


def test_leaving_by_an_exception_is_a_failure_of_unknown_cost() -> None:
    desk = RecordingDesk()
    with pytest.raises(KeyboardInterrupt), desk.tally.open(HERE, MOST):
        raise KeyboardInterrupt
    [ending] = desk.endings
    assert (ending.phase, ending.error, ending.origin) == ("fail", "KeyboardInterrupt", "unknown")
    assert (ending.used.input_tokens, ending.used.output_tokens) == (None, None)


def test_leaving_without_an_end_is_a_failure_with_a_name() -> None:
    desk = RecordingDesk()
    with desk.tally.open(HERE, MOST):
        pass
    assert [(e.phase, e.error) for e in desk.endings] == [("fail", "no ending")]


def test_a_release_costs_nothing() -> None:
    budget, memory = Budget(Caps(cu=10.0)), Memory()
    meter = Meter(journal=memory, budget=budget)
    tally = Tally()
    with meter.stage("describe", "image", "test") as account:
        tally.bind(account)
        with tally.open(HERE, MOST, 10 * CU_FLOPS) as call:
            call.release("refused")
        assert budget.left("describe").cu == 10.0
    [row] = [e for e in memory.entries() if e.kind == "call" and e.phase == "release"]
    assert (row.usd_nano, row.cu, row.input_tokens, row.usd_origin) == (None, None, None, None)
    assert (row.error_class, row.status) == ("refused", "not made")
    assert meter.receipt().total.calls == 0
    assert meter.receipt().api_usd == "0"


def test_a_repetition_reserves_anew_and_names_what_it_repeats() -> None:
    desk = RecordingDesk()
    with desk.tally.open(HERE, MOST) as call:
        first = call.call_id
        call.again()
        assert call.call_id == first, "it has not ended yet"
        call.fail("timeout")
        call.again()
        second = call.call_id
        call.fail("timeout")
        call.again()
        call.settle(USED, "reported")
    assert len({first, second, call.call_id}) == 3
    assert desk.retries == [None, first, second]
    assert desk.phases == ["fail", "fail", "settle"]
    assert desk.most == [MOST] * 3


def test_a_repetition_that_a_cap_does_not_allow() -> None:
    """What failed counts as its worst case: the same again does not fit."""
    budget, memory = Budget(Caps(cu=15.0)), Memory()
    meter = Meter(journal=memory, budget=budget)
    tally = Tally()
    with meter.stage("describe", "image", "test") as account:
        tally.bind(account)
        with tally.open(HERE, MOST, 10 * CU_FLOPS) as call:
            call.fail("timeout")
            with pytest.raises(BudgetReached):
                call.again()
        assert call.ended
        with tally.open(HERE, MOST, 5 * CU_FLOPS) as fits:
            fits.settle(USED, "measured", flops=CU_FLOPS)
    rows = [(e.phase, e.cu) for e in memory.entries() if e.kind == "call"]
    assert rows == [("reserve", None), ("fail", None), ("reserve", None), ("settle", 1.0)]
    assert budget.spent.cu == 11.0


def test_a_call_that_is_refused_leaves_no_line() -> None:
    memory = Memory()
    meter = Meter(journal=memory, budget=Budget(Caps(cu=1.0)))
    with meter.stage("describe", "image", "test") as account, pytest.raises(BudgetReached):
        OpenCall(account, HERE, MOST, 2 * CU_FLOPS)
    assert [e for e in memory.entries() if e.kind == "call"] == []


def test_what_a_tally_counts() -> None:
    tally = Tally()
    with tally.open(HERE, MOST) as call:
        call.settle(USED, "reported")
    with tally.open(HERE, MOST) as call:
        call.settle(Quantities(calls=2), "unknown")
    with tally.open(HERE, MOST) as call:
        call.fail("timeout")
    with tally.open(HERE, MOST) as call:
        call.release("RequestFailed")
    with tally.open(HERE, MOST) as call:
        call.release()
    tally.refused("RequestTooLong")
    assert tally.counts == {
        "calls": 3, "calls_without_usage": 2, "input_tokens": 80, "output_tokens": 9,
        "cached_tokens": 5, "reasoning_tokens": 3, "failed_calls": 3,
    }  # fmt: skip
