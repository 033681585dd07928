"""The user's own entries: ``catalog.toml`` in the state folder.

::

    [[model]]
    name = "my-vlm"
    for = "caption"                  # caption, speech, reason or image
    class = "small"                  # tiny, small or good
    repo = "me/my-vlm-GGUF"
    revision = "0123…"               # a commit; left out: pinned at the first pull
    licence = "MIT"                  # optional, as are context, memory_mb and note, and
    context = 8192                   # for images steps and guidance

    [[model.files]]
    name = "my-vlm-Q8_0.gguf"
    role = "model"                   # model, mmproj, or part for anything else; for images
    size = 123456789                 # model, encoder (of text), decoder. Optional, as are sha256,
                                     # and repo and revision of a file that lies elsewhere
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path, PurePosixPath
from typing import Any, Final, get_args

from vidsum.catalog.entry import ALL_TASKS, SIZE_CLASSES, FileRole, ModelEntry, ModelFile, Task
from vidsum.errors import OptionError
from vidsum.home import state_folder
from vidsum.wording import shown

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
REPO: Final = re.compile(
    r"(?!.*(?:--|\.\.))(?!.*\.git$)[A-Za-z0-9](?:[\w.-]{0,94}\w)?/\w(?:[\w.-]{0,94}\w)?", re.ASCII
)
"""What the hub itself takes. Source: huggingface_hub, ``validate_repo_id``."""
COMMIT: Final = re.compile(r"[0-9a-f]{40}")
SHA256: Final = re.compile(r"[0-9a-f]{64}")
_MODEL_KEYS: Final = {"name", "for", "class", "repo", "revision", "licence", "context",
                      "memory_mb", "note", "files", "steps", "guidance"}  # fmt: skip
_FILE_KEYS: Final = {"name", "role", "size", "sha256", "repo", "revision"}
_ROLES: Final[dict[Task, tuple[tuple[FileRole, ...], tuple[FileRole, ...]]]] = {
    "caption": (("model", "mmproj"), ()), "speech": (("model",), ()), "reason": (("model",), ()),
    "image": (("model",), ("encoder", "decoder")),
}  # fmt: skip
"""For each task the roles that one file must have, and those that one may have."""
_WORKING_BYTES: Final = 500_000_000
"""Added to the files where the user does not say what the model needs: caches and buffers."""
_WORKING_BYTES_IMAGE: Final = 3_000_000_000
_MOST: Final = 10**15
"""No file is larger, in bytes, and no machine has more memory."""
_MOST_GUIDANCE: Final = 100


def own_catalog() -> Path:
    """Return the file of the user's own entries; it need not exist."""
    return state_folder() / "catalog.toml"


def own_entries() -> tuple[ModelEntry, ...]:
    """Return the user's own entries. Raises: OptionError, which names the entry at fault."""
    path = own_catalog()
    try:
        found = tomllib.loads(path.read_text("utf-8")) if path.exists() else {}
    except OSError as exc:
        raise OptionError(f"{shown(path)} cannot be read: {exc.strerror}.") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise OptionError(f"{shown(path)} is not valid TOML: {exc}.") from exc
    try:
        _only({"model"}, found)
        entries = tuple(_entry(item) for item in _tables(found, "model"))
        _names_once(entries)
    except _Wrong as exc:
        raise OptionError(f"{shown(path)}: {exc}.", "vidsum models --help shows the form.") from exc
    return entries


class _Wrong(ValueError):
    """What is wrong with the file, in words."""


def _entry(item: dict[str, Any]) -> ModelEntry:
    name = _match(item, "name", NAME, "a model")
    try:
        _only(_MODEL_KEYS, item)
        files = tuple(_file(file) for file in _tables(item, "files"))
        task = _one_of(item, "for", ALL_TASKS)
        repo = _match(item, "repo", REPO, "repo")
        _check_files(task, repo, files)
        size = sum(file.size_bytes or 0 for file in files)
        size += _WORKING_BYTES_IMAGE if task == "image" else _WORKING_BYTES
        memory_mb = _number(item, "memory_mb")
        return ModelEntry(
            name, task, _one_of(item, "class", SIZE_CLASSES),
            repo, _match(item, "revision", COMMIT, "revision") if "revision" in item else None,
            files, _line(item, "licence") or "unknown",
            size if memory_mb is None else memory_mb * 1_000_000,
            _number(item, "context"), _line(item, "note") or "your own entry",
            _number(item, "steps"), _guidance(item),
        )  # fmt: skip
    except _Wrong as exc:
        raise _Wrong(f"{name}: {exc}") from exc


