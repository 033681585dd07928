"""A page on a terminal, with rich. Nothing in it is read as markup."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from vidsum.renderers.blocks import Block, Heading, Item, Items, Page, Paragraph, Table

MAX_WIDTH = 100
"""Lines longer than this are hard to read; a wider terminal stays empty on the right."""


def show(page: Page, console: Console) -> None:
    """Print the page on a console."""
    width = min(console.width, MAX_WIDTH)
    title = Text(page.title, style="bold")
    shown: list[RenderableType] = [Text(), title]
    for before, block in zip((None, *page.blocks), page.blocks, strict=False):
        if isinstance(before, Table) and isinstance(block, Table):
            shown.append(Text())
        shown.append(_block(block))
    console.print(Group(*shown), width=width)


def _block(block: Block) -> RenderableType:
    match block:
        case Heading(text):
            return Padding(Text(text, style="bold cyan"), (1, 0, 0, 0), expand=False)
        case Paragraph(text, quiet):
            return Padding(
                Text(text, style="dim" if quiet else ""), (0 if quiet else 1, 0, 0, 0), expand=False
            )
        case Items(items):
            return _items(items)
        case Table():
            return _table(block)


def _items(items: tuple[Item, ...]) -> RenderableType:
    grid = RichTable.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="green", no_wrap=True, justify="right")
    grid.add_column()
    for item in items:
        line = Text(item.lead, style="bold")
        if item.text:
            line.append(("  " if item.lead else "") + item.text, style="not bold")
        grid.add_row(Text(item.when or "•"), line)
    return Padding(grid, (0, 0, 0, 2), expand=False)


def _table(table: Table) -> RenderableType:
    grid = RichTable(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    words = len(table.head) - table.figures
    for i, head in enumerate(table.head):
        grid.add_column(Text(head), overflow="fold") if i < words else grid.add_column(
            Text(head), justify="right", no_wrap=True
        )
    for row in table.rows:
        grid.add_row(*(Text(cell) for cell in row))
    return Padding(grid, (0, 0, 0, 2), expand=False)
