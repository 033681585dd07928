"""A provider that refuses, breaks, hangs or talks nonsense at each place where a run asks it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from faults.killing import Books, books, leftovers
from faults.sites import (
    FAULTS,
    PRICES,
    SITES,
    Faulty,
    Site,
    options_for,
    video_for,
)
from scripted_provider import ScriptedProvider

from vidsum.backends import connection
from vidsum.backends.retrying import Retrying
from vidsum.cli.main import run

pytestmark = pytest.mark.slow
"""With the others of their kind in the default run these would take it over ten minutes."""

REFUSED: Final = frozenset(("429", "429 wait", "429 long wait", "no key", "no credit"))
"""Nobody works for these: they cost nothing, and the ledger says so."""
PASSING: Final = ("429", "429 wait", "500", "503", "hang", "reset", "truncated", "trickle")
"""After one of these the same request is sent again."""
OF_ONE_REQUEST: Final = frozenset(("500", "hang", "trickle", "wrong types"))
"""What may be one request's fault: the others of a run are still made."""
BATCH = list(zip(SITES, list(FAULTS)[::2], strict=True))
"""Each place once, with every other fault: for every day."""
ALL = [(site, fault) for site in SITES for fault in FAULTS]


@dataclass(frozen=True)
class Outcome:
    """What came of one run: its code, its lines on stderr, its result, and what the server saw."""

    code: int
    said: list[str]
    result: Any
    script: Faulty
    books: Books

    @property
    def asked(self) -> int:
        return sum(self.script.counts.values())

    @property
    def sound(self) -> int:
        return sum(self.script.answered.values())

    @property
    def hit(self) -> int:
        """How many requests got the fault instead of an answer."""
        return self.asked - self.sound


Make = Callable[..., Outcome]