def _check_files(task: Task, repo: str, files: tuple[ModelFile, ...]) -> None:
    """Refuse roles that a task does not have, and files that cannot lie side by side."""
    needed, possible = _ROLES[task]
    roles: list[FileRole] = [file.role for file in files if file.role != "part"]
    if any(roles.count(role) != 1 for role in needed):
        raise _Wrong("needs one file with role " + ", one with role ".join(needed))
    if len(roles) > len(set(roles)) or set(roles) - {*needed, *possible}:
        raise _Wrong(f"a model for {task} has at most one file of each of the roles "
                     f"{', '.join((*needed, *possible))}")  # fmt: skip
    if len({(file.repo, file.name) for file in files}) < len(files):
        raise _Wrong("two files have the same name")
    if any(file.repo == repo or (file.role == "model" and file.repo) for file in files):
        raise _Wrong("only a file that lies elsewhere than the model has a repo of its own")
    commits: dict[str, str | None] = {}
    for file in files:
        if file.repo and commits.setdefault(file.repo, file.revision) != file.revision:
            raise _Wrong(f"files of {file.repo} have different revisions")


def _file(item: dict[str, Any]) -> ModelFile:
    _only(_FILE_KEYS, item)
    name = str(item.get("name", ""))
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or "\\" in name or not name.isprintable():
        raise _Wrong(f"{name!r} is no file name in a repository")
    sha256 = _match(item, "sha256", SHA256, "sha256") if "sha256" in item else None
    if "revision" in item and "repo" not in item:
        raise _Wrong("a file has a revision of its own only with a repo of its own")
    return ModelFile(
        name, _one_of(item, "role", get_args(FileRole)), _number(item, "size"), sha256,
        _match(item, "repo", REPO, "repo") if "repo" in item else None,
        _match(item, "revision", COMMIT, "revision") if "revision" in item else None,
    )  # fmt: skip


def _tables(item: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found = item.get(key, [])
    if not isinstance(found, list) or not all(isinstance(table, dict) for table in found):
        raise _Wrong(f"{key} must be written as [[{key}]]")
    return found


def _only(known: set[str], item: dict[str, Any]) -> None:
    unknown = sorted(item.keys() - known)
    if unknown:
        raise _Wrong(f"unknown key {unknown[0]!r} (known: {', '.join(sorted(known))})")


def _match(item: dict[str, Any], key: str, form: re.Pattern[str], what: str) -> str:
    value = item.get(key)
    if not isinstance(value, str) or not form.fullmatch(value):
        raise _Wrong(f"{what} has no valid {key}" if what != key else f"{key} is not valid")
    return value


def _one_of(item: dict[str, Any], key: str, choices: tuple[Any, ...]) -> Any:
    if item.get(key) not in choices:
        raise _Wrong(f"{key} must be one of {', '.join(choices)}")
    return item[key]


def _line(item: dict[str, Any], key: str) -> str:
    value = item.get(key, "")
    if not isinstance(value, str) or not value.isprintable():
        raise _Wrong(f"{key} must be one line of text")
    return value


def _number(item: dict[str, Any], key: str) -> int | None:
    value = item.get(key)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise _Wrong(f"{key} must be a whole number above 0")
    if value is not None and value > _MOST:
        raise _Wrong(f"{key} is too large")
    return value


def _guidance(item: dict[str, Any]) -> float | None:
    value = item.get("guidance")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Wrong("guidance must be a number")
    if not 0 <= value <= _MOST_GUIDANCE:
        raise _Wrong(f"guidance must be between 0 and {_MOST_GUIDANCE}")
    return float(value)


def _names_once(entries: tuple[ModelEntry, ...]) -> None:
    names = [entry.name for entry in entries]
    for name in names:
        if name in SIZE_CLASSES or name in ALL_TASKS or names.count(name) > 1:
            raise _Wrong(f"{name!r} is taken: choose another name")
