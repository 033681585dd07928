"""What a model saw, in a summary that quotes: spread over the time, without repeats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from reasoner.factory import bundle, cues, footage

from vidsum.data import Bundle, Caption
from vidsum.reasoner.extractive import ExtractiveReasoner
from vidsum.reasoner.scenes import described, scenes
from vidsum.timeline import timeline

DAY = ["A harbour at dawn with fishing boats.", "Two men repair a net on the quay.",
       "A crowded market hall.", "A child eats an orange.", "A tram climbs a steep street.",
       "Rain on an empty square.", "A violinist plays under an arch.",
       "Night over the river."]  # fmt: skip


def captioned(texts: Sequence[str], said: Sequence[str] = (), by: str = "local") -> Bundle:
    made = bundle([footage(i) for i in range(len(texts))], cues(*said))
    seen = tuple(
        replace(one, caption=Caption(one.sample.index, one.sample.time_s, text, by))
        for one, text in zip(made.evidence.observations, texts, strict=True)
    )
    evidence = replace(made.evidence, observations=seen)
    return replace(made, evidence=evidence, timeline=timeline(evidence))


def test_a_silent_film_is_told_by_what_a_model_saw() -> None:
    made = captioned(DAY)
    found = ExtractiveReasoner().summarize(made)
    assert found.key_points[0].text == DAY[0]
    assert 4 <= len(found.key_points) <= 6
    texts = {entry.id: entry for entry in made.timeline}
    for point in found.key_points:
        (entry,) = [texts[i] for i in point.evidence]
        assert (point.text, point.start_s) == (entry.text, entry.start_s)
        assert not point.quoted
    assert "model saw" in found.method
    assert "Little could be established" not in found.overview


def test_what_was_measured_is_no_key_point() -> None:
    assert scenes(captioned(["Dark picture."] * 3, by="builtin")) == ()
    assert described(captioned(["Dark picture."], by="builtin")) == []


def test_the_same_picture_over_and_over_is_told_once() -> None:
    talk = [
        "A man stands at a lectern in a dark hall.",
        "A man stands at a lectern in a hall.",
    ] * 20
    assert len(scenes(captioned(talk))) == 1


def test_words_come_first_and_pictures_fill_up() -> None:
    sentences = [f"The {word} of the tide is higher than anybody had expected before." for word in
                 ("height", "speed", "cause", "danger", "length", "history", "colour", "sound",
                  "future", "beauty", "power", "strength", "weight", "charm")]  # fmt: skip
    worded = ExtractiveReasoner().summarize(captioned(DAY, sentences))
    quoted = [p for p in worded.key_points if p.quoted]
    assert quoted
    assert len(worded.key_points) <= max(6, len(quoted))
    assert [p.start_s for p in worded.key_points] == sorted(p.start_s for p in worded.key_points)


@given(st.lists(st.sampled_from([*DAY, "A", "?"]), min_size=1, max_size=60), st.integers(1, 12))
def test_scenes_are_in_order_distinct_and_no_more_than_asked(texts: list[str], most: int) -> None:
    found = scenes(captioned(texts), most)
    assert 1 <= len(found) <= most
    starts = [p.start_s for p in found]
    assert starts == sorted(starts)
    assert len({p.text for p in found}) == len(found)
    if most >= len(texts):
        assert {p.text for p in found} == set(texts)
