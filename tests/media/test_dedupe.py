"""Which samples are kept: one verdict each, in order, with its reason."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from vidsum.data import DroppedSample, Frame, Sample
from vidsum.media.dedupe import keep_distinct

Picture = NDArray[np.uint8]

SIZE = 180, 320, 3
BLACK, WHITE, GREY = (np.full(SIZE, level, np.uint8) for level in (0, 255, 128))


def scene(seed: int) -> Picture:
    """A busy picture; two seeds have nothing in common."""
    cells = np.random.default_rng(seed).integers(0, 256, (45, 80, 3), dtype=np.uint8)
    return np.asarray(Pillow.fromarray(cells).resize((320, 180), Pillow.Resampling.NEAREST))


A, B, C, D, E, F = map(scene, range(6))


def mix(share: float, first: Picture, second: Picture) -> Picture:
    return (share * first + (1 - share) * second).round().astype(np.uint8)


def slide(lines: int) -> Picture:
    page = np.full(SIZE, 250, np.uint8)
    for line in range(lines):
        top = 20 + 30 * line
        page[top : top + 10, 30:250] = 20
        page[top : top + 10, 30:250:6] = 250
    return page


def frames(pictures: Iterable[Picture], every_s: float = 5.0) -> Iterator[Frame]:
    for index, image in enumerate(pictures):
        time_s = index * every_s
        yield Frame(Sample(index, time_s, time_s, time_s), image)


def verdicts(pictures: Iterable[Picture], every_s: float = 5.0, **options: float) -> list[str]:
    """Write each verdict as "keep", "duplicate of 3" or the reason alone."""
    found = []
    for index, verdict in enumerate(keep_distinct(frames(pictures, every_s), **options)):  # type: ignore[arg-type]
        assert verdict.sample.index == index
        if isinstance(verdict, Frame):
            found.append("keep")
        elif verdict.same_as is not None:
            found.append(f"{verdict.reason} of {verdict.same_as}")
        else:
            found.append(verdict.reason)
    return found


def test_no_frames_no_verdicts() -> None:
    assert verdicts([]) == []


def test_a_repeated_picture_is_dropped_and_names_the_first() -> None:
    assert verdicts([A, A, A, B, B]) == [
        "keep",
        "duplicate of 0",
        "duplicate of 0",
        "keep",
        "duplicate of 3",
    ]


def test_a_kept_frame_is_the_frame_itself() -> None:
    (frame,) = frames([A])
    assert list(keep_distinct([frame])) == [frame]


def test_a_shot_that_comes_back_is_not_kept_again() -> None:
    assert verdicts([A, B, A, B]) == ["keep", "keep", "duplicate of 0", "duplicate of 1"]


def test_only_the_last_few_kept_are_remembered() -> None:
    assert verdicts([A, B, C, D, E, A]) == ["keep"] * 6
    assert verdicts([A, B, C, D, E, B])[-1] == "duplicate of 1"
    assert verdicts([A, B, A], remember=1) == ["keep"] * 3


def test_a_new_line_on_a_slide_is_kept() -> None:
    assert verdicts([slide(1), slide(2), slide(2), slide(3)]) == [
        "keep",
        "keep",
        "duplicate of 1",
        "keep",
    ]


def test_the_threshold_is_inclusive_and_noise_falls_below_it() -> None:
    brighter = GREY.copy()
    brighter[:, :160] += 8
    start = GREY.copy()
    start[:, 160:] = 20  # not blank
    brighter[:, 160:] = 20
    assert verdicts([start, brighter]) == ["keep", "duplicate of 0"]
    assert verdicts([start, brighter], threshold=7.9) == ["keep", "keep"]


def test_a_slow_change_is_seen_against_the_kept_frame() -> None:
    steps = [mix(share, A, BLACK) for share in (1, 0.97, 0.94, 0.91, 0.88)]
    assert verdicts(steps)[:2] == ["keep", "duplicate of 0"]
    assert "keep" in verdicts(steps)[2:]


# ---- the floor ---------------------------------------------------------------------------


def test_a_static_hour_keeps_one_a_minute() -> None:
    found = verdicts([A] * 720)
    kept = [index * 5 for index, verdict in enumerate(found) if verdict == "keep"]
    assert kept == list(range(0, 3600, 60))
    assert found[-1] == "duplicate of 708"


@pytest.mark.parametrize("every_s", [7.0, 13.0, 59.0])
def test_no_gap_is_longer_than_the_floor(every_s: float) -> None:
    found = verdicts([A] * 60, every_s)
    kept = [index * every_s for index, verdict in enumerate(found) if verdict == "keep"]
    assert max(after - before for before, after in pairwise(kept)) <= 60
    assert len(kept) < 60 or every_s > 30


def test_samples_further_apart_than_the_floor_are_all_kept() -> None:
    assert verdicts([A] * 4, every_s=90.0) == ["keep"] * 4


# ---- blank frames --------------------------------------------------------------------------


def test_blank_frames_are_dropped_by_their_kind() -> None:
    assert verdicts([A, BLACK, WHITE, GREY, B]) == ["keep", "black", "white", "plain", "keep"]


def test_a_black_start_is_dropped_when_a_picture_follows() -> None:
    assert verdicts([BLACK, A, A]) == ["black", "keep", "duplicate of 1"]


def test_an_all_black_clip_keeps_its_first_frame() -> None:
    assert verdicts([BLACK] * 4) == ["keep", "black", "black", "black"]
    assert verdicts([BLACK]) == ["keep"]


def test_a_long_blank_start_keeps_one_and_the_picture_after_it() -> None:
    assert verdicts([BLACK, BLACK, A]) == ["keep", "black", "keep"]


def test_a_black_hour_is_not_kept_once_a_minute() -> None:
    assert verdicts([A] + [BLACK] * 719).count("keep") == 1


def test_a_very_dark_picture_is_not_taken_for_the_kept_black_one() -> None:
    dim = BLACK.copy()
    dim[50:60, 100:120] = 30  # the worst block differs by less than the threshold
    assert verdicts([BLACK, BLACK, dim]) == ["keep", "black", "keep"]


# ---- transitions ----------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
def test_a_cross_fade_is_dropped(share: float) -> None:
    assert verdicts([A, mix(share, A, B), B]) == ["keep", "transition", "keep"]


def test_fades_from_and_to_black_are_dropped() -> None:
    dim = mix(0.5, A, BLACK)
    assert verdicts([BLACK, dim, A]) == ["black", "transition", "keep"]
    assert verdicts([A, dim, BLACK]) == ["keep", "transition", "black"]


def test_at_the_end_of_the_clip_a_blend_cannot_be_told() -> None:
    assert verdicts([A, mix(0.5, A, B)]) == ["keep", "keep"]


def test_a_soft_picture_of_its_own_is_no_transition() -> None:
    sky = np.asarray(Pillow.fromarray(C).resize((8, 4)).resize((320, 180)))
    assert verdicts([A, sky, B]) == ["keep", "keep", "keep"]


def test_a_slide_that_grows_line_by_line_is_no_transition() -> None:
    assert verdicts([slide(1), slide(3), slide(5)]) == ["keep", "keep", "keep"]


def test_a_scene_that_lights_up_is_no_transition() -> None:
    dawn = [mix(share, A, BLACK) for share in (0.3, 0.65, 1.0)]
    assert verdicts(dawn) == ["keep", "keep", "keep"]


def test_a_picture_between_two_of_one_kind_is_no_transition() -> None:
    assert verdicts([A, mix(0.5, A, B), A]) == ["keep", "keep", "duplicate of 0"]


# ---- what always holds ------------------------------------------------------------------------

PICTURES = [BLACK, WHITE, GREY, A, B, mix(0.5, A, B), mix(0.5, A, BLACK), slide(1), slide(2)]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(range(len(PICTURES))), min_size=1, max_size=12))
def test_something_is_always_kept_and_what_is_repeated_was_kept(choice: list[int]) -> None:
    found = list(keep_distinct(frames(PICTURES[number] for number in choice)))
    assert [verdict.sample.index for verdict in found] == list(range(len(choice)))
    kept = {verdict.sample.index for verdict in found if isinstance(verdict, Frame)}
    assert kept
    for verdict in found:
        if isinstance(verdict, DroppedSample):
            assert (verdict.reason == "duplicate") == (verdict.same_as is not None)
            assert verdict.same_as is None or verdict.same_as in kept
            assert verdict.same_as is None or verdict.same_as < verdict.sample.index


def test_it_reads_one_frame_ahead_and_holds_three() -> None:
    alive: list[weakref.ref[Picture]] = []
    read = 0

    def source() -> Iterator[Frame]:
        nonlocal read
        for frame in frames(scene(seed) for seed in range(20)):
            alive.append(weakref.ref(frame.image))
            read += 1
            yield frame

    for judged, verdict in enumerate(keep_distinct(source()), start=1):
        assert read <= judged + 1
        del verdict
        # The source's own variable holds the frame that it gave last, which is one of the three.
        assert sum(ref() is not None for ref in alive) <= 3


def test_each_slide_of_the_talk_is_kept(talk: Path) -> None:
    with av.open(talk) as container:
        pictures = [
            np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
            for number, frame in enumerate(container.decode(video=0))
            if number % round(float(container.streams.video[0].average_rate or 1) * 5) == 0
        ]
    found = verdicts(pictures)
    assert found.count("black") == 1
    assert "transition" not in found
    assert 13 <= found.count("keep") <= 18  # 13 slides, one of them moves


def written(words: str, size: int = 20) -> Picture:
    """A white page, 1280x720, with a few words in small type."""
    page = Pillow.new("RGB", (1280, 720), "white")
    ImageDraw.Draw(page).text((80, 60), words, "black", ImageFont.load_default(size=size))
    return np.asarray(page)


@pytest.mark.parametrize("size", [20, 28, 60])
def test_a_page_whose_words_change_is_kept(size: int) -> None:
    pages = [written(w, size) for w in ("Agenda of today", "Budget of 2025", "Budget of 2025")]
    assert verdicts(pages) == ["keep", "keep", "duplicate of 1"]


def test_noise_keeps_nothing() -> None:
    rng = np.random.default_rng(7)
    page = written("Agenda of today").astype(np.int16)
    noisy = [
        np.clip(page + rng.integers(-12, 13, page.shape), 0, 255).astype(np.uint8) for _ in range(3)
    ]
    assert verdicts(noisy) == ["keep", "duplicate of 0", "duplicate of 0"]
