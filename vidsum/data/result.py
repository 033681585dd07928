"""What the evidence amounts to, and what it took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from vidsum.data.broll import BrollOutcome
from vidsum.data.cost import Origin
from vidsum.data.evidence import Evidence
from vidsum.data.receipt import ModalityCost, Receipt

SCHEMA_VERSION = "1.4"
FORM_VERSION = "2"
"""Of the summary's and the answer's own form, whoever wrote them."""

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
class Claim:
    """A sentence about the video, and the timeline entries that it rests on.

    ``supported`` is False where no entry is left that it could rest on: ``evidence`` is then empty
    and its times are None. ``quoted``: it stands word for word in those entries.
    """

    text: str
    start_s: float | None
    end_s: float | None
    evidence: tuple[str, ...]
    quoted: bool = False
    supported: bool = True


NameKind = Literal["person", "place", "organisation", "thing", "unknown"]


@dataclass(frozen=True, slots=True)
class Name:
    """Somebody or something that is named in the video, as the timeline writes it."""

    text: str
    kind: NameKind
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Grounding:
    """How an answer stands up to the timeline.

    ``claims`` are statements of the overview, key points, gists of chapters, quotations and
    names; each is either ``supported`` or ``unsupported``. ``removed`` counts what was taken out
    of what a model wrote, by kind (ids, points, chapters, names, quotes, many).
    ``cited_entries`` of ``entries`` timeline entries (facts not counted) are named by a claim.
    ``covered_share`` (0-1) is how many of the twentieths of the time are touched by the evidence of
    a claim; ``largest_gap_s`` is the longest stretch, from ``largest_gap_at_s`` on, that none
    touches. Both are None where there is no time to cover.
    """

    claims: int = 0
    supported: int = 0
    unsupported: int = 0
    removed: Mapping[str, int] = field(default_factory=dict)
    entries: int = 0
    cited_entries: int = 0
    covered_share: float | None = None
    largest_gap_s: float | None = None
    largest_gap_at_s: float | None = None


@dataclass(frozen=True, slots=True)
class SecondLook:
    """A moment that a reasoner asked to see again, why, and what came of it.

    ``entry`` is what it added to the timeline; None with the reason in ``refused``.
    """

    time_s: float
    question: str
    entry: TimelineEntry | None = None
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class Chapter:
    """A part of the video. ``title_from`` says where the title's words come from."""

    start_s: float
    end_s: float
    title: str
    title_from: Literal["file", "screen", "speech", "keywords", "position", "model"]
    keywords: tuple[str, ...] = ()
    gist: Claim | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """The answer to "what is in this video?".

    ``overview`` is one paragraph; ``overview_claims`` are its statements, each with its evidence.
    ``names`` are people, places and things, ``keywords`` words that are used much, ``quotes``
    what was said or shown word for word. ``left_out`` counts timeline entries, by kind, that the
    reasoner was not shown because of --max-evidence. ``looks`` are moments seen again for it.

    ``method`` is the honest paragraph: how it was made and on which basis. ``more`` names the
    commands that would tell more; ``caveats`` what stays open or was unclear; ``model`` the
    model that wrote it, None when it was quoted together.
    """

    title: str
    overview: str
    key_points: tuple[Claim, ...]
    chapters: tuple[Chapter, ...]
    chapter_basis: ChapterBasis
    keywords: tuple[str, ...]
    backend: str
    method: str
    more: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()
    model: str | None = None
    overview_claims: tuple[Claim, ...] = ()
    names: tuple[Name, ...] = ()
    quotes: tuple[Claim, ...] = ()
    grounding: Grounding = Grounding()
    left_out: Mapping[str, int] = field(default_factory=dict)
    looks: tuple[SecondLook, ...] = ()
    form_version: str = FORM_VERSION


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a question about the video, from its timeline.

    ``claims`` are its statements with their evidence, in the order in which they are to be read.
    ``found`` is False where the timeline does not tell; ``claims`` may then say what comes near.
    The rest is as in :class:`Summary`.
    """

    question: str
    found: bool
    claims: tuple[Claim, ...]
    backend: str
    method: str
    more: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()
    model: str | None = None
    grounding: Grounding = Grounding()
    left_out: Mapping[str, int] = field(default_factory=dict)
    form_version: str = FORM_VERSION


Basis = Literal["frames", "speech", "both", "facts", "nothing"]
"""What a claim rests on: pictures (descriptions and text on screen), words spoken, both of them,
nothing but facts that came with the file, or no evidence at all."""


@dataclass(frozen=True, slots=True)
class BoughtModality:
    """What one modality brought to a summary, and what it cost.

    ``only`` are the claims of the whole summary that rest on nothing else; ``entries`` its timeline
    entries. ``without`` is the summary that was made when they were withheld, None where nothing
    else was left. ``cost`` is what looking or listening took when the evidence was gathered, None
    where that is not known; ``gathered_run`` is the run in the ledger that paid for it.
    """

    basis: Basis
    entries: int
    only: tuple[Claim, ...]
    without: Summary | None
    cost: ModalityCost | None
    gathered_run: str | None = None


@dataclass(frozen=True, slots=True)
class Bought:
    """What each modality brought: see ``--what-did-vision-buy``.

    ``by_basis`` counts the claims of ``whole`` by what they rest on.
    """

    whole: Summary
    by_basis: Mapping[Basis, int]
    modalities: tuple[BoughtModality, ...]


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a reasoner gets: the evidence, and its timeline in order of time.

    ``tokens`` counts the timeline as lines of JSON, as a prompt has them; ``tokens_origin`` is
    ``measured`` when a tokenizer counted them and ``estimated`` otherwise. ``left_out`` counts the
    evidence's entries, by kind, that gave way to a budget (``vidsum bundle --max-evidence``).
    """

    evidence: Evidence
    timeline: tuple[TimelineEntry, ...]
    tokens: int
    tokens_origin: Origin
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def overlay(self) -> tuple[str, ...]:
        """Text that stays on screen throughout; it is in no timeline entry."""
        return self.evidence.overlay


@dataclass(frozen=True, slots=True)
class Result:
    """One video's result: what was asked for, all it rests on, and what it took.

    What was asked for is a ``summary``, or the ``answer`` to a question (then there is no summary),
    or what each modality ``bought`` (then ``summary`` is the whole one). ``failures`` are backends
    that stopped working on the way; what they had done is kept. ``broll``: where it was asked for.
    """

    bundle: Bundle
    summary: Summary | None
    receipt: Receipt
    options: Mapping[str, Any]
    vidsum_version: str
    schema_version: str = SCHEMA_VERSION
    failures: tuple[str, ...] = ()
    answer: Answer | None = None
    bought: Bought | None = None
    broll: BrollOutcome | None = None

    @property
    def partial(self) -> bool:
        """True when something is missing: of the video, by a backend that gave up, for a cap."""
        notices, spending = self.bundle.evidence.notices, self.receipt.spending
        left_out = spending is not None and spending.reached
        notices = (*notices, *(self.broll.notices if self.broll else ()))
        return left_out or bool(self.failures) or any(notice.partial for notice in notices)
