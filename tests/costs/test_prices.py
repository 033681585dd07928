"""What calls cost: the user's table, vidsum's, genai-prices, and what is unknown."""

from __future__ import annotations

import itertools
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from genai_prices.data_snapshot import get_snapshot
from hypothesis import given
from hypothesis import strategies as st

from vidsum.costs import price_tables
from vidsum.costs.prices import PriceBook
from vidsum.data import ModelRef, Price, Quantities
from vidsum.errors import OptionError

OPENAI = "https://api.openai.com/v1"
GOOGLE = "https://generativelanguage.googleapis.com/v1beta/openai/"
OPENROUTER = "https://openrouter.ai/api/v1"
HERE = "http://localhost:8080/v1"


def remote(model: str, base_url: str = OPENAI, **more: Any) -> ModelRef:
    return ModelRef(backend="remote", requested=model, base_url=base_url, **more)


def chat(given: int, written: int, **more: Any) -> Quantities:
    return Quantities(calls=1, input_tokens=given, output_tokens=written, **more)


def book(tmp_path: Path, text: str) -> PriceBook:
    path = tmp_path / "prices.toml"
    path.write_text(text, "utf-8")
    return PriceBook(path)


def nano(price: Price | None) -> int:
    assert price is not None
    return price.usd_nano


OWN = """
[[price]]
host = "localhost:8080"
model = "tiny"
input_usd_per_mtok = 0.10
output_usd_per_mtok = 0.40
cached_usd_per_mtok = 0.01
date = "2026-11-20"

[[price]]
host = "localhost"
model = "*"
input_usd_per_mtok = 7
output_usd_per_mtok = 7

[[price]]
host = "localhost:8080"
model = "tiny-*"
input_usd_per_mtok = 1.0
output_usd_per_mtok = 2.0
audio_usd_per_mtok = 3.0
cache_write_usd_per_mtok = 5.0

[[price]]
provider = "openai"
model = "gpt-5-mini"
input_usd_per_mtok = 100
output_usd_per_mtok = 100

[[price]]
host = "localhost"
model = "whisper"
audio_usd_per_min = 0.006

[[price]]
host = "localhost"
model = "painter"
image_usd = 0.04
up_to_px = 1_048_576

[[price]]
host = "localhost"
model = "painter"
image_usd = 0.08
up_to_px = 2_097_152

[[price]]
host = "localhost"
model = "filmer"
video_usd_per_s = 0.1

[[price]]
host = "localhost"
model = "free"
input_usd_per_mtok = 0
output_usd_per_mtok = 0.0
"""


# --- a model in this process, and the user's own table


def test_a_model_in_this_process_costs_no_api_money() -> None:
    ref = ModelRef(backend="local", requested="smolvlm")
    assert PriceBook().price(ref, Quantities()) == Price(0, "local")


def test_own_figures_to_the_last_digit(tmp_path: Path) -> None:
    used = chat(1_000, 200, cache_read_tokens=400)
    # 600 × 0.10 + 400 × 0.01 + 200 × 0.40 = 144 dollars a million = 144 µ$ = 144,000 nano
    assert book(tmp_path, OWN).price(remote("tiny", HERE), used) == Price(
        144_000, "local", date="2026-11-20"
    )


def test_every_part_of_the_input_is_paid_once(tmp_path: Path) -> None:
    ref = remote("tiny-2", HERE)
    used = chat(1_000, 10, cache_write_tokens=100, audio_tokens=300, reasoning_tokens=7)
    # 600 × 1 + 300 × 3 + 100 × 5 + 10 × 2 = 2,020
    assert nano(book(tmp_path, OWN).price(ref, used)) == 2_020_000


def test_a_name_goes_before_a_pattern_and_a_longer_pattern_before_a_shorter(tmp_path: Path) -> None:
    prices, used = book(tmp_path, OWN), chat(1_000_000, 0)
    asked = ["tiny", "TINY", "tiny-2", "other"]
    found = [nano(prices.price(remote(name, HERE), used)) / 1e9 for name in asked]
    assert found == [0.1, 0.1, 1.0, 7.0]


