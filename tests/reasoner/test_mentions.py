"""Names: capitals that a word has of its own, with the entries that hold it."""

from __future__ import annotations

import pytest
from reasoner.factory import bundle, cues, footage, slide

from vidsum.data import Bundle, Name
from vidsum.reasoner.material import material
from vidsum.reasoner.mentions import names
from vidsum.reasoner.verbatim import words


def named(made: Bundle, most: int = 20) -> dict[str, Name]:
    found = material(made)
    told = names(found.said, made.timeline, found.lexicon.language, most)
    return {one.text: one for one in told}


def test_names_are_words_with_a_capital_inside_a_sentence() -> None:
    made = bundle((), cues(
        "Yesterday we met Dr. Okafor, and Anna said that I'm late.",
        "Ludwig van Beethoven lived in Vienna, near the Danube's bank.",
        "On Monday NASA launched it from the Kennedy Space Center in Florida.",
        "The sea comes in twice a day, and Sailors know it; sailors are sailors.",
    ), language="en")  # fmt: skip
    found = named(made)
    assert set(found) == {
        "Dr. Okafor", "Anna", "Ludwig van Beethoven", "Vienna", "Danube", "NASA",
        "Kennedy Space Center", "Florida",
    }  # fmt: skip
    assert {one.kind for one in found.values()} == {"unknown"}
    assert found["Anna"].evidence == ("s1",)


def test_a_word_that_only_begins_sentences_is_no_name() -> None:
    assert named(bundle((), cues("Tides rise.", "Kelvin did it.", "Tides fall in the end."))) == {}


def test_each_name_stands_in_the_entries_that_it_names_also_across_cues() -> None:
    made = bundle(
        [slide("Two Oceans", "the tides of Brest are high"), footage()],
        cues("We sailed from Brest to the Bay", "of Fundy and saw Brest again."),
        language="en",
    )
    found = named(made)
    assert found["Brest"].evidence == ("t1", "s1", "s2")
    assert found["Bay of Fundy"].evidence == ("s1", "s2")
    by_id = {entry.id: entry.text for entry in made.timeline}
    for name in found.values():
        assert words(name.text) in words(" ".join(by_id[id_] for id_ in name.evidence))


def test_those_in_most_entries_come_first_and_no_more_than_asked_for() -> None:
    texts = ["On the boat we saw that Anna was there.", "She met Bert, and then Anna went home.",
             "All of them were there in the end: first Anna, then Bert and Carl."]  # fmt: skip
    made = bundle((), cues(*texts), language="en")
    assert list(named(made)) == ["Anna", "Bert", "Carl"]
    assert list(named(made, most=1)) == ["Anna"]
    many = bundle((), cues(*["We see Anna again."] * 50), language="en")
    ids = named(many)["Anna"].evidence
    assert (len(ids), ids[0], ids[-1]) == (8, "s1", "s50")


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de", "Die Pumpe bringt die Wärme von einem kalten an einen warmen Ort."),
        (None, "Die Pumpe bringt die Wärme von einem Ort in der Stadt an einen Fluss im Tal."),
        ("en", "THE SEA COMES IN AND GOES OUT TWICE A DAY IN BRITTANY."),
        ("en", "The Sea Comes In And Goes Out Twice Each Day In Brittany."),
        ("ja", "潮は月の引力によって起こります。"),
    ],
)
def test_where_capitals_tell_nothing_there_are_no_names(language: str | None, text: str) -> None:
    assert named(bundle((), cues(text), language=language)) == {}


def test_titles_on_screen_give_no_names_but_sentences_do() -> None:
    shown = slide("Why the Moon Wins", "Machines That Predict Tides", "waves in a usual NOAA table")
    assert set(named(bundle([shown], (), language="en"))) == {"NOAA"}
