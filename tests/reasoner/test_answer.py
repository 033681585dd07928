"""The form of an answer: a schema that bounds everything, and a reader that forgives form only."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reasoner.writers import summary

from vidsum.reasoner.answer import (
    FULL,
    Answer,
    Limits,
    Malformed,
    Notes,
    limits_for,
    notes_schema,
    read,
    summary_schema,
    without_text_bounds,
)

SCHEMAS = {"summary": summary_schema(FULL), "notes": notes_schema(FULL)}


def parts(schema: Any) -> list[dict[str, Any]]:
    """Every schema inside a schema, itself included."""
    found = [schema]
    inner = [*schema.get("properties", {}).values(), *schema.get("$defs", {}).values()]
    for one in [*inner, *filter(None, [schema.get("items")])]:
        found += parts(one)
    return found


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_text_and_list_is_bounded_and_every_object_closed(name: str) -> None:
    schema = SCHEMAS[name]
    for part in parts(schema):
        match part.get("type"):
            case "string":
                assert part["maxLength"] > 0
            case "array":
                assert part["maxItems"] > 0
            case "object":
                assert part["required"] == list(part["properties"])
                assert part["additionalProperties"] is False
            case None:
                assert part["$ref"].removeprefix("#/$defs/") in schema["$defs"]
    assert set().union(*parts(schema)) <= {
        "type", "properties", "required", "additionalProperties", "items", "maxItems", "minItems",
        "maxLength", "$ref", "$defs",
    }  # fmt: skip


def test_the_schema_asks_for_what_is_read() -> None:
    assert set(SCHEMAS["summary"]["properties"]) == set(Answer.model_fields)
    assert set(SCHEMAS["notes"]["properties"]) == set(Notes.model_fields)


def test_bounds_of_texts_can_be_left_out() -> None:
    bare = without_text_bounds(SCHEMAS["summary"])
    assert "maxLength" not in json.dumps(bare)
    assert bare["properties"]["chapters"] == SCHEMAS["summary"]["properties"]["chapters"]
    assert bare["$defs"]["title"] == {"type": "string"}


@given(st.floats(0, 1))
def test_a_share_of_limits_is_below_them_and_never_nothing(share: float) -> None:
    for name in Limits.__slots__:
        assert 0 < getattr(FULL * share, name) <= getattr(FULL, name)


def test_a_small_room_makes_a_small_answer() -> None:
    assert limits_for(400).key_points < limits_for(1_000).key_points < FULL.key_points
    assert limits_for(100_000) == FULL


@pytest.mark.parametrize(
    "wrapped",
    ["{}", "```json\n{}\n```", "Here it is:\n{}\nI hope it helps.", "<think>{{hm</think>{}"],
)
def test_what_stands_round_an_answer_does_no_harm(wrapped: str) -> None:
    found = read(wrapped.replace("{}", summary(title="Tides")), Answer)
    assert found.title == "Tides"


def test_raw_control_characters_in_a_text_are_read() -> None:
    raw = summary(title="A@B").replace("@", "\n\x19")
    with pytest.raises(json.JSONDecodeError):
        json.loads(raw)
    assert read(raw, Answer).title == "A\n\x19B"


def test_half_a_letter_does_not_spoil_an_answer() -> None:
    raw = summary(title="A@B", caveats=["@"]).replace("@", "\\ud83d")
    found = read(raw, Answer)
    assert (found.title, found.caveats) == ("A?B", ["?"])
    assert read(summary(title="🌊"), Answer).title == "🌊"


def test_a_single_value_is_a_list_and_nothing_is_an_empty_one() -> None:
    point = {"text": "One", "evidence": "s1", "mood": "calm"}
    found = read(summary(key_points=point, names=None, caveats="Unclear", title=7), Answer)
    assert found.key_points[0].evidence == ["s1"]
    assert (found.names, found.caveats, found.title) == ([], ["Unclear"], "7")
    short = read('{"title": "T", "overview": "O", "key_points": []}', Answer)
    assert (short.chapters, short.names, short.caveats) == ([], [], [])


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("I cannot do that.", "no JSON object"),
        ('{"title": "A", "overview": "B"', "no JSON object"),
        ('{"title": "A" "overview": "B"}', "not valid JSON: .* at character 14"),
        (summary(overview=" "), "overview: "),
        ('{"title": "T", "overview": "O"}', "key_points: Field required"),
        (summary(key_points=[["no", "object"]]), r"key_points\.0: "),
        (summary(chapters=[{"title": {"a": 1}}]), r"chapters\.0\.title: "),
        ("{" + '"a":[' * 100_000 + "]" * 100_000 + "}", "not valid JSON"),
        ('{"a": ' + "9" * 5_000 + "}", "not valid JSON"),
    ],
    ids=["words", "cut", "comma", "empty", "missing", "type", "nested type", "deep", "huge"],
)
def test_what_is_wrong_is_said(text: str, fault: str) -> None:
    with pytest.raises(Malformed, match=fault) as caught:
        read(text, Answer)
    assert len(str(caught.value)) < 400


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
KEYS = st.sampled_from([*Answer.model_fields, *Notes.model_fields])


@given(st.dictionaries(KEYS, JSON), st.sampled_from([Answer, Notes]))
def test_whatever_comes_is_an_answer_or_malformed(told: dict[str, Any], form: Any) -> None:
    with suppress(Malformed):
        assert isinstance(read(json.dumps(told), form), form)
