"""The law: computed rows agree with the reference, measured ones with the ledger's calls."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vidsum.costs.law import computed_law, measured_law
from vidsum.data import Entry

REFERENCE_CU = {
    ("SmolVLM2-256M", "picture, one tile"): 0.08,
    ("SmolVLM2-500M", "picture, one tile"): 0.10,
    ("SmolVLM2-2.2B", "picture, one tile"): 0.39,
    ("SmolVLM2-500M", "picture, 17 tiles"): 1.4,
    ("Qwen2.5-VL-3B", "picture of 512×288"): 0.8,
    ("Qwen2.5-VL-3B", "picture of 720p"): 4.7,
    ("Qwen2.5-VL-3B", "picture of 4K"): 55,
    ("Whisper tiny", "minute of speech"): 2.8 / 60,
    ("Whisper base", "minute of speech"): 5.8 / 60,
    ("Whisper small", "minute of speech"): 21 / 60,
    ("Whisper medium", "minute of speech"): 66 / 60,
    ("Whisper large-v3", "minute of speech"): 132 / 60,
    ("Whisper turbo", "minute of speech"): 93 / 60,
    ("SD 1.5, 25 steps", "image"): 13,
    ("SDXL, 30 steps", "image"): 130,
    ("SD 3.5 Large, 28 steps", "image"): 545,
    ("FLUX.1 schnell, 4 steps", "image"): 93,
    ("FLUX.1 dev, 50 steps", "image"): 1162,
    ("Wan 1.3B, 480p, 50 steps", "clip of 5 s"): 8_800,
    ("Wan 14B, 480p, 50 steps", "clip of 5 s"): 56_000,
    ("HunyuanVideo, 720p, 50 steps", "clip of 5 s"): 189_000,
}


def test_computed_rows_are_those_of_the_reference_table() -> None:
    found = {(row.what, row.per): row.cu for row in computed_law()}
    for key, figure in REFERENCE_CU.items():
        assert found[key] == pytest.approx(figure, rel=0.25), key


def test_the_rule_of_thumb_stands_beside_what_it_speaks_of() -> None:
    rows = computed_law()
    assert {row.basis for row in rows} == {"computed"}
    assert {row.rule_cu for row in rows if row.direction == "generate"} == {
        None, 100, 10_000, 100_000
    }  # fmt: skip
    (prompt,) = [row for row in rows if row.direction == "understand" and row.rule_cu]
    assert prompt.rule_cu == 1
    assert prompt.cu == pytest.approx(1, rel=0.01)


def test_understanding_a_picture_costs_far_less_than_making_one() -> None:
    rows = computed_law()
    seen = [row.cu for row in rows if row.per == "picture, one tile"]
    made = [row.cu for row in rows if row.per == "image"]
    assert max(cu or 0 for cu in seen) * 30 < min(cu or 0 for cu in made)


CALL = Entry(
    call_id="1", phase="settle", kind="call", ts_utc="2026-01-01T00:00:00.000000Z", run_id="r",
    stage="captions", modality="image", backend="llama.cpp", calls=1, images=1, cu=0.1, wall_s=2.0,
)  # fmt: skip


def test_measured_rows_are_means_over_what_was_settled() -> None:
    entries = [
        CALL,
        replace(CALL, call_id="2", images=3, cu=0.5, wall_s=8.0),
        replace(CALL, call_id="3", phase="reserve", cu=None, reserved_cu=9.0),
        replace(CALL, call_id="4", phase="fail", cu=7.0),
        replace(CALL, kind="stage", images=None, cu=None, wall_s=100.0),
        replace(CALL, kind="saving", avoided_cu=50.0),
        replace(CALL, modality="audio", images=None, audio_s=30.0, cu=0.25, wall_s=3.0),
        replace(CALL, modality="text", images=None, cu=4.0, calls=2),
        replace(CALL, modality="image_gen", direction="generate", images=2, cu=26.0),
    ]
    rows = {row.what: row for row in measured_law(entries, s_per_cu=5.0)}
    assert {row.basis for row in rows.values()} == {"measured"}
    pictures = rows["pictures"]
    assert pictures.cu == pytest.approx(0.6 / 4)
    assert pictures.seconds == pytest.approx(10 / 4)
    assert pictures.time_cu == pytest.approx(10 / 4 / 5)
    assert (pictures.calls, pictures.calls_without_cu) == (2, 0)
    assert rows["sound"].cu == pytest.approx(0.5)
    assert rows["sound"].seconds == pytest.approx(6.0)
    assert rows["text"].cu == pytest.approx(2.0)
    assert (rows["images made"].cu, rows["images made"].rule_cu) == (13.0, 100)


def test_calls_of_unknown_compute_are_counted_as_such_and_never_as_0() -> None:
    closed = replace(CALL, call_id="2", cu=None, wall_s=90.0)
    (row,) = measured_law([CALL, closed])
    assert (row.cu, row.seconds, row.time_cu) == (0.1, 2.0, None)
    assert (row.calls, row.calls_without_cu) == (1, 1)
    (row,) = measured_law([closed])
    assert (row.cu, row.seconds) == (None, None)


def test_seconds_are_unknown_when_one_call_has_none() -> None:
    (row,) = measured_law([CALL, replace(CALL, call_id="2", wall_s=None)], s_per_cu=5.0)
    assert (row.cu, row.seconds, row.time_cu) == (0.1, None, None)


def test_an_empty_ledger_has_no_rows() -> None:
    assert measured_law([]) == ()
