"""The ledger's lines, grouped and added up: by modality, stage, model, video, run or day."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import PurePath
from typing import Final, Literal, get_args

from vidsum.cli.ledgerends import ending, own_line
from vidsum.costs.totals import spent, total, totals
from vidsum.data import Direction, Entry, Modality, Total
from vidsum.errors import OptionError
from vidsum.renderers.receipt import KINDS
from vidsum.wording import escaped

Way = Literal["video", "modality", "stage", "model", "day", "run"]
WAYS: Final[tuple[str, ...]] = get_args(Way)
NO_MODEL = "no model"
_SHORT_ID = 8
_TIMES: Final = (
    "It takes 2026-11-01, 2026-11-01T14:30, today, or a number with m (minutes), h (hours), "
    "d (days) or w (weeks): 24h, 7d."
)
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True, slots=True)
class Group:
    """Some of the work together. ``names`` are what a table shows of its key.

    Of a run ``status`` is what its own line says, None as long as it has none, and ``ending`` how
    it ended, in words.
    """

    key: str
    names: tuple[str, ...]
    direction: Direction
    total: Total
    status: str | None = None
    ending: str = "ok"


@dataclass(frozen=True, slots=True)
class Avoided:
    """What was not done for one reason, and what it is measured against.

    A figure is None where no line has it, and only what is known where not all of them do.
    """

    by: str
    baselines: tuple[str, ...]
    lines: int
    calls: int | None
    seconds: float | None
    cu: float | None
    usd_nano: int | None


@dataclass(frozen=True, slots=True)
class View:
    """What ``ledger show`` shows.

    ``wholes`` are the totals of each direction there is. ``open`` counts what was begun and has no
    end: it is under way, or was broken off.
    """

    by: Way
    groups: tuple[Group, ...]
    wholes: tuple[tuple[Direction, Total], ...]
    open: int
    avoided: tuple[Avoided, ...]


def view_of(lines: Sequence[Entry], by: Way) -> View:
    """Return lines of the ledger, grouped; savings are listed apart and in no total."""
    key, names = _key_of(lines, by)
    ends = _ends(lines) if by == "run" else {}
    groups = [
        Group(name, names(name), direction, part, *ends.get(name, ()))
        for (name, direction), part in totals(lines, lambda e: (key(e), e.direction)).items()
    ]
    directions = dict.fromkeys(group.direction for group in groups)
    work = [line for line in spent(lines) if line.kind != "run"]
    wholes = tuple((each, total(line for line in work if line.direction == each))
                   for each in directions)  # fmt: skip
    begun = sum(line.status == "orphaned" for line in work)
    return View(by, tuple(_sorted(groups, by)), wholes, begun, avoided_in(lines))


def _ends(lines: Iterable[Entry]) -> dict[str, tuple[str | None, str]]:
    """Return of each run what its own line says of its end, and the same in words."""
    runs: dict[str, list[Entry]] = {}
    for line in lines:
        runs.setdefault(line.run_id, []).append(line)
    return {run_id: (_status(own_line(own)), ending(own)) for run_id, own in runs.items()}


def _status(own: Entry | None) -> str | None:
    return own.status if own else None


def avoided_in(lines: Iterable[Entry]) -> tuple[Avoided, ...]:
    """Return what was not done, a row for each reason."""
    found: dict[str, list[Entry]] = {}
    for line in lines:
        if line.kind == "saving" and line.phase != "reserve":
            found.setdefault(line.avoided_by or "", []).append(line)
    return tuple(
        Avoided(
            by, tuple(dict.fromkeys(row.baseline or "" for row in rows)), len(rows),
            _known(row.avoided_calls for row in rows), _known_s(row.avoided_s for row in rows),
            _known_s(row.avoided_cu for row in rows), _known(row.avoided_usd_nano for row in rows),
        )
        for by, rows in found.items()
    )  # fmt: skip


def asked_in(lines: Iterable[Entry]) -> tuple[tuple[str, Total], ...]:
    """Return what calls took that were made for a reason of their own, in order of time."""
    calls = [line for line in lines if line.kind == "call" and line.reason]
    return tuple(totals(calls, lambda line: line.reason or "").items())


def _known(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _known_s(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) if known else None


_Key = Callable[[Entry], str]
_Names = Callable[[str], tuple[str, ...]]


def _key_of(lines: Sequence[Entry], by: Way) -> tuple[_Key, _Names]:
    """Return what groups the lines, and what to call a group."""
    match by:
        case "modality":
            return lambda line: line.modality, lambda key: (KINDS.get(key, key),)
        case "stage":
            return lambda line: line.stage, _alone
        case "day":
            return _by_day(lines), _alone
        case "model":
            return _by_model(lines), _alone
        case "run":
            return lambda line: line.run_id, _run_names(lines)
        case "video":
            return _by_video(lines)


def _alone(key: str) -> tuple[str, ...]:
    return (escaped(key),)


def _by_day(lines: Sequence[Entry]) -> _Key:
    """Work belongs to the day of the local calendar on which it began, as for the day's caps."""
    begun = {line.call_id: line.ts_utc for line in lines if line.phase == "reserve"}
    return lambda line: local_time(begun.get(line.call_id, line.ts_utc)).date().isoformat()


