"""One small result with everything in it, hostile text included."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from vidsum.data import (
    Answer,
    AudioTrack,
    Basis,
    Bought,
    BoughtModality,
    Bundle,
    Caption,
    Chapter,
    Claim,
    Coverage,
    DroppedSample,
    Evidence,
    Fact,
    Grounding,
    MediaInfo,
    ModalityCost,
    Name,
    Notice,
    Observation,
    PictureFacts,
    Quoted,
    Receipt,
    Result,
    Sample,
    Saving,
    ScreenText,
    SecondLook,
    Segment,
    Spending,
    StageCost,
    Sum,
    Summary,
    TextLine,
    TimelineEntry,
    Total,
    Transcript,
    VideoTrack,
)


def observation(index: int, time_s: float, words: str) -> Observation:
    line = TextLine(words, 0.97, 0.1, 0.1, 0.5, 0.2)
    return Observation(
        Sample(index, time_s, time_s, time_s),
        PictureFacts("bright", 200.5, False, False, "none", 0.81234),
        ScreenText(index, time_s, (line,), words),
        Caption(index, time_s, f"Slide titled “{words}”.", "builtin"),
    )


@pytest.fixture
def result() -> Result:
    info = MediaInfo(
        Path("/videos/talk <1>.mp4"), 123_456, "mov,mp4", 62.5, 0.0,
        VideoTrack(0, "h264", 1280, 720, 25.0, 62.5),
        (AudioTrack(1, 1, "aac", "eng", 2, 48_000, True),),
    )  # fmt: skip
    transcript = Transcript(
        (Segment(1.0, 4.5, "Water boils at 100 degrees."),), "subtitle file talk.srt", "subtitles",
        "en",
    )  # fmt: skip
    evidence = Evidence(
        info, (observation(0, 0.0, "Boiling *water*"), observation(2, 10.0, "<script>x</script>")),
        (DroppedSample(Sample(1, 5.0, 5.0, 4.96), "duplicate", 0),),
        transcript, Coverage(3, 2, 62.5, 1.0, 5.0, 0.0), 0.0, 62.5, 5.0, ("LIVE",),
        (Notice("cut-off", "The file is cut off.", partial=True),),
        (Fact("Title", "On *water*", "tag title"),),
    )  # fmt: skip
    timeline = (
        TimelineEntry("f1", "fact", 0.0, 62.5, "File name: talk <1>.mp4", "file name"),
        TimelineEntry("t1", "text", 0.0, 10.0, "Boiling *water*\nsecond row", "screen"),
        TimelineEntry("s1", "speech", 1.0, 4.5, "Water boils at 100 degrees.", "subtitles"),
        TimelineEntry("c2", "caption", 10.0, 62.5, "![x](http://evil/x.png)\x1b[31m", "builtin"),
    )
    point = Claim("Water boils at 100 degrees.", 1.0, 4.5, ("s1",), True)
    summary = Summary(
        "Boiling *water*", "A 1:02 video about [water](http://evil) and \x1b[2Jmore.",
        (point,),
        (Chapter(0.0, 10.0, "Boiling *water*", "screen", ("heat", "steam"), point),
         Chapter(10.0, 62.5, "<script>x</script>", "screen")),
        "titles", ("water",), "extractive", "Frames were measured, not understood.",
        ("To get this evidence as a prompt: vidsum bundle talk.mp4",), quotes=(point,),
        grounding=Grounding(2, 2, 0, {}, 3, 1, 0.1, 57.5, 5.0),
    )  # fmt: skip
    receipt = Receipt(
        (StageCost("decode", "video", "pyav", 1.25, 0.5, {"frames": 3, "packets": 1562}),
         StageCost("ocr", "image", "rapidocr", 2.0, None, {"calls": 2})),
        3.5, 2.75, main_s=3.4, recorded=True,
    )  # fmt: skip
    return Result(
        Bundle(evidence, timeline, 120, "estimated"), summary, receipt,
        {"interval_s": 5.0, "prompts_dir": Path("/p")}, "0.0.0-test",
    )  # fmt: skip


@pytest.fixture
def written(result: Result) -> Result:
    """The same video, summed up by a model that another backend let down and that is hostile."""
    quoted = Claim("Water boils at 100 degrees.", 1.0, 4.5, ("s1",), True)
    stated = Claim("Steam is <script>x</script> vapour.", 1.0, 62.5, ("s1", "c2"), False)
    made_up = Claim("It was *never* said.", None, None, (), supported=False)
    again = TimelineEntry("l1", "caption", 12.0, 12.0, "A kettle.\x1b[8m", "m")
    summary = Summary(
        "![Boiling](http://evil/x.png)",
        "## On boiling, and on [steam](http://evil). It was *never* said.",
        (quoted, stated, made_up),
        (Chapter(0.0, 10.0, "Heat", "model", gist=stated),
         Chapter(10.0, 62.5, "1. Steam", "model", gist=made_up)),
        "model", ("water",), "remote", "Written by m at openai, in two calls.",
        caveats=("What the *steam* is for.",), model="m",
        overview_claims=(
            Claim("## On boiling, and on [steam](http://evil).", 1.0, 4.5, ("s1",)), made_up,
        ),
        names=(Name("Celsius", "person", ("s1",)), Name("<b>Brest</b>", "place", ("t1",)),
               Name("Kelvin", "person", ("c2", "s1")), Name("SI", "unknown", ("f1",))),
        quotes=(quoted, Claim("second row", 0.0, 10.0, ("t1",), True)),
        grounding=Grounding(12, 9, 3, {"ids": 1}, 3, 3, 0.85, 45.0, 17.0),
        left_out={"caption": 12, "text": 1},
        looks=(SecondLook(12.0, "What is on the *stove*?", again),
               SecondLook(40.0, "Who speaks?", refused="there was no room under the cap.")),
    )  # fmt: skip
    seen = Total(
        calls=3, failed_calls=1, input_tokens=Sum(2410, 1), output_tokens=Sum(96, 1), images=2,
        wall_s=Sum(2.0), cpu_s=Sum(0.4, 1), joules=Sum(1.4, 1, True), cu=Sum(0, 3),
        usd_nano=Sum(1_230_000, 1),
    )  # fmt: skip
    told = Total(calls=2, input_tokens=Sum(1200), output_tokens=Sum(300), wall_s=Sum(1.0),
                 cpu_s=Sum(0.9), joules=Sum(3.15, 0, True), cu=Sum(0.0421, 0, True))  # fmt: skip
    whole = Total(
        calls=5, failed_calls=1, input_tokens=Sum(3610, 1), output_tokens=Sum(396, 1), images=2,
        wall_s=Sum(3.0), cpu_s=Sum(1.3, 1), joules=Sum(4.55, 1, True), cu=Sum(0.0421, 3, True),
        usd_nano=Sum(1_230_000, 1),
    )  # fmt: skip
    receipt = replace(
        result.receipt, api_usd=None, total=whole, main_s=3.4, joules=Sum(4.55, 1, True),
        joules_method="cpu_s×W", run_id="a1b2", recorded=True, prices="a table of 2026",
        modalities=(ModalityCost("image", "understand", seen),
                    ModalityCost("text", "understand", told)),
        savings=(Saving("dedupe", "1 picture", 1, 2.0, None, 410_000),),
        spending=Spending("0.05", given_up=("3 of 5 pictures were not described.",)),
        quoted=Quoted("probe", (2, 4, 9), None, ("0.0004", "0.0011", "0.0090")),
    )  # fmt: skip
    return replace(
        result, summary=summary, receipt=receipt,
        failures=("openai gave no answer within 60 s. Wait longer.",),
    )  # fmt: skip


@pytest.fixture
def answered(written: Result) -> Result:
    """A question that a model answered from the same video."""
    answer = Answer(
        "At what heat does `water` boil?\n", True,
        (Claim("It boils at 100 degrees.", 1.0, 4.5, ("s1", "t1")),
         Claim("Water boils at 100 degrees.", 1.0, 4.5, ("s1",), True),
         Claim("Only at sea level.", None, None, (), supported=False)),
        "remote", "Written by m at openai, in one call.", caveats=("The pressure.",), model="m",
        grounding=Grounding(3, 2, 1, {}, 3, 2, 0.2, 50.0, 12.0),
    )  # fmt: skip
    return replace(written, summary=None, answer=answer, failures=())


@pytest.fixture
def untold(result: Result) -> Result:
    """A question that the same video does not answer, with what comes near, quoted."""
    answer = Answer(
        "Who is speaking?", False, (Claim("Water boils at 100 degrees.", 1.0, 4.5, ("s1",), True),),
        "extractive", "The timeline was searched for the question's words.",
        grounding=Grounding(1, 1, 0, {}, 3, 1, 0.1, 57.5, 5.0),
    )  # fmt: skip
    return replace(result, summary=None, answer=answer)


@pytest.fixture
def bought(written: Result) -> Result:
    """What each modality brought to the summary that a model wrote; speech cost nobody knows."""
    whole = written.summary
    assert whole is not None
    quoted = whole.key_points[0]
    seen = Claim("Boiling water is shown.", 0.0, 10.0, ("t1",))
    whole = replace(whole, key_points=(*whole.key_points, seen), looks=())
    blind = replace(whole, title="Heard: <b>Heat</b>", key_points=(quoted,), chapters=())
    cost = replace(written.receipt.modalities[0].total, cu=Sum(0.000_41))
    modalities = (
        BoughtModality("frames", 2, (seen,), blind, ModalityCost("image", "understand", cost),
                       "0123456789abcdef"),
        BoughtModality("speech", 1, (quoted, whole.overview_claims[0]), None, None),
    )  # fmt: skip
    by_basis: dict[Basis, int] = {"frames": 1, "speech": 2, "both": 1, "nothing": 1}
    return replace(written, summary=whole, bought=Bought(whole, by_basis, modalities))
