"""Text files beside a video that tell nothing of it: our own results, and transcripts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise
from statistics import median
from typing import Final

_OWN_HEADINGS: Final = ("How this was made", "What it took")
_RULE: Final = re.compile(r"[=-]{3,}")
_OWN_LINE: Final = re.compile(r'\{"id": "f1", ')
"""The first line of a timeline, as in the prompt that ``vidsum bundle`` writes."""
_OWN_JSON: Final = ('"schema_version":', '"vidsum_version":')
_JSON_HEAD_CHARS: Final = 2000

_TIME: Final = re.compile(r"(?<![\d:])(?:(\d{1,2}):)?(\d{1,3}):(\d{2})(?![\d:])")
_TIMED_LINES, _TIMED_SHARE, _BETWEEN_S = 8, 0.3, 20.0
_COMPARED_LINES, _COPIED_SHARE, _FEWEST_WORDS = 60, 0.6, 2


def is_result(text: str) -> bool:
    """Whether a text is something that vidsum wrote: a page, its JSON, or a prompt."""
    rows = [row.strip() for row in text.splitlines()]
    if any(_OWN_LINE.match(row) for row in rows):
        return True
    if text.lstrip().startswith("{"):
        return all(mark in text[:_JSON_HEAD_CHARS] for mark in _OWN_JSON)
    if rows and rows[0].startswith("# "):
        return any(f"## {heading}" in rows for heading in _OWN_HEADINGS)
    return any(one in _OWN_HEADINGS and _RULE.fullmatch(rule) for one, rule in pairwise(rows))


def is_timed(text: str) -> bool:
    """Whether a text is a transcript with times: many lines have one, seconds apart.

    A list of chapters has times as well, but further apart, and an agenda has round ones: those
    tell of the video.
    """
    rows = [row.strip() for row in text.splitlines() if row.strip()]
    times = [found for found in map(_begins_or_ends_with_time, rows) if found is not None]
    if len(times) < _TIMED_LINES or len(times) < _TIMED_SHARE * len(rows):
        return False
    if all(time_s % 5 == 0 for time_s in times):
        return False
    return median(abs(b - a) for a, b in pairwise(times)) < _BETWEEN_S


def _begins_or_ends_with_time(row: str) -> int | None:
    found = _TIME.search(row[:12]) or _TIME.search(row[-9:])
    if found is None:
        return None
    return int(found[1] or 0) * 3600 + int(found[2]) * 60 + int(found[3])


def is_copy(text: str, subtitles: Iterable[str]) -> bool:
    """Whether most lines of a text stand in one of these subtitle files.

    Whisper writes the words that it heard as ``.txt`` and as ``.srt`` at once.
    """
    rows = [" ".join(row.split()) for row in text.splitlines()]
    rows = [row for row in rows if len(row.split()) >= _FEWEST_WORDS][:_COMPARED_LINES]
    if not rows:
        return False
    for other in subtitles:
        spoken = " ".join(other.split())
        if sum(row in spoken for row in rows) >= _COPIED_SHARE * len(rows):
            return True
    return False
