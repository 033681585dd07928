"""What describing pictures would take, before any is seen: bounds that hold, and a likely figure.

Speech and the caption before go into each prompt, at most 300 and 400 letters of them. A letter
has at most four bytes, and no tokenizer makes more tokens than there are bytes.
"""

from __future__ import annotations

import math
from typing import Final

from vidsum.backends import bounds
from vidsum.backends.dialect import THINKING_TOKENS
from vidsum.backends.foreseeing import device_of, remote_model, thinking
from vidsum.backends.pictures import FINE_SIDE_PX, SIDE_PX
from vidsum.captioners.prompting import (
    CAPTION_LETTERS,
    QUESTION_LETTERS,
    SPEECH_LETTERS,
    CaptionPrompt,
    caption_prompt,
    new_fence,
)
from vidsum.captioners.protocol import CaptionRequest
from vidsum.config import Options
from vidsum.costs.picture_tokens import picture_tokens, text_tokens
from vidsum.data import (
    Caption,
    ChatRequest,
    Forecast,
    ModelRef,
    ModelShape,
    Need,
    PictureFacts,
    Quantities,
    Sample,
    Span,
)

_WIDEST: Final = "\U00020000"
"""A letter of four bytes: no other takes more of them."""
_LATE_S: Final = 999_999.0
_WORDS: Final = "a speaker stands beside a slide that shows a title and three blue bars, "
_LIKELY_CAPTION_LETTERS, _LIKELY_SPEECH_LETTERS, _LIKELY_QUESTION_LETTERS = 110, 170, 60
"""A sentence, what is said in twelve seconds at fifteen letters a second, and a question."""
_LIKELY_TOKENS: Final = {"local": 30, "remote": 40}
"""Of a caption: most take 20 to 50. The answer to a question about a picture is longer by half."""
_LIKELY_THOUGHT_TOKENS: Final = 300
_SHAPES: Final = (16 / 9, 4 / 3, 1.0, 3 / 4, 9 / 16)
"""A recording may change its shape on the way, so the most is that of the dearest of these."""
_FACTS: Final = PictureFacts("medium", 128.0, False, False, "none", 0.0)


