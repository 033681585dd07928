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
from vidsum.data import Bundle, Evidence, Result, Summary
from vidsum.errors import VidsumError
from vidsum.events import Listener, ignore

if TYPE_CHECKING:
    from vidsum.config import Options
    from vidsum.pipeline.estimating import Estimated
    from vidsum.pipeline.run import Run


def start(path: Path, options: Options, listen: Listener = ignore, *, recorded: bool = True) -> Run:
    """Return a run for one video: it carries the options and the account through the steps.

    ``recorded``: its costs are written to the ledger. Raises: OptionError, BudgetReached.
    """
    from vidsum.pipeline.run import Run

    return Run(path, options, listen, recorded)


def extract(run: Run) -> Evidence:
    """Look and listen. Raises: MediaError, OptionError, BackendMissing, BackendFailed."""
    with run.meter.stage("prepare", "video", "vidsum"):
        from vidsum.pipeline.extract import gather

    return gather(run)


def bundle(run: Run, evidence: Evidence) -> Bundle:
    """Put the evidence in order of time and count its tokens."""
    from vidsum import tokens
    from vidsum.timeline import timeline
    from vidsum.wording import as_line

    with run.meter.stage("bundle", "text", "timeline") as account:
        entries = timeline(evidence)
        text = "\n".join(as_line(entry) for entry in entries)
        count, origin = tokens.count(text, tokens.cached_encoder())
        account.add(lines=len(entries))
    return Bundle(evidence, entries, count, origin)


def reason(run: Run, evidence_bundle: Bundle) -> Summary:
    """Write the summary. Raises: BackendMissing, OptionError.

    A reasoner that fails is no reason to throw away what was seen and heard: the summary is then
    quoted together as in the lite tier, and the run's ``failures`` say so.
    """
    from vidsum.pipeline.summing_up import sum_up

    return sum_up(run, evidence_bundle)


@contextmanager
def finishing(run: Run) -> Iterator[None]:
    """Close a run's account when the block ends, however it ends."""
    try:
        yield
    except VidsumError as exc:
        run.finish(f"failed: {type(exc).__name__}")
        raise
    except BaseException as exc:
        run.finish("interrupted" if isinstance(exc, KeyboardInterrupt) else "failed: a bug")
        raise
    run.finish()


def summarize(path: Path, options: Options, listen: Listener = ignore) -> Result:
    """Return what is in a video and what it took to find out: all steps, one call.

    Raises: MediaError, OptionError, BackendMissing, BackendFailed.
    """
    run = start(path, options, listen)
    with finishing(run):
        packed = bundle(run, extract(run))
        summary = reason(run, packed)
    return Result(
        packed,
        summary,
        run.meter.receipt(),
        asdict(options),
        vidsum.__version__,
        failures=tuple(run.failures),
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


def prompt(run: Run, evidence_bundle: Bundle) -> str:
    """Return the evidence as a prompt for any chat model, from ``prompts/summary.md``.

    What came out of the video stands between two lines with a random mark, as JSON: text in a
    video cannot pass for an instruction by closing a quotation.
    """
    from vidsum.reasoner.prompting import summary_prompt

    return summary_prompt(evidence_bundle, run.options)
