"""Recordings of ten minutes to ten hours: all of it is read, once, at a cost that is linear."""

from __future__ import annotations

import gc
import tracemalloc
from collections import Counter
from functools import cache
from itertools import pairwise

import pytest
from reasoner.hours import TOPIC_S, Reading, read, recording

from vidsum.data import Summary
from vidsum.reasoner.packing import pack
from vidsum.reasoner.sections import collapsed

TEN_MINUTES = 1 / 6
SMALL, USUAL, LARGE = 4_096, 8_192, 32_768
WITHIN = 0.15


@cache
def told(hours: float, context_tokens: int) -> tuple[Reading, Summary]:
    return read(recording(hours), context_tokens)


def per_hour(hours: float, context_tokens: int) -> float:
    return told(hours, context_tokens)[0].sent_tokens / hours


def check_reading(hours: float, context_tokens: int) -> None:
    """Every entry is in exactly one section, notes on all of them reach the end, all fits."""
    bundle = recording(hours)
    reading, summary = told(hours, context_tokens)
    entries = [one.id for one in collapsed(bundle.timeline) if one.kind != "fact"]
    assert [name for section in reading.sections for name in section] == entries
    assert reading.largest_tokens <= context_tokens
    if len(reading.sections) > 1:
        begin, end = reading.last_spans[0][0], reading.last_spans[-1][1]
        assert (begin, end) == (0, bundle.evidence.end_s)
        assert all(former[1] == later[0] for former, later in pairwise(reading.last_spans))
    assert summary.key_points[-1].start_s > 0.75 * bundle.evidence.end_s
    assert summary.grounding.removed == {}


@pytest.mark.parametrize("hours", [TEN_MINUTES, 1])
def test_all_of_a_recording_is_read_and_none_of_it_twice(hours: float) -> None:
    check_reading(hours, USUAL)


def test_what_is_sent_grows_with_the_length_and_no_faster() -> None:
    # Ten minutes have the last prompt, which is always there, in few others: they are within
    # the bound all the same.
    ten_minutes, hour = (per_hour(hours, USUAL) for hours in (TEN_MINUTES, 1))
    assert ten_minutes == pytest.approx(hour, rel=WITHIN)
    assert per_hour(3, USUAL) == pytest.approx(hour, rel=WITHIN)
    # What does not fit one prompt is told in a few more: less than half again its own tokens.
    assert hour < 1.5 * recording(1).tokens


def test_sections_begin_where_the_topic_does() -> None:
    shifts = recording(1)
    begin = {entry.id: entry.start_s for entry in shifts.timeline}
    starts = [begin[section[0]] for section in told(1, USUAL)[0].sections[1:]]
    near = [min(start % TOPIC_S, -start % TOPIC_S) <= 10 for start in starts]
    assert sum(near) >= 0.8 * len(starts)
    assert len(starts) > 8


def test_the_tree_is_as_deep_as_the_recording_is_long() -> None:
    assert told(TEN_MINUTES, LARGE)[0].calls == 1
    assert told(TEN_MINUTES, SMALL)[0].rounds == 0
    assert told(1, SMALL)[0].rounds == 1


@pytest.mark.slow
def test_ten_hours_are_read_whole_and_in_proportion() -> None:
    bundle = recording(10)
    assert len(bundle.evidence.observations) == 7_200
    words = sum(len(one.text.split()) for one in bundle.evidence.transcript.segments)
    assert words == pytest.approx(100_000, rel=0.02)

    lengths = (TEN_MINUTES, 1, 3, 10)
    for context_tokens in (USUAL, LARGE):
        check_reading(10, context_tokens)
        sent = [per_hour(hours, context_tokens) for hours in lengths]
        assert max(sent) <= (1 + WITHIN) * min(sent)
    assert told(10, USUAL)[0].rounds > told(1, USUAL)[0].rounds
    assert told(3, SMALL)[0].rounds > told(1, SMALL)[0].rounds


MEMORY_PER_TIMELINE = 5.0
"""What reading may take beyond the timeline, as a multiple of it: 0.8 MB an hour."""
NOTES_BYTES = 16_000
"""What is kept of a section once it is read."""


@pytest.mark.slow
def test_memory_holds_the_timeline_and_notes_but_no_prompts() -> None:
    read(recording(TEN_MINUTES), LARGE)  # what is loaded and compiled at first is not counted
    for hours in (1, 10):
        gc.collect()
        tracemalloc.start()
        try:
            bundle = recording.__wrapped__(hours)
            gc.collect()
            timeline = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            reading, _ = read(bundle, LARGE)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak - timeline <= MEMORY_PER_TIMELINE * timeline
        # From the first question to the last it is flat but for the notes.
        held = reading.held_bytes
        assert max(held) - held[0] <= NOTES_BYTES * len(held) + 300_000


def test_ten_hours_are_packed_evenly_into_what_one_prompt_takes() -> None:
    bundle = recording(10)
    counted = Counter[str]()

    def count(text: str) -> int:
        counted[text] += 1
        return -(-len(text) // 3)

    packed = pack(bundle.timeline, 100_000, count)
    assert max(counted.values()) == 1
    assert packed.tokens <= 100_000
    assert sum(packed.left_out.values()) + len(packed.entries) == len(bundle.timeline)
    assert packed.left_out["caption"] == 7_200
    starts = [0.0, *(one.start_s for one in packed.entries if one.kind == "speech")]
    holes = [later - former for former, later in pairwise([*starts, bundle.evidence.end_s])]
    assert max(holes) <= 3 * sum(holes) / len(holes)
