"""Pictures that wait for their turn on disk, where they take no memory."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import tempfile
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from vidsum.errors import OutputError
from vidsum.wording import shown

if TYPE_CHECKING:
    from vidsum.data import Image

_PREFIX: Final = "vidsum-album-"
_FILE: Final = re.compile(r"\d+\.rgb")
_OPEN: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_LEVEL: Final = 1
"""Of zlib. Measured on 31 frames of real clips, bytes and CPU ms to put and to get a picture, at
512×288 (raw 442 kB) and 1280×720 (raw 2,765 kB): 117 kB, 2.8 + 2.0 ms and 480 kB, 14 + 11 ms; PNG
at level 1 by Pillow 112 kB, 6.2 + 3.6 ms and 477 kB, 31 + 21 ms; WebP 69 kB, 90 + 1.6 ms."""


class Album:
    """Keeps pictures in a private temporary folder until they are asked for.

    A picture comes back as it was, to the byte. The folder (mode 0700, in the system's temporary
    folder, which TMPDIR moves: where that is kept in memory, so are the pictures) is there from
    the beginning to :meth:`close`. It is locked as long as its process lives, by which a later
    album of the same user tells the ones that a killed process left behind, and removes them.
    May be used from several threads.

    Raises: OutputError when the folder cannot be made.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shapes: dict[int, tuple[int, ...]] = {}
        with _reported("There is no folder for temporary files"):
            parent = Path(tempfile.gettempdir())
        with _reported(f"A folder for pictures cannot be made in {shown(parent)}"):
            _remove_left_behind(parent)
            self._folder, self._held = _new_folder(parent)
        self._open = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None,
                 trace: TracebackType | None) -> None:  # fmt: skip
        self.close()

    @property
    def folder(self) -> Path:
        """Where the pictures are; it is gone after :meth:`close`."""
        return self._folder

    def put(self, index: int, image: Image) -> None:
        """Keep a picture under a number ≥ 0; one that was there before is replaced.

        Raises: OutputError when it cannot be written, or the album is closed.
        """
        packed = _packed(image)
        path = self._path(index)
        with self._lock, _reported(f"A picture cannot be kept in {shown(self._folder)}"):
            try:
                path.write_bytes(packed)
            except BaseException:
                self._shapes.pop(index, None)
                path.unlink(missing_ok=True)
                raise
            self._shapes[index] = image.shape

    def get(self, index: int) -> Image:
        """Return a picture. It stays in the album.

        Raises: KeyError when there is none of this number, OutputError when its file is gone.
        """
        with self._lock, _reported(f"A picture cannot be read again from {shown(self._folder)}"):
            shape = self._shapes[index]
            packed = self._path(index).read_bytes()
        try:
            return _unpacked(packed, shape)
        except (ValueError, zlib.error) as exc:
            raise OutputError(f"{shown(self._path(index))} was changed by somebody.") from exc

    def drop(self, index: int) -> None:
        """Forget a picture; nothing happens when there is none of this number."""
        with self._lock:
            if self._shapes.pop(index, None) is not None:
                with contextlib.suppress(OSError):
                    self._path(index).unlink()

    def close(self) -> None:
        """Remove the folder and all in it. May be called twice, and by any thread."""
        with self._lock:
            if not self._open:
                return
            self._open = False
            self._shapes.clear()
            with contextlib.suppress(OSError):
                _remove(self._folder, self._held)
            os.close(self._held)

    def _path(self, index: int) -> Path:
        return self._folder / f"{index}.rgb"


def _packed(image: Image) -> bytes:
    """Compress a picture: of each line only how it differs from the one above it."""
    import numpy as np

    lines = np.array(image, np.uint8, order="C")
    lines[1:] -= image[:-1]
    return zlib.compress(lines.data, _LEVEL)


def _unpacked(packed: bytes, shape: tuple[int, ...]) -> Image:
    import numpy as np

    lines = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(shape)
    return np.cumsum(lines, axis=0, dtype=np.uint8)


@contextlib.contextmanager
def _reported(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise OutputError(f"{what}: {exc.strerror}.",
                          "TMPDIR names another folder for temporary files.") from exc  # fmt: skip


def _new_folder(parent: Path) -> tuple[Path, int]:
    """Make a folder and lock it; return it and the open descriptor that holds the lock."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        # Before it is locked, another album may take it for one left behind: then the next one.
        with contextlib.suppress(FileNotFoundError):
            held = os.open(folder, _OPEN)
            try:
                _lock(held)
                if os.path.samestat(folder.stat(), os.fstat(held)):
                    return folder, held
            except BaseException:
                os.close(held)
                raise
            os.close(held)


def _lock(held: int) -> None:
    # Some network folders know no locks: there nobody can take one, nor remove the folder.
    with contextlib.suppress(OSError):
        fcntl.flock(held, fcntl.LOCK_EX)


def _remove_left_behind(parent: Path) -> None:
    """Remove this user's albums that nobody holds. What cannot be removed stays."""
    for folder in parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            found = os.open(folder, _OPEN)
            try:
                if os.fstat(found).st_uid == os.geteuid():
                    fcntl.flock(found, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _remove(folder, found)
            finally:
                os.close(found)


def _remove(folder: Path, held: int) -> None:
    """Remove an album's pictures and then the folder, unless something else is in it."""
    for name in os.listdir(held):
        if _FILE.fullmatch(name):
            os.unlink(name, dir_fd=held)
    folder.rmdir()
