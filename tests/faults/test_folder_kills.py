"""Folder mode killed at every durable step, and at random: one whole result each, no second bill.

A kill is SIGKILL for the watcher and all below it at once, as when the machine is switched off. At
a named place one process stands still first (``VIDSUM_FAIL_AT=NAME=hang``), so that the kill comes
exactly there.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest
from watched import CALL_NANO, Watched, kill_all, small_film, wait_until, watched, whole

KILLS = int(os.environ.get("VIDSUM_TEST_KILLS", "40"))
"""How many random kills: README.md beside this file has the figures of 200."""
ONE_AT_A_TIME = ("--format", "json", "--format", "md", "--api-requests", "1", "-q")
SOME = ("output.replaced",)
"""Places that the default tests kill at; the slow ones take all."""


def reached(log: Path) -> list[str]:
    """Return the names of places in the order in which they were reached."""
    return log.read_text("utf-8").split() if log.exists() else []


def check(place: Watched, videos: int, kills: int) -> None:
    """Check all that must hold when everything was done in the end."""
    results = sorted(place.results())
    names = {path.name for path in results}
    assert len(results) == 2 * videos, names
    for path in results:
        if path.suffix == ".json":
            whole(path)
        else:
            assert path.read_text("utf-8").startswith("# Shapes")
    assert place.leftovers() == []
    assert place.jobs() == {"done": videos}
    ledger = place.ledger()
    assert ledger.most_ends <= 1, "a call was settled twice"
    assert ledger.settled <= place.books.answered
    assert ledger.settled >= place.books.answered - kills
    assert ledger.usd_nano == ledger.settled * CALL_NANO
    assert place.books.repeated <= kills


def killed_at(folder: Path, name: str, time_number: int = 1) -> None:
    """Kill at a place, then do all the rest, and check."""
    with watched(folder, *ONE_AT_A_TIME) as place:
        for number in range(2):
            small_film(place.root / f"{number}.mp4", number, shots=2)
        log = folder / "reached.txt"
        process = place.start("--once", VIDSUM_FAIL_AT=f"{name}@{time_number}=hang",
                              VIDSUM_FAIL_LOG=str(log))  # fmt: skip
        assert wait_until(
            lambda: reached(log).count(name) >= time_number or process.poll() is not None
        ), f"{name} was not reached: {place.log()}"
        time.sleep(0.1)
        kill_all(process)
        assert place.once() == 0, place.log()
        check(place, 2, kills=1)


@pytest.mark.parametrize("name", SOME)
def test_killed_at_a_durable_step(name: str, tmp_path: Path) -> None:
    killed_at(tmp_path, name)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_killed_at_every_durable_step(tmp_path: Path) -> None:
    with watched(tmp_path, *ONE_AT_A_TIME) as place:
        for number in range(2):
            small_film(place.root / f"{number}.mp4", number, shots=2)
        log = tmp_path / "reached.txt"
        assert place.once(VIDSUM_FAIL_LOG=str(log)) == 0, place.log()
        names = sorted(set(reached(log)))
    assert set(SOME) <= set(names)
    for name in names:
        folder = tmp_path / name
        folder.mkdir()
        killed_at(folder, name)


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_killed_at_random(tmp_path: Path) -> None:
    """Rounds of thirty videos each, until there were enough kills."""
    chance, kills, number = random.Random(KILLS), 0, 0
    while kills < KILLS:
        folder = tmp_path / f"round{number}"
        folder.mkdir()
        kills += killed_at_random(folder, number, KILLS - kills, chance)
        number += 1


def killed_at_random(folder: Path, seed: int, most: int, chance: random.Random) -> int:
    """Kill up to so many times while thirty videos are worked on, then do the rest and check.

    Return how many kills there were.
    """
    kills = 0
    with watched(folder, *ONE_AT_A_TIME, wait_s=0.1) as place:
        for number in range(30):
            small_film(place.root / f"{number}.mp4", 1_000 * seed + number, shots=3)
        while kills < most and sum(1 for _ in place.results()) < 60:
            process = place.start()
            time.sleep(chance.uniform(0.3, 3.0))
            kill_all(process)
            kills += 1
        assert place.once("--workers", "2", timeout_s=600) == 0, place.log()
        check(place, 30, kills)
        print(f"{kills} kills, {place.books.answered} calls answered, {place.books.repeated} of "
              f"them repeated, {place.ledger().settled} settled")  # fmt: skip
    return kills
