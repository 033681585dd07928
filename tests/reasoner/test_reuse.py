"""Answers of a model that are kept, and used again; those that cannot be used are put by."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from reasoner.asked import Asked, talk
from reasoner.factory import bundle, cues, lecture_cues, lecture_screens
from reasoner.writers import honest, response, wants_notes
from scripted_provider import Answer, Call, fails, says

from vidsum.data import Bundle, Fact
from vidsum.reasoner.protocol import Answers
from vidsum.timeline import timeline

LECTURE = bundle(lecture_screens(), lecture_cues(), language="eng")
CONTEXT = 4_096


class Kept(Answers):
    """Answers in memory, and in which order they were put there."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def get(self, key: str) -> str | None:
        return self.texts.get(key)

    def put(self, key: str, text: str) -> None:
        self.texts[key] = text


def test_the_same_run_again_asks_nothing_and_says_the_same() -> None:
    kept, packed = Kept(), talk(20)
    first = Asked(packed, honest, answers=kept, reason_context_tokens=CONTEXT)
    again = Asked(packed, fails(500), answers=kept, reason_context_tokens=CONTEXT)
    assert len(first.calls) > 3
    assert again.calls == []
    assert (first.reused, again.reused) == (0, len(first.calls))
    assert again.summary.key_points == first.summary.key_points
    assert again.summary.overview_claims == first.summary.overview_claims
    assert "in no calls and" in again.summary.method
    assert "answers kept from an earlier run" in again.summary.method
    assert "kept" not in first.summary.method
    assert again.steps == first.steps
    assert all(len(key) == 64 for key in kept.texts)
    assert not any("=====TIMELINE" in text for text in kept.texts.values())


def named(packed: Bundle, name: str) -> Bundle:
    """A bundle with the fact that every run gives: what the file is called."""
    evidence = replace(packed.evidence, facts=(Fact("File name", name, "file name"),))
    return replace(packed, evidence=evidence, timeline=timeline(evidence))


def test_another_name_of_the_file_is_no_other_question() -> None:
    kept, packed = Kept(), bundle((), lecture_cues())
    first = Asked(named(packed, "a.mp4"), honest, answers=kept)
    again = Asked(named(packed, 'c "d".mkv'), fails(500), answers=kept)
    assert any('"fact": "File name: a.mp4"' in prompt for prompt in first.prompts)
    assert again.calls == []
    assert again.summary.key_points == first.summary.key_points


def test_words_in_the_video_that_look_like_its_name_count() -> None:
    kept, line = Kept(), '{"id": "f0001", "source": "file name", "fact": "%s"}'
    for name in ("a.mp4", "b.mp4"):
        packed = named(bundle((), cues(line % name)), "a.mp4")
        assert len(Asked(packed, honest, answers=kept).calls) == 1


