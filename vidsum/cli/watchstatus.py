"""``vidsum watch status``: what watched folders are about, whether a watcher runs or not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vidsum.cli.options import options_in_force
from vidsum.errors import OptionError

if TYPE_CHECKING:
    from vidsum.config import Options
    from vidsum.costs.journal import DayCaps, Spent
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
class Today:
    """What the calls of all runs have spent today, and the caps on it that are known."""

    spent: Spent
    caps: DayCaps


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
    from vidsum.cli.showing import print_page
    from vidsum.cli.watchpage import status_page

    print_page(status_page(found, today))


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

    held = holder(known.root)
    held = held if held is not None and held.alive else None
    state, why = known.state, known.why
    if state != "stopped" and (known.stale or held is None):
        state, why = "stopped", "the watcher ended without saying so"
    settings = Settings(known.root, options, known.place)
    return Watched(known, state, why, held, _reports(known, settings))


def _reports(known: FolderStatus, settings: Any) -> dict[Path, Path]:
    from vidsum.watch.placing import quarantine_folder
    from vidsum.watch.quarantine import REPORT

    places = {one.path: quarantine_folder(settings, one.path) / REPORT for one in known.quarantined}
    return {path: place for path, place in places.items() if place.is_file()}


def _today(options: Options) -> Today:
    from vidsum.costs.ledger import Ledger, default_path
    from vidsum.costs.opening import caps_of

    path = default_path()
    with Ledger.reading(path) as ledger:
        return Today(ledger.spent_today(), caps_of(options).day)


def _as_object(found: list[Watched], today: Today) -> dict[str, Any]:
    return {
        "folders": [_folder_object(one) for one in found],
        "today": {
            "usd_nano": today.spent.usd_nano,
            "cu": today.spent.cu,
            "max_usd_nano": today.caps.usd_nano,
            "max_cu": today.caps.cu,
        },
    }


def _folder_object(one: Watched) -> dict[str, Any]:
    from vidsum.watch.status import as_object

    told = as_object(one.known)
    del told["owner"]
    told |= {"state": one.state, "why": one.why, "holder": one.holder}
    for entry, quarantined in zip(told["quarantined"], one.known.quarantined, strict=True):
        entry["report"] = one.reports.get(quarantined.path)
    return told
