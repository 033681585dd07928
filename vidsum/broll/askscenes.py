"""What the text model is asked for B-roll, in which form it answers, and how it is opened.

Whatever came out of the video, also by way of a model, stands in a prompt as lines of JSON between
two lines with a random mark; all else are words of our own, numbers, and words of the user.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict

from vidsum.pipeline.reasoning import FALLBACK, at_work
from vidsum.pipeline.run import Run
from vidsum.reasoner import forms
from vidsum.reasoner.asking import Asker
from vidsum.reasoner.protocol import Advanced, ignore
from vidsum.reasoner.schemas import Limits

LONGEST_BRIEF: Final = 240
"""Letters of a brief, and of the reason for a scene."""
LONGEST_PROMPT: Final = 700
"""Letters of a scene prompt: about 160 tokens, of 512 that text encoders of image models take."""
_LONGEST_ID: Final = 10


def text_model(run: Run) -> str | None:
    """Return the name of the engine that asks a text model; None where this run has none.

    Raises: BackendMissing, OptionError.
    """
    name = run.engines.reasoner.name
    return None if name == FALLBACK else name


def new_fence() -> str:
    """Return a line that nothing in a video can know beforehand."""
    return f"=====TIMELINE-{secrets.token_hex(8)}====="


@contextmanager
def asking(
    run: Run, name: str, stage: str, enough_tokens: int, fence: str, advanced: Advanced = ignore
) -> Iterator[Asker]:
    """Open the run's text model, booked as a stage of its own, and close it afterwards.

    What it wrote is kept between runs, as where it sums up. Raises: BackendMissing, BackendFailed.
    """
    with at_work(run, name, stage) as (reasoner, _):
        asker: Asker = reasoner.asker(enough_tokens, advanced, fence)
        try:
            yield asker
        finally:
            reasoner.reused = asker.reused


def _as_list(value: object) -> object:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _as_text(value: object) -> object:
    return "" if value is None else value


_Text = Annotated[str, BeforeValidator(_as_text)]


class _Part(BaseModel):
    """Lenient where nothing is lost by it, as the reasoner's forms are."""

    model_config = ConfigDict(coerce_numbers_to_str=True, extra="ignore", frozen=True)


class ScenePoint(_Part):
    """A scene as a model wrote it: its entries, where it begins and ends, what is to be seen."""

    evidence: Annotated[list[str], BeforeValidator(_as_list)] = []
    start: _Text = ""
    end: _Text = ""
    why: _Text = ""
    brief: _Text = ""


class ScenesForm(_Part):
    """A plan as a model wrote it. Nothing in it is checked against the timeline yet."""

    scenes: Annotated[list[ScenePoint], BeforeValidator(_as_list)]


class PromptForm(_Part):
    """A scene prompt as a model wrote it."""

    prompt: str


_Form = TypeVar("_Form", bound=BaseModel)


def read(text: str, form: type[_Form]) -> _Form:
    """Return an answer's content. Raises: Malformed, which says what to do better."""
    return forms.read(text, form)


def scenes_schema(limits: Limits) -> dict[str, Any]:
    """Return the schema of a plan of at most ``limits.chapters`` scenes, see ScenesForm.

    Texts are named by reference: llama.cpp refuses a grammar in which bounds inside bounds
    multiply.
    """
    ids = _list({"$ref": "#/$defs/id"}, limits.evidence)
    scene = _object({
        "evidence": ids, "start": {"$ref": "#/$defs/id"}, "end": {"$ref": "#/$defs/id"},
        "why": {"$ref": "#/$defs/text"}, "brief": {"$ref": "#/$defs/text"},
    })  # fmt: skip
    return _object({"scenes": _list(scene, limits.chapters)}) | {
        "$defs": {"id": _text(_LONGEST_ID), "text": _text(limits.text)}
    }


def prompt_schema(limits: Limits) -> dict[str, Any]:
    """Return the schema of a scene prompt of ``limits.text`` letters, see PromptForm."""
    return _object({"prompt": _text(limits.text)})


def _text(longest: int) -> dict[str, Any]:
    return {"type": "string", "maxLength": longest}


def _list(items: Mapping[str, Any], most: int) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": 1, "maxItems": most}


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
