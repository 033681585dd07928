"""The blocks that pages are made of; each renderer decides how one looks.

Every text in them is one line that neither drives a terminal nor hides words: see
:func:`vidsum.wording.safe`. Whoever puts a text in need not think of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from vidsum.wording import safe


@dataclass(frozen=True, slots=True)
class Heading:
    """Opens a section."""

    text: str

    def __post_init__(self) -> None:
        _make_safe(self, "text")


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text. ``quiet`` text is set back: small print."""

    text: str
    quiet: bool = False

    def __post_init__(self) -> None:
        _make_safe(self, "text")


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a list: when, what in bold, and the rest."""

    when: str
    lead: str = ""
    text: str = ""

    def __post_init__(self) -> None:
        _make_safe(self, "when", "lead", "text")


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

    def __post_init__(self) -> None:
        object.__setattr__(self, "head", tuple(map(safe, self.head)))
        object.__setattr__(self, "rows", tuple(tuple(map(safe, row)) for row in self.rows))


Block = Heading | Paragraph | Items | Table


@dataclass(frozen=True, slots=True)
class Page:
    """A title and the blocks under it."""

    title: str
    blocks: tuple[Block, ...]

    def __post_init__(self) -> None:
        _make_safe(self, "title")


def _make_safe(block: object, *names: str) -> None:
    for name in names:
        object.__setattr__(block, name, safe(getattr(block, name)))
