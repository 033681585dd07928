"""How long a folder begins nothing new, by a clock that the tests turn."""

from __future__ import annotations

from pathlib import Path

import pytest
from still_clock import Clock

from vidsum.config import Options
from vidsum.watch import pauses
from vidsum.watch.messages import Cause, Halt
from vidsum.watch.pauses import Pause, Pauses
from vidsum.watch.settings import Settings


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def told() -> list[Pause | None]:
    return []


@pytest.fixture
def folder(tmp_path: Path, clock: Clock, told: list[Pause | None]) -> Pauses:
    return Pauses(Settings(tmp_path, Options(), min_free_bytes=0), told.append, clock)


def lengths(folder: Pauses, clock: Clock, cause: Cause, times: int) -> list[float]:
    """How long one pause after the other is, each with nothing done in between."""
    found = []
    for _ in range(times):
        folder.halt(Halt(cause, "why"))
        now = folder.current
        assert now is not None
        assert now.until_s is not None
        found.append(now.until_s - clock.now_s)
        clock.now_s = now.until_s - 0.5
        assert folder.look() is not None
        clock.now_s += 1
        assert folder.look() is None
    return found


@pytest.mark.parametrize(
    ("cause", "first_s"),
    [
        ("blocked", pauses.BLOCKED_S),
        ("room", pauses.ROOM_S),
        ("provider", pauses.PROVIDER_S),
    ],
)
def test_each_pause_is_longer_until_a_file_is_done(
    folder: Pauses, clock: Clock, cause: Cause, first_s: float
) -> None:
    found = lengths(folder, clock, cause, 12)
    assert found[:3] == [first_s, 2 * first_s, 4 * first_s]
    assert found[-1] == pauses.LONGEST_S
    folder.done()
    assert lengths(folder, clock, cause, 1) == [first_s]


def test_vidsums_own_files_are_tried_again_and_again(folder: Pauses, clock: Clock) -> None:
    assert lengths(folder, clock, "state", 5) == [pauses.STATE_S] * 5


def test_what_goes_on_is_told_once(folder: Pauses, clock: Clock, told: list[Pause | None]) -> None:
    for _ in range(20):
        folder.halt(Halt("state", "it cannot be written"))
        clock.now_s += pauses.STATE_S / 2
    assert [one and one.why for one in told] == ["it cannot be written"]


@pytest.mark.parametrize("cause", ["blocked", "day", "room", "state", "provider"])
def test_a_clock_that_is_set_back_ends_a_pause(folder: Pauses, clock: Clock, cause: Cause) -> None:
    folder.halt(Halt(cause, "why"))
    assert folder.look() is not None
    clock.now_s -= 5 * 365 * 86_400
    assert folder.look() is None
