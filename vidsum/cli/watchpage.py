"""The status of watched folders as a page."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vidsum.cli.watchnames import cut, name_cell, shortened, widths
from vidsum.renderers.blocks import Block, Heading, Page, Paragraph, Table
from vidsum.renderers.figures import rounded, usd
from vidsum.wording import clock, escaped, number, shown

if TYPE_CHECKING:
    from vidsum.cli.watchstatus import Doubt, Today, Watched
    from vidsum.watch.status import FolderStatus

_MOST_ROWS: Final = 12
_WIDEST: Final = 100
_NAME_CELLS: Final = 40
_MINUTE_S, _HOUR_S, _DAY_S = 60.0, 3600.0, 86400.0


def status_page(
    found: Sequence[Watched], today: Today, now_s: float | None = None, *, piped: bool = True
) -> Page:
    """Return the page. ``now_s`` is the present as a Unix time.

    Names are cut to what a line has room for, and where it is ``piped`` everything in a table: a
    terminal folds long words by itself.
    """
    now_s = time.time() if now_s is None else now_s
    if not found:
        return Page("Watched folders", (Paragraph("No folder was ever watched."),))
    blocks = [block for one in found for block in _folder(one, now_s, piped)]
    return Page("Watched folders", (*blocks, *_spending(today)))


def _folder(one: Watched, now_s: float, piped: bool) -> Iterator[Block]:
    known = one.known
    yield Heading(shown(known.root))
    yield Paragraph(f"{_state(one, now_s)} {_counts(known)}")
    if known.running and one.state != "stopped":
        rows = [(_name(r.path), escaped(r.progress) or "begun", clock(now_s - r.since_s))
                for r in known.running]  # fmt: skip
        yield from _table(("under way", "with", "since"), rows, piped, figures=1)
    if known.waiting:
        rows = [(_name(w.path), _why(w.why, known) or "it was broken off", _at(w.due_s, now_s))
                for w in known.waiting]  # fmt: skip
        yield from _table(("tried again", "why", "when"), rows, piped)
    if known.quarantined:
        rows = [(_name(q.path), _why(q.why, known), _report(one, q.path))
                for q in known.quarantined]  # fmt: skip
        more = known.counts["quarantined"] - min(_MOST_ROWS, len(rows))
        yield from _table(("quarantined", "why", "report"), rows, piped, more=more)
    if known.hooks_failed:
        rows = [(_name(h.path), escaped(h.why), _at(h.when_s, now_s)) for h in known.hooks_failed]
        more = known.totals.hook_troubles - min(_MOST_ROWS, len(rows))
        yield from _table(("hook failed", "why", "when"), rows, piped, more=more)
    if known.last_done:
        rows = [(_name(d.path), _at(d.when_s, now_s), _result(d.results, d.partial, d.note))
                for d in known.last_done]  # fmt: skip
        yield from _table(("done last", "when", "result"), rows, piped, more=0)


def _state(one: Watched, now_s: float) -> str:
    """Return what the folder's watcher does, why, and who that is."""
    known, words = one.known, one.state.capitalize()
    if one.why:
        words += f": {escaped(one.why).rstrip('.')}"
    if one.state == "paused" and known.until_s is not None:
        words += f", until {_at(known.until_s, now_s)}"
    if one.holder is not None:
        words += f". Held by {escaped(str(one.holder))}"
    if known.beat_s is not None and (known.stale or one.state == "stopped"):
        words += f"; last heard of {_ago(now_s - known.beat_s)}"
    return f"{words}."


def _counts(known: FolderStatus) -> str:
    """Return how many files are in each state that any is in."""
    told = []
    for state in ("done", "running", "queued", "quarantined", "gone"):
        if known.counts[state]:
            partial = known.totals.partial if state == "done" else 0
            told.append(f"{number(known.counts[state])} {state}"
                        + (f" ({number(partial)} partial)" if partial else ""))  # fmt: skip
    if known.totals.hooks_due:
        told.append(f"{_hooks(known.totals.hooks_due)} to run")
    if known.totals.hook_troubles:
        told.append(f"{_hooks(known.totals.hook_troubles)} failed")
    return f"{', '.join(told)}." if told else "Nothing was found yet."


