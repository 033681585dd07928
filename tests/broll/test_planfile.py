"""The plan as a file: it comes back as it was, takes a person's edits, and names what is wrong."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
from hostile import TEXTS
from hostile_names import HOSTILE_NAMES
from hypothesis import given, settings
from hypothesis import strategies as st

from vidsum.broll.planfile import plan_from, plan_text, read_plan, write_plan
from vidsum.data import BrollPlan, PromptFrom, Scene
from vidsum.errors import OptionError

HERE = Path("plan.toml")
PROMPT = "A heat pump stands behind a brick house in light snow, its fan turning. Eye level."


def scene(number: int, **more: object) -> Scene:
    told: dict[str, object] = {"brief": "A heat pump in the snow.", "why": "It is told of."}
    return Scene(f"s{number:02}", 10.0 * number, 10.0 * number + 5.5, **(told | more))  # type: ignore[arg-type]


def plan(*scenes: Scene, **more: object) -> BrollPlan:
    told = BrollPlan("/videos/talk.mp4", "ab" * 32, 60.04, 1280, 720, 25.0, "Heat pumps",
                     "Muted teal, soft light.", scenes, "model", "m")  # fmt: skip
    return replace(told, **more)  # type: ignore[arg-type]


WHOLE = plan(
    scene(1, evidence=("s1", "c2"), prompt=PROMPT, prompt_from="model"),
    scene(2, prompt=f"{PROMPT} {PROMPT}", prompt_from="template", flaw="No model."),
    scene(3),
)


# ---- there and back


texts = st.text(max_size=300)
said = texts.filter(str.strip)


@st.composite
def plans(draw: st.DrawFn) -> BrollPlan:
    times = draw(st.lists(st.floats(0, 1e6), min_size=0, max_size=6, unique=True))
    ends = sorted(times)[: len(times) // 2 * 2]
    names = draw(st.lists(st.from_regex(r"[a-z0-9][a-z0-9-]{0,19}", fullmatch=True),
                          min_size=3, max_size=3, unique=True))  # fmt: skip
    scenes = []
    for start_s, end_s, name in zip(ends[::2], ends[1::2], names, strict=False):
        written = draw(st.sampled_from(get_args(PromptFrom)))
        scenes.append(Scene(
            name, start_s, end_s, draw(said), draw(texts), tuple(draw(st.lists(texts, max_size=3))),
            draw(said) if written else "", written, draw(texts) if written else "",
        ))  # fmt: skip
    return BrollPlan(
        os.fsdecode(draw(st.binary(max_size=60))), draw(st.none() | texts),
        max(ends, default=0.0) + draw(st.floats(0, 100)), draw(st.integers(0, 9999)),
        draw(st.integers(0, 9999)), draw(st.none() | st.floats(0.001, 500)), draw(texts),
        draw(texts), tuple(scenes), draw(st.sampled_from(("model", "chapters", "user"))),
        draw(texts),
    )  # fmt: skip


@given(plans())
def test_any_plan_comes_back_as_it_was(found: BrollPlan) -> None:
    assert plan_from(plan_text(found), HERE) == found


@settings(max_examples=30)
@given(plans(), plans())
def test_also_over_another_plan_and_over_its_own(
    tmp_path_factory: pytest.TempPathFactory, first: BrollPlan, then: BrollPlan
) -> None:
    path = tmp_path_factory.mktemp("plan") / "plan.toml"
    for found in (first, then, then):
        write_plan(path, found)
        assert read_plan(path) == found


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_hostile_text_comes_back_and_drives_no_editor(text: str) -> None:
    hostile = plan(scene(1, brief=text, why=text, prompt=text * 3, prompt_from="model"), title=text)
    written = plan_text(hostile)
    assert plan_from(written, HERE) == hostile
    assert {one for one in written if not one.isprintable()} <= {"\n", "\t"}


@pytest.mark.parametrize("raw", HOSTILE_NAMES.values(), ids=HOSTILE_NAMES.keys())
def test_a_videos_name_is_kept_to_the_byte(raw: bytes) -> None:
    named = plan(video=os.fsdecode(b"/videos/" + raw))
    written = plan_text(named)
    assert os.fsencode(plan_from(written, HERE).video) == b"/videos/" + raw
    assert written.encode()  # no half of a pair in it


def test_a_plan_is_written_for_people() -> None:
    written = plan_text(plan(scene(1, prompt=" ".join([PROMPT] * 5), prompt_from="model")))
    assert written.startswith("# Which scenes")
    assert max(map(len, written.splitlines())) <= 100
    assert written.index("style =") < written.index("\n[[scene]]") < written.index("[source]")


# ---- edits


def edited(*changes: tuple[str, str]) -> BrollPlan:
    text = plan_text(WHOLE)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return plan_from(text, HERE)


def test_a_brief_that_was_changed_loses_the_prompt_made_of_it() -> None:
    found = edited(("A heat pump in the snow", "A heat pump in the rain"))
    assert found.scenes[0].brief == "A heat pump in the rain."
    assert (found.scenes[0].prompt, found.scenes[0].prompt_from) == ("", "")
    assert found.scenes[1:] == WHOLE.scenes[1:]


def test_a_prompt_that_was_changed_is_the_users_whatever_the_brief() -> None:
    changes = [("brick house", "brick barn"), ("A heat pump in the snow", "Rain")]
    for number in (1, 2):
        first = edited(*changes[:number]).scenes[0]
        assert (first.prompt, first.prompt_from) == (PROMPT.replace("house", "barn"), "user")
    again = plan_from(plan_text(plan(first)).replace('"Rain.', '"Hail.', 1), HERE)
    assert again.scenes[0].brief == "Hail."
    assert again.scenes[0].prompt == first.prompt, "what a user wrote is never thrown away"


def test_a_template_that_was_changed_has_no_flaw_any_more() -> None:
    same = edited(('prompt_from = "template"', 'prompt_from = "template"  # was')).scenes[1]
    assert (same.flaw, same.prompt_from) == ("No model.", "template")
    text = plan_text(WHOLE)
    second = text.index('id = "s02"')
    text = text[:second] + text[second:].replace("brick house", "brick barn")
    found = plan_from(text, HERE)
    assert found.scenes[1].prompt_from == "user"
    assert found.scenes[1].flaw == ""
    assert found.scenes[0] == WHOLE.scenes[0]


def test_a_scene_of_the_users_own_needs_little() -> None:
    own = '[[scene]]\nid = "my-harbour"\nstart = "0:45"\nend = "0:48.5"\nbrief = "A harbour."\n\n'
    found = edited(("[source]", f"{own}[source]"))
    assert found.scenes[-1] == Scene("my-harbour", 45.0, 48.5, "A harbour.")
    bare = plan_from(own, HERE)
    assert (bare.scenes[0].id, bare.planned_by, bare.video_sha256) == ("my-harbour", "user", None)


def test_a_users_comments_and_ways_to_write_a_time_stay(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    text = plan_text(WHOLE).replace("start = 10.0", 'start = "0:10"  # as the snow falls')
    path.write_text(f"# My own plan.\n{text}", "utf-8")
    found = read_plan(path)
    done = replace(found, scenes=tuple(
        replace(one, prompt=PROMPT, prompt_from="model") for one in found.scenes
    ))  # fmt: skip
    write_plan(path, done)
    after = path.read_text("utf-8")
    assert after.startswith("# My own plan.\n# Which scenes")
    assert 'start = "0:10"  # as the snow falls' in after
    assert read_plan(path) == done


@pytest.mark.parametrize("there", [b"[[[", b"\xff", b"scene = 3", b"source = []", b"[scene]\na = 1",
                                   b"x = 1\n[source]\nform = 9"])  # fmt: skip
def test_what_is_no_plan_is_replaced_whole(there: bytes, tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_bytes(there)
    write_plan(path, WHOLE)
    assert path.read_text("utf-8") == plan_text(WHOLE)


def test_windows_line_ends_and_a_mark_in_front_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_bytes(b"\xef\xbb\xbf" + plan_text(WHOLE).replace("\n", "\r\n").encode())
    assert read_plan(path) == WHOLE
    write_plan(path, WHOLE)
    assert read_plan(path) == WHOLE


# ---- what is wrong is named


@pytest.mark.parametrize(("old", "new", "message", "hint"), [
    ("[[scene]]\n", "[[scene]]\nbreif = 3\n", "scene s01 has an unknown key: breif", "mean brief?"),
    ("title =", "titel =", "plan.toml has an unknown key: titel", "Did you mean title?"),
    ("[source]\n", "[source]\ncost = 3\n", "[source] has an unknown key: cost", "Known: form"),
    ('id = "s02"', 'id = "s01"', "two scenes with the id s01", "s02"),
    ('id = "s02"', 'id = "S 2"', "id takes up to 20 of a-z", ""),
    ('id = "s02"', "id = 2", "scene 2: id takes words", ""),
    ('id = "s02"\n', "", "scene 2 has no id", 'id = "s05"'),
    ("start = 20.0", "start = -1", "scene s02: start takes seconds (90) or a time", ""),
    ("start = 20.0", 'start = "soon"', "(not 'soon')", ""),
    ("start = 20.0", "start = true", "scene s02: start takes seconds", ""),
    ("start = 20.0", "start = nan", "scene s02: start takes seconds", ""),
    ("start = 20.0", "start = 30", "it ends (25.5 s) before it begins (30 s)", "Change start"),
    ("start = 20.0\n", "", "scene s02 has no start", "start = 62.5"),
    ("end = 35.5", "end = 61", "scene s03: it ends at 61 s, after the video (60.04 s)", "60.04 or"),
    ('brief = "A heat pump in the snow."', 'brief = " "', "scene s01 has no brief", "brief ="),
    ('brief = "A heat pump in the snow."', "brief = 5", "brief takes words in quotation marks", ""),
    ('evidence = ["s1", "c2"]', "evidence = [1]", "evidence takes a list of ids", ""),
    ('prompt_from = "model"', 'prompt_from = "me"', "takes one of model, template, user", ""),
    ('planned_by = "model"', 'planned_by = "x"', "[source]: planned_by takes one of", ""),
    ("width = 1280", "width = true", "[source]: width takes a whole number", ""),
    ("width = 1280", "width = -1", "[source]: width takes a whole number from 0", ""),
    ("width = 1280", "width = 99999", "[source]: width takes at most 32768 pixels", ""),
    ("fps = 25.0", "fps = 0", "[source]: fps takes a number above 0", ""),
    ("form = 1", "form = 2", "form is 2, not 1", "Another version"),
    ("[source]", '[source]\nvideo_hex = "xy"', "video_hex takes bytes in hex", ""),
    ("title =", "title", "is not valid TOML: ", "quotation marks"),
    ("\n[[scene]]", "scene = 3\n[x]", "scene is a list of tables", ""),
])  # fmt: skip
def test_a_mistake_is_named_with_its_place(old: str, new: str, message: str, hint: str) -> None:
    written = plan_text(WHOLE)
    assert old in written
    text = written[: written.index("\n[[scene]]")] + "scene = 3\n" if "scene = 3" in new else ""
    with pytest.raises(OptionError) as told:
        plan_from(text or written.replace(old, new, 1), HERE)
    assert message in told.value.message
    assert told.value.message.startswith("plan.toml")
    assert hint in told.value.hint


def test_a_file_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="There is no plan") as told:
        read_plan(tmp_path / "plan.toml")
    assert "vidsum broll plan" in told.value.hint
    (tmp_path / "plan.toml").write_bytes(b"title = '\xe9'")
    with pytest.raises(OptionError, match="is not UTF-8"):
        read_plan(tmp_path / "plan.toml")
    with pytest.raises(OptionError, match="cannot be read"):
        read_plan(tmp_path)


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")))
def test_any_text_is_a_plan_or_an_error_of_ours(text: str) -> None:
    fault, found = "", None
    try:
        found = plan_from(text, HERE)
    except OptionError as exc:
        fault = exc.message
    if found is None:
        assert fault.startswith("plan.toml")
        assert fault.isprintable()
    else:
        assert plan_from(plan_text(found), HERE) == found
