"""Text that stays while the rest changes, and what is left without it."""

from __future__ import annotations

import pytest

from vidsum.data import ScreenText, TextLine
from vidsum.ocr.overlay import constant_overlay, without

TOPICS = [
    "heat pumps move heat",
    "boilers burn gas",
    "pipes carry water",
    "radiators warm rooms",
    "walls lose energy",
    "windows leak air",
    "roofs need insulation",
    "meters count units",
]


def line(text: str, top: float = 0.5, left: float = 0.1, size: float = 0.05) -> TextLine:
    return TextLine(text, 0.9, left, top, left + 0.28 * size * len(text), top + size)


def screen(index: int, *lines: TextLine, title: str | None = None) -> ScreenText:
    return ScreenText(index, index * 5.0, lines, title)


def logo(text: str = "ACME News") -> TextLine:
    return line(text, top=0.03, left=0.8)


def test_a_logo_over_changing_text_is_overlay() -> None:
    texts = [screen(i, logo(), line(topic)) for i, topic in enumerate(TOPICS)]
    assert constant_overlay(texts) == {"ACME News"}


def test_it_may_be_misread_now_and_then_and_is_named_as_read_most_often() -> None:
    reads = ["ACME News", "ACME NewS", "ACME  News", "ACME News.", "ACME News"]
    texts = [screen(i, logo(read), line(TOPICS[i])) for i, read in enumerate(reads)]
    assert constant_overlay(texts) == {"ACME News"}
    assert without(screen(9, logo("ACME NEWS"), line("other")), frozenset({"ACME News"})).lines == (
        line("other"),
    )


def test_letters_that_ocr_takes_for_one_another_are_one() -> None:
    reads = ["LIVE 10", "L1VE 10", "LlVE 1O", "LIVE 10", "LIVE 10"]
    texts = [screen(i, logo(read), line(TOPICS[i])) for i, read in enumerate(reads)]
    assert constant_overlay(texts) == {"LIVE 10"}


def test_text_that_moves_is_no_overlay() -> None:
    texts = [
        screen(i, line("crawling words", 0.9, 0.05 + 0.1 * i), line(topic))
        for i, topic in enumerate(TOPICS)
    ]
    assert constant_overlay(texts) == frozenset()


def test_it_must_be_in_most_frames_and_in_five() -> None:
    four = [screen(i, logo(), line(topic)) for i, topic in enumerate(TOPICS[:4])]
    assert constant_overlay(four) == frozenset()
    mostly = [screen(i, logo(), line(topic)) for i, topic in enumerate(TOPICS[:6])]
    empty = [screen(10 + i) for i in range(4)]
    assert constant_overlay(mostly + empty[:3]) == {"ACME News"}
    assert constant_overlay(mostly + empty) == frozenset()


def test_a_slide_title_that_stays_while_lines_are_added_is_no_overlay() -> None:
    build = [
        screen(i, line("Five reasons", 0.1, 0.1, 0.1), *map(line, TOPICS[: i + 1]))
        for i in range(7)
    ]
    assert constant_overlay(build) == frozenset()


def test_one_slide_with_a_moving_drawing_keeps_its_title() -> None:
    labels = ["New moon", "First quarter", "Full moon", "Last quarter", "New moon", "Full moon"]
    texts = [
        screen(i, line("Spring and Neap Tides", 0.1), line("Sun", 0.6), line(label, 0.4))
        for i, label in enumerate(labels)
    ]
    titled = [
        ScreenText(text.index, text.time_s, text.lines, "Spring and Neap Tides") for text in texts
    ]
    assert "Spring and Neap Tides" not in constant_overlay(titled)


def test_text_alone_on_its_frames_is_no_overlay() -> None:
    assert constant_overlay([screen(i, logo()) for i in range(9)]) == frozenset()


def test_no_texts_no_overlay() -> None:
    assert constant_overlay([]) == frozenset()


