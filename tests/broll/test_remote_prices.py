"""What made pictures cost: by the token, by the picture, by the user's table, or nobody knows."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_server import sends
from scripted_provider import HANG, ScriptedProvider, Step, fails

from vidsum.backends.retrying import Retrying
from vidsum.broll.engines import remote_costs
from vidsum.broll.engines.protocol import ImageRequest, MadeImage, Unanswered
from vidsum.broll.engines.remote import RemoteEngine
from vidsum.broll.engines.remote_models import FAMILIES, family_of
from vidsum.config import Options
from vidsum.costs.bookkeeping import Identity
from vidsum.costs.budget import Budget
from vidsum.costs.ledger import Ledger
from vidsum.costs.meter import Meter
from vidsum.costs.opening import caps_of
from vidsum.costs.prices import PriceBook
from vidsum.data import Entry, ModelRef, Quantities, Usage
from vidsum.errors import BudgetReached
from vidsum.home import state_folder

OPENAI = "https://api.openai.com/v1"
QUICK = Retrying(base_s=0.001, cap_s=0.002)
WHITE = np.full((64, 64, 3), 255, np.uint8)
ASKED = ImageRequest("A harbour at night", 1024, 1024, seed=None)


def at_openai(model: str) -> ModelRef:
    return ModelRef(backend="openai", requested=model, base_url=OPENAI, provider="openai",
                    host="api.openai.com")  # fmt: skip


def nano(model: str, used: Quantities) -> int | None:
    price = PriceBook().price(at_openai(model), used)
    return price.usd_nano if price else None


def by_tokens(**more: Any) -> Quantities:
    return Quantities(**({"calls": 1, "images": 1, "pixels": 1024 * 1024, "input_tokens": 100,
                          "image_tokens": 0, "output_tokens": 1000} | more))  # fmt: skip


# The tables


def test_pictures_that_are_made_are_not_paid_like_words() -> None:
    """gpt-image-1.5 takes 32 dollars for a million tokens of pictures, and 10 for words."""
    whole = nano("gpt-image-1.5", by_tokens())
    part = nano("gpt-image-1.5", by_tokens(reasoning_tokens=200))
    assert whole == 100 * 5_000 + 1000 * 32_000
    assert part == 100 * 5_000 + 800 * 32_000 + 200 * 10_000
    assert nano("gpt-image-2", by_tokens()) == 100 * 5_000 + 1000 * 30_000
    assert nano("gpt-image-2", by_tokens(image_tokens=60)) == 40 * 5_000 + 60 * 8_000 + 30_000_000


def test_references_without_a_count_of_tokens_have_no_price() -> None:
    assert nano("gpt-image-2", by_tokens(image_tokens=None)) is None


def test_pictures_at_a_price_each() -> None:
    assert nano("dall-e-3", Quantities(calls=1, images=1, pixels=1024 * 1024)) == 40_000_000
    assert nano("dall-e-3", Quantities(calls=1, images=1, pixels=1792 * 1024)) == 80_000_000
    assert nano("dall-e-2", Quantities(calls=1, images=3, pixels=3 * 512 * 512)) == 54_000_000


@pytest.mark.parametrize("model", ["gpt-image-9", "gpt-image-2.6-flare", "painter"])
def test_a_model_that_no_table_has_costs_an_unknown_amount(model: str) -> None:
    assert nano(model, by_tokens()) is None
    assert nano(model, remote_costs.most(ASKED, model)) is None


@pytest.mark.parametrize(
    ("model", "size"),
    [("gpt-image-1-mini", (1536, 1024)), ("gpt-image-1.5", (1024, 1024)),
     ("gpt-image-2", (1536, 864)), ("gpt-image-2.5-sunburst", (1024, 1024))],
)  # fmt: skip
def test_what_is_reserved_is_more_than_what_is_likely(model: str, size: tuple[int, int]) -> None:
    request = ImageRequest("A harbour at night", *size, seed=None, count=3, references=(WHITE,) * 2)
    most = nano(model, remote_costs.most(request, model))
    likely = nano(model, remote_costs.likely(request, model))
    assert most is not None
    assert likely is not None
    assert 0 < likely < most < 12 * likely


def test_tokens_of_a_picture() -> None:
    """The figures that the provider's price page gives for medium quality, within a few percent."""
    assert family_of("gpt-image-2").tokens(1024, 1024)[0] == 1756  # 0.053 dollars
    assert family_of("gpt-image-2").tokens(1536, 1024)[0] == 1372  # 0.041
    assert family_of("gpt-image-2").tokens(1024, 1536)[0] == 1372
    for family in FAMILIES:
        for size in ((1024, 1024), (1792, 1024), (512, 2048)):
            likely, most = family.tokens(*size)
            assert 0 < likely < most


def test_shares_add_up_to_the_bill() -> None:
    ref = at_openai("dall-e-2")
    for count in (1, 3, 7):
        used = Quantities(calls=1, images=count, pixels=count * 512 * 512)
        shares, how = remote_costs.shares(PriceBook(), ref, used, "measured", None, count)
        assert how == "estimated"
        assert sum(Decimal(one or "nan") for one in shares) == Decimal("0.018") * count
    odd, how = remote_costs.shares(PriceBook(), ref, used, "measured", "0.000000010", 3)
    assert (list(odd), how) == (["0.000000004", "0.000000003", "0.000000003"], "reported")


def test_what_a_provider_reports_is_kept_apart_from_what_is_counted_here() -> None:
    used, origin = remote_costs.used(Usage(), 0, None, 2, 800)
    assert (used, origin) == (Quantities(calls=1, images=2, pixels=800), "measured")
    used, origin = remote_costs.used(Usage(5, 6, None, 1, "reported"), 0, 9, 2, 800)
    assert origin == "reported"
    assert (used.input_tokens, used.output_tokens, used.reasoning_tokens) == (5, 6, 1)
    assert (used.images, used.pixels, used.steps, used.image_tokens) == (2, 800, 9, 0)


