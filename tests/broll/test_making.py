"""Pictures are made once, kept at once, in a balanced order, and under caps."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from broll.brush import ABLE, Brush, Deed, asked, filled, scene
from faults.killing import Ended, books, ended, leftovers

from vidsum.broll.engines.protocol import ImageRequest, Unanswered
from vidsum.broll.folder import BrollFolder, pick
from vidsum.broll.making import MakeReport, make
from vidsum.broll.marking import read_marks
from vidsum.config import Options
from vidsum.data import Image, ModelRef
from vidsum.errors import BackendFailed, OptionError, RequestFailed
from vidsum.events import Event, Noted
from vidsum.pipeline.run import Run

HERE = Path(__file__).parent
PAID = ModelRef(backend="openai", requested="brush-1", base_url="http://127.0.0.1:9/v1",
                host="127.0.0.1:9")  # fmt: skip
PRICES = '[[price]]\nhost = "127.0.0.1"\nmodel = "brush-1"\nimage_usd = 0.04\n'
BALANCED = ["s01, variation 1", "s02, variation 1", "s01, variation 2", "s02, variation 2"]
BASELINES = ["s01, what references change", "s02, what references change"]


class Place:
    """A folder and what is asked about it."""

    def __init__(self, path: Path) -> None:
        self.folder, self.log = BrollFolder(path / "film.broll"), path / "asked"
        self.events: list[Event] = []
        filled(self.folder)

    @property
    def asked(self) -> list[str]:
        return asked(self.log)

    @property
    def told(self) -> list[str]:
        return [one.message for one in self.events if isinstance(one, Noted)]

    @contextmanager
    def run(self, **options: Any) -> Iterator[Run]:
        run = Run(Path("/films/a.mp4"), Options(**options), self.events.append)
        try:
            yield run
        finally:
            run.finish()

    def make(
        self, deeds: Mapping[int, Deed] | None = None, *, brush: Brush | None = None,
        options: Mapping[str, Any] | None = None, variations: int = 2, **more: Any,
    ) -> MakeReport:  # fmt: skip
        with self.run(**(options or {})) as run:
            self.receipt = run.meter.receipt
            engine = brush or Brush(self.log, deeds)
            return make(run, self.folder, engine, variations=variations, **more)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder in which the brush has a price."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "prices.toml").write_text(PRICES)
    monkeypatch.setenv("VIDSUM_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def refuses(request: ImageRequest) -> Image:
    raise RequestFailed("The filter refused it.")


def hangs(request: ImageRequest) -> Image:
    raise Unanswered("Nobody answered within 600 s.")


def breaks(request: ImageRequest) -> Image:
    raise BackendFailed("The key is not accepted.", kind="blocked")


def interrupted(request: ImageRequest) -> Image:
    raise KeyboardInterrupt


def is_flat(request: ImageRequest) -> Image:
    return np.full((request.height_px, request.width_px, 3), 7, np.uint8)


def test_each_scene_has_its_first_before_any_has_its_second(place: Place) -> None:
    report = place.make()
    assert place.asked == [*BALANCED, *BASELINES]
    assert (len(report.made), report.kept, report.exit_code) == (4, (), 0)
    made = place.folder.read_made()
    assert {one.file for one in made.variations} == {
        f"images/s0{n}-v{v}.png" for n in (1, 2) for v in (1, 2)
    }
    first = made.of("s01")[0]
    assert (first.prompt, first.state) == ("A thing of kind 1. In warm light.", "made")
    assert (first.cost_usd, first.cost_from, first.cu) == ("0", "measured", 1.0)
    assert first.references == ("anchors/a2-00000002.png", "anchors/a1-00000001.png")
    picture = place.folder.picture(first.file)
    assert picture is not None
    assert picture.shape == (first.height_px, first.width_px, 3)
    marks = read_marks(place.folder.place(first.file))
    assert marks is not None
    assert (marks.prompt, marks.seed, marks.scene) == (first.prompt, first.seed, "s01")


def test_a_rerun_asks_nothing_and_the_ledger_says_what_that_saved(place: Place) -> None:
    place.make()
    before, made = place.asked, place.folder.made_file.read_bytes()
    report = place.make()
    assert place.asked == before
    assert (report.made, len(report.kept), report.exit_code) == ((), 4, 0)
    assert place.folder.made_file.read_bytes() == made
    receipt = place.receipt()
    assert receipt.total.calls == 0
    (saving,) = receipt.savings
    assert (saving.by, saving.calls, saving.seconds, saving.usd_nano) == ("cache", 4, 1.0, 0)


def test_the_ledger_has_pictures_as_a_modality_that_is_generated(place: Place) -> None:
    place.make()
    (cost,) = [one for one in place.receipt().modalities if one.modality == "image_gen"]
    assert cost.direction == "generate"
    assert (cost.total.calls, cost.total.images, cost.total.cu.value) == (6, 6, 6.0)


def test_an_edited_scene_alone_is_made_anew_and_nothing_is_lost(place: Place) -> None:
    place.make()
    pick(place.folder, {"s01": 2})
    before = place.folder.read_made()
    plan = place.folder.read_plan()
    scenes = (scene(1, "A quite different thing."), plan.scenes[1])
    place.folder.write_plan(replace(plan, scenes=scenes))
    place.log.unlink()
    report = place.make(refined={"s01": "different"})
    assert place.asked == ["s01, variation 3", "s01, variation 4", BASELINES[0]]
    assert [one.refined for one in report.made] == ["different"] * 2
    after = place.folder.read_made()
    assert after.picks == {"s01": 2}
    assert after.of("s01")[:2] == before.of("s01")
    assert [one.number for one in after.of("s01")] == [1, 2, 3, 4]


def test_another_model_or_look_makes_everything_anew(place: Place) -> None:
    place.make(variations=1, measured=False)
    place.make(brush=Brush(place.log, identity="brush-1 of ash"), variations=1, measured=False)
    assert place.asked == [*BALANCED[:2], "s01, variation 2", "s02, variation 2"]
    place.make(variations=1, measured=False, ref="none")
    assert place.asked[4:] == ["s01, variation 3", "s02, variation 3"]
    place.make(variations=1, measured=False)
    assert len(place.asked) == 6


def test_references_move_pictures_and_by_how_much_is_told(place: Place) -> None:
    report = place.make()
    assert all(gain is not None and gain > 5 for gain in report.gains.values())
    made = place.folder.read_made()
    assert all(one.palette_gain and one.palette_distance is not None for one in made.variations)
    assert [one.references for one in made.baselines] == [(), ()]
    assert not any("hardly changed" in one for one in place.told)


def test_references_that_change_nothing_are_warned_of(place: Place) -> None:
    report = place.make(brush=Brush(place.log, deaf=True))
    assert all(gain is not None and abs(gain) < 1 for gain in report.gains.values())
    assert sum("hardly changed" in one for one in place.told) == 2


def test_references_are_never_dropped_silently(place: Place) -> None:
    blind = Brush(place.log, able=replace(ABLE, most_references=0))
    with pytest.raises(OptionError, match="takes no reference") as caught:
        place.make(brush=blind)
    assert "--ref none" in caught.value.hint
    assert place.asked == []
    report = place.make(brush=blind, ref="none")
    assert (len(report.made), report.gains) == (4, {})
    assert place.asked == BALANCED
    assert {one.references for one in report.made} == {()}


def test_a_lost_reference_is_an_error(place: Place) -> None:
    place.folder.place("anchors/a2-00000002.png").unlink()
    with pytest.raises(OptionError, match="a2-00000002"):
        place.make()
    assert place.asked == []


def test_an_engine_without_seeds_makes_different_pictures_all_the_same(place: Place) -> None:
    able = replace(ABLE, seed=False)
    report = place.make(brush=Brush(place.log, able=able), measured=False)
    assert {one.seed for one in report.made} == {None}
    place.make(brush=Brush(place.log, able=able), measured=False)
    assert place.asked == BALANCED


def test_a_request_that_fails_loses_one_picture_which_the_next_run_makes(place: Place) -> None:
    report = place.make({2: refuses}, measured=False)
    assert place.asked == BALANCED
    assert [one.error for one in report.failed] == ["The filter refused it."]
    assert (len(report.made), report.exit_code) == (3, 7)
    assert any("s02, variation 1 failed: The filter refused it." in one for one in place.told)
    assert not place.folder.place("images/s02-v1.png").exists()
    place.log.unlink()
    assert place.make(measured=False).exit_code == 0
    assert place.asked == ["s02, variation 1"]
    assert {one.state for one in place.folder.read_made().variations} == {"made"}


def test_a_flat_picture_is_none_and_is_asked_for_with_another_seed(place: Place) -> None:
    report = place.make({1: is_flat}, measured=False)
    (flat,) = report.failed
    assert "all black" in flat.error
    assert (flat.file, flat.cost_usd, flat.cu, flat.wall_s) == ("", "0", 1.0, 0.25)
    assert not place.folder.place("images/s01-v1.png").exists()
    place.log.unlink()
    place.make(measured=False)
    assert place.asked == ["s01, variation 3"]
    assert place.folder.read_made().of("s01")[0] == flat


def test_what_nobody_answered_is_asked_again_only_when_told_to(place: Place) -> None:
    report = place.make({3: hangs}, measured=False)
    (lost,) = report.unknown
    assert (lost.state, lost.file, report.exit_code) == ("unknown", "", 7)
    place.log.unlink()
    again = place.make(measured=False)
    assert (place.asked, len(again.kept), again.unknown) == ([], 3, (lost,))
    place.make(measured=False, retry=True)
    assert place.asked == ["s01, variation 3"]
    assert place.folder.read_made().find("s01", 2) == lost
    assert place.make(measured=False, retry=True).exit_code == 0, "nothing is missing any more"
    assert place.make(measured=False).exit_code == 0
    assert len(place.asked) == 1


def test_an_engine_that_gives_up_ends_it_and_what_is_there_is_kept(place: Place) -> None:
    report = place.make({3: breaks})
    assert place.asked == BALANCED[:3]
    assert (len(report.made), report.left_out, report.exit_code) == (2, 2, 5)
    assert any("The run goes on" in one for one in place.told)
    report = place.make()
    assert (len(report.made), len(report.kept), report.exit_code) == (2, 2, 0)


def test_an_engine_that_never_answers_is_an_error_at_once(place: Place) -> None:
    with pytest.raises(BackendFailed, match="key is not accepted"):
        place.make({1: breaks})
    assert place.folder.read_made().variations == ()


def test_an_interrupt_keeps_what_is_there(place: Place) -> None:
    with pytest.raises(KeyboardInterrupt):
        place.make({3: interrupted})
    place.log.unlink()
    report = place.make(measured=False)
    assert (place.asked, len(report.kept)) == (BALANCED[2:], 2)


def test_a_wrong_size_is_told_once_and_recorded(place: Place) -> None:
    def small(request: ImageRequest) -> Image:
        return Brush(place.log).painted(replace(request, width_px=32, height_px=32))

    report = place.make({1: small, 2: small}, measured=False)
    assert [(one.width_px, one.height_px) for one in report.made[:2]] == [(32, 32)] * 2
    assert sum("instead of" in one for one in place.told) == 1


def test_a_picture_that_is_gone_is_made_again_under_its_number(place: Place) -> None:
    place.make(measured=False)
    place.folder.place("images/s02-v1.png").unlink()
    place.log.unlink()
    place.make(measured=False)
    assert place.asked == ["s02, variation 1"]


def test_a_file_that_nobody_wrote_down_is_not_written_over(place: Place) -> None:
    stray = place.folder.place("images/s01-v1.png")
    stray.write_bytes(b"mine")
    place.make(measured=False, variations=1)
    assert place.asked == ["s01, variation 2", "s02, variation 1"]
    assert stray.read_bytes() == b"mine"


def test_some_scenes_only(place: Place) -> None:
    place.make(scenes=["s02"])
    assert place.asked == [BALANCED[1], BALANCED[3], BASELINES[1]]
    with pytest.raises(OptionError, match="no scene s07"):
        place.make(scenes=["s07"])


def test_a_scene_without_a_prompt_is_told_before_anything_is_asked(place: Place) -> None:
    filled(place.folder, scene(1), replace(scene(2), prompt="", prompt_from=""))
    with pytest.raises(OptionError, match="s02 has no prompt"):
        place.make()
    assert place.asked == []


# What is paid for


def paid(place: Place, deeds: Mapping[int, Deed] | None = None) -> Brush:
    return Brush(place.log, deeds, ref=PAID, work="network")


REMOTE = {"image_api": "http://127.0.0.1:9/v1", "image_model": "brush-1"}


@pytest.mark.usefixtures("home")
def test_what_is_paid_for_needs_a_cap(place: Place) -> None:
    with pytest.raises(OptionError, match=r"4 pictures and 1 picture.*\$0\.20") as caught:
        place.make(brush=paid(place), options=REMOTE)
    assert "--max-usd" in caught.value.hint
    assert place.asked == []
    for cap in ({"max_usd": Decimal(1)}, {"max_usd_per_day": Decimal(1)}):
        assert place.make(brush=paid(place), options=REMOTE | cap).exit_code == 0
    assert place.asked == [*BALANCED, BASELINES[0]]
    assert place.make(brush=paid(place), options=REMOTE).exit_code == 0, "nothing is left to pay"


@pytest.mark.usefixtures("home")
def test_a_cap_ends_it_in_time_and_a_higher_one_goes_on(place: Place) -> None:
    report = place.make(brush=paid(place), options=REMOTE | {"max_usd": Decimal("0.13")})
    assert (len(report.made), report.left_out, report.exit_code) == (3, 1, 6)
    assert place.asked == BALANCED[:3]
    assert any("Not made: 1 of 4 pictures." in one for one in place.told)
    assert {one.cost_usd for one in report.made} == {"0.04"}
    assert place.receipt().total.usd_nano.value == 120_000_000
    report = place.make(brush=paid(place), options=REMOTE | {"max_usd": Decimal("0.13")})
    assert (len(report.made), len(report.kept), report.exit_code) == (1, 3, 0)
    assert place.asked == [*BALANCED, BASELINES[0]]
    assert place.receipt().savings[0].usd_nano == 120_000_000


@pytest.mark.usefixtures("home")
def test_what_nobody_answered_counts_as_its_worst_case(place: Place) -> None:
    report = place.make(brush=paid(place, {1: hangs}),
                        options=REMOTE | {"max_usd": Decimal("0.08")})  # fmt: skip
    assert (len(report.unknown), len(report.made), report.left_out) == (1, 1, 2)
    (lost,) = report.unknown
    assert (lost.cost_usd, lost.cost_from) == (None, "unknown")


@pytest.mark.usefixtures("home")
def test_what_failed_and_may_have_been_paid_for_stays_in_the_record(place: Place) -> None:
    options = REMOTE | {"max_usd": Decimal(1)}
    (lost,) = place.make(brush=paid(place, {2: refuses}), options=options, measured=False).failed
    assert (lost.cost_usd, lost.cost_from) == (None, "unknown")
    place.make(brush=paid(place), options=options, measured=False)
    assert place.asked[4:] == ["s02, variation 3"]
    assert place.folder.read_made().find("s02", 1) == lost


def test_a_picture_of_unknown_price_is_paid_for_unless_it_is_made_here(place: Place) -> None:
    elsewhere = replace(PAID, base_url="https://example.org/v1", host="example.org")
    brush = Brush(place.log, ref=elsewhere, work="network")
    with pytest.raises(OptionError, match="at a price that nobody knows"):
        place.make(brush=brush, options={"image_api": "https://example.org/v1"})
    assert place.asked == []
    assert place.make(brush=paid(place), options=REMOTE).exit_code == 0


# Killed, and two at once


def program(place: Place, *more: object) -> list[str]:
    return [sys.executable, str(HERE / "make_once.py"), str(place.folder.path), str(place.log),
            *map(str, more)]  # fmt: skip


def once(place: Place, home: Path, fail_at: str = "", log: Path | None = None) -> Ended:
    paths = f"{HERE.parent}:{HERE.parent.parent}"
    return ended(program(place), home, fail_at=fail_at, log=log, environment={"PYTHONPATH": paths})


def check_kill(place: Place, home: Path, fail_at: str) -> None:
    """Kill it at a place, make it anew, and see that nothing that was there is asked for again."""
    assert once(place, home, f"{fail_at}=kill").killed, fail_at
    found = place.folder.read_made()
    there = {one.file for one in found.variations if one.state == "made"}
    on_disk = {f"images/{one.name}" for one in place.folder.place("images").iterdir()
               if not one.name.startswith(".")}  # fmt: skip
    assert there <= on_disk, "a picture was told of before it was there"
    assert {one for one in on_disk if place.folder.picture(one) is None} == set()
    before = place.asked
    again = once(place, home)
    assert (again.code, again.err) == (0, "")
    paid_twice = [one for one in {*place.asked} if place.asked.count(one) > 1]
    assert len(paid_twice) <= 1, "one picture may have been under way"
    for one in paid_twice:
        assert one == before[-1]
        kind = "baseline" if "references" in one else f"v{one[-1]}"
        assert f"images/{one[:3]}-{kind}.png" not in on_disk, "it was there"
    assert set(place.asked) == {*BALANCED, *BASELINES}
    whole = place.folder.read_made()
    assert (len(whole.variations), len(whole.baselines), whole.pending) == (4, 2, None)
    assert leftovers(place.folder.path) == [".vidsum-broll.lock"]
    kept = books(home)
    assert kept.open + kept.settled == len(place.asked)


@pytest.mark.parametrize("fail_at", ["broll.picture.after@2", "broll.asked.before@3"])
def test_a_run_that_is_killed_goes_on(tmp_path: Path, fail_at: str) -> None:
    place = Place(tmp_path)
    (tmp_path / "state").mkdir()
    check_kill(place, tmp_path / "state", fail_at)


@pytest.mark.slow
def test_a_run_that_is_killed_takes_no_older_baseline_for_the_new_one(tmp_path: Path) -> None:
    place = Place(tmp_path)
    (tmp_path / "state").mkdir()
    assert once(place, tmp_path / "state").code == 0
    plan = place.folder.read_plan()
    place.folder.write_plan(replace(plan, scenes=(scene(1, "A different thing."), plan.scenes[1])))
    place.log.unlink()
    third = "broll.picture.before@3=kill"  # after the scene's two variations
    assert once(place, tmp_path / "state", third).killed
    assert place.asked[-1] == BASELINES[0]
    assert once(place, tmp_path / "state").code == 0
    assert place.asked[-2:] == [BASELINES[0]] * 2, "it was not there"


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_run_may_be_killed_at_every_place(tmp_path: Path) -> None:
    first = tmp_path / "first"
    (first / "state").mkdir(parents=True)
    assert once(Place(first), first / "state", log=first / "log").code == 0
    reached = (first / "log").read_text().splitlines()
    names = {one for one in reached if one.startswith(("broll.", "output.", "ledger.settle"))}
    assert {"broll.asked.before", "broll.picture.before", "broll.picture.after",
            "broll.made.before", "broll.made.after"} <= names  # fmt: skip
    for name in sorted(names):
        for count in sorted({1, 2, reached.count(name)}):
            folder = tmp_path / f"{name}-{count}"
            (folder / "state").mkdir(parents=True)
            check_kill(Place(folder), folder / "state", f"{name}@{count}")


def test_two_at_once_do_not_pay_twice(tmp_path: Path) -> None:
    place, home = Place(tmp_path), tmp_path / "state"
    go = tmp_path / "go"
    environment = {"PYTHONPATH": f"{HERE.parent}:{HERE.parent.parent}", "VIDSUM_HOME": str(home)}
    with subprocess.Popen(program(place, go), stdout=subprocess.PIPE, env=environment) as first:
        while not go.with_suffix(".begun").exists():
            assert first.poll() is None
            time.sleep(0.01)
        second = once(place, home)
        assert second.code == 8
        assert f"is in use by process {first.pid}" in second.out
        go.touch()
        assert first.wait() == 0
    assert place.asked == [*BALANCED, *BASELINES]
    json.loads(place.folder.made_file.read_text())
