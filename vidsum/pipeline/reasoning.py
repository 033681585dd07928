"""The text model, opened for one piece of work that is booked as a stage of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from vidsum import registry
from vidsum.costs.meter import WHOLE_PROCESS, StageMeter
from vidsum.data import Saving
from vidsum.pipeline import keeping
from vidsum.pipeline.run import Run
from vidsum.wording import number

FALLBACK: Final = "extractive"
"""The reasoner that asks no model."""


@contextmanager
def at_work(run: Run, name: str, stage: str) -> Iterator[tuple[Any, StageMeter]]:
    """Give a new reasoner and the stage that it works in; it is closed afterwards.

    What it wrote is kept between runs, and what it did not have to write again is told by its
    ``reused``. Raises: BackendMissing, OptionError.
    """
    reasoner = registry.load("reasoner", name, run.options)
    if name != FALLBACK:
        reasoner.answers = keeping.answers_for(run, name)
        reasoner.unusable = keeping.unusable(run)
    run.on_stop(reasoner.close)
    # Nothing else runs by now, so the process's CPU is the reasoner's, its own threads included.
    with run.meter.stage(stage, "text", name, WHOLE_PROCESS) as account:
        reasoner.tally.bind(account)
        try:
            yield reasoner, account
        finally:
            account.add(**reasoner.tally.counts)
            reasoner.close()
            _book_reused(run, stage, reasoner.reused)


def _book_reused(run: Run, stage: str, reused: int) -> None:
    """Write down answers that did not have to be asked for again."""
    if reused:
        answers = "answer" if reused == 1 else "answers"
        told = f"{number(reused)} {answers} of the model kept from an earlier run"
        run.meter.saved(stage, "text", Saving("cache", told, reused))
