"""What is in a watched folder now: the truth that file events only hint at."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from vidsum.broll.holding import LOCK as BROLL
from vidsum.watch.holders import Watched
from vidsum.watch.job import Seen
from vidsum.watch.names import BEING_MADE, LOCK, SENTINEL, is_candidate, passed_over
from vidsum.watch.settings import Settings
from vidsum.wording import shown

_NO_CONTENT: Final = frozenset({os.fsencode(LOCK), b"lost+found"})
"""What a folder may hold although nothing of the user's is in it, or mounted on it."""
_BROLL: Final = os.fsencode(BROLL)
"""Stays in every folder of generated B-roll, whatever that is called: its clips are no videos of
the user's."""

Identity = tuple[int, int]
"""Device and inode: what two names of one folder have in common."""


@dataclass(frozen=True, slots=True)
class Scan:
    """The files that may be videos, in order of path.

    ``trouble``: why the folder as a whole cannot be relied on, and nothing else counts then;
    ``empty``: it is that the folder is there, with nothing in it.
    ``passed``: how many names were passed over. ``problems``: a line each for what could not be
    looked at. ``unread``: those subfolders and files: what is in them is not to count as gone.
    """

    files: tuple[Seen, ...] = ()
    trouble: str = ""
    passed: int = 0
    problems: tuple[str, ...] = ()
    unread: tuple[Path, ...] = ()
    empty: bool = False


@dataclass(slots=True)
class _Walk:
    """One scan while it goes on. Paths are bytes, relative to the root."""

    settings: Settings
    root: bytes
    output: Identity | None
    watched: Watched
    seen_folders: set[Identity]
    seen_files: set[Identity] = field(default_factory=set)
    folders: deque[bytes] = field(default_factory=deque)
    links: deque[bytes] = field(default_factory=deque)
    linked_files: list[bytes] = field(default_factory=list)
    files: list[Seen] = field(default_factory=list)
    passed: int = 0
    problems: list[str] = field(default_factory=list)
    unread: list[Path] = field(default_factory=list)

    def problem(self, path: bytes, why: str) -> None:
        """Take note of what could not be looked at."""
        self.problems.append(f"{shown(Path(os.fsdecode(path)))} {why}.")
        self.unread.append(Path(os.fsdecode(path)))


def scan(settings: Settings, *, expected: bool = False) -> Scan:
    """Return what is in a folder now. No file is opened, and nothing raises for a file's sake.

    ``expected``: files are known to have been in it, so that an empty folder is trouble: whatever
    is mounted there is away. Folders are read one by one, however deep; each is read once, and a
    file that several links lead to has one path. Only regular files count. Without
    ``follow_links`` a link is none; with it, links lead also out of the root.
    """
    root = os.fsencode(settings.root)
    try:
        state = settings.root.stat()
        entries = _entries(root)
    except OSError as exc:
        return Scan(trouble=f"{shown(settings.root)} {_why(exc)}.")
    if expected and all(entry.name in _NO_CONTENT for entry in entries):
        trouble = f"{shown(settings.root)} is empty: is what belongs there mounted?"
        return Scan(trouble=trouble, empty=True)
    walk = _Walk(settings, root, _output(settings), Watched(), {(state.st_dev, state.st_ino)})
    _look(walk, b"", entries)
    while walk.folders or walk.links:
        if walk.folders:
            _enter(walk, walk.folders.popleft())
        else:
            _follow(walk, walk.links.popleft())
    for link in walk.linked_files:
        _take_linked(walk, link)
    files = sorted(walk.files, key=lambda seen: os.fsencode(seen.path))
    return Scan(
        tuple(files), "", walk.passed, tuple(sorted(walk.problems)), tuple(sorted(walk.unread))
    )


def folders(root: Path, *, follow_links: bool) -> Iterator[Path]:
    """Yield the folder and the subfolders that :func:`scan` would read, the upper ones first."""
    seen: set[Identity] = set()
    first = os.fsencode(root)
    waiting = deque([first])
    while waiting:
        folder = waiting.popleft()
        with contextlib.suppress(OSError):
            state = _state(folder)
            if (state.st_dev, state.st_ino) in seen:
                continue
            seen.add((state.st_dev, state.st_ino))
            entries = _entries(folder)
            if folder != first and any(entry.name == _BROLL for entry in entries):
                continue
            yield Path(os.fsdecode(folder))
            waiting += (
                entry.path for entry in entries
                if entry.is_dir(follow_symlinks=follow_links)
                and not passed_over(entry.name, folder=True)
            )  # fmt: skip


def _entries(folder: bytes) -> list[os.DirEntry[bytes]]:
    with os.scandir(folder) as entries:
        return list(entries)


def _state(path: bytes) -> os.stat_result:
    return os.stat(path)  # noqa: PTH116  (a Path is made of text)


def _joined(folder: bytes, name: bytes) -> bytes:
    return folder + b"/" + name if folder else name


def _name(path: bytes) -> bytes:
    return path.rpartition(b"/")[2]


