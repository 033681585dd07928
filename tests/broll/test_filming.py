"""Clips by a video model for picks: paid for once, whatever happens to the program or the shot."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from broll.brush import Brush, filled
from broll.test_signing import credentials, manifest
from faults.killing import Ended, ended
from footage import film
from scripted_provider import DROP, Answer, Call, ScriptedProvider, fails
from video_server import content, form, job, resolve

from vidsum.backends.retrying import Retrying
from vidsum.broll.clips import RemoteClips
from vidsum.broll.finishing import FinishReport, finish
from vidsum.broll.folder import BrollFolder, pick
from vidsum.broll.making import make
from vidsum.broll.marking import read_marks
from vidsum.broll.shots import Finish, to_film
from vidsum.broll.signing import Credentials
from vidsum.config import Options
from vidsum.data import FinishedShot, Receipt
from vidsum.errors import BackendFailed, BudgetReached, OptionError, OutputError
from vidsum.pipeline.run import Run

HERE = Path(__file__).parent
PRICES = '[[price]]\nhost = "127.0.0.1"\nmodel = "sora-2"\nvideo_usd_per_s = 0.10\n'
KILLED_AT = ("broll.film.before", "broll.film.begun", "broll.film.after")


STRIPES = np.broadcast_to(np.arange(160, dtype=np.uint8)[None, :, None], (90, 160, 3)).copy()


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return film(tmp_path_factory.mktemp("film") / "a.mp4", [(1, STRIPES)]).read_bytes()


class Place:
    """A folder with two picks, and a provider of clips whose steps may be replaced."""

    def __init__(self, path: Path, movie: bytes) -> None:
        self.folder, self.home = BrollFolder(path / "film.broll"), path / "home"
        filled(self.folder)
        run = Run(Path("/films/a.mp4"), Options())
        make(run, self.folder, Brush(path / "log"), variations=2, measured=False)
        run.finish()
        pick(self.folder, {"s01": 1})
        self.made: Any = job()
        self.look: Any = job("completed")
        self.content: Any = content(movie)
        self.provider = ScriptedProvider(self._answer)
        self.receipt: Receipt | None = None
        self.counts: list[dict[str, float]] = []
        self.notes: list[str] = []

    def _answer(self, call: Call) -> Answer:
        if call.method == "POST":
            return resolve(self.made, call)
        return resolve(self.content if call.path.endswith("/content") else self.look, call)

    @property
    def posts(self) -> int:
        return sum(call.method == "POST" for call in self.provider.calls)

    def finish(
        self, *, cap: str = "5", retry: bool = False, clips: Any = "ai", seconds: float = 2.0,
        patience_s: float = 5.0, own: Credentials | None = None, confirmed: bool = True,
    ) -> FinishReport:  # fmt: skip
        options = Options(image_api=self.provider.url, image_timeout_s=5.0, max_usd=Decimal(cap))
        run = Run(Path("/films/a.mp4"), options)
        films = RemoteClips(options, "sora-2", Retrying(base_s=0.001, cap_s=0.002), poll_s=0.001,
                            patience_s=patience_s)  # fmt: skip
        how = Finish(clips=clips, films=films, confirmed=confirmed, seconds=seconds, retry=retry,
                     credentials=own)  # fmt: skip
        self.asks = to_film(self.folder, how)
        try:
            return finish(run, self.folder, how)
        finally:
            films.close()
            run.finish()
            self.receipt = run.meter.receipt()
            self.notes = [one.message for one in run.notices]
            self.counts = [dict(one.counts) for one in run.meter.book.lines()
                           if (one.kind, one.stage) == ("stage", "film")]  # fmt: skip

    def shot(self, **more: Any) -> FinishedShot:
        [shot] = self.finish(**more).finished
        assert self.folder.read_made().finished == (shot,)
        return shot

    @property
    def cost_nano(self) -> float | None:
        assert self.receipt is not None
        found = [one for one in self.receipt.modalities if one.modality == "video_gen"]
        return found[0].total.usd_nano.value if found else 0

    def once(self, fail_at: str = "") -> Ended:
        paths = {"PYTHONPATH": f"{HERE.parent}:{HERE.parent.parent}"}
        program = [sys.executable, str(HERE / "film_once.py"), str(self.folder.path),
                   self.provider.url]  # fmt: skip
        return ended(program, self.home, fail_at=fail_at, environment=paths)


@pytest.fixture
def place(
    tmp_path: Path, movie: bytes, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:  # fmt: skip
    found = Place(tmp_path, movie)
    found.home.mkdir()
    (found.home / "prices.toml").write_text(PRICES)
    monkeypatch.setenv("VIDSUM_HOME", str(found.home))
    with found.provider:
        yield found


def test_a_clip_begins_with_the_pick_and_is_paid_for_once(place: Place) -> None:
    shot = place.shot()
    fields, picture = form(place.provider.calls[0])
    assert (fields["size"], fields["seconds"]) == ("320x180", "2")
    assert picture is not None
    assert picture.shape == (180, 320, 3)
    assert (shot.clip_from, shot.fps, shot.error) == ("ai", 4.0, "")
    assert (shot.cost_usd, shot.cost_from) == ("0.20", "estimated")
    assert (place.cost_nano, place.asks) == (200_000_000, [(320, 180, 2)])
    marks = read_marks(place.folder.place(shot.clip))
    assert marks is not None
    assert (marks.scene, marks.model, marks.seed) == ("s01", "sora-2", None)
    again = place.finish()
    assert (again.finished, again.kept, place.posts, place.asks) == ((), (shot,), 1, [])


def test_each_stage_counts_its_own_call(place: Place) -> None:
    pick(place.folder, {"s02": 2})
    assert len(place.finish().finished) == 2
    assert [one["calls"] for one in place.counts] == [1, 1]


def test_what_was_paid_for_survives_every_other_way_to_finish(place: Place) -> None:
    first = place.shot()
    assert place.shot(clips="kenburns").clip_from == "kenburns"
    assert place.shot() == first
    pick(place.folder, {"s01": 2})
    other = place.shot()
    assert other.clip not in ("", first.clip)
    pick(place.folder, {"s01": 1})
    assert place.shot() == first
    assert place.posts == 2
    longer = place.shot(seconds=3.0)
    assert (place.posts, longer.cost_usd) == (3, "0.30")
    assert place.folder.place(first.clip).is_file()


def test_a_clip_that_could_not_be_fetched_is_fetched_by_the_next_run(place: Place) -> None:
    good, place.content = place.content, fails(404, "not yet")
    lost = place.shot()
    assert (lost.clip, lost.cost_usd, place.cost_nano) == ("", "0.20", 200_000_000)
    assert any("was paid for: the job is video_1" in one for one in place.notes)
    place.content = good
    found = place.shot()
    assert (place.posts, place.asks, place.cost_nano) == (1, [], 0)
    assert place.folder.place(found.clip).is_file()
    assert (found.error, found.cost_usd) == ("", "0.20")


def test_what_is_no_video_is_told_and_not_paid_for_again(place: Place) -> None:
    place.content = content(b"<html>no</html>")
    assert place.shot().error
    assert place.finish().kept == ()
    assert place.posts == 1


def test_a_clip_of_one_colour_is_none_and_not_paid_for_again(place: Place, tmp_path: Path) -> None:
    black = film(tmp_path / "black.mp4", [(1, np.zeros((90, 160, 3), np.uint8))])
    place.content = content(black.read_bytes())
    shot = place.shot()
    assert "all black" in shot.error
    assert (shot.clip, shot.cost_usd, place.posts) == ("", "0.20", 1)
    assert [one.state for one in place.folder.read_made().films] == ["failed"]
    assert place.finish().finished == ()
    assert place.posts == 1
    opening = [(1, np.zeros((90, 160, 3), np.uint8)), (1, STRIPES)]
    place.content = content(film(tmp_path / "fade.mp4", opening).read_bytes())
    assert place.shot(retry=True).error == ""


def test_without_the_users_yes_nothing_is_asked(place: Place) -> None:
    with pytest.raises(OptionError, match="not confirmed"):
        place.finish(confirmed=False)
    assert (place.posts, place.folder.read_made().films) == (0, ())


def test_a_job_that_takes_too_long_is_looked_at_again(place: Place) -> None:
    place.look = job("in_progress")
    assert "not done in time" in place.shot(patience_s=0.05).error
    place.look = job("completed")
    assert place.shot().error == ""
    assert place.posts == 1


def test_what_nobody_answered_is_asked_again_only_when_told_to(place: Place) -> None:
    good, place.made = place.made, DROP
    lost = place.shot()
    assert (lost.clip, lost.cost_usd, lost.cost_from) == ("", None, "unknown")
    place.made = good
    assert (place.finish().kept, place.posts, place.asks) == ((lost,), 1, [])
    assert [one for one in place.notes if "--retry asks for it again" in one]
    found = place.shot(retry=True)
    assert (found.error, place.posts, place.asks) == ("", 2, [(320, 180, 2)])
    assert (place.finish(retry=True).kept, place.posts) == ((found,), 2)


def test_a_job_that_failed_is_asked_again_only_when_told_to(place: Place) -> None:
    place.look = job("failed", error={"message": "moderation"})
    lost = place.shot()
    assert lost.cost_usd is None
    place.look = job("completed")
    assert (place.finish().kept, place.posts) == ((lost,), 1)
    assert place.shot(retry=True).error == ""


def test_a_refusal_costs_nothing_and_may_be_asked_for_again(place: Place) -> None:
    good, place.made = place.made, fails(400, "flagged by moderation")
    lost = place.shot()
    assert (lost.clip, lost.cost_usd) == ("", "0")
    assert place.folder.read_made().films == ()
    place.made = good
    assert (place.shot().error, place.posts) == ("", 2)


def test_a_key_that_is_refused_ends_it_and_nothing_was_asked(place: Place) -> None:
    place.made = fails(401, "no such key")
    with pytest.raises(BackendFailed):
        place.finish()
    made = place.folder.read_made()
    assert (made.films, made.finished) == ((), ())


def test_a_cap_ends_it_before_anything_is_asked(place: Place) -> None:
    with pytest.raises(BudgetReached):
        place.finish(cap="0.19")
    assert (place.posts, place.folder.read_made().films) == (0, ())
    assert place.shot(cap="0.21").error == ""


@pytest.mark.parametrize("fail_at", [
    KILLED_AT[0], pytest.param(KILLED_AT[1], marks=pytest.mark.slow), KILLED_AT[2],
])  # fmt: skip
def test_a_program_that_is_killed_pays_once(place: Place, fail_at: str) -> None:
    assert place.once(f"{fail_at}=kill").killed
    asked = place.posts
    [known] = place.folder.read_made().films
    assert (known.state, known.job != "") == ("unknown", fail_at != KILLED_AT[0])
    [shot] = place.finish().finished
    assert place.posts == asked
    if fail_at == KILLED_AT[0]:  # nobody knows that it did not get there
        assert shot.error.startswith("It was asked for")
        assert [one for one in place.notes if "--retry asks for it again" in one]
        [shot] = place.finish(retry=True).finished
    assert (shot.error, place.posts) == ("", 1)


def test_a_clip_that_cannot_be_written_is_not_lost(place: Place) -> None:
    good, finished = place.content, place.folder.place("finished")

    def in_the_way(call: Call) -> Answer:
        finished.rename(finished.with_name("away"))
        finished.write_bytes(b"")
        return resolve(good, call)

    place.content = in_the_way
    with pytest.raises(OutputError):
        place.finish()
    finished.unlink()
    place.content = good
    assert (place.shot().error, place.posts) == ("", 1)


def test_a_clip_is_signed_later_and_not_asked_for_again(place: Place, tmp_path: Path) -> None:
    own, root = credentials(tmp_path / "keys")
    bad = Credentials(own.certificate, own.certificate)
    with pytest.raises(OptionError, match="no private key"):
        place.finish(own=bad)
    assert not place.shot().signed
    shot = place.shot(own=own)
    assert shot.signed
    for name, kind in ((shot.file, "image/png"), (shot.clip, "video/mp4")):
        found = manifest(place.folder.place(name), kind, root)
        assert (found["validation_state"], len(found["manifests"])) == ("Trusted", 1)
    assert place.finish(own=own).kept == (shot,)
    before = place.folder.place(shot.clip).read_bytes()
    place.shot(clips="kenburns", own=own)
    assert place.shot(own=own).signed
    assert (place.folder.place(shot.clip).read_bytes(), place.posts) == (before, 1)


def test_a_job_that_is_none_in_the_record_is_not_looked_for(place: Place) -> None:
    place.look = job("in_progress")
    place.shot(patience_s=0.05)
    record = place.folder.made_file
    record.write_text(record.read_text().replace('"video_1"', '"../models"'))
    before = len(place.provider.calls)
    with pytest.raises(OptionError, match="no job"):
        place.finish()
    assert len(place.provider.calls) == before
