"""The options in force: defaults, file, environment, flags, of which later ones win.

They are resolved once, before any work, and every problem names where the bad value came from.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from vidsum.config.options import OptionEntry, Options, option_table
from vidsum.config.values import BadSecret, BadValue
from vidsum.errors import OptionError

FILE_TABLES = ("watch",)
"""Tables that a config file may have beside the options: see :func:`file_table`."""


def resolve(flags: Mapping[str, Any], env: Mapping[str, str], file: Path | None) -> Options:
    """Return the options in force. Raises: OptionError, which names the source of a bad value.

    ``flags`` maps option names to given values (None: not given); ``file`` is read if it exists.
    """
    table = {entry.key: entry for entry in option_table()}
    values: dict[str, Any] = {}
    for key, value in _file_values(file, table).items():
        values[table[key].name] = _read(table[key], value, f"{key} in {file}")
    for entry in table.values():
        if env.get(entry.env, "") != "":
            values[entry.name] = _read(entry, env[entry.env], entry.env)
        if flags.get(entry.name) is not None:
            values[entry.name] = _read(entry, flags[entry.name], entry.flag)
    return Options(**values)


def _read(entry: OptionEntry, value: object, source: str) -> Any:
    try:
        return entry.read(value)
    except BadValue as exc:
        told = isinstance(exc, BadSecret) or str(value) in str(exc)
        given = "" if told else f" (not {value!r})"
        raise OptionError(f"{source} {exc}{given}.") from exc


def file_table(file: Path | None, name: str, known: Collection[str]) -> dict[str, Any]:
    """Return a table of the config file, such as ``[watch]``; empty where there is none.

    ``known`` are the keys that it may have. Raises: OptionError.
    """
    found = _toml(file).get(name, {})
    if not isinstance(found, dict):
        raise OptionError(f"The config file {file} has no table [{name}] but a value.")
    _check_keys(found, known, f"[{name}] in the config file {file}")
    return found


def _file_values(file: Path | None, table: Mapping[str, OptionEntry]) -> dict[str, Any]:
    found = _toml(file)
    for name in FILE_TABLES:
        found.pop(name, None)
    _check_keys(found, table, f"The config file {file}")
    return found


def _check_keys(found: Collection[str], known: Collection[str], where: str) -> None:
    for key in found:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(known)}."
            raise OptionError(f"{where} has an unknown key: {key}.", hint)


def _toml(file: Path | None) -> dict[str, Any]:
    """Return what a config file holds, nothing if it is not there. Raises: OptionError."""
    if file is None:
        return {}
    try:
        if not file.exists():
            return {}
        return tomllib.loads(file.read_text("utf-8"))
    except OSError as exc:
        raise OptionError(f"The config file {file} cannot be read: {exc.strerror}.") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise OptionError(f"The config file {file} is not valid TOML: {exc}.") from exc
