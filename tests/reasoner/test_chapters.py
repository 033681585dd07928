"""Chapters: which basis they take, where they begin, and that they cover all without overlap."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reasoner.factory import BLACK, INTERVAL_S, Screen, bundle, cues, footage, slide

from vidsum.data import Bundle, ChapterMark
from vidsum.reasoner.chapters import Division
from vidsum.reasoner.material import material
from vidsum.reasoner.parts import MOST_PARTS, Part, at_most, cut
from vidsum.reasoner.titles import same_title

A, B, C = slide("Tides"), slide("The Moon"), slide("The Sun")
FILM = [footage(number) for number in range(200)]


def divided(made: Bundle) -> Division:
    return material(made).division


def told(made: Bundle) -> list[tuple[float, str | None]]:
    return [(part.start_s, part.title) for part in divided(made).parts]


# ---- titles on screen


def test_a_chapter_begins_with_the_first_sample_of_its_title() -> None:
    made = bundle([A, A, B, B, B, C, C])
    assert divided(made).basis == "titles"
    assert told(made) == [(0, "Tides"), (10, "The Moon"), (25, "The Sun")]


def test_a_slide_that_is_shown_again_is_a_chapter_again() -> None:
    made = bundle([A, A, B, B, A, A])
    assert told(made) == [(0, "Tides"), (10, "The Moon"), (20, "Tides")]


def test_a_black_moment_splits_nothing() -> None:
    assert told(bundle([A, A, BLACK, A, B, BLACK, BLACK, B])) == [(0, "Tides"), (20, "The Moon")]


def test_a_title_that_ocr_reads_otherwise_is_the_same_and_called_as_most_often_read() -> None:
    screens = [
        slide("The Reſrigeration Cycle", "x y z", "1"),
        *[slide("The Refrigeration Cycle")] * 2,
    ]
    assert told(bundle([*screens, C, C])) == [(0, "The Refrigeration Cycle"), (15, "The Sun")]


def test_lines_that_come_one_by_one_are_one_slide() -> None:
    growing = [slide("Tides", *(f"Point {n}" for n in range(count))) for count in (2, 3, 4)]
    assert told(bundle([*growing, B, B])) == [(0, "Tides"), (15, "The Moon")]


def test_footage_after_the_last_slide_is_a_chapter_from_two_samples_on() -> None:
    assert told(bundle([A, A, B, B, *FILM[:2]])) == [(0, "Tides"), (10, "The Moon"), (20, None)]
    assert told(bundle([A, A, B, B, FILM[0]])) == [(0, "Tides"), (10, "The Moon")]


def test_footage_before_the_first_slide_is_one_as_well() -> None:
    assert told(bundle([*FILM[:3], A, A, B, B])) == [(0, None), (15, "Tides"), (25, "The Moon")]
    assert told(bundle([FILM[0], A, A, B, B])) == [(0, "Tides"), (15, "The Moon")]


def test_a_short_cut_to_the_speaker_belongs_to_the_slide_and_a_long_one_does_not() -> None:
    assert told(bundle([A, A, *FILM[:2], A, A, B, B])) == [(0, "Tides"), (30, "The Moon")]
    assert told(bundle([A, A, *FILM[:6], B, B])) == [(0, "Tides"), (10, None), (40, "The Moon")]


def test_title_cards_name_the_footage_that_follows() -> None:
    card = [Screen(name, (name,), 0.95) for name in ("Morning", "Evening")]
    made = bundle([card[0], *FILM[:5], card[1], *FILM[5:9]])
    assert told(made) == [(0, "Morning"), (30, "Evening")]


def test_a_large_title_over_a_picture_counts_when_it_stays() -> None:
    cover = Screen("Tides", ("Tides", "A talk"), 0.4, title_height=0.12)
    assert told(bundle([cover, cover, B, B])) == [(0, "Tides"), (10, "The Moon")]
    assert told(bundle([cover, B, B, C, C])) == [(0, "The Moon"), (15, "The Sun")]


def card(*lines: str, difference: float = 10.0) -> Screen:
    """Large lines alone on a flat picture, which the reader of titles leaves without one."""
    return Screen(None, lines, 0.95, height=0.09, difference=difference)


def test_a_large_line_alone_on_a_flat_picture_is_a_title_if_it_stays() -> None:
    first, second = card("Die nasse Platte"), card("Rollfilm", "und Kodak")
    made = bundle([first, first, second, second, second])
    assert divided(made).basis == "titles"
    assert told(made) == [(0, "Die nasse Platte"), (10, "Rollfilm und Kodak")]
    assert told(bundle([first, B, B, C, C])) == [(0, "The Moon"), (15, "The Sun")]


def test_a_slide_that_builds_up_from_its_title_is_one_slide() -> None:
    lines = ("Sealed soil keeps water out", "Drains were built for 1950")
    growing = [card("Why cities flood"), slide("Why cities flood", *lines)]
    made = bundle([*growing, card("What helps"), slide("What helps", *lines)])
    assert told(made) == [(0, "Why cities flood"), (10, "What helps")]


@pytest.mark.parametrize(
    "other",
    [
        Screen(None, ("$ git clone app",), 0.95, height=0.05),
        Screen(None, ("Over a picture",), 0.4, height=0.09),
        Screen(None, ("One row", "Two rows", "Three rows"), 0.95, height=0.09),
        Screen(None, ("12:45",), 0.95, height=0.09),
    ],
)
def test_other_lines_alone_are_no_titles(other: Screen) -> None:
    assert told(bundle([other, other, A, A])) == [(0, "Tides")]


def test_a_slide_of_one_sample_is_too_short_for_a_chapter_in_a_long_video() -> None:
    made = bundle([*[A] * 20, B, *[C] * 20])
    assert told(made) == [(0, "Tides"), (105, "The Sun")]


def test_in_a_short_video_it_is_not() -> None:
    assert told(bundle([A, B, C])) == [(0, "Tides"), (5, "The Moon"), (10, "The Sun")]


def test_text_that_scrolls_by_makes_no_chapters() -> None:
    scrolling = [slide(f"line {n} of a long program {n * n}") for n in range(30)]
    assert divided(bundle(scrolling)).basis == "none"


def test_one_title_names_the_whole() -> None:
    made = bundle([A] * 5)
    assert divided(made).basis == "none"
    assert told(made) == [(0, "Tides")]


def test_an_overlay_is_no_title() -> None:
    logo = Screen("ACME News", ("ACME News", "one", "two"), 0.9)
    assert told(bundle([logo, logo, A, A], overlay=("ACME News",))) == [(0, "Tides")]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("The Refrigeration Cycle", "The Refrlgeration Cycle", True),
        ("HEAT PUMPS: An Introduction", "Heat Pumps - an introduction", True),
        ("Costs and Savings", "Costs and Savings (cont.)", True),
        ("Part 1", "Part 2", False),
        ("Section A of the plan", "Section B of the plan", False),
        ("World War I in Europe", "World War II in Europe", False),
        ("Costs", "Coats", False),
        ("Air source pumps", "Ground source pumps", False),
        ("", "", True),
    ],
)
def test_when_two_titles_are_one(one: str, other: str, same: bool) -> None:
    assert same_title(one, other) is same
    assert same_title(other, one) is same


# ---- the file's own markers


MARKS = [ChapterMark(0, 60, "Start"), ChapterMark(60, 200, "Middle"), ChapterMark(200, 300, "End")]


def test_the_files_own_markers_come_first() -> None:
    made = bundle([A, A, B, B], end_s=300.0, marks=MARKS)
    assert divided(made).basis == "file"
    assert told(made) == [(0, "Start"), (60, "Middle"), (200, "End")]
    assert {part.title_from for part in divided(made).parts} == {"file"}


def test_markers_are_cut_to_what_was_looked_at() -> None:
    made = bundle(start_s=100.0, end_s=250.0, marks=MARKS)
    assert told(made) == [(100, "Middle"), (200, "End")]


def test_time_before_the_first_marker_is_a_part_unless_it_is_short() -> None:
    late = [ChapterMark(30, 60, "One"), ChapterMark(60, 100, "Two")]
    assert told(bundle(end_s=100.0, marks=late)) == [(0, None), (30, "One"), (60, "Two")]
    early = [ChapterMark(1, 60, "One"), ChapterMark(60, 100, "Two")]
    assert told(bundle(end_s=100.0, marks=early)) == [(0, "One"), (60, "Two")]


def test_broken_markers_do_no_harm() -> None:
    marks = [ChapterMark(float("nan"), 1, "x"), ChapterMark(50, 50, ""), ChapterMark(50, 20, "Two"),
             ChapterMark(-5, 9, "\x1bOne"), ChapterMark(1e9, 2e9, "far")]  # fmt: skip
    assert told(bundle(end_s=100.0, marks=marks)) == [(0, "One"), (50, "Two")]


def test_one_marker_divides_nothing() -> None:
    assert divided(bundle([A, A, B, B], marks=[ChapterMark(0, 20, "All")])).basis == "titles"


# ---- speech and pictures


TIDES = ["The tide rises with the moon.", "The moon pulls the sea.", "High tide follows the moon."]
MONEY = ["A bank lends money.", "The bank wants interest.", "Money in the bank earns interest."]


def test_topics_part_speech_at_the_change_of_words() -> None:
    made = bundle(said=cues(*TIDES * 4, *MONEY * 4, length_s=5.0, gap_s=0.0))
    division = divided(made)

    assert division.basis == "speech"
    assert [part.start_s for part in division.parts] == [0.0, 60.0]


def test_a_topic_begins_after_the_long_pause_nearby() -> None:
    said = cues(*TIDES * 4, length_s=5.0, gap_s=0.0)
    said += cues(*MONEY * 4, start_s=66.0, length_s=5.0, gap_s=0.0)
    assert [part.start_s for part in divided(bundle(said=said)).parts] == [0.0, 66.0]


def test_too_little_or_uniform_speech_is_not_divided() -> None:
    assert divided(bundle(said=cues(*TIDES, *MONEY))).basis == "none"
    assert divided(bundle(said=cues(*["The tide rises again."] * 60))).basis == "none"


def test_titles_that_leave_nearly_all_of_a_long_video_whole_give_way_to_speech() -> None:
    said = cues(*TIDES * 20, *MONEY * 20, length_s=6.0, gap_s=0.0)
    film = [footage(number) for number in range(140)]
    assert divided(bundle([A, A, *film, B, B], said)).basis == "speech"


def test_cuts_to_another_view_part_what_has_no_words() -> None:
    cut_at = {6: 80.0, 12: 90.0}
    screens = [Screen(flatness=0.2, difference=cut_at.get(n, n / 10)) for n in range(20)]
    division = divided(bundle(screens))

    assert division.basis == "pictures"
    assert [part.start_s for part in division.parts] == [0.0, 30.0, 60.0]
    assert {part.title for part in division.parts} == {None}


@pytest.mark.parametrize(
    "screens",
    [
        [Screen(difference={6: 33.0, 12: 45.0}.get(n, n / 10)) for n in range(20)],
        [Screen(difference={6: 80.0, 7: 81.0}.get(n, n / 10)) for n in range(20)],
        [*[FILM[0]] * 6, *[Screen(difference=80.0)] * 4, *[FILM[0]] * 6],
    ],
    ids=["one view", "a flash", "the old view comes back"],
)
def test_without_a_lasting_cut_to_another_view_there_is_one_part(screens: list[Screen]) -> None:
    assert divided(bundle(screens)).basis == "none"


def test_a_film_in_which_every_sample_differs_is_not_divided() -> None:
    screens = [Screen(flatness=0.2, difference=60.0 + n) for n in range(40)]
    assert divided(bundle(screens)).basis == "none"


def test_nothing_at_all_is_one_part() -> None:
    assert told(bundle()) == [(0, None)]


# ---- what holds for any video


SCREENS = st.lists(
    st.one_of(
        st.sampled_from([A, B, C, BLACK, slide("Part 1"), slide("Part 2")]),
        st.builds(Screen, flatness=st.just(0.2), difference=st.floats(0, 120)),
        st.builds(slide, st.text("ab I12", min_size=1, max_size=12)),
    ),
    max_size=60,
)
MARK = st.builds(ChapterMark, st.floats(-50, 400), st.floats(-50, 400), st.text(max_size=5))


@given(
    SCREENS,
    st.lists(st.sampled_from([*TIDES, *MONEY, ""]), max_size=40),
    st.lists(MARK, max_size=30),
    st.sampled_from([0.0, 7.0, 100.0]),
    st.sampled_from([None, 50.0, 120.0]),
)
def test_chapters_are_in_order_and_cover_all_without_overlap(
    screens: list[Screen],
    texts: list[str],
    marks: list[ChapterMark],
    start_s: float,
    end_s: float | None,
) -> None:
    said = cues(*texts, start_s=start_s)
    made = bundle(screens, said, start_s=start_s, end_s=end_s, marks=marks)
    parts = divided(made).parts

    assert parts[0].start_s == start_s
    assert parts[-1].end_s == max(start_s, made.evidence.end_s)
    assert all(before.end_s == after.start_s for before, after in pairwise(parts))
    assert all(part.start_s < part.end_s for part in parts) or len(parts) == 1
    assert len(parts) <= (60 if divided(made).basis == "file" else MOST_PARTS)


@given(st.lists(st.integers(1, 12), min_size=1, max_size=60))
def test_parts_by_titles_are_long_enough_and_neighbours_differ(lengths: list[int]) -> None:
    screens = [slide(f"Topic {n}") for n, length in enumerate(lengths) for _ in range(length)]
    division = divided(bundle(screens))
    if division.basis != "titles":
        return
    whole_s = len(screens) * INTERVAL_S
    for part in division.parts:
        assert part.length_s >= min(10.0, whole_s / 8)
    assert all(one.title != other.title for one, other in pairwise(division.parts))


def test_many_parts_are_made_few_by_giving_the_shortest_away() -> None:
    starts = [Part(10.0 * n, 0, f"Part {n}", "screen") for n in range(3000)]
    parts = at_most(cut(starts, 0.0, 30_000.0))

    assert len(parts) == MOST_PARTS
    assert (parts[0].start_s, parts[-1].end_s) == (0.0, 30_000.0)
    assert max(part.length_s for part in parts) < 4 * min(part.length_s for part in parts)
