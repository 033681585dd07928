"""The budget: no cap is exceeded whatever the threads do, and nobody waits for ever."""

from __future__ import annotations

import math
import random
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidsum.costs.budget import Amount, Budget, Caps, dollars
from vidsum.costs.journal import DayCaps
from vidsum.errors import BudgetReached

PATIENCE_S = 30.0


def usd(nano: int) -> Amount:
    return Amount(nano, 0.0)


def in_thread(work: Callable[[], object]) -> Future[object]:
    """Run something in a thread of its own, and return what comes of it."""
    result: Future[object] = Future()

    def run() -> None:
        try:
            result.set_result(work())
        except BaseException as exc:  # noqa: BLE001 - it goes to who asks for the result
            result.set_exception(exc)

    threading.Thread(target=run, daemon=True).start()
    return result


def until(true: Callable[[], bool]) -> None:
    ends_s = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < ends_s, "it never came to that"
        time.sleep(0.002)


def waits(budget: Budget) -> int:
    """How many callers wait."""
    return len(budget._changed._waiters)  # type: ignore[attr-defined]


class Watched:
    """Checks after each step, under a lock of its own, that nothing exceeds the caps."""

    def __init__(self, budget: Budget) -> None:
        self.budget, self.lock = budget, threading.Lock()
        self.open: dict[str, Amount] = {}
        self.usd_nano = 0
        self.cu: list[float] = []
        self.worst = (0, Fraction(0))

    def begun(self, call_id: str, most: Amount) -> None:
        with self.lock:
            self.open[call_id] = most
            usd_nano = self.usd_nano + sum(one.usd_nano or 0 for one in self.open.values())
            cu = sum(map(Fraction, [*self.cu, *(one.cu or 0.0 for one in self.open.values())]))
            self.worst = (max(self.worst[0], usd_nano), max(self.worst[1], Fraction(cu)))

    def ending(self, call_id: str, cost: Amount) -> None:
        """Must be told before the budget is, or another call might be seen first."""
        with self.lock:
            most = self.open.pop(call_id)
            found = most.usd_nano if cost.usd_nano is None else cost.usd_nano
            self.usd_nano += found or 0
            self.cu.append((most.cu if cost.cu is None else cost.cu) or 0.0)


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**32), threads=st.integers(1, 8),
    usd_cap=st.none() | st.integers(0, 3000), cu_cap=st.none() | st.floats(0, 3.0),
    held=st.integers(0, 500),
)  # fmt: skip
def test_random_calls_of_many_threads_stay_under_random_caps(
    seed: int, threads: int, usd_cap: int | None, cu_cap: float | None, held: int
) -> None:
    budget = Budget(Caps(usd_cap, cu_cap))
    budget.hold("reason", Amount(held, held / 1000))
    watched = Watched(budget)
    gate = threading.Barrier(threads)

    def work(number: int) -> int:
        rng, made = random.Random(seed + number), 0
        gate.wait()
        for turn in range(12):
            call_id, most = f"{number}-{turn}", Amount(rng.randrange(400), rng.random() * 0.4)
            try:
                budget.reserve(call_id, "describe", most)
            except BudgetReached:
                continue
            watched.begun(call_id, most)
            made += 1
            match rng.randrange(4):
                case 0:
                    cost = Amount(None, None)
                case 1:
                    cost = Amount(0, 0.0)
                case _:
                    cost = Amount(rng.randint(0, most.usd_nano or 0), rng.random() * (most.cu or 0))
            watched.ending(call_id, cost)
            if cost == Amount(0, 0.0):
                budget.release(call_id)
            else:
                budget.settle(call_id, cost)
        return made

    with ThreadPoolExecutor(threads) as pool:
        made = sum(pool.map(work, range(threads)))
    spent = budget.spent
    assert spent.usd_nano == watched.usd_nano
    assert spent.cu == math.fsum(watched.cu)
    if usd_cap is not None:
        assert watched.worst[0] <= max(0, usd_cap - held)
    if cu_cap is not None:
        assert watched.worst[1] <= max(Fraction(0), Fraction(cu_cap) - Fraction(held / 1000))
        assert math.fsum(watched.cu) <= cu_cap
    if usd_cap is None and cu_cap is None:
        assert made == threads * 12
    assert not budget.overrun
    if usd_cap is not None:
        assert budget.left("reason").usd_nano == usd_cap - watched.usd_nano


def test_compute_is_added_up_without_rounding() -> None:
    """Ten tenths are a little more than one: the tenth does not fit under a cap of one."""
    budget = Budget(Caps(cu=1.0))
    for number in range(9):
        budget.reserve(str(number), "describe", Amount(0, 0.1))
        budget.settle(str(number), Amount(0, 0.1))
    with pytest.raises(BudgetReached, match="The cap of 1 CU is reached"):
        budget.reserve("last", "describe", Amount(0, 0.1))
    budget.reserve("less", "describe", Amount(0, 0.099))


