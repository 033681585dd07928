"""A JSON Schema as a grammar: a local model can then say nothing else."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

_MOST_REPEATS = 2000
"""llama.cpp refuses grammars that repeat a thing more often; beyond it there is no limit."""
_MOST_NUMBERS = 256
_SURROGATE = re.compile("[\ud800-\udfff]")
_BASE = {
    "ws": '" "?',
    "string": '"\\"" char* "\\""',
    # No raw control characters, and no halves of surrogate pairs: both break what reads it.
    "char": r'[^"\\\x7F\x00-\x1F] | "\\" (["\\/bfnrt] | "u" code)',
    "code": "[0-9a-cefA-CEF] hex hex hex | [dD] [0-7] hex hex",
    "hex": "[0-9a-fA-F]",
    "integer": '"-"? natural',
    "natural": '"0" | positive',
    "positive": "[1-9] [0-9]{0,14}",
    "number": '"-"? natural ("." [0-9]{1,15})? ([eE] [-+]? [0-9]{1,2})?',
    "boolean": '"true" | "false"',
    "null": '"null"',
    "value": "object | array | string | number | boolean | null",
    "pair": 'string ws ":" ws value',
    "object": '"{" ws (pair ws ("," ws pair ws)*)? "}"',
    "array": '"[" ws (value ws ("," ws value ws)*)? "]"',
}


def grammar_of(schema: Mapping[str, Any]) -> str:
    """Return GBNF whose texts all fit the schema, rule ``root``.

    It is narrower than the schema: every property is there, in the order given, and nothing
    besides. It is wider where a grammar cannot count: patterns, formats, items that must differ,
    bounds of fractions and of wide ranges of integers, lengths above 2,000, what stands beside a
    choice. Whoever reads the answer checks it.
    Raises: ValueError for what it does not know.
    """
    rules = _Rules(schema.get("$defs", {}))
    rules.texts["root"] = rules.of(schema)
    return "\n".join(f"{name} ::= {text}" for name, text in rules.texts.items())


class _Rules:
    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self.texts = dict(_BASE)
        self._definitions = definitions

    def of(self, schema: Mapping[str, Any]) -> str:
        """Return the expression for one schema; what it refers to becomes rules."""
        if "$ref" in schema:
            return self._reference(schema["$ref"])
        if "const" in schema:
            return _literal(schema["const"])
        if "enum" in schema:
            return _either(map(_literal, schema["enum"]))
        either = schema.get("anyOf") or schema.get("oneOf")
        if either:
            return _either(map(self.of, either))
        if "allOf" in schema:
            return self._only(schema["allOf"])
        kind = schema.get("type", "object" if "properties" in schema else None)
        if isinstance(kind, list):
            return _either(self.of({**schema, "type": one}) for one in kind)
        if kind == "object":
            return self._object(schema)
        if kind == "array":
            return self._array(schema)
        if kind == "string":
            return _string(schema)
        if kind == "integer":
            return _integer(schema)
        if kind in ("number", "boolean", "null"):
            return str(kind)
        if kind is None:
            return "value"
        raise ValueError(f"unknown type {kind!r}")

    def _reference(self, reference: str) -> str:
        defined = reference.removeprefix("#/$defs/")
        if defined not in self._definitions:
            raise ValueError(f"unknown reference {reference!r}")
        # By number: two names may differ in letters only that a rule's name cannot have.
        name = f"defined-{list(self._definitions).index(defined)}"
        if name not in self.texts:
            self.texts[name] = ""  # it may refer to itself
            self.texts[name] = self.of(self._definitions[defined])
        return name

    def _only(self, parts: Sequence[Mapping[str, Any]]) -> str:
        """Return the expression for the one part of ``allOf``: how notes are put to a ``$ref``."""
        if len(parts) != 1:
            raise ValueError("it asks for several things at once (allOf)")
        return self.of(parts[0])

    def _object(self, schema: Mapping[str, Any]) -> str:
        properties, others = schema.get("properties"), schema.get("additionalProperties", True)
        if properties:
            pairs = (f'{_literal(name)} ws ":" ws {self.of(inner)} ws'
                     for name, inner in properties.items())  # fmt: skip
            return _within("{", ' "," ws '.join(pairs), "}")
        if others is True:
            return "object"
        if others is False:
            return _within("{", "", "}")
        pair = self._rule(f'string ws ":" ws {self.of(others)} ws')
        return _within("{", _list(pair, schema.get("minProperties", 0),
                                  schema.get("maxProperties")), "}")  # fmt: skip

    def _array(self, schema: Mapping[str, Any]) -> str:
        if "prefixItems" in schema:
            parts = (f"{self.of(inner)} ws" for inner in schema["prefixItems"])
            return _within("[", ' "," ws '.join(parts), "]")
        item = self._rule(f"{self.of(schema.get('items', {}))} ws")
        return _within("[", _list(item, schema.get("minItems", 0), schema.get("maxItems")), "]")

    def _rule(self, text: str) -> str:
        """Return the name of a new rule. What is repeated must be one: llama.cpp counts symbols."""
        name = f"item-{len(self.texts)}"
        self.texts[name] = text
        return name


def _within(opening: str, inner: str, closing: str) -> str:
    return f'"{opening}" ws {inner} "{closing}"'


def _list(item: str, least: int, most: int | None) -> str:
    """Return the expression for so many items with commas between them."""
    _check_order(least, most)
    if most == 0:
        return ""
    more = _times(max(0, least - 1), None if most is None else most - 1)
    inner = f'{item} ("," ws {item}){more}'
    return inner if least else f"({inner})?"


def _string(schema: Mapping[str, Any]) -> str:
    least, most = schema.get("minLength", 0), schema.get("maxLength")
    _check_order(least, most)
    return f'"\\"" char{_times(least, most)} "\\""'


def _integer(schema: Mapping[str, Any]) -> str:
    """Return the expression for a narrow range, and for a wide one what has the right sign."""
    least, most = _bounds(schema)
    if least is None:
        return "integer"
    _check_order(least, most)
    if most is not None and most - least < _MOST_NUMBERS:
        return _either(map(_literal, range(least, most + 1)))
    return "positive" if least > 0 else "natural" if least == 0 else "integer"


def _bounds(schema: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Return the least and the greatest integer that a schema allows, None for no bound."""
    least = [math.ceil(schema["minimum"])] if "minimum" in schema else []
    most = [math.floor(schema["maximum"])] if "maximum" in schema else []
    if "exclusiveMinimum" in schema:
        least.append(math.floor(schema["exclusiveMinimum"]) + 1)
    if "exclusiveMaximum" in schema:
        most.append(math.ceil(schema["exclusiveMaximum"]) - 1)
    return max(least, default=None), min(most, default=None)


def _times(least: int, most: int | None) -> str:
    least = min(least, _MOST_REPEATS)
    return f"{{{least},{'' if most is None or most > _MOST_REPEATS else most}}}"


def _check_order(least: int, most: int | None) -> None:
    if most is not None and most < least:
        raise ValueError(f"no number is {least} at least and {most} at most")


def _either(parts: Any) -> str:
    alternatives: Sequence[str] = list(parts)
    if not alternatives:
        raise ValueError("there is nothing to choose from")
    return f"({' | '.join(alternatives)})"


def _literal(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    text = _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)  # grammars are UTF-8
    escaped = re.sub(r'["\\]', lambda found: "\\" + found[0], text)
    return f'"{escaped}"'
