"""A long timeline's way to one last prompt: notes on each section, merged until they fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Final

from vidsum.data import Bundle, Claim, TimelineEntry
from vidsum.reasoner.asking import Asker, NoRoom, Question
from vidsum.reasoner.boundaries import boundaries
from vidsum.reasoner.grounding import Ground, GroundedNotes
from vidsum.reasoner.prompting import Prompter
from vidsum.reasoner.rooms import longest_room
from vidsum.reasoner.schemas import Limits, limits_for, notes_schema
from vidsum.reasoner.sections import Line, cut, heads, lines, packed, short_line
from vidsum.reasoner.tasks import LastPrompt, read_notes
from vidsum.reasoner.wording import quoted, shortened
from vidsum.wording import json_line

_NOTES_SHARE: Final = 8
_LEAST_NOTES_TOKENS, _MOST_NOTES_TOKENS = 200, 1_024
_LEAST_BUDGET_TOKENS: Final = 200
_FACTS_SHARE: Final = 8
_SHORTEST_GIST: Final = 40

Span = tuple[float, float]


class Reduction:
    """One video's way from sections to the last prompt. ``sections`` is how many there were.

    ``limits`` and ``room_tokens`` are those of the last answer. ``all_sections``: every section has
    something to say; else notes without a point go no further. The first facts that came with the
    file stand in every prompt, shortened.

    Nothing but the last prompt depends on length and style, and so on ``limits``: notes that were
    kept serve whatever these are.
    """

    def __init__(
        self, bundle: Bundle, prompter: Prompter, asker: Asker, ground: Ground, limits: Limits,
        room_tokens: int, *, all_sections: bool = True,
    ) -> None:  # fmt: skip
        self._bundle, self._prompter = bundle, prompter
        self._asker, self._ground = asker, ground
        self._limits, self._room, self._all = limits, room_tokens, all_sections
        notes_room = asker.context_tokens // _NOTES_SHARE
        self.notes_room = min(max(notes_room, _LEAST_NOTES_TOKENS), _MOST_NOTES_TOKENS)
        self.notes_limits = limits_for(2 * self.notes_room)  # they are half of a summary
        self._span_s = bundle.evidence.start_s, bundle.evidence.end_s
        self._facts: list[str] = []
        self._given: frozenset[str] = frozenset()
        self.sections = 0

    def last_prompt(self, entries: Sequence[TimelineEntry]) -> LastPrompt | None:
        """Return the prompt with the notes on all of a timeline; None if no section has any.

        Raises: TooLong, NoRoom, BackendFailed, BackendMissing, OptionError.
        """
        count = self._asker.count
        facts = heads(entries, count, self.section_budget() // _FACTS_SHARE)
        self._facts = [short_line(fact) for fact in facts]
        self._given = frozenset(fact.id for fact in facts)
        budget = self.section_budget()
        # A fact that is told in full at the head needs no line of its own.
        rows = lines([entry for entry in entries if entry not in facts], count, budget)
        sections = cut(rows, budget, *boundaries(self._bundle))
        self.sections = len(sections)
        self._asker.expect(len(sections) + 1)
        # A piece of a long fact, or of a long cue, begins where the whole of it does.
        start_s, end_s = self._span_s
        bounds = (min(max(section[0].entry.start_s, start_s), end_s) for section in sections[1:])
        spans_s = pairwise([start_s, *bounds, end_s])
        notes = [
            self._noted(section, number, span_s)
            for number, (section, span_s) in enumerate(zip(sections, spans_s, strict=True), start=1)
        ]
        kept = [one for one in notes if one.points or self._all]
        if not kept:
            self._asker.expect(0)
            return None
        write = partial(self._prompter.merge, span_s=self._span_s, final=True)
        merged, ids = self._merged(kept)
        return LastPrompt(write, (*self._facts, *merged), ids, self._room, self.sections)

    def section_budget(self) -> int:
        """Return how many tokens of a section's lines fit beside the facts."""
        prompt = self._prompter.section(
            self._facts, self.notes_limits, span_s=self._span_s, part=1, parts=1
        )
        return self._left(prompt, self.notes_room)

    def merge_budget(self) -> int:
        """Return how many tokens of notes fit beside the facts in any prompt of notes.

        As if the longest summary were wanted, so that notes on notes, too, serve any other.
        """
        room = longest_room(self._asker.context_tokens)
        ask = partial(self._prompter.merge, self._facts, span_s=self._span_s, plain=True)
        final = ask(limits_for(room, "long"), final=True)
        joined = ask(self.notes_limits, final=False)
        return min(self._left(final, room), self._left(joined, self.notes_room))

    def last_budget(self) -> int:
        """Return how many tokens of notes fit into the last prompt."""
        prompt = self._prompter.merge(self._facts, self._limits, span_s=self._span_s, final=True)
        return self._left(prompt, self._room)

    def _left(self, prompt: str, room_tokens: int) -> int:
        """Return how many tokens of lines a prompt can take on. Raises: NoRoom."""
        budget = self._asker.room(prompt) - room_tokens
        if budget < _LEAST_BUDGET_TOKENS:
            raise self._too_small()
        return budget

    def _too_small(self) -> NoRoom:
        return NoRoom(
            f"A context of {self._asker.context_tokens:,} tokens is too small for this video.",
            "Give more with --reason-context, or name a model that takes more.",
        )

    def _noted(self, section: Sequence[Line], number: int, span_s: Span) -> GroundedNotes:
        """Return notes on one section."""
        ask = partial(self._prompter.section, span_s=span_s, part=number, parts=self.sections)
        ids = self._given.union(line.entry.id for line in section)
        return self._asker.ask(self._for_notes(ask, [line.text for line in section], ids, span_s))

    def _joined(self, notes: Sequence[GroundedNotes], rows: Sequence[str]) -> GroundedNotes:
        """Return notes on a stretch that there are several notes on; ``rows`` are their lines."""
        span_s = notes[0].start_s, notes[-1].end_s
        ask = partial(self._prompter.merge, span_s=span_s, final=False)
        return self._asker.ask(self._for_notes(ask, rows, self._ids(notes), span_s))

    def _for_notes(
        self, ask: Callable[[Sequence[str], Limits, str], str], rows: Sequence[str],
        ids: frozenset[str], span_s: Span,
    ) -> Question[GroundedNotes]:  # fmt: skip
        return Question(
            lambda limits, fault: ask([*self._facts, *rows], limits, fault),
            notes_schema,
            partial(read_notes, self._ground.among(ids), span_s),
            self.notes_limits,
            self.notes_room,
        )

    def _ids(self, notes: Sequence[GroundedNotes]) -> frozenset[str]:
        """Return the ids that a prompt with these notes names."""
        return self._given.union(
            id for one in notes for point in one.points for id in point.evidence
        )

    def _merged(self, notes: list[GroundedNotes]) -> tuple[list[str], frozenset[str]]:
        """Return notes as lines, and the ids in them.

        They become fewer until the last prompt takes them all.
        """
        budget, last = self.merge_budget(), self.last_budget()
        while True:
            rows = [self._row(one, min(budget // 2, last)) for one in notes]
            sizes = [self._asker.count(f"{row}\n") for row in rows]
            if sum(sizes) <= min(budget, last):
                return rows, self._ids(notes)
            groups = packed(sizes, budget)
            self._asker.expect(sum(len(group) > 1 for group in groups) + 1)
            notes = [
                self._joined([notes[at] for at in group], [rows[at] for at in group])
                if len(group) > 1
                else notes[group[0]]
                for group in groups
            ]

    def _row(self, notes: GroundedNotes, most_tokens: int) -> str:
        """Return notes as a line of JSON; what is too long loses every other point, then words.

        The last point outlives the gist's words: it may be all there is on a question.
        """
        points, gist = list(notes.points), notes.gist
        while True:
            row = json_line(
                {
                    "from": round(notes.start_s),
                    "to": round(notes.end_s),
                    "gist": gist,
                    "points": [_point(point) for point in points],
                }
            )
            if self._asker.count(f"{row}\n") <= most_tokens:
                return row
            if len(points) > 1:
                points = points[1::2]
            elif len(gist) > _SHORTEST_GIST:
                gist = shortened(gist, len(gist) // 2)
            elif points:
                points = []
            else:
                raise self._too_small()


def _point(point: Claim) -> dict[str, object]:
    """Return a point as a prompt has it; one without evidence has neither ids nor a time."""
    text = quoted(point.text) if point.quoted else point.text
    if point.start_s is None:
        return {"ids": [], "text": text}
    return {"ids": list(point.evidence), "from": round(point.start_s), "text": text}
