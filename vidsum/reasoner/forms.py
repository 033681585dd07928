"""What a model is asked to write: the form as a JSON Schema, and how its answer is read.

The schema bounds every string and list, for a small model under a grammar writes on until it
hits a bound. Evidence comes before conclusions: a model that has just written down chapters,
points and quotations writes the better overview. Chapters begin at an entry's id, not at a number
of seconds: an id is copied or it is wrong, and that can be told; a time that was made up looks
like any other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints, ValidationError

from vidsum.data import NameKind
from vidsum.wording import safe

_FULL_ROOM_TOKENS: Final = 2_000
"""Room in which the longest answer fits when, as is usual, it is half as long as it may be."""
_SHARES: Final = {"short": 0.5, "medium": 1.0, "long": 1.6}
_LONGEST_ID: Final = 10
_LONGEST_ANSWER: Final = 1_000_000
"""Letters. No form has room for a hundredth of it: whoever wrote more was stuck in a loop."""
_MOST_FAULTS: Final = 3
_THOUGHT: Final = re.compile(r"<(/?)think>", re.IGNORECASE)
_FENCE: Final = re.compile(r"```(?:json)?", re.IGNORECASE)
_KINDS: Final = tuple(kind for kind in get_args(NameKind) if kind != "unknown")
_LIKE_KINDS: Final = {
    "people": "person", "persons": "person", "location": "place", "places": "place",
    "organization": "organisation", "org": "organisation", "company": "organisation",
    "things": "thing",
}  # fmt: skip


class Malformed(ValueError):
    """An answer that is not what was asked for; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long an answer may be: items in its lists, letters in its texts.

    ``sentences`` are those of an overview or of the answer to a question; ``looks`` how many
    moments may be asked for again: none, and the form has no place for it.
    """

    key_points: int = 10
    chapters: int = 12
    quotes: int = 5
    names: int = 10
    sentences: int = 6
    caveats: int = 4
    evidence: int = 4
    text: int = 240
    title: int = 80
    looks: int = 0

    def __mul__(self, share: float) -> Limits:
        """Return a part of these limits, or more. A text gets shorter by the root of what a list
        does, and never longer.
        """
        letters = min(1.0, share) ** 0.5
        return replace(
            self,
            key_points=max(2, round(self.key_points * share)),
            chapters=max(2, round(self.chapters * share)),
            quotes=max(1, round(self.quotes * share)),
            names=max(2, round(self.names * share)),
            sentences=max(2, round(self.sentences * share)),
            caveats=max(1, round(self.caveats * share)),
            evidence=max(2, round(self.evidence * share)),
            text=max(60, round(self.text * letters)),
            title=max(30, round(self.title * letters)),
        )


FULL: Final = Limits()


def limits_for(room_tokens: int, length: str = "medium", looks: int = 0) -> Limits:
    """Return the limits of an answer for which there are so many tokens.

    length: short, medium or long. A long answer needs 3,200 tokens of room to be as long as it
    may be, a medium one 2,000, a short one 1,000.
    """
    limits = FULL * min(_SHARES[length], room_tokens / _FULL_ROOM_TOKENS)
    return replace(limits, looks=max(0, looks))


def summary_schema(limits: Limits) -> dict[str, Any]:
    """Return the schema of a summary, whose keys are those of :class:`SummaryForm`."""
    chapter = {"start": _ref("id"), "title": _ref("title"), "gist": _ref("text")}
    kind = {"type": "string", "enum": list(_KINDS)}
    named = {"name": _text(limits.title // 2), "kind": kind}
    look = {"at": _ref("id"), "question": _ref("text")}
    looks = {"look_again": _list("look", limits.looks)} if limits.looks else {}
    return _object({
        "chapters": _list("chapter", limits.chapters),
        "key_points": _list("point", limits.key_points),
        "quotes": _list("point", limits.quotes),
        "names": _list("name", limits.names),
        "overview": _list("point", limits.sentences) | {"minItems": 1},
        "title": _ref("title"),
        "caveats": _list("text", limits.caveats),
        **looks,
    }) | {"$defs": _parts(limits) | {
        "title": _text(limits.title),
        "chapter": _object(chapter | {"evidence": _ref("ids")}),
        "name": _object(named | {"evidence": _ref("ids")}),
        **({"look": _object(look)} if looks else {}),
    }}  # fmt: skip


def notes_schema(limits: Limits) -> dict[str, Any]:
    """Return the schema of notes on one section, whose keys are those of :class:`NotesForm`."""
    points, gist = _list("point", limits.key_points), _text(2 * limits.text)
    return _object({"points": points, "gist": gist}) | {"$defs": _parts(limits)}


def response_schema(limits: Limits) -> dict[str, Any]:
    """Return the schema of an answer to a question, see :class:`ResponseForm`."""
    return _object({
        "found": {"type": "boolean"},
        "answer": _list("point", limits.sentences),
        "caveats": _list("text", limits.caveats),
    }) | {"$defs": _parts(limits)}  # fmt: skip


def _parts(limits: Limits) -> dict[str, Any]:
    """Return what all schemas name. By reference: llama.cpp refuses a grammar in which bounds
    inside bounds multiply to some thousands.
    """
    return {
        "id": _text(_LONGEST_ID),
        "ids": _list("id", limits.evidence) | {"minItems": 1},
        "text": _text(limits.text),
        "point": _object({"text": _ref("text"), "evidence": _ref("ids")}),
    }


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{name}"}


def _text(longest: int) -> dict[str, Any]:
    return {"type": "string", "maxLength": longest}


def _list(name: str, most: int) -> dict[str, Any]:
    return {"type": "array", "items": _ref(name), "maxItems": most}


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


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
    return kind if kind in _KINDS else "unknown"


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


Form = TypeVar("Form", SummaryForm, NotesForm, ResponseForm)


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


def without_text_bounds(schema: Any) -> Any:
    """Return a schema without lengths of texts, which some providers refuse in a strict one."""
    if isinstance(schema, Mapping):
        return {key: without_text_bounds(value) for key, value in schema.items()
                if key != "maxLength"}  # fmt: skip
    return [*map(without_text_bounds, schema)] if isinstance(schema, list) else schema
