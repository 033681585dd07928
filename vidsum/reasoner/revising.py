"""A summary that is written anew, once, after the model saw some moments again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from vidsum.data import SecondLook, TimelineEntry
from vidsum.errors import BackendFailed, BudgetReached, VidsumError
from vidsum.reasoner.asking import Asker
from vidsum.reasoner.grounding import Ground, Grounded
from vidsum.reasoner.inquiry import Told
from vidsum.reasoner.protocol import Looker, Wanted
from vidsum.reasoner.rooms import LOOK_TOKENS
from vidsum.reasoner.schemas import limits_for
from vidsum.reasoner.sections import short_line
from vidsum.reasoner.tasks import Draft, summing_up
from vidsum.wording import counted, json_line, safe


@dataclass(frozen=True, slots=True)
class Written:
    """A summary, what was taken out of it, and the moments that were seen again for it.

    ``revised``: it was written anew after them.
    """

    found: Grounded
    removed: Counter[str]
    looks: tuple[SecondLook, ...] = ()
    revised: bool = False
    caveats: tuple[str, ...] = ()


def with_second_looks(
    told: Told[Draft], looker: Looker | None, asker: Asker, ground: Ground, length: str
) -> Written:
    """Return a summary, revised once where the model asked to see something and was shown it.

    A revision that fails leaves what the model wrote first. Raises: OptionError, BackendMissing.
    """
    draft, last = told.found, told.last
    first = Written(draft.found, ground.removed.copy())
    if looker is None or last is None:
        return first
    wanted = ground.among(last.ids).wanted(draft.form, looker.most)
    if not wanted:
        return first
    limits = limits_for(last.room_tokens, length)
    answer = json_line({"first_answer": draft.form.model_dump(exclude={"look_again"})})
    prompt = last.write([*last.lines, answer], limits, revised=True)
    if asker.room(prompt) - len(wanted) * LOOK_TOKENS < last.room_tokens:
        return replace(first, looks=_refused(wanted, "the model takes no more at once"))
    looks = looker.look(wanted)
    seen = [look.entry for look in looks if look.entry is not None]
    if not seen:
        return replace(first, looks=looks)
    again = ground.with_entries(seen).among({*last.ids, *(entry.id for entry in seen)})
    lines = [*map(short_line, seen), answer]
    question = last.question(summing_up(), again, limits, lines, revised=True)
    asker.expect(1)
    try:
        found = asker.ask(question).found
    except (BackendFailed, BudgetReached) as exc:
        asker.expect(0)
        return replace(first, looks=looks, caveats=(_failed(seen, exc),))
    return Written(found, told.removed + again.removed, looks, revised=True)


def _refused(wanted: Sequence[Wanted], why: str) -> tuple[SecondLook, ...]:
    return tuple(SecondLook(one.time_s, one.question, refused=why) for one in wanted)


def _failed(seen: Sequence[TimelineEntry], exc: VidsumError) -> str:
    moments = counted(len(seen), "moment").capitalize()
    were = "was" if len(seen) == 1 else "were"
    return f"{moments} {were} seen again, but the summary is not revised: {safe(exc.message)}"