@pytest.fixture
def outcome(
    tmp_path: Path, clip_folder: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Iterator[Make]:  # fmt: skip
    """Run the whole program against one provider; each time the same video and state folder."""
    home = tmp_path / "state"
    home.mkdir()
    (home / "prices.toml").write_text(PRICES)
    monkeypatch.setenv("VIDSUM_HOME", str(home))
    monkeypatch.setattr(connection, "Retrying", partial(Retrying, base_s=0.001, cap_s=0.002))
    script = Faulty("caption", None)

    with ScriptedProvider(lambda call: script(call)) as provider:

        def make(site: Site, fault: str | None, times: int = 10**6, first: int = 0) -> Outcome:
            nonlocal script
            script, before = Faulty(site, fault, times, first), books(home)
            folder = tmp_path / "in"
            if not folder.exists():
                folder.mkdir()
                video_for(site, clip_folder, folder)
            (video,) = folder.glob("*.mp4")
            place = tmp_path / "result.json"
            place.unlink(missing_ok=True)
            code = run([str(video), "-o", str(place), "-q", "--api-timeout", "0.5",
                        *options_for(site, provider.url)])  # fmt: skip
            result = json.loads(place.read_text()) if place.exists() else None
            assert leftovers(tmp_path) == []
            after = books(home)
            return Outcome(code, capfd.readouterr().err.splitlines(), result, script, Books(
                after.reserved - before.reserved, after.settled - before.settled,
                after.failed - before.failed, after.released - before.released,
            ))  # fmt: skip

        yield make


def check_fault(outcome: Make, site: Site, fault: str) -> None:
    """One fault at one place for all of a run, then a run without it."""
    found = outcome(site, fault)
    check_books(found, fault)
    assert found.hit > 0
    if site == "look":  # the summary is whole without it
        assert (found.code, found.said) == (0, [])
        assert found.result["failures"] == []
    else:
        assert found.code == 5
        [line] = found.said
        assert line.startswith("vidsum: error: ")
        assert "Traceback" not in line
    if site in ("caption", "speech"):
        lasting = site == "caption" or fault not in OF_ONE_REQUEST
        assert (found.result is None) == lasting, "only where nothing is lost is nothing written"
    elif site != "look":
        [failure] = found.result["failures"]
        assert failure in found.said[0]
        assert found.said[0].endswith("What was done before is in the result.")
        written = found.result["answer" if site == "question" else "summary"]
        assert written["backend"] == "extractive"
    check_unknown(found)

    again = outcome(site, None)
    check_books(again, None)
    assert (again.code, again.said) == (0, [])
    assert again.result["failures"] == []
    for place, paid in found.script.answered.items():
        if place != "summary":  # one in a form that cannot be used is asked for anew
            assert again.script.counts[place] <= max(0, again_at(site, place) - paid)
    third = outcome(site, None)
    assert third.asked == (0 if site != "repair" else third.sound)


def again_at(site: Site, place: str) -> int:
    """Return how many requests a run without faults makes at a place."""
    return {"caption": 3, "section": 3}.get(place, 1)


def check_books(found: Outcome, fault: str | None) -> None:
    """Each request that was answered is settled once; each that may have cost is told so."""
    kept = found.books
    assert kept.open == 0
    answered = found.sound + (found.hit if fault == "wrong types" else 0)
    assert kept.settled == answered
    if fault in REFUSED:
        assert kept.failed == 0
        assert kept.released > 0
    elif fault not in (None, "wrong types"):
        assert kept.failed == found.hit
        assert kept.released == 0


def check_unknown(found: Outcome) -> None:
    """What nobody knows is not shown as nothing."""
    if found.result is not None:
        unknown = found.result["receipt"]["total"]["usd_nano"]["unknown"]
        assert unknown >= found.books.failed
        assert (found.result["receipt"]["api_usd"] is None) == (unknown > 0)


@pytest.mark.parametrize(("site", "fault"), BATCH)
def test_a_fault_at_a_place(outcome: Make, site: Site, fault: str) -> None:
    check_fault(outcome, site, fault)


@pytest.mark.slow
@pytest.mark.parametrize(("site", "fault"), [case for case in ALL if case not in BATCH])
def test_every_fault_at_every_place(outcome: Make, site: Site, fault: str) -> None:
    check_fault(outcome, site, fault)


def check_passing(outcome: Make, site: Site, fault: str) -> None:
    """A fault that passes costs a repetition and nothing of the result."""
    found = outcome(site, fault, times=1)
    if fault not in REFUSED:
        check_books(found, fault)
    assert (found.code, found.said, found.hit) == (0, [], 1)
    assert found.result["failures"] == []
    assert found.books.settled == found.sound
    check_unknown(found)


@pytest.mark.parametrize(("site", "fault"), list(zip(SITES[::2], PASSING[::2], strict=True)))
def test_a_fault_that_passes(outcome: Make, site: Site, fault: str) -> None:
    check_passing(outcome, site, fault)


@pytest.mark.slow
@pytest.mark.parametrize(("site", "fault"), [(s, f) for s in SITES for f in PASSING])
def test_every_fault_that_passes(outcome: Make, site: Site, fault: str) -> None:
    check_passing(outcome, site, fault)


@pytest.mark.parametrize(("fault", "code"), [("503", 5), ("no key", 5), ("HTML", 7)])
def test_captions_paid_for_before_a_fault_are_in_the_result_and_never_asked_again(
    outcome: Make, fault: str, code: int
) -> None:
    """A page of HTML from a server that has answered before is the fault of that one request."""
    found = outcome("caption", fault, first=2)
    assert found.code == code
    assert [f["caption"]["error"] is None for f in found.result["frames"]
            if f["caption"]][:2] == [True, True]  # fmt: skip
    again = outcome("caption", None)
    assert (again.code, again.script.counts["caption"]) == (0, 1)


def test_a_run_asks_at_every_place(outcome: Make) -> None:
    assert outcome("look", None).script.counts == {"caption": 3, "summary": 2, "look": 1}
