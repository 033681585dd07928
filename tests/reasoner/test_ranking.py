"""Which sentences are kept: relevant, unlike each other, from all parts; and what stands alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsum.reasoner.ranking import choose, relevance
from vidsum.reasoner.weights import tf_idf
from vidsum.reasoner.worth import worth

DOCUMENTS = [text.split() for text in (
    "heat pump moves heat",
    "heat pump moves heat",
    "heat pump warms house",
    "refrigerant boils air heat",
    "euro cost boiler",
    "weather",
)]  # fmt: skip


def chosen(count: int, groups: list[int], worths: list[float] | None = None) -> list[int]:
    matrix = tf_idf(DOCUMENTS)
    centre = matrix.centre(range(len(matrix)))
    return choose(matrix, relevance(matrix, centre, worths or [1.0] * 6), [groups], count)


def test_the_most_central_comes_first_and_a_repetition_never() -> None:
    assert chosen(1, [0] * 6) == [0]
    assert 1 not in chosen(6, [0] * 6)


def test_each_group_gives_its_share() -> None:
    assert chosen(3, [0, 0, 0, 1, 2, 2]) == [0, 3, 4]


def test_of_two_groupings_both_give_their_shares_and_else_the_first() -> None:
    matrix = tf_idf(DOCUMENTS)
    relevances = relevance(matrix, matrix.centre(range(6)), [1.0] * 6)
    assert choose(matrix, relevances, [[0, 0, 0, 1, 1, 1], [0, 0, 0, 0, 1, 1]], 2) == [0, 4]
    assert choose(matrix, relevances, [[0, 0, 0, 1, 1, 1], [0] * 6], 2) == [0, 3]


def test_a_full_group_gives_more_when_the_others_have_none_left() -> None:
    assert len(chosen(4, [0, 0, 0, 0, 0, 1])) == 4


def test_what_has_no_worth_is_left_out() -> None:
    assert chosen(6, [0] * 6, [0, 0, 1.0, 0, 1.0, 0]) == [2, 4]


def test_nothing_to_choose_from() -> None:
    matrix = tf_idf([])
    assert choose(matrix, np.zeros(0, np.float32), [[]], 3) == []


@given(
    st.lists(st.lists(st.sampled_from("abcdef"), max_size=5), max_size=15),
    st.integers(1, 6),
    st.integers(1, 4),
)
def test_choices_are_in_order_without_repeats_and_spread(
    documents: list[list[str]], count: int, groups: int
) -> None:
    matrix = tf_idf(documents)
    labels = [index % groups for index in range(len(documents))]
    found = choose(
        matrix,
        relevance(matrix, matrix.centre(range(len(matrix))), [1.0] * len(matrix)),
        [labels],
        count,
    )

    assert found == sorted(set(found))
    assert len(found) <= count
    kinds = [frozenset(documents[index]) for index in found if len(set(documents[index])) == 1]
    assert len(kinds) == len(set(kinds))


GOOD = "A heat pump moves heat from a cold place to a warm place."


@pytest.mark.parametrize(
    "weaker",
    [
        "It moves heat from a cold place to a warm place there.",
        "So a heat pump moves heat from a cold place to a warm one.",
        "Thank you for watching, and see you in the next video about heat.",
        "Good morning and welcome to this lecture about the heat pump.",
        "Does a heat pump move heat from a cold place to a warm place?",
        "moves heat from a cold place to a warm place and",
        "Heat pumps.",
        "In this lecture we talk about heat pumps and their many uses.",
        "Das bewegt Wärme von einem kalten an einen sehr warmen Ort.",
        "C'est une machine qui déplace la chaleur vers un endroit chaud.",
    ],
)
def test_a_sentence_that_stands_alone_is_worth_more(weaker: str) -> None:
    assert worth(weaker) < 0.8 * worth(GOOD)


def test_worth_is_a_share_and_zero_without_words() -> None:
    assert worth(GOOD) == 1.0
    assert worth("12 345 …") == 0.0
    assert 0 < worth("word " * 200) < 1
