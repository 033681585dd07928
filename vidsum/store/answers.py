"""What a model wrote, kept so that the same question to the same model is not paid for twice."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

from vidsum.store.content import Store
from vidsum.store.records import from_record, to_record

if TYPE_CHECKING:
    from vidsum.data import Image

T = TypeVar("T")

KIND: Final = "answer"
"""Of a reasoner, and of second looks. What else is kept in this way has a kind of its own."""
CAPTION: Final = "caption"
READING: Final = "reading"
SPEECH: Final = "speech"
"""What a speech server answered, request by request."""


def _untold() -> None:
    """Nobody wants to know."""


class KeptAnswers:
    """Texts or records of a kind by the key of what was asked.

    ``scope`` is which model answers. Fits the seam of the reasoners. ``troubled`` is called when
    the store may have failed. May be used from several threads. ``some``: something of this kind
    was kept of this video before.
    """

    def __init__(
        self, store: Store, scope: str, video_sha256: str | None, note: str = "",
        troubled: Callable[[], None] = _untold, *, kind: str = KIND,
    ) -> None:  # fmt: skip
        self._store, self._scope, self._kind = store, scope, kind
        self._video_sha256, self._note, self._troubled = video_sha256, note, troubled
        self.some = video_sha256 is not None and store.holds(kind, video_sha256)

    def get(self, key: str) -> str | None:
        """Return the text that was kept under a key; None for nothing, and for what is none."""
        body = self._body(key)
        try:
            return None if body is None else body.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            return None

    def put(self, key: str, text: str) -> None:
        """Keep a text; when this returns it is on the disk, or cannot be."""
        self._keep(key, text.encode("utf-8", "surrogatepass"))

    def get_record(self, form: type[T], key: str) -> T | None:
        """Return the dataclass that was kept under a key; None for none of this very form."""
        body = self._body(key)
        return None if body is None else from_record(form, body)

    def put_record(self, key: str, value: object) -> None:
        """Keep a dataclass, as :meth:`put` does a text. Raises: TypeError."""
        self._keep(key, to_record(value))

    def _body(self, key: str) -> bytes | None:
        body = self._store.get(self._kind, self._within(key))
        self._troubled()
        return body

    def _keep(self, key: str, body: bytes) -> None:
        self._store.put(self._kind, self._within(key), body, video_sha256=self._video_sha256,
                        note=self._note)  # fmt: skip
        self._troubled()

    def _within(self, key: str) -> str:
        both = f"{len(self._scope)}\0{self._scope}\0{key}"
        return hashlib.sha256(both.encode("utf-8", "surrogatepass")).hexdigest()


def picture_sha256(image: Image) -> str:
    """Return what a picture is known by, in hex: its pixels, their order and their type.

    image: of any shape and type; the one that a model is handed, not one that it is made of.
    """
    import numpy as np

    digest = hashlib.sha256(f"{image.dtype.str} {image.shape}\0".encode())
    digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()
