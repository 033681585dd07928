"""Records of a B-roll folder: JSON with the name of its form, read strictly and written whole.

One that is damaged, not vidsum's or of a newer vidsum is refused with a message and stays as it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from vidsum.errors import OptionError, OutputError
from vidsum.outputs import IN_PLACE, write_whole
from vidsum.wording import escaped, path_text, shown

_Kind = TypeVar("_Kind")


@dataclass(frozen=True, slots=True)
class Form(Generic[_Kind]):
    """A form of record: its name and version, what it holds, and what to do about a bad one."""

    name: str
    version: int
    kind: type[_Kind]
    hint: str

    def read(self, path: Path) -> _Kind | None:
        """Return what a record holds; None where there is no file.

        Raises: OptionError for one that cannot be used, OutputError.
        """
        try:
            raw = json.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise OutputError(f"{shown(path)} cannot be read: {exc.strerror}.") from exc
        except (ValueError, RecursionError) as exc:
            raise self.damaged(path, "it is no JSON") from exc
        if not isinstance(raw, dict) or raw.pop("form", None) != self.name:
            raise OptionError(f"{shown(path)} was not written by vidsum.", self.hint)
        version = raw.pop("schema_version", None)
        if isinstance(version, int) and version > self.version:
            raise OptionError(f"{shown(path)} was written by a newer vidsum (form {version}, this "
                              f"one knows {self.version}).", "Update vidsum.")  # fmt: skip
        return self._checked(path, raw)

    def write(self, path: Path, value: Mapping[str, Any]) -> None:
        """Write a record, whole or not at all. Raises: OutputError."""
        told = {"form": self.name, "schema_version": self.version, **value}
        body = json.dumps(_encodable(told), ensure_ascii=False, indent=1)
        write_whole(path, f"{body}\n", hint=IN_PLACE)

    def damaged(self, path: Path, how: str) -> OptionError:
        """Return the error for a record that cannot be used."""
        return OptionError(f"{shown(path)} is damaged: {how}.", self.hint)

    def _checked(self, path: Path, raw: Mapping[str, Any]) -> _Kind:
        """Return what JSON says, each field of its type. Raises: OptionError."""
        import pydantic

        try:
            # As JSON: there lists are tuples, and nothing else is taken for anything else.
            return pydantic.TypeAdapter(self.kind).validate_json(json.dumps(raw), strict=True)
        except pydantic.ValidationError as exc:
            first = exc.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise self.damaged(path, f"{escaped(where)}: {escaped(first['msg'])}") from exc


def _encodable(value: Any) -> Any:
    """Return the same, without what is no Unicode: bytes of names of files as ``\\xNN``."""
    if isinstance(value, Mapping):
        return {path_text(key): _encodable(one) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return [_encodable(one) for one in value]
    return path_text(value) if isinstance(value, str) else value
