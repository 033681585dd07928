"""The sample video, whole: its summary must be true, by the script that made it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from vidsum import api
from vidsum.config import LENGTHS, Options
from vidsum.data import Answer, Result, Summary
from vidsum.reasoner.auditing import audited_answer, audited_summary
from vidsum.reasoner.extractive import ExtractiveReasoner
from vidsum.renderers.json import as_object

INTERVAL_S = 5.0
HERE = Path(__file__).parent / "media"


@cache
def truth() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((HERE / "talk.truth.json").read_text("utf-8"))
    return loaded


@pytest.fixture(scope="module")
def result(talk: Path) -> Result:
    return api.summarize(talk, Options(interval_s=INTERVAL_S))


def words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))


def test_the_chapters_are_the_slides(result: Result) -> None:
    assert [c.title for c in result.summary.chapters] == [s["title"] for s in truth()["slides"]]
    assert result.summary.chapter_basis == "titles"
    assert {c.title_from for c in result.summary.chapters} == {"screen"}


def test_each_chapter_starts_within_one_interval_of_the_truth(result: Result) -> None:
    for chapter, slide in zip(result.summary.chapters, truth()["slides"], strict=True):
        assert abs(chapter.start_s - slide["start_s"]) <= INTERVAL_S


def test_chapters_cover_the_video_without_a_gap(result: Result) -> None:
    chapters = result.summary.chapters
    assert chapters[0].start_s == 0
    assert chapters[-1].end_s == pytest.approx(truth()["duration_s"], abs=0.1)
    for one, following in pairwise(chapters):
        assert one.end_s == following.start_s


def test_key_points_come_from_several_parts_and_were_really_said(result: Result) -> None:
    points = result.summary.key_points
    slides = truth()["slides"]
    said = words(" ".join(s for slide in slides for s in slide["narration"]))
    assert 4 <= len(points) <= 10
    parts = {next(i for i, s in enumerate(slides) if p.start_s < s["end_s"]) for p in points}
    assert len(parts) >= 4
    for point in points:
        assert point.quoted
        assert words(point.text) in said


def test_evidence_ids_exist_and_hold_the_quote(result: Result) -> None:
    entries = {e.id: e for e in result.bundle.timeline}
    for point in result.summary.key_points:
        text = words(" ".join(entries[i].text for i in point.evidence))
        assert words(point.text) in text


def of_length(result: Result, length: str) -> Summary:
    return ExtractiveReasoner(Options(length=length)).summarize(result.bundle)


def test_each_length_tells_of_the_whole_talk(result: Result) -> None:
    duration_s = truth()["duration_s"]
    counts = []
    for length in LENGTHS:
        points = of_length(result, length).key_points
        assert {int((point.start_s or 0.0) / duration_s * 4) for point in points} == set(range(4))
        counts.append(len(points))
    short, medium, long = counts
    assert medium / 2 <= short < medium < long <= 2 * medium
    assert len(result.summary.key_points) == medium


def test_what_a_chapter_quotes_is_said_in_it(result: Result) -> None:
    for length in LENGTHS:
        for chapter in of_length(result, length).chapters:
            if chapter.gist is not None:
                # A chapter begins up to one interval late, half of one on average.
                start_s = chapter.gist.start_s or 0.0
                assert chapter.start_s - INTERVAL_S / 2 <= start_s < chapter.end_s


def test_what_is_quoted_goes_through_the_last_gate_as_it_is(result: Result) -> None:
    for length in LENGTHS:
        found = of_length(result, length)
        audited = audited_summary(found, result.bundle)
        assert audited.grounding.unsupported == 0
        assert audited.grounding.claims > len(found.key_points)
        assert replace(audited, grounding=found.grounding) == found


def test_names_are_the_talks_own(result: Result) -> None:
    names = {name.text for name in result.summary.names}
    assert names >= {"Moon", "Sun", "Earth", "Bay of Fundy", "Brittany"}
    told = [w for s in truth()["slides"] for w in (*s["lines"], *s["narration"])]
    assert all(words(name) in words(" ".join(told)) for name in names)


@pytest.mark.parametrize(
    ("question", "answer", "slide"),
    [
        ("What pulls harder, the Sun or the Moon?", "The Sun pulls on us nearly 180 times", 3),
        ("When are spring tides?", "At new and full moon, Sun and Moon work along one line", 4),
        ("Who built the machine?", "Kelvin designs a tide predictor", 9),
        ("Why do days get longer?", "a century: the day gets longer", 11),
        ("How high is the tide in the Bay of Fundy?", "Bay of Fundy, Canada / 16 m", 7),
    ],
)
def test_questions_are_answered_with_the_passage(
    result: Result, question: str, answer: str, slide: int
) -> None:
    found = ask(result, question)
    assert found.found
    first = next(claim for claim in found.claims if answer in claim.text)
    assert found.claims.index(first) <= 1
    shown = truth()["slides"][slide]
    assert first.start_s == pytest.approx(shown["start_s"], abs=INTERVAL_S)
    assert replace(audited_answer(found, result.bundle), grounding=found.grounding) == found


def test_what_the_talk_does_not_tell_is_not_found(result: Result) -> None:
    found = ask(result, "What is the price of fish?")
    assert (found.found, found.claims) == (False, ())


def ask(result: Result, question: str) -> Answer:
    return ExtractiveReasoner().answer(result.bundle, question)


def test_the_transcript_is_the_embedded_track(result: Result) -> None:
    transcript = result.bundle.evidence.transcript
    cues = truth()["cues"]
    assert transcript.source == "embedded subtitles, track 1 (eng)"
    assert [s.text for s in transcript.segments] == [c["text"] for c in cues]
    for segment, cue in zip(transcript.segments, cues, strict=True):
        assert segment.start_s == pytest.approx(cue["start_s"], abs=0.05)
        assert segment.end_s == pytest.approx(cue["end_s"], abs=0.05)


def test_most_words_on_the_slides_are_read(result: Result) -> None:
    read: set[str] = set()
    for seen in result.bundle.evidence.observations:
        for line in seen.text.lines if seen.text else ():
            read |= set(words(line.text).split())
    written = {w for s in truth()["slides"] for line in s["lines"] for w in words(line).split()}
    written = {w for w in written if len(w) > 2 and not w.isdigit()}
    assert len(written & read) / len(written) > 0.93


def test_the_black_moment_was_seen_and_dropped(result: Result) -> None:
    black = [d for d in result.bundle.evidence.dropped if d.reason == "black"]
    assert len(black) == 1
    assert truth()["black"]["start_s"] <= black[0].sample.time_s < truth()["black"]["end_s"]


def test_every_sample_is_accounted_for(result: Result) -> None:
    evidence = result.bundle.evidence
    assert evidence.coverage is not None
    grid = -(-truth()["duration_s"] // INTERVAL_S)
    assert evidence.coverage.samples == len(evidence.observations) + len(evidence.dropped)
    assert evidence.coverage.samples in (grid, grid + 1)
    assert evidence.coverage.covered_share == 1.0
    assert evidence.coverage.largest_gap_s <= INTERVAL_S * 1.5


def test_the_json_is_complete(result: Result) -> None:
    found = as_object(result)
    assert set(found) == {
        "schema_version", "vidsum_version", "source", "options", "partial", "warnings", "summary",
        "answer", "bought", "broll", "facts", "timeline", "frames", "dropped", "overlay",
        "transcript", "coverage", "bundle", "receipt", "failures",
    }  # fmt: skip
    assert {d["reason"] for d in found["dropped"]} >= {"duplicate", "black"}
    assert all(f["caption"]["backend"] == "builtin" for f in found["frames"])
    assert found["warnings"] == []
    assert found["partial"] is False


def test_the_receipt_adds_up(result: Result) -> None:
    stages = {s.stage: s for s in result.receipt.stages}
    assert stages["ocr"].counts["frames"] == len(result.bundle.evidence.observations)
    assert stages["ocr"].counts["calls"] <= stages["ocr"].counts["frames"]
    dedupe = stages["dedupe"].counts
    assert dedupe["seen"] == dedupe["kept"] + dedupe["dropped"]
    cpu_s = sum(s.cpu_s or 0 for s in result.receipt.stages)
    assert cpu_s <= result.receipt.cpu_s + 0.5


def test_the_method_is_honest(result: Result) -> None:
    assert "measured, not understood" in result.summary.method
    assert "not recognised" in result.summary.method
