"""What every backend of a stage must keep to, run on each one that the registry names.

The contract of the transcribers is in tests/transcribers/test_contract.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from chat_server import MODEL, ChatServer
from models import MMPROJ, VLM
from models.text_gguf import text_gguf
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont
from reasoner.writers import honest
from scripted_provider import ScriptedProvider

from vidsum import api, registry
from vidsum.captioners.protocol import Captioner, CaptionRequest
from vidsum.config import Options
from vidsum.data import Bundle, Frame, Image, Sample
from vidsum.media.picture import measure
from vidsum.ocr.protocol import TextReader
from vidsum.reasoner.protocol import Reasoner


def names(stage: str) -> list[str]:
    return list(registry.STAGES[stage])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatServer]:
    with ChatServer(tmp_path_factory.mktemp("server")) as found:
        yield found


@pytest.fixture(scope="module")
def text_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return text_gguf(tmp_path_factory.mktemp("text") / "text.gguf")


@pytest.fixture(scope="module")
def writer() -> Iterator[ScriptedProvider]:
    with ScriptedProvider(honest) as found:
        yield found


@pytest.fixture
def options(name: str, request: pytest.FixtureRequest) -> Options:
    """What a backend needs to work here: the tiny models, in this process or behind a server."""
    if name == "local":
        words = request.getfixturevalue("text_model")
        return Options(caption_model=str(VLM), mmproj=MMPROJ, reason_model=str(words), threads=1)
    if name == "remote":
        url, writer = (request.getfixturevalue(one).url for one in ("server", "writer"))
        return Options(api=url, caption_model=MODEL, reason_api=writer, reason_model="m",
                       reason_context_tokens=4096)  # fmt: skip
    return Options()


def picture(words: str, shade: int) -> Image:
    page = Pillow.new("RGB", (640, 360), (shade, shade, shade))
    font = ImageFont.load_default(size=48)
    ImageDraw.Draw(page).text((40, 40), words, fill=(255 - shade,) * 3, font=font)
    return np.asarray(page)


def frames() -> list[Frame]:
    looks = [("FIRST PAGE", 250), ("SECOND PAGE", 10), ("", 250), ("THIRD PAGE", 240)]
    return [
        Frame(Sample(i * 2, i * 10.0, i * 10.0, i * 10.0), picture(words, shade))
        for i, (words, shade) in enumerate(looks)
    ]


@pytest.mark.parametrize("name", names("captioner"))
def test_captioners(name: str, options: Options) -> None:
    assert registry.readiness("captioner", name, options).ready
    captioner: Captioner = registry.load("captioner", name, options)
    assert captioner.tally.counts == {}
    requests = [CaptionRequest(f.sample, measure(f.image, None), None, f.image) for f in frames()]
    captions = list(captioner.caption(requests))
    assert [c.index for c in captions] == [0, 2, 4, 6]
    assert [c.time_s for c in captions] == [0.0, 10.0, 20.0, 30.0]
    assert {c.backend for c in captions} == {captioner.name} == {name}
    assert {c.error for c in captions} == {None}
    assert all(c.text.strip() == c.text and c.text.isprintable() and c.text for c in captions)
    assert captions[0].text != captions[1].text, "very different pictures, one caption"
    assert list(captioner.caption([])) == []
    assert captioner.tally.counts.get("calls", 0) == (
        len(requests) if captioner.needs_pixels else 0
    )
    captioner.close()
    captioner.close()


@pytest.mark.parametrize("name", names("reader"))
def test_readers(name: str, options: Options) -> None:
    reader: TextReader = registry.load("reader", name, options)
    found = [reader.read(frame) for frame in frames()]
    assert [t.index for t in found] == [0, 2, 4, 6]
    assert [" ".join(line.text for line in t.lines) for t in found] == [
        "FIRST PAGE", "SECOND PAGE", "", "THIRD PAGE",
    ]  # fmt: skip
    for line in (line for text in found for line in text.lines):
        assert 0 <= line.left < line.right <= 1
        assert 0 <= line.top < line.bottom <= 1
        assert 0 < line.confidence <= 1
    assert 1 <= reader.calls <= 4


@pytest.fixture(scope="module")
def packed(talk: Path) -> Bundle:
    run = api.start(talk, Options(ocr=False, interval_s=10.0, end_s=60.0))
    return api.bundle(run, api.extract(run))


@pytest.mark.parametrize("name", names("reasoner"))
def test_reasoners(name: str, options: Options, packed: Bundle) -> None:
    assert registry.readiness("reasoner", name, options).ready
    reasoner: Reasoner = registry.load("reasoner", name, options)
    steps: list[tuple[int, int]] = []
    try:
        summary = reasoner.summarize(packed, lambda done, total: steps.append((done, total)))
    finally:
        reasoner.close()
    assert (summary.model is None) == (name == "extractive")
    assert bool(reasoner.tally.counts.get("calls")) == bool(steps) == (name != "extractive")
    assert all(0 <= done <= total for done, total in steps)
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    ids = {entry.id for entry in packed.timeline}
    end_s = packed.evidence.end_s
    assert summary.backend == reasoner.name
    assert summary.title
    assert summary.overview
    assert summary.method
    for point in summary.key_points:
        assert bool(point.evidence) is point.supported
        assert set(point.evidence) <= ids
        if point.start_s is not None and point.end_s is not None:
            assert 0 <= point.start_s <= point.end_s <= end_s
    times = [(c.start_s, c.end_s) for c in summary.chapters]
    assert times[0][0] == packed.evidence.start_s
    assert times[-1][1] == end_s
    assert all(a[1] == b[0] and a[0] < a[1] for a, b in pairwise(times))


@pytest.mark.parametrize("name", names("reasoner"))
def test_reasoners_make_something_of_nothing(name: str, options: Options, packed: Bundle) -> None:
    empty = replace(
        packed.evidence,
        observations=(),
        dropped=(),
        transcript=replace(packed.evidence.transcript, segments=()),
    )
    reasoner: Reasoner = registry.load("reasoner", name, options)
    summary = reasoner.summarize(replace(packed, evidence=empty, timeline=()))
    reasoner.close()
    reasoner.close()
    assert summary.title
    assert summary.key_points == ()
    assert "Little could be established" in summary.overview
