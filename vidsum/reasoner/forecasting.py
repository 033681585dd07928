"""What a model's summary would take, before there is anything to sum up.

Not in ``most``: an endpoint that takes less at once than is believed of it. Not in ``least``:
answers that were kept from earlier runs. A question about the video takes no more than a summary:
its prompts and its answers are shorter.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

from vidsum.config import Options
from vidsum.data import Forecast, ModelRef, Need, Quantities, Span
from vidsum.reasoner.workload import BYTES_A_TOKEN, FOREIGN, USUAL, frame, largest, way

_FAULT_BYTES: Final = 2_000
"""What is said of an answer that could not be used."""
_SHORTEST_ANSWER_TOKENS: Final = 64
"""A prompt that leaves less is refused by a model in this process."""
_LIKELY_SHARE: Final = 0.4
"""Of the room for an answer that it takes."""
_LIKELY_THOUGHT_TOKENS: Final = 600
_LARGE_CONTEXT_TOKENS: Final = 128_000
_LISTED: Final = ("openrouter",)
"""Providers that say of each model how much it takes at once, which is much."""
_STEPS: Final = 5


def local(options: Options, need: Need) -> Forecast:
    """Return what the reasoner on this machine would use. Raises: BackendMissing, OptionError.

    The most: each question is put twice, the second time with room for twice the answer, and a
    prompt fills the context but for the shortest answer, if its bytes allow.
    """
    from vidsum.backends.foreseeing import device_of, trained_tokens
    from vidsum.backends.gguf_shape import shape_of
    from vidsum.catalog.locate import find
    from vidsum.reasoner.local import MOST_CONTEXT_TOKENS
    from vidsum.reasoner.rooms import enough_tokens

    found = find("reason", options.reason_model)
    model = ModelRef(backend="llama.cpp", requested=found.name, shape=shape_of(found.model),
                     device=device_of(options.gpu_layers))  # fmt: skip
    most_context = (found.entry.context_tokens if found.entry else None) or MOST_CONTEXT_TOKENS
    trained = trained_tokens(found.model) or most_context
    looks = _looks(options, need)

    def context(count: float) -> int:
        enough = enough_tokens(math.ceil(count), options.length, looks)
        return min(options.reason_context_tokens or min(most_context, enough), trained)

    span = _shown(options, need)
    likely = way(frame(options, context(span.likely), looks), span.likely, USUAL)
    # The context goes by the timeline: each stretch of lengths with the context of its shortest.
    counts = _steps(span.least, span.most)
    most = largest(*(
        way(frame(options, context(low), looks), high, BYTES_A_TOKEN)
        for low, high in zip(counts, counts[1:] or counts, strict=False)
    ))  # fmt: skip
    fits = min(context(span.most) - _SHORTEST_ANSWER_TOKENS, most.prompts_bytes + _FAULT_BYTES)
    calls = 2 * most.questions
    used = (
        _least(options, need),
        Quantities(calls=likely.questions, input_tokens=likely.prompts_tokens,
                   output_tokens=round(likely.answers_tokens * _LIKELY_SHARE)),
        Quantities(
            calls=calls, output_tokens=3 * most.answers_tokens,
            input_tokens=min(calls * fits, 2 * (most.prompts_bytes + calls * _FAULT_BYTES)),
        ),
    )  # fmt: skip
    flops = [_flops(model, one) for one in (*used[:2], _filled(used[2], fits))]
    return Forecast(model=model, least=used[0], likely=used[1], most=used[2],
                    least_flops=flops[0], likely_flops=flops[1], most_flops=flops[2])  # fmt: skip


def remote(options: Options, need: Need) -> Forecast:
    """Return what a provider's model would use. Raises: OptionError.

    The most: each question is put twice, one of them once more when the model turns out to
    think, and as many tokens are counted as there are bytes.
    """
    from vidsum.backends.bounds import _FRAME_TOKENS, _SCHEMA_FACTOR
    from vidsum.backends.dialect import THINKING_TOKENS
    from vidsum.backends.foreseeing import remote_model, thinking
    from vidsum.backends.providers import endpoint

    model = remote_model(options, "reason")
    provider = endpoint(options.api_for("reason")).provider_name
    narrow, wide = _contexts(options)
    span, looks = _shown(options, need), _looks(options, need)
    believed = wide if provider in _LISTED else narrow
    likely = way(frame(options, believed, looks), span.likely, USUAL)
    most = largest(*(
        way(frame(options, context, looks), span.most, FOREIGN)
        for context in (narrow, wide)
    ))  # fmt: skip
    thinks = thinking(model)
    again = 0 if thinks == "never" else 1
    calls = 2 * most.questions + again
    sent = most.prompts_bytes + _SCHEMA_FACTOR * most.schemas_bytes
    thoughts = again * calls * THINKING_TOKENS
    guessed = _LIKELY_THOUGHT_TOKENS * likely.questions if thinks == "usually" else 0
    return Forecast(
        model=model,
        least=_least(options, need),
        likely=Quantities(
            calls=likely.questions, input_tokens=likely.prompts_tokens + likely.schemas_bytes // 4,
            output_tokens=round(likely.answers_tokens * _LIKELY_SHARE) + guessed,
        ),
        most=Quantities(
            calls=calls, output_tokens=(3 + again) * most.answers_tokens + thoughts,
            input_tokens=(2 + again) * sent + calls * (_FRAME_TOKENS + _FAULT_BYTES),
        ),
    )  # fmt: skip


def _contexts(options: Options) -> tuple[int, int]:
    """Return the least and the most that a remote model may be believed to take at once."""
    from vidsum.backends.providers import endpoint
    from vidsum.reasoner.remote import _OPENAI_CONTEXT_TOKENS, _USUAL_CONTEXT_TOKENS

    where = endpoint(options.api_for("reason"))
    if options.reason_context_tokens:
        return options.reason_context_tokens, options.reason_context_tokens
    if where.provider_name == "openai":
        return _OPENAI_CONTEXT_TOKENS, _OPENAI_CONTEXT_TOKENS
    told = where.provider.context_tokens if where.provider else None
    return told or _USUAL_CONTEXT_TOKENS, _LARGE_CONTEXT_TOKENS


def _looks(options: Options, need: Need) -> int:
    """Return how many moments the model may ask to see again; offered some, it is likely to."""
    return 0 if options.second_look == 0 else math.ceil(need.looks.most)


def _shown(options: Options, need: Need) -> Span:
    """Return how many tokens of a timeline a model is shown."""
    span, most = need.timeline_tokens, options.max_evidence_tokens
    if most is None:
        return span
    return Span(min(span.least, most), min(span.likely, most), min(span.most, most))


def _least(options: Options, need: Need) -> Quantities:
    """A model is asked nothing about a video of which nothing is known.

    Speech that was found tells nothing yet: what is made of it may not be believed. An estimate of
    tokens is less than twice too high; what gives way to a budget may leave next to nothing.
    """
    calls = 1 if need.captions.least >= 1 else 0
    shown = 0 if options.max_evidence_tokens else math.floor(need.timeline_tokens.least / 2)
    return Quantities(calls=calls, input_tokens=calls * shown, output_tokens=0)


def _filled(used: Quantities, fits: int) -> Quantities:
    return replace(used, input_tokens=(used.calls or 0) * fits)


def _flops(model: ModelRef, used: Quantities) -> float | None:
    """Return what calls take that are all alike."""
    from vidsum.costs.units import chat_flops

    if model.shape is None:
        return None
    calls = max(1, used.calls or 0)
    return calls * chat_flops(
        model.shape, input_tokens=(used.input_tokens or 0) / calls, cached_tokens=0,
        output_tokens=(used.output_tokens or 0) / calls,
    )  # fmt: skip


def _steps(least: float, most: float) -> list[float]:
    """Return lengths from the least to the most, each as many times the one before."""
    if most <= least:
        return [most]
    low = max(least, 1.0)
    factor = (most / low) ** (1 / _STEPS) if most > low else 1.0
    return [least, *(low * factor**step for step in range(1, _STEPS)), most]
