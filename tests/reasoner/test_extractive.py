"""The summary: what a reader gets in every kind of video, and that nothing in it is invented."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reasoner.factory import (
    BLACK,
    Screen,
    bundle,
    cues,
    footage,
    lecture_cues,
    lecture_screens,
    slide,
)

from vidsum.config import LENGTHS, Options
from vidsum.data import (
    Bundle,
    Caption,
    Chapter,
    ChapterMark,
    Claim,
    Grounding,
    Segment,
    Summary,
    TextLine,
    TimelineEntry,
)
from vidsum.reasoner.auditing import audited_summary
from vidsum.reasoner.extractive import ExtractiveReasoner
from vidsum.reasoner.material import screen_lines
from vidsum.reasoner.protocol import Reasoner
from vidsum.reasoner.wording import listed, quoted, shortened
from vidsum.wording import counted, safe

REASONER: Reasoner = ExtractiveReasoner()
FILM = [footage(number) for number in range(40)]
BUILT_IN = "Built-in mode: frames were measured, not understood."
LITTLE = "Little could be established about this video."


def summary(*args: object, **kwargs: object) -> Summary:
    return REASONER.summarize(bundle(*args, **kwargs))  # type: ignore[arg-type]


def points(found: Summary) -> list[Claim]:
    return [*found.key_points, *(chapter.gist for chapter in found.chapters if chapter.gist)]


def lecture(**kwargs: object) -> Summary:
    return summary(lecture_screens(), lecture_cues(), **kwargs)


# ---- slides and speech


def test_a_lecture_is_divided_named_and_quoted() -> None:
    found = lecture(language="eng", source="embedded subtitles, track 1 (eng)")

    assert found.title == "Heat Pumps"
    assert found.backend == "extractive"
    assert found.chapter_basis == "titles"
    assert [chapter.title for chapter in found.chapters] == [
        "Heat Pumps",
        "The Refrigeration Cycle",
        "Coefficient of Performance",
        "Costs and Savings",
    ]
    assert {chapter.title_from for chapter in found.chapters} == {"screen"}
    assert found.overview.startswith(
        "A 1:00 video with subtitles in English and slides, in four parts, from “Heat Pumps” to "
        "“Costs and Savings”."
    )


def test_the_overview_does_not_quote_what_stands_right_below_it() -> None:
    found = lecture()
    assert found.key_points
    assert not [point.text for point in points(found) if point.text in found.overview]


def test_subtitles_are_not_said_to_be_speech() -> None:
    silent = lecture(language="eng", audio=False)
    assert "with subtitles in English and slides" in silent.overview
    assert "It has no sound." in silent.overview
    for words in (silent.overview, silent.method):
        assert not re.search(r"speech|spoken|speak|talked|its own words", words, re.IGNORECASE)


def test_what_a_recogniser_heard_is_speech() -> None:
    source = "speech recognised by whisper-small (cpu)"
    made = bundle(lecture_screens(), lecture_cues(), language="en", source=source)
    heard = replace(made.evidence.transcript, backend="whisper")
    found = REASONER.summarize(replace(made, evidence=replace(made.evidence, transcript=heard)))
    assert "with speech in English and slides" in found.overview
    assert f"Words: {source}, twelve passages from 0:00 to 0:59." in found.method
    assert "copied from subtitles" not in found.method


def test_pictures_that_a_model_described_are_not_said_to_be_unrecognised() -> None:
    made = bundle(FILM[:3], lecture_cues())
    seen = tuple(
        replace(one, caption=Caption(one.sample.index, one.sample.time_s, "A dog.", "local"))
        for one in made.evidence.observations
    )
    found = REASONER.summarize(replace(made, evidence=replace(made.evidence, observations=seen)))
    assert "not recognised" not in found.method
    assert "all were described by a model" in found.method
    assert not any("describe the pictures" in step for step in found.more)
    assert any("write the summary" in step for step in found.more)


def test_a_language_that_the_words_do_not_bear_out_is_not_named() -> None:
    german = cues(
        "Die Wärmepumpe bringt Wärme von einem kalten an einen warmen Ort.",
        "Im Verdampfer kocht das Kältemittel und nimmt Wärme aus der Luft auf.",
        "Das ist in den Städten nicht so teuer wie auf dem Land.",
    )
    assert "with subtitles in German." in summary((), german, language="de").overview
    assert "with subtitles." in summary((), german, language="eng").overview


def test_key_points_come_from_all_over_and_are_no_courtesies() -> None:
    found = lecture()
    texts = " ".join(point.text for point in found.key_points)

    assert 3 <= len(found.key_points) <= 10
    starts = [chapter.start_s for chapter in found.chapters]
    assert len({sum(start <= p.start_s + 2.5 for start in starts) for p in found.key_points}) == 3
    assert "Good morning" not in texts
    assert "Thank you" not in texts
    assert all(point.quoted for point in points(found))


def test_speech_that_begins_just_before_the_slide_was_sampled_belongs_to_the_slide() -> None:
    said = [Segment(cue.start_s - 2, cue.end_s - 2, cue.text) for cue in lecture_cues()[1:]]
    found = summary(lecture_screens(), said)
    gist = found.chapters[1].gist
    assert gist is not None
    assert "refriger" in gist.text


def test_a_gist_does_not_repeat_a_key_point_where_another_sentence_is_as_good() -> None:
    found = lecture()
    shown = {point.text for point in found.key_points}
    assert [chapter.gist.text in shown for chapter in found.chapters if chapter.gist].count(
        True
    ) <= 1


def test_keywords_keep_their_case_and_mark_their_chapter() -> None:
    found = lecture()
    assert "heat pump" in found.keywords
    assert "COP" in found.chapters[2].keywords
    assert "euro" in found.chapters[3].keywords
    assert not {"is", "the", "and"} & set(found.keywords)


def test_the_method_tells_the_basis() -> None:
    found = lecture(source="subtitle file talk.srt")
    assert found.method.startswith(BUILT_IN)
    assert "People, objects and actions are not recognised." in found.method
    assert "Words: subtitle file talk.srt, twelve cues from 0:00 to 0:59." in found.method
    assert (
        "Pictures: twelve samples, one every 5 s; four were read, the rest repeat those; text was "
        "found on four." in found.method
    )
    assert "up to 5 s late" in found.method


def test_key_points_come_from_the_whole_of_a_talk_without_chapters() -> None:
    seas = ("red", "dead", "black")
    early = [f"The tide of the {name} sea rises with the tide." for name in seas]
    late = ["A bank lends money.", "Bread needs flour and yeast.", "Rails carry trains."]
    found = summary(FILM[:10], cues(*early * 2, *late))
    starts = [point.start_s for point in found.key_points]
    assert found.chapter_basis == "none"
    assert starts[0] < 13 < starts[1] < 25 < starts[2]


def test_short_points_of_a_slide_are_quoted_and_its_title_is_not() -> None:
    first = slide("Why cities flood", "Sealed soil keeps water out", "Rivers lost their meadows")
    second = slide("What helps", "Green roofs", "Sponge parks")
    found = summary([first, first, second, second], audio=False)
    assert {chapter.gist.text for chapter in found.chapters if chapter.gist} & {
        "Green roofs",
        "Sponge parks",
    }
    assert any(point.start_s >= 10 for point in found.key_points)
    assert not {"Why cities flood", "What helps"} & {point.text for point in points(found)}


def test_the_title_of_a_film_over_a_picture_is_told() -> None:
    maker = Screen(lines=("THE PEACH OPEN MOVIE PROJECT",), height=0.06, flatness=0.3)
    title = Screen(lines=("Big Buck", "BUNNY"), height=0.25, flatness=0.3)
    found = summary([*FILM[:3], maker, FILM[3], title])
    assert [point.text for point in found.key_points] == ["THE PEACH OPEN MOVIE PROJECT"]
    assert "On screen: “Big Buck” and “BUNNY”." in found.overview


# ---- what is quoted, and what nobody wrote


def rows(*lines: tuple[str, float, float], height: float = 0.03) -> tuple[TextLine, ...]:
    """Rows right below each other, each with its left and right edge."""
    return tuple(
        TextLine(text, 0.95, left, 0.1 + 0.05 * place, right, 0.1 + 0.05 * place + height)
        for place, (text, left, right) in enumerate(lines)
    )


def quotations(*lines: tuple[str, float, float]) -> list[str]:
    placed = rows(*lines)
    text = "\n".join(line.text for line in placed)
    return [one.text for one in screen_lines(TimelineEntry("t1", "text", 0, 5, text, "x"), placed)]


def test_rows_on_screen_are_one_quotation_only_if_they_are_one_wrapped_sentence() -> None:
    wrapped = (("Subsidies that the state pays cover", 0.1, 0.5), ("up to 40 percent", 0.1, 0.3))
    assert quotations(*wrapped) == ["Subsidies that the state pays cover up to 40 percent"]
    labels = (("raises two bulges", 0.1, 0.3), ("far side bulge", 0.5, 0.7))
    assert quotations(*labels) == ["raises two bulges", "far side bulge"]
    shell = (("$ cd app && make", 0.02, 0.20), ("gcc -02 -o app main.c util.c", 0.02, 0.33))
    assert quotations(*shell) == ["$ cd app && make", "gcc -02 -o app main.c util.c"]
    ended = (("It costs little to run.", 0.1, 0.5), ("but more to buy", 0.1, 0.3))
    assert quotations(*ended) == ["It costs little to run.", "but more to buy"]


def test_rows_whose_places_are_not_known_stay_apart() -> None:
    entry = TimelineEntry("t1", "text", 0, 5, "The difference raises\ntwo bulges of water", "x")
    assert [one.text for one in screen_lines(entry)] == [
        "The difference raises",
        "two bulges of water",
    ]


@pytest.mark.parametrize(
    "advert",
    [
        "Subtitles by opensubtitles.org - Download more",
        "Synced and corrected by bandit for all the world",
        "Visit www.example.org for all your films",
        "Untertitel von der Funk Gruppe GmbH im Auftrag",
        "Sous-titres réalisés para la communauté",
        "[door creaks]",
    ],
)
def test_adverts_and_sounds_are_not_quoted(advert: str) -> None:
    said = cues(advert, "The train to Boston leaves at nine in the morning.", gap_s=1.0)
    shown = slide("Trains", advert, "Trains leave at nine in the morning")
    for found in (summary((), said), summary([shown, slide("Boats"), shown], audio=False)):
        assert found.key_points
        assert not any(advert[:12] in point.text for point in points(found))


def test_words_without_punctuation_make_short_quotations() -> None:
    parts = ["you need flour water salt", "and a starter which you feed", "in the morning and then"]
    found = summary((), cues(*parts * 6, gap_s=0.0))
    assert found.key_points
    assert max(len(point.text.split()) for point in points(found)) <= 22


def test_a_few_words_out_of_a_sentence_are_not_quoted() -> None:
    said = cues("you need flour water and salt to bake a bread", "[Music]", "in the morning")
    assert [point.text for point in points(summary((), said))] == [said[0].text] * 2


def test_it_is_told_which_stretch_the_words_cover() -> None:
    said = cues("The sea comes in and goes out twice a day.", length_s=10.0)
    found = summary(FILM[:12], said)
    assert "There are subtitles for 0:00 to 0:10 only." in found.overview
    assert "one cue from 0:00 to 0:10." in found.method
    assert "only." not in lecture().overview


def test_what_was_said_before_the_stretch_looked_at_is_no_key_point() -> None:
    said = cues("The sea comes in twice a day.", "The moon pulls the sea to it.", length_s=10.0)
    found = summary(FILM[:2], said, start_s=5.0, end_s=30.0, duration_s=60.0)
    assert [point.text for point in points(found)] == ["The moon pulls the sea to it."] * 2


# ---- what the file says of itself


def test_the_files_title_comes_first_then_the_slide_then_the_name() -> None:
    assert lecture(tags={"TITLE": "My\x07 Talk"}).title == "My Talk"
    assert lecture().title == "Heat Pumps"
    assert summary(FILM[:3], path="holiday.mp4").title == "holiday"
    large = Screen("Big Buck Bunny", ("Big Buck Bunny",), title_height=0.2)
    assert summary([large, *FILM[:3]]).title == "Big Buck Bunny"


def test_maker_and_description_are_quoted_from_the_tags() -> None:
    tags = {"artist": "Dr. Okafor", "description": "A lecture on heat pumps."}
    assert "By “Dr. Okafor”, says the file. Its description: “A lecture on heat pumps.” The" in (
        lecture(tags=tags).overview
    )
    assert "The file's comment: “on heat pumps”. The" in (
        lecture(tags={"comment": "on heat pumps"}).overview
    )


def test_text_that_stays_on_screen_is_told_but_not_page_numbers() -> None:
    overview = lecture(overlay=("ACME TV", "#/#")).overview
    assert "“ACME TV” stays on screen." in overview
    assert "#" not in overview


def test_the_files_own_chapters_are_used_and_said_to_be() -> None:
    marks = [ChapterMark(0, 30, "Opening"), ChapterMark(30, 60, "Closing")]
    found = lecture(marks=marks)
    assert [chapter.title for chapter in found.chapters] == ["Opening", "Closing"]
    assert found.chapter_basis == "file"
    assert "Chapters are the markers that came with the file." in found.method


# ---- speech only, text only, neither


def test_a_talking_head_is_divided_by_topic_and_named_by_keywords() -> None:
    tides = [
        "The tide rises with the moon.",
        "The moon pulls the sea.",
        "Spring tide is high tide.",
    ]
    money = [
        "A bank lends money.",
        "Every bank wants interest.",
        "Money in the bank earns interest.",
    ]
    found = summary(FILM[:24], cues(*tides * 4, *money * 4, length_s=5.0, gap_s=0.0))

    assert found.chapter_basis == "speech"
    assert [chapter.title_from for chapter in found.chapters] == ["keywords"] * 2
    assert "tide" in found.chapters[0].title.lower()
    assert "bank" in found.chapters[1].title.lower()
    assert "in two parts by where the words change" in found.overview
    assert "guessed" in found.method


def test_slides_without_speech_are_quoted_from_the_screen() -> None:
    pump = slide("Heat Pumps", "They move heat from cold to warm", "2. Efficiency is the COP value")
    cost = slide(
        "Costs", "Drilling the boreholes is expensive", "Subsidies pay for", "up to 40 percent"
    )
    found = summary([pump, pump, cost, cost], audio=False)

    assert [chapter.title for chapter in found.chapters] == ["Heat Pumps", "Costs"]
    texts = {point.text for point in points(found)}
    assert "Efficiency is the COP value" in texts
    assert texts <= {
        "They move heat from cold to warm",
        "Efficiency is the COP value",
        "Drilling the boreholes is expensive",
        "Subsidies pay for up to 40 percent",
    }
    assert "It has no sound." in found.overview
    assert "On screen:" not in found.overview
    assert LITTLE not in found.overview


def test_where_the_picture_keeps_changing_the_times_are_counted() -> None:
    def told(*differences: float) -> str:
        return summary([Screen(flatness=0.2, difference=n) for n in differences]).overview

    assert "changed much" not in told(3.0, 4.0, 5.0)
    assert "had changed much two times: at 0:05 and 0:10." in told(3.0, 14.0, 15.0)
    often = told(3.0, *(20.0 + n for n in range(9)))
    assert "had changed much nine times: at 0:05, 0:10, 0:15 and later." in often


def test_of_silent_footage_little_is_said_and_only_what_was_measured() -> None:
    dark = [Screen(flatness=0.2, brightness="dark", difference=float(n)) for n in range(4)]
    found = summary([*dark, BLACK, Screen(brightness="bright", difference=88.0)], audio=False)

    assert found.overview.startswith(f"{LITTLE} It is a 0:30 video. It has no sound.")
    assert "four are dark, one is bright and one is black" in found.overview
    assert "The picture had changed much once: at 0:25." in found.overview
    assert found.key_points == ()
    assert found.keywords == ()
    assert [(c.title, c.title_from, c.gist) for c in found.chapters] == [
        ("The whole video", "position", None)
    ]


def test_few_samples_are_spoken_of_in_few_words() -> None:
    two = [Screen(brightness="dark", difference=float(number)) for number in range(2)]
    assert "Both samples (1280×720 pixels) are dark." in summary(two, audio=False).overview
    mixed = summary([two[0], Screen(brightness="bright")], audio=False)
    assert "one is" not in mixed.overview
    assert "Pictures: one sample; text was found on none." in summary(two[:1]).method
    moment = summary(two[:1], start_s=10.0, end_s=10.5, duration_s=60.0)
    assert "It is a moment (0:10) of a 1:00 video" in moment.overview


def test_the_method_tells_why_pictures_were_left_out() -> None:
    same = Screen(brightness="dark")
    assert "one was read, the rest repeat it or are blank" in summary([same, same, BLACK]).method
    assert "two were read, the other one is blank" in summary([*FILM[:2], BLACK]).method
    assert "Pictures: two samples, one every 5 s; all are blank." in summary([BLACK] * 2).method


def test_small_differences_are_not_said_to_be_none() -> None:
    pages = [Screen(flatness=0.9, brightness="bright", difference=float(n)) for n in range(1, 6)]
    unread = [replace(page, read=False) for page in pages]
    for screens in (unread, [*FILM[:3], BLACK, BLACK, BLACK, FILM[3]]):
        overview = summary(screens, audio=False).overview
        assert "the same" not in overview
        assert "change" not in overview


def test_parts_without_words_are_called_by_their_place() -> None:
    cuts = {6: 80.0, 12: 90.0}
    found = summary([Screen(difference=cuts.get(n, n / 10)) for n in range(20)], audio=False)
    assert [chapter.title for chapter in found.chapters] == ["Part 1", "Part 2", "Part 3"]
    assert {chapter.title_from for chapter in found.chapters} == {"position"}
    assert "not topics" in found.method


@pytest.mark.parametrize(
    ("speech", "words"),
    [
        ((40.0, 60.0), "Somebody seems to speak for 0:40 of 1:00, but the words are not known."),
        ((0.0, 60.0), "No speech was found in 1:00 of sound."),
        (None, "Whether anything is said in it is not known."),
    ],
)
def test_sound_without_words_is_told_as_it_is(
    speech: tuple[float, float] | None, words: str
) -> None:
    assert words in summary(FILM[:12], speech=speech).overview


def test_an_audio_file_has_no_pictures_to_speak_of() -> None:
    found = summary((), lecture_cues(), video=False, path="talk.mp3")
    assert found.overview.startswith("A 0:59 recording (sound only) with subtitles.")
    assert found.method.startswith("Built-in mode: there are no pictures")
    assert "OCR" not in found.method
    assert len(found.key_points) >= 3

    silent = summary((), (), end_s=60.0, video=False, path="talk.mp3")
    assert silent.overview.startswith("Little could be established about this recording.")
    assert [chapter.title for chapter in silent.chapters] == ["The whole recording"]


def test_one_sample_and_one_sentence_are_enough() -> None:
    found = summary([slide("Tides")], cues("The sea comes in and goes out twice a day."))
    assert [point.text for point in found.key_points] == [
        "The sea comes in and goes out twice a day."
    ]
    assert [chapter.title for chapter in found.chapters] == ["Tides"]


def test_nothing_to_go_by_is_no_error() -> None:
    found = summary(path="x")
    assert found.title == "x"
    assert found.key_points == ()


def test_repeated_sentences_are_quoted_once() -> None:
    found = summary((), cues(*["The tide is high and holding on."] * 30))
    assert len(found.key_points) == 1


def test_a_stretch_of_a_video_is_told_as_one() -> None:
    said = cues("The sea comes in and goes out twice a day.", start_s=100.0)
    found = summary(FILM[:4], said, start_s=100.0, end_s=120.0, duration_s=480.0)
    assert found.overview.startswith("1:40 to 2:00 of an 8:00 video with subtitles.")
    assert (found.chapters[0].start_s, found.chapters[-1].end_s) == (100.0, 120.0)


def test_speech_outside_what_was_looked_at_is_not_quoted() -> None:
    said = cues("The sea comes in twice a day.", "The moon pulls the sea.", length_s=10.0)
    found = summary((), said, end_s=9.0, duration_s=60.0)
    assert [point.text for point in found.key_points] == ["The sea comes in twice a day."]


@pytest.mark.parametrize(
    ("language", "texts", "courtesy"),
    [
        ("de", ["Guten Tag und herzlich willkommen zur Vorlesung über Wärmepumpen.",
                "Die Wärmepumpe bringt Wärme von einem kalten an einen warmen Ort.",
                "Im Verdampfer kocht das Kältemittel und nimmt Wärme aus der Luft auf.",
                "Seit dem 3. Mai ist die Wärmepumpe z.B. in Städten erlaubt."], "Guten Tag"),
        ("ja", ["潮は月の引力によって起こります。", "太陽の引力も潮の高さに影響します。",
                "新月と満月のときには大潮になります。"], "ありがとう"),
        ("ru", ["Луна сильнее всего притягивает ближнюю сторону Земли.",
                "Солнце тоже притягивает воду океана, но слабее.",
                "Спасибо за внимание."], ""),
        ("ar", ["القمر يجذب مياه البحر نحو الأرض.", "الشمس أيضا تجذب مياه البحر."], "شكرا"),
    ],
)  # fmt: skip
def test_other_languages_and_scripts(language: str, texts: list[str], courtesy: str) -> None:
    found = summary((), cues(*texts), language=language)
    assert found.key_points
    assert {point.text for point in points(found)} <= set(texts)
    assert not courtesy or all(courtesy not in point.text for point in found.key_points)


# ---- how much is told


def of_length(length: str, *args: object, **kwargs: object) -> Summary:
    made = bundle(*args, **kwargs)  # type: ignore[arg-type]
    return ExtractiveReasoner(Options(length=length)).summarize(made)


def test_short_tells_half_and_long_more_all_over_the_video() -> None:
    said = [f"The valve v{n}x of pump p{n // 10}x opens into basin b{n}x." for n in range(60)]
    counts = {}
    for length in LENGTHS:
        found = of_length(length, FILM[:10], cues(*said))
        starts = [point.start_s for point in found.key_points]
        counts[length] = len(starts)
        fifths = {int((start or 0.0) / (60 * 4.2) * 5) for start in starts}
        assert fifths == set(range(5))
    assert counts == {"short": 5, "medium": 10, "long": 20}


def test_medium_is_what_one_gets_unasked() -> None:
    screens, said = lecture_screens(), lecture_cues()
    assert of_length("medium", screens, said) == summary(screens, said)


def test_short_chapters_have_details_only_where_no_title_tells_of_them() -> None:
    titled = of_length("short", lecture_screens(), lecture_cues())
    assert len(titled.chapters) == 4
    assert {(chapter.gist, chapter.keywords) for chapter in titled.chapters} == {(None, ())}
    untitled = of_length("short", FILM[:5], cues("The sea comes in and goes out twice a day."))
    assert all(chapter.gist for chapter in untitled.chapters)


def test_a_short_text_is_never_quoted_whole() -> None:
    said = cues("The sea comes in twice a day.", "The moon pulls it.", "Sailors know the times.")
    assert [len(of_length(one, (), said).key_points) for one in LENGTHS] == [1, 2, 2]


# ---- what the overview rests on


def test_sentences_of_the_overview_name_what_they_quote_and_measurements_nothing() -> None:
    tags = {"artist": "Dr. Okafor", "comment": "A lecture on heat pumps."}
    made = bundle(lecture_screens(), lecture_cues(), language="en", tags=tags)
    found = REASONER.summarize(made)
    by_id = {entry.id: entry for entry in made.timeline}
    first, maker, comment = found.overview_claims
    assert [by_id[id_].text.split("\n")[0] for id_ in first.evidence] == [
        "Heat Pumps", "Costs and Savings",
    ]  # fmt: skip
    assert [by_id[id_].source for id_ in maker.evidence] == ["tag artist"]
    assert [by_id[id_].source for id_ in comment.evidence] == ["tag comment"]
    assert "used most" in found.overview
    assert not any("used most" in claim.text for claim in found.overview_claims)
    assert summary([*FILM[:3]], audio=False).overview_claims == ()


def test_lines_quoted_from_the_screen_name_where_they_stand() -> None:
    title = Screen(lines=("Big Buck", "BUNNY"), height=0.25, flatness=0.3)
    made = bundle([*FILM[:3], title, *FILM[4:6]])
    claims = REASONER.summarize(made).overview_claims
    assert [(claim.text, claim.evidence) for claim in claims] == [
        ("On screen: “Big Buck” and “BUNNY”.", ("t1",))
    ]
    assert (claims[0].start_s, claims[0].end_s) == (15.0, 20.0)


def test_nothing_is_quoted_twice() -> None:
    assert lecture().quotes == ()


# ---- what would tell more


def test_more_names_what_would_help() -> None:
    unheard = summary(FILM[:3], speech=(9.0, 15.0), path="my talk.mp4").more
    assert any("my talk.srt" in step for step in unheard)
    assert any("vidsum 'my talk.mp4' --interval 1" in step for step in unheard)
    assert any("vidsum bundle 'my talk.mp4'" in step for step in unheard)
    could = "recognise the speech, describe the pictures and write the summary"
    assert any(f"could {could}: vidsum doctor" in step for step in unheard)

    heard = summary(FILM[:3], lecture_cues()).more
    assert not any(".srt" in step or "the speech" in step for step in heard)
    assert not any("--interval" in step for step in lecture(interval_s=1.0).more)


def test_text_that_nobody_looked_for_is_not_said_to_be_absent() -> None:
    unread = [replace(screen, read=False) for screen in FILM[:3]]
    found = summary(unread)
    assert "text on screen was not read" in found.method
    assert any("--no-ocr" in step for step in found.more)


def test_a_name_that_cannot_be_typed_is_not_put_in_a_command() -> None:
    assert any("vidsum bundle VIDEO" in step for step in summary(FILM[:3], path="a\nb.mp4").more)
    assert any("vidsum bundle ./-y.mp4" in step for step in summary(FILM[:3], path="-y.mp4").more)


def test_commands_keep_the_stretch_and_name_files_that_are_called_like_commands() -> None:
    steps = summary(FILM[:4], start_s=100.5, end_s=120.0, duration_s=480.0).more
    assert any("vidsum bundle talk.mp4 --start 100.5 --end 120" in step for step in steps)
    assert any("vidsum talk.mp4 --start 100.5 --end 120 --interval 1" in step for step in steps)
    assert not any("--start" in step or "--end" in step for step in summary(FILM[:4]).more)
    assert any("vidsum bundle ./bundle" in step for step in summary(FILM[:4], path="bundle").more)


# ---- what holds for any video


def everything(found: Summary) -> str:
    texts = [found.title, found.overview, found.method, *found.keywords, *found.more]
    texts += [text for c in found.chapters for text in (c.title, *c.keywords)]
    return " ".join([*texts, *(point.text for point in points(found))])


def test_control_characters_reach_no_part_of_the_summary() -> None:
    evil = "The\x1b[2J sea\x00 comes\u202e in\x9b and goes out again every day."
    found = summary(
        [slide("Ti\x1bdes", "a\x07 b c d e f g", "h\u2066i j k l m n"), *FILM[:2]],
        cues(evil, evil + " Indeed."),
        tags={"title": "x\x1b]0;y", "artist": "\u202ez", "comment": "a \x00b"},
        overlay=("L\x1bogo",),
        source="subtitle file \x1b[31m.srt",
    )
    assert not {c for c in everything(found) if ord(c) < 32 or 0x7F <= ord(c) < 0xA0}
    assert not {"\u202e", "\u2066"} & set(everything(found))


TEXTS = st.one_of(
    st.sampled_from([
        "The tide rises with the moon.", "So it falls again.", "[Music]", "", "no marks at all",
        "潮は月の引力で起こる。", "Dr. Smith paid 3.5 euro. He left.", "♪ la ♪", "- Yes. - No.",
        "The tide rises with the moon.", "AND THEN", "ends with, a comma,", "¿Qué? ¡Sí!",
    ]),
    st.text(max_size=50),
)  # fmt: skip
SCREENS = st.lists(
    st.one_of(
        st.sampled_from([BLACK, slide("Tides"), slide("Moon", "It pulls", "on it"), *FILM[:3]]),
        st.builds(slide, st.text(min_size=1, max_size=20), TEXTS, TEXTS),
    ),
    max_size=16,
)  # fmt: skip


@settings(max_examples=150)
@given(SCREENS, st.lists(TEXTS, max_size=30), st.sampled_from([None, "en", "de", "und"]))
def test_nothing_is_invented(screens: list[Screen], texts: list[str], language: str | None) -> None:
    made = bundle(screens, cues(*texts), language=language)
    found = REASONER.summarize(made)

    grounded(made, points(found))
    covered(made, found.chapters)
    assert all(claim.text in found.overview and claim.evidence for claim in found.overview_claims)
    assert replace(audited_summary(found, made), grounding=Grounding()) == found
    assert found == REASONER.summarize(made)
    assert len(found.key_points) <= 10
    assert [point.start_s for point in found.key_points] == sorted(
        point.start_s for point in found.key_points
    )
    assert all(text == safe(text) for text in (found.title, found.overview, found.method))
    assert all(chapter.title for chapter in found.chapters)


def grounded(made: Bundle, claims: list[Claim]) -> None:
    """Each claim stands word for word in the timeline entries that it names."""
    by_id = {entry.id: entry for entry in made.timeline}
    for claim in claims:
        assert claim.evidence
        rests_on = [by_id[id_] for id_ in claim.evidence]
        assert claim.text in " ".join(safe(entry.text) for entry in rests_on)
        assert rests_on[0].start_s <= claim.start_s <= claim.end_s <= rests_on[-1].end_s + 1e-6


def covered(made: Bundle, chapters: tuple[Chapter, ...]) -> None:
    assert chapters[0].start_s == made.evidence.start_s
    assert chapters[-1].end_s == made.evidence.end_s
    assert all(before.end_s == after.start_s for before, after in pairwise(chapters))


@pytest.mark.timeout(20)
@pytest.mark.parametrize("text", ["." * 199_000 + "x", "Dr. " * 50_000, "♪a" * 100_000])
def test_text_made_to_be_slow_is_summarised_in_good_time(text: str) -> None:
    found = summary([slide("Tides", text, "more")], cues(text, "The sea comes in twice a day."))
    assert found.title


@pytest.mark.slow
def test_ten_hours_take_seconds_and_stay_bounded() -> None:
    words = [[f"topic{topic}x{n}" for n in range(300)] for topic in range(30)]
    said = [
        Segment(3.6 * n, 3.6 * n + 3.2, "the " + " ".join(
            words[n * 30 // 10_000][(n * 7 + k * k) % 300] for k in range(9)) + ".")
        for n in range(10_000)
    ]  # fmt: skip
    film = [footage(number) for number in range(7_200)]
    made = bundle(film, said)
    found = REASONER.summarize(made)

    assert found.chapter_basis == "speech"
    assert 5 <= len(found.chapters) <= 20
    assert len(found.key_points) == 10
    grounded(made, points(found))


# ---- words


def test_wording() -> None:
    assert [counted(n, "part") for n in (0, 1, 3, 1300)] == [
        "no parts", "one part", "three parts", "1,300 parts",
    ]  # fmt: skip
    assert [listed(items) for items in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "", "a", "a and b", "a, b and c",
    ]  # fmt: skip
    assert shortened("one two three four", 12) == "one two…"
    assert shortened("潮" * 30, 10) == "潮" * 9 + "…"
    assert quoted('"Yes"') == quoted("Yes") == "“Yes”"
    assert quoted('"A" or "B"') == "“'A' or 'B'”"
    assert quoted("„A“ oder „B“") == "“‚A‘ oder ‚B‘”"


def test_pages_of_text_without_titles_are_not_called_slides() -> None:
    """A terminal is flat and full of lines as well."""
    first = Screen(lines=("$ make", "cc -c main.c", "cc -o app main.o"), flatness=0.95)
    later = Screen(lines=("$ ./app", "listening on port 8080", "request from a"), flatness=0.95)
    overview = REASONER.summarize(bundle([first, first, later, later])).overview
    assert "with screens of text" in overview
    assert "slides" not in overview
