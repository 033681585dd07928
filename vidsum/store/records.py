"""Dataclasses as JSON and back, to the last bit.

Our own, because a kept record is only worth having if it is exactly what was put in: pydantic takes
no lone surrogates (names of files that are no UTF-8 have them), and it and cattrs turn what does
not fit into what does, where a record that is not as it should be must count as absent.
"""

from __future__ import annotations

import functools
import hashlib
import json
import types
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

T = TypeVar("T")
_PLAIN: Final = (str, int, bool, type(None))


class Misfit(ValueError):
    """Some JSON is not what was expected."""


def to_record(value: Any) -> bytes:
    """Return a dataclass as a record. Raises: TypeError for what it cannot hold."""
    record = {"form": form_of(type(value)), "value": _plain(value)}
    # As they are: written as escapes, two lone surrogates in a row would come back as one letter.
    return json.dumps(record, ensure_ascii=False).encode("utf-8", "surrogatepass")


def from_record(kind: type[T], body: bytes) -> T | None:
    """Return what a record holds; None unless it was written by this very form of a dataclass."""
    try:
        record = json.loads(body.decode("utf-8", "surrogatepass"))
        if not isinstance(record, dict) or record.get("form") != form_of(kind):
            return None
        return typing.cast(T, _read(kind, record.get("value")))
    except (ValueError, RecursionError):  # JSON's and Unicode's errors are ValueErrors
        return None


def form_of(kind: Any) -> str:
    """Return a short name for the form of a dataclass and all that it holds.

    It changes with every field that is added, renamed or made another type anywhere within.
    """
    told: dict[str, list[list[str]]] = {}
    _describe(kind, told)
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def _describe(kind: Any, told: dict[str, list[list[str]]]) -> str:
    """Return a type in words; what it holds of dataclasses is put into ``told``."""
    if _is_form(kind):
        name = str(kind.__name__)
        if name not in told:
            told[name] = []
            told[name] += [[field, _describe(of, told)] for field, of in _hints(kind).items()]
        return name
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return f"one of {inner!r}"
    if origin is None:
        return "..." if kind is ... else str(kind.__name__)
    parts = ", ".join(_describe(one, told) for one in inner)
    return f"{'any' if _is_union(origin) else origin.__name__} of {parts}"


def _plain(value: Any) -> Any:
    """Return a value as JSON has it. Raises: TypeError."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("a record holds mappings from str alone")
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) or type(value) in _PLAIN:
        return value
    raise TypeError(f"a record cannot hold {type(value).__name__}")


def _read(kind: Any, raw: Any) -> Any:
    """Return JSON as a value of a type. Raises: Misfit."""
    if _is_form(kind):
        return _read_fields(kind, raw)
    if kind is float:
        return _checked(raw, type(raw) in (float, int))  # 0 stands for 0.0 in many places
    if kind in _PLAIN:
        return _checked(raw, type(raw) is kind)
    if kind is Path:
        return Path(_checked(raw, type(raw) is str))
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return _checked(raw, any(raw == one and type(raw) is type(one) for one in inner))
    if _is_union(origin):
        return _read_either(inner, raw)
    if origin is tuple:
        return _read_tuple(inner, raw)
    if origin is Mapping:
        pairs = _checked(raw, type(raw) is dict).items()
        return {key: _read(inner[1], one) for key, one in pairs}
    raise TypeError(f"a record cannot hold {kind!r}")


def _read_fields(kind: Any, raw: Any) -> Any:
    hints = _hints(kind)
    _checked(raw, type(raw) is dict and raw.keys() == hints.keys())
    return kind(**{name: _read(of, raw[name]) for name, of in hints.items()})


def _read_either(kinds: tuple[Any, ...], raw: Any) -> Any:
    for kind in kinds:
        try:
            return _read(kind, raw)
        except Misfit:
            continue
    raise Misfit


def _read_tuple(kinds: tuple[Any, ...], raw: Any) -> tuple[Any, ...]:
    _checked(raw, type(raw) is list)
    if len(kinds) == 2 and kinds[1] is ...:
        return tuple(_read(kinds[0], one) for one in raw)
    _checked(raw, len(raw) == len(kinds))
    return tuple(_read(kind, one) for kind, one in zip(kinds, raw, strict=True))


def _checked(raw: Any, fits: bool) -> Any:
    if not fits:
        raise Misfit
    return raw


def _is_form(kind: Any) -> bool:
    return isinstance(kind, type) and is_dataclass(kind)


def _is_union(origin: Any) -> bool:
    return origin in (typing.Union, types.UnionType)


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    """Return the fields of a dataclass with their types."""
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}
