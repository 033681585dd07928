"""Records: everything that evidence can hold comes back as it was, and nothing else is taken."""

from __future__ import annotations

import json
import math
import os
import typing
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsum.data import (
    AudioTrack,
    Caption,
    ChapterMark,
    Coverage,
    DroppedSample,
    Evidence,
    Fact,
    MediaInfo,
    Notice,
    Observation,
    PictureFacts,
    Sample,
    ScreenText,
    Segment,
    SpeechScores,
    TextLine,
    TextTrack,
    Transcript,
    VideoTrack,
    Word,
)
from vidsum.store.records import form_of, from_record, to_record

texts = st.text(st.characters(), max_size=12)
"""Of all characters: controls, lone surrogates and pairs of them."""
odd_paths = st.binary(min_size=1, max_size=12).map(
    lambda raw: Path(os.fsdecode(raw.replace(b"\0", b"\xff")))
)


def same(one: Any, other: Any) -> bool:
    """Equal, and of the same types; a NaN is the same as a NaN."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    if is_dataclass(one):
        return all(same(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(map(same, one.values(), other.values()))
    return bool(one == other)


def built(kind: type, **known: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Build a dataclass with the odd texts in each field that may hold text."""
    hints = typing.get_type_hints(kind)
    odd = {name: texts if of is str else st.none() | texts for name, of in hints.items()
           if of in (str, str | None)}  # fmt: skip
    return st.builds(kind, **(odd | known))


def lists_of(kind: type) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(built(kind), max_size=2).map(tuple)


infos = built(MediaInfo, path=odd_paths, audio=lists_of(AudioTrack), text=lists_of(TextTrack),
                  chapters=lists_of(ChapterMark), video=st.none() | built(VideoTrack),
                  tags=st.dictionaries(texts, texts, max_size=3))  # fmt: skip
observations = built(
    Observation, sample=built(Sample), facts=built(PictureFacts),
    text=st.none() | built(ScreenText, lines=lists_of(TextLine)),
    caption=st.none() | built(Caption),
)  # fmt: skip
segments = built(Segment, words=lists_of(Word), scores=st.none() | built(SpeechScores))
transcripts = built(Transcript, segments=st.lists(segments, max_size=2).map(tuple),
                        rejected=st.lists(segments, max_size=1).map(tuple))  # fmt: skip
evidences = built(
    Evidence, info=infos, observations=st.lists(observations, max_size=2).map(tuple),
    dropped=lists_of(DroppedSample), transcript=transcripts,
    coverage=st.none() | built(Coverage), overlay=st.lists(texts, max_size=2).map(tuple),
    notices=lists_of(Notice), facts=lists_of(Fact),
)  # fmt: skip


@given(evidences)
def test_evidence_comes_back_as_it_was(evidence: Evidence) -> None:
    found = from_record(Evidence, to_record(evidence))
    assert same(found, evidence)


@dataclass(frozen=True, slots=True)
class Inner:
    """What others hold."""

    kind: Literal["a", "b"]
    size_px: int | None = None


@dataclass(frozen=True, slots=True)
class Outer:
    """One field of each sort."""

    name: str
    at_s: float
    on: bool
    inner: Inner | None
    many: tuple[Inner, ...]
    three: tuple[float, float, float]
    tags: Mapping[str, str]
    path: Path


WHOLE = Outer("n", 1.5, True, Inner("a", 3), (Inner("b"), Inner("a")), (0.1, math.inf, -0.0),
              {"k": "v"}, Path("/a/b\udcff"))  # fmt: skip


def test_every_sort_of_field_comes_back() -> None:
    assert from_record(Outer, to_record(WHOLE)) == WHOLE


def test_two_lone_surrogates_do_not_become_one_letter() -> None:
    fact = Fact("name", "\ud83d\ude00 \udcff", "tag \x00\x1b[2J")
    assert from_record(Fact, to_record(fact)) == fact


@pytest.mark.parametrize("change", [
    {"name": 5}, {"name": None}, {"at_s": "1.5"}, {"at_s": True}, {"on": 1}, {"inner": []},
    {"inner": {"kind": "c", "size_px": None}}, {"inner": {"kind": "a"}},
    {"inner": {"kind": "a", "size_px": 1.0}}, {"inner": {"kind": "a", "size_px": 1, "more": 0}},
    {"many": {"kind": "a"}}, {"many": [None]}, {"three": [0.1, 0.2]}, {"three": "abc"},
    {"tags": {"k": 1}}, {"tags": []}, {"path": 3}, {"added": 1},
])  # fmt: skip
def test_a_field_that_is_not_as_it_should_be_makes_the_record_absent(
    change: dict[str, object],
) -> None:
    record = json.loads(to_record(WHOLE).decode("utf-8", "surrogatepass"))
    record["value"] |= change
    body = json.dumps(record, ensure_ascii=False).encode("utf-8", "surrogatepass")
    assert from_record(Outer, body) is None


def test_a_field_that_is_missing_makes_the_record_absent() -> None:
    for field in fields(Outer):
        record = json.loads(to_record(WHOLE).decode("utf-8", "surrogatepass"))
        del record["value"][field.name]
        body = json.dumps(record, ensure_ascii=False).encode("utf-8", "surrogatepass")
        assert from_record(Outer, body) is None


@given(st.binary(max_size=60) | st.recursive(
    st.none() | st.booleans() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
).map(lambda value: json.dumps({"form": form_of(Outer), "value": value}).encode()))  # fmt: skip
def test_any_bytes_are_a_record_or_absent(body: bytes) -> None:
    assert from_record(Outer, body) is None


def test_nesting_without_end_is_absent() -> None:
    head = f'{{"form": "{form_of(Outer)}", "value": '.encode()
    assert from_record(Outer, head + b"[" * 100_000) is None
    assert from_record(Outer, head + b"1" * 10_000 + b"}") is None


def test_the_form_changes_with_any_field_within() -> None:
    def made(annotation: Any, name: str = "size_px") -> type:
        inner = type("Inner", (), {"__annotations__": {name: annotation}})
        held = dataclass(inner)
        return dataclass(type("Holder", (), {"__annotations__": {"inner": tuple[held, ...]}}))  # type: ignore[valid-type]

    kinds = [int, float, int | None, Literal["a"], Literal["a", "b"], tuple[int, ...], Inner]
    forms = [form_of(made(kind)) for kind in kinds]
    assert len({*forms, form_of(made(int, "other_px"))}) == len(kinds) + 1
    assert form_of(made(int)) == forms[0]
    assert from_record(made(float), to_record(WHOLE)) is None


def test_what_a_record_cannot_hold_is_refused_when_it_is_written() -> None:
    class Text(str):
        """Would come back as a plain one."""

    for odd in (Text("a"), b"a", [1], {1: "a"}, object()):
        with pytest.raises(TypeError):
            to_record(Inner("a", odd))  # type: ignore[arg-type]
