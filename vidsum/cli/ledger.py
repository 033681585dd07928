"""``vidsum ledger``: what finding out did cost, and whether the account can be relied on."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vidsum.errors import BackendMissing, OptionError, OutputError

if TYPE_CHECKING:
    from vidsum.cli.ledgergroups import View, Way
    from vidsum.cli.ledgertable import RunFacts
    from vidsum.data import Entry

_WAYS = ("video", "modality", "stage", "model", "day", "run")
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def ledger() -> None:
    """What finding out did cost: the account of every run.

    Each run writes what its stages and its calls to models took into ledger.db in the state folder
    (VIDSUM_HOME moves it). Lines are only ever added. No prompt, key or query string is in it;
    names of videos are.
    """


@ledger.command()
@click.option("--run", "run", metavar="ID|last", help="Only this run; the start of its id will do.")
@click.option("--by", type=click.Choice(_WAYS),
              help="What to add up. Default: run, and with --run modality.")  # fmt: skip
@click.option("--since", metavar="WHEN",
              help="Only what was written since: 2026-11-01, 2026-11-01T14:30, today, or so long "
                   "ago: 90m (minutes), 24h (hours), 7d (days), 2w (weeks).")  # fmt: skip
@_json
@click.option("--csv", "as_csv", is_flag=True,
              help="Every line with all its columns; with --by the totals.")  # fmt: skip
def show(run: str | None, by: Way | None, since: str | None, as_json: bool,
         as_csv: bool) -> None:  # fmt: skip
    """Show what runs did cost, added up by run, modality, stage, model, video or day.

    "~" is estimated or computed, "?" not known, "≥" at least: some of it is not known. Nothing
    unknown is counted as 0. What was not spent (duplicates, silence, the cache) is listed apart
    and is in no total. JSON and CSV have every figure unrounded.

    Example: vidsum ledger show --run last --by stage
    """
    from vidsum.cli import ledgerexport, ledgertable
    from vidsum.cli.output import write_stdout
    from vidsum.cli.showing import on_terminal

    if as_json and as_csv:
        raise OptionError("--json and --csv cannot go together.")
    start = _moment(since)
    lines = _lines(run, start)
    if as_csv and by is None:
        write_stdout(ledgerexport.lines_as_csv(lines))
        return
    view, facts = _view(lines, by or ("modality" if run else "run"), run is not None)
    if as_json:
        write_stdout(ledgerexport.as_json(view, facts, start.isoformat() if start else None))
    elif as_csv:
        write_stdout(ledgerexport.totals_as_csv(view))
    elif lines:
        write_stdout((ledgertable.drawn if on_terminal() else ledgertable.as_text)(view, facts))


def _moment(since: str | None) -> datetime | None:
    from vidsum.cli.ledgergroups import moment

    return None if since is None else moment(since, datetime.now().astimezone())


def _lines(run: str | None, since: datetime | None) -> list[Entry]:
    """Return the lines that are meant; says so when there are none."""
    from vidsum.cli.report import say
    from vidsum.costs.ledger import Ledger, default_path
    from vidsum.wording import path_text

    with Ledger.reading(default_path()) as found:
        run_id = None if run is None else found.find_run(path_text(run))
        lines = list(found.entries(run_id=run_id, since=since))
    if not lines:
        say("the ledger is empty: no run has written to it" if since is None
            else f"the ledger has nothing since {since:%Y-%m-%d %H:%M}")  # fmt: skip
    return lines


def _view(lines: list[Entry], by: Way, one_run: bool) -> tuple[View, RunFacts | None]:
    from vidsum.cli.ledgergroups import view_of
    from vidsum.cli.ledgertable import RunFacts

    return view_of(lines, by), RunFacts.of(lines) if one_run and lines else None


@ledger.command()
@_json
def law(as_json: bool) -> None:
    """Show what kinds of work cost beside each other, and beside the rule of thumb.

    The field says that a prompt, a generated image and a generated clip cost as 1 : 100 : 10,000.
    To understand a picture costs far less than to make one: the two stand apart. Each figure is
    marked: computed by formulas, or measured by the calls that the ledger has.

    Example: vidsum ledger law
    """
    from vidsum.cli import ledgerlaw
    from vidsum.cli.output import write_stdout
    from vidsum.costs.law import computed_law, measured_law
    from vidsum.costs.ledger import Ledger, default_path

    with Ledger.reading(default_path()) as found:
        here = ledgerlaw.of_this_machine(found.calibrations())
        rows = (*computed_law(), *measured_law(found.entries(), here.s_per_cu if here else None))
    if as_json:
        write_stdout(ledgerlaw.law_json(rows, here))
    else:
        from vidsum.cli.showing import print_page

        print_page(ledgerlaw.law_page(rows, here))


@ledger.command()
@click.option("--model", metavar="NAME|FILE",
              help="A language model. Default: the best one here, else a stand-in.")  # fmt: skip
@_json
def calibrate(model: str | None, as_json: bool) -> None:
    """Time how long a compute unit takes on this machine, and write that down.

    A prompt of about 200 tokens is read by a model a few times. Without a model on this machine
    matrix products of an 8B model's sizes stand in for it. ledger law then tells measured seconds
    in units as well.

    Example: vidsum ledger calibrate --model ./model.gguf
    """
    from vidsum.backends.calibration import calibrate as timed
    from vidsum.cli import ledgerlaw
    from vidsum.cli.output import write_stdout
    from vidsum.cli.progress import ended_by_interrupt, progress
    from vidsum.costs.ledger import Ledger, default_path
    from vidsum.events import StageFinished, StageStarted

    file = _model_file(model)
    with Ledger(default_path()) as found:
        with ended_by_interrupt(), progress(quiet=False, verbose=False) as listen:
            listen(StageStarted("calibrate"))
            result = timed(file)
            listen(StageFinished("calibrate", _times(result.repeats)))
        written = ledgerlaw.written(found, result)
    write_stdout(ledgerlaw.calibration_json(written) if as_json
                 else ledgerlaw.calibration_text(written))  # fmt: skip


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _model_file(asked: str | None) -> Path | None:
    """Return the model to time. Without one on this machine that is said, and None returned."""
    from vidsum.catalog.locate import find
    from vidsum.cli.report import say

    try:
        return find("reason", asked).model
    except BackendMissing as exc:
        if asked is not None:
            raise
        say(f"{exc.message} A stand-in is timed in place of a model.")
        return None


@ledger.command()
@_json
def verify(as_json: bool) -> None:
    """Check the file, its rules, that figures agree with each other, and what has no end.

    A figure that was changed together with all that depends on it cannot be seen.

    What a run reserved and never settled, because it was killed, counts as spent: nobody knows how
    much. That is no damage. Exit code 8: the file is damaged, or its rules or figures are wrong.

    Example: vidsum ledger verify
    """
    from vidsum.cli import ledgercheck
    from vidsum.cli.output import write_stdout
    from vidsum.costs.ledger import Ledger, default_path

    path = default_path()
    with Ledger.reading(path) as found:
        result = ledgercheck.checked(found)
    if as_json:
        write_stdout(ledgercheck.as_json(result))
    else:
        from vidsum.cli.showing import print_page

        print_page(ledgercheck.page(result))
    if not result.findings.sound:
        raise OutputError(f"The ledger {path} cannot be relied on.", ledgercheck.NEXT_STEP)
