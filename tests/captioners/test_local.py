"""The local captioner with the tiny trained model: true captions, and never another picture's."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from models import MMPROJ, VLM
from scenes import Scene, random_scenes

from vidsum.backends.llama_vision import LlamaVision
from vidsum.captioners.local import LocalCaptioner, build, ready
from vidsum.captioners.protocol import CaptionRequest
from vidsum.config import Options
from vidsum.data import Caption, ChatRequest, Image, Reply, Sample
from vidsum.errors import BackendFailed, BackendMissing
from vidsum.media.picture import measure

SPEECH = """today we learn how the network sees a red circle and a blank screen and then we talk
about the data and the graph on the slide with a title and four lines of text so please ask"""
WRONG = np.zeros((5, 5, 4), np.uint8)


@pytest.fixture
def captioner() -> Iterator[LocalCaptioner]:
    with closing(build(Options(caption_model=str(VLM), mmproj=MMPROJ, threads=1))) as found:
        yield found


def requests(images: Iterable[Image], speech: str = "") -> Iterator[CaptionRequest]:
    """Turn pictures into requests as the pipeline does, five seconds apart."""
    rng = random.Random(1)
    before: Image | None = None
    for index, image in enumerate(images):
        good = image.ndim == 3 and image.shape[2] == 3
        facts = measure(image if good else np.zeros((9, 9, 3), np.uint8), before if good else None)
        before = image if good else before
        said = " ".join(rng.choices(speech.split(), k=rng.randint(5, 90))) if speech else ""
        time_s = 5.0 * index
        yield CaptionRequest(Sample(index, time_s, time_s, time_s), facts, None, image, said)


def texts(captions: Iterable[Caption]) -> list[str]:
    return [caption.text for caption in captions]


@pytest.mark.parametrize("speech", ["", SPEECH], ids=["no speech", "speech"])
def test_held_out_scenes_get_their_true_captions_at_their_times(
    captioner: LocalCaptioner, speech: str
) -> None:
    scenes = random_scenes(31_001, 60)
    sizes = (320, 180), (1280, 720), (512, 288), (320, 240)
    images = [scene.image(*sizes[n % 4]) for n, scene in enumerate(scenes)]
    captions = list(captioner.caption(requests(images, speech)))
    assert [(c.index, c.time_s) for c in captions] == [(n, 5.0 * n) for n in range(60)]
    assert {(c.backend, c.error) for c in captions} == {("local", None)}
    wrong = [(c.text, s.caption()) for c, s in zip(captions, scenes, strict=True)
             if c.text != s.caption()]  # fmt: skip
    assert wrong == []
    counts = captioner.tally.counts
    assert counts["calls"] == 60
    assert counts["cached_tokens"] > 59 * 30
    assert counts["input_tokens"] > counts["cached_tokens"] + 60 * 16
    assert "failed_calls" not in counts


THREE = (
    Scene("shape", "white", "red", "circle", "large", "left"),
    Scene("bars", "black", "green", count=4),
    Scene("blank", "blue"),
)


def test_three_different_pictures_in_a_row(captioner: LocalCaptioner) -> None:
    said = texts(captioner.caption(requests(scene.image() for scene in THREE)))
    assert said == [scene.caption() for scene in THREE]


def test_fifty_alternating_pictures(captioner: LocalCaptioner) -> None:
    scenes = [THREE[number % 2] for number in range(50)]
    said = texts(captioner.caption(requests((s.image() for s in scenes), SPEECH)))
    assert said == [scene.caption() for scene in scenes]
    assert captioner.tally.counts["calls"] == 50


def test_a_wrong_picture_fails_alone_with_its_reason(captioner: LocalCaptioner) -> None:
    red, blue = Scene("blank", "red"), Scene("blank", "blue")
    images = [red.image(), WRONG, blue.image(), WRONG, WRONG, red.image()]
    captions = list(captioner.caption(requests(images)))
    assert texts(captions) == [red.caption(), "", blue.caption(), "", "", red.caption()]
    errors = [caption.error for caption in captions]
    assert [error is None for error in errors] == [True, False, True, False, False, True]
    assert errors[1] is not None
    assert "RGB" in errors[1]
    assert captioner.tally.counts["failed_calls"] == 3


def test_five_failures_in_a_row_end_it(captioner: LocalCaptioner) -> None:
    captions = captioner.caption(requests([Scene("blank", "red").image(), *[WRONG] * 9]))
    got: list[Caption] = []
    with pytest.raises(BackendFailed, match=r"failed on 5 pictures in a row.*RGB"):
        got.extend(iter(lambda: next(captions), None))
    assert [caption.error is None for caption in got] == [True, *[False] * 5]


def test_a_model_that_does_not_load_ends_it_at_once(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(VLM.read_bytes()[:500_000])
    options = Options(threads=1)
    with closing(LocalCaptioner(LlamaVision(broken, MMPROJ, "broken"), options)) as captioner:
        captions = captioner.caption(requests([Scene("blank").image()] * 3))
        with pytest.raises(BackendFailed, match=r"broken\.gguf"):
            next(captions)


class Stuck(LlamaVision):
    """Shows the model an old picture until it is told to forget: what a stale cache would do.

    ``stuck`` is how often that helps: 1 for a state that is gone for good afterwards.
    """

    old: Image | None = None

    def complete(self, request: ChatRequest) -> Reply:
        if self.old is None:
            self.old = request.images[0]
        return super().complete(ChatRequest(
            request.system, request.prompt, (self.old,), max_tokens=request.max_tokens,
        ))  # fmt: skip

    def forget(self) -> None:
        super().forget()
        self.old = None


def test_an_old_picture_that_sticks_is_noticed_and_got_rid_of() -> None:
    scenes = [Scene("blank", color) for color in ("white", "black", "yellow", "black", "white")]
    with closing(Stuck(VLM, MMPROJ, "stuck", threads=1)) as vision:
        captioner = LocalCaptioner(vision, Options(threads=1))
        captions = list(captioner.caption(requests(scene.image() for scene in scenes)))
    assert [caption.error is None for caption in captions] == [True, True, False, True, True]
    assert captions[2].error is not None
    assert "earlier picture" in captions[2].error
    assert texts(captions)[3:] == [scene.caption() for scene in scenes[3:]]


class Parrot(LlamaVision):
    """Repeats the caption before as soon as it is told one, as small models do."""

    def complete(self, request: ChatRequest) -> Reply:
        told = "A blank white screen." in request.prompt
        white = Scene("blank", "white").image()
        images = (white,) if told else request.images
        return super().complete(ChatRequest(
            request.system, request.prompt, images, max_tokens=request.max_tokens,
        ))  # fmt: skip


def test_a_caption_that_is_repeated_for_other_pictures_gives_way_to_the_picture() -> None:
    scenes = [Scene("blank", color) for color in ("white", "black", "yellow", "black")]
    with closing(Parrot(VLM, MMPROJ, "parrot", threads=1)) as vision:
        captioner = LocalCaptioner(vision, Options(threads=1))
        captions = list(captioner.caption(requests(scene.image() for scene in scenes)))
    assert [caption.error for caption in captions] == [None] * 4
    assert texts(captions)[2:] == [scene.caption() for scene in scenes[2:]]


def test_pictures_that_do_look_alike_keep_their_caption(captioner: LocalCaptioner) -> None:
    light, dark = Scene("lines", "white", count=2), Scene("lines", "black", count=2)
    assert light.caption() == dark.caption()
    images = [light.image(), dark.image(), light.image(), light.image(), light.image()]
    captions = list(captioner.caption(requests(images)))
    assert texts(captions) == [light.caption()] * 5
    assert captioner.tally.counts["calls"] == 6
    assert all(caption.error is None for caption in captions)


def test_closing_twice_is_fine_and_ends_it(captioner: LocalCaptioner) -> None:
    captions = captioner.caption(requests([Scene("blank", "red").image()] * 2))
    assert next(captions).text == "A blank red screen."
    captioner.close()
    captioner.close()
    with pytest.raises(BackendFailed, match="was closed"):
        next(captions)


def test_readiness_names_the_model_or_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    here = ready(Options(caption_model=str(VLM), mmproj=MMPROJ))
    assert here.ready
    assert "tinyvlm" in here.what
    gone = ready(Options(caption_model=str(tmp_path / "gone.gguf"), mmproj=MMPROJ))
    assert not gone.ready
    assert gone.what
    with pytest.raises(BackendMissing):
        build(Options(caption_model=str(tmp_path / "gone.gguf"), mmproj=MMPROJ))
    monkeypatch.setitem(sys.modules, "llama_cpp", None)
    bare = ready(Options(caption_model=str(VLM), mmproj=MMPROJ))
    assert (bare.ready, bare.hint) == (False, "Install it: pip install 'vidsum[local]'")
    with pytest.raises(BackendMissing):
        build(Options(caption_model=str(VLM), mmproj=MMPROJ))


def test_readiness_loads_no_model_and_no_library() -> None:
    script = (
        "import sys\nfrom pathlib import Path\nfrom vidsum.captioners.local import ready\n"
        "from vidsum.config import Options\n"
        f"print(ready(Options(caption_model={str(VLM)!r}, mmproj=Path({str(MMPROJ)!r}))).ready)\n"
        "print(sorted({'llama_cpp', 'numpy', 'jinja2'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("True\n[]\n", "")


def test_layers_for_a_gpu_that_is_not_there_are_work_for_the_cores() -> None:
    import llama_cpp

    there = llama_cpp.llama_supports_gpu_offload()
    for layers, work in ((None, "gpu"), (5, "gpu"), (0, "cores")):
        options = Options(caption_model=str(VLM), mmproj=MMPROJ, threads=1, gpu_layers=layers)
        with closing(build(options)) as captioner:
            assert captioner.work == (work if there else "cores")
