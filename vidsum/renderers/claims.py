"""Statements as a page shows them: quoted, marked where nothing bears them out, with their ids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from vidsum.data import Answer, Claim, Evidence, Grounding, Summary
from vidsum.renderers.blocks import Item
from vidsum.wording import clock, number

NO_EVIDENCE = "(no evidence)"
_FACT = "f"
"""How the ids of facts begin."""
_PARTS = 20
"""The parts of the time that :class:`Grounding` counts."""
_STATEMENTS = ("statement", "statements")
_ALL = ("statement, quotation or name", "statements, quotations and names")
_GAP_S = 1.0
_ENDS_S = 1.0
_LEFT_OUT: Mapping[str, tuple[str, str]] = {
    "speech": ("passage of speech", "passages of speech"),
    "text": ("text on screen", "texts on screen"),
    "caption": ("description of a picture", "descriptions of pictures"),
    "fact": ("fact", "facts"),
}


def item(claim: Claim, *, ids: bool) -> Item:
    """Return a statement as a line of a list, with its time where it has one."""
    return Item(when(claim), text=told(claim, ids=ids))


def when(claim: Claim) -> str:
    """Return when a statement begins, "" where it rests on nothing, or on facts alone."""
    if claim.start_s is None or all(one.startswith(_FACT) for one in claim.evidence):
        return ""
    return clock(claim.start_s)


def told(claim: Claim, *, ids: bool) -> str:
    """Return a statement with its mark; in quotation marks when it stands there word for word."""
    text = f"“{claim.text}”" if claim.quoted else claim.text
    return f"{text}{_mark(claim, ids)}"


def running(text: str, claims: Iterable[Claim], *, ids: bool) -> str:
    """Return running text with the mark of each of its statements behind that statement.

    A statement that does not stand there word for word, and that needs a mark, follows the text.
    """
    marks: list[tuple[int, str]] = []
    after = 0
    for claim in claims:
        mark = _mark(claim, ids)
        place = text.find(claim.text, after)
        if place < 0:
            place = text.find(claim.text)
        if place >= 0:
            after = place + len(claim.text)
            after += text.startswith("”", after)
            marks.append((after, mark))
        elif mark:
            marks.append((len(text), f" {told(claim, ids=ids)}"))
    for place, mark in sorted(marks, key=lambda one: one[0], reverse=True):
        text = f"{text[:place]}{mark}{text[place:]}"
    return text


def bracketed(ids: Sequence[str]) -> str:
    """Return ids as they stand behind what they bear out, with a space before: `` [s1, t2]``."""
    return f" [{', '.join(ids)}]" if ids else ""


def _mark(claim: Claim, ids: bool) -> str:
    if not claim.supported:
        return f" {NO_EVIDENCE}"
    return bracketed(claim.evidence) if ids else ""


def cited(made: Summary | Answer) -> frozenset[str]:
    """Return the ids that anything in a summary or an answer names."""
    found: set[str] = set()
    for claim in statements(made) if isinstance(made, Summary) else made.claims:
        found.update(claim.evidence)
    for name in made.names if isinstance(made, Summary) else ():
        found.update(name.evidence)
    return frozenset(found)


def statements(summary: Summary) -> Iterator[Claim]:
    """Yield what a summary states, as often as it states it; names are no statements."""
    yield from summary.overview_claims
    yield from summary.key_points
    yield from (chapter.gist for chapter in summary.chapters if chapter.gist is not None)
    yield from summary.quotes


def standing(found: Grounding, evidence: Evidence, *, answer: bool = False) -> str:
    """Return in plain words how statements stand up to the timeline, "" where there are none.

    It says that they point to entries, which was checked, not that these bear them out.
    """
    if not found.claims:
        return ""
    told = _supported(found, _STATEMENTS if answer else _ALL)
    if answer or not found.supported or found.covered_share is None:
        return told
    parts = round(found.covered_share * _PARTS)
    if not parts:
        return f"{told} Those entries are facts that came with the file."
    whole = "the video" if _is_whole(evidence) else "the stretch that was looked at"
    if parts >= _PARTS:
        return f"{told} Those entries touch all {_PARTS} equal parts of {whole}."
    told += f" Those entries touch {parts} of {_PARTS} equal parts of {whole}"
    if found.largest_gap_s is not None and found.largest_gap_s >= _GAP_S:
        told += (
            f"; the longest time that none touches is {clock(found.largest_gap_s)}, "
            f"from {clock(found.largest_gap_at_s or 0.0)} on"
        )
    return f"{told}."


def _supported(found: Grounding, words: tuple[str, str]) -> str:
    one, many = words
    if found.claims == 1:
        some = "entries" if found.supported else "no entry"
        return f"The only {one} points to {some} of the timeline."
    if not found.supported:
        return f"None of {found.claims:,} {many} points to an entry of the timeline."
    if found.supported == found.claims == 2 and " and " not in many:
        return f"Both {many} point to entries of the timeline."
    if found.supported == found.claims:
        return f"All {found.claims:,} {many} point to entries of the timeline."
    point = "points" if found.supported == 1 else "point"
    return (
        f"{found.supported:,} of {found.claims:,} {many} {point} to entries of the timeline, "
        f"{found.unsupported:,} to none."
    )


def _is_whole(evidence: Evidence) -> bool:
    duration_s = evidence.info.duration_s
    return evidence.start_s <= 0 and (
        duration_s is None or evidence.end_s >= duration_s - _ENDS_S
    )  # fmt: skip


def left_out(counts: Mapping[str, int]) -> str:
    """Return what of the timeline nobody was shown for --max-evidence, "" for nothing."""
    told = [
        f"{number(count)} {_LEFT_OUT.get(kind, (kind, kind))[count != 1]}"
        for kind, count in counts.items() if count
    ]  # fmt: skip
    return f"Left out for --max-evidence: {', '.join(told)}." if told else ""
