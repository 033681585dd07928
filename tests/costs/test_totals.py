"""Adding up: whatever the order, what is unknown is counted, what cost nothing is not."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from vidsum.costs.totals import spent, total, totals
from vidsum.data import Entry, Sum

USD = st.one_of(st.none(), st.integers(0, 10**12))
REAL = st.one_of(st.none(), st.floats(0, 1e6))


def line(call_id: str, phase: Any = "settle", kind: Any = "call", **more: Any) -> Entry:
    fields: dict[str, Any] = {
        "ts_utc": "2026-11-21T06:00:00.000000+00:00", "run_id": "r", "stage": "describe",
        "modality": "image", "backend": "openai", "host": "llm.example.org",
    }  # fmt: skip
    return Entry(call_id=call_id, phase=phase, kind=kind, **(fields | more))


def call(number: int, usd_nano: int | None, cu: float | None, **more: Any) -> Entry:
    """A settled call; a figure that is None is unknown."""
    return line(
        str(number), usd_nano=usd_nano, usd_origin="unknown" if usd_nano is None else "reported",
        cu=cu, cu_origin="unknown" if cu is None else "estimated", **more,
    )  # fmt: skip


@given(st.lists(st.tuples(USD, REAL), max_size=30), st.randoms(use_true_random=False))
def test_sums_do_not_depend_on_the_order(figures: list[tuple[int | None, float | None]],
                                         rng: Any) -> None:  # fmt: skip
    lines = [call(n, usd_nano, cu) for n, (usd_nano, cu) in enumerate(figures)]
    first = total(lines)
    rng.shuffle(lines)
    assert repr(total(lines)) == repr(first)
    known = [usd_nano for usd_nano, _ in figures if usd_nano is not None]
    assert (first.usd_nano.value, first.usd_nano.unknown) == (sum(known), len(figures) - len(known))
    assert first.cu.value == math.fsum(cu for _, cu in figures if cu is not None)
    assert first.cu.unknown == sum(cu is None for _, cu in figures)
    assert first.cu.estimated == any(cu is not None for _, cu in figures)
    assert first.calls == len(figures)


def test_a_reserve_without_an_end_is_spent_and_nobody_knows_how_much() -> None:
    begun = line("a", "reserve", reserved_usd_nano=700, reserved_cu=2.0)
    [lost] = spent([begun])
    assert (lost.phase, lost.status, lost.usd_nano, lost.usd_origin) == (
        "fail", "orphaned", None, "unknown"
    )  # fmt: skip
    found = total(spent([begun]))
    assert (found.calls, found.failed_calls) == (1, 1)
    assert (found.usd_nano, found.cu) == (Sum(0, 1), Sum(0, 1))
    assert (found.input_tokens, found.output_tokens) == (Sum(0, 1), Sum(0, 1))


def test_a_lost_call_of_a_model_in_this_process_cost_no_money() -> None:
    [lost] = spent([line("a", "reserve", host=None, backend="llama.cpp")])
    assert (lost.usd_nano, lost.usd_origin, lost.cu_origin) == (0, "measured", "unknown")


def test_a_lost_stage_has_no_time() -> None:
    found = total(spent([line("s", "reserve", "stage"),
                         line("t", "reserve", "stage"),
                         line("t", "settle", "stage", wall_s=2.5, cpu_s=None,
                              time_origin="measured", joules_origin="unknown")]))  # fmt: skip
    assert (found.wall_s, found.cpu_s, found.joules) == (Sum(2.5, 1), Sum(0, 2), Sum(0, 2))
    assert found.calls == 0


def test_what_ended_and_what_was_saved_is_not_lost() -> None:
    lines = [line("a", "reserve"), line("b", "reserve"), call(1, 5, 1.0),
             replace(call(2, 7, 1.0), call_id="b"), replace(call(3, 9, 1.0), call_id="a"),
             line("c", "settle", "saving", avoided_usd_nano=10**9, avoided_cu=9.0)]  # fmt: skip
    assert [entry.usd_nano for entry in spent(lines)] == [5, 7, 9]
    assert total(spent(lines)).usd_nano == Sum(21)


def test_a_released_call_is_none_but_its_failure_is_told() -> None:
    found = total([line("a", "release", error_class="BackendFailed"), line("b", "release")])
    assert (found.calls, found.failed_calls) == (0, 1)
    assert (found.usd_nano, found.cu, found.input_tokens) == (Sum(0), Sum(0), Sum(0))


def test_a_failed_call_counts_and_is_unknown() -> None:
    failed = line("a", "fail", error_class="timeout", calls=1, usage_origin="unknown",
                  usd_origin="unknown", cu_origin="unknown")  # fmt: skip
    found = total([failed, call(1, 30, None, input_tokens=4, output_tokens=2,
                                usage_origin="reported")])  # fmt: skip
    assert (found.calls, found.failed_calls) == (2, 1)
    assert (found.usd_nano, found.input_tokens) == (Sum(30, 1), Sum(4, 1))


def test_tokens_that_a_provider_left_out_are_unknown() -> None:
    found = total([call(1, None, None, input_tokens=40, usage_origin="reported"),
                   call(2, None, None, output_tokens=3, usage_origin="measured")])  # fmt: skip
    assert found.input_tokens == Sum(40), "a recogniser has none"
    assert found.output_tokens == Sum(3, 1)


def test_groups_are_apart_and_make_up_the_whole() -> None:
    lines = [call(n, n, n / 7, modality=("image", "text", "audio")[n % 3]) for n in range(30)]
    lines.append(line("r", "settle", "run", wall_s=9.0, time_origin="measured"))
    groups = totals(lines, lambda entry: entry.modality)
    assert list(groups) == ["image", "text", "audio"]
    assert sum(group.usd_nano.value for group in groups.values()) == sum(range(30))
    assert sum(group.calls for group in groups.values()) == 30
    assert groups["text"].cu.value == math.fsum(n / 7 for n in range(1, 30, 3))