def test_a_host_without_a_port_is_any_port_and_one_with_a_port_that_one(tmp_path: Path) -> None:
    prices, used = book(tmp_path, OWN), chat(1_000_000, 0)
    assert nano(prices.price(remote("tiny", "http://localhost:9999/v1"), used)) == 7_000_000_000
    assert prices.price(remote("tiny", "http://127.0.0.1:8080/v1"), used) is None


def test_a_host_with_a_port_goes_before_one_without(tmp_path: Path) -> None:
    entry = '[[price]]\nhost = "{}"\nmodel = "m"\ninput_usd_per_mtok = {}\n'
    hosts = [("localhost", 1), ("localhost:8080", 2), ("[::1]:8080", 3)]
    for order in (hosts, hosts[::-1]):
        prices = book(tmp_path, "".join(entry.format(*one) for one in order))
        found = [nano(prices.price(remote("m", f"http://{host}/v1"), chat(1_000, 0)))
                 for host in ("localhost:8080", "localhost:1", "[::1]:8080")]  # fmt: skip
        assert found == [2_000_000, 1_000_000, 3_000_000]


def test_the_name_that_answered_goes_before_the_one_asked_for(tmp_path: Path) -> None:
    prices, used = book(tmp_path, OWN), chat(1_000_000, 0)
    assert nano(prices.price(remote("alias", HERE, resolved="tiny"), used)) == 100_000_000
    assert nano(prices.price(remote("tiny", HERE, resolved="tiny-2026"), used)) == 100_000_000
    assert nano(prices.price(remote("tiny", HERE, resolved="free"), used)) == 0
    assert nano(prices.price(remote("free", HERE, resolved="tiny"), used)) == 100_000_000


def test_own_prices_go_before_those_of_the_library(tmp_path: Path) -> None:
    ref = remote("gpt-5-mini", OPENAI, provider="openai")
    found = book(tmp_path, OWN).price(ref, chat(1_000, 0))
    assert found == Price(100_000_000, "local")
    assert nano(PriceBook().price(ref, chat(1_000, 0))) != 100_000_000


@pytest.mark.parametrize(
    "used",
    [
        Quantities(calls=1),
        Quantities(calls=1, input_tokens=5),
        Quantities(calls=1, output_tokens=5),
        chat(100, 5, audio_tokens=1),
        chat(100, 5, cache_write_tokens=1),
        chat(100, 5, audio_s=1.0),
        chat(100, 5, video_s=1.0),
        chat(100, 5, cache_read_tokens=101),
        chat(-1, 5),
    ],
    ids=repr,
)
def test_what_a_table_has_no_price_for_makes_the_cost_unknown(
    tmp_path: Path, used: Quantities
) -> None:
    prices, ref = book(tmp_path, OWN), remote("tiny", HERE)
    assert nano(prices.price(ref, chat(100, 5))) == 12_000
    assert prices.price(ref, used) is None


def test_a_zero_needs_no_price(tmp_path: Path) -> None:
    used = chat(100, 5, audio_tokens=0, cache_write_tokens=0, audio_s=0.0)
    assert nano(book(tmp_path, OWN).price(remote("tiny", HERE), used)) == 12_000


def test_pictures_shown_are_in_the_input_tokens(tmp_path: Path) -> None:
    used = chat(100, 5, images=1, pixels=90_000, image_tokens=80)
    assert nano(book(tmp_path, OWN).price(remote("tiny", HERE), used)) == 12_000


def test_minutes_pictures_and_seconds(tmp_path: Path) -> None:
    prices = book(tmp_path, OWN)

    def cost(model: str, **used: Any) -> Price | None:
        return prices.price(remote(model, HERE), Quantities(calls=1, **used))

    assert nano(cost("whisper", audio_s=90.0)) == 9_000_000
    assert nano(cost("whisper", audio_s=90.0, input_tokens=4, output_tokens=9)) == 9_000_000
    assert nano(cost("painter", images=3, pixels=3 * 1_048_576)) == 120_000_000
    assert nano(cost("painter", images=1, pixels=1_048_577)) == 80_000_000
    assert nano(cost("filmer", video_s=2.5)) == 250_000_000
    assert cost("whisper", input_tokens=4, output_tokens=9) is None
    assert cost("painter", images=1, pixels=3_000_000) is None
    assert cost("painter", images=1) is None
    assert cost("filmer", images=1) is None
    assert cost("filmer", video_s=1.0, audio_s=1.0) is None


