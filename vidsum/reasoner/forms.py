"""What a model wrote, read into a form: lenient where nothing is lost by it.

What the forms ask for is in :mod:`vidsum.reasoner.schemas`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints, ValidationError

from vidsum.data import NameKind
from vidsum.reasoner.schemas import KINDS
from vidsum.wording import safe

_LONGEST_ANSWER: Final = 1_000_000
"""Letters. No form has room for a hundredth of it: whoever wrote more was stuck in a loop."""
_MOST_FAULTS: Final = 3
_THOUGHT: Final = re.compile(r"<(/?)think>", re.IGNORECASE)
_FENCE: Final = re.compile(r"```(?:json)?", re.IGNORECASE)
_LIKE_KINDS: Final = {
    "people": "person", "persons": "person", "location": "place", "places": "place",
    "organization": "organisation", "org": "organisation", "company": "organisation",
    "things": "thing",
}  # fmt: skip


class Malformed(ValueError):
    """An answer that is not what was asked for; the message says what is wrong with it."""


def _as_list(value: object) -> object:
    """Take one value for a list of it, and nothing for an empty list."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _listed_under(key: str) -> Callable[[object], object]:
    """Return what takes bare texts in a list for objects that have nothing but this key."""

    def listed(value: object) -> object:
        items = _as_list(value)
        if not isinstance(items, list):
            return items
        return [{key: item} if isinstance(item, str) else item for item in items if item]

    return listed


def _as_text(value: object) -> object:
    return "" if value is None else value


def _as_kind(value: object) -> str:
    """Return the kind that a name is of; what is none of them is unknown."""
    kind = value.strip().casefold() if isinstance(value, str) else ""
    kind = _LIKE_KINDS.get(kind, kind)
    return kind if kind in KINDS else "unknown"


_Text = Annotated[str, BeforeValidator(_as_text)]
_Needed = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
_Texts = Annotated[list[str], BeforeValidator(_as_list)]


class _Part(BaseModel):
    """Lenient where nothing is lost by it: a number for a text, more keys than were asked for."""

    model_config = ConfigDict(coerce_numbers_to_str=True, extra="ignore", frozen=True)


class Point(_Part):
    """A statement and the ids that it is said to rest on."""

    text: _Text = ""
    evidence: _Texts = []


class ChapterPoint(_Part):
    """A chapter: the entry that it begins with, its title, one sentence, its evidence."""

    start: _Text = ""
    title: _Text = ""
    gist: _Text = ""
    evidence: _Texts = []


class NamePoint(_Part):
    """Somebody or something that is named, and where."""

    name: _Text = ""
    kind: Annotated[NameKind, BeforeValidator(_as_kind)] = "unknown"
    evidence: _Texts = []


class LookPoint(_Part):
    """A moment to see again: an entry's id or a time, and what is to be found out."""

    at: _Text = ""
    question: _Text = ""


_Points = Annotated[list[Point], BeforeValidator(_listed_under("text"))]


class SummaryForm(_Part):
    """A summary as a model wrote it. Nothing in it is checked against the timeline yet.

    ``overview`` are the sentences of one paragraph.
    """

    title: _Needed
    overview: _Points
    key_points: _Points
    chapters: Annotated[list[ChapterPoint], BeforeValidator(_as_list)] = []
    quotes: _Points = []
    names: Annotated[list[NamePoint], BeforeValidator(_listed_under("name"))] = []
    caveats: _Texts = []
    look_again: Annotated[list[LookPoint], BeforeValidator(_as_list)] = []


class NotesForm(_Part):
    """What a model wrote down of one section. Nothing in it is checked yet."""

    gist: _Needed
    points: _Points


class ResponseForm(_Part):
    """What a model answered to a question, in sentences. Nothing in it is checked yet."""

    found: bool
    answer: _Points
    caveats: _Texts = []


Form = TypeVar("Form", bound=BaseModel)


def read(text: str, form: type[Form]) -> Form:
    """Return an answer's content. Raises: Malformed, which says what to do better."""
    found = _json_object(text)
    try:
        return form.model_validate(found)
    except ValidationError as exc:
        told = exc.errors(include_url=False, include_context=False, include_input=False)
        faults = [
            f"{'.'.join(map(str, fault['loc'][:4])) or 'the answer'}: {fault['msg']}"
            for fault in told[:_MOST_FAULTS]
        ]
        raise Malformed(safe("; ".join(faults))) from exc


def _json_object(text: str) -> dict[str, Any]:
    """Return the JSON object in a text, whatever is written around it."""
    if len(text) > _LONGEST_ANSWER:
        raise Malformed("It is far too long.")
    bare = _FENCE.sub("", _without_thoughts(text))
    first, last = bare.find("{"), bare.rfind("}")
    if first < 0 or last < first:
        raise Malformed("It holds no JSON object.")
    piece = bare[first : last + 1]
    try:
        # Some servers' grammars let raw control characters into texts; they are harmless here.
        found = json.loads(piece, strict=False)
        # Escapes may be halves of surrogate pairs, which are no text: they become "?".
        plain = json.dumps(found, ensure_ascii=False).encode("utf-8", "replace")
        found = json.loads(plain)
    except json.JSONDecodeError as exc:
        raise Malformed(f"It is not valid JSON: {exc.msg} at character {exc.pos}.") from exc
    except (ValueError, RecursionError) as exc:
        raise Malformed("It is not valid JSON.") from exc
    if not isinstance(found, dict):
        raise Malformed("It is no JSON object.")
    return found


def _without_thoughts(text: str) -> str:
    """Return a text without what stands between <think> and </think>, in one pass."""
    kept, at, opened = [], 0, -1
    for tag in _THOUGHT.finditer(text):
        if not tag[1] and opened < 0:
            opened = tag.start()
        elif tag[1] and opened >= 0:
            kept.append(text[at:opened])
            at, opened = tag.end(), -1
    return "".join(kept) + text[at:]
