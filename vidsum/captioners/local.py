"""Captions by a model on this machine that looks at pictures."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import cast

from vidsum.backends.llama_model import INSTALL_HINT, require_llama
from vidsum.backends.llama_vision import LlamaVision, Tiles
from vidsum.backends.machine import layers_on_gpu
from vidsum.captioners.notebook import Notebook, Said
from vidsum.captioners.prompting import (
    CAPTION_LETTERS,
    LOOK_LETTERS,
    caption_prompts,
    clean_caption,
    new_fence,
)
from vidsum.captioners.protocol import Captioner, CaptionRequest
from vidsum.catalog.locate import find
from vidsum.config import Options
from vidsum.costs.tally import Tally
from vidsum.data import Caption, ChatRequest, Forecast, Image, Need
from vidsum.errors import BackendFailed, BackendMissing, BudgetReached, RequestFailed
from vidsum.registry import Readiness, Work

ANSWER_TOKENS, LOOK_TOKENS = 48, 96
"""Of a caption, and of the answer to a question about a picture."""
OVERVIEW_SIDE_PX = 512
"""Longest side that a picture is scaled to for one overview: SmolVLM's own tile."""
_MOST_FAILURES = 5
_SAME_CAPTIONS = 3
_OTHER_DIFFERENCE = 60.0
"""From here on a picture is very different from the one before, as the built-in captioner says."""


def build(options: Options) -> LocalCaptioner:
    """Return the captioner; its model is loaded with the first picture. Raises: BackendMissing."""
    require_llama()
    found = find("caption", options.caption_model, options.mmproj)
    if found.mmproj is None:
        raise BackendMissing(f"The model {found.name} has no picture encoder beside it.",
                             "Name one: --mmproj FILE")  # fmt: skip
    vision = LlamaVision(
        found.model,
        found.mmproj,
        found.name,
        threads=options.threads,
        gpu_layers=options.gpu_layers,
        tiles=cast(Tiles, options.tiles),
        tally=(tally := Tally()),
    )
    on_gpu = layers_on_gpu(options.gpu_layers) != 0
    return LocalCaptioner(vision, options, "gpu" if on_gpu else "cores", tally)


def ready(options: Options) -> Readiness:
    """Return whether llama.cpp and a model are here; loads neither."""
    if importlib.util.find_spec("llama_cpp") is None:
        return Readiness(False, "llama-cpp-python is not installed", INSTALL_HINT)
    try:
        found = find("caption", options.caption_model, options.mmproj)
    except BackendMissing as exc:
        return Readiness(False, exc.message, exc.hint)
    if found.mmproj is None:
        return Readiness(False, f"{found.name} has no picture encoder beside it",
                         "Name one: --mmproj FILE")  # fmt: skip
    return Readiness(True, found.name)


def forecast(options: Options, need: Need) -> Forecast:
    """Return what a need would use; loads nothing. Raises: BackendMissing, OptionError."""
    from vidsum.captioners import forecasting

    return forecasting.local(options, need)


@dataclass(slots=True)
class _Streak:
    """The same words for one picture after the other."""

    text: str = ""
    length: int = 0
    pictures_differ: bool = False

    def count(self, text: str, *, differs: bool) -> bool:
        """Take in a caption; return whether it is doubtful that the model looked."""
        same = text == self.text
        self.length = self.length + 1 if same else 1
        self.pictures_differ = same and (self.pictures_differ or differs)
        self.text = text
        return self.length >= _SAME_CAPTIONS and self.pictures_differ

    def end(self) -> None:
        """Begin to count anew."""
        self.text, self.length, self.pictures_differ = "", 0, False


