"""What becomes of jobs whose workers have ended, one after the other."""

from __future__ import annotations

from pathlib import Path

import pytest
from watching import jobs, row, settings

from vidsum.watch.job import MOST_ATTEMPTS, Again, Done, Job, Seen
from vidsum.watch.messages import Halt, Verdict
from vidsum.watch.outcomes import of_day
from vidsum.watch.pauses import Pauses
from vidsum.watch.reports import Kind
from vidsum.watch.settling import Ended, Settling

pytestmark = pytest.mark.usefixtures("impatient")
DOWN = Verdict(Again("busy"), provider=True)
FULL = Verdict(Again("no space", charged=False), Halt("room", "no space"))


class Folder:
    """A folder whose workers say what a test has them say."""

    def __init__(self, root: Path, *names: str) -> None:
        self.jobs = jobs(root)
        self.jobs.add([Seen(Path(name), 1, 1, 1) for name in names])
        self.said: list[str] = []
        given = settings(root, min_free_bytes=0)
        self.pauses = Pauses(given, lambda pause: None)
        self.settling = Settling(given, self.jobs, self.pauses, self.say)

    def say(self, kind: Kind, message: str, path: Path | None) -> None:
        self.said.append(f"{kind} {path}: {message}")

    def ends(self, *verdicts: Verdict) -> None:
        """As many workers as there are verdicts are at work, and end."""
        claimed: list[Job] = []
        while len(claimed) < len(verdicts):
            job = self.jobs.claim(60)
            if job is not None:  # else its wait is not over
                claimed.append(job)
        for job, verdict in zip(claimed, verdicts, strict=True):
            self.settling.add(Ended(job, verdict))
        self.settling.settle()


def done(provider: bool = False) -> Verdict:
    return Verdict(Done((), "run", None, partial=provider), provider=provider)


@pytest.mark.slow
def test_one_file_is_charged_for_what_a_provider_does_not_manage(root: Path) -> None:
    folder = Folder(root, "a.mp4")
    for _ in range(MOST_ATTEMPTS):
        folder.ends(DOWN)
    assert row(root, "state") == ["quarantined"]
    assert not folder.pauses.has("provider")


def test_a_second_file_makes_it_the_providers_fault(root: Path) -> None:
    folder = Folder(root, "a.mp4", "b.mp4", "c.mp4")
    folder.ends(DOWN, DOWN, DOWN)
    assert row(root, "attempts") == [1, 0, 0]
    assert folder.pauses.has("provider")
    assert folder.pauses.next_s("provider") == 1.0  # one outage, one pause
    assert folder.said[1:] == [f"again {name}.mp4: busy; again after the pause" for name in "bc"]


@pytest.mark.parametrize("helped", [True, False])
def test_a_file_that_is_done_says_that_the_provider_is_up(root: Path, helped: bool) -> None:
    folder = Folder(root, "a.mp4", "b.mp4", "c.mp4")
    folder.ends(DOWN, done(provider=not helped), DOWN)
    assert row(root, "attempts") == [1, 1, 1 if helped else 0]
    assert folder.pauses.has("provider") != helped


@pytest.mark.parametrize(("verdict", "words"), [
    (of_day("the cap of $1 a day is reached"), "again when the cap of the day allows"),
    (FULL, "again when there is room"),
    (Verdict(Again("no key", charged=False), Halt("blocked", "no key")), "again after the pause"),
])  # fmt: skip
def test_what_is_waited_for_is_said(root: Path, verdict: Verdict, words: str) -> None:
    folder = Folder(root, "a.mp4", "b.mp4")
    folder.ends(verdict, Verdict(Again("it broke")))
    first, second = folder.said
    assert first.endswith(f"; {words}")
    assert second == f"again b.mp4: it broke; {words}, attempt 1 of 6"
