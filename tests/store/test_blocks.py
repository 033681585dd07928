"""Blocks of recognised speech: each once, in order, and never past a hole."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from vidsum.data import Segment, SpeechScores, Word
from vidsum.store.blocks import KIND, HeardBlock, KeptBlocks
from vidsum.store.content import Store

VIDEO = "ab" * 32


def block(number: int, **more: object) -> HeardBlock:
    start_s = 10.0 + number * 0.1  # no number of blocks makes that a round time
    end_s, scores = start_s + 0.05, SpeechScores(-0.1, 0.2, 1.5)
    words = (Word(start_s, end_s, "word", 0.5),)
    said = Segment(start_s, end_s, f"word \udcff {number}", words, scores)
    unsure = Segment(start_s, start_s, "", doubt="not sure")
    named = {"language": "en", "speech_s": 0.1 * number, "heard_s": 0.3 * number, "calls": 2}
    return HeardBlock(start_s, 10.0 + (number + 1) * 0.1, (said,), (unsure,), **(named | more))  # type: ignore[arg-type]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache.db"


def kept(path: Path, scope: str = "a", start_s: float = 10.0) -> KeptBlocks:
    return KeptBlocks(Store(path), scope, start_s, VIDEO)


def change(path: Path, statement: str, *values: object) -> None:
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        assert db.execute(statement, values).rowcount == 1


def number_of(path: Path, at: int) -> int:
    """The row of a block, by the order in which they were put in."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        rows = db.execute("SELECT rowid FROM kept WHERE kind = ? ORDER BY rowid", (KIND,))
        return int([row for (row,) in rows][at])


def test_what_was_added_is_read_to_the_last_bit_by_another_process(path: Path) -> None:
    writer = kept(path)
    added = [block(n) for n in range(5)]
    assert writer.read() == ()
    for one in added:
        writer.add(one)
    reader = kept(path)
    assert reader.read() == tuple(added)
    reader.add(block(5))
    assert kept(path).read() == (*added, block(5))


def test_another_scope_and_another_beginning_know_nothing_of_it(path: Path) -> None:
    writer = kept(path)
    writer.add(block(0))
    assert kept(path, "b").read() == ()
    assert kept(path, start_s=0.0).read() == ()


@pytest.mark.parametrize("harm", [
    "DELETE FROM kept WHERE rowid = ?",
    "UPDATE kept SET body = x'00' WHERE rowid = ?",
    "UPDATE kept SET sha256 = x'00' WHERE rowid = ?",
])  # fmt: skip
def test_a_damaged_or_missing_block_ends_what_is_read(path: Path, harm: str) -> None:
    writer = kept(path)
    for number in range(4):
        writer.add(block(number))
    change(path, harm, number_of(path, 2))
    reader = kept(path)
    assert reader.read() == (block(0), block(1))
    reader.add(block(2, speech_s=9.0))
    assert kept(path).read() == (block(0), block(1), block(2, speech_s=9.0), block(3))


def test_blocks_that_do_not_meet_are_not_joined(path: Path) -> None:
    writer = kept(path)
    for number in (0, 1, 3):
        writer.add(block(number))
    assert kept(path).read() == (block(0), block(1))


def test_a_file_that_cannot_be_written_to_is_trouble_and_no_failure(tmp_path: Path) -> None:
    told = []
    store = Store(tmp_path)  # a folder
    writer = KeptBlocks(store, "a", 10.0, VIDEO, troubled=lambda: told.append(store.trouble))
    assert writer.read() == ()
    writer.add(block(0))
    assert "folder" in told[-1]


def test_a_row_takes_as_much_room_late_as_early(path: Path) -> None:
    writer = kept(path)
    for number in range(60):
        writer.add(block(number))
    with contextlib.closing(sqlite3.connect(path)) as db:
        sizes = [size for (size,) in db.execute("SELECT size_bytes FROM kept ORDER BY rowid")]
    assert len(sizes) == 60
    assert max(sizes) < 2 * min(sizes)
