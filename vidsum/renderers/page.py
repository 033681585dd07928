"""What a person reads, as blocks; each renderer only decides how a block looks."""

from __future__ import annotations

from collections.abc import Iterator

from vidsum.data import Chapter, MediaInfo, Result
from vidsum.renderers import receipt
from vidsum.renderers.blocks import Block, Heading, Item, Items, Page, Paragraph
from vidsum.wording import clock, file_name, safe


def page(result: Result, *, with_timeline: bool = False) -> Page:
    """Return the page of one result; with the whole timeline when asked."""
    summary = result.summary
    blocks: list[Block] = [Paragraph(_facts(result.bundle.evidence.info), quiet=True)]
    if summary.model is not None:
        blocks.append(Paragraph(
            f"Written by {safe(summary.model)}: quotations were checked, statements were not.",
            quiet=True,
        ))  # fmt: skip
    blocks += [Paragraph(f"Note: {safe(n.message)}") for n in result.bundle.evidence.notices]
    told = [notice.message for notice in result.bundle.evidence.notices]
    blocks += [Paragraph(f"Note: {safe(line)}") for line in _left_out(result) if line not in told]
    blocks += [Paragraph(f"Failed: {safe(failure)}") for failure in result.failures]
    blocks.append(Paragraph(safe(summary.overview)))
    if summary.key_points:
        blocks += [Heading("Key points"), Items(tuple(
            Item(clock(p.start_s), text=f"“{safe(p.text)}”" if p.quoted else safe(p.text))
            for p in summary.key_points
        ))]  # fmt: skip
    if len(summary.chapters) > 1:
        blocks += [Heading("Chapters"), Items(tuple(_chapter(c) for c in summary.chapters))]
    if summary.caveats:
        blocks += [
            Heading("Open or unclear"),
            Items(tuple(Item("", text=safe(c)) for c in summary.caveats)),
        ]
    if with_timeline:
        blocks += [Heading("Timeline"), Items(tuple(_timeline(result)))]
    blocks += [Heading("How this was made"), Paragraph(safe(summary.method))]
    if summary.more:
        blocks.append(Items(tuple(Item("", text=safe(line)) for line in summary.more)))
    blocks += [Heading("What it took"), *receipt.blocks(result.receipt)]
    return Page(safe(summary.title), tuple(blocks))


def _left_out(result: Result) -> tuple[str, ...]:
    """Return what was left out for a cap."""
    spending = result.receipt.spending
    return () if spending is None else spending.given_up


def _facts(info: MediaInfo) -> str:
    parts = [file_name(info.path)]
    if info.duration_s is not None:
        parts.append(clock(info.duration_s))
    if info.video is not None:
        parts.append(f"{info.video.width_px}×{info.video.height_px} {info.video.codec}")
    parts.append(f"sound {info.audio[0].codec}" if info.audio else "no sound")
    if len(info.audio) > 1:
        parts[-1] += f" ({len(info.audio)} tracks)"
    return " · ".join(parts)


def _chapter(chapter: Chapter) -> Item:
    text = ", ".join(safe(word) for word in chapter.keywords)
    if chapter.gist is not None:
        gist = safe(chapter.gist.text)
        quote = f"“{gist}”" if chapter.gist.quoted else gist
        text = f"{quote} ({text})" if len(chapter.keywords) > 1 else quote
    return Item(f"{clock(chapter.start_s)}–{clock(chapter.end_s)}", safe(chapter.title), text)


def _timeline(result: Result) -> Iterator[Item]:
    subtitles = result.bundle.evidence.transcript.backend == "subtitles"
    words = {
        "speech": "subtitle" if subtitles else "said",
        "text": "written",
        "caption": "shown",
        "fact": "given",
    }
    shown = ""
    for entry in result.bundle.timeline:
        if entry.kind == "caption":
            if entry.text == shown:
                continue  # a page need not say the same thing twice in a row; the JSON does
            shown = entry.text
        text = safe(entry.text.replace("\n", " · "))
        yield Item(clock(entry.start_s), words[entry.kind], text)
