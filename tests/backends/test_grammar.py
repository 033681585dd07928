"""Grammars made of schemas: llama.cpp takes them, and what is written under them fits."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models import VLM
from models.text_gguf import text_gguf

from vidsum.backends.grammar import grammar_of
from vidsum.backends.llama import LlamaChat
from vidsum.backends.llama_model import GgufModel
from vidsum.backends.sampling import NoTokenFits
from vidsum.data import ChatRequest
from vidsum.errors import RequestFailed


@pytest.fixture(scope="module")
def chat() -> Iterator[LlamaChat]:
    with closing(LlamaChat(VLM, "tiny", threads=1)) as model:
        yield model


def written(chat: LlamaChat, schema: dict[str, Any], temperature: float = 0.0) -> Any:
    """Return what the model writes under a schema; it must have come to an end."""
    reply = chat.complete(
        ChatRequest("", "Describe.", schema=schema, max_tokens=1500, temperature=temperature)
    )
    assert reply.finish == "stop"
    return json.loads(reply.text)


WORDS: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 20}
SUMMARY: dict[str, Any] = {
    "type": "object",
    "properties": {
        "title": WORDS,
        "kind": {"enum": ["talk", "demo", "other"]},
        "score": {"type": "integer", "minimum": -2, "maximum": 9},
        "sure": {"type": "boolean"},
        "points": {
            "type": "array", "minItems": 1, "maxItems": 3, "items": {"$ref": "#/$defs/point"}},
        "note": {"anyOf": [WORDS, {"type": "null"}]},
    },
    "required": ["title"],
    "$defs": {"point": {"type": "object", "properties": {"text": WORDS, "ids": {
        "type": "array", "items": {"type": "string", "maxLength": 4}, "maxItems": 2}}}},
}  # fmt: skip


@pytest.mark.parametrize("temperature", [0.1 * step for step in range(20)])
def test_what_is_written_fits_the_schema(chat: LlamaChat, temperature: float) -> None:
    answer = written(chat, SUMMARY, temperature)
    assert list(answer) == list(SUMMARY["properties"])
    assert 1 <= len(answer["title"]) <= 20
    assert answer["kind"] in ("talk", "demo", "other")
    assert answer["score"] in range(-2, 10)
    assert answer["sure"] in (True, False)
    assert answer["note"] is None or 1 <= len(answer["note"]) <= 20
    assert 1 <= len(answer["points"]) <= 3
    for point in answer["points"]:
        assert list(point) == ["text", "ids"]
        assert 1 <= len(point["text"]) <= 20
        assert len(point["ids"]) <= 2
        assert all(len(name) <= 4 for name in point["ids"])


@settings(max_examples=60)
@given(words=st.lists(st.text(max_size=8), min_size=1, max_size=4, unique=True))
def test_any_words_can_be_the_choices_and_the_names(chat: LlamaChat, words: list[str]) -> None:
    choices = {"enum": words}
    answer = written(chat, {"type": "object", "properties": dict.fromkeys(words, choices)}, 1.0)
    assert list(answer) == words
    assert set(answer.values()) <= set(words)


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"type": "number"}, (int, float)),
        ({"type": "integer", "minimum": 0}, int),
        ({"type": "integer", "minimum": 0, "maximum": 10**9}, int),
        ({"type": ["boolean", "null"]}, (bool, type(None))),
        ({"const": {"a": [1, "ä"]}}, dict),
        ({"type": "array", "maxItems": 0, "items": {"type": "string"}}, list),
        ({"type": "array", "minItems": 3, "maxItems": 3, "items": {"type": "boolean"}}, list),
        ({"type": "string", "minLength": 5, "maxLength": 5, "pattern": "^x+$"}, str),
    ],
)
def test_each_kind_of_value(chat: LlamaChat, schema: dict[str, Any], kind: type) -> None:
    assert isinstance(written(chat, schema), kind)


def test_a_value_may_refer_to_itself(chat: LlamaChat) -> None:
    tree: dict[str, Any] = {"type": "object", "properties": {
        "name": {"type": "string", "maxLength": 3},
        "inner": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/a b"}]}}}  # fmt: skip
    answer = written(chat, {"$ref": "#/$defs/a b", "$defs": {"a b": tree}}, 1.0)
    depth = 0
    while answer is not None:
        assert set(answer) == {"name", "inner"}
        answer, depth = answer["inner"], depth + 1
    assert depth > 1


Check = Callable[[Any], bool]
COUNTS: dict[str, Any] = {"type": "object", "additionalProperties": {"type": "integer"},
                          "minProperties": 2, "maxProperties": 3}  # fmt: skip
PAIR: dict[str, Any] = {"type": "array", "minItems": 2, "maxItems": 2,
                        "prefixItems": [{"const": "a"}, {"type": "boolean"}]}  # fmt: skip
NOTED: dict[str, Any] = {"allOf": [{"$ref": "#/$defs/kind"}], "description": "Which of them.",
                         "$defs": {"kind": {"enum": ["talk", "demo"]}}}  # fmt: skip
MANY_OF_MANY: dict[str, Any] = {"type": "array", "maxItems": 50, "items": {
    "type": "integer", "minimum": 0, "maximum": 150}}  # fmt: skip


@pytest.mark.parametrize("temperature", [0.0, 1.0, 2.0])
@pytest.mark.parametrize(
    ("schema", "fits"),
    [
        (PAIR, lambda v: v[0] == "a" and v[1] in (True, False) and len(v) == 2),
        (NOTED, lambda v: v in ("talk", "demo")),
        (MANY_OF_MANY, lambda v: len(v) <= 50 and all(0 <= number <= 150 for number in v)),
        ({"type": "object", "properties": {}, "additionalProperties": False}, lambda v: v == {}),
        ({"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 3}, lambda v: 0 < v < 3),
        ({"type": "integer", "minimum": 0.5, "maximum": 1.5}, lambda v: v == 1),
        ({"type": "integer", "minimum": 1}, lambda v: v >= 1),
        ({"enum": ["\udcff", "\ud800x"]}, lambda v: v in ("\udcff", "\ud800x")),
    ],
)
def test_what_data_classes_become_is_held_to(
    chat: LlamaChat, schema: dict[str, Any], fits: Check, temperature: float
) -> None:
    assert fits(written(chat, schema, temperature))


@pytest.mark.parametrize("temperature", [0.0, 1.0, 2.0])
def test_names_may_be_anything_where_only_their_values_are_told(
    tmp_path: Path, temperature: float
) -> None:
    path = text_gguf(tmp_path / "text.gguf", seed=2)  # one that ends its words
    with closing(LlamaChat(path, "text", threads=1)) as chat:
        counts = written(chat, COUNTS, temperature)
    assert 1 <= len(counts) <= 3  # the same name twice is one
    assert all(type(count) is int for count in counts.values())


def test_a_grammar_does_not_grow_with_every_level() -> None:
    schema: dict[str, Any] = {"type": "string"}
    lengths = []
    for _ in range(12):
        schema = {"type": "array", "items": schema, "minItems": 1}
        lengths.append(len(grammar_of(schema)))
    assert lengths[-1] - lengths[-2] < 100


def test_a_text_longer_than_grammars_can_count_has_no_limit() -> None:
    assert "char{0,}" in grammar_of({"type": "string", "maxLength": 5000})
    assert "char{0,2000}" in grammar_of({"type": "string", "maxLength": 2000})


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "date"},
        {"$ref": "#/elsewhere"},
        {"enum": 3},
        {"enum": []},
        {"allOf": [{"type": "string"}, {"maxLength": 3}]},
        {"type": "integer", "minimum": 3, "maximum": 2},
        {"type": "array", "minItems": 3, "maxItems": 2},
        {"type": "string", "minLength": 3, "maxLength": 2},
    ],
)
def test_what_it_does_not_know_fails_the_request(chat: LlamaChat, schema: dict[str, Any]) -> None:
    with pytest.raises(RequestFailed, match="form of the answer is not understood"):
        chat.complete(ChatRequest("", "Describe.", schema=schema))


def test_a_schema_that_only_refers_to_itself_is_refused(chat: LlamaChat) -> None:
    schema = {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}
    with pytest.raises(RequestFailed, match="left recursion"):
        chat.complete(ChatRequest("", "Describe.", schema=schema))


def test_a_grammar_that_leads_nowhere_does_not_end_the_process() -> None:
    model = GgufModel(VLM, 256, 1, 0)
    with closing(model):
        model.begin(model.tokens_of("Describe.", whole=True))
        with pytest.raises(NoTokenFits):
            model.generate(9, 0.0, r'root ::= "a" [b-a]')
