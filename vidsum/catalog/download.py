"""One file from the hub into its cache: resumed, locked, and checked before anyone sees it."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import vidsum
from vidsum.catalog import cache
from vidsum.catalog.entry import ModelEntry, ModelFile
from vidsum.catalog.hub_errors import explained
from vidsum.catalog.own import COMMIT, SHA256
from vidsum.catalog.trust import PulledFile
from vidsum.errors import BackendFailed
from vidsum.events import Listener, Noted, StageAdvanced
from vidsum.wording import escaped

MB: Final = 1e6
_ETAG: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_BLOCK_BYTES: Final = 4 << 20
_LOCK_WAIT_S: Final = 0.2
_MOST_BYTES: Final = 50_000_000_000
"""Source: huggingface_hub, ``constants.MAX_HTTP_DOWNLOAD_SIZE``."""


@dataclass(frozen=True, slots=True)
class Remote:
    """One file as the hub describes it.

    ``etag`` is the content's sha256 for large files, git's SHA-1 of it for small ones.
    ``expected_sha256`` is what it must be, where that is known beforehand.
    """

    entry: ModelEntry
    file: ModelFile
    commit: str
    etag: str
    size_bytes: int
    expected_sha256: str | None = None

    @property
    def place(self) -> Path:
        """Where the file stands for every program that reads the cache."""
        return cache.snapshot(self.entry.repo, self.commit) / self.file.name

    @property
    def partial(self) -> Path:
        """Where it grows until it is whole."""
        return cache.partial(self.entry.repo, self.etag, self.file)

    def missing_bytes(self) -> int:
        """Return how much of it is still to come."""
        if self.place.exists() or cache.blob(self.entry.repo, self.etag).exists():
            return 0
        try:
            here = self.partial.stat().st_size
        except OSError:
            here = 0
        return max(0, self.size_bytes - here)


@dataclass(slots=True)
class Arrivals:
    """How much of a model is here, told to a listener. ``stage`` is the model's name."""

    listen: Listener
    stage: str
    done_bytes: int = 0

    def at(self, size_bytes: int) -> None:
        """Say that so much of the present file is here."""
        self.listen(StageAdvanced(self.stage, (self.done_bytes + size_bytes) / MB))

    def finish(self, size_bytes: int) -> None:
        """Say that the present file is whole."""
        self.done_bytes += size_bytes
        self.at(0)


def describe(entry: ModelEntry, file: ModelFile, revision: str) -> Remote:
    """Ask the hub what it has. Raises: BackendFailed and others of :func:`explained`."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    with explained(entry, file.name, lambda: file.size_bytes or 0):
        url = hf_hub_url(entry.repo, file.name, revision=revision)
        found = get_hf_file_metadata(url, library_name="vidsum", library_version=vidsum.__version__)
    commit, etag, size = found.commit_hash or "", found.etag or "", found.size
    if not COMMIT.fullmatch(commit) or not _ETAG.fullmatch(etag) or size is None or size < 0:
        raise BackendFailed(f"The hub does not say which bytes {escaped(file.name)} of "
                            f"{entry.repo} has.", "Check HF_ENDPOINT and the proxy.")  # fmt: skip
    if size > _MOST_BYTES:
        raise BackendFailed(f"{escaped(file.name)} of {entry.repo} is larger than "
                            f"{_MOST_BYTES / 1e9:.0f} GB: the hub gives no such file in one piece.",
                            "Take a model that comes in parts.")  # fmt: skip
    return Remote(entry, file, commit, etag, size)


def fetch(remote: Remote, arrivals: Arrivals) -> PulledFile:
    """Bring one file into the cache, or find it there; return what it is.

    It comes under its name only after its checksum was right. Raises: BackendFailed, OutputError.
    """
    entry = remote.entry
    with explained(entry, remote.file.name, remote.missing_bytes), _alone(remote, arrivals):
        blob = cache.blob(entry.repo, remote.etag)
        found = remote.place if remote.place.exists() else blob
        sha256 = _right(found, remote) if found.exists() else None
        if sha256 is None:
            cache.remove_file(entry.repo, remote.place)  # a damaged file, or a link to nothing
            blob.unlink(missing_ok=True)
            sha256 = _downloaded(remote, arrivals)
            cache.publish(remote.partial, blob, remote.place)
        elif not remote.place.exists():
            cache.remove_file(entry.repo, remote.place)  # a link to nothing
            cache.publish(blob, blob, remote.place)
    arrivals.finish(remote.size_bytes)
    return PulledFile(remote.file.name, remote.size_bytes, sha256)


@contextlib.contextmanager
def _alone(remote: Remote, arrivals: Arrivals) -> Iterator[None]:
    """Keep every program that heeds the hub's locks from downloading the same bytes."""
    from filelock import Timeout
    from huggingface_hub.utils import WeakFileLock  # type: ignore[attr-defined]

    path = cache.lock_file(remote.entry.repo, remote.etag)
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(WeakFileLock(path, timeout=_LOCK_WAIT_S))
        except Timeout:
            arrivals.listen(Noted("warning", f"waiting for another download of "
                                  f"{escaped(remote.file.name)}"))  # fmt: skip
            stack.enter_context(WeakFileLock(path))
        yield


