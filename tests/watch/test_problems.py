"""What goes on being wrong is told once."""

from __future__ import annotations

from still_clock import Clock

from vidsum.watch.problems import AWAY_S, MOST_TOLD, Problems


def test_a_line_is_told_once_and_again_when_it_was_away() -> None:
    told: list[str] = []
    clock = Clock(100.0)
    problems = Problems(told.append, clock)
    for _ in range(5):
        problems.take("scan", ["a", "b"])
        clock.now_s += 10 * AWAY_S
    assert told == ["a", "b"]
    problems.take("scan", ["b"])
    clock.now_s += AWAY_S / 2
    problems.take("scan", ["a", "b"])  # it comes and goes: nobody needs to know each time
    assert told == ["a", "b"]
    problems.take("scan", [])
    clock.now_s += AWAY_S
    problems.take("scan", ["a"])
    assert told == ["a", "b", "a"]


def test_one_source_does_not_end_what_another_has_found() -> None:
    told: list[str] = []
    clock = Clock(100.0)
    problems = Problems(told.append, clock)
    for _ in range(3):
        problems.take("scan", ["a"])
        problems.take("events", [])
        clock.now_s += 2 * AWAY_S
    assert told == ["a"]


def test_thousands_are_told_in_a_few_lines() -> None:
    told: list[str] = []
    problems = Problems(told.append, Clock(100.0))
    lines = [f"file {number} waits" for number in range(5_000)]
    for _ in range(3):
        problems.take("scan", lines)
    assert told == [*lines[:MOST_TOLD], f"and {5_000 - MOST_TOLD:,} more like these"]
