"""What the user wishes of a summary: length, style, and how much of the timeline is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from reasoner.asked import Asked, talk
from reasoner.factory import bundle, cues, lecture_cues, lecture_screens
from reasoner.writers import honest, rows, summary, wants_notes
from scripted_provider import Answer, Call, says

from vidsum import prompts
from vidsum.config import Options
from vidsum.errors import OptionError
from vidsum.reasoner.prompting import summary_prompt

LECTURE = bundle(lecture_screens(), lecture_cues(), language="eng")


def test_a_style_stands_in_the_prompt_before_the_content() -> None:
    text = prompts.style("meeting", None)
    (prompt,) = Asked(LECTURE, honest, style="meeting").prompts
    assert f"\n\nHow to write it\n{text}\n\n" in prompt
    assert prompt.index(text) < prompt.index("\n=====TIMELINE-")
    assert "How to write it" not in Asked(LECTURE, honest).prompts[0]


def test_of_a_long_video_only_the_last_prompt_has_style_and_length() -> None:
    text = prompts.style("lecture", None)
    more: dict[str, Any] = {"reason_context_tokens": 3_072, "style": "lecture", "length": "long"}
    asked = Asked(talk(40), honest, **more)
    *notes, last = asked.calls
    assert any("notes on several sections" in call.prompt for call in notes)
    for call in notes:
        assert wants_notes(call)
        assert text not in call.prompt
        assert "Be thorough" not in call.prompt
    assert text in last.prompt
    assert "Be thorough" in last.prompt


def test_a_longer_summary_may_have_more_of_everything() -> None:
    asked = {one: Asked(LECTURE, honest, length=one) for one in ("short", "medium", "long")}
    points = []
    for one in asked.values():
        schema = one.calls[0].body["response_format"]["json_schema"]["schema"]
        points.append(schema["properties"]["key_points"]["maxItems"])
    assert points == [5, 10, 16]
    rooms = [one.calls[0].body["max_tokens"] for one in asked.values()]
    assert rooms == sorted(set(rooms))
    assert "Keep it short" in asked["short"].prompts[0]


def test_a_length_is_for_answers_too_and_a_style_is_not() -> None:
    more: dict[str, Any] = {"length": "short", "style": "meeting", "question": "Why?"}
    (prompt,) = Asked(LECTURE, honest, **more).prompts
    assert "Keep it short" in prompt
    assert prompts.style("meeting", None) not in prompt


def test_the_prompt_for_any_chat_model_has_both() -> None:
    text = summary_prompt(LECTURE, Options(style="archive", length="short"))
    assert prompts.style("archive", None) in text
    assert "Keep it short" in text


def test_a_users_own_style_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "styles").mkdir()
    (tmp_path / "styles" / "haiku.md").write_text("As {{ three }} lines.")
    (prompt,) = Asked(LECTURE, honest, style="haiku", prompts_dir=tmp_path).prompts
    assert "\nAs {{ three }} lines.\n" in prompt


def test_a_style_that_is_not_there_is_an_error_before_anybody_is_asked() -> None:
    with pytest.raises(OptionError, match=r"There is no style called '\.\./lecture'"):
        Asked(LECTURE, honest, style="../lecture")


# ---- how much of the timeline is shown


def test_what_does_not_fit_the_users_budget_gives_way_and_is_told() -> None:
    packed = talk(20)
    asked = Asked(packed, honest, max_evidence_tokens=2_000)
    (call,) = asked.calls
    shown = [row["id"] for row in rows(call.prompt) if "speech" in row]
    spoken = [entry.id for entry in packed.timeline if entry.kind == "speech"]
    assert 10 < len(shown) < len(spoken)
    assert (shown[0], shown[-1]) == (spoken[0], spoken[-1])
    left = len(spoken) - len(shown)
    assert asked.summary.left_out == {"speech": left}
    assert f"Of the timeline {left} entries are left out" in call.prompt
    whole = Asked(packed, honest)
    assert whole.summary.left_out == {}
    assert "entries are left out" not in whole.prompts[0]


def test_what_gave_way_is_no_evidence_for_it_was_not_shown() -> None:
    packed = talk(20)

    def step(call: Call) -> Answer:
        shown = {row["id"] for row in rows(call.prompt)}
        hidden = next(one.id for one in packed.timeline if one.id not in shown)
        point = {"text": "It goes on.", "evidence": ["s1", hidden]}
        return says(summary(key_points=[point]))

    found = Asked(packed, step, max_evidence_tokens=2_000).summary
    assert found.key_points[0].evidence == ("s1",)
    assert found.grounding.removed == {"ids": 1}


def test_what_is_quoted_beside_a_model_has_the_length_that_was_asked_for() -> None:
    points = [
        len(Asked(LECTURE, says(summary()), length=one).summary.key_points)
        for one in ("short", "medium", "long")
    ]
    assert points == sorted(set(points))


def test_for_a_question_what_holds_its_words_stays() -> None:
    texts = [f"Sentence {n} of a talk that goes on and on." for n in range(200)]
    texts[77] = "The walrus weighs nine hundred pounds, they say."
    packed = bundle((), cues(*texts), language="en")
    more: dict[str, Any] = {"max_evidence_tokens": 600}
    asked = Asked(packed, honest, question="How heavy is a walrus?", **more)
    assert "s78" in [row["id"] for row in rows(asked.prompts[0])]
    other = Asked(packed, honest, question="What about the tides?", **more)
    assert "s78" not in [row["id"] for row in rows(other.prompts[0])]
    assert asked.answer.left_out == {"speech": other.answer.left_out["speech"]}