def _downloaded(remote: Remote, arrivals: Arrivals) -> str:
    """Download the rest of one file into its partial file; return its sha256."""
    partial = remote.partial
    partial.parent.mkdir(parents=True, exist_ok=True)
    if partial.exists() and partial.stat().st_size > remote.size_bytes:
        partial.unlink()
    try:
        with partial.open("ab") as file:
            _receive(remote, file, arrivals)
            file.flush()
            os.fsync(file.fileno())
    except _TooLong as exc:
        partial.unlink()
        raise BackendFailed(
            f"More bytes came of {escaped(remote.file.name)} of {remote.entry.repo} than it has; "
            "they were removed.", "Check HF_ENDPOINT and the proxy.",
        ) from exc  # fmt: skip
    sha256 = _right(partial, remote)
    if sha256 is None:
        partial.unlink()
        raise BackendFailed(
            f"{escaped(remote.file.name)} of {remote.entry.repo} has a wrong checksum; "
            "it was removed.",
            "Pull it again; if that fails too, what serves it (HF_ENDPOINT) is not to be trusted.",
        )
    return sha256


def _receive(remote: Remote, file: BinaryIO, arrivals: Arrivals) -> None:
    """Append what is missing; the hub library goes on after a cut, up to five times."""
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]
    from huggingface_hub.utils.logging import get_verbosity, set_verbosity

    headers = build_hf_headers(library_name="vidsum", library_version=vidsum.__version__)
    headers["Accept-Encoding"] = "identity"  # a compressed answer cannot be resumed
    counted: Any = _Counted(file, remote.size_bytes, arrivals)
    level = get_verbosity()
    set_verbosity(logging.ERROR)  # it would print its own lines between ours
    try:
        http_get(
            hf_hub_url(remote.entry.repo, remote.file.name, revision=remote.commit), counted,
            resume_size=file.tell(), headers=headers, expected_size=remote.size_bytes,
        )  # fmt: skip
    finally:
        set_verbosity(level)


class _TooLong(Exception):
    """The hub sends more than the file has."""


class _Counted:
    """A file that tells how long it has grown, and grows no longer than it should: the hub library
    takes all that comes, and its own hook for progress differs from version to version."""

    def __init__(self, file: BinaryIO, most_bytes: int, arrivals: Arrivals) -> None:
        self._file, self._most_bytes, self._arrivals = file, most_bytes, arrivals
        self.seek, self.tell, self.truncate = file.seek, file.tell, file.truncate
        arrivals.at(file.tell())

    def write(self, block: bytes) -> int:
        """Append a block. Raises: _TooLong."""
        if self._file.tell() + len(block) > self._most_bytes:
            raise _TooLong
        length = self._file.write(block)
        self._arrivals.at(self._file.tell())
        return length


def _right(path: Path, remote: Remote) -> str | None:
    """Return a file's sha256 if it is what it must be, else None."""
    if path.stat().st_size != remote.size_bytes:
        return None
    sha256 = sha256_of(path)
    expected = remote.expected_sha256
    if expected is None and SHA256.fullmatch(remote.etag):
        expected = remote.etag
    if expected is None and COMMIT.fullmatch(remote.etag):
        return sha256 if git_sha1_of(path) == remote.etag else None
    return sha256 if expected in (None, sha256) else None


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file's bytes, in hexadecimal."""
    return _digest(path, hashlib.sha256)


def git_sha1_of(path: Path) -> str:
    """Return what git calls a file: the SHA-1 of its length and bytes (``git hash-object``)."""
    head = b"blob %d\0" % path.stat().st_size
    return _digest(path, lambda: hashlib.sha1(head, usedforsecurity=False))


def _digest(path: Path, start: Callable[[], Any]) -> str:
    digest = start()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return str(digest.hexdigest())
