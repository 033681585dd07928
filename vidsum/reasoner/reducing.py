"""A long timeline's summary: notes on each section, then one summary of the notes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Final

from vidsum.data import Bundle, Claim, TimelineEntry
from vidsum.reasoner.answer import (
    Answer,
    Limits,
    Notes,
    limits_for,
    notes_schema,
    read,
    summary_schema,
)
from vidsum.reasoner.asking import Asker, NoRoom, Question
from vidsum.reasoner.grounding import Ground, Grounded, GroundedNotes
from vidsum.reasoner.material import material
from vidsum.reasoner.prompting import Prompter
from vidsum.reasoner.sections import cut, heads, lines, packed
from vidsum.reasoner.wording import quoted, shortened
from vidsum.wording import json_line

_NOTES_SHARE: Final = 8
_LEAST_NOTES_TOKENS, _MOST_NOTES_TOKENS = 200, 1_024
_LEAST_BUDGET_TOKENS: Final = 200
_FACTS_SHARE: Final = 8
_SHORTEST_GIST: Final = 40

Span = tuple[float, float]


class Reduction:
    """One video's way from sections to a summary. ``sections`` is how many there were.

    ``room_tokens`` is what the summary may take. The first facts that came with the file stand in
    every prompt, shortened.
    """

    def __init__(self, bundle: Bundle, prompter: Prompter, asker: Asker, ground: Ground,
                 room_tokens: int) -> None:  # fmt: skip
        self._bundle, self._prompter = bundle, prompter
        self._asker, self._ground = asker, ground
        self._room, self._limits = room_tokens, limits_for(room_tokens)
        notes_room = asker.context_tokens // _NOTES_SHARE
        self._notes_room = min(max(notes_room, _LEAST_NOTES_TOKENS), _MOST_NOTES_TOKENS)
        self._notes_limits = limits_for(2 * self._notes_room)  # they are half of a summary
        self._span_s = bundle.evidence.start_s, bundle.evidence.end_s
        self._facts: list[str] = []
        self.sections = 0

    def summary(self, entries: Sequence[TimelineEntry]) -> Grounded:
        """Return the summary of a timeline.

        Raises: TooLong, NoRoom, BackendFailed, BackendMissing, OptionError.
        """
        count = self._asker.count
        self._facts, told = heads(entries, count, self._section_budget() // _FACTS_SHARE)
        budget = self._section_budget()
        rows = lines([entry for entry in entries if entry.id not in told], count, budget)
        sections = cut(rows, budget, self._starts())
        self.sections = len(sections)
        self._asker.expect(len(sections) + 1)
        # A piece of a long fact, or of a long cue, begins where the whole of it does.
        start_s, end_s = self._span_s
        bounds = (min(max(section[0].entry.start_s, start_s), end_s) for section in sections[1:])
        spans_s = pairwise([start_s, *bounds, end_s])
        return self._merged([
            self._noted([line.text for line in section], number, span_s)
            for number, (section, span_s) in enumerate(zip(sections, spans_s, strict=True), start=1)
        ])  # fmt: skip

    def _starts(self) -> list[float]:
        """Return when chapters seem to begin, as far as that can be told without a model."""
        return [part.start_s for part in material(self._bundle).division.parts[1:]]

    def _section_budget(self) -> int:
        """Return how many tokens of a section's lines fit beside the facts."""
        prompt = self._prompter.section(
            self._facts, self._notes_limits, span_s=self._span_s, part=1, parts=1
        )
        return self._left(prompt, self._notes_room)

    def _merge_budget(self) -> int:
        """Return how many tokens of notes fit beside the facts, in all prompts of notes."""
        prompts = {
            final: self._prompter.merge(self._facts, limits, span_s=self._span_s, final=final)
            for final, limits in ((True, self._limits), (False, self._notes_limits))
        }
        return min(self._left(prompts[True], self._room),
                   self._left(prompts[False], self._notes_room))  # fmt: skip

    def _left(self, prompt: str, room_tokens: int) -> int:
        """Return how many tokens of lines a prompt can take on. Raises: NoRoom."""
        budget = self._asker.room(prompt) - room_tokens
        if budget < _LEAST_BUDGET_TOKENS:
            raise self._too_small()
        return budget

    def _too_small(self) -> NoRoom:
        return NoRoom(
            f"A context of {self._asker.context_tokens:,} tokens is too small for a summary.",
            "Give more with --reason-context, or name a model that takes more.",
        )

    def _noted(self, rows: Sequence[str], number: int, span_s: Span) -> GroundedNotes:
        """Return notes on one section."""
        ask = partial(self._prompter.section, span_s=span_s, part=number, parts=self.sections)
        return self._asker.ask(self._for_notes(ask, rows, span_s))

    def _joined(self, rows: Sequence[str], span_s: Span) -> GroundedNotes:
        """Return notes on a stretch that there are several notes on."""
        ask = partial(self._prompter.merge, span_s=span_s, final=False)
        return self._asker.ask(self._for_notes(ask, rows, span_s))

    def _concluded(self, rows: Sequence[str]) -> Grounded:
        """Return the summary of notes that fit one prompt."""
        ask = partial(self._prompter.merge, span_s=self._span_s, final=True)
        return self._asker.ask(Question(
            lambda limits, fault: ask([*self._facts, *rows], limits, fault),
            summary_schema,
            lambda text: self._ground.answer(read(text, Answer)),
            self._limits,
            self._room,
        ))  # fmt: skip

    def _for_notes(
        self, ask: Callable[[Sequence[str], Limits, str], str], rows: Sequence[str], span_s: Span
    ) -> Question[GroundedNotes]:
        return Question(
            lambda limits, fault: ask([*self._facts, *rows], limits, fault),
            notes_schema,
            lambda text: self._ground.notes(read(text, Notes), *span_s),
            self._notes_limits,
            self._notes_room,
        )

    def _merged(self, notes: list[GroundedNotes]) -> Grounded:
        """Return the summary of notes, which become fewer until one prompt takes them all."""
        budget = self._merge_budget()
        while True:
            rows = [self._row(one, budget // 2) for one in notes]
            sizes = [self._asker.count(f"{row}\n") for row in rows]
            if sum(sizes) <= budget:
                return self._concluded(rows)
            groups = packed(sizes, budget)
            self._asker.expect(sum(len(group) > 1 for group in groups) + 1)
            notes = [
                self._joined([rows[at] for at in group],
                             (notes[group[0]].start_s, notes[group[-1]].end_s))
                if len(group) > 1 else notes[group[0]]
                for group in groups
            ]  # fmt: skip

    def _row(self, notes: GroundedNotes, most_tokens: int) -> str:
        """Return notes as a line of JSON; what is too long loses every other point, then words."""
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
            if points:
                points = points[1::2]
            elif len(gist) > _SHORTEST_GIST:
                gist = shortened(gist, len(gist) // 2)
            else:
                raise self._too_small()


def _point(point: Claim) -> dict[str, object]:
    return {
        "ids": list(point.evidence),
        "from": round(point.start_s),
        "text": quoted(point.text) if point.quoted else point.text,
    }
