"""The last stage of a run: the summary."""

from __future__ import annotations

from vidsum import registry
from vidsum.costs.meter import WHOLE_PROCESS
from vidsum.data import Bundle, Summary
from vidsum.errors import BudgetReached, VidsumError
from vidsum.events import StageAdvanced, StageFinished, StageStarted
from vidsum.pipeline.planning import summary_fits
from vidsum.pipeline.run import Run
from vidsum.reasoner.protocol import Reasoner

FALLBACK = "extractive"


def sum_up(run: Run, bundle: Bundle) -> Summary:
    """Return the summary; by the extractive reasoner when the chosen one fails.

    Whatever keeps the chosen one from its work, a model that was removed meanwhile or a prompt
    that cannot be used: what was seen and heard is not thrown away for it.
    """
    name = run.engines.reasoner.name
    if name != FALLBACK and not _fits(run, bundle):
        name = FALLBACK
    run.listen(StageStarted("summarizing", "calls"))
    try:
        summary = _ask(run, name, bundle)
    except VidsumError as exc:
        if name == FALLBACK:
            raise
        if isinstance(exc, BudgetReached):
            run.give_up(
                f"The summary is quoted, not written by a model. {exc.message} {exc.hint}".strip()
            )
        else:
            run.fail(exc)
        summary = _ask(run, FALLBACK, bundle)
    run.listen(StageFinished("summarizing", summary.model or summary.backend))
    return summary


def _fits(run: Run, bundle: Bundle) -> bool:
    """Say whether there is room for a summary by a model; tell the user if there is none."""
    with run.meter.stage("plan", "text", "vidsum"):
        if summary_fits(run, bundle):
            return True
    run.give_up("The summary is quoted, not written by a model: that does not fit under the cap.")
    return False


def _ask(run: Run, name: str, bundle: Bundle) -> Summary:
    def advanced(done: int, total: int) -> None:
        run.listen(StageAdvanced("summarizing", done, total))

    reasoner: Reasoner = registry.load("reasoner", name, run.options)
    run.on_stop(reasoner.close)
    # Nothing else runs by now, so the process's CPU is the reasoner's, its own threads included.
    with run.meter.stage("reason", "text", name, WHOLE_PROCESS) as account:
        reasoner.tally.bind(account)
        try:
            return reasoner.summarize(bundle, advanced)
        finally:
            account.add(lines=len(bundle.timeline), **reasoner.tally.counts)
            reasoner.close()
