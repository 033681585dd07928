"""Trust on first use: what was pulled is written down, and later pulls must match it."""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from vidsum.catalog.entry import ModelEntry, ModelFile
from vidsum.errors import BackendFailed, OutputError
from vidsum.home import state_folder
from vidsum.wording import shown

_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class PulledFile:
    """One file as it was when it was pulled first."""

    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a pull got. ``accepted``: the user took it although it was not what was expected."""

    repo: str
    commit: str
    files: tuple[PulledFile, ...]
    first_pulled: str
    accepted: bool = False

    def file(self, file: ModelFile) -> PulledFile | None:
        """Return what is known of one file."""
        return next((known for known in self.files if known.name == file.name), None)


def record_file() -> Path:
    """Return the file in which it is written down; it need not exist."""
    return state_folder() / "models.json"


def known(part: ModelEntry) -> Pulled | None:
    """Return what was pulled of an entry from its repository: see :attr:`ModelEntry.parts`.

    Raises: BackendFailed for a damaged record.
    """
    every = recorded()
    found = (every.get(part.name), every.get(_beside(part)))
    return next((one for one in found if one is not None and one.repo == part.repo), None)


def _beside(part: ModelEntry) -> str:
    """Return the name under which a further repository of an entry is written down."""
    return f"{part.name} {part.repo}"


def recorded() -> Mapping[str, Pulled]:
    """Return what was pulled, by entry name, further repositories of it by that and their name.

    Raises: BackendFailed for a damaged record.
    """
    path = record_file()
    try:
        found = json.loads(path.read_text("utf-8"))
        version = found["version"]
        if isinstance(version, int) and version > _VERSION:
            raise BackendFailed(f"{shown(path)} was written by a newer vidsum.",
                                "Use that one, or move the file away.")  # fmt: skip
        if version != _VERSION:
            raise ValueError("version")
        return {name: _pulled(item) for name, item in found["models"].items()}
    except FileNotFoundError:
        return {}
    except OSError as exc:
        raise BackendFailed(f"{shown(path)} cannot be read: {exc.strerror}.") from exc
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError,
            RecursionError) as exc:  # fmt: skip
        raise BackendFailed(
            f"The record of pulled models {shown(path)} is damaged.",
            "Move it away: the next pull pins each model anew.",
        ) from exc


def _pulled(item: dict[str, object]) -> Pulled:
    files = item["files"]
    if not isinstance(files, list):
        raise TypeError("files")
    return Pulled(
        str(item["repo"]), str(item["commit"]),
        tuple(PulledFile(str(f["name"]), int(f["size_bytes"]), str(f["sha256"])) for f in files),
        str(item["first_pulled"]), bool(item["accepted"]),
    )  # fmt: skip


def record(entry: ModelEntry, part: ModelEntry, commit: str, files: tuple[PulledFile, ...],
           *, accepted: bool) -> None:  # fmt: skip
    """Write down what a pull of one part of an entry got; the day of the first pull stays.

    Raises: OutputError.
    """
    path, name = record_file(), entry.name if part.repo == entry.repo else _beside(part)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path.with_suffix(".lock")):
            every = dict(recorded())
            before = every.get(name)
            same = before is not None and (before.commit, before.files) == (commit, files)
            day = before.first_pulled if same and before else _today()
            every[name] = Pulled(part.repo, commit, files, day,
                                 accepted or bool(same and before and before.accepted))  # fmt: skip
            _write(path, {item: asdict(every[item]) for item in sorted(every)})
    except OSError as exc:
        raise OutputError(f"{shown(path)} cannot be written: {exc.strerror}.",
                          "VIDSUM_HOME moves it.") from exc  # fmt: skip


def _today() -> str:
    return datetime.datetime.now(datetime.UTC).date().isoformat()


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Let one process at a time read, change and write."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _write(path: Path, models: dict[str, object]) -> None:
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with beside.open("x", encoding="utf-8") as file:
            json.dump({"version": _VERSION, "models": models}, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
