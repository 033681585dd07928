"""The work behind ``vidsum broll``: accounts are opened, engines closed, results shown."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from vidsum.errors import (
    EXIT_OK,
    EXIT_PARTIAL,
    BackendFailed,
    BudgetReached,
    OptionError,
    OutputError,
)

if TYPE_CHECKING:
    from vidsum.broll.clips import RemoteClips
    from vidsum.broll.engines.protocol import ImageEngine
    from vidsum.broll.exporting import Exported
    from vidsum.broll.folder import BrollFolder
    from vidsum.broll.items import Itemised
    from vidsum.broll.orders import Ref
    from vidsum.broll.shots import Finish
    from vidsum.config import Options
    from vidsum.pipeline.run import Run

_KEPT: Final = "; what was made so far is kept: run it again, and it goes on"
_REFINED: Final = "; what was made so far is kept: vidsum broll make goes on, with the note"


def check_place(folder: Path, hint: str) -> None:
    """Find out now, not after minutes of work, whether a B-roll folder can be made or written to.

    Raises: OutputError.
    """
    from vidsum.wording import shown

    place = folder if os.path.lexists(folder) else folder.parent
    if not place.is_dir():
        raise OutputError(f"{shown(folder)} cannot be made: {shown(place)} is no folder.", hint)
    if not os.access(place, os.W_OK | os.X_OK):
        raise OutputError(f"{shown(place)} cannot be written to.", hint)


@contextmanager
def opened_run(
    folder: BrollFolder, options: Options, *, quiet: bool, verbose: bool, kept: str = _KEPT
) -> Iterator[Run]:
    """Open an account for work on a folder, with progress on stderr."""
    from vidsum import api
    from vidsum.cli.progress import ended_by_interrupt, progress

    found = folder.read_plan()
    with ended_by_interrupt(kept), progress(quiet=quiet, verbose=verbose) as listen:
        run = api.start(Path(found.video), options, listen)
        run.meter.book.identity.video_sha256 = found.video_sha256
        with api.finishing(run):
            yield run


def make_pictures(
    place: Path, options: Options, only: tuple[str, ...], *, note: str | None = None,
    retry: bool = False, as_json: bool, quiet: bool, verbose: bool,
) -> int:  # fmt: skip
    """Make pictures, with a note to a scene first where there is one; return the exit code."""
    from vidsum.broll import steps

    folder = steps.opened(place)
    engine = steps.engine_for(options)
    try:
        kept = _KEPT if note is None else _REFINED
        with (
            opened_run(folder, options, quiet=quiet, verbose=verbose, kept=kept) as run,
            closing(engine),  # what its process used counts once it has ended
        ):
            if note is not None:
                _check_refinable(run, folder, engine, only)
                steps.refine(run, folder, only[0], note)
            report = steps.make(run, folder, engine, scenes=only or None, retry=retry,
                                refined=None if note is None else {only[0]: note})  # fmt: skip
    finally:
        engine.close()
    show(folder, run, as_json=as_json, quiet=quiet)
    return exit_code(run) or report.exit_code


def _check_refinable(
    run: Run, folder: BrollFolder, engine: ImageEngine, only: tuple[str, ...]
) -> None:  # fmt: skip
    """Find out, before a note changes the plan, whether pictures may be made after it.

    Else the same command, put right, would take the note in twice. Raises: OptionError.
    """
    from vidsum.broll import whole
    from vidsum.broll.orders import Studio, chosen

    options, plan = run.options, folder.read_plan()
    chosen(plan, only)
    Studio(folder, plan, folder.read_look(), engine, cast("Ref", options.ref), options.image_steps,
           options.image_side_px)  # fmt: skip
    whole.check(run)


def show_estimate(
    place: Path, options: Options, only: tuple[str, ...], *, retry: bool, as_json: bool
) -> None:
    """Print what the missing pictures would cost; nothing is made. Raises: as steps.estimate."""
    from vidsum import api
    from vidsum.broll import steps

    folder = steps.opened(place)
    engine = steps.engine_for(options)
    try:
        run = api.start(Path(folder.read_plan().video), options, recorded=False)
        with api.finishing(run):
            found = steps.estimate(run, folder, engine, scenes=only or None, retry=retry)
    finally:
        engine.close()
    _print_estimate("What the pictures would cost", found, as_json=as_json)


def show_finish_estimate(
    folder: BrollFolder, how: Finish, only: tuple[str, ...], options: Options, *, as_json: bool
) -> None:
    """Print what finishing would cost; nothing is made. Raises: as foreseeing.foresee_finish."""
    from vidsum import api
    from vidsum.broll import foreseeing

    run = api.start(Path(folder.read_plan().video), options, recorded=False)
    with api.finishing(run):
        found = foreseeing.foresee_finish(run, folder, how, only or None)
    _print_estimate("What finishing would cost", found, as_json=as_json)


def _print_estimate(title: str, found: Itemised, *, as_json: bool) -> None:
    from vidsum.cli.brollpages import estimate_blocks, estimate_object
    from vidsum.cli.output import write_stdout
    from vidsum.cli.showing import print_page
    from vidsum.renderers.blocks import Page
    from vidsum.renderers.json import exact_json

    if as_json:
        write_stdout(exact_json(estimate_object(found)))
    else:
        print_page(Page(title, estimate_blocks(found)))


def show(folder: BrollFolder, run: Run | None, *, as_json: bool, quiet: bool) -> None:
    """Print what the folder holds, and on stderr what it took."""
    from vidsum.broll import steps
    from vidsum.cli.brollpages import broll_json, broll_page, next_step
    from vidsum.cli.output import write_stdout
    from vidsum.cli.report import say
    from vidsum.cli.showing import print_page

    found = steps.outcome(folder)
    if run is not None:
        found = replace(found, notices=tuple(run.notices))
    if not as_json:
        print_page(broll_page(found))
        write_stdout(f"\n{next_step(found, folder.path)}")
    elif run is None:
        write_stdout(broll_json(found))
    else:
        write_stdout(broll_json(found, run.meter.receipt(), run.failures))
    if run is not None and not quiet:
        from vidsum.renderers.receipt import lines

        for line in lines(run.meter.receipt()):
            say(line)
    for failure in run.failures if run is not None else ():
        say(f"error: {failure} What was made before is kept.")


def show_exports(
    folder: BrollFolder, exported: Exported, video: Path | None, *, as_json: bool
) -> None:  # fmt: skip
    """Print where the timelines are, and on stderr where they are not as they were asked for."""
    from vidsum.broll import steps
    from vidsum.cli.brollpages import broll_json
    from vidsum.cli.output import write_stdout
    from vidsum.cli.report import say
    from vidsum.data import Notice
    from vidsum.wording import shown

    notes, source = exported.notes, video or Path(folder.read_plan().video)
    if not source.is_file():
        notes += (f"{shown(source)} is not there, and the timelines name it. "
                  "--video FILE says where it is now.",)  # fmt: skip
    for note in notes:
        say(note)
    if as_json:
        notices = tuple(Notice("broll-export", note) for note in notes)
        write_stdout(broll_json(replace(steps.outcome(folder, exported.files), notices=notices)))
    else:
        write_stdout("".join(f"{shown(path)}\n" for path in exported.files))


def exit_code(run: Run, *, partial: bool = False) -> int:
    """Return the exit code of a run that came to its end."""
    if run.failures:
        return BackendFailed.exit_code
    if run.meter.given_up:
        return BudgetReached.exit_code
    missing = partial or any(notice.partial for notice in run.notices)
    return EXIT_PARTIAL if missing else EXIT_OK


def films_for(
    options: Options, model: str | None, *, wanted: bool, capped: bool
) -> RemoteClips | None:  # fmt: skip
    """Return who makes clips by a model, where that is wanted; under a cap where it is to be
    ``capped``. Raises: OptionError."""
    if not wanted:
        if model is not None:
            raise OptionError("--clip-model needs --clips ai.")
        return None
    if model is None:
        raise OptionError("--clips ai needs a model.", "Name one with --clip-model.")
    if capped and options.max_usd is None and options.max_usd_per_day is None:
        raise OptionError("Clips by a model need a cap on what they may cost.",
                          "Give one with --max-usd.")  # fmt: skip
    from vidsum.broll.clips import RemoteClips

    return RemoteClips(options, model)


def confirm(
    folder: BrollFolder, how: Finish, only: tuple[str, ...], options: Options, *, yes: bool
) -> Finish:
    """Ask before clips are paid for; a no ends the program. Raises: OptionError."""
    from vidsum.broll.shots import to_film
    from vidsum.cli.modelchoice import ask
    from vidsum.wording import escaped

    assert how.films is not None
    asked = to_film(folder, how, only or None)
    if not asked:
        return how  # what is there, or under way, costs nothing more
    seconds = sum(one[2] for one in asked)
    price = how.films.price(float(seconds), *asked[0][:2])
    told = "at a price that is not known here" if price is None else f"for about ${price}"
    clips = "1 clip" if len(asked) == 1 else f"{len(asked)} clips"
    ask(f"{clips}, {seconds} s in all, by {escaped(how.films.model)} {told}. Make them?", yes=yes,
        default=False, alone=False)  # fmt: skip
    return replace(how, confirmed=True)
