"""Single runs that are killed: made again, they go on from what was kept, and nothing is lost."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from faults.killing import Ended, books, ended, leftovers, moments, reached, vidsum
from faults.sites import PRICES, Faulty, options_for, video_for
from scripted_provider import ScriptedProvider
from thinning import every_second

ASKED = 6
"""What a run that is not disturbed asks: three captions, a summary, a look, the summary revised."""
FEW = ("store.put.before@2=kill", "ledger.settle.before@3=kill", "output.before=kill")


class Place:
    """A video, a state folder and a provider, for several runs of the same command."""

    def __init__(self, folder: Path, clips: Path, provider: ScriptedProvider) -> None:
        self.home, self.out, inputs = folder / "state", folder / "out", folder / "in"
        for one in (self.home, self.out, inputs):
            one.mkdir()
        (self.home / "prices.toml").write_text(PRICES)
        self.result, self.log = self.out / "result.json", folder / "reached"
        self._provider = provider
        video = video_for("look", clips, inputs)
        self._command = vidsum(video, "-o", self.result, "-q", *options_for("look", provider.url))

    @property
    def asked(self) -> int:
        """How many questions the provider has answered in all runs."""
        return sum(call.method == "POST" for call in self._provider.calls)

    def run(self, fail_at: str = "", kill_after_s: float | None = None) -> Ended:
        log = self.log if not fail_at and kill_after_s is None else None
        return ended(self._command, self.home, fail_at=fail_at, log=log, kill_after_s=kill_after_s)

    def check_whole(self) -> None:
        """There is no result, or a whole one."""
        if self.result.exists():
            assert json.loads(self.result.read_text())["summary"]["overview"]


@contextmanager
def placed(folder: Path, clips: Path) -> Iterator[Place]:
    with ScriptedProvider(Faulty("look", None)) as provider:
        yield Place(folder, clips, provider)


def check_kill(place: Place, fail_at: str = "", kill_after_s: float | None = None) -> bool:
    """Kill a run, make it again to its end, and see that nothing was lost or paid for twice."""
    first = place.run(fail_at, kill_after_s)
    assert first.killed or (first.code == 0 and not fail_at), first.err
    place.check_whole()
    books(place.home)
    before = place.asked
    again = place.run()
    assert (again.code, again.err) == (0, "")
    place.check_whole()
    assert [path.name for path in place.out.iterdir()] == ["result.json"]
    assert leftovers(place.out.parent) == []
    assert place.asked <= ASKED + 1, f"{before} asked before the kill, {place.asked} in all"
    kept = books(place.home)
    assert kept.open <= 1, "the call that was under way"
    assert kept.settled + kept.open + kept.released >= ASKED
    assert kept.settled <= place.asked
    return first.killed


@pytest.mark.parametrize("fail_at", every_second(FEW))
def test_a_run_that_is_killed_goes_on(tmp_path: Path, clip_folder: Path, fail_at: str) -> None:
    with placed(tmp_path, clip_folder) as place:
        check_kill(place, fail_at)


def found_places(folder: Path, clips: Path) -> list[str]:
    """Return every place at which an undisturbed run may be killed; it asks what it should."""
    with placed(folder, clips) as place:
        assert place.run().code == 0
        assert place.asked == ASKED
        kept = books(place.home)
        assert (kept.reserved, kept.settled, kept.open) == (ASKED, ASKED, 0)
        return moments(reached(place.log))


def test_a_run_comes_to_every_kind_of_place(tmp_path: Path, clip_folder: Path) -> None:
    names = {one.partition("@")[0] for one in found_places(tmp_path, clip_folder)}
    for step in ("ledger.reserve", "ledger.settle", "ledger.open_run", "ledger.close_run",
                 "ledger.open_stage", "ledger.close_stage", "db.migrate", "store.put"):  # fmt: skip
        assert {f"{step}.before", f"{step}.after"} <= names
    assert {"output.begun", "output.before", "output.replaced", "output.after"} <= names
    assert {"call.before", "call.answered"} <= names


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_run_may_be_killed_at_every_place(tmp_path: Path, clip_folder: Path) -> None:
    for number, moment in enumerate(["none", *found_places(tmp_path, clip_folder)][1:]):
        folder = tmp_path / f"{number:03}"
        folder.mkdir()
        with placed(folder, clip_folder) as place:
            assert check_kill(place, f"{moment}=kill"), f"{moment} was not reached"


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_run_may_be_killed_at_any_moment(tmp_path: Path, clip_folder: Path) -> None:
    """Sixteen times, children included; the moments are drawn from a run's whole length."""
    folder = tmp_path / "length"
    folder.mkdir()
    with placed(folder, clip_folder) as place:
        takes_s = place.run().after_s
    drawn, killed = random.Random(6), 0
    for number in range(16):
        folder = tmp_path / f"{number:03}"
        folder.mkdir()
        with placed(folder, clip_folder) as place:
            killed += check_kill(place, kill_after_s=drawn.uniform(0.02, takes_s))
    assert killed >= 8
