"""The naive way beside ours, by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsum.costs.prices import PriceBook
from vidsum.data import ModelRef, Price, Quantities
from vidsum.planner.compare import (
    FRAME_TOKENS,
    ComparedVideo,
    Comparison,
    Figure,
    Mode,
    Naive,
    compare,
    usual_mode,
)

HERE = "https://models.example/v1"
FROZEN = """
[[price]]
host = "models.example"
model = "flash"
input_usd_per_mtok = 0.30
output_usd_per_mtok = 2.50
audio_usd_per_mtok = 1.00
date = "2026-11-20"

[[price]]
host = "models.example"
model = "deaf"
input_usd_per_mtok = 0.30
output_usd_per_mtok = 2.50
"""
GOOGLE = "https://generativelanguage.googleapis.com/v1beta/openai/"


def exact(value: float) -> Figure:
    return Figure(value, "measured")


HOUR = ComparedVideo(
    duration_s=3600.0, interval_s=5.0, samples=exact(720), captions=exact(720),
    caption_tokens=exact(48), transcript_tokens=exact(12_000), has_sound=True,
)  # fmt: skip
"""The assumptions of the claim: an hour, a caption each five seconds, none dropped."""


def model(name: str, base_url: str = HERE) -> ModelRef:
    return ModelRef(backend="remote", requested=name, base_url=base_url)


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> PriceBook:
    path = tmp_path_factory.mktemp("prices") / "prices.toml"
    path.write_text(FROZEN, "utf-8")
    return PriceBook(path)


def compared(
    prices: PriceBook, video: ComparedVideo, ref: ModelRef, way: Naive | None = None,
    engines_usd_nano: int | None = 0,
) -> Comparison:  # fmt: skip
    return compare(video, ref, way or Naive(), partial(prices.price, ref),
                   engines_usd_nano=engines_usd_nano,
                   context_tokens=prices.context_tokens(ref))  # fmt: skip


def test_an_hour_by_hand(frozen: PriceBook) -> None:
    found = compared(frozen, HOUR, model("flash"))

    # The naive way: 3,600 frames of 258 tokens, 3,600 s of sound at 32, the prompt.
    naive = found.naive
    assert (naive.pictures, naive.tokens_each, naive.picture_tokens) == (3600, 258, 928_800)
    assert (naive.sound_tokens, naive.transcript_tokens) == (115_200, 0)
    assert (naive.prompt_tokens, naive.output_tokens) == (1000, 2000)
    assert naive.input_tokens == 928_800 + 115_200 + 1_000 == 1_045_000
    # (928,800 + 1,000) × $0.30 + 115,200 × $1.00 + 2,000 × $2.50, a million
    assert naive.usd == Decimal("0.27894") + Decimal("0.1152") + Decimal("0.005")
    assert naive.usd == Decimal("0.39914")

    # Ours: 720 captions of 48 tokens, 12,000 of transcript, the prompt.
    ours = found.ours
    assert (ours.pictures, ours.tokens_each, ours.picture_tokens) == (720, 48, 34_560)
    assert (ours.sound_tokens, ours.transcript_tokens) == (0, 12_000)
    assert ours.input_tokens == 34_560 + 12_000 + 1_000 == 47_560
    # 47,560 × $0.30 + 2,000 × $2.50, a million
    assert ours.usd == Decimal("0.014268") + Decimal("0.005") == Decimal("0.019268")

    assert found.total_usd_nano == 19_268_000
    assert found.ratio == Decimal("0.39914") / Decimal("0.019268")
    assert round(found.ratio, 1) == Decimal("20.7")
    assert found.without_electricity
    assert found.price == Price(399_140_000, "local", date="2026-11-20")
    assert found.model.requested == "flash"
    assert (found.unit, found.origin) == ("usd", "measured")


def test_the_saving_of_that_hour_by_cause(frozen: PriceBook) -> None:
    video = replace(HOUR, captions=exact(300))
    found = compared(frozen, video, model("flash"))
    by_hand = [
        # 3,600 frames to 720: 2,880 × 258 tokens × $0.30 a million
        ("sampling", 743_040, Decimal("0.222912")),
        # 720 frames to 300: 420 × 258 × $0.30
        ("duplicates", 108_360, Decimal("0.032508")),
        # 300 frames of 258 tokens to 300 captions of 48: 300 × 210 × $0.30
        ("frame tokens", 63_000, Decimal("0.0189")),
        # 115,200 tokens of sound at $1.00 to 12,000 of text at $0.30: 0.1152 − 0.0036
        ("sound", 103_200, Decimal("0.1116")),
        ("engines", 0, Decimal(0)),
    ]
    assert [(one.cause, one.tokens, one.usd) for one in found.savings] == by_hand
    # (300 × 48 + 12,000 + 1,000) × $0.30 + 0.005
    assert found.ours.usd == Decimal("0.01322")
    assert sum(one.usd_nano or 0 for one in found.savings) == 399_140_000 - 13_220_000


def test_what_our_engines_cost_is_on_our_side(frozen: PriceBook) -> None:
    found = compared(frozen, HOUR, model("flash"), engines_usd_nano=50_000_000)
    assert found.ours.usd_nano == 19_268_000
    assert found.total_usd_nano == 69_268_000
    assert found.savings[-1].cause == "engines"
    assert found.savings[-1].usd_nano == -50_000_000
    assert found.ratio == Decimal(399_140) / Decimal(69_268)


def test_engines_of_unknown_cost_make_the_total_unknown(frozen: PriceBook) -> None:
    found = compared(frozen, HOUR, model("flash"), engines_usd_nano=None)
    assert found.ours.usd_nano == 19_268_000
    assert (found.total_usd_nano, found.ratio, found.savings[-1].usd_nano) == (None, None, None)
    assert found.savings[0].usd_nano is not None


def test_a_model_without_a_price_costs_an_unknown_amount(frozen: PriceBook) -> None:
    found = compared(frozen, HOUR, model("nobody"))
    assert found.price is None
    assert (found.naive.usd, found.ours.usd, found.total_usd_nano, found.ratio) == (None,) * 4
    assert [one.usd_nano for one in found.savings] == [None, None, None, None, 0]
    assert found.naive.input_tokens == 1_045_000


def test_a_model_that_takes_no_sound_gets_our_transcript(frozen: PriceBook) -> None:
    assert compared(frozen, HOUR, model("deaf")).naive.usd is None  # no price for sound
    found = compared(frozen, HOUR, model("deaf"), Naive(hears=False))
    assert found.naive.input_tokens == 928_800 + 12_000 + 1_000
    # 941,800 × $0.30 + 0.005
    assert found.naive.usd == Decimal("0.28754")
    sound = next(one for one in found.savings if one.cause == "sound")
    assert (sound.tokens, sound.usd_nano) == (0, 0)


def test_frames_are_asked_about_as_pictures_and_captions_as_text() -> None:
    seen = []

    def pricing(used: Quantities) -> Price | None:
        seen.append((used.images, used.image_tokens, used.audio_tokens, used.calls))
        return None

    compare(replace(HOUR, captions=exact(300)), model("flash"), Naive(), pricing,
            engines_usd_nano=0)  # fmt: skip
    sound = 115_200
    assert seen == [(3600, 928_800, sound, 1), (720, 185_760, sound, 1), (300, 77_400, sound, 1),
                    (0, 0, sound, 1), (0, 0, 0, 1)]  # fmt: skip


def test_a_video_without_sound_saves_nothing_by_it(frozen: PriceBook) -> None:
    silent = replace(HOUR, has_sound=False, transcript_tokens=exact(0))
    found = compared(frozen, silent, model("flash"))
    assert found.naive.sound_tokens == 0
    assert next(one.usd_nano for one in found.savings if one.cause == "sound") == 0


def test_part_seconds_and_part_tokens_count_up(frozen: PriceBook) -> None:
    video = replace(HOUR, duration_s=10.1, samples=exact(3), captions=exact(3),
                    caption_tokens=Figure(48.4, "estimated"))  # fmt: skip
    found = compared(frozen, video, model("flash"))
    assert found.naive.pictures == 11
    assert found.naive.sound_tokens == 324  # 10.1 × 32 = 323.2
    assert found.ours.picture_tokens == 146  # 3 × 48.4 = 145.2
    assert found.origin == "estimated"


def test_whether_the_naive_input_fits(frozen: PriceBook) -> None:
    ref = model("flash")

    def fits(context_tokens: int | None) -> bool | None:
        return compare(HOUR, ref, Naive(), partial(frozen.price, ref), engines_usd_nano=0,
                       context_tokens=context_tokens).naive_fits  # fmt: skip

    assert (fits(1_048_576), fits(1_045_000), fits(1_044_999)) == (True, True, False)
    assert fits(None) is None


COUNTS = st.integers(0, 20_000)


@given(COUNTS, COUNTS, st.floats(0, 500), COUNTS, st.floats(0.1, 40_000), st.booleans(),
       st.sampled_from(sorted(FRAME_TOKENS)))  # fmt: skip
def test_the_savings_add_up_to_the_last_digit(
    samples: int, captions: int, each: float, said: int, duration_s: float, sound: bool, mode: str
) -> None:
    ref = model("gemini-2.5-pro", GOOGLE)  # dearer above 200,000 tokens: not a flat price
    video = ComparedVideo(
        duration_s=duration_s, interval_s=5.0, samples=exact(samples), captions=exact(captions),
        caption_tokens=exact(each), transcript_tokens=exact(said), has_sound=sound,
    )  # fmt: skip
    found = compared(PriceBook(), video, ref, Naive(frame_tokens=FRAME_TOKENS[mode]), 12_345)
    assert found.naive.usd_nano is not None
    assert found.total_usd_nano is not None
    whole = found.naive.usd_nano - found.total_usd_nano
    assert sum(one.usd_nano or 0 for one in found.savings) == whole
    tokens = found.naive.input_tokens - found.ours.input_tokens
    assert sum(one.tokens for one in found.savings) == tokens


def test_a_model_here_is_compared_by_its_work() -> None:
    ref = ModelRef(backend="local", requested="qwen")

    def flops(used: Quantities) -> float:
        return 6e9 * ((used.input_tokens or 0) + (used.output_tokens or 0))

    found = compare(HOUR, ref, Naive(), partial(PriceBook().price, ref), engines_usd_nano=0,
                    engines_flops=10**15, flops=flops)  # fmt: skip
    assert found.unit == "flops"
    assert (found.naive.usd_nano, found.ours.usd_nano) == (0, 0)
    assert found.naive.flops == 6_282_000_000_000_000  # 6e9 × 1,047,000
    assert found.ours.flops == 297_360_000_000_000  # 6e9 × 49,560
    assert found.total_flops == 1_297_360_000_000_000
    assert found.ratio == Decimal(6_282_000) / Decimal(1_297_360)
    whole = found.naive.flops - found.total_flops
    assert sum(one.flops or 0 for one in found.savings) == whole
    unknown = compare(HOUR, ref, Naive(), partial(PriceBook().price, ref), engines_usd_nano=0,
                      flops=lambda used: None)  # fmt: skip
    assert (unknown.naive.flops, unknown.total_flops, unknown.ratio) == (None, None, None)


MODELS = ["gemini-2.5-flash", "gemini-2.5-flash-lite", "gemini-2.5-pro", "gemini-3-flash-preview",
          "gemini-3.5-flash", "gemini-3.8-flash"]  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_the_claim_holds_for_the_models_of_today(name: str) -> None:
    """6 to 33 times: a wide band, for prices change."""
    found = {}
    for mode, tokens in FRAME_TOKENS.items():
        comparison = compared(PriceBook(), HOUR, model(name, GOOGLE), Naive(frame_tokens=tokens))
        assert comparison.ratio is not None
        assert comparison.ratio == Decimal(comparison.naive.usd_nano or 0) / (
            comparison.total_usd_nano or 1
        )
        found[mode] = float(comparison.ratio)
    assert 3 < found["low"] < found["gemini-3"] < found["full"] < 60


@pytest.mark.parametrize(
    ("name", "mode"),
    [("gemini-2.5-flash", "full"), ("models/gemini-3.8-flash", "gemini-3"), ("gpt-5", "full"),
     ("google/gemini-3-pro-preview", "gemini-3"), ("gemini-4-argon", "gemini-3")],
)  # fmt: skip
def test_the_usual_mode_is_by_the_model(name: str, mode: Mode) -> None:
    assert usual_mode(name) == mode


def test_an_hour_just_fits_into_a_million_tokens_and_two_do_not() -> None:
    two = replace(HOUR, duration_s=7200.0)
    fits = [compared(PriceBook(), video, model("gemini-2.5-flash", GOOGLE)).naive_fits
            for video in (HOUR, two)]  # fmt: skip
    assert fits == [True, False]
