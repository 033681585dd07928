"""Pictures through libmtmd: true captions, the stock handler as reference, odd pictures, memory."""

from __future__ import annotations

import base64
import io
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from models import MMPROJ, VLM
from models.qwen2vl import qwen2vl_pair
from models.stock import open_stock, stock_answer
from PIL import Image
from scenes import Scene, random_scenes

from vidsum.backends.grammar import grammar_of
from vidsum.backends.llama_vision import LlamaVision
from vidsum.data import ChatRequest
from vidsum.errors import BackendFailed, BackendMissing, RequestFailed

PROMPT = "Describe this video frame in one sentence."
SIZES = ((320, 180), (640, 360), (1280, 720), (320, 240), (160, 90))
ONE_MISREAD = 424242
"""A seed whose first 100 scenes the model gets right but for one: a star for a cross."""


@pytest.fixture(scope="module")
def vision() -> Iterator[LlamaVision]:
    with closing(LlamaVision(VLM, MMPROJ, "tiny", threads=1)) as model:
        yield model


def caption(vision: LlamaVision, image: np.ndarray, prompt: str = PROMPT) -> str:
    return vision.complete(ChatRequest("", prompt, (image,), max_tokens=48)).text


def test_held_out_scenes_get_their_true_captions(vision: LlamaVision) -> None:
    scenes = random_scenes(ONE_MISREAD, 100)
    said = [caption(vision, s.image(*SIZES[n % len(SIZES)])) for n, s in enumerate(scenes)]
    true = [scene.caption() for scene in scenes]
    assert sum(a == b for a, b in zip(said, true, strict=True)) >= 99


def test_all_tiles_say_what_the_stock_handler_says() -> None:
    pictures = [s.draw(*SIZES[n % len(SIZES)]) for n, s in enumerate(random_scenes(77_000, 12))]
    with closing(LlamaVision(VLM, MMPROJ, "tiny", threads=1, tiles="all")) as vision:
        replies = [
            vision.complete(ChatRequest("", PROMPT, (np.asarray(p),), max_tokens=32))
            for p in pictures
        ]
    with closing(open_stock(VLM, MMPROJ)) as stock:
        expected = [stock_answer(stock, picture, PROMPT) for picture in pictures]
    assert [reply.text for reply in replies] == [
        answer["choices"][0]["message"]["content"].strip() for answer in expected
    ]
    assert [(r.usage.input_tokens, r.usage.output_tokens) for r in replies] == [
        (answer["usage"]["prompt_tokens"], answer["usage"]["completion_tokens"])
        for answer in expected
    ]
    assert len({reply.text for reply in replies}) > 8


