"""What a model wrote, kept so that the same question to the same model is not paid for twice."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from vidsum.store.content import Store

KIND = "answer"


def _untold() -> None:
    """Nobody wants to know."""


class KeptAnswers:
    """Texts by the key of what was asked, within a ``scope``: which model it is that answers.

    Fits the seam of the reasoners. ``troubled`` is called when the store may have failed.
    """

    def __init__(
        self, store: Store, scope: str, video_sha256: str | None, note: str = "",
        troubled: Callable[[], None] = _untold,
    ) -> None:  # fmt: skip
        self._store, self._scope = store, scope
        self._video_sha256, self._note, self._troubled = video_sha256, note, troubled

    def get(self, key: str) -> str | None:
        """Return what was kept under a key."""
        body = self._store.get(KIND, self._within(key))
        self._troubled()
        return None if body is None else body.decode("utf-8", "surrogatepass")

    def put(self, key: str, text: str) -> None:
        """Keep a text; when this returns it is on the disk, or cannot be."""
        self._store.put(KIND, self._within(key), text.encode("utf-8", "surrogatepass"),
                        video_sha256=self._video_sha256, note=self._note)  # fmt: skip
        self._troubled()

    def _within(self, key: str) -> str:
        both = f"{len(self._scope)}\0{self._scope}\0{key}"
        return hashlib.sha256(both.encode("utf-8", "surrogatepass")).hexdigest()
