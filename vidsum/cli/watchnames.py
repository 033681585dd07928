"""Names of files, in so much room as a screen has."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from vidsum.wording import escaped

_PIECES: Final = re.compile(
    r"\\x[0-9a-f]{2}|\\u[0-9a-f]{4}|\\U[0-9a-f]{8}|\\[nrtvf\\]|.", re.DOTALL
)
"""What must not be cut apart: escapes, and single characters."""
_LOST_SPACE: Final = re.compile(r"(?<=\s)\s|\A\s|\s\Z|[^\S ]")
_NARROWEST: Final = 8


def shortened(text: str, cells: int) -> str:
    """Return escaped text cut in its middle to so many cells of a terminal: its end tells most."""
    from rich.cells import cell_len

    if cell_len(text) <= cells:
        return text
    pieces = _PIECES.findall(text)
    tail = _taken(pieces[::-1], cells // 2)[::-1]
    while tail and not cell_len(tail[0]):  # it belongs to a letter that is cut off
        del tail[0]
    end = "".join(tail)
    head = "".join(_taken(pieces, cells - 1 - cell_len(end)))
    return head.rstrip() + "…" + end


def cut(text: str, cells: int) -> str:
    """Return text cut at its end to so many cells: of sentences, the beginning tells most."""
    from rich.cells import cell_len

    if cell_len(text) <= cells:
        return text
    return "".join(_taken(_PIECES.findall(text), cells - 1)).rstrip() + "…"


def name_cell(path: Path | str) -> str:
    """Return a name for a table, in which white space is not put together: it is escaped there."""
    return _LOST_SPACE.sub(_space, escaped(str(path)))


def widths(columns: Sequence[Sequence[str]], room: int) -> list[int]:
    """Return how wide columns of cells may be, so that they have room side by side.

    The widest ones give way first; two cells are between any two of them.
    """
    from rich.cells import cell_len

    found = [max(map(cell_len, column), default=0) for column in columns]
    while sum(found) + 2 * (len(found) - 1) > room and max(found) > _NARROWEST:
        found[found.index(max(found))] -= 1
    return found


def _taken(pieces: Sequence[str], cells: int) -> list[str]:
    """Return as many of the first pieces as have room."""
    from rich.cells import cell_len

    taken: list[str] = []
    for piece in pieces:
        cells -= cell_len(piece)
        if cells < 0:
            break
        taken.append(piece)
    return taken


def _space(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
