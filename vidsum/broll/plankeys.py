"""Tables of a plan file: each value is read with its type, and a wrong one is named."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vidsum.config.values import BadValue, seconds
from vidsum.errors import OptionError
from vidsum.wording import path_text


@dataclass(frozen=True, slots=True)
class Keys:
    """A table of the file, and how it is called in errors. All raise OptionError."""

    found: Mapping[str, Any]
    where: str
    known: Collection[str]

    def __post_init__(self) -> None:
        for key in self.found:
            if key not in self.known:
                near = difflib.get_close_matches(key, self.known, n=1)
                hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(self.known)}."
                raise OptionError(f"{self.where} has an unknown key: {path_text(key)}.", hint)

    def bad(self, key: str, takes: str) -> OptionError:
        """Return the error of a value that a key cannot take."""
        given = path_text(repr(self.found[key]))
        return OptionError(f"{self.where}: {key} {takes} (not {given[:80]}).")

    def get(self, key: str, kind: type, default: Any) -> Any:
        """Return a value of one type; true and false are no numbers."""
        value = self.found.get(key, default)
        if key in self.found and type(value) is not kind:
            names = {str: "words in quotation marks", int: "a whole number"}
            raise self.bad(key, f"takes {names[kind]}")
        if kind is int and key in self.found and value < 0:
            raise self.bad(key, "takes a whole number from 0")
        return value

    def table(self, key: str) -> Mapping[str, Any]:
        """Return a table; an empty one where there is none."""
        value = self.found.get(key, {})
        if not isinstance(value, dict):
            raise self.bad(key, f"is a table, [{key}]")
        return value

    def one_of(self, key: str, choices: Sequence[str], default: str) -> str:
        """Return one of some words."""
        value = self.get(key, str, default)
        if value not in choices:
            raise self.bad(key, f"takes one of {', '.join(filter(None, choices))}")
        return str(value)

    def time(self, key: str, default: float | None = None) -> float:
        """Return seconds from 0; without a default they must be there."""
        if key not in self.found and default is not None:
            return default
        value = self.found.get(key)
        try:
            if value is None or isinstance(value, bool | list | dict):
                raise BadValue("takes seconds (90) or a time (1:30, 1:02:03), not below 0")
            return seconds(value)
        except BadValue as exc:
            if value is None:
                raise OptionError(f"{self.where} has no {key}.",
                                  f"Give it one, in seconds: {key} = 62.5.") from exc  # fmt: skip
            raise self.bad(key, str(exc)) from exc

    def number(self, key: str) -> float | None:
        """Return a number above 0; None where there is none."""
        value = self.found.get(key)
        if value is None:
            return None
        if type(value) not in (int, float) or not 0 < value < float("inf"):
            raise self.bad(key, "takes a number above 0")
        return float(value)
