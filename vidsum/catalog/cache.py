"""The layout of the hub's cache, which other programs read too.

    models--ORG--NAME/refs/main                  the commit that main was
                     /blobs/ETAG                 the bytes
                     /snapshots/COMMIT/FILE      a link to them

Source: huggingface_hub, "Understand caching".
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from vidsum.catalog.entry import ModelEntry, ModelFile
from vidsum.catalog.places import hub_cache
from vidsum.errors import OutputError
from vidsum.wording import shown

_PARTIAL: Final = ".incomplete"
"""The hub's own tools count files of this suffix as leftovers, and offer to remove them."""


def repo_folder(repo: str) -> Path:
    """Return a repository's folder in the cache; it need not exist."""
    return hub_cache() / f"models--{repo.replace('/', '--')}"


def lock_file(repo: str, etag: str) -> Path:
    """Return the file that every program locks while it downloads these bytes."""
    return hub_cache() / ".locks" / repo_folder(repo).name / f"{etag}.lock"


def snapshot(repo: str, commit: str) -> Path:
    """Return the folder with the files of one commit; it need not exist."""
    return repo_folder(repo) / "snapshots" / commit


def commits(repo: str) -> Iterator[str]:
    """Yield the commits that are in the cache: what main was, then the newest."""
    folder = repo_folder(repo)
    main = ""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        main = (folder / "refs" / "main").read_text("ascii").strip()
    found: list[Path] = []
    with contextlib.suppress(OSError):
        found = sorted((folder / "snapshots").iterdir(), key=_age_s)
    yield from sorted((path.name for path in found), key=lambda name: name != main)


def _age_s(path: Path) -> float:
    return -path.lstat().st_mtime


def blob(repo: str, etag: str) -> Path:
    """Return the file that holds the bytes with an ETag; it need not exist."""
    return repo_folder(repo) / "blobs" / etag


def partial(repo: str, etag: str, file: ModelFile) -> Path:
    """Return the file into which a download of these bytes goes until it is whole."""
    return blob(repo, f"{etag}.{_tag(file)}{_PARTIAL}")


def _tag(file: ModelFile) -> str:
    return f"vidsum-{zlib.crc32(file.name.encode()):08x}"


def link(source: Path, target: Path) -> None:
    """Make ``target`` show the bytes of a blob, at once whole; without links it gets the bytes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        beside.symlink_to(os.path.relpath(source, target.parent))
    except OSError:
        source.replace(target)  # this file system knows no links
        return
    beside.replace(target)


def remember_main(repo: str, commit: str) -> None:
    """Note what commit main was, for programs that ask for main while offline."""
    ref = repo_folder(repo) / "refs" / "main"
    ref.parent.mkdir(parents=True, exist_ok=True)
    beside = ref.with_name(f".main.{secrets.token_hex(4)}")
    beside.write_text(commit, "ascii")
    beside.replace(ref)


def remove(entry: ModelEntry) -> int:
    """Remove an entry's files from every commit in the cache; return the bytes that this frees.

    Bytes that another file still shows stay, and so does what other programs keep beside them.
    Raises: OutputError.
    """
    try:
        return _remove(entry, repo_folder(entry.repo))
    except OSError as exc:
        raise OutputError(f"{entry.name} cannot be removed: {exc.strerror}.",
                          f"It lies in {shown(repo_folder(entry.repo))}.") from exc  # fmt: skip


def _remove(entry: ModelEntry, folder: Path) -> int:
    freed = 0
    for file in entry.files:
        for commit in list(commits(entry.repo)):
            freed += remove_file(entry.repo, snapshot(entry.repo, commit) / file.name)
        for left in folder.glob(f"blobs/*.{_tag(file)}{_PARTIAL}"):
            freed += _unlink(left)
    _sweep(folder)
    return freed


def remove_file(repo: str, path: Path) -> int:
    """Remove one file of a snapshot and the bytes that it alone showed; return what is freed."""
    source = _shown_by(path)
    if source is None:
        return _unlink(path)
    path.unlink(missing_ok=True)
    others = (repo_folder(repo) / "snapshots").rglob("*")
    return 0 if any(_shown_by(other) == source for other in others) else _unlink(source)


def _shown_by(path: Path) -> Path | None:
    """Return the blob that a link shows: the first hop, for a blob may itself be a link."""
    try:
        return Path(os.path.normpath(path.parent / path.readlink()))
    except OSError:
        return None


def _unlink(path: Path) -> int:
    """Remove a file and return its size; a link to a store that repositories share weighs 0."""
    try:
        size = 0 if path.is_symlink() else path.stat().st_size
        path.unlink()
    except FileNotFoundError:
        return 0
    return size


def _sweep(folder: Path) -> None:
    """Remove what is empty; a ref without its commit would make the hub's tools complain."""
    for path in sorted((folder / "snapshots").rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            with contextlib.suppress(OSError):
                path.rmdir()
    left = set(commits(folder.name.removeprefix("models--").replace("--", "/")))
    for ref in [path for path in (folder / "refs").rglob("*") if path.is_file()]:
        if ref.read_text("utf-8", "replace").strip() not in left:
            ref.unlink()
    if not left and not any(folder.glob("blobs/*")):
        shutil.rmtree(folder, ignore_errors=True)
