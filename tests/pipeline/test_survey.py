"""What ``estimate --precise`` says of a run, held against the run itself and its ledger."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from footage import film, srt
from models import MMPROJ, VLM, WHISPER
from real_clips import CLIPS
from reasoner.writers import honest, keys
from scenes import random_scenes
from scripted_provider import Answer, Call, ScriptedProvider, fails, says
from speech_server import transcribes
from spoken import noise, speech, spoken_video, spoken_wav

from vidsum import api, tokens
from vidsum.config import Options
from vidsum.costs.ledger import Ledger, default_path
from vidsum.data import Entry, Result, Span
from vidsum.errors import OptionError
from vidsum.pipeline.estimating import Estimated
from vidsum.planner.estimate import StageEstimate
from vidsum.wording import as_line

LOCAL = Options(
    captioner="local", caption_model=str(VLM), mmproj=MMPROJ, transcriber="whisper",
    speech_model=str(WHISPER), threads=1, gpu_layers=0, ocr=False,
)  # fmt: skip
SUBTITLED = replace(LOCAL, transcriber=None, tier="lite", captioner="local")
LITE = Options(tier="lite", ocr=False)
LINES = [(3.0, "open red circle"), (9.0, "move left and stop"), (31.0, "show page seven"),
         (47.0, "close video")]  # fmt: skip
TABLE = """
[[price]]
host = "127.0.0.1"
model = "seer"
input_usd_per_mtok = 0.30
output_usd_per_mtok = 2.50
date = "2026-11-20"

