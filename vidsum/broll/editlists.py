"""A timeline as an edit decision list (CMX 3600): one video track, the shots to lay over.

Written here and not by the OpenTimelineIO adapter, which knows no start time code and counts all
of 29.97 with dropped frame numbers without saying so in the list.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from vidsum.broll.timelines import AI_GENERATED, Layout, Placed, time_code

_REEL_LETTERS: Final = 8
_NO_ASCII: Final = re.compile(r"[^\x20-\x7e]+")
_NO_REEL: Final = re.compile("[^A-Z0-9]+")
_TITLE_LETTERS: Final = 70


def edit_list(layout: Layout) -> str:
    """Return the list. Record times say where a shot lies over the source, as its time code."""
    title = _ascii(layout.title)[:_TITLE_LETTERS].strip() or "B-roll"
    lines = [f"TITLE: {title}", f"FCM: {'' if layout.drop else 'NON-'}DROP FRAME", ""]
    reels: set[str] = set()
    for number, one in enumerate(layout.placed, start=1):
        lines += [*_event(layout, one, number, _reel(one, number, reels)), ""]
    return "\n".join(lines)


def _ascii(text: str) -> str:
    """Return a text without its accents, and without letters that are no others with an accent."""
    return _NO_ASCII.sub("", unicodedata.normalize("NFKD", text))


def _event(layout: Layout, one: Placed, number: int, reel: str) -> Iterator[str]:
    first = layout.start_frames + one.at_frames
    at = (0, one.length_frames, first, first + one.length_frames)
    codes = [time_code(frame, layout.rate, layout.drop) for frame in at]
    yield f"{number:03}  {reel:8} V     C        {' '.join(codes)}"
    yield f"* FROM CLIP NAME:  {one.name}"
    yield f"* FROM CLIP: {one.file.as_uri()}"
    yield f"* LOC: {codes[2]} PURPLE  {AI_GENERATED}"
    yield f"* COMMENT: {_ascii(one.note)}"


def _reel(one: Placed, number: int, taken: set[str]) -> str:
    """Return a reel's name, eight capital letters and figures at most: ``S01V2``."""
    told = f"{_NO_REEL.sub('', one.scene.id.upper())}V{one.shot.number}"
    if len(told) > _REEL_LETTERS or told in taken:
        told = f"BROLL{number:03}"
    taken.add(told)
    return told