def test_a_price_of_nothing_is_known(tmp_path: Path) -> None:
    prices = book(tmp_path, OWN)
    assert prices.price(remote("free", HERE), chat(10, 10)) == Price(0, "local")
    assert prices.price(remote("free", HERE), Quantities(calls=1)) is None


def test_a_call_never_counts_as_nothing_by_rounding(tmp_path: Path) -> None:
    text = OWN.replace("0.10", "0.0000001")
    assert nano(book(tmp_path, text).price(remote("tiny", HERE), chat(1, 0))) == 1


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**6), st.integers(0, 10**6))
def test_more_tokens_never_cost_less(a: int, b: int, more: int, written: int) -> None:
    rate = price_tables.Rate(
        model="m", host="h", input_usd_per_mtok=Decimal("0.07"), output_usd_per_mtok=Decimal("0.3"),
        cached_usd_per_mtok=Decimal("0.007"),
    )  # fmt: skip
    low, high = chat(a + b, written, cache_read_tokens=b), chat(a + b + more, written,
                                                               cache_read_tokens=b)  # fmt: skip
    costs = [price_tables.charge(rate, used) for used in (low, high)]
    assert costs[0] is not None
    assert costs[1] is not None
    assert costs[1] - costs[0] == Decimal("0.07") * more / 1_000_000


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[price]\n", "not valid TOML"),
        ("[price]\nmodel = 'm'", r"written as \[\[price\]\]"),
        ("[[prices]]\nmodel = 'm'", "unknown key: prices"),
        ("[[price]]\nhost = 'h'\ninput_usd_per_mtok = 1", "price 1: model"),
        ("[[price]]\nmodel = 'm'\ninput_usd_per_mtok = 1", r"price 1 \(m\) needs either host or"),
        ("[[price]]\nhost = 'h'\nmodel = 'm'", r"price 1 \(m\) has no price"),
        ("[[price]]\nhost = 'http://h/v1'\nmodel = 'm'\nimage_usd = 1", "host is no host's name"),
        ("[[price]]\nhost = 'h'\nmodel = 'm'\ninput_usd = 1", "unknown key: input_usd"),
        ("[[price]]\nhost = 'h'\nmodel = 'm'\nimage_usd = -1", "image_usd must be US dollars"),
        ("[[price]]\nhost = 'h'\nmodel = 'm'\nimage_usd = nan", "image_usd must be US dollars"),
        ("[[price]]\nhost = 'h'\nmodel = 'm'\nimage_usd = '1'", "image_usd must be US dollars"),
        ("[[price]]\nhost = 'h'\nmodel = 'm'\nimage_usd = true", "image_usd must be US dollars"),
        ("[[price]]\nhost = 'h'\nmodel = 'm'\nimage_usd = 1\ndate = 'soon'", "date must be a day"),
        ("[[price]]\nhost = 'h'\nmodel = 'm'\nimage_usd = 1\nup_to_px = 0", "up_to_px must be"),
        (2 * "[[price]]\nhost = 'h'\nmodel = 'm'\nimage_usd = 1\n", "same model, m"),
    ],
)
def test_a_table_that_is_wrong_is_refused_by_name(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(OptionError, match=told) as caught:
        book(tmp_path, text)
    assert "prices.toml" in caught.value.message
    assert "\n" not in caught.value.message


def test_a_table_that_is_not_there_or_cannot_be_read(tmp_path: Path) -> None:
    assert price_tables.read(tmp_path / "none.toml") == ()
    with pytest.raises(OptionError, match="cannot be read"):
        PriceBook(tmp_path)


# --- vidsum's own table


def test_the_shipped_table_prices_what_the_library_lacks() -> None:
    film = PriceBook().price(remote("sora-2"), Quantities(calls=1, video_s=4.0, pixels=921_600))
    assert film is not None
    assert (film.usd_nano, film.source, film.date) == (400_000_000, "override", "2025-10-07")
    large = Quantities(calls=1, images=1, pixels=1792 * 1024)
    assert nano(PriceBook().price(remote("dall-e-3"), large)) == 80_000_000
    assert nano(PriceBook().price(remote("imagen-4.0-generate-001", GOOGLE), large)) == 40_000_000
    assert PriceBook().price(remote("sora-2"), Quantities(calls=1, video_s=4.0)) is None
    assert PriceBook().price(remote("sora-2", HERE), Quantities(video_s=4.0, pixels=9)) is None


def test_the_shipped_table_is_dated_and_has_nothing_that_the_library_has() -> None:
    rates = price_tables.read(Path(price_tables.__file__).with_name("prices.toml"))
    providers = {"api.openai.com": "openai", "generativelanguage.googleapis.com": "google"}
    library = {one.id: one for one in get_snapshot().providers}
    assert rates
    for rate in rates:
        assert datetime.fromisoformat(rate.date)
        assert library[providers[rate.host or ""]].find_model(rate.model) is None, rate.model


# --- genai-prices


def test_twice_the_tokens_cost_twice_as_much() -> None:
    one = nano(PriceBook().price(remote("gpt-5-mini"), chat(10_000, 2_000)))
    two = nano(PriceBook().price(remote("gpt-5-mini"), chat(20_000, 4_000)))
    assert two == 2 * one > 0


def test_cached_tokens_are_cheaper_and_reasoning_is_output() -> None:
    prices, ref = PriceBook(), remote("gpt-5-mini")
    plain = nano(prices.price(ref, chat(10_000, 2_000)))
    cached = nano(prices.price(ref, chat(10_000, 2_000, cache_read_tokens=9_000)))
    assert 0 < cached < plain
    assert nano(prices.price(ref, chat(10_000, 2_000, reasoning_tokens=1_500))) == plain


def test_the_price_says_where_it_is_from() -> None:
    found = PriceBook().price(remote("gpt-5-mini"), chat(10, 10))
    assert found is not None
    assert found.source == "genai-prices"
    assert found.version
    assert f"genai-prices {found.version}" in PriceBook().describe()


def test_own_prices_are_named_where_there_are_some(tmp_path: Path) -> None:
    assert "your prices.toml" in book(tmp_path, OWN).describe()
    assert "your prices.toml" not in PriceBook(tmp_path / "none.toml").describe()


def test_a_snapshot_is_priced_as_its_model() -> None:
    used = chat(10_000, 2_000)
    named = PriceBook().price(remote("gpt-5-mini"), used)
    assert named is not None
    assert PriceBook().price(remote("gpt-5-mini-2025-08-07"), used) == named
    assert PriceBook().price(remote("my-alias", resolved="gpt-5-mini-2025-08-07"), used) == named
    assert PriceBook().price(remote("gpt-5-mini", resolved="something-else"), used) == named


def test_google_names_its_models_with_a_folder() -> None:
    used = chat(1_000, 10)
    plain = PriceBook().price(remote("gemini-2.5-flash", GOOGLE), used)
    assert plain is not None
    assert PriceBook().price(remote("models/gemini-2.5-flash", GOOGLE), used) == plain


@pytest.mark.parametrize(
    "base_url",
    [
        HERE,
        "http://127.0.0.1:1234/v1",
        "https://api.openai.com.evil.example/v1",
        "https://evil.example/api.openai.com/v1",
        "https://evil.example/x.googleapis.com",
        "http://api.openai.com/v1",
    ],
)
def test_an_address_that_is_not_the_providers_has_no_price(base_url: str) -> None:
    for model in ("gpt-5-mini", "gemini-2.5-flash"):
        for provider in (None, "ollama", "openai", "google"):
            ref = remote(model, base_url, provider=provider)
            assert PriceBook().price(ref, chat(10, 10)) is None


def test_an_unknown_model_and_unknown_usage_have_no_price() -> None:
    prices = PriceBook()
    assert prices.price(remote("no-such-model-9"), chat(10, 10)) is None
    assert prices.price(remote("gpt-5-mini"), Quantities(calls=1)) is None
    assert prices.price(remote("gpt-5-mini"), Quantities(calls=1, input_tokens=10)) is None
    assert prices.price(remote("gpt-5-mini"), Quantities(calls=1, output_tokens=10)) is None


TRAPS = [
    ("gpt-4o-audio-preview", OPENAI, {"audio_tokens": 50}),  # sound counted as cheap text
    ("gpt-5-mini", OPENAI, {"audio_s": 30.0}),  # seconds counted as nothing
    ("gpt-5-mini", OPENAI, {"video_s": 30.0}),
    ("gpt-5-mini", OPENAI, {"cache_write_tokens": 50}),
    ("gpt-4o-audio-preview", OPENAI, {"cache_read_tokens": 50}),
    ("gpt-5-mini", OPENAI, {"cache_read_tokens": 101}),  # more than there are
    ("gpt-4o-transcribe", OPENAI, {"audio_s": 30.0}),  # sound has a price, but no count
    ("gpt-realtime", OPENAI, {"images": 1}),  # so have pictures
    ("gemini-2.5-flash", GOOGLE, {"audio_tokens": 50, "cache_read_tokens": 50}),  # or both?
]


@pytest.mark.parametrize(("model", "url", "more"), TRAPS)
def test_what_the_library_counts_as_nothing_is_unknown(
    model: str, url: str, more: dict[str, Any]
) -> None:
    ref, used = remote(model, url), chat(100, 10)
    assert nano(PriceBook().price(ref, used)) > 0
    assert PriceBook().price(ref, replace(used, **more)) is None


def test_a_model_that_the_library_lists_without_prices_is_not_free() -> None:
    listed = [
        model.id
        for model in next(one for one in get_snapshot().providers if one.id == "google").models
        if not isinstance(model.prices, list) and not vars(model.prices)
    ]
    assert listed
    for name in listed:
        assert PriceBook().price(remote(name, GOOGLE), chat(100, 10)) is None
        assert PriceBook().price(remote(name, GOOGLE), Quantities(calls=1, audio_s=5.0)) is None


def test_reasoning_that_is_paid_apart_must_be_known() -> None:
    ref = remote("sonar-deep-research", "https://api.perplexity.ai")
    some, more = chat(100, 1_000, reasoning_tokens=10), chat(100, 1_000, reasoning_tokens=900)
    assert PriceBook().price(ref, chat(100, 1_000)) is None
    assert 0 < nano(PriceBook().price(ref, more)) < nano(PriceBook().price(ref, some))


def test_no_price_of_the_library_is_for_nothing_by_omission() -> None:
    """Every model of every provider with tokens in use: never $0 but where it says 0 itself."""
    for provider in get_snapshot().providers:
        for model in provider.models:
            ref = ModelRef(backend="x", requested=model.id, provider=provider.id, host="x")
            found = PriceBook().price(ref, chat(1_000_000, 1_000_000))
            if found is not None and found.usd_nano == 0:
                prices = model.prices if isinstance(model.prices, list) else [model.prices]
                said = [vars(getattr(one, "prices", one)) for one in prices]
                assert any("input_mtok" in one for one in said), (provider.id, model.id)


def test_sound_is_paid_by_its_own_price_or_as_the_page_says() -> None:
    prices = PriceBook()
    text, sound = chat(1_000, 10), chat(1_000, 10, audio_tokens=1_000, audio_s=31.25)
    flash, pro = remote("gemini-2.5-flash", GOOGLE), remote("gemini-2.5-pro", GOOGLE)
    assert nano(prices.price(flash, sound)) > nano(prices.price(flash, text))
    assert nano(prices.price(pro, sound)) == nano(prices.price(pro, text))
    heard = prices.price(remote("gpt-4o-transcribe"), sound)
    assert nano(heard) > nano(prices.price(remote("gpt-4o-transcribe"), text))


def test_speech_by_the_minute() -> None:
    prices = PriceBook()
    one = nano(prices.price(remote("whisper-1"), Quantities(calls=1, audio_s=60.0)))
    assert one == 6_000_000  # $0.006 a minute since 2023
    assert nano(prices.price(remote("whisper-1"), Quantities(calls=1, audio_s=120.0))) == 2 * one
    assert prices.price(remote("whisper-1"), Quantities(calls=1)) is None
    groq = remote("whisper-large-v3-turbo", "https://api.groq.com/openai/v1")
    short = Quantities(calls=1, audio_s=1.0)  # Groq charges ten seconds at least
    assert prices.price(groq, short) == prices.price(groq, replace(short, audio_s=10.0))
    many = Quantities(calls=10, audio_s=10.0)
    assert prices.price(groq, many) == prices.price(groq, replace(many, audio_s=100.0))


def test_many_short_calls_are_not_priced_as_one_long_one() -> None:
    prices, ref = PriceBook(), remote("gemini-2.5-pro", GOOGLE)
    one, long = chat(10_000, 100), chat(1_000_000, 10_000)
    many = replace(long, calls=100)
    assert nano(prices.price(ref, many)) == 100 * nano(prices.price(ref, one))
    assert nano(prices.price(ref, long)) > nano(prices.price(ref, many))


def test_a_price_that_changes_is_that_of_the_day() -> None:
    dated = [
        (provider.id, model)
        for provider in get_snapshot().providers
        for model in provider.models
        if isinstance(model.prices, list) and hasattr(model.prices[-1].constraint, "start_date")
    ]
    assert dated
    provider, model = dated[0]
    ref = ModelRef(backend="x", requested=model.id, provider=provider, host="x")
    day = model.prices[-1].constraint.start_date
    at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    found = PriceBook().price(ref, chat(100, 10), at)
    before = PriceBook().price(ref, chat(100, 10), datetime(2000, 1, 1, tzinfo=UTC))
    assert found is not None
    assert before is not None
    assert found.date == day.isoformat()
    assert before.date != found.date


def test_the_context_is_what_the_library_says() -> None:
    assert PriceBook().context_tokens(remote("gemini-2.5-flash", GOOGLE)) == 1_048_576
    assert PriceBook().context_tokens(remote("gemini-2.5-flash", HERE)) is None


def test_many_threads_get_the_same_prices() -> None:
    prices = PriceBook()
    refs = [remote("gpt-5-mini"), remote("gemini-2.5-flash", GOOGLE), remote("nothing"),
            remote("openai/gpt-5-mini", OPENROUTER)]  # fmt: skip
    alone = [prices.price(ref, chat(1_234, 56)) for ref in refs]
    assert alone.count(None) == 1
    with ThreadPoolExecutor(8) as pool:
        asked = list(itertools.islice(itertools.cycle(refs), 400))
        found = list(pool.map(lambda ref: prices.price(ref, chat(1_234, 56)), asked))
    assert found == list(itertools.islice(itertools.cycle(alone), 400))


def test_the_library_is_not_loaded_before_it_is_asked() -> None:
    code = ("import sys, vidsum.costs.prices as p; b = p.PriceBook(); "
            "assert 'genai_prices' not in sys.modules")  # fmt: skip
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- what a provider says itself


@pytest.mark.parametrize(
    ("said", "worth"),
    [("0.00123", 1_230_000), ("1e-05", 10_000), ("0", 0), (" 2 ", 2_000_000_000),
     ("0.0000000001", 1), ("1e-30", 1), ("0.0000000011", 2), ("1.5E-3", 1_500_000)],
)  # fmt: skip
def test_a_reported_cost_is_taken_as_it_is(said: str, worth: int) -> None:
    assert PriceBook.reported(said) == Price(worth, "provider")


@pytest.mark.parametrize(
    "said", ["", "-1", "-0.0", "nan", "inf", "1e9", "1e99", "$1", "1,5", "1_0", "free", "٣", "0x1",
             "1" * 400, "10001", "1e999999999"],
)  # fmt: skip
def test_a_reported_cost_that_is_no_price_is_unknown(said: str) -> None:
    assert PriceBook.reported(said) is None
