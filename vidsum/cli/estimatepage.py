"""An estimate as blocks of a page: ranges, what is unknown, and the comparison's arithmetic."""

from __future__ import annotations

from collections.abc import Iterator

from vidsum.data import MediaInfo, Span
from vidsum.planner.compare import Comparison, Difference, Side
from vidsum.planner.estimate import Estimate, StageEstimate
from vidsum.renderers.blocks import Block, Heading, Item, Items, Page, Paragraph, Table
from vidsum.renderers.figures import rounded, usd
from vidsum.wording import clock, file_name, number, safe

_CU_FLOPS = 3.2e12
_WORDS = {
    "transcript": "speech", "describe": "pictures", "reason": "summary", "ocr": "text on screen",
}  # fmt: skip
_CAUSES = {
    "sampling": "looking every {interval} s, not every second",
    "duplicates": "not describing what repeats",
    "frame tokens": "captions of about {each} tokens, not frames of {frame}",
    "sound": "a transcript, not the sound",
    "engines": "what captions and transcript cost",
}
"""Where the saving comes from, in the order in which it is made."""


def estimate_page(info: MediaInfo, found: Estimate, comparison: Comparison | None = None) -> Page:
    """Return the page of one video's estimate."""
    facts = found.facts
    how = "after sampling it and finding its speech" if facts.depth == "precise" else (
        "from its header alone; --precise looks first, at no cost but time"
    )  # fmt: skip
    blocks: list[Block] = [
        Paragraph(f"{clock(facts.duration_s)} · estimated {how}.", quiet=True),
        _table(found),
        Paragraph(_total(found)),
        Items(tuple(Item("", text=note) for note in _notes(found))),
    ]
    if comparison is not None:
        blocks += compared_blocks(comparison)
    return Page(f"What {file_name(info.path)} would cost", tuple(blocks))


def _table(found: Estimate) -> Table:
    head = ("what", "by", "model calls", "compute", "API", "time")
    rows = tuple(_row(stage) for stage in found.stages if _tells(stage))
    return Table(head, rows, figures=4)


def _tells(stage: StageEstimate) -> bool:
    return stage.model is not None or stage.seconds is not None or stage.stage in _WORDS


def _row(stage: StageEstimate) -> tuple[str, ...]:
    model = safe(stage.model.requested) if stage.model is not None else stage.engine
    asked = stage.model is not None
    return (
        _WORDS.get(stage.stage, stage.stage), model or stage.engine,
        span(stage.calls) if asked else "",
        (span(stage.cu, "CU") if stage.cu else "?") if asked else "",
        (money(stage.usd_nano) if stage.usd_nano else "?") if asked else "",
        span(stage.seconds, "s") if stage.seconds else "?",
    )  # fmt: skip


def _total(found: Estimate) -> str:
    sums = found.totals
    parts = []
    for name, value, unknown in (
        ("compute", span(sums.cu, "CU"), sums.unknown_cu),
        ("API cost", money(sums.usd_nano), sums.unknown_usd),
        ("time", span(sums.seconds, "s"), sums.unknown_seconds),
    ):
        stages = f"{unknown} stage{'' if unknown == 1 else 's'} unknown"
        least = f"≥ {value} ({stages})" if unknown else value
        nothing_known = name == "time" and unknown == len(found.stages)
        parts.append(f"{name} {'unknown' if nothing_known else least}")
    return f"In all: {', '.join(parts)}."


def _notes(found: Estimate) -> Iterator[str]:
    facts = found.facts
    if facts.has_video:
        yield (
            f"{span(facts.samples)} samples, one every {rounded(facts.interval_s)} s; "
            f"{span(facts.captions)} of them to describe."
        )
    if facts.speech_s.most:
        yield f"{span(facts.speech_s, 's')} of speech, in {span(facts.passages)} passages."
    for stage in found.stages:
        if stage.note:
            yield f"{_WORDS.get(stage.stage, stage.stage)}: {stage.note}."
    yield (
        "The most is a bound, as long as no request fails; time is a forecast from earlier runs "
        "here, and unknown without any."
    )
    if found.prices is not None:
        yield f"Prices: {found.prices}."