def _output(settings: Settings) -> Identity | None:
    """Return which folder results go into, if it is another one than the root."""
    if settings.output is None:
        return None
    try:
        state = settings.output.stat()
    except OSError:
        return None
    return state.st_dev, state.st_ino


def _enter(walk: _Walk, folder: bytes) -> None:
    """Read a subfolder, unless it was read before or somebody else watches it."""
    path = _joined(walk.root, folder)
    try:
        state = _state(path)
        identity = (state.st_dev, state.st_ino)
        if identity in walk.seen_folders or identity == walk.output:
            walk.passed += 1
            return
        walk.seen_folders.add(identity)
        entries = _entries(path)
    except (FileNotFoundError, NotADirectoryError):
        return  # it went away meanwhile
    except OSError as exc:
        walk.problem(folder, _why(exc))
        return
    if any(entry.name == _BROLL for entry in entries):
        walk.passed += 1
        return
    locked = any(entry.name == os.fsencode(LOCK) for entry in entries)
    who = walk.watched.holder(Path(os.fsdecode(path)), state, locked=locked)
    if who:
        walk.problem(folder, f"is passed over: it is watched by {who}")
        return
    _look(walk, folder, entries)


def _look(walk: _Walk, folder: bytes, entries: list[os.DirEntry[bytes]]) -> None:
    """Sort out what a folder holds: files to take, folders and links to go into later."""
    names = {entry.name for entry in entries}
    for entry in entries:
        path = _joined(folder, entry.name)
        try:
            if entry.is_symlink():
                _keep_link(walk, path)
            elif entry.is_dir(follow_symlinks=False):
                _keep_folder(walk, path)
            elif not _wanted(walk, path, names):
                walk.passed += 1
            else:
                _take(walk, path, entry.stat(follow_symlinks=False))
        except FileNotFoundError:
            continue  # it went away meanwhile
        except OSError as exc:
            walk.problem(path, _why(exc))


def _keep_link(walk: _Walk, path: bytes) -> None:
    """Put a link off until all that needs none was found."""
    if walk.settings.follow_links:
        walk.links.append(path)
    else:
        walk.passed += 1


def _keep_folder(walk: _Walk, path: bytes) -> None:
    if walk.settings.subfolders and not passed_over(_name(path), folder=True):
        walk.folders.append(path)
    else:
        walk.passed += 1


def _follow(walk: _Walk, link: bytes) -> None:
    """Go into the folder that a link leads to, or put a file off until the folders are done."""
    try:
        state = _state(_joined(walk.root, link))
    except OSError as exc:
        _not_followed(walk, link, exc)
        return
    if stat.S_ISDIR(state.st_mode):
        _keep_folder(walk, link)
    else:
        walk.linked_files.append(link)


def _take_linked(walk: _Walk, link: bytes) -> None:
    """Take the file that a link leads to, unless it was taken under another name."""
    path = _joined(walk.root, link)
    try:
        state = _state(path)
        if (state.st_dev, state.st_ino) in walk.seen_files or not _wanted(walk, link, _marks(path)):
            walk.passed += 1
        else:
            _take(walk, link, state)
    except OSError as exc:
        _not_followed(walk, link, exc)


def _not_followed(walk: _Walk, link: bytes, exc: OSError) -> None:
    if exc.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
        walk.passed += 1  # a link to nothing, or to itself
    else:
        walk.problem(link, _why(exc))


def _marks(path: bytes) -> set[bytes]:
    """Return which of the names that say something of a file are beside it."""
    name = _name(path)
    return {name + end for end in (SENTINEL, *BEING_MADE) if os.path.lexists(path + end)}


def _wanted(walk: _Walk, path: bytes, names: set[bytes]) -> bool:
    """Return whether a file is to be taken, by its name and by the ``names`` beside it."""
    name = _name(path)
    settings = walk.settings
    if passed_over(name, folder=False):
        return False
    if not is_candidate(name, settings.include, settings.exclude):
        return False
    if settings.sentinel and name + SENTINEL not in names:
        walk.unread.append(Path(os.fsdecode(path)))  # it is there, and its turn may come
        return False
    made_by = next((end for end in BEING_MADE if name + end in names), None)
    if made_by is not None:
        walk.problem(path, f"waits: {os.fsdecode(name + made_by)} is beside it, so it is not whole")
    return made_by is None


def _take(walk: _Walk, path: bytes, state: os.stat_result) -> None:
    if not stat.S_ISREG(state.st_mode):
        walk.passed += 1
        return
    walk.seen_files.add((state.st_dev, state.st_ino))
    where = Path(os.fsdecode(path))
    walk.files.append(Seen(where, state.st_size, state.st_mtime_ns, state.st_ino))


def _why(exc: OSError) -> str:
    """Return a clause for what the system says of a folder or a file."""
    if isinstance(exc, FileNotFoundError):
        return "is not there"
    if isinstance(exc, NotADirectoryError):
        return "is no folder"
    if isinstance(exc, PermissionError):
        return "may not be read: permission denied"
    return f"cannot be read: {exc.strerror}"
