"""What the ledger holds: drawn with bars for a terminal, as plain columns for a pipe."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from vidsum.cli.ledgerends import ending, own_line, sentence_of
from vidsum.cli.ledgerfigures import COLUMNS, NONE, cells, columns, sentence, width_of
from vidsum.cli.ledgergroups import (
    Avoided,
    Group,
    View,
    asked_in,
    local_minute,
    share,
    short_id,
)
from vidsum.cli.ledgernames import LEAST, SPARE, narrowed, shortened
from vidsum.costs.receipts import receipt_of
from vidsum.data import Entry, Receipt, Sum, Total
from vidsum.renderers.figures import amount, money_cell, rounded, seconds, usd
from vidsum.wording import escaped

AVOIDED: Final = "Not spent (in no total)"
ASKED: Final = "Calls made for a reason of their own (they are in the totals)"
_HEADS: Final = {"run": ("run", "began", "video")}
_FIRST_TO_GO: Final = ("images", "sound", "CPU", "J", "tokens in/out", "calls", "CU", "began")
"""What a narrow terminal leaves out, one after the other."""
_LEAST_BAR, _MOST_BAR = 6, 24
_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"


@dataclass(frozen=True, slots=True)
class RunFacts:
    """One run as a whole: its first line, its own line if it has ended, and its receipt.

    ``asked`` is what calls took that were made for a reason of their own, such as a second look.
    """

    first: Entry
    run: Entry | None
    ending: str
    receipt: Receipt
    asked: tuple[tuple[str, Total], ...] = ()

    @classmethod
    def of(cls, lines: Sequence[Entry]) -> RunFacts:
        """Return the facts of one run from its lines; there is at least one."""
        return cls(lines[0], own_line(lines), ending(lines), receipt_of(lines), asked_in(lines))

    @property
    def title(self) -> str:
        """Which run it is."""
        return (
            f"Run {short_id(self.first.run_id)} of {local_minute(self.first.ts_utc)}, {self.path}"
        )

    @property
    def path(self) -> str:
        """The video, as it was named."""
        path = (self.run or self.first).path
        return escaped(path) if path else "video unknown"

    @property
    def words(self) -> str:
        """How it ended, and what it took in all."""
        ended = sentence_of(self.ending)
        if self.run is None or self.run.wall_s is None:
            return ended
        receipt = self.receipt
        parts = [f"{seconds(Sum(receipt.wall_s))} wall", f"{seconds(Sum(receipt.cpu_s))} CPU"]
        if receipt.wall_s > 0:
            part = receipt.main_s / receipt.wall_s
            parts.append(f"the stages of its main thread explain {part:.1%} of the wall time")
        if receipt.joules is not None and receipt.joules.value:
            parts.append(f"energy by {escaped(receipt.joules_method or 'unknown')}")
        return f"{ended} {', '.join(parts)}."


@dataclass(frozen=True, slots=True)
class _Grid:
    """Names and figures as text, with what the bars show."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    wholes: tuple[tuple[str, ...], ...]
    words: int
    shares: tuple[float, ...]
    share_of: str


def _grid(view: View) -> _Grid:
    heads = _HEADS.get(view.by, (view.by,))
    share_of, shares = share(view.groups)
    several = len(view.wholes) > 1
    blank = ("",) * (len(heads) - 1)
    return _Grid(
        (*heads, *COLUMNS),
        tuple((*_names(group), *cells(group.total)) for group in view.groups),
        tuple((f"{direction} in all" if several else "in all", *blank, *cells(whole))
              for direction, whole in view.wholes),
        len(heads), tuple(shares), share_of,
    )  # fmt: skip


def _names(group: Group) -> tuple[str, ...]:
    first, *rest = group.names
    if group.direction == "generate" and not group.key.endswith("_gen"):
        first = f"{first}, made"
    names = (first, *rest)
    if group.ending == "ok":
        return names
    return (*names[:-1], f"{names[-1]} ({group.ending})")


