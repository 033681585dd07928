"""The form of an answer: a schema that bounds everything, and a reader that forgives form only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from models.text_gguf import text_gguf
from reasoner.writers import summary

from vidsum.backends.llama import LlamaChat
from vidsum.data import ChatRequest
from vidsum.reasoner.forms import (
    Malformed,
    NamePoint,
    NotesForm,
    Point,
    ResponseForm,
    SummaryForm,
    read,
)
from vidsum.reasoner.schemas import (
    FULL,
    Limits,
    limits_for,
    notes_schema,
    response_schema,
    summary_schema,
    without_text_bounds,
)

LOOKING = limits_for(100_000, "long", looks=5)
SCHEMAS = {
    "summary": summary_schema(FULL),
    "looking": summary_schema(LOOKING),
    "notes": notes_schema(FULL),
    "response": response_schema(FULL),
}
FORMS: dict[str, Any] = {
    "summary": SummaryForm, "looking": SummaryForm, "notes": NotesForm, "response": ResponseForm,
}  # fmt: skip


def parts(schema: Any) -> list[dict[str, Any]]:
    """Every schema inside a schema, itself included."""
    found = [schema]
    inner = [*schema.get("properties", {}).values(), *schema.get("$defs", {}).values()]
    for one in [*inner, *filter(None, [schema.get("items")])]:
        found += parts(one)
    return found


# ---- what is asked for


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_text_and_list_is_bounded_and_every_object_closed(name: str) -> None:
    schema = SCHEMAS[name]
    for part in parts(schema):
        match part.get("type"):
            case "string":
                assert part.get("enum") or part["maxLength"] > 0
            case "array":
                assert part["maxItems"] > 0
            case "object":
                assert part["required"] == list(part["properties"])
                assert part["additionalProperties"] is False
            case "boolean":
                assert part == {"type": "boolean"}
            case None:
                assert part["$ref"].removeprefix("#/$defs/") in schema["$defs"]
    assert set().union(*parts(schema)) <= {
        "type", "properties", "required", "additionalProperties", "items", "maxItems", "minItems",
        "maxLength", "enum", "$ref", "$defs",
    }  # fmt: skip


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_schema_asks_for_what_is_read(name: str) -> None:
    left = set(FORMS[name].model_fields) - set(SCHEMAS[name]["properties"])
    assert left == ({"look_again"} if name == "summary" else set())
    assert set(SCHEMAS[name]["properties"]) <= set(FORMS[name].model_fields)


def test_what_has_evidence_comes_before_what_is_concluded_from_it() -> None:
    assert list(SCHEMAS["looking"]["properties"]) == [
        "chapters", "key_points", "quotes", "names", "overview", "title", "caveats", "look_again",
    ]  # fmt: skip
    assert list(SCHEMAS["response"]["properties"]) == ["found", "answer", "caveats"]


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaChat]:
    path: Path = text_gguf(tmp_path_factory.mktemp("model") / "text.gguf", seed=2)
    with closing(LlamaChat(path, "text", threads=1)) as model:
        yield model


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_real_model_under_the_grammar_writes_what_is_read(chat: LlamaChat, name: str) -> None:
    few = FULL * 0.05
    small = {
        "summary": summary_schema(few), "looking": summary_schema(limits_for(100, looks=1)),
        "notes": notes_schema(few), "response": response_schema(few),
    }  # fmt: skip
    for schema in (SCHEMAS[name], small[name]):  # the first one is only begun
        request = ChatRequest("", "Describe.", schema=schema, max_tokens=8, temperature=1.0)
        assert chat.complete(request).text.startswith("{")
    request = ChatRequest("", "Go.", schema=small[name], max_tokens=3_000, temperature=1.0)
    reply = chat.complete(request)
    assert reply.finish == "stop"
    assert isinstance(read(reply.text, FORMS[name]), FORMS[name])


def test_bounds_of_texts_can_be_left_out() -> None:
    bare = without_text_bounds(SCHEMAS["summary"])
    assert "maxLength" not in json.dumps(bare)
    assert bare["properties"]["chapters"] == SCHEMAS["summary"]["properties"]["chapters"]
    assert bare["$defs"]["title"] == {"type": "string"}


@given(st.floats(0, 1))
def test_a_share_of_limits_is_below_them_and_never_nothing(share: float) -> None:
    for name in set(Limits.__slots__) - {"looks"}:
        assert 0 < getattr(FULL * share, name) <= getattr(FULL, name)


def test_a_small_room_makes_a_small_answer() -> None:
    assert limits_for(400).key_points < limits_for(1_000).key_points < FULL.key_points
    assert limits_for(100_000) == FULL
    assert limits_for(400, looks=3).looks == 3


def test_a_length_is_asked_for_where_there_is_room_for_it() -> None:
    short, medium, long = (limits_for(4_000, one) for one in ("short", "medium", "long"))
    assert (short.key_points, medium.key_points, long.key_points) == (5, 10, 16)
    assert (short.sentences, medium.sentences, long.sentences) == (3, 6, 10)
    assert medium.text == long.text
    assert limits_for(500, "short") == limits_for(500, "medium") == limits_for(500, "long")


# ---- what is read


@pytest.mark.parametrize(
    "wrapped",
    [
        "{}",
        "```json\n{}\n```",
        "Here it is:\n{}\nI hope it helps.",
        "<think>{{hm</think>{}",
        "<think>a<THINK>{{</think>{}<think>{{</think>",
    ],
)
def test_what_stands_round_an_answer_does_no_harm(wrapped: str) -> None:
    found = read(wrapped.replace("{}", summary(title="Tides")), SummaryForm)
    assert found.title == "Tides"


def test_raw_control_characters_in_a_text_are_read() -> None:
    raw = summary(title="A@B").replace("@", "\n\x19")
    with pytest.raises(json.JSONDecodeError):
        json.loads(raw)
    assert read(raw, SummaryForm).title == "A\n\x19B"


def test_half_a_letter_does_not_spoil_an_answer() -> None:
    raw = summary(title="A@B", caveats=["@"]).replace("@", "\\ud83d")
    found = read(raw, SummaryForm)
    assert (found.title, found.caveats) == ("A?B", ["?"])
    assert read(summary(title="🌊"), SummaryForm).title == "🌊"


def test_a_single_value_is_a_list_and_nothing_is_an_empty_one() -> None:
    point = {"text": "One", "evidence": "s1", "mood": "calm"}
    told = summary(key_points=point, names=None, quotes=None, caveats="Unclear", title=7)
    found = read(told, SummaryForm)
    assert found.key_points[0].evidence == ["s1"]
    assert (found.names, found.quotes, found.caveats, found.title) == ([], [], ["Unclear"], "7")
    short = read('{"title": "T", "overview": "O", "key_points": []}', SummaryForm)
    assert (short.chapters, short.names, short.caveats, short.look_again) == ([], [], [], [])


def test_bare_texts_are_statements_and_names_without_evidence() -> None:
    found = read(
        summary(overview="One sentence.", key_points=["A", {"text": "B"}], names=["COP", None]),
        SummaryForm,
    )
    assert found.overview == [Point(text="One sentence.")]
    assert [one.text for one in found.key_points] == ["A", "B"]
    assert found.names == [NamePoint(name="COP")]
    assert read('{"found": "yes", "answer": "It does."}', ResponseForm) == ResponseForm(
        found=True, answer=[Point(text="It does.")]
    )


@pytest.mark.parametrize(
    ("told", "kind"),
    [("person", "person"), (" Organization ", "organisation"), ("LOCATION", "place"),
     ("planet", "unknown"), ("unknown", "unknown"), (None, "unknown"), (7, "unknown"),
     (["person"], "unknown")],
)  # fmt: skip
def test_a_kind_of_name_that_is_none_is_unknown(told: object, kind: str) -> None:
    found = read(summary(names=[{"name": "COP", "kind": told, "evidence": "s9"}]), SummaryForm)
    assert found.names == [NamePoint(name="COP", kind=kind, evidence=["s9"])]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("I cannot do that.", "no JSON object"),
        ('{"title": "A", "overview": "B"', "no JSON object"),
        ('{"title": "A" "overview": "B"}', "not valid JSON: .* at character 14"),
        (summary(title=" "), "title: "),
        ('{"title": "T", "overview": "O"}', "key_points: Field required"),
        (summary(key_points=[["no", "object"]]), r"key_points\.0: "),
        (summary(overview=[{"text": ["a"]}]), r"overview\.0\.text: "),
        (summary(chapters=[{"title": {"a": 1}}]), r"chapters\.0\.title: "),
        ("{" + '"a":[' * 100_000 + "]" * 100_000 + "}", "not valid JSON"),
        ('{"a": ' + "9" * 5_000 + "}", "not valid JSON"),
        (summary(title="A" * 1_000_000), "far too long"),
        ("<think>" * 100_000, "no JSON object"),
        (f"{{{'[' * 200_000}}}", "not valid JSON"),
    ],
    ids=["words", "cut", "comma", "empty", "missing", "type", "text", "nested type", "deep",
         "number", "huge", "thoughts", "open"],
)  # fmt: skip
def test_what_is_wrong_is_said(text: str, fault: str) -> None:
    with pytest.raises(Malformed, match=fault) as caught:
        read(text, SummaryForm)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("depth", [100, 300, 1_000, 3_000, 30_000])
@pytest.mark.parametrize(("opens", "closes"), [("[", "]"), ('{"text":', "}")])
def test_a_deep_answer_is_read_or_malformed(depth: int, opens: str, closes: str) -> None:
    inner = f"{opens * depth}1{closes * depth}"
    with suppress(Malformed):
        assert read(f'{{"title": "T", "overview": "O", "key_points": [], "x": {inner}}}',
                    SummaryForm).title == "T"  # fmt: skip
    with pytest.raises(Malformed):
        read(f'{{"title": "T", "overview": "O", "key_points": {inner}}}', SummaryForm)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
KEYS = st.sampled_from(
    [*SummaryForm.model_fields, *NotesForm.model_fields, *ResponseForm.model_fields]
)


@given(st.dictionaries(KEYS, JSON), st.sampled_from([SummaryForm, NotesForm, ResponseForm]))
def test_whatever_comes_is_an_answer_or_malformed(told: dict[str, Any], form: Any) -> None:
    with suppress(Malformed):
        assert isinstance(read(json.dumps(told), form), form)


@given(st.text(st.characters() | st.sampled_from('{}[]":,\\'), max_size=60))
def test_whatever_text_comes_is_an_answer_or_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        read(text, SummaryForm)
