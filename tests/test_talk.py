"""The sample video, whole: its summary must be true, by the script that made it."""

from __future__ import annotations

import json
import re
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from vidsum import api
from vidsum.config import Options
from vidsum.data import Result
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
        "timeline", "frames", "dropped", "overlay", "transcript", "coverage", "bundle", "receipt",
        "failures",
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