class LocalCaptioner(Captioner):
    """Asks one model about one picture after the other, with what was said and seen before.

    The same caption three times, though a picture among them is very different from the one
    before, is checked: the model is asked again with an empty cache and nothing but the picture.
    Answers to questions are not, for each question is another one. What an earlier run was told
    goes the same way as what the model says now; the model is loaded when it is to say something.
    """

    name = "local"
    needs_pixels = True
    wants_speech = True

    def __init__(self, vision: LlamaVision, options: Options, work: Work = "cores",
                 tally: Tally | None = None) -> None:  # fmt: skip
        self.work: Work = work
        self.tally = tally or Tally()
        self._vision, self._options, self._fence = vision, options, new_fence()
        self.notebook: Notebook = Notebook(self._fence, options.tiles)
        self._cache_trusted = True
        self._refusal: BudgetReached | None = None

    def caption(self, requests: Iterable[CaptionRequest]) -> Iterator[Caption]:
        """Yield a caption for each request.

        A picture that the model fails on gets one with ``error``.
        Raises: OptionError for the prompt, BackendMissing, BackendFailed when the model does not
        load or failed on five pictures in a row, BudgetReached at the end of what is kept.
        """
        previous: Caption | None = None
        self._refusal = None
        streak, failures = _Streak(), 0
        for request in requests:
            caption = self._caption(request, None if request.alone else previous, streak)
            yield caption
            failures = failures + 1 if caption.error and self._refusal is None else 0
            if failures == _MOST_FAILURES:
                raise BackendFailed(f"The model {self._vision.model} failed on {failures} pictures "
                                    f"in a row, the last time so: {caption.error}")  # fmt: skip
            previous = previous if caption.error else caption
        if self._refusal is not None:
            raise self._refusal

    def close(self) -> None:
        """Stop what is under way and let go of the model; may be called twice."""
        self._vision.close()

    def _caption(
        self, request: CaptionRequest, previous: Caption | None, streak: _Streak
    ) -> Caption:
        sample = request.sample
        said, error = Said("", self._vision.model), None
        try:
            said, error = self._checked(request, previous, streak)
        except RequestFailed as exc:
            error = exc.message
        except BudgetReached as exc:
            if not self.notebook.may_go_on_after(exc):
                raise
            # A traceback holds on to the picture, and one that is raised again to all of them.
            self._refusal, error = exc.with_traceback(None), exc.message
        return Caption(sample.index, sample.time_s, said.text, self.name, error, said.model)

    def _checked(
        self, request: CaptionRequest, previous: Caption | None, streak: _Streak
    ) -> tuple[Said, str | None]:
        """Return the caption, or why there is none.

        Raises: RequestFailed, BackendFailed, BudgetReached.
        """
        said = self._asked(request, previous)
        if request.question:
            return said, None if said.text else "the model gave no words"
        difference = request.facts.difference
        differs = difference is not None and difference >= _OTHER_DIFFERENCE
        if streak.count(said.text, differs=differs):
            streak.end()
            alone = CaptionRequest(request.sample, request.facts, image=request.image)
            afresh = self._asked(alone, None, anew=True)
            # What was said and seen before may have led it astray; an old picture must not.
            if (
                afresh.text != said.text
                and self._asked(request, previous, anew=True).text != said.text
            ):
                self._cache_trusted = False
                return replace(said, text=""), (
                    "the model had repeated the caption of an earlier picture; from here "
                    "on each one is looked at afresh"
                )
            said = afresh
        return said, None if said.text else "the model gave no words"

    def _asked(
        self, request: CaptionRequest, previous: Caption | None, *, anew: bool = False
    ) -> Said:  # fmt: skip
        """Return what the model says of a picture, or said in an earlier run.

        ``anew``: as a check, with nothing in its cache. Raises: RequestFailed, BackendFailed,
        BudgetReached.
        """
        assert request.image is not None
        prompts = caption_prompts(request, previous, self._options, self._fence)
        image = self._scaled(request.image)
        most = LOOK_TOKENS if request.question else ANSWER_TOKENS
        forget = anew or not self._cache_trusted
        keys = self.notebook.keys(prompts[:1] if anew else prompts, image, most, anew=forget)
        said = self.notebook.find(keys, counts=not anew)
        if said is not None:
            return said
        if self._refusal is not None:
            raise self._refusal
        if forget:
            self._vision.forget()
        reply = self._vision.complete(
            ChatRequest(prompts[0].system, prompts[0].prompt, (image,), max_tokens=most)
        )
        letters = LOOK_LETTERS if request.question else CAPTION_LETTERS
        text = clean_caption(reply.text, cut=reply.finish == "length", letters=letters)
        said = Said(text, self._vision.model)
        self.notebook.write(keys, said)
        return said

    def _scaled(self, image: Image) -> Image:
        from vidsum.media.picture import shrink

        return shrink(image, OVERVIEW_SIDE_PX) if self._options.tiles == "overview" else image
