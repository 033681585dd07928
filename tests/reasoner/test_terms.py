"""Words as terms, tf-idf weights, and the keywords of parts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsum.reasoner.keywords import Passage, PhraseBook
from vidsum.reasoner.terms import lexicon, stem
from vidsum.reasoner.weights import tf_idf

ENGLISH = lexicon("en", [])


def test_function_words_numbers_and_units_are_left_out() -> None:
    assert ENGLISH.terms("The sea is 3.5 m deep, and it's about 12 km to Dr. Smith") == [
        "sea",
        "deep",
        "smith",
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [("cycle", "cycles"), ("boiler", "boilers"), ("house", "houses"), ("subsidy", "subsidies"),
     ("raise", "raising"), ("boil", "boiled"), ("Moon's", "moon"), ("COP", "cop")],
)  # fmt: skip
def test_forms_of_one_word_are_one_term(one: str, other: str) -> None:
    assert ENGLISH.terms(one) == ENGLISH.terms(other) != []


@pytest.mark.parametrize(("one", "other"), [("bus", "bush"), ("gas", "gash"), ("R-32", "R-290")])
def test_other_words_stay_apart(one: str, other: str) -> None:
    assert ENGLISH.terms(one) != ENGLISH.terms(other)


def test_a_stem_keeps_three_letters_and_digits_as_they_are() -> None:
    assert stem("king", ("ing",)) == "king"
    assert stem("m2s", ("s",)) == "m2s"


def test_elisions_are_taken_off_in_french_and_italian() -> None:
    french = lexicon("fr", [])
    assert french.terms("l'océan d’eau") == french.terms("océan eau")
    assert lexicon("it", []).terms("dell'acqua") == lexicon("it", []).terms("acqua")


def test_words_with_hyphens_and_vowel_signs_stay_whole() -> None:
    assert ENGLISH.terms("R-410A") == ["r-410a"]
    assert [word.text for word in lexicon("hi", []).words("ज्वार और महासागर")] == ["ज्वार", "महासागर"]


def test_japanese_and_chinese_give_words_without_spaces() -> None:
    assert lexicon("ja", []).terms("ヒートポンプは熱を移動させる機械です") == [
        "ヒートポンプ", "熱", "移動", "機械",
    ]  # fmt: skip
    assert "潮汐" in lexicon("zh", []).terms("芬迪湾的潮汐是世界上最高的")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The sea comes in and goes out again, and it is so regular that we know it.", "en"),
        ("Das Meer kommt und geht, und es ist so regelmäßig, dass wir es vorher wissen.", "de"),
        ("La mer monte et descend, et elle est si régulière que nous le savons.", "fr"),
        ("El mar sube y baja, y es tan regular que lo sabemos con años de antelación.", "es"),
        ("Il mare sale e scende, ed è così regolare che lo sappiamo con anni di anticipo.", "it"),
        ("O mar sobe e desce, e é tão regular que nós sabemos com anos de antecedência.", "pt"),
        ("De zee komt en gaat, en het is zo regelmatig dat we het van tevoren weten.", "nl"),
        ("Море приходит и уходит, и это происходит очень регулярно.", None),
    ],
)
def test_a_language_is_told_by_its_function_words(text: str, language: str | None) -> None:
    assert lexicon(None, [text]).language == language


def test_a_wrong_code_is_not_believed_and_a_right_one_is() -> None:
    german = "Das Meer kommt und geht, und es ist so regelmäßig, dass wir es vorher wissen."
    assert lexicon("eng", [german]).language == "de"
    assert lexicon("de-AT", [german]).language == "de"
    assert lexicon("ru", ["Море приходит и уходит."]).language is None


def test_in_a_language_without_list_short_words_say_nothing_unless_they_are_names() -> None:
    russian = lexicon("ru", [])
    assert russian.terms("Он и она на Луне NASA ЦУП") == ["луне", "nasa", "цуп"]


def test_tf_idf_weighs_by_the_formula() -> None:
    matrix = tf_idf([["tide", "tide", "moon"], ["moon"]])
    tide = math.log(3) * (math.log(3 / 2) + 1)
    moon = math.log(2) * (math.log(3 / 3) + 1)
    row = matrix.row(0)

    length = math.hypot(tide, moon)
    assert row[matrix.vocabulary["tide"]] == pytest.approx(tide / length)
    assert row[matrix.vocabulary["moon"]] == pytest.approx(moon / length)
    assert matrix.along(matrix.row(1)).tolist() == pytest.approx([moon / length, 1.0])


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=9), max_size=12))
def test_rows_have_length_one_and_products_match_dense_ones(documents: list[list[str]]) -> None:
    matrix = tf_idf(documents)
    dense = np.array([matrix.row(index) for index in range(len(matrix))]).reshape(
        len(matrix), len(matrix.idf)
    )
    lengths = [1.0 if document else 0.0 for document in documents]
    some = matrix.vector(["a", "b", "zzz"])

    assert np.linalg.norm(dense, axis=1).tolist() == pytest.approx(lengths)
    assert matrix.along(some).tolist() == pytest.approx((dense @ some).tolist(), abs=1e-6)
    total = dense.sum(axis=0)
    centre = matrix.centre(range(len(matrix)))
    assert (centre * np.linalg.norm(total)).tolist() == pytest.approx(total.tolist(), abs=1e-5)


def test_a_day_of_speech_takes_little_memory() -> None:
    documents = [
        [f"word{(place * 7 + n * n) % 30_000}" for n in range(9)] for place in range(24_000)
    ]
    matrix = tf_idf(documents)
    stored = matrix.weights.nbytes + matrix.columns.nbytes + matrix.starts.nbytes

    assert len(matrix.idf) == 20_000
    assert stored < 4_000_000


def said(*texts: str) -> list[Passage]:
    return [Passage(text) for text in texts]


PARTS = [
    said(
        "Now the heat pump is here.", "We know the heat pump and its heat.", "A heat pump is good."
    ),
    said("Drilling is expensive.", "We look at drilling and the ground source heat pump."),
    said("The COP and the Carnot limit.", "Nobody passes the Carnot limit with any COP."),
]


def test_keywords_of_a_part_are_those_that_the_others_lack() -> None:
    book = PhraseBook(PARTS, ENGLISH)

    assert set(book.contrast(2, 4)) == {"COP", "Carnot limit"}
    assert book.contrast(1, 3) == ("drilling",)


def test_keywords_keep_capitals_that_are_not_made_by_their_place() -> None:
    parts = [said("Drilling is hard.", "We like drilling.", "Carnot said so, and Carnot knew.")]
    assert set(PhraseBook(parts, ENGLISH).overall(4)) == {"drilling", "Carnot"}


def test_a_pair_stands_for_its_words_and_no_keyword_is_a_fragment_of_another() -> None:
    found = PhraseBook(PARTS, ENGLISH).overall(8)

    assert found[0] == "heat pump"
    assert "heat" not in found
    assert "pump" not in found


def test_a_pair_that_only_ends_longer_names_is_none() -> None:
    parts = [
        said("An air source system.", "A ground source system.", "The air source and the ground.")
    ]
    assert "source system" not in PhraseBook(parts, ENGLISH).overall(8)


def test_words_of_the_title_are_not_repeated_as_keywords() -> None:
    assert PhraseBook(PARTS, ENGLISH).contrast(2, 4, known="The Carnot Limits") == ("COP",)


def test_text_on_screen_counts_once_where_nothing_is_said() -> None:
    shown = [[Passage("Evaporator", shown=True)], [Passage("Condenser", shown=True)]]
    assert PhraseBook(shown, ENGLISH).contrast(0, 3) == ("Evaporator",)


@given(
    st.lists(
        st.lists(st.text("ab ctide.,MOON潮 ", max_size=40).map(Passage), max_size=4),
        min_size=1,
        max_size=4,
    )
)
def test_keywords_stand_in_the_text_and_do_not_overlap(parts: list[list[Passage]]) -> None:
    book = PhraseBook(parts, ENGLISH)
    for index, part in enumerate(parts):
        found = book.contrast(index, 5)
        text = " ".join(" ".join(passage.text.split()) for passage in part)
        terms = [set(ENGLISH.terms(keyword)) for keyword in found]
        assert len(found) <= 5
        assert all(keyword.casefold() in text.casefold() or terms for keyword in found)
        assert all(not (a <= b) for i, a in enumerate(terms) for b in terms[:i])
