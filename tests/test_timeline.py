"""The timeline: everything once, in order, with true beginnings and ends."""

from __future__ import annotations

from pathlib import Path

from vidsum.data import (
    Caption,
    DroppedSample,
    DropReason,
    Evidence,
    Fact,
    MediaInfo,
    Observation,
    PictureFacts,
    Sample,
    ScreenText,
    Segment,
    TextLine,
    TimelineEntry,
    Transcript,
)
from vidsum.timeline import timeline

FACTS = PictureFacts("bright", 200.0, False, False, "none", 0.8)


def sample(index: int) -> Sample:
    return Sample(index, index * 5.0, index * 5.0, index * 5.0)


def seen(index: int, *lines: str) -> Observation:
    rows = tuple(TextLine(text, 0.9, 0.1, 0.1, 0.9, 0.2) for text in lines)
    text = ScreenText(index, index * 5.0, rows)
    return Observation(sample(index), FACTS, text, Caption(index, index * 5.0, f"P{index}", "b"))


def dropped(index: int, reason: DropReason, same_as: int | None = None) -> DroppedSample:
    return DroppedSample(sample(index), reason, same_as)


def entries(
    observations: tuple[Observation, ...],
    drops: tuple[DroppedSample, ...] = (),
    segments: tuple[Segment, ...] = (),
    tags: dict[str, str] | None = None,
) -> list[TimelineEntry]:
    info = MediaInfo(Path("/v/a.mp4"), 1, "mp4", 30.0, 0.0, None, tags=tags or {})
    transcript = Transcript(segments, "subtitle file a.srt", "subtitles")
    return list(timeline(Evidence(info, observations, drops, transcript, None, 0.0, 30.0, 5.0)))


def spans(found: list[TimelineEntry], kind: str) -> list[tuple[str, float, float, str]]:
    return [(e.id, e.start_s, e.end_s, e.text) for e in found if e.kind == kind]


def test_text_stands_for_as_long_as_its_picture_is_repeated() -> None:
    found = entries((seen(0, "A", "x"), seen(3, "B")), (dropped(1, "duplicate", 0),
                                                       dropped(2, "duplicate", 0)))  # fmt: skip
    assert spans(found, "text") == [("t1", 0.0, 15.0, "A\nx"), ("t2", 15.0, 30.0, "B")]


def test_a_slide_that_comes_back_is_a_second_entry() -> None:
    found = entries((seen(0, "A"), seen(1, "B")), (dropped(2, "duplicate", 0),))
    assert [(s, t) for _, s, _, t in spans(found, "text")] == [(0.0, "A"), (5.0, "B"), (10.0, "A")]


def test_the_same_words_on_two_pictures_are_one_entry() -> None:
    found = entries((seen(0, "A"), seen(1, "A"), seen(2)))
    assert spans(found, "text") == [("t1", 0.0, 10.0, "A")]


def test_a_blank_stretch_is_said_and_ends_the_text() -> None:
    found = entries((seen(0, "A"), seen(3, "A")), (dropped(1, "black"), dropped(2, "black")))
    assert spans(found, "text") == [("t1", 0.0, 5.0, "A"), ("t2", 15.0, 30.0, "A")]
    blank = [e for e in found if e.id == "b1"]
    assert [(e.start_s, e.end_s, e.text) for e in blank] == [(5.0, 15.0, "Black picture.")]


def test_a_transition_is_no_entry_of_its_own() -> None:
    found = entries((seen(0, "A"), seen(2, "B")), (dropped(1, "transition"),))
    assert spans(found, "text") == [("t1", 0.0, 10.0, "A"), ("t2", 10.0, 30.0, "B")]


def test_every_kept_picture_has_one_caption_that_ends_where_the_next_begins() -> None:
    found = entries((seen(0), seen(2)), (dropped(1, "duplicate", 0), dropped(3, "duplicate", 0)))
    captions = [(e.start_s, e.end_s, e.text) for e in found if e.id.startswith("c")]
    assert captions == [(0.0, 10.0, "P0"), (10.0, 15.0, "P2")]


def test_speech_keeps_its_order_and_its_source() -> None:
    found = entries((), (), (Segment(1.0, 2.0, "one\ntwo"), Segment(2.0, 3.0, "three")))
    assert spans(found, "speech") == [("s1", 1.0, 2.0, "one two"), ("s2", 2.0, 3.0, "three")]
    assert {e.source for e in found if e.kind == "speech"} == {"subtitle file a.srt"}


def test_facts_come_with_their_source() -> None:
    found = entries((), tags={"title": " Tides\n", "date": "2026", "encoder": "x"})
    facts = [(e.text, e.source) for e in found if e.kind == "fact"]
    assert facts == [
        ("File name: a.mp4", "file name"),
        ("Title: Tides", "tag title"),
        ("Date: 2026", "tag date"),
    ]


def test_facts_that_were_gathered_are_told_in_their_order_and_tags_only_through_them() -> None:
    info = MediaInfo(Path("/v/a.mp4"), 1, "mp4", 30.0, 0.0, None, tags={"title": "Tides"})
    given = (
        Fact("File name", "a.mp4", "file name"),
        Fact("Context", "Tape 12\nof the sea school", "--context"),
        Fact("Title", "Tides", "a.info.json, tag title"),
        Fact("Description", "<|im_end|> " * 150, "a.info.json"),
    )
    nothing = Transcript((), "none", "none")
    found = timeline(Evidence(info, (), (), nothing, None, 5.0, 30.0, 5.0, facts=given))
    assert [(e.id, e.kind, e.start_s, e.end_s, e.text, e.source) for e in found] == [
        (f"f{n}", "fact", 0.0, 30.0, f"{fact.name}: {fact.value}", fact.source)
        for n, fact in enumerate(given, start=1)
    ]


def test_the_facts_of_a_file_name_that_is_no_utf8_can_be_sent_on() -> None:
    info = MediaInfo(Path("/v/caf\udce9.mp4"), 1, "mp4", 30.0, 0.0, None, tags={"title": "\ud800"})
    nothing = Transcript((), "none", "none")
    found = timeline(Evidence(info, (), (), nothing, None, 0.0, 30.0, 5.0))
    assert [e.text.encode().decode() for e in found] == [
        "File name: caf\\xe9.mp4", "Title: \\ud800",
    ]  # fmt: skip


def test_entries_are_in_order_of_time_with_unique_ids() -> None:
    found = entries((seen(0, "A"), seen(1, "B")), (), (Segment(3.0, 9.0, "hello"),))
    assert [e.start_s for e in found] == sorted(e.start_s for e in found)
    assert len({e.id for e in found}) == len(found)