@pytest.fixture(scope="module")
def qwen_pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A pair with random weights of the other kind: any resolution, positions in two directions."""
    return qwen2vl_pair(tmp_path_factory.mktemp("qwen"))


def test_encoders_of_any_resolution_say_what_the_stock_handler_says(
    qwen_pair: tuple[Path, Path],
) -> None:
    schema = {"type": "integer", "minimum": 0}  # else it would speak in broken letters
    sizes = (320, 180), (160, 90), (320, 240)
    pictures = [s.draw(*sizes[n % 3]) for n, s in enumerate(random_scenes(5, 6))]
    with closing(LlamaVision(*qwen_pair, "tiny", threads=1, tiles="all")) as vision:
        said = []
        for picture in pictures:
            vision.forget()  # what knows nothing is near a tie everywhere
            request = ChatRequest("", PROMPT, (np.asarray(picture),), schema=schema, max_tokens=16)
            said.append(vision.complete(request).text)
    with closing(open_stock(*qwen_pair)) as stock:
        expected = [_stock_number(stock, picture, grammar_of(schema)) for picture in pictures]
    assert said == expected
    assert len(set(said)) > 2


def _stock_number(stock: Any, picture: Image.Image, gbnf: str) -> str:
    from llama_cpp import LlamaGrammar

    file = io.BytesIO()
    picture.save(file, "PNG")
    url = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
    parts = [{"type": "text", "text": PROMPT}, {"type": "image_url", "image_url": {"url": url}}]
    answer = stock.create_chat_completion(
        [{"role": "user", "content": parts}],
        grammar=LlamaGrammar.from_string(gbnf),
        max_tokens=16,
        temperature=0,
    )
    return str(answer["choices"][0]["message"]["content"]).strip()


def test_encoders_of_any_resolution_are_bounded_for_an_overview(
    qwen_pair: tuple[Path, Path],
) -> None:
    request = ChatRequest("", PROMPT, (Scene("shape").image(1280, 720),), max_tokens=8)
    words = ChatRequest("", PROMPT, max_tokens=8)
    taken = {}
    for tiles in ("overview", "all"):
        with closing(LlamaVision(*qwen_pair, "tiny", threads=1, tiles=tiles)) as vision:
            seen, read = vision.complete(request).usage, vision.complete(words).usage
            again = vision.complete(request).usage
        assert seen.input_tokens is not None
        assert read.input_tokens is not None
        assert again.input_tokens == seen.input_tokens
        assert (again.cached_tokens or 0) > 10
        taken[tiles] = seen.input_tokens - read.input_tokens
    assert 128 < taken["overview"] <= 260
    assert taken["all"] > 1000


def test_an_overview_costs_half_the_tokens_of_a_tile_and_an_overview(vision: LlamaVision) -> None:
    request = ChatRequest("", PROMPT, (Scene("blank").image(),))
    with closing(LlamaVision(VLM, MMPROJ, "tiny", threads=1, tiles="all")) as fine:
        all_tiles = fine.complete(request).usage.input_tokens
    overview = vision.complete(request).usage.input_tokens
    assert all_tiles is not None
    assert overview is not None
    assert all_tiles - overview >= 16


def test_the_words_before_a_picture_come_out_of_the_cache(vision: LlamaVision) -> None:
    image = Scene("shape").image()
    vision.forget()
    same = "Caption this frame. Be concise and factual. It was said: "
    replies = [
        vision.complete(ChatRequest("", same + said, (image,), max_tokens=48))
        for said in ("hello", "hello", "world and so on", "hello")
    ]
    cached = [reply.usage.cached_tokens for reply in replies]
    same_tokens = vision.count_tokens(same)[0]
    assert cached[0] == 0
    assert cached[1] is not None
    assert cached[1] > same_tokens
    assert cached[2] == cached[3]
    assert cached[2] is not None
    assert same_tokens - 2 <= cached[2] < cached[1]
    assert {reply.text for reply in replies} == {Scene("shape").caption()}
    steps = {"preprocess", "encode", "prefill", "generate"}
    assert all(set(reply.timings_s) == steps for reply in replies)


def test_several_pictures_and_none(vision: LlamaVision) -> None:
    scenes = Scene("blank", "red"), Scene("blank", "blue")
    two = vision.complete(ChatRequest("", PROMPT, tuple(s.image() for s in scenes)))
    one = vision.complete(ChatRequest("", PROMPT, (scenes[0].image(),)))
    none = vision.complete(ChatRequest("", PROMPT))
    assert two.usage.input_tokens is not None
    assert one.usage.input_tokens is not None
    assert none.usage.input_tokens is not None
    picture = one.usage.input_tokens - none.usage.input_tokens
    assert two.usage.input_tokens == none.usage.input_tokens + 2 * picture
    assert one.text == scenes[0].caption()


def test_a_picture_can_be_answered_in_a_form(vision: LlamaVision) -> None:
    schema = {"enum": ["A blank red screen.", "A blank blue screen."]}
    for color in ("red", "blue", "red"):
        scene = Scene("blank", color)
        reply = vision.complete(ChatRequest("", PROMPT, (scene.image(),), schema=schema))
        assert reply.text == f'"{scene.caption()}"'


@pytest.mark.parametrize(
    ("width", "height"),
    [(1, 1), (2, 2), (3, 1), (1, 300), (2, 300), (8000, 10), (1280, 1), (33, 71), (1023, 577)],
)
@pytest.mark.parametrize("tiles", ["overview", "all"])
def test_odd_sizes_are_looked_at(width: int, height: int, tiles: str) -> None:
    mode = "all" if tiles == "all" else "overview"
    image = np.full((height, width, 3), (35, 70, 210), np.uint8)
    with closing(LlamaVision(VLM, MMPROJ, "tiny", threads=1, tiles=mode)) as vision:
        said = caption(vision, image)
        assert said
        if 8 * min(width, height) >= max(width, height):
            assert said == "A blank blue screen."
        assert caption(vision, Scene("blank", "red").image()) == "A blank red screen."


def test_a_view_into_a_larger_picture_is_read_as_it_is(vision: LlamaVision) -> None:
    scene = Scene("shape", "white", "red", "star", "large", "left")
    wide = np.zeros((400, 700, 3), np.uint8)
    wide[100:280, 200:520] = scene.image()
    assert caption(vision, wide[100:280, 200:520]) == scene.caption()
    mirrored = scene.image()[:, ::-1]
    assert caption(vision, mirrored) == scene.caption().replace("left", "right")


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((0, 5, 3), np.uint8),
        np.zeros((5, 5), np.uint8),
        np.zeros((5, 5, 4), np.uint8),
        np.zeros((5, 5, 3), np.float32),
    ],
)
def test_what_is_no_picture_fails_alone(vision: LlamaVision, image: np.ndarray) -> None:
    with pytest.raises(RequestFailed, match="no RGB picture"):
        caption(vision, image)
    assert caption(vision, Scene("blank", "red").image()) == "A blank red screen."


def test_after_a_question_that_did_not_fit_the_next_is_answered(vision: LlamaVision) -> None:
    image = Scene("blank", "red").image()
    with pytest.raises(RequestFailed, match=r"2,\d\d\d tokens"):
        caption(vision, image, " red" * 2100)
    assert caption(vision, image) == "A blank red screen."


def test_a_mark_for_a_picture_in_the_words_is_no_picture(vision: LlamaVision) -> None:
    image = Scene("blank", "red").image()
    said = caption(vision, image, "Describe. <__media__> It was said: <__med<__media__>ia__>")
    assert said == "A blank red screen."


def cut_encoder(folder: Path) -> tuple[Path, Path]:
    path = folder / "cut.gguf"
    path.write_bytes(MMPROJ.read_bytes()[:700_000])
    return VLM, path


def text_as_encoder(folder: Path) -> tuple[Path, Path]:
    path = folder / "text.gguf"
    path.write_text("This is no encoder.\n" * 100)
    return VLM, path


def model_as_encoder(folder: Path) -> tuple[Path, Path]:
    return VLM, VLM


def swapped(folder: Path) -> tuple[Path, Path]:
    return MMPROJ, VLM


@pytest.mark.parametrize("make", [cut_encoder, text_as_encoder, model_as_encoder, swapped])
def test_a_file_that_is_no_encoder_is_named_on_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], make: Callable[[Path], tuple[Path, Path]]
) -> None:
    path, mmproj = make(tmp_path)
    wrong = path if path == MMPROJ else mmproj
    with (
        closing(LlamaVision(path, mmproj, "broken", threads=1)) as vision,
        pytest.raises(BackendFailed) as failed,
    ):
        caption(vision, Scene("blank").image())
    assert failed.value.message.startswith(f"The model {wrong} cannot be loaded: ")
    assert failed.value.message.isprintable()
    assert capfd.readouterr() == ("", "")


def test_a_missing_encoder_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(BackendMissing, match=r"gone\.gguf"):
        caption(LlamaVision(VLM, tmp_path / "gone.gguf", "gone"), Scene("blank").image())


def test_nothing_is_written_to_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    with closing(LlamaVision(VLM, MMPROJ, "tiny", threads=1)) as vision:
        caption(vision, Scene("blank").image())
    assert capfd.readouterr() == ("", "")


def _resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


@pytest.mark.slow
def test_500_captions_take_no_more_memory_and_none_is_anothers(vision: LlamaVision) -> None:
    scenes = random_scenes(99_000, 60)
    right = [s for s in scenes if caption(vision, s.image()) == s.caption()]
    assert len(right) >= 57
    before_mb = _resident_mb()
    for number in range(500):
        scene = right[number * 7 % len(right)]
        assert caption(vision, scene.image(), f"{PROMPT} Frame {number}.") == scene.caption()
    assert _resident_mb() - before_mb < 8


def test_opening_and_closing_takes_no_more_memory() -> None:
    def once() -> None:
        with closing(LlamaVision(VLM, MMPROJ, "tiny", threads=1)) as vision:
            assert caption(vision, Scene("blank", "red").image()) == "A blank red screen."

    for _ in range(3):
        once()
    before_mb = _resident_mb()
    for _ in range(10):
        once()
    assert _resident_mb() - before_mb < 16


INTERRUPTED = """
import sys
from models import MMPROJ, VLM
from scenes import random_scenes
from vidsum.backends.llama_vision import LlamaVision
from vidsum.data import ChatRequest

[scene] = random_scenes(seed=31_001, count=1)
ask = ChatRequest("", "Describe this picture:", (scene.image(),), max_tokens=48)
vision = LlamaVision(VLM, MMPROJ, "tiny", threads=1)
vision.complete(ask)
interrupted = 0
while interrupted < 30:
    try:
        print("at work", flush=True)
        while True:
            vision.complete(ask)
    except KeyboardInterrupt:
        interrupted += 1
print("right", vision.complete(ask).text == scene.caption(), flush=True)
vision.close()
"""


def test_no_interruption_is_lost_in_the_native_library() -> None:
    """Raised in a function that C calls back, KeyboardInterrupt would vanish."""
    tests = Path(__file__).parents[1]
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED], env=dict(os.environ) | {"PYTHONPATH": str(tests)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    moments = random.Random(1)
    for _ in range(30):
        assert process.stdout.readline() == "at work\n"
        time.sleep(moments.uniform(0.001, 0.03))
        process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (out, err, process.returncode) == ("right True\n", "", 0)
