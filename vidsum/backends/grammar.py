"""A JSON Schema as a grammar: a local model can then say nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

_MOST_REPEATS = 2000
"""llama.cpp refuses grammars that repeat a thing more often; beyond it there is no limit."""
_MOST_NUMBERS = 256
_BASE = {
    "ws": '" "?',
    "string": '"\\"" char* "\\""',
    # No raw control characters, and no halves of surrogate pairs: both break what reads it.
    "char": r'[^"\\\x7F\x00-\x1F] | "\\" (["\\/bfnrt] | "u" code)',
    "code": "[0-9a-cefA-CEF] hex hex hex | [dD] [0-7] hex hex",
    "hex": "[0-9a-fA-F]",
    "integer": '"-"? natural',
    "natural": '"0" | [1-9] [0-9]{0,14}',
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
    besides. It is wider where a grammar cannot count: patterns, formats, bounds of fractions and
    of wide ranges of integers, lengths above 2,000. Whoever reads the answer checks it.
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
        kind = schema.get("type", "object" if "properties" in schema else None)
        if isinstance(kind, list):
            return _either(self.of({**schema, "type": one}) for one in kind)
        if kind == "object" and schema.get("properties"):
            return self._object(schema["properties"])
        if kind == "array":
            return self._array(schema)
        if kind == "string":
            return _string(schema)
        if kind == "integer":
            return _integer(schema)
        if kind in ("number", "boolean", "null", "object"):
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

    def _object(self, properties: Mapping[str, Any]) -> str:
        pairs = [
            f'{_literal(name)} ws ":" ws {self.of(inner)} ws' for name, inner in properties.items()
        ]
        inner = ' "," ws '.join(pairs)
        return f'"{{" ws {inner} "}}"'

    def _array(self, schema: Mapping[str, Any]) -> str:
        item = f"({self.of(schema.get('items', {}))} ws)"
        least, most = schema.get("minItems", 0), schema.get("maxItems")
        if most == 0:
            return '"[" ws "]"'
        more = _times(max(0, least - 1), None if most is None else most - 1)
        inner = f'{item} ("," ws {item}){more}'
        return f'"[" ws {inner if least else f"({inner})?"} "]"'


def _string(schema: Mapping[str, Any]) -> str:
    least, most = schema.get("minLength", 0), schema.get("maxLength")
    return f'"\\"" char{_times(least, most)} "\\""'


def _integer(schema: Mapping[str, Any]) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is None:
        return "integer"
    if most is not None and 0 <= most - least < _MOST_NUMBERS:
        return _either(map(_literal, range(int(least), int(most) + 1)))
    return "natural" if least >= 0 else "integer"


def _times(least: int, most: int | None) -> str:
    least = min(least, _MOST_REPEATS)
    return f"{{{least},{'' if most is None or most > _MOST_REPEATS else most}}}"


def _either(parts: Any) -> str:
    alternatives: Sequence[str] = list(parts)
    if not alternatives:
        raise ValueError("there is nothing to choose from")
    return f"({' | '.join(alternatives)})"


def _literal(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    escaped = re.sub(r'["\\]', lambda found: "\\" + found[0], text)
    return f'"{escaped}"'
