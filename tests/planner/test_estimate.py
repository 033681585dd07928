"""The estimate: ranges that hold, unknown that stays unknown, and prices by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from clips import clip
from hypothesis import given, settings
from hypothesis import strategies as st
from models import MMPROJ, VLM, WHISPER
from thinning import every_second

from vidsum.config import Options
from vidsum.costs.budget import Amount
from vidsum.costs.prices import PriceBook
from vidsum.data import AudioTrack, Entry, Frame, MediaInfo, Span, VideoTrack
from vidsum.errors import OptionError
from vidsum.media.dedupe import keep_distinct
from vidsum.media.plan import Grid
from vidsum.media.process import Decoder
from vidsum.planner.estimate import by_likely, estimate, quoted
from vidsum.planner.facts import Facts, facts_from_probe, facts_precisely
from vidsum.planner.lines import bounding
from vidsum.planner.rates import Rates, rates

HERE = Options(caption_model=str(VLM), mmproj=MMPROJ, speech_model=str(WHISPER), gpu_layers=0,
               threads=1)  # fmt: skip
LOCAL = {"transcriber": "whisper", "captioner": "local", "reasoner": "extractive"}
REMOTE = {"transcriber": "remote", "captioner": "remote", "reasoner": "remote"}
ASK = Options(api="openai", speech_model="whisper-1", caption_model="gpt-4o-mini",
              reason_model="gpt-4o-mini")  # fmt: skip
OWN = """
[[price]]
provider = "openai"
model = "gpt-4o-mini"
date = "2026-01-01"
input_usd_per_mtok = 1.00
output_usd_per_mtok = 2.00
"""


def info(duration_s: float | None = 3600.0, *, sound: bool = True, video: bool = True) -> MediaInfo:
    track = VideoTrack(0, "h264", 1280, 720, 25.0, None) if video else None
    ears = (AudioTrack(1, 1, "aac", "eng", 2, 48_000, True),) if sound else ()
    return MediaInfo(Path("talk.mp4"), 1_000, "mov", duration_s, 0.0, track, ears)


def hour(options: Options = HERE, subtitles: bool | None = False, **more: bool) -> Facts:
    return facts_from_probe(info(**more), options, subtitles)


@pytest.mark.parametrize(
    "name", every_second(["talk", "vfr_holes", "mpegts_late", "short_03", "video_late"])
)
@pytest.mark.parametrize("interval_s", [2.0, 5.0, 13.0])
def test_what_the_header_tells_holds(
    name: str, interval_s: float, talk: Path, clip_folder: Path
) -> None:
    path = talk if name == "talk" else clip(name, clip_folder).path
    options = Options(interval_s=interval_s, start_s=1.0)
    with Decoder(path) as decoder:
        told = decoder.probe()
        grid = Grid(interval_s, options.near_s, options.start_s)
        verdicts = list(keep_distinct(decoder.frames(grid, 320, told.duration_s)))
    facts = facts_from_probe(told, options, None)
    kept = sum(isinstance(one, Frame) for one in verdicts)
    assert facts.samples.least <= len(verdicts) <= facts.samples.most
    assert facts.captions.least <= kept <= facts.captions.most


def test_an_hour_by_its_header() -> None:
    facts = hour()
    assert facts.samples == Span(719, 720, 722)
    assert (facts.captions.least, facts.captions.most) == (1, 722)
    assert facts.captions.likely >= 60
    assert facts.speech_s == Span(0, pytest.approx(2160), 3600)
    assert facts.passages.most >= 3600 / 9
    part = facts_from_probe(info(), replace(HERE, start_s=600, end_s=900), False)
    assert (part.duration_s, part.samples.likely, part.speech_s.most) == (300, 60, 300)
    quiet = facts_from_probe(info(sound=False, video=False), HERE, None)
    assert (quiet.samples.most, quiet.speech_s.most, quiet.passages.most) == (0, 0, 0)


def test_subtitles_are_not_recognised_but_are_read() -> None:
    facts = hour(subtitles=True)
    assert facts.speech_s.most == 0
    assert facts.timeline_tokens.most == hour().timeline_tokens.most
    named = replace(HERE, transcriber="whisper")
    assert facts_from_probe(info(), named, True).speech_s.most == 3600
    found = estimate(facts, LOCAL, HERE, PriceBook())
    heard = found.stage("transcript")
    assert heard is not None
    assert (heard.calls.most, heard.note) == (0, "the words come from subtitles")


def test_a_header_without_a_length_is_no_ground_for_an_estimate() -> None:
    with pytest.raises(OptionError, match="how long") as caught:
        facts_from_probe(info(None), HERE, None)
    assert "--precise" in caught.value.hint
    assert facts_from_probe(info(None), replace(HERE, end_s=60.0), None).duration_s == 60


def test_looking_for_free_leaves_no_range() -> None:
    facts = facts_precisely(info(), HERE, samples=721, captions=130, speech_s=2000.5, passages=80)
    assert facts.captions == Span(130, 130, 130)
    assert facts.speech_s == Span(2000.5, 2000.5, 2000.5)
    found = estimate(facts, LOCAL, HERE, PriceBook())
    seen = found.stage("describe")
    assert seen is not None
    assert seen.calls == Span(130, 130, 130 + 2 * 43)
    assert seen.images == seen.calls
    read = facts_precisely(info(), HERE, samples=721, captions=130, speech_s=2000.5, passages=80,
                           subtitle_tokens=9_000)  # fmt: skip
    assert (read.speech_s.most, read.subtitles) == (0, True)
    assert read.timeline_tokens.least >= 9_000


def test_models_here_cost_no_money_and_some_compute() -> None:
    found = estimate(hour(), LOCAL, HERE, PriceBook())
    sums = found.totals
    assert (sums.usd_nano, sums.unknown_usd, sums.unknown_cu) == (Span(0, 0, 0), 0, 0)
    assert 0 < sums.cu.least < sums.cu.likely < sums.cu.most
    assert found.prices is None
    assert sums.unknown_seconds > 0
    assert all(stage.seconds is None for stage in found.stages)
    as_quoted = quoted(found)
    assert as_quoted.usd == ("0.00", "0.00", "0.00")
    assert as_quoted.cu == (sums.cu.least, sums.cu.likely, sums.cu.most)


def test_a_price_by_hand(tmp_path: Path) -> None:
    book = tmp_path / "prices.toml"
    book.write_text(OWN)
    facts = facts_precisely(info(sound=False), ASK, samples=721, captions=100, speech_s=0,
                            passages=0)  # fmt: skip
    found = estimate(facts, REMOTE, ASK, PriceBook(book))
    seen = found.stage("describe")
    assert seen is not None
    assert seen.input_tokens is not None
    assert seen.output_tokens is not None
    assert seen.usd_nano is not None
    by_hand = 1_000 * seen.input_tokens.most + 2_000 * seen.output_tokens.most
    assert seen.usd_nano.most == pytest.approx(by_hand, abs=2)
    assert (seen.unpriced, seen.cu) == (False, None)
    assert found.totals.unknown_cu == 3  # describing, looking again, the summary
    assert quoted(found).cu is None
    assert seen.price is not None
    assert (seen.price.source, seen.price.date) == ("local", "2026-01-01")
    assert found.prices is not None


def test_an_unknown_model_is_unpriced_and_never_0() -> None:
    options = Options(api="http://localhost:1/v1", caption_model="nobody-knows-it",
                      speech_model="x", reason_model="y")  # fmt: skip
    found = estimate(hour(options), REMOTE, options, PriceBook())
    stages = [found.stage(name) for name in ("transcript", "describe", "reason")]
    assert [stage and (stage.usd_nano, stage.unpriced) for stage in stages] == [(None, True)] * 3
    assert found.totals.unknown_usd == 4  # and that of looking again
    assert quoted(found).usd is None
    assert found.captions.at(5).usd_nano is None


@pytest.mark.parametrize(("given", "most"), [(None, 3), (7, 7), (1, 1)])
def test_second_looks_are_a_line_of_their_own(given: int | None, most: int) -> None:
    options = replace(ASK, second_look=given)
    found = estimate(hour(options), REMOTE, options, PriceBook())
    once = estimate(hour(options), REMOTE, replace(options, second_look=0), PriceBook())
    look = found.stage("look")
    assert look is not None
    assert (look.calls, look.images) == (Span(0, most, most), Span(0, most, most))
    assert look.usd_nano is not None
    assert 0 == look.usd_nano.least < look.usd_nano.likely <= look.usd_nano.most
    assert [stage.stage for stage in found.stages].index("look") == len(found.stages) - 2
    assert (found.captions, found.summary, found.speech) == (
        once.captions, once.summary, once.speech
    )  # fmt: skip
    assert (found.again.usd_nano or 0) >= look.usd_nano.most
    assert found.again.usd_nano == found.totals.usd_nano.most - once.totals.usd_nano.most
    assert (once.stage("look"), once.again) == (None, Amount())


@pytest.mark.parametrize("changed", [
    {"reasoner": "extractive"}, {"captioner": "builtin"}, {"second_look": 0}, {"video": False},
])  # fmt: skip
def test_no_second_look_where_nobody_would_ask_or_see(changed: dict[str, str]) -> None:
    engines = REMOTE | {k: v for k, v in changed.items() if k in REMOTE}
    options = replace(ASK, second_look=0) if "second_look" in changed else ASK
    facts = hour(options, video=False) if "video" in changed else hour(options)
    found = estimate(facts, engines, options, PriceBook())
    assert found.stage("look") is None
    assert found.again == Amount()


def test_a_second_look_takes_as_long_as_a_caption_until_one_was_made() -> None:
    one = line(wall_s=2.0, calls=1, model_requested="gpt-4o-mini")
    known = rates([one] * 5)
    found = estimate(hour(ASK), REMOTE, ASK, PriceBook(), known).stage("look")
    assert found is not None
    assert found.seconds == Span(0, 6.0, 6.0)
    later = rates([one, line(stage="look", wall_s=5.0, calls=1, model_requested="gpt-4o-mini")])
    found = estimate(hour(ASK), REMOTE, ASK, PriceBook(), later).stage("look")
    assert found is not None
    assert found.seconds == Span(0, 15.0, 15.0)


def test_an_engine_without_a_model_calls_none() -> None:
    engines = {"transcriber": "none", "captioner": "builtin", "reasoner": "extractive",
               "reader": "rapidocr"}  # fmt: skip
    found = estimate(hour(), engines, HERE, PriceBook())
    assert found.totals.calls.most == 0
    assert [stage.stage for stage in found.stages] == [
        "decode", "dedupe", "measure", "ocr", "transcript", "describe", "reason"
    ]  # fmt: skip
    assert found.captions.at(9) == found.summary.at(9) == Amount()


def line(**more: object) -> Entry:
    fields = {"call_id": "c", "phase": "settle", "kind": "call", "ts_utc": "", "run_id": "r",
              "stage": "describe", "modality": "image", "backend": "llama.cpp"}  # fmt: skip
    return Entry(**(fields | more))  # type: ignore[arg-type]


def test_seconds_come_from_the_ledger_or_nowhere() -> None:
    model = estimate(hour(), LOCAL, HERE, PriceBook()).stage("describe")
    assert model is not None
    assert model.model is not None
    name = model.model.requested
    lines = [line(calls=1, wall_s=float(n), model_requested=name, device="cpu")
             for n in range(1, 12)]  # fmt: skip
    lines += [line(calls=1, wall_s=900.0, model_requested=name, device="cpu", phase="fail"),
              line(kind="stage", stage="decode", wall_s=36.0, counts={"frames": 720})]  # fmt: skip
    known = rates(lines)
    seen = estimate(hour(), LOCAL, HERE, PriceBook(), known).stage("describe")
    assert seen is not None
    assert seen.seconds == Span(2 * seen.calls.least, 6 * seen.calls.likely, 10 * seen.calls.most)
    decoded = known.seconds("decode", Span(720, 720, 720))
    assert decoded is not None
    assert decoded.likely == pytest.approx(36.0)
    assert known.seconds("ocr", Span(1, 1, 1)) is None
    assert known.seconds("describe", Span(1, 1, 1), model=name, device="gpu") is None
    speed = Rates(s_per_cu={"cpu": 3.0})
    assert speed.seconds("describe", Span(1, 1, 1), device="cpu", cu=Span(1, 2, 4)) == Span(
        3, 6, 12
    )
    assert speed.seconds("describe", Span(1, 1, 1), cu=Span(1, 2, 4)) is None


@settings(max_examples=25)
@given(st.integers(1, 300), st.integers(1, 30))
def test_the_lines_are_nowhere_below_the_estimate(captions: int, requests: int) -> None:
    facts = facts_precisely(info(sound=False), ASK, samples=400, captions=captions, speech_s=0,
                            passages=0)  # fmt: skip
    for engines, options in (
        (LOCAL, HERE),
        (REMOTE, replace(ASK, api_requests=requests, caption_model="gpt-5-mini")),
    ):
        found = estimate(facts, engines, options, PriceBook())
        seen = found.stage("describe")
        assert seen is not None
        bound = found.captions.at(captions)
        for amount, most in ((bound.usd_nano, seen.usd_nano), (bound.cu, seen.cu)):
            if most is not None:
                assert amount is not None
                assert amount * (1 + 1e-9) + 1 >= most.most


@given(st.lists(st.integers(0, 500), min_size=1, max_size=60))
def test_a_bounding_line_is_nowhere_below(steps: list[int]) -> None:
    costs = [sum(steps[: n + 1]) for n in range(len(steps))]
    found = bounding(lambda n: Amount(costs[n], float(costs[n])), len(costs) - 1)
    for n, cost in enumerate(costs):
        at = found.at(n)
        assert at.usd_nano is not None
        assert at.usd_nano >= cost
        assert at.cu is not None
        assert at.cu >= cost - 1e-6


def test_a_summary_of_a_likely_timeline_is_bounded_by_that_of_the_longest() -> None:
    found = estimate(hour(ASK), REMOTE, ASK, PriceBook())
    told = found.stage("reason")
    assert told is not None
    assert told.usd_nano is not None
    assert (found.summary.at(722).usd_nano or 0) >= told.usd_nano.most
    usual = found.likely_summary.at(round(hour(ASK).captions.likely)).usd_nano or 0
    assert told.usd_nano.likely < usual < told.usd_nano.most


def test_what_is_likely_is_less_than_the_most() -> None:
    found = estimate(hour(), LOCAL, HERE, PriceBook())
    likely = by_likely(found)
    assert likely.summary == found.likely_summary
    for one, other in ((likely.captions, found.captions), (likely.speech, found.speech)):
        assert 0 < (one.at(50).cu or 0) < (other.at(50).cu or 0)
    assert math.isclose(likely.totals.cu.most, (likely.speech.at(100).cu or 0)
                        + (likely.captions.at(722).cu or 0))  # fmt: skip
