"""A whole model from the hub: what must come, whether there is room, and what is trusted."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from vidsum.catalog import cache, trust
from vidsum.catalog.download import MB, Arrivals, Remote, describe, fetch
from vidsum.catalog.entry import LocalModel, ModelEntry
from vidsum.catalog.hub_errors import no_room, offline
from vidsum.catalog.locate import here
from vidsum.catalog.own import SHA256
from vidsum.catalog.places import check_hub_address, hub_cache, hub_is_offline
from vidsum.catalog.verify import expected_sha256
from vidsum.errors import BackendFailed
from vidsum.events import Listener, StageFinished, StageStarted, ignore
from vidsum.wording import escaped

_MAIN: Final = "main"


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The files of an entry that come from one repository. ``pinned``: at a commit known before."""

    part: ModelEntry
    remotes: tuple[Remote, ...]
    pinned: bool


def pull(entry: ModelEntry, listen: Listener = ignore,
         *, accept_change: bool = False) -> LocalModel:  # fmt: skip
    """Bring a model into the hub's cache, checked, and return where it is.

    The commit is the one in the catalogue, or the one that was pulled first, in each repository
    that the model's files lie in. ``accept_change`` takes what the hub has now, whatever was known
    before, and pins that.
    Raises: BackendMissing when offline, BackendFailed, OptionError for a wrong HF_ENDPOINT or
    token, OutputError when there is no room.
    """
    if hub_is_offline():
        return _offline(entry, listen)
    check_hub_address()
    wanted = [_wanted(part, accept_change) for part in entry.parts]
    remotes = [remote for one in wanted for remote in one.remotes]
    missing = sum(remote.missing_bytes() for remote in remotes)
    _check_room(missing)
    total = sum(remote.size_bytes for remote in remotes)
    listen(StageStarted(entry.name, "MB", total / MB))
    arrivals = Arrivals(listen, entry.name)
    for one in wanted:
        _fetch(entry, one, arrivals, accept_change)
    listen(StageFinished(entry.name, f"{missing / MB:,.0f} MB downloaded, {len(remotes)} checked"
                         if missing else "was here already, checked"))  # fmt: skip
    found = here(entry)
    if found is None:
        raise BackendFailed(f"{entry.name} was downloaded, but it is no model in its format.",
                            f"Remove it: vidsum models rm {entry.name}")  # fmt: skip
    return found


def _wanted(part: ModelEntry, accept: bool) -> _Wanted:
    known = None if accept else trust.known(part)
    pinned = not accept and _pinned_revision(part, known) is not None
    return _Wanted(part, _remotes(part, known, accept), pinned)


def _fetch(entry: ModelEntry, wanted: _Wanted, arrivals: Arrivals, accept: bool) -> None:
    """Bring what comes from one repository, and write down what came."""
    part = wanted.part
    files = tuple(fetch(remote, arrivals) for remote in wanted.remotes)
    commit = wanted.remotes[0].commit
    if not wanted.pinned:
        cache.remember_main(part.repo, commit)
    trust.record(entry, part, commit, files, accepted=accept)


def _pinned_revision(entry: ModelEntry, known: trust.Pulled | None) -> str | None:
    """Return the commit that a pull asks for; None: none is pinned yet.

    What the user accepted counts for more than the catalogue, and the catalogue for more than
    what was pulled at an earlier state of it.
    """
    if known is not None and known.repo == entry.repo and (known.accepted or not entry.revision):
        return known.commit
    return entry.revision


def _offline(entry: ModelEntry, listen: Listener) -> LocalModel:
    found = here(entry)
    if found is None:
        raise offline(entry)
    listen(StageStarted(entry.name))
    listen(StageFinished(entry.name, "was here already; not checked against the hub: offline"))
    return found


def _remotes(entry: ModelEntry, known: trust.Pulled | None, accept: bool) -> tuple[Remote, ...]:
    """Ask for every file, all at one commit. Raises: BackendFailed when one has changed."""
    asked = _MAIN if accept else _pinned_revision(entry, known) or _MAIN
    remotes = []
    for file in entry.files:
        remote = describe(entry, file, asked)
        if asked not in (_MAIN, remote.commit):
            raise BackendFailed(f"The hub gave another commit of {entry.repo} than was asked for.",
                                "Check HF_ENDPOINT.")  # fmt: skip
        asked = remote.commit
        expected = None if accept else expected_sha256(entry, file, known, remote.commit)
        _check_unchanged(remote, expected)
        remotes.append(replace(remote, expected_sha256=expected))
    return tuple(remotes)


def _check_unchanged(remote: Remote, expected: str | None) -> None:
    """Refuse before a download what cannot be right. Raises: BackendFailed."""
    if expected is None or not SHA256.fullmatch(remote.etag) or remote.etag == expected:
        return
    entry = remote.entry
    raise BackendFailed(
        f"{escaped(remote.file.name)} of {entry.repo} has changed: its sha256 is "
        f"{remote.etag[:12]}…, not {expected[:12]}… as pinned.",
        f"If you trust the change: vidsum models pull {entry.name} --accept-change",
    )


def _check_room(missing_bytes: int) -> None:
    """Say now what would fail after an hour. Raises: OutputError."""
    if not missing_bytes:
        return
    free = shutil.disk_usage(_nearest(hub_cache())).free
    if missing_bytes > free:
        raise no_room(missing_bytes, free)


def _nearest(path: Path) -> Path:
    """Return the folder in which a path is, or would be made."""
    place = path.absolute()
    return place if place.is_dir() else _nearest(place.parent)
