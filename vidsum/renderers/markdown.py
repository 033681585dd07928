"""A page as Markdown. Text from the video cannot bring in pictures, HTML or hidden links.

An address that stands there in full may become a link in some viewers: it leads where it says.
"""

from __future__ import annotations

import re
from typing import Final

from vidsum.renderers.blocks import Block, Heading, Item, Items, Page, Paragraph, Table

_SPECIAL: Final = re.compile(
    r"""[\\`*\[\]<>|~{}]           # code, emphasis, links, HTML, tables, attributes, templates
      | (?<=\{)%                   # templates of site generators
      | (?<![^\W_])_ | _(?![^\W_]) # emphasis, but for snake_case
      | &(?=\#?\w+;)               # entities
      | \$(?!\d)                   # the end of a formula: without one there is no formula
      | :(?=[\w+-]*[^\W\d][\w+-]*:)  # emoji by name
    """,
    re.VERBOSE,
)
_LINE_START: Final = re.compile(r"^(?:(?P<number>\d+)(?=[.)](?:\s|$))|(?=[#+=-](?:\s|$|[#=-])|:))")
"""What opens a list, a heading, a rule, or, in some dialects, a definition or a box."""
_CLOSING: Final = re.compile(r"(?<=\s)(?=#+$)")
_TICKS: Final = re.compile("`+")


def markdown(page: Page) -> str:
    """Return the page as Markdown, ending in a newline."""
    parts = [f"# {_heading(page.title)}"]
    parts += [_block(block) for block in page.blocks]
    return "\n\n".join(part for part in parts if part) + "\n"


def escape(text: str) -> str:
    """Return plain text on one line so that Markdown shows it as it is."""
    text = _SPECIAL.sub(lambda m: f"\\{m.group(0)}", text)
    return _LINE_START.sub(lambda m: f"{m.group('number') or ''}\\", text)


def _block(block: Block) -> str:
    match block:
        case Heading(text):
            return f"## {_heading(text)}"
        case Paragraph(text, quiet):
            return f"*{escape(text)}*" if quiet and text else escape(text)
        case Items(items):
            return "\n".join(_item(item) for item in items)
        case Table():
            return _table(block)


def _heading(text: str) -> str:
    """Return a heading's text: number signs at its end would be taken for a part of the frame."""
    return _CLOSING.sub(r"\\", escape(text))


def _item(item: Item) -> str:
    lead = f"**{escape(item.lead)}**" if item.lead else ""
    joint = ": " if lead and item.text else ""
    when = f"{_code(item.when)} " if item.when else ""
    return f"- {when}{lead}{joint}{escape(item.text)}".rstrip()


def _code(text: str) -> str:
    """Return text as code, between more backticks than it has in a row."""
    longest = max((len(one) for one in _TICKS.findall(text)), default=0)
    fence, space = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{space}{text}{space}{fence}"


def _table(table: Table) -> str:
    words = len(table.head) - table.figures
    rule = ["---"] * words + ["---:"] * table.figures
    head, *rows = ([escape(cell) for cell in row] for row in (table.head, *table.rows))
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *rows))
