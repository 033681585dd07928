"""What a watched folder is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vidsum.config import Options


@dataclass(frozen=True, slots=True)
class Settings:
    """How one folder is watched. ``root`` and ``output`` are absolute.

    ``output``: results go into this folder in the same tree, instead of beside each video.
    ``formats``: which results are written, see :data:`vidsum.config.FORMATS`. ``hook``: a program
    and its arguments, run for each finished video, see :mod:`vidsum.watch.hooks`. ``workers``: how
    many videos are worked on at once. ``once``: end when all that is there was dealt with.
    ``sentinel``: a video is ready only when a file NAME.done is beside it. ``poll``: look at the
    folder by the clock only; None: where it is a network folder. A file is ready when it is the
    same in two scans that are ``settle_s`` apart. ``min_free_bytes``: with less room on the disk
    nothing new is begun. ``include`` and ``exclude``: file name patterns (fnmatch). ``stall_s``: a
    worker that says nothing for so long is ended. ``grace_s``: how long workers may take to end.
    """

    root: Path
    options: Options
    output: Path | None = None
    formats: tuple[str, ...] = ("md",)
    hook: tuple[str, ...] = ()
    workers: int = 1
    once: bool = False
    sentinel: bool = False
    subfolders: bool = True
    follow_links: bool = False
    poll: bool | None = None
    rescan_s: float = 10.0
    settle_s: float = 5.0
    min_free_bytes: int = 500_000_000
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    stall_s: float = 1800.0
    grace_s: float = 20.0

    @property
    def place(self) -> Path:
        """Return the folder that results and quarantine lie in."""
        return self.root if self.output is None else self.output
