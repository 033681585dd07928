"""Prompt files: a user's own come first, mistakes are named, templates cannot escape."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidsum import prompts
from vidsum.errors import OptionError


def test_the_shipped_prompts_are_found() -> None:
    assert prompts.find("summary", None).parent == prompts.shipped_folder()


def test_a_users_own_prompt_comes_first(tmp_path: Path) -> None:
    (tmp_path / "summary.md").write_text("Ahoy {{ name }}")
    assert prompts.render("summary", tmp_path, name="<b>") == "Ahoy <b>"


def test_a_folder_without_the_prompt_falls_back(tmp_path: Path) -> None:
    assert prompts.find("summary", tmp_path) == prompts.find("summary", None)


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