def compared_blocks(found: Comparison) -> list[Block]:
    """Return the comparison, each term of its arithmetic in sight."""
    price = found.price
    name = safe(found.model.requested)
    source = "" if price is None else f"{price.source} {price.version} {price.date}".rstrip()
    priced = f"; prices: {source}" if source else ""
    mark = "" if found.origin == "measured" else "~"
    rows = (
        ("naive", _terms(found.naive, found, frames=True), _cost(found.naive, found)),
        ("vidsum", _terms(found.ours, found, frames=False), _cost(found.ours, found)),
    )
    blocks: list[Block] = [
        Heading(f"Beside the naive way: {name} on both sides"),
        Paragraph(f"Naive is the whole video to {name} at one frame a second{priced}.", quiet=True),
        Table(("way", "tokens in + out", found.unit.replace("usd", "USD").replace("flops", "CU")),
              rows, figures=1),
    ]  # fmt: skip
    saved = tuple(_saved(one, found) for one in found.savings if one.tokens or _worth(one, found))
    blocks += [Table(("where the difference comes from", "tokens", "saved"), saved, figures=2)]
    if found.ratio is None:
        blocks.append(Paragraph("How many times cheaper is unknown: a price is not known."))
    else:
        words = f"{mark}{rounded(float(found.ratio))} times cheaper, without electricity."
        blocks.append(Paragraph(words[:1].upper() + words[1:]))
    blocks.append(Items(tuple(Item("", text=line) for line in _compared_notes(found))))
    return blocks


def _compared_notes(found: Comparison) -> Iterator[str]:
    if found.origin != "measured":
        yield "~: samples, pictures kept and words are estimated; --precise counts them."
    if not found.way.hears:
        yield "The model takes no sound: the naive way is given our transcript."
    if found.naive_fits is False:
        yield (
            f"The naive way does not fit: the model takes {number(found.context_tokens or 0)} "
            "tokens at once."
        )


def _terms(side: Side, found: Comparison, *, frames: bool) -> str:
    what = "frames" if frames else "captions"
    parts = [f"{number(side.pictures)} {what} × {rounded(side.tokens_each)}"]
    if side.sound_tokens:
        seconds = found.video.duration_s
        parts.append(f"{rounded(seconds)} s sound × {found.way.sound_tokens_per_s}")
    if side.transcript_tokens:
        parts.append(f"{number(side.transcript_tokens)} transcript")
    parts.append(f"{number(side.prompt_tokens)} prompt")
    return (f"{' + '.join(parts)} = {number(side.input_tokens)} in, "
            f"{number(side.output_tokens)} out")  # fmt: skip


def _cost(side: Side, found: Comparison) -> str:
    if found.unit == "flops":
        return "?" if side.flops is None else f"{rounded(side.flops / _CU_FLOPS)} CU"
    return "?" if side.usd_nano is None else usd(side.usd_nano)


def _worth(one: Difference, found: Comparison) -> int | None:
    return one.flops if found.unit == "flops" else one.usd_nano


def _saved(one: Difference, found: Comparison) -> tuple[str, ...]:
    words = _CAUSES[one.cause].format(
        interval=rounded(found.video.interval_s), frame=found.way.frame_tokens,
        each=rounded(found.video.caption_tokens.value),
    )  # fmt: skip
    worth = _worth(one, found)
    if worth is None:
        saved = "?"
    elif found.unit == "flops":
        saved = f"{rounded(worth / _CU_FLOPS)} CU"
    else:
        saved = usd(worth) if worth >= 0 else f"-{usd(-worth)}"
    return words, number(one.tokens), saved


def span(found: Span, unit: str = "") -> str:
    """Return a range: the likely figure, with the least and the most where they differ."""
    unit = f" {unit}" if unit else ""
    if found.least == found.most:
        return f"{rounded(found.most)}{unit}"
    ends = f"{rounded(found.least)}–{rounded(found.most)}"
    return f"{rounded(found.likely)} ({ends}){unit}"


def money(found: Span) -> str:
    """Return a range of money, billionths of a US dollar."""
    least, likely, most = (usd(round(value)) for value in (found.least, found.likely, found.most))
    return most if least == most else f"{likely} ({least}–{most})"
