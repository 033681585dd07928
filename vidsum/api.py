"""The steps of vidsum, in reading order.

>>> from pathlib import Path
>>> from vidsum import api
>>> from vidsum.config import Options
>>> result = api.summarize(Path("talk.mp4"), Options())        # doctest: +SKIP
>>> print(result.summary.overview)                             # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import vidsum
from vidsum.data import Answer, Bought, Bundle, Evidence, Result, Summary
from vidsum.errors import VidsumError, interrupt_behind
from vidsum.events import Listener, ignore

if TYPE_CHECKING:
    from vidsum.broll.items import Itemised
    from vidsum.config import Options
    from vidsum.pipeline.estimating import Estimated
    from vidsum.pipeline.run import Run


def start(path: Path, options: Options, listen: Listener = ignore, *, recorded: bool = True) -> Run:
    """Return a run for one video: it carries the options and the account through the steps.

    ``recorded``: its costs are written to the ledger. Raises: OptionError, BudgetReached.
    """
    from vidsum.pipeline.run import Run

    check(options)
    return Run(path, options, listen, recorded)


def check(options: Options) -> None:
    """Find out now, not after minutes of work, which files that options name are missing.

    Raises: OptionError.
    """
    if options.style is not None:
        from vidsum.prompts import check_style

        check_style(options.style, options.prompts_dir)
    if options.context is not None:
        from vidsum.media.facts import check_context

        check_context(options.context)


def extract(run: Run) -> Evidence:
    """Look and listen. Raises: MediaError, OptionError, BackendMissing, BackendFailed."""
    with run.meter.stage("prepare", "video", "vidsum"):
        from vidsum.pipeline.extract import gather

    return gather(run)


def bundle(run: Run, evidence: Evidence, most_tokens: int | None = None) -> Bundle:
    """Put the evidence in order of time and count its tokens.

    ``most_tokens`` bounds the timeline: then repeats give way first, the rest evenly over time.
    """
    from vidsum.pipeline.bundling import bundled

    with run.meter.stage("bundle", "text", "timeline") as account:
        packed = bundled(evidence, most_tokens)
        account.add(lines=len(packed.timeline))
    return packed


def reason(run: Run, evidence_bundle: Bundle) -> Summary:
    """Write the summary. Raises: BackendMissing, OptionError.

    A reasoner that fails is no reason to throw away what was seen and heard: the summary is then
    quoted together as in the lite tier, and the run's ``failures`` say so.
    """
    from vidsum.pipeline.summing_up import sum_up

    return sum_up(run, evidence_bundle)


def answer(run: Run, evidence_bundle: Bundle, question: str) -> Answer:
    """Answer a question from the evidence. Raises and falls back as :func:`reason`."""
    from vidsum.pipeline.summing_up import answer

    return answer(run, evidence_bundle, question)


@contextmanager
def finishing(run: Run) -> Iterator[None]:
    """Close a run's account when the block ends, however it ends."""
    try:
        yield
    except BaseException as exc:
        if (interrupt := interrupt_behind(exc)) is not None:
            run.finish("interrupted")
            raise interrupt from None
        known = isinstance(exc, VidsumError)
        run.finish(f"failed: {type(exc).__name__ if known else 'a bug'}")
        raise
    run.finish()


def summarize(path: Path, options: Options, listen: Listener = ignore) -> Result:
    """Return what is in a video and what it took to find out: all steps, one call.

    Raises: MediaError, OptionError, BackendMissing, BackendFailed.
    """
    return summarized(start(path, options, listen))


def identify(run: Run) -> str | None:
    """Return the SHA-256 of a run's video, which is then not found out again; None if unreadable.

    For whoever has to know it before anything is spent.
    """
    from vidsum.pipeline.extract import identify_video
    from vidsum.pipeline.keeping import watch

    watch(run)
    identify_video(run)
    return run.meter.book.identity.video_sha256


def summarized(run: Run) -> Result:
    """Take a run through all steps and close its account. Raises: as :func:`summarize`."""
    with finishing(run):
        packed = bundle(run, extract(run))
        summary = reason(run, packed)
    from vidsum.pipeline.bundling import with_looks

    return _result(run, with_looks(packed, summary.looks), summary)


