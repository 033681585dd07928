"""Small videos made at test time, in which every frame shows its own number.

They prove that a sampled picture is the frame of the time stamped on it: `read_counter` of the
picture must be `frame_on_screen` of the time.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path

from . import makers
from .counter import draw, read_counter
from .encode import Clip

__all__ = ["CLIPS", "Clip", "clip", "draw", "read_counter"]

_PREFIX = "make_"

CLIPS: dict[str, Callable[[Path], Clip]] = {
    name.removeprefix(_PREFIX): maker
    for name, maker in vars(makers).items()
    if name.startswith(_PREFIX)
}


@cache
def clip(name: str, folder: Path) -> Clip:
    """The clip of this name, made on the first call for a folder."""
    return CLIPS[name](folder)
