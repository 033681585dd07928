"""What a model said of pictures, kept one by one: the same question is not asked twice.

What it said is on the disk before anything is done with it. A run that was cut short and is made
again finds it there, and asks only what is missing.
"""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vidsum.errors import BudgetReached, VidsumError
from vidsum.store.answers import KeptAnswers, picture_sha256
from vidsum.wording import safe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidsum.captioners.prompting import CaptionPrompt
    from vidsum.data import Image

_ANY_FENCE: Final = "==FENCE=="
"""Stands for a run's random mark where a prompt is to be known again."""


@dataclass(frozen=True, slots=True)
class Said:
    """What was said of a picture, empty where the model gave no words, and by which model."""

    text: str
    model: str | None


class Notebook:
    """What one captioner is told of by earlier runs, and what it writes down for later ones.

    ``answers`` is where that is; None keeps nothing. ``fence`` is the run's mark in prompts,
    ``tiles`` how pictures are looked at. ``reused`` counts captions that earlier runs had kept,
    ``repeated`` those of pictures that came again in this one. May be used from several threads.
    """

    def __init__(self, fence: str, tiles: str) -> None:
        self.answers: KeptAnswers | None = None
        self.reused = self.repeated = 0
        self._fence, self._tiles = fence, tiles
        self._own: set[str] = set()
        self._lock = threading.Lock()

    def keys(
        self, asked: Sequence[CaptionPrompt], image: Image, most_tokens: int, *, anew: bool = False
    ) -> tuple[str, ...]:  # fmt: skip
        """Return what a question is known by, and then others whose answers will do.

        ``asked``: see :func:`prompting.caption_prompts`; all but the first are for what earlier
        runs were told, and one that begins anew has none of these. Nothing where nothing is kept.
        image: as the model is handed it. ``anew``: asked with nothing in the model's cache.
        """
        if self.answers is None:
            return ()
        picture = [picture_sha256(image), self._tiles, most_tokens, anew]
        return tuple(self._key(one, picture) for one in (asked if self.answers.some else asked[:1]))

    def _key(self, asked: CaptionPrompt, picture: list[object]) -> str:
        prompt = [text.replace(self._fence, _ANY_FENCE) for text in (asked.system, asked.prompt)]
        return hashlib.sha256(json.dumps([*prompt, *picture]).encode()).hexdigest()

    def find(self, keys: Sequence[str], *, counts: bool = True) -> Said | None:
        """Return what was said under the first key that has something that can be read, if any.

        ``counts``: it is a caption, and no second question about the same picture.
        """
        for key in keys:
            text = self.answers.get(key) if self.answers is not None else None
            said = None if text is None else _read(text)
            if said is not None:
                if counts:
                    self._count(key)
                return said
        return None

    def _count(self, key: str) -> None:
        with self._lock:
            own = key in self._own
            self.repeated, self.reused = self.repeated + own, self.reused + (not own)

    def write(self, keys: Sequence[str], said: Said) -> None:
        """Write down what was said; when this returns it is on the disk, or cannot be.

        No words are no answer: they are asked for again.
        """
        if self.answers is None or not keys or not said.text:
            return
        with self._lock:
            self._own.add(keys[0])
        self.answers.put(keys[0], json.dumps({"text": said.text, "model": said.model}))

    def may_go_on_after(self, failure: VidsumError | None) -> bool:
        """Say whether there may be more captions though no more questions can be asked.

        What is kept costs nothing: a cap that is reached is no reason to leave it where it is.
        """
        kept = self.answers is not None and self.answers.some
        return failure is None or (kept and isinstance(failure, BudgetReached))


def _read(text: str) -> Said | None:
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict):
        return None
    said, model = told.get("text"), told.get("model")
    if not (isinstance(said, str) and said and (model is None or isinstance(model, str))):
        return None
    return Said(said, model) if said.split() == safe(said).split() else None  # of no captioner
