"""The blocks that pages are made of; each renderer decides how one looks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Heading:
    """Opens a section."""

    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text. ``quiet`` text is set back: small print."""

    text: str
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a list: when, what in bold, and the rest."""

    when: str
    lead: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of words and figures; the last ``figures`` columns are right-aligned."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    figures: int


Block = Heading | Paragraph | Items | Table


@dataclass(frozen=True, slots=True)
class Page:
    """A title and the blocks under it."""

    title: str
    blocks: tuple[Block, ...]
