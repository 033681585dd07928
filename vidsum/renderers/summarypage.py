"""A summary as blocks of a page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vidsum.data import BrollOutcome, Chapter, Name, NameKind, Result, SecondLook, Summary
from vidsum.renderers import around, claims
from vidsum.renderers.blocks import Block, Heading, Item, Items, Page, Paragraph
from vidsum.wording import clock, counted, safe

_KINDS: dict[NameKind, str] = {
    "person": "People",
    "place": "Places",
    "organisation": "Organisations",
    "thing": "Things",
    "unknown": "",
}


def summary_page(result: Result, summary: Summary, *, with_timeline: bool) -> Page:
    """Return the page of a summary; with the timeline and the ids of all that names it."""
    ids, evidence = with_timeline, result.bundle.evidence
    blocks: list[Block] = [*around.above(result, summary.model)]
    blocks.append(Paragraph(claims.running(summary.overview, summary.overview_claims, ids=ids)))
    if summary.key_points:
        points = tuple(claims.item(point, ids=ids) for point in summary.key_points)
        blocks += [Heading("Key points"), Items(points)]
    if len(summary.chapters) > 1:
        chapters = tuple(_chapter(chapter, ids) for chapter in summary.chapters)
        blocks += [Heading("Chapters"), Items(chapters)]
    blocks += _quotations(summary, ids)
    blocks += _named(_worth_telling(summary), ids)
    blocks += _looks(summary.looks, ids)
    blocks += around.listed("Open or unclear", summary.caveats)
    blocks += _illustrated(result.broll)
    if with_timeline:
        blocks += around.timeline(result, claims.cited(summary))
    method = (
        summary.method,
        claims.left_out(summary.left_out),
        claims.standing(summary.grounding, evidence),
    )
    blocks += around.below(result, method, summary.more)
    return Page(summary.title, tuple(blocks))


def _illustrated(broll: BrollOutcome | None) -> Iterator[Block]:
    """Yield what was made to illustrate it, which is nothing that was seen."""
    if broll is None or not broll.plan.scenes:
        return
    pictures = sum(one.state == "made" for one in broll.variations)
    clips = sum(bool(shot.clip) for shot in broll.finished)
    yield Heading("Generated B-roll")
    yield Paragraph(f"{counted(pictures, 'picture')} and {counted(clips, 'clip')}, made by a model "
                    f"to illustrate {counted(len(broll.plan.scenes), 'scene')}; none is a frame of "
                    f"the video. Side by side: {broll.folder}/sheet.html")  # fmt: skip


def _chapter(chapter: Chapter, ids: bool) -> Item:
    text = ", ".join(chapter.keywords)
    if chapter.gist is not None:
        gist = claims.told(chapter.gist, ids=ids)
        text = f"{gist} ({text})" if len(chapter.keywords) > 1 else gist
    return Item(f"{clock(chapter.start_s)}–{clock(chapter.end_s)}", chapter.title, text)


def _quotations(summary: Summary, ids: bool) -> Iterator[Block]:
    """Yield quotations that the page does not show elsewhere; quoted summaries are full of them."""
    gists = (chapter.gist for chapter in summary.chapters if chapter.gist is not None)
    told = {safe(one.text).casefold() for one in (*summary.key_points, *gists) if one.quoted}
    rest = [quote for quote in summary.quotes if safe(quote.text).casefold() not in told]
    if rest and summary.model is not None:
        yield Heading("Quotations")
        yield Items(tuple(claims.item(quote, ids=ids) for quote in rest))


def _worth_telling(summary: Summary) -> Iterator[Name]:
    """Yield names, without those that a quoted overview has among the words used most."""
    words = () if summary.model is not None else summary.keywords
    used = {word.casefold() for word in words}
    yield from (name for name in summary.names if name.text.casefold() not in used)


def _named(names: Iterable[Name], ids: bool) -> Iterator[Block]:
    """Yield a line for each kind of names; what nobody could tell the kind of has no label."""
    told: dict[NameKind, list[str]] = {}
    for name in names:
        mark = claims.bracketed(name.evidence) if ids else ""
        told.setdefault(name.kind, []).append(f"{name.text}{mark}")
    items = tuple(
        Item("", label, ", ".join(told[kind])) for kind, label in _KINDS.items() if kind in told
    )
    if items:
        yield Heading("Named")
        yield Items(items)


def _looks(looks: Iterable[SecondLook], ids: bool) -> Iterator[Block]:
    """Yield moments that were seen again: what was asked, and what was seen or why nothing was."""
    items = tuple(Item(clock(one.time_s), one.question, _seen(one, ids)) for one in looks)
    if items:
        yield Heading("Looked at again")
        yield Items(items)


def _seen(look: SecondLook, ids: bool) -> str:
    if look.entry is None:
        return f"Not seen: {look.refused or 'nobody looked'}"
    return f"{around.words(look.entry)}{claims.bracketed((look.entry.id,)) if ids else ''}"