def test_a_cap_is_used_to_its_last_bit() -> None:
    budget = Budget(Caps(usd_nano=100))
    budget.reserve("a", "describe", usd(60))
    budget.reserve("b", "describe", usd(40))
    with pytest.raises(BudgetReached):
        budget.reserve("c", "describe", usd(1), wait=False)
    budget.reserve("free", "describe", usd(0))


def test_who_waits_is_woken_when_there_is_room() -> None:
    budget = Budget(Caps(usd_nano=100))
    budget.reserve("a", "describe", usd(80))
    waiting = in_thread(lambda: budget.reserve("b", "describe", usd(60)))
    until(lambda: waits(budget) == 1)
    budget.settle("a", usd(40))
    waiting.result(PATIENCE_S)
    assert budget.left("describe").usd_nano == 0


@pytest.mark.parametrize("end", ["settle", "release"])
def test_all_who_wait_are_told_when_nothing_is_under_way_any_more(end: str) -> None:
    budget = Budget(Caps(usd_nano=100))
    budget.reserve("a", "describe", usd(100))
    waiting = [in_thread(lambda n=n: budget.reserve(f"w{n}", "describe", usd(90)))  # type: ignore[misc]
               for n in range(3)]  # fmt: skip
    until(lambda: waits(budget) == 3)
    if end == "settle":
        budget.settle("a", usd(50))
        for one in waiting:
            with pytest.raises(BudgetReached):
                one.result(PATIENCE_S)
    else:
        budget.release("a")
        until(lambda: sum(one.done() for one in waiting) == 1)
        [first] = [one for one in waiting if one.done()]
        assert first.exception() is None
        [call_id] = budget._open
        budget.settle(call_id, usd(90))
        assert [one.exception(PATIENCE_S) is None for one in waiting].count(True) == 1


def test_what_can_never_fit_is_refused_while_others_are_under_way() -> None:
    budget = Budget(Caps(usd_nano=100))
    budget.reserve("a", "describe", usd(50))
    budget.settle("a", usd(50))
    budget.reserve("b", "describe", usd(10))
    refused = in_thread(lambda: budget.reserve("c", "describe", usd(51)))
    with pytest.raises(BudgetReached):
        refused.result(PATIENCE_S)
    assert budget.refused


def test_a_thread_does_not_wait_for_itself() -> None:
    budget = Budget(Caps(usd_nano=100))
    budget.reserve("outer", "describe", usd(80))
    with pytest.raises(BudgetReached):
        budget.reserve("inner", "describe", usd(60))
    budget.settle("outer", usd(10))
    budget.reserve("inner", "describe", usd(60))


def test_two_threads_that_hold_calls_do_not_wait_for_each_other() -> None:
    budget, both = Budget(Caps(usd_nano=100)), threading.Barrier(2)

    def work(name: str) -> str:
        budget.reserve(name, "describe", usd(50))
        both.wait()
        try:
            budget.reserve(f"{name}2", "describe", usd(30))
        except BudgetReached:
            budget.settle(name, usd(50))
            return "refused"
        return "made"

    found = [in_thread(lambda n=n: work(n)) for n in ("a", "b")]  # type: ignore[misc]
    assert [one.result(PATIENCE_S) for one in found] == ["refused"] * 2


def test_what_is_held_for_a_stage_is_for_it_alone() -> None:
    budget = Budget(Caps(usd_nano=100, cu=10.0))
    budget.hold("reason", Amount(40, 4.0))
    assert budget.left("describe") == Amount(60, 6.0)
    assert budget.left("reason") == Amount(100, 10.0)
    with pytest.raises(BudgetReached):
        budget.reserve("a", "describe", usd(61), wait=False)
    budget.reserve("a", "describe", usd(60))
    budget.reserve("b", "reason", usd(40))
    assert budget.left("describe").usd_nano == 0, "what is begun of it is not held back twice"
    budget.settle("b", usd(30))
    assert budget.left("describe").usd_nano == 0
    budget.hold("reason", Amount(0, 0.0))
    assert budget.left("describe").usd_nano == 10


def test_giving_up_what_is_held_wakes_who_waits() -> None:
    budget = Budget(Caps(usd_nano=100))
    budget.hold("reason", usd(50))
    budget.reserve("a", "describe", usd(10))
    budget.hold("reason", usd(40))
    waiting = in_thread(lambda: budget.reserve("b", "describe", usd(55)))
    until(lambda: waits(budget) == 1)
    budget.hold("reason", usd(0))
    waiting.result(PATIENCE_S)