def as_text(view: View, run: RunFacts | None) -> str:
    """Return plain aligned columns, for a pipe."""
    grid = _grid(view)
    parts = [f"{run.title}\n{run.words}\n\n"] if run else []
    parts.append(columns((grid.head, *grid.rows, *grid.wholes), grid.words))
    parts += [f"\n{line}\n" for line in _sentences(view)]
    if run and run.asked:
        rows = [_asked_cells(*one) for one in run.asked]
        parts.append(f"\n{ASKED}\n{columns((_ASKED_HEAD, *rows), 0, last_words=True)}")
    if view.avoided:
        rows = [_avoided_cells(one) for one in view.avoided]
        parts.append(f"\n{AVOIDED}\n{columns((_AVOIDED_HEAD, *rows), 1, last_words=True)}")
    if notes := _notes(grid, view):
        parts.append(f"\n{notes}\n")
    return "".join(parts)


def _sentences(view: View) -> list[str]:
    """Return each total in words: what is missing from it is said here."""
    several = len(view.wholes) > 1
    return [f"{f'To {each}' if several else 'In all'}: {sentence(whole)}"
            for each, whole in view.wholes]  # fmt: skip


def _notes(grid: _Grid, view: View) -> str:
    """Explain the marks that are in sight."""
    every = " ".join(cell for row in (*grid.rows, *grid.wholes) for cell in row[grid.words :])
    notes = [words for mark, words in (("~", "~ estimated or computed"), ("≥", "≥ at least"),
                                       ("?", "? not known")) if mark in every]  # fmt: skip
    if any(whole.wall_s.value for _, whole in view.wholes):
        notes.append("wall: stages that ran side by side both count")
    if view.open:
        begun = "was begun and has" if view.open == 1 else "were begun and have"
        notes.append(f"{view.open:,} of these {begun} no end: vidsum ledger verify")
    return "; ".join(notes) + "." if notes else ""


_ASKED_HEAD = ("calls", "CU", "USD", "why")


def _asked_cells(reason: str, took: Total) -> tuple[str, ...]:
    return f"{took.calls:,}", amount(took.cu), money_cell(took.usd_nano), escaped(reason)


_AVOIDED_HEAD = ("by", "calls", "time", "CU", "USD", "what, and against what")


def _avoided_cells(one: Avoided) -> tuple[str, ...]:
    return (
        escaped(one.by),
        NONE if one.calls is None else f"{one.calls:,}",
        NONE if one.seconds is None else f"~{seconds(Sum(one.seconds))}",
        NONE if one.cu is None else f"~{rounded(one.cu)}",
        NONE if one.usd_nano is None else f"~{usd(one.usd_nano)}",
        _baseline(one),
    )


def _baseline(one: Avoided) -> str:
    first, others = escaped(one.baselines[0]), len(one.baselines) - 1
    return f"{first}; and {others:,} more such" if others else first


def drawn(view: View, run: RunFacts | None) -> str:
    """Return the same for a terminal, as wide as that is, with bars and colours."""
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    console = Console(file=io.StringIO(), force_terminal=True, highlight=False)
    if console.width < _NARROWEST:
        console.width = _USUAL_WIDTH
    grid = _narrowed(_grid(view), view.by, console.width)
    if run:
        console.print(Text(run.title, style="bold"))
        console.print(Text(run.words, style="dim"), end="\n\n")
    table, left_out = _table(grid, console.width)
    console.print(table)
    for line in _sentences(view):
        console.print("", Text(line, style="bold"), sep="\n")
    for head, below in (
        (ASKED, _words_table(_ASKED_HEAD, [_asked_cells(*o) for o in run.asked] if run else [])),
        (AVOIDED, _words_table(_AVOIDED_HEAD, [_avoided_cells(o) for o in view.avoided], names=1)),
    ):
        if below.row_count:
            console.print("", Text(head, style="bold cyan"), sep="\n")
            console.print(Padding(below, (0, 0, 0, 2), expand=False))
    notes = _notes(grid, view)
    if left_out:
        notes += f" No room here for {', '.join(left_out)}: see --json, or a wider terminal."
    if notes:
        console.print("", Text(notes.strip(), style="dim"), sep="\n")
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


