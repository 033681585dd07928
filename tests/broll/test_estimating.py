"""What B-roll would cost is told part by part, and what nobody knows is not nothing."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from broll.brush import Brush, asked, filled, scene

from vidsum.broll.engines.protocol import ImageRequest
from vidsum.broll.estimating import check_capped, itemise
from vidsum.broll.folder import BrollFolder
from vidsum.broll.items import Finishing, Item, Itemised, Parts
from vidsum.broll.making import estimate, make
from vidsum.config import Options
from vidsum.data import ModelRef
from vidsum.errors import OptionError
from vidsum.pipeline.run import Run

SIZE = ImageRequest("A barn. In warm light.", 96, 48, 1)
SMALL = replace(SIZE, width_px=48, height_px=24)
PRICES = '[[price]]\nhost = "127.0.0.1"\nmodel = "brush-1"\nimage_usd = 0.04\n'
REMOTE = Options(image_api="http://127.0.0.1:9/v1", image_model="brush-1", max_usd=Decimal(9))
PAID = ModelRef(backend="openai", requested="brush-1", base_url="http://127.0.0.1:9/v1",
                host="127.0.0.1:9")  # fmt: skip


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder of its own, whose ledger has no past."""
    monkeypatch.setenv("VIDSUM_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def run_of(options: Options | None = None) -> Run:
    return Run(Path("/films/a.mp4"), options or Options(), recorded=True)


def item(part: str, found: Itemised) -> Item:
    (one,) = [each for each in found.items if each.part == part]
    return one


def test_totals_say_what_is_missing_from_them() -> None:
    known = Item(part="pictures", count=12, each_usd_nano=40_000_000, each_cu=2.0, each_s=3.0)
    none = Item(part="clips", count=2, each_usd_nano=None, each_cu=None)
    free = Item(part="motion", count=1)
    assert (known.what, known.usd_nano, known.cu, known.seconds) == (
        "12 pictures", 480_000_000, 24.0, 36.0)  # fmt: skip
    assert (free.what, none.usd_nano, none.cu) == ("1 moving shot", None, None)
    whole = Itemised((known, none))
    assert (whole.usd, whole.cu, whole.seconds, whole.usd_nano) == (
        "≥ $0.48", "≥ 24 CU", "≥ 36 s", None)  # fmt: skip
    assert (Itemised((none,)).usd, Itemised((none, free)).usd) == ("unknown", "unknown")
    assert (Itemised((free,)).usd, Itemised((free,)).usd_nano) == ("$0", 0)
    assert (Itemised(()).usd, Itemised((known,)).usd) == ("$0", "$0.48")
    assert replace(none, count=0).usd_nano == 0


def test_an_estimate_has_a_line_for_each_part_and_none_for_the_rest(tmp_path: Path) -> None:
    parts = Parts(picture=SIZE, baseline=SMALL, pictures=4, baselines=2)
    left = Finishing(motion=3, clips=1)
    found = itemise(run_of(), Brush(tmp_path / "log"), parts, left)
    assert [(one.part, one.count) for one in found.items] == [
        ("pictures", 4), ("baselines", 2), ("motion", 3), ("clips", 1)]  # fmt: skip
    pictures = item("pictures", found)
    assert (pictures.each_usd_nano, pictures.each_cu, pictures.each_s) == (0, None, None)
    assert found.usd == "unknown"
    assert asked(tmp_path / "log") == []


def test_what_a_table_has_no_price_for_is_known_from_earlier_pictures(tmp_path: Path) -> None:
    folder = BrollFolder(tmp_path / "film.broll")
    filled(folder)
    run = run_of()
    make(run, folder, Brush(tmp_path / "log"), variations=1, measured=False)
    run.finish()
    size = folder.read_made().variations[0]
    alike = replace(SIZE, width_px=size.width_px, height_px=2 * size.height_px)
    found = itemise(run_of(), Brush(tmp_path / "log"),
                    Parts(picture=alike, baseline=SMALL, pictures=3))  # fmt: skip
    pictures = item("pictures", found)
    assert pictures.each_cu == pytest.approx(2.0)
    assert pictures.each_s is not None
    assert found.cu == "6 CU"


def test_earlier_pictures_of_another_place_tell_no_price(tmp_path: Path, home: Path) -> None:
    folder = BrollFolder(tmp_path / "film.broll")
    filled(folder)
    run = run_of()
    make(run, folder, Brush(tmp_path / "log"), variations=1, measured=False)
    run.finish()
    size = folder.read_made().variations[0]
    elsewhere = Options(image_api="https://example.org/v1", image_model="brush-1")
    request = replace(SIZE, width_px=size.width_px, height_px=size.height_px)
    brush = Brush(tmp_path / "log", work="network")
    again = run_of(elsewhere)
    found = itemise(again, brush, Parts(picture=request, baseline=SMALL, pictures=3))
    assert item("pictures", found).each_usd_nano is None
    with pytest.raises(OptionError, match="3 pictures of brush-1 would be paid for"):
        check_capped(again, brush, found)


def test_an_estimate_is_what_making_then_costs(tmp_path: Path, home: Path) -> None:
    (home / "prices.toml").write_text(PRICES)
    folder = BrollFolder(tmp_path / "film.broll")
    filled(folder, scene(1), scene(2), scene(3))
    brush = Brush(tmp_path / "log", ref=PAID, work="network")
    run = run_of(REMOTE)
    before = estimate(run, folder, brush, variations=2)
    assert [(one.part, one.count) for one in before.items] == [("pictures", 6), ("baselines", 1)]
    assert (before.usd, before.kept, before.items[0].price_source) == ("$0.28", 0, "local")
    assert not folder.made_file.exists()
    make(run, folder, brush, variations=2)
    assert run.meter.receipt().total.usd_nano.value == before.usd_nano == 280_000_000
    after = estimate(run, folder, brush, variations=3)
    assert [(one.part, one.count) for one in after.items] == [("pictures", 3)]
    assert (after.usd, after.kept) == ("$0.12", 6)
    run.finish()


def test_prompts_that_are_still_to_be_written_are_part_of_it(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    (home / "prices.toml").write_text(PRICES)
    folder = BrollFolder(tmp_path / "film.broll")
    filled(folder, scene(1), replace(scene(2), prompt="", prompt_from=""))
    written = replace(REMOTE, reasoner="remote", reason_model="gpt-5-mini", reason_api="openai")
    brush = Brush(tmp_path / "log", ref=PAID, work="network")
    for options, prompts in ((written, [("prompts", 1)]), (replace(REMOTE, tier="lite"), [])):
        found = estimate(run_of(options), folder, brush, variations=2)
        assert [(one.part, one.count) for one in found.items] == [
            *prompts, ("pictures", 4), ("baselines", 1)]  # fmt: skip


def test_texts_cost_nothing_where_no_model_writes_them(tmp_path: Path) -> None:
    run = run_of(Options(tier="lite"))
    found = itemise(run, Brush(tmp_path / "log"), Parts(
        picture=SIZE, baseline=SMALL, pictures=1, scenes=1, prompts=4))  # fmt: skip
    assert [one.part for one in found.items] == ["pictures"]


def test_texts_of_a_model_are_priced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    options = Options(reasoner="remote", reason_model="gpt-5-mini", api="openai")
    found = itemise(run_of(options), Brush(tmp_path / "log"), Parts(
        picture=SIZE, baseline=SMALL, pictures=1, scenes=1, prompts=4))  # fmt: skip
    plan, prompts = item("scenes", found), item("prompts", found)
    assert (plan.what, prompts.what, plan.model) == ("1 plan", "4 prompts", "gpt-5-mini")
    assert plan.each_usd_nano is not None
    assert prompts.each_usd_nano is not None
    assert 0 < prompts.each_usd_nano < plan.each_usd_nano
    assert plan.each_cu is None
