"""Recordings of many hours, made up: a description every five seconds, 10,000 words an hour."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from math import inf
from pathlib import Path

from reasoner.writers import honest, rows, wants_notes
from scripted_provider import Answer, Call, ScriptedProvider

from vidsum import tokens
from vidsum.config import Options
from vidsum.data import (
    AudioTrack,
    Bundle,
    Caption,
    Evidence,
    Fact,
    MediaInfo,
    Observation,
    PictureFacts,
    Sample,
    Segment,
    Summary,
    Transcript,
    VideoTrack,
)
from vidsum.reasoner import remote
from vidsum.timeline import timeline
from vidsum.wording import as_line

INTERVAL_S = 5.0
TOPIC_S = 240.0
"""How long is spoken of one thing; then there is a pause and the picture cuts to another view."""
_PAUSE_S = 3.0
_WORDS = 12
_WORD_S = 0.355
_LITTLE = "the of and a to in is that it for on with as this by we are be at from".split()  # noqa: SIM905
_SYLLABLES = "ba do fi gru ka lem mo nu pra ri sto ta vel wi zon".split()  # noqa: SIM905
_VIEWS = "man woman child hall street board desk river tree lamp door wheel crowd map".split()  # noqa: SIM905


@cache
def recording(hours: float, seed: int = 5) -> Bundle:
    """Return the bundle of a recording. What is said and shown changes all the time."""
    end_s = hours * 3600
    info = MediaInfo(
        path=Path("recording.mkv"), size_bytes=1_000, container="matroska", duration_s=end_s,
        origin_s=0.0, video=VideoTrack(0, "h264", 1280, 720, 25.0, end_s),
        audio=(AudioTrack(1, 1, "aac", "en", 2, 48_000, True),), chapters=(), tags={},
    )  # fmt: skip
    evidence = Evidence(
        info, tuple(_observations(end_s, seed)), (),
        Transcript(tuple(_segments(end_s, seed)), "subtitle file", "subtitles", "en"), None,
        0.0, end_s, INTERVAL_S, facts=(Fact("Title", "A long recording", "tag title"),),
    )  # fmt: skip
    entries = timeline(evidence)
    count, origin = tokens.count("\n".join(map(as_line, entries)), None)
    return Bundle(evidence, entries, count, origin)


def _segments(end_s: float, seed: int) -> Iterator[Segment]:
    rng = random.Random(seed)
    start_s, topic = 0.0, -1
    while start_s < end_s - _WORDS * _WORD_S:
        if int(start_s / TOPIC_S) > topic:
            topic = int(start_s / TOPIC_S)
            start_s = max(start_s, topic * TOPIC_S) + (_PAUSE_S if topic else 0.0)
            about = ["".join(rng.choices(_SYLLABLES, k=3)) for _ in range(30)]
        words = [rng.choice(about if place % 2 else _LITTLE) for place in range(_WORDS)]
        until_s = start_s + _WORDS * _WORD_S * rng.uniform(0.9, 1.05)
        yield Segment(start_s, until_s, f"{' '.join(words).capitalize()}.")
        start_s = until_s + rng.uniform(0.0, 0.1)


def _observations(end_s: float, seed: int) -> Iterator[Observation]:
    rng = random.Random(seed + 1)
    for index in range(int(end_s / INTERVAL_S)):
        time_s = index * INTERVAL_S
        shown = rng.sample(_VIEWS, 4)
        text = f"A {shown[0]} near a {shown[1]}, and {rng.randrange(2, 90)} steps behind it a {shown[2]} with a {shown[3]}."  # noqa: E501
        facts = PictureFacts(
            "medium", 120.0, monochrome=False, blank=False, bars="none", flatness=0.3,
            difference=90.0 if time_s % TOPIC_S == 0 else 20.0,
        )  # fmt: skip
        sample = Sample(index, time_s, time_s, time_s)
        yield Observation(sample, facts, None, Caption(index, time_s, text, "local", model="m"))


@dataclass
class Reading:
    """How a model was asked about a recording: what is kept of it does not hold the prompts."""

    names: dict[str, str]
    """The ids of all entries, so that they are not held once more for each section."""
    sent_tokens: int = 0
    sections: list[list[str]] = field(default_factory=list)
    """The ids of the entries in each section's prompt; facts, which are in all, left out."""
    rounds: int = 0
    """How often notes were merged before the last prompt took them all."""
    last_spans: list[tuple[int, int]] = field(default_factory=list)
    """From when to when each of the notes in the last prompt is; empty if that was the only one."""
    largest_tokens: int = 0
    held_bytes: list[int] = field(default_factory=list)
    """What Python had allocated at each question, while tracemalloc looks."""
    _last_s: float = inf

    @property
    def calls(self) -> int:
        """How many questions there were."""
        return len(self.held_bytes)

    def note(self, call: Call) -> None:
        """Take down one question."""
        asked = "\n".join(message["content"] for message in call.body["messages"])
        size = tokens.count(asked, None)[0]
        self.held_bytes.append(tracemalloc.get_traced_memory()[0])
        self.sent_tokens += size
        self.largest_tokens = max(self.largest_tokens, size + int(call.body["max_tokens"]))
        lines = rows(call.prompt)
        notes = [line for line in lines if "points" in line]
        if not notes:
            told = [self.names[line["id"]] for line in lines if "fact" not in line]
            self.sections.append(told)
        elif wants_notes(call):
            self.rounds += notes[0]["from"] <= self._last_s
            self._last_s = notes[0]["from"]
        else:
            self.last_spans = [(line["from"], line["to"]) for line in notes]


def read(bundle: Bundle, context_tokens: int) -> tuple[Reading, Summary]:
    """Have a model that takes so much at once sum a recording up; a script answers for it."""
    reading = Reading({entry.id: entry.id for entry in bundle.timeline})

    def answered(call: Call) -> Answer:
        reading.note(call)
        provider.calls.clear()  # all that was sent would else count as memory of ours
        return honest(call)

    with ScriptedProvider(answered) as provider:
        reasoner = remote.build(
            Options(api=provider.url, reason_model="m", reason_context_tokens=context_tokens)
        )
        try:
            return reading, reasoner.summarize(bundle)
        finally:
            reasoner.close()