_NARROWEST, _USUAL_WIDTH = 20, 80


def _narrowed(grid: _Grid, by: str, width: int) -> _Grid:
    """Return the same with names that such a width has room for."""
    names = narrowed([row[: grid.words] for row in grid.rows], by, width)
    rows = tuple((*name, *row[grid.words :]) for name, row in zip(names, grid.rows, strict=True))
    return replace(grid, rows=rows)


def _table(grid: _Grid, width: int) -> tuple[Any, list[str]]:
    """Return the table with its bars, and the columns that found no room in it."""
    from rich.table import Table
    from rich.text import Text

    lines = (grid.head, *grid.rows, *grid.wholes)
    widths = [max(map(width_of, column)) for column in zip(*lines, strict=True)]
    kept, left_out = _fitting(grid, widths, width)
    over = sum(widths[place] + 2 for place in kept) - 2 - width
    if over > 0:
        widths[grid.words - 1] = max(LEAST, widths[grid.words - 1] - over)
    room = width - sum(widths[place] + 2 for place in kept)
    bar = min(_MOST_BAR, room)
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for place in kept:
        figure = place >= grid.words
        table.add_column(grid.head[place], justify="right" if figure else "left", no_wrap=True,
                         overflow="ellipsis",
                         max_width=None if figure else widths[place])  # fmt: skip
    with_bar = bar >= _LEAST_BAR and bool(grid.share_of)
    if with_bar:
        table.add_column(f"of {grid.share_of}"[:bar], no_wrap=True)
    for row, part in zip(grid.rows, grid.shares, strict=True):
        bars = [Text(bar_of(part, bar), style="cyan")] if with_bar else []
        names = (shortened(row[place], widths[place]) for place in kept if place < grid.words)
        figures = (row[place] for place in kept if place >= grid.words)
        table.add_row(*map(Text, (*names, *figures)), *bars)
    for row in grid.wholes:
        table.add_row(*(Text(row[place]) for place in kept), style="bold")
    return table, left_out


def _fitting(grid: _Grid, widths: Sequence[int], width: int) -> tuple[list[int], list[str]]:
    """Return the places of the columns that fit, and the names of those with figures that do not.

    A column without any figure is left out of a terminal's table without a word. A date is worth
    more than bars, and than some of a long name.
    """
    rows = (*grid.rows, *grid.wholes)
    kept = [place for place in range(len(grid.head))
            if place < grid.words or any(row[place] != NONE for row in rows)]  # fmt: skip
    left_out: list[str] = []
    for name in _FIRST_TO_GO:
        more = -2 - SPARE if name == "began" else _LEAST_BAR
        if sum(widths[place] + 2 for place in kept) + more <= width:
            break
        if name in grid.head and (place := grid.head.index(name)) in kept:
            kept.remove(place)
            left_out.append(name)
    return kept, left_out


def bar_of(part: float, width: int) -> str:
    """Return a bar of a share, to an eighth of a column; what is not nothing is not empty."""
    eighths = round(part * width * 8)
    if part > 0:
        eighths = max(1, eighths)
    full, rest = divmod(min(eighths, width * 8), 8)
    return "█" * full + (_EIGHTHS[rest] if rest else "")


def _words_table(head: Sequence[str], rows: Sequence[Sequence[str]], names: int = 0) -> Any:
    """Return a table whose last column has words that may wrap, after names and figures."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    last = len(head) - 1
    words = {*range(names), last}
    kept = [place for place in range(last + 1)
            if place in words or any(row[place] != NONE for row in rows)]  # fmt: skip
    for place in kept:
        table.add_column(head[place], justify="left" if place in words else "right",
                         no_wrap=place < last)  # fmt: skip
    for row in rows:
        table.add_row(*(Text(row[place]) for place in kept))
    return table
