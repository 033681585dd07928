"""Runs of the B-roll planner with a text model that follows a script."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reasoner.factory import bundle, lecture_cues, lecture_screens
from scripted_provider import Answer, Call, ScriptedProvider, Step, says

from vidsum import api
from vidsum.config import Options
from vidsum.data import Bundle, Entry, Notice, Summary
from vidsum.events import Event
from vidsum.pipeline.run import Run
from vidsum.reasoner.extractive import ExtractiveReasoner

LECTURE = bundle(lecture_screens(), lecture_cues(), language="eng", tags={"title": "Heat, part 4"})


def summed_up(packed: Bundle = LECTURE) -> Summary:
    """Return the quoted summary of a bundle."""
    return ExtractiveReasoner().summarize(packed)


@dataclass
class Told:
    """What came of one run. ``value`` is what the step returned."""

    value: Any
    calls: list[Call]
    events: list[Event]
    failures: list[str]
    notices: list[Notice]
    lines: list[Entry] = field(default_factory=list)

    @property
    def prompts(self) -> list[str]:
        return [call.prompt for call in self.calls]


def through(step: Callable[[Run], Any], options: Options, path: Path = Path("talk.mp4")) -> Told:
    """Return what came of a step of a run, whose ledger is written."""
    events: list[Event] = []
    run = api.start(path, options, events.append)
    with api.finishing(run):
        value = step(run)
    lines = list(run.meter.book.lines())
    return Told(value, [], events, run.failures, run.notices, lines)


def scripted(step: Callable[[Run], Any], *script: Step, **more: Any) -> Told:
    """The same with a remote text model that follows a script."""
    with ScriptedProvider(*script) as provider:
        named = {"reason_model": "m", "reason_context_tokens": 32_768, "ocr": False,
                 "captioner": "builtin", "transcriber": "none", "reasoner": "remote"}  # fmt: skip
        told = through(step, Options(**({"api": provider.url} | named | more)))
        told.calls = [call for call in provider.calls if call.method == "POST"]
    return told


def wrote(**fields: Any) -> Answer:
    """An answer with a JSON object."""
    return says(json.dumps(fields))


def point(evidence: object = ("s1",), brief: str = "A heat pump in the snow.", **more: Any) -> Any:
    """A scene as a model writes it."""
    ids = list(evidence) if isinstance(evidence, tuple) else evidence
    return {"evidence": ids, "start": "", "end": "", "why": "It is told of.", "brief": brief} | more
