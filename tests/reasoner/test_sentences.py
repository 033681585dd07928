"""Cues become sentences: where they end, from when to when they last, what they rest on."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reasoner.factory import entries

from vidsum.data import TimelineEntry
from vidsum.reasoner.sentence_ends import ends_sentence
from vidsum.reasoner.sentences import Sentence, sentences, width
from vidsum.wording import safe


def texts(*cues: str, language: str | None = None, gap_s: float = 0.2) -> list[str]:
    return [one.text for one in sentences(entries(*cues, gap_s=gap_s), language)]


def test_a_sentence_over_two_cues_and_two_sentences_in_one_cue() -> None:
    found = sentences(
        entries("The sea comes in", "and goes out. It is regular. The times", "are known.")
    )

    assert [one.text for one in found] == [
        "The sea comes in and goes out.",
        "It is regular.",
        "The times are known.",
    ]
    assert [one.evidence for one in found] == [("s1", "s2"), ("s2",), ("s2", "s3")]


def test_a_sentence_that_begins_inside_a_cue_is_placed_by_its_share_of_the_text() -> None:
    first, second = sentences(entries("Aaaa bbbb. Cccc dddd.", length_s=4.2))

    assert (first.start_s, second.end_s) == (0.0, pytest.approx(4.2))
    assert first.end_s == second.start_s == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("cue", "language"),
    [
        ("Dr. Smith met Prof. Jones and J. S. Bach.", "en"),
        ("It costs 3.5 euro, e.g. at Example.org or in the U.S. Army.", "en"),
        ("See No. 5 and Fig. 2 for more.", "en"),
        ("1. The cycle has four steps.", "en"),
        ("So... it depends on what you want.", "en"),
        ("Am 3. Mai kam z.B. Dr. Müller an.", "de"),
        ("« Bonjour ! » dit-il à Mme. Dupont.", "fr"),
        ("“Really?” he asked.", "en"),
    ],
)
def test_these_are_one_sentence(cue: str, language: str) -> None:
    assert texts(cue, language=language) == [cue]


@pytest.mark.parametrize(
    ("cue", "parts"),
    [
        ("I said no. Then he left.", ["I said no.", "Then he left."]),
        ("Bonjour ! Ça va ?", ["Bonjour !", "Ça va ?"]),
        ("¿Qué pasa? ¡Nada! Vale.", ["¿Qué pasa?", "¡Nada!", "Vale."]),
        ("今日は晴れ。散歩しよう！はい。", ["今日は晴れ。", "散歩しよう！", "はい。"]),
        ("यह पहला है। यह दूसरा है।", ["यह पहला है।", "यह दूसरा है।"]),
        ("هل هذا صحيح؟ نعم هو كذلك.", ["هل هذا صحيح؟", "نعم هو كذلك."]),
        ("i like it. you do too. we all do.", ["i like it.", "you do too.", "we all do."]),
    ],
)  # fmt: skip
def test_sentences_end_as_each_script_ends_them(cue: str, parts: list[str]) -> None:
    assert texts(cue) == parts


def test_an_abbreviation_at_the_end_of_a_cue_goes_on_in_the_next() -> None:
    assert texts("We met Dr.", "Smith in town.") == ["We met Dr. Smith in town."]


@pytest.mark.parametrize("sound", ["[Music]", "♪ la la la ♪", "(APPLAUSE)", "(laughs)", "【音楽】"])
def test_sounds_and_songs_are_no_sentences(sound: str) -> None:
    assert texts("Hello there.", sound, "Good to see you.") == ["Hello there.", "Good to see you."]


def test_a_sound_inside_a_sentence_ends_it_so_that_quotes_stay_verbatim() -> None:
    assert texts("We were [Music]", "going home. [door]", "and so on.") == [
        "We were",
        "going home.",
        "and so on.",
    ]


def test_a_bracket_inside_a_sentence_is_no_sound() -> None:
    cue = "The coefficient of performance (COP) is high."
    assert texts(cue) == [cue]


@pytest.mark.parametrize(
    "said",
    [
        "Look ![x](https://evil.example/a.png) Then a hand turns it.",
        "A wheel (Who made it? Nobody knows! So what.) turns.",
        "See https://example.org/a?b=c! for more.",
        "一行（何？はい）です。",
    ],
)
def test_no_sentence_ends_within_an_address_or_brackets(said: str) -> None:
    assert texts(said, "It stops. It goes. Yes it does.")[0] == said


def test_a_mark_behind_brackets_or_an_address_ends_a_sentence() -> None:
    assert texts("It is (a bit) new. See https://example.org/a. (It turns.) It stops!") == [
        "It is (a bit) new.", "See https://example.org/a.", "(It turns.)", "It stops!",
    ]  # fmt: skip


def test_a_long_sentence_is_not_cut_inside_an_address_or_a_number() -> None:
    said = "a wheel " * 30 + "https://evil.example/a.png,1,000 " + "b wheel " * 30
    assert any("https://evil.example/a.png,1,000" in one for one in texts(said))


def test_songs_count_where_nothing_is_spoken() -> None:
    assert texts("♪ I love you ♪", "♪ Yes I do ♪") == ["I love you", "Yes I do"]


@pytest.mark.parametrize(
    ("cue", "parts"),
    [
        ("- Who is it? - Me.", ["Who is it?", "Me."]),
        ("-Who is it?\n-Me.", ["Who is it?", "Me."]),
        (">> So it is done. >> Not yet.", ["So it is done.", "Not yet."]),
        ("JOHN: Come in. MARY ANN: Thanks.", ["Come in.", "Thanks."]),
        ("- MARY: Where is it? - JOHN: On the table.", ["Where is it?", "On the table."]),
        ("-10 degrees is cold.", ["-10 degrees is cold."]),
    ],
)
def test_speakers_are_kept_apart_and_their_marks_left_out(cue: str, parts: list[str]) -> None:
    assert texts(cue) == parts


def test_without_punctuation_pauses_part_sentences() -> None:
    cues = ["so today we talk about", "the tides of the sea", "the moon pulls on", "the water"]
    timed = [
        TimelineEntry(f"s{n}", "speech", start, start + 2.0, cue, "")
        for n, (start, cue) in enumerate(zip((0, 2, 5.5, 7.5), cues, strict=True), start=1)
    ]
    assert [one.text for one in sentences(timed)] == [
        "so today we talk about the tides of the sea",
        "the moon pulls on the water",
    ]


def test_with_punctuation_a_short_pause_parts_nothing() -> None:
    assert texts("The sea comes in,", "and it goes out.", gap_s=2.0) == [
        "The sea comes in, and it goes out."
    ]


def test_cues_that_each_begin_with_a_capital_and_have_no_marks_are_sentences() -> None:
    cues = ["We walked to the river", "Nobody was there", "The boat was gone"]
    assert texts(*cues) == cues


def test_endless_text_without_marks_is_cut_into_readable_lengths() -> None:
    cues = [f"word{n} and more words of one long talk" for n in range(200)]
    found = sentences(entries(*cues, gap_s=0.0), "en")

    assert all(width(one.text) <= 110 for one in found)
    assert min(width(one.text) for one in found[:-1]) >= 60
    assert " ".join(one.text for one in found) == " ".join(cues)


def test_one_giant_cue_is_cut_at_commas_or_words() -> None:
    found = texts("a clause of some words, " * 300)
    assert all(width(text) <= 110 and text.endswith(",") for text in found)


def test_cjk_text_without_marks_is_cut_as_well() -> None:
    found = texts("潮" * 1000)
    assert "".join(found) == "潮" * 1000
    assert all(len(text) <= 57 for text in found)


@pytest.mark.parametrize("cue", ["", "   ", "...", "♪", "[Music]", "\x00\x1b", "-", ">>"])
def test_nothing_said_gives_no_sentence(cue: str) -> None:
    assert texts(cue) == []


def test_control_characters_and_escapes_are_taken_out() -> None:
    assert texts("Hi\x1b[31m there\x07,\u202e friend.") == ["Hi there, friend."]


# ---- hostile text


HOSTILE = {
    "dots": "." * 199_000 + "x",
    "dots and spaces": ". " * 99_000 + "x",
    "abbreviations": "Dr. " * 50_000,
    "marks that always end": "。x" * 100_000,
    "closing quotes": 'x.' + '"' * 198_000 + "x",
    "closing guillemets": "x." + " »" * 99_000 + "x",
    "open brackets": "(A" * 100_000,
    "empty lines": "a" + "\n" * 198_000 + "b",
    "capitals": "A" * 100_000 + " " + "A" * 99_000,
    "notes": "♪a" * 100_000,
    "escapes": "\x1b]" * 100_000,
    "one word": "a.b" * 66_000,
}  # fmt: skip


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_huge_cue_made_to_be_slow_is_not(name: str) -> None:
    found = texts(HOSTILE[name], "The sea comes in.")
    assert found[-1].endswith("The sea comes in.")
    assert all(width(text) <= 280 for text in found)


@pytest.mark.timeout(20)
def test_an_abbreviation_that_never_ends_its_sentence_is_looked_at_once() -> None:
    assert ends_sentence("Dr. " * 50_000 + "Yes.", "No.", cased=True)
    assert not ends_sentence("." * 200_000 + "x", "No.", cased=True)


def test_of_an_endless_cue_the_first_two_hours_are_quoted_in_their_place() -> None:
    cue = TimelineEntry("s1", "speech", 0.0, 300.0, "Tides come and go. " * 15_000, "test")
    found = sentences([cue])
    assert len(found) == 5_264
    assert found[-1].end_s == pytest.approx(300 * 100_000 / 285_000, abs=0.1)


def test_opening_guillemets_do_not_close_a_sentence() -> None:
    assert texts("Er kam heim. »Ja«, sagte er.", language="de") == [
        "Er kam heim.",
        "»Ja«, sagte er.",
    ]


WORDS = st.sampled_from(
    ["tide", "Moon", "3.5", "Dr.", "e.g.", "end.", "Why?", "[Music]", "♪", "- Yes", ">>", "so,",
     "潮。", "\n", "“no.”", "JOHN:", "(LAUGHS)", "\x1b", "…", "x" * 90]
)  # fmt: skip
CUES = st.lists(
    st.one_of(st.lists(WORDS, max_size=12).map(" ".join), st.text(max_size=60)), max_size=12
)


def in_order(found: list[Sentence]) -> bool:
    return all(a.start_s <= b.start_s + 1e-9 for a, b in pairwise(found))


@given(CUES, st.sampled_from([None, "en", "de", "fr"]), st.sampled_from([0.0, 0.5, 1.5, 5.0]))
def test_every_sentence_stands_verbatim_in_the_cues_that_it_names(
    cues: list[str], language: str | None, gap_s: float
) -> None:
    timed = entries(*cues, gap_s=gap_s)
    by_id = {entry.id: entry for entry in timed}
    found = sentences(timed, language)

    for one in found:
        rests_on = [by_id[id_] for id_ in one.evidence]
        assert one.text
        assert one.text in " ".join(safe(entry.text) for entry in rests_on)
        assert rests_on[0].start_s <= one.start_s <= one.end_s <= rests_on[-1].end_s + 1e-9
    assert in_order(found)
