"""Times and numbers as people read them; nothing hostile or invisible in words from outside."""

from __future__ import annotations

import json
import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsum.wording import clock, escaped, file_name, json_line, number, path_text, safe, shown

BROKEN = Path(os.fsdecode(b"/films/caf\xe9\n.mp4"))


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0:00"), (7.9, "0:07"), (59.99, "1:00"), (60, "1:00"), (271, "4:31"), (3599.9, "59:59"),
     (3661, "1:01:01"), (35999.9999999, "10:00:00"), (-5, "0:00"), (float("nan"), "0:00"),
     (float("inf"), "0:00")],
)  # fmt: skip
def test_clock(seconds: float, expected: str) -> None:
    assert clock(seconds) == expected


@pytest.mark.parametrize(("value", "expected"), [(3, "3"), (1562.0, "1,562"), (12.345, "12.3")])
def test_number(value: float, expected: str) -> None:
    assert number(value) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" two\n words\t\x0b\x85\u2028\u2029\u00a0here ", "two words here"),
        ("\x1b[31mred\x1b[0m, \x1b[2J\x1b[1;1Hgone", "red, gone"),
        ("\x1b]0;a new title\x07text \x1b]8;;http://x\x1b\\link", "text link"),
        ("\x1bPq#0\x1b\\picture \x1b_x\x1b\\\x1b^y\x07\x1bXz\x07up, \x1bOne", "picture up, One"),
        ("\x1b]0;that nothing ends", "]0;that nothing ends"),
        ("a\x1b]b\nc\x07d", "a]b cd"),
        ("bell\x07 null\x00 csi\x9b1m del\x7f", "bell null csi1m del"),
        ("\u202eevil\u202c \u2066a\u2069\u200e\u200f \u061cb", "evil a b"),
        ("zero\u200bwidth\ufeff soft\xadhyphen\u2060", "zerowidth softhyphen"),
        ("hi\U000e0001\U000e0068\U000e0069\U000e007f", "hi"),
        ("می\u200cخواهم \U0001f468\u200d\U0001f469", "می\u200cخواهم \U0001f468\u200d\U0001f469"),
        ("\u06dd١ क्षि 潮", "\u06dd١ क्षि 潮"),
        ("half \udce9 \ud83d", "half \\xe9 \\ud83d"),
    ],
)  # fmt: skip
def test_safe_text(text: str, expected: str) -> None:
    assert safe(text) == expected


@given(st.text(st.characters(exclude_categories=()), max_size=40))
def test_any_text_becomes_one_line_of_what_can_be_seen(text: str) -> None:
    found = safe(text)
    assert found == safe(found)
    assert not {unicodedata.category(c) for c in found} & {"Cc", "Cs", "Zl", "Zp"}
    found.encode()


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", ["\x1b[", "\x1b]", "\x1b[0;", "\x1b]0\x1b", "\udc80", "\u200b "])
def test_text_made_to_be_slow_is_not(piece: str) -> None:
    assert "\x1b" not in safe(piece * 100_000)


def test_names_and_paths_show_the_bytes_that_are_no_utf8() -> None:
    assert file_name(BROKEN) == "caf\\xe9 .mp4"
    assert shown(BROKEN) == "/films/caf\\xe9\\n.mp4"
    assert path_text(BROKEN) == "/films/caf\\xe9\n.mp4"


@pytest.mark.parametrize(
    "mark", ["<|im_end|>", "<s>", "[INST]", "[/INST]", "[gMASK]", "<｜User｜>"]
)
def test_no_mark_of_a_chat_template_is_in_a_line_of_a_prompt(mark: str) -> None:
    line = json_line({"text": f"a{mark}b [Music]"})
    assert mark not in line
    assert "[Music]" in line
    assert json.loads(line) == {"text": f"a{mark}b [Music]"}


def test_what_hides_is_an_escape_in_a_line_of_a_prompt_and_in_json() -> None:
    text = "a\u202eb\u200b\u00ad\U000e0041\x9b\x7f\u2028 می\u200cخواهم"
    line = json_line({"text": text})
    assert line == (
        '{"text": "a\\u202eb\\u200b\\u00ad\\udb40\\udc41\\u009b\\u007f\\u2028 می\u200cخواهم"}'
    )
    assert json.loads(line) == {"text": text}


def test_escaped_text_hides_nothing() -> None:
    assert escaped("a\x1b[2J\u202eb\u200b\U000e0041") == "a\\x1b[2J\\u202eb\\u200b\\U000e0041"
    assert escaped("1.00\u202fPM می\u200cخواهم") == "1.00\u202fPM می\u200cخواهم"
