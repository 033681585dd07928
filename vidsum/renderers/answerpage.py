"""The answer to a question as blocks of a page."""

from __future__ import annotations

from collections.abc import Iterator

from vidsum.data import Answer, Claim, Result, TimelineEntry
from vidsum.renderers import around, claims
from vidsum.renderers.blocks import Block, Heading, Item, Items, Page, Paragraph
from vidsum.wording import clock

UNKNOWN = "The video does not tell."
NOTHING = "Nothing was found."
_MOST_ENTRIES = 12


def answer_page(result: Result, answer: Answer, *, with_timeline: bool) -> Page:
    """Return the page of an answer; with the timeline and the ids of all that names it."""
    ids, evidence = with_timeline, result.bundle.evidence
    blocks: list[Block] = [*around.above(result, answer.model)]
    # Where no model answered, only what was searched for and where is known, which caveats tell.
    searched = not answer.found and answer.model is None
    if not answer.found:
        told = answer.caveats or (NOTHING,) if searched else (UNKNOWN,)
        blocks += [Paragraph(line) for line in told]
    blocks += _told(result, answer, ids)
    blocks += around.listed("Open or unclear", () if searched else answer.caveats)
    if with_timeline:
        blocks += around.timeline(result, claims.cited(answer))
    method = (
        answer.method,
        claims.left_out(answer.left_out),
        claims.standing(answer.grounding, evidence, answer=True),
    )
    blocks += around.below(result, method, answer.more)
    return Page(answer.question, tuple(blocks))


def _told(result: Result, answer: Answer, ids: bool) -> Iterator[Block]:
    """Yield the statements: what a model wrote as running text, quotations as a list."""
    if not answer.claims:
        if answer.found:
            yield Paragraph("There is no answer.")
        return
    if not answer.found:
        yield Heading("What comes near")
    elif answer.model is None:
        yield Heading("Passages")
    if answer.model is None:
        yield Items(tuple(claims.item(claim, ids=ids) for claim in answer.claims))
        return
    yield Paragraph(" ".join(_timed(claim, ids) for claim in answer.claims))
    yield from _sources(result, answer, ids)


def _timed(claim: Claim, ids: bool) -> str:
    time = f" ({claims.when(claim)})" if claims.when(claim) and not ids else ""
    return f"{claims.told(claim, ids=ids)}{time}"


def _sources(result: Result, answer: Answer, ids: bool) -> Iterator[Block]:
    """Yield what a written answer rests on, so that a reader can judge it."""
    named = claims.cited(answer)
    entries = [entry for entry in result.bundle.timeline if entry.id in named]
    shown = entries[:_MOST_ENTRIES]
    if shown:
        yield Heading("What this rests on")
        yield Items(tuple(_source(result, entry, ids) for entry in shown))
    if len(entries) > len(shown):
        yield Paragraph(f"And {len(entries) - len(shown):,} more: see --timeline.", quiet=True)


def _source(result: Result, entry: TimelineEntry, ids: bool) -> Item:
    time = "" if entry.kind == "fact" else clock(entry.start_s)
    word = around.word(result, entry)
    return Item(time, f"{entry.id} {word}" if ids else word, around.words(entry))