def test_what_is_not_known_counts_as_its_worst_case() -> None:
    budget = Budget(Caps(usd_nano=100, cu=1.0))
    budget.reserve("a", "describe", Amount(70, 0.5))
    budget.settle("a", Amount(None, None))
    assert budget.spent == Amount(70, 0.5)
    assert budget.spent_by("describe") == Amount(70, 0.5)
    assert budget.spent_by("reason") == Amount(0, 0.0)
    with pytest.raises(BudgetReached, match=r"^The cap of \$0.0000001 is reached.$"):
        budget.reserve("b", "describe", usd(31))
    budget.reserve("b", "describe", usd(30))


def test_more_than_was_reserved_is_told_and_taken_off() -> None:
    budget = Budget(Caps(usd_nano=100))
    budget.reserve("a", "describe", usd(10))
    budget.settle("a", usd(120))
    assert budget.overrun
    assert budget.left("describe").usd_nano == -20
    with pytest.raises(BudgetReached):
        budget.reserve("b", "describe", usd(1))


@pytest.mark.parametrize(("caps", "most", "said"), [
    (Caps(usd_nano=100), Amount(None, 1.0), "No price is known"),
    (Caps(day=DayCaps(usd_nano=100)), Amount(None, 1.0), "No price is known"),
    (Caps(cu=100.0), Amount(1, None), "compute of this model is not known"),
    (Caps(day=DayCaps(cu=1.0)), Amount(1, None), "compute of this model is not known"),
])  # fmt: skip
def test_what_nobody_knows_is_refused_unless_allowed(caps: Caps, most: Amount, said: str) -> None:
    budget = Budget(caps)
    with pytest.raises(BudgetReached, match=said) as caught:
        budget.reserve("a", "describe", most)
    assert "--allow-unpriced" in caught.value.hint
    assert caught.value.exit_code == 6
    assert budget.refused
    allowed = Budget(Caps(caps.usd_nano, caps.cu, None, True, caps.day))
    allowed.reserve("a", "describe", most)
    allowed.settle("a", Amount(None, None))
    assert not allowed.refused


@pytest.mark.parametrize("most", [Amount(None, 1.0), Amount(1, None), Amount(None, None)])
def test_without_a_cap_what_is_not_known_is_no_matter(most: Amount) -> None:
    budget = Budget()
    budget.reserve("a", "describe", most)
    budget.settle("a", Amount(None, None))
    assert budget.left("describe") == Amount(None, None)


def test_a_cap_on_seconds_refuses_by_the_slowest_call_so_far() -> None:
    budget = Budget(Caps(seconds=1000.0))
    budget.reserve("a", "describe", usd(0))
    budget.settle("a", usd(0), 900.0)
    budget.reserve("b", "describe", usd(0))
    budget.settle("b", usd(0), 1001.0)
    with pytest.raises(BudgetReached, match="The cap of 1000 seconds is reached"):
        budget.reserve("c", "describe", usd(0))
    budget.reserve("d", "transcript", usd(0))  # another stage's calls are not slow
    assert 0 < (budget.left_s or 0.0) <= 1000
    assert Budget().left_s is None


def test_seconds_that_are_held_are_for_one_stage_alone() -> None:
    budget = Budget(Caps(seconds=1000.0))
    budget.hold("reason", usd(0), 2000.0)
    budget.reserve("a", "reason", usd(0))
    with pytest.raises(BudgetReached, match="seconds"):
        budget.reserve("b", "describe", usd(0))


def test_nobody_waits_longer_than_a_cap_on_seconds() -> None:
    budget = Budget(Caps(usd_nano=100, seconds=0.3))
    budget.reserve("hangs", "transcript", usd(100))
    waiting = in_thread(lambda: budget.reserve("a", "describe", usd(1)))
    with pytest.raises(BudgetReached, match="seconds"):
        waiting.result(PATIENCE_S)


def test_who_is_interrupted_while_waiting_leaves_nothing_behind() -> None:
    budget = Budget(Caps(usd_nano=100))
    started = in_thread(lambda: budget.reserve("a", "describe", usd(100)))
    started.result(PATIENCE_S)

    def interrupt() -> None:
        until(lambda: waits(budget) == 1)
        ident = threading.main_thread().ident
        assert ident is not None
        signal.pthread_kill(ident, signal.SIGINT)

    interrupting = in_thread(interrupt)
    with pytest.raises(KeyboardInterrupt):
        budget.reserve("b", "describe", usd(50))
    interrupting.result(PATIENCE_S)
    assert waits(budget) == 0
    assert list(budget._open) == ["a"]
    budget.settle("a", usd(40))
    budget.reserve("c", "describe", usd(60))


@pytest.mark.parametrize(("nano", "words"), [
    (0, "0.00"), (1, "0.000000001"), (10**9, "1.00"), (1_500_000_000, "1.50"),
    (123_450_000, "0.12345"), (10**20 + 1, "100000000000.000000001"),
])  # fmt: skip
def test_dollars_have_all_their_places(nano: int, words: str) -> None:
    assert dollars(nano) == words
