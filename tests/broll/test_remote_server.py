"""The remote image engine with a server that truly paints: stable-diffusion.cpp on loopback."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from image_server import MODEL, ImageServer
from models.flux2 import write_model
from recording_desk import RecordingDesk

from vidsum.broll.engines.protocol import ImageRequest, Unanswered
from vidsum.broll.engines.remote import RemoteEngine
from vidsum.config import Options
from vidsum.data import Image
from vidsum.errors import RequestFailed

pytestmark = pytest.mark.slow
PROMPT = "fog over a harbour"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImageServer]:
    with ImageServer(write_model(tmp_path_factory.mktemp("flux2"))) as found:
        yield found


@pytest.fixture
def desk() -> RecordingDesk:
    return RecordingDesk()


@pytest.fixture
def engine(server: ImageServer, desk: RecordingDesk) -> Iterator[RemoteEngine]:
    made = RemoteEngine(Options(image_api=server.url, image_model=MODEL))
    made.tally.bind(desk)
    yield made
    made.close()


def flat(*colour: int) -> Image:
    return np.full((64, 64, 3), colour, np.uint8)


def nearness(image: Image, colour: Image) -> float:
    """The mean distance of a picture from a colour, per channel, 0 to 255."""
    return float(np.abs(image.astype(float).mean((0, 1)) - colour[0, 0]).mean())


def test_a_reference_carries_its_colours_over(engine: RemoteEngine, desk: RecordingDesk) -> None:
    red, blue = flat(220, 50, 30), flat(30, 60, 210)
    for near, far in ((red, blue), (blue, red)):
        request = ImageRequest(PROMPT, 80, 64, seed=5, references=(near,))
        (made,) = engine.generate(request)
        assert made.image.shape == (64, 80, 3)
        assert made.seed == 5
        assert nearness(made.image, near) < nearness(made.image, far) / 3
        assert (made.cost_usd, made.cost_from) == (None, "unknown")
    assert desk.phases == ["settle", "settle"]
    assert {ending.origin for ending in desk.endings} == {"measured"}  # it reports no usage
    assert [ending.used.pixels for ending in desk.endings] == [80 * 64] * 2


def test_seeds_and_several_at_once(engine: RemoteEngine, desk: RecordingDesk) -> None:
    (alone,) = engine.generate(ImageRequest(PROMPT, 64, 64, seed=7, steps=1))
    first, second = engine.generate(ImageRequest(PROMPT, 64, 64, seed=7, count=2, steps=1))
    assert np.array_equal(alone.image, first.image)
    assert not np.array_equal(first.image, second.image)
    assert (first.seed, second.seed) == (7, 8)
    (again,) = engine.generate(ImageRequest(PROMPT, 64, 64, seed=8, steps=1))
    assert np.array_equal(again.image, second.image)
    assert [ending.used.images for ending in desk.endings] == [1, 2, 1]


def test_several_at_once_with_a_reference(engine: RemoteEngine, desk: RecordingDesk) -> None:
    red = flat(220, 50, 30)
    pair = engine.generate(
        ImageRequest(PROMPT, 64, 64, seed=3, count=2, references=(red,), steps=1)
    )
    assert [nearness(one.image, red) < nearness(one.image, flat(30, 60, 210)) / 3
            for one in pair] == [True, True]  # fmt: skip
    assert not np.array_equal(pair[0].image, pair[1].image)
    assert [(ending.phase, ending.used.images) for ending in desk.endings] == [("settle", 2)]


def test_a_refusal_costs_nothing(engine: RemoteEngine, desk: RecordingDesk) -> None:
    with pytest.raises(RequestFailed, match="content filter refused it"):
        engine.generate(ImageRequest(f"REFUSED {PROMPT}", 64, 64, seed=5))
    assert desk.phases == ["release"]


def test_another_size_is_taken_as_it_came(engine: RemoteEngine, desk: RecordingDesk) -> None:
    (made,) = engine.generate(ImageRequest(f"HALVED {PROMPT}", 128, 128, seed=5, steps=1))
    assert made.image.shape == (64, 64, 3)
    assert [ending.used.pixels for ending in desk.endings] == [64 * 64]


def test_a_picture_that_takes_too_long_may_be_paid_for(
    server: ImageServer, desk: RecordingDesk
) -> None:
    engine = RemoteEngine(Options(image_api=server.url, image_model=MODEL, image_timeout_s=0.2))
    engine.tally.bind(desk)
    try:
        with pytest.raises(Unanswered):
            engine.generate(ImageRequest(PROMPT, 64, 64, seed=5))
    finally:
        engine.close()
    assert (desk.phases, len(desk.most)) == (["fail"], 1)
