"""Kept answers, and what a model wrote that could not be used."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from vidsum.data import Caption, Sample
from vidsum.store.answers import KeptAnswers
from vidsum.store.content import Store
from vidsum.store.unusable import MOST_FILES, keep_unusable


def test_an_answer_is_found_by_its_own_model_alone(tmp_path: Path) -> None:
    store = Store(tmp_path / "cache.db")
    one, other = KeptAnswers(store, "one", "ab"), KeptAnswers(store, "other", "ab")
    assert one.get("key") is None
    one.put("key", "said by one")
    other.put("key", "said by another")
    assert (one.get("key"), other.get("key")) == ("said by one", "said by another")
    assert KeptAnswers(Store(store.path), "one", None).get("key") == "said by one"
    assert one.get("other key") is None


def test_scope_and_key_cannot_run_into_each_other(tmp_path: Path) -> None:
    store = Store(tmp_path / "cache.db")
    KeptAnswers(store, "a", None).put("bc", "said")
    assert KeptAnswers(store, "ab", None).get("c") is None
    assert KeptAnswers(store, "a\0b", None).get("c") is None


def test_any_text_comes_back(tmp_path: Path) -> None:
    answers = KeptAnswers(Store(tmp_path / "cache.db"), "model", None)

    @given(st.text(st.characters(), max_size=40))
    def comes_back(text: str) -> None:
        answers.put("key", text)
        assert answers.get("key") == text

    comes_back()


def test_a_record_comes_back_and_nothing_else_is_taken_for_one(tmp_path: Path) -> None:
    store = Store(tmp_path / "cache.db")
    answers = KeptAnswers(store, "model", "ab")
    caption = Caption(3, 1.5, "a name \udcff with odd bytes", "local")
    answers.put_record("a", caption)
    answers.put("b", "no record \udcff")
    assert answers.get_record(Caption, "a") == caption
    assert answers.get_record(Caption, "b") is None
    assert answers.get_record(Sample, "a") is None
    assert answers.get_record(Caption, "c") is None


def test_bytes_that_are_no_text_are_no_answer(tmp_path: Path) -> None:
    store = Store(tmp_path / "cache.db")
    answers = KeptAnswers(store, "model", "ab")
    answers.put("key", "said")
    with contextlib.closing(sqlite3.connect(store.path)) as db:
        [(key,)] = db.execute("SELECT key FROM kept")
    assert store.put("answer", key, b"\xff\xfe")
    assert answers.get("key") is None


def test_a_store_that_fails_is_told_of_and_keeps_nothing(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    path.write_text("no database at all " * 99)
    store, told = Store(path), []
    answers = KeptAnswers(store, "model", None, troubled=lambda: told.append(store.trouble))
    assert answers.get("key") is None
    answers.put("key", "said")
    assert answers.get("key") is None
    assert len(told) == 3
    assert set(told) == {store.trouble}
    assert str(path) in store.trouble


def test_unusable_texts_are_for_the_owner_and_never_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "unusable"
    first = keep_unusable(folder, "2026-11-21-ab", "{not json")
    second = keep_unusable(folder, "2026-11-21-ab", "\udcff\x1b[2J still not")
    assert first is not None
    assert second is not None
    assert (first.name, second.name) == ("2026-11-21-ab.txt", "2026-11-21-ab-2.txt")
    assert first.read_text() == "{not json"
    assert second.read_bytes() == b"\\udcff\x1b[2J still not"
    modes = [stat.S_IMODE(one.stat().st_mode) for one in (first, folder, folder.parent)]
    assert modes == [0o600, 0o700, 0o700]


def test_the_newest_unusable_texts_stay(tmp_path: Path) -> None:
    for number in range(MOST_FILES + 7):
        path = keep_unusable(tmp_path, f"day-{number:03}", str(number))
        assert path is not None
        os.utime(path, (number, number))
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == [f"day-{number:03}.txt" for number in range(7, MOST_FILES + 7)]


def test_where_no_file_can_be_written_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert keep_unusable(tmp_path / "file" / "unusable", "day", "text") is None