[[price]]
host = "127.0.0.1"
model = "ear"
audio_usd_per_min = 0.006
date = "2026-11-20"
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ledger and a price table of each test's own."""
    folder = tmp_path / "state"
    folder.mkdir()
    (folder / "prices.toml").write_text(TABLE, "utf-8")
    monkeypatch.setenv("VIDSUM_HOME", str(folder))
    return folder


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute of twelve scenes, with speech."""
    folder = tmp_path_factory.mktemp("scenes")
    drawn = [s for s in random_scenes(seed=11, count=20) if s.kind != "blank"][:12]
    shots = [(5.0, scene.image(320, 180)) for scene in drawn]
    return spoken_video(folder / "both.mp4", LINES, 60, picture=film(folder / "p.mp4", shots))


def rows(result: Result) -> list[Entry]:
    """What the ledger has of a run."""
    with Ledger(default_path()) as ledger:
        return list(ledger.entries(run_id=result.receipt.run_id))


def calls_of(lines: Iterable[Entry], stage: str) -> list[Entry]:
    return [e for e in lines
            if e.kind == "call" and e.stage == stage and e.phase in ("settle", "fail")]  # fmt: skip


def within(value: float | None, bound: Span | None, what: str) -> None:
    if bound is not None and value is not None:
        assert math.floor(bound.least) <= value <= bound.most * (1 + 1e-12), what


def total(calls: list[Entry], name: str) -> float | None:
    """The sum of a figure; None when that of a call is not known."""
    values = [getattr(call, name) for call in calls]
    return None if None in values else sum(values)


def check_stage(stage: StageEstimate, lines: list[Entry]) -> None:
    made = calls_of(lines, stage.stage)
    within(total(made, "calls"), stage.calls, f"{stage.stage} calls")
    for name in ("input_tokens", "output_tokens", "images", "audio_s", "cu", "usd_nano"):
        bound = getattr(stage, name)
        if name in ("audio_s", "images", "input_tokens") and not stage.calls.most:
            continue
        if made or name in ("cu", "usd_nano"):
            within(total(made, name), bound, f"{stage.stage} {name}")
    if made and stage.usd_nano is not None:
        assert total(made, "usd_nano") is not None


def check_bounds(found: Estimated, result: Result) -> None:
    """No stage of a run, and not all of it, is outside of what was said of it."""
    lines, told = rows(result), found.estimate
    assert not any(e.phase == "fail" for e in lines)
    for stage in told.stages:
        check_stage(stage, lines)
    every = [e for e in lines if e.kind == "call" and e.phase == "settle"]
    assert {e.stage for e in every} <= {stage.stage for stage in told.stages}
    sums = told.totals
    within(total(every, "calls"), sums.calls, "calls")
    if not sums.unknown_cu:
        within(total(every, "cu"), sums.cu, "cu")
        within(result.receipt.total.cu.value, sums.cu, "cu of the receipt")
    if not sums.unknown_usd:
        within(total(every, "usd_nano"), sums.usd_nano, "usd")
        within(result.receipt.total.usd_nano.value, sums.usd_nano, "usd of the receipt")


def check_exact(found: Estimated, result: Result) -> None:
    """Pictures and seconds of speech are those of the run."""
    facts, evidence = found.estimate.facts, result.bundle.evidence
    kept = len(evidence.observations)
    assert facts.captions == Span(kept, kept, kept)
    looked = kept + len(evidence.dropped)
    assert facts.samples == Span(looked, looked, looked)
    described = [s for s in result.receipt.stages if s.stage == "describe"]
    assert sum(s.counts["captions"] for s in described) == kept
    heard = evidence.transcript
    if heard.speech_s is not None:
        assert facts.speech_s.likely == pytest.approx(heard.speech_s, abs=1e-6)
        assert facts.speech_s.least == facts.speech_s.most == facts.speech_s.likely
    else:
        assert facts.speech_s == Span(0, 0, 0)


def timeline_tokens(result: Result) -> int:
    lines = "\n".join(as_line(entry) for entry in result.bundle.timeline)
    return tokens.count(lines, None)[0]


def check(path: Path, options: Options) -> tuple[Estimated, Result]:
    """Estimate twice, run, and hold one against the other."""
    precise = api.estimate(path, options, precise=True)
    try:
        rough: Estimated | None = api.estimate(path, options)
    except OptionError as exc:
        assert "how long" in exc.message  # noqa: PT017
        rough = None
    result = api.summarize(path, options)
    check_exact(precise, result)
    check_bounds(precise, result)
    within(timeline_tokens(result), precise.estimate.facts.timeline_tokens, "timeline")
    if rough is not None and not options.ocr:
        within(timeline_tokens(result), rough.estimate.facts.timeline_tokens, "timeline")
    if rough is not None:
        check_bounds(rough, result)
        told, exact = rough.estimate.facts, precise.estimate.facts
        for name in ("samples", "captions", "speech_s", "passages"):
            bound = getattr(told, name)
            within(getattr(exact, name).likely, bound, name)
    return precise, result


@pytest.mark.slow
def test_the_sample_video_with_its_subtitles(talk: Path) -> None:
    found, result = check(talk, SUBTITLED)
    assert result.bundle.evidence.transcript.backend == "subtitles"
    describe = found.estimate.stage("describe")
    assert describe is not None
    assert describe.calls.least == len(calls_of(rows(result), "describe")) > 5


@pytest.mark.slow
def test_the_sample_video_with_its_speech_recognised(talk: Path) -> None:
    found, result = check(talk, LOCAL)
    assert result.bundle.evidence.transcript.backend == "whisper"
    assert found.estimate.facts.speech_s.likely > 60


def test_scenes_and_speech_made_here(scenes: Path) -> None:
    found, result = check(scenes, LOCAL)
    assert found.estimate.facts.captions.likely > 8
    speech = found.estimate.stage("transcript")
    assert speech is not None
    assert 3 < found.estimate.facts.speech_s.likely < 20
    assert speech.calls.most >= len(calls_of(rows(result), "transcript")) > 0


def test_a_stretch_of_it(scenes: Path) -> None:
    found, _ = check(scenes, replace(LOCAL, start_s=7.0, end_s=33.5))
    assert found.estimate.facts.duration_s == pytest.approx(26.5)
    assert found.estimate.facts.captions.likely <= 6


def test_all_tiles_and_another_interval(scenes: Path) -> None:
    check(scenes, replace(LOCAL, tiles="all", interval_s=9.0, transcriber="none"))


def test_subtitles_beside_the_file(tmp_path: Path) -> None:
    video = spoken_video(tmp_path / "said.mp4", LINES, 50)
    cues = [(3.0, 5.0, "Open the red circle."), (31.0, 33.0, "Show page seven.")]
    video.with_suffix(".srt").write_text(srt(cues), "utf-8")
    found, result = check(video, replace(SUBTITLED, tier="auto"))
    assert result.bundle.evidence.transcript.backend == "subtitles"
    assert found.estimate.facts.subtitles is True


def test_stretches_of_black_are_lines_of_the_timeline(tmp_path: Path) -> None:
    black, lit = np.zeros((90, 160, 3), np.uint8), np.zeros((90, 160, 3), np.uint8)
    lit[20:60, 30:90] = 200
    shots = [(2.5, lit), *[(5.0, black), (5.0, lit)] * 12]
    with ScriptedProvider(provider_step) as provider:
        options = replace(far(provider.url), tolerance_s=0.0)
        found, result = check(film(tmp_path / "dark.mp4", shots), options)
    dark = [as_line(e) for e in result.bundle.timeline if e.text == "Black picture."]
    assert len(dark) == 12
    told = found.estimate.facts
    assert told.timeline_tokens.least > tokens.count("\n".join(dark), None)[0]
    captions = [e for e in result.bundle.timeline if e.kind == "caption" and e.source == "remote"]
    assert len(captions) == told.captions.most < 12


def test_cues_outside_of_the_stretch_are_subtitles_all_the_same(tmp_path: Path) -> None:
    video = spoken_video(tmp_path / "said.mp4", LINES, 50)
    video.with_suffix(".srt").write_text(srt([(1.0, 2.0, "Early."), (40.0, 42.0, "Late.")]))
    found, result = check(video, replace(SUBTITLED, start_s=5.0, end_s=20.0))
    heard = result.bundle.evidence.transcript
    assert (found.estimate.facts.subtitles is True) == (heard.backend == "subtitles")


def test_sound_only(tmp_path: Path) -> None:
    found, _ = check(spoken_wav(tmp_path / "said.wav", LINES, 55), LOCAL)
    assert not found.estimate.facts.has_video
    assert found.estimate.facts.captions == Span(0, 0, 0)
    assert found.estimate.facts.speech_s.likely > 3


@pytest.mark.slow
def test_noise_is_not_speech_and_no_sound_is_none(tmp_path: Path) -> None:
    sound = np.concatenate([noise(20, 0.3), speech([(1.0, "close video")], 10)])
    found, _ = check(spoken_video(tmp_path / "noise.mp4", [], 30, sound=sound), LOCAL)
    assert 0.5 < found.estimate.facts.speech_s.likely < 10
    still = np.zeros((90, 160, 3), np.uint8)
    still[20:60, 30:90] = 200
    silent, _ = check(film(tmp_path / "silent.mp4", [(12.0, still)]), LOCAL)
    assert not silent.estimate.facts.has_audio
    assert silent.estimate.facts.speech_s == Span(0, 0, 0)


def test_a_run_that_recognises_nothing_still_says_how_much_is_said(scenes: Path) -> None:
    found, result = check(scenes, LITE)
    assert result.bundle.evidence.transcript.backend == "none"
    assert found.estimate.facts.speech_s.likely > 3
    assert found.estimate.totals.calls == Span(0, 0, 0)


def provider_step(call: Call) -> Answer:
    """Recognise, describe or sum up, and count as many tokens as a bad tokenizer does."""
    if call.method == "GET":
        return fails(404)
    if call.path.endswith("/audio/transcriptions"):
        return transcribes()(call)
    content = call.body["messages"][-1]["content"]
    if isinstance(content, str):
        answer = honest(call)
        size = sum(len(message["content"].encode()) for message in call.body["messages"])
        usage = {"prompt_tokens": size, "completion_tokens": 200, "total_tokens": size + 200}
        assert isinstance(answer.body, dict)
        return replace(answer, body={**answer.body, "usage": usage})
    size = sum(len(part["text"].encode()) for part in content if part["type"] == "text")
    return says("A red circle on a plain ground.", usage=(size + 250, 12))


def far(url: str) -> Options:
    return Options(
        tier="api", api=url, caption_model="seer", reason_model="seer", speech_model="ear",
        ocr=False, api_requests=3,
    )  # fmt: skip


def test_models_of_a_provider_and_their_prices(scenes: Path) -> None:
    with ScriptedProvider(provider_step) as provider:
        found, result = check(scenes, far(provider.url))
    sums = found.estimate.totals
    assert sums.unknown_usd == 0
    assert sums.unknown_cu == 4  # nobody knows the dimensions
    assert result.receipt.total.usd_nano.value > 0
    assert {e.stage for e in rows(result) if e.kind == "call"} == {
        "describe", "transcript", "reason"}  # fmt: skip


def looks_again(call: Call) -> Answer:
    """The same, but who writes the summary asks to see as many moments again as it may."""
    answer = provider_step(call)
    if call.raw[:1] != b"{" or "response_format" not in call.body:
        return answer  # sound, or a picture
    if "look_again" not in keys(call):
        return answer
    assert isinstance(answer.body, dict)
    [choice] = answer.body["choices"]
    written = json.loads(choice["message"]["content"])
    written["look_again"] = [{"at": at, "question": f"What shape is seen at {at}?" * 9}
                             for at in ("0:12", "0:31", "0:03")]  # fmt: skip
    again = says(json.dumps(written))
    assert isinstance(again.body, dict)
    return replace(answer, body={**again.body, "usage": answer.body["usage"]})


@pytest.mark.parametrize(("most", "moments"), [
    (None, ["0:03", "0:12", "0:31"]), pytest.param(1, ["0:12"], marks=pytest.mark.slow),
])  # fmt: skip
def test_second_looks_and_the_revision_after_them(
    scenes: Path, most: int | None, moments: list[str]
) -> None:
    with ScriptedProvider(looks_again) as provider:
        options = replace(far(provider.url), second_look=most)
        found, result = check(scenes, options)
    looked = calls_of(rows(result), "look")
    reasons = [(row.reason or "").partition(": ")[0] for row in looked]
    assert reasons == [f"second look at {at}" for at in moments]
    assert len(calls_of(rows(result), "reason")) == 2
    told = found.estimate.stage("look")
    assert told is not None
    assert told.calls == Span(0, len(moments), len(moments) + 1)  # once more if it thinks
    quoted = result.receipt.quoted
    assert quoted is not None
    spent = result.receipt.total.calls
    assert quoted.calls[0] <= spent <= quoted.calls[2]


@pytest.mark.slow
def test_the_text_on_screen_that_a_model_will_be_told_is_counted(talk: Path) -> None:
    with ScriptedProvider(provider_step) as provider:
        options = replace(far(provider.url), ocr=True, transcriber="subtitles", end_s=25.0)
        found, result = check(talk, options)
    assert any(e.kind == "text" for e in result.bundle.timeline)
    told = found.estimate.facts.timeline_tokens
    blind = api.estimate(talk, replace(options, ocr=False), precise=True).estimate.facts
    assert told.least > blind.timeline_tokens.least


def test_a_survey_asks_nobody_and_loads_no_model(scenes: Path) -> None:
    with ScriptedProvider(provider_step) as provider:
        api.estimate(scenes, far(provider.url), precise=True)
        api.estimate(scenes, far(provider.url), precise=True, compare=True)
    assert provider.calls == []
    with Ledger(default_path()) as ledger:
        kinds = {entry.kind for entry in ledger.entries()}
    assert "call" not in kinds


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", CLIPS)
def test_real_clips(real_media: Path, name: str) -> None:
    check(real_media / name, LOCAL)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", CLIPS)
def test_real_clips_at_a_provider(real_media: Path, name: str) -> None:
    with ScriptedProvider(provider_step) as provider:
        check(real_media / name, replace(far(provider.url), ocr=True))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", CLIPS)
def test_real_clips_in_the_lite_tier(real_media: Path, name: str) -> None:
    check(real_media / name, LITE)
