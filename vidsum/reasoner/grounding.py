"""A model's answer held against the timeline: only what can be checked there is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from vidsum.data import Bundle, Chapter, Claim, Name, TimelineEntry
from vidsum.reasoner.citations import seconds
from vidsum.reasoner.claims import LONGEST_TEXT, Checks
from vidsum.reasoner.forms import LookPoint, Malformed, NotesForm, Point, ResponseForm, SummaryForm
from vidsum.reasoner.protocol import Wanted
from vidsum.reasoner.told_chapters import LONGEST_TITLE, told_chapters
from vidsum.reasoner.wording import shortened
from vidsum.wording import safe

_MOST_SENTENCES: Final = 12
_LONGEST_PARAGRAPH: Final = 2_000
_LONGEST_QUESTION: Final = 200
_APART_S: Final = 1.0
"""Two looks nearer to each other than this would show the same."""


@dataclass(frozen=True, slots=True)
class Grounded:
    """What is left of a summary.

    ``overview`` is one paragraph, ``overview_claims`` its sentences. ``title`` is "" and the rest
    is () if nothing of it was usable.
    """

    title: str
    overview: str
    overview_claims: tuple[Claim, ...]
    key_points: tuple[Claim, ...]
    chapters: tuple[Chapter, ...]
    names: tuple[Name, ...]
    quotes: tuple[Claim, ...]
    caveats: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GroundedNotes:
    """Notes on the stretch from start_s to end_s."""

    start_s: float
    end_s: float
    gist: str
    points: tuple[Claim, ...]


@dataclass(frozen=True, slots=True)
class GroundedResponse:
    """What is left of the answer to a question; ``found`` only where some of it has evidence."""

    found: bool
    claims: tuple[Claim, ...]
    caveats: tuple[str, ...]


class Ground:
    """The timeline of one video, to hold what a model wrote against.

    Statements keep the ids that exist; one that is left without any is kept and marked. Times
    come from the entries. Words in quotation marks were said or shown, or lose their marks.
    """

    def __init__(self, bundle: Bundle, checks: Checks | None = None) -> None:
        self._bundle = bundle
        self._checks = checks or Checks(bundle)

    def among(self, ids: Collection[str]) -> Ground:
        """Return the ground for a model that was shown these entries: no others are its evidence.

        ``removed`` is one and the same.
        """
        return Ground(self._bundle, self._checks.among(ids))

    @property
    def removed(self) -> Counter[str]:
        """What had to go so far, by kind: ids, points, chapters, names, quotes, many."""
        return self._checks.removed

    def with_entries(self, entries: Iterable[TimelineEntry]) -> Ground:
        """Return the ground with more entries in its timeline, all of which count as shown.

        ``removed`` begins anew.
        """
        timeline = sorted((*self._bundle.timeline, *entries), key=lambda entry: entry.start_s)
        return Ground(replace(self._bundle, timeline=tuple(timeline)))

    def summary(self, form: SummaryForm) -> Grounded:
        """Return what a summary is worth. Raises: Malformed when it has no overview."""
        claims = self._sentences(form.overview)
        if not claims:
            raise Malformed("overview: It says nothing.")
        return Grounded(
            title=self._checks.prose(form.title, LONGEST_TITLE),
            overview=" ".join(claim.text for claim in claims),
            overview_claims=claims,
            key_points=self._checks.points(form.key_points),
            chapters=told_chapters(self._checks, form.chapters),
            names=self._checks.names(form.names),
            quotes=self._checks.quotes(form.quotes),
            caveats=self._checks.caveats(form.caveats),
        )

    def notes(self, form: NotesForm, start_s: float, end_s: float) -> GroundedNotes:
        """Return what notes on a stretch are worth. Raises: Malformed when they have no gist."""
        gist = self._checks.prose(form.gist, 2 * LONGEST_TEXT)
        if not gist:
            raise Malformed("gist: It says nothing.")
        return GroundedNotes(start_s, end_s, gist, self._checks.points(form.points))

    def response(self, form: ResponseForm) -> GroundedResponse:
        """Return what an answer to a question is worth.

        Raises: Malformed when it claims to have found something and says nothing.
        """
        claims = self._sentences(form.answer)
        if form.found and not claims:
            raise Malformed("answer: It says nothing.")
        found = form.found and any(claim.supported for claim in claims)
        return GroundedResponse(found, claims, self._checks.caveats(form.caveats))

    def wanted(self, form: SummaryForm, most: int) -> tuple[Wanted, ...]:
        """Return the first moments that a model would see again, in order of time.

        Each is inside what was looked at, has a question, and is a second away from the others.
        """
        found: list[Wanted] = []
        for one in form.look_again:
            question = shortened(safe(one.question[: 10 * _LONGEST_QUESTION]), _LONGEST_QUESTION)
            time_s = self._moment(one)
            if len(found) >= most:
                break
            if time_s is None or not any(map(str.isalnum, question)):
                continue
            if all(abs(time_s - other.time_s) >= _APART_S for other in found):
                found.append(Wanted(time_s, question))
        return tuple(sorted(found, key=lambda wanted: wanted.time_s))

    def _sentences(self, points: Sequence[Point]) -> tuple[Claim, ...]:
        """Return the sentences of a paragraph. A text in one piece may be as long as all of it."""
        longest = _LONGEST_PARAGRAPH if len(points) == 1 else LONGEST_TEXT
        return self._checks.sentences(points, _MOST_SENTENCES, longest)

    def _moment(self, look: LookPoint) -> float | None:
        """Return the time of a look: where an entry begins, or the time itself, if inside."""
        entries = [one for one in self._checks.known(look.at) if one.kind != "fact"]
        span = self._checks.span
        time_s = span.within(entries[0].start_s) if entries else seconds(look.at)
        return time_s if time_s is not None and span.holds(time_s) else None