def _hooks(count: int) -> str:
    return f"{number(count)} {'hook' if count == 1 else 'hooks'}"


def _table(
    head: tuple[str, ...],
    rows: Sequence[tuple[str, ...]],
    piped: bool,
    *,
    figures: int = 0,
    more: int | None = None,
) -> Iterator[Block]:
    shown = tuple(rows[:_MOST_ROWS])
    yield Table(head, _fitting(head, shown) if piped else shown, figures=figures)
    left = len(rows) - _MOST_ROWS if more is None else more
    if left > 0:
        yield Paragraph(f"and {number(left)} more (--json)", quiet=True)


def _fitting(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    """Return rows that have room in a line."""
    room = widths(list(zip(head, *rows, strict=True)), _WIDEST)
    return tuple(tuple(cut(cell, most) for cell, most in zip(row, room, strict=True))
                 for row in rows)  # fmt: skip


def _name(path: Path | str) -> str:
    return shortened(name_cell(path), _NAME_CELLS)


def _why(why: str, known: FolderStatus) -> str:
    """Return a reason without the folder's path, which stands above."""
    return escaped(why.replace(f"{shown(known.root)}/", ""))


def _report(one: Watched, path: Path) -> str:
    place = one.reports.get(path)
    if place is None:
        return "not found here"
    inside = place.relative_to(one.known.root) if place.is_relative_to(one.known.root) else place
    return _name(inside)


def _result(results: tuple[Path, ...], partial: bool, note: str) -> str:
    names = ", ".join(_name(path.name) for path in results) or "unknown"
    return f"{names} (partial: {escaped(note)})" if partial else names


def _spending(today: Today) -> Iterator[Block]:
    """Return what counts against today, where that is anything or there is a cap on it."""
    spent, caps = today.spent, today.caps
    told = []
    if spent.usd_nano or caps.usd_nano is not None or today.usd.uncounted:
        most = "" if caps.usd_nano is None else f" of {usd(caps.usd_nano)}"
        told.append(f"{usd(spent.usd_nano)}{most}{_doubt(today.usd)}")
    if spent.cu or caps.cu is not None:
        most = "" if caps.cu is None else f" of {rounded(caps.cu)}"
        told.append(f"{rounded(spent.cu)}{most} CU{_doubt(today.cu)}")
    if told:
        known = today.usd.at_most == today.cu.at_most == 0
        yield Heading("Spent today" if known else "Counted against today")
        yield Paragraph(f"{', '.join(told)}, all runs together.")


def _doubt(doubt: Doubt) -> str:
    """Say that an amount is not what was spent, and why."""
    told = []
    if doubt.at_most:
        calls = "1 call is" if doubt.at_most == 1 else f"{number(doubt.at_most)} calls is"
        count = "it counts as the dearest it" if doubt.at_most == 1 else (
            "they count as the dearest they")  # fmt: skip
        told.append(f"at most: the cost of {calls} unknown, and {count} can be")
    if doubt.uncounted:
        calls = "1 call" if doubt.uncounted == 1 else f"{number(doubt.uncounted)} calls"
        told.append(f"without {calls} whose cost nobody knows")
    return f" ({'; '.join(told)})" if told else ""


def _at(unix_s: float, now_s: float) -> str:
    """Return a moment as its time of day, with the date where that is not today's."""
    when, now = datetime.fromtimestamp(unix_s), datetime.fromtimestamp(now_s)
    return f"{when:%H:%M:%S}" if when.date() == now.date() else f"{when:%Y-%m-%d %H:%M}"


def _ago(seconds: float) -> str:
    if seconds < 2 * _MINUTE_S:
        return f"{max(0.0, seconds):.0f} s ago"
    if seconds < 2 * _HOUR_S:
        return f"{seconds / _MINUTE_S:.0f} min ago"
    if seconds < 2 * _DAY_S:
        return f"{seconds / _HOUR_S:.0f} h ago"
    return f"{seconds / _DAY_S:.0f} days ago"
