"""What every page says before and after what was found out: which video, how, and at what cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vidsum.data import MediaInfo, Result, TimelineEntry
from vidsum.renderers import receipt
from vidsum.renderers.blocks import Block, Heading, Item, Items, Paragraph
from vidsum.wording import clock, file_name, safe


def above(result: Result, model: str | None) -> Iterator[Block]:
    """Yield the video's own facts, who wrote, and what the user should know before reading on."""
    evidence = result.bundle.evidence
    yield Paragraph(_facts(evidence.info), quiet=True)
    if model is not None:
        yield Paragraph(
            f"Written by {safe(model)}: quotations were checked, statements were not.", quiet=True
        )
    told = [notice.message for notice in evidence.notices]
    spending = result.receipt.spending
    late = () if spending is None else spending.given_up
    for line in (*told, *(line for line in late if line not in told)):
        yield Paragraph(f"Note: {safe(line)}")
    for failure in result.failures:
        yield Paragraph(f"Failed: {safe(failure)}")


def below(result: Result, method: Iterable[str], more: Iterable[str]) -> Iterator[Block]:
    """Yield how it was made, what would tell more, and what it took."""
    yield Heading("How this was made")
    yield Paragraph(" ".join(filter(None, method)))
    steps = tuple(Item("", text=line) for line in more)
    if steps:
        yield Items(steps)
    yield Heading("What it took")
    yield from receipt.blocks(result.receipt)


def listed(heading: str, texts: Iterable[str]) -> Iterator[Block]:
    """Yield a section that lists some texts, or nothing."""
    items = tuple(Item("", text=text) for text in texts)
    if items:
        yield Heading(heading)
        yield Items(items)


def timeline(result: Result, cited: frozenset[str]) -> Iterator[Block]:
    """Yield the whole timeline with its ids.

    A picture that looks as the one before it is not told twice unless it is ``cited``; the list
    ends with how many those are, and the JSON has them.
    """
    items = []
    shown, repeats = "", 0
    for entry in result.bundle.timeline:
        if entry.kind == "caption":
            if entry.text == shown and entry.id not in cited:
                repeats += 1
                continue
            shown = entry.text
        told = f"{words(entry)}{_source(entry)}"
        items.append(Item(clock(entry.start_s), f"{entry.id} {word(result, entry)}", told))
    yield Heading("Timeline")
    yield Items(tuple(items))
    if repeats:
        those = "one picture that looks" if repeats == 1 else f"{repeats:,} pictures that look"
        yield Paragraph(f"Left out: {those} as the one before.", quiet=True)


def _source(entry: TimelineEntry) -> str:
    """Return where a fact stands, in brackets; "" where its own name says it."""
    name = entry.text.partition(":")[0].casefold()
    told = entry.kind == "fact" and entry.source.casefold() != name
    return f" ({safe(entry.source)})" if told else ""


def word(result: Result, entry: TimelineEntry) -> str:
    """Return in a word how an entry came to be known: said, written, shown or given."""
    if entry.kind == "speech":
        return "subtitle" if result.bundle.evidence.transcript.backend == "subtitles" else "said"
    return {"text": "written", "caption": "shown", "fact": "given"}[entry.kind]


def words(entry: TimelineEntry) -> str:
    """Return what an entry says, its rows one after the other."""
    return " · ".join(filter(None, map(safe, entry.text.split("\n"))))


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
