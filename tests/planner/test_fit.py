"""Plans under a cap: they fit for certain, give up in order, and more money never buys less."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from models import MMPROJ, VLM, WHISPER
from models.text_gguf import text_gguf

from vidsum.config import Options
from vidsum.costs.budget import Amount, Caps
from vidsum.costs.journal import DayCaps
from vidsum.costs.prices import PriceBook
from vidsum.data import AudioTrack, MediaInfo, ModelRef, Span, VideoTrack
from vidsum.errors import OptionError
from vidsum.planner.estimate import Estimate, StageEstimate, by_likely, estimate
from vidsum.planner.facts import facts_from_probe, facts_precisely
from vidsum.planner.fit import Plan, check_priced, fit, floor_captions, worst_case
from vidsum.planner.lines import Line
from vidsum.planner.rates import Rates

ASK = Options(api="openai", speech_model="whisper-1", caption_model="gpt-4o-mini",
              reason_model="gpt-4o-mini")  # fmt: skip
REMOTE = {"transcriber": "remote", "captioner": "remote", "reasoner": "remote"}
ENGINE = ModelRef(backend="openai", requested="m", base_url="http://h/v1", host="h")


def info(duration_s: float) -> MediaInfo:
    track = VideoTrack(0, "h264", 1280, 720, 25.0, None)
    ears = (AudioTrack(1, 1, "aac", "eng", 2, 48_000, True),)
    return MediaInfo(Path("talk.mp4"), 1_000, "mov", duration_s, 0.0, track, ears)


def stage(name: str, most: int, calls: float) -> StageEstimate:
    return StageEstimate(stage=name, modality="text", engine="remote", model=ENGINE,
                         calls=Span(0, calls, calls), usd_nano=Span(0, most // 2, most),
                         cu=Span(0, most / 2e3, most / 1e3))  # fmt: skip


def made(captions: int, minutes: int, caption: int, speech: int, summary: int) -> Estimate:
    """An estimate of plain figures, in billionths of a dollar; a CU is a thousand of them."""

    def line(base: int, each: int) -> Line:
        return Line(Amount(base, base / 1e3), Amount(each, each / 1e3))

    facts = facts_precisely(info(60.0 * minutes), Options(), samples=captions, captions=captions,
                            speech_s=40.0 * minutes, passages=2 * minutes)  # fmt: skip
    last = summary + captions * (summary // 50)
    return Estimate(
        facts=facts, captions=line(caption, caption), speech=line(0, -(-speech // 100)),
        summary=line(summary, summary // 50), likely_summary=line(summary // 9, 0),
        stages=(stage("transcript", speech, 1),
                stage("describe", caption * (captions + 1), captions), stage("reason", last, 1)),
    )  # fmt: skip


estimates = st.builds(made, st.integers(1, 400), st.integers(1, 120), st.integers(1, 900),
                      st.integers(1, 90_000), st.integers(1, 90_000))  # fmt: skip
shares = st.floats(0, 1.1)


def caps_at(found: Estimate, share: float, *, money: bool) -> Caps:
    sums = found.totals
    if money:
        return Caps(usd_nano=int(sums.usd_nano.most * share))
    return Caps(cu=sums.cu.most * share)


@given(estimates, shares, st.booleans())
def test_a_plan_never_costs_more_than_its_cap(found: Estimate, share: float, money: bool) -> None:
    caps = caps_at(found, share, money=money)
    plan = fit(caps, found)
    most = worst_case(found, plan)
    if money:
        assert (most.usd_nano or 0) <= (caps.usd_nano or 0)
    else:
        assert (most.cu or 0) <= (caps.cu or 0)
    assert plan.fits == (plan.lines == ())


@given(estimates, shares, st.booleans())
def test_things_are_given_up_in_order(found: Estimate, share: float, money: bool) -> None:
    plan = fit(caps_at(found, share, money=money), found)
    floor, every = floor_captions(found), int(found.facts.captions.most)
    if not plan.write:
        assert plan.captions <= floor
    if plan.speech_share < 1:
        assert not plan.write
        assert plan.captions <= floor
    if plan.captions < floor:
        assert plan.speech_share == 0
        assert not plan.write
    assert plan.captions <= every
    assert (plan.hold == found.summary) == plan.write


@given(estimates, shares, shares, st.booleans())
def test_more_money_never_buys_less(found: Estimate, one: float, other: float, money: bool) -> None:
    low, high = sorted((one, other))
    poor, rich = (fit(caps_at(found, share, money=money), found) for share in (low, high))
    assert poor.captions <= rich.captions
    assert poor.speech_share <= rich.speech_share
    assert poor.write <= rich.write
    assert poor.fits <= rich.fits


@given(estimates, shares)
def test_a_plan_takes_what_there_is(found: Estimate, share: float) -> None:
    """One picture more, or one hundredth of the speech, would not have fitted any more."""
    caps = caps_at(found, share, money=True)
    plan = fit(caps, found)
    if plan.fits:
        return
    floor, cap = floor_captions(found), caps.usd_nano or 0
    if plan.write and plan.captions < found.facts.captions.most:
        more = replace(plan, captions=plan.captions + 1)
    elif plan.captions == floor and plan.speech_share < 1:
        more = replace(plan, speech_share=plan.speech_share + 0.01)
    elif plan.captions < floor:
        more = replace(plan, captions=plan.captions + 1)
    else:
        more = replace(plan, write=True)
    assert (worst_case(found, more).usd_nano or 0) > cap


def test_without_a_cap_all_fits() -> None:
    found = made(100, 30, 100, 9_000, 3_000)
    plan = fit(Caps(), found)
    assert (plan.fits, plan.write, plan.speech_share, plan.captions) == (True, True, 1.0, 100)
    assert plan.lines == ()
    assert fit(Caps(usd_nano=int(found.totals.usd_nano.most)), found).fits


def test_nothing_is_given_up_for_the_sake_of_second_looks() -> None:
    found = half_an_hour()
    facts = found.facts
    once = estimate(facts, REMOTE, replace(ASK, second_look=0), PriceBook())
    assert (found.again.usd_nano or 0) > 0
    whole = int(once.totals.usd_nano.most)
    assert fit(Caps(usd_nano=whole), found).fits
    assert not fit(Caps(usd_nano=whole - 1), found).fits
    for share in (0.9, 0.6, 0.3, 0.1):
        caps = Caps(usd_nano=int(whole * share))
        assert fit(caps, found) == fit(caps, once)
        assert fit(caps, by_likely(found)) == fit(caps, by_likely(once))


def test_what_is_given_up_is_said() -> None:
    found = made(100, 30, 100, 9_000, 3_000)
    most = found.totals.usd_nano.most
    lines = [fit(Caps(usd_nano=int(most * share)), found).lines for share in (0.9, 0.5, 0.3, 0)]
    assert lines[0][0].startswith("Of up to 100 pictures there is room for ")
    assert len(lines[0]) == 1
    assert "The summary is quoted together, not written by a model." in lines[1]
    assert lines[2][2].startswith("Of the speech there is room for ")
    assert lines[3] == (
        "There is no room to describe a picture.",
        "The summary is quoted together, not written by a model.",
        "There is no room to recognise speech.",
    )


def test_the_smallest_cap_counts() -> None:
    found = made(100, 30, 100, 9_000, 3_000)
    half = int(found.totals.usd_nano.most) // 2
    by_run = fit(Caps(usd_nano=half), found)
    assert fit(Caps(day=DayCaps(usd_nano=half)), found) == by_run
    assert fit(Caps(usd_nano=9 * half, day=DayCaps(usd_nano=half)), found) == by_run
    assert fit(Caps(usd_nano=9 * half), found, Amount(half, None)) == by_run
    assert fit(Caps(usd_nano=9 * half, cu=0.0), found).captions == 0


def test_a_plan_by_what_is_likely_keeps_more() -> None:
    options = Options(caption_model=str(VLM), mmproj=MMPROJ, speech_model=str(WHISPER),
                      gpu_layers=0)  # fmt: skip
    engines = {"transcriber": "whisper", "captioner": "local", "reasoner": "extractive"}
    found = estimate(facts_from_probe(info(1800), options, False), engines, options, PriceBook())
    caps = Caps(cu=found.totals.cu.likely)
    sure, likely = fit(caps, found), fit(caps, by_likely(found))
    assert sure.speech_share < likely.speech_share
    assert not sure.write  # nothing to write with: the summary is quoted whatever the cap
    assert all("summary" not in text for text in sure.lines)


@cache
def half_an_hour() -> Estimate:
    facts = facts_precisely(info(1800), ASK, samples=361, captions=120, speech_s=1200, passages=55)
    return estimate(facts, REMOTE, ASK, PriceBook())


@given(st.floats(0.01, 1.0))
def test_real_forecasts_fit_too(share: float) -> None:
    found = half_an_hour()
    caps = Caps(usd_nano=int(found.totals.usd_nano.most * share))
    plan = fit(caps, found)
    assert (worst_case(found, plan).usd_nano or 0) <= (caps.usd_nano or 0)
    if plan.write and not plan.fits:
        assert (plan.hold.at(plan.captions).usd_nano or 0) > 0


def test_a_cap_on_money_needs_prices() -> None:
    options = Options(api="http://localhost:1/v1", caption_model="nobody-knows-it",
                      speech_model="x", reason_model="y")  # fmt: skip
    found = estimate(facts_from_probe(info(600), options, False), REMOTE, options, PriceBook())
    with pytest.raises(OptionError, match=r"nobody-knows-it|x|y") as caught:
        check_priced(Caps(usd_nano=1), found)
    assert "--allow-unpriced" in caught.value.hint
    assert "prices.toml" in caught.value.hint
    check_priced(Caps(usd_nano=1, allow_unpriced=True), found)
    check_priced(Caps(seconds=1.0), found)
    with pytest.raises(OptionError, match="computes"):
        check_priced(Caps(cu=1.0), found)
    assert fit(Caps(usd_nano=1, allow_unpriced=True), found).fits


def test_models_here_need_no_price(tmp_path: Path) -> None:
    options = Options(reason_model=str(text_gguf(tmp_path / "t.gguf")), gpu_layers=0)
    engines = {"transcriber": "none", "captioner": "builtin", "reasoner": "local"}
    found = estimate(facts_from_probe(info(600), options, False), engines, options, PriceBook())
    check_priced(Caps(usd_nano=0, cu=1.0), found)
    assert fit(Caps(usd_nano=0), found).fits


def looking(seconds_each: float, reading_each: float | None, cap_s: float | None) -> Plan:
    one = lambda each: Span(each, each, each)  # noqa: E731
    known = {("decode", None, None): one(seconds_each), ("dedupe", None, None): one(0.0),
             ("measure", None, None): one(0.0)}  # fmt: skip
    if reading_each is not None:
        known[("ocr", None, None)] = one(reading_each)
    facts = facts_precisely(
        info(1000), Options(), samples=200, captions=100, speech_s=0, passages=0
    )
    engines = {"captioner": "builtin", "reasoner": "extractive", "reader": "rapidocr"}
    found = estimate(facts, engines, Options(), PriceBook(), Rates(known))
    return fit(Caps(seconds=cap_s), found)


def test_looking_keeps_within_its_seconds() -> None:
    assert looking(0.1, 0.2, 1000.0).lines == ()
    coarser = looking(0.1, 0.2, 40.0)  # 40 s of looking, of which 20 s may be taken
    assert (coarser.interval_factor, coarser.ocr, coarser.fits) == (2, True, False)
    assert coarser.lines == ("A picture is looked at every 10 seconds.",)
    unread = looking(0.1, 2.0, 40.0)  # 20 s without the 200 s of reading
    assert (unread.interval_factor, unread.ocr) == (1, False)
    assert unread.lines == ("Text on screen is not read.",)
    assert looking(0.1, None, 1.0) == looking(0.1, None, None)  # nobody knows how long it takes
