"""Scenes held against the timeline: ids that exist, times inside the video, none over another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from vidsum.broll.askscenes import LONGEST_BRIEF, ScenePoint, ScenesForm
from vidsum.data import Bundle, Claim, Scene, Summary, TimelineEntry
from vidsum.reasoner.citations import ids_in, seconds, uncited
from vidsum.reasoner.covering import Span
from vidsum.reasoner.scenes import BUILT_IN, MEASURED
from vidsum.reasoner.wording import shortened
from vidsum.wording import json_line, safe

SHORTEST_S: Final = 2.0
"""A still picture of less is not understood."""
_LONGEST_S: Final = 12.0
"""One of more tires, even when it moves."""
_LEAD_S: Final = 4.0
"""So long before what it illustrates a scene may begin."""
_LEAST_S: Final = 1.0
"""What has to be left of a scene between its neighbours."""
MOST_IDS: Final = 6


@dataclass(frozen=True, slots=True)
class Wish:
    """A scene that somebody wants, before its time is settled. ``evidence``: ids that exist."""

    start_s: float
    end_s: float
    brief: str
    why: str
    evidence: tuple[str, ...]


class Ground:
    """One video's timeline and summary, to choose scenes from and to hold them against."""

    def __init__(self, bundle: Bundle, summary: Summary) -> None:
        self.bundle, self.summary = bundle, summary
        looks = [look.entry for look in summary.looks if look.entry is not None]
        entries = {one.id: one for one in (*bundle.timeline, *looks)}
        self.entries = sorted(entries.values(), key=lambda one: one.start_s)
        self.known = {one.id: one for one in self.entries}
        found = Span.of(bundle.evidence)
        whole_s = bundle.evidence.info.duration_s or found.end_s
        self.span = Span(found.start_s, max(found.start_s, min(found.end_s, whole_s)))

    @property
    def tells(self) -> bool:
        """Whether anything was seen, heard or read: facts and blank stretches tell nothing."""
        return any(one.kind != "fact" and one.source != "measured" for one in self.entries)

    @property
    def claims(self) -> list[Claim]:
        """The statements of the summary that rest on something."""
        gists = [one.gist for one in self.summary.chapters if one.gist is not None]
        every = [*self.summary.overview_claims, *self.summary.key_points, *gists]
        return [one for one in every if one.evidence]

    def told(self) -> list[str]:
        """Return the summary as lines of JSON."""
        summary = self.summary
        parts: list[tuple[float, float, dict[str, object]]] = []
        for one in summary.chapters:
            gist, ids = (one.gist.text, list(one.gist.evidence)) if one.gist else ("", [])
            told: dict[str, object] = {"chapter": one.title, "gist": gist, "ids": ids}
            parts.append((one.start_s, one.end_s, told))
        for point in summary.key_points:
            if point.start_s is not None and point.end_s is not None:
                told = {"key_point": point.text, "ids": list(point.evidence)}
                parts.append((point.start_s, point.end_s, told))
        parts.sort(key=lambda part: part[:2])
        head = json_line({"title": summary.title, "overview": summary.overview})
        return [head, *(json_line({"from": round(start_s), "to": round(end_s)} | told)
                        for start_s, end_s, told in parts)]  # fmt: skip


def depicts(entry: TimelineEntry) -> bool:
    """Tell whether an entry may be pictured: it was said, or a model describes what it saw."""
    if entry.kind == "caption":
        return entry.source not in (BUILT_IN, MEASURED)
    return entry.kind == "speech"


def grounded(
    form: ScenesForm, ground: Ground, shown: Iterable[str], most: int
) -> tuple[tuple[Scene, ...], Counter[str]]:
    """Return at most so many scenes of a plan, and what had to go of it, by kind.

    ``shown``: ids of the entries that may be named.
    """
    removed: Counter[str] = Counter()
    known = {one: ground.known[one] for one in shown if one in ground.known}
    wishes: dict[str, Wish] = {}
    for point in form.scenes[: 10 * most]:
        wish = _wish(point, known, ground.span, removed)
        if wish is not None:
            wishes.setdefault(wish.brief.casefold(), wish)
    _drop(removed, "scenes", len(form.scenes) - len(wishes))
    scenes = placed(wishes.values(), ground.span, removed)
    _drop(removed, "scenes", len(scenes) - most)
    return _numbered(_spread(scenes, most)), removed