def illustrate(path: Path, options: Options, listen: Listener = ignore) -> Result:
    """Return a summary with generated B-roll beside the video: all its steps with their defaults.

    A plan that is there is kept, with what was made of it. The pictures nearest to the source's
    look are picked where nobody has picked, finished and put into timelines. Whoever cannot make
    any is told before anything is spent.
    Raises: as :func:`summarize`, OutputError.
    """
    from vidsum.broll import whole

    run = start(path, options, listen)
    with finishing(run):
        whole.check(run)
        packed = bundle(run, extract(run))
        summary = reason(run, packed)
        run.meter.quoted = None  # that was of a summary alone
        made = whole.illustrate(run, packed, summary)
    from vidsum.pipeline.bundling import with_looks

    return replace(_result(run, with_looks(packed, summary.looks), summary), broll=made)


def ask(path: Path, question: str, options: Options, listen: Listener = ignore) -> Result:
    """Return the answer to a question about a video; no summary is written.

    What an earlier run saw and heard is used where it is kept: then no model looks or listens.
    Raises: as :func:`summarize`.
    """
    run = start(path, options, listen)
    with finishing(run):
        packed = bundle(run, extract(run))
        run.meter.quoted = None  # that was of a summary
        found = answer(run, packed, question)
    return _result(run, packed, answer=found)


def what_vision_bought(path: Path, options: Options, listen: Listener = ignore) -> Result:
    """Return what frames and speech each brought to the summary, and what they cost.

    Raises: as :func:`summarize`.
    """
    run = start(path, options, listen)
    with finishing(run):
        packed = bundle(run, extract(run))
        from vidsum.pipeline import ablation

        run.meter.quoted = None  # that was of one summary, and up to three are made
        bought = ablation.what_vision_bought(run, packed)
    return _result(run, packed, bought.whole, bought=bought)


def _result(
    run: Run, packed: Bundle, summary: Summary | None = None, *,
    answer: Answer | None = None, bought: Bought | None = None,
) -> Result:  # fmt: skip
    return Result(
        packed,
        summary,
        run.meter.receipt(),
        asdict(run.options),
        vidsum.__version__,
        failures=tuple(run.failures),
        answer=answer,
        bought=bought,
    )


def estimate(
    path: Path, options: Options, listen: Listener = ignore, *, precise: bool = False,
    compare: bool = False, compare_model: str | None = None,
) -> Estimated:  # fmt: skip
    """Return what a summary would cost: from the header alone, or ``precise``, after looking.

    Asks no model and spends nothing. ``compare`` sets the naive way beside it. Caps do not change
    what it would cost; what they would leave out is told.
    Raises: MediaError, OptionError, BackendMissing.
    """
    from vidsum.pipeline.estimating import compared, estimated, left_out, uncapped

    run = start(path, uncapped(options), listen, recorded=precise)
    with finishing(run):
        found = estimated(run, precise=precise)
        if compare or compare_model is not None:
            found = replace(found, comparison=compared(run, found, compare_model))
        run.finish("estimate")
    return replace(found, left_out=left_out(options, found.estimate))


def estimate_broll(path: Path, options: Options, listen: Listener = ignore) -> Itemised:
    """Return what :func:`illustrate` would cost besides the summary. Asks nobody, makes nothing.

    Raises: MediaError, OptionError, BackendMissing, BackendFailed.
    """
    from vidsum.broll import foreseeing, steps
    from vidsum.pipeline.estimating import uncapped
    from vidsum.pipeline.extract import prepare

    run = start(path, uncapped(options), listen, recorded=False)
    with finishing(run):
        engine = steps.engine_for(run.options)
        try:
            return foreseeing.foresee(run, engine, prepare(run, identify=False))
        finally:
            engine.close()


def prompt(run: Run, evidence_bundle: Bundle) -> str:
    """Return the evidence as a prompt for any chat model, from ``prompts/summary.md``.

    What came out of the video stands between two lines with a random mark, as JSON: text in a
    video cannot pass for an instruction by closing a quotation.
    """
    from vidsum.reasoner.prompting import summary_prompt

    return summary_prompt(evidence_bundle, run.options)
