"""An estimate as blocks of a page: what is likely, between which bounds, and what is unknown."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest

from vidsum.cli.comparepage import compared_blocks
from vidsum.cli.estimatefigures import Words, count, ends, few, forecast, ranged, took, usd
from vidsum.data import MediaInfo, Span
from vidsum.pipeline.memory import Gathered
from vidsum.planner.compare import Comparison
from vidsum.planner.estimate import Estimate, Facts, StageEstimate
from vidsum.renderers.blocks import Block, Heading, Item, Items, Page, Paragraph, Table
from vidsum.renderers.figures import rounded
from vidsum.renderers.text import WIDTH
from vidsum.wording import clock, file_name, safe

_WORDS = {
    "looking": "looking", "ocr": "text on screen", "transcript": "speech",
    "describe": "pictures", "look": "second looks", "reason": "summary",
}  # fmt: skip
_LOOKING = ("decode", "dedupe", "measure")
"""Stages that are told as one."""
_GAP, _LEAST_NAME = 2, 16
UNKNOWN = "?"


def estimate_page(
    info: MediaInfo, found: Estimate, comparison: Comparison | None = None,
    left_out: Sequence[str] = (), kept: Gathered | None = None,
) -> Page:  # fmt: skip
    """Return the page of one video's estimate.

    ``left_out``: what caps leave out, in words; ``kept``: who looked and listened already.
    """
    facts = found.facts
    how = "its pictures sampled, its speech found" if facts.depth == "precise" else (
        "by its header alone; --precise looks first, at no cost but time"
    )  # fmt: skip
    blocks: list[Block] = [
        Paragraph(f"{clock(facts.duration_s)} · {how}.", quiet=True),
        _table(found),
        Paragraph(_total(found)),
        Items(tuple(Item("", text=note) for note in _notes(found))),
    ]
    if kept is not None:
        blocks.append(Paragraph(
            f"All that is to be seen and heard is kept from run {kept.run_id[:8]} of "
            f"{kept.made_at[:10]}: only the summary would be paid for. The figures above are for "
            "looking anew (--no-cache)."
        ))  # fmt: skip
    if left_out:
        lines = tuple(Item("", text=line) for line in left_out)
        blocks += [Heading("Under the cap"), Items(lines)]
    if comparison is not None:
        blocks += compared_blocks(comparison)
        if not any(stage.model for stage in found.stages):
            blocks.append(Paragraph(
                "The engines above ask no model at all: this is what captions by one, and a "
                "transcript, would come to."
            ))  # fmt: skip
    return Page(f"What {file_name(info.path)} would cost", tuple(blocks))


def _told(found: Estimate) -> Sequence[StageEstimate]:
    """Return the stages that a reader is told of: all looking is one."""
    looks = [stage for stage in found.stages if stage.stage in _LOOKING]
    others = [stage for stage in found.stages if stage.stage not in _LOOKING]
    if not looks:
        return others
    spans = [stage.seconds for stage in looks if stage.seconds is not None]
    seconds = None if len(spans) < len(looks) else Span(
        sum(s.least for s in spans), sum(s.likely for s in spans), sum(s.most for s in spans)
    )  # fmt: skip
    return [replace(looks[0], stage="looking", engine="vidsum", seconds=seconds), *others]


def _table(found: Estimate) -> Table:
    """Return a row a stage, and under it the least and the most where they are not the same."""
    stages = _told(found)
    asked = [stage for stage in stages if stage.model is not None]
    columns: list[tuple[str, list[tuple[str, str]]]] = []
    if asked:
        columns.append(("model calls", [_cell(stage, stage.calls, count) for stage in stages]))
    if any(stage.cu is not None for stage in asked):
        columns.append(("CU", [_cell(stage, stage.cu, few) for stage in stages]))
    if any(stage.model and stage.model.base_url for stage in asked):
        columns.append(("API cost", [_cell(stage, stage.usd_nano, usd) for stage in stages]))
    if any(stage.seconds is not None for stage in stages):
        columns.append(("time", [_both(_time(stage), took) for stage in stages]))
    names = [_WORDS.get(stage.stage, stage.stage) for stage in stages]
    taken = max(map(len, names)) + sum(
        _GAP + max(len(text) for text in (head, *(t for cell in cells for t in cell)))
        for head, cells in columns
    )  # fmt: skip
    room = max(_LEAST_NAME, WIDTH - taken - _GAP)
    rows: list[tuple[str, ...]] = []
    for place, stage in enumerate(stages):
        by = textwrap.wrap(_engine(stage), room) or [""]
        first, *more = zip_longest(
            [names[place]], by, *(filter(None, cells[place]) for _, cells in columns), fillvalue=""
        )
        rows += [first, *more]
    return Table(("what", "by", *(head for head, _ in columns)), tuple(rows), figures=len(columns))


def _engine(stage: StageEstimate) -> str:
    if stage.model is None:
        return stage.engine
    return safe(stage.model.requested) or f"{stage.engine}: the model served"


def _cell(stage: StageEstimate, found: Span | None, words: Words) -> tuple[str, str]:
    """Return a figure of a model; there is none where no model is asked."""
    return ("", "") if stage.model is None else _both(found, words)


def _time(stage: StageEstimate) -> Span | None:
    return None if stage.seconds is None else forecast(stage.seconds)


def _both(found: Span | None, words: Words) -> tuple[str, str]:
    if found is None:
        return UNKNOWN, ""
    between = ends(found, words)
    return words(found.likely), f"({between})" if between else ""


def _total(found: Estimate) -> str:
    sums, asked = found.totals, [stage for stage in found.stages if stage.model is not None]
    time = _sum(forecast(sums.seconds), took, _unknown_time(found))
    if not asked:
        return f"In all: no model is asked, $0 of API cost, time {time}."
    return (
        f"In all: {ranged(sums.calls, count)} model calls, "
        f"compute {_sum(sums.cu, lambda v, *r: f'{few(v, *r)} CU', _stages(sums.unknown_cu))}, "
        f"API cost {_sum(sums.usd_nano, usd, _stages(sums.unknown_usd, 'unpriced'))}, "
        f"time {time}."
    )


def _sum(known: Span, words: Words, unknown: str) -> str:
    """Return a total; with something unknown in it there is no most."""
    if not unknown:
        return ranged(known, words)
    if not known.likely:
        return f"unknown ({unknown})"
    return f"≥ {words(known.likely)} ({unknown})"


def _stages(number: int, what: str = "unknown") -> str:
    return f"{number} stage{'' if number == 1 else 's'} {what}" if number else ""


def _unknown_time(found: Estimate) -> str:
    unknown = [stage for stage in _told(found) if stage.seconds is None]
    if len(unknown) == len(_told(found)):
        return "nothing alike was run here yet"
    names = ", ".join(_WORDS.get(stage.stage, stage.stage) for stage in unknown)
    return f"without {names}" if names else ""


def _notes(found: Estimate) -> Iterator[str]:
    facts = found.facts
    if facts.has_video:
        yield (
            f"{_counted(facts.samples, 'picture')} looked at, one every "
            f"{rounded(facts.interval_s)} s; {ranged(facts.captions, count)} of them to describe."
        )
    yield _speech(facts, recognised=found.stage("transcript") is not None)
    if any(stage.model is not None for stage in found.stages):
        yield "In brackets the least and the most. The most holds as long as no request fails."
    if any(stage.seconds is not None for stage in found.stages):
        yield "Time is a forecast by what earlier runs took here, and no bound."
    if found.prices is not None:
        yield f"Prices: {found.prices}."


def _counted(found: Span, what: str) -> str:
    return f"{ranged(found, count)} {what}{'' if found.least == found.most == 1 else 's'}"


def _speech(facts: Facts, *, recognised: bool) -> str:
    if facts.subtitles:
        return "The words come from subtitles."
    if not facts.has_audio:
        return "There is no sound."
    if facts.speech_s.most == 0:
        return "There is sound, but no speech in it."
    words = f"{ranged(facts.speech_s, took)} of speech"
    if recognised:
        words += f" to recognise, in {_counted(facts.passages, 'passage')}"
    else:
        words += ", which nobody recognises"
    if facts.subtitles is None:
        return f"The words come from its subtitles if they can be read, else {words}."
    return f"{words}."
