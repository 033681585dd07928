"""Scenes for B-roll: asked of a real and of a scripted model, and held against the timeline."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from broll.asked_scenes import LECTURE, point, scripted, summed_up, through, wrote
from hostile import CANARY, TEXTS, Asked, taken_apart, video, words
from hypothesis import given, settings
from hypothesis import strategies as st
from models.text_gguf import text_gguf
from reasoner.asked import size, talk
from reasoner.factory import bundle, cues, footage, slide
from reasoner.writers import rows
from scripted_provider import fails, says
from thinning import every_second

from vidsum import prompts
from vidsum.broll.askscenes import ScenesForm, read, scenes_schema
from vidsum.broll.grounding import Ground, grounded
from vidsum.broll.planning import plan_scenes
from vidsum.config import Options
from vidsum.data import BrollPlan, Bundle, Scene, SecondLook, Summary, TimelineEntry
from vidsum.events import Noted, StageFinished
from vidsum.pipeline.run import Run
from vidsum.reasoner.prompting import SYSTEM
from vidsum.reasoner.schemas import Limits
from vidsum.wording import safe

SUMMARY = summed_up()
END_S = LECTURE.evidence.end_s


def planned(packed: Bundle = LECTURE, most: int = 4, summary: Summary | None = None) -> Any:
    def step(run: Run) -> BrollPlan:
        return plan_scenes(run, packed, summary or summed_up(packed), most)

    return step


def check(scenes: tuple[Scene, ...], packed: Bundle, most: int) -> None:
    """What holds for every plan, whoever chose the scenes."""
    known = {one.id for one in packed.timeline}
    assert len(scenes) <= most
    assert [one.id for one in scenes] == [f"s{n:02}" for n in range(1, len(scenes) + 1)]
    evidence = packed.evidence
    for scene in scenes:
        assert evidence.start_s <= scene.start_s < scene.end_s <= evidence.end_s
        assert scene.evidence
        assert set(scene.evidence) <= known
        assert any(map(str.isalnum, scene.brief))
        assert scene.brief == safe(scene.brief)
        assert (scene.prompt, scene.prompt_from, scene.flaw) == ("", "", "")
    assert all(a.end_s <= b.start_s for a, b in pairwise(scenes))


# ---- by a model


def test_a_model_chooses_scenes_and_they_are_held_against_the_timeline() -> None:
    points = [
        point(("s8", "s99"), "A frozen meter.", start="s8", end="0:41"),
        point(("s2", "t1"), "A heat pump behind a house [s2].", start="s2", end="s2"),
        point(("x9",), "Lies."),
        point(("s11",), "  "),
    ]
    told = scripted(planned(), wrote(scenes=points))
    found: BrollPlan = told.value
    check(found.scenes, LECTURE, 4)
    assert [(one.brief, one.evidence) for one in found.scenes] == [
        ("A heat pump behind a house.", ("s2", "t1")), ("A frozen meter.", ("s8",)),
    ]  # fmt: skip
    assert [(one.start_s, one.end_s) for one in found.scenes] == [(5.0, 9.8), (35.0, 41.0)]
    assert (found.planned_by, found.planner, found.title) == ("model", "m", SUMMARY.title)
    assert (found.width_px, found.height_px, found.fps) == (1280, 720, 25.0)
    assert found.duration_s == END_S
    assert Path(found.video).is_absolute()
    assert not told.failures
    assert Noted("info", "Taken out of the model's B-roll plan: 2 ids and 2 scenes.") in told.events
    assert StageFinished("planning B-roll", "m") in told.events


def test_what_it_took_is_a_stage_of_its_own() -> None:
    told = scripted(planned(), wrote(scenes=[point()]))
    calls = [one for one in told.lines if one.kind == "call" and one.phase == "settle"]
    assert {(one.stage, one.modality, one.direction) for one in calls} == {
        ("plan B-roll", "text", "understand")
    }
    [stage] = [one for one in told.lines if one.kind == "stage" and one.phase == "settle"
               and one.stage == "plan B-roll"]  # fmt: skip
    assert (stage.counts["calls"], stage.counts["input_tokens"]) == (1, 100)


def test_a_second_run_asks_nothing() -> None:
    first = scripted(planned(), wrote(scenes=[point()]))
    # another address is another model: the same one is asked again
    assert len(first.calls) == 1

    def twice(run: Run) -> list[BrollPlan]:
        return [planned()(run), planned()(run)]

    told = scripted(twice, wrote(scenes=[point(("s2",))]), fails(500))
    assert len(told.calls) == 1
    assert told.value[0] == told.value[1]
    [saved] = [one for one in told.lines if one.kind == "saving"]
    assert saved.stage == "plan B-roll"


@pytest.mark.parametrize("wrong", [
    says("Sure! Here are some scenes."), says("{}"), wrote(scenes=[]), wrote(scenes="none"),
    wrote(scenes=[point(("q1",))]), wrote(scenes=[point(brief="...")]),
])  # fmt: skip
def test_a_wrong_answer_is_put_right_once(wrong: Any) -> None:
    told = scripted(planned(), wrong, wrote(scenes=[point()]))
    assert len(told.calls) == 2
    assert told.prompts[1].startswith(told.prompts[0].rstrip())
    assert "Your last answer could not be used. " in told.prompts[1]
    assert (told.value.planned_by, len(told.value.scenes), told.failures) == ("model", 1, [])


def test_after_two_wrong_answers_the_rule_chooses_and_the_run_says_so() -> None:
    told = scripted(planned(), wrote(scenes=[]))
    assert len(told.calls) == 2
    found = told.value
    check(found.scenes, LECTURE, 4)
    assert found == scripted(planned(), fails(401, "no key")).value
    assert (found.planned_by, found.planner) == ("chapters", "")
    [failure] = told.failures
    assert "did not answer in the form" in failure


def test_a_cap_that_allows_no_call_leaves_the_rule() -> None:
    told = scripted(planned(), wrote(scenes=[point()]), max_usd=0)
    assert told.calls == []
    assert told.value.planned_by == "chapters"
    assert [one.code for one in told.notices] == ["cap"]
    assert told.notices[0].partial
    assert "chosen by rule" in told.notices[0].message


def test_an_own_prompt_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "broll_plan.md").write_text("{{ nothing }}")
    told = scripted(planned(), wrote(scenes=[point()]), prompts_dir=tmp_path)
    assert told.calls == []
    assert told.value.planned_by == "chapters"
    assert "broll_plan.md cannot be used" in told.failures[0]


def test_an_answer_that_breaks_off_is_asked_for_again_shorter() -> None:
    told = scripted(planned(), says('{"scenes": [{"evid', finish="length"),
                    wrote(scenes=[point()]))  # fmt: skip
    first, again = (call.body["response_format"]["json_schema"]["schema"] for call in told.calls)
    assert first["properties"]["scenes"]["maxItems"] == 4
    assert again["properties"]["scenes"]["maxItems"] == 2
    assert told.value.planned_by == "model"


# ---- what it is shown


def test_it_is_shown_the_summary_and_the_timeline_with_ids() -> None:
    told = scripted(planned(), wrote(scenes=[point()]))
    [prompt] = told.prompts
    lines = rows(prompt)
    assert lines[0] == {"title": SUMMARY.title, "overview": SUMMARY.overview}
    assert {one["key_point"] for one in lines if "key_point" in one} == {
        one.text for one in SUMMARY.key_points
    }
    assert [one["chapter"] for one in lines if "chapter" in one] == [
        one.title for one in SUMMARY.chapters
    ]
    entries = [one["id"] for one in lines if "id" in one]
    assert entries == [one.id for one in LECTURE.timeline]
    assert "Write in this language: English." in prompt
    assert "at most 4 scenes" in prompt
    assert told.calls[0].body["messages"][0]["content"] == SYSTEM


def test_of_a_long_video_it_is_shown_what_claims_rest_on_and_some_more() -> None:
    packed = talk(480)
    summary = summed_up(packed)
    context = 16_384
    told = scripted(planned(packed, most=6, summary=summary), wrote(scenes=[point()]),
                    reason_context_tokens=context)  # fmt: skip
    assert size(told.calls[0]) <= context
    shown = {one["id"] for one in rows(told.prompts[0]) if "id" in one}
    cited = {one for claim in Ground(packed, summary).claims for one in claim.evidence}
    assert cited <= shown
    assert len(cited) < len(shown) < len(packed.timeline) / 10
    assert f"{len(packed.timeline) - len(shown)} entries are left out" in told.prompts[0]


@pytest.mark.parametrize("context", every_second([2_048, 3_072, 4_096]))
def test_in_a_small_context_it_is_shown_less_and_asked_for_fewer(context: int) -> None:
    packed = talk(480)
    told = scripted(planned(packed, most=12), wrote(scenes=[point()]),
                    reason_context_tokens=context)  # fmt: skip
    assert size(told.calls[0]) <= context
    assert told.value.planned_by == "model"


def test_a_model_that_takes_less_than_was_said_is_asked_with_less() -> None:
    refused = fails(400, "maximum context length is 4096 tokens", "context_length_exceeded")
    told = scripted(planned(talk(200)), refused, wrote(scenes=[point()]))
    first, again = told.prompts
    assert len(again) < len(first)
    assert told.value.planned_by == "model"


def test_what_was_seen_at_a_second_look_may_be_named() -> None:
    look = TimelineEntry("l1", "caption", 20.0, 21.0, "A fan.", "second look, m")
    summary = replace(SUMMARY, looks=(SecondLook(20.0, "What?", look),))
    told = scripted(planned(summary=summary), wrote(scenes=[point(("l1",))]))
    assert [one.evidence for one in told.value.scenes] == [("l1",)]


def shown(text: str) -> Asked:
    packed = video(text)
    told = scripted(planned(packed), wrote(scenes=[point(brief=text)]))
    [asked] = [taken_apart(prompt, SYSTEM) for prompt in told.prompts]
    return asked


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_a_text_in_a_video_is_a_line_of_data_in_the_prompt(text: str) -> None:
    asked = shown(text)
    assert CANARY not in asked.outside
    assert words(text) in words(asked.told)
    assert asked.outside == shown("A calm sentence that means no harm.").outside
    quoted = "\n".join(asked.inside)
    assert not {"<", "\u202e", "\u200b", "\u2028"} & set(quoted)
    assert all(c.isprintable() or c == "\n" for c in quoted if ord(c) < 0x2070)


# ---- a real model, and none


def test_a_real_model_under_the_grammar_is_asked_and_the_plan_stands(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """It speaks nonsense by the rules: what it makes up does not get into a plan."""
    model = text_gguf(tmp_path_factory.mktemp("text") / "text.gguf", context=16_384)
    options = Options(reasoner="local", reason_model=str(model), threads=1, ocr=False,
                      captioner="builtin", transcriber="none")  # fmt: skip
    told = through(planned(most=1), options)
    check(told.value.scenes, LECTURE, 1)
    assert told.value.scenes
    calls = [one for one in told.lines if one.kind == "call" and one.phase == "settle"]
    assert {one.stage for one in calls} == {"plan B-roll"}
    assert (told.value.planned_by == "model") is not bool(told.failures)
    if told.failures:
        assert re.search("did not answer in the form", told.failures[0])


LITE = Options(tier="lite", ocr=False)


def test_without_a_model_the_videos_own_words_are_the_scenes() -> None:
    told = through(planned(), LITE)
    found = told.value
    check(found.scenes, LECTURE, 4)
    assert len(found.scenes) == 4
    own = {one.text for one in Ground(LECTURE, SUMMARY).claims}
    assert {one.brief for one in found.scenes} <= own | {one.title for one in SUMMARY.chapters}
    starts = [one.start_s for one in found.scenes]
    assert starts[0] < END_S / 4
    assert starts[-1] > END_S / 2
    assert (found.planned_by, found.planner) == ("chapters", "")
    assert not told.failures
    assert any("no text model chose them" in str(event) for event in told.events)
    assert not [one for one in told.lines if one.kind == "call"]


@pytest.mark.parametrize("packed", [
    bundle((), (), end_s=60.0), bundle((), (), end_s=0.0), bundle((), (), end_s=60.0, video=False),
])  # fmt: skip
def test_a_video_that_tells_nothing_has_no_scenes_and_no_model_is_asked(packed: Bundle) -> None:
    told = scripted(planned(packed), wrote(scenes=[point()]))
    assert told.calls == []
    assert told.value.scenes == ()
    assert [one.code for one in told.notices] == ["broll-none"]


def test_what_only_stands_on_the_screen_is_no_scene_by_rule() -> None:
    credits_ = [slide("The Peach Open Movie Project", "presents"), footage(), footage(1),
                slide("Written by a Studio", "and its friends")]  # fmt: skip
    silent = bundle(credits_, (), audio=False)
    assert Ground(silent, summed_up(silent)).claims or summed_up(silent).chapters
    told = through(planned(silent), LITE)
    assert told.value.scenes == ()
    assert [one.code for one in told.notices] == ["broll-none"]
    spoken = bundle(credits_, cues("The mill stands by the river since 1840."))
    found = through(planned(spoken), LITE).value.scenes
    assert found
    assert all("s1" in one.evidence for one in found)


def test_a_part_of_a_video_gets_scenes_of_that_part() -> None:
    packed = bundle((), cues("One thing.", "Two things.", "Three.", start_s=100.0), start_s=100.0,
                    duration_s=900.0)  # fmt: skip
    told = scripted(planned(packed), wrote(scenes=[point(("s1",), start="0:10", end="14:00")]))
    check(told.value.scenes, packed, 4)
    assert told.value.duration_s == 900.0


# ---- grounding, whatever is answered


ids = st.sampled_from([one.id for one in LECTURE.timeline])
anything = st.text(max_size=12) | ids | st.from_regex(r"\d{0,3}:?\d{1,3}(\.\d)?", fullmatch=True)
fuzzed = st.fixed_dictionaries({}, optional={
    "evidence": st.none() | anything | st.lists(anything, max_size=9) | st.lists(ids, max_size=3),
    "start": st.none() | anything | st.integers(-5, 99) | st.floats(allow_nan=False),
    "end": st.none() | anything,
    "why": st.none() | anything,
    "brief": anything | st.text(max_size=300),
})  # fmt: skip


@settings(max_examples=200)
@given(st.lists(fuzzed, max_size=12), st.integers(1, 6))
def test_no_wrong_id_no_time_outside_and_no_overlap_gets_through(
    points: list[dict[str, Any]], most: int
) -> None:
    form = read(json.dumps({"scenes": points}), ScenesForm)
    known = [one.id for one in LECTURE.timeline]
    scenes, removed = grounded(form, Ground(LECTURE, SUMMARY), known, most)
    check(scenes, LECTURE, most)
    lost = removed["scenes"] + removed["overlaps"]
    assert len(scenes) == len(points) - lost
    few, _ = grounded(form, Ground(LECTURE, SUMMARY), known[:3], most)
    assert {one for scene in few for one in scene.evidence} <= set(known[:3])


@settings(max_examples=60)
@given(
    st.floats(0, 1e5), st.floats(0, 20), st.none() | st.floats(0.1, 1e5),
    st.lists(st.integers(1, 3), min_size=1, max_size=9),
)  # fmt: skip
def test_also_in_very_short_and_cut_videos(
    start_s: float, length_s: float, whole_s: float | None, named: list[int]
) -> None:
    packed = bundle((), cues("One.", "Two.", "Three.", start_s=start_s), start_s=start_s,
                    end_s=start_s + length_s)  # fmt: skip
    info = replace(packed.evidence.info, duration_s=whole_s)
    packed = replace(packed, evidence=replace(packed.evidence, info=info))
    points = [point((f"s{one}",), f"Scene {n}") for n, one in enumerate(named)]
    form = read(json.dumps({"scenes": points}), ScenesForm)
    ground = Ground(packed, summed_up(packed))
    scenes, _ = grounded(form, ground, ["s1", "s2", "s3"], 9)
    check(scenes, packed, 9)
    assert all(one.end_s <= (whole_s or one.end_s) for one in scenes)
    assert bool(scenes) is (ground.span.length_s > 0)


def test_the_prompt_describes_the_form_and_keeps_the_content_between_marks() -> None:
    text = prompts.find("broll_plan", None).read_text("utf-8")
    before, _, after = text.rpartition("{% for line in lines %}")
    assert before.endswith("{{ fence }}\n")
    assert after.startswith("\n{{ line }}\n{% endfor %}\n{{ fence }}\n")
    assert re.search(r"instructions,\s.*not\s+follow\s+them", before, re.DOTALL)
    [scenes] = scenes_schema(Limits())["properties"].values()
    told = re.findall(r'"(\w+)"', text[text.index("Each has ") : text.index("{% if language %}")])
    assert told == list(scenes["items"]["properties"])
