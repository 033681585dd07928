"""What a model may be asked about a whole video: to sum it up, or to answer a question."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from vidsum.reasoner.asking import Question
from vidsum.reasoner.forms import Malformed, NotesForm, ResponseForm, SummaryForm, read
from vidsum.reasoner.grounding import Ground, Grounded, GroundedNotes, GroundedResponse
from vidsum.reasoner.schemas import Limits, response_schema, summary_schema

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Draft:
    """A summary as a model wrote it, and what is left of it after it was checked."""

    form: SummaryForm
    found: Grounded


@dataclass(frozen=True, slots=True)
class Task(Generic[T]):
    """A form to be filled in, and how the answer is read and checked; ``read`` raises Malformed.

    ``read`` is given a ground of the entries that the model was shown, and what it wrote.
    ``nothing`` is the answer where no section has anything to say, and such sections' notes go no
    further. None: every section has, as for a summary.
    """

    schema: Callable[[Limits], Mapping[str, Any]]
    read: Callable[[Ground, str], T]
    nothing: T | None = None


def summing_up() -> Task[Draft]:
    """Return the task of writing a summary, which is held against a timeline."""
    return Task(summary_schema, partial(_counting_once, _draft))


def answering() -> Task[GroundedResponse]:
    """Return the task of answering a question, whose answer is held against a timeline."""
    return Task(
        response_schema,
        partial(_counting_once, lambda ground, text: ground.response(read(text, ResponseForm))),
        nothing=GroundedResponse(found=False, claims=(), caveats=()),
    )


def read_notes(ground: Ground, span_s: tuple[float, float], text: str) -> GroundedNotes:
    """Return notes on a stretch, held against a timeline. Raises: Malformed."""

    def notes(ground: Ground, text: str) -> GroundedNotes:
        return ground.notes(read(text, NotesForm), *span_s)

    return _counting_once(notes, ground, text)


def _draft(ground: Ground, text: str) -> Draft:
    form = read(text, SummaryForm)
    return Draft(form, ground.summary(form))


def _counting_once(check: Callable[[Ground, str], T], ground: Ground, text: str) -> T:
    """Check a text; what was taken out of one that is not used does not count."""
    before = ground.removed.copy()
    try:
        return check(ground, text)
    except Malformed:
        ground.removed.clear()
        ground.removed.update(before)
        raise


class Writes(Protocol):
    """Writes a prompt, see :class:`vidsum.reasoner.prompting.Prompter`."""

    def __call__(
        self, lines: Sequence[str], limits: Limits, fault: str = "", *, revised: bool = False
    ) -> str:
        """Return the prompt. Raises: OptionError."""
        ...


@dataclass(frozen=True, slots=True)
class LastPrompt:
    """The prompt whose answer is the one that is wanted: of a whole timeline, or of all notes.

    ``ids`` are those of the entries that its lines are about.
    """

    write: Writes
    lines: tuple[str, ...]
    ids: frozenset[str]
    room_tokens: int
    sections: int = 1

    def question(
        self, task: Task[T], ground: Ground, limits: Limits, more: Sequence[str] = (),
        *, revised: bool = False,
    ) -> Question[T]:  # fmt: skip
        """Return it as a question; ``more`` are lines after its own, ``ground`` what it shows."""
        return Question(
            lambda limits, fault: self.write([*self.lines, *more], limits, fault, revised=revised),
            task.schema, partial(task.read, ground), limits, self.room_tokens,
        )  # fmt: skip
