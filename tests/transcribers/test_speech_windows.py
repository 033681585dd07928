"""Sound cut at pauses, speech packed into passages, and times put back."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from spoken import RATE_HZ, Samples, noise, phrase_s, speech

from vidsum.data import AudioWindow
from vidsum.media.voice import Span, speech_seconds, speech_spans
from vidsum.transcribers.placing import Placing
from vidsum.transcribers.speech_windows import (
    BLOCK_S,
    PASSAGE_S,
    Block,
    Passage,
    Piece,
    blocks,
)

SENTENCE = "show red circle and blue square"


def windows(sound: Samples, start_s: float = 0.0, size_s: float = 30.0) -> Iterator[AudioWindow]:
    size = round(size_s * RATE_HZ)
    for start in range(0, sound.size, size):
        yield AudioWindow(start_s + start / RATE_HZ, sound[start : start + size])


def talk(gap_s: float, length_s: float) -> Samples:
    """One sentence after the other."""
    step_s = phrase_s(SENTENCE) + gap_s
    times = np.arange(0.3, length_s - step_s, step_s)
    return speech([(float(at_s), SENTENCE) for at_s in times], length_s)


def whole(made: list[Block]) -> list[tuple[float, float]]:
    return [(block.start_s, block.end_s) for block in made]


def pieces(made: list[Block]) -> list[Piece]:
    return [piece for block in made for passage in block.passages for piece in passage.pieces]


def test_blocks_lose_no_sound_and_repeat_none() -> None:
    made = list(blocks(windows(talk(0.9, 200.0))))
    assert made[0].start_s == 0.0
    assert made[-1].end_s == pytest.approx(200.0)
    assert all(one.end_s == other.start_s for one, other in pairwise(made))
    assert sum(block.heard_s for block in made) == pytest.approx(200.0)
    assert max(block.heard_s for block in made) <= BLOCK_S


def test_a_block_ends_in_a_pause() -> None:
    sound = talk(0.9, 200.0)
    for block in list(blocks(windows(sound)))[:-1]:
        at = round(block.end_s * RATE_HZ)
        around = sound[at - RATE_HZ // 5 : at + RATE_HZ // 5]
        assert float(np.abs(around).max()) == 0.0


def test_speech_without_a_pause_is_cut_where_it_is_quietest() -> None:
    sound = talk(0.04, 120.0)
    made = list(blocks(windows(sound)))
    assert len(speech_spans(sound)) == 1
    assert len(made) == 3
    for block in made[:-1]:
        at = round(block.end_s * RATE_HZ)
        near = np.abs(sound[at - RATE_HZ // 50 : at + RATE_HZ // 50])
        assert float(near.mean()) < 0.2 * float(np.abs(sound).mean())


def test_passages_fit_a_recogniser_and_are_well_filled() -> None:
    for gap_s in (0.04, 0.6, 0.9, 1.6):
        made = list(blocks(windows(talk(gap_s, 200.0))))
        sizes = [p.samples.size / RATE_HZ for block in made for p in block.passages]
        assert max(sizes) <= PASSAGE_S
        assert len(sizes) <= 12, f"{len(sizes)} passages with pauses of {gap_s} s"


def test_the_cut_does_not_depend_on_the_windows() -> None:
    sound = talk(0.9, 150.0)
    one, other = list(blocks(windows(sound))), list(blocks(windows(sound, size_s=7.3)))
    assert whole(one) == whole(other)
    for a, b in zip(pieces(one), pieces(other), strict=True):
        assert a.start_s == pytest.approx(b.start_s, abs=1e-9)
        assert np.array_equal(a.samples, b.samples)


def test_going_on_after_a_block_gives_the_same_blocks() -> None:
    sound = talk(0.9, 150.0)
    made = list(blocks(windows(sound)))
    from_s = made[0].end_s
    # As a decoder does it: whole frames, the first of which begins a little early.
    frame = int(from_s * RATE_HZ) // 1024 * 1024
    after = list(blocks(windows(sound[frame:], frame / RATE_HZ), from_s))
    assert whole(after) == whole(made[1:])
    for a, b in zip(pieces(after), pieces(made[1:]), strict=True):
        assert a.start_s == b.start_s
        assert np.array_equal(a.samples, b.samples)


def test_only_what_was_asked_for_is_heard() -> None:
    made = list(blocks(windows(talk(0.9, 100.0)), 10.01, 40.02))
    assert made[0].start_s == 10.01
    assert made[-1].end_s == pytest.approx(40.02, abs=1e-3)
    assert sum(block.heard_s for block in made) == pytest.approx(30.01, abs=1e-3)


def test_a_hole_in_the_sound_ends_a_block() -> None:
    early, late = speech([(1, "one two")], 10.0), speech([(1, "three four")], 10.0)
    made = list(blocks([*windows(early), *windows(late, 25.0)]))
    assert whole(made) == [(0.0, 10.0), (25.0, 35.0)]
    assert [round(p.start_s + 0.5, 1) for p in pieces(made)] == [
        pytest.approx(1, abs=0.2), pytest.approx(26, abs=0.2),
    ]  # fmt: skip


def test_a_word_at_the_border_of_two_blocks_is_in_one_piece() -> None:
    for at_s in (BLOCK_S - 0.6, BLOCK_S - 0.2, BLOCK_S - 0.02, BLOCK_S + 0.1):
        made = list(blocks(windows(speech([(3, "one two"), (at_s, "triangle")], 70.0))))
        (piece,) = (p for p in pieces(made) if p.start_s > 30)
        assert piece.start_s < at_s
        assert piece.end_s > at_s + phrase_s("triangle")


def test_silence_and_loud_noise_hold_no_speech() -> None:
    for sound in (speech([], 120.0), noise(120.0, 0.01), noise(120.0, 0.3)):
        made = list(blocks(windows(sound)))
        assert pieces(made) == []
        assert sum(block.heard_s for block in made) == pytest.approx(120.0)
        assert sum(block.speech_s for block in made) == 0


def test_a_short_word_counts_as_speech_for_a_recogniser() -> None:
    made = list(blocks(windows(speech([(2, "three")], 5.0))))
    assert len(pieces(made)) == 1


def test_the_seconds_of_speech_are_about_what_was_said() -> None:
    lines = [(2.0, SENTENCE), (20.0, SENTENCE), (44.0, "up down left right")]
    said_s = sum(phrase_s(text) for _, text in lines)
    sound = speech(lines, 80.0)
    made = list(blocks(windows(sound)))
    assert sum(block.speech_s for block in made) == pytest.approx(said_s, rel=0.15)
    assert speech_seconds(windows(sound)) == pytest.approx((said_s, 80.0), rel=0.15)


def test_pieces_do_not_hold_on_to_their_block() -> None:
    (piece,) = pieces(list(blocks(windows(speech([(20, "one two")], 50.0)))))
    assert piece.samples.base is None


def piece(start_s: float, length_s: float, *spoken_s: tuple[float, float]) -> Piece:
    spans = tuple(Span(round(a * RATE_HZ), round(b * RATE_HZ)) for a, b in spoken_s)
    return Piece(start_s, np.zeros(round(length_s * RATE_HZ), np.float32), spans)


@pytest.fixture
def passage() -> Passage:
    """3 s from 10 s on with speech from 10.5 to 12, and 4 s from 60 s on with it from 60.5 to 63;
    in the joined sound that is 0.5 to 2, and 3.5 to 6."""
    return Passage((piece(10, 3, (0.5, 2)), piece(60, 4, (0.5, 3))))


@pytest.mark.parametrize(
    ("heard", "placed"),
    [
        ((0.5, 2.0), (10.5, 12.0, 0, 0)),
        ((0.0, 2.9), (10.4, 12.2, 0, 0)),  # times in a pause move in, but for a little
        ((3.5, 6.0), (60.5, 63.0, 1, 1)),
        ((2.1, 6.0), (60.4, 63.0, 1, 1)),  # begins where the one before it ended
        ((0.5, 3.2), (10.5, 12.2, 0, 0)),
        ((1.0, 5.0), (11.0, 62.0, 0, 1)),
        ((3.6, 99.0), (60.6, 63.2, 1, 1)),
    ],
)
def test_times_are_put_back(
    passage: Passage, heard: tuple[float, float], placed: tuple[float, float, int, int]
) -> None:
    place = Placing(passage).segment(*heard)
    assert (place.start_s, place.end_s) == pytest.approx(placed[:2])
    assert (place.first, place.last) == placed[2:]


def test_the_share_of_speech(passage: Passage) -> None:
    placing = Placing(passage)
    assert placing.segment(0.5, 2.0).speech_share == pytest.approx(1.0)
    assert placing.segment(0.0, 2.0).speech_share == pytest.approx(0.75)
    nothing = placing.segment(2.2, 2.8)
    assert nothing.speech_share == 0
    assert (nothing.start_s, nothing.end_s) == pytest.approx((12.2, 12.8))


def test_words_are_put_back_by_their_middle(passage: Passage) -> None:
    placing = Placing(passage)
    assert placing.word(0.6, 0.9) == pytest.approx((10.6, 10.9))
    assert placing.word(3.6, 3.9) == pytest.approx((60.6, 60.9))
    assert placing.word(2.9, 3.7) == pytest.approx((60.0, 60.7))


def test_speech_after_a_time(passage: Passage) -> None:
    placing = Placing(passage)
    assert placing.speech_after(0) == pytest.approx(4.0)
    assert placing.speech_after(1.0) == pytest.approx(3.5)
    assert placing.speech_after(6.0) == 0


def test_halves_of_a_passage(passage: Passage) -> None:
    assert [part.pieces for part in passage.parts()] == [passage.pieces[:1], passage.pieces[1:]]
    short = Passage(passage.pieces[:1])
    assert short.parts() == (short,)
    long = Passage((piece(5, 12, (0.5, 5.0), (6.0, 11.0)),))
    one, other = long.parts()
    assert one.end_s == other.pieces[0].start_s == pytest.approx(10.5)