def local(options: Options, need: Need) -> Forecast:
    """Return what the captioner on this machine would use. Raises: BackendMissing, OptionError.

    The most: each question fills the model's context but for the answer, and of every three
    pictures that are described one is asked about twice more, see :class:`LocalCaptioner`.
    """
    from vidsum.backends.gguf_shape import shape_of
    from vidsum.backends.llama import _LEAST_ANSWER_TOKENS
    from vidsum.backends.llama_vision import CONTEXT_TOKENS
    from vidsum.captioners.local import ANSWER_TOKENS, LOOK_TOKENS, OVERVIEW_SIDE_PX
    from vidsum.catalog.locate import find

    found = find("caption", options.caption_model, options.mmproj)
    shape = None if found.mmproj is None else shape_of(found.model, found.mmproj)
    model = ModelRef(backend="llama.cpp", requested=found.name, shape=shape,
                     device=device_of(options.gpu_layers))  # fmt: skip
    overview = options.tiles == "overview"
    side_px = min(need.side_px, OVERVIEW_SIDE_PX) if overview else need.side_px
    seen = None if shape is None else _Seen(shape, side_px, need.aspect, overview=overview)
    answer = LOOK_TOKENS if need.looks.most else ANSWER_TOKENS
    room = CONTEXT_TOKENS[options.tiles] - min(answer, _LEAST_ANSWER_TOKENS)
    plain, usual, _ = _prompts(options, need)
    least_text, usual_text = _text(plain).least, _text(usual).likely
    cached = _text(CaptionPrompt(usual.system, "")).likely
    sizes = (
        _Call(least_text, least_text, 0),
        _Call(usual_text, cached, _said(need, "local")),
        _Call(room, 0, answer),
    )
    least, likely, most = _counts(need)
    counts = (least, likely, most if need.looks.most else most + 2 * (most // 3))
    used = [
        _used(calls, min(room, call.text + (seen.tokens(place) if seen and place < 2 else 0)),
              call.answer)
        for place, (calls, call) in enumerate(zip(counts, sizes, strict=True))
    ]  # fmt: skip
    flops = [
        None if seen is None else _flops(seen, place, calls, call, room)
        for place, (calls, call) in enumerate(zip(counts, sizes, strict=True))
    ]
    return Forecast(model=model, least=used[0], likely=used[1], most=used[2],
                    least_flops=flops[0], likely_flops=flops[1], most_flops=flops[2])  # fmt: skip


def remote(options: Options, need: Need) -> Forecast:
    """Return what a provider's model would use. Raises: OptionError.

    The most: a model that turns out to think is asked again, the requests that are under way
    then are too, and all have room for thoughts from then on.
    """
    from vidsum.captioners.remote import ANSWER_TOKENS, LOOK_TOKENS

    model = remote_model(options, "caption")
    side_px = min(need.side_px, FINE_SIDE_PX if options.tiles == "all" else SIDE_PX)
    plain, usual, longest = _prompts(options, need)
    least, likely, most = _counts(need)
    text = bounds.most(ChatRequest(longest.system, longest.prompt), model, side_px).input_tokens
    assert text is not None
    picture = _picture(model, side_px, need.aspect)
    thinks = thinking(model)
    at_once = 1 if need.looks.most else options.api_requests
    again = 0 if thinks == "never" else min(most, at_once)
    room = LOOK_TOKENS if need.looks.most else ANSWER_TOKENS
    room += 0 if thinks == "never" else THINKING_TOKENS
    said = _said(need, "remote") + (_LIKELY_THOUGHT_TOKENS if thinks == "usually" else 0)
    return Forecast(
        model=model,
        least=_used(least, _text(plain).least + picture.least, 0, picture.least),
        likely=_used(likely, _text(usual).likely + picture.likely, said, picture.likely),
        most=_used(most + again, text + picture.most, room, picture.most),
    )


class _Call:
    """The tokens of one call: of its text, of those the cached ones, and of the answer."""

    def __init__(self, text: float, cached: float, answer: float) -> None:
        self.text, self.cached, self.answer = text, cached, answer


class _Seen:
    """What an encoder on this machine makes of a picture: least, likely and most."""

    def __init__(self, shape: ModelShape, side_px: int, aspect: float, *, overview: bool) -> None:
        from vidsum.backends.gguf_shape import image_patches, image_tiles, image_tokens
        from vidsum.backends.llama_vision import _OVERVIEW_TOKENS

        self.shape = shape
        limit = _OVERVIEW_TOKENS if overview else None
        sizes = [_size(side_px, aspect) for aspect in _aspects(aspect)]
        patches = [image_patches(shape, *size, most_tokens=limit) for size in sizes]
        tiles = [1 if overview else image_tiles(shape, *size) for size in sizes]
        self._known = None not in patches
        each = [count or 0 for count in patches]
        self._patches = Span(min(min(each), image_patches(shape, 1, 1) or 0), each[0], max(each))
        self._tiles = Span(1, tiles[0], max(tiles))
        self._each = image_tokens

    def patches(self, place: int) -> int | None:
        """Return the patches of a picture or tile: the least, the likely or the most of them."""
        return int(_at(self._patches, place)) if self._known else None

    def tiles(self, place: int) -> int:
        """Return how many tiles a picture becomes."""
        return int(_at(self._tiles, place))

    def tokens(self, place: int) -> int:
        """Return how many tokens a picture becomes, 0 where the file does not tell."""
        patches = self.patches(place)
        return 0 if patches is None else (self._each(self.shape, patches) or 0) * self.tiles(place)


def _flops(seen: _Seen, place: int, calls: int, call: _Call, room: int) -> float | None:
    from vidsum.costs.units import chat_flops

    patches = seen.patches(place)
    if patches is None:
        return None
    tokens = room if place == 2 else min(room, call.text + seen.tokens(place))
    return calls * chat_flops(
        seen.shape, input_tokens=tokens, cached_tokens=call.cached, output_tokens=call.answer,
        image_patches=patches * seen.tiles(place), pictures=seen.tiles(place),
    )  # fmt: skip


def _used(calls: int, input_tokens: float, output_tokens: float,
          image_tokens: float | None = None) -> Quantities:  # fmt: skip
    return Quantities(
        calls=calls, images=calls, input_tokens=calls * math.ceil(input_tokens),
        output_tokens=calls * math.ceil(output_tokens),
        image_tokens=None if image_tokens is None else calls * math.ceil(image_tokens),
    )  # fmt: skip


def _counts(need: Need) -> tuple[int, int, int]:
    asked = need.looks if need.looks.most else need.captions
    return math.floor(asked.least), round(asked.likely), math.ceil(asked.most)


def _said(need: Need, where: str) -> int:
    likely = _LIKELY_TOKENS[where]
    return likely * 3 // 2 if need.looks.most else likely


def _prompts(options: Options, need: Need) -> tuple[CaptionPrompt, CaptionPrompt, CaptionPrompt]:
    """Return the shortest, a usual and the longest prompt, from the file that is in use."""
    usual_speech = _like(_LIKELY_SPEECH_LETTERS if need.speech_s.likely > 0 else 0)
    longest_speech = _WIDEST * (SPEECH_LETTERS if need.speech_s.most > 0 else 0)
    if need.looks.most:
        return (
            _prompt(options, "", question="?"),
            _prompt(options, usual_speech, question=_like(_LIKELY_QUESTION_LETTERS)),
            _prompt(options, longest_speech, question=_WIDEST * QUESTION_LETTERS),
        )
    return (
        _prompt(options, ""),
        _prompt(options, usual_speech, before=_like(_LIKELY_CAPTION_LETTERS)),
        _prompt(options, longest_speech, before=_WIDEST * CAPTION_LETTERS),
    )


def _prompt(options: Options, speech: str, before: str = "", question: str = "") -> CaptionPrompt:
    sample = Sample(1, _LATE_S, _LATE_S, _LATE_S)
    request = CaptionRequest(sample, _FACTS, speech=speech, question=question)
    previous = Caption(0, 0.0, before, "") if before else None
    return caption_prompt(request, previous, options, new_fence())


def _like(letters: int) -> str:
    return (_WORDS * (letters // len(_WORDS) + 1))[:letters]


def _text(prompt: CaptionPrompt) -> Span:
    return text_tokens(f"{prompt.system}\n{prompt.prompt}")


def _picture(model: ModelRef, side_px: int, aspect: float) -> Span:
    spans = [
        picture_tokens(model.requested, model.provider, *_size(side_px, one))
        for one in _aspects(aspect)
    ]
    least = picture_tokens(model.requested, model.provider, 1, 1).least
    return Span(min(least, *(span.least for span in spans)), spans[0].likely,
                max(span.most for span in spans))  # fmt: skip


def _aspects(aspect: float) -> tuple[float, ...]:
    return (aspect, 1 / aspect, *_SHAPES)


def _size(side_px: int, aspect: float) -> tuple[int, int]:
    if aspect >= 1:
        return side_px, max(1, round(side_px / aspect))
    return max(1, round(side_px * aspect)), side_px


def _at(span: Span, place: int) -> float:
    return (span.least, span.likely, span.most)[place]
