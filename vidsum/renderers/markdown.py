"""A page as Markdown. Text from the video cannot bring in pictures, HTML or hidden links.

An address that stands there in full may become a link in some viewers: it leads where it says.
"""

from __future__ import annotations

import re

from vidsum.renderers.blocks import Block, Heading, Item, Items, Page, Paragraph, Table

_SPECIAL = re.compile(r"([\\`*\[\]<>|~])|(?<![^\W_])(_)|(_)(?![^\W_])|(&)(?=#?\w+;)")
_LINE_START = re.compile(r"^(\d+)([.)])(?=\s|$)|^([#+=-])(?=\s|$|[#=-])")


def markdown(page: Page) -> str:
    """Return the page as Markdown, ending in a newline."""
    parts = [f"# {escape(page.title)}"]
    parts += [_block(block) for block in page.blocks]
    return "\n\n".join(part for part in parts if part) + "\n"


def escape(text: str) -> str:
    """Return plain text so that Markdown shows it as it is."""
    text = _SPECIAL.sub(lambda m: f"\\{m.group(0)}", text)
    return _LINE_START.sub(
        lambda m: f"{m.group(1)}\\{m.group(2)}" if m.group(1) else f"\\{m.group(3)}", text
    )


def _block(block: Block) -> str:
    match block:
        case Heading(text):
            return f"## {escape(text)}"
        case Paragraph(text, quiet):
            return f"*{escape(text)}*" if quiet else escape(text)
        case Items(items):
            return "\n".join(_item(item) for item in items)
        case Table():
            return _table(block)


def _item(item: Item) -> str:
    when = f"`{item.when}` " if item.when else ""
    lead = f"**{escape(item.lead)}**" if item.lead else ""
    joint = ": " if lead and item.text else ""
    return f"- {when}{lead}{joint}{escape(item.text)}"


def _table(table: Table) -> str:
    words = len(table.head) - table.figures
    rule = ["---"] * words + ["---:"] * table.figures
    rows = [list(table.head), rule, *([escape(cell) for cell in row] for row in table.rows)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
