"""All questions of a summary, before there is anything to sum up: how many, and how long.

The code that asks also decides here: whether a timeline fits one question, and how much of it a
section takes. The prompts are rendered from the files in use.
"""

from __future__ import annotations

import json
import math
from dataclasses import astuple, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from vidsum import tokens
from vidsum.backends.protocol import ChatBackend
from vidsum.config import Options
from vidsum.data import (
    Bundle,
    ChatRequest,
    DroppedSample,
    Evidence,
    MediaInfo,
    Notice,
    Origin,
    Reply,
    Sample,
    Transcript,
)
from vidsum.errors import BackendFailed

BYTES_A_TOKEN: Final = 3
"""Timeline tokens are at least a third of its bytes, see :func:`vidsum.tokens.count`."""
USUAL, FOREIGN = 1.1, 1.6
"""What an :class:`Asker` makes of an estimate of tokens: of English, and of other letters."""
_LATE_S: Final = 360_000.0


@dataclass(frozen=True, slots=True)
class Part:
    """Prompts of one kind: without lines their bytes and tokens, the schema's bytes, how many
    tokens of lines fit, and the room for an answer."""

    prompt_bytes: int
    prompt_tokens: int
    schema_bytes: int
    lines_tokens: int
    room_tokens: int


@dataclass(frozen=True, slots=True)
class Frame:
    """What is asked of a model that takes so much at once. Without sections there is no room.

    ``revision_tokens`` is what a last prompt grows by when it is put once more after a second look;
    0: it is not.
    """

    summary: Part
    revision_tokens: int
    section: Part | None = None
    merge: Part | None = None


@dataclass(frozen=True, slots=True)
class Way:
    """All questions of a summary together, each put once."""

    questions: int
    prompts_bytes: int
    prompts_tokens: int
    schemas_bytes: int
    answers_tokens: int


def way(frame: Frame, count: float, margin: float) -> Way:
    """Return how a timeline of ``count`` tokens is summed up, which may be ``margin`` as many."""
    whole, count = frame.summary, math.ceil(count)
    again = 1 if frame.revision_tokens else 0
    more, last = frame.revision_tokens, 1 + again
    one = Way(
        last, last * (whole.prompt_bytes + BYTES_A_TOKEN * count) + 2 * BYTES_A_TOKEN * more,
        last * (whole.prompt_tokens + count) + more, last * whole.schema_bytes,
        last * whole.room_tokens,
    )  # fmt: skip
    section, merge = frame.section, frame.merge
    if count * margin < whole.lines_tokens or section is None or merge is None:
        return one
    # The first facts that came with the file stand in every prompt, in an eighth of it at most.
    facts = section.lines_tokens // 8
    counted, budget = math.ceil(count * margin), section.lines_tokens - facts
    if margin == USUAL:
        sections, joins = math.ceil(counted / budget), 0
    else:
        sections = most_sections(counted, budget)
        joins = max(0, sections - 1)  # each of two notes may fill half of a prompt
    merges = joins + last
    merged = merges * merge.lines_tokens
    parts = Way(
        sections + merges,
        sections * section.prompt_bytes + merges * merge.prompt_bytes
        + BYTES_A_TOKEN * (count + sections * facts + merged + 2 * more),
        sections * section.prompt_tokens + merges * merge.prompt_tokens
        + count + min(merged, last * sections * section.room_tokens) + more,
        (sections + joins) * section.schema_bytes + last * merge.schema_bytes,
        (sections + joins) * section.room_tokens + last * merge.room_tokens,
    )  # fmt: skip
    return largest(one, parts)  # where more would have fitted, it is one question after all


def largest(*ways: Way) -> Way:
    """Return what is the largest in every respect."""
    return Way(*(max(values) for values in zip(*map(astuple, ways), strict=True)))


def most_sections(count: int, budget: int) -> int:
    """Return in how many sections of at most ``budget`` tokens a timeline is cut at most.

    A section has at least half of what equal ones would have, but one before a line that is too
    long for it. Source: :func:`vidsum.reasoner.sections.cut`.
    """
    sections, left = 1, float(count)
    while left > budget:
        left -= left / math.ceil(left / budget) / 2
        sections += 1
    return sections + (sections > 1)


@lru_cache(64)
def frame(options: Options, context_tokens: int, looks: int) -> Frame:
    """Return what is asked of a model that takes so many tokens at once. Raises: OptionError."""
    from vidsum.reasoner.asking import Asker, NoRoom
    from vidsum.reasoner.grounding import Ground
    from vidsum.reasoner.prompting import SYSTEM, Prompter
    from vidsum.reasoner.protocol import ignore
    from vidsum.reasoner.reducing import Reduction
    from vidsum.reasoner.rooms import revision_room, room_for
    from vidsum.reasoner.schemas import limits_for, notes_schema, summary_schema

    bundle = _bundle()
    prompter = Prompter(bundle, options)
    room = room_for(context_tokens, options.length)
    limits, span_s = limits_for(room, options.length, looks), (_LATE_S, 2 * _LATE_S)
    revision = revision_room(room, looks)
    asker = Asker(_Counting(context_tokens), context_tokens, advanced=ignore)

    def part(prompt: str, schema: object, lines_tokens: int, room_tokens: int) -> Part:
        text = f"{SYSTEM}\n{prompt}"
        return Part(_bytes(text), tokens.count(text, None)[0], _bytes(json.dumps(schema)),
                     lines_tokens, room_tokens)  # fmt: skip

    prompt = prompter.whole([], limits, revised=looks > 0)
    fits = asker.room(prompter.whole([], limits_for(room, options.length))) - room
    whole = part(prompt, summary_schema(limits), fits, room)
    reduction = Reduction(bundle, prompter, asker, Ground(bundle), limits, room)
    notes_room, few = reduction.notes_room, reduction.notes_limits
    try:
        budget, merge_budget = reduction.section_budget(), reduction.merge_budget()
        reduction.last_budget()
    except NoRoom:
        return Frame(whole, revision)
    section = prompter.section([], few, span_s=span_s, part=100, parts=100)
    merge = prompter.merge([], limits, span_s=span_s, final=True, revised=looks > 0)
    return Frame(
        whole, revision,
        part(section, notes_schema(few), budget, notes_room),
        part(merge, summary_schema(limits), merge_budget, room),
    )  # fmt: skip


def _bundle() -> Bundle:
    """Return the bundle of a long video of which nothing is known."""
    info = MediaInfo(Path(), 0, "", None, 0.0, None)
    heard, dropped = Transcript((), "", "none"), DroppedSample(Sample(0, 0.0, 0.0, 0.0), "black")
    lacking = Notice("partial", "", partial=True)
    evidence = Evidence(info, (), (dropped,), heard, None, _LATE_S, 2 * _LATE_S, 5.0,
                        notices=(lacking,))  # fmt: skip
    return Bundle(evidence, (), 0, "estimated")


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


class _Counting(ChatBackend):
    """Counts tokens as a backend without a tokenizer does, and answers nothing."""

    model = ""

    def __init__(self, context_tokens: int) -> None:
        self.context_tokens: int | None = context_tokens

    def complete(self, request: ChatRequest) -> Reply:
        """Raises: BackendFailed, for nobody is asked."""
        raise BackendFailed("A forecast asks no model.")

    def count_tokens(self, text: str) -> tuple[int, Origin]:
        """Return an estimate."""
        return tokens.count(text, None)

    def close(self) -> None:
        """Nothing is held."""
