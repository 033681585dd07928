"""What is believed of a recogniser's segments, and why the rest is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsum.data import Segment, SpeechScores
from vidsum.transcribers.gates import Candidate, doubt, fault, loop_share, sift

GOOD = SpeechScores(-0.3, 0.05, 1.3)


def candidate(
    text: str = "and this is how the tides work",
    length_s: float = 3.0,
    at_s: float = 10.0,
    share: float | None = 0.8,
    level_db: float | None = -25.0,
    scores: SpeechScores | None = GOOD,
) -> Candidate:
    return Candidate(Segment(at_s, at_s + length_s, text, scores=scores), share, level_db)


def scored(logprob: float, no_speech: float, compression: float = 1.3) -> Candidate:
    return candidate(scores=SpeechScores(logprob, no_speech, compression))


def test_good_speech_passes_without_doubt() -> None:
    assert fault(candidate()) is None
    assert doubt(candidate()) is None
    assert fault(candidate(share=None, level_db=None, scores=None)) is None


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (scored(-0.3, 0.05, 3.6), "it repeats itself"),
        (scored(-1.1, 0.7), "probably no speech (0.70)"),
        (scored(-1.6, 0.1), "hardly recognised (log probability -1.6)"),
        (candidate("up " * 20, 20), "it repeats itself"),
        (candidate("go on " * 6, 6), "it repeats itself"),
        (candidate("and so we say it " * 4, 12), "it repeats itself"),
        (candidate("ハハハハハハハハハハハハハハハハハハハハハハハハハ", 5), "it repeats itself"),
        (candidate("so " + "I do not know " * 5, 9), "it repeats itself"),
        (candidate(share=0.05), "no speech there"),
        (candidate("a whole long sentence of many many letters in no time", 0.3),
         "too many words for 0.3 s"),
        (candidate("Thanks for watching!", 2, scores=SpeechScores(-0.8, 0.2, 0.9)),
         "a phrase that is often invented"),
        (candidate("Untertitel der Amara.org-Community", 3, scores=SpeechScores(-0.3, 0.5, 1)),
         "a phrase that is often invented"),
        (candidate("Sous-titres réalisés par la communauté", 3, level_db=-62.0),
         "a phrase that is often invented"),
    ],
)  # fmt: skip
def test_what_is_not_believed(one: Candidate, reason: str) -> None:
    assert fault(one) == reason
    sifted = sift([one])
    assert sifted.segments == ()
    assert [segment.doubt for segment in sifted.rejected] == [reason]
    assert sifted.rejected[0].text == one.segment.text


@pytest.mark.parametrize(
    "one",
    [
        scored(-0.9, 0.1),
        scored(-0.5, 0.95),  # sure of its words: Whisper's own rule then ignores the other score
        scored(-0.3, 0.05, 2.4),
        candidate("no no no", 1.5),
        candidate("one two three four one two three four", 4),
        candidate("Thanks for watching!", 2),
        candidate("Thank you for watching what happens when the tide comes in, for it is not at "
                  "all easy to see", 6, scores=SpeechScores(-0.8, 0.2, 1.2)),
        candidate("Oui.", 0.2),
        candidate(share=0.12),
    ],
)  # fmt: skip
def test_what_is_believed(one: Candidate) -> None:
    assert fault(one) is None
    assert doubt(one) is None


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (scored(-1.2, 0.1), "poorly recognised (log probability -1.2)"),
        (scored(-0.3, 0.05, 2.5), "heard together with much that repeats (2.5)"),
        (scored(-0.8, 0.7), "perhaps no speech (0.70)"),
        (candidate("no no no no", 2), "part of it repeats"),
        (candidate("la la la la la la la la and then she sang the second verse of the song", 9),
         "part of it repeats"),
        (candidate("you", 12), "few words for 12 s"),
    ],
)  # fmt: skip
def test_what_is_flagged_and_stays(one: Candidate, reason: str) -> None:
    sifted = sift([one])
    assert sifted.rejected == ()
    assert [segment.doubt for segment in sifted.segments] == [reason]


def run(count: int, text: str = "Okay.", gap_s: float = 0.0) -> list[Candidate]:
    return [candidate(text, 2.0, number * (2.0 + gap_s)) for number in range(count)]


def test_a_short_segment_again_and_again_is_a_loop() -> None:
    sifted = sift([candidate("before", 1, -5), *run(6), candidate("behind", 1, 12)])
    assert [segment.text for segment in sifted.segments] == ["before", "behind"]
    assert {segment.doubt for segment in sifted.rejected} == {"the same words 6 times in a row"}
    assert len(sifted.rejected) == 6


def test_a_few_times_or_with_pauses_is_none() -> None:
    assert sift(run(4)).rejected == ()
    assert sift(run(9, gap_s=0.5)).rejected == ()
    assert sift(run(9, "a longer sentence that somebody says many times over")).rejected == ()


def test_a_loop_goes_on_over_the_end_of_a_block() -> None:
    whole = run(9)
    first = sift(whole[:3])
    assert len(first.segments) == 3
    then = sift(whole[3:], first.segments)
    assert len(then.rejected) == 6
    assert sift(whole[3:5]).rejected == ()


def test_what_was_heard_together_with_a_loop() -> None:
    beside = Candidate(candidate().segment, 0.8, -25.0, beside_loop=True)
    assert fault(beside) == "heard together with a loop"


def test_nothing_in_nothing_out() -> None:
    assert sift([]) == sift([], [candidate().segment])
    assert sift([]).segments == ()


def test_how_much_of_a_text_is_a_loop() -> None:
    assert loop_share("") == 0
    assert loop_share("one two three four five six seven eight") == 0
    assert loop_share("up " * 8) == 1
    assert loop_share("up " * 7) == 0
    assert loop_share("left right " * 5 + "one two three four five") == pytest.approx(10 / 15)


@given(
    st.lists(st.sampled_from("abcdefghijkl"), min_size=1, max_size=6, unique=True),
    st.integers(min_value=8, max_value=20),
)
def test_any_loop_is_found(words: list[str], times: int) -> None:
    assert loop_share(" ".join(words * times)) == 1


@given(st.lists(st.text(alphabet="abcdefgh", min_size=1, max_size=3), max_size=60, unique=True))
def test_words_that_never_come_again_are_no_loop(words: list[str]) -> None:
    assert loop_share(" ".join(words)) == 0
