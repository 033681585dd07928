"""The last stage of a run: the summary, or the answer to a question."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from vidsum.data import Answer, Bundle, Summary
from vidsum.errors import BudgetReached, VidsumError
from vidsum.events import Noted, StageAdvanced, StageFinished, StageStarted
from vidsum.pipeline.bundling import with_looks
from vidsum.pipeline.looking_again import looker_for
from vidsum.pipeline.planning import summary_fits
from vidsum.pipeline.reasoning import FALLBACK, at_work
from vidsum.pipeline.run import Run
from vidsum.reasoner.auditing import audited_answer, audited_summary
from vidsum.reasoner.protocol import Advanced, Reasoner

_QUOTED: Final = {
    "summary": "The summary is quoted, not written by a model",
    "answer": "The question is answered with quotations, not by a model",
}
_STAGES: Final = {"summary": "summarizing", "answer": "answering"}

T = TypeVar("T", Summary, Answer)


def sum_up(run: Run, bundle: Bundle, *, looks: bool = True, quoted: bool = False) -> Summary:
    """Return the summary; by the extractive reasoner when the chosen one fails.

    Whatever keeps the chosen one from its work, a model that was removed meanwhile or a prompt
    that cannot be used: what was seen and heard is not thrown away for it. ``looks``: the model
    may ask to see moments again. ``quoted``: by the extractive one from the start.
    """

    def summarize(reasoner: Reasoner, advanced: Advanced) -> Summary:
        again = looks and reasoner.name != FALLBACK
        made = reasoner.summarize(bundle, advanced, looker_for(run, bundle) if again else None)
        return audited_summary(made, with_looks(bundle, made.looks))

    return _asked(run, bundle, "summary", summarize, FALLBACK if quoted else None)


def answer(run: Run, bundle: Bundle, question: str) -> Answer:
    """Return the answer to a question; by the extractive reasoner when the chosen one fails."""
    return _asked(
        run, bundle, "answer",
        lambda reasoner, advanced: audited_answer(
            reasoner.answer(bundle, question, advanced), bundle
        ),
    )  # fmt: skip


def _asked(
    run: Run, bundle: Bundle, what: str, ask: Callable[[Reasoner, Advanced], T],
    by: str | None = None,
) -> T:  # fmt: skip
    name = by or run.engines.reasoner.name
    if name != FALLBACK and not _fits(run, bundle, what):
        name = FALLBACK
    run.listen(StageStarted(_STAGES[what], "calls"))
    try:
        made = _by(run, name, bundle, what, ask)
    except VidsumError as exc:
        if name == FALLBACK:
            raise
        if isinstance(exc, BudgetReached):
            run.give_up(f"{_QUOTED[what]}. {exc.message} {exc.hint}".strip())
        else:
            run.fail(exc)
        made = _by(run, FALLBACK, bundle, what, ask)
    run.listen(StageFinished(_STAGES[what], made.model or made.backend))
    _tell_unused(run, made)
    return made


def _tell_unused(run: Run, made: Summary | Answer) -> None:
    """Say which options did nothing because no model wrote what was made."""
    options = run.options
    given = {"--style": options.style, "--max-evidence": options.max_evidence_tokens}
    unused = [flag for flag, value in given.items() if value is not None]
    if unused and made.model is None:
        told = f"{' and '.join(unused)} changed nothing: no model wrote this."
        run.listen(Noted("warning", told))


def _fits(run: Run, bundle: Bundle, what: str) -> bool:
    """Say whether there is room for what a model is to write; tell the user if there is none."""
    with run.meter.stage("plan", "text", "vidsum"):
        if summary_fits(run, bundle):
            return True
    run.give_up(f"{_QUOTED[what]}: that does not fit under the cap.")
    return False


def _by(
    run: Run, name: str, bundle: Bundle, what: str, ask: Callable[[Reasoner, Advanced], T]
) -> T:  # fmt: skip
    def advanced(done: int, total: int) -> None:
        run.listen(StageAdvanced(_STAGES[what], done, total))

    with at_work(run, name, "reason") as (reasoner, account):
        account.add(lines=len(bundle.timeline))
        return ask(reasoner, advanced)
