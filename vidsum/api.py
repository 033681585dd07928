"""The steps of vidsum, in reading order.

>>> from pathlib import Path
>>> from vidsum import api
>>> from vidsum.config import Options
>>> result = api.summarize(Path("talk.mp4"), Options())        # doctest: +SKIP
>>> print(result.summary.overview)                             # doctest: +SKIP
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import vidsum
from vidsum.data import Bundle, Evidence, Result, Summary
from vidsum.events import Listener, StageFinished, StageStarted, ignore

if TYPE_CHECKING:
    from vidsum.config import Options
    from vidsum.pipeline.run import Run


def start(path: Path, options: Options, listen: Listener = ignore) -> Run:
    """Return a run for one video: it carries the options and the account through the steps."""
    from vidsum.pipeline.run import Run

    return Run(path, options, listen)


def extract(run: Run) -> Evidence:
    """Look and listen. Raises: MediaError, OptionError, BackendMissing, BackendFailed."""
    from vidsum.pipeline.extract import gather

    return gather(run)


def bundle(run: Run, evidence: Evidence) -> Bundle:
    """Put the evidence in order of time and count its tokens."""
    from vidsum import tokens
    from vidsum.timeline import as_line, timeline

    with run.meter.stage("bundle", "text", "timeline") as account:
        entries = timeline(evidence)
        text = "\n".join(as_line(entry) for entry in entries)
        count, origin = tokens.count(text, tokens.cached_encoder())
        account.add(lines=len(entries))
    return Bundle(evidence, entries, count, origin)


def reason(run: Run, evidence_bundle: Bundle) -> Summary:
    """Write the summary. Raises: BackendMissing, BackendFailed."""
    from vidsum import registry

    name = registry.choose("reasoner", run.options.tier)
    run.inform(f"summary: {name} (--tier {run.options.tier})")
    run.listen(StageStarted("summarizing"))
    with run.meter.stage("reason", "text", name) as account:
        summary: Summary = registry.load("reasoner", name).summarize(evidence_bundle)
        account.add(lines=len(evidence_bundle.timeline))
    run.listen(StageFinished("summarizing", name))
    return summary


def summarize(path: Path, options: Options, listen: Listener = ignore) -> Result:
    """Return what is in a video and what it took to find out: all steps, one call.

    Raises: MediaError, OptionError, BackendMissing, BackendFailed.
    """
    run = start(path, options, listen)
    packed = bundle(run, extract(run))
    summary = reason(run, packed)
    return Result(packed, summary, run.meter.receipt(), asdict(options), vidsum.__version__)


def prompt(run: Run, evidence_bundle: Bundle) -> str:
    """Return the evidence as a prompt for any chat model, from ``prompts/summary.md``.

    What came out of the video stands between two lines with a random mark, as JSON: text in a
    video cannot pass for an instruction by closing a quotation.
    """
    from vidsum.pipeline.prompting import summary_prompt

    return summary_prompt(evidence_bundle, run.options)
