"""The naive way beside ours as blocks of a page, each term of the arithmetic in sight."""

from __future__ import annotations

from collections.abc import Iterator

from vidsum.cli.estimatefigures import few
from vidsum.planner.compare import FRAME_TOKENS, Comparison, Difference, Side
from vidsum.renderers.blocks import Block, Heading, Item, Items, Paragraph, Table
from vidsum.renderers.figures import rounded, usd
from vidsum.wording import number, safe

_CU_FLOPS = 3.2e12
_CAUSES = {
    "sampling": "a picture every {interval} s, not every second",
    "duplicates": "repeated pictures left out",
    "frame tokens": "captions of {each} tokens, not frames of {frame}",
    "sound": "a transcript, not the sound",
    "engines": "{made} to be made",
}
"""Where the saving comes from, in the order in which it is made."""


def compared_blocks(found: Comparison) -> list[Block]:
    """Return the comparison: what is read on each side, what that costs, and why it differs."""
    name = safe(found.model.requested)
    return [
        Heading(f"Beside the naive way: {name} on both sides"),
        Paragraph(f"Naive: the whole video to {name}, one frame a second. vidsum: captions and "
                  "a transcript to the same model.", quiet=True),
        Table(("what it reads", "naive", "vidsum"), tuple(_terms(found)), figures=2),
        Table(("what makes the difference", "tokens", "saves"), tuple(_causes(found)), figures=2),
        Paragraph(_verdict(found)),
        Items(tuple(Item("", text=line) for line in _notes(found))),
    ]  # fmt: skip


def _terms(found: Comparison) -> Iterator[tuple[str, str, str]]:
    naive, ours = found.naive, found.ours
    yield "pictures", _pictures(naive, "frame"), _pictures(ours, "caption")
    yield "sound", _sound(naive, found), _sound(ours, found)
    yield "prompt", number(naive.prompt_tokens), number(ours.prompt_tokens)
    yield "tokens in", number(naive.input_tokens), number(ours.input_tokens)
    yield "tokens out", number(naive.output_tokens), number(ours.output_tokens)
    yield "cost", _cost(naive, found), _cost(ours, found)
    spent = _engines(found)
    if spent != 0:
        yield "our engines", "", _amount(spent, found)
        yield "cost in all", _cost(naive, found), _amount(_whole(found), found)


def _pictures(side: Side, what: str) -> str:
    plural = "" if side.pictures == 1 else "s"
    return (f"{number(side.pictures)} {what}{plural} × {rounded(side.tokens_each)} = "
            f"{number(side.picture_tokens)}")  # fmt: skip


def _sound(side: Side, found: Comparison) -> str:
    if side.sound_tokens:
        each = found.way.sound_tokens_per_s
        return f"{_seconds(found.video.duration_s)} s × {each} = {number(side.sound_tokens)}"
    return f"transcript {number(side.transcript_tokens)}" if side.transcript_tokens else "none"


def _seconds(value: float) -> str:
    return f"{value:,.2f}".rstrip("0").rstrip(".")


def _cost(side: Side, found: Comparison) -> str:
    return _amount(side.flops if found.unit == "flops" else side.usd_nano, found)


def _engines(found: Comparison) -> int | None:
    return found.engines_flops if found.unit == "flops" else found.engines_usd_nano


def _whole(found: Comparison) -> int | None:
    return found.total_flops if found.unit == "flops" else found.total_usd_nano


def _amount(value: int | None, found: Comparison) -> str:
    if value is None:
        return "?"
    sign, size = ("-" if value < 0 else ""), abs(value)
    return (
        f"{sign}{rounded(size / _CU_FLOPS)} CU" if found.unit == "flops" else f"{sign}{usd(size)}"
    )


def _causes(found: Comparison) -> Iterator[tuple[str, str, str]]:
    for one in found.savings:
        worth = _worth(one, found)
        if one.tokens or worth != 0:
            words = _CAUSES[one.cause].format(
                interval=rounded(found.video.interval_s), frame=found.way.frame_tokens,
                each=rounded(found.video.caption_tokens.value),
                made="captions and transcript have" if found.way.hears else "captions have",
            )  # fmt: skip
            yield words, number(one.tokens) if one.tokens else "", _amount(worth, found)
    worths = [_worth(one, found) for one in found.savings]
    known = [worth for worth in worths if worth is not None]
    saved = sum(known) if len(known) == len(worths) else None
    yield "in all", number(sum(one.tokens for one in found.savings)), _amount(saved, found)


def _worth(one: Difference, found: Comparison) -> int | None:
    return one.flops if found.unit == "flops" else one.usd_nano


def _verdict(found: Comparison) -> str:
    if found.ratio is None:
        return "How many times cheaper is unknown: a price is not known."
    about = "" if found.origin == "measured" else "about "
    if found.ratio < 1:
        words = f"{about}{few(1 / found.ratio)} times dearer than the naive way"
    else:
        words = f"{about}{few(found.ratio)} times cheaper than the naive way"
    return f"{words[:1].upper()}{words[1:]}, without electricity."


def _notes(found: Comparison) -> Iterator[str]:
    if found.video.samples.origin != "measured":
        yield "Pictures and speech are estimated; --precise counts them."
    yield (f"Assumed: captions of {rounded(found.video.caption_tokens.value)} tokens, a transcript "
           f"of {number(found.video.transcript_tokens.value)}, "
           f"{number(found.ours.output_tokens)} tokens of answer.")  # fmt: skip
    if "gemini" not in found.model.requested.lower():
        yield (f"A frame as {FRAME_TOKENS['full']} tokens is Gemini's way; other models may take "
               "more.")  # fmt: skip
    if found.video.has_sound and not found.way.hears:
        yield ("The model takes no sound: the naive way is given our transcript, whose own cost is "
               "left out on both sides.")  # fmt: skip
    if found.naive_fits is False:
        yield (
            f"The naive way does not fit: the model takes {number(found.context_tokens or 0)} "
            "tokens at once."
        )
    if found.price is not None:
        price = found.price
        yield f"Prices: {' '.join(filter(None, (price.source, price.version, price.date)))}."
