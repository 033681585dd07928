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
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from vidsum.catalog.entry import ModelEntry, ModelFile
from vidsum.catalog.places import hub_cache
from vidsum.errors import OutputError
from vidsum.wording import shown

_PARTIAL: Final = ".incomplete"
"""The hub's own tools count files of this suffix as leftovers, and offer to remove them."""
_NOTES: Final = ("refs", ".no_exist", "trees")
"""Folders with what the hub's tools note about a repository; without its files they say nothing."""


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


def publish(source: Path, blob: Path, place: Path) -> None:
    """Make a whole file the bytes of a blob, and show them at ``place``; one that is there stays.

    The link comes first: if this ends in between, it shows nothing yet and names what is left.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        place.symlink_to(os.path.relpath(blob, place.parent))
    except FileExistsError:
        pass  # another program was faster
    except OSError:
        source.replace(place)  # this file system knows no links
        return
    source.replace(blob)


def remember_main(repo: str, commit: str) -> None:
    """Note what commit main was, for programs that ask for main while offline."""
    ref = repo_folder(repo) / "refs" / "main"
    ref.parent.mkdir(parents=True, exist_ok=True)
    beside = ref.with_name(f".main.{secrets.token_hex(4)}")
    beside.write_text(commit, "ascii")
    beside.replace(ref)


def remove(entry: ModelEntry, kept: Collection[tuple[str, str]] = ()) -> int:
    """Remove an entry's files from every commit in the cache; return the bytes that this frees.

    Bytes that another file still shows stay, and so does what other programs keep beside them,
    and the files that are ``kept``, by repository and name.
    Raises: OutputError, also while a program downloads one of the files.
    """
    parts = [_without(part, kept) for part in entry.parts]
    if any(_is_coming(part.repo, left) for part in parts for left in _partials(part)):
        raise OutputError(f"{entry.name} is just being downloaded.", "Stop that, or wait for it.")
    freed = 0
    for part in parts:
        try:
            freed += _remove(part, repo_folder(part.repo))
        except OSError as exc:
            raise OutputError(f"{entry.name} cannot be removed: {exc.strerror}.",
                              f"It lies in {shown(repo_folder(part.repo))}.") from exc  # fmt: skip
    return freed


def _without(part: ModelEntry, kept: Collection[tuple[str, str]]) -> ModelEntry:
    return replace(
        part, files=tuple(file for file in part.files if (part.repo, file.name) not in kept)
    )


def holds(entry: ModelEntry, kept: Collection[tuple[str, str]] = ()) -> bool:
    """Return whether anything of an entry is in the cache, be it half a download.

    Files that are ``kept`` for others, by repository and name, do not count.
    """
    parts = [_without(part, kept) for part in entry.parts]
    return any(
        any(map(os.path.lexists, _places(part))) or any(True for _ in _partials(part))
        for part in parts
    )


def _places(entry: ModelEntry) -> list[Path]:
    return [snapshot(entry.repo, commit) / file.name
            for commit in commits(entry.repo) for file in entry.files]  # fmt: skip


def _partials(entry: ModelEntry) -> Iterator[Path]:
    for file in entry.files:
        yield from repo_folder(entry.repo).glob(f"blobs/*.{_tag(file)}{_PARTIAL}")


def _is_coming(repo: str, left: Path) -> bool:
    """Return whether a program holds the lock of a partial file's bytes."""
    from filelock import FileLock, Timeout

    path = lock_file(repo, left.name.removesuffix(_PARTIAL).rpartition(".")[0])
    if not path.exists():
        return False
    try:
        with FileLock(path, timeout=0, mode=0o664):
            return False
    except Timeout:
        return True


def _remove(entry: ModelEntry, folder: Path) -> int:
    freed = sum(remove_file(entry.repo, place) for place in _places(entry))
    freed += sum(_unlink(left) for left in list(_partials(entry)))
    _sweep(folder)
    return freed


def remove_file(repo: str, path: Path) -> int:
    """Remove one file of a snapshot and the bytes that it alone showed; return what is freed.

    A link that leads out of the cache was made by somebody else: what it shows is not touched.
    """
    source = _shown_by(path)
    if source is None:
        return _unlink(path)
    path.unlink(missing_ok=True)
    if not _is_blob(repo, source):
        return 0
    others = (repo_folder(repo) / "snapshots").rglob("*")
    return 0 if any(_shown_by(other) == source for other in others) else _unlink(source)


def _is_blob(repo: str, path: Path) -> bool:
    """Return whether a file lies where the cache keeps a repository's bytes."""
    try:
        return path.parent.samefile(repo_folder(repo) / "blobs")
    except OSError:
        return False


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
    """Remove what is empty; a ref without its commit would make the hub's tools complain.

    What somebody else put beside the hub's own folders stays.
    """
    for path in sorted((folder / "snapshots").rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            with contextlib.suppress(OSError):
                path.rmdir()
    left = set(commits(folder.name.removeprefix("models--").replace("--", "/")))
    for ref in [path for path in (folder / "refs").rglob("*") if path.is_file()]:
        if ref.read_text("utf-8", "replace").strip() not in left:
            ref.unlink()
    if not left and not any(folder.glob("blobs/*")):
        for name in _NOTES:
            shutil.rmtree(folder / name, ignore_errors=True)
        for empty in (folder / "snapshots", folder / "blobs", folder):
            with contextlib.suppress(OSError):
                empty.rmdir()