@pytest.mark.timeout(20)
def test_hours_of_frames_with_many_lines_that_stay_are_looked_at_once() -> None:
    stays = [line(f"{word} stays here", top=0.1 * row) for row, word in enumerate("abcdef")]
    texts = [
        screen(i, *stays, line("only " + "".join(chr(ord("a") + int(d)) for d in str(i)), 0.8))
        for i in range(8_000)
    ]
    assert len(constant_overlay(texts)) == 6


# ---- clocks -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reads", "pattern"),
    [
        ([f"12:30:{s:02}" for s in range(0, 40, 5)], "#:#:#"),
        ([f"0:{59 - s:02}" for s in range(8)], "#:#"),
        ([f"{n}/13" for n in range(6, 14)], "#/#"),
        ([f"Page {n}" for n in range(8, 16)], "Page #"),
        ([f"00:00:{s:02};0{s % 3}" for s in range(8)], "#:#:#;#"),
    ],
)
def test_a_running_clock_is_overlay(reads: list[str], pattern: str) -> None:
    texts = [screen(i, logo(read), line(TOPICS[i])) for i, read in enumerate(reads)]
    assert constant_overlay(texts) == {pattern}
    left = without(screen(20, logo(reads[0]), line("stays")), frozenset({pattern}))
    assert left.lines == (line("stays"),)


def test_numbers_that_go_up_and_down_are_content() -> None:
    reads = ["COP 3.5", "COP 2.1", "COP 4.4", "COP 1.2", "COP 3.9", "COP 2.2"]
    texts = [screen(i, logo(read), line(TOPICS[i])) for i, read in enumerate(reads)]
    assert constant_overlay(texts) == frozenset()


def test_a_lone_number_is_never_a_clock() -> None:
    texts = [screen(i, logo(str(10 + i)), line(TOPICS[i])) for i in range(8)]
    assert constant_overlay(texts) == frozenset()


def test_a_fixed_text_with_a_number_goes_only_as_it_is() -> None:
    texts = [screen(i, logo("Channel 5"), line(topic)) for i, topic in enumerate(TOPICS)]
    overlay = constant_overlay(texts)
    assert overlay == {"Channel 5"}
    other = screen(9, line("Channel 4", 0.3), line("is another"))
    assert without(other, overlay) is other


# ---- without ------------------------------------------------------------------------------


def test_without_overlay_a_text_stays_the_same_object() -> None:
    text = screen(0, line("one"), line("two", 0.7))
    assert without(text, frozenset()) is text
    assert without(text, frozenset({"three"})) is text


def test_a_title_that_is_overlay_is_replaced() -> None:
    text = screen(
        0,
        line("ACME Academy", 0.02, 0.1, 0.12),
        line("How Tides Work", 0.2, 0.1, 0.09),
        line("the small print of it", 0.6),
        title="ACME Academy",
    )
    found = without(text, frozenset({"ACME Academy"}))
    assert found.title == "How Tides Work"
    assert [row.text for row in found.lines] == ["How Tides Work", "the small print of it"]


def test_a_title_of_two_lines_loses_the_one_that_is_overlay() -> None:
    text = screen(
        0,
        line("ACME Academy", 0.02, 0.1, 0.1),
        line("How Tides Work", 0.13, 0.1, 0.1),
        line("the small print of it", 0.6),
        title="ACME Academy How Tides Work",
    )
    assert without(text, frozenset({"ACME Academy"})).title == "How Tides Work"


def test_a_title_that_is_not_overlay_stays() -> None:
    text = screen(0, logo(), line("Kept", 0.2), line("more", 0.6), title="Kept")
    assert without(text, frozenset({"ACME News"})).title == "Kept"


def test_text_that_is_all_overlay_is_not_emptied() -> None:
    clock = screen(0, logo("12:30:05"))
    assert without(clock, frozenset({"#:#:#"})) is clock
