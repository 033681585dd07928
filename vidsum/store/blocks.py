"""Recognised speech, kept block by block while it is recognised.

A row holds what one block added, so that ten hours of speech take room once, not for each block.
Measured (ext4, 667 blocks of 54 s, 144 words each): 1.5 MB in all, 3 ms to keep one, 0.25 s to read
them; with the time of each word 2.9 MB and 0.9 s.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from vidsum.data import Segment
from vidsum.failpoints import failpoint
from vidsum.store.content import Store
from vidsum.store.records import from_record, to_record

KIND: Final = "heard"


@dataclass(frozen=True, slots=True)
class HeardBlock:
    """What one block of sound, between two times of the file, added to a transcript.

    ``speech_s`` and ``heard_s`` count from where listening began; so do ``model``, ``answers``,
    ``told``, ``tells_times`` and ``takes_blocks`` tell what was known at the block's end. ``calls``
    and ``wall_s`` are what this block took, whichever run asked; None for what nobody knows.
    """

    start_s: float
    until_s: float
    segments: tuple[Segment, ...]
    rejected: tuple[Segment, ...]
    language: str | None
    speech_s: float
    heard_s: float
    model: str | None = None
    answers: int = 0
    told: str | None = None
    tells_times: bool = True
    takes_blocks: bool = True
    calls: int = 0
    wall_s: float | None = None


def _untold() -> None:
    """Nobody wants to know."""


class KeptBlocks:
    """The blocks of one way to listen to one video, in order, from ``start_s`` on.

    ``scope`` is all that makes it this way. ``troubled`` is called when the store may have failed.
    """

    def __init__(
        self, store: Store, scope: str, start_s: float, video_sha256: str, note: str = "",
        troubled: Callable[[], None] = _untold,
    ) -> None:  # fmt: skip
        self._store, self._scope, self._start_s = store, scope, start_s
        self._video_sha256, self._note, self._troubled = video_sha256, note, troubled
        self.count = 0
        """How many blocks were read or added."""

    def read(self) -> tuple[HeardBlock, ...]:
        """Return the unbroken run of blocks from the first on: one that is missing or damaged, or
        does not begin where the one before it ends, is the end of it."""
        found: list[HeardBlock] = []
        at_s = self._start_s
        while True:
            body = self._store.get(KIND, self._key(len(found)))
            block = None if body is None else from_record(HeardBlock, body)
            if block is None or block.start_s != at_s or block.until_s <= at_s:
                break
            found.append(block)
            at_s = block.until_s
        self.count = len(found)
        self._troubled()
        return tuple(found)

    def add(self, block: HeardBlock) -> None:
        """Keep the next block; when this returns it is on the disk, or cannot be."""
        try:
            failpoint("heard.before")
            self._store.put(KIND, self._key(self.count), to_record(block),
                            video_sha256=self._video_sha256, note=self._note)  # fmt: skip
            self.count += 1
            failpoint("heard.after")
        except OSError as exc:
            self._store.trouble = self._store.trouble or f"{exc.strerror}."
        self._troubled()

    def _key(self, number: int) -> str:
        return hashlib.sha256(f"{self._scope}\0{number}".encode()).hexdigest()
