"""Pieces of text to rows, rows to a title."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageFont

from vidsum.data import TextLine
from vidsum.ocr.layout import merge_rows, pick_title

WIDE = 16 / 9


FONT = ImageFont.load_default(size=100)


def piece(
    text: str, left: float, top: float, size: float = 0.05, confidence: float = 0.9
) -> TextLine:
    """A line set in a real type on a 16:9 picture."""
    right = left + FONT.getlength(text) / 100 * size * 0.8 / WIDE
    return TextLine(text, confidence, left, top, right, top + size)


def texts(*pieces: TextLine, aspect: float = WIDE) -> list[str]:
    return [line.text for line in merge_rows(pieces, aspect)]


def title(*rows: tuple[str, float, float]) -> str | None:
    """rows: text, top, size."""
    return pick_title([piece(text, 0.1, top, size) for text, top, size in rows])


# ---- rows --------------------------------------------------------------------------------


def test_pieces_of_one_row_are_joined_left_to_right() -> None:
    first = piece("Coefficient of", 0.1, 0.1)
    second = piece("Performance", first.right + 0.015, 0.11, confidence=0.8)
    (line,) = merge_rows([second, first], WIDE)
    assert line.text == "Coefficient of Performance"
    assert (line.left, line.right) == (first.left, second.right)
    assert (line.top, line.bottom) == (first.top, second.bottom)
    assert line.confidence == 0.8


def test_columns_stay_apart_and_come_left_first() -> None:
    assert texts(
        piece("right one", 0.6, 0.195),
        piece("left two", 0.1, 0.3),
        piece("left one", 0.1, 0.2),
        piece("right two", 0.6, 0.3),
    ) == ["left one", "right one", "left two", "right two"]


def test_how_far_apart_words_may_be_depends_on_the_pictures_shape() -> None:
    first = piece("Tides", 0.1, 0.1)
    second = piece("Work", first.right + 0.02, 0.1)
    assert texts(first, second) == ["Tides Work"]
    assert texts(first, second, aspect=4.0) == ["Tides", "Work"]


def test_a_large_and_a_small_text_side_by_side_stay_apart() -> None:
    large = piece("42", 0.1, 0.1, 0.12)
    small = piece("percent of all", large.right + 0.01, 0.14, 0.04)
    assert texts(large, small) == ["42", "percent of all"]


def test_lines_under_one_another_are_not_joined() -> None:
    assert texts(piece("one", 0.1, 0.2), piece("two", 0.1, 0.24)) == ["one", "two"]


@pytest.mark.parametrize(
    ("seen", "read"),
    [
        ("• First point", "First point"),
        ("●Second point", "Second point"),
        ("- Third point", "Third point"),
        ("– – Fourth", "Fourth"),
        ("> quoted", "quoted"),
        ("-10 °C", "-10 °C"),
        ("- 10 °C", "- 10 °C"),
        ("-verbose", "-verbose"),
        ("1. Numbered", "1. Numbered"),
        ("* starred  twice ", "starred twice"),
    ],
)
def test_bullets_are_taken_off_and_a_minus_is_not(seen: str, read: str) -> None:
    assert texts(piece(seen, 0.1, 0.1)) == [read]


def test_a_bullet_that_is_a_piece_of_its_own_goes_too() -> None:
    dot = piece("•", 0.1, 0.1)
    assert texts(dot, piece("Point", dot.right + 0.01, 0.1)) == ["Point"]


@pytest.mark.parametrize("junk", ["", " ", "7", "•", "...", "— —", "x"])
def test_rows_of_less_than_two_letters_are_left_out(junk: str) -> None:
    assert texts(piece(junk or " ", 0.1, 0.1)) == []


def test_letters_of_any_script_are_text() -> None:
    assert texts(piece("温度", 0.1, 0.1), piece("Да", 0.1, 0.3)) == ["温度", "Да"]


@given(st.lists(st.tuples(st.floats(0, 0.8), st.floats(0, 0.9), st.floats(0.02, 0.2)), max_size=12))
def test_no_word_is_lost_or_doubled(places: list[tuple[float, float, float]]) -> None:
    pieces = [piece(f"w{i}", left, top, size) for i, (left, top, size) in enumerate(places)]
    words = " ".join(line.text for line in merge_rows(pieces, WIDE)).split()
    assert sorted(words) == sorted(p.text for p in pieces)


# ---- titles ------------------------------------------------------------------------------

BODY = [("Evaporator: absorbs heat", 0.35, 0.05), ("Compressor: raises it", 0.5, 0.05)]


def test_the_large_line_on_top_is_the_title() -> None:
    assert title(("The Refrigeration Cycle", 0.08, 0.09), *BODY) == "The Refrigeration Cycle"


def test_a_small_page_number_above_it_is_not_the_title() -> None:
    rows = [("7/13", 0.03, 0.03), ("The Real Ocean", 0.1, 0.09), *BODY]
    assert title(*rows) == "The Real Ocean"


def test_two_adjacent_lines_of_one_size_are_one_title() -> None:
    rows = [("A Very Long Title", 0.06, 0.08), ("In Two Lines", 0.15, 0.08), *BODY]
    assert title(*rows) == "A Very Long Title In Two Lines"


def test_a_smaller_line_right_under_it_is_not_part_of_it() -> None:
    rows = [("Results", 0.06, 0.1), ("of the year 2024", 0.17, 0.06), *BODY]
    assert title(*rows) == "Results"


def test_three_such_lines_are_a_list_and_no_title() -> None:
    rows = [("First thing", 0.06, 0.08), ("Second one", 0.15, 0.08), ("Third one", 0.24, 0.08)]
    assert title(*rows, *BODY) is None


def test_a_second_large_line_far_below_is_not_part_of_it() -> None:
    rows = [("Results", 0.06, 0.09), *BODY, ("Forty-two", 0.7, 0.09)]
    assert title(*rows) == "Results"


def test_a_centred_second_line_belongs_to_it() -> None:
    long, short = piece("A Very Long Centred Title", 0.2, 0.06, 0.08), piece("Short Line", 0, 0)
    left = (long.left + long.right - 1.6 * (short.right - short.left)) / 2
    below = piece("Short Line", left, 0.15, 0.08)
    body = piece("body text in small letters", 0.2, 0.5)
    assert pick_title([long, below, body]) == "A Very Long Centred Title Short Line"
    aside = piece("Short Line", left + 0.1, 0.15, 0.08)
    assert pick_title([long, aside, body]) == "A Very Long Centred Title"


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([], id="no text"),
        pytest.param([("Alone", 0.1, 0.1)], id="nothing to compare with"),
        pytest.param([("Same size", 0.1, 0.05), *BODY], id="not larger"),
        pytest.param([("Footer in large", 0.7, 0.1), *BODY], id="not in the upper third"),
        pytest.param([("12:30", 0.05, 0.1), *BODY], id="no letters"),
        pytest.param([("a b c 1 2", 0.05, 0.1), *BODY], id="no words"),
        pytest.param([("so " * 15, 0.05, 0.1), *BODY], id="too many words"),
    ],
)
def test_no_title_rather_than_a_doubtful_one(rows: list[tuple[str, float, float]]) -> None:
    assert title(*rows) is None


def test_size_is_judged_by_the_letters_and_not_by_the_box() -> None:
    """As detected: the boxes of 60, 52 and 36 px type are nearly of one height."""
    found = [
        TextLine("12/13", 1.0, 0.876, 0.028, 0.944, 0.087),
        TextLine("Tides Slow the Earth", 0.99, 0.059, 0.079, 0.611, 0.165),
        TextLine("3.8 cm", 0.99, 0.052, 0.289, 0.217, 0.385),
        TextLine("a year: the Moon moves away", 0.99, 0.314, 0.311, 0.750, 0.382),
        TextLine("2 ms", 0.98, 0.052, 0.497, 0.177, 0.585),
        TextLine("a century: the day gets longer", 1.0, 0.314, 0.507, 0.752, 0.588),
        TextLine("400 days in a year, 380 million years ago", 0.99, 0.056, 0.696, 0.772, 0.802),
    ]
    assert pick_title(found) == "Tides Slow the Earth"


def test_a_line_of_narrow_letters_in_a_typewriter_face_is_no_title() -> None:
    code = ["if it(i, l): fill(1)", "return sum(numbers) + maximum", "momentum = who(maximum)"]
    found = [
        TextLine(text, 0.99, 0.1, 0.1 + 0.1 * row, 0.1 + 0.02 * len(text), 0.15 + 0.1 * row)
        for row, text in enumerate(code)
    ]
    assert pick_title(found) is None


def test_letters_of_other_scripts_make_a_title() -> None:
    heading = TextLine("潮汐是如何产生的", 0.99, 0.1, 0.08, 0.5, 0.18)
    assert pick_title([heading, piece("small text below it", 0.1, 0.5)]) == heading.text
