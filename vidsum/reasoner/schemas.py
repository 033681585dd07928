"""What a model is asked to write: each form as a JSON Schema, and how long an answer may be.

The schema bounds every string and list, for a small model under a grammar writes on until it
hits a bound. Evidence comes before conclusions: a model that has just written down chapters,
points and quotations writes the better overview. Chapters begin at an entry's id, not at a number
of seconds: an id is copied or it is wrong, and that can be told; a time that was made up looks
like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, get_args

from vidsum.data import NameKind

_FULL_ROOM_TOKENS: Final = 2_000
"""Room in which the longest answer fits when, as is usual, it is half as long as it may be."""
_SHARES: Final = {"short": 0.5, "medium": 1.0, "long": 1.6}
_LONGEST_ID: Final = 10
KINDS: Final = tuple(kind for kind in get_args(NameKind) if kind != "unknown")
"""What a name may be said to be."""


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
    """Return the schema of a summary, whose keys are those of ``SummaryForm``."""
    chapter = {"start": _ref("id"), "title": _ref("title"), "gist": _ref("text")}
    kind = {"type": "string", "enum": list(KINDS)}
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
    """Return the schema of notes on one section, whose keys are those of ``NotesForm``."""
    points, gist = _list("point", limits.key_points), _text(2 * limits.text)
    return _object({"points": points, "gist": gist}) | {"$defs": _parts(limits)}


def response_schema(limits: Limits) -> dict[str, Any]:
    """Return the schema of an answer to a question, see ``ResponseForm``."""
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


def without_text_bounds(schema: Any) -> Any:
    """Return a schema without lengths of texts, which some providers refuse in a strict one."""
    if isinstance(schema, Mapping):
        return {key: without_text_bounds(value) for key, value in schema.items()
                if key != "maxLength"}  # fmt: skip
    return [*map(without_text_bounds, schema)] if isinstance(schema, list) else schema