# The ledger, and caps


@pytest.fixture
def own_prices() -> Iterator[Path]:
    path = state_folder() / "prices.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    yield path
    path.unlink(missing_ok=True)


def priced(path: Path, text: str) -> None:
    path.write_text(f'[[price]]\nhost = "127.0.0.1"\nmodel = "painter"\n{text}\n')


class Studio:
    """A scripted provider, an engine, and a meter that keeps a ledger."""

    def __init__(self, folder: Path, *script: Step, **more: Any) -> None:
        self.provider, self._path = ScriptedProvider(*script), folder / "ledger.db"
        named: dict[str, Any] = {"image_api": self.provider.url, "image_model": "painter"}
        self.options = Options(**(named | more))
        prices = PriceBook(state_folder() / "prices.toml")
        self.meter = Meter(Identity("film.mp4"), Ledger(self._path),
                           Budget(caps_of(self.options)), prices)  # fmt: skip

    def make(self, **more: Any) -> tuple[MadeImage, ...]:
        given: dict[str, Any] = {"width_px": 64, "height_px": 64, "seed": 1} | more
        engine = RemoteEngine(self.options, QUICK)
        with self.provider, self.meter.stage("generate", "image_gen", "remote") as account:
            engine.tally.bind(account)
            try:
                return engine.generate(ImageRequest("A harbour at night", **given))
            finally:
                engine.close()

    def calls(self) -> list[Entry]:
        """The ends of the calls, as the ledger has them."""
        self.meter.finish()
        with_all = list(Ledger(self._path).newest(100))
        return [line for line in with_all if line.kind == "call" and line.phase != "reserve"]


def test_a_call_in_the_ledger(tmp_path: Path, own_prices: Path) -> None:
    priced(own_prices, "image_usd = 0.03")
    studio = Studio(tmp_path, sends(WHITE, WHITE))
    made = studio.make(count=2)
    assert [(one.cost_usd, one.cost_from) for one in made] == [("0.03", "estimated")] * 2
    (line,) = studio.calls()
    assert (line.modality, line.stage, line.phase) == ("image_gen", "generate", "settle")
    assert (line.images, line.pixels, line.usd_nano) == (2, 2 * 64 * 64, 60_000_000)
    assert (line.usd_origin, line.usage_origin) == ("estimated", "measured")
    assert (line.price_source, line.model_requested) == ("local", "painter")
    assert line.input_tokens is None
    assert line.output_tokens is None
    assert "harbour" not in repr(line)
    assert line.host is not None
    assert "/" not in line.host


def test_tokens_in_the_ledger(tmp_path: Path, own_prices: Path) -> None:
    priced(own_prices, "input_usd_per_mtok = 5\noutput_usd_per_mtok = 30")
    studio = Studio(tmp_path, sends(WHITE, usage={"input_tokens": 100, "output_tokens": 1000}))
    (made,) = studio.make()
    assert (made.cost_usd, made.cost_from) == ("0.0305", "reported")
    (line,) = studio.calls()
    assert (line.usd_nano, line.usd_origin) == (30_500_000, "reported")
    assert (line.input_tokens, line.output_tokens) == (100, 1000)


def test_an_unknown_price_is_null(tmp_path: Path) -> None:
    studio = Studio(tmp_path, sends(WHITE))
    (made,) = studio.make()
    assert (made.cost_usd, made.cost_from) == (None, "unknown")
    (line,) = studio.calls()
    assert (line.usd_nano, line.usd_origin) == (None, "unknown")


def test_a_price_that_nobody_knows_is_refused_under_a_cap(tmp_path: Path) -> None:
    studio = Studio(tmp_path, sends(WHITE), max_usd=Decimal(5))
    with pytest.raises(BudgetReached, match="No price is known") as caught:
        studio.make()
    assert "--allow-unpriced" in caught.value.hint
    assert studio.provider.calls == []
    assert studio.calls() == []
    allowed = Studio(tmp_path, sends(WHITE), max_usd=Decimal(5), allow_unpriced=True)
    assert len(allowed.make()) == 1


def test_a_cap_holds_the_worst_case_back(tmp_path: Path, own_prices: Path) -> None:
    priced(own_prices, "image_usd = 0.03")
    studio = Studio(tmp_path, sends(WHITE), max_usd=Decimal("0.08"))
    with pytest.raises(BudgetReached, match=r"cap of \$0.08"):
        studio.make(count=3)
    assert studio.provider.calls == []


@pytest.mark.parametrize("step", [HANG, fails(500, "after the work")])
def test_what_nobody_answered_counts_at_its_worst(
    step: Step, tmp_path: Path, own_prices: Path
) -> None:
    priced(own_prices, "image_usd = 0.03")
    studio = Studio(tmp_path, step, max_usd=Decimal("0.10"), image_timeout_s=0.5)
    with pytest.raises(Unanswered):
        studio.make(count=2)
    assert studio.meter.budget.spent.usd_nano == 60_000_000
    (line,) = studio.calls()
    assert (line.phase, line.status, line.usd_nano) == ("fail", "unknown cost", None)


def test_a_refusal_gives_the_money_back(tmp_path: Path, own_prices: Path) -> None:
    priced(own_prices, "image_usd = 0.03")
    studio = Studio(tmp_path, fails(400, "No", "moderation_blocked"), max_usd=Decimal(1))
    with pytest.raises(Exception, match="content filter"):
        studio.make()
    assert studio.meter.budget.spent.usd_nano == 0
    (line,) = studio.calls()
    assert (line.phase, line.error_class) == ("release", "RequestFailed")