def _wish(
    point: ScenePoint, known: dict[str, TimelineEntry], span: Span, removed: Counter[str]
) -> Wish | None:
    """Return a scene as far as it stands up to the timeline; None without brief or moment."""
    found: list[str] = []
    for text in point.evidence[: 10 * MOST_IDS]:
        ids = ids_in(text)
        found += (one for one in ids if one in known)
        _drop(removed, "ids", sum(one not in known for one in ids) or int(not ids))
    ids = list(dict.fromkeys(found))[:MOST_IDS]
    brief, why = sentence(point.brief), sentence(point.why)
    around = span.around(known[one] for one in ids if known[one].kind != "fact")
    if around is None or not brief:
        return None  # facts hold for the whole video: they tell of no moment
    start_s, end_s = around
    begins = _time(point.start, known, lambda one: one.start_s)
    ends = _time(point.end, known, lambda one: one.end_s)
    # A stretch in which its evidence has no part is not what it illustrates.
    if begins is not None and around[0] - _LEAD_S <= begins <= around[1]:
        start_s = begins
    if ends is not None and ends > max(start_s, around[0]):
        end_s = ends
    return Wish(start_s, end_s, brief, why, tuple(ids))


def _time(
    text: str, known: dict[str, TimelineEntry], side: Callable[[TimelineEntry], float]
) -> float | None:
    """Return the time that an id, or a time itself, stands for; facts are at none."""
    named = [known[one] for one in ids_in(text) if one in known and known[one].kind != "fact"]
    return side(named[0]) if named else seconds(text)


def sentence(text: str) -> str:
    """Return a sentence on one line, "" where it has neither letter nor figure."""
    told = shortened(uncited(safe(text[: 10 * LONGEST_BRIEF])), LONGEST_BRIEF)
    return told if any(map(str.isalnum, told)) else ""


def placed(wishes: Iterable[Wish], span: Span, removed: Counter[str]) -> tuple[Scene, ...]:
    """Return wishes as scenes in order of time, within a span, none over another.

    Each lasts 2 to 12 seconds, or what its neighbours leave; of less than a second nothing is made.
    """
    scenes: list[Scene] = []
    free_s, least_s = span.start_s, min(_LEAST_S, span.length_s)
    for wish in sorted(wishes, key=lambda one: (one.start_s, one.end_s)):
        last_s = max(span.start_s, span.end_s - SHORTEST_S)
        start_s = max(free_s, round(min(span.within(wish.start_s), last_s), 3))
        end_s = max(start_s + SHORTEST_S, min(wish.end_s, start_s + _LONGEST_S))
        end_s = min(round(end_s, 3), span.end_s)
        if end_s - start_s < least_s or end_s <= start_s:
            _drop(removed, "overlaps", 1)
            continue
        scenes.append(Scene("", start_s, end_s, wish.brief, wish.why, wish.evidence))
        free_s = end_s
    return _numbered(scenes)


def _numbered(scenes: Sequence[Scene]) -> tuple[Scene, ...]:
    return tuple(replace(one, id=f"s{number:02}") for number, one in enumerate(scenes, start=1))


def _spread(scenes: Sequence[Scene], most: int) -> Sequence[Scene]:
    """Return so many scenes, from the first to the last, where there are more."""
    if len(scenes) <= most:
        return scenes
    step = (len(scenes) - 1) / max(1, most - 1)
    return [scenes[round(place * step)] for place in range(most)]


def _drop(removed: Counter[str], kind: str, number: int) -> None:
    if number > 0:
        removed[kind] += number
