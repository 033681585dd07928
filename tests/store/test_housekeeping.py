"""Making room in the store: what was used longest ago goes first, and the disk gets it back."""

from __future__ import annotations

import random
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from vidsum.errors import OutputError
from vidsum.store.content import Store
from vidsum.store.housekeeping import KeptKind, Removed, clear, file_bytes, kinds, prune, videos

DAY_1 = datetime(2026, 11, 1, tzinfo=UTC)


def filled(path: Path, days: int = 5) -> Store:
    """A store with one thing a day of a video each, which do not shrink when they are packed."""
    store = Store(path)
    for day in range(days):
        body = random.Random(day).randbytes(40_000)
        kind = "evidence" if day % 2 == 0 else "answer"
        assert store.put(kind, f"k{day}", body, video_sha256=f"v{day}", note=f"day {day}.mp4")
        used = (DAY_1 + timedelta(days=day)).isoformat(timespec="seconds")
        with sqlite3.connect(path) as db:
            db.execute("UPDATE kept SET used_at = ? WHERE key = ?", (used, f"k{day}"))
        db.close()
    return store


def kept(path: Path) -> list[str]:
    return [one.name for one in videos(path)]


def test_what_is_kept_is_told_by_video(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    assert videos(path) == ()
    assert file_bytes(path) == 0
    store = filled(path, 2)
    store.put("answer", "more", b"x" * 100, video_sha256="v0", note="day 0.mp4")
    found = {one.name: one for one in videos(path)}
    assert set(found) == {"day 0.mp4", "day 1.mp4"}
    assert (found["day 0.mp4"].evidence, found["day 0.mp4"].answers) == (1, 1)
    assert (found["day 1.mp4"].evidence, found["day 1.mp4"].answers) == (0, 1)
    assert sum(one.stored_bytes for one in found.values()) < file_bytes(path)


KINDS = ("evidence", "answer", "caption", "reading", "heard", "speech", "what a newer one keeps")


def test_pieces_are_told_by_video_and_by_kind(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    assert kinds(path) == ()
    store = Store(path)
    for count, kind in enumerate(KINDS, start=1):
        for number in range(count):
            store.put(kind, str(number), b"x" * 10 * count, video_sha256="v", note="a.mp4")
    store.put("caption", "of another", b"y", video_sha256="w", note="b.mp4")
    found = {one.name: one for one in videos(path)}
    one = found["a.mp4"]
    told = (one.evidence, one.answers, one.captions, one.readings, one.heard, one.spoken)
    assert (*told, one.others) == (1, 2, 3, 4, 5, 6, 7)
    assert (found["b.mp4"].captions, found["b.mp4"].others) == (1, 0)
    sizes = kinds(path)
    assert {one.kind: one.things for one in sizes} == {
        "evidence": 1, "answer": 2, "caption": 4, "reading": 4, "heard": 5, "speech": 6,
        KINDS[-1]: 7,
    }  # fmt: skip
    assert [one.stored_bytes for one in sizes] == sorted(
        (one.stored_bytes for one in sizes), reverse=True
    )
    assert sum(one.stored_bytes for one in sizes) == sum(v.stored_bytes for v in found.values())


def test_room_is_made_of_every_kind_alike(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    store = Store(path)
    for day, kind in enumerate(KINDS):
        store.put(kind, "k", random.Random(day).randbytes(1000), video_sha256="v", note="a.mp4")
        used = (DAY_1 + timedelta(days=day)).isoformat(timespec="seconds")
        with sqlite3.connect(path) as db:
            db.execute("UPDATE kept SET used_at = ? WHERE kind = ?", (used, kind))
        db.close()
    assert prune(path, unused_since=DAY_1 + timedelta(days=2)).things == 2
    [newest] = [one for one in kinds(path) if one.kind == KINDS[-1]]
    assert prune(path, most_bytes=newest.stored_bytes).things == 4
    assert kinds(path) == (KeptKind(KINDS[-1], 1, newest.stored_bytes),)
    assert clear(path).things == 1
    assert kinds(path) == ()


def test_what_was_not_used_for_long_goes(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    store = filled(path)
    removed = prune(path, unused_since=DAY_1 + timedelta(days=2))
    assert removed.things == 2
    assert kept(path) == ["day 4.mp4", "day 3.mp4", "day 2.mp4"]
    assert store.get("evidence", "k0") is None
    assert store.get("evidence", "k2") is not None


def test_what_is_too_much_goes_oldest_first_and_the_disk_gets_it_back(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    filled(path)
    before, sizes = file_bytes(path), [one.stored_bytes for one in videos(path)]
    removed = prune(path, most_bytes=sizes[0] + sizes[1])
    assert removed == Removed(3, sum(sizes[2:]))
    assert kept(path) == ["day 4.mp4", "day 3.mp4"]
    assert file_bytes(path) < before


def test_both_bounds_hold_together(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    filled(path)
    newest = videos(path)[0].stored_bytes
    prune(path, unused_since=DAY_1 + timedelta(days=1), most_bytes=newest)
    assert kept(path) == ["day 4.mp4"]
    assert prune(path) == Removed()


def test_clearing_leaves_a_store_that_works(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    store = filled(path, 3)
    assert clear(path).things == 3
    assert videos(path) == ()
    assert store.put("answer", "k", b"again")
    assert store.get("answer", "k") == b"again"
    assert clear(tmp_path / "nothing.db") == Removed()


def test_another_programs_file_is_an_error_here(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    path.write_bytes(b"no database at all" * 100)
    for look in (lambda: videos(path), lambda: clear(path)):
        with pytest.raises(OutputError, match="not a database"):
            look()
