"""What a person reads, as blocks; each renderer only decides how a block looks."""

from __future__ import annotations

from vidsum.data import Result
from vidsum.renderers.answerpage import answer_page
from vidsum.renderers.blocks import Page
from vidsum.renderers.boughtpage import bought_page
from vidsum.renderers.summarypage import summary_page


def page(result: Result, *, with_timeline: bool = False) -> Page:
    """Return the page of what was asked for; with the whole timeline, and ids, when asked.

    What was asked for is an answer, what each modality bought, or else a summary.
    """
    if result.answer is not None:
        return answer_page(result, result.answer, with_timeline=with_timeline)
    if result.bought is not None:
        return bought_page(result, result.bought, with_timeline=with_timeline)
    if result.summary is not None:
        return summary_page(result, result.summary, with_timeline=with_timeline)
    raise ValueError("A result is a summary, an answer, or what each modality bought.")
