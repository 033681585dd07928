"""The naive way beside ours: the whole video to one model, or captions and a transcript.

The same model on both sides, always. What is compared is what that model is asked; what our own
engines cost before that is added by the caller, and electricity is on neither side.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

from vidsum.data import ModelRef, Origin, Price, Quantities

PROMPT_TOKENS: Final = 1000
ANSWER_TOKENS: Final = 2000
SOUND_TOKENS_PER_S: Final = 32
"""Of a second of sound. Source: Google's "Understand and count tokens", 2026-07."""
Mode = Literal["full", "gemini-3", "low"]
FRAME_TOKENS: Final[Mapping[Mode, int]] = {"full": 258, "gemini-3": 70, "low": 66}
"""Of a frame of video, by the way a provider is asked: Gemini 2's default resolution, Gemini 3's,
and Gemini 2's low one. Source: Google's "Media resolution", 2026-07."""
_NEW_GEMINI: Final = re.compile(r"gemini-([3-9]|\d\d|flash-latest|pro-latest)")

Cause = Literal["sampling", "duplicates", "frame tokens", "sound", "engines"]
Pricing = Callable[[Quantities], Price | None]
Flops = Callable[[Quantities], float | None]


@dataclass(frozen=True, slots=True)
class Figure:
    """A number, and how it is known."""

    value: float
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedVideo:
    """What is known of a video.

    ``samples`` frames are looked at, one every ``interval_s``; ``captions`` of them are described,
    in ``caption_tokens`` each; ``transcript_tokens`` are those of all that is said.
    """

    duration_s: float
    interval_s: float
    samples: Figure
    captions: Figure
    caption_tokens: Figure
    transcript_tokens: Figure
    has_sound: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Naive:
    """How the naive way is done: one frame a second, and the sound.

    ``hears``: the model takes sound; one that does not is given our transcript.
    """

    frame_tokens: int = FRAME_TOKENS["full"]
    sound_tokens_per_s: int = SOUND_TOKENS_PER_S
    hears: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What one way asks of the model, term by term, and what that costs.

    ``pictures`` frames or captions of ``tokens_each`` tokens; ``sound_tokens`` is 0 where there is
    a transcript. ``usd_nano`` and ``flops`` are None when they are not known.
    """

    pictures: int
    tokens_each: float
    picture_tokens: int
    sound_tokens: int
    transcript_tokens: int
    prompt_tokens: int
    output_tokens: int
    usd_nano: int | None
    flops: int | None

    @property
    def input_tokens(self) -> int:
        """All that the model reads."""
        return (self.picture_tokens + self.sound_tokens + self.transcript_tokens
                + self.prompt_tokens)  # fmt: skip

    @property
    def usd(self) -> Decimal | None:
        """US dollars."""
        return _usd(self.usd_nano)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What one difference saves when those before it are made already; below 0 it costs more.

    ``engines`` is what describing and recognising cost us, which the naive way does not need.
    """

    cause: Cause
    tokens: int
    usd_nano: int | None
    flops: int | None

    @property
    def usd(self) -> Decimal | None:
        """US dollars."""
        return _usd(self.usd_nano)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Both ways, and where the difference comes from.

    ``ours`` is the call to the model; ``total_*`` have our own engines in them. ``savings`` are in
    the order in which they are made, and add up to naive less total, to the token, the billionth
    of a dollar and the FLOP. ``ratio`` is naive by total, in dollars, or in FLOP for a model here;
    None when one is not known or the total is nothing. ``price`` is that of the naive side, for
    its source and date. ``naive_fits`` says whether the naive input goes into ``context_tokens``;
    None when that is not known.
    """

    model: ModelRef
    video: ComparedVideo
    way: Naive
    naive: Side
    ours: Side
    savings: tuple[Difference, ...]
    ratio: Decimal | None
    unit: Literal["usd", "flops"]
    engines_usd_nano: int | None
    engines_flops: int | None
    total_usd_nano: int | None
    total_flops: int | None
    price: Price | None
    context_tokens: int | None
    naive_fits: bool | None
    origin: Origin
    without_electricity: bool = True


def usual_mode(model: str) -> Mode:
    """Return how a model is shown video unless it is told otherwise, by its name."""
    return "gemini-3" if _NEW_GEMINI.match(model.lower().rsplit("/", 1)[-1]) else "full"


def compare(
    video: ComparedVideo, model: ModelRef, way: Naive, pricing: Pricing, *,
    engines_usd_nano: int | None, engines_flops: int | None = None, flops: Flops | None = None,
    context_tokens: int | None = None,
) -> Comparison:  # fmt: skip
    """Return both ways' arithmetic for one model.

    ``pricing`` gives the price of one call to ``model``. ``engines_*`` are what captions and
    transcript cost us: 0 US dollars for engines here, None when that is not known. With ``flops``
    the model is one here: work is compared, for neither way costs money.
    """
    steps = _steps(video, way)
    prices = [pricing(_used(step)) for step in steps]
    sides = [_side(step, price, flops) for step, price in zip(steps, prices, strict=True)]
    naive, ours = sides[0], sides[-1]
    total_usd = _sum(ours.usd_nano, engines_usd_nano)
    total_flops = _sum(ours.flops, engines_flops)
    pair = (naive.flops, total_flops) if flops else (naive.usd_nano, total_usd)
    return Comparison(
        model=model, video=video, way=way, naive=naive, ours=ours,
        savings=_savings(sides, engines_usd_nano, engines_flops if flops else None),
        ratio=_ratio(*pair), unit="flops" if flops else "usd", engines_usd_nano=engines_usd_nano,
        engines_flops=engines_flops if flops else None, total_usd_nano=total_usd,
        total_flops=total_flops, price=prices[0], context_tokens=context_tokens,
        naive_fits=None if context_tokens is None else naive.input_tokens <= context_tokens,
        origin=_origin(video),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Step:
    """What is asked of the model on the way from the naive side to ours."""

    pictures: int
    tokens_each: float
    are_frames: bool
    sound_tokens: int
    transcript_tokens: int

    @property
    def picture_tokens(self) -> int:
        return math.ceil(round(self.pictures * self.tokens_each, 6))


def _steps(video: ComparedVideo, way: Naive) -> list[_Step]:
    """Return the naive way, each difference added in turn, and last our way."""
    seconds = math.ceil(video.duration_s)
    frames, samples, captions = seconds, _count(video.samples), _count(video.captions)
    said = _count(video.transcript_tokens)
    sound = math.ceil(video.duration_s * way.sound_tokens_per_s) if video.has_sound else 0
    heard = (sound, 0) if way.hears else (0, said)
    return [
        _Step(frames, way.frame_tokens, True, *heard),
        _Step(samples, way.frame_tokens, True, *heard),
        _Step(captions, way.frame_tokens, True, *heard),
        _Step(captions, video.caption_tokens.value, False, *heard),
        _Step(captions, video.caption_tokens.value, False, 0, said),
    ]


_CAUSES: Final[tuple[Cause, ...]] = ("sampling", "duplicates", "frame tokens", "sound")


def _count(figure: Figure) -> int:
    return math.ceil(round(figure.value, 6))


def _used(step: _Step) -> Quantities:
    """Return a step as one call; captions are text, frames are pictures."""
    frames = step.picture_tokens if step.are_frames else 0
    given = step.picture_tokens + step.sound_tokens + step.transcript_tokens + PROMPT_TOKENS
    return Quantities(
        calls=1, input_tokens=given, output_tokens=ANSWER_TOKENS, image_tokens=frames,
        images=step.pictures if step.are_frames else 0, audio_tokens=step.sound_tokens,
    )  # fmt: skip


def _side(step: _Step, price: Price | None, flops: Flops | None) -> Side:
    work = flops(_used(step)) if flops else None
    return Side(
        pictures=step.pictures, tokens_each=step.tokens_each, picture_tokens=step.picture_tokens,
        sound_tokens=step.sound_tokens, transcript_tokens=step.transcript_tokens,
        prompt_tokens=PROMPT_TOKENS, output_tokens=ANSWER_TOKENS,
        usd_nano=None if price is None else price.usd_nano,
        flops=None if work is None else round(work),
    )  # fmt: skip


def _savings(
    sides: list[Side], engines_usd_nano: int | None, engines_flops: int | None
) -> tuple[Difference, ...]:
    found = [
        Difference(
            cause=cause, tokens=before.input_tokens - after.input_tokens,
            usd_nano=_less(before.usd_nano, after.usd_nano), flops=_less(before.flops, after.flops),
        )
        for cause, before, after in zip(_CAUSES, sides[:-1], sides[1:], strict=True)
    ]  # fmt: skip
    engines = Difference(cause="engines", tokens=0, usd_nano=_less(0, engines_usd_nano),
                         flops=_less(0, engines_flops))  # fmt: skip
    return (*found, engines)


def _ratio(naive: int | None, ours: int | None) -> Decimal | None:
    return None if naive is None or not ours else Decimal(naive) / ours


def _origin(video: ComparedVideo) -> Origin:
    """Return how well the whole is known: no better than its least known part."""
    known = {figure.origin for figure in (
        video.samples, video.captions, video.caption_tokens, video.transcript_tokens)}  # fmt: skip
    order: tuple[Origin, ...] = ("unknown", "estimated", "reported", "measured")
    return next(origin for origin in order if origin in known)


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


def _less(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one - other


def _usd(nano: int | None) -> Decimal | None:
    return None if nano is None else Decimal(nano).scaleb(-9)
