"""Questions that need no search: how long a video is, what it is about, what is at a time in it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from vidsum.data import Evidence
from vidsum.reasoner.commands import as_arguments
from vidsum.reasoner.overview import noun
from vidsum.reasoner.passages import Passage
from vidsum.wording import clock

NEAR_S: Final = 10.0
"""What is said within so many seconds of a time is told of it."""
_SECOND: Final = 1.0
"""A time as a player shows it stands for the whole second."""
_IT: Final = (
    r"(?:it|this|(?:the|this) (?:whole |entire )?(?:video|film|movie|clip|footage|recording))"
)
_LENGTH: Final = re.compile(
    rf"how long (?:is|does) {_IT}(?: in all| in total| last| run)?"
    rf"|(?:what is|whats) the (?:length|duration|running time|runtime) of {_IT}"
)
_ABOUT: Final = re.compile(
    rf"(?:please )?(?:can you |could you )?summari[sz]e(?: {_IT})?(?: for me)?(?: please)?"
    rf"|(?:give me |write )?(?:a|the) summary(?: of {_IT})?"
    rf"|(?:what is|whats) {_IT}(?: all)? about|what (?:happens|is shown|is said) in {_IT}"
    rf"|what does {_IT} (?:show|say|tell)|(?:tell me about|describe) {_IT}"
)
_WORD: Final = re.compile(r"\w+")
_OF_DAY: Final = r"\s*(?:[ap]\.?m\b|o['’]clock\b|uhr\b)"
_TIME: Final = re.compile(
    rf"(?<![\d:.,])(?<!\dT)(?:(\d{{1,2}}):)?(\d{{1,3}}):([0-5]\d)(?![\d:]|{_OF_DAY})",
    re.IGNORECASE,
)
"""A time as a player shows it, and none of the day."""


def answer_at_once(evidence: Evidence, question: str) -> str:
    """Return a sentence that answers a question about the whole, "" for any other question."""
    asked = " ".join(_WORD.findall(re.sub("['’]", "", question.casefold())))
    if _LENGTH.fullmatch(asked):
        duration_s = evidence.info.duration_s
        if duration_s is None:
            return f"How long the {noun(evidence)} is, the file does not say."
        cut_off = evidence.coverage is not None and evidence.coverage.missing_s > 0
        end = f", but it is cut off at {clock(evidence.end_s)}" if cut_off else ""
        return f"The {noun(evidence)} is {clock(duration_s)} long, by the file's own clock{end}."
    if _ABOUT.fullmatch(asked):
        return f"Its summary tells that, without --ask: vidsum {as_arguments(evidence)}"
    return ""


def named_time(question: str) -> tuple[str, float] | None:
    """Return the first time that a question names, such as 1:28, as written and in seconds."""
    found = _TIME.search(question)
    if found is None:
        return None
    return found[0], int(found[1] or 0) * 3600.0 + int(found[2]) * 60.0 + int(found[3])


def is_within(evidence: Evidence, time_s: float) -> bool:
    """Tell whether a time lies in what was looked at."""
    return evidence.start_s <= time_s + _SECOND and time_s <= evidence.end_s


def around(passages: Iterable[Passage], time_s: float, most: int) -> list[Passage]:
    """Return at most ``most`` passages around a time, in order of time.

    What is said within ten seconds counts, of pictures only what is shown at that very time.
    """
    near: list[tuple[float, float, int, Passage]] = []
    for one in passages:
        apart_s = max(0.0, one.start_s - time_s - _SECOND, time_s - one.end_s)
        if one.kind != "fact" and apart_s <= (NEAR_S if one.kind == "speech" else 0.0):
            near.append((apart_s, one.start_s, len(near), one))
    chosen = [one for *_, one in sorted(near, key=lambda found: found[:3])[:most]]
    return sorted(chosen, key=lambda one: one.start_s)
