"""Questions without a model: what is found is true and ranked well, and nothing else is said."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reasoner.factory import BLACK, Screen, bundle, cues, footage, lecture_screens, slide

from vidsum.config import Options
from vidsum.data import Answer, Bundle, Caption, Coverage, Fact, Grounding, Segment
from vidsum.reasoner.auditing import audited_answer
from vidsum.reasoner.extractive import ExtractiveReasoner
from vidsum.reasoner.verbatim import words
from vidsum.timeline import timeline

TALK = (
    "The Sun pulls on us nearly 180 times as hard as the Moon does.",
    "Sailors share out six hours of rising water.",
    "The name spring has nothing to do with the season.",
    "At new and full moon, Sun and Moon work along one line: spring tides.",
    "Fossil corals kept count of the days.",
    "Kelvin did it with pulleys and one cord in 1872.",
)


def ask(made: Bundle, question: str, length: str = "medium") -> Answer:
    return ExtractiveReasoner(Options(length=length)).answer(made, question)


def talk(**more: object) -> Bundle:
    return bundle((), cues(*TALK, gap_s=20.0), language="en", **more)  # type: ignore[arg-type]


def texts(answer: Answer) -> list[str]:
    return [claim.text for claim in answer.claims]


# ---- what is found


@pytest.mark.parametrize(
    ("question", "first"),
    [
        ("What pulls harder, the Sun or the Moon?", 0),
        ("When are spring tides?", 3),
        ("What does the name spring come from?", 2),
        ("What happened in 1872?", 5),
        ("who built KELVIN's machine", 5),
        ("Which coral counted?", 4),
        ("How many hours?", 1),
    ],
)
def test_the_passage_that_answers_comes_first(question: str, first: int) -> None:
    found = ask(talk(), question)
    assert found.found
    assert texts(found)[0] == TALK[first]
    claim = found.claims[0]
    assert (claim.evidence, claim.quoted) == ((f"s{first + 1}",), True)
    assert claim.start_s == pytest.approx(24.0 * first)


def test_the_method_says_that_no_model_read_it_and_how_one_would() -> None:
    found = ask(talk(), "When are spring tides?")
    assert "no model read the question" in found.method
    assert "six sentences" in found.method
    assert any("vidsum talk.mp4 --ask 'When are spring tides?'" in step for step in found.more)


def test_words_that_occur_nowhere_are_named() -> None:
    assert ask(talk(), "Who built Kelvin's machine?").caveats == (
        "These words of the question occur nowhere: built, machine.",
    )
    assert ask(talk(), "When are spring tides?").caveats == ()


def test_what_is_not_there_is_not_found_and_nothing_is_made_up() -> None:
    found = ask(talk(), "What is the price of fish?")
    assert (found.found, found.claims) == (False, ())
    assert found.caveats == (
        "These words of the question occur nowhere in what was said or given with the file: "
        "price, fish.",
    )


def test_what_pictures_show_is_not_known_where_nobody_looked_at_them() -> None:
    found = ask(bundle(lecture_screens(), cues(*TALK), language="en"), "Is there a dog?")
    assert not found.found
    assert found.caveats == (
        "This word of the question occurs nowhere in what was said, written on screen or given "
        "with the file: dog.",
        "The pictures were measured, not understood: what they show is not known.",
    )
    seen = ask(captioned("A dog on a quay.", "local"), "Is there a cat?")
    assert not any("measured" in caveat for caveat in seen.caveats)


@pytest.mark.parametrize(
    "question",
    ["How long is the video?", "how long is it", "What's the duration of this video?",
     "How long does the film last?"],
)  # fmt: skip
def test_how_long_a_video_is_is_told_by_its_file(question: str) -> None:
    found = ask(talk(duration_s=157.4), question)
    assert (found.found, found.claims) == (False, ())
    assert found.caveats == ("The video is 2:37 long, by the file's own clock.",)
    unknown = talk()
    info = replace(unknown.evidence.info, duration_s=None)
    unknown = replace(unknown, evidence=replace(unknown.evidence, info=info))
    assert "does not say" in ask(unknown, question).caveats[0]


def test_a_file_that_is_cut_off_is_not_as_long_as_it_says() -> None:
    made = talk(duration_s=600.0)
    lacking = Coverage(5, 5, 157.4, 0.3, 442.6, 157.4, missing_s=442.6)
    made = replace(made, evidence=replace(made.evidence, coverage=lacking, end_s=157.4))
    assert ask(made, "How long is it?").caveats == (
        "The video is 10:00 long, by the file's own clock, but it is cut off at 2:37.",
    )


def test_how_long_something_takes_is_no_question_about_the_video() -> None:
    found = ask(talk(duration_s=157.4), "How long does it take?")
    assert not any("2:37" in caveat for caveat in found.caveats)


@pytest.mark.parametrize(
    "question",
    ["Summarise the video", "summarize this", "What is it about?", "What's the video about?",
     "What happens in this video?", "Give me a summary."],
)  # fmt: skip
def test_who_asks_for_a_summary_is_shown_the_way_to_it(question: str) -> None:
    found = ask(talk(), question)
    assert not found.found
    assert found.caveats == ("Its summary tells that, without --ask: vidsum talk.mp4",)


def test_a_question_about_more_than_the_whole_is_searched() -> None:
    for question in ("What is the video about Kelvin about?", "How long is the cord of Kelvin?"):
        assert TALK[5] in texts(ask(talk(), question))


def test_a_time_in_a_question_is_told_of() -> None:
    shown = [slide("One"), slide("Two"), slide("Three")] * 10
    said = cues(*(f"Sentence number {n} is said." for n in range(30)), length_s=4.5, gap_s=0.5)
    made = bundle(shown, said, language="en")
    found = ask(made, "What happens at 1:02?", "long")
    assert found.found
    assert [c.start_s for c in found.claims if "Sentence" in c.text] == [
        50.0, 55.0, 60.0, 65.0, 70.0,
    ]  # fmt: skip
    (screen,) = (c for c in found.claims if "Sentence" not in c.text)
    assert (screen.start_s, screen.quoted) == (60.0, True)
    assert [c.start_s for c in found.claims] == sorted(c.start_s or 0 for c in found.claims)
    assert "names a time" in found.method
    assert found.caveats == ()
    assert len(ask(made, "What happens at 1:02?", "short").claims) == 3


def test_a_time_that_is_said_or_lies_outside_is_a_word_as_others_are() -> None:
    made = bundle((), cues("The train leaves at 0:03.", "It is late."), language="en")
    assert texts(ask(made, "What leaves at 0:03?")) == ["The train leaves at 0:03."]
    outside = ask(talk(), "What happens at 9:59?")
    assert not outside.found
    assert "9:59" in outside.caveats[0]
    for time in ("0:03 pm", "0:03 a.m.", "0:03 o'clock", "2024-05-01T0:03"):
        assert "names a time" not in ask(talk(), f"What happens at {time}?").method
    for question in ("What happens at 0:03, please?", "0:03には何がありますか", "在0:03说了什么？"):
        assert "names a time" in ask(talk(), question).method
    pause = ask(bundle((), cues("One.", "Two.", gap_s=60.0), language="en"), "What is at 0:34?")
    assert pause.caveats == ("Of 0:34 nothing said or shown is known.",)


@pytest.mark.parametrize("question", ["", "   ", "Who is it?", "?!", "\x00\x1b[2J"])
def test_a_question_without_a_word_to_look_for_is_told_so(question: str) -> None:
    found = ask(talk(), question)
    assert (found.found, found.claims) == (False, ())
    assert found.caveats == (
        "The question has no word that can be looked for: name what it is about.",
    )
    assert found.question.isprintable()


def test_function_words_that_are_said_word_for_word_are_found() -> None:
    hamlet = bundle((), cues("To be or not to be, said he.", "Words, words."), language="en")
    assert texts(ask(hamlet, "To be, or not to be?")) == ["To be or not to be, said he."]


def test_a_question_in_another_language_or_script_is_told_of_the_languages() -> None:
    for question in ("Was zieht stärker, die Sonne oder der Mond?", "月は何ですか"):
        found = ask(talk(), question)
        assert not found.found
        assert any("in English" in caveat for caveat in found.caveats)


@pytest.mark.parametrize(
    ("language", "said", "question", "first"),
    [
        ("ja", ("潮は月の引力によって起こります。", "太陽の引力も影響します。"),
         "太陽は何をしますか", 1),
        ("zh", ("月球引力引起潮汐现象。", "水手们都知道时间表。"), "潮汐是什么引起的", 0),
        ("ru", ("Моряки знают время.", "Луна притягивает воду океана."), "Какие океаны?", 1),
        ("th", ("ทะเลขึ้นและลงวันละสองครั้ง", "ดวงจันทร์ดึงดูดน้ำทะเล"), "ดวงจันทร์ทำอะไร", 1),
        ("de", ("Die Pumpen bringen die Wärme ins Haus.", "Das Rohr ist alt."),
         "Was macht die Pumpe?", 0),
    ],
)  # fmt: skip
def test_other_languages_and_scripts(
    language: str, said: tuple[str, ...], question: str, first: int
) -> None:
    made = bundle((), cues(*said, gap_s=20.0), language=language)
    assert texts(ask(made, question))[0] == said[first]


def test_rare_words_count_more_than_common_ones() -> None:
    said = [*(f"The tide comes in at the {n}th hour." for n in range(30)), "Brest has an aquarium."]
    found = ask(bundle((), cues(*said), language="en"), "Does the tide reach the aquarium?")
    assert texts(found)[0] == "Brest has an aquarium."


def test_what_is_said_near_the_other_words_comes_first() -> None:
    said = cues("The valve is red.", "It opens at ten bar.") + cues(
        "The pump is blue.", "The valve is loud.", start_s=600.0
    )
    found = ask(bundle((), said, language="en"), "pump valve")
    assert texts(found).index("The valve is loud.") < texts(found).index("The valve is red.")


# ---- where it is found


def test_lines_on_screen_are_quoted_with_their_neighbours() -> None:
    shown = slide("The Biggest Tides", "Bay of Fundy, Canada", "16 m", *("x" * 100, "y" * 100))
    found = ask(bundle([shown, shown], (), language="en"), "How high is it in Fundy?")
    (claim,) = found.claims
    assert claim.text == "The Biggest Tides / Bay of Fundy, Canada / 16 m"
    assert (claim.evidence, claim.quoted, claim.start_s, claim.end_s) == (("t1",), True, 0.0, 10.0)


def captioned(text: str, by: str) -> Bundle:
    made = bundle([footage(1), BLACK], ())
    seen = tuple(
        replace(one, caption=Caption(one.sample.index, 0.0, text, by))
        for one in made.evidence.observations
    )
    evidence = replace(made.evidence, observations=seen)
    return replace(made, evidence=evidence, timeline=timeline(evidence))


def test_what_a_model_saw_is_found_but_is_no_quotation() -> None:
    found = ask(captioned("A dog on a quay.", "local"), "Is there a dog?")
    assert [(c.text, c.quoted, c.evidence) for c in found.claims] == [
        ("A dog on a quay.", False, ("c1",))
    ]
    dark = 'Dark black-and-white picture; text: "A bright dog" and 2 more lines.'
    for question in ("Is it dark?", "Is it black-and-white?"):
        measured = ask(captioned(dark, "builtin"), question)
        first = measured.claims[0]
        assert first.text == "Measured: Dark black-and-white picture."
        assert not first.quoted
        assert "measured picture" in measured.method
    assert not ask(captioned(dark, "builtin"), "Is there a dog?").found, "it repeats the text"
    page = 'Slide or screen titled "Bright": a dog.'
    assert not ask(captioned(page, "builtin"), "Is it bright?").found
    black = ask(captioned("A dog on a quay.", "local"), "When is it black?")
    assert [(c.text, c.start_s) for c in black.claims] == [("Measured: Black picture.", 5.0)]


def test_facts_are_found_a_sentence_at_a_time() -> None:
    made = talk()
    notes = Fact("Context", "Filmed in Lisbon. The speaker is Ada Okafor. She rows.", "--context")
    evidence = replace(made.evidence, facts=(notes,))
    made = replace(made, evidence=evidence, timeline=timeline(evidence))
    found = ask(made, "Who is Okafor?")
    assert [(c.text, c.evidence) for c in found.claims] == [
        ("Context: The speaker is Ada Okafor.", ("f1",))
    ]


def test_what_could_not_be_searched_is_told() -> None:
    unheard = ask(bundle([footage(1)], ()), "What does Anna say?")
    assert any("no transcript" in caveat for caveat in unheard.caveats)
    assert not any("transcript" in one for one in ask(talk(), "What does Anna say?").caveats)
    silent = ask(bundle([footage(1)], (), audio=False), "What does Anna say?")
    assert not any("transcript" in caveat for caveat in silent.caveats)


def test_a_title_is_quoted_whole_and_facts_are_counted_as_such() -> None:
    made = talk()
    title = "Stop! ![x](https://evil.example/p.png?x=1) Why? Tides (Really? Yes.) explained"
    given = (Fact("Title", title, "talk.info.json"),
             Fact("Comment", "First cut. Second thoughts. Third time.", "tag comment"))  # fmt: skip
    evidence = replace(made.evidence, facts=given)
    made = replace(made, evidence=evidence, timeline=timeline(evidence))
    found = ask(made, "Are tides explained?")
    assert f"Title: {title}" in texts(found)
    assert "two facts that came with the file" in found.method


# ---- how much is told


def test_length_says_how_many_passages_and_repeats_are_told_once() -> None:
    said = [f"{n} gulls cry over {n * 7} boats off {chr(65 + n) * 3}." for n in range(2, 14)]
    made = bundle((), cues(*said), language="en")
    lengths = {length: len(ask(made, "gulls", length).claims) for length in
               ("short", "medium", "long")}  # fmt: skip
    assert lengths == {"short": 3, "medium": 6, "long": 10}
    again = bundle((), cues(*["The tide rises."] * 20, "A gull cries."), language="en")
    assert texts(ask(again, "tide")) == ["The tide rises."]


def test_passages_that_hold_far_less_of_the_question_are_left_out() -> None:
    said = ["The pump moves heat from the river to the house.", *["The river is cold."] * 3]
    found = ask(bundle((), cues(*said), language="en"), "Which pump moves heat to the house?")
    assert texts(found) == [said[0]]


# ---- any question, any video

WORDS = st.sampled_from([
    "tide", "Moon", "Tides", "the", "Who", "1872", "潮", "月は", "[Music]", "Dr.", "“so”", '"no"',
    "a\x1b[2Jb", "\u202e", "video", "Sun,", "ไทย", "x" * 50, "?", ".", "'", "e\u0301",
])  # fmt: skip
SAYING = st.lists(WORDS, max_size=12).map(" ".join) | st.text(max_size=40)


@settings(max_examples=150)
@given(
    SAYING,
    st.lists(SAYING, max_size=8),
    st.lists(st.builds(slide, st.text(min_size=1, max_size=15), SAYING, SAYING), max_size=4),
    st.lists(SAYING, max_size=2),
    st.sampled_from([None, "en", "de", "ja", "und"]),
)
def test_an_answer_never_tells_what_is_not_there(
    question: str, said: list[str], screens: list[Screen], facts: list[str], language: str | None
) -> None:
    made = bundle(screens, cues(*said), language=language)
    given = tuple(Fact("Context", one, "--context") for one in facts if one.strip())
    evidence = replace(made.evidence, facts=given)
    made = replace(made, evidence=evidence, timeline=timeline(evidence))
    found = ask(made, question, "long")

    assert found.found == bool(found.claims)
    assert len(found.claims) <= 10
    by_id = {entry.id: entry for entry in made.timeline}
    for claim in found.claims:
        held = " ".join(by_id[id_].text for id_ in claim.evidence)
        assert not claim.quoted or words(claim.text) in words(held)
    assert replace(audited_answer(found, made), grounding=Grounding()) == found
    assert found == ask(made, question, "long")


def test_ten_hours_are_searched() -> None:
    said = [Segment(3.6 * n, 3.6 * n + 3.2, f"Word{n % 700} and word{n % 11} meet here.")
            for n in range(10_000)]  # fmt: skip
    said[7_000] = replace(said[7_000], text="The lighthouse of Eddystone was rebuilt.")
    made = bundle(lecture_screens(), said, language="en")
    found = ask(made, "When was the lighthouse rebuilt, and what about word3?")
    assert found.claims[0].start_s == 3.6 * 7_000
