"""Real clips: each gives a result or a clear refusal, and nothing untrue is claimed.

What is truly in the clips was seen by eye; see the README beside them.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from real_clips import CLIPS

from vidsum import api
from vidsum.config import Options
from vidsum.data import Result
from vidsum.renderers.page import page
from vidsum.renderers.text import text

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

UNKNOWABLE = re.compile(
    r"\b(person|people|man|woman|men|women|face|dog|cat|bird|rabbit|car|plane|indoors?|outdoors?|"
    r"walks?|stands?|camera moves?)\b", re.IGNORECASE,
)  # fmt: skip


def summarize(folder: Path, name: str) -> Result:
    return api.summarize(folder / name, Options())


@pytest.mark.parametrize("name", CLIPS)
def test_a_result_that_claims_nothing_it_cannot_know(real_media: Path, name: str) -> None:
    result = summarize(real_media, name)
    claims = " ".join(e.text for e in result.bundle.timeline if e.source == "builtin")
    assert not UNKNOWABLE.search(claims)
    assert len(text(page(result, with_timeline=True))) > 500
    assert not result.partial


def test_text_is_read_where_there_is_some(real_media: Path) -> None:
    written = " ".join(
        e.text for e in summarize(real_media, "bbb_30s.webm").bundle.timeline if e.kind == "text"
    )
    assert "PEACH OPEN MOVIE PROJECT" in written
    assert "BUNNY" in written


@pytest.mark.parametrize("name", ["bottles.mp4", "chaplin.mp4", "rabbit.mp4", "fades.mp4"])
def test_no_text_is_read_where_there_is_none(real_media: Path, name: str) -> None:
    assert [e for e in summarize(real_media, name).bundle.timeline if e.kind == "text"] == []


def test_black_and_white_and_pillarbox_are_told(real_media: Path) -> None:
    seen = summarize(real_media, "chaplin.mp4").bundle.evidence.observations
    assert {o.facts.monochrome for o in seen} == {True}
    assert {o.facts.bars for o in seen} == {"pillarbox"}


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [("jfk.flac", 0.5, 0.95), ("beckett.wav", 0.3, 0.9), ("rabbit.mp4", 0.0, 0.35)],
)
def test_the_share_of_speech(real_media: Path, name: str, least: float, most: float) -> None:
    transcript = summarize(real_media, name).bundle.evidence.transcript
    assert transcript.heard_s is not None
    assert transcript.speech_s is not None
    assert least <= transcript.speech_s / transcript.heard_s <= most


@pytest.mark.parametrize("name", ["jfk.flac", "beckett.wav", "cover_art.mp3"])
def test_sound_only_says_so(real_media: Path, name: str) -> None:
    evidence = summarize(real_media, name).bundle.evidence
    assert evidence.coverage is None
    assert "no-video" in {notice.code for notice in evidence.notices}
