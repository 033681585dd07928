"""Prompt files: a user's own come first, mistakes are named, templates cannot escape."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vidsum import prompts
from vidsum.errors import OptionError
from vidsum.reasoner.answer import limits_for, summary_schema


def test_the_shipped_prompts_are_found() -> None:
    assert prompts.find("summary", None).parent == prompts.shipped_folder()


def test_a_users_own_prompt_comes_first(tmp_path: Path) -> None:
    (tmp_path / "summary.md").write_text("Ahoy {{ name }}")
    assert prompts.render("summary", tmp_path, name="<b>") == "Ahoy <b>"


def test_a_folder_without_the_prompt_falls_back(tmp_path: Path) -> None:
    assert prompts.find("summary", tmp_path) == prompts.find("summary", None)


@pytest.mark.parametrize("name", ["summary", "section", "merge"])
def test_prompts_with_content_keep_it_between_marks_and_call_it_data(name: str) -> None:
    text = prompts.find(name, None).read_text("utf-8")
    before, _, after = text.rpartition("{% for line in lines %}")
    assert before.endswith("{{ fence }}\n")
    assert after.startswith("\n{{ line }}\n{% endfor %}\n{{ fence }}\n")
    assert re.search(r"instructions,\s.*not\s+follow\s+them", before, re.DOTALL)
    assert "Use only the " in before


def test_the_summary_prompt_asks_for_prose_or_for_json() -> None:
    values = {
        "start_s": 0, "end_s": 9, "speech": "recognised", "partial": False, "kept": 1,
        "samples": 2, "interval": "5", "seen": "", "language": None, "fence": "=====",
        "lines": ["{}"], "fault": "", "limits": limits_for(2_000),
    }  # fmt: skip
    prose = prompts.render("summary", None, **values, form="prose")
    form = prompts.render("summary", None, **values, form="json")
    assert "[s12]" in prose
    assert "JSON object and" not in prose
    assert all(f'- "{key}"' in form for key in summary_schema(limits_for(2_000))["properties"])
    assert "could not be used" not in form
    again = prompts.render("summary", None, **values | {"fault": "It was cut."}, form="json")
    assert again.startswith(form)
    assert "It was cut." in again.removeprefix(form)


@pytest.mark.parametrize("name", ["summary", "section", "merge"])
@pytest.mark.parametrize("language", [None, "German"])
def test_the_language_is_said_before_and_after_the_content(name: str, language: str | None) -> None:
    values = {
        "start_s": 0, "end_s": 9, "speech": "recognised", "partial": False, "kept": 0,
        "samples": 0, "interval": "5", "seen": "", "language": language, "fence": "=====",
        "lines": ["{}"], "fault": "", "limits": limits_for(2_000), "form": "json", "final": True,
        "part": 1, "parts": 2,
    }  # fmt: skip
    before, _, after = prompts.render(name, None, **values).rpartition("=====")
    told = "Write in this language: German.\n" if language else "Write in the language "
    assert f"\n\n{told}" in before, "a paragraph, not part of a list"
    end = "JSON object in German." if language else "JSON object."
    assert after.endswith(f"ends here. Now write the {end}\n") or after.endswith(
        f"end here. Now write the {end}\n"
    )
    assert "0 samples" not in before


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
