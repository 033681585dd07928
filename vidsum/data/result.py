"""What the evidence amounts to, and what it took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from vidsum.data.cost import Origin
from vidsum.data.evidence import Evidence
from vidsum.data.receipt import Receipt

SCHEMA_VERSION = "1.2"

EntryKind = Literal["speech", "caption", "text", "fact"]
ChapterBasis = Literal["file", "titles", "pictures", "speech", "model", "none"]


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One thing that was seen, heard, read or given, with an id that claims can name."""

    id: str
    kind: EntryKind
    start_s: float
    end_s: float
    text: str
    source: str


@dataclass(frozen=True, slots=True)
class KeyPoint:
    """A sentence worth keeping, and the timeline entries it rests on."""

    text: str
    start_s: float
    end_s: float
    evidence: tuple[str, ...]
    quoted: bool


@dataclass(frozen=True, slots=True)
class Chapter:
    """A part of the video. ``title_from`` says where the title's words come from."""

    start_s: float
    end_s: float
    title: str
    title_from: Literal["file", "screen", "speech", "keywords", "position", "model"]
    keywords: tuple[str, ...] = ()
    gist: KeyPoint | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """The answer to "what is in this video?".

    ``method`` is the honest paragraph: how it was made and on which basis. ``more`` names the
    commands that would tell more; ``caveats`` what stays open or was unclear; ``model`` the
    model that wrote it, None when it was quoted together.
    """

    title: str
    overview: str
    key_points: tuple[KeyPoint, ...]
    chapters: tuple[Chapter, ...]
    chapter_basis: ChapterBasis
    keywords: tuple[str, ...]
    backend: str
    method: str
    more: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a reasoner gets: the evidence, and its timeline in order of time.

    ``tokens`` counts the timeline as lines of JSON, as a prompt has them; ``tokens_origin`` is
    ``measured`` when a tokenizer counted them and ``estimated`` otherwise.
    """

    evidence: Evidence
    timeline: tuple[TimelineEntry, ...]
    tokens: int
    tokens_origin: Origin

    @property
    def overlay(self) -> tuple[str, ...]:
        """Text that stays on screen throughout; it is in no timeline entry."""
        return self.evidence.overlay


@dataclass(frozen=True, slots=True)
class Result:
    """One video's result: the summary, all it rests on, and what it took.

    ``failures`` are backends that stopped working on the way; what they had done is kept.
    """

    bundle: Bundle
    summary: Summary
    receipt: Receipt
    options: Mapping[str, Any]
    vidsum_version: str
    schema_version: str = SCHEMA_VERSION
    failures: tuple[str, ...] = ()

    @property
    def partial(self) -> bool:
        """True when something is missing: of the video, by a backend that gave up, for a cap."""
        notices, spending = self.bundle.evidence.notices, self.receipt.spending
        left_out = spending is not None and spending.reached
        return left_out or bool(self.failures) or any(notice.partial for notice in notices)
