"""One task put to one model: in one prompt where the timeline fits, else in sections."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from vidsum.data import Bundle, TimelineEntry
from vidsum.reasoner.asking import Asker, NoRoom, TooLong
from vidsum.reasoner.grounding import Ground
from vidsum.reasoner.prompting import Prompter
from vidsum.reasoner.reducing import Reduction
from vidsum.reasoner.rooms import revision_room, room_for
from vidsum.reasoner.schemas import limits_for
from vidsum.reasoner.sections import short_line
from vidsum.reasoner.tasks import LastPrompt, Task

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Told(Generic[T]):
    """What a model told, from how many sections, and the prompt that it told it to.

    ``removed`` is what had been taken out of notes before. ``last`` is None where no section had
    anything to say.
    """

    found: T
    sections: int
    last: LastPrompt | None
    removed: Counter[str]


class Inquiry:
    """Asks for one video. ``most_looks`` is how many moments a model may ask to see again.

    That is offered only where the prompt has room for a revision.
    """

    def __init__(
        self, bundle: Bundle, entries: Sequence[TimelineEntry], prompter: Prompter, asker: Asker,
        ground: Ground, length: str, most_looks: int = 0,
    ) -> None:  # fmt: skip
        self._bundle, self._entries = bundle, entries
        self._prompter, self._asker, self._ground = prompter, asker, ground
        self._length, self._most_looks = length, most_looks

    def put(self, task: Task[T]) -> Told[T]:
        """Return what the model told.

        A model that takes less at once than was believed is asked anew, in smaller pieces.
        Raises: BackendFailed, BackendMissing, OptionError.
        """
        refusal: TooLong | None = None
        while True:
            try:
                return self._attempt(task)
            except TooLong as exc:
                refusal = exc
                self._asker.take_less()
                self._ground.removed.clear()
            except NoRoom as exc:
                if refusal is None:
                    raise
                raise refusal from exc

    def _attempt(self, task: Task[T]) -> Told[T]:
        """Return what the model told with the context that it is believed to have."""
        room = room_for(self._asker.context_tokens, self._length)
        limits, sections = limits_for(room, self._length), 1
        lines = tuple(short_line(entry) for entry in self._entries)
        shown = frozenset(entry.id for entry in self._entries)
        last = LastPrompt(self._prompter.whole, lines, shown, room)
        self._asker.expect(1)
        left = self._asker.room(last.write(lines, limits))
        if left < room:
            reduction = Reduction(
                self._bundle, self._prompter, self._asker, self._ground, limits, room,
                all_sections=task.nothing is None,
            )  # fmt: skip
            notes, sections = reduction.last_prompt(self._entries), reduction.sections
            if notes is None:
                assert task.nothing is not None
                return Told(task.nothing, sections, None, self._ground.removed.copy())
            last, left = notes, self._asker.room(notes.write(notes.lines, limits))
        looks = self._most_looks
        if left < room + revision_room(room, looks):
            looks = 0
        removed = self._ground.removed.copy()
        asked = limits_for(room, self._length, looks)
        question = last.question(task, self._ground.among(last.ids), asked)
        return Told(self._asker.ask(question), sections, last, removed)
