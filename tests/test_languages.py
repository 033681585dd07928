"""Codes of languages in two letters and three, and their names."""

from __future__ import annotations

import pytest

from vidsum.languages import language_name, same_language, two_letters
from vidsum.reasoner.stopwords import STOP_WORDS


@pytest.mark.parametrize(
    ("code", "short"),
    [("eng", "en"), ("pt-BR", "pt"), ("ger", "de"), ("deu", "de"), (" EN_gb ", "en"),
     ("cat", "ca"), ("zh-Hant", "zh"), ("fil", "fil"), ("xx", "xx"), ("und", "und")],
)  # fmt: skip
def test_codes_in_two_letters(code: str, short: str) -> None:
    assert two_letters(code) == short


@pytest.mark.parametrize(
    ("code", "name"),
    [("jpn", "Japanese"), ("en-GB", "English"), ("nob", "Norwegian Bokmål"), ("zu", "Zulu"),
     ("und", None), ("mul", None), ("", None), (None, None)],
)  # fmt: skip
def test_names(code: str | None, name: str | None) -> None:
    assert language_name(code) == name


def test_every_language_with_function_words_has_a_name() -> None:
    assert all(language_name(code) for code in STOP_WORDS)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("en", "eng", True), ("en-GB", "eng", True), ("ger", "deu", True), ("pt", "pt-BR", True),
     ("xx", "xx", True), ("en", "de", False), (None, "en", False), (None, None, False)],
)  # fmt: skip
def test_two_codes_for_one_language(one: str | None, other: str | None, same: bool) -> None:
    assert same_language(one, other) is same
    assert same_language(other, one) is same


def test_codes_and_names_are_there_once() -> None:
    from vidsum.languages import _NAMES, _ROWS

    codes = [code for _, longer, _ in _ROWS for code in longer.split(",")]
    assert len(codes) == len(set(codes))
    assert len(_NAMES) == len(_ROWS) == len(set(_NAMES.values()))
    assert all(len(code) == 3 for code in codes)
