"""``vidsum watch status``: what watched folders are about, whether a watcher runs or not."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from vidsum.cli.options import options_in_force
from vidsum.errors import OptionError

if TYPE_CHECKING:
    from vidsum.config import Options
    from vidsum.costs.journal import DayCaps, Spent
    from vidsum.costs.ledger import Ledger
    from vidsum.data import Entry
    from vidsum.watch.holding import Holder
    from vidsum.watch.status import FolderStatus


@dataclass(frozen=True, slots=True)
class Watched:
    """A folder as the status shows it.

    ``state``: ``watching``, ``paused`` or ``stopped``, whatever a watcher that died has said last;
    ``why`` says why. ``holder`` is who has the folder now. ``reports``: where the reports on
    quarantined files lie, as far as they are found.
    """

    known: FolderStatus
    state: str
    why: str
    holder: Holder | None
    reports: dict[Path, Path]


@dataclass(frozen=True, slots=True)
class Doubt:
    """How sure it is what a day has spent in one unit.

    ``at_most``: calls that count as the dearest they can be, as long as nothing better is known.
    ``uncounted``: calls of which nobody knows even that. ``estimated``: calls whose cost was not
    told by whoever took it.
    """

    at_most: int = 0
    uncounted: int = 0
    estimated: int = 0


@dataclass(frozen=True, slots=True)
class Today:
    """What counts against the day, of all runs together, and the caps on it that are known."""

    spent: Spent
    caps: DayCaps
    usd: Doubt = Doubt()
    cu: Doubt = Doubt()


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", required=False, type=click.Path(path_type=Path, readable=False))
@click.option("--json", "as_json", is_flag=True, help="The same as one JSON object.")
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE",
              help="Config file (TOML): the caps a day are looked up there.")  # fmt: skip
def status(folder: Path | None, as_json: bool, config: Path | None) -> None:
    """Show what is done, what is under way, what waits and what went wrong.

    Of FOLDER, or of every folder that was ever watched by this user.

    Example: vidsum watch status inbox/ --json
    """
    from vidsum.cli.output import write_stdout

    options = options_in_force({}, config)
    found = [_watched(one, options) for one in _folders(folder)]
    today = _today(options)
    if as_json:
        from vidsum.renderers.json import exact_json

        write_stdout(exact_json(_as_object(found, today)))
        return
    from vidsum.cli.showing import on_terminal, print_page
    from vidsum.cli.watchpage import status_page

    print_page(status_page(found, today, piped=not on_terminal()))


def known_folder(folder: Path) -> FolderStatus:
    """Return what is known of a folder. Raises: OptionError when it was never watched."""
    from vidsum.watch import status as kept
    from vidsum.watch.jobs import default_path
    from vidsum.wording import shown

    found = kept.folder(default_path(), folder.resolve())
    if found is None:
        raise OptionError(f"{shown(folder)} was never watched.", "Begin with vidsum watch FOLDER.")
    return found


def _folders(folder: Path | None) -> tuple[FolderStatus, ...]:
    from vidsum.watch import status as kept
    from vidsum.watch.jobs import default_path

    return kept.folders(default_path()) if folder is None else (known_folder(folder),)


def _watched(known: FolderStatus, options: Options) -> Watched:
    from vidsum.watch.holding import holder
    from vidsum.watch.settings import Settings

    left = holder(known.root)
    held = left if left is not None and left.alive else None
    state, why = known.state, known.why
    # a lock that is not there went with the folder: who was killed leaves one behind
    if state != "stopped" and (known.stale or (left is not None and held is None)):
        state, why = "stopped", "the watcher ended without saying so"
    settings = Settings(known.root, options, known.place)
    return Watched(known, state, why, held, _reports(known, settings))


def _reports(known: FolderStatus, settings: Any) -> dict[Path, Path]:
    from vidsum.cli.watchjson import report_of

    places = {one.path: report_of(settings, one.path) for one in known.quarantined}
    return {path: place for path, place in places.items() if place is not None}


def _today(options: Options) -> Today:
    from vidsum.costs.ledger import Ledger, default_path
    from vidsum.costs.opening import caps_of

    path = default_path()
    with Ledger.reading(path) as ledger:
        return Today(ledger.spent_today(), caps_of(options).day, *doubts(ledger))


def doubts(ledger: Ledger) -> tuple[Doubt, Doubt]:
    """Return how sure the dollars and the compute units of today's calls are.

    Raises: OutputError.
    """
    begun: dict[str, Entry] = {}
    ends: dict[str, Entry] = {}
    for line in ledger.entries(since=datetime.combine(date.today(), time.min)):
        if line.kind == "call":
            (begun if line.phase == "reserve" else ends)[line.call_id] = line
    usd, cu = [], []
    for call_id, line in begun.items():
        end = ends.get(call_id)
        if end is None:
            usd.append(_Known(line.reserved_usd_nano))
            cu.append(_Known(line.reserved_cu))
        elif end.phase != "release":
            usd.append(_Known(line.reserved_usd_nano, end.usd_nano, end.usd_origin))
            cu.append(_Known(line.reserved_cu, end.cu, end.cu_origin))
    return _doubt(usd), _doubt(cu)


class _Known(NamedTuple):
    """What is known of a call in one unit: the most it may cost, its cost, who says so."""

    most: float | None
    cost: float | None = None
    origin: str | None = None


def _doubt(calls: list[_Known]) -> Doubt:
    unknown = [call for call in calls if call.cost is None]
    return Doubt(
        at_most=sum(bool(call.most) for call in unknown),
        uncounted=sum(call.most is None and call.origin == "unknown" for call in unknown),
        estimated=sum(call.cost is not None and call.origin == "estimated" for call in calls),
    )


def _as_object(found: list[Watched], today: Today) -> dict[str, Any]:
    return {
        "folders": [_folder_object(one) for one in found],
        "today": {
            "usd_nano": today.spent.usd_nano,
            "cu": today.spent.cu,
            "max_usd_nano": today.caps.usd_nano,
            "max_cu": today.caps.cu,
            "usd_calls": dataclasses.asdict(today.usd),
            "cu_calls": dataclasses.asdict(today.cu),
        },
    }


def _folder_object(one: Watched) -> dict[str, Any]:
    from vidsum.cli.watchjson import with_hex

    told = dataclasses.asdict(one.known)
    del told["owner"]
    told |= {"state": one.state, "why": one.why, "holder": one.holder}
    told["quarantined"] = [entry | {"report": one.reports.get(entry["path"])}
                           for entry in told["quarantined"]]  # fmt: skip
    plain: dict[str, Any] = with_hex(told)
    return plain