@pytest.mark.parametrize(
    ("context", "other"),
    [(CONTEXT, {"style": "meeting"}), (CONTEXT, {"length": "short"}),
     (16_384, {"length": "long", "style": "silent"})],
)  # fmt: skip
def test_with_another_style_or_length_only_the_last_question_is_asked(
    context: int, other: dict[str, str]
) -> None:
    kept, packed = Kept(), talk(context // 140)
    first = Asked(packed, honest, answers=kept, reason_context_tokens=context)
    again = Asked(packed, honest, answers=kept, reason_context_tokens=context, **other)
    assert len(first.calls) > 3
    assert [wants_notes(call) for call in again.calls] == [False]
    assert again.reused == len(first.calls) - 1


@pytest.mark.parametrize("other", [{"style": "archive"}, {"length": "short"}], ids=str)
def test_notes_on_notes_serve_every_style_too(other: dict[str, str]) -> None:
    kept, packed = Kept(), talk(40)
    first = Asked(packed, honest, answers=kept, reason_context_tokens=3_072)
    assert any("notes on several sections" in prompt for prompt in first.prompts)
    again = Asked(packed, honest, answers=kept, reason_context_tokens=3_072, **other)
    assert [wants_notes(call) for call in again.calls] == [False]


def test_what_was_done_before_a_crash_is_not_done_again() -> None:
    kept, packed = Kept(), talk(20)
    whole = Asked(packed, honest, reason_context_tokens=CONTEXT)
    script = [honest, honest, honest, fails(401, "No.")]
    broken = Asked(packed, *script, answers=kept, reason_context_tokens=CONTEXT)
    assert broken.failed is not None
    assert len(kept.texts) == 3
    resumed = Asked(packed, honest, answers=kept, reason_context_tokens=CONTEXT)
    assert resumed.reused == 3
    assert len(resumed.calls) == len(whole.calls) - 3
    assert resumed.summary.key_points == whole.summary.key_points


def test_an_answer_is_kept_before_the_next_one_is_asked_for() -> None:
    kept, seen = Kept(), []

    def counting(call: Call) -> Answer:
        seen.append(len(kept.texts))
        return honest(call)

    Asked(talk(20), counting, answers=kept, reason_context_tokens=CONTEXT)
    assert seen == list(range(len(seen)))
    assert len(kept.texts) == len(seen)


def test_an_answer_that_was_put_right_is_kept_under_the_question_as_it_was_first_put() -> None:
    kept = Kept()
    first = Asked(LECTURE, says("{}"), honest, answers=kept)
    assert len(first.calls) == 2
    assert len(kept.texts) == 1
    again = Asked(LECTURE, fails(500), answers=kept)
    assert again.calls == []
    assert again.summary.key_points == first.summary.key_points


@pytest.mark.parametrize("old", ["", "{}", "no JSON", response(True, []), '{"overview": ['])
def test_what_was_kept_in_another_form_is_asked_for_anew(old: str) -> None:
    kept = Kept()
    plain = Asked(LECTURE, honest, answers=kept)
    kept.texts = dict.fromkeys(kept.texts, old)
    again = Asked(LECTURE, honest, answers=kept)
    assert (len(again.calls), again.reused) == (1, 0)
    assert again.summary.key_points == plain.summary.key_points
    assert again.summary.grounding == plain.summary.grounding
    assert old not in kept.texts.values()


def test_what_changes_the_question_changes_what_it_is_known_by() -> None:
    kept = Kept()
    ways = [{}, {"language": "fr"}, {"length": "short"}, {"style": "lecture"},
            {"question": "Why?"}, {"question": "Why not?"}]  # fmt: skip
    for number, way in enumerate(ways, start=1):
        assert len(Asked(LECTURE, honest, answers=kept, **way).calls) == 1
        assert len(kept.texts) == number
    other = bundle(lecture_screens(), lecture_cues()[:-1], language="eng")
    assert len(Asked(other, honest, answers=kept).calls) == 1


# ---- what cannot be used


def test_all_that_came_is_put_by_and_the_failure_says_where(tmp_path: Path) -> None:
    def put_by(text: str) -> str:
        (tmp_path / "came.txt").write_text(text, "utf-8")
        return str(tmp_path / "came.txt")

    kept = Kept()
    asked = Asked(LECTURE, says('{"mood": "grumpy"}'), says(json.dumps({"sorry": "No. " * 90})),
                  answers=kept, unusable=put_by)  # fmt: skip
    assert asked.failed is not None
    assert f"(all that came is in {tmp_path / 'came.txt'})" in asked.failed.message
    came = (tmp_path / "came.txt").read_text("utf-8")
    assert '{"mood": "grumpy"}' in came
    assert came.count("No. ") == 90
    assert kept.texts == {}


def test_what_came_before_a_refusal_is_put_by_too() -> None:
    came: list[str] = []
    asked = Asked(LECTURE, says('{"mood": 1}'), fails(400, "No more."),
                  unusable=lambda text: came.append(text) or "came.txt")  # fmt: skip
    assert asked.failed is not None
    assert came == ['{"mood": 1}']
    assert "No more." in asked.failed.message
    assert "came.txt" in asked.failed.message


def test_where_nothing_can_be_written_the_failure_is_the_same() -> None:
    asked = Asked(LECTURE, says('{"mood": 1}'), unusable=lambda text: None)
    assert asked.failed is not None
    assert asked.failed.message.endswith('Its answer: {"mood": 1}')


def test_an_answer_that_could_be_used_is_put_by_nowhere() -> None:
    came: list[str] = []
    asked = Asked(LECTURE, says("{}"), honest, unusable=lambda text: came.append(text) or "x")
    assert asked.summary.key_points
    assert came == []
