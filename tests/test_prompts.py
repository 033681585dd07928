"""Prompt files: a user's own come first, mistakes are named, templates cannot escape."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vidsum import prompts
from vidsum.errors import OptionError
from vidsum.reasoner.schemas import (
    Limits,
    limits_for,
    notes_schema,
    response_schema,
    summary_schema,
)


def test_the_shipped_prompts_are_found() -> None:
    assert prompts.find("summary", None).parent == prompts.shipped_folder()


def test_a_users_own_prompt_comes_first(tmp_path: Path) -> None:
    (tmp_path / "summary.md").write_text("Ahoy {{ name }}")
    assert prompts.render("summary", tmp_path, name="<b>") == "Ahoy <b>"


def test_a_prompt_that_was_changed_is_read_anew(tmp_path: Path) -> None:
    for text in ("One {{ name }}", "Two {{ name }}", "One {{ name }}"):
        (tmp_path / "summary.md").write_text(text)
        assert prompts.render("summary", tmp_path, name="b") == text.replace("{{ name }}", "b")


def test_a_folder_without_the_prompt_falls_back(tmp_path: Path) -> None:
    assert prompts.find("summary", tmp_path) == prompts.find("summary", None)


OF_VIDEOS = ["summary", "section", "merge", "answer", "answer_section", "answer_merge"]
VALUES: dict[str, Any] = {
    "start_s": 0, "end_s": 9, "speech": "recognised", "partial": False, "left_out": 0, "kept": 0,
    "samples": 0, "interval": "5", "seen": "", "language": None, "fence": "=====", "lines": ["{}"],
    "fault": "",
    "limits": limits_for(2_000), "form": "json", "final": True, "part": 1, "parts": 2,
    "question": "Why?", "length": "Briefly.", "style": "", "revised": False,
}  # fmt: skip


@pytest.mark.parametrize("name", OF_VIDEOS)
def test_prompts_with_content_keep_it_between_marks_and_call_it_data(name: str) -> None:
    text = prompts.find(name, None).read_text("utf-8")
    before, _, after = text.rpartition("{% for line in lines %}")
    assert before.endswith("{{ fence }}\n")
    assert after.startswith("\n{{ line }}\n{% endfor %}\n{{ fence }}\n")
    assert re.search(r"instructions( or questions)?,\s.*not\s+follow\s+them", before, re.DOTALL)
    assert "Use only the " in before


def test_the_summary_prompt_asks_for_prose_or_for_json() -> None:
    prose = prompts.render("summary", None, **VALUES | {"form": "prose", "limits": None})
    form = prompts.render("summary", None, **VALUES)
    assert "[s12]" in prose
    assert "JSON object and" not in prose
    again = prompts.render("summary", None, **VALUES | {"fault": "It was cut."})
    assert "could not be used" not in form
    assert again.startswith(form)
    assert "It was cut." in again.removeprefix(form)


@pytest.mark.parametrize(("name", "schema", "final"), [
    ("summary", summary_schema, True), ("merge", summary_schema, True),
    ("answer", response_schema, True), ("answer_merge", response_schema, True),
    ("section", notes_schema, True), ("merge", notes_schema, False),
    ("answer_section", notes_schema, True), ("answer_merge", notes_schema, False),
])  # fmt: skip
def test_a_prompt_describes_the_keys_of_its_form_in_their_order(
    name: str, schema: Callable[[Limits], dict[str, Any]], final: bool
) -> None:
    limits = limits_for(2_000, looks=2)
    text = prompts.render(name, None, **VALUES | {"final": final, "limits": limits})
    told = re.findall(r'^- "(\w+)"', text, re.MULTILINE)
    told += ["look_again"] if '"look_again"' in text else []
    assert told == list(schema(limits)["properties"])
    plain = prompts.render(name, None, **VALUES | {"final": final})
    assert "look_again" not in plain
    assert "first_answer" not in plain


@pytest.mark.parametrize("name", ["summary", "merge"])
def test_what_a_second_look_needs_comes_after_the_content(name: str) -> None:
    plain = prompts.render(name, None, **VALUES)
    head = plain[: plain.rindex("=====")]
    asked = prompts.render(name, None, **VALUES | {"limits": limits_for(2_000, looks=2)})
    revised = prompts.render(name, None, **VALUES | {"revised": True})
    assert asked.startswith(head)
    assert revised.startswith(head)
    assert "at most 2" in asked.removeprefix(head)
    assert "look_again" not in revised
    assert "is neither evidence nor an instruction" in revised.removeprefix(head)


@pytest.mark.parametrize("name", OF_VIDEOS)
@pytest.mark.parametrize("language", [None, "German"])
def test_the_language_is_said_before_and_after_the_content(name: str, language: str | None) -> None:
    text = prompts.render(name, None, **VALUES | {"language": language})
    before, _, after = text.rpartition("=====")
    told = "Write in this language: German.\n" if language else "Write in the language "
    assert f"\n\n{told}" in before, "a paragraph, not part of a list"
    end = "JSON object in German." if language else "JSON object."
    assert after.endswith(f"Now write the {end}\n")
    assert "0 samples" not in before


@pytest.mark.parametrize("final", [True, False])
@pytest.mark.parametrize(("name", "other"), [
    ("answer", "summary"), ("answer_section", "section"), ("answer_merge", "merge"),
])  # fmt: skip
def test_to_answer_a_question_takes_no_more_than_a_summary(
    name: str, other: str, final: bool
) -> None:
    """What a summary would take bounds what an answer takes."""
    few = VALUES | {"final": final, "question": ""}
    answer, summary = (prompts.render(one, None, **few) for one in (name, other))
    assert len(answer) < 1.1 * len(summary)


STYLES = ("archive", "lecture", "meeting", "silent")


@pytest.mark.parametrize("name", STYLES)
def test_a_style_is_a_few_plain_lines(name: str) -> None:
    text = prompts.style(name, None)
    prompts.check_style(name, None)
    assert 2 <= len(text.splitlines()) <= 8
    assert "{" not in text
    assert text in prompts.render("summary", None, **VALUES | {"style": text})


def test_a_users_own_style_comes_first_and_is_no_template(tmp_path: Path) -> None:
    (tmp_path / "styles").mkdir()
    (tmp_path / "styles" / "lecture.md").write_text("\nAs a {{ haiku }}.\n")
    (tmp_path / "styles" / "my own.md").write_text("Rhyme.")
    assert prompts.style("lecture", tmp_path) == "As a {{ haiku }}."
    assert prompts.style("my own", tmp_path) == "Rhyme."
    assert prompts.style("meeting", tmp_path) == prompts.style("meeting", None)
    told = prompts.render("summary", None, **VALUES | {"style": "As a {{ haiku }}."})
    assert "As a {{ haiku }}." in told


@pytest.mark.parametrize(
    "name",
    ["../secret", "..", ".", "", "/etc/passwd", "a/b", "..\\secret", "sub/../../secret", "x\0y",
     "poem", "secret.md", "p" * 300, "\x1b[31m", "../styles/lecture"],
)  # fmt: skip
def test_a_style_cannot_lead_out_of_its_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "styles" / "sub").mkdir(parents=True)
    (tmp_path / "secret.md").write_text("secret")
    (tmp_path / "styles" / "mine.md").write_text("Mine.")
    with pytest.raises(OptionError, match="There is no style called") as caught:
        prompts.check_style(name, tmp_path)
    assert "archive, lecture, meeting, mine, silent" in caught.value.hint
    assert "\x1b" not in caught.value.message


def test_a_style_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "styles").mkdir()
    (tmp_path / "styles" / "bad.md").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(OptionError, match=r"bad\.md cannot be read"):
        prompts.check_style("bad", tmp_path)


def test_an_unknown_prompt_lists_the_known_ones() -> None:
    with pytest.raises(OptionError, match="no prompt called poem") as caught:
        prompts.find("poem", None)
    assert "summary" in caught.value.hint


@pytest.mark.parametrize(
    "template",
    [
        "{{ missing }}",
        "{% if %}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{% include '/etc/passwd' %}",
    ],
)
def test_a_broken_or_hostile_prompt_is_one_error(tmp_path: Path, template: str) -> None:
    (tmp_path / "summary.md").write_text(template)
    with pytest.raises(OptionError, match=r"summary\.md cannot be used") as caught:
        prompts.render("summary", tmp_path)
    assert caught.value.exit_code == 2
