"""What was said of pictures: which questions are the same, and what is taken for an answer."""

from __future__ import annotations

import json
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from models import MMPROJ, VLM
from scripted_provider import ScriptedProvider, says

from vidsum.backends.llama_vision import LlamaVision
from vidsum.captioners.local import LocalCaptioner
from vidsum.captioners.notebook import Notebook, Said
from vidsum.captioners.prompting import CaptionPrompt, caption_prompts
from vidsum.captioners.protocol import Captioner, CaptionRequest
from vidsum.captioners.remote import RemoteCaptioner
from vidsum.config import Options
from vidsum.costs.calls import Desk
from vidsum.data import Caption, ChatRequest, Image, Reply, Sample
from vidsum.errors import BudgetReached
from vidsum.media.picture import measure
from vidsum.store.answers import CAPTION, KeptAnswers
from vidsum.store.content import Store

FENCE = "==123456789012=="
ASKED = CaptionPrompt(f"Between {FENCE} and {FENCE}.", "What is it?")
OTHER = CaptionPrompt(ASKED.system, "What else?")
IMAGE: Image = np.zeros((4, 6, 3), np.uint8)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache.db")


def notebook(store: Store, fence: str = FENCE) -> Notebook:
    made = Notebook(fence, "auto")
    made.answers = KeptAnswers(store, "model", "video", kind=CAPTION)
    return made


def keys(book: Notebook, *asked: CaptionPrompt, **more: Any) -> tuple[str, ...]:
    return book.keys(asked, IMAGE, 48, **more)


def test_the_mark_of_a_run_is_no_part_of_a_question(store: Store) -> None:
    first = notebook(store)
    first.write(keys(first, ASKED), Said("a cat", "m"))
    again, system = notebook(store, "==99=="), ASKED.system.replace(FENCE, "==99==")
    assert again.find(keys(again, CaptionPrompt(system, ASKED.prompt))) == Said("a cat", "m")
    assert (again.reused, again.repeated) == (1, 0)
    assert again.find(keys(again, CaptionPrompt(system, ASKED.prompt), anew=True)) is None
    assert again.find(again.keys([OTHER], IMAGE, 48)) is None
    assert first.find(keys(first, ASKED)) == Said("a cat", "m")
    assert (first.reused, first.repeated) == (0, 1)


def test_another_question_will_do_where_an_earlier_run_was_answered_that(store: Store) -> None:
    first = notebook(store)
    assert len(keys(first, OTHER, ASKED)) == 1  # this run is the first one: it asks as it should
    first.write(keys(first, ASKED), Said("a cat", None))
    assert first.find(keys(first, OTHER, ASKED)) is None
    again = notebook(store)
    assert again.find(keys(again, OTHER, ASKED)) == Said("a cat", None)
    again.write(keys(again, OTHER, ASKED), Said("another cat", None))
    assert again.find(keys(again, OTHER, ASKED)) == Said("another cat", None)
    assert again.find(keys(again, ASKED)) == Said("a cat", None)


def test_the_prompt_without_the_picture_before_is_the_only_other_that_will_do() -> None:
    sample, facts = Sample(1, 5.0, 5.0, 5.0), measure(IMAGE, None)
    before = Caption(0, 0.0, "a dog", "remote")
    said = CaptionRequest(sample, facts, None, IMAGE, "some words")
    told, alone = caption_prompts(said, before, Options(), FENCE)
    assert "a dog" in told.prompt
    assert "a dog" not in alone.prompt
    assert all("some words" in one.prompt for one in (told, alone))
    assert caption_prompts(said, None, Options(), FENCE) == (alone,)
    asked = CaptionRequest(sample, facts, None, IMAGE, question="What colour is it?")
    assert len(caption_prompts(asked, before, Options(), FENCE)) == 1


@pytest.mark.parametrize("text", [
    "no JSON", "[]", "{}", '{"text": 3, "model": null}', '{"text": "", "model": null}',
    '{"text": "a", "model": 4}', '{"text": "lone \\ud800", "model": null}', "[" * 100_000,
    '{"text": "a \\u001b[2J", "model": null}',
])  # fmt: skip
def test_what_no_captioner_wrote_is_no_caption(store: Store, text: str) -> None:
    book = notebook(store)
    [key] = keys(book, ASKED)
    assert book.answers is not None
    book.answers.put(key, text)
    assert book.find([key]) is None
    book.answers.put(key, json.dumps({"text": "Zoë’s cat 👩‍🚀", "model": None}))
    assert book.find([key]) == Said("Zoë’s cat 👩‍🚀", None)


def test_without_answers_nothing_is_kept() -> None:
    book = Notebook(FENCE, "auto")
    assert keys(book, ASKED) == ()
    book.write((), Said("a cat", None))
    assert book.find(()) is None


class Refused(LlamaVision):
    """A model for which a cap leaves nothing."""

    def complete(self, request: ChatRequest) -> Reply:
        raise BudgetReached("The cap is reached.")


class NoMoney(Desk):
    """Takes no call."""

    def begin(self, *_: object, **__: object) -> float:
        raise BudgetReached("The cap is reached.")

    def end(self, *_: object) -> None:
        raise AssertionError("no call was made")


def local(store: Store) -> Captioner:
    return LocalCaptioner(Refused(VLM, MMPROJ, "none", threads=1), Options(threads=1))


@pytest.mark.parametrize("name", ["local", "remote"])
def test_refused_pictures_are_let_go(store: Store, name: str) -> None:
    """Hours of pictures may come after a cap is reached: what is kept may be further on."""
    store.put(CAPTION, "some", b"of this video", video_sha256="video")
    alive: list[weakref.ref[Image]] = []
    most = 0

    def requests() -> Iterator[CaptionRequest]:
        for number in range(12):
            image: Image = np.full((8, 8, 3), number, np.uint8)
            alive.append(weakref.ref(image))
            sample = Sample(number, float(number), float(number), float(number))
            yield CaptionRequest(sample, measure(image, None), None, image)

    with ScriptedProvider(says("never")) as provider:
        captioner: Captioner = (
            local(store) if name == "local" else
            RemoteCaptioner(Options(caption_api=provider.url, caption_model="m", api_requests=2))
        )  # fmt: skip
        captioner.tally.bind(NoMoney())
        assert captioner.notebook is not None
        captioner.notebook.answers = KeptAnswers(store, "model", "video", kind=CAPTION)
        captions = captioner.caption(requests())
        found = []
        with pytest.raises(BudgetReached) as refusal:  # noqa: PT012 - a generator is gone through
            for caption in captions:
                found.append(caption)
                most = max(most, sum(one() is not None for one in alive))
        captioner.close()
        assert provider.calls == []
    assert {caption.error for caption in found} == {"The cap is reached."}
    assert len(found) == 12
    assert most <= 4
    depth, link = 0, refusal.value.__traceback__
    while link is not None:
        depth, link = depth + 1, link.tb_next
    assert depth < 10
