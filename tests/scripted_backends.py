"""Backends that do what a test tells them, in the registry's place."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterable, Iterator

import pytest

from vidsum import registry
from vidsum.captioners.protocol import Captioner, CaptionRequest
from vidsum.costs.tally import Tally
from vidsum.data import Caption, ModelRef, Quantities, Transcript
from vidsum.registry import Work
from vidsum.transcribers.protocol import Transcriber, TranscriptRequest

SCRIPTED = ModelRef(backend="scripted", requested="scripted")


def put_in_place(monkeypatch: pytest.MonkeyPatch, stage: str, name: str, backend: object) -> None:
    """Have the registry build one object for one name, whenever it is asked for it.

    An exception is raised instead, as where a model was removed meanwhile.
    """

    def build(options: object) -> object:
        if isinstance(backend, Exception):
            raise backend
        return backend

    module = f"scripted_{stage}_{name}"
    monkeypatch.setitem(sys.modules, module, types.SimpleNamespace(build=build))
    known = registry.STAGES[stage][name]
    table = {**registry.STAGES[stage], name: registry.Backend(module, known.tier)}
    monkeypatch.setattr(registry, "STAGES", {**registry.STAGES, stage: table})


class ScriptedTranscriber(Transcriber):
    """Hears what it is told to, when it is told to."""

    name = "scripted"

    def __init__(self, script: Callable[[TranscriptRequest], Transcript | None],
                 work: Work = "cores") -> None:  # fmt: skip
        self.tally = Tally()
        self.work: Work = work
        self._script = script

    def transcribe(self, request: TranscriptRequest) -> Transcript | None:
        with self.tally.open(SCRIPTED, Quantities(calls=1)) as call:
            call.settle(Quantities(calls=1), "unknown")
        return self._script(request)

    def close(self) -> None:
        """Nothing is held."""


class ScriptedCaptioner(Captioner):
    """Says what it is told to of each picture; ``asked`` counts them."""

    name = "scripted"
    needs_pixels = True
    wants_speech = False
    work: Work = "network"

    def __init__(self, script: Callable[[int, CaptionRequest], Caption]) -> None:
        self.tally = Tally()
        self.asked = 0
        self._script = script

    def caption(self, requests: Iterable[CaptionRequest]) -> Iterator[Caption]:
        for number, request in enumerate(requests):
            self.asked += 1
            yield self._script(number, request)

    def close(self) -> None:
        """Nothing is held."""
