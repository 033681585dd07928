"""What a model is asked to write: the form as a JSON Schema, and how its answer is read.

The schema bounds every string and list, for a small model under a grammar writes on until it
hits a bound. Evidence comes before conclusions: a model that has just written down chapters and
points writes the better overview. Chapters begin at an entry's id, not at a number of seconds: an
id is copied or it is wrong, and that can be told; a time that was made up looks like any other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints, ValidationError

from vidsum.wording import safe

_FULL_ROOM_TOKENS: Final = 1_600
"""Room in which the longest answer fits when, as is usual, it is half as long as it may be."""
_LONGEST_ID: Final = 10
_MOST_FAULTS: Final = 3
_FENCED: Final = re.compile(r"<think>.*?</think>|```(?:json)?", re.DOTALL | re.IGNORECASE)


class Malformed(ValueError):
    """An answer that is not what was asked for; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long an answer may be: items in its lists, letters in its texts."""

    key_points: int = 10
    chapters: int = 12
    names: int = 10
    caveats: int = 4
    evidence: int = 4
    overview: int = 900
    text: int = 240
    title: int = 80

    def __mul__(self, share: float) -> Limits:
        """Return a part of these limits. A text gets shorter by the root of what a list does."""
        return replace(
            self,
            key_points=max(2, round(self.key_points * share)),
            chapters=max(2, round(self.chapters * share)),
            names=max(2, round(self.names * share)),
            caveats=max(1, round(self.caveats * share)),
            evidence=max(2, round(self.evidence * share)),
            overview=max(120, round(self.overview * share)),
            text=max(60, round(self.text * share**0.5)),
            title=max(30, round(self.title * share**0.5)),
        )


FULL: Final = Limits()


def limits_for(room_tokens: int) -> Limits:
    """Return the limits of an answer for which there are so many tokens."""
    return FULL * min(1.0, room_tokens / _FULL_ROOM_TOKENS)


def summary_schema(limits: Limits) -> dict[str, Any]:
    """Return the schema of a summary, whose keys are those of :class:`Answer`."""
    chapter = {"start": _ref("id"), "title": _ref("title"), "gist": _ref("text")}
    return _object({
        "chapters": _list("chapter", limits.chapters),
        "key_points": _list("point", limits.key_points),
        "overview": _text(limits.overview),
        "title": _ref("title"),
        "names": _list("name", limits.names),
        "caveats": _list("text", limits.caveats),
    }) | {"$defs": _parts(limits) | {
        "name": _text(limits.title // 2),
        "title": _text(limits.title),
        "chapter": _object(chapter | {"evidence": _ref("ids")}),
    }}  # fmt: skip


def notes_schema(limits: Limits) -> dict[str, Any]:
    """Return the schema of notes on one section, whose keys are those of :class:`Notes`."""
    points, gist = _list("point", limits.key_points), _text(2 * limits.text)
    return _object({"points": points, "gist": gist}) | {"$defs": _parts(limits)}


def _parts(limits: Limits) -> dict[str, Any]:
    """Return what both schemas name. By reference: llama.cpp refuses a grammar in which bounds
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


def _as_text(value: object) -> object:
    return "" if value is None else value


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


class Answer(_Part):
    """A summary as a model wrote it. Nothing in it is checked against the timeline yet."""

    title: _Needed
    overview: _Needed
    key_points: Annotated[list[Point], BeforeValidator(_as_list)]
    chapters: Annotated[list[ChapterPoint], BeforeValidator(_as_list)] = []
    names: _Texts = []
    caveats: _Texts = []


class Notes(_Part):
    """What a model wrote down of one section. Nothing in it is checked yet."""

    gist: _Needed
    points: Annotated[list[Point], BeforeValidator(_as_list)]


Form = TypeVar("Form", Answer, Notes)


def read(text: str, form: type[Form]) -> Form:
    """Return an answer's content. Raises: Malformed, which says what to do better."""
    found = _json_object(text)
    try:
        return form.model_validate(found)
    except ValidationError as exc:
        faults = [
            f"{'.'.join(map(str, fault['loc'][:4])) or 'the answer'}: {fault['msg']}"
            for fault in exc.errors(include_url=False, include_context=False)[:_MOST_FAULTS]
        ]
        raise Malformed(safe("; ".join(faults))) from exc


def _json_object(text: str) -> dict[str, Any]:
    """Return the JSON object in a text, whatever is written around it."""
    bare = _FENCED.sub("", text)
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


def without_text_bounds(schema: Any) -> Any:
    """Return a schema without lengths of texts, which some providers refuse in a strict one."""
    if isinstance(schema, Mapping):
        return {key: without_text_bounds(value) for key, value in schema.items()
                if key != "maxLength"}  # fmt: skip
    return [*map(without_text_bounds, schema)] if isinstance(schema, list) else schema