def _by_model(lines: Sequence[Entry]) -> _Key:
    """A stage's time goes to its model, if all its calls were to one."""
    asked: dict[tuple[str, str], set[str]] = {}
    for line in lines:
        if line.kind == "call":
            asked.setdefault((line.run_id, line.stage), set()).add(_model(line))

    def key(line: Entry) -> str:
        if line.kind == "call":
            return _model(line)
        models = asked.get((line.run_id, line.stage), set())
        return " + ".join(sorted(models)) or NO_MODEL

    return key


def _model(line: Entry) -> str:
    name = line.model_requested or line.model_resolved or line.backend
    return f"{name} ({line.host})" if line.host else name


def _run_names(lines: Sequence[Entry]) -> _Names:
    first: dict[str, Entry] = {}
    for line in lines:
        first.setdefault(line.run_id, line)
    return lambda key: (short_id(key), local_minute(first[key].ts_utc), file_of(first[key].path))


def _by_video(lines: Sequence[Entry]) -> tuple[_Key, _Names]:
    """A video is its content; where a run did not get to hash it, the path stands for it."""
    known = {line.run_id: line.video_sha256 for line in lines if line.video_sha256}
    path = {line.run_id: line.path for line in lines if line.path}
    last_path: dict[str, str] = {}

    def key(line: Entry) -> str:
        where = path.get(line.run_id) or ""
        name = known.get(line.run_id) or where or "unknown"
        last_path[name] = where
        return name

    return key, lambda name: (file_of(last_path[name]),)


def file_of(path: str | None) -> str:
    """Return a video's file name, ``?`` when nobody knows it."""
    return escaped(PurePath(path).name or path) if path else "?"


def short_id(run_id: str) -> str:
    """Return as much of a run's id as is enough to name it."""
    return escaped(run_id[:_SHORT_ID])


def local_minute(ts_utc: str) -> str:
    """Return a line's time to the minute, where the user is."""
    return local_time(ts_utc).strftime("%Y-%m-%d %H:%M")


def local_time(ts_utc: str) -> datetime:
    """Return a line's time where the user is."""
    return datetime.fromisoformat(ts_utc).astimezone()


def _sorted(groups: list[Group], by: Way) -> list[Group]:
    match by:
        case "modality":
            order = get_args(Modality)
            return sorted(groups, key=lambda group: order.index(group.key))
        case "day":
            return sorted(groups, key=lambda group: group.key)
        case "run":
            return sorted(groups, key=lambda group: group.names[1])
        case _:
            return groups


def share(groups: Sequence[Group]) -> tuple[str, list[float]]:
    """Return of what the bars are shares, and each group's: money if any, else time, else calls."""
    for words, each in (
        ("USD", [float(group.total.usd_nano.value) for group in groups]),
        ("wall", [group.total.wall_s.value for group in groups]),
        ("calls", [float(group.total.calls) for group in groups]),
    ):
        whole = math.fsum(each)
        if whole > 0:
            return words, [value / whole for value in each]
    return "", [0.0] * len(groups)


def moment(text: str, now: datetime) -> datetime:
    """Return what ``--since`` means: today, 24h, 7d, a date or a time. Raises: OptionError."""
    text = text.strip()
    if text == "today":
        return datetime.combine(now.date(), time()).astimezone()
    number, unit = text[:-1], text[-1:]
    try:
        if number.isascii() and number.isdecimal() and unit in _UNITS:
            return now - timedelta(**{_UNITS[unit]: int(number)})
        found = datetime.fromisoformat(text)
        return found if found.tzinfo else found.astimezone()
    except (ValueError, OverflowError) as exc:
        raise OptionError(f"--since {escaped(text)}: that is no time.", _TIMES) from exc
