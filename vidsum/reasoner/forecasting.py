"""What a model's summary would take, before there is anything to sum up.

The code that asks also decides here: whether a timeline fits one question, and how much of it a
section takes. The prompts are rendered from the files in use.

Not in ``most``: an endpoint that takes less at once than is believed of it.
"""

from __future__ import annotations

import json
import math
from dataclasses import astuple, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from vidsum import tokens
from vidsum.backends.protocol import ChatBackend
from vidsum.config import Options
from vidsum.data import (
    Bundle,
    ChatRequest,
    DroppedSample,
    Evidence,
    Forecast,
    MediaInfo,
    ModelRef,
    Need,
    Notice,
    Origin,
    Quantities,
    Reply,
    Sample,
    Transcript,
)
from vidsum.errors import BackendFailed

_BYTES_A_TOKEN: Final = 3
"""Timeline tokens are at least a third of its bytes, see :func:`vidsum.tokens.count`."""
_USUAL, _FOREIGN = 1.1, 1.6
"""What an :class:`Asker` makes of an estimate of tokens: of English, and of other letters."""
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
_LATE_S: Final = 360_000.0
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

    found = find("reason", options.reason_model)
    model = ModelRef(backend="llama.cpp", requested=found.name, shape=shape_of(found.model),
                     device=device_of(options.gpu_layers))  # fmt: skip
    most_context = (found.entry.context_tokens if found.entry else None) or MOST_CONTEXT_TOKENS
    trained = trained_tokens(found.model) or most_context

    def context(count: float) -> int:
        wanted = options.reason_context_tokens or min(most_context, _enough(count))
        return min(wanted, trained)

    span = need.timeline_tokens
    likely = _way(_frame(options, context(span.likely)), span.likely, _USUAL)
    # The context goes by the timeline: each stretch of lengths with the context of its shortest.
    counts = _steps(span.least, span.most)
    most = _largest(*(
        _way(_frame(options, context(low)), high, _BYTES_A_TOKEN)
        for low, high in zip(counts, counts[1:] or counts, strict=False)
    ))  # fmt: skip
    fits = min(context(span.most) - _SHORTEST_ANSWER_TOKENS, most.prompts_bytes + _FAULT_BYTES)
    calls = 2 * most.questions
    used = (
        Quantities(calls=_least_calls(need), input_tokens=_least_input(need), output_tokens=0),
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
    smallest, largest = _contexts(options)
    span = need.timeline_tokens
    believed = largest if provider in _LISTED else smallest
    likely = _way(_frame(options, believed), span.likely, _USUAL)
    most = _largest(*(
        _way(_frame(options, context), span.most, _FOREIGN) for context in (smallest, largest)
    ))  # fmt: skip
    thinks = thinking(model)
    again = 0 if thinks == "never" else 1
    calls = 2 * most.questions + again
    sent = most.prompts_bytes + _SCHEMA_FACTOR * most.schemas_bytes
    thoughts = again * calls * THINKING_TOKENS
    guessed = _LIKELY_THOUGHT_TOKENS * likely.questions if thinks == "usually" else 0
    return Forecast(
        model=model,
        least=Quantities(calls=_least_calls(need), input_tokens=_least_input(need),
                         output_tokens=0),
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


def _least_calls(need: Need) -> int:
    """A model is asked nothing about a video of which nothing is known.

    Speech that was found tells nothing yet: what is made of it may not be believed.
    """
    return 1 if need.captions.least >= 1 else 0


def _least_input(need: Need) -> int:
    """An estimate of tokens is less than twice too high."""
    return _least_calls(need) * math.floor(need.timeline_tokens.least / 2)


def _filled(used: Quantities, fits: int) -> Quantities:
    from dataclasses import replace

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


@dataclass(frozen=True, slots=True)
class _Part:
    """Prompts of one kind: without lines their bytes and tokens, the schema's bytes, how many
    tokens of lines fit, and the room for an answer."""

    prompt_bytes: int
    prompt_tokens: int
    schema_bytes: int
    lines_tokens: int
    room_tokens: int


@dataclass(frozen=True, slots=True)
class _Frame:
    """What is asked of a model that takes so much at once. Without sections there is no room."""

    summary: _Part
    section: _Part | None = None
    merge: _Part | None = None


@dataclass(frozen=True, slots=True)
class _Way:
    """All questions of a summary together, each put once."""

    questions: int
    prompts_bytes: int
    prompts_tokens: int
    schemas_bytes: int
    answers_tokens: int


def _way(frame: _Frame, count: float, margin: float) -> _Way:
    """Return how a timeline of ``count`` tokens is summed up, which may be ``margin`` as many."""
    whole, count = frame.summary, math.ceil(count)
    one = _Way(1, whole.prompt_bytes + _BYTES_A_TOKEN * count, whole.prompt_tokens + count,
               whole.schema_bytes, whole.room_tokens)  # fmt: skip
    section, merge = frame.section, frame.merge
    if count * margin < whole.lines_tokens or section is None or merge is None:
        return one
    # The first facts that came with the file stand in every prompt, in an eighth of it at most.
    facts = section.lines_tokens // 8
    counted, budget = math.ceil(count * margin), section.lines_tokens - facts
    if margin == _USUAL:
        sections, joins = math.ceil(counted / budget), 0
    else:
        sections = most_sections(counted, budget)
        joins = max(0, sections - 2)  # each of two notes may fill half of a prompt
    merged = (joins + 1) * merge.lines_tokens
    parts = _Way(
        sections + joins + 1,
        sections * section.prompt_bytes + (joins + 1) * merge.prompt_bytes
        + _BYTES_A_TOKEN * (count + sections * facts + merged),
        sections * section.prompt_tokens + (joins + 1) * merge.prompt_tokens
        + count + min(merged, sections * section.room_tokens),
        (sections + joins) * section.schema_bytes + merge.schema_bytes,
        (sections + joins) * section.room_tokens + merge.room_tokens,
    )  # fmt: skip
    return _largest(one, parts)  # where more would have fitted, it is one question after all


def _largest(*ways: _Way) -> _Way:
    """Return what is the largest in every respect."""
    return _Way(*(max(values) for values in zip(*map(astuple, ways), strict=True)))


def most_sections(count: int, budget: int) -> int:
    """Return in how many sections of at most ``budget`` tokens a timeline is cut at most.

    A section has at least half of what equal ones would have, but one before a line that is too
    long for it. Source: :func:`vidsum.reasoner.sections.cut`.
    """
    sections, left = 1, float(count)
    while left > budget:
        left -= left / math.ceil(left / budget) / 2
        sections += 1
    return sections + (sections > 1)


@lru_cache(64)
def _frame(options: Options, context_tokens: int) -> _Frame:
    """Return what is asked of a model that takes so many tokens at once. Raises: OptionError."""
    from vidsum.reasoner.answer import limits_for, notes_schema, summary_schema
    from vidsum.reasoner.asking import Asker, NoRoom
    from vidsum.reasoner.grounding import Ground
    from vidsum.reasoner.model import _LEAST_ROOM_TOKENS, _MOST_ROOM_TOKENS, _ROOM_SHARE
    from vidsum.reasoner.prompting import SYSTEM, Prompter
    from vidsum.reasoner.protocol import ignore
    from vidsum.reasoner.reducing import Reduction

    bundle = _bundle()
    prompter = Prompter(bundle, options)
    room = min(max(context_tokens // _ROOM_SHARE, _LEAST_ROOM_TOKENS), _MOST_ROOM_TOKENS)
    limits, span_s = limits_for(room), (_LATE_S, 2 * _LATE_S)
    asker = Asker(_Counting(context_tokens), context_tokens, advanced=ignore)

    def part(prompt: str, schema: object, lines_tokens: int, room_tokens: int) -> _Part:
        text = f"{SYSTEM}\n{prompt}"
        return _Part(_bytes(text), tokens.count(text, None)[0], _bytes(json.dumps(schema)),
                     lines_tokens, room_tokens)  # fmt: skip

    prompt = prompter.summary([], limits)
    whole = part(prompt, summary_schema(limits), asker.room(prompt) - room, room)
    reduction = Reduction(bundle, prompter, asker, Ground(bundle), room)
    notes_room, few = reduction._notes_room, reduction._notes_limits
    try:
        budget, merge_budget = reduction._section_budget(), reduction._merge_budget()
    except NoRoom:
        return _Frame(whole)
    section = prompter.section([], few, span_s=span_s, part=100, parts=100)
    merge = prompter.merge([], limits, span_s=span_s, final=True)
    return _Frame(
        whole,
        part(section, notes_schema(few), budget, notes_room),
        part(merge, summary_schema(limits), merge_budget, room),
    )


def _enough(count: float) -> int:
    """Return the context that is asked for a timeline of so many tokens."""
    from vidsum.reasoner.model import _enough_tokens

    return _enough_tokens(_bundle(math.ceil(count)))


def _bundle(count: int = 0) -> Bundle:
    """Return the bundle of a long video of which nothing is known."""
    info = MediaInfo(Path(), 0, "", None, 0.0, None)
    heard, dropped = Transcript((), "", "none"), DroppedSample(Sample(0, 0.0, 0.0, 0.0), "black")
    lacking = Notice("partial", "", partial=True)
    evidence = Evidence(info, (), (dropped,), heard, None, _LATE_S, 2 * _LATE_S, 5.0,
                        notices=(lacking,))  # fmt: skip
    return Bundle(evidence, (), count, "estimated")


def _steps(least: float, most: float) -> list[float]:
    """Return lengths from the least to the most, each as many times the one before."""
    if most <= least:
        return [most]
    low = max(least, 1.0)
    factor = (most / low) ** (1 / _STEPS) if most > low else 1.0
    return [least, *(low * factor**step for step in range(1, _STEPS)), most]


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


class _Counting(ChatBackend):
    """Counts tokens as a backend without a tokenizer does, and answers nothing."""

    model = ""

    def __init__(self, context_tokens: int) -> None:
        self.context_tokens: int | None = context_tokens

    def complete(self, request: ChatRequest) -> Reply:
        """Raises: BackendFailed, for nobody is asked."""
        raise BackendFailed("A forecast asks no model.")

    def count_tokens(self, text: str) -> tuple[int, Origin]:
        """Return an estimate."""
        return tokens.count(text, None)

    def close(self) -> None:
        """Nothing is held."""
