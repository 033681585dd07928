"""A page as plain text, 80 columns wide."""

from __future__ import annotations

import textwrap

from vidsum.renderers.blocks import Block, Heading, Item, Items, Page, Paragraph, Table

WIDTH = 80


def text(page: Page) -> str:
    """Return the page as plain text, ending in a newline."""
    title = _filled(page.title) or "Untitled"
    underline = "=" * min(WIDTH, max(len(line) for line in title.split("\n")))
    parts = [f"{title}\n{underline}"] + [_block(block) for block in page.blocks]
    return "\n\n".join(part for part in parts if part) + "\n"


def _block(block: Block) -> str:
    match block:
        case Heading(text):
            return f"{text}\n{'-' * len(text)}"
        case Paragraph(text, _):
            return _filled(text)
        case Items(items):
            width = max((len(item.when) for item in items), default=0)
            return "\n".join(_item(item, width) for item in items)
        case Table():
            return _table(block)


def _item(item: Item, width: int) -> str:
    lead = f"{item.lead}: " if item.lead and item.text else item.lead
    first = f"  {item.when:<{width}}  " if width else "  - "
    return _filled(lead + item.text, first)


def _filled(text: str, first: str = "") -> str:
    """Return text in lines. Hyphens are no place to break: commands and options have them."""
    return textwrap.fill(text, WIDTH, initial_indent=first, subsequent_indent=" " * len(first),
                         break_on_hyphens=False)  # fmt: skip


def _table(table: Table) -> str:
    rows = [table.head, *table.rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(table.head))]
    words = len(table.head) - table.figures
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i < words else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
