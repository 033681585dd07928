"""Boundaries: chapters, the topics of a long talk, and cuts to another view."""

from __future__ import annotations

from itertools import pairwise

from reasoner.factory import Screen, bundle, cues, lecture_cues, lecture_screens

from vidsum.data import ChapterMark, Segment
from vidsum.reasoner.boundaries import boundaries

TOPICS = (
    "The turbine blade spins in the steam", "A violin string vibrates under the bow",
    "Glaciers carve valleys through granite", "The parliament debates the new budget",
    "Bakers knead dough before sunrise", "Neurons fire along the axon", "Sailors reef the mainsail",
)  # fmt: skip
TOPIC_S = 300.0


def long_talk(hours: float) -> list[Segment]:
    """Five minutes on each topic in turn, a sentence every five seconds."""
    texts = []
    for number in range(int(hours * 3600 / TOPIC_S)):
        words = TOPICS[number % len(TOPICS)].split()
        texts += [
            f"{' '.join(words[n % 3 :])} while {words[-1]} and {words[(n + 1) % len(words)]} go on."
            for n in range(int(TOPIC_S / 5))
        ]
    return cues(*texts, length_s=4.8, gap_s=0.2)


def test_a_talk_of_many_hours_has_its_shifts_of_topic_not_just_its_chapters() -> None:
    found = boundaries(bundle(said=long_talk(5)))
    true = [TOPIC_S * n for n in range(1, 60)]
    near = [min(abs(time_s - shift_s) for shift_s in found.shifts_s) < 15 for time_s in true]
    assert sum(near) >= 0.8 * len(true)
    wrong = [s for s in found.shifts_s if min(abs(s - time_s) for time_s in true) >= 15]
    assert len(wrong) <= 0.1 * len(true)
    assert len(found.starts_s) < 20
    assert all(former < later for former, later in pairwise(found.shifts_s))


def test_chapters_begin_where_they_do_in_the_summary() -> None:
    found = boundaries(bundle(lecture_screens(), lecture_cues()))
    assert found.starts_s == [15.0, 30.0, 45.0]
    marks = [ChapterMark(0, 20, "One"), ChapterMark(20, 60, "Two")]
    assert boundaries(bundle(lecture_screens(), marks=marks)).starts_s == [20.0]


def test_cuts_to_another_view_are_told_where_nobody_speaks() -> None:
    shown = [
        Screen(flatness=0.2 + n / 1000, difference=90.0 if n % 10 == 0 else 20.0) for n in range(60)
    ]
    assert boundaries(bundle(shown)).changes_s == [50.0 * n for n in range(6)]


def test_nothing_begins_in_a_video_of_which_nothing_is_known() -> None:
    assert boundaries(bundle()) == ([], [], [])
