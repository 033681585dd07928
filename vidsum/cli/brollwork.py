"""The work behind ``vidsum broll``: accounts are opened, engines closed, results shown."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from vidsum.errors import EXIT_OK, EXIT_PARTIAL, BackendFailed, BudgetReached, OptionError

if TYPE_CHECKING:
    from vidsum.broll.clips import RemoteClips
    from vidsum.broll.finishing import Finish
    from vidsum.broll.folder import BrollFolder
    from vidsum.config import Options
    from vidsum.pipeline.run import Run


@contextmanager
def opened_run(
    folder: BrollFolder, options: Options, *, quiet: bool, verbose: bool
) -> Iterator[Run]:
    """Open an account for work on a folder, with progress on stderr."""
    from vidsum import api
    from vidsum.cli.progress import ended_by_interrupt, progress

    kept = "; what was made so far is kept: run it again, and it goes on"
    found = folder.read_plan()
    with ended_by_interrupt(kept), progress(quiet=quiet, verbose=verbose) as listen:
        run = api.start(Path(found.video), options, listen)
        run.meter.book.identity.video_sha256 = found.video_sha256
        with api.finishing(run):
            yield run


def make_pictures(
    place: Path, options: Options, only: tuple[str, ...], *, note: str = "", retry: bool = False,
    as_json: bool, quiet: bool, verbose: bool,
) -> int:  # fmt: skip
    """Make pictures, with a note to a scene first where there is one; return the exit code."""
    from vidsum.broll import steps

    folder = steps.opened(place)
    engine = steps.engine_for(options)
    try:
        with opened_run(folder, options, quiet=quiet, verbose=verbose) as run:
            if note:
                steps.refine(run, folder, only[0], note)
            report = steps.make(run, folder, engine, scenes=only or None, retry=retry,
                                refined={only[0]: note} if note else None)  # fmt: skip
    finally:
        engine.close()
    show(folder, run, as_json=as_json, quiet=quiet)
    return exit_code(run) or report.exit_code


def show_estimate(
    place: Path, options: Options, only: tuple[str, ...], *, retry: bool, as_json: bool
) -> None:
    from vidsum import api
    from vidsum.broll import steps
    from vidsum.cli.brollpages import estimate_json, estimate_page
    from vidsum.cli.output import write_stdout
    from vidsum.cli.showing import print_page

    folder = steps.opened(place)
    engine = steps.engine_for(options)
    try:
        run = api.start(Path(folder.read_plan().video), options, recorded=False)
        with api.finishing(run):
            found = steps.estimate(run, folder, engine, scenes=only or None, retry=retry)
    finally:
        engine.close()
    if as_json:
        write_stdout(estimate_json(found))
    else:
        print_page(estimate_page(found))


def show(folder: BrollFolder, run: Run | None, *, as_json: bool, quiet: bool) -> None:
    """Print what the folder holds, and on stderr what it took."""
    from vidsum.broll import steps
    from vidsum.cli.brollpages import broll_json, broll_page
    from vidsum.cli.output import write_stdout
    from vidsum.cli.report import say
    from vidsum.cli.showing import print_page

    found = steps.outcome(folder)
    if as_json:
        write_stdout(broll_json(found, None if run is None else run.meter.receipt()))
    else:
        print_page(broll_page(found))
    if run is not None and not quiet:
        from vidsum.renderers.receipt import lines

        for line in lines(run.meter.receipt()):
            say(line)
    for failure in run.failures if run is not None else ():
        say(f"error: {failure} What was made before is kept.")


def exit_code(run: Run, *, partial: bool = False) -> int:
    """Return the exit code of a run that came to its end."""
    if run.failures:
        return BackendFailed.exit_code
    if run.meter.given_up:
        return BudgetReached.exit_code
    missing = partial or any(notice.partial for notice in run.notices)
    return EXIT_PARTIAL if missing else EXIT_OK


def films_for(options: Options, model: str | None, *, wanted: bool) -> RemoteClips | None:
    """Return who makes clips by a model, where that is wanted. Raises: OptionError."""
    if not wanted:
        if model is not None:
            raise OptionError("--clip-model needs --clips ai.")
        return None
    if model is None:
        raise OptionError("--clips ai needs a model.", "Name one with --clip-model.")
    if options.max_usd is None and options.max_usd_per_day is None:
        raise OptionError("Clips by a model need a cap on what they may cost.",
                          "Give one with --max-usd.")  # fmt: skip
    from vidsum.broll.clips import RemoteClips

    return RemoteClips(options, model)


def confirm(
    folder: BrollFolder, how: Finish, only: tuple[str, ...], options: Options, *, yes: bool
) -> None:
    """Ask before clips are paid for; a no ends the program. Raises: OptionError."""
    from vidsum.broll.finishing import to_finish
    from vidsum.cli.modelchoice import ask
    from vidsum.wording import escaped

    assert how.films is not None
    picks = to_finish(folder, only or None)
    seconds = sum(how.clip_s(scene) for scene, _ in picks)
    plan = folder.read_plan()
    price = how.films.price(seconds, plan.width_px, plan.height_px)
    told = "at a price that is not known here" if price is None else f"for about ${price}"
    ask(f"{len(picks)} clips of {seconds:.0f} s in all by {escaped(how.films.model)} {told}. "
        "Make them?", yes=yes, default=False, alone=False)  # fmt: skip
